"""exams from the case library, their questions and sittings"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import qa.db

revision = "0180"
down_revision = "0170"
branch_labels = None
depends_on = None


def _moment(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, qa.db.UtcDateTime(timezone=True), nullable=nullable)


def _id(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    return sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def upgrade() -> None:
    op.create_table(
        "exams",
        *_id("exams"),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("audience", sa.String(length=20), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("pass_mark", sa.Integer(), nullable=False),
        _moment("opens_at"),
        _moment("closes_at"),
        sa.Column("seed", sa.String(length=100), nullable=False),
        sa.Column("receipt", qa.db.JsonDocument(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        _moment("created_at"),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
        _moment("withdrawn_at", nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('exam', 'quiz')", name=op.f("ck_exams_kind")),
        sa.CheckConstraint("audience IN ('agents', 'inspectors', 'both')", name=op.f("ck_exams_audience")),
    )
    op.create_table(
        "exam_questions",
        *_id("exam_questions"),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("case_version", sa.Integer(), nullable=False),
        sa.Column("content", qa.db.JsonDocument(), nullable=False),
        sa.Column("agents", qa.db.JsonDocument(), nullable=False),
        _moment("created_at"),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_exam_questions_exam_id_exams")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_exam_questions_case_id_cases")),
        sa.UniqueConstraint("exam_id", "place", name=op.f("uq_exam_questions_exam_id_place")),
    )
    op.create_index(op.f("ix_exam_questions_exam_id"), "exam_questions", ["exam_id"])
    op.create_table(
        "exam_sittings",
        *_id("exam_sittings"),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=200), nullable=True),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("questions", qa.db.JsonDocument(), nullable=False),
        _moment("started_at"),
        _moment("deadline_at"),
        sa.Column("draft", qa.db.JsonDocument(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=True),
        _moment("submitted_at", nullable=True),
        sa.ForeignKeyConstraint(["exam_id"], ["exams.id"], name=op.f("fk_exam_sittings_exam_id_exams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_exam_sittings_user_id_users")),
        sa.UniqueConstraint("exam_id", "user_id", name=op.f("uq_exam_sittings_exam_id_user_id")),
    )
    for name in ("exam_id", "user_id", "agent_id"):
        op.create_index(op.f(f"ix_exam_sittings_{name}"), "exam_sittings", [name])


def downgrade() -> None:
    for table in ("exam_sittings", "exam_questions", "exams"):
        op.drop_table(table)
