"""How much of the reviews may go to the certainty pool without making the team's score less exact.

Owns the automatic pool share and the trade-off behind its slider. Does not know how the predictions were made; it
only asks how good they proved on reviews they were not trained on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from scoring.draw.design import Design, DrawError, History, ModelRecord, informed, intensities
from scoring.draw.frame import checked_frame, strata
from scoring.frames import Table, table

#: No pool from a model below this out-of-fold AUC; a small pool until this many labels and violations exist.
LEAST_AUC, LEAST_LABELS, LEAST_VIOLATIONS = 0.60, 500, 30
LARGEST_SHARE, EARLY_SHARE = 0.40, 0.10
#: Held back from the limit where reviews are few: below 200 the intervals of equal chances come out narrower than the
#: spread is (the rare −45s are mostly not among them), and this share of the width at none.
RESERVE = 0.10
#: The shares that are compared: 0 to 40 % in steps of 1 %.
SHARES = tuple(percent / 100 for percent in range(41))
COARSE = 5
#: Where no history froze a weight of the predictions, it is tuned from so many reviews on.
TUNING_REVIEWS = 200


@dataclass(frozen=True, slots=True)
class Trade:
    """One point of the trade: a pool share, violations expected, and the team interval's width relative to equal
    chances with the plain mean (1.00 = no loss)."""

    share: float
    expected_found: float
    width_ratio: float


def largest_allowed(record: ModelRecord) -> float:
    """Return the pool share that the record of the model permits at most, whatever the variances say; judged without
    the noise of the labels, where doubles have measured it."""
    if record.auc is not None and not (record.cleared_auc or 0.0) >= LEAST_AUC:
        return 0.0
    early = record.labels < LEAST_LABELS or record.violations < LEAST_VIOLATIONS
    return EARLY_SHARE if early else LARGEST_SHARE


def trade_off(
    frame: Table,
    design: Design,
    source: str = "chat",
    shares: tuple[float, ...] = SHARES,
    history: Table | None = None,
) -> tuple[Trade, ...]:
    """Return violations expected and team width for every pool share, from the plan each share would give.

    ``frame`` as for ``plan`` with ``p`` and, for the comparison with the plain mean, ``f`` (predicted score); without f
    the comparison forgoes what the predictions explain and the shares come out smaller. The design's residual model
    must come from out-of-fold residuals.
    """
    found = _Trader(frame, design, source, history)
    return tuple(found.at(share) for share in shares)


class _Trader:
    """The plans of one source at any pool share: what does not depend on the share is computed once."""

    def __init__(self, data: Table, design: Design, source: str, history: Table | None) -> None:
        frame, design = table(data, "the frame"), informed(design, history)
        frame = frame.filter(pl.col("source") == source) if "source" in frame.columns else frame
        checked = checked_frame(frame)
        quota = next(q for q in design.quotas if q.source == source)
        levels = intensities(checked["agent_id"].unique(), design, history)
        made, self._cap = strata(checked, quota, design, levels, pool=True), design.weight_cap
        self._strata, rows = made.by_agent()
        self._p = checked["p"].to_numpy()[rows]
        self._noise = design.residual.variance(self._p)
        self._unseen = self._strata.unseen(*self._strata.allot(0.0, self._cap)[:2])
        f = None
        if "f" in frame.columns:
            scores = frame.select(pl.col("unit_id").cast(pl.String), "f")
            if not scores["unit_id"].equals(checked["unit_id"]):  # what comes sorted stays beside
                scores = checked.select("unit_id").join(scores, on="unit_id", how="left", maintain_order="left")
            f = scores["f"].cast(pl.Float64).fill_null(scores["f"].mean()).to_numpy()[rows]
        # What past reviews made of f counts, not what f claims: predictions on another scale explain no more for that.
        self.reviews = float(self._strata.allot(0.0, self._cap)[1].sum())
        explained, used = _weights(design, self.reviews)
        self._reference = self._plain(None if f is None or design.plain else explained * f, design)
        if f is not None and used != explained:
            # what the predictions could explain stays in the scores while their weight is not that large
            self._noise = self._noise + ((explained - used) * self._centred(f)) ** 2

    def at(self, share: float) -> Trade:
        in_pool, wanted, pi = self._strata.allot(share, self._cap)
        noise = np.where(pi > 0, (1 - pi) / np.where(pi > 0, pi, 1.0) * self._noise, 0.0)
        spread = np.bincount(self._strata.stratum, weights=noise, minlength=len(wanted)).astype(np.float64)
        width = _width(spread, wanted)
        ratio = width / self._reference if self._reference > 0 else 1.0
        if self._strata.unseen(in_pool, wanted) > self._unseen:
            ratio = math.inf  # of agents nobody looks at, nothing is known
        return Trade(share, float((pi * self._p).sum()), ratio)

    def _centred(self, f: NDArray[np.float64]) -> NDArray[np.float64]:
        stratum, count = self._strata.stratum, self._strata.count
        return np.asarray(f - (np.bincount(stratum, weights=f, minlength=len(count)) / count)[stratum])

    def _plain(self, f: NDArray[np.float64] | None, design: Design) -> float:
        """Width under equal chances within agents and no predictions, from the variances N²(1/n − 1/N)S² of agents'
        totals."""
        stratum, count = self._strata.stratum, self._strata.count.astype(np.float64)
        wanted = self._strata.allot(0.0, self._cap)[1]
        n = np.minimum(wanted, self._strata.count).astype(np.float64)
        noise = self._noise if design.plain is None else design.plain.variance(self._p)
        s2 = np.bincount(stratum, weights=noise, minlength=len(count)) / count
        if f is not None:
            s2 += np.bincount(stratum, weights=self._centred(f) ** 2, minlength=len(count)) / np.maximum(count - 1, 1)
        part = np.divide(1.0, n, out=np.zeros_like(n), where=n > 0) - np.where(n > 0, 1.0 / count, 0.0)
        return _width((count**2 * part * s2).astype(np.float64), wanted)


def _weights(design: Design, reviews: float) -> tuple[float, float]:
    """The weight of f under which the residual model was measured, and the one the estimates will use: what the plan
    froze, else f as it claims to be and a weight tuned on the reviews, from as many on as that takes."""
    if design.lam is not None:
        return design.lam, design.lam
    return 1.0, 1.0 if reviews >= TUNING_REVIEWS else 0.0


def _width(variances: NDArray[np.float64], reviews: NDArray[np.int64]) -> float:
    """Half width of the interval of a sum over agents, up to a constant: fewer random reviews also cost degrees of
    freedom."""
    total = float(variances.sum())
    if total <= 0:
        return 0.0
    df = total**2 / float((variances**2 / np.maximum(reviews - 1, 1)).sum())
    return float(scipy.stats.t.ppf(0.975, df)) * float(np.sqrt(total))


def automatic_share(
    frame: Table,
    design: Design,
    record: ModelRecord | None = None,
    source: str = "chat",
    limit: float = 1.0,
    history: Table | None = None,
) -> float:
    """Return the largest pool share whose predicted team-mean variance stays within limit² × that of equal chances.

    At most 40 %, at most 10 % until 500 labels and 30 violations exist, 0 when the out-of-fold AUC is below 0.60.
    Shares that would leave an agent without a chance outside the pool are not considered. ``limit`` is the slider: 1.00
    = no loss of precision, at most 1.10; below 200 reviews the predicted width must stay up to ``RESERVE`` below it.
    ``record`` may come with a ``History``; 0 where no p is known, or where everything is reviewed anyway.
    """
    judged = record if record is not None or not isinstance(history, History) else history.record
    if judged is None:
        raise DrawError(
            "no_record", "expected a ModelRecord, or learn(reviews) as history, to decide a pool share from"
        )
    units = table(frame, "the frame")
    quota = next((q for q in design.quotas if q.source == source), None)
    if quota is None or quota.per_agent is None or "p" not in units.columns or units["p"].null_count() == units.height:
        return 0.0
    allowed = largest_allowed(judged)
    if allowed == 0.0:
        return 0.0
    trader = _Trader(units, design, source, history)
    at, limit = trader.at, limit - RESERVE * max(1 - trader.reviews / TUNING_REVIEWS, 0.0)
    # A handful of plans instead of forty-one: steps of five points, then halving the last one. The width has one valley
    # in the share; where whole reviews of a tiny total make it wobble, a slightly smaller share comes out, never a
    # larger.
    most = round(allowed * 100)
    kept = [percent for percent in range(0, most + 1, COARSE) if at(percent / 100).width_ratio <= limit]
    if not kept:
        return 0.0
    low, high = kept[-1], min(kept[-1] + COARSE, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle / 100).width_ratio <= limit else (low, middle)
    return low / 100
