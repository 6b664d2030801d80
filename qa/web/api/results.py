"""Results for programs: single verdicts with their inclusion probability, and estimates that never travel without their
interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from qa import reports
from qa.reports import Scope, exporting
from qa.scorer import beside
from qa.web.api.calls import SIZE, Call, Instant, business_day, cursor_of, place_of
from qa.web.api.kept import kept
from scoring.estimate import Estimate


@dataclass(frozen=True)
class ScopeParams:
    """Which verdicts count: `source` chat, dispute or rating; days of the business time zone, both included."""

    source: str = "chat"
    first: str = ""
    last: str = ""
    team: str = ""
    shop: str = ""
    channel: str = ""
    agent: str = ""

    def scope(self) -> Scope:
        """The scope of a report."""
        return Scope(
            business_day(self.first, "first"), business_day(self.last, "last"), self.source, _one(self.team),
            _one(self.shop), _one(self.channel), _one(self.agent),
        )  # fmt: skip


@dataclass(frozen=True)
class VerdictParams(ScopeParams):
    """The same, page by page."""

    cursor: str = ""
    limit: int = SIZE


@dataclass(frozen=True)
class TrendParams(ScopeParams):
    """The same, of one figure (`total`, `clean`, `redline`, `dim:…`, `cri:…`) `by` all, team, shop, channel or agent,
    for each week or month."""

    metric: str = "total"
    by: str = "all"
    bucket: str = "week"


@dataclass(frozen=True)
class ApiVerdict:
    """One current verdict. `pi` is the chance with which the sample was drawn: no mean of verdicts is valid without
    weighting each by 1/pi. `total` in points."""

    verdict_id: int
    sample_id: int
    draw_id: int | None
    unit_id: str
    source: str
    agent_id: str
    team: str | None
    reason: str
    pi: float
    weight: float
    total: float
    total_without_redlines: float
    redline: bool
    occurred_at: Instant | None
    decided_at: Instant


@dataclass(frozen=True)
class VerdictsAnswer:
    """A page of verdicts in the order of their samples; `next` is the cursor of the page after."""

    items: list[ApiVerdict]
    next: str | None


@dataclass(frozen=True)
class ApiEstimate:
    """A figure with its interval at `level`. Without an honest interval `low` and `high` are null and `reason` says
    why; then `value` is not to be shown as if it were known."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    level: float
    method: str
    reason: str


@dataclass(frozen=True)
class AgentEstimate:
    """One agent's mean score in points."""

    agent_id: str
    name: str
    team: str | None
    score: ApiEstimate


@dataclass(frozen=True)
class AgentsAnswer:
    """Everybody of the scope, and the mean over all of them. `pending`: samples drawn and not yet decided."""

    team: ApiEstimate
    items: list[AgentEstimate]
    pending: int
    estimator: str


@dataclass(frozen=True)
class CorrectedAgent:
    """One agent's mean score with the machine scorer, in points."""

    agent_id: str
    score: ApiEstimate


@dataclass(frozen=True)
class CorrectedAnswer:
    """Figures corrected with the machine scorer in use, over the `draws` that lie in the days as a whole. `human` rests
    on the reviews alone. Where there is no `corrected` one `reason` says why: no_scorer, metric, source, filters,
    adjusted, no_draws, few_reviews, no_gain, dependent, unlike. Agents of whom nothing can be said are left out."""

    scorer: str
    metric: str
    draws: int
    human: ApiEstimate | None
    corrected: ApiEstimate | None
    reason: str
    items: list[CorrectedAgent]


@dataclass(frozen=True)
class CorrectedParams(ScopeParams):
    """The same, of the `metric` total (points) or redline (rate)."""

    metric: str = "total"


@dataclass(frozen=True)
class PeriodEstimate:
    """One group in one week or month (its first day)."""

    group: str
    name: str
    period: date
    estimate: ApiEstimate


@dataclass(frozen=True)
class TrendAnswer:
    """The periods of each group, in the unit of the metric: points, percent, loss or rate."""

    metric: str
    unit: str
    by: str
    bucket: str
    items: list[PeriodEstimate]
    pending: int
    estimator: str


def verdicts(call: Call[VerdictParams]) -> VerdictsAnswer:
    """A page of verdicts."""
    params = call.params
    frame = exporting.verdict_page(
        call.bench, call.actor, scope=params.scope(), after=place_of(params.cursor) or 0, limit=params.limit + 1
    )
    rows = frame.head(params.limit).rows(named=True)
    after = int(rows[-1]["sample_id"]) if frame.height > params.limit else None
    return VerdictsAnswer([_verdict(row) for row in rows], cursor_of(after))


def agents(call: Call[ScopeParams]) -> AgentsAnswer:
    """Every agent's mean score."""
    return kept(call, _agents)


def _agents(call: Call[ScopeParams]) -> AgentsAnswer:
    found = reports.standings(call.bench, call.actor, scope=call.params.scope())
    items = [
        AgentEstimate(row["agent_id"], row["name"], row["team"] or None, _of_row(row))
        for row in found.agents.sort("agent_id").rows(named=True)
    ]
    return AgentsAnswer(_estimate(found.team), items, found.pending, found.team.version)


def corrected(call: Call[CorrectedParams]) -> CorrectedAnswer:
    """The mean score, or the rate of red lines, corrected with the machine scorer in use."""
    return kept(call, _corrected)


def _corrected(call: Call[CorrectedParams]) -> CorrectedAnswer:
    params = call.params
    found = beside.beside(call.bench, call.actor, scope=params.scope(), metric=params.metric)
    if found is None:
        return CorrectedAnswer("", params.metric, 0, None, None, "no_scorer", [])
    human, better = (None if one is None else _estimate(one) for one in (found.human, found.corrected))
    items = [CorrectedAgent(agent, _estimate(one)) for agent, one in sorted(found.agents.items())]
    return CorrectedAnswer(found.name, params.metric, found.draws, human, better, found.reason, items)


def trend(call: Call[TrendParams]) -> TrendAnswer:
    """A figure over time."""
    return kept(call, _trend)


def _trend(call: Call[TrendParams]) -> TrendAnswer:
    params = call.params
    found = reports.trend(
        call.bench, call.actor, scope=params.scope(), metric=params.metric, by=params.by, bucket=params.bucket
    )
    items = [
        PeriodEstimate(row["group"], row["name"], row["period"], _of_row(row)) for row in found.frame.rows(named=True)
    ]
    return TrendAnswer(
        found.metric.id, found.metric.unit, found.by, found.bucket, items, found.pending, found.estimator
    )


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _verdict(row: dict[str, Any]) -> ApiVerdict:
    return ApiVerdict(
        row["verdict_id"], row["sample_id"], row["draw_id"], row["unit_id"], row["source"], row["agent_id"],
        row["team"] or None, row["reason"], row["pi"], 1 / row["pi"], row["total"] / 100,
        row["total_without_redlines"] / 100, row["redline"], row["occurred_at"], row["decided_at"],
    )  # fmt: skip


def _estimate(found: Estimate) -> ApiEstimate:
    return ApiEstimate(found.value, found.low, found.high, found.n, found.level, found.method, found.reason)


def _of_row(row: dict[str, Any]) -> ApiEstimate:
    value = row["mean"] if "mean" in row else row["value"]
    return ApiEstimate(value, row["low"], row["high"], row["n"], row.get("level", 0.95), row["method"], row["reason"])
