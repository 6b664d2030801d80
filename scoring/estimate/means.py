"""Means of scores for the team and for every agent, from one sample with known inclusion probabilities.

Owns the difference estimator, its team interval and the moderated-t intervals of agents. Refuses unweighted averages:
there is no function here that takes scores without their π.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from scoring.estimate import weighting as w
from scoring.estimate.result import ONLY_TARGETED, VERSION, Estimate, EstimateError, checked, refusal, reviews_to_halve
from scoring.estimate.sample import CheckedSample, read
from scoring.frames import Table
from scoring.severity import Severities

Floats = NDArray[np.float64]
Bounds = tuple[float, float]

#: p(1−p) of a unit nobody predicted: violations are rare, but not absent.
ORDINARY = 0.03 * 0.97


def tune(sample: Table, *, value: str = "y", prediction: str = "f") -> float:
    """Return the team-wide λ of past reviews, 0 below 200 of them: to be frozen before a draw and used for all its
    figures."""
    s = read(sample, None, value, prediction, None)
    return w.tuned_lambda(s.codes, s.y, s.f, s.pi, s.k) if s.f is not None and len(s.y) >= w.TUNING_REVIEWS else 0.0


def _lambda(s: CheckedSample, given: float | None) -> float:
    if s.f is None or (s.lam is not None and s.f_sum is None):
        return 0.0
    if given is not None:
        return given
    if s.lam is not None:
        return s.lam
    if s.f_sum is None or len(s.y) < w.TUNING_REVIEWS:
        return 0.0
    return w.tuned_lambda(s.codes, s.y, s.f, s.pi, s.k)


def _prediction_total(s: CheckedSample, lam: float) -> Floats | None:
    """λ times the mean prediction of each agent's units; None when λ is 0."""
    if lam == 0.0:
        return None
    if s.f_sum is None or s.units is None:
        raise EstimateError("population", "expected the population with predictions for every unit when λ is not 0")
    return lam * s.f_sum


def covered(s: CheckedSample) -> NDArray[np.bool_]:
    """Agents with at least one review that speaks for more than itself; the others leave the team's figure."""
    n, random = w.sums(s.codes, np.ones_like(s.pi), s.k), w.sums(s.codes, (s.pi < 1).astype(np.float64), s.k)
    return (n > 0) & ((random > 0) | s.complete)


def team(
    sample: Table,
    population: Table | None = None,
    *,
    value: str = "y",
    prediction: str = "f",
    lam: float | None = None,
    severities: Severities | None = None,
    bounds: Bounds | None = None,
    level: float = 0.95,
) -> Estimate:
    """Estimate the mean score over all units of the population, with a t interval.

    ``sample`` has a row per reviewed unit: agent_id (the stratum), pi, the value and, where a model exists, the
    prediction; rows without a value are units that were not reviewed. ``population`` has every unit of the frame: the
    plan of the draw (then unit_id and the value suffice in the sample), a frame, or the result of ``totals``. Without
    a plan the sample may bring ``expected``, the variance that its plan expected of each review, and ``learnt``,
    whether past reviews had shown it.
    Difference estimator: mean of λf over all units plus the Hájek-weighted mean of y − λf over the reviewed ones; f
    must come from earlier periods or be cross-fitted. λ is the one the plan froze from history; where none was frozen
    it is tuned from 200 reviews on, 0 below or without a population, unless given. Where fewer were reviewed than
    drawn, π is adjusted per agent and source (``completion``); agents without a review leave the figure, which then
    says how many it covers. Variance by Deville within agents, degrees of freedom by Satterthwaite; with a plan, below
    200 random reviews, the variance is blended with the one that its residual model expects. ``severities`` removes
    each inspector's severity and adds its variance. ``bounds`` are the lowest and highest possible mean. Certain
    reviews alone (π = 1) are the mean of a complete review where the population or a column reason says so, and refused
    otherwise ('only_targeted').
    """
    checked(level, bounds)
    s = read(sample, population, value, prediction, severities)
    if not len(s.y):
        return replace(refusal("no_reviews", units=_units(s), level=level), **coverage(s, np.zeros(s.k, dtype=bool)))
    here = covered(s)
    if not here.any():
        return replace(refusal(ONLY_TARGETED, len(s.y), None, _units(s), level), **coverage(s, here))
    about = coverage(s, here)
    s = s if s.units is None else s.of(here)
    units = _units(s)
    lam = _lambda(s, lam)
    offset = _prediction_total(s, lam)
    r = s.y if s.f is None else s.y - lam * s.f
    weight = 1.0 / s.pi
    centre = float((weight * r).sum() / weight.sum())
    value_ = centre if offset is None or units is None else centre + float(offset.sum()) / units
    n, method = len(s.y), "hajek" if lam == 0.0 else "difference"
    parts = w.deville(s.codes, r - centre, s.pi, s.k)
    if not (parts.n > 1).any():  # every agent has a single review: one stratum of all
        parts = w.deville(np.zeros_like(s.codes), r - centre, s.pi, 1)
    variance, df = w.total_variance(parts)
    if math.isnan(variance):
        return replace(refusal("one_review", n, value_, units, level), **about)
    variance, df = _cautious(variance / float(weight.sum()) ** 2, df, s, _size(s, weight))
    if (s.pi < 1).any() and variance <= 1e-18:
        return replace(_no_spread(value_, n, s.pi, bounds, units, level), lam=lam, **about)
    if s.shares is not None and severities is not None:
        share = (weight[:, None] * s.shares).sum(axis=0) / weight.sum()
        extra = float(share @ severities.covariance @ share)
        variance, df = _with_severity(variance, df, extra)
        method += "+severity"
    if not (s.pi < 1).any():
        method = method.replace("hajek", "census").replace("difference", "census")
    se = math.sqrt(variance)
    half = float(scipy.stats.t.ppf(0.5 + level / 2, df)) * se if variance > 0 else 0.0
    low, high = clipped(value_ - half, value_ + half, bounds)
    return Estimate(value_, low, high, n, method, se, df, level, units, lam, **about)


