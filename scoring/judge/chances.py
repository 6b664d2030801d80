"""The chance of a violation from two predictors together: what the next predictor says, and the points a judge took.

A logistic regression on the log odds of the one and the points of the other, weighted by 1/π (stacking, Wolpert 1992);
used only where it foretells left-out folds better than the next predictor alone. Predicts nobody's score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: Reviews of the rarer outcome that are needed.
LEAST_RARER = 40

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StackedChance:
    """log odds = ``base`` + ``rest`` · log odds of the next predictor + ``own`` · points the judge took / 10."""

    base: float
    rest: float
    own: float

    def of(self, p: pl.Expr, lost: pl.Expr) -> pl.Expr:
        """The chance, from the next predictor's ``p`` and the points ``lost``."""
        odds = p.clip(1e-4, 1 - 1e-4)
        z = self.base + self.rest * (odds / (1 - odds)).log() + self.own * lost / 10
        return 1 / (1 + (-z).exp())


def stack(reviews: pl.DataFrame) -> StackedChance | None:
    """Fit on earlier ``reviews``: p, lost (out of fold), bad, pi and fold. None where there are too few, where more
    lost points would mean less of a chance, or where the judge adds nothing."""
    rows = reviews.drop_nulls(["p", "lost", "bad"]).filter(pl.col("pi") > 0)
    bad = rows["bad"].cast(pl.Int8).to_numpy()
    if min(int(bad.sum()), rows.height - int(bad.sum())) < LEAST_RARER or rows["fold"].n_unique() < 2:
        return None
    weight = 1.0 / rows["pi"].to_numpy()
    p = np.clip(rows["p"].to_numpy().astype(np.float64), 1e-4, 1 - 1e-4)
    both = np.column_stack([np.log(p / (1 - p)), rows["lost"].to_numpy().astype(np.float64) / 10])
    folds = rows["fold"].to_numpy()
    if not _loss(both, bad, weight, folds) < _loss(both[:, :1], bad, weight, folds):
        return None
    fitted = _fit(both, bad, weight)
    (rest, own), base = fitted.coef_[0], fitted.intercept_[0]
    return StackedChance(float(base), float(rest), float(own)) if own > 0 else None


def _fit(x: Floats, bad: NDArray[np.int8], weight: Floats):  # type: ignore[no-untyped-def]
    from sklearn.linear_model import LogisticRegression  # loads slowly, and nothing else here needs it

    return LogisticRegression(C=10.0).fit(x, bad, sample_weight=weight / weight.mean())


def _loss(x: Floats, bad: NDArray[np.int8], weight: Floats, folds: NDArray[np.int64]) -> float:
    """Mean log loss of folds that were left out."""
    total = 0.0
    for fold in np.unique(folds):
        inside = folds == fold
        if bad[~inside].min() == bad[~inside].max():
            return float("inf")
        said = np.clip(_fit(x[~inside], bad[~inside], weight[~inside]).predict_proba(x[inside])[:, 1], 1e-6, 1 - 1e-6)
        y = bad[inside]
        total -= float((weight[inside] * (y * np.log(said) + (1 - y) * np.log(1 - said))).sum())
    return total / float(weight.sum())
