"""what people ruled on promises"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0130"
down_revision = "0125"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "promise_rulings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_key", sa.String(length=300), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ruled_by", sa.Integer(), nullable=False),
        sa.Column("ruled_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise_rulings")),
    )
    op.create_index(op.f("ix_promise_rulings_conversation_key"), "promise_rulings", ["conversation_key"])


def downgrade() -> None:
    op.drop_table("promise_rulings")
