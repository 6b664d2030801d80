"""The estimates of a page once more, with the machine scorer in use: corrected by the reviews of the draws that lie in
the page's days as a whole, whatever those draws leant on; or why there is no such figure.

Nobody sees more agents here than on the page itself. The figures of the page stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from qa.i18n import N_
from qa.policy import Actor
from qa.reports.metrics import REDLINE, TOTAL
from qa.reports.scope import FactsReader, Scope, readable, readable_of
from qa.scorer import reviewed, versions
from qa.scorer.reviewed import CHAT, Judged
from qa.scorer.versions import ScorerView
from qa.workbench import Workbench
from scoring.estimate import Estimate
from scoring.judge import corrected

WHY_NONE: Mapping[str, str] = {
    "metric": N_("it speaks of scores and of the rate of red lines"),
    "source": N_("machine scores are of chats"),
    "filters": N_("frames are not known by shop, channel or past team"),
    "adjusted": N_("it is not corrected for severity"),
    "no_draws": N_("no draw lies in these days as a whole"),
    "few_reviews": N_("too few reviews to weigh it"),
    "no_gain": N_("it brings nothing yet"),
    "dependent": N_("reviewed conversations are scored more or less often than others"),
    "unlike": N_("reviewed conversations have other scores than the rest"),
    "few_of_agent": N_("too few reviews of this agent"),
}
"""Why there is no figure."""


@dataclass(frozen=True)
class BesideFigures:
    """The mean score, or the rate of red lines, without and with the machine scorer `name`, over `draws`; `reason` (of
    `WHY_NONE`) where there is none. `agents`: their corrected means, of those who have one."""

    name: str
    human: Estimate | None = None
    corrected: Estimate | None = None
    draws: int = 0
    reason: str = ""
    agents: Mapping[str, Estimate] = field(default_factory=dict)


def beside(
    bench: Workbench, actor: Actor, *, scope: Scope, agent_id: str | None = None, metric: str = TOTAL.id
) -> BesideFigures | None:
    """The team's mean of a scope with those of its agents, its rate of red lines (`metric`), or one agent's mean; None
    while no machine scorer is in use."""
    scope = readable(actor, scope) if agent_id is None else readable_of(actor, agent_id, scope)
    view = versions.used(bench)
    if view is None:
        return None
    if (reason := _refused(bench, scope, metric, agent_id)) is not None:
        return BesideFigures(view.name, reason=reason)
    read = reviewed.read(bench, view, first=scope.first, last=scope.last)
    if agent_id is None and scope.teams:
        read = _within(bench, read, scope)
    if read.sample.is_empty():
        return BesideFigures(view.name, reason="no_draws")
    if metric == REDLINE.id:
        return _rate(view, read)
    return _team(view, read) if agent_id is None else _agent(view, read, agent_id)


def _refused(bench: Workbench, scope: Scope, metric: str, agent_id: str | None) -> str | None:
    if metric not in (TOTAL.id, REDLINE.id) or (metric == REDLINE.id and agent_id is not None):
        return "metric"
    if scope.source != CHAT:
        return "source"
    if scope.adjusted:
        return "adjusted"
    if scope.shops or scope.channels:
        return "filters"
    with FactsReader(bench) as reader:
        return "filters" if reader.moved(scope, "agent") else None


def _within(bench: Workbench, read: Judged, scope: Scope) -> Judged:
    """Only the agents of the scope's teams; the weight of the scorer comes from everybody's earlier reviews."""
    with FactsReader(bench) as reader:
        members = reader.members(scope) or []
    mine = pl.col("agent_id").is_in(members)
    return replace(read, sample=read.sample.filter(mine), population=read.population.filter(mine))


def _team(view: ScorerView, read: Judged) -> BesideFigures:
    found = corrected.compare(read.sample, read.population, read.history, bounds=TOTAL.bounds)
    if found.reason:
        return BesideFigures(view.name, found.human, None, read.draws, found.reason)
    table = corrected.agents(read.sample, read.population, read.history, bounds=TOTAL.bounds)[1]
    own = {row["agent_id"]: _estimate(row) for row in table.drop_nulls(["low", "high"]).to_dicts()}
    return BesideFigures(view.name, found.human, found.corrected, read.draws, agents=own)


def _rate(view: ScorerView, read: Judged) -> BesideFigures:
    told = reviewed.with_chances(read)
    if told is None:
        return BesideFigures(view.name, reason="few_reviews", draws=read.draws)
    found = corrected.compare_rate(told.sample, told.population, told.history)
    better = None if found.reason else found.corrected
    return BesideFigures(view.name, found.human, better, read.draws, found.reason)


def _agent(view: ScorerView, read: Judged, agent_id: str) -> BesideFigures:
    whole = corrected.compare(read.sample, read.population, read.history, bounds=TOTAL.bounds)
    if whole.reason:
        return BesideFigures(view.name, reason=whole.reason, draws=read.draws)
    tables = corrected.agents(read.sample, read.population, read.history, bounds=TOTAL.bounds)
    rows = [table.filter(pl.col("agent_id") == agent_id).to_dicts() for table in tables]
    if not all(rows) or rows[1][0]["value"] is None:
        return BesideFigures(view.name, reason="few_of_agent", draws=read.draws)
    human, better = (_estimate(one[0]) for one in rows)
    return BesideFigures(view.name, human, better, read.draws)


def _estimate(row: Mapping[str, object]) -> Estimate:
    known = {name: row[name] for name in ("value", "low", "high", "n", "method") if name in row}
    return Estimate(**known)  # type: ignore[arg-type]
