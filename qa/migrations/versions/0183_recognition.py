"""highlights of a month and the ledger of rewards"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0183"
down_revision = "0182"
branch_labels = None
depends_on = None


def _moment(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, qa.db.UtcDateTime(timezone=True), nullable=nullable)


def _id(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    return sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def upgrade() -> None:
    op.create_table(
        "highlights",
        *_id("highlights"),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=200), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=False),
        _moment("proposed_at"),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        _moment("decided_at", nullable=True),
        sa.CheckConstraint("state IN ('proposed', 'confirmed', 'refused')", name=op.f("ck_highlights_state")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_highlights_case_id_cases")),
        sa.UniqueConstraint("month", "case_id", name=op.f("uq_highlights_month_case_id")),
    )
    op.create_table(
        "rewards",
        *_id("rewards"),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=False),
        _moment("proposed_at"),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        _moment("decided_at", nullable=True),
        sa.CheckConstraint("state IN ('proposed', 'confirmed', 'refused')", name=op.f("ck_rewards_state")),
    )
    op.create_index(op.f("ix_rewards_agent_id"), "rewards", ["agent_id"])


def downgrade() -> None:
    op.drop_table("rewards")
    op.drop_table("highlights")
