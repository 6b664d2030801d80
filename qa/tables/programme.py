"""The programme: rubrics, rules, plans, draws, samples, and what was imported."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base, unique_where


class RubricVersion(Base):
    """One version of a scorecard; immutable once published."""

    __tablename__ = "rubric_versions"
    __table_args__ = (
        UniqueConstraint("rubric_id", "version"),
        CheckConstraint("state IN ('draft', 'published', 'retired')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rubric_id: Mapped[str] = mapped_column(String(60))
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]


class RuleVersion(Base):
    """One version of a red-line rule; immutable once published."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        UniqueConstraint("rule_id", "version"),
        CheckConstraint("state IN ('draft', 'published', 'retired')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(60), index=True)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    in_force_from: Mapped[date | None]
    in_force_to: Mapped[date | None]
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]


class Plan(Base):
    """What to draw and how. The seed stays secret until the draw; its commitment is public before."""

    __tablename__ = "plans"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    content: Mapped[dict[str, Any]]
    rubric_version_id: Mapped[int] = mapped_column(ForeignKey("rubric_versions.id"))
    seed: Mapped[str] = mapped_column(String(200))
    seed_commitment: Mapped[str] = mapped_column(String(64))
    committed_at: Mapped[datetime | None]
    """When the commitment of the present seed became public; a published draw opens the seed and commits a new one."""
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class Draw(Base):
    """One published execution of a plan, with its receipt."""

    __tablename__ = "draws"

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    period_from: Mapped[date]
    period_to: Mapped[date]
    """Last day of the period, inclusive, in the business time zone."""
    archive_version: Mapped[int]
    frame_hash: Mapped[str] = mapped_column(String(64))
    frame_size: Mapped[int]
    receipt: Mapped[dict[str, Any]]
    receipt_hash: Mapped[str] = mapped_column(String(64))
    rubric_version_id: Mapped[int] = mapped_column(ForeignKey("rubric_versions.id"))
    published_by: Mapped[int | None]
    published_at: Mapped[datetime]
    nonce: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Chosen by the caller: publishing twice with the same nonce is publishing once."""


class Transcript(Base):
    """The frozen evidence: a copy of the unit as it was when drawn or when a violation was opened."""

    __tablename__ = "transcripts"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(300), index=True)
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    redacted_at: Mapped[datetime | None]


class Sample(Base):
    """One picked unit. `pi` is its inclusion probability, `u` its permanent number, `rank` its place in the order.

    A named pick, which a person put on an inspector's list, has neither draw nor `pi`: no estimate may count it.
    """

    __tablename__ = "samples"
    __table_args__ = (
        UniqueConstraint("draw_id", "unit_id"),
        CheckConstraint("source IN ('chat', 'dispute', 'rating')", name="source"),
        CheckConstraint("pi > 0 AND pi <= 1", name="pi"),
        CheckConstraint(
            "(pi IS NULL) = (reason = 'named') AND (draw_id IS NULL) = (reason = 'named')"
            " AND (rubric_version_id IS NOT NULL OR reason <> 'named')",
            name="named",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    draw_id: Mapped[int | None] = mapped_column(ForeignKey("draws.id"), index=True)
    unit_id: Mapped[str] = mapped_column(String(300), index=True)
    source: Mapped[str] = mapped_column(String(10))
    conversation_key: Mapped[str | None] = mapped_column(String(300), index=True)
    """The chat to read: the unit itself, or the chat joined to a dispute or rating."""
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    stratum: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(20))
    """`certainty`, `base`, `take_all` or `replacement`; `named` for a named pick."""
    pi: Mapped[float | None]
    u: Mapped[float]
    rank: Mapped[int]
    risk: Mapped[float | None]
    """Predicted probability of a violation, as it was when drawn."""
    prediction: Mapped[float | None]
    """Predicted loss in centi-points, as it was when drawn."""
    occurred_at: Mapped[datetime | None]
    transcript_id: Mapped[int] = mapped_column(ForeignKey("transcripts.id"))
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("samples.id"))
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None] = mapped_column(String(500))
    rubric_version_id: Mapped[int | None] = mapped_column(ForeignKey("rubric_versions.id"))
    """What a named pick is scored on, and a drawn sample whose source has a rubric of its own in the plan; null: as the
    draw says."""


class RiskModelVersion(Base):
    """One trained risk model. Its content never changes; of all versions at most one is in use."""

    __tablename__ = "risk_models"
    __table_args__ = (
        CheckConstraint("state IN ('trained', 'active', 'retired')", name="state"),
        unique_where("uq_risk_models_active", "state", "state = 'active'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(16), unique=True)
    """What predictions of it name in the archive."""
    state: Mapped[str] = mapped_column(String(20))
    trained_from: Mapped[date]
    trained_to: Mapped[date]
    """First and last day it learnt from: it must not weight a draw of any of these days."""
    labels: Mapped[int]
    violations: Mapped[int]
    auc: Mapped[float | None]
    explained: Mapped[float]
    report: Mapped[dict[str, Any]]
    """Out-of-fold calibration, learning curve, residual model, and whether the scores were severity-adjusted."""
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class Scorer(Base):
    """One version of a machine scorer, an endpoint's or scores from outside. What makes it never changes; of all
    versions of a predictor at most one is in use."""

    __tablename__ = "scorers"
    __table_args__ = (
        CheckConstraint("state IN ('stored', 'active', 'retired')", name="state"),
        CheckConstraint("kind IN ('endpoint', 'outside')", name="kind"),
        unique_where("uq_scorers_active", "predictor", "state = 'active'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    predictor: Mapped[str] = mapped_column(String(80))
    """The same for all its versions: what a plan names."""
    version: Mapped[str] = mapped_column(String(16), unique=True)
    """What its scores and predictions name in the archive."""
    label: Mapped[str] = mapped_column(String(100))
    """The version as people know it."""
    kind: Mapped[str] = mapped_column(String(10))
    rubric_version_id: Mapped[int] = mapped_column(ForeignKey("rubric_versions.id"))
    content: Mapped[dict[str, Any]]
    """What makes the version: host, model, hashes of prompt and schema; of scores from outside their name."""
    state: Mapped[str] = mapped_column(String(20))
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class ScorerRequest(Base):
    """One question to a scorer's endpoint and what was answered: asked once per version, conversation, content and
    purpose. Its answers become facts when they are published in the archive; none of them holds text."""

    __tablename__ = "scorer_requests"
    __table_args__ = (UniqueConstraint("scorer_id", "conversation_key", "content", "purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    scorer_id: Mapped[int] = mapped_column(ForeignKey("scorers.id"))
    conversation_key: Mapped[str] = mapped_column(String(300))
    content: Mapped[str] = mapped_column(String(40))
    """The import whose content was read."""
    purpose: Mapped[str] = mapped_column(String(20))
    """`main`, `again`, `reversed`, or `gold-<day>`."""
    state: Mapped[str] = mapped_column(String(20))
    """`asked`, or what became of it (`qa.scorer.endpoint.STATES`)."""
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    host: Mapped[str] = mapped_column(String(255))
    bytes: Mapped[int]
    body_hash: Mapped[str] = mapped_column(String(64))
    answers: Mapped[list[Any] | None]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    attempts: Mapped[int]
    latency_ms: Mapped[int]
    published: Mapped[bool]


class ScorerDifference(Base):
    """An inspector's answer to one criterion on which a machine scorer read otherwise than their submitted sheet. Never
    changed: another answer is another row, and the newest counts."""

    __tablename__ = "scorer_differences"
    __table_args__ = (CheckConstraint("answer IN ('inspector', 'machine', 'open')", name="answer"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspections.id"), index=True)
    scorer_id: Mapped[int] = mapped_column(ForeignKey("scorers.id"))
    criterion_id: Mapped[str] = mapped_column(String(100))
    mark: Mapped[int | None]
    """The inspector's; null for N/A, like the machine's."""
    machine_mark: Mapped[int | None]
    answer: Mapped[str] = mapped_column(String(10))
    """Whose mark is right by the inspector's word; `open`: the answer before was taken back."""
    double_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"), index=True)
    """The second, blind reading that the answer asked for. It was not chosen by chance: no agreement counts it."""
    answered_by: Mapped[int]
    answered_at: Mapped[datetime]


