"""CSV and its kin: any delimiter, header row anywhere, quotation marks that do not close, line ends of every system.

A file is read in pieces that end at a record, so memory does not grow with it. The fast reader takes a whole piece;
only where it refuses one, or may have swallowed lines into a cell, the piece is read again record by record.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.files import decoding, shape, tables
from qa.ingest.files.shape import Blob, ReadOptions, RowBatch, Shape
from qa.ingest.problems import ProblemLog

HEAD_LINES = 60
LONGEST_CELL = 2_000  # lines
LARGEST_RECORD = 8  # pieces
SPACED_CELL = r'^ +".*"\s*$'
QUOTE, NEWLINE, BLOCK = ord('"'), ord("\n"), 64 << 10
DELIMITERS = ",\t;|"
csv.field_size_limit(1 << 30)


def look(blob: Blob, encoding: str, text: str, options: ReadOptions, known: tables.Known) -> Shape:
    """The shape of a delimited file from the text at its beginning. Raises `Invalid` with the cure."""
    unified = re.sub(r"\r+\n", "\n", text).replace("\r", "\n")
    lines = unified.split("\n")
    said = re.match(r"^sep=(.)\s*$", lines[0].strip().strip('"'), re.IGNORECASE) if lines else None
    delimiter = options.delimiter or (said.group(1) if said else _delimiter(lines[bool(said) :]))
    rows, starts, end = _first_records(lines, delimiter, blob.name)
    if said:
        rows, starts = rows[1:], starts[1:]
    at = _header_index(starts, options) if options.header_row else tables.header_at(rows, known)
    widest = max((len(row) for row in rows), default=0)
    headers = shape.header(rows[at] if at >= 0 and rows else [""] * widest, blob.name)
    if len(headers) < 2:
        line = next((line for line in lines if line.strip()), "")
        raise Invalid(
            N_(
                "The first line of {file} is not a header with several columns: “{line}”. The first row must name the"
                " columns."
            ),
            file=blob.name,
            line=line[:60],
        )
    data_from = starts[at + 1] if at + 1 < len(starts) else end
    if at < 0:
        data_from = starts[0] if starts else 0
    notes = () if at >= 0 else (("no_header", str(len(headers))),)
    return Shape(blob, "csv", encoding, delimiter, headers, "", blob.size, data_from, options, notes=notes)


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that most lines have equally often; the most frequent one on a tie."""
    head = [line for line in lines[:HEAD_LINES] if line.strip()]
    best, best_score = ",", -1.0
    for delimiter in DELIMITERS:
        counts = [line.count(delimiter) for line in head]
        usual = max(set(counts), key=lambda n: (counts.count(n) if n else 0, n), default=0)
        score = counts.count(usual) / max(len(head), 1) + usual / 1000 if usual else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _first_records(lines: list[str], delimiter: str, name: str) -> tuple[list[list[str]], list[int], int]:
    """Cells of the first records, the line each begins in, and the line after the last of them."""
    rows: list[list[str]] = []
    starts: list[int] = []
    at = 0
    while (at < len(lines) - 1 and len(rows) < tables.LOOKED_AT) or (at < len(lines) and not rows):
        if not lines[at].strip():
            at += 1
            continue
        cells, used = _record(lines, at, delimiter, 0)
        if len(cells) > shape.MAX_COLUMNS:
            raise shape.too_wide(name)
        rows.append(cells)
        starts.append(at)
        at += used
    return rows, starts, at


def _header_index(starts: list[int], options: ReadOptions) -> int:
    """The record that begins in the line said to be the header; −1 when none is one."""
    if options.header_row < 0:
        return -1
    return next((n for n, start in enumerate(starts) if start >= options.header_row - 1), 0)


def pieces(file: Any, encoding: str, given: Shape, wanted: list[str], size: int, log: ProblemLog) -> Iterator[RowBatch]:
    """The rows of an opened file, from the line after its header."""
    recode, row, last = decoding.Recoder(encoding), 1, None
    for piece, share in cuts(file, given, size, quoted=True):
        frame, rows = _frame(given, wanted, piece, row, recode, log)
        row += rows
        if last is not None:
            yield last
        last = RowBatch(frame, share)
    if last is not None:
        yield without_totals(last, log)


def without_totals(piece: RowBatch, log: ProblemLog) -> RowBatch:
    """The last piece without the lines of totals below the table; they are told."""
    found = tables.totals(piece.frame)
    if not found.any():
        return piece
    log.add("total_row", "", piece.frame.filter(found))
    return RowBatch(piece.frame.filter(~found), piece.share)


