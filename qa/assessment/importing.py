"""Importing an export of indicators: looked at first, written in one step, taken back by itself.

Rows are appended and never changed: a later import of the same key counts instead, and taking it back lets the earlier
one count again. Both are shown before and recorded after.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import insert, select

from qa.assessment import exports, facts, presets
from qa.assessment.exports import ExportAnswers, ExportProblem, Reading
from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_
from qa.ingest import runs
from qa.ingest.reverting import INDICATORS as KIND
from qa.policy import Actor, Right, require
from qa.tables import ImportRun
from qa.workbench import Workbench
from scoring.assessment.schemes import INDICATORS

STORED_PROBLEMS = 200


@dataclass(frozen=True)
class IndicatorPreview:
    """What an import would come to: `new` values, `same_rows` that are stored as they are, `changed` ones (with
    `num_old`, `den_old`), and accounts that are nobody's."""

    reading: Reading
    new: int
    same_rows: pl.DataFrame
    changed: pl.DataFrame
    unknown: tuple[str, ...]
    known_run: int | None
    """The import that brought this very file before."""

    @property
    def same(self) -> int:
        """Values that are stored as they are."""
        return self.same_rows.height

    @property
    def refused(self) -> int:
        """Rows of which something was not taken."""
        return len({p.row for p in self.reading.problems if p.code not in exports.NOTES and p.row is not None})


def preview(bench: Workbench, actor: Actor, *, now: datetime, path: Path, asked: ExportAnswers) -> IndicatorPreview:
    """Read a file and compare it with what is stored; writes nothing. Raises `Invalid`."""
    require(actor, Right.IMPORT)
    found = exports.read(path, asked, now.astimezone(bench.config.zone).date())
    found, held = _without_overlaps(bench, found)
    both = found.rows.join(
        held.select(*facts.KEY, num_old="num", den_old="den"), on=list(facts.KEY), how="left", nulls_equal=True
    )
    there = both.filter(pl.col("num_old").is_not_null())
    changed = there.filter((pl.col("num") != pl.col("num_old")) | (pl.col("den") != pl.col("den_old")))
    with bench.db.read() as session:
        named = facts.with_people(bench, session, found.rows.filter(pl.col("account") != ""))
        run = session.scalar(
            select(ImportRun.id)
            .where(ImportRun.sha256 == _hash(path), ImportRun.kind == KIND, ImportRun.state == "done")
            .order_by(ImportRun.id.desc())
            .limit(1)
        )
    unknown = named.filter(pl.col("agent_id").is_null())["account"].unique().sort().to_list()
    same = there.join(changed, on=list(exports.KEY), how="anti", nulls_equal=True).select(*exports.KEY)
    return IndicatorPreview(found, both.height - there.height, same, changed, tuple(unknown), run)


def commit(
    bench: Workbench, actor: Actor, *, now: datetime, path: Path, asked: ExportAnswers, file_name: str = ""
) -> tuple[int, IndicatorPreview]:
    """Store the values that are new or changed; returns the import and what it came to. The same file again adds
    nothing. Raises `Invalid` (also when nothing can be taken), `Conflict`."""
    seen = preview(bench, actor, now=now, path=path, asked=asked)
    if seen.new == 0 and seen.changed.is_empty():
        if seen.same and seen.known_run:
            return seen.known_run, seen
        if not seen.same:
            raise Invalid(
                N_("Nothing in {file} can be taken; see the rows that are named."), file=file_name or path.name
            )
    name = file_name or path.name
    counts = {
        "read": seen.reading.rows.height,
        "new": seen.new,
        "changed": seen.changed.height,
        "same": seen.same,
        "refused": seen.refused,
    }
    with bench.begin(actor, now) as work:
        run_id = work.session.execute(
            insert(ImportRun)
            .values(
                file_name=name[-300:], sha256=_hash(path), kind=KIND, source=seen.reading.preset.platform or "hand",
                mapping=_mapping(asked, seen.reading), state="started", counts={},
                problems=_stored(seen.reading.problems), outcome={"counts": counts, "agents": []},
                started_by=actor.user_id or None, started_at=now,
            )
            .returning(ImportRun.id)
        ).scalar_one()  # fmt: skip
    fresh = _fresh(seen).with_columns(import_id=pl.lit(run_id, pl.Int64))
    with bench.archive.hold() as writer:
        runs.complete_dead_runs(bench, actor, now, run_id)
        try:
            with writer.change(f"import {run_id}", now) as change:  # the name by which a killed import is completed
                change.append("indicators", fresh)
        except BaseException:
            runs.fail(bench, actor, now, run_id, "failed")
            raise
        with bench.db.write() as session:
            runs.complete(session, actor, now, run_id, bench.archive.version())
    return run_id, seen


