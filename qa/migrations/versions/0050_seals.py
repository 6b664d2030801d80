"""Signed audit entries, and seals over facts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0050"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "seal_batches",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("suspects", qa.db.JsonDocument(), nullable=False),
        sa.Column("sealed_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_batches")),
    )
    op.create_table(
        "seals",
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["seal_batches.id"], name=op.f("fk_seals_batch_id_seal_batches")),
        sa.PrimaryKeyConstraint("subject", "key", name=op.f("pk_seals")),
    )
    op.create_index(op.f("ix_seals_batch_id"), "seals", ["batch_id"])
    op.add_column("audit", sa.Column("mac", sa.String(length=80), nullable=True))


def downgrade() -> None:
    op.drop_column("audit", "mac")
    op.drop_table("seals")
    op.drop_table("seal_batches")