def cuts(file: Any, given: Shape, size: int, quoted: bool) -> Iterator[tuple[memoryview, float]]:
    """The bytes of the file in pieces that end at the end of a record; each is valid until the next is asked for.

    In the encodings read here the bytes of newline and quotation mark are never part of another character. A record of
    a CSV ends at a newline with an even number of quotation marks before it; where a mark is never closed, at the last
    newline of a buffer of several pieces. All pieces share one buffer: fresh memory for every piece costs more than
    reading it.
    """
    buffer, filled, read = bytearray(size), 0, 0
    while got := file.readinto(memoryview(buffer)[filled:]):
        filled, read = filled + got, read + got
        end = _record_end(buffer, filled, quoted)
        if not end and quoted and filled >= LARGEST_RECORD * size:
            end = _record_end(buffer, filled, quoted=False)
        if end:
            yield memoryview(buffer)[:end], min(read / max(given.size, 1), 1.0)
        filled -= end
        buffer[:filled] = buffer[end : end + filled]
        if filled == len(buffer):  # a record longer than a piece
            buffer = buffer + bytes(len(buffer))
    filled = len(bytes(buffer[:filled]).rstrip(b"\0"))  # a file that was cut off may be filled up with NUL
    if buffer[:filled].strip():
        yield memoryview(buffer)[:filled], 1.0


def _record_end(buffer: bytearray, filled: int, quoted: bool) -> int:
    """Position after the last whole record in the filled part of `buffer` (which begins at a record); 0 when there is
    none."""
    end = buffer.rfind(b"\n", 0, filled) + 1
    if not quoted or not end:
        return end
    odd = _count(buffer, QUOTE, 0, end) % 2
    while end and odd:
        earlier = buffer.rfind(b"\n", 0, end - 1) + 1
        odd = (odd + _count(buffer, QUOTE, earlier, end)) % 2
        end = earlier
    return end


def _count(buffer: bytes | bytearray, byte: int, begin: int, end: int) -> int:
    """How often `byte` occurs; where it is frequent, `count` of the buffer takes three times as long."""
    cells = np.frombuffer(buffer, np.uint8)
    return sum(int(np.count_nonzero(cells[at : min(at + BLOCK, end)] == byte)) for at in range(begin, end, BLOCK))


def _frame(
    given: Shape, wanted: list[str], raw: memoryview, row: int, recode: decoding.Recoder, log: ProblemLog
) -> tuple[pl.DataFrame, int]:
    text, damaged = recode(raw)
    try:
        if (
            damaged or recode.mixed(text) or b"\0" in text or (b"\\" in text and b'\\"' in text)
        ):  # one byte is looked for ten times as fast
            raise ValueError
        frame = _fast(given, wanted, text, row)
        if _may_have_swallowed(given, wanted, frame, text) or _spaced(given, wanted, frame, text):
            raise ValueError
        return frame, frame.height
    except (pl.exceptions.PolarsError, ValueError):
        return _slow(given, wanted, recode.marked(raw), row, log)


def _fast(given: Shape, wanted: list[str], text: bytes, row: int) -> pl.DataFrame:
    generic = {f"column_{place}": pl.String for place in range(1, len(given.headers) + 1)}
    frame = pl.read_csv(text, has_header=False, schema=generic, separator=given.delimiter, raise_if_empty=False)
    if frame.width > len(given.headers):
        raise ValueError("a row has more cells than the header")
    places = {name: place for place, name in enumerate(given.headers, 1)}
    chosen = [pl.col(f"column_{places[name]}").alias(name) for name in wanted]
    return frame.select(*chosen, file_row=pl.int_range(row, pl.len() + row, dtype=pl.Int64))


def _spaced(given: Shape, wanted: list[str], frame: pl.DataFrame, text: bytes) -> bool:
    """Whether cells in quotation marks have a space before them, which the fast reader takes for a part of the cell."""
    if f'{given.delimiter} "'.encode() not in text:
        return False
    return any(frame[name].str.contains(SPACED_CELL).any() for name in wanted)


def _may_have_swallowed(given: Shape, wanted: list[str], frame: pl.DataFrame, text: bytes) -> bool:
    """Whether lines may lie hidden in a cell, because a quotation mark was not closed or did not open a cell.

    Every line of the piece is a row, or the cells that are read account for the difference, and none of them holds as
    many delimiters as a row.
    """
    inside = _count(text, NEWLINE, 0, len(text)) + (not text.endswith(b"\n")) - frame.height
    if not inside:
        return False
    row = len(given.headers) - 1
    for name in sorted(
        wanted, key=lambda name: -frame[name].estimated_size()
    ):  # texts first: they mostly explain it all
        cells = frame[name]
        breaks = cells.str.count_matches("\n", literal=True).fill_null(0)
        if found := int(breaks.sum()):
            most = cells.filter(breaks > 0).str.count_matches(given.delimiter, literal=True).to_numpy().max()
            if most >= row:
                return True
            inside -= found
        if not inside:
            return False
    return True