def _units(s: CheckedSample) -> int | None:
    return None if s.units is None else int(s.units.sum())


def coverage(s: CheckedSample, here: NDArray[np.bool_]) -> dict[str, Any]:
    """How many agents the figure speaks for, of how many, and certain picks that are missing."""
    if s.units is None:
        return {"covered": None, "strata": None, "missing": 0}
    return {"covered": int(here.sum()), "strata": s.k, "missing": s.missing}


def _expected(s: CheckedSample) -> Floats | None:
    """The variance of each agent's total that the plan's residual model expects, 0 where it says nothing."""
    if s.expected is not None:
        return s.expected
    if s.prior is None or s.spread is None:
        return None
    by_p = ORDINARY * s.spread if s.spread_p is None else s.spread_p
    return s.prior[0] * s.spread + s.prior[1] * by_p


def _size(s: CheckedSample, weight: Floats) -> Floats:
    """Units of each agent; where the frame is not known as many as the weights stand for."""
    return s.units if s.units is not None else w.sums(s.codes, weight, s.k)


def _cautious(variance: float, df: float, s: CheckedSample, size: Floats) -> tuple[float, float]:
    """Few reviews may hold none of the rare −45s: below 200 random ones the plan's expectation fills up what they lack
    (below 100 where it is an assumption, not learnt). It may narrow what they say, where one −45 among few says too
    much, but never below three quarters of it: the expectation may be of better days. Reviews count by what they are
    asked to carry: two each for the half of the agents that is behind are few, however many the others have."""
    expected = _expected(s)
    if expected is None or not expected.sum() > 0:
        return variance, df
    enough, known = (w.TUNING_REVIEWS, w.LEARNT_DF) if s.learnt else (w.TUNING_REVIEWS / 2, w.ASSUMED_DF)
    random = w.sums(s.codes, (s.pi < 1).astype(np.float64), s.k)
    carried = float((w.ratio(expected, np.sqrt(random), 0.0) ** 2).sum())
    own = min(float(expected.sum()) ** 2 / carried / enough, 1.0) if carried > 0 else 0.0
    rest = (1 - own) * float(expected.sum()) / float(size.sum()) ** 2
    mixed = own * variance + rest
    if not mixed > 0 or own == 1.0:
        return variance, df
    # Satterthwaite's, as for any sum of independent variances
    return max(mixed, w.LEAST_OWN * variance), mixed**2 / ((own * variance) ** 2 / max(df, 1.0) + rest**2 / known)


def _with_severity(variance: float, df: float, extra: float) -> tuple[float, float]:
    total = variance + extra
    return total, (total**2 / (variance**2 / df) if variance > 0 else math.inf)


def clipped(low: float, high: float, bounds: Bounds | None) -> Bounds:
    """The interval within what is possible."""
    return (low, high) if bounds is None else (max(low, bounds[0]), min(high, bounds[1]))


