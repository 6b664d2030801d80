"""Where an inspector stands: the day's progress, what was skipped and waits for a replacement, skips beside
submissions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, case, exists, func, literal, or_, select

from qa.desk.leases import FREE, ME, who
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Inspection, Sample, User
from qa.workbench import Workbench

LEFT_OUT = "left_out"
"""How a place ends that no estimate needs any more: the goal of its draw is met (`qa.draws.stopping`)."""
COUNTED = 1_000
"""The common queue is counted up to here: nobody needs to know more, and a million places cost no more than these."""


def left_out() -> Select[int]:
    """Samples that were left out because the goal of their draw is met."""
    return select(Assignment.sample_id).where(Assignment.kind == "primary", Assignment.finished_as == LEFT_OUT)


@dataclass(frozen=True)
class Progress:
    """Where one inspector stands. `done` and `open` count their own places, `common` what anybody may take, `COUNTED`
    at most."""

    done_today: int
    skipped_today: int
    done: int
    open: int
    common: int
    median_seconds_today: int | None


@dataclass(frozen=True)
class Skipped:
    """A sample whose first inspection was skipped and that waits for the next rank to stand in."""

    sample_id: int
    draw_id: int
    unit_id: str
    agent_id: str
    reason: str
    inspector: str
    at: datetime


@dataclass(frozen=True)
class SkipCount:
    """How often an inspector skipped, beside how often they submitted."""

    user_id: int
    name: str
    skipped: int
    submitted: int


def progress(bench: Workbench, actor: Actor, *, now: datetime) -> Progress:
    """The day (of the business time zone) and the queue of one inspector."""
    require(actor, Right.INSPECT)
    filled = {**who(actor, now), "start": day_start(bench, now)}
    with bench.db.read() as session:
        today = session.scalars(_TODAY, filled).all()
        counts = session.execute(_COUNTS, filled).one()
    seconds = sorted(s for s in today if s is not None)
    middle = seconds[len(seconds) // 2] if seconds else None
    return Progress(len(today), counts.skipped, counts.done, counts.mine, counts.common, middle)


_TODAY = select(Inspection.active_seconds).where(
    Inspection.inspector_id == ME, Inspection.undone_at.is_(None), Inspection.submitted_at >= bindparam("start")
)


def _counts() -> Select[Any]:
    """The four counts in one statement."""
    count = select(func.count()).select_from(Assignment)
    finished = count.where(Assignment.inspector_id == ME)
    waiting = (Assignment.finished_at.is_(None), Sample.withdrawn_at.is_(None))
    mine = count.join(Sample).where(*waiting, or_(Assignment.inspector_id == ME, Assignment.lease_by == ME))
    elsewhere = or_(Assignment.lease_by.is_(None), Assignment.lease_by != ME)  # what I hold is counted as mine
    common = (
        select(literal(1))
        .select_from(Assignment)
        .join(Sample)
        .where(*waiting, Assignment.inspector_id.is_(None), FREE, elsewhere)
    )
    return select(
        finished.where(Assignment.finished_as == "skipped", Assignment.finished_at >= bindparam("start"))
        .scalar_subquery()
        .label("skipped"),
        finished.where(Assignment.finished_as == "submitted").scalar_subquery().label("done"),
        mine.scalar_subquery().label("mine"),
        select(func.count()).select_from(common.limit(COUNTED).subquery()).scalar_subquery().label("common"),
    )


_COUNTS = _counts()


def day_start(bench: Workbench, now: datetime) -> datetime:
    """The last midnight of the business time zone."""
    local = now.astimezone(bench.config.zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def needs_replacement(bench: Workbench, actor: Actor, *, draw_id: int | None = None) -> tuple[Skipped, ...]:
    """Samples whose first inspection was skipped and that nobody has replaced yet, oldest first."""
    require(actor, Right.PLAN_DRAW)
    inspected = exists().where(Inspection.sample_id == Sample.id, Inspection.undone_at.is_(None))
    query = (
        select(
            Sample.id,
            Sample.draw_id,
            Sample.unit_id,
            Sample.agent_id,
            Assignment.skip_reason,
            User.display_name,
            Assignment.finished_at,
        )
        .join(Assignment, Assignment.sample_id == Sample.id)
        .join(User, User.id == Assignment.inspector_id, isouter=True)
        .where(
            Assignment.kind == "primary",
            Assignment.finished_as == "skipped",
            Sample.withdrawn_at.is_(None),
            Sample.draw_id.is_not(None),
            ~inspected,
            *([Sample.draw_id == draw_id] if draw_id is not None else []),
        )
        .order_by(Assignment.finished_at, Sample.id)
    )
    with bench.db.read() as session:
        return tuple(
            Skipped(sample, draw, unit, agent, reason or "", name or "", at)
            for sample, draw, unit, agent, reason, name, at in session.execute(query)
            if at is not None and draw is not None
        )


def skip_counts(bench: Workbench, actor: Actor, *, now: datetime, days: int = 30) -> tuple[SkipCount, ...]:
    """Skips beside submissions per inspector over the last days, most skips first: information, not a verdict."""
    require(actor, Right.CALIBRATE)
    done = func.sum(case((Assignment.finished_as == "submitted", 1), else_=0))
    skipped = func.sum(case((Assignment.finished_as == "skipped", 1), else_=0))
    query = (
        select(User.id, User.display_name, skipped, done)
        .join(Assignment, Assignment.inspector_id == User.id)
        .where(Assignment.finished_at >= now - timedelta(days=days))
        .group_by(User.id, User.display_name)
        .order_by(skipped.desc(), User.id)
    )
    with bench.db.read() as session:
        return tuple(SkipCount(user, name, int(n or 0), int(m or 0)) for user, name, n, m in session.execute(query))
