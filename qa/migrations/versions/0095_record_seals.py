"""Seals over rows that may change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0095"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_seals",
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["seal_batches.id"], name=op.f("fk_record_seals_batch_id_seal_batches")),
        sa.PrimaryKeyConstraint("subject", "key", "batch_id", name=op.f("pk_record_seals")),
    )
    op.create_index(op.f("ix_record_seals_batch_id"), "record_seals", ["batch_id"])


def downgrade() -> None:
    op.drop_table("record_seals")
