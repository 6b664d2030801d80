"""Agreement between inspectors on one criterion, by coefficients that state what they count and when they mean nothing.

Owns Krippendorff's α, Gwet's AC1/AC2, Fleiss' and weighted κ, intraclass correlations, percent agreement, on an array
items × raters with NaN for what was not rated, and the mean distance to a known answer. Refuses adjudicated scores in
spirit (callers pass independent ones) and answers "too lopsided" instead of a number nobody should read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from scoring.keyed import uniforms

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
Weights = Literal["identity", "linear", "quadratic", "ordinal"]

#: Below this share of the rarer outcomes a chance-corrected coefficient of a criterion is not reported.
LOPSIDED = 0.05
#: Items, and items with another answer than the most frequent one, below which a coefficient has no interval.
INTERVAL_ITEMS, INTERVAL_OTHER = 20, 8
EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient with its interval (None without a seed and from too few items), ``items`` with two or more ratings,
    ``pairs`` of ratings compared and the reason why there is no value ('too_few', 'no_variation', 'lopsided')."""

    value: float | None
    low: float | None
    high: float | None
    items: int
    pairs: int
    method: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Agreement in numbers, for one outcome called positive. ``positive`` = 2·both / (2·both + one): the chance that a
    second inspector confirms what a first one found. ``percent`` = share of pairs that agree."""

    pairs: int
    both: int
    one: int
    neither: int
    percent: float | None
    positive: float | None


def _checked(ratings: Floats) -> Floats:
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"expected ratings as items × raters; found {table.ndim} dimension(s)")
    return table


@dataclass(frozen=True, slots=True)
class _Tally:
    """Ratings counted per item (rows) and distinct value (columns), with item weights."""

    values: Floats
    counts: Floats
    weight: Floats

    @property
    def n(self) -> Floats:
        return np.asarray(self.counts.sum(axis=1), dtype=np.float64)

    @property
    def paired(self) -> NDArray[np.bool_]:
        return self.n > 1

    @property
    def pairs(self) -> int:
        return int((self.n * (self.n - 1) / 2).sum())


def _tally(ratings: Floats, weight: Floats | None, values: Floats | None = None) -> _Tally:
    table = _checked(ratings)
    known = np.unique(table[~np.isnan(table)]) if values is None else values
    counts = (
        np.stack([(table == v).sum(axis=1) for v in known], axis=1).astype(float)
        if len(known)
        else np.zeros((len(table), 0))
    )
    w = np.ones(len(table)) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (len(table),) or not (w > 0).all():
        raise ValueError("expected one positive weight (1/π) for every item")
    return _Tally(known, counts, w)


def _distance(values: Floats, level: Level, totals: Floats) -> Floats:
    """Krippendorff's squared difference functions δ² between values."""
    a, b = values[:, None], values[None, :]
    if level == "nominal":
        return np.asarray(a != b, dtype=np.float64)
    if level == "interval":
        return np.asarray((a - b) ** 2)
    if level == "ratio":
        return np.asarray(np.divide(a - b, a + b, out=np.zeros((len(values),) * 2), where=(a + b) != 0) ** 2)
    upto = np.cumsum(totals)
    low, high = np.minimum(*np.indices((len(values),) * 2)), np.maximum(*np.indices((len(values),) * 2))
    between = upto[high] - upto[low] + totals[low] - (totals[low] + totals[high]) / 2
    return np.asarray(np.where(low == high, 0.0, between**2))


def _alpha(t: _Tally, level: Level, weight: Floats) -> float:
    """1 − observed/expected disagreement from the coincidence matrix (Krippendorff 2011, "Computing …")."""
    use, n = t.paired, t.n
    # weights of mean 1: the correction for few ratings goes by the ratings there are, not by the units they stand for
    weight = weight * use.sum() / weight[use].sum()
    share = np.where(use, weight / np.maximum(n - 1, 1), 0.0)
    coincidence = (t.counts * share[:, None]).T @ t.counts - np.diag((share[:, None] * t.counts).sum(axis=0))
    totals = coincidence.sum(axis=1)
    delta = _distance(t.values, level, totals)
    total = totals.sum()
    expected = float((np.outer(totals, totals) * delta).sum())
    if total <= 1 or expected <= 0:
        return math.nan
    return float(1.0 - (total - 1.0) * float((coincidence * delta).sum()) / expected)


