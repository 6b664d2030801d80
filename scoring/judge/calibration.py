"""What a judge's answers meant so far: per criterion, the loss that inspectors found where the judge said so.

Isotonic regression with weights 1/π on reviews of earlier periods (Zadrozny and Elkan 2002); a criterion with fewer
than 40 reviews of the rarer answer is not used. Refuses nothing and tunes no λ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: Reviews of the rarer answer (objected to or not) that a criterion needs before its calibration is used.
LEAST_RARER = 40
#: Answers without a mark (N/A, cannot tell, void) that tell a loss of their own; below, the criterion's mean stands.
LEAST_SILENT = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CriterionCalibration:
    """The expected loss (points) at each loss the judge gave, rising; ``silent`` where it gave none, ``mean`` over all.
    ``chance``: the same for the probability of an objection. ``n`` reviews, ``rarer`` of the rarer answer."""

    about: str
    n: int
    rarer: int
    given: tuple[float, ...]
    loss: tuple[float, ...]
    chance: tuple[float, ...]
    silent: tuple[float, float]
    mean: tuple[float, float]


def calibrate(history: pl.DataFrame) -> Mapping[str, CriterionCalibration]:
    """Calibrate every criterion that has enough reviews.

    ``history``: one row a review and criterion, with about, given (points the judge took, null where it gave no mark),
    loss (points the inspector took, null for N/A) and pi. Reviews must be of earlier periods than what the result is
    applied to: that is the caller's word.
    """
    found = {}
    for (about,), rows in history.filter(pl.col("pi") > 0).group_by("about", maintain_order=True):
        known = rows.with_columns(loss=pl.col("loss").fill_null(0.0), weight=1.0 / pl.col("pi"))
        objected = int((known["loss"] > 0).sum())
        rarer = min(objected, known.height - objected)
        if rarer >= LEAST_RARER:
            found[str(about)] = _one(str(about), known, rarer)
    return found


def _one(about: str, rows: pl.DataFrame, rarer: int) -> CriterionCalibration:
    said, unsaid = rows.filter(pl.col("given").is_not_null()), rows.filter(pl.col("given").is_null())
    mean = _means(rows)
    silent = _means(unsaid) if unsaid.height >= LEAST_SILENT else mean
    if said.is_empty():
        return CriterionCalibration(about, rows.height, rarer, (), (), (), silent, mean)
    x, w, y = (said[name].to_numpy().astype(np.float64) for name in ("given", "weight", "loss"))
    given = np.unique(x)
    return CriterionCalibration(
        about, rows.height, rarer, tuple(given.tolist()), tuple(_rising(x, y, w, given)),
        tuple(_rising(x, (y > 0).astype(np.float64), w, given)), silent, mean,
    )  # fmt: skip


def _means(rows: pl.DataFrame) -> tuple[float, float]:
    w, y = rows["weight"].to_numpy(), rows["loss"].to_numpy()
    return float(np.average(y, weights=w)), float(np.average(y > 0, weights=w))


def _rising(x: Floats, y: Floats, w: Floats, at: Floats) -> list[float]:
    from sklearn.isotonic import IsotonicRegression  # loads slowly, and nothing else here needs it

    fitted = IsotonicRegression(increasing=True, out_of_bounds="clip").fit(x, y, sample_weight=w)
    return [float(value) for value in fitted.predict(at)]


def expected(answers: pl.DataFrame, calibrations: Mapping[str, CriterionCalibration]) -> pl.DataFrame:
    """``answers`` (about, given) with the columns expected (points) and chance (of an objection), null where the
    criterion is not calibrated. Between known losses the value is interpolated, beyond them it stays."""
    parts = [answers.clear().with_columns(expected=pl.lit(None, pl.Float64), chance=pl.lit(None, pl.Float64))]
    for (about,), rows in answers.group_by("about", maintain_order=True):
        one = calibrations.get(str(about))
        if one is None:
            parts.append(rows.with_columns(expected=pl.lit(None, pl.Float64), chance=pl.lit(None, pl.Float64)))
            continue
        x = rows["given"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        columns = [
            np.where(np.isnan(x), silent, np.interp(x, one.given, values) if one.given else silent)
            for silent, values in zip(one.silent, (one.loss, one.chance), strict=True)
        ]
        parts.append(rows.with_columns(expected=pl.Series(columns[0]), chance=pl.Series(columns[1])))
    return pl.concat(parts)
