"""What the past says before a draw: how good the predictions are, and how much is left unexplained by them.

Everything here comes from verdicts before the period. A model that learnt from days of the period itself is named, so
that its predictions are set aside: they would know the answers. Does not plan anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl
from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from qa.archive import Snapshot, predictions
from qa.calibration.independent import ASKED_FOR
from qa.draws.frames import Period
from qa.tables import Assignment, Inspection, RiskModelVersion, Sample, Scorer
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring.draw import ModelRecord, ResidualModel
from scoring.draw.history import LEAST_REVIEWS, label_agreement, model_record, rate_lambda, residual_model
from scoring.estimate import tune


@dataclass(frozen=True)
class PredictionEvidence:
    """How well predictions have foretold violations so far, in draws before the period; `auc` None = too few to say.

    `reviews` past reviews gave the spread that widths are computed with, 0 = the ordinary spread is assumed.
    `agreement` is how far two blind readings agree on red lines (κ, its upper end), None = too few doubles to say.
    """

    labels: int
    violations: int
    auc: float | None
    reviews: int = 0
    agreement: float | None = None

    @property
    def record(self) -> ModelRecord:
        """What the automatic pool share is decided from."""
        return ModelRecord(self.auc, self.labels, self.violations, self.agreement)


@dataclass(frozen=True)
class PeriodEvidence:
    """`versions` that predict the period's conversations, `barred` ones that must not, and what past reviews say."""

    versions: tuple[str, ...]
    barred: tuple[str, ...]
    evidence: PredictionEvidence
    residual: tuple[float, float] | None
    plain: tuple[float, float] | None = None
    """Residual variance a + b·p(1−p) without predictions, in points²."""
    lam: float = 0.0
    lam_rate: float = 0.0
    """Weights that predicted scores and chances have earned so far, to be frozen in the draw; 0 = too few to tell."""


def reviews(bench: Workbench, session: Session, snapshot: Snapshot, before: datetime) -> pl.DataFrame:
    """Current verdicts on what happened before the moment `before`: unit_id, agent_id, source, day (business time
    zone), pi, p (predicted chance of a violation, null when nobody predicted), f (predicted points), y (points), bad
    (a red line was confirmed)."""
    day = pl.col("occurred_at").dt.convert_time_zone(bench.config.time_zone).dt.date()
    return (
        facts.scan(bench, session, snapshot)
        .filter(pl.col("occurred_at") < before)
        .sort("sample_id")
        .select(
            "unit_id",
            "agent_id",
            "source",
            "pi",
            day=day,
            p="risk",
            f=100 - pl.col("prediction") / 100,
            y=pl.col("total") / 100,
            bad="redline",
        )
        .collect()
    )


def agreement(session: Session, before: datetime) -> float | None:
    """How far first and blind second readings of chats before the moment `before` agree on red lines; never what an
    adjudication made of them."""
    first, second, one, two = aliased(Inspection), aliased(Inspection), aliased(Assignment), aliased(Assignment)
    query = (
        select(first.outcome["redlines"], second.outcome["redlines"])
        .join(one, and_(one.id == first.assignment_id, one.kind == "primary"))
        .join(two, and_(two.sample_id == one.sample_id, two.kind == "double", two.id.not_in(ASKED_FOR)))
        .join(second, second.assignment_id == two.id)
        .join(Sample, Sample.id == one.sample_id)
        .where(first.undone_at.is_(None), second.undone_at.is_(None))
        .where(Sample.source == "chat", Sample.occurred_at < before)
    )
    found = np.array([(bool(a), bool(b)) for a, b in session.execute(query)], dtype=bool).reshape(-1, 2)
    return label_agreement(found[:, 0], found[:, 1])


