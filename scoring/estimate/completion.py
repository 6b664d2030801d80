"""Draws that are not finished: what probability a review had once it counts that only some of the picks were reviewed.

The random picks of an agent that were reviewed are taken as a random part of those drawn, so their probability is
π·(reviewed ÷ drawn), in the sample and in the population alike (response homogeneity groups, Särndal, Swensson &
Wretman 1992, ch. 15). That holds when the order of work says nothing about the conversations; ``selective`` looks
whether it does. Owns that adjustment. Does not weight up picks of the certainty pool: those not reviewed stay missing
and are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy

from scoring.estimate.result import EstimateError
from scoring.frames import Table, table

#: The reason of a pick that the certainty pool made, as ``draw.select`` writes it, and the role a plan gives such a
#: unit.
TARGETED, POOL = "certainty", "pool"
#: One-sided error of ``selective``, and the power from which its silence says something.
SELECTIVE_LEVEL, SURE = 0.10, 0.90


def parts(units: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return ``units`` (a frame with pi) with ``targeted``: whether the unit is certain because it looked bad.

    By role or reason where they are known; else a certain unit beside uncertain ones of the same ``keys`` is targeted,
    and units that are all certain are those of a complete review.
    """
    if "role" in units.columns and not units["role"].null_count():
        return units.with_columns(targeted=pl.col("role").cast(pl.String) == POOL)
    certain = pl.col("pi") >= 1
    if "reason" in units.columns:
        return units.with_columns(targeted=(pl.col("reason").cast(pl.String) == TARGETED).fill_null(certain))
    return units.with_columns(targeted=certain & ~certain.all().over(list(keys)))


