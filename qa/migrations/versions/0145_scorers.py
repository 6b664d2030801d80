"""versions of machine scorers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0145"
down_revision = "0135"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scorers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("predictor", sa.String(length=80), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("rubric_version_id", sa.Integer(), nullable=False),
        sa.Column("content", qa.db.JsonDocument(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("activated_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("retired_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('stored', 'active', 'retired')", name=op.f("ck_scorers_state")),
        sa.CheckConstraint("kind IN ('endpoint', 'outside')", name=op.f("ck_scorers_kind")),
        sa.ForeignKeyConstraint(
            ["rubric_version_id"], ["rubric_versions.id"], name=op.f("fk_scorers_rubric_version_id_rubric_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorers")),
        sa.UniqueConstraint("version", name=op.f("uq_scorers_version")),
    )
    op.create_index(
        "uq_scorers_active",
        "scorers",
        ["predictor"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )


def downgrade() -> None:
    op.drop_table("scorers")
