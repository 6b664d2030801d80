"""Every agent's score over a period with its interval, and what may be said about who is better or worse.

Uses the difference estimator where whole draws are looked at (their receipts hold what it needs of the frame) and the
weighted mean elsewhere. A ranked list is never produced; statements are those of `scoring.ranking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from qa.policy import Actor
from qa.reports import adjusting
from qa.reports.adjusting import Adjustment
from qa.reports.metrics import TOTAL
from qa.reports.predictions import populations, possible, scores, whole
from qa.reports.progress import ScopeProgress, read_progress
from qa.reports.scope import FactsReader, Scope, names_of, readable
from qa.workbench import Workbench
from scoring import estimate
from scoring import ranking as scoring_ranking
from scoring.estimate import VERSION, Estimate


@dataclass(frozen=True)
class Standings:
    """Agents' scores in points. `agents`: the columns of `scoring.estimate.agents` with name and team; `team` is the
    estimate over everybody in the scope; `progress` says what of it is drawn but not yet decided."""

    scope: Scope
    agents: pl.DataFrame
    team: Estimate
    progress: ScopeProgress
    sample: pl.DataFrame
    adjustment: Adjustment | None = None
    """What became of the wish for severity-adjusted scores; None when nobody asked."""

    @property
    def pending(self) -> int:
        """Samples that are drawn but not yet decided."""
        return self.progress.pending

    @property
    def predicted(self) -> bool:
        """Whether predictions of all units went into the estimates (the difference estimator)."""
        return self.team.lam > 0


@dataclass(frozen=True)
class Scores:
    """What standings say without how far the draws are: `agents`, `team`, `sample` and `adjustment` of `Standings`."""

    agents: pl.DataFrame
    team: Estimate
    sample: pl.DataFrame
    adjustment: Adjustment | None = None

    @property
    def predicted(self) -> bool:
        """Whether predictions of all units went into the estimates (the difference estimator)."""
        return self.team.lam > 0


def standings(bench: Workbench, actor: Actor, *, scope: Scope, estimator: str = VERSION) -> Standings:
    """Estimate every agent's mean score, by the estimator of today or an earlier one."""
    scope = readable(actor, scope)
    with FactsReader(bench, estimator, scope) as reader:
        return read_standings(reader, scope)


def read_standings(reader: FactsReader, scope: Scope) -> Standings:
    """The same inside a report that has authorised already."""
    found = read_scores(reader, scope)
    return Standings(scope, found.agents, found.team, read_progress(reader, scope), found.sample, found.adjustment)


def read_scores(reader: FactsReader, scope: Scope) -> Scores:
    """The same without the progress of the draws."""
    looked = _sampled(reader, scope)
    table = estimate.agents(looked.sample, looked.population, **looked.settings)
    bounds = TOTAL.bounds
    agents = (
        table.with_columns(pl.col("agent_id").cast(pl.String), pl.col("value").cast(pl.Float64).clip(*bounds))
        .join(reader.roster.select("agent_id", "team"), on="agent_id", how="left")
        .with_columns(name=pl.col("agent_id").replace(dict(names_of(reader))))
        .filter(pl.col("n") > 0)
    )
    return Scores(agents, looked.team(), looked.sample, looked.adjustment)


def read_team(reader: FactsReader, scope: Scope) -> Estimate:
    """The estimate over everybody in the scope alone."""
    return _sampled(reader, scope).team()


@dataclass(frozen=True)
class _Sampled:
    """The reviews of a scope as the estimators take them."""

    sample: pl.DataFrame
    population: pl.DataFrame | None
    settings: Mapping[str, Any]
    adjustment: Adjustment | None

    def team(self) -> Estimate:
        return estimate.team(self.sample, self.population, **self.settings)


def _sampled(reader: FactsReader, scope: Scope) -> _Sampled:
    sample = (
        reader.rows(scope)
        .select(
            "agent_id",
            "pi",
            "reason",
            "draw_id",
            "redline",
            "inspector_id",
            "occurred_at",
            "f",
            "expected",
            "expected_plain",
            "learnt",
            y=pl.col("total") / 100,
            p="risk",
        )
        .collect()
    )
    adjusted = adjusting.adjustment(reader, scope, sample) if scope.adjusted else None
    severities = None if adjusted is None else adjusted.severities
    sample = sample.with_columns(inspector_id=adjusting.inspector(sample["inspector_id"]))
    population = _population(reader, scope, sample)
    if population is None:
        sample = sample.with_columns(expected="expected_plain").drop("f")
    if reader.first:
        sample = sample.drop("expected")
    # f comes weighted by the λ that each draw froze; where none gave it any weight, the reviews speak alone
    lam = 1.0 if population is not None and (sample["f"] > 0).any() else 0.0
    settings = {"bounds": TOTAL.bounds, "severities": severities, "lam": lam}
    return _Sampled(sample, population, settings, adjusted)


def _population(reader: FactsReader, scope: Scope, sample: pl.DataFrame) -> pl.DataFrame | None:
    """Totals of the frames behind the sample; None when part of a draw lies outside the scope, for then the predictions
    of what was not drawn are not known apart."""
    if not possible(scope, "agent") or reader.moved(scope, "agent") or sample["f"].null_count() or sample.is_empty():
        return None
    numbers = sample["draw_id"].unique()
    frame = whole(scores(populations(reader, scope.source, numbers.to_list())), scope)
    if frame["draw_id"].n_unique() != len(numbers):
        return None
    reviewed = sample["agent_id"].unique()
    frame = (
        frame.drop("draw_id", "first", "last")
        .group_by("agent_id")
        .agg(pl.when(pl.all().null_count() == 0).then(pl.all().sum()))
        .filter(pl.col("agent_id").is_in(reviewed.implode()))
    )
    return frame if frame.height == reviewed.len() else None


@dataclass(frozen=True)
class Ranking:
    """What may be said about agents compared with each other; sorted by name within statement, never by score."""

    standings: Standings
    statements: pl.DataFrame
    """agent_id, name, team, n, value, low, high, method, statement, q, rank_low, rank_high"""
    bottom: int
    least: int
    """Reviews an agent needs before anything is said."""

    @property
    def unclear(self) -> int:
        """Agents of whom nothing can be said."""
        return self.statements.filter(pl.col("statement").is_in(["not_distinguishable", "too_few_reviews"])).height


def ranking(bench: Workbench, actor: Actor, *, scope: Scope, bottom: int = 3) -> Ranking:
    """Compare agents: below the team's mean, in the bottom `bottom`, or not distinguishable."""
    scope = readable(actor, scope)
    with FactsReader(bench) as reader:
        found = read_standings(reader, scope)
    said = scoring_ranking.standings(found.agents, found.team, bottom=bottom) if found.agents.height else ()
    table = pl.DataFrame(
        [(s.agent_id, s.statement, s.q, s.rank_low, s.rank_high) for s in said],
        schema={
            "agent_id": pl.String,
            "statement": pl.String,
            "q": pl.Float64,
            "rank_low": pl.Int64,
            "rank_high": pl.Int64,
        },
        orient="row",
    )
    order = pl.col("statement").replace_strict({"bottom_k": 0, "below_team": 1, "not_distinguishable": 2}, default=3)
    statements = (
        found.agents.select("agent_id", "name", "team", "n", "value", "low", "high", "method")
        .join(table, on="agent_id")
        .sort(order, "name", "agent_id")
    )
    return Ranking(found, statements, bottom, scoring_ranking.LEAST_REVIEWS)
