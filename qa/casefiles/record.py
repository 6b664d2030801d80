"""Case files in the database: opening them once each, and adding a step under lock with its audit entry.

What the board, the desk and the appeals share, in a layer below them. Owns the cached state (always
`qa.casefiles.lifecycle` over the events) and the frozen evidence. Does not decide who may take a step: the services
ask `qa.policy` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from sqlalchemy import Table, and_, bindparam, func, insert, literal, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from qa import transcripts
from qa.archive import Archive
from qa.casefiles.lifecycle import (
    NEEDS_REASON,
    NEEDS_RIGHT,
    TRANSITIONS,
    Clocks,
    Event,
    FileState,
    Step,
    refusal,
    violation_state,
)
from qa.errors import Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor
from qa.tables import Agent, Sample, Violation, ViolationEvent
from qa.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

BATCH = 500
_ADD_EVENTS = insert(cast(Table, ViolationEvent.__table__))
MAX_REASON = 2_000


@dataclass(frozen=True)
class Evidence:
    """One hit: message `seq` and the span (code points of the original text) that matched. An empty span means that
    something is missing from there on."""

    seq: int
    start: int
    end: int
    matched: str


@dataclass(frozen=True)
class Finding:
    """All hits of one rule in one conversation that one agent answers for."""

    conversation_key: str
    agent_id: str
    rule_id: str
    rule_version: int
    severity: str
    occurred_at: datetime | None
    evidence: tuple[Evidence, ...]


def open_files(session: Session, findings: Iterable[Finding], now: datetime, by: Actor | None = None) -> int:
    """Open a case file for every finding that has none, with its evidence frozen; returns how many were opened.

    `by` is the person who found what screening has missed. Idempotent: the unique key (conversation, rule, agent)
    decides, also between two processes.
    """
    statement, rows = _insert(session).returning(Violation.id), iter(findings)
    opened = 0
    while part := [_row(finding, now) for finding in islice(rows, BATCH)]:
        ids = session.scalars(statement.values(part)).all()
        if ids:
            session.execute(_ADD_EVENTS, [_event(id_, Step.OPEN, by, now, None, {}) for id_ in ids])
        opened += len(ids)
    return opened


def _insert(session: Session) -> postgresql.Insert | sqlite.Insert:
    """Files that are not there yet."""
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # brings every driver of PostgreSQL with it

        return postgresql.insert(Violation).on_conflict_do_nothing()
    return sqlite.insert(Violation).on_conflict_do_nothing()


def _row(finding: Finding, now: datetime) -> dict[str, Any]:
    return {
        "conversation_key": finding.conversation_key, "agent_id": finding.agent_id, "rule_id": finding.rule_id,
        "rule_version": finding.rule_version, "severity": finding.severity, "state": FileState.SUSPECTED.value,
        "occurred_at": finding.occurred_at, "opened_at": now, "changed_at": now,
        "evidence": [asdict(item) for item in finding.evidence],
    }  # fmt: skip


def _event(
    violation_id: int, step: Step, actor: Actor | None, now: datetime, reason: str | None, facts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "violation_id": violation_id,
        "kind": step.value,
        "actor_id": (actor.user_id or None) if actor else None,
        "at": now,
        "reason": reason,
        "facts": facts,
    }


def take(session: Session, violation_id: int) -> Violation:
    """The case file, locked until the transaction ends."""
    found = session.scalar(select(Violation).where(Violation.id == violation_id).with_for_update(key_share=True))
    if found is None:
        raise NotFound(N_("There is no case file {id}."), id=violation_id)
    return found


def events_of(session: Session, violation_id: int) -> list[Event]:
    """The steps of one file, oldest first."""
    rows = session.execute(
        select(ViolationEvent.kind, ViolationEvent.actor_id, ViolationEvent.at)
        .where(ViolationEvent.violation_id == violation_id)
        .order_by(ViolationEvent.id)
    )
    return [Event(Step(kind), actor_id, at) for kind, actor_id, at in rows]


def add_step(
    work: UnitOfWork,
    violation: Violation,
    step: Step,
    reason: str | None = None,
    *,
    seen: FileState | None = None,
    clocks: Clocks | None = None,
    reason_required: bool = True,
    **facts: object,
) -> FileState:
    """Take `step` on a locked file: event, cached state and audit entry.

    `seen` is the state the actor decided on: the same step by the same person again changes nothing. Raises `Stale`
    when somebody else has moved the file since, `Conflict` when the step is
    refused (two-person rule, order of steps, clock), `Invalid` when a reason is missing.
    """
    if seen is not None and seen.value != violation.state:
        last = events_of(work.session, violation.id)[-1]
        if (last.step, last.actor_id) == (step, work.actor.user_id or None):
            return FileState(violation.state)  # the same click again
        raise Stale(N_("Somebody else has decided this case file meanwhile. Look at it again."))
    text = clean_reason(reason, required=reason_required and step in NEEDS_REASON)
    row = _step(work, violation, events_of(work.session, violation.id), step, text, clocks or Clocks(), facts)
    work.session.execute(_ADD_EVENTS, [row])
    return FileState(violation.state)


def _step(
    work: UnitOfWork, violation: Violation, events: list[Event], step: Step, text: str | None, clocks: Clocks,
    facts: Mapping[str, object],
) -> dict[str, Any]:  # fmt: skip
    """Check a step against the `events` of a locked file, add it to them, and return its row for the database."""
    person = work.actor.user_id or None
    refused = refusal(events, step, person, at=work.now, clocks=clocks)
    if refused is not None:
        raise refused.error()
    events.append(Event(step, person, work.now))
    violation.state = violation_state(events).value
    violation.changed_at = work.now
    named = {"rule": violation.rule_id, "state": violation.state, **facts}
    work.record(f"violation.{step.value}", "violation", violation.id, **named)
    return _event(violation.id, step, work.actor, work.now, text, dict(facts))


def add_step_to_many(work: UnitOfWork, ids: Sequence[int], before: FileState, step: Step, reason: str | None) -> int:
    """Take one step that needs no second person on all of `ids` that are still in `before`; returns how many.

    Two statements a batch, whatever the number: an event for each, then the cached state. Locks go by id, as
    everywhere.
    """
    session, now = work.session, work.now
    after = TRANSITIONS[(before, step)]
    text = clean_reason(reason, required=step in NEEDS_REASON)
    person = work.actor.user_id or None
    moved = 0
    ids = sorted(ids)
    for start in range(0, len(ids), BATCH):
        wanted = Violation.id.in_(ids[start : start + BATCH]), Violation.state == before.value
        locked = session.scalars(
            select(Violation.id).where(*wanted).order_by(Violation.id).with_for_update(key_share=True)
        ).all()
        if not locked:
            continue
        chosen = select(
            Violation.id, literal(step.value), literal(person), literal(now, ViolationEvent.at.type), literal(text),
            literal({}, ViolationEvent.facts.type),
        ).where(Violation.id.in_(locked))  # fmt: skip
        session.execute(
            insert(ViolationEvent).from_select(["violation_id", "kind", "actor_id", "at", "reason", "facts"], chosen)
        )
        session.execute(update(Violation).where(Violation.id.in_(locked)).values(state=after.value, changed_at=now))
        moved += len(locked)
    return moved


def never_decided(session: Session, ids: Sequence[int]) -> list[int]:
    """Those of the files that no person has ever decided: the rest wait for a person, not for the machine."""
    human = [step.value for step in NEEDS_RIGHT]
    decided: set[int] = set()
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        query = select(ViolationEvent.violation_id).where(
            ViolationEvent.violation_id.in_(part), ViolationEvent.kind.in_(human)
        )
        decided.update(session.scalars(query))
    return [id_ for id_ in ids if id_ not in decided]


# --- the files of one sample ------------------------------------------------------------------------------------------

CASE_KEY = func.coalesce(Sample.conversation_key, Sample.unit_id)
"""What a case file of a sample is filed under: its chat, or the unit itself where no chat is joined."""
SAME_CASE = and_(Violation.conversation_key == CASE_KEY, Violation.agent_id == Sample.agent_id)

UPHELD = frozenset(
    {FileState.UPHELD.value, FileState.ACKNOWLEDGED.value, FileState.APPEALED.value, FileState.CLOSED.value}
)
"""States in which a manager has ruled that it was a violation."""
STRUCK = frozenset({FileState.DISMISSED.value, FileState.EXPUNGED.value})
"""States in which a manager has ruled that it was none."""

ADDED_BY_A_COLLEAGUE = (
    select(ViolationEvent.id)
    .where(
        ViolationEvent.violation_id == Violation.id,
        ViolationEvent.kind == Step.OPEN.value,
        ViolationEvent.actor_id != bindparam("me"),
    )
    .exists()
)
"""Opened by hand, by somebody else than `me`: that colleague's mark, and readings of one conversation are
independent."""

_FILES_OF = (
    select(Violation, ADDED_BY_A_COLLEAGUE)
    .join(Sample, SAME_CASE)
    .where(Sample.id == bindparam("sample"))
    .order_by(Violation.id)
    .execution_options(populate_existing=True)
)
_LOCKED_FILES_OF = _FILES_OF.with_for_update(key_share=True, of=Violation)


@dataclass(frozen=True)
class CaseFiles:
    """The case files of one sample, by rule, as one inspector finds them."""

    by_rule: Mapping[str, Violation]
    colleagues: frozenset[str]
    """Rules whose file a colleague has opened by hand."""

    @property
    def to_decide(self) -> frozenset[str]:
        """Rules that were found in the sample and that its inspector has to decide on."""
        gone = (FileState.WITHDRAWN.value, FileState.EXPUNGED.value)
        found = {rule for rule, file in self.by_rule.items() if file.state not in gone}
        return frozenset(found - self.colleagues)

    @property
    def rulings(self) -> dict[str, bool]:
        """What managers have ruled: rule → it was one."""
        states = {rule: file.state for rule, file in self.by_rule.items()}
        return {rule: state in UPHELD for rule, state in states.items() if state in UPHELD | STRUCK}


def files_of(session: Session, sample_id: int, reader: Actor | None = None, *, lock: bool = False) -> CaseFiles:
    """All files of one sample; locked until the transaction ends when they are to be written.

    Everybody locks in one order: place, files by id, sample, results. And all locks here are of the kind that leaves
    keys alone, or rows that merely point at a locked one would wait in a ring.
    """
    named = {"sample": sample_id, "me": reader.user_id if reader else 0}
    rows = session.execute(_LOCKED_FILES_OF if lock else _FILES_OF, named).all()
    return CaseFiles({file.rule_id: file for file, _ in rows}, frozenset(file.rule_id for file, added in rows if added))


@dataclass(frozen=True)
class Decision:
    """What an inspector says about a finding while scoring a drawn sample."""

    finding: Finding
    confirmed: bool
    reason: str


def decide_at_desk(
    work: UnitOfWork, files: CaseFiles, decisions: Sequence[Decision], *, sample_id: int, transcript_id: int
) -> CaseFiles:
    """Take the first step of the case file of every decision, opening files that screening has not; returns the files
    as they are then. `files` are those of the sample, locked.

    A file that somebody has already decided stays as it is: the score follows the sheet, the file follows its own order
    of steps.
    """
    fresh = [one.finding for one in decisions if one.finding.rule_id not in files.by_rule]
    rows, opened = _open_here(work, fresh)
    if len(opened) < len(fresh):  # somebody has opened one in this very moment: theirs counts
        work.session.execute(_ADD_EVENTS, rows)
        rows, opened, files = [], {}, files_of(work.session, sample_id, work.actor, lock=True)
    known = {**files.by_rule, **opened}
    waiting = [known[one.finding.rule_id] for one in decisions]
    waiting = [file for file in waiting if file.state in (FileState.SUSPECTED.value, FileState.WITHDRAWN.value)]
    events = _events_of_many(work.session, [file.id for file in waiting if file.rule_id not in opened])
    events |= {file.id: [Event(Step.OPEN, work.actor.user_id or None, work.now)] for file in opened.values()}
    for decision in decisions:
        file = known[decision.finding.rule_id]
        if file.state == FileState.WITHDRAWN:
            rows.append(_step(work, file, events[file.id], Step.OPEN, None, Clocks(), {}))
        if file.state == FileState.SUSPECTED:
            file.sample_id, file.transcript_id = sample_id, transcript_id
            step = Step.CONFIRM if decision.confirmed else Step.CLEAR
            text = clean_reason(decision.reason, required=False)
            rows.append(_step(work, file, events[file.id], step, text, Clocks(), {"sample_id": sample_id}))
    if rows:
        work.session.execute(_ADD_EVENTS, rows)
    return CaseFiles(known, files.colleagues)


def _open_here(work: UnitOfWork, findings: Sequence[Finding]) -> tuple[list[dict[str, Any]], dict[str, Violation]]:
    """Open files by hand; returns the rows of their first events, not yet written, and the files by rule."""
    if not findings:
        return [], {}
    statement = _insert(work.session).values([_row(finding, work.now) for finding in findings]).returning(Violation)
    files = {file.rule_id: file for file in work.session.scalars(statement)}
    rows = [_event(file.id, Step.OPEN, work.actor, work.now, None, {}) for file in files.values()]
    return rows, files


def _events_of_many(session: Session, ids: Sequence[int]) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = {id_: [] for id_ in ids}
    if not ids:
        return found
    fields = ViolationEvent.violation_id, ViolationEvent.kind, ViolationEvent.actor_id, ViolationEvent.at
    rows = session.execute(select(*fields).where(ViolationEvent.violation_id.in_(ids)).order_by(ViolationEvent.id))
    for id_, kind, actor_id, at in rows:
        found[id_].append(Event(Step(kind), actor_id, at))
    return found


def retract_at_desk(work: UnitOfWork, sample_id: int) -> int:
    """Take back what the actor decided in `sample_id` (its inspection is undone); files that went on stay. Returns how
    many."""
    states = (FileState.CONFIRMED.value, FileState.CLEARED.value)
    mine = (
        select(Violation.id).where(Violation.sample_id == sample_id, Violation.state.in_(states)).order_by(Violation.id)
    )
    ids = work.session.scalars(mine).all()
    taken = 0
    for id_ in ids:
        violation = take(work.session, id_)
        if refusal(events_of(work.session, id_), Step.RETRACT, work.actor.user_id or None) is None:
            add_step(work, violation, Step.RETRACT, sample_id=sample_id)
            taken += 1
    return taken


# --- texts ------------------------------------------------------------------------------------------------------------


def transcript_now(session: Session, archive: Archive, conversation_key: str, agent_id: str) -> dict[str, Any]:
    """The conversation as the archive holds it now, in the shape of a frozen transcript (unmasked), agents by name."""
    unit = {
        "unit_id": [conversation_key],
        "source": ["chat"],
        "conversation_key": [conversation_key],
        "agent_id": [agent_id],
    }
    names: dict[str, str] = {id_: name for id_, name in session.execute(select(Agent.agent_id, Agent.name)) if name}
    return transcripts.freeze(archive.at(), pl.DataFrame(unit), names)[0]


def clean_reason(reason: str | None, *, required: bool) -> str | None:
    """A reason without surrounding space, or None. Raises `Invalid` when one is required and absent, or it is too
    long."""
    text = (reason or "").strip()
    if required and not text:
        raise Invalid(N_("Give a reason: it is shown to the next person and to the agent."))
    if len(text) > MAX_REASON:
        raise Invalid(N_("The reason has {n} characters; {limit} are allowed."), n=len(text), limit=MAX_REASON)
    return text or None
