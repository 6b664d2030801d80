"""How far the draws behind a figure are: what was drawn and not reviewed, for whom the figure speaks, and whether the
picks left for later look worse than the others.

An estimate over half a draw holds when the order of work says nothing about the conversations; this says whether it
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import select

from qa.desk.queue import standing
from qa.reports.scope import FactsReader, Scope
from qa.reports.weights import TARGETED
from qa.tables import RubricVersion, Sample
from scoring.estimate import Selection, selective
from scoring.label import Label

_PICKS: Mapping[str, Any] = {
    "sample_id": pl.Int64,
    "agent_id": pl.String,
    "reason": pl.String,
    "risk": pl.Float64,
    "occurred_at": pl.Datetime("us", "UTC"),
}


_COLUMNS = ("sample_id", "agent_id", "reason", "risk")


@dataclass(frozen=True)
class ScopeProgress:
    """`pending` of `drawn` picks of a scope are not decided yet, `missing` of them were certain picks (high risk): what
    they hold is in no figure until they are reviewed. A team's figure speaks for `covered` of `agents` agents.
    `selection` compares the risks of what waits with those of what was reviewed. `rubrics` are the names of the
    scorecards (not their versions) behind the figures."""

    drawn: int
    pending: int
    missing: int
    covered: int
    agents: int
    selection: Selection
    rubrics: tuple[Label, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether violations may have been left for last, as far as anybody can tell."""
        return self.pending > 0 and not self.selection.clear


def read_progress(reader: FactsReader, scope: Scope) -> ScopeProgress:
    """The progress of the draws in a scope. What was drawn is not known by shop and channel: there only what is decided
    counts."""
    decided = reader.rows(scope).select(*_COLUMNS, "rubric_version_id").collect().with_columns(y=pl.lit(1.0))
    rubrics = _names(reader, decided["rubric_version_id"].unique().to_list())
    decided = decided.drop("rubric_version_id")
    waiting = _drawn(reader, scope).join(decided.select("sample_id"), on="sample_id", how="anti")
    if scope.shops or scope.channels:
        waiting = waiting.clear()
    picks = pl.concat([decided, waiting.with_columns(y=pl.lit(None, pl.Float64))], how="vertical_relaxed")
    chance = decided.filter(pl.col("reason") != TARGETED)["agent_id"].n_unique()
    missing = waiting.filter(pl.col("reason") == TARGETED).height
    told = selective(picks.select("agent_id", "y", "risk"), risk="risk")
    return ScopeProgress(picks.height, waiting.height, missing, chance, picks["agent_id"].n_unique(), told, rubrics)


def _names(reader: FactsReader, versions: list[int]) -> tuple[Label, ...]:
    """The rubrics that these are versions of, each by its newest name."""
    newest = select(RubricVersion.rubric_id, RubricVersion.content).where(RubricVersion.id.in_(versions))
    rows = reader.session.execute(newest.order_by(RubricVersion.rubric_id, RubricVersion.version)).all()
    return tuple({rubric: Label.from_dict(content["name"]) for rubric, content in rows}.values())


def _drawn(reader: FactsReader, scope: Scope) -> pl.DataFrame:
    bounds = reader.bounds(scope)
    query = select(Sample.id, Sample.agent_id, Sample.reason, Sample.risk, Sample.occurred_at)
    query = query.where(
        Sample.source == scope.source,
        Sample.withdrawn_at.is_(None),
        Sample.pi.is_not(None),
        Sample.id.not_in(standing.left_out()),
    )
    if bounds[0]:
        query = query.where(Sample.occurred_at >= bounds[0])
    if bounds[1]:
        query = query.where(Sample.occurred_at < bounds[1])
    people = reader.members(scope)
    if people is not None:
        query = query.where(Sample.agent_id.in_(people))
    rows = pl.LazyFrame([tuple(row) for row in reader.session.execute(query)], schema=_PICKS, orient="row")
    rows = reader.with_team(rows, scope) if scope.teams else rows
    return rows.select(*_COLUMNS).collect()
