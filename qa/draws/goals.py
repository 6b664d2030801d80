"""A goal meeting one period: how many chats of every agent it takes in this draw, from what is known before it.

The span of a goal is the calendar month in which the period ends. What earlier draws of the month already tell is
counted by how they were drawn; what is still to be told is dealt over the days that are left. Reads past results, never
those of the period. The mathematics is `scoring.draw.precision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.calibration.severities import QUARTER
from qa.draws.evidence import PeriodEvidence
from qa.draws.frames import Period
from qa.tables import Draw
from scoring.draw import Goal, ResidualModel, precision


@dataclass(frozen=True)
class GoalOutlook:
    """What a goal takes: `reviews` random chats in this draw, `weekly` of them a week, between `low` and `high` of an
    agent and `middle` of a typical one, to reach it `until` a day. Of `complete` agents everything is reviewed, and it
    may not be enough."""

    goal: Goal
    until: date
    reviews: int
    weekly: float
    low: int
    middle: float
    high: int
    complete: int


def month_of(period: Period) -> Period:
    """The days a goal speaks of: from the first of the month in which the period ends, or the period's own first day,
    to the end of that month."""
    first = period.last.replace(day=1)
    end = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Period(min(first, period.first), end)


def wanted(
    session: Session, goal: Goal, units: pl.DataFrame, past: pl.DataFrame, found: PeriodEvidence, period: Period
) -> tuple[tuple[str, int], ...]:
    """Random reviews of every agent's chats for this draw. `units`: the chats (agent_id, p); `past`: reviews before the
    period (`evidence.reviews`)."""
    if units.is_empty():
        return ()
    residual = ResidualModel() if found.residual is None else ResidualModel(*found.residual)
    span = month_of(period)
    agents = precision.spreads(units, residual)
    recent = past.filter((pl.col("source") == "chat") & (pl.col("day") >= period.first - QUARTER))
    lam = found.lam if not recent["f"].null_count() else 0.0
    if recent.height:
        agents = agents.join(precision.factors(recent, residual, lam), on="agent_id", how="left")
        agents = agents.with_columns(pl.col("factor").fill_null(1.0))
    agents = agents.join(_earlier(session, span.first, period.first, residual), on="agent_id", how="left")
    agents = agents.with_columns(pl.col("done", "done_units", "done_noise").fill_null(0.0)).sort("agent_id")
    share = period.days / ((span.last - period.first).days + 1)
    told = precision.needed(goal, agents, share=min(share, 1.0))
    return tuple(told.select("agent_id", "now").iter_rows())


def _earlier(session: Session, first: date, before: date, residual: ResidualModel) -> pl.DataFrame:
    """What draws of the days from `first` to the one before `before` drew of every agent's chats."""
    query = select(Draw.receipt["frame_summary"]).where(Draw.period_from >= first, Draw.period_to < before)
    parts = []
    for (summary,) in session.execute(query):
        rows = [_told(row, residual) for row in summary or () if row["source"] == "chat" and row.get("drawn")]
        if rows:
            parts.append(pl.DataFrame(rows, schema_overrides={"agent_id": pl.String}))
    return precision.totals_of(parts)


def _told(row: Mapping[str, Any], residual: ResidualModel) -> dict[str, Any]:
    by_p = row.get("spread_p")
    noise = residual.a * row["spread"] + residual.b * (0.03 * 0.97 * row["spread"] if by_p is None else by_p)
    return {
        "agent_id": row["agent_id"],
        "done": float(row["drawn"]),
        "done_units": float(row["units"]),
        "done_noise": float(noise),
    }


def outlook(goal: Goal, dealt: tuple[tuple[str, int], ...], frame: Mapping[str, int], period: Period) -> GoalOutlook:
    """The counts of a draw in words' order; `frame` holds every agent's chats."""
    counts = sorted(reviews for _, reviews in dealt) or [0]
    middle = len(counts) // 2
    return GoalOutlook(
        goal=goal,
        until=month_of(period).last,
        reviews=sum(counts),
        weekly=sum(counts) * 7 / period.days,
        low=counts[0],
        middle=counts[middle] if len(counts) % 2 else (counts[middle - 1] + counts[middle]) / 2,
        high=counts[-1],
        complete=sum(reviews >= frame.get(agent, 0) for agent, reviews in dealt),
    )
