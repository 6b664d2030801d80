"""The frame of a draw: its units checked, and one source arranged as arrays in strata of agents.

Owns what every plan of a frame shares, whatever share goes to the pool.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.draw.design import (
    MULTIPLIER,
    Design,
    DrawError,
    Intensity,
    Quota,
    ResidualModel,
)
from scoring.draw.probabilities import allocate, at_least_one, inclusion
from scoring.draw.strata import codes
from scoring.keyed import permanent_numbers, salted_order


def checked_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Return unit_id, agent_id, source, p and risk, sorted by unit id, or say what is wrong with the frame."""
    missing = [name for name in ("unit_id", "agent_id") if name not in frame.columns]
    if missing:
        raise DrawError("columns", f"expected columns unit_id and agent_id; missing {', '.join(missing)}")
    source = pl.col("source") if "source" in frame.columns else pl.lit("chat").alias("source")
    p = pl.col("p") if "p" in frame.columns else pl.lit(None).alias("p")
    risk = pl.col("risk") if "risk" in frame.columns else p.alias("risk")
    try:
        units = frame.select(
            pl.col("unit_id", "agent_id").cast(pl.String),
            source.cast(pl.String),
            p.cast(pl.Float64),
            risk.cast(pl.Float64),
        )
    except pl.exceptions.PolarsError as problem:
        raise DrawError("columns", "expected text or whole numbers as ids, and numbers in p and risk") from problem
    if units["unit_id"].null_count() or units["agent_id"].null_count():
        raise DrawError("missing_id", "expected every unit to have a unit_id and an agent_id; found empty ones")
    units = sorted_by_id(units)
    p_known = units["p"].drop_nulls()
    if len(p_known) and not ((p_known >= 0) & (p_known <= 1)).all():
        worst = units.filter(~pl.col("p").is_between(0, 1))
        raise DrawError(
            "p_range",
            f"expected predicted probabilities p between 0 and 1; found {worst['p'][0]} for unit"
            f" {worst['unit_id'][0]!r} (a score without a scale goes into the column risk)",
        )
    if 0 < len(p_known) < units.height:
        # A unit nobody could predict counts as the average one, so that it can still be drawn.
        units = units.with_columns(pl.col("p").fill_null(pl.col("p").mean()))
    return units


def sorted_by_id(units: pl.DataFrame) -> pl.DataFrame:
    """Return the units sorted by unit_id, untouched when they are already; refuse an id that occurs twice."""
    ids = units["unit_id"]
    if not ids.is_sorted():
        units = units.sort("unit_id")
        ids = units["unit_id"]
    again = (ids == ids.shift(1)).arg_max() if len(ids) > 1 else None
    if again is not None and again > 0 and ids[again] == ids[again - 1]:
        raise DrawError("repeated_id", f"expected every unit once; found {ids[again]!r} twice", unit_id=ids[again])
    return units


