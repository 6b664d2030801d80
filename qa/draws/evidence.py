"""What the past says before a draw: how good the predictions are, and how much is left unexplained by them.

Everything here comes from verdicts before the period. A model that learnt from days of the period itself is named, so
that its predictions are set aside: they would know the answers. Refuses to plan anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import facts
from qa.archive import Snapshot
from qa.draws.frames import Period
from qa.tables import RiskModelVersion
from qa.workbench import Workbench
from scoring.estimate import weighting

LEAST_REVIEWS = 200
"""From so many past reviews on, the spread to expect is fitted to them instead of assumed."""
LEAST_SHARE = 0.1
"""The constant part of the residual variance keeps at least this share: predictions are never exact."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """How well predictions have foretold violations so far, in draws before the period; `auc` None = too few to say.

    `reviews` past reviews gave the spread that widths are computed with, 0 = the ordinary spread is assumed.
    """

    labels: int
    violations: int
    auc: float | None
    reviews: int = 0


@dataclass(frozen=True)
class Found:
    """`versions` that predict the period's conversations, `barred` ones that must not, and what past reviews say."""

    versions: tuple[str, ...]
    barred: tuple[str, ...]
    evidence: Evidence
    residual: tuple[float, float] | None


def reviews(bench: Workbench, session: Session, snapshot: Snapshot, before: datetime) -> pl.DataFrame:
    """Current verdicts on what happened before the moment `before`: agent_id, source, day (business time zone), pi, p
    (predicted chance of a violation, null when nobody predicted), y (points), bad (a red line was confirmed)."""
    day = pl.col("occurred_at").dt.convert_time_zone(bench.config.time_zone).dt.date()
    return (
        facts.scan(bench, session, snapshot)
        .filter(pl.col("occurred_at") < before)
        .sort("sample_id")
        .select("agent_id", "source", "pi", day=day, p="risk", y=pl.col("total") / 100, bad="redline")
        .collect()
    )


def look(session: Session, past: pl.DataFrame, versions: Sequence[str], period: Period) -> Found:
    """Judge the predictions of a frame. `past`: reviews before the period; `versions`: whose predictions they are, most of
    them first."""
    rows = session.scalars(select(RiskModelVersion).where(RiskModelVersion.version.in_(versions))).all()
    trained = {row.version: row for row in rows}
    barred = tuple(sorted(v for v, row in trained.items() if row.trained_from <= period.last and period.first <= row.trained_to))
    used = tuple(v for v in versions if v not in barred)
    model = trained.get(used[0]) if used else None
    past = past.filter((pl.col("source") == "chat") & pl.col("p").is_not_null())
    spread = _residual(past)
    if model is None:
        return Found(used, barred, _record(past, past.height if spread else 0), spread)
    # A trained model brings its own record: out of fold, on reviews before the period (or it would be barred).
    if model.labels >= LEAST_REVIEWS:
        a, b = model.report["residual"]
        return Found(used, barred, Evidence(model.labels, model.violations, model.auc or 0.0, model.labels), (float(a), float(b)))
    return Found(used, barred, Evidence(model.labels, model.violations, model.auc or 0.0, past.height if spread else 0), spread)


def _record(past: pl.DataFrame, fitted: int) -> Evidence:
    """Area under the curve of stored predictions against verdicts of earlier draws, weighted by 1/π."""
    bad = past["bad"].to_numpy()
    found = int(bad.sum())
    if found < 10 or len(bad) - found < 10:
        return Evidence(len(bad), found, None, fitted)
    return Evidence(len(bad), found, _auc(past["p"].to_numpy(), 1.0 / past["pi"].to_numpy(), bad), fitted)


def _auc(prediction: Floats, weight: Floats, bad: NDArray[np.bool_]) -> float:
    """Chance that a violation is predicted higher than a clean unit, ties counted half."""
    order = np.argsort(prediction, kind="stable")
    _, start = np.unique(prediction[order], return_index=True)
    good = np.add.reduceat(np.where(bad, 0.0, weight)[order], start)
    worse = np.add.reduceat(np.where(bad, weight, 0.0)[order], start)
    below = np.cumsum(good) - good
    return float((worse * (below + good / 2)).sum() / (worse.sum() * good.sum()))


def _residual(past: pl.DataFrame) -> tuple[float, float] | None:
    """Residual variance a + b·p(1−p) of scores around their agent's mean: what the rule score leaves unexplained."""
    if past.height < LEAST_REVIEWS:
        return None
    codes = past["agent_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    k = int(codes.max()) + 1
    y, pi = past["y"].to_numpy(), past["pi"].to_numpy()
    centre = weighting.ratio(weighting.sums(codes, y / pi, k), weighting.sums(codes, 1.0 / pi, k))
    residual = y - centre[codes]
    fitted = weighting.residual_model(codes, residual, pi, past["p"].to_numpy(), k)
    floor = LEAST_SHARE * float(np.average(residual**2, weights=1.0 / pi))
    if fitted is None or floor <= 0:
        return None
    return max(fitted[0], floor), fitted[1]
