"""Whose scores go with nobody else: how far one inspector agrees with the others in the order of conversations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import scipy

from scoring.keyed import uniforms
from scoring.severity import CONSISTENT, FAMILY_ERROR, LEAST_SHARED, LEAST_USUAL, REPLICATES, SAME, Floats, Severities


@dataclass(frozen=True, slots=True)
class Consistency:
    """How one inspector's scores go with those of the others on ``shared`` conversations: correlation (leave-one-out)
    with its 95 % interval by Fisher's z. ``alone``: not half of what is usual among the colleagues, and below it beyond
    chance, counted over all inspectors. ``consistent``: even the lower end of the interval is a clear correlation.
    ``needed`` more shared conversations would show somebody whose scores are random every other time (0: there are
    enough; None: the colleagues agree too little among themselves to compare anybody with them)."""

    inspector: str
    shared: int
    correlation: float | None
    low: float | None
    high: float | None
    alone: bool
    consistent: bool = False
    needed: int | None = 0


def consistency(
    scores: pl.DataFrame, severities: Severities | None = None, *, error: float = FAMILY_ERROR
) -> tuple[Consistency, ...]:
    """Return each inspector's correlation with the mean of the others on shared conversations.

    Severe is not unreliable: a harsh but consistent inspector correlates well and is adjusted, one who agrees with
    nobody is flagged. ``scores`` as for ``fit``; known ``severities`` are taken off first, so that a harsh partner does
    not make anybody look inconsistent. Below ``LEAST_SHARED`` conversations, or where all the others' scores are equal,
    there is no figure; who gives every conversation the same score while others do not has 0. ``error`` is the chance
    that any sound inspector is flagged, over all of them (Holm 1979): each difference to the median of the others, on
    Fisher's scale, is compared with its bootstrap error over conversations. Whoever is flagged is left out when the
    others are compared again: to be paired with somebody who agrees with nobody is no fault.
    """
    rows = scores.drop_nulls(["inspector_id", "unit_id", "score"])
    if severities is not None:
        known = dict(zip(severities.inspectors, severities.values.tolist(), strict=True))
        rows = rows.with_columns(
            score=pl.col("score") - pl.col("inspector_id").replace_strict(known, default=0.0, return_dtype=pl.Float64)
        )
    alone: list[Consistency] = []
    left = _Shared.of(rows)
    while (odd := left.odd_one_out(error)) is not None:
        alone.append(replace(odd, alone=True, consistent=False))
        left = _Shared.of(rows.filter(pl.col("inspector_id").is_in(left.without(odd.inspector))))
    return tuple(sorted([*left.judged(error), *alone], key=lambda one: one.inspector))


@dataclass(frozen=True, slots=True)
class _Shared:
    """Everybody's correlation with the mean of the others who are left, and the pairs behind it: own score, mean of the
    others, number of the conversation."""

    found: tuple[Consistency, ...]
    pairs: tuple[Floats, ...]
    units: int

    @staticmethod
    def of(rows: pl.DataFrame) -> _Shared:
        together = rows.with_columns(total=pl.col("score").sum().over("unit_id"), n=pl.len().over("unit_id")).filter(
            pl.col("n") > 1
        )
        together = together.with_columns(
            rest=(pl.col("total") - pl.col("score")) / (pl.col("n") - 1),
            unit=(pl.col("unit_id").rank("dense") - 1).cast(pl.Float64),
        )
        people = rows["inspector_id"].unique().sort().to_list()
        pairs = [
            together.filter(pl.col("inspector_id") == who).select("score", "rest", "unit").to_numpy() for who in people
        ]
        found = [_consistency(who, mine) for who, mine in zip(people, pairs, strict=True)]
        return _Shared(tuple(found), tuple(pairs), together["unit_id"].n_unique())

    def without(self, inspector: str) -> list[str]:
        return [one.inspector for one in self.found if one.inspector != inspector]

    def usual(self, k: int) -> float | None:
        """The median correlation of the others."""
        others = [one.correlation for j, one in enumerate(self.found) if j != k and one.correlation is not None]
        return float(np.median(others)) if others else None

    def odd_one_out(self, error: float) -> Consistency | None:
        """The least likely of those who agree with nobody: not half as much as is usual, by more than chance."""
        suspects = [k for k, one in enumerate(self.found) if self._low(k) and one.correlation is not None]
        if not suspects:
            return None
        spread = self._errors()
        chance = {}
        for k in suspects:
            one, usual = self.found[k], self.usual(k)
            gap = _fisher(one.correlation or 0.0) - _fisher(usual or 0.0)
            doubt = max(float(spread[k]), 1.0 / math.sqrt(one.shared - 3))
            heavy = max(one.shared // 3, 4)  # scores have rare −45s, which make few conversations say less
            chance[k] = float(scipy.stats.t.cdf(gap / doubt, heavy)) * len(self.found)
        least = min(chance, key=lambda k: (chance[k], k))
        return self.found[least] if chance[least] <= error else None

    def _low(self, k: int) -> bool:
        one, usual = self.found[k], self.usual(k)
        return one.correlation is not None and usual is not None and one.correlation < usual / 2

    def _errors(self) -> Floats:
        """Bootstrap standard errors of everybody's difference to the median of the others, on Fisher's scale:
        conversations are drawn again, the same for all, since one hard conversation touches everybody who scored it."""
        drawn = (uniforms("consistency", REPLICATES * self.units) * self.units).astype(np.int64).reshape(REPLICATES, -1)
        times = np.stack([np.bincount(row, minlength=self.units) for row in drawn]).astype(np.float64)
        z = np.stack([_resampled(pairs, times) for pairs in self.pairs], axis=1)
        gaps = np.full_like(z, np.nan)
        for k in range(z.shape[1]):
            others = np.delete(z, k, axis=1)
            if others.shape[1] and not np.isnan(others).all():
                gaps[:, k] = z[:, k] - np.nanmedian(others, axis=1)
        known = np.isfinite(gaps).sum(axis=0) > REPLICATES / 2
        return np.where(known, np.nanstd(np.where(known, gaps, 0.0), axis=0), 0.0)

    def judged(self, error: float) -> list[Consistency]:
        """What can be said of everybody who is left."""
        return [replace(one, needed=self._needed(k, error)) for k, one in enumerate(self.found)]

    def _needed(self, k: int, error: float) -> int | None:
        """Shared conversations that are missing until a random scorer would be flagged with probability one half."""
        usual = self.usual(k)
        if usual is None or usual < LEAST_USUAL:
            return None
        limit = float(scipy.stats.norm.isf(error / max(len(self.found), 1)))
        enough = max(LEAST_SHARED, 3 + math.ceil((limit / _fisher(usual)) ** 2))
        return max(enough - self.found[k].shared, 0)


def _fisher(r: float) -> float:
    return math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12))


def _resampled(pairs: Floats, times: Floats) -> Floats:
    """Fisher's z of the weighted correlation in every resample; NaN where nothing varies."""
    if len(pairs) < LEAST_SHARED:
        return np.full(len(times), np.nan)
    w = times[:, pairs[:, 2].astype(np.int64)]
    total = np.maximum(w.sum(axis=1), 1e-12)
    x, y = pairs[:, 0] - pairs[:, 0].mean(), pairs[:, 1] - pairs[:, 1].mean()
    mx, my = w @ x / total, w @ y / total
    vx, vy = w @ (x * x) / total - mx**2, w @ (y * y) / total - my**2
    cross = w @ (x * y) / total - mx * my
    good = (vx > SAME) & (vy > SAME)
    r = np.divide(cross, np.sqrt(np.maximum(vx * vy, 1e-300)), out=np.zeros_like(cross), where=good)
    return np.where(vy > SAME, np.arctanh(np.clip(r, -0.999999, 0.999999)), np.nan)


def _consistency(inspector: str, pairs: Floats) -> Consistency:
    """Columns: own score, mean of the others, number of the conversation."""
    n = len(pairs)
    if n < LEAST_SHARED or np.ptp(pairs[:, 1]) < SAME:
        return Consistency(inspector, n, None, None, None, alone=False)
    r = float(np.asarray(np.corrcoef(pairs[:, :2].T))[0, 1]) if np.ptp(pairs[:, 0]) >= SAME else 0.0
    z, half = _fisher(r), 1.959964 / math.sqrt(n - 3)
    low = math.tanh(z - half)
    return Consistency(inspector, n, r, low, math.tanh(z + half), alone=False, consistent=low > CONSISTENT)
