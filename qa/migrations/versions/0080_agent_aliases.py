"""agent aliases

Several accounts of one person, from one day to another.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0080"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_aliases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("created_at", qa.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_aliases")),
        sa.UniqueConstraint("account", "from_day", name=op.f("uq_agent_aliases_account_from_day")),
    )
    op.create_index(op.f("ix_agent_aliases_agent_id"), "agent_aliases", ["agent_id"], unique=False)


def downgrade() -> None:
    op.drop_table("agent_aliases")
