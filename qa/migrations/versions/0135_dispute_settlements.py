"""what people settled about disputes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0135"
down_revision = "0130"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dispute_settlements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dispute_key", sa.String(length=300), nullable=False),
        sa.Column("conversation_key", sa.String(length=300), nullable=True),
        sa.Column("agent_id", sa.String(length=200), nullable=True),
        sa.Column("before_conversation_key", sa.String(length=300), nullable=True),
        sa.Column("before_agent_id", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("settled_by", sa.Integer(), nullable=False),
        sa.Column("settled_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_settlements")),
    )
    op.create_index(op.f("ix_dispute_settlements_dispute_key"), "dispute_settlements", ["dispute_key"])


def downgrade() -> None:
    op.drop_table("dispute_settlements")