class Measure(Base):
    """A dated measure (training, rule change) that trends compare before and after."""

    __tablename__ = "measures"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40), default="")
    on_day: Mapped[date]
    team: Mapped[str | None] = mapped_column(String(200))
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]


class ImportRun(Base):
    """One file that was imported (or refused): provenance of every archive row with its id."""

    __tablename__ = "import_runs"
    __table_args__ = (Index(None, "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    file_name: Mapped[str] = mapped_column(String(300))
    sha256: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    """`conversations`, `messages`, `disputes`, `ratings` or `agents`."""
    source: Mapped[str] = mapped_column(String(100))
    mapping: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20))
    """`started`, `done`, `failed` or `cancelled`."""
    counts: Mapped[dict[str, Any]]
    problems: Mapped[list[Any]]
    """First problems, each with row, field, code and text; the full list is a file in the home folder."""
    outcome: Mapped[dict[str, Any] | None]
    """What it came to (counts, agents to add), written down before the rows become visible."""
    archive_version: Mapped[int | None]
    started_by: Mapped[int | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Removal(Base):
    """Text removed for good: by the policy of a source, or of one customer who asked. `ended_at` is null while it is
    under way."""

    __tablename__ = "removals"
    __table_args__ = (CheckConstraint("kind IN ('policy', 'request')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str | None] = mapped_column(String(64))
    """Keyed hash of the customer who asked: who is imported again is found again."""
    before: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(500))
    imports: Mapped[list[Any]]
    asked_by: Mapped[int | None]
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]]


class RemovedUnit(Base):
    """The tombstone of a unit: its keyed hash, nothing that says whose it was."""

    __tablename__ = "removed_units"

    id: Mapped[int] = mapped_column(primary_key=True)
    removal_id: Mapped[int] = mapped_column(ForeignKey("removals.id"), index=True)
    unit: Mapped[str] = mapped_column(String(64))


class MappingProfile(Base):
    """A saved column mapping for files of one kind."""

    __tablename__ = "mapping_profiles"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]]
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
