"""What is sealed as it stands: rows that may change, but never without an entry in the trail.

Accounts, settings, plans, the roster, case files and the like have no columns that stay for ever. Each sealing writes
anew the checksum of those rows that the unsealed entries of the trail speak of, and of no others. So a row that differs
from its last checksum, and of which no waiting entry speaks, was changed by hand. A row that was removed leaves an
empty checksum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from qa.evidence.parts import FETCH, digest, readable
from qa.tables import (
    Agent,
    AgentAlias,
    ApiToken,
    Appeal,
    Assessment,
    AssessmentObjection,
    Assignment,
    AuditEntry,
    CalibrationRound,
    Case,
    Connector,
    Correction,
    Exam,
    ExamSitting,
    GradeEvent,
    Highlight,
    ImportRun,
    InboxFolder,
    Inspection,
    Job,
    LoginLink,
    MappingProfile,
    Measure,
    NewcomerPlan,
    NotifyChannel,
    Plan,
    RecordSeal,
    Removal,
    RemovedUnit,
    Reward,
    RiskModelVersion,
    RubricVersion,
    RuleVersion,
    Sample,
    Schedule,
    Scorer,
    Setting,
    SignIn,
    SoftExample,
    TeamMembership,
    User,
    Violation,
)

ANY = "*"
UPGRADE = "schema.upgraded"
"""The entry of an upgrade: it speaks of every row."""
PASSING = frozenset(
    {"api_answers", "drafts", "login_failures", "notices", "scorer_requests", "seals", "seal_batches", "record_seals"}
)
"""Tables without facts: marks not submitted, attempts counted for some minutes, answers kept for two days, answers of
an endpoint on their way into the archive, and the seals themselves (the chain covers those)."""


@dataclass(frozen=True)
class Witness:
    """Entries about `entity` (and whose action begins with `action`) speak of the rows that are named by `by`: the
    entry's own `entity_id`, one of its facts, or `ANY` row."""

    entity: str
    by: str = "entity_id"
    action: str = ""


@dataclass(frozen=True)
class SealedRecord:
    """One table's rows as they stand. `named`: the column that a witness names; `moment`: when the row last changed,
    which limits what a witness of any row may explain."""

    subject: str
    key: InstrumentedAttribute[Any]
    named: InstrumentedAttribute[Any]
    columns: tuple[InstrumentedAttribute[Any], ...]
    witnesses: tuple[Witness, ...]
    moment: InstrumentedAttribute[Any] | None
    when: ColumnElement[bool]


@dataclass(frozen=True)
class RecordState:
    """A row and its checksum; empty for a row that is not there."""

    subject: str
    key: str
    digest: str


def _record(
    model: Any,
    columns: str,
    *witnesses: Witness,
    named: str = "",
    moment: str = "",
    when: Any = None,
) -> SealedRecord:
    column = getattr(model, next(iter(model.__table__.primary_key.columns)).key)
    return SealedRecord(
        model.__tablename__, column, getattr(model, named) if named else column,
        tuple(getattr(model, name) for name in columns.split()), witnesses,
        getattr(model, moment) if moment else None, true() if when is None else when,
    )  # fmt: skip


