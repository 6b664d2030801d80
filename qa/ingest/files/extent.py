"""How far the cells of an XLSX workbook reach, before it is opened: the reader makes room for every cell between the
first and the last, so that one stray value in the far corner of a sheet would ask for all the memory there is.

Looks at the text of the worksheets alone. A workbook that is no ZIP archive is left to the reader.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

from qa.errors import Invalid
from qa.i18n import N_

ROOMY = 30_000_000
"""Cells that always may be made room for: about a gigabyte."""
SPARSE = 20
"""A sheet may be so many times as large as the cells that it has."""
_CELL = re.compile(rb'\sr="([A-Z]{1,3})([0-9]{1,7})"')
_LONGEST = 64
_PART = 1 << 20


def check(raw: bytes, name: str) -> None:
    """Raise `Invalid` for a workbook with a cell that stands far away from all others."""
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for sheet in archive.namelist():
                if sheet.startswith("xl/worksheets/") and sheet.endswith(".xml"):
                    _check(_parts(archive, sheet), name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        return  # the reader says what is wrong with it


def _check(parts: Iterator[bytes], name: str) -> None:
    cells, columns, first, last = 0, set[bytes](), 1 << 24, 0
    for part in parts:
        found = _CELL.findall(part)
        if not found:
            continue
        cells += len(found)
        columns.update({column for column, _row in found})
        rows = {int(row) for row in {row for _column, row in found}}
        first, last = min(first, min(rows)), max(last, max(rows))
    numbers = [_number(column) for column in columns]
    room = (max(numbers) - min(numbers) + 1) * (last - first + 1) if numbers else 0
    if room > ROOMY and room > SPARSE * cells:
        far = next(column.decode() for column in columns if _number(column) == max(numbers))
        raise Invalid(
            N_(
                "A cell of the workbook {file} stands far away from the table (column {column}, row {row}): delete what"
                " is below and right of the table, or save the table as CSV."
            ),
            file=name, column=far, row=last,
        )  # fmt: skip


def _parts(archive: zipfile.ZipFile, sheet: str) -> Iterator[bytes]:
    """The text of a worksheet, each part with the end of the one before: no cell is cut in two."""
    with archive.open(sheet) as file:
        kept = b""
        while read := file.read(_PART):
            text = kept + read
            cut = text.rfind(b"<", max(len(text) - _LONGEST, 0)) if len(read) == _PART else -1
            whole, kept = (text[:cut], text[cut:]) if cut > 0 else (text, b"")
            yield whole


def _number(column: bytes) -> int:
    """Number of a column: A is 1, AA is 27."""
    number = 0
    for letter in column:
        number = 26 * number + letter - 64
    return number
