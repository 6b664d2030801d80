"""Estimates set against one another: before and after a measure, and several sources joined by their volumes.

Owns the combination of independent estimates. Does not combine what has no interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import scipy

from scoring.estimate.result import Estimate, EstimateError, refusal

#: The methods of rates, whose limits are not symmetric.
RATES = {"korn_graubard", "clopper_pearson"}


def difference(before: Estimate, after: Estimate) -> Estimate:
    """Return after − before; the two must rest on different reviews (other periods or units).

    Means have Welch's interval. Rates have MOVER's (Donner & Zou 2012) from the limits of both sides, which holds for
    rare and for no events: 0 of 160 twice is no proof that nothing has changed.
    """
    if not (before.known and after.known):
        missing = before if not before.known else after
        return refusal(missing.reason or "no_interval", before.n + after.n, level=after.level)
    if {before.method, after.method} & RATES:
        return _mover(before, after)
    return _linear((before, after), (-1.0, 1.0), "before_after")


def beyond_chance(difference: Estimate, level: float = 0.99) -> int:
    """Return whether the difference lies above (1) or below (−1) what chance explains at ``level``, else 0.

    Wider than the interval that is shown: whoever looks again every week gets many chances of being misled.
    """
    if not difference.known or difference.value is None or difference.se is None:
        return 0
    half = float(scipy.stats.t.ppf(0.5 + level / 2, difference.df or math.inf)) * difference.se
    return (difference.value - half > 0) - (difference.value + half < 0)


def _mover(before: Estimate, after: Estimate) -> Estimate:
    """The distance of each limit from its side's value stands for a standard error in that direction."""
    (b, bl, bh), (a, al, ah) = ((x.value or 0.0, x.low or 0.0, x.high or 0.0) for x in (before, after))
    value = a - b
    low, high = value - math.hypot(a - al, bh - b), value + math.hypot(ah - a, b - bl)
    se = math.hypot(before.se or 0.0, after.se or 0.0)
    df = min(before.df or math.inf, after.df or math.inf)
    return Estimate(value, low, high, before.n + after.n, "mover", se, df, before.level)


def combine(parts: Sequence[tuple[Estimate, float]]) -> Estimate:
    """Return the mean of several sources (chats, disputes, ratings), each weighted by its volume of units.

    A source without an interval makes the whole unknown: leaving it out would silently change what is estimated.
    """
    volume = sum(units for _, units in parts)
    if not parts or volume <= 0:
        raise EstimateError("volume", "expected at least one source with a volume above 0")
    for part, units in parts:
        if units > 0 and not part.known:
            return refusal(part.reason or "no_interval", sum(p.n for p, _ in parts))
    used = [(part, units / volume) for part, units in parts if units > 0]
    return _linear([part for part, _ in used], [share for _, share in used], "combined")


def _linear(parts: Sequence[Estimate], factors: Sequence[float], method: str) -> Estimate:
    value = sum(factor * (part.value or 0.0) for part, factor in zip(parts, factors, strict=True))
    variances = [(factor * _se(part)) ** 2 for part, factor in zip(parts, factors, strict=True)]
    total = sum(variances)
    fourth = sum(v * v / (part.df or 1.0) for v, part in zip(variances, parts, strict=True) if v > 0)
    df = total * total / fourth if fourth > 0 else math.inf
    level = parts[0].level
    half = float(scipy.stats.t.ppf(0.5 + level / 2, df)) * math.sqrt(total)
    n = sum(part.n for part in parts)
    return Estimate(value, value - half, value + half, n, method, math.sqrt(total), df, level)


def _se(part: Estimate) -> float:
    """The standard error, or for intervals without one (all values equal) half of half the width."""
    return part.se if part.se is not None else (part.width or 0.0) / 4