def look(
    session: Session, past: pl.DataFrame, versions: Sequence[str], period: Period, agreed: float | None = None
) -> PeriodEvidence:
    """Judge the predictions of a frame. `past`: reviews before the period; `versions`: whose predictions they are, most
    of them first; `agreed`: how far blind readings agree."""
    rows = session.scalars(select(RiskModelVersion).where(RiskModelVersion.version.in_(versions))).all()
    trained = {row.version: row for row in rows}
    barred = tuple(
        sorted(v for v, row in trained.items() if row.trained_from <= period.last and period.first <= row.trained_to)
    )
    used = tuple(v for v in versions if v not in barred)
    model = trained.get(used[0]) if used else None
    past = past.filter((pl.col("source") == "chat") & pl.col("p").is_not_null()).rename({"bad": "violation"})
    if model is not None and model.labels >= LEAST_REVIEWS and model.report.get("lam") is not None:
        return _of_model(model, used, barred, agreed)
    lam = tune(past.filter(pl.col("f").is_not_null())) if model is not None else 0.0
    # Without a model nobody predicts scores, and the rule score alone tells chances.
    known = past.filter(pl.col("f").is_not_null()) if lam else past
    fitted, plain = residual_model(known, lam), residual_model(past)
    record = model_record(past)
    judged = PredictionEvidence(record.labels, record.violations, record.auc, past.height if fitted else 0, agreed)
    if model is not None:
        judged = replace(judged, labels=model.labels, violations=model.violations, auc=model.auc or 0.0)
    return PeriodEvidence(used, barred, judged, _pair(fitted), _pair(plain), lam, rate_lambda(past))


def look_machine(
    session: Session,
    snapshot: Snapshot,
    predictor: str,
    past: pl.DataFrame,
    versions: Sequence[str],
    period: Period,
    agreed: float | None = None,
) -> PeriodEvidence:
    """The same for a machine scorer: what its version in the frame says of past reviews, whenever it said so, since no
    version learns from reviews. λ is that of one version alone; other versions in the frame are set aside, and below
    200 reviews with its scores it weighs nothing."""
    known = set(session.scalars(select(Scorer.version).where(Scorer.predictor == predictor)))
    mine = next((version for version in versions if version in known), None)
    others = tuple(version for version in versions if version in known and version != mine)
    plain = look(session, past, [version for version in versions if version not in known], period, agreed)
    barred = tuple(sorted({*plain.barred, *others}))
    if mine is None:
        return replace(plain, barred=barred)
    chats = past.filter(pl.col("source") == "chat").rename({"bad": "violation"})
    units = chats.lazy().select(conversation_key="unit_id").unique()
    said = predictions.predicted(units, snapshot, predictor, barred).select(
        "conversation_key", "p", f=100 - pl.col("loss") / 100
    )
    own = (
        predictions.of(snapshot, predictor)
        .filter(pl.col("version") == mine)
        .select("conversation_key", own=pl.lit(True))
    )
    told = said.join(own, on="conversation_key", how="left").collect()
    rows = chats.drop("p", "f").join(
        told, left_on="unit_id", right_on="conversation_key", how="left", maintain_order="left"
    )
    scored = rows.filter(pl.col("own").fill_null(False) & pl.col("f").is_not_null())
    lam = tune(scored.select("agent_id", "pi", "y", "f"))
    predicted = rows.filter(pl.col("p").is_not_null())
    fitted = residual_model(scored if lam else predicted, lam)
    record = model_record(predicted)
    judged = PredictionEvidence(
        record.labels, record.violations, record.auc, scored.height if fitted and lam else 0, agreed
    )
    used = (mine, *(version for version in plain.versions if version != mine))
    return PeriodEvidence(
        used, barred, judged, _pair(fitted), _pair(residual_model(predicted)), lam, rate_lambda(predicted)
    )


def _of_model(
    model: RiskModelVersion, used: tuple[str, ...], barred: tuple[str, ...], agreed: float | None
) -> PeriodEvidence:
    """A trained model brings its own record: out of fold, on reviews before the period (or it would be barred)."""
    report = model.report
    judged = PredictionEvidence(model.labels, model.violations, model.auc or 0.0, model.labels, agreed)
    (a, b), plain = report["residual"], report.get("plain")
    return PeriodEvidence(
        used,
        barred,
        judged,
        (float(a), float(b)),
        None if plain is None else (float(plain[0]), float(plain[1])),
        float(report["lam"]),
        float(report.get("lam_rate") or 0.0),
    )


def _pair(model: ResidualModel | None) -> tuple[float, float] | None:
    return None if model is None else (model.a, model.b)