def _gwet(t: _Tally, weights: Floats, weight: Floats) -> float:
    """Gwet's AC1 (identity weights) or AC2: chance agreement T·Σπ(1−π)/(q(q−1)) with T the sum of the weights."""
    observed = _weighted_agreement(t, weights, weight)
    rated = np.where(t.n > 0, weight, 0.0)
    share = (rated[:, None] * t.counts / np.maximum(t.n, 1)[:, None]).sum(axis=0) / rated.sum()
    q = len(t.values)
    chance = float(weights.sum()) * float((share * (1 - share)).sum()) / (q * (q - 1)) if q > 1 else 0.0
    return (observed - chance) / (1 - chance) if chance < 1 else math.nan


def _fleiss(t: _Tally, weights: Floats, weight: Floats) -> float:
    """Fleiss' κ generalised to unequal numbers of ratings (Gwet 2014): chance agreement Σ w π π'."""
    observed = _weighted_agreement(t, weights, weight)
    rated = np.where(t.n > 0, weight, 0.0)
    share = (rated[:, None] * t.counts / np.maximum(t.n, 1)[:, None]).sum(axis=0) / rated.sum()
    chance = float(share @ weights @ share)
    return (observed - chance) / (1 - chance) if chance < 1 else math.nan


def _weighted_agreement(t: _Tally, weights: Floats, weight: Floats) -> float:
    use = t.paired
    counts, n = t.counts[use], t.n[use]
    agreeing = (counts * (counts @ weights - 1.0)).sum(axis=1) / (n * (n - 1))
    return float((weight[use] * agreeing).sum() / weight[use].sum())


def agreement_weights(values: Floats, kind: Weights) -> Floats:
    """Weights of partial agreement between values, 1 on the diagonal (identity, linear, quadratic, ordinal)."""
    k = len(values)
    if kind == "identity" or k < 2:
        return np.eye(k)
    if kind == "ordinal":
        apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) + 1.0
        return 1.0 - apart * (apart - 1) / (k * (k - 1))
    gap = np.abs(np.subtract.outer(values, values)) / (values[-1] - values[0])
    return np.asarray(1.0 - (gap if kind == "linear" else gap**2))


def _coefficient(
    ratings: Floats, method: str, compute: Callable[[_Tally, Floats], float], weight: Floats | None, seed: str | None,
    replicates: int, level: float, lopsided: float,
) -> Agreement:  # fmt: skip
    t = _tally(ratings, weight)
    items, pairs = int(t.paired.sum()), t.pairs
    if items < 2:
        return Agreement(None, None, None, items, pairs, method, "too_few")
    shares = t.counts[t.paired].sum(axis=0) / t.counts[t.paired].sum()
    if (shares > 0).sum() < 2:
        return Agreement(None, None, None, items, pairs, method, "no_variation")
    if lopsided > 0 and 1.0 - shares.max() < lopsided:
        return Agreement(None, None, None, items, pairs, method, "lopsided")
    value = compute(t, t.weight)
    if math.isnan(value):
        return Agreement(None, None, None, items, pairs, method, "no_variation")
    low, high = (None, None) if seed is None else _bootstrap(_Ask(_key(t, method, seed, replicates, level), t, compute))
    return Agreement(value, low, high, items, pairs, method)


_Key = tuple[bytes, bytes, bytes, str, str, int, float]


@dataclass(frozen=True, slots=True)
class _Ask:
    """What an interval is asked of; equal where the key is, which says all that it follows from."""

    key: _Key
    t: _Tally = field(compare=False)
    compute: Callable[[_Tally, Floats], float] = field(compare=False)


def _key(t: _Tally, method: str, seed: str, replicates: int, level: float) -> _Key:
    return t.values.tobytes(), t.counts.tobytes(), t.weight.tobytes(), method, seed, replicates, level


@lru_cache(maxsize=500)
def _bootstrap(ask: _Ask) -> tuple[float | None, float | None]:
    """Percentile interval over items: a resample is a reweighting of the items that have two or more ratings. The same
    ratings are asked about again and again, and the seed makes the same of them.

    Where rare answers carry the coefficient the percentiles alone are far too narrow (they hold the truth in .3 of
    rounds of six items, in .75 of 25), so the interval of the jackknife is joined to them; none from too few items.
    """
    t, compute, (*_ratings, seed, replicates, level) = ask.t, ask.compute, ask.key
    use = np.flatnonzero(t.paired)
    other = _other(t)
    if len(use) < INTERVAL_ITEMS or other < INTERVAL_OTHER:
        return None, None
    chosen = (uniforms(seed, replicates * len(use)) * len(use)).astype(np.int64).reshape(replicates, len(use))
    results = []
    for draw in chosen:
        times = np.zeros(len(t.weight))
        times[use] = np.bincount(draw, minlength=len(use))
        results.append(compute(t, t.weight * times))
    values = np.array(results)
    values = values[np.isfinite(values)]
    if len(values) < replicates / 2:
        return None, None
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    wider = _jackknife(t, compute, level, other - 1)
    return min(float(low), wider[0]), max(float(high), wider[1])