def _fresh(seen: IndicatorPreview) -> pl.DataFrame:
    """The values to store: those that are not stored as they are."""
    definitions = {name: one.version for name, one in INDICATORS.items()}
    rows = seen.reading.rows.join(seen.same_rows, on=list(exports.KEY), how="anti", nulls_equal=True)
    return rows.with_columns(definition=pl.col("indicator").replace_strict(definitions, return_dtype=pl.Int32))


def take_back(bench: Workbench, actor: Actor, *, now: datetime, run_id: int) -> int:
    """Remove what an import brought; what earlier ones said of the same days counts again. Returns how many values
    went. Raises `NotFound`, `Conflict`."""
    require(actor, Right.IMPORT)
    with bench.archive.hold() as writer:
        with bench.db.read() as session:
            run = session.get(ImportRun, run_id)
            if run is None or run.kind != KIND:
                raise NotFound(N_("There is no import {id}."), id=run_id)
            if run.state != "done":
                raise Conflict(N_("Only an import that is done can be taken back."))
            name = run.file_name
        rows = bench.archive.at().scan("indicators").filter(pl.col("import_id") == run_id)
        gone = int(rows.select(pl.len()).collect().item())
        with writer.change("indicators taken back", now) as change:
            change.remove("indicators", pl.Series([run_id]), column="import_id")
        with bench.begin(actor, now) as work:
            work.session.get_one(ImportRun, run_id, with_for_update=True).state = "taken_back"
            work.record("import.taken_back", "import", run_id, file=name, values=gone)
    return gone


def history(bench: Workbench, actor: Actor, limit: int = 50) -> tuple[ImportRun, ...]:
    """The last imports of indicators."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        query = select(ImportRun).where(ImportRun.kind == KIND).order_by(ImportRun.id.desc()).limit(limit)
        found = tuple(session.scalars(query))
        for run in found:
            session.expunge(run)
        return found


def _without_overlaps(bench: Workbench, found: Reading) -> tuple[Reading, pl.DataFrame]:
    """The reading without rows that overlap stored ones of other days together, and the stored rows."""
    if found.rows.is_empty():
        return found, facts.current(bench.archive.at()).head(0)
    first, last = found.rows["day"].min(), found.rows["until"].max()
    held = facts.current(bench.archive.at())
    assert isinstance(first, date)
    assert isinstance(last, date)
    near = held.filter((pl.col("until") >= first) & (pl.col("day") <= last))
    same = ["platform", "shop", "account", "indicator"]
    pairs = found.rows.join(near.select(*same, held_day="day", held_until="until"), on=same)
    clash = pairs.filter(
        (pl.col("day") <= pl.col("held_until")) & (pl.col("until") >= pl.col("held_day"))
        & ((pl.col("day") != pl.col("held_day")) | (pl.col("until") != pl.col("held_until")))
    ).select(*exports.KEY, "file_row").unique()  # fmt: skip
    if clash.is_empty():
        return found, near
    named = Counter(
        (row, f"{account or shop} · {day}")
        for row, account, shop, day in clash.select("file_row", "account", "shop", "day").iter_rows()
    )
    problems = [ExportProblem("overlaps", row, "", value) for row, value in sorted(named)]
    rows = found.rows.join(clash.select(*exports.KEY), on=list(exports.KEY), how="anti")
    return replace(found, rows=rows, problems=(*found.problems, *problems)), near


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _stored(problems: tuple[ExportProblem, ...]) -> list[Any]:
    return [{"row": p.row, "field": p.field, "code": p.code, "value": p.value[:80]} for p in problems[:STORED_PROBLEMS]]


def _mapping(asked: ExportAnswers, reading: Reading) -> dict[str, Any]:
    return {
        "preset": presets.to_data(reading.preset),
        "sheet": reading.sheet,
        "shop": asked.shop,
        "first": asked.first.isoformat() if asked.first else None,
        "last": asked.last.isoformat() if asked.last else None,
        "fraction": asked.fraction,
        "twice": asked.twice,
    }
