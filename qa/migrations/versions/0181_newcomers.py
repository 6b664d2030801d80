"""newcomers' plans and what was said of their tasks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0181"
down_revision = "0180"
branch_labels = None
depends_on = None


def _moment(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, qa.db.UtcDateTime(timezone=True), nullable=nullable)


def _id(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    return sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def upgrade() -> None:
    op.create_table(
        "newcomer_plans",
        *_id("newcomer_plans"),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("start_day", sa.Date(), nullable=False),
        sa.Column("mentor", sa.String(length=100), nullable=False),
        sa.Column("content", qa.db.JsonDocument(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        _moment("created_at"),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        _moment("ended_at", nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("outcome IN ('passed', 'stopped')", name=op.f("ck_newcomer_plans_outcome")),
    )
    op.create_index(op.f("ix_newcomer_plans_agent_id"), "newcomer_plans", ["agent_id"])
    op.create_table(
        "newcomer_entries",
        *_id("newcomer_entries"),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.String(length=60), nullable=False),
        sa.Column("met", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Integer(), nullable=False),
        _moment("written_at"),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["newcomer_plans.id"], name=op.f("fk_newcomer_entries_plan_id_newcomer_plans")
        ),
    )
    op.create_index(op.f("ix_newcomer_entries_plan_id"), "newcomer_entries", ["plan_id"])


def downgrade() -> None:
    op.drop_table("newcomer_entries")
    op.drop_table("newcomer_plans")
