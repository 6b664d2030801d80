"""Counts of what happens now and then (disputes, complaints) over an exposure (chats, orders), with exact intervals.

Everything there is was counted, nothing was sampled: the interval says what chance alone would do to such a count.
"""

from __future__ import annotations

import scipy

from scoring.estimate.rates import clopper_pearson
from scoring.estimate.result import Estimate, EstimateError, refusal

LEAST_EXPECTED = 10.0
"""An agent with fewer expected cases than this gets the figure of the team: chance moves the own one too far."""


def poisson(x: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval for the mean of a Poisson count x (Garwood 1936)."""
    tail = 0.5 - level / 2
    low = float(scipy.stats.chi2.ppf(tail, 2 * x)) / 2 if x > 0 else 0.0
    return low, float(scipy.stats.chi2.ppf(1 - tail, 2 * x + 2)) / 2


def per_exposure(x: int, exposure: float, level: float = 0.95) -> Estimate:
    """Cases per unit of exposure with Garwood's interval; no figure without exposure. ``n`` is the number of cases."""
    if x < 0 or exposure < 0:
        raise EstimateError("count", "expected counts and exposures of 0 or more")
    if not exposure:
        return refusal("no_exposure", x, level=level)
    low, high = poisson(x, level)
    return Estimate(x / exposure, low / exposure, high / exposure, x, "poisson", level=level, units=int(exposure))


def share(x: int, n: int, level: float = 0.95) -> Estimate:
    """The share x of n cases with the Clopper–Pearson interval; no figure of none."""
    if not 0 <= x <= n:
        raise EstimateError("count", "expected a number of cases from 0 to all of them")
    if not n:
        return refusal("no_cases", 0, level=level)
    low, high = clopper_pearson(x, n, level)
    return Estimate(x / n, low, high, n, "clopper_pearson", level=level)


def ratio(before: tuple[int, float], after: tuple[int, float], level: float = 0.95) -> Estimate:
    """How many times the rate of ``after`` is that of ``before`` (each: cases, exposure), exact given the sum of both
    counts (Przyborowski & Wilenski 1940): below 1 all through, the rate has fallen. No figure without cases before or
    without exposure."""
    (x, e), (y, f) = before, after
    if not e or not f or not x + y:
        return refusal("no_exposure" if not e or not f else "no_cases", x + y, level=level)
    low, high = clopper_pearson(y, x + y, level)
    value = None if not x else (y / f) / (x / e)
    top = high / (1 - high) * e / f if high < 1 else float("inf")
    return Estimate(
        value, low / (1 - low) * e / f if low < 1 else float("inf"), top, x + y, "poisson_ratio", level=level
    )
