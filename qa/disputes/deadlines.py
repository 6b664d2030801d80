"""Deadlines that an earlier release kept as closing times: a dispute cannot be closed while its record still waits for
somebody. They are counted by `spotcheck doctor`, and moved where they belong when somebody asks for it."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from qa.archive import Snapshot
from qa.policy import Actor, Right, require
from qa.workbench import Workbench

_TABLES = ("disputes", "dispute_origins")


def misplaced(snapshot: Snapshot, table: str = "disputes") -> pl.LazyFrame:
    """Rows whose closing time is a deadline: they wait, and no deadline is known."""
    return snapshot.scan(table).filter(_is_misplaced())


_WAITS = r"(?i)^\s*WAIT|^等待|^待"


def waiting(status: pl.Expr) -> pl.Expr:
    """Whether a record, by its status, still waits for somebody."""
    return status.str.contains(_WAITS).fill_null(value=False)


def _is_misplaced() -> pl.Expr:
    return waiting(pl.col("status")) & pl.col("closed_at").is_not_null() & pl.col("due_at").is_null()


def count(bench: Workbench) -> int:
    """How many disputes there are of these."""
    return int(misplaced(bench.archive.at()).select(pl.len()).collect().item())


def mend(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """Make the closing time of such disputes their deadline; returns how many. Doing it twice is doing it once. Frozen
    samples keep what they were frozen with."""
    require(actor, Right.IMPORT)
    found = 0
    with bench.archive.change("deadlines of disputes", now) as change:
        for table in _TABLES:
            rows = misplaced(change.before, table).collect()
            if rows.is_empty():
                continue
            whole = (
                change.before.scan(table).filter(pl.col("dispute_key").is_in(rows["dispute_key"].implode())).collect()
            )
            moved = _is_misplaced()
            change.remove(table, rows["dispute_key"])
            change.append(
                table,
                whole.with_columns(
                    due_at=pl.when(moved).then("closed_at").otherwise("due_at"),
                    closed_at=pl.when(~moved).then("closed_at"),
                ),
            )
            found = max(found, rows.height) if table == "disputes" else found
    if found:
        with bench.begin(actor, now) as work:
            work.record("disputes.deadlines_moved", "archive", bench.archive.version(), n=found)
    return found
