"""sources that conversations are fetched from"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0154"
down_revision = "0153"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "connectors",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("settings", qa.db.JsonDocument(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("since", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("paused_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_connectors")),
    )


def downgrade() -> None:
    op.drop_table("connectors")
