"""Current verdicts as columns: how a verdict becomes a row of the archive's `facts`, and how that table keeps up.

The database is the truth; the table is a copy up to a watermark. Whoever reads joins the copy with the verdicts that
are newer (`scan`), so what is shown is never behind, and whoever publishes moves the watermark (`compact`). A named
pick is no fact of any draw and is left out: no estimate can count what has no chance of being drawn. Does not know what
is estimated from the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.archive import TABLES, Snapshot, conform, empty
from qa.archive.schema import CRITERION_SLOTS, DIMENSION_SLOTS
from qa.errors import Conflict
from qa.tables import Inspection, RubricVersion, Sample, Transcript, Verdict
from qa.workbench import Workbench
from scoring.sheet import Line, Outcome

SETTLED = timedelta(minutes=10)
"""Only verdicts this old are copied: ids are given out before their transaction commits, so the newest may have
gaps."""
COMPACT_FROM = 200
_BATCH = 5_000
_AGENT = "agent"


def scan(bench: Workbench, session: Session, snapshot: Snapshot | None = None) -> pl.LazyFrame:
    """Every current verdict, one row a sample, with the columns of `qa.archive.schema`: the copy and what is newer."""
    return joined(session, (snapshot or bench.archive.at()).scan("facts"))


def joined(session: Session, stored: pl.LazyFrame) -> pl.LazyFrame:
    """The same of a copy that is open already."""
    watermark = _watermark(stored)
    changed = _changed(session, watermark)
    if changed.is_empty():
        return stored
    fresh = _rows(session, changed.filter("is_current")["verdict_id"].to_list())
    return pl.concat([stored.join(changed.lazy(), on="sample_id", how="anti"), fresh.lazy()])


def compact(bench: Workbench, now: datetime, *, least: int = 1) -> int:
    """Copy settled verdicts into the table; returns how many rows were written.

    Called after publishing and from the command line, never by looking at a page. Does nothing when fewer than `least`
    verdicts wait or while somebody else writes to the archive; the next call catches up.
    """
    try:
        with bench.archive.change("facts", now) as change:
            watermark = _watermark(change.before.scan("facts"))
            with bench.db.read() as session:
                changed = _changed(session, watermark, now - SETTLED)
                if changed.height < least:
                    return 0
                current = changed.filter("is_current")["verdict_id"].to_list()
                change.remove("facts", changed["sample_id"].unique(), "sample_id")
                for start in range(0, len(current), 100_000):
                    change.append("facts", _rows(session, current[start : start + 100_000]))
            return len(current)
    except Conflict:
        return 0


def _watermark(stored: pl.LazyFrame) -> int:
    return int(stored.select(pl.col("verdict_id").max().fill_null(0)).collect().item())


def _changed(session: Session, watermark: int, before: datetime | None = None) -> pl.DataFrame:
    """Verdicts above the watermark: verdict_id, sample_id, is_current (a withdrawn result is current but counts
    not)."""
    query = select(Verdict.id, Verdict.sample_id, Verdict.is_current & (Verdict.kind != "withdrawn")).where(
        Verdict.id > watermark
    )
    if before is not None:
        # Up to the first verdict that is not settled: a gap in the copy could never be noticed later.
        first_young = select(func.min(Verdict.id)).where(Verdict.id > watermark, Verdict.created_at > before)
        if (young := session.scalar(first_young)) is not None:
            query = query.where(Verdict.id < young)
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "verdict_id": pl.Int64,
        "sample_id": pl.Int64,
        "is_current": pl.Boolean,
    }
    rows = [(number, sample, bool(current)) for number, sample, current in session.execute(query)]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _rows(session: Session, verdicts: Sequence[int]) -> pl.DataFrame:
    orders = _orders(session)
    parts = [empty("facts")]
    for start in range(0, len(verdicts), _BATCH):
        numbers = verdicts[start : start + _BATCH]
        query = (
            select(
                Verdict.id,
                Verdict.sample_id,
                Sample.draw_id,
                Sample.unit_id,
                Sample.source,
                Sample.conversation_key,
                Verdict.agent_id,
                Transcript.content["shop"].as_string(),
                Transcript.content["channel"].as_string(),
                Inspection.inspector_id,
                Verdict.rubric_version_id,
                Verdict.kind,
                Sample.occurred_at,
                Verdict.created_at,
                Sample.reason,
                Sample.pi,
                Sample.risk,
                Sample.prediction,
                Verdict.total,
                Verdict.outcome,
            )
            .join(Sample, Sample.id == Verdict.sample_id)
            .join(Transcript, Transcript.id == Sample.transcript_id)
            .outerjoin(Inspection, Inspection.id == Verdict.inspection_id)
            .where(Verdict.id.in_(numbers), Verdict.is_current, Verdict.kind != "withdrawn", Sample.pi.is_not(None))
            .order_by(Verdict.id)
        )
        parts.append(_frame(session.execute(query), orders))
    return pl.concat(parts)


_PLAIN = (
    "verdict_id",
    "sample_id",
    "draw_id",
    "unit_id",
    "source",
    "conversation_key",
    "agent_id",
    "shop",
    "channel",
    "inspector_id",
    "rubric_version_id",
    "verdict_kind",
    "occurred_at",
    "decided_at",
    "reason",
    "pi",
    "risk",
    "prediction",
    "total",
)


def _frame(rows: Iterable[Any], orders: Mapping[int, _Order]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in TABLES["facts"]}
    for row in rows:
        for name, value in zip(_PLAIN, row, strict=False):
            columns[name].append(value)
        outcome, order = Outcome.from_dict(row[-1]), orders.get(row[_PLAIN.index("rubric_version_id")], _Order((), ()))
        columns["total_without_redlines"].append(outcome.total_without_redlines)
        columns["redline"].append(bool(outcome.redlines))
        columns["redlines"].append(list(outcome.redlines))
        columns["dimensions"].append(
            [{"id": d.id, "earned": d.earned, "possible": d.possible} for d in outcome.dimensions]
        )
        columns["losses"].append([_loss(line) for line in outcome.lines if line.judged or line.kind == "redline"])
        shares = {d.id: 100.0 * d.earned / d.possible for d in outcome.dimensions if d.possible}
        for k in range(DIMENSION_SLOTS):
            columns[f"d{k}"].append(shares.get(order.dimensions[k]) if k < len(order.dimensions) else None)
        costs = _costs(outcome.lines)
        for k in range(CRITERION_SLOTS):
            columns[f"c{k:02d}"].append(costs.get(order.criteria[k], 0) if k < len(order.criteria) else None)
    schema: dict[str, Any] = dict(TABLES["facts"])
    return conform("facts", pl.DataFrame(columns, schema=schema))


def _loss(line: Line) -> dict[str, Any]:
    """Points a line cost, positive: on the agent's account, or nominally when somebody else owns it."""
    points = -(line.points if line.counts else line.nominal)
    return {
        "kind": line.kind,
        "id": line.id,
        "owner": line.owner,
        "root_cause": line.root_cause,
        "points": points,
    }


def _costs(lines: Iterable[Line]) -> dict[str, int | None]:
    costs: dict[str, int | None] = {}
    for line in lines:
        if line.kind == "na":
            costs[line.id] = None
        elif line.judged and line.counts and line.owner == _AGENT:
            costs[line.id] = (costs.get(line.id) or 0) - line.points
    return costs


class _Order:
    """The dimensions and criteria of one rubric version, in the order that gives them their wide columns."""

    def __init__(self, dimensions: Sequence[str], criteria: Sequence[str]) -> None:
        self.dimensions = tuple(dimensions)
        self.criteria = tuple(criteria)


def _orders(session: Session) -> dict[int, _Order]:
    return {
        number: _Order(*order_of(content))
        for number, content in session.execute(select(RubricVersion.id, RubricVersion.content))
    }


def order_of(content: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Ids of the dimensions and of all criteria of a stored rubric that have a wide column, in the order of the form.

    No rubric that passes today's check has more than there are columns; one published before it may.
    """
    dimensions = content.get("dimensions") or []
    criteria = [c["id"] for d in dimensions for c in d["criteria"]]
    return [d["id"] for d in dimensions][:DIMENSION_SLOTS], criteria[:CRITERION_SLOTS]