RECORDS: tuple[SealedRecord, ...] = (
    _record(
        User,
        "login display_name password_hash role agent_id home_team language active created_at",
        Witness("user"),
    ),
    _record(SignIn, "token_hash user_id created_at expires_at revoked_at", Witness("user"), named="user_id"),
    _record(LoginLink, "user_id expires_at used_at", Witness("user"), named="user_id"),
    _record(Setting, "value updated_at", Witness("setting"), Witness("import", ANY)),
    _record(
        Agent,
        "name team shop stage grade hired_on left_on updated_at",
        Witness("agent"),
        Witness("import", ANY),
        moment="updated_at",
    ),
    _record(
        TeamMembership,
        "agent_id from_day team shop stage created_at",
        Witness("agent"),
        Witness("import", ANY),
        named="agent_id",
    ),
    _record(AgentAlias, "account agent_id from_day until created_at", Witness("agent"), named="agent_id"),
    _record(
        Plan,
        "name content rubric_version_id seed seed_commitment committed_at created_by created_at archived_at",
        Witness("plan"),
        Witness("draw", "plan"),
    ),
    _record(
        RubricVersion,
        "rubric_id version state content_hash created_by created_at published_at",
        Witness("rubric_version"),
    ),
    _record(
        RuleVersion,
        "rule_id version state in_force_from in_force_to content_hash created_by created_at published_at",
        Witness("rule"),
        named="rule_id",
    ),
    _record(
        RiskModelVersion,
        "version state trained_from trained_to labels violations auc explained report content_hash created_by "
        "created_at activated_at retired_at",
        Witness("risk_model"),
    ),
    _record(
        Scorer,
        "predictor version label kind rubric_version_id content state created_by created_at activated_at retired_at",
        Witness("scorer"),
    ),
    _record(Measure, "name kind on_day team created_by created_at", Witness("measure")),
    _record(
        ImportRun,
        "file_name sha256 kind source mapping state counts problems outcome archive_version started_by started_at "
        "ended_at",
        Witness("import"),
        Witness("import", ANY, "import.taken_back"),
        moment="ended_at",
        when=ImportRun.state != "started",
    ),
    _record(MappingProfile, "name kind content created_by created_at", Witness("mapping_profile"), named="name"),
    _record(Sample, "withdrawn_at withdrawn_reason", Witness("sample"), when=Sample.withdrawn_at.is_not(None)),
    _record(
        Assignment,
        "sample_id inspector_id kind round_id finished_at finished_as skip_reason created_at",
        Witness("assignment"),
        Witness("inspection", "assignment"),
        Witness("draw", ANY, "draw.published"),
        Witness("draw", ANY, "draw.left_out"),
        Witness("draw", ANY, "draw.put_back"),
        Witness("sample", ANY, "sample.replaced"),
        Witness("sample", "place", "sample.named"),
        Witness("calibration_round", ANY),
    ),
    _record(Inspection, "undone_at", Witness("inspection"), when=Inspection.undone_at.is_not(None)),
    _record(
        Violation,
        "conversation_key agent_id rule_id rule_version severity state occurred_at opened_at changed_at evidence "
        "transcript_id sample_id",
        Witness("violation"),
        Witness("violation", ANY, "violations."),
        Witness("rule", ANY, "violations."),
        Witness("import", ANY, "import.taken_back"),
    ),
    _record(Appeal, "state ruled_by ruled_at ruling", Witness("appeal")),
    _record(
        Correction,
        "sample_id verdict_id sheet reason requested_by requested_at state decided_by decided_at answer",
        Witness("sample", action="correction."),
        named="sample_id",
    ),
    _record(
        CalibrationRound,
        "name rubric_version_id opened_by opened_at closed_at reference",
        Witness("calibration_round"),
    ),
    _record(
        Case,
        "title lesson kind state tags criterion_id rule_id excerpt sample_id violation_id language search_text version "
        "proposed_by proposed_at published_by published_at changed_at",
        Witness("case"),
    ),
    _record(
        Removal,
        "kind source subject before reason imports asked_by begun_at ended_at counts",
        Witness("removal"),
    ),
    _record(
        Assessment,
        "month months revision state schemes archive_version inputs_hash result_hash created_by created_at "
        "published_by published_at closed_by closed_at",
        Witness("assessment"),
    ),
    _record(
        AssessmentObjection,
        "entry_id indicator body filed_by filed_at state ruled_by ruled_at ruling",
        Witness("assessment_objection"),
    ),
    _record(
        SoftExample,
        "agent_id month direction body case_id proposed_by proposed_at state decided_by decided_at",
        Witness("soft_example"),
    ),
    _record(
        Exam,
        "name kind audience month language questions minutes pass_mark opens_at closes_at seed receipt created_by "
        "created_at withdrawn_by withdrawn_at withdrawn_reason",
        Witness("exam"),
    ),
    _record(
        ExamSitting,
        "exam_id user_id agent_id role questions started_at deadline_at answers submitted_at",
        Witness("exam_sitting"),
    ),
    _record(
        NewcomerPlan,
        "agent_id start_day mentor content created_by created_at outcome ended_by ended_at reason",
        Witness("newcomer_plan"),
    ),
    _record(
        GradeEvent,
        "agent_id from_grade to_grade checklist reason proposed_by proposed_at state decided_by decided_at answer",
        Witness("grade_event"),
    ),
    _record(
        Highlight,
        "month case_id agent_id body proposed_by proposed_at state decided_by decided_at",
        Witness("highlight"),
    ),
    _record(
        Reward,
        "agent_id month project rule evidence amount proposed_by proposed_at state decided_by decided_at",
        Witness("reward"),
    ),
    _record(RemovedUnit, "removal_id unit", Witness("removal"), named="removal_id"),
    _record(ApiToken, "user_id name token_hash hint scopes created_at expires_at revoked_at", Witness("token")),
    _record(
        NotifyChannel,
        "name kind address user_id events digest quiet_from quiet_to language paused_at created_at changed_at",
        Witness("channel"),
    ),
    _record(
        Connector, "source description settings secret since paused_at created_at changed_at", Witness("connector")
    ),
    _record(InboxFolder, "source kind preset profile silence_hours created_at changed_at", Witness("inbox_folder")),
    _record(Schedule, "at days options paused_at since changed_at", Witness("schedule")),
    _record(Job, "kind params request asked_by asked_name asked_at state result error", Witness("job")),
)


