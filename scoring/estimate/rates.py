"""Rates of red lines and other rare facts, for a team or a site, with intervals that hold for few or no events.

Owns the Korn–Graubard interval on the sampled part of the frame. Refuses agents: 0 of 10 allows up to 31 %.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import scipy

from scoring.estimate import weighting as w
from scoring.estimate.means import coverage, covered
from scoring.estimate.result import ONLY_TARGETED, Estimate, EstimateError, checked, refusal
from scoring.estimate.sample import CheckedSample, read
from scoring.frames import Table, table

#: Facts found by chance from which on predictions may sharpen their rate.
LEAST_FOUND = 5
#: Units counted as mispredicted beside those that were: predictions that were right on every review are not on all.
UNSEEN = 1.0


def clopper_pearson(x: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact binomial interval for x of n; both may be fractions (effective sizes)."""
    tail = 0.5 - level / 2
    low = float(scipy.stats.beta.ppf(tail, x, n - x + 1)) if x > 0 else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, x + 1, n - x)) if x < n else 1.0
    return low, high


def rate(
    sample: Table,
    population: Table | int | None = None,
    *,
    value: str = "violation",
    prediction: str = "p",
    lam: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Estimate the share of units with a fact (0/1 in ``value``) in a team or site.

    ``sample`` has agent_id (the stratum; one stratum when absent), pi and the value, or unit_id and the value when
    ``population`` is the plan of the draw. Units reviewed for certain (π = 1) are counted, not estimated; on the others
    the Korn–Graubard (1998) interval is Clopper–Pearson at the effective size r(1−r)/v, v by Deville, adjusted for the
    degrees of freedom. Where every unit has a predicted probability p, r is the difference estimate (mean of λp over
    all units plus the weighted mean of y − λp), λ as for ``team``; below 5 facts found by chance the reviews speak
    alone. Its effective size may exceed the number of reviews, after one mispredicted unit is added to those found: the
    variance of a few residuals says too little. ``population`` may also be its number of units; without it the weights
    stand for the sizes. Unfinished draws are adjusted and certain reviews alone refused as in ``team``. ``effective``
    of the result is the number of equal-chance reviews that would know a rate as well, whatever was found: what control
    charts take the spread from.
    """
    checked(level, None)
    frame = None if isinstance(population, int) else population
    s = _read(sample, frame, value, prediction)
    units = population if isinstance(population, int) else None if s.units is None else int(s.units.sum())
    if not len(s.y):
        return refusal("no_reviews", units=units, level=level)
    if not np.isin(s.y, (0.0, 1.0)).all():
        raise EstimateError("value", f"expected only 0 and 1 in {value}; a score of points belongs to team()")
    here = covered(s)
    if isinstance(population, int) and not (s.pi < 1).any() and (len(s.y) >= units or s.complete.any()):  # type: ignore[operator]
        return _counted_out(s, units, level)
    if not here.any():
        return replace(refusal(ONLY_TARGETED, len(s.y), units=units, level=level), **coverage(s, here))
    about = coverage(s, here)
    s = s if s.units is None else s.of(here)
    units = units if s.units is None else int(s.units.sum())
    if not (s.pi < 1).any():
        share = float(s.y.mean())
        return Estimate(share, share, share, len(s.y), "census", 0.0, math.inf, level, units, **about)
    return _estimated(s, _lambda(s, lam, frozen(frame)), units, level, about)


def frozen(population: Table | None) -> float | None:
    """The weight of p in rates that a plan froze; None where it froze none."""
    lam = getattr(getattr(population, "design", None), "lam_rate", None)
    return None if lam is None else float(lam)


def _lambda(s: CheckedSample, given: float | None, planned: float | None) -> float:
    chance = s.pi < 1
    if s.f is None or s.f_sum is None or s.y[chance].sum() < LEAST_FOUND:
        return 0.0
    if given is not None or planned is not None:
        return float(given if given is not None else planned)  # type: ignore[arg-type]
    return w.tuned_lambda(s.codes, s.y, s.f, s.pi, s.k) if len(s.y) >= w.TUNING_REVIEWS else 0.0


def _counted_out(s: CheckedSample, units: int | None, level: float) -> Estimate:
    """All were to be reviewed: the share found, or, where some were not, an estimate from a random part of them."""
    if units is None or len(s.y) >= units:
        share = float(s.y.mean())
        return Estimate(share, share, share, len(s.y), "census", 0.0, math.inf, level, units)
    return _estimated(replace(s, pi=np.full(len(s.y), len(s.y) / units)), 0.0, units, level, {})


def _estimated(s: CheckedSample, lam: float, units: int | None, level: float, about: dict[str, Any]) -> Estimate:
    drawn = s.pi < 1
    y, pi, codes = s.y[drawn], s.pi[drawn], s.codes[drawn]
    certain, found = int((~drawn).sum()), float(s.y[~drawn].sum())
    rest = float((1 / pi).sum()) if units is None else float(max(units - certain, int(drawn.sum())))
    residual, offset = y, 0.0
    if lam and s.f is not None and s.f_sum is not None:
        residual, offset = y - lam * s.f[drawn], lam * float(s.f_sum.sum() - s.f[~drawn].sum()) / rest
    centre, se, df, n_eff = _effective(codes, residual, pi, offset, sharpened=residual is not y)
    low, high = clopper_pearson(centre * n_eff, n_eff, level)
    whole = rest + certain
    return Estimate(
        (found + rest * centre) / whole,
        (found + rest * low) / whole,
        (found + rest * high) / whole,
        len(s.y),
        "korn_graubard",
        se * rest / whole,
        df,
        level,
        units,
        lam,
        effective=_size(s),
        **about,
    )


def _read(sample: Table, population: Table | None, value: str, prediction: str) -> CheckedSample:
    """The reviewed rows; without agents they are one stratum."""
    rows = table(sample, "the sample")
    if "agent_id" not in rows.columns and "unit_id" not in rows.columns:
        rows, population = rows.with_columns(agent_id=pl.lit("")), None
    elif "agent_id" in rows.columns:
        rows = rows.with_columns(pl.col("agent_id").cast(pl.String).fill_null(""))
    return read(rows, population, value, prediction, None)


def _size(s: CheckedSample) -> float | None:
    """Equal-chance reviews that would know a rate as well: N²/Σ(1−π)/π, each unit counted by the variance p(1−p) of its
    fact where it is known; None where nothing is left to chance."""
    if s.units is not None and s.spread_p is not None and s.p_noise is not None and s.spread_p.sum() > 0:
        return float(s.p_noise.sum() * s.units.sum() / s.spread_p.sum())
    if s.units is not None and s.spread is not None:
        spread = float(s.spread.sum())
        return float(s.units.sum()) ** 2 / spread if spread > 0 else None
    spread = float(((1 - s.pi) / s.pi**2).sum())
    return float((1 / s.pi).sum()) ** 2 / spread if spread > 0 else None


def _effective(
    codes: w.Ints, residual: w.Floats, pi: w.Floats, offset: float, *, sharpened: bool
) -> tuple[float, float, float, float]:
    """Rate of the random part, its standard error, degrees of freedom and effective sample size: at most that of the
    reviews, unless predictions have ``sharpened`` them."""
    weight, n = 1.0 / pi, len(residual)
    mean = float((weight * residual).sum() / weight.sum())
    centre = min(max(mean + offset, 0.0), 1.0)
    kish = float(weight.sum() ** 2 / (weight**2).sum())
    variance, _ = w.total_variance(w.deville(codes, residual - mean, pi, int(codes.max()) + 1))
    if math.isnan(variance):
        variance, _ = w.total_variance(w.deville(np.zeros_like(codes), residual - mean, pi, 1))
    # Korn and Graubard count degrees of freedom by the design. Satterthwaite's, near 1 for one event in one stratum,
    # would throw away nine tenths of the reviews.
    df = float(max(n - len(np.unique(codes)), 1))
    if math.isnan(variance) or variance <= 0 or not 0 < centre < 1:
        return centre, 0.0, float(n - 1), kish
    spread = centre * (1 - centre) * float(weight.sum()) ** 2
    if n > 1:
        spread *= float(scipy.stats.t.ppf(0.975, n - 1) / scipy.stats.t.ppf(0.975, df)) ** 2
    n_eff = min(spread / variance, float(n))
    if sharpened:
        unseen = UNSEEN * float(np.average((1 - pi) / pi**2, weights=weight))
        n_eff = max(n_eff, spread / (variance + unseen))
    return centre, math.sqrt(variance) / float(weight.sum()), df, n_eff
