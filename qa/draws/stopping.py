"""A draw that ends early: where the plan's goal is met, the rest of an agent's samples is left out of the queue.

Whether it is met is decided for every agent by the reviews of the others, never by the agent's own
(`scoring.draw.precision`), so that it says nothing about their score: the estimates count the rest as drawn and not
reviewed, in an order that was left to chance. Red-line picks of the certainty pool are always reviewed. Nothing that
somebody has begun is taken away, and what was left out can be put back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Select, exists, or_, select, update
from sqlalchemy.orm import Session

from qa.desk.queue.standing import LEFT_OUT
from qa.draws.frames import Period
from qa.draws.goals import month_of
from qa.draws.record import parse
from qa.errors import NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Draft, Draw, Inspection, Sample, Verdict
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench
from scoring.draw import Enough, Goal, ResidualModel, precision

_PICKS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "sample_id": pl.Int64,
    "agent_id": pl.String,
    "pi": pl.Float64,
    "p": pl.Float64,
    "f": pl.Float64,
    "y": pl.Float64,
}
_SUMMARY = ("agent_id", "units", "spread", "spread_p", "random", "p_var")


@dataclass(frozen=True)
class Stopping:
    """How far a draw with a goal is: `agents` one by one, `places` open places in the queue that no estimate needs any
    more, `left_out` samples that were left out so far."""

    goal: Goal
    agents: tuple[Enough, ...]
    places: int
    left_out: int

    @property
    def met(self) -> int:
        """Agents whose reviews suffice."""
        return sum(one.met for one in self.agents)


def stopping(bench: Workbench, actor: Actor, *, draw_id: int, now: datetime) -> Stopping | None:
    """How far a draw is on the way to its goal; None for draws without one. Writes nothing."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        draw = session.get(Draw, draw_id)
        if draw is None:
            raise NotFound(N_("There is no draw {draw}."), draw=draw_id)
        told = _agents(session, draw)
        if told is None:
            return None
        goal, agents, _ = told
        places = len(session.scalars(_open(draw_id, agents, now)).all())
        gone = select(Assignment.id).join(Sample).where(Sample.draw_id == draw_id, Assignment.kind == "primary")
        left = len(session.scalars(gone.where(Assignment.finished_as == LEFT_OUT)).all())
        return Stopping(goal, agents, places, left)


def leave_out(bench: Workbench, actor: Actor, *, now: datetime, draw_id: int) -> int:
    """Take what is not needed any more out of the queue; returns the places. Doing it again does what has become
    possible since."""
    require(actor, Right.PLAN_DRAW)
    with bench.begin(actor, now) as work:
        draw = work.session.get(Draw, draw_id)
        if draw is None:
            raise NotFound(N_("There is no draw {draw}."), draw=draw_id)
        return _leave_out(work, draw)


def put_back(bench: Workbench, actor: Actor, *, now: datetime, draw_id: int) -> int:
    """Put what was left out back into the queue; returns the places."""
    require(actor, Right.PLAN_DRAW)
    with bench.begin(actor, now) as work:
        samples = select(Sample.id).where(Sample.draw_id == draw_id, Sample.withdrawn_at.is_(None))
        places = work.session.scalars(
            select(Assignment.id)
            .where(Assignment.sample_id.in_(samples), Assignment.finished_as == LEFT_OUT)
            .order_by(Assignment.id)
            .with_for_update()
        ).all()
        if places:
            _end(work.session, places, None, None)
            work.record("draw.put_back", "draw", draw_id, places=len(places))
        return len(places)


