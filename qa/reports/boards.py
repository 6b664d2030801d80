"""Where points go: agents against criteria, the few criteria that cost most, and what is lost without agents' fault.

All figures weight by 1/π. Deductions owned by policy, warehouse, system or customer never touch an agent's score; they
are gathered here for the departments that can mend them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import polars as pl

from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.reports.scope import Item, Reader, Scope, names_of
from qa.workbench import Workbench
from scoring import estimate

OWNERS: Mapping[str, str] = {
    "agent": N_("Agent"), "policy": N_("Policy"), "warehouse": N_("Warehouse"), "system": N_("System"),
    "customer": N_("Customer"),
}


@dataclass(frozen=True)
class HeatMap:
    """Mean points lost per review by agent and criterion. `frame`: agent_id, name, criterion, n, value, low, high."""

    criteria: tuple[Item, ...]
    frame: pl.DataFrame


@dataclass(frozen=True)
class LossBoard:
    """Lost points by what they were lost for. `frame`: kind, id, owner, occurrences, n, value (mean points lost per
    review), low, high, share (of all lost points), cumulative; most costly first."""

    frame: pl.DataFrame
    reviews: int


def heat_map(bench: Workbench, actor: Actor, *, scope: Scope) -> HeatMap:
    """Every agent against every criterion."""
    require(actor, Right.VIEW_RESULTS)
    with Reader(bench) as reader:
        rubrics = reader.rubrics()
        items = rubrics.criteria
        rows = reader.rows(scope).select(
            "agent_id", "pi", *(rubrics.criterion_column(item.id).alias(item.id) for item in items)
        )
        names = dict(names_of(reader))
    if not items:
        return HeatMap((), pl.DataFrame(schema={"agent_id": pl.String, "name": pl.String, "criterion": pl.String, "n": pl.Int64,
                                                "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}))
    table = estimate.grouped(rows, ["agent_id"], [item.id for item in items])
    frame = table.filter(pl.col("n") > 0).select(
        "agent_id", pl.col("agent_id").replace(names).alias("name"), pl.col("measure").alias("criterion"), "n",
        pl.col("mean").alias("value"), "low", "high",
    )
    used = set(frame.filter(pl.col("value") > 0)["criterion"])
    return HeatMap(tuple(item for item in items if item.id in used), frame.filter(pl.col("criterion").is_in(list(used))))


def losses(bench: Workbench, actor: Actor, *, scope: Scope, owners: str = "agent") -> LossBoard:
    """Pareto of lost points: `owners` 'agent' for what agents own (red lines included), 'process' for everybody else."""
    require(actor, Right.VIEW_RESULTS)
    with Reader(bench) as reader:
        return read_losses(reader, scope, owners)


def read_losses(reader: Reader, scope: Scope, owners: str, *, limit: int = 40) -> LossBoard:
    """The same inside a report that has authorised already."""
    rows = reader.rows(scope).select("sample_id", "agent_id", "pi", "losses").collect()
    wanted = pl.col("owner") == "agent" if owners == "agent" else pl.col("owner") != "agent"
    lines = (
        rows.select("sample_id", "losses")
        .explode("losses")
        .drop_nulls("losses")
        .unnest("losses")
        .filter(wanted & (pl.col("points") > 0))
    )
    per_sample = lines.group_by("kind", "id", "owner", "sample_id").agg(y=pl.col("points").sum() / 100)
    out = []
    for key, part in per_sample.group_by("kind", "id", "owner", maintain_order=False):
        joined = rows.select("sample_id", "agent_id", "pi").join(part.select("sample_id", "y"), on="sample_id", how="left")
        result = estimate.team(joined.with_columns(pl.col("y").fill_null(0.0)), bounds=(0.0, 100.0))
        out.append((*key, part.height, result.n, result.value, result.low, result.high))
    frame = pl.DataFrame(
        out,
        schema={"kind": pl.String, "id": pl.String, "owner": pl.String, "occurrences": pl.Int64, "n": pl.Int64,
                "value": pl.Float64, "low": pl.Float64, "high": pl.Float64},
        orient="row",
    ).sort(["value", "id", "owner"], descending=[True, False, False])
    total = float(frame["value"].sum()) or 1.0
    share = [value / total for value in frame["value"]]
    frame = frame.with_columns(
        share=pl.Series(share, dtype=pl.Float64), cumulative=pl.Series(list(accumulate(share)), dtype=pl.Float64)
    )
    return LossBoard(frame.head(limit), rows.height)


def root_causes(bench: Workbench, actor: Actor, *, scope: Scope) -> pl.DataFrame:
    """How often each owner and root cause was named: owner, root_cause, occurrences, reviews (weighted share of units)."""
    require(actor, Right.VIEW_RESULTS)
    with Reader(bench) as reader:
        rows = reader.rows(scope).select("sample_id", "pi", "losses").collect()
    total = float((1 / rows["pi"]).sum()) or 1.0
    return (
        rows.explode("losses").drop_nulls("losses").unnest("losses")
        .filter((pl.col("kind") == "loss") & (pl.col("root_cause") != ""))
        .unique(["sample_id", "owner", "root_cause", "id"])
        .group_by("owner", "root_cause")
        .agg(
            occurrences=pl.len().cast(pl.Int64),
            share=(1 / pl.struct("sample_id", "pi").unique().struct.field("pi")).sum() / total,
        )
        .sort(["occurrences", "owner", "root_cause"], descending=[True, False, False])
    )
