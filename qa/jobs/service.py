"""Asking for long work, seeing how far it is and what came of it, stopping it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.exc import IntegrityError

from qa import audit
from qa.errors import Denied, NotFound, SpotcheckError
from qa.i18n import N_
from qa.jobs import record, stored
from qa.jobs.kinds import KINDS, JobKind
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Job
from qa.workbench import Workbench

P = TypeVar("P")
R = TypeVar("R")

STATES = {
    "waiting": N_("waiting"),
    "running": N_("running"),
    "stopping": N_("stopping"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
}


@dataclass(frozen=True)
class JobView(Generic[R]):
    """One job as people see it. `share` is 0…1; `result` is there when it is done and this version can read it."""

    id: int
    kind: str
    state: str
    share: float
    words: str
    asked_by: int | None
    asked_name: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    result: R | None
    error: SpotcheckError | None
    params: object = None
    """What was asked for; None when this version cannot read it."""

    @property
    def title(self) -> str:
        """Msgid of what it is."""
        return KINDS[self.kind].title if self.kind in KINDS else self.kind

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


def ask(bench: Workbench, actor: Actor, kind: JobKind[P, R], params: P, *, now: datetime, request: str = "") -> int:
    """Put work on record for the next free worker; returns its number.

    The same `request` (at most 64 characters) again is the same job, so that a second click asks for nothing new.
    """
    require(actor, kind.right)
    try:
        job_id = _ask(bench, actor, kind.name, stored.to_plain(params), now, request)
    except IntegrityError:  # another server was asked the same at the same moment, and was first
        job_id = _ask(bench, actor, kind.name, stored.to_plain(params), now, request)
    record.asked.set()
    return job_id


def _ask(bench: Workbench, actor: Actor, kind: str, params: dict[str, Any], now: datetime, request: str) -> int:
    with bench.db.write() as session:
        return record.insert(session, actor, now, kind, params, request or None)


def cancel(bench: Workbench, actor: Actor, job_id: int, *, now: datetime) -> None:
    """Stop a job: at once when it waits, as soon as its work allows when it runs. Nothing when it has ended.

    Whoever asked for it may, and whoever maintains the installation.
    """
    with bench.db.write() as session:
        job = _find(session.get(Job, job_id), job_id)
        if job.asked_by != actor.user_id:
            require(actor, Right.MAINTAIN)
        plain = job.params if job.state == "waiting" else None
        record.ask_to_stop(session, actor, now, job_id)
    if plain is not None:
        over(bench, job.kind, plain)


def put_away(bench: Workbench, actor: Actor, job_id: int, *, now: datetime) -> None:
    """Whoever asked has seen how it ended: `latest` shows it no more."""
    with bench.db.write() as session:
        job = _find(session.get(Job, job_id), job_id)
        if (job.asked_by or 0) != actor.user_id:
            raise Denied(N_("Only the person who asked for it can dismiss a result."))
        if job.ended_at is not None and job.put_away_at is None:
            job.put_away_at = now
            audit.record(session, actor, now, "job.put_away", "job", job_id)


def latest(bench: Workbench, actor: Actor, kind: JobKind[P, R]) -> JobView[R] | None:
    """The newest job of this kind that `actor` asked for and has not put away: running, waiting or ended."""
    require(actor, kind.right)
    mine = Job.asked_by.is_(None) if actor is SYSTEM else Job.asked_by == actor.user_id
    with bench.db.read() as session:
        row = session.scalar(
            select(Job).where(mine, Job.kind == kind.name, Job.put_away_at.is_(None)).order_by(Job.id.desc()).limit(1)
        )
    return None if row is None else view(row)


def get(bench: Workbench, actor: Actor, job_id: int) -> JobView[Any]:
    """One job, for whoever asked for it or maintains the installation. Raises `NotFound`."""
    with bench.db.read() as session:
        job = _find(session.get(Job, job_id), job_id)
    if job.asked_by != actor.user_id:
        require(actor, Right.MAINTAIN)
    return view(job)


def recent(bench: Workbench, actor: Actor, limit: int = 20) -> tuple[JobView[Any], ...]:
    """What runs and waits, then what ended last."""
    require(actor, Right.MAINTAIN)
    order: ColumnElement[int] = case((Job.state == "running", 0), (Job.state == "waiting", 1), else_=2)
    with bench.db.read() as session:
        rows = session.scalars(select(Job).order_by(order, Job.id.desc()).limit(limit)).all()
    return tuple(view(row) for row in rows)


def ahead(bench: Workbench, job_id: int) -> int:
    """How many jobs a free worker takes before this one."""
    with bench.db.read() as session:
        return len(
            session.scalars(
                select(Job.id).where(or_(Job.state == "waiting", Job.state == "running"), Job.id < job_id)
            ).all()
        )


def over(bench: Workbench, kind: str, params: dict[str, Any]) -> None:
    """A job has ended for good: let its kind clear up what it kept for it."""
    known = KINDS.get(kind)
    given = stored.from_plain(known.params, params) if known else None
    if known is not None and given is not None:
        known.over(bench, given)


def follow(bench: Workbench, job_id: int, *, now: datetime) -> None:
    """When the job is done, ask for the one that its kind says comes then."""
    done = get(bench, SYSTEM, job_id)
    then = KINDS.get(KINDS[done.kind].then) if done.state == "done" and done.kind in KINDS else None
    if then is not None:
        ask(bench, SYSTEM, then, then.params(), now=now, request=f"{then.name} after {job_id}")


def _find(job: Job | None, job_id: int) -> Job:
    if job is None:
        raise NotFound(N_("There is no job {id}."), id=job_id)
    return job


def view(row: Job) -> JobView[Any]:
    """A job on record as people see it."""
    kind = KINDS.get(row.kind)
    state = "stopping" if row.state == "running" and row.cancel_at is not None else row.state
    return JobView(
        row.id, row.kind, state, row.done / row.total if row.total else 0.0, row.words, row.asked_by, row.asked_name,
        row.asked_at, row.started_at, row.ended_at, row.attempts,
        stored.from_plain(kind.result, row.result) if kind else None, stored.error_from_plain(row.error),
        stored.from_plain(kind.params, row.params) if kind else None,
    )  # fmt: skip
