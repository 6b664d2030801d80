"""From a frame and a design to the inclusion probability of every unit, before any seed is known.

Owns the certainty pool, the quotas per agent and the preview figures. Does not know the seed: what is planned here
can be published before the draw, and nothing in it can be chosen after seeing who would be picked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.draw.design import (
    Design,
    DrawError,
    History,
    Intensity,
    ModelRecord,
    Quota,
    informed,
    intensities,
)
from scoring.draw.frame import checked_frame, strata, wanted_reviews, wishes
from scoring.draw.share import automatic_share
from scoring.frames import Table, table
from scoring.keyed import frame_hash, salted_order

#: Roles a unit can have in a plan; they become the reasons of its pick.
POOL, BASE, TAKE_ALL = "pool", "base", "take_all"


@dataclass(frozen=True, slots=True)
class Shortage:
    """An agent with fewer units than the quota asks for: everything there is, is taken."""

    source: str
    agent_id: str
    wanted: int
    available: int


@dataclass(frozen=True, slots=True)
class PlannedDraw:
    """A planned draw. ``frame``: unit_id, agent_id, source, stratum, role, pi, p and, where given, f (sorted by unit
    id); ``sizes``: one row per source and agent with frame, pool, base (picks by rank) and wanted. ``design`` has every
    automatic choice decided."""

    design: Design
    frame: pl.DataFrame
    sizes: pl.DataFrame
    shortages: tuple[Shortage, ...]
    frame_hash: str


def plan(frame: Table, design: Design, history: Table | None = None) -> PlannedDraw:
    """Give every unit of the frame its inclusion probability.

    ``frame`` has ``unit_id`` and ``agent_id`` (read as strings), ``source`` ('chat' when absent) and, when a risk model
    exists, ``p`` (predicted probability of a violation, 0…1), ``f`` (predicted score, kept for the estimates) and
    ``risk`` (what the certainty pool ranks by; ``p`` when absent). Without ``p`` every unit of an agent has the same
    chance. ``history`` is ``learn(past reviews)``, which brings intensities, the residual model and what an automatic
    pool share needs, or a table of intensities alone. Sources without a quota are left out. Raises ``DrawError`` for
    ids that are missing or repeated and for p outside 0…1.
    """
    given = table(frame, "the frame")
    units = _only(checked_frame(given), pl.col("source").is_in([q.source for q in design.quotas]))
    if units.is_empty():
        raise DrawError("empty_frame", "expected at least one unit of a source with a quota in the frame; found none")
    design = _decided(given, informed(design, history), history)
    levels = intensities(units["agent_id"].unique(), design, history)
    by_source = [(_only(units, pl.col("source") == q.source), q) for q in design.quotas]
    parts = [_plan_source(part, q, design, levels) for part, q in by_source if part.height]
    planned = pl.concat([part[0] for part in parts]) if len(parts) > 1 else parts[0][0]
    planned = planned.sort("unit_id") if len(parts) > 1 else planned
    sizes = pl.concat([part[1] for part in parts]).sort("source", "agent_id")
    if "f" in given.columns:
        scores = given.select(pl.col("unit_id").cast(pl.String), pl.col("f").cast(pl.Float64))
        planned = planned.join(scores, on="unit_id", how="left", maintain_order="left")
    return PlannedDraw(design, planned, sizes, shortages_of(sizes), frame_hash(planned["unit_id"]))


def _only(units: pl.DataFrame, wanted: pl.Expr) -> pl.DataFrame:
    """The units wanted, and no copy when that is all of them."""
    mask = units.select(wanted.fill_null(False)).to_series()
    return units if mask.all() else units.filter(mask)


def _decided(frame: pl.DataFrame, design: Design, history: Table | None) -> Design:
    """The design with every automatic pool share decided."""
    if all(q.pool_share is not None for q in design.quotas):
        return design
    record = None if isinstance(history, History) else ModelRecord(None, 0, 0)
    shares = [
        automatic_share(frame, design, record, q.source, history=history) if q.pool_share is None else q.pool_share
        for q in design.quotas
    ]
    return replace(design, quotas=tuple(replace(q, pool_share=s) for q, s in zip(design.quotas, shares, strict=True)))


def shortages_of(sizes: pl.DataFrame) -> tuple[Shortage, ...]:
    short = sizes.filter(pl.col("wanted") > pl.col("frame") - pl.col("pool"))
    return tuple(
        Shortage(r["source"], r["agent_id"], r["wanted"], r["frame"] - r["pool"]) for r in short.iter_rows(named=True)
    )


def _plan_source(
    units: pl.DataFrame, quota: Quota, design: Design, levels: dict[str, Intensity]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    share = quota.pool_share or 0.0
    made = strata(units, quota, design, levels, pool=share > 0)
    in_pool, wanted, pi = made.allot(share, design.weight_cap)
    if design.planning > 1 and in_pool.any() and (unseen := made.unseen(in_pool, wanted)):
        raise DrawError(
            "no_base_chance",
            f"expected every agent to keep a chance outside the pool; a pool share of {share:.0%} of"
            f" {quota.per_agent:g} reviews each leaves {unseen} of {len(made.order)} agents without any: ask for more"
            " reviews or a smaller pool",
            unseen=unseen,
            agents=len(made.order),
            share=share,
        )
    left = made.count - np.bincount(made.stratum[in_pool], minlength=len(made.order))
    strata_names = pl.Series([f"{quota.source}|{agent}" for agent in (*made.order, "pool")])
    roles = np.where(wanted >= left, 1, 2).astype(np.uint32)[made.stratum]
    planned = units.select(
        "unit_id",
        "agent_id",
        "source",
        stratum=strata_names.gather(pl.Series(np.where(in_pool, len(made.order), made.stratum).astype(np.uint32))),
        role=pl.Series([POOL, TAKE_ALL, BASE]).gather(pl.Series(np.where(in_pool, 0, roles).astype(np.uint32))),
        pi=pl.Series(pi),
        p=pl.col("p"),
    )
    return planned, _sizes(quota.source, made.order, levels, made.count, made.count - left, wanted)


def _sizes(
    source: str, order: list[str], levels: dict[str, Intensity], count: NDArray[np.int64], pool: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> pl.DataFrame:  # fmt: skip
    return pl.DataFrame(
        {
            "source": [source] * len(order),
            "agent_id": order,
            "intensity": [levels[agent].value for agent in order],
            "frame": count,
            "pool": pool,
            "base": np.minimum(wanted, count - pool),
            "wanted": wanted,
        },
        schema_overrides=dict.fromkeys(("frame", "pool", "base", "wanted"), pl.Int64),
    )


def plan_sizes(counts: pl.DataFrame, design: Design, history: pl.DataFrame | None = None) -> pl.DataFrame:
    """Reviews of every agent from the number of units alone, where nothing is predicted: what ``plan`` gives as
    ``sizes``.

    ``counts`` has source, agent_id and frame (units). For frames too large to hold; draw with ``select_large``.
    """
    levels = intensities(counts["agent_id"].unique(), design, history)
    parts = []
    for quota in design.quotas:
        if quota.pool_share:
            raise DrawError("no_risk", "expected a column p or risk for every unit when a pool is asked for")
        known = dict(counts.filter(pl.col("source") == quota.source).select("agent_id", "frame").iter_rows())
        order = salted_order(f"{design.period}|{quota.source}", known)
        count = np.array([known[agent] for agent in order], dtype=np.int64)
        wish = wishes(quota, order, levels)
        wanted = wanted_reviews(wish, np.where(np.isinf(wish), 0.0, wish), count)
        parts.append(_sizes(quota.source, order, levels, count, np.zeros_like(count), wanted))
    sizes = pl.concat(parts).sort("source", "agent_id")
    if sizes.is_empty():
        raise DrawError("empty_frame", "expected at least one unit in the frame; found none")
    return sizes
