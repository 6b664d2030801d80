"""The arithmetic under every estimate: Hájek means, Deville's variance by stratum, the tuning of λ, pooled variances.

Owns formulas on plain arrays, with strata as numbers 0…K−1. Does not know frames, names and intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Degrees of freedom the pooled variance counts for beside an agent's own (statistics of the moderated t).
PRIOR_DF = 8.0
#: λ is tuned from this many reviews on; below it the predictions are left out.
TUNING_REVIEWS = 200
LARGEST_LAMBDA = 1.2
#: Degrees of freedom of a spread that was learnt from at least 200 past reviews, and of one that is assumed; the share
#: of their own variance that few reviews keep at least.
LEARNT_DF, ASSUMED_DF, LEAST_OWN = 60.0, 20.0, 0.75
#: A residual counts for the residual variance when at least this share of its own variance is left in it.
LEAST_KEPT = 0.2


def sums(codes: Ints, values: Floats, k: int) -> Floats:
    """Sum of ``values`` by stratum number."""
    return np.bincount(codes, weights=values, minlength=k).astype(np.float64)


def ratio(top: Floats, bottom: Floats, otherwise: float = np.nan) -> Floats:
    """top / bottom where bottom is positive."""
    result: Floats = np.divide(top, bottom, out=np.full(np.broadcast(top, bottom).shape, otherwise), where=bottom > 0)
    return result


@dataclass(frozen=True, slots=True)
class StratumVariance:
    """Per stratum: variance of Σ e/π, random picks n (π < 1), and Σ(1−π)/π² (the variance of unit noise)."""

    variance: Floats
    n: Floats
    spread: Floats


def deville(codes: Ints, e: Floats, pi: Floats, k: int) -> StratumVariance:
    """Deville's (1999) variance of Σ e/π in each stratum: n/(n−1)·Σ(1−π)(e/π − B)², B = Σ(1−π)e/π / Σ(1−π).

    Exact for equal probabilities within strata (the fixed-size finite-population formula); an approximation of high
    quality for Pareto sampling. NaN where one random pick stands alone, 0 where every pick is certain.
    """
    c, z = 1.0 - pi, e / pi
    n = sums(codes, (c > 0).astype(np.float64), k)
    centre = ratio(sums(codes, c * z, k), sums(codes, c, k), 0.0)
    squares = sums(codes, c * (z - centre[codes]) ** 2, k)
    variance = np.where(n > 1, squares * ratio(n, n - 1, 0.0), np.where(n == 1, np.nan, 0.0))
    return StratumVariance(variance, n, sums(codes, c / pi**2, k))


def total_variance(parts: StratumVariance) -> tuple[float, float]:
    """Return Σ over strata and its Satterthwaite degrees of freedom; lone picks borrow the other strata's variance.

    NaN when no stratum has two random picks.
    """
    paired = parts.n > 1
    own = parts.variance[paired].sum()
    spread = parts.spread[paired].sum()
    if not spread > 0:
        return (0.0, np.inf) if not (parts.n > 0).any() else (np.nan, 0.0)
    lone = own / spread * parts.spread[parts.n == 1].sum()
    fourth = (parts.variance[paired] ** 2 / (parts.n[paired] - 1)).sum()
    df = own**2 / fourth if fourth > 0 else (parts.n[paired] - 1).sum()
    return float(own + lone), float(df)


def tuned_lambda(codes: Ints, y: Floats, f: Floats, pi: Floats, k: int) -> float:
    """Return λ that makes the variance of Σ(y − λf)/π smallest within strata, clipped to 0…1.2.

    λ = cov(y, f)/var(f) with weights (1−π)/π², those of the variance itself; a useless model tunes itself to 0.
    """
    weight = (1.0 - pi) / pi**2
    total = sums(codes, weight, k)
    f0 = f - ratio(sums(codes, weight * f, k), total, 0.0)[codes]
    y0 = y - ratio(sums(codes, weight * y, k), total, 0.0)[codes]
    spread = float((weight * f0 * f0).sum())
    if not spread > 0:
        return 0.0
    return float(np.clip((weight * f0 * y0).sum() / spread, 0.0, LARGEST_LAMBDA))


def residual_model(codes: Ints, e: Floats, pi: Floats, p: Floats | None, k: int) -> tuple[float, float] | None:
    """Fit residual variance a + b·p(1−p) over all strata by non-negative least squares, weighted by 1/π.

    ``e`` are residuals from their stratum's weighted mean; each is divided by 1 − 2w + Σw² (w its share of the
    stratum's weight), which is (n−1)/n for equal weights and 0 for a pick whose mean is its own. None when nothing is
    left.
    """
    weight = 1.0 / pi
    share = weight / sums(codes, weight, k)[codes]
    kept = 1.0 - 2.0 * share + sums(codes, share**2, k)[codes]
    use = kept > LEAST_KEPT
    if not use.any():
        return None
    square, weight = e[use] ** 2 / kept[use], weight[use]
    if p is None:
        return float(np.average(square, weights=weight)), 0.0
    root = np.sqrt(weight)
    design = np.column_stack([root, root * p[use] * (1.0 - p[use])])
    (a, b), _ = scipy.optimize.nnls(design, root * square)
    return float(a), float(b)
