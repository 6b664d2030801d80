"""Case files in the database: opening them once each, and adding a step under lock with its audit entry.

What the board, the desk and the appeals share, one floor below them. Owns the cached state (always
`qa.casefiles.lifecycle` over the events) and the frozen evidence. Refuses to decide who may take a step: the services
ask `qa.policy` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import polars as pl
from sqlalchemy import bindparam, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from qa import audit, transcripts
from qa.archive import Archive
from qa.casefiles.lifecycle import NEEDS_REASON, TRANSITIONS, Clocks, Event, FileState, Step, refusal, violation_state
from qa.errors import Conflict, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor
from qa.tables import Agent, Violation, ViolationEvent

BATCH = 500
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
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    rows = iter(findings)
    opened = 0
    while part := [_row(finding, now) for finding in islice(rows, BATCH)]:
        statement = dialect.insert(Violation).on_conflict_do_nothing().returning(Violation.id)
        ids = session.scalars(statement.values(part)).all()
        if ids:
            session.execute(insert(ViolationEvent), [_event(id_, Step.OPEN, by, now, None, {}) for id_ in ids])
        opened += len(ids)
    return opened


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
    session: Session,
    actor: Actor,
    now: datetime,
    violation: Violation,
    step: Step,
    reason: str | None = None,
    *,
    seen: FileState | None = None,
    clocks: Clocks | None = None,
    reason_required: bool = True,
    **facts: object,
) -> FileState:
    """Take `step` on a locked file: event, cached state and audit entry in the caller's transaction.

    `seen` is the state the actor decided on: the same step by the same person again changes nothing. Raises `Stale`
    when somebody else has moved the file since, `Conflict` when the step is
    refused (two-person rule, order of steps, clock), `Invalid` when a reason is missing.
    """
    if seen is not None and seen.value != violation.state:
        last = events_of(session, violation.id)[-1]
        if (last.step, last.actor_id) == (step, actor.user_id or None):
            return FileState(violation.state)  # the same click again
        raise Stale(N_("Somebody else has decided this case file meanwhile. Look at it again."))
    text = clean_reason(reason, required=reason_required and step in NEEDS_REASON)
    events = events_of(session, violation.id)
    refused = refusal(events, step, actor.user_id or None, at=now, clocks=clocks or Clocks())
    if refused is not None:
        raise refused.error()
    session.execute(insert(ViolationEvent), [_event(violation.id, step, actor, now, text, dict(facts))])
    state = violation_state([*events, Event(step, actor.user_id or None, now)])
    violation.state = state.value
    violation.changed_at = now
    session.flush()
    audit.record(
        session,
        actor,
        now,
        f"violation.{step.value}",
        "violation",
        violation.id,
        rule=violation.rule_id,
        state=state.value,
        **facts,
    )
    return state


def add_step_to_many(
    session: Session, actor: Actor, now: datetime, ids: Sequence[int], before: FileState, step: Step, reason: str | None
) -> int:
    """Take one step that needs no second person on all of `ids` that are still in `before`; returns how many.

    Two statements a batch, whatever the number: an event for each, then the cached state. Locks go by id, as
    everywhere.
    """
    after = TRANSITIONS[(before, step)]
    text = clean_reason(reason, required=step in NEEDS_REASON)
    person = actor.user_id or None
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


_FILES = (
    select(Violation)
    .where(Violation.conversation_key == bindparam("chat"), Violation.agent_id == bindparam("agent"))
    .order_by(Violation.id)
    .with_for_update(key_share=True)
)
"""All files of one sample in one order, before the sample itself. Everybody locks so: place, files by id, sample,
results. And all locks here are of the kind that leaves keys alone, or rows that merely point at a locked one would wait
in a ring."""


def decide_at_desk(
    session: Session,
    actor: Actor,
    now: datetime,
    finding: Finding,
    confirmed: bool,
    reason: str,
    *,
    sample_id: int,
    transcript_id: int,
) -> FileState:
    """An inspector's decision on a finding while scoring a drawn sample: the first step of its case file.

    Opens the file when screening has not. A file that somebody has already decided stays as it is: the score follows
    the sheet, the file follows its own order of steps.
    """  # fmt: skip
    found = _locked(session, finding)
    if found is None:
        open_files(session, [finding], now, by=actor)
        found = _locked(session, finding)
    if found is None:  # pragma: no cover - the insert above or its rival has made it
        raise Conflict(N_("The case file could not be opened. Try again."))
    if found.state == FileState.WITHDRAWN:
        add_step(session, actor, now, found, Step.OPEN)
    if found.state != FileState.SUSPECTED:
        return FileState(found.state)
    found.sample_id = sample_id
    found.transcript_id = transcript_id
    step = Step.CONFIRM if confirmed else Step.CLEAR
    return add_step(session, actor, now, found, step, reason, reason_required=False, sample_id=sample_id)


def _locked(session: Session, finding: Finding) -> Violation | None:
    files = session.scalars(_FILES, {"chat": finding.conversation_key, "agent": finding.agent_id}).all()
    return next((file for file in files if file.rule_id == finding.rule_id), None)


def retract_at_desk(session: Session, actor: Actor, now: datetime, sample_id: int) -> int:
    """Take back what `actor` decided in `sample_id` (its inspection is undone); files that went on stay. Returns how
    many."""
    states = (FileState.CONFIRMED.value, FileState.CLEARED.value)
    mine = (
        select(Violation.id).where(Violation.sample_id == sample_id, Violation.state.in_(states)).order_by(Violation.id)
    )
    ids = session.scalars(mine).all()
    taken = 0
    for id_ in ids:
        violation = take(session, id_)
        if refusal(events_of(session, id_), Step.RETRACT, actor.user_id or None) is None:
            add_step(session, actor, now, violation, Step.RETRACT, sample_id=sample_id)
            taken += 1
    return taken


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