@dataclass(frozen=True, slots=True)
class Strata:
    """One source as arrays, whatever share goes to the pool: agents in the order nobody chose, the agent's number of
    every unit, units per agent, reviews wished for, size measure and, where risks are known, the riskiest units
    first."""

    order: list[str]
    stratum: NDArray[np.int32]
    count: NDArray[np.int64]
    wish: NDArray[np.float64]
    size: NDArray[np.float64]
    riskiest: NDArray[np.int64] | None

    def allot(
        self, share: float, weight_cap: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
        """Return who is in the pool, the reviews each agent's base sample wants, and every unit's probability."""
        in_pool, base_wish = self._pool(share)
        left = self.left(in_pool)
        wanted = wanted_reviews(self.wish, base_wish, left)
        pi = np.ones(len(self.stratum))
        pi[~in_pool] = inclusion(self.stratum[~in_pool], self.size[~in_pool], wanted, weight_cap)
        return in_pool, wanted, pi

    def left(self, in_pool: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Units of each agent outside the pool."""
        return (self.count - np.bincount(self.stratum[in_pool], minlength=len(self.order))).astype(np.int64)

    def unseen(self, in_pool: NDArray[np.bool_], wanted: NDArray[np.int64]) -> int:
        """Agents whose units outside the pool have no chance at all, although reviews of them were asked for."""
        return int(((wanted == 0) & (self.left(in_pool) > 0) & (self.wish > 0)).sum())

    def by_agent(self) -> tuple[Strata, NDArray[np.int64]]:
        """The same with the units of an agent side by side, and where each of them stood: many plans are made sooner
        so."""
        rows = np.argsort(self.stratum.astype(np.min_scalar_type(len(self.order))), kind="stable")
        riskiest = self.riskiest
        if riskiest is not None:
            place = np.empty_like(rows)
            place[rows] = np.arange(len(rows))
            riskiest = place[riskiest]
        return replace(self, stratum=self.stratum[rows], size=self.size[rows], riskiest=riskiest), rows

    def _pool(self, share: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return who is in the certainty pool (the riskiest of the team) and what remains of each agent's quota."""
        in_pool = np.zeros(len(self.stratum), dtype=bool)
        finite = np.where(np.isinf(self.wish), 0.0, self.wish)
        total = finite.sum()
        size = round(share * total)
        if size == 0:
            return in_pool, finite
        if self.riskiest is None:
            raise DrawError("no_risk", "expected a column p or risk for every unit when a pool is asked for")
        in_pool[self.riskiest[:size]] = True
        return in_pool, finite * (1.0 - in_pool.sum() / total)


def strata(units: pl.DataFrame, quota: Quota, design: Design, levels: dict[str, Intensity], *, pool: bool) -> Strata:
    """Arrange the units of one source (unit_id, agent_id, p, risk; sorted by unit id); with ``pool`` also by risk."""
    by_name, names = codes(units["agent_id"])
    order = salted_order(f"{design.period}|{quota.source}", names)
    place = {agent: k for k, agent in enumerate(order)}
    stratum = np.array([place[name] for name in names], dtype=np.int32)[by_name]
    wish = wishes(quota, order, levels)
    riskiest = None
    if pool and not units["risk"].null_count():
        # Units of agents who are reviewed completely anyway need no place in the pool.
        eligible, total = np.flatnonzero(~np.isinf(wish)[stratum]), wish[~np.isinf(wish)].sum()
        # before any seed is known: numbers keyed with the period, so that ties favour nobody, and others in another
        # period
        salt = f"{design.period}|{quota.source}|pool" if design.planning > 1 else None
        riskiest = _riskiest(units["risk"].to_numpy(), eligible, total, units["unit_id"], salt)
    count = np.bincount(stratum, minlength=len(order))
    return Strata(order, stratum, count, wish, _size(units, design.residual), riskiest)


def _riskiest(
    risk: NDArray[np.float64], eligible: NDArray[np.int64], wish: float, ids: pl.Series, salt: str | None
) -> NDArray[np.int64]:
    """The eligible rows from the riskiest on, as many as a pool of all reviews would take; equal risks by the permanent
    numbers under ``salt`` (None: by id)."""
    most, fall = math.ceil(wish) + 1, -risk[eligible]
    if most < len(fall):
        limit = np.partition(fall, most)[most]
        if not np.isnan(limit):
            near = np.flatnonzero(fall <= limit)
            eligible, fall = eligible[near], fall[near]
    if salt is None:
        return eligible[np.argsort(fall, kind="stable")]
    order = np.argsort(fall, kind="stable")
    ranked = fall[order]
    same = np.zeros(len(ranked), dtype=bool)
    same[1:] = ranked[1:] == ranked[:-1]
    tied = order[same | np.append(same[1:], False)]
    number = np.zeros(len(fall))
    number[tied] = permanent_numbers(salt, ids[eligible[tied]])
    return eligible[np.lexsort((number, fall))]


def wanted_reviews(
    wish: NDArray[np.float64], base_wish: NDArray[np.float64], left: NDArray[np.int64]
) -> NDArray[np.int64]:
    finite = np.where(np.isinf(wish), 0.0, base_wish)
    return np.where(np.isinf(wish), left, at_least_one(allocate(finite), finite, left))


def wishes(quota: Quota, agents: list[str], levels: dict[str, Intensity]) -> NDArray[np.float64]:
    """Reviews wished for of each agent, its part of the pool included; infinite where everything is."""
    named, rest = dict(quota.agents), 1.0 - (quota.pool_share or 0.0)

    def one(agent: str) -> float:
        level = MULTIPLIER[levels[agent]]
        if quota.per_agent is None or math.isinf(level):
            return math.inf
        return named[agent] / max(rest, 1e-9) if agent in named else quota.per_agent * level

    return np.array([one(agent) for agent in agents])


def _size(units: pl.DataFrame, model: ResidualModel) -> NDArray[np.float64]:
    """Predicted residual SD √(a + b·p(1−p)); the same for all when nothing is predicted or nothing would vary."""
    if units["p"].null_count():
        return np.ones(units.height)
    p = units["p"].to_numpy()
    size = np.sqrt(model.variance(p))
    return np.maximum(size, 1e-6 * size.max()) if size.max() > 0 else np.ones(units.height)