def sweep(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """Look at every draw that has a goal and work in the queue; what the worker does from time to time."""
    require(actor, Right.PLAN_DRAW)
    waiting = (
        select(Sample.draw_id)
        .join(Assignment, Assignment.sample_id == Sample.id)
        .where(Assignment.finished_at.is_(None), Assignment.kind == "primary")
    )
    asked = Draw.receipt["plan"]["design"]["goal"]["points"].as_float().is_not(None)
    with bench.db.read() as session:
        numbers = session.scalars(select(Draw.id).where(Draw.id.in_(waiting), asked).order_by(Draw.id)).all()
    return sum(leave_out(bench, actor, now=now, draw_id=number) for number in numbers)


def _leave_out(work: UnitOfWork, draw: Draw) -> int:
    told = _agents(work.session, draw)
    if told is None:
        return 0
    _, agents, spread = told
    places = work.session.scalars(_open(draw.id, agents, work.now).with_for_update(of=Assignment)).all()
    if places:
        _end(work.session, places, work.now, LEFT_OUT)
        done = {one.agent_id: [one.reviewed, one.needed, one.drawn] for one in agents if one.met and one.spare}
        work.record("draw.left_out", "draw", draw.id, places=len(places), agents=done, spread=round(spread, 3))
    return len(places)


def _agents(session: Session, draw: Draw) -> tuple[Goal, tuple[Enough, ...], float] | None:
    """The goal, how far every agent is, and the spread that the reviews show beside what was expected (middle)."""
    _, resolved = parse(draw.receipt)
    goal = resolved.design.goal
    if goal is None or not resolved.wanted:
        return None
    residual = ResidualModel() if resolved.residual is None else ResidualModel(*resolved.residual)
    summary = [
        {name: row.get(name) for name in _SUMMARY}
        for row in draw.receipt["frame_summary"]
        if row["source"] == "chat" and row.get("spread") is not None
    ]
    kinds = {"agent_id": pl.String, "units": pl.Int64, **dict.fromkeys(_SUMMARY[2:], pl.Float64)}
    agents = precision.enough(
        _picks(session, draw.id),
        pl.DataFrame(summary, schema=kinds),
        residual,
        resolved.lam or 0.0,
        least=_least(goal, resolved.period),
    )
    middle = sorted(one.spread for one in agents)
    return goal, agents, middle[len(middle) // 2] if middle else 1.0


def _least(goal: Goal, period: Period) -> int:
    """This draw's part of the reviews below which nothing is said of an agent."""
    month = month_of(period)
    return max(math.ceil(goal.least * min(period.days / month.days, 1.0)), precision.LEAST)


def _picks(session: Session, draw_id: int) -> pl.DataFrame:
    """The random picks of the draw's chats, those reviewed with their score."""
    query = (
        select(Sample.id, Sample.agent_id, Sample.pi, Sample.risk, Sample.prediction, Verdict.total)
        .outerjoin(Verdict, (Verdict.sample_id == Sample.id) & Verdict.is_current & (Verdict.kind != "withdrawn"))
        .where(Sample.draw_id == draw_id, Sample.source == "chat", Sample.withdrawn_at.is_(None))
        .where(Sample.reason != "certainty", Sample.pi < 1)
        .order_by(Sample.id)
    )
    rows: list[tuple[Any, ...]] = [
        (sample, agent, pi, risk, None if loss is None else 100 - loss / 100, None if total is None else total / 100)
        for sample, agent, pi, risk, loss, total in session.execute(query)
    ]
    return pl.DataFrame(rows, schema=_PICKS, orient="row")


def _open(draw_id: int, agents: tuple[Enough, ...], now: datetime) -> Select[int]:
    """Places of random picks that nobody has begun, of the agents whose reviews suffice."""
    people = [one.agent_id for one in agents if one.met and one.spare]
    begun = or_(
        exists().where(Draft.assignment_id == Assignment.id),
        exists().where(Inspection.sample_id == Sample.id, Inspection.undone_at.is_(None)),
    )
    return (
        select(Assignment.id)
        .join(Sample, Sample.id == Assignment.sample_id)
        .where(Sample.draw_id == draw_id, Sample.source == "chat", Sample.reason != "certainty", Sample.pi < 1)
        .where(Sample.withdrawn_at.is_(None), Sample.agent_id.in_(people))
        .where(Assignment.kind.in_(("primary", "double")), Assignment.finished_at.is_(None))
        .where(or_(Assignment.lease_by.is_(None), Assignment.lease_until < now), ~begun)
        .order_by(Assignment.id)
    )


def _end(session: Session, places: Any, at: datetime | None, how: str | None) -> None:
    values = {"finished_at": at, "finished_as": how, "version": Assignment.version + 1}
    for start in range(0, len(places), 500):
        part = list(places[start : start + 500])
        session.execute(
            update(Assignment).where(Assignment.id.in_(part)).values(**values, lease_by=None, lease_until=None)
        )
