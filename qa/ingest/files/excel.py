"""Excel and OpenDocument workbooks: all sheets with the same header, cells as text, merged cells filled down."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.files import decoding, extent, markup, shape, tables
from qa.ingest.files.csv_files import blank_to_none, without_totals
from qa.ingest.files.shape import Blob, ReadOptions, RowBatch, Shape
from qa.ingest.problems import ProblemLog

EXACT = 10**15
"""Spreadsheets keep fifteen digits: a number from here on may be another one than was written."""
PIECE_ROWS = 50_000
SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".et")


@dataclass(frozen=True)
class _Sheet:
    """A sheet that holds a table: its cells, the place of the header and its names."""

    name: str
    rows: list[list[str]]
    header_at: int
    headers: tuple[str, ...]
    known: int


def look(blob: Blob, options: ReadOptions, known: tables.Known) -> Shape:
    """The shape of a workbook. Raises `Invalid` with the cure."""
    sheets, hidden = _sheets(blob, options, known)
    named = {sheet.name: sheet for sheet in sheets}
    if options.sheets and (missing := [name for name in options.sheets if name not in named]):
        raise Invalid(
            N_("The file {file} has no sheet “{sheet}” with a table. Sheets with a table: {sheets}."),
            file=blob.name,
            sheet=missing[0],
            sheets=", ".join(named),
        )
    if not sheets:
        raise Invalid(N_("No sheet of {file} holds a table. One row must name the columns."), file=blob.name)
    visible = [sheet for sheet in sheets if sheet.name not in hidden] or sheets
    first = (
        named[options.sheets[0]]
        if options.sheets
        else max(visible, key=lambda sheet: (sheet.known, len(sheet.rows) > sheet.header_at + 1))
    )
    names = set(first.headers)  # in whatever order the columns stand
    chosen = options.sheets or tuple(sheet.name for sheet in visible if set(sheet.headers) == names)
    others = [f"{name} ({HIDDEN})" if name in hidden else name for name in named if name not in chosen]
    others += [f"{name} ({HIDDEN})" for name in hidden if name not in named]
    notes = [("sheet_left_out", name) for name in others]
    if first.header_at < 0:
        notes.append(("no_header", str(len(first.headers))))
    read = ReadOptions(header_row=options.header_row, sheets=tuple(chosen))
    return Shape(blob, "xlsx", "", "", first.headers, "", blob.size, first.header_at, read, tuple(named), tuple(notes))


HIDDEN = "hidden · 隐藏"


def pieces(given: Shape, wanted: list[str], log: ProblemLog, known: tables.Known) -> Iterator[RowBatch]:
    """The rows of the chosen sheets, one after the other."""
    sheets = {sheet.name: sheet for sheet in _sheets(given.blob, given.options, known)[0]}
    chosen = [sheets[name] for name in given.options.sheets if name in sheets]
    row, total = 1, max(sum(len(sheet.rows) for sheet in chosen), 1)
    for sheet in chosen:
        below = sheet.rows[sheet.header_at + 1 :]
        places = {name: sheet.headers.index(name) for name in wanted if name in sheet.headers}
        for at in range(0, max(len(below), 1), PIECE_ROWS):
            part = below[at : at + PIECE_ROWS]
            kept: dict[str, list[Any]] = {name: [_cell(line, places.get(name)) for line in part] for name in wanted}
            blank_to_none(kept)
            frame = shape.text_frame(kept, range(row, row + len(part)))
            row += len(part)
            piece = RowBatch(frame, min(1.0, row / total))
            yield without_totals(piece, log) if at + PIECE_ROWS >= len(below) else piece


def _cell(line: list[str], place: int | None) -> str:
    return line[place] if place is not None and place < len(line) else ""


def _sheets(blob: Blob, options: ReadOptions, known: tables.Known) -> tuple[list[_Sheet], list[str]]:
    """The sheets that hold a table, and the names of hidden ones."""
    found, hidden = [], []
    for name, visible, rows in _read(blob, blob.size, blob.path.stat().st_mtime_ns):
        if not visible:
            hidden.append(name)
        filled = [row for row in rows if any(row)]
        if not filled or max(len([cell for cell in row if cell]) for row in filled) < 2:
            continue
        at = max(options.header_row, 0) - 1 if options.header_row else _header_at(rows, known)
        cells = rows[at] if 0 <= at < len(rows) else [""] * max(map(len, rows))
        last = max((n for n, cell in enumerate(cells) if cell), default=len(cells) - 1) if at >= 0 else len(cells) - 1
        headers = shape.header(cells[: last + 1], blob.name)
        found.append(_Sheet(name, rows, at, headers, sum(known(header) for header in headers)))
    return found, hidden


def _header_at(rows: list[list[str]], known: tables.Known) -> int:
    """Index of the header row; empty rows above it count."""
    places = [n for n, row in enumerate(rows[: tables.LOOKED_AT]) if any(row)]
    at = tables.header_at([rows[n] for n in places], known)
    return places[at] if at >= 0 else places[0] - 1 if places else -1


@lru_cache(maxsize=1)
def _read(blob: Blob, size: int, changed: int) -> tuple[tuple[str, bool, list[list[str]]], ...]:
    """Name, visibility and cells of every worksheet; size and time of change tell one state of the file from the
    next."""
    raw = blob.read()
    if raw[:200].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):  # a web page that bears the name of a workbook
        text, _other = decoding.whole_text(raw, decoding.detect(blob))
        if markup.is_spreadsheet(text):
            return tuple((name, True, rows) for name, rows in markup.sheets_of(text, blob.name))
        return tuple((f"table {n}", True, rows) for n, rows in enumerate(markup.tables_of(text), 1))
    extent.check(raw, blob.name)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        return tuple(_worksheet(book, meta) for meta in book.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet)
    except (CalamineError, OSError, ValueError) as problem:
        if "assword" in str(problem) or "ncrypt" in str(problem):
            raise Invalid(
                N_("The file {file} is protected by a password. Save it without one, or as CSV."), file=blob.name
            ) from problem
        raise Invalid(
            N_("The file {file} is damaged or cut off and cannot be read as XLSX. Export or upload it again."),
            file=blob.name,
        ) from problem


def _worksheet(book: CalamineWorkbook, meta: Any) -> tuple[str, bool, list[list[str]]]:
    sheet = book.get_sheet_by_name(meta.name)
    if sheet.width > shape.MAX_COLUMNS:
        raise shape.too_wide(meta.name)
    rows = [[as_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    for (top, left), (bottom, _right) in sheet.merged_cell_ranges or ():
        for row in rows[top + 1 : bottom + 1]:
            if left < len(row) and top < len(rows) and left < len(rows[top]):
                row[left] = row[left] or rows[top][left]
    return meta.name, meta.visible == SheetVisibleEnum.Visible, rows


def as_text(cell: Any) -> str:
    """A cell as it would be written: whole numbers without a point, moments in ISO order; numbers too long to be exact
    as such."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return _number(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return "" if cell is None else str(cell)


def _number(cell: int | float) -> str:
    if abs(cell) >= EXACT:
        return f"{cell:.14E}"
    return str(int(cell)) if cell == int(cell) else repr(cell)