def counted(units: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return, per ``keys``: random (units that chance may pick), drawn (how many of them it picks, Σπ), targeted (units
    of the certainty pool) and p_var (Σ p(1−p) of the random units, null where p is not known)."""
    chance = ~pl.col("targeted") & (pl.col("pi") > 0)
    p = pl.col("p").cast(pl.Float64) if "p" in units.columns else pl.lit(None, pl.Float64)
    noise = (p * (1 - p)).filter(chance)
    return units.group_by(list(keys)).agg(
        random=chance.sum().cast(pl.Float64),
        drawn=pl.col("pi").filter(chance).sum(),
        targeted=pl.col("targeted").sum().cast(pl.Int64),
        p_var=pl.when(noise.null_count() == 0).then(noise.sum()),
    )


def shares(reviewed: pl.DataFrame, known: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return, per ``keys`` of ``known`` (the columns of ``counted``): share (reviewed ÷ drawn of the random picks, 1
    when all are there) and missing (certain picks not reviewed). ``reviewed`` has the keys and targeted, a row per
    review.
    """
    found = reviewed.group_by(list(keys)).agg(
        m=(~pl.col("targeted")).sum().cast(pl.Float64), certain=pl.col("targeted").sum().cast(pl.Int64)
    )
    joined = known.join(found, on=list(keys), how="left").with_columns(
        pl.col("m").fill_null(0.0), pl.col("certain").fill_null(0)
    )
    short = pl.col("m") < pl.col("drawn") - 0.5
    return joined.select(
        *keys,
        share=pl.when(short).then(pl.col("m") / pl.col("drawn")).otherwise(1.0),
        missing=(pl.col("targeted") - pl.col("certain")).clip(lower_bound=0),
    )


def completed(rows: pl.DataFrame, population: pl.DataFrame, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Adjust reviews and the totals of their frames for what was drawn and not reviewed.

    ``rows`` has a row per review: ``keys`` (at least agent_id; draw and source where there are several), pi and, where
    it is known, reason. ``population`` is ``totals`` with a row per ``keys``; rows of it without random and drawn stay
    as they are. Returns both with the adjusted pi, spread and spread_p; the reviews gain ``targeted``, the population
    ``missing`` (certain picks not reviewed).
    """
    if not {"random", "drawn"} <= set(population.columns):
        return rows, population.with_columns(missing=pl.lit(0, pl.Int64))
    known = population.with_columns(
        pl.col("targeted").fill_null(0) if "targeted" in population.columns else pl.lit(0).alias("targeted")
    )
    rows = _told(rows, known, keys)
    share = shares(rows, known.filter(pl.col("drawn").is_not_null()).select(*keys, "drawn", "targeted"), keys)
    adjusted = rows.join(share, on=list(keys), how="left", maintain_order="left").with_columns(
        pi=pl.when("targeted").then(pl.col("pi")).otherwise(pl.col("pi") * pl.col("share").fill_null(1.0))
    )
    totals = population.join(share, on=list(keys), how="left", maintain_order="left").with_columns(
        pl.col("share").fill_null(1.0), pl.col("missing").fill_null(0)
    )
    return adjusted.drop("share", "missing"), thinned(totals)


def thinned(totals: pl.DataFrame) -> pl.DataFrame:
    """Return totals whose random part was reviewed to ``share``: Σ(1−π)/π becomes (Σ(1−π)/π + N)/share − N, and
    likewise with p(1−p). Nothing reviewed leaves no spread to speak of (0)."""
    share = pl.col("share")
    none = share <= 0
    by_p = pl.col("p_var") if "p_var" in totals.columns else pl.lit(None, pl.Float64)
    return totals.with_columns(
        spread=pl.when(none)
        .then(0.0)
        .when(share < 1)
        .then((pl.col("spread") + pl.col("random")) / share - pl.col("random"))
        .otherwise("spread"),
        spread_p=pl.when(none)
        .then(0.0)
        .when(share < 1)
        .then((pl.col("spread_p") + by_p) / share - by_p)
        .otherwise("spread_p"),
        drawn=pl.col("drawn") * share,
    ).drop("share")


def _told(rows: pl.DataFrame, known: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The rows with ``targeted``; without a reason, certain reviews are targeted where chance left units out."""
    if "role" in rows.columns or "reason" in rows.columns:
        return parts(rows, keys)
    certain = known.select(*keys, whole=pl.col("drawn") >= pl.col("random") - 1e-9)
    joined = rows.join(certain, on=list(keys), how="left", maintain_order="left")
    return joined.with_columns(targeted=(pl.col("pi") >= 1) & ~pl.col("whole").fill_null(False)).drop("whole")


@dataclass(frozen=True, slots=True)
class Selection:
    """Whether the picks still waiting look worse than those reviewed. ``expected`` violations are predicted among the
    waiting picks, ``by_chance`` would be if the order said nothing; ``z`` and the one-sided ``p_value`` compare the
    two, and ``power`` is the chance to notice violations that are all left for last. None where nothing waits or
    nothing was predicted.
    """

    reviewed: int
    waiting: int
    expected: float | None = None
    by_chance: float | None = None
    z: float | None = None
    p_value: float | None = None
    power: float | None = None

    @property
    def suspicious(self) -> bool:
        """Chance alone would seldom leave so many risky picks waiting: no interval can be relied on."""
        return self.p_value is not None and self.p_value < SELECTIVE_LEVEL

    @property
    def clear(self) -> bool:
        """Nothing waits, or violations left for last would have been noticed and were not."""
        return not self.waiting or (self.power is not None and self.power >= SURE and not self.suspicious)


def selective(picks: Table, *, value: str = "y", risk: str = "p") -> Selection:
    """Ask whether the risky picks of an unfinished draw were left for later.

    ``picks`` has a row per pick with agent_id, the value (null where it was not reviewed) and the predicted risk. The
    sum of predicted risks of the waiting picks is compared with what a random order within agents would leave
    (hypergeometric mean and variance; the score test of a review's dependence on a violation).
    """
    rows = table(picks, "the picks")
    missing = [name for name in ("agent_id", value) if name not in rows.columns]
    if missing:
        raise EstimateError(
            "columns", f"expected picks with agent_id, {value} and {risk}; missing {', '.join(missing)}"
        )
    done = int(rows[value].is_not_null().sum())
    waiting = rows.height - done
    if risk not in rows.columns or not done or not waiting:
        return Selection(done, waiting)
    known = rows.filter(pl.col(risk).is_not_null()).select(
        pl.col("agent_id").cast(pl.String), r=pl.col(risk).cast(pl.Float64), late=pl.col(value).is_null()
    )
    n, m = pl.len().cast(pl.Float64), pl.col("late").sum().cast(pl.Float64)
    cells = known.group_by("agent_id").agg(
        n=n, m=m, left=pl.col("r").filter("late").sum(), fair=m * pl.col("r").mean(), spread=pl.col("r").var(ddof=1),
    ).filter((pl.col("m") > 0) & (pl.col("m") < pl.col("n")))  # fmt: skip
    share = pl.col("m") / pl.col("n")
    # m of n drawn without replacement: their sum has variance m(n−m)/n·s²; were every violation among them, it would
    # rise by (1−m/n)·Σ r(r − mean)
    variance = (pl.col("m") * (1 - share) * pl.col("spread")).sum()
    rise = ((1 - share) * (pl.col("n") - 1) * pl.col("spread")).sum()
    left, fair, v, up = (
        cells.select(a=pl.col("left").sum(), b=pl.col("fair").sum(), v=variance, up=rise).row(0)
        if cells.height
        else (0, 0, 0, 0)
    )
    if not v or v <= 0:
        return Selection(done, waiting)
    z = float((left - fair) / np.sqrt(v))
    noticed = float(scipy.stats.norm.sf(scipy.stats.norm.isf(SELECTIVE_LEVEL) - up / np.sqrt(v)))
    return Selection(done, waiting, float(left), float(fair), z, float(scipy.stats.norm.sf(z)), noticed)