def _no_spread(value: float, n: int, pi: Floats, bounds: Bounds | None, units: int | None, level: float) -> Estimate:
    """All reviewed values agree: what share of units may still differ is bounded as for 0 of n (Clopper–Pearson)."""
    if bounds is None:
        return refusal("no_spread", n, value, units, level)
    weight = 1.0 / pi
    share = 1.0 - (0.5 - level / 2) ** (float((weight**2).sum() / weight.sum() ** 2))
    low, high = value - share * (value - bounds[0]), value + share * (bounds[1] - value)
    return Estimate(value, min(low, value), max(high, value), n, "range", level=level, units=units)


def agents(
    sample: Table,
    population: Table | None = None,
    *,
    value: str = "y",
    prediction: str = "f",
    lam: float | None = None,
    severities: Severities | None = None,
    bounds: Bounds | None = None,
    level: float = 0.95,
) -> pl.DataFrame:
    """Estimate every agent's mean with moderated-t intervals; arguments as for ``team``.

    An agent's own Deville variance v (df = random picks − 1) is blended with the team's residual variance model
    a + b·p(1−p), fitted by non-negative least squares: (8·v_pool + df·v)/(8 + df) with df + 8 degrees of freedom. λ is
    the team's. Returns a row per agent, sorted: agent_id, n, units, value, low, high, se, df, method ('moderated' |
    'pooled' | 'census' | 'range' | 'none'), reason ('' | 'no_reviews' | 'only_targeted' | 'one_review' | 'no_spread'),
    best_guess (shrunk towards the team, for display only), more (reviews that would halve the interval), lam, level,
    version. Where all values agree there is no standard error; ``bounds`` give a range then.
    """
    checked(level, bounds)
    s = read(sample, population, value, prediction, severities)
    lam = _lambda(s, lam)
    offset = _prediction_total(s, lam)
    r = s.y if s.f is None else s.y - lam * s.f
    weight, k = 1.0 / s.pi, s.k
    n, size = w.sums(s.codes, np.ones_like(r), k), w.sums(s.codes, weight, k)
    centre = w.ratio(w.sums(s.codes, weight * r, k), size)
    value_ = centre if offset is None or s.units is None else centre + w.ratio(offset, s.units)
    own = w.deville(s.codes, r - centre[s.codes], s.pi, k)
    pooled = _pooled_variance(s, r - centre[s.codes], own.spread, size)
    expected = _expected(s)
    random = int((s.pi < 1).sum()) / (w.TUNING_REVIEWS if s.learnt else w.TUNING_REVIEWS / 2)
    if expected is not None and random < 1:
        prior = w.ratio(expected, _size(s, weight) ** 2, 0.0)
        pooled = np.where(np.isnan(pooled), prior, np.maximum(pooled, random * pooled + (1 - random) * prior))
    df_own = np.maximum(own.n - 1, 0)
    v_own = np.nan_to_num(w.ratio(own.variance, size**2, 0.0))
    census = (own.n == 0) & (n > 0) & s.complete
    targeted = (own.n == 0) & (n > 0) & ~s.complete
    blended = (w.PRIOR_DF * pooled + df_own * v_own) / (w.PRIOR_DF + df_own)
    variance, df = np.where(census, 0.0, blended), df_own + w.PRIOR_DF
    if s.shares is not None and severities is not None:
        share = np.stack([w.ratio(w.sums(s.codes, weight * column, k), size, 0.0) for column in s.shares.T], axis=1)
        extra = np.einsum("ai,ij,aj->a", share, severities.covariance, share)
        df = np.where(variance > 0, w.ratio((variance + extra) ** 2, variance**2, np.inf) * df, np.inf)
        variance = variance + extra
    variance, value_ = np.where((n > 0) & ~targeted, variance, np.nan), np.where(targeted, np.nan, value_)
    kish = w.ratio(size**2, w.sums(s.codes, weight**2, k), 1.0)
    return _agent_rows(s, n, value_, variance, df, census, kish, bounds, level, lam)


