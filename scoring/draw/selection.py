"""The draw itself: from ids, inclusion probabilities and a seed to the picks, and from a pick to its replacement.

Owns Pareto order sampling (Rosén 1997) and the replacement by next rank. Does not know how the probabilities came
about: any frame with unit_id, agent_id and pi can be drawn from, by anyone who has the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.draw.design import DrawError
from scoring.draw.frame import sorted_by_id
from scoring.draw.planning import PlannedDraw
from scoring.draw.strata import blocks, groups
from scoring.frames import Table, table
from scoring.keyed import permanent_numbers

ALGORITHM = "hmac-sha256-pareto"
ALGORITHM_VERSION = 1

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Replacement:
    """A pick that could not be reviewed, why, and who stands in (None when the stratum has nobody left)."""

    unit_id: str
    substitute: str | None
    reason: str


def select(frame: Table | PlannedDraw, seed: str, numbers: pl.Series | None = None) -> pl.DataFrame:
    """Draw: within every source and agent pick the n = Σπ units with the smallest u(1−π)/((1−u)π).

    ``frame`` is a ``Plan`` or a frame with ``unit_id``, ``agent_id``, ``pi`` and optionally ``source``, ``stratum`` and
    ``role`` ('pool' units are certain and stand outside the ranking). Σπ of the ranked units must be a whole number per
    source and agent. ``numbers`` may bring the permanent numbers of the rows when they are already known.

    Returns every unit, sorted by unit id: unit_id, agent_id, source, stratum, reason ('certainty' | 'base' |
    'take_all'; the reason it was or would be picked), pi, u, rank (1… within source and agent, 0 for the pool), picked.
    The result does not depend on the order of the rows.
    """
    given = table(frame, "the frame")
    units = _normalised(given if numbers is None else given.with_columns(u=numbers))
    if numbers is None:
        units = units.with_columns(u=pl.Series(permanent_numbers(seed, units["unit_id"])))
    pi, u = units["pi"].to_numpy(), units["u"].to_numpy()
    pool = (units["role"] == "pool").fill_null(False).to_numpy()
    group, names = groups(units)
    rank, take, everything = _ranked(group, names, pi, u, ~pool)
    why = np.where(pool, 0, np.where(everything[group], 1, 2)).astype(np.uint32)
    return units.with_columns(
        reason=pl.Series(["certainty", "take_all", "base"]).gather(pl.Series(why)),
        rank=pl.Series(rank),
        picked=pl.Series((rank <= take[group]) & (pi > 0)),
    ).select("unit_id", "agent_id", "source", "stratum", "reason", "pi", "u", "rank", "picked")


def _ranked(
    group: NDArray[np.int32], names: Sequence[tuple[str, str]], pi: Floats, u: Floats, ranks: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rank of every unit (0 outside the ranking), and for every group how many are picked and whether all
    are.

    The units come sorted by id, and the sort is stable: exact ties fall to the smaller id without comparing text.
    """
    total = np.bincount(group[ranks], weights=pi[ranks], minlength=len(names)).astype(np.float64)
    _whole_sizes(total, names)
    everything = np.bincount(group[ranks & (pi < 1.0)], minlength=len(names)) == 0
    rank = np.zeros(len(group), dtype=np.int64)
    for _, rows in blocks(group, len(names)):
        rows = rows[ranks[rows]]
        chance, number = pi[rows], u[rows]
        with np.errstate(divide="ignore", over="ignore"):
            order = np.where(
                chance > 0, number * (1 - chance) / ((1 - number) * chance), np.nan
            )  # no chance comes last
        rows = rows[_in_order(group[rows], order, number)]
        of = group[rows]
        rank[rows] = np.arange(1, len(rows) + 1) - np.searchsorted(of, of)
    return rank, np.rint(total).astype(np.int64), everything


def _in_order(group: NDArray[np.int32], order: Floats, number: Floats) -> NDArray[np.int64]:
    """Sort by group, order, number; what is equal in all of them stays as it stands. Twice as fast where no order
    occurs twice."""
    rows = np.argsort(order)
    ranked = order[rows]
    if (ranked[1:] > ranked[:-1]).all():
        return rows[np.argsort(group.astype(np.min_scalar_type(group.max(initial=0)))[rows], kind="stable")]
    return np.lexsort((number, order, group))


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
    numbers = ["u"] if "u" in frame.columns else []
    units = frame.select(
        pl.col("unit_id", "agent_id").cast(pl.String),
        "source",
        "stratum",
        "role",
        pl.col("pi").cast(pl.Float64),
        *numbers,
    )
    if units["unit_id"].null_count() or units["agent_id"].null_count():
        raise DrawError("missing_id", "expected every unit to have a unit_id and an agent_id; found empty ones")
    if not units["pi"].is_between(0.0, 1.0).fill_null(False).all():
        raise DrawError("pi_range", "expected every inclusion probability between 0 and 1")
    return sorted_by_id(units)


def _whole_sizes(total: Floats, names: Sequence[tuple[str, str]]) -> None:
    broken = np.flatnonzero(np.abs(total - np.rint(total)) > 1e-6)
    if len(broken):
        (source, agent), found = names[broken[0]], float(total[broken[0]])
        raise DrawError(
            "sum_pi",
            f"expected the probabilities of agent {agent!r} ({source}) to add up to a whole number; found {found:.6f}",
            agent_id=agent,
            total=found,
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
