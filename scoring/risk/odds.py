"""How probable a suspected hit is to be confirmed, learnt from rulings: by rule, and within a rule by what was said.

Two steps of a Beta-binomial chain (Gelman et al., Bayesian Data Analysis, 3rd ed., ch. 5): all rulings shrink a rule,
the rule shrinks the words. With k confirmed of n and the share m of the step above, the odds are (k + a·m) / (n + a);
the two weights a are chosen by the log loss of predictions made without the file itself, and the whole is checked by
the same predictions. Pure: who is asked, and in which order, is the caller's business.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from scoring.estimate.rates import clopper_pearson

Number = TypeVar("Number", float, np.ndarray)

UNSEEN = "\0"
"""Words that nobody can have said."""
WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""What the step above may count for, in rulings."""
PRIOR_CONFIRMED, PRIOR_RULINGS = 1.0, 2.0
"""What is believed before any ruling: one of two."""
BANDS = (0.05, 0.2, 0.5, 0.8, 1.0)
"""Upper ends of the bands by which predictions are compared with what was ruled."""


@dataclass(frozen=True, slots=True)
class RuledHit:
    """One decided file: its rule, what was said (folded by the caller), and whether it was a violation."""

    rule: str
    said: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Odds:
    """The probability of being confirmed, with the rulings it rests on: `confirmed` of `alike` on the same words,
    `rule_confirmed` of `rule_rulings` on the same rule."""

    p: float
    confirmed: int
    alike: int
    rule_confirmed: int
    rule_rulings: int


@dataclass(frozen=True, slots=True)
class Band:
    """Files whose odds, predicted without them, lay up to `upper`: how many were expected and were confirmed.

    `low` and `high` bound the share confirmed with 95 % (exact binomial). `fits` tells whether what was expected lies
    between them.
    """

    upper: float
    n: int
    expected: float
    confirmed: int
    low: float
    high: float

    @property
    def fits(self) -> bool:
        return self.low <= self.expected / self.n <= self.high


@dataclass(frozen=True, slots=True)
class Learnt:
    """Counts and weights; ask :meth:`odds`. `loss` is the mean log loss of predictions made without the file itself,
    `base_loss` that of saying the overall share for every file."""

    n: int
    confirmed: int
    weights: tuple[float, float]
    loss: float
    base_loss: float
    bands: tuple[Band, ...]
    by_rule: Counter[tuple[str, bool]] = field(repr=False)
    by_said: Counter[tuple[str, str, bool]] = field(repr=False)

    @property
    def useful(self) -> bool:
        """Do the odds say more than the overall share does?"""
        return self.n > 0 and self.loss < self.base_loss

    @property
    def calibrated(self) -> bool:
        """Does every band hold what was expected of it?"""
        return all(band.fits for band in self.bands)

    @property
    def rules(self) -> tuple[tuple[str, Odds], ...]:
        """Every rule ruled on, with the odds of a hit whose words nobody has ruled on; the least likely first."""
        known = {rule: self.odds(rule, UNSEEN) for rule, _ in self.by_rule}
        return tuple(sorted(known.items(), key=lambda one: (one[1].p, one[0])))

    def odds(self, rule: str, said: str) -> Odds:
        """The odds of a file nobody has ruled on."""
        k_rule, n_rule = _of(self.by_rule, rule)
        k_said, n_said = _of(self.by_said, rule, said)
        p = _chain(
            float(self.confirmed),
            float(self.n),
            float(k_rule),
            float(n_rule),
            float(k_said),
            float(n_said),
            self.weights,
        )
        return Odds(p, k_said, n_said, k_rule, n_rule)


def learn(rulings: Sequence[RuledHit]) -> Learnt:
    """Learn the odds from rulings; without any, everything is one of two."""
    by_rule = Counter((r.rule, r.confirmed) for r in rulings)
    by_said = Counter((r.rule, r.said, r.confirmed) for r in rulings)
    n, confirmed = len(rulings), sum(r.confirmed for r in rulings)
    if not n:
        return Learnt(0, 0, (4.0, 4.0), 0.0, 0.0, (), by_rule, by_said)
    truth = np.array([r.confirmed for r in rulings], dtype=float)
    steps = _without_itself(rulings, truth, by_rule, by_said)
    tried: dict[tuple[float, float], np.ndarray] = {(a, b): _chain(*steps, (a, b)) for a in WEIGHTS for b in WEIGHTS}
    weights = min(tried, key=lambda w: (_loss(tried[w], truth), -w[0], -w[1]))  # among equals the more careful one
    base = _share(confirmed - truth, np.full(n, n - 1.0))
    return Learnt(
        n, confirmed, weights, _loss(tried[weights], truth), _loss(base, truth), _bands(tried[weights], truth),
        by_rule, by_said,
    )  # fmt: skip


def _of(counts: Counter[tuple[str, bool]] | Counter[tuple[str, str, bool]], *key: str) -> tuple[int, int]:
    yes, no = counts[(*key, True)], counts[(*key, False)]  # type: ignore[index]
    return yes, yes + no


def _share(k: Number, n: Number) -> Number:
    return (k + PRIOR_CONFIRMED) / (n + PRIOR_RULINGS)


def _chain(
    k: Number, n: Number, k_rule: Number, n_rule: Number, k_said: Number, n_said: Number, weights: tuple[float, float]
) -> Number:
    rule = (k_rule + weights[0] * _share(k, n)) / (n_rule + weights[0])
    return (k_said + weights[1] * rule) / (n_said + weights[1])


def _without_itself(
    rulings: Sequence[RuledHit],
    truth: np.ndarray,
    by_rule: Counter[tuple[str, bool]],
    by_said: Counter[tuple[str, str, bool]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Counts of all three steps for every ruling as if it had not been decided: k, n, k_rule, n_rule, k_said,
    n_said."""
    rule = np.array([_of(by_rule, r.rule) for r in rulings], dtype=float)
    said = np.array([_of(by_said, r.rule, r.said) for r in rulings], dtype=float)
    everything = np.full(len(rulings), float(len(rulings) - 1))
    return (
        truth.sum() - truth, everything, rule[:, 0] - truth, rule[:, 1] - 1, said[:, 0] - truth, said[:, 1] - 1,
    )  # fmt: skip


def _loss(p: np.ndarray, truth: np.ndarray) -> float:
    return float(-np.mean(truth * np.log(p) + (1 - truth) * np.log1p(-p)))


def _bands(p: np.ndarray, truth: np.ndarray) -> tuple[Band, ...]:
    found, lower = [], 0.0
    for upper in BANDS:
        inside = (p >= lower) & (p < upper if upper < 1 else p <= 1)
        n, k = int(inside.sum()), int(truth[inside].sum())
        if n:
            low, high = clopper_pearson(k, n)
            found.append(Band(upper, n, math.fsum(p[inside]), k, low, high))
        lower = upper
    return tuple(found)
