"""What may be said of one conversation: where inspectors' scores of conversations like it lay in nine of ten cases.

Conformal: the band is made of residual ranks of earlier reviews, so that its promise holds whatever the judge is worth
(Vovk et al. 2005; weighted by 1/π, Tibshirani et al. 2019). Never a number for one chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

#: Reviews with a value of the judge that a band needs, and the promise it makes.
LEAST_REVIEWS, PROMISE = 100, 0.9
#: Of so many reviews with the nearest values a band is made.
NEAREST = 100


@dataclass(frozen=True, slots=True)
class JudgedBand:
    """From ``low`` to ``high`` points; ``n`` reviews stand behind it."""

    low: float
    high: float
    n: int


def band(history: pl.DataFrame, f: float) -> JudgedBand | None:
    """The band of a conversation with the judge's value ``f``; ``history``: f, y (points) and pi of earlier reviews.
    None below 100 of them."""
    rows = history.drop_nulls(["f", "y", "pi"])
    if rows.height < LEAST_REVIEWS:
        return None
    near = rows.with_columns(away=(pl.col("f") - f).abs()).sort("away", "y").head(max(NEAREST, rows.height // 10))
    low, high = _tails(near["y"].to_numpy().astype(np.float64), 1.0 / near["pi"].to_numpy(), (1 - PROMISE) / 2)
    return JudgedBand(low, high, near.height)


def _tails(y: np.ndarray, weight: np.ndarray, tail: float) -> Sequence[float]:
    """Weighted quantiles at ``tail`` and 1 − ``tail``, each taken outwards: the next conversation counts as one more of
    the mean weight at either end."""
    order = np.argsort(y)
    y, weight = y[order], weight[order]
    below = np.cumsum(weight) / (weight.sum() + weight.mean())
    above = np.cumsum(weight[::-1])[::-1] / (weight.sum() + weight.mean())
    low = y[np.flatnonzero(below <= tail)[-1]] if (below <= tail).any() else y[0]
    high = y[np.flatnonzero(above <= tail)[0]] if (above <= tail).any() else y[-1]
    return float(low), float(high)
