"""grades as a ledger of steps with their checklists"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0182"
down_revision = "0181"
branch_labels = None
depends_on = None


def _moment(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, qa.db.UtcDateTime(timezone=True), nullable=nullable)


def _id(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    return sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def upgrade() -> None:
    op.create_table(
        "grade_events",
        *_id("grade_events"),
        sa.Column("agent_id", sa.String(length=200), nullable=False),
        sa.Column("from_grade", sa.String(length=20), nullable=False),
        sa.Column("to_grade", sa.String(length=20), nullable=False),
        sa.Column("checklist", qa.db.JsonDocument(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=False),
        _moment("proposed_at"),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        _moment("decided_at", nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('proposed', 'signed', 'refused')", name=op.f("ck_grade_events_state")),
    )
    op.create_index(op.f("ix_grade_events_agent_id"), "grade_events", ["agent_id"])


def downgrade() -> None:
    op.drop_table("grade_events")
