"""Stored versions of the risk model: looking at them, and which one is in use.

Does not train nor score. Exactly one version can be in use, or none: then the rule score speaks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Conflict, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import RiskModelVersion
from qa.workbench import Workbench
from scoring.draw import ModelRecord, largest_allowed
from scoring.risk import CalibrationBin, RiskError, RiskModel

STATES: Mapping[str, str] = {"trained": N_("stored"), "active": N_("in use"), "retired": N_("retired")}


@dataclass(frozen=True)
class ModelView:
    """One version and how well it did on reviews it had not seen. `largest_pool` is the share of the reviews that its
    record allows for the riskiest conversations."""

    id: int
    version: str
    state: str
    trained_from: date
    trained_to: date
    labels: int
    violations: int
    auc: float | None
    explained: float
    calibration: tuple[CalibrationBin, ...]
    curve: tuple[tuple[int, float | None], ...]
    severity_adjusted: bool
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    content_hash: str

    @property
    def largest_pool(self) -> float:
        return largest_allowed(ModelRecord(self.auc if self.auc is not None else 0.0, self.labels, self.violations))


def list_models(bench: Workbench, actor: Actor) -> tuple[ModelView, ...]:
    """All versions, newest first."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        return tuple(
            view(row) for row in session.scalars(select(RiskModelVersion).order_by(RiskModelVersion.id.desc()))
        )


def get_model(bench: Workbench, actor: Actor, model: str | int | None = None) -> ModelView:
    """A version by its number or name; None asks for the one in use. Raises `NotFound`."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        return view(_find(session, model))


def activate(bench: Workbench, actor: Actor, *, now: datetime, model: str | int) -> ModelView:
    """Take a version into use; the one before is retired. Conversations keep their risk until `score` gives them
    another."""
    require(actor, Right.PLAN_DRAW)
    with bench.db.write() as session:
        row = _find(session, model)
        load(row)
        if row.state == "active":
            return view(row)
        _retire_active(session, actor, now)
        row.state, row.activated_at, row.retired_at = "active", now, None
        audit.record(session, actor, now, "risk_model.activated", "risk_model", row.id, version=row.version)
        return view(row)


def retire(bench: Workbench, actor: Actor, *, now: datetime) -> ModelView:
    """Use no model; the rule score speaks again, once `score` has given it back. Raises `NotFound` when none is in
    use."""
    require(actor, Right.PLAN_DRAW)
    with bench.db.write() as session:
        row = _find(session, None)
        _retire_active(session, actor, now)
        return view(row)


def active(session: Session) -> RiskModelVersion | None:
    """The version in use, None while the rule score is."""
    return session.scalars(select(RiskModelVersion).where(RiskModelVersion.state == "active")).one_or_none()


def load(row: RiskModelVersion) -> RiskModel:
    """The model itself. Raises `Conflict` when its bytes are not those that were stored."""
    try:
        if hashlib.sha256(row.content).hexdigest() != row.content_hash:
            raise RiskError("version", "the stored bytes have changed")
        return RiskModel.from_bytes(row.content)
    except (RiskError, ValueError, KeyError, OSError) as problem:
        raise Conflict(
            N_("Risk model {model} cannot be used: {reason}. Train it again."), model=row.version, reason=str(problem)
        ) from problem


def view(row: RiskModelVersion) -> ModelView:
    """A row as others see it."""
    curve: Sequence[Sequence[float | None]] = row.report["curve"]
    return ModelView(
        row.id,
        row.version,
        row.state,
        row.trained_from,
        row.trained_to,
        row.labels,
        row.violations,
        row.auc,
        row.explained,
        tuple(CalibrationBin(**item) for item in row.report["calibration"]),
        tuple((int(n or 0), auc) for n, auc in curve),
        bool(row.report["severity_adjusted"]),
        row.created_at,
        row.activated_at,
        row.retired_at,
        row.content_hash,
    )


def _retire_active(session: Session, actor: Actor, now: datetime) -> None:
    before = active(session)
    if before is not None:
        before.state, before.retired_at = "retired", now
        audit.record(session, actor, now, "risk_model.retired", "risk_model", before.id, version=before.version)
        session.flush()  # the next one may only come after this one has gone


def _find(session: Session, model: str | int | None) -> RiskModelVersion:
    if model is None:
        row = active(session)
        if row is None:
            raise NotFound(N_("No risk model is in use; the rule score is."))
        return row
    text = str(model)
    by_number = (
        RiskModelVersion.id == int(text) if text.isdecimal() and len(text) < 10 else RiskModelVersion.version == text
    )
    row = session.scalars(select(RiskModelVersion).where(by_number)).one_or_none()
    row = row or session.scalars(select(RiskModelVersion).where(RiskModelVersion.version == text)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no risk model {model}."), model=text)
    return row
