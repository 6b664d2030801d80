"""Rates of red lines and other rare facts, for a team or a site, with intervals that hold for few or no events.

Owns the Korn–Graubard interval on the sampled part of the frame. Refuses agents: 0 of 10 allows up to 31 %.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from scipy import stats

from scoring.estimate import weighting as w
from scoring.estimate.result import ONLY_TARGETED, Estimate, EstimateError, checked, refusal
from scoring.estimate.sample import TARGETED, reviewed
from scoring.frames import Table, table


def clopper_pearson(x: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact binomial interval for x of n; both may be fractions (effective sizes)."""
    tail = 0.5 - level / 2
    low = float(stats.beta.ppf(tail, x, n - x + 1)) if x > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, x + 1, n - x)) if x < n else 1.0
    return low, high


def rate(
    sample: Table, population: Table | int | None = None, *, value: str = "violation", level: float = 0.95
) -> Estimate:
    """Estimate the share of units with a fact (0/1 in ``value``) in a team or site.

    ``sample`` has agent_id (the stratum; one stratum when absent), pi and the value, or unit_id and the value when
    ``population`` is the plan of the draw. Units reviewed for certain (π = 1) are counted, not estimated; on the others
    the Korn–Graubard (1998) interval is Clopper–Pearson at the effective size r(1−r)/v, v by Deville, adjusted for the
    degrees of freedom and never above the number of reviews. ``population`` may also be its number of units; without it
    the weights stand for the sizes. Certain reviews alone are refused ('only_targeted') unless they are known to be all
    there is.
    """
    checked(level, None)
    rows = _rows(sample, None if isinstance(population, int) else population, value)
    units = (
        population if isinstance(population, int) or population is None else _units(table(population, "the population"))
    )
    if rows.is_empty():
        return refusal("no_reviews", units=units, level=level)
    y, pi = rows[value].to_numpy(), rows["pi"].to_numpy()
    if not np.isin(y, (0.0, 1.0)).all():
        raise EstimateError("value", f"expected only 0 and 1 in {value}; a score of points belongs to team()")
    if not (pi < 1).any():
        told = _all_wanted(population) or ("reason" in rows.columns and bool((rows["reason"] != TARGETED).any()))
        if not (told or (units is not None and len(y) >= units)):
            return refusal(ONLY_TARGETED, len(y), units=units, level=level)
        if units is None or len(y) >= units:
            share = float(y.mean())
            return Estimate(share, share, share, len(y), "census", 0.0, math.inf, level, units)
        pi = np.full(len(y), len(y) / units)  # all were to be reviewed, some were not: a random part of them
    drawn = pi < 1
    certain, found = int((~drawn).sum()), float(y[~drawn].sum())
    rest = float((1 / pi[drawn]).sum()) if units is None else float(max(units - certain, int(drawn.sum())))
    codes = np.zeros(int(drawn.sum()), dtype=np.int64)
    if "agent_id" in rows.columns:
        codes = rows["agent_id"].cast(pl.String).fill_null("").to_numpy()[drawn]
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    centre, se, df, n_eff = _effective(codes, y[drawn], pi[drawn])
    low, high = clopper_pearson(centre * n_eff, n_eff, level)
    whole = rest + certain
    return Estimate(
        (found + rest * centre) / whole,
        (found + rest * low) / whole,
        (found + rest * high) / whole,
        len(y),
        "korn_graubard",
        se * rest / whole,
        df,
        level,
        units,
    )


def _all_wanted(population: Table | int | None) -> bool:
    """Whether the plan was to review everything."""
    if isinstance(population, int) or population is None:
        return False
    frame = table(population, "the population")
    return "pi" in frame.columns and bool((frame["pi"] == 1).all())


def _rows(sample: Table, population: Table | None, value: str) -> pl.DataFrame:
    """The reviewed rows; without agents they are one stratum."""
    rows = table(sample, "the sample")
    if "agent_id" in rows.columns or "unit_id" in rows.columns:
        return reviewed(rows, population, value)
    return reviewed(rows.with_columns(agent_id=pl.lit("")), None, value)


def _units(population: pl.DataFrame) -> int:
    return int(population["units"].sum()) if "units" in population.columns else population.height


def _effective(codes: w.Ints, y: w.Floats, pi: w.Floats) -> tuple[float, float, float, float]:
    """Hájek rate of the random part, its standard error, degrees of freedom and effective sample size."""
    weight, n = 1.0 / pi, len(y)
    centre = float((weight * y).sum() / weight.sum())
    kish = float(weight.sum() ** 2 / (weight**2).sum())
    variance, _ = w.total_variance(w.deville(codes, y - centre, pi, int(codes.max()) + 1))
    if math.isnan(variance):
        variance, _ = w.total_variance(w.deville(np.zeros_like(codes), y - centre, pi, 1))
    # Korn and Graubard count degrees of freedom by the design. Satterthwaite's, near 1 for one event in one stratum,
    # would throw away nine tenths of the reviews.
    df = float(max(n - len(np.unique(codes)), 1))
    if math.isnan(variance) or variance <= 0 or not 0 < centre < 1:
        return centre, 0.0, float(n - 1), kish
    variance /= float(weight.sum()) ** 2
    n_eff = centre * (1 - centre) / variance
    if n > 1:
        n_eff *= float(stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, df)) ** 2
    return centre, math.sqrt(variance), df, min(n_eff, float(n))