def _other(t: _Tally) -> int:
    """Items on which somebody gave another answer than the most frequent one: what the coefficient rests on."""
    counts = t.counts[t.paired]
    return int((counts.sum(axis=1) > counts[:, counts.sum(axis=0).argmax()]).sum())


def _jackknife(
    t: _Tally, compute: Callable[[_Tally, Floats], float], level: float, freedom: int
) -> tuple[float, float]:
    """Interval of the coefficient by leaving out one item at a time, with Student's t, on the scale ln(1 − coefficient)
    on which disagreements multiply (Efron & Tibshirani 1993, chapter 11). What was never seen, two who disagree or two
    who agree on another answer than the most frequent one, is added as often as the rule of three allows."""
    value = compute(t, t.weight)
    if value >= 1 - EPSILON:
        return _with_unseen(t, compute, agreeing=1), 1.0
    left = []
    for item in np.flatnonzero(t.paired):
        weight = t.weight.copy()
        weight[item] = 0.0
        left.append(compute(t, weight))
    logs = np.log(np.maximum(1 - np.array(left), EPSILON))
    logs = logs[np.isfinite(logs)]
    spread = math.sqrt(float(((logs - logs.mean()) ** 2).sum()) * (len(logs) - 1) / len(logs))
    far = float(scipy.special.stdtrit(freedom, 0.5 + level / 2)) * spread
    low, high = max(1 - (1 - value) * math.exp(far), -1.0), 1 - (1 - value) * math.exp(-far)
    if np.delete(t.counts, t.counts.sum(axis=0).argmax(), axis=1).max() < 2:
        high = max(high, _with_unseen(t, compute, agreeing=2))
    return low, high


def _with_unseen(t: _Tally, compute: Callable[[_Tally, Floats], float], agreeing: int) -> float:
    """The coefficient with three items more on which so many raters give the second most frequent answer, the others
    the most frequent one."""
    first, second = np.argsort(t.counts.sum(axis=0))[::-1][:2]
    item = np.zeros(len(t.values))
    item[second] = agreeing
    item[first] += max(int(t.n.max()) - agreeing, 0)
    added = _Tally(t.values, np.vstack([t.counts, item]), np.append(t.weight, 3 * t.weight[t.paired].mean()))
    return compute(added, added.weight)


def alpha(
    ratings: Floats, metric: Level = "nominal", *, weight: Floats | None = None, seed: str | None = None,
    replicates: int = 1000, level: float = 0.95, lopsided: float = 0.0,
) -> Agreement:  # fmt: skip
    """Return Krippendorff's α for items × raters (NaN = missing), with a bootstrap interval when a seed is given.

    ``weight`` is 1/π of each item. With ``lopsided`` > 0 (``LOPSIDED`` = 5 %) a criterion on which nearly all ratings
    are equal is answered 'lopsided': 97 % raw agreement can go with α near 0 there, and neither number says much.
    """
    return _coefficient(
        ratings, f"alpha_{metric}", lambda t, w: _alpha(t, metric, w), weight, seed, replicates, level, lopsided
    )


def gwet(
    ratings: Floats, kind: Weights = "identity", *, weight: Floats | None = None, seed: str | None = None,
    replicates: int = 1000, level: float = 0.95, lopsided: float = 0.0,
) -> Agreement:  # fmt: skip
    """Return Gwet's AC1 (identity) or AC2 (other weights); arguments as for ``alpha``."""
    method = "ac1" if kind == "identity" else f"ac2_{kind}"
    return _coefficient(
        ratings,
        method,
        lambda t, w: _gwet(t, agreement_weights(t.values, kind), w),
        weight,
        seed,
        replicates,
        level,
        lopsided,
    )


