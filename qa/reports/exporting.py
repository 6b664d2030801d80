"""Figures as files: CSV, XLSX and JSONL with the same rows a screen shows, safe to open, and every export on record.

Text that would start a formula is made harmless; large tables are written in slices. Does not compute figures: a
frame comes in, bytes go out. Results carry no customer text; what does is masked where it is read.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import polars as pl

from qa import audit, scoping
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.reports.scope import FactsReader, Scope, readable
from qa.verdicts import facts
from qa.workbench import Workbench
from scoring.estimate import VERSION

FORMATS: Mapping[str, str] = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
WEIGHTS = N_(
    "Targeted and random picks stand in one table: every mean of these rows must weight them by the column weight"
    " (1/pi). A plain mean is biased."
)
"""What anybody who averages single results must know."""
SHEETS = ("data", "about")
"""Names of the two sheets of a workbook where nobody gives others."""
_SLICE = 50_000
_MAX_SHEET = 1_048_575
_FORMULA = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?%?")


@dataclass(frozen=True)
class ExportFile:
    """A file ready to hand out."""

    name: str
    mime: str
    content: bytes


def export(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    what: str,
    frame: pl.DataFrame,
    form: str = "csv",
    notes: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    estimator: str = VERSION,
    sheets: tuple[str, str] = SHEETS,
) -> ExportFile:
    """Write a report's frame as a file and record who took it. Figures name the version of their `estimator`. `labels`
    are column titles, `notes` lines about method and scope (the second of the `sheets` in XLSX, left out of CSV and
    JSONL so that programs can read them)."""
    require(actor, Right.EXPORT)
    _check(form)
    if "method" in frame.columns and "estimator" not in frame.columns:
        frame = frame.with_columns(estimator=pl.lit(estimator))  # every figure names what made it
    buffer = io.BytesIO()
    write(frame, form, buffer, notes=notes, labels=labels, sheets=sheets)
    _record(bench, actor, now, what, form, frame.height)
    return ExportFile(f"spotcheck-{what}.{form}", FORMATS[form], buffer.getvalue())


def export_verdicts(
    bench: Workbench, actor: Actor, *, now: datetime, path: Path, form: str = "csv", scope: Scope | None = None
) -> int:
    """Write every current verdict (of a scope) to `path`, one row a sample; returns the number of rows.

    Each row has its inclusion probability `pi` and its `weight` 1/π, without which no average of them is valid: picks
    made because they looked bad stand among the random ones.
    """
    require(actor, Right.EXPORT)
    _check(form)
    facts.compact(bench, now)
    wanted = [] if scope is None and scoping.sees_all(actor) else _sources(actor, scope)
    with FactsReader(bench) as reader:
        rows = pl.concat([reader.rows(one) for one in wanted]) if wanted else reader.facts
        frame = rows.select(pl.exclude("^[cd]\\d+$")).sort("sample_id").with_columns(weight=1 / pl.col("pi")).collect()
    front = ["verdict_id", "sample_id", "unit_id", "source", "agent_id", "reason", "pi", "weight", "total"]
    try:
        with path.open("wb") as file:
            write(frame.select(*front, pl.exclude(front)), form, file, notes=(WEIGHTS,))
    except OSError as problem:
        raise Invalid(
            N_("The file {file} cannot be written: {reason}"), file=str(path), reason=str(problem)
        ) from problem
    _record(bench, actor, now, "verdicts", form, frame.height)
    return frame.height


def verdict_page(bench: Workbench, actor: Actor, *, scope: Scope, after: int = 0, limit: int = 50) -> pl.DataFrame:
    """The current verdicts of a scope in the order of their samples, from behind sample `after`: the columns of the
    file, for programs that read it in pages."""
    require(actor, Right.EXPORT)
    seen = readable(actor, scope)
    with FactsReader(bench) as reader:
        rows = reader.rows(seen).filter(pl.col("sample_id") > after).select(pl.exclude("^[cd]\\d+$"))
        return rows.sort("sample_id").head(limit).collect()


def write(
    frame: pl.DataFrame,
    form: str,
    target: IO[bytes],
    *,
    notes: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    sheets: tuple[str, str] = SHEETS,
) -> None:
    """Write `frame` to an open binary file in one of `FORMATS`."""
    titles = [(labels or {}).get(name, name) for name in frame.columns]
    if form == "jsonl":
        for row in _rows(frame, plain=True):
            line = dict(zip(frame.columns, row, strict=True))
            target.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
    elif form == "csv":
        text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow([neutral(title) for title in titles])
        for row in _rows(frame):
            writer.writerow([neutral(cell) for cell in row])
        text.flush()
        text.detach()
    else:
        _write_xlsx(frame, titles, notes, target, sheets)


def neutral(cell: object) -> object:
    """A cell no spreadsheet will run: text that would start a formula gets a leading apostrophe, numbers stay
    numbers."""
    if not isinstance(cell, str):
        return cell
    first = cell.lstrip()[:1]
    if cell[:1] in ("\t", "\r", "\n") or (first in _FORMULA and not _NUMBER.fullmatch(cell)):
        return "'" + cell
    return cell


def _write_xlsx(
    frame: pl.DataFrame, titles: Sequence[str], notes: Sequence[str], target: IO[bytes], sheets: tuple[str, str]
) -> None:
    if frame.height > _MAX_SHEET:
        raise Invalid(N_("{count} rows do not fit into one Excel sheet; choose CSV or JSONL."), count=frame.height)
    import xlsxwriter  # needed by nothing but a workbook

    book = xlsxwriter.Workbook(
        target,
        {
            "constant_memory": True,
            "in_memory": False,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": True,
        },
    )
    head = book.add_format({"bold": True, "bottom": 1})
    day, moment = (book.add_format({"num_format": form}) for form in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"))
    decimal = book.add_format({"num_format": "0.0##"})
    sheet = book.add_worksheet(sheets[0])
    sheet.freeze_panes(1, 0)
    for column, title in enumerate(titles):
        sheet.set_column(column, column, min(max(len(title) * 1.6, 10), 40))
        sheet.write_string(0, column, title, head)
    for number, row in enumerate(_rows(frame, dated=True), start=1):
        for column, cell in enumerate(row):
            if cell is None:
                continue
            if isinstance(cell, bool):
                sheet.write_boolean(number, column, cell)
            elif isinstance(cell, datetime):
                sheet.write_datetime(number, column, cell.replace(tzinfo=None), moment)
            elif isinstance(cell, date):
                sheet.write_datetime(number, column, cell, day)
            elif isinstance(cell, float):
                sheet.write_number(number, column, cell, decimal)
            elif isinstance(cell, int):
                sheet.write_number(number, column, cell)
            else:
                sheet.write_string(number, column, str(cell)[:32_767])
    if notes:
        about = book.add_worksheet(sheets[1])
        about.set_column(0, 0, 100)
        for number, note in enumerate(notes):
            about.write_string(number, 0, note)
    book.close()


def _rows(frame: pl.DataFrame, *, plain: bool = False, dated: bool = False) -> Iterator[list[Any]]:
    """Cells as text and numbers; `plain` keeps lists, `dated` keeps days and moments (of UTC) as they are."""
    for part in frame.iter_slices(_SLICE):
        for row in part.iter_rows():
            yield [value if dated and isinstance(value, date) else _cell(value, plain) for value in row]


def _cell(value: object, plain: bool) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | dict):
        return value if plain else json.dumps(value, ensure_ascii=False)
    return value


def _check(form: str) -> None:
    if form not in FORMATS:
        raise Invalid(
            N_("Form of the file: expected one of {expected}, found “{value}”."),
            expected=", ".join(FORMATS),
            value=form,
        )


def _sources(actor: Actor, scope: Scope | None) -> list[Scope]:
    """The scope as far as this reader may see it; of every source where none was asked for."""
    if scope is not None:
        return [readable(actor, scope)]
    return [readable(actor, Scope(source=source)) for source in ("chat", "dispute", "rating")]


def _record(bench: Workbench, actor: Actor, now: datetime, what: str, form: str, rows: int) -> None:
    with bench.db.write() as session:
        audit.record(session, actor, now, "export.taken", "export", what, form=form, rows=rows)
