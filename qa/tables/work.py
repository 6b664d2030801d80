"""The work: assignments, drafts, inspections, verdicts, violations, appeals, calibration and cases.

Facts are appended, never edited: what can change is a lease, a draft, a `current` flag, and the cached `state` of a
case file, which is always the result of `qa.casefiles.lifecycle` over its events.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base, unique_where


class Assignment(Base):
    """One place in one inspector's queue (or, without inspector, in the common queue).

    `kind`: `primary`, `double` (blind second scoring), `calibration` or `gold`. The lease says who is working on it
    now; it never touches finished work. Free = not finished and no lease, or a lease that has expired.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("sample_id", "kind", "inspector_id"),
        CheckConstraint("kind IN ('primary', 'double', 'calibration', 'gold')", name="kind"),
        Index(None, "inspector_id", "finished_at", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), index=True)
    inspector_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(20))
    round_id: Mapped[int | None] = mapped_column(ForeignKey("calibration_rounds.id"), index=True)
    position: Mapped[int]
    lease_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    lease_until: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    """Raised by every claim, submit, undo and skip: the compare-and-set value of a submit."""
    finished_at: Mapped[datetime | None]
    finished_as: Mapped[str | None] = mapped_column(String(20))
    """`submitted`, `skipped`, or `left_out` when the goal of the draw is met without it."""
    skip_reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]


class Draft(Base):
    """Unsubmitted marks of one assignment."""

    __tablename__ = "drafts"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    inspector_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    version: Mapped[int]
    content: Mapped[dict[str, Any]]
    other: Mapped[dict[str, Any] | None]
    """What another window of the same inspector had saved when this one overrode it; kept until they choose."""
    updated_at: Mapped[datetime]


class Inspection(Base):
    """One inspector's submitted marks with the outcome computed from them."""

    __tablename__ = "inspections"
    __table_args__ = (unique_where("uq_inspections_live_assignment", "assignment_id", "undone_at IS NULL"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), index=True)
    inspector_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    rubric_version_id: Mapped[int] = mapped_column(ForeignKey("rubric_versions.id"))
    sheet: Mapped[dict[str, Any]]
    """`scoring.sheet.Sheet` as plain data: marks, evidence, notes, owners, hit decisions."""
    outcome: Mapped[dict[str, Any]]
    total: Mapped[int]
    """Centi-points, with red-line effects."""
    nonce: Mapped[str] = mapped_column(String(64), unique=True)
    claimed_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime] = mapped_column(index=True)
    active_seconds: Mapped[int | None]
    undone_at: Mapped[datetime | None]
    suggested: Mapped[list[Any] | None]
    """What the data proposed, whether it was shown, and whether the sheet says the same (`qa.desk.suggesting`)."""


class Verdict(Base):
    """The authoritative result of a sample: append-only versions, one current."""

    __tablename__ = "verdicts"
    __table_args__ = (
        UniqueConstraint("sample_id", "version"),
        unique_where("uq_verdicts_current_sample", "sample_id", "is_current"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), index=True)
    version: Mapped[int]
    is_current: Mapped[bool]
    kind: Mapped[str] = mapped_column(String(20))
    """`inspection`, `resolution` (of a double), `ruling` (a violation decided), `appeal`, or `withdrawn` (undone)."""
    inspection_id: Mapped[int | None] = mapped_column(ForeignKey("inspections.id"))
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    rubric_version_id: Mapped[int] = mapped_column(ForeignKey("rubric_versions.id"))
    outcome: Mapped[dict[str, Any]]
    total: Mapped[int]
    sheet: Mapped[dict[str, Any] | None]
    """The marks this outcome follows from; null only where an outcome was recorded without any."""
    reason: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


