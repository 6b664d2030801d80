"""Text removed for good."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0097"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("before", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("imports", qa.db.JsonDocument(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("begun_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", qa.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("counts", qa.db.JsonDocument(), nullable=False),
        sa.CheckConstraint("kind IN ('policy', 'request')", name=op.f("ck_removals_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removals")),
    )
    op.create_table(
        "removed_units",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("removal_id", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["removal_id"], ["removals.id"], name=op.f("fk_removed_units_removal_id_removals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removed_units")),
    )
    op.create_index(op.f("ix_removed_units_removal_id"), "removed_units", ["removal_id"])


def downgrade() -> None:
    op.drop_table("removed_units")
    op.drop_table("removals")
