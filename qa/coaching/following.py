"""What has changed since a note: the same criterion in the reviews before and after, by the estimator.

A note follows a bad result, and after a bad result the next ones are better by chance alone. So the change is judged
twice, with that result and without it, and a word is said only where both agree, beyond what chance explains at 99 %:
of notes that change nothing, at most some three in a hundred ever get one, looked at every week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from qa import scoping
from qa.coaching.threads import CoachingView, get
from qa.policy import SYSTEM, Actor
from qa.reports import Metric, Scope, metrics
from qa.reports.scope import FactsReader
from qa.workbench import Workbench
from scoring import estimate
from scoring.estimate import Estimate

DAYS = 84
"""How long before and after the day of a note reviews count: twelve weeks each."""
LEAST = 5
"""Reviews on each side below which nothing is said."""
NEWEST = 12


@dataclass(frozen=True)
class FollowedResult:
    """A review after the note in which the criterion was scored, and what it cost or the score (points)."""

    verdict_id: int
    occurred_at: datetime
    value: float


@dataclass(frozen=True)
class FollowUp:
    """The metric of one agent before and after a note. `better` says what changed beyond chance; None: cannot tell.
    `over`: the time in which reviews count has passed."""

    metric: Metric
    before: Estimate
    after: Estimate
    difference: Estimate
    better: bool | None
    over: bool
    results: tuple[FollowedResult, ...]


def follow_up(bench: Workbench, actor: Actor, thread_id: int, *, now: datetime) -> FollowUp | None:
    """What has changed since the first note of a thread; None where its criterion is in no rubric any more.

    Raises `NotFound` for threads this reader may not see. A team leader's figures are those of the team's days.
    """
    thread = get(bench, actor, thread_id)
    day = thread.opened_at.astimezone(bench.config.zone).date()
    with FactsReader(bench) as reader:
        wanted = f"cri:{thread.criterion_id}" if thread.criterion_id else metrics.TOTAL.id
        metric = next((one for one in metrics.all_metrics(reader.rubrics()) if one.id == wanted), None)
        if metric is None:
            return None
        scope = Scope(day - timedelta(days=DAYS), day + timedelta(days=DAYS), thread.source)
        columns = ("agent_id", "sample_id", "verdict_id", "occurred_at", "day", "pi", "reason")
        lazy = reader.rows(scope).filter(pl.col("day") != day)
        rows = lazy.select(*columns, y=metrics.column(reader.rubrics(), metric)).collect()
    days = None if actor is SYSTEM or actor.agent_id == thread.agent_id else scoping.days_of(bench, actor)
    if days is not None:
        mine = days.expression(pl.col("agent_id"), pl.col("occurred_at")) | (pl.col("agent_id") != thread.agent_id)
        rows = rows.filter(mine)
    rows = rows.with_columns(after=pl.col("day") > day)
    over = now.astimezone(bench.config.zone).date() > day + timedelta(days=DAYS)
    return _compared(thread, metric, rows, over)


def _compared(thread: CoachingView, metric: Metric, rows: pl.DataFrame, over: bool) -> FollowUp:
    before, after = _sides(rows, metric, thread.agent_id)
    change = estimate.difference(before, after)
    fewer, _ = _sides(rows.filter(pl.col("sample_id") != (thread.sample_id or 0)), metric, thread.agent_id)
    said = {estimate.beyond_chance(change), estimate.beyond_chance(estimate.difference(fewer, after))}
    direction = said.pop() if len(said) == 1 and min(fewer.n, after.n) >= LEAST else 0
    better = (direction < 0) == metric.lower_is_better if direction else None
    since = rows.filter(pl.col("after") & (pl.col("agent_id") == thread.agent_id) & pl.col("y").is_not_null())
    newest = since.sort("occurred_at", "sample_id", descending=True).head(NEWEST)
    results = tuple(
        FollowedResult(verdict, at, value)
        for verdict, at, value in newest.select("verdict_id", "occurred_at", "y").iter_rows()
    )
    return FollowUp(metric, before, after, change, better, over, results)


def _sides(rows: pl.DataFrame, metric: Metric, agent_id: str) -> tuple[Estimate, Estimate]:
    """The agent's means before and after; everybody's spread lends an interval to cells of few reviews."""
    keys = ["agent_id", "after"]
    table = estimate.grouped(rows, keys, ["y"], bounds=metric.bounds).rename({"mean": "value"})
    names = ("value", "low", "high", "n", "method", "se", "df", "reason")
    found = {
        row["after"]: Estimate(**{name: row[name] for name in names})
        for row in table.filter(pl.col("agent_id") == agent_id).iter_rows(named=True)
    }
    none = estimate.refusal("no_reviews")
    return found.get(False, none), found.get(True, none)