def _slow(given: Shape, wanted: list[str], text: str, row: int, log: ProblemLog) -> tuple[pl.DataFrame, int]:
    kept: dict[str, list[Any]] = {name: [] for name in wanted}
    numbers: list[int] = []
    places = [given.headers.index(name) for name in wanted]
    number, width = row - 1, len(given.headers)
    for cells in records(text, given.delimiter, width):
        number += 1
        cells = _trimmed(cells, width)
        if len(cells) > width:
            log.one("too_many_cells", "", number, str(len(cells)))
        elif any(decoding.is_damaged(cell) for cell in cells):
            log.one("encoding", "", number)
        else:
            if any(decoding.OTHERWISE in cell for cell in cells):
                log.one("other_encoding", "", number)
                cells = [cell.replace(decoding.OTHERWISE, "") for cell in cells]
            if any("\0" in cell for cell in cells):
                log.one("odd_character", "", number, "NUL")
                cells = [cell.replace("\0", "�") for cell in cells]
            for name, place in zip(wanted, places, strict=True):
                kept[name].append(cells[place] if place < len(cells) else None)
            numbers.append(number)
    blank_to_none(kept)
    return shape.text_frame(kept, numbers), number - row + 1


def _trimmed(cells: list[str], width: int) -> list[str]:
    """Empty cells beyond the last column are no cells."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def blank_to_none(kept: dict[str, list[Any]]) -> None:
    """Empty cells are null, as the fast reader has them."""
    for cells in kept.values():
        cells[:] = [cell if cell != "" else None for cell in cells]


def records(text: str, delimiter: str, width: int) -> Iterator[list[str]]:
    """The records of `text`, each a list of cells; blank lines are none. Quotation marks that cannot be meant as such
    are text."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        cells, used = _record(lines, at, delimiter, width)
        at += used
        if used == 1 and len(cells) > width and "\r" in lines[at - 1].removesuffix("\r"):
            parts = [_literal(part, delimiter) for part in lines[at - 1].removesuffix("\r").split("\r")]
            if all(len(part) == width for part in parts):  # lines of another system among the others
                yield from parts
                continue
        yield cells


def _record(lines: list[str], at: int, delimiter: str, width: int) -> tuple[list[str], int]:
    """Cells of the record that begins in line `at`, and how many lines it takes. `width` 0 means that it is not known
    yet."""
    line = lines[at]
    if '"' not in line:
        return line.removesuffix("\r").split(delimiter), 1
    literal = _literal(line, delimiter)
    spaced = f'{delimiter} "' in line
    following = _ended(islice(lines, at, at + LONGEST_CELL))
    reader = csv.reader(following, delimiter=delimiter, strict=True, skipinitialspace=spaced)
    try:
        cells = next(reader)
    except (csv.Error, StopIteration):
        return _otherwise(lines[at], delimiter, width) or literal, 1
    used = reader.line_num
    if used > 1 and width and _swallowed(lines[at : at + used], delimiter, width):
        return literal, 1
    if width and len(cells) != width and len(literal) == width:
        return literal, 1
    if width and len(cells) != width and (other := _otherwise(lines[at], delimiter, width)):
        return other, 1
    return cells, used


def _otherwise(line: str, delimiter: str, width: int) -> list[str] | None:
    """The cells of a line whose quotation marks are escaped by a backslash or stand behind a space, where that gives a
    whole row."""
    ways: list[dict[str, Any]] = [{"escapechar": "\\", "doublequote": False}, {"skipinitialspace": True}]
    for way in ways:
        with contextlib.suppress(csv.Error, StopIteration):
            cells = next(csv.reader([line.removesuffix("\r")], delimiter=delimiter, strict=True, **way))
            if width and len(cells) == width:
                return cells
    return None


def _ended(lines: Iterator[str]) -> Iterator[str]:
    """Lines with their newline; a carriage return inside a line would stop the reader."""
    for line in lines:
        yield line.removesuffix("\r") + "\r\n" if "\r" in line else line + "\n"


def _swallowed(lines: list[str], delimiter: str, width: int) -> bool:
    """Whether every one of these lines is a whole row by itself."""
    return all(len(_literal(line, delimiter)) == width for line in lines if line.strip())


def _literal(line: str, delimiter: str) -> list[str]:
    """Cells of one line with quotation marks as text, except those around a whole cell."""
    return [_unquoted(cell) for cell in line.removesuffix("\r").split(delimiter)]


def _unquoted(cell: str) -> str:
    inner = cell.strip()
    if len(inner) >= 2 and inner[0] == inner[-1] == '"':
        return inner[1:-1].replace('""', '"')
    return cell


def skip_lines(data: io.BufferedIOBase, lines: int) -> None:
    """Move past the title rows and the header."""
    for _ in range(lines):
        data.readline()
