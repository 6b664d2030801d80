"""When the estimator has changed: its figures old → new, shown once and put on record.

A figure names the version of its estimator, exports too, and the one before is kept (`FactsReader`), so that a report
of then can be made again. Draws name the version they were published under.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from qa.policy import Actor, Right, require
from qa.reports.scope import FIRST, Scope
from qa.reports.trends import trend
from qa.tables import AuditEntry, Draw
from qa.workbench import Workbench
from scoring.estimate import VERSION

SEEN = "estimator.changed"
MONTHS = 6
"""How many of the last months are set against each other."""


@dataclass(frozen=True)
class Restated:
    """One figure of everybody's chats in a month: `metric` 'total' (points) or 'redline' (share), as the `old` and the
    `new` estimator say it, each (value, low, high)."""

    metric: str
    month: date
    old: tuple[float | None, float | None, float | None]
    new: tuple[float | None, float | None, float | None]


def changes(bench: Workbench, actor: Actor) -> tuple[Restated, ...]:
    """What the estimator in use says otherwise than the one before, for draws published under that; empty where there
    are none, or where somebody has seen it already."""
    require(actor, Right.PLAN_DRAW)
    with bench.db.read() as session:
        known = Draw.receipt["plan"]["estimator"].as_string()
        if session.scalar(select(Draw.id).where(known.is_(None)).limit(1)) is None:
            return ()
        if session.scalar(select(AuditEntry.id).where(AuditEntry.action == SEEN, AuditEntry.entity_id == VERSION)):
            return ()
    return tuple(_of("total", bench, actor)) + tuple(_of("redline", bench, actor))


def seen(bench: Workbench, actor: Actor, *, now: datetime) -> None:
    """Put the change on record, old → new; it is not shown again. Doing it twice is doing it once."""
    found = changes(bench, actor)
    if found:
        with bench.begin(actor, now) as work:
            figures = [[one.metric, str(one.month), list(one.old), list(one.new)] for one in found]
            work.record(SEEN, "estimator", VERSION, before=FIRST, figures=figures)


def _of(metric: str, bench: Workbench, actor: Actor) -> list[Restated]:
    old, new = (
        trend(bench, actor, scope=Scope(), metric=metric, by="all", bucket="month", estimator=version).frame
        for version in (FIRST, VERSION)
    )
    columns = ("value", "low", "high")
    both = old.select("period", *columns).join(
        new.select("period", *columns), on="period", how="full", coalesce=True, suffix="_new"
    )
    said = [
        Restated(metric, row[0], tuple(map(_rounded, row[1:4])), tuple(map(_rounded, row[4:7])))  # type: ignore[arg-type]
        for row in both.sort("period").tail(MONTHS).iter_rows()
    ]
    return [one for one in said if one.old != one.new]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
