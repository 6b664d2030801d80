"""From past reviews to what a plan may know of them: intensities, residual spread, how good the predictions proved.

Owns the reading of past reviews alone. Refuses reviews of the period to be drawn: that they are past is the caller's
word, and so is that p and f were predicted before those reviews were made.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.draw.design import DrawError, History, ModelRecord, ResidualModel
from scoring.frames import Table, table

#: From so many reviews on, the residual spread is fitted to them; from so many violations on, an AUC says something.
LEAST_REVIEWS, LEAST_FOUND = 200, 10
#: Conversations read twice, blind, before their agreement says anything of the labels.
LEAST_DOUBLES = 30
#: The constant part of the residual variance keeps at least this share: predictions are never exact.
LEAST_CONSTANT = 0.1

Floats = NDArray[np.float64]


def learn(reviews: Table, *, value: str = "y") -> History:
    """Read past reviews for ``plan``: one row each with agent_id, pi (its probability in the draw it came from) and the
    score ``value``; where known also p and f (as predicted before the review), violation (0/1), period (sortable) and
    second (what a second, blind reading found, 0/1; null where there was none), which tells how noisy the labels are.

    Residual spread a + b·p(1−p) of y − λf within agents from 200 reviews on, the default below; AUC of p from 10
    violations on; "below the team mean" as ``ranking`` states it; periods without a violation in a row up to the last.
    """
    rows = _checked(table(reviews, "the past reviews"), value)
    lam = _lambda(rows)
    return History(
        _agents(rows),
        residual_model(rows, lam) or ResidualModel(),
        model_record(rows),
        lam,
        rows.height,
        rate_lambda(rows),
        residual_model(rows),
    )


def _checked(given: pl.DataFrame, value: str) -> pl.DataFrame:
    missing = [name for name in ("agent_id", "pi", value) if name not in given.columns]
    if missing:
        raise DrawError("columns", f"expected past reviews with agent_id, pi and {value}; missing {', '.join(missing)}")
    optional = [pl.col(name).cast(pl.Float64) for name in ("p", "f", "violation", "second") if name in given.columns]
    period = [pl.col("period")] if "period" in given.columns else []
    rows = given.select(
        pl.col("agent_id").cast(pl.String), pl.col("pi").cast(pl.Float64), pl.col(value).cast(pl.Float64).alias("y"),
        *optional, *period,
    ).filter(pl.col("y").is_not_null())  # fmt: skip
    if not rows["pi"].is_between(0, 1, closed="right").fill_null(False).all():
        raise DrawError("pi", "expected the probability each past review was drawn with in pi, above 0 and at most 1")
    return rows


def _known(rows: pl.DataFrame, name: str) -> bool:
    return name in rows.columns and rows.height > 0 and not rows[name].null_count()


def _codes(rows: pl.DataFrame) -> tuple[NDArray[np.int64], int]:
    codes = rows["agent_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return codes, int(codes.max()) + 1


def _lambda(rows: pl.DataFrame) -> float:
    from scoring.estimate import tune  # estimates stand beside draws, and neither package needs the other to load

    return tune(rows) if _known(rows, "f") else 0.0


def rate_lambda(rows: pl.DataFrame) -> float:
    """The weight of p in rates: 0 until as many reviews and violations as the rest of what is learnt takes."""
    from scoring.estimate import tune

    if not (_known(rows, "p") and _known(rows, "violation")) or float(rows["violation"].sum()) < LEAST_FOUND:
        return 0.0
    return tune(rows.select("agent_id", "pi", "violation", "p"), value="violation", prediction="p")


def residual_model(rows: pl.DataFrame, lam: float = 0.0) -> ResidualModel | None:
    """Variance a + b·p(1−p) of y − λf within agents (columns agent_id, pi, y, where known p; f when λ is not 0); None
    while there are too few reviews to fit it to."""
    from scoring.estimate import weighting as w

    if rows.height < LEAST_REVIEWS:
        return None
    codes, k = _codes(rows)
    pi, y = rows["pi"].to_numpy(), rows["y"].to_numpy()
    r = y - lam * rows["f"].to_numpy() if lam else y
    centre = w.ratio(w.sums(codes, r / pi, k), w.sums(codes, 1.0 / pi, k))
    e = r - centre[codes]
    fitted = w.residual_model(codes, e, pi, rows["p"].to_numpy() if _known(rows, "p") else None, k)
    floor = LEAST_CONSTANT * float(np.average(e**2, weights=1.0 / pi))
    return None if fitted is None or floor <= 0 else ResidualModel(max(fitted[0], floor), fitted[1])


def model_record(rows: pl.DataFrame) -> ModelRecord:
    """How well p foretold the violation of past reviews (columns pi, p, violation), weighted by 1/π."""
    if not _known(rows, "violation"):
        return ModelRecord(None, rows.height, 0)
    bad = rows["violation"].to_numpy() > 0
    found = int(bad.sum())
    if not _known(rows, "p") or min(found, len(bad) - found) < LEAST_FOUND:
        return ModelRecord(None, rows.height, found)
    agreement = None
    if "second" in rows.columns:
        twice = rows.filter(pl.col("second").is_not_null())
        agreement = label_agreement(twice["violation"].to_numpy() > 0, twice["second"].to_numpy() > 0)
    return ModelRecord(_auc(rows["p"].to_numpy(), 1.0 / rows["pi"].to_numpy(), bad), rows.height, found, agreement)


def label_agreement(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    """Cohen's κ of two blind readings, and of what it may be by chance the upper end: the little that doubles say must
    not make a poor model look good. From the one-sided 90 % Wilson limit of (both found) ÷ (either found); None below
    ``LEAST_DOUBLES`` doubles or without any violation among them."""
    both, either, n = int((first & second).sum()), int((first | second).sum()), len(first)
    if n < LEAST_DOUBLES or not 0 < either < n:
        return None
    z2 = 1.2816**2
    share = both / either
    upper = (share + z2 / (2 * either) + np.sqrt(z2 * (share * (1 - share) + z2 / (4 * either)) / either)) / (
        1 + z2 / either
    )
    rate = either * (1 + upper) / 2 / n  # of violations in one reading
    agreed, chance = 1 - either * (1 - upper) / n, rate**2 + (1 - rate) ** 2
    return float(np.clip((agreed - chance) / (1 - chance), 1e-3, 1.0)) if chance < 1 else None


def _auc(prediction: Floats, weight: Floats, bad: NDArray[np.bool_]) -> float:
    """Chance that a violation is predicted higher than a clean unit, ties counted half."""
    order = np.argsort(prediction, kind="stable")
    start = np.unique(prediction[order], return_index=True)[1]
    good = np.add.reduceat(np.where(bad, 0.0, weight)[order], start)
    worse = np.add.reduceat(np.where(bad, weight, 0.0)[order], start)
    below = np.cumsum(good) - good
    return float((worse * (below + good / 2)).sum() / (worse.sum() * good.sum()))


def _agents(rows: pl.DataFrame) -> pl.DataFrame:
    """agent_id, below_team and, where periods are known, the run of periods without a violation up to the last."""
    from scoring import estimate
    from scoring.ranking import below_team

    people = rows.select(pl.col("agent_id").unique().sort())
    scores = rows.select("agent_id", "pi", "y")
    said = below_team(estimate.agents(scores), estimate.team(scores)) if rows.height else ()
    people = people.with_columns(below_team=pl.col("agent_id").is_in(list(said)))
    if "period" not in rows.columns or not _known(rows, "violation"):
        return people
    return people.join(clean_periods(rows), on="agent_id", how="left")


def clean_periods(rows: pl.DataFrame) -> pl.DataFrame:
    """agent_id and clean_periods: how many reviewed periods in a row, up to the last, had no violation (columns
    agent_id, period, violation)."""
    spans = rows.group_by("agent_id", "period").agg(bad=pl.col("violation").cast(pl.Boolean).any())
    return (
        spans.sort("agent_id", "period", descending=[False, True])
        .group_by("agent_id", maintain_order=True)
        .agg(clean_periods=(~pl.col("bad")).cast(pl.Int64).cum_prod().sum())
    )