def _pooled_variance(s: CheckedSample, e: Floats, spread: Floats, size: Floats) -> Floats:
    """The variance of each agent's mean that the team-wide residual model predicts; NaN when it cannot be fitted."""
    model = w.residual_model(s.codes, e, s.pi, s.p, s.k)
    if model is None:
        return np.full(s.k, np.nan)
    a, b = model
    if s.spread is not None and s.units is not None and (b == 0.0 or s.spread_p is not None):
        by_p = s.spread_p if s.spread_p is not None else np.zeros(s.k)
        return w.ratio(a * s.spread + b * by_p, s.units**2)
    noise = (1.0 - s.pi) / s.pi**2
    by_p = np.zeros(s.k) if s.p is None else w.sums(s.codes, noise * s.p * (1.0 - s.p), s.k)
    return w.ratio(a * spread + b * by_p, size**2)


def _agent_rows(
    s: CheckedSample, n: Floats, value: Floats, variance: Floats, df: Floats, census: NDArray[np.bool_], kish: Floats,
    bounds: Bounds | None, level: float, lam: float,
) -> pl.DataFrame:  # fmt: skip
    reason = np.select(
        [n == 0, np.isnan(value), np.isnan(variance), (variance <= 1e-18) & ~census],
        ["no_reviews", ONLY_TARGETED, "one_review", "no_spread"],
        "",
    )
    own = np.maximum(df - w.PRIOR_DF, 0) > 0
    method = np.select([reason != "", census, own], ["none", "census", "moderated"], "pooled")
    known = reason == ""
    se = np.where(known, np.sqrt(variance), np.nan)
    half = np.where(known, np.where(se > 0, scipy.stats.t.ppf(0.5 + level / 2, df) * se, 0.0), np.nan)
    low, high = value - half, value + half
    if bounds is not None:
        # as for the team: where all values agree, the share of units that may differ is bounded as for 0 of n
        flat, share = reason == "no_spread", 1.0 - (0.5 - level / 2) ** (1.0 / kish)
        low = np.where(flat, value - share * (value - bounds[0]), np.maximum(low, bounds[0]))
        high = np.where(flat, value + share * (bounds[1] - value), np.minimum(high, bounds[1]))
        reason, method = np.where(flat, "", reason), np.where(flat, "range", method)
    units = [None] * s.k if s.units is None else [int(u) for u in s.units]
    guess = value.copy()
    if known.sum() > 3:
        guess[known] = shrunk(value[known], variance[known])
    return pl.DataFrame(
        {
            "agent_id": s.agents,
            "n": n.astype(np.int64),
            "units": pl.Series(units, dtype=pl.Int64),
            "value": value,
            "low": low,
            "high": high,
            "se": se,
            "df": np.where(known, df, np.nan),
            "method": method,
            "reason": reason,
            "best_guess": guess,
            "more": [reviews_to_halve(int(count), size) for count, size in zip(n, units, strict=True)],
            "lam": np.full(s.k, lam),
            "level": np.full(s.k, level),
            "version": VERSION,
        }
    ).with_columns(pl.col("value", "low", "high", "se", "df", "best_guess").fill_nan(None))


def as_estimates(table: pl.DataFrame) -> dict[str, Estimate]:
    """Return the rows of ``agents`` as ``Estimate`` objects by agent id."""
    names = ("value", "low", "high", "n", "method", "se", "df", "level", "units", "lam", "reason", "version")
    return {row["agent_id"]: Estimate(**{name: row[name] for name in names}) for row in table.iter_rows(named=True)}


def shrunk(values: Floats, variances: Floats) -> Floats:
    """Empirical-Bayes best guesses (Morris 1983): each value moved towards the weighted mean by its own uncertainty.

    τ² solves Σ(x−μ)²/(v+τ²) = k−1 (Paule–Mandel); the share kept is 1 − (k−3)/(k−1)·v/(v+τ²), which for equal variances
    is the James–Stein estimator towards the mean. Needs k > 3, returns the values unchanged otherwise.
    """
    k = len(values)
    if k <= 3:
        return values.copy()

    def mean(tau2: float) -> float:
        precision = 1.0 / np.maximum(variances + tau2, 1e-300)
        return float((precision * values).sum() / precision.sum())

    def excess(tau2: float) -> float:
        return float(((values - mean(tau2)) ** 2 / np.maximum(variances + tau2, 1e-300)).sum()) - (k - 1)

    low, high = 0.0, float(np.var(values)) * k + 1e-12
    if excess(0.0) > 0:
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    tau2 = 0.5 * (low + high) if excess(0.0) > 0 else 0.0
    drawn_in = (k - 3) / (k - 1) * variances / np.maximum(variances + tau2, 1e-300)
    return values + drawn_in * (mean(tau2) - values)
