"""Coaching threads: a leader's note on a result or a case, the agent's answer, and who has to read what.

Leads write to everybody, team leaders to who is in their team now, nobody to themselves; an agent reads and answers
what was written to them. What is written stays. Whom a thread waits for follows from its entries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, insert, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, refused, require
from qa.rubrics.stored import rubric_of
from qa.tables import Agent, Case, CoachingEntry, CoachingThread, Sample, User, Verdict
from qa.texts import written
from qa.transcripts import shown_text
from qa.unit_of_work import UnitOfWork
from qa.verdicts import ledger
from qa.workbench import Workbench

MAX_BODY = 2_000
NOTE, ANSWER = FormField("body", N_("Note to the agent")), FormField("body", N_("Your answer"))
CHAT = "chat"


class ThreadState(StrEnum):
    """Whom a thread waits for."""

    AGENT = "agent"
    LEADER = "leader"
    NOBODY = "nobody"
    CLOSED = "closed"


STATE_NAMES = {
    ThreadState.AGENT: N_("The agent has not read it yet"),
    ThreadState.LEADER: N_("Answer to read"),
    ThreadState.NOBODY: N_("Being followed"),
    ThreadState.CLOSED: N_("Thread closed"),
}
_AFTER = {"note": ThreadState.AGENT, "answer": ThreadState.LEADER, "closed": ThreadState.CLOSED}


@dataclass(frozen=True)
class CoachingLine:
    """One note or answer. `body` is masked for those who may not see customers."""

    kind: str
    body: str
    by: str
    at: datetime


@dataclass(frozen=True)
class CoachingView:
    """A thread. `verdict_id` is the result that counts now where it is about one, `case_title` is set where it is about
    a case; `criterion_id` None: the score is followed."""

    id: int
    agent_id: str
    agent_name: str
    sample_id: int | None
    verdict_id: int | None
    case_id: int | None
    case_title: str
    source: str
    criterion_id: str | None
    opened_at: datetime
    state: ThreadState
    lines: tuple[CoachingLine, ...]
    reachable: bool
    """Whether the agent has an account to read it with."""


def state_of(kinds: Iterable[str]) -> ThreadState:
    """Whom a thread with these entries, in their order, waits for."""
    state = ThreadState.NOBODY
    for kind in kinds:
        state = _AFTER.get(kind, ThreadState.NOBODY)
    return state


def open_on_result(
    bench: Workbench, actor: Actor, *, now: datetime, verdict_id: int, body: str, criterion_id: str | None = None
) -> int:
    """Begin a thread on a result, about one of its criteria or the whole; returns its id.

    The same note again is the thread there is. Raises `Conflict` where an open one is about the same.
    """
    require(actor, Right.COACH)
    body = written(body, NOTE, MAX_BODY)
    with bench.begin(actor, now) as work:
        named = work.session.get(Verdict, verdict_id)
        sample = work.session.get(Sample, named.sample_id, with_for_update={"key_share": True}) if named else None
        verdict = ledger.current(work.session, sample.id) if sample else None
        if sample is None or verdict is None:
            raise NotFound(N_("There is no result {verdict}."), verdict=verdict_id)
        scoping.require_seen(bench, actor, verdict.agent_id, sample.occurred_at)
        if criterion_id is not None and rubric_of(work.session, verdict.rubric_version_id).find(criterion_id) is None:
            raise Invalid(N_("The scorecard of this result has no criterion “{id}”."), id=criterion_id)
        thread = CoachingThread(
            agent_id=verdict.agent_id, sample_id=sample.id, source=sample.source, criterion_id=criterion_id
        )
        return _open(bench, work, thread, body)


def open_on_case(bench: Workbench, actor: Actor, *, now: datetime, case_id: int, agent_id: str, body: str) -> int:
    """Begin a thread that sends a published case to an agent; what the case teaches is followed. Returns its id."""
    require(actor, Right.COACH)
    body = written(body, NOTE, MAX_BODY)
    with bench.begin(actor, now) as work:
        case = work.session.get(Case, case_id, with_for_update={"key_share": True})
        if case is None or case.state != "published":
            raise NotFound(N_("There is no published case {id}."), id=case_id)
        if work.session.get(Agent, agent_id) is None:
            raise NotFound(N_("There is no agent “{agent}” on the roster."), agent=agent_id)
        sample = work.session.get(Sample, case.sample_id) if case.sample_id else None
        thread = CoachingThread(
            agent_id=agent_id, case_id=case.id, source=sample.source if sample else CHAT,
            criterion_id=case.criterion_id,
        )  # fmt: skip
        return _open(bench, work, thread, body)


def write(bench: Workbench, actor: Actor, *, now: datetime, thread_id: int, body: str) -> None:
    """Add to a thread: a note by a leader, an answer by the agent. Saying the same twice in a row is saying it once."""
    require(actor, Right.COACH, Right.ANSWER)
    with bench.begin(actor, now) as work:
        thread = _take(bench, work, thread_id)
        kind = "answer" if thread.agent_id == actor.agent_id else "note"
        body = written(body, ANSWER if kind == "answer" else NOTE, MAX_BODY)
        entries = _entries(work.session, [thread.id])[thread.id]
        if entries and (entries[-1].kind, entries[-1].body, entries[-1].written_by) == (kind, body, actor.user_id):
            return
        if state_of(entry.kind for entry in entries) is ThreadState.CLOSED:
            raise Conflict(N_("This thread is closed."))
        _add(work, thread, kind, body)
        work.record("coaching.answered" if kind == "answer" else "coaching.noted", "coaching", thread.id)


def read(bench: Workbench, actor: Actor, *, now: datetime, thread_id: int) -> None:
    """Say that one has read what waits for one; where nothing does, nothing happens."""
    require(actor, Right.COACH, Right.ANSWER)
    with bench.begin(actor, now) as work:
        thread = _take(bench, work, thread_id)
        mine = ThreadState.AGENT if thread.agent_id == actor.agent_id else ThreadState.LEADER
        if state_of(entry.kind for entry in _entries(work.session, [thread.id])[thread.id]) is mine:
            _add(work, thread, "read")
            work.record("coaching.read", "coaching", thread.id)


def close(bench: Workbench, actor: Actor, *, now: datetime, thread_id: int) -> None:
    """End a thread: nothing waits any more, and nothing is added. Twice is once."""
    require(actor, Right.COACH)
    with bench.begin(actor, now) as work:
        thread = _take(bench, work, thread_id)
        if thread.agent_id == actor.agent_id:
            raise Denied(_ONESELF)
        if state_of(entry.kind for entry in _entries(work.session, [thread.id])[thread.id]) is not ThreadState.CLOSED:
            _add(work, thread, "closed")
            work.record("coaching.closed", "coaching", thread.id)


def get(bench: Workbench, actor: Actor, thread_id: int) -> CoachingView:
    """One thread. Raises `NotFound`, also for those of others."""
    found = _views(bench, actor, CoachingThread.id == thread_id)
    if not found:
        raise NotFound(N_("There is no coaching thread {id}."), id=thread_id)
    return found[0]


def threads(
    bench: Workbench, actor: Actor, *, agent_id: str = "", sample_id: int | None = None
) -> tuple[CoachingView, ...]:
    """The threads this reader may see, of one agent or about one sample where named: what waits for the reader first,
    then the newest, closed ones last."""
    conditions = [CoachingThread.agent_id == agent_id] if agent_id else []
    conditions += [CoachingThread.sample_id == sample_id] if sample_id is not None else []
    mine = _waits_for(actor)
    found = _views(bench, actor, *conditions)
    return tuple(sorted(found, key=lambda one: (one.state is not mine, one.state is ThreadState.CLOSED)))


def waiting(bench: Workbench, actor: Actor) -> tuple[int, ...]:
    """Ids of the threads that wait for this reader: notes to an agent, answers to a leader; the oldest first."""
    if not _reads(actor):
        return ()
    mine = _waits_for(actor)
    with bench.db.read() as session:
        seen = list(session.scalars(select(CoachingThread.id).where(_seen(bench, actor)).order_by(CoachingThread.id)))
        entries = _entries(session, seen)
    return tuple(one for one in seen if state_of(entry.kind for entry in entries[one]) is mine)


_ONESELF = N_("Nobody coaches themselves.")


def _reads(actor: Actor) -> bool:
    return actor is SYSTEM or actor.may(Right.COACH) or (actor.may(Right.ANSWER) and actor.agent_id is not None)


def _waits_for(actor: Actor) -> ThreadState:
    return ThreadState.LEADER if actor is SYSTEM or actor.may(Right.COACH) else ThreadState.AGENT


def _seen(bench: Workbench, actor: Actor) -> ColumnElement[bool]:
    """The condition on threads this reader may see: all, those of their team in its days, or their own."""
    if actor is SYSTEM or actor.may(Right.COACH):
        return scoping.seen(bench, actor, CoachingThread.agent_id, CoachingThread.opened_at)
    return CoachingThread.agent_id == (actor.agent_id or "")


def _open(bench: Workbench, work: UnitOfWork, thread: CoachingThread, body: str) -> int:
    if thread.agent_id == work.actor.agent_id:
        raise Denied(_ONESELF)
    scoping.require_seen(bench, work.actor, thread.agent_id, work.now)
    same = select(CoachingThread).where(
        CoachingThread.agent_id == thread.agent_id,
        CoachingThread.sample_id.is_not_distinct_from(thread.sample_id),
        CoachingThread.case_id.is_not_distinct_from(thread.case_id),
        CoachingThread.criterion_id.is_not_distinct_from(thread.criterion_id),
    )
    for known in work.session.scalars(same):
        entries = _entries(work.session, [known.id])[known.id]
        if state_of(entry.kind for entry in entries) is not ThreadState.CLOSED:
            if (entries[-1].body, entries[-1].written_by) == (body, work.actor.user_id):
                return known.id
            raise Conflict(N_("There is an open thread about this already (number {id}); write there."), id=known.id)
    thread.opened_by, thread.opened_at = work.actor.user_id, work.now
    work.session.add(thread)
    work.session.flush()
    _add(work, thread, "note", body)
    about = {"sample_id": thread.sample_id} if thread.sample_id else {"case_id": thread.case_id}
    work.record(
        "coaching.opened", "coaching", thread.id, agent_id=thread.agent_id, criterion_id=thread.criterion_id, **about
    )
    return thread.id


def _take(bench: Workbench, work: UnitOfWork, thread_id: int) -> CoachingThread:
    """The thread under lock. Raises `NotFound` for whoever may not see it."""
    query = select(CoachingThread).where(CoachingThread.id == thread_id, _seen(bench, work.actor))
    thread = work.session.scalar(query.with_for_update(key_share=True))
    if thread is None:
        if work.session.get(CoachingThread, thread_id) is not None:
            refused(work.actor, Right.COACH)
        raise NotFound(N_("There is no coaching thread {id}."), id=thread_id)
    return thread


def _add(work: UnitOfWork, thread: CoachingThread, kind: str, body: str = "") -> None:
    work.session.execute(
        insert(CoachingEntry).values(
            thread_id=thread.id, kind=kind, body=body, written_by=work.actor.user_id, written_at=work.now
        )
    )


def _entries(session: Session, numbers: Sequence[int]) -> dict[int, list[CoachingEntry]]:
    """The entries of these threads, in their order."""
    found: dict[int, list[CoachingEntry]] = defaultdict(list)
    for part in range(0, len(numbers), 500):
        query = select(CoachingEntry).where(CoachingEntry.thread_id.in_(numbers[part : part + 500]))
        for entry in session.scalars(query.order_by(CoachingEntry.id)):
            found[entry.thread_id].append(entry)
    return found


def _views(bench: Workbench, actor: Actor, *conditions: ColumnElement[bool]) -> tuple[CoachingView, ...]:
    if not _reads(actor):
        require(actor, Right.COACH)
    account = exists().where(User.agent_id == CoachingThread.agent_id, User.active)
    query = (
        select(CoachingThread, Agent.name, Verdict.id, Case.title, account)
        .outerjoin(Agent, Agent.agent_id == CoachingThread.agent_id)
        .outerjoin(
            Verdict,
            (Verdict.sample_id == CoachingThread.sample_id) & Verdict.is_current & (Verdict.kind != "withdrawn"),
        )
        .outerjoin(Case, Case.id == CoachingThread.case_id)
        .where(_seen(bench, actor), *conditions)
        .order_by(CoachingThread.id.desc())
    )
    with bench.db.read() as session:
        rows = session.execute(query).all()
        entries = _entries(session, [row[0].id for row in rows])
        names = {user.id: user.display_name for user in session.execute(select(User.id, User.display_name))}
        return tuple(
            CoachingView(
                thread.id, thread.agent_id, name or thread.agent_id, thread.sample_id, verdict, thread.case_id,
                title or "", thread.source, thread.criterion_id, thread.opened_at,
                state_of(entry.kind for entry in entries[thread.id]),
                tuple(_line(actor, entry, names) for entry in entries[thread.id] if entry.body), bool(reachable),
            )
            for thread, name, verdict, title, reachable in rows
        )  # fmt: skip


def _line(actor: Actor, entry: CoachingEntry, names: dict[int, str]) -> CoachingLine:
    body = shown_text(None if actor is SYSTEM else actor, entry.body)
    return CoachingLine(entry.kind, body, names.get(entry.written_by, ""), entry.written_at)
