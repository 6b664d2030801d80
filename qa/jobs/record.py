"""The jobs on record: asked for, taken, renewed, ended. Every step is one conditional write with its audit entry.

A lease says "I am working on this now". It is renewed by working and runs out by itself: a job whose worker died is
taken up by another, `ATTEMPTS` times at most. Whoever has lost the lease can no longer write how it ended. Knows
nothing of what is done in a job.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import SpotcheckError, Unavailable
from qa.i18n import N_
from qa.jobs import stored
from qa.policy import SYSTEM, Actor
from qa.tables import Job
from qa.workbench import Workbench

LEASE = timedelta(minutes=2)
"""Much longer than a heartbeat, and than any transaction a heartbeat may have to wait for."""
ATTEMPTS = 3
DIED = N_("The program that worked on it ended {count} times before it was done.")
SHARES = 1_000
"""Work that tells its share done (0…1) is stored in thousandths."""

asked = threading.Event()
"""Set whenever something is asked for in this process, so that its worker need not wait for its next look."""


@dataclass(frozen=True)
class Taken:
    """A job in the hands of a worker. `attempt` counts from 1."""

    id: int
    kind: str
    params: dict[str, Any]
    asked_by: int | None
    worker: str
    attempt: int


def insert(
    session: Session, actor: Actor, now: datetime, kind: str, params: dict[str, Any], request: str | None
) -> int:
    """Put a job on record, or find the one of the same request; returns its id."""
    if request is not None:
        known = session.scalar(select(Job.id).where(Job.request == request))
        if known is not None:
            return known
    job = Job(
        kind=kind, params=params, request=request, asked_by=actor.user_id or None, asked_name=actor.name, asked_at=now,
        state="waiting", attempts=0, done=0, total=0, words="",
    )  # fmt: skip
    session.add(job)
    session.flush()
    audit.record(session, actor, now, "job.asked", "job", job.id, kind=kind)
    return job.id


def ask_to_stop(session: Session, actor: Actor, now: datetime, job_id: int) -> None:
    """Cancel a job that waits; ask the worker of one that runs. What has ended stays as it is."""
    waiting = and_(Job.id == job_id, Job.state == "waiting")
    if _change(session, waiting, state="cancelled", cancel_at=now, ended_at=now):
        audit.record(session, actor, now, "job.cancelled", "job", job_id)
    elif _change(session, and_(Job.id == job_id, Job.state == "running", Job.cancel_at.is_(None)), cancel_at=now):
        audit.record(session, actor, now, "job.stop_asked", "job", job_id)


def take(bench: Workbench, worker: str, now: datetime) -> Taken | None:
    """The oldest job that waits, or whose worker died; None when there is none."""
    with bench.db.read() as session:
        if session.scalar(select(Job.id).where(or_(_free(now), _dead(now))).limit(1)) is None:
            return None
    with bench.db.write() as session:
        _close_dead(session, now)
        first = select(Job.id).where(_free(now)).order_by(Job.id).limit(1).with_for_update(skip_locked=True)
        row = session.execute(
            update(Job)
            .where(Job.id == first.scalar_subquery(), _free(now))
            .values(
                state="running", lease_by=worker, lease_until=now + LEASE, attempts=Job.attempts + 1, started_at=now,
                not_before=None, done=0, total=0, words="",
            )
            .returning(Job.id, Job.kind, Job.params, Job.asked_by, Job.attempts)
            .execution_options(synchronize_session=False)
        ).one_or_none()  # fmt: skip
        if row is None:
            return None
        audit.record(session, SYSTEM, now, "job.started", "job", row.id, kind=row.kind, attempt=row.attempts)
        return Taken(row.id, row.kind, row.params, row.asked_by, worker, row.attempts)


def renew(bench: Workbench, taken: Taken, now: datetime, share: float, words: str) -> bool | None:
    """Go on holding it and tell how far it is. True when it is asked to stop, None when it is not ours any more."""
    with bench.db.write() as session:
        row = session.execute(
            update(Job)
            .where(_mine(taken))
            .values(lease_until=now + LEASE, done=round(share * SHARES), total=SHARES, words=words[:200])
            .returning(Job.cancel_at)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    return None if row is None else row.cancel_at is not None


def end(bench: Workbench, taken: Taken, now: datetime, result: dict[str, Any]) -> bool:
    """It is done, with this result. False when it was not ours any more."""
    return _end(bench, taken, now, "done", done=SHARES, total=SHARES, result=result)


def fail(bench: Workbench, taken: Taken, now: datetime, error: SpotcheckError) -> bool:
    """It cannot be done, for this reason."""
    return _end(bench, taken, now, "failed", error=stored.error_to_plain(error))


def stopped(bench: Workbench, taken: Taken, now: datetime) -> bool:
    """It stopped because somebody asked for it."""
    return _end(bench, taken, now, "cancelled")


def give_back(bench: Workbench, taken: Taken, now: datetime, *, not_before: datetime | None, counts: bool) -> bool:
    """Let it be taken again, from `not_before` on. `counts`: this was an attempt."""
    with bench.db.write() as session:
        given = _change(
            session, _mine(taken), state="waiting", lease_by=None, lease_until=None, not_before=not_before,
            attempts=Job.attempts - (0 if counts else 1),
        )  # fmt: skip
        if given:
            audit.record(session, SYSTEM, now, "job.given_back", "job", taken.id, kind=taken.kind)
        return given


def _end(bench: Workbench, taken: Taken, now: datetime, state: str, **values: Any) -> bool:
    with bench.db.write() as session:
        ended = _change(session, _mine(taken), state=state, ended_at=now, lease_by=None, lease_until=None, **values)
        if ended:
            audit.record(session, SYSTEM, now, f"job.{state}", "job", taken.id, kind=taken.kind)
        return ended


def _close_dead(session: Session, now: datetime) -> None:
    """End what was asked to stop when its worker died, and what has killed too many workers."""
    for job in session.scalars(select(Job).where(_dead(now)).with_for_update(skip_locked=True)):
        job.lease_by = job.lease_until = None
        job.ended_at = now
        job.state = "cancelled" if job.cancel_at is not None else "failed"
        if job.state == "failed":
            job.error = stored.error_to_plain(Unavailable(DIED, count=job.attempts))
        audit.record(session, SYSTEM, now, f"job.{job.state}", "job", job.id, kind=job.kind)
    session.flush()


def _lapsed(now: datetime) -> ColumnElement[bool]:
    return and_(Job.state == "running", Job.lease_until <= now)


def _free(now: datetime) -> ColumnElement[bool]:
    waits = and_(Job.state == "waiting", or_(Job.not_before.is_(None), Job.not_before <= now))
    return or_(waits, and_(_lapsed(now), Job.cancel_at.is_(None), Job.attempts < ATTEMPTS))


def _dead(now: datetime) -> ColumnElement[bool]:
    return and_(_lapsed(now), or_(Job.cancel_at.is_not(None), Job.attempts >= ATTEMPTS))


def _mine(taken: Taken) -> ColumnElement[bool]:
    return and_(Job.id == taken.id, Job.state == "running", Job.lease_by == taken.worker, Job.attempts == taken.attempt)


def _change(session: Session, which: ColumnElement[bool], **values: Any) -> bool:
    done = session.execute(update(Job).where(which).values(**values).execution_options(synchronize_session=False))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def asked_at(bench: Workbench, taken: Taken) -> datetime:
    """When the job was asked for."""
    with bench.db.read() as session:
        return session.execute(select(Job.asked_at).where(Job.id == taken.id)).scalar_one()


def state_of(bench: Workbench, request: str) -> str | None:
    """How the job of this request stands; None when nobody asked for it."""
    with bench.db.read() as session:
        return session.scalar(select(Job.state).where(Job.request == request))
