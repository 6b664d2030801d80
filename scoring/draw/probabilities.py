"""Inclusion probabilities of one base sample: fixed size per stratum, proportional to a size measure, capped weights.

Owns the allocation of a total over agents and the solution of Σπ = n under π ≤ 1 and 1/π ≤ cap × N/n. Does not know
ids, sources and seeds: everything is arrays indexed by stratum number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.draw.strata import blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32] | NDArray[np.int64]


def allocate(wanted: Floats) -> Ints:
    """Round real sizes to whole ones with the exact rounded total, each within one of its wish (cumulative rounding).

    The caller's order decides who receives the odd review; give an order nobody chose.
    """
    steps = np.floor(np.cumsum(wanted) + 0.5 + 1e-9).astype(np.int64)
    return np.diff(steps, prepend=0)


def at_least_one(sizes: Ints, wanted: Floats, available: Ints) -> Ints:
    """Give every stratum that wants a review and has units one at least, taken from the largest sizes: an agent without
    any chance would silently drop out of the team's mean. What the total cannot pay for stays 0."""
    result = sizes.copy()
    for k in np.flatnonzero((wanted > 0) & (sizes == 0) & (available > 0)):
        donor = int(np.argmax(result))
        if result[donor] < 2:
            break
        result[donor] -= 1
        result[k] = 1
    return result


def inclusion(stratum: Codes, size: Floats, take: Ints, weight_cap: float) -> Floats:
    """Return π for every unit: min(1, max(floor, c·size)) with Σπ = ``take`` exactly within each stratum.

    ``stratum`` numbers the strata 0…K−1, ``size`` is the positive size measure (the predicted residual SD) and ``take``
    the sample size of each stratum. The floor is n/(cap·N), so that no weight exceeds ``weight_cap`` times the uniform
    one. Where n ≥ N every π is 1, where n = 0 every π is 0.
    """
    pi = np.empty(len(stratum))
    for part, rows in blocks(stratum, len(take)):
        pi[rows] = _inclusion(stratum[rows] - part.start, size[rows], take[part], weight_cap)
    return pi


def _inclusion(stratum: Codes, size: Floats, take: Ints, weight_cap: float) -> Floats:
    """The same for some of the strata, which are solved independently of each other."""
    count = np.bincount(stratum, minlength=len(take)).astype(np.float64)
    n = np.minimum(take, count).astype(np.float64)
    floor = np.divide(n, weight_cap * count, out=np.zeros_like(n), where=count > 0)
    scale = _solve(stratum, size, n, count, floor)
    pi = np.clip(scale[stratum] * size, floor[stratum], 1.0)
    pi[(n >= count)[stratum]] = 1.0
    pi[(n == 0)[stratum]] = 0.0
    return _exact_sums(stratum, pi, n, floor)


def _solve(stratum: Codes, size: Floats, n: Floats, count: Floats, floor: Floats) -> Floats:
    """Newton steps on c ↦ Σ clip(c·size, floor, 1) − n, a rising piecewise-linear function, kept inside a bracket."""
    strata = len(n)
    total = np.bincount(stratum, weights=size, minlength=strata)
    smallest = np.full(strata, np.inf)
    np.minimum.at(smallest, stratum, size)
    low = np.zeros(strata)
    high = np.where(np.isfinite(smallest), 1.0 / np.maximum(smallest, 1e-300), 1.0)
    scale = np.divide(n, total, out=np.zeros(strata), where=total > 0)
    for _ in range(200):
        raw = scale[stratum] * size
        free = (raw > floor[stratum]) & (raw < 1.0)
        gap = np.bincount(stratum, weights=np.clip(raw, floor[stratum], 1.0), minlength=strata) - n
        open_ = (np.abs(gap) > 1e-12 * np.maximum(n, 1.0)) & (n > 0) & (n < count)
        if not open_.any():
            break
        low, high = np.where(gap < 0, scale, low), np.where(gap > 0, scale, high)
        slope = np.bincount(stratum, weights=np.where(free, size, 0.0), minlength=strata)
        step = scale - np.divide(gap, slope, out=np.full(strata, np.inf), where=slope > 0)
        inside = (step > low) & (step < high)
        scale = np.where(open_, np.where(inside, step, 0.5 * (low + high)), scale)
    return scale


def _exact_sums(stratum: Codes, pi: Floats, n: Floats, floor: Floats) -> Floats:
    """Spread what rounding left of Σπ − n over the free units, so that the sum is right to the last digits."""
    strata = len(n)
    free = (pi > floor[stratum]) & (pi < 1.0)
    rest = n - np.bincount(stratum, weights=pi, minlength=strata)
    mass = np.bincount(stratum, weights=np.where(free, pi, 0.0), minlength=strata)
    factor = 1.0 + np.divide(rest, mass, out=np.zeros(strata), where=mass > 0)
    return np.where(free, np.minimum(pi * factor[stratum], 1.0), pi)
