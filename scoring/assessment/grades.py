"""Probabilities of grades for totals that are known only with error, integrated over the spread between people.

Model: total ~ N(true, se²), true ~ N(mean, spread²), flat priors on mean and spread (Rubin 1981; Gelman 2006; Gelman et
al., Bayesian Data Analysis, 3rd ed., §5.4). The spread is never set to one value: with a team of twenty a plugged-in
spread makes 40 % of stated grades wrong where at most 20 % are promised. Earlier totals of the same people narrow what
the spread can be. These are the only shrunken figures of the product: they serve to state a grade, never as a score.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from scoring.keyed import uniforms

Floats = NDArray[np.float64]

NODES = 60
STATED_FROM = 0.8
"""A grade is stated at this probability; below it the two likeliest are named."""
LAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Spread:
    """What is known of the spread between people: `tau` (points) with weights that sum to 1."""

    tau: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Posterior:
    """True totals of n people as mixtures over the m values of the spread: `mean` and `sd` are m × n."""

    weight: Floats
    mean: Floats
    sd: Floats

    def below(self, bound: float) -> Floats:
        """Probability that each true total lies below `bound`."""
        return np.asarray(self.weight @ special.ndtr((bound - self.mean) / self.sd))

    def expected(self) -> Floats:
        """Posterior means."""
        return np.asarray(self.weight @ self.mean)


def spread(total: Floats, se: Floats) -> Spread:
    """The posterior of the spread, on a grid (BDA3, eq. 5.21, flat in the spread)."""
    if len(total) < 3:
        return Spread(np.array([np.inf]), np.array([1.0]))  # nothing is known: no shrinking
    top = max(4.0 * float(np.std(total)), 2.0 * float(np.median(se)), 1e-6)
    tau: Floats = (np.arange(NODES, dtype=np.float64) + 0.5) * (top / NODES)
    log = np.array([_log_likelihood(total, se, one) for one in tau])
    weight = np.exp(log - log.max())
    return Spread(tau, weight / weight.sum())


def _log_likelihood(total: Floats, se: Floats, tau: float) -> float:
    variance = se**2 + tau**2
    precision = 1.0 / variance
    mean = (precision * total).sum() / precision.sum()
    return float(-0.5 * (np.log(precision.sum()) + (np.log(variance) + (total - mean) ** 2 / variance).sum()))


def posterior(total: Floats, se: Floats, known: Spread | None = None) -> Posterior:
    """The true totals, given totals and standard errors; `known` is the spread from history and present together."""
    known = known or spread(total, se)
    finite = np.isfinite(known.tau)
    if not finite.all():
        return Posterior(known.weight, np.atleast_2d(total), np.atleast_2d(se))
    tau2, s2 = known.tau[:, None] ** 2, se[None, :] ** 2
    precision = 1.0 / (s2 + tau2)
    v_mean = 1.0 / precision.sum(axis=1, keepdims=True)
    centre = (precision * total).sum(axis=1, keepdims=True) * v_mean
    pull = s2 / (s2 + tau2)
    mean = (1 - pull) * total + pull * centre
    variance = pull * tau2 + pull**2 * v_mean
    return Posterior(known.weight, mean, np.sqrt(variance))


def probabilities(truth: Posterior, bounds: tuple[float, ...]) -> Floats:
    """n × grades: the probability of every grade; ``bounds`` are the lowest totals of all but the last, falling."""
    below = [truth.below(bound) for bound in bounds]
    edges = [np.ones_like(below[0]), *below, np.zeros_like(below[0])]
    return np.stack([high - low for high, low in itertools.pairwise(edges)], axis=1)


def stated(chances: Floats, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """For each person the grade whose probability reaches 0.8, else the two likeliest, better one first."""
    order = np.argsort(-chances, axis=1, kind="stable")[:, :2]
    sure = (np.take_along_axis(chances, order[:, :1], axis=1)[:, 0] >= STATED_FROM).tolist()
    likeliest, both = order[:, 0].tolist(), np.sort(order, axis=1).tolist()
    return [
        (names[best],) if stands else (names[first], names[second])
        for stands, best, (first, second) in zip(sure, likeliest, both, strict=True)
    ]


def last_places(truth: Posterior, places: int, seed: str = "last-places") -> Floats:
    """Probability that each person is truly among the last `places`, by keyed draws of all true totals."""
    m, n = truth.mean.shape
    if n == 0 or places <= 0:
        return np.zeros(n)
    draws = int(np.clip(1e6 / n, 200, 2000))
    u = np.clip(uniforms(f"{seed}/{n}", draws * n).reshape(draws, n), 1e-12, 1 - 1e-12)
    at = np.searchsorted(np.cumsum(truth.weight), (np.arange(draws) + 0.5) / draws).clip(0, m - 1)
    true = truth.mean[at] + truth.sd[at] * special.ndtri(u)
    worst = np.argpartition(true, places - 1, axis=1)[:, :places] if places < n else np.tile(np.arange(n), (draws, 1))
    return np.bincount(worst.ravel(), minlength=n) / draws


def chance_places(last: Floats, total: Floats, places: int) -> float:
    """How many of the `places` lowest totals are expected to be chance: their holders are truly not among the last."""
    named = np.argsort(total, kind="stable")[:places]
    return float((1.0 - last[named]).sum())
