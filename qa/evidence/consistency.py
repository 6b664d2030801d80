"""What must agree in honest records although it may change once: current versions, things undone, withdrawn and ruled,
the states of case files, transcripts and their checksums, and what the trail says was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Integer, String, case, cast, func, select, type_coerce
from sqlalchemy.orm import Session

from qa.casefiles.lifecycle import Event, Step, violation_state
from qa.errors import SpotcheckError
from qa.evidence.parts import FETCH
from qa.i18n import N_
from qa.tables import (
    Appeal,
    AuditEntry,
    Draw,
    Inspection,
    RiskModelVersion,
    Sample,
    SchemeVersion,
    Transcript,
    Verdict,
    Violation,
    ViolationEvent,
)

CURRENT = N_("{table} {key}: the current version is not the last one, or versions are missing")
UNDONE = N_("{table} {key}: the trail does not say that it was taken back")
WITHDRAWN = N_("{table} {key}: the trail does not say that it was replaced")
RULED = N_("{table} {key}: the trail does not say that it was ruled like this")
STATE = N_("{table} {key}: its state does not follow from its steps")
CONTENT = N_("{table} {key}: its text is not the one that was drawn")
TOTAL = N_("{table} {key}: its total is not the one of its outcome")
HASH = N_("{table} {key}: its content does not fit the checksum beside it")
REMOVED = N_("{table} {key}: its text was removed without a word in the trail")
UNREADABLE = N_("{table}: a value cannot be read, so the rest of the table could not be compared{key}")
GONE = N_("{table} {key}: the trail says that it was written, and it is not there")


@dataclass(frozen=True)
class Contradiction:
    """Two records that cannot both be true."""

    what: str
    table: str
    key: str


def contradictions(session: Session) -> Iterator[Contradiction]:
    """All of them."""
    for rule, table in _RULES:
        try:
            yield from rule(session)
        except (ValueError, LookupError, TypeError):  # a value that none of our transactions can have written
            yield Contradiction(UNREADABLE, table, "")


def _current_verdicts(session: Session) -> Iterator[Contradiction]:
    current = func.sum(case((Verdict.is_current, 1), else_=0))
    at = func.sum(case((Verdict.is_current, Verdict.version), else_=0))
    query = (
        select(Verdict.sample_id)
        .group_by(Verdict.sample_id)
        .having((func.count() != func.max(Verdict.version)) | (current != 1) | (at != func.max(Verdict.version)))
    )
    for (sample,) in session.execute(query):
        yield Contradiction(CURRENT, "samples", str(sample))


def _marks_of_truth(session: Session) -> Iterator[Contradiction]:
    """SQLite keeps any number as a truth value: ours are 0 and 1."""
    if session.get_bind().dialect.name == "sqlite":
        stored = type_coerce(Verdict.is_current, Integer)
        for key in session.scalars(select(Verdict.id).where(stored.not_in((0, 1)))):
            yield Contradiction(CURRENT, "verdicts", str(key))


def _totals(session: Session) -> Iterator[Contradiction]:
    """The number that is averaged is the one of the outcome that is shown."""
    for model in (Inspection, Verdict):
        stated = model.outcome["total"].as_integer()
        for key in session.scalars(select(model.id).where(stated != model.total)):
            yield Contradiction(TOTAL, model.__tablename__, str(key))


def _hashes(session: Session) -> Iterator[Contradiction]:
    """Risk models against the checksums that stand beside them."""
    models = select(RiskModelVersion.id, RiskModelVersion.content, RiskModelVersion.content_hash)
    for key, content, stated in session.execute(models):
        if hashlib.sha256(content if isinstance(content, bytes) else str(content).encode()).hexdigest() != stated:
            yield Contradiction(HASH, "risk_models", str(key))


def _schemes(session: Session) -> Iterator[Contradiction]:
    """Schemes of assessment, by which people are paid, likewise."""
    schemes = select(SchemeVersion.id, SchemeVersion.content, SchemeVersion.content_hash)
    for key, content, stated in session.execute(schemes):
        said = json.dumps(content, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
        if hashlib.sha256(said).hexdigest() != stated:
            yield Contradiction(HASH, "scheme_versions", str(key))


def _said(session: Session, action: str) -> set[str]:
    return set(session.scalars(select(AuditEntry.entity_id).where(AuditEntry.action == action)))


def _undone(session: Session) -> Iterator[Contradiction]:
    said = _said(session, "inspection.undone")
    stored = {str(i) for i in session.scalars(select(Inspection.id).where(Inspection.undone_at.is_not(None)))}
    for key in sorted(said ^ stored):
        yield Contradiction(UNDONE, "inspections", key)


def _withdrawn(session: Session) -> Iterator[Contradiction]:
    said = _said(session, "sample.replaced")
    stored = {str(i) for i in session.scalars(select(Sample.id).where(Sample.withdrawn_at.is_not(None)))}
    for key in sorted(said ^ stored):
        yield Contradiction(WITHDRAWN, "samples", key)


def _ruled(session: Session) -> Iterator[Contradiction]:
    entries = select(AuditEntry.entity_id, AuditEntry.action, AuditEntry.actor_id, AuditEntry.at)
    entries = entries.where(AuditEntry.entity == "appeal", AuditEntry.action != "appeal.filed")
    said = {key: (action.removeprefix("appeal."), actor, at) for key, action, actor, at in session.execute(entries)}
    for one in session.scalars(select(Appeal)):
        stated = None if one.state == "open" else (one.state, one.ruled_by, one.ruled_at)
        if said.get(str(one.id)) != stated:
            yield Contradiction(RULED, "appeals", str(one.id))


def _states(session: Session) -> Iterator[Contradiction]:
    states = dict(session.execute(select(Violation.id, Violation.state)).all())
    query = select(ViolationEvent.violation_id, ViolationEvent.kind, ViolationEvent.actor_id, ViolationEvent.at)
    events: dict[int, list[Event]] = {}
    broken: set[int] = set()
    for number, kind, actor, at in session.execute(query.order_by(ViolationEvent.id)):
        step = Step(kind) if kind in set(Step) else None
        if step is None:
            broken.add(number)
        else:
            events.setdefault(number, []).append(Event(step, actor, at))
    for number, state in states.items():
        if number in broken or _state_of(events.get(number, [])) != state:
            yield Contradiction(STATE, "violations", str(number))


def _state_of(events: list[Event]) -> str:
    try:
        return violation_state(events).value
    except SpotcheckError:  # steps that cannot follow one another
        return ""


def _transcripts(session: Session) -> Iterator[Contradiction]:
    removals = set(session.scalars(select(AuditEntry.at).where(AuditEntry.action.startswith("retention."))))
    from qa.transcripts import content_hash  # brings Polars, which sealing need not wait for

    query = select(Transcript.id, Transcript.content, Transcript.content_hash, Transcript.redacted_at)
    for rows in session.execute(query.execution_options(yield_per=FETCH)).partitions(FETCH):
        for number, content, stated, redacted in rows:
            if redacted is None and content_hash(content) != stated:
                yield Contradiction(CONTENT, "transcripts", str(number))
            elif redacted is not None and (redacted not in removals or content.get("messages")):
                yield Contradiction(REMOVED, "transcripts", str(number))


def _written(session: Session) -> Iterator[Contradiction]:
    """Rows that an entry of the trail names as written."""
    verdict = cast(AuditEntry.facts["verdict"].as_integer(), Integer)
    looks = (
        (select(AuditEntry.entity_id).where(AuditEntry.action == "inspection.submitted"), Inspection.id, "inspections"),
        (select(AuditEntry.entity_id).where(AuditEntry.action == "appeal.filed"), Appeal.id, "appeals"),
        (select(AuditEntry.entity_id).where(AuditEntry.action == "draw.published"), Draw.id, "draws"),
        (
            select(cast(verdict, String)).where(
                AuditEntry.action.startswith("verdict."), AuditEntry.action != "verdict.acknowledged"
            ),
            Verdict.id,
            "verdicts",
        ),
    )
    for said, column, table in looks:
        stored = {str(key) for key in session.scalars(select(column))}
        for key in set(session.scalars(said)) - stored:
            if key is not None:
                yield Contradiction(GONE, table, key)


_RULES: tuple[tuple[Callable[[Session], Iterator[Contradiction]], str], ...] = (
    (_current_verdicts, "verdicts"),
    (_marks_of_truth, "verdicts"),
    (_totals, "verdicts"),
    (_hashes, "risk_models"),
    (_schemes, "scheme_versions"),
    (_undone, "inspections"),
    (_withdrawn, "samples"),
    (_ruled, "appeals"),
    (_states, "violation_events"),
    (_transcripts, "transcripts"),
    (_written, "audit"),
)
