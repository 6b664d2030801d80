"""The draw itself: from ids, inclusion probabilities and a seed to the picks, and from a pick to its replacement.

Owns Pareto order sampling (Rosén 1997) and the replacement by next rank. Refuses to know how the probabilities came
about: any frame with unit_id, agent_id and pi can be drawn from, by anyone who has the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from scoring.draw.design import DrawError
from scoring.draw.permanent import permanent_numbers
from scoring.draw.planning import Plan
from scoring.frames import Table, table

ALGORITHM = "hmac-sha256-pareto"
ALGORITHM_VERSION = 1


@dataclass(frozen=True, slots=True)
class Replacement:
    """A pick that could not be reviewed, why, and who stands in (None when the stratum has nobody left)."""

    unit_id: str
    substitute: str | None
    reason: str


def select(frame: Table | Plan, seed: str, numbers: pl.Series | None = None) -> pl.DataFrame:
    """Draw: within every source and agent pick the n = Σπ units with the smallest u(1−π)/((1−u)π).

    ``frame`` is a ``Plan`` or a frame with ``unit_id``, ``agent_id``, ``pi`` and optionally ``source``, ``stratum`` and
    ``role`` ('pool' units are certain and stand outside the ranking). Σπ of the ranked units must be a whole number per
    source and agent. ``numbers`` may bring the permanent numbers of the rows when they are already known.

    Returns every unit, sorted by unit id: unit_id, agent_id, source, stratum, reason ('certainty' | 'base' |
    'take_all'; the reason it was or would be picked), pi, u, rank (1… within source and agent, 0 for the pool), picked.
    The result does not depend on the order of the rows.
    """
    units = _normalised(table(frame, "the frame"))
    u = pl.Series(permanent_numbers(seed, units["unit_id"])) if numbers is None else numbers
    pi, number = pl.col("pi"), pl.col("u")
    group = ["source", "agent_id"]
    ranked = units.with_columns(u=u).with_columns(
        order=pl.when(pi > 0).then(number * (1 - pi) / ((1 - number) * pi)).otherwise(None),
        ranks=pl.col("role") != "pool",
    )
    _whole_sizes(ranked)
    return (
        ranked.sort("ranks", "order", "u", "unit_id", nulls_last=True)
        .with_columns(
            rank=pl.when(pl.col("ranks")).then(pl.col("ranks").cum_sum().over(group)).otherwise(0).cast(pl.Int64),
            take=pl.when(pl.col("ranks")).then(pi).otherwise(0.0).sum().over(group).round().cast(pl.Int64),
            everything=(pl.when(pl.col("ranks")).then(pi).otherwise(1.0).min().over(group) >= 1.0),
        )
        .with_columns(
            picked=(pl.col("rank") <= pl.col("take")) & (pi > 0),
            reason=pl.when(~pl.col("ranks"))
            .then(pl.lit("certainty"))
            .when(pl.col("everything"))
            .then(pl.lit("take_all"))
            .otherwise(pl.lit("base")),
        )
        .sort("unit_id")
        .select("unit_id", "agent_id", "source", "stratum", "reason", "pi", "u", "rank", "picked")
    )


def _normalised(frame: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ("unit_id", "agent_id", "pi") if name not in frame.columns]
    if missing:
        raise DrawError("columns", f"expected columns unit_id, agent_id and pi; missing {', '.join(missing)}")
    if "source" not in frame.columns:
        frame = frame.with_columns(source=pl.lit("chat"))
    if "role" not in frame.columns:
        frame = frame.with_columns(role=pl.lit("base"))
    if "stratum" not in frame.columns:
        frame = frame.with_columns(stratum=pl.concat_str("source", pl.lit("|"), "agent_id"))
    units = frame.select(pl.col("unit_id", "agent_id").cast(pl.String), "source", "stratum", "role", pl.col("pi").cast(pl.Float64))
    if units["unit_id"].null_count() or units["agent_id"].null_count():
        raise DrawError("missing_id", "expected every unit to have a unit_id and an agent_id; found empty ones")
    if not units["pi"].is_between(0.0, 1.0).fill_null(False).all():
        raise DrawError("pi_range", "expected every inclusion probability between 0 and 1")
    if units["unit_id"].n_unique() != units.height:
        twice = units.filter(pl.col("unit_id").is_duplicated())["unit_id"][0]
        raise DrawError("repeated_id", f"expected every unit once; found {twice!r} twice", unit_id=twice)
    return units


def _whole_sizes(ranked: pl.DataFrame) -> None:
    sums = (
        ranked.filter("ranks").group_by("source", "agent_id").agg(total=pl.col("pi").sum()).sort("source", "agent_id")
    )
    broken = sums.filter((pl.col("total") - pl.col("total").round()).abs() > 1e-6)
    if broken.height:
        row = broken.row(0, named=True)
        raise DrawError(
            "sum_pi",
            f"expected the probabilities of agent {row['agent_id']!r} ({row['source']}) to add up to a whole number; "
            f"found {row['total']:.6f}",
            agent_id=row["agent_id"],
            total=row["total"],
        )


def picks(drawn: pl.DataFrame) -> pl.DataFrame:
    """Return the picked rows only."""
    return drawn.filter("picked")


def replace(drawn: pl.DataFrame, unit_id: str, reason: str) -> tuple[pl.DataFrame, Replacement]:
    """Take back a pick that cannot be reviewed and pick the next rank of the same source and agent instead.

    A unit of the certainty pool stood for itself alone, and a stratum taken completely has nobody left: then the
    substitute is None and the shortage is on record. The substitute keeps its own π and carries reason 'replacement'.
    """
    unit_id = str(unit_id)
    rows = drawn.filter(pl.col("unit_id") == unit_id)
    if rows.is_empty() or not rows["picked"][0]:
        raise DrawError("not_picked", f"expected {unit_id!r} to be a pick of this draw", unit_id=unit_id)
    if not reason.strip():
        raise DrawError("no_reason", f"expected a reason for replacing {unit_id!r}", unit_id=unit_id)
    unit = rows.row(0, named=True)
    substitute = None if unit["reason"] == "certainty" else _next(drawn, unit["source"], unit["agent_id"])
    is_out, is_in = pl.col("unit_id") == unit_id, pl.col("unit_id") == pl.lit(substitute)
    changed = drawn.with_columns(
        picked=pl.when(is_out).then(False).when(is_in.fill_null(False)).then(True).otherwise("picked"),
        reason=pl.when(is_in.fill_null(False)).then(pl.lit("replacement")).otherwise("reason"),
    )
    return changed, Replacement(unit_id, substitute, reason)


def _next(drawn: pl.DataFrame, source: str, agent_id: str) -> str | None:
    """The next rank after the last one ever picked here: who was taken back earlier does not return."""
    same = drawn.filter((pl.col("source") == source) & (pl.col("agent_id") == agent_id) & (pl.col("rank") > 0))
    last = same.filter("picked")["rank"].max()
    waiting = same.filter((pl.col("rank") > (last if isinstance(last, int) else 0)) & (pl.col("pi") > 0)).sort("rank")
    return str(waiting["unit_id"][0]) if waiting.height else None
