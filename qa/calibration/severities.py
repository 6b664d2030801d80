"""How harsh each inspector was over a span of days, from independent inspections alone.

Owns which inspections count (first and blind second readings, the last of each inspector, never an adjudication); the
mathematics and its refusals are `scoring.severity`. Writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.calibration.independent import by_chance
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Inspection, Sample
from qa.workbench import Workbench
from scoring import severity
from scoring.severity import SeverityFit

QUARTER = timedelta(days=91)
"""Severity is a habit: it is measured over a rolling quarter."""
_SCHEMA = {"agent_id": pl.String, "inspector_id": pl.String, "unit_id": pl.String, "score": pl.Float64}


@dataclass(frozen=True)
class OwnSeverity:
    """How harsh one inspector was, in points beside the average of all (negative = harsh), with its 95% interval; or
    why that cannot be said."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str = ""


def of_one(bench: Workbench, actor: Actor, *, now: datetime, inspector_id: int) -> OwnSeverity:
    """The severity of one inspector over the last quarter: one's own, or for the lead anybody's."""
    require(actor, Right.INSPECT)
    if inspector_id != actor.user_id:
        require(actor, Right.CALIBRATE)
    with bench.db.read() as session:
        rows = scores(session, first=now - QUARTER, before=None)
    n = int((rows["inspector_id"] == str(inspector_id)).sum())
    found = severity.fit(rows)
    if found.severities is None or str(inspector_id) not in found.severities.inspectors:
        return OwnSeverity(None, None, None, n, found.reason or "few_inspectors")
    at = found.severities.inspectors.index(str(inspector_id))
    value, half = float(found.severities.values[at]), 1.959964 * float(found.severities.se[at])
    return OwnSeverity(value, value - half, value + half, n)


def fit(session: Session, *, first: datetime | None, before: datetime | None) -> SeverityFit:
    """Fit severities from inspections of conversations that happened in [first, before); None = open on that side. The
    ids of inspectors in the result are those of users, as text."""
    return severity.fit(scores(session, first=first, before=before))


def scores(session: Session, *, first: datetime | None, before: datetime | None) -> pl.DataFrame:
    """The scores that severities are fitted from, as `scoring.severity` wants them: without red lines, because a red
    line is confirmed by two people and says nothing of one's habits."""
    query = (
        select(
            Sample.agent_id,
            Inspection.inspector_id,
            Sample.unit_id,
            Inspection.outcome["total_without_redlines"].as_integer(),
        )
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .join(Sample, Sample.id == Inspection.sample_id)
        .where(Inspection.undone_at.is_(None), Sample.pi.is_not(None), by_chance())
        .order_by(Inspection.id)
    )
    if first is not None:
        query = query.where(Sample.occurred_at >= first)
    if before is not None:
        query = query.where(Sample.occurred_at < before)
    rows = [(agent, str(who), unit, total / 100) for agent, who, unit, total in session.execute(query)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").unique(
        ["unit_id", "inspector_id"], keep="last", maintain_order=True
    )