class Acknowledgement(Base):
    """An agent has read a verdict."""

    __tablename__ = "acknowledgements"

    verdict_id: Mapped[int] = mapped_column(ForeignKey("verdicts.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class Violation(Base):
    """The case file of one rule in one conversation of one agent. `state` caches `qa.casefiles.lifecycle` over its
    events."""

    __tablename__ = "violations"
    __table_args__ = (
        UniqueConstraint("conversation_key", "rule_id", "agent_id"),
        Index(None, "state", "rule_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_key: Mapped[str] = mapped_column(String(300))
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    rule_id: Mapped[str] = mapped_column(String(60))
    rule_version: Mapped[int]
    severity: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    occurred_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    evidence: Mapped[list[Any]]
    """The hits, frozen: message seq, span, matched text."""
    transcript_id: Mapped[int | None] = mapped_column(ForeignKey("transcripts.id"))
    sample_id: Mapped[int | None] = mapped_column(ForeignKey("samples.id"))
    """Set when found or decided while inspecting a drawn sample."""


class ViolationEvent(Base):
    """One step of a case file. Append-only."""

    __tablename__ = "violation_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    violation_id: Mapped[int] = mapped_column(ForeignKey("violations.id"), index=True)
    kind: Mapped[str] = mapped_column(String(30))
    actor_id: Mapped[int | None]
    at: Mapped[datetime]
    reason: Mapped[str | None] = mapped_column(Text)
    facts: Mapped[dict[str, Any]]


class Appeal(Base):
    """An agent's objection to a verdict or to a violation (exactly one of them)."""

    __tablename__ = "appeals"
    __table_args__ = (CheckConstraint("(verdict_id IS NULL) <> (violation_id IS NULL)", name="one_subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    verdict_id: Mapped[int | None] = mapped_column(ForeignKey("verdicts.id"), index=True)
    violation_id: Mapped[int | None] = mapped_column(ForeignKey("violations.id"), index=True)
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    criterion_id: Mapped[str | None] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    filed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    filed_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    """`open`, `upheld`, `rejected` or `withdrawn`; set once."""
    ruled_by: Mapped[int | None]
    ruled_at: Mapped[datetime | None]
    ruling: Mapped[str | None] = mapped_column(Text)


class Correction(Base):
    """An inspector's wish to correct a result of their own: other marks, a reason, and a second person's decision."""

    __tablename__ = "corrections"
    __table_args__ = (unique_where("uq_corrections_open_sample", "sample_id", "state = 'open'"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[int] = mapped_column(ForeignKey("samples.id"))
    verdict_id: Mapped[int] = mapped_column(ForeignKey("verdicts.id"))
    """The version that the wish was made on; it is decided only as long as that one is current."""
    sheet: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    requested_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    """`open`, `accepted`, `refused` or `withdrawn`; set once."""
    decided_by: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    answer: Mapped[str | None] = mapped_column(Text)


class PromiseRuling(Base):
    """A person's word on a promise that screening found; the last one on a promise stands. `start` is the place of its
    words in the message."""

    __tablename__ = "promise_rulings"

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_key: Mapped[str] = mapped_column(String(300), index=True)
    seq: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    start: Mapped[int]
    agent_id: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    ruled_by: Mapped[int]
    """Zero for the machine's owner at the command line."""
    ruled_at: Mapped[datetime]


class DisputeSettlement(Base):
    """A person's word on a dispute: the chat it belongs to and who answers for it; the last one on a dispute stands. A
    null leaves it to the data, an empty text says that there is none. `before_…` is what stood until then."""

    __tablename__ = "dispute_settlements"

    id: Mapped[int] = mapped_column(primary_key=True)
    dispute_key: Mapped[str] = mapped_column(String(300), index=True)
    conversation_key: Mapped[str | None] = mapped_column(String(300))
    agent_id: Mapped[str | None] = mapped_column(String(200))
    before_conversation_key: Mapped[str | None] = mapped_column(String(300))
    before_agent_id: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    settled_by: Mapped[int]
    """Zero for the machine's owner at the command line."""
    settled_at: Mapped[datetime]


class CoachingThread(Base):
    """What a leader and an agent write to each other about one result or one case, and the criterion that is followed
    (null: the score)."""

    __tablename__ = "coaching_threads"
    __table_args__ = (CheckConstraint("(sample_id IS NULL) <> (case_id IS NULL)", name="one_subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    sample_id: Mapped[int | None] = mapped_column(ForeignKey("samples.id"), index=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    source: Mapped[str] = mapped_column(String(20))
    """Whose reviews are followed: `chat`, `dispute` or `rating`."""
    criterion_id: Mapped[str | None] = mapped_column(String(60))
    opened_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    opened_at: Mapped[datetime]


class CoachingEntry(Base):
    """One step of a coaching thread. Append-only."""

    __tablename__ = "coaching_entries"
    __table_args__ = (CheckConstraint("kind IN ('note', 'answer', 'read', 'closed')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("coaching_threads.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    """`note` (a leader wrote), `answer` (the agent did), `read` (whoever it waited for has read it) or `closed`."""
    body: Mapped[str] = mapped_column(Text)
    """Empty for `read` and `closed`."""
    written_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    written_at: Mapped[datetime]


class CalibrationRound(Base):
    """The same conversations given to several inspectors, blind until closed."""

    __tablename__ = "calibration_rounds"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    rubric_version_id: Mapped[int] = mapped_column(ForeignKey("rubric_versions.id"))
    opened_by: Mapped[int | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    reference: Mapped[dict[str, Any]]
    """Optional reference sheets by sample id."""


class Case(Base):
    """An entry of the case library: masked excerpt, what it teaches, and the ruling."""

    __tablename__ = "cases"
    __table_args__ = (
        CheckConstraint("kind IN ('exemplary', 'counter', 'edge')", name="kind"),
        CheckConstraint("state IN ('proposed', 'published', 'withdrawn')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    lesson: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), index=True)
    tags: Mapped[list[Any]]
    criterion_id: Mapped[str | None] = mapped_column(String(60), index=True)
    rule_id: Mapped[str | None] = mapped_column(String(60), index=True)
    excerpt: Mapped[list[Any]]
    """Masked messages: role, text, offset in seconds, and the promises that are cited."""
    sample_id: Mapped[int | None] = mapped_column(ForeignKey("samples.id"))
    violation_id: Mapped[int | None] = mapped_column(ForeignKey("violations.id"))
    conversation_key: Mapped[str | None] = mapped_column(String(300), index=True)
    """The chat it was made from where it was neither a sample nor a case file."""
    language: Mapped[str] = mapped_column(String(10))
    search_text: Mapped[str] = mapped_column(Text)
    """Title, lesson, tags and excerpt, folded for searching (`qa.library.search.fold`)."""
    version: Mapped[int] = mapped_column(default=1)
    proposed_by: Mapped[int | None]
    proposed_at: Mapped[datetime]
    published_by: Mapped[int | None]
    published_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
