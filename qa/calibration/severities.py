"""How harsh each inspector was over a span of days, from independent inspections alone.

Owns which inspections count (first and blind second readings, the last of each inspector, never an adjudication); the
mathematics and its refusals are `scoring.severity`. Writes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.tables import Assignment, Inspection, Sample
from scoring import severity
from scoring.severity import SeverityFit

QUARTER = timedelta(days=91)
"""Severity is a habit: it is measured over a rolling quarter."""
_SCHEMA = {"agent_id": pl.String, "inspector_id": pl.String, "unit_id": pl.String, "score": pl.Float64}


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
        .where(Inspection.undone_at.is_(None), Assignment.kind.in_(("primary", "double")))
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
