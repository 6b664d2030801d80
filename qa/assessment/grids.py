"""An export as grids of cells: every sheet of a workbook, or one delimited text. Cells stay as they are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.files import decoding, extent, tables
from qa.ingest.files.shape import Blob

MOST_CELLS = 5_000_000
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True)
class Grid:
    """A table: its name, the lines above it, its header, and its rows as (number in the file from 1, cells)."""

    name: str
    above: tuple[str, ...]
    headers: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read(path: Path, known: Callable[[str], bool]) -> tuple[Grid, ...]:
    """All tables of a file; `known` tells names of columns, by which headers are found. Raises `Invalid`."""
    try:
        head = path.read_bytes()[:8]
    except OSError as problem:
        raise Invalid(
            N_("The file {file} cannot be opened: {reason}"), file=path.name, reason=problem.strerror or str(problem)
        ) from problem
    if not head:
        raise Invalid(N_("The file {file} is empty (0 bytes). Export it again."), file=path.name)
    sheets = _workbook(path) if head[:4] in WORKBOOKS else [("", _text(path))]
    grids = [grid for name, rows in sheets if (grid := _grid(name, rows, known)) is not None]
    if not grids:
        raise Invalid(N_("{file} holds no table with a row that names the columns."), file=path.name)
    return tuple(grids)


def _workbook(path: Path) -> list[tuple[str, list[list[str]]]]:
    extent.check(path.read_bytes(), path.name)
    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = [(name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names]
    except (CalamineError, OSError, ValueError, IndexError) as problem:
        raise Invalid(
            N_("The workbook {file} cannot be read: {reason}"), file=path.name, reason=str(problem)
        ) from problem
    if sum(len(rows) * len(rows[0]) for _, rows in sheets if rows) > MOST_CELLS:
        raise Invalid(N_("The workbook {file} is too large; export one month at a time."), file=path.name)
    return [(name, [[shown(cell) for cell in row] for row in rows]) for name, rows in sheets]


def shown(cell: Any) -> str:
    """A cell of a workbook as text: whole numbers without a point, days as days, durations as clock times."""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(round(cell, 12))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return f"{cell.total_seconds():g}秒"
    if isinstance(cell, time):
        return cell.isoformat("seconds")
    return str(cell).strip()


def _text(path: Path) -> list[list[str]]:
    blob = Blob(path)
    encoding = decoding.detect(blob)
    text = path.read_bytes().decode(decoding.CODECS.get(encoding, encoding), errors="replace").lstrip("\ufeff")
    if decoding.is_binary(text[:4096]):
        raise Invalid(N_("{file} holds no table with a row that names the columns."), file=path.name)
    lines = text.splitlines()[: tables.LOOKED_AT]
    mark = max(",\t;|", key=lambda one: sum(min(line.count(one), 50) for line in lines))
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark)]
    except csv.Error as problem:
        raise Invalid(N_("The file {file} cannot be read: {reason}"), file=path.name, reason=str(problem)) from problem


def _grid(name: str, rows: Sequence[Sequence[str]], known: Callable[[str], bool]) -> Grid | None:
    at = tables.header_at(rows, known)
    if at < 0 or not rows:
        return None
    headers = _names(rows[at])
    if sum(bool(one) for one in headers) < 2:
        return None
    above = tuple(" ".join(cell for cell in row if cell) for row in rows[:at])
    width = len(headers)
    kept = tuple(
        (number, tuple([*row, *[""] * (width - len(row))][:width]))
        for number, row in enumerate(rows[at + 1 :], start=at + 2)
        if any(cell.strip() for cell in row) and list(row[:width]) != list(rows[at][:width])
    )
    return Grid(name, above, headers, kept)


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, each once: a second one of the same name gets its number."""
    seen: dict[str, int] = {}
    made = []
    for cell in cells:
        name = "".join(cell.split()) if not cell.isascii() else " ".join(cell.split())
        seen[name] = seen.get(name, 0) + 1
        made.append(name if not name or seen[name] == 1 else f"{name} ({seen[name]})")
    while made and not made[-1]:
        made.pop()
    return tuple(made)
