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
from qa.policy import Actor
from qa.reports.scope import FactsReader, Item, Scope, names_of, readable
from qa.workbench import Workbench
from scoring import estimate
from scoring.estimate import Estimate

OWNERS: Mapping[str, str] = {
    "agent": N_("Agent"),
    "policy": N_("Policy"),
    "warehouse": N_("Warehouse"),
    "system": N_("System"),
    "customer": N_("Customer"),
}


@dataclass(frozen=True)
class HeatMap:
    """Mean points lost per review by agent and criterion. `frame`: agent_id, name, criterion, n, value, low, high,
    method."""

    criteria: tuple[Item, ...]
    frame: pl.DataFrame


@dataclass(frozen=True)
class LossBoard:
    """Lost points by what they were lost for. `frame`: kind, id, owner, occurrences, n, value (mean points lost per
    review), low, high, method, share (of all lost points), cumulative; most costly first. Occurrences count what was
    found, in risky picks too: divided by n they are no rate."""

    frame: pl.DataFrame
    reviews: int


def heat_map(bench: Workbench, actor: Actor, *, scope: Scope) -> HeatMap:
    """Every agent against every criterion."""
    scope = readable(actor, scope)
    with FactsReader(bench) as reader:
        rubrics = reader.rubrics(scope.source)
        items = rubrics.criteria
        rows = reader.rows(scope).select(
            "agent_id", "pi", "reason", *(rubrics.criterion_column(item.id).alias(item.id) for item in items)
        )
        names = dict(names_of(reader))
    if not items:
        return HeatMap(
            (),
            pl.DataFrame(
                schema={
                    "agent_id": pl.String,
                    "name": pl.String,
                    "criterion": pl.String,
                    "n": pl.Int64,
                    "value": pl.Float64,
                    "low": pl.Float64,
                    "high": pl.Float64,
                    "method": pl.String,
                }
            ),
        )
    values = [item.id for item in items]
    table = estimate.grouped(rows, ["agent_id"], values)
    frame = table.filter(pl.col("n") > 0).select(
        "agent_id",
        pl.col("agent_id").replace(names).alias("name"),
        pl.col("measure").alias("criterion"),
        "n",
        pl.col("mean").alias("value"),
        "low",
        "high",
        "method",
    )
    used = set(frame.filter(pl.col("value") > 0)["criterion"])
    return HeatMap(
        tuple(item for item in items if item.id in used), frame.filter(pl.col("criterion").is_in(list(used)))
    )


def losses(bench: Workbench, actor: Actor, *, scope: Scope, owners: str = "agent") -> LossBoard:
    """Pareto of lost points: `owners` 'agent' for what agents own (red lines included), 'process' for everybody
    else."""
    scope = readable(actor, scope)
    with FactsReader(bench) as reader:
        return read_losses(reader, scope, owners)


def read_losses(reader: FactsReader, scope: Scope, owners: str, *, limit: int = 40) -> LossBoard:
    """The same inside a report that has authorised already."""
    rows = reader.rows(scope).select("sample_id", "agent_id", "pi", "reason", "losses").collect()
    lines = _lines(rows, owners).filter(pl.col("points") > 0)
    per_sample = lines.group_by("kind", "id", "owner", "sample_id").agg(y=pl.col("points").sum() / 100)
    out = []
    for key, part in per_sample.group_by("kind", "id", "owner", maintain_order=False):
        every = _with_zeros(rows, part)
        found = _interval_if_met_at_random(estimate.team(every, bounds=(0.0, 100.0)), every)
        out.append((*key, part.height, found.n, found.value, found.low, found.high, found.method))
    frame = pl.DataFrame(
        out,
        schema={"kind": pl.String, "id": pl.String, "owner": pl.String, "occurrences": pl.Int64, "n": pl.Int64,
                "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "method": pl.String},
        orient="row",
    ).sort(["value", "id", "owner"], descending=[True, False, False])  # fmt: skip
    total = float(frame["value"].sum()) or 1.0
    share = [(value or 0.0) / total for value in frame["value"]]
    frame = frame.with_columns(
        share=pl.Series(share, dtype=pl.Float64), cumulative=pl.Series(list(accumulate(share)), dtype=pl.Float64)
    )
    return LossBoard(frame.head(limit), rows.height)


def root_causes(bench: Workbench, actor: Actor, *, scope: Scope) -> pl.DataFrame:
    """How often each root cause outside the agents' hands was named: owner, root_cause, occurrences, n, value (share of
    conversations, 0–1), low, high, method; most frequent first."""
    scope = readable(actor, scope)
    with FactsReader(bench) as reader:
        rows = reader.rows(scope).select("sample_id", "agent_id", "pi", "reason", "losses").collect()
    named = _lines(rows, "process").filter((pl.col("kind") == "loss") & (pl.col("root_cause") != ""))
    out = []
    for key, part in named.group_by("owner", "root_cause", maintain_order=False):
        every = _with_zeros(rows, part.select("sample_id", y=pl.lit(1.0)).unique())
        found = _interval_if_met_at_random(estimate.rate(every, value="y"), every)
        out.append((*key, part.height, found.n, found.value, found.low, found.high, found.method))
    return pl.DataFrame(
        out,
        schema={
            "owner": pl.String,
            "root_cause": pl.String,
            "occurrences": pl.Int64,
            "n": pl.Int64,
            "value": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "method": pl.String,
        },
        orient="row",
    ).sort(["value", "owner", "root_cause"], descending=[True, False, False])


def _lines(rows: pl.DataFrame, owners: str) -> pl.DataFrame:
    """The lines that cost points, one row each with their sample: on the agents' account, or on everybody else's."""
    wanted = pl.col("owner") == "agent" if owners == "agent" else pl.col("owner") != "agent"
    return rows.select("sample_id", "losses").explode("losses").drop_nulls("losses").unnest("losses").filter(wanted)


def _interval_if_met_at_random(found: Estimate, every: pl.DataFrame) -> Estimate:
    """What only risky picks have shown gets no interval: random picks that are all 0 would make it look exact."""
    random = every.filter(pl.col("reason") != "certainty")
    if random.height and not (random["y"] > 0).any():
        return estimate.refusal("only_in_pool", found.n, found.value, found.units)
    return found


def _with_zeros(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Every review with its `y` of `found` (sample_id, y), 0 where there was none."""
    joined = rows.drop("losses").join(found.select("sample_id", "y"), on="sample_id", how="left")
    return joined.with_columns(pl.col("y").fill_null(0.0))