def fleiss(
    ratings: Floats, kind: Weights = "identity", *, weight: Floats | None = None, seed: str | None = None,
    replicates: int = 1000, level: float = 0.95, lopsided: float = 0.0,
) -> Agreement:  # fmt: skip
    """Return Fleiss' κ, extended to missing ratings and weights; arguments as for ``alpha``."""
    return _coefficient(
        ratings,
        f"fleiss_{kind}",
        lambda t, w: _fleiss(t, agreement_weights(t.values, kind), w),
        weight,
        seed,
        replicates,
        level,
        lopsided,
    )


def kappa(first: Floats, second: Floats, kind: Weights = "identity", *, weight: Floats | None = None) -> Agreement:
    """Return Cohen's (weighted) κ of two inspectors over the items that both rated."""
    both = ~(np.isnan(first) | np.isnan(second))
    a, b = np.asarray(first)[both], np.asarray(second)[both]
    w = np.ones(len(a)) if weight is None else np.asarray(weight, dtype=np.float64)[both]
    method, items = f"kappa_{kind}", len(a)
    if items < 2:
        return Agreement(None, None, None, items, items, method, "too_few")
    values = np.unique(np.concatenate([a, b]))
    joint = np.zeros((len(values), len(values)))
    np.add.at(joint, (np.searchsorted(values, a), np.searchsorted(values, b)), w)
    joint /= joint.sum()
    weights = agreement_weights(values, kind)
    chance = float((np.outer(joint.sum(axis=1), joint.sum(axis=0)) * weights).sum())
    if chance >= 1:
        return Agreement(None, None, None, items, items, method, "no_variation")
    return Agreement((float((joint * weights).sum()) - chance) / (1 - chance), None, None, items, items, method)


@dataclass(frozen=True, slots=True)
class Intraclass:
    """Intraclass correlations of Shrout & Fleiss 1979: of one inspector's score, absolute (2,1) and for ranking (3,1),
    and of the mean of all k inspectors (2,k)."""

    icc_2_1: float
    icc_3_1: float
    icc_2_k: float
    items: int
    raters: int


def icc(ratings: Floats) -> Intraclass | None:
    """Return the intraclass correlations over the items that every rater scored; None below two items or raters.

    (3,1) ignores that some inspectors are harsher than others, (2,1) does not: a wide gap between them is severity.
    """
    table = _checked(ratings)
    table = table[~np.isnan(table).any(axis=1)]
    n, k = table.shape
    if n < 2 or k < 2:
        return None
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    grand = table.mean()
    between = k * ((rows - grand) ** 2).sum() / (n - 1)
    judges = n * ((columns - grand) ** 2).sum() / (k - 1)
    rest = ((table - rows[:, None] - columns[None, :] + grand) ** 2).sum() / ((n - 1) * (k - 1))
    if between + (k - 1) * rest <= 0:
        return None
    return Intraclass(
        float((between - rest) / (between + (k - 1) * rest + k * (judges - rest) / n)),
        float((between - rest) / (between + (k - 1) * rest)),
        float((between - rest) / (between + (judges - rest) / n)),
        n,
        k,
    )


def counts(ratings: Floats, positive: float = 1.0) -> Counts:
    """Count the pairs of ratings of one item in which both, one or none gave the ``positive`` value.

    ``percent`` is the share of pairs with equal values (of whatever kind), ``positive`` the positive-specific
    agreement.
    """
    t = _tally(ratings, None)
    hits = (_checked(ratings) == positive).sum(axis=1).astype(float)
    both, one = float((hits * (hits - 1) / 2).sum()), float((hits * (t.n - hits)).sum())
    neither = t.pairs - both - one
    same = float((t.counts * (t.counts - 1) / 2).sum())
    return Counts(
        t.pairs,
        round(both),
        round(one),
        round(neither),
        same / t.pairs if t.pairs else None,
        2 * both / (2 * both + one) if both + one else None,
    )


@dataclass(frozen=True, slots=True)
class Distance:
    """Mean difference to a known answer, with its 95 % t interval (None while nothing is known of the spread)."""

    mean: float
    low: float | None
    high: float | None
    n: int


def distance(differences: Floats, level: float = 0.95) -> Distance | None:
    """Return how far from the known answers somebody is on average; None without any difference."""
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n == 0:
        return None
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    if spread == 0:  # equal differences, however few, would claim to know the mean exactly
        return Distance(mean, None, None, n)
    half = float(scipy.stats.t.ppf(0.5 + level / 2, n - 1)) * spread / math.sqrt(n)
    return Distance(mean, mean - half, mean + half, n)
