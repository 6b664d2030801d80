"""Training: verdicts up to a day become labels, labels and archive become a stored version of the model.

Does not choose the version in use; that is a decision of its own. A model is trained on days that are over and names
them, which is how every later use can refuse to weight those days with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from qa import audit
from qa.archive import Snapshot
from qa.calibration import severities
from qa.disputes import settled
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.predictors.features import chats, features
from qa.predictors.versions import ModelView, view
from qa.tables import RiskModelVersion
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring import risk
from scoring.risk import RiskError, RiskModel

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Outlook:
    """What a training would find now: reviewed chats, those with a red line, and their last day (None: no verdict
    yet)."""

    labels: int
    violations: int
    last: date | None

    @property
    def enough(self) -> bool:
        return self.labels >= risk.LEAST_LABELS


def outlook(bench: Workbench, actor: Actor) -> Outlook:
    """Count the labels there are, without training."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        rows = facts.scan(bench, session).filter((pl.col("source") == "chat") & pl.col("occurred_at").is_not_null())
        day = pl.col("occurred_at").dt.convert_time_zone(bench.config.time_zone).dt.date()
        found = rows.select(n=pl.len(), bad=pl.col("redline").sum(), last=day.max()).collect().row(0, named=True)
    return Outlook(int(found["n"]), int(found["bad"] or 0), found["last"])


def train(
    bench: Workbench, actor: Actor, *, now: datetime, until: date | None = None, progress: Progress | None = None
) -> ModelView:
    """Train on the verdicts of all chats up to the day `until` (default: the last day that has any), and store the
    model.

    Labels are chats only: disputes and low ratings were chosen because something went wrong, and would teach that most
    conversations are bad. Scores are corrected for the inspectors' severity where it can be measured. Training again on
    the same verdicts returns the version that is stored already. Raises `Invalid` while there are too few labels.
    """
    require(actor, Right.PLAN_DRAW)
    tell = progress or (lambda share, what: None)
    tell(0.05, N_("Reading verdicts"))
    with bench.db.read() as session:
        snapshot = bench.archive.at()
        verdicts, adjusted = _verdicts(bench, session, snapshot, until)
        decided = settled.in_force(session)
    tell(0.2, N_("Reading conversations"))
    labels = _labels(snapshot, verdicts, decided)
    tell(0.4, N_("Learning"))
    model = _model(labels)
    tell(0.95, N_("Writing the model"))
    return _store(bench, actor, now, model, adjusted)


def _verdicts(bench: Workbench, session: Session, snapshot: Snapshot, until: date | None) -> tuple[pl.DataFrame, bool]:
    """unit_id, day, pi, score and violation of every chat judged so far, and whether scores are severity-adjusted."""
    zone = bench.config.zone
    rows = facts.scan(bench, session, snapshot).filter(
        (pl.col("source") == "chat") & pl.col("occurred_at").is_not_null()
    )
    day = pl.col("occurred_at").dt.convert_time_zone(bench.config.time_zone).dt.date()
    columns = ("unit_id", "agent_id", "pi", "inspector_id", "occurred_at")
    found = rows.select(*columns, day=day, score=pl.col("total") / 100, violation="redline").collect()
    if until is not None:
        found = found.filter(pl.col("day") <= until)
    last = found["day"].max()
    if not isinstance(last, date):
        return found, False
    before = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    known = severities.fit(session, first=before - severities.QUARTER, before=before).severities
    if known is None:
        return found, False
    table = pl.DataFrame({"inspector_id": [int(who) for who in known.inspectors], "severity": known.values})
    joined = found.join(table, on="inspector_id", how="left", maintain_order="left")
    return joined.with_columns(score=pl.col("score") - pl.col("severity").fill_null(0.0)).drop("severity"), True


def _labels(snapshot: Snapshot, verdicts: pl.DataFrame, decided: Sequence[settled.Settled]) -> pl.DataFrame:
    keys = verdicts.select(conversation_key="unit_id").unique()
    # a screened conversation may have been judged twice; the later verdict is not more true than the earlier
    wanted = chats(snapshot, decided).join(keys.lazy(), on="conversation_key", how="semi").collect()
    messages = (
        snapshot.scan("messages").select("conversation_key", "seq", "role", "text")
        .join(keys.lazy(), on="conversation_key", how="semi").collect()
    )  # fmt: skip
    return (
        features(messages, wanted)
        .drop("started_at", "import_id")
        .join(verdicts.select("unit_id", "agent_id", "day", "pi", "score", "violation"), on="unit_id")
    )


def _model(labels: pl.DataFrame) -> RiskModel:
    try:
        return risk.train(labels)
    except RiskError as problem:
        found = labels.height
        texts = {
            "few_labels": N_(
                "The risk model needs at least {least} reviewed chats; there are {found} so far. Until then the rule"
                " score stays."
            ),
            "few_bad": N_(
                "The risk model needs some bad conversations to learn from; among {found} reviewed chats there are too"
                " few."
            ),
        }
        raise Invalid(
            texts.get(problem.code, N_("The risk model could not be trained: {reason}")),
            least=risk.LEAST_LABELS,
            found=found,
            reason=str(problem),
        ) from problem


def _store(bench: Workbench, actor: Actor, now: datetime, model: RiskModel, adjusted: bool) -> ModelView:
    content = model.to_bytes()
    report = model.report
    with bench.db.write() as session:
        known = session.scalars(select(RiskModelVersion).where(RiskModelVersion.version == model.version)).one_or_none()
        if known is not None:
            return view(known)
        number = session.execute(
            insert(RiskModelVersion)
            .values(
                version=model.version,
                state="trained",
                trained_from=model.first,
                trained_to=model.last,
                labels=report.labels,
                violations=report.violations,
                auc=report.auc,
                explained=report.explained,
                content=content,
                content_hash=hashlib.sha256(content).hexdigest(),
                created_by=actor.user_id or None,
                created_at=now,
                report={
                    "calibration": [asdict(row) for row in report.calibration],
                    "curve": [list(point) for point in report.curve],
                    "residual": [model.residual.a, model.residual.b],
                    "severity_adjusted": adjusted,
                    "lam": report.lam,
                    "lam_rate": report.lam_rate,
                    "plain": None if report.plain is None else list(report.plain),
                },
            )
            .returning(RiskModelVersion.id)
        ).scalar_one()
        audit.record(
            session,
            actor,
            now,
            "risk_model.trained",
            "risk_model",
            number,
            version=model.version,
            labels=report.labels,
            violations=report.violations,
            auc=report.auc,
            first=str(model.first),
            last=str(model.last),
        )
        return view(session.get_one(RiskModelVersion, number))
