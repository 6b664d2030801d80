"""How people grow: exams and their sittings, newcomers' plans, grades as a ledger, highlights and rewards."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from qa.tables.base import Base


class Exam(Base):
    """An exam or quiz: drawn once from the published cases, never changed; it may be withdrawn as a whole."""

    __tablename__ = "exams"
    __table_args__ = (
        CheckConstraint("kind IN ('exam', 'quiz')", name="kind"),
        CheckConstraint("audience IN ('agents', 'inspectors', 'both')", name="audience"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    audience: Mapped[str] = mapped_column(String(20))
    month: Mapped[date]
    """First day of the month whose mark it belongs to."""
    language: Mapped[str] = mapped_column(String(10))
    questions: Mapped[int]
    """Questions of a paper."""
    minutes: Mapped[int]
    pass_mark: Mapped[int]
    """In hundredths of a point."""
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    seed: Mapped[str] = mapped_column(String(100))
    """Told when the exam is closed; the receipt commits to it before."""
    receipt: Mapped[dict[str, Any]]
    created_by: Mapped[int]
    created_at: Mapped[datetime]
    withdrawn_by: Mapped[int | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)


class ExamQuestion(Base):
    """One question, frozen when the exam is drawn: its parts with options, and the key. The excerpt stays with the
    case."""

    __tablename__ = "exam_questions"
    __table_args__ = (UniqueConstraint("exam_id", "place"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    exam_id: Mapped[int] = mapped_column(ForeignKey("exams.id"), index=True)
    place: Mapped[int]
    """In the order of the draw; whoever may not be asked one gets the next."""
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    case_version: Mapped[int]
    content: Mapped[dict[str, Any]]
    agents: Mapped[list[Any]]
    """Everybody who took part in the chat: they are not asked about it."""
    created_at: Mapped[datetime]


class ExamSitting(Base):
    """One person's one sitting. Its mark follows from the answers and the key and is not stored."""

    __tablename__ = "exam_sittings"
    __table_args__ = (UniqueConstraint("exam_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    exam_id: Mapped[int] = mapped_column(ForeignKey("exams.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    agent_id: Mapped[str | None] = mapped_column(String(200), index=True)
    role: Mapped[str] = mapped_column(String(20))
    questions: Mapped[list[Any]]
    """Ids of the questions asked, in this person's order."""
    started_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    draft: Mapped[dict[str, Any]]
    """Answers so far; they count when time runs out."""
    answers: Mapped[str | None] = mapped_column(Text)
    """The answers handed in, as JSON; none while it lasts."""
    submitted_at: Mapped[datetime | None]


class NewcomerPlan(Base):
    """One newcomer's plan, frozen when it begins; it ends once, by a lead."""

    __tablename__ = "newcomer_plans"
    __table_args__ = (CheckConstraint("outcome IN ('passed', 'stopped')", name="outcome"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    start_day: Mapped[date]
    mentor: Mapped[str] = mapped_column(String(100))
    content: Mapped[dict[str, Any]]
    """The tasks, as `qa.development.templates.to_data` gives them."""
    created_by: Mapped[int]
    created_at: Mapped[datetime]
    outcome: Mapped[str | None] = mapped_column(String(20))
    ended_by: Mapped[int | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    entries: Mapped[list[NewcomerEntry]] = relationship(lazy="selectin", viewonly=True)


class NewcomerEntry(Base):
    """What somebody said of one task; the last word of a task counts."""

    __tablename__ = "newcomer_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("newcomer_plans.id"), index=True)
    task_id: Mapped[str] = mapped_column(String(60))
    met: Mapped[bool]
    value: Mapped[float | None]
    body: Mapped[str] = mapped_column(Text)
    written_by: Mapped[int]
    written_at: Mapped[datetime]


class GradeEvent(Base):
    """One proposed step of a grade with its checklist; it stands when a second person has signed it."""

    __tablename__ = "grade_events"
    __table_args__ = (CheckConstraint("state IN ('proposed', 'signed', 'refused')", name="state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    from_grade: Mapped[str] = mapped_column(String(20))
    to_grade: Mapped[str] = mapped_column(String(20))
    checklist: Mapped[list[Any]]
    """Lines with id, what the records say, the evidence, whether it is held to be met, and a reason."""
    reason: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[int]
    proposed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    decided_by: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(Text)


class Highlight(Base):
    """An exemplary case shown to everybody for what it did well; it stands when a second person has confirmed it."""

    __tablename__ = "highlights"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'confirmed', 'refused')", name="state"),
        UniqueConstraint("month", "case_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    month: Mapped[date]
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    agent_id: Mapped[str | None] = mapped_column(String(200))
    """Whose chat it was, where they want to be named."""
    body: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[int]
    proposed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    decided_by: Mapped[int | None]
    decided_at: Mapped[datetime | None]


class Reward(Base):
    """A reward of a project or of the month by its published rule; it stands when a second person has confirmed it."""

    __tablename__ = "rewards"
    __table_args__ = (CheckConstraint("state IN ('proposed', 'confirmed', 'refused')", name="state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    month: Mapped[date]
    project: Mapped[str] = mapped_column(String(200))
    rule: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(Text)
    amount: Mapped[int]
    """In hundredths of the currency; below zero takes an earlier one back."""
    proposed_by: Mapped[int]
    proposed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    decided_by: Mapped[int | None]
    decided_at: Mapped[datetime | None]