def changed(session: Session, entries: Sequence[AuditEntry] | None) -> list[RecordState]:
    """Rows that differ from their last checksum and of which one of `entries` speaks; with None all that differ."""
    return [one for record in RECORDS for one in _changed(session, record, entries)]


def unexplained(session: Session, entries: Sequence[AuditEntry]) -> Iterator[tuple[RecordState, bool]]:
    """Rows that differ from their last checksum although no entry speaks of them, and whether there was a checksum."""
    explained = {(one.subject, one.key) for one in changed(session, entries)}
    for record in RECORDS:
        held = sealed(session, record.subject)
        for one in _different(record.subject, held, _rows(session, record, [true()])):
            if (one.subject, one.key) not in explained:
                yield one, bool(held.get(one.key))


def _changed(session: Session, record: SealedRecord, entries: Sequence[AuditEntry] | None) -> list[RecordState]:
    scope = [true()] if entries is None else _scope(record, entries)
    if not scope:
        return []
    few = None if entries is None or record.named is not record.key else _only(record, entries)
    held, rows = sealed(session, record.subject, few), _rows(session, record, scope)
    if few is None:
        there = {str(key) for key in session.scalars(select(record.key).where(record.when))}
        held = {key: digest for key, digest in held.items() if key in rows or key not in there}
    return list(_different(record.subject, held, rows))


def _only(record: SealedRecord, entries: Sequence[AuditEntry]) -> set[str] | None:
    """The only keys that entries speak of; None when they may speak of any."""
    whole = any(entry.action == UPGRADE for entry in entries) or _moments(record, entries)
    return None if whole else _names(record, entries)


def _moments(record: SealedRecord, entries: Sequence[AuditEntry]) -> set[datetime]:
    any_row = [witness for witness in record.witnesses if witness.by == ANY]
    return {entry.at for witness in any_row for entry in entries if _speaks(witness, entry)}


def _scope(record: SealedRecord, entries: Sequence[AuditEntry]) -> list[ColumnElement[bool]]:
    """Conditions for the rows that the entries speak of: any of them holds."""
    if any(entry.action == UPGRADE for entry in entries):
        return [true()]
    names = sorted(_names(record, entries))
    parts = [names[start : start + 500] for start in range(0, len(names), 500)]
    found: list[ColumnElement[bool]] = [record.named.in_(_typed(record, part)) for part in parts]
    if moments := _moments(record, entries):
        found.append(true() if record.moment is None else record.moment.in_(sorted(moments)))
    return found


def _names(record: SealedRecord, entries: Iterable[AuditEntry]) -> set[str]:
    found = set()
    for entry in entries:
        for witness in record.witnesses:
            if witness.by != ANY and _speaks(witness, entry):
                value = entry.entity_id if witness.by == "entity_id" else entry.facts.get(witness.by)
                found.add("" if value is None else str(value))
    numbers = isinstance(record.named.type, Integer)
    return {name for name in found if not numbers or (name.isascii() and name.isdigit() and len(name) < 19)}


def _speaks(witness: Witness, entry: AuditEntry) -> bool:
    return entry.entity == witness.entity and entry.action.startswith(witness.action)


def _typed(record: SealedRecord, names: Sequence[str]) -> list[Any]:
    return [int(name) for name in names] if isinstance(record.named.type, Integer) else list(names)


def sealed(session: Session, subject: str, few: set[str] | None = None) -> dict[str, str]:
    """The last checksum of every key (or of `few` of them)."""
    query = select(RecordSeal.key, RecordSeal.digest).where(RecordSeal.subject == subject)
    if few is not None and len(few) <= 500:
        query = query.where(RecordSeal.key.in_(sorted(few)))
    return {row.key: row.digest for row in session.execute(query.order_by(RecordSeal.batch_id))}


def _rows(session: Session, record: SealedRecord, scope: Sequence[ColumnElement[bool]]) -> dict[str, str]:
    raw = session.get_bind().dialect.name == "sqlite"
    columns: list[ColumnElement[Any]] = [
        readable(column, raw).label(f"v{place}") for place, column in enumerate(record.columns)
    ]
    found: dict[str, str] = {}
    for condition in scope:
        query = select(record.key, *columns).where(record.when, condition)
        for rows in session.execute(query.execution_options(yield_per=FETCH)).partitions(FETCH):
            found.update((str(key), digest(values)) for key, *values in rows)
    return found


def _different(subject: str, held: dict[str, str], rows: dict[str, str]) -> Iterator[RecordState]:
    for key, now in rows.items():
        if held.get(key, "") != now:
            yield RecordState(subject, key, now)
    for key in sorted(held.keys() - rows.keys()):
        if held[key]:
            yield RecordState(subject, key, "")


def any_sealed(session: Session) -> bool:
    """Whether records have been sealed at all."""
    return session.scalar(select(RecordSeal.key).limit(1)) is not None
