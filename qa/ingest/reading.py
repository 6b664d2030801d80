"""Files to frames of text: CSV, XLSX, JSON lines; one message a row or messages nested in a conversation.

A file is read in pieces that end at a record, so memory does not grow with it. The fast reader takes a whole piece;
only when it refuses one, the piece is read again record by record to say which row is wrong. Cells stay text here.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest import decoding
from qa.ingest.problems import ProblemLog

PIECE = 6 << 20
PIECE_ROWS = 100_000
FIRST_PIECE, FIRST_ROWS = 256 << 10, 500
SAMPLE_LINES = 200
QUOTE, BLOCK = ord('"'), 64 << 10
Tap = Callable[[bytes | memoryview], object]
csv.field_size_limit(1 << 30)


@dataclass(frozen=True)
class Shape:
    """What a file is: `nested` names the list of messages inside each record (JSON only)."""

    path: Path
    format: str
    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    nested: str
    size: int


@dataclass(frozen=True)
class RowBatch:
    """Some rows, every column text, `file_row` counting records from 1; `share` of the file read so far."""

    frame: pl.DataFrame
    share: float


def look(path: Path, encoding: str = "") -> Shape:
    """Find out what the file is. Raises `Invalid` with the cure when it is nothing that can be read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(decoding.SAMPLE)
    except OSError as problem:
        raise Invalid(
            N_("The file {file} cannot be opened: {reason}"), file=path.name, reason=problem.strerror or str(problem)
        ) from problem
    if not size:
        raise Invalid(N_("The file {file} is empty (0 bytes). Export it again."), file=path.name)
    if head[:4] == b"PK\x03\x04" or path.suffix.lower() == ".xlsx":
        return Shape(path, "xlsx", "", "", tuple(_sheet(path, 1).columns), "", size)
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Invalid(
            N_("The file {file} is an old or protected Excel file. Save it as .xlsx without a password, or as CSV."),
            file=path.name,
        )
    encoding = encoding or decoding.detect(path)
    text = head.decode(encoding, errors="replace").lstrip("\ufeff")
    if "\0" in text:
        raise Invalid(N_("The file {file} is neither text nor XLSX. Export CSV, XLSX or JSON lines."), file=path.name)
    start = text.lstrip()[:1]
    if start == "{" or (start == "[" and path.suffix.lower() in (".json", ".jsonl", ".ndjson")):
        return _look_json(path, encoding, text, size)
    return _look_csv(path, encoding, text, size)


def _look_csv(path: Path, encoding: str, text: str, size: int) -> Shape:
    line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",\t;|", key=line.count)
    headers = _header(next(csv.reader(io.StringIO(text), delimiter=delimiter), []))
    if len(headers) < 2:
        raise Invalid(
            N_(
                "The first line of {file} is not a header with several columns: “{line}”. The first row must name the"
                " columns."
            ),
            file=path.name,
            line=line[:60],
        )
    return Shape(path, "csv", encoding, delimiter, headers, "", size)


def _header(cells: Iterable[str]) -> tuple[str, ...]:
    """Usable, different names: empty ones by place, repeated ones numbered."""
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {place}"
        names.append(name if name not in names else f"{name} ({place})")
    return tuple(names)


def _look_json(path: Path, encoding: str, text: str, size: int) -> Shape:
    lines = text.split("\n")
    records, whole = _json_records(lines[:SAMPLE_LINES]), False
    if not records or (len(records) == 1 and not any(line.strip() for line in lines[1:])):
        records, whole = _whole_document(path, encoding), True
    if not records:
        raise Invalid(
            N_("{file} looks like JSON, but no line of it is a JSON object. Write one conversation or message a line."),
            file=path.name,
        )
    sample = records[:SAMPLE_LINES]
    headers = list(dict.fromkeys(key for record in sample for key in record))
    nested = next((h for h in headers if any(_is_list_of_objects(record.get(h)) for record in sample)), "")
    if nested:
        headers.remove(nested)
        inner = dict.fromkeys(
            key for record in sample for item in record.get(nested) or () if isinstance(item, dict) for key in item
        )
        headers += [f"{nested}[].{key}" for key in inner]
    return Shape(path, "json" if whole else "jsonl", encoding, "", tuple(headers), nested, size)


def _json_records(lines: Iterable[str]) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict):
                found.append(record)
    return found


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _whole_document(path: Path, encoding: str) -> list[dict[str, Any]]:
    """Records of a file that is one JSON document: a list, an object around one list, or one record."""
    try:
        document = json.loads(path.read_bytes().decode(encoding).lstrip("\ufeff"))
    except (ValueError, UnicodeDecodeError):
        return []
    if isinstance(document, dict):
        lists = [value for value in document.values() if _is_list_of_objects(value)]
        inner = lists[0] if len(lists) == 1 else None
        # an object whose list is the messages of one conversation is itself the record
        document = inner if inner is not None and len(document) <= 3 and not _is_message(inner[0]) else [document]
    return [record for record in document if isinstance(record, dict)]


def _is_message(record: dict[str, Any]) -> bool:
    """A conversation holds a list, a message does not."""
    return not any(isinstance(value, list) for value in record.values())


def pieces(
    shape: Shape, columns: Iterable[str], log: ProblemLog, *, first_only: bool = False, tap: Tap | None = None
) -> Iterator[RowBatch]:
    """The rows of the file with the columns in `columns`; unreadable rows go to `log`.

    `first_only` makes the first piece small. `tap` is given all bytes of the file on the way.
    """
    if tap is not None and shape.format in ("xlsx", "json"):
        tap(shape.path.read_bytes())
    wanted = list(dict.fromkeys(columns))
    if shape.format == "xlsx":
        yield from _xlsx_pieces(shape, wanted, FIRST_ROWS if first_only else None)
        return
    if shape.format == "json":
        records = _whole_document(shape.path, shape.encoding)
        raw = "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()
        yield RowBatch(_json_frame(shape, wanted, raw, 1, decoding.Recoder(decoding.UTF8), log), 1.0)
        return
    with _opened(shape, tap) as (file, encoding):
        recode = decoding.Recoder(encoding)
        row = 0 if shape.format == "csv" else 1  # the header of a CSV is its row 0
        for piece, share in _cuts(file, shape, FIRST_PIECE if first_only else PIECE):
            if shape.format == "csv":
                frame, rows = _csv_frame(shape, wanted, piece, row, recode, log)
            else:
                lines = bytes(piece)
                frame, rows = (
                    _json_frame(shape, wanted, lines, row, recode, log),
                    lines.count(b"\n") + (not lines.endswith(b"\n")),
                )
            row += rows
            yield RowBatch(frame, share)


@contextlib.contextmanager
def _opened(shape: Shape, tap: Tap | None) -> Iterator[tuple[Any, str]]:
    """The file as bytes and their encoding; UTF-16 is read as UTF-8, because its bytes cannot be cut at newlines."""
    with shape.path.open("rb") as file:
        if shape.encoding != decoding.UTF16:
            mark = file.read(3)
            if mark != codecs.BOM_UTF8:
                file.seek(0)
            elif tap:
                tap(mark)
            yield _Tapped(file, tap), shape.encoding
            return
        whole = _Tapped(file, tap).read(shape.size)
        yield io.BytesIO(whole.decode(decoding.UTF16, errors="replace").encode()), decoding.UTF8


class _Tapped:
    """A file that shows what is read to `tap`."""

    def __init__(self, file: Any, tap: Tap | None) -> None:
        self._file, self._tap = file, tap

    def read(self, size: int) -> bytes:
        block: bytes = self._file.read(size)
        if self._tap:
            self._tap(block)
        return block

    def readinto(self, room: memoryview) -> int:
        got: int = self._file.readinto(room)
        if self._tap:
            self._tap(room[:got])
        return got


def _cuts(file: Any, shape: Shape, size: int) -> Iterator[tuple[memoryview, float]]:
    """The bytes of the file in pieces that end at the end of a record; each is valid until the next is asked for.

    In UTF-8 and GB18030 the bytes of newline and quotation mark are never part of another character. A record of a CSV
    ends at a newline with an even number of quotation marks before it. All pieces share one buffer: memory that is
    fresh for every piece costs more than reading it.
    """
    quoted = shape.format == "csv"
    buffer, filled, read = bytearray(size), 0, 0
    while got := file.readinto(memoryview(buffer)[filled:]):
        filled, read = filled + got, read + got
        end = _record_end(buffer, filled, quoted)
        if end:
            yield memoryview(buffer)[:end], min(read / shape.size, 1.0)
        filled -= end
        buffer[:filled] = buffer[end : end + filled]
        if filled == len(buffer):  # a record longer than a piece
            buffer = buffer + bytes(len(buffer))
    if buffer[:filled].strip():
        yield memoryview(buffer)[:filled], 1.0


def _record_end(buffer: bytearray, filled: int, quoted: bool) -> int:
    """Position after the last whole record in the filled part of `buffer` (which begins at a record); 0 when there is
    none."""
    end = buffer.rfind(b"\n", 0, filled) + 1
    if not quoted or not end:
        return end
    odd = _quotes(buffer, 0, end) % 2
    while end and odd:
        earlier = buffer.rfind(b"\n", 0, end - 1) + 1
        odd = (odd + _quotes(buffer, earlier, end)) % 2
        end = earlier
    return end


def _quotes(buffer: bytearray, begin: int, end: int) -> int:
    """Number of quotation marks; where they are frequent, `bytearray.count` takes three times as long."""
    cells = np.frombuffer(buffer, np.uint8)
    return sum(int(np.count_nonzero(cells[at : min(at + BLOCK, end)] == QUOTE)) for at in range(begin, end, BLOCK))


def _csv_frame(
    shape: Shape, wanted: list[str], raw: memoryview, row: int, recode: decoding.Recoder, log: ProblemLog
) -> tuple[pl.DataFrame, int]:
    text, damaged = recode(raw)
    try:
        if damaged:
            raise ValueError
        frame = _fast_csv(shape, wanted, text, row)
        count = frame.height
    except (pl.exceptions.PolarsError, ValueError):
        text, _ = recode.repair(raw)
        frame, count = _slow_csv(shape, wanted, text.decode(), row, log)
    return frame.slice(0 if row else 1), count


def _fast_csv(shape: Shape, wanted: list[str], text: bytes, row: int) -> pl.DataFrame:
    generic = {f"column_{place}": pl.String for place in range(1, len(shape.headers) + 1)}
    frame = pl.read_csv(text, has_header=False, schema=generic, separator=shape.delimiter, raise_if_empty=False)
    if frame.width > len(shape.headers):
        raise ValueError("a row has more cells than the header")
    chosen = [pl.col(f"column_{shape.headers.index(name) + 1}").alias(name) for name in wanted]
    return frame.select(*chosen, file_row=pl.int_range(row, pl.len() + row, dtype=pl.Int64))


def _slow_csv(shape: Shape, wanted: list[str], text: str, row: int, log: ProblemLog) -> tuple[pl.DataFrame, int]:
    kept: dict[str, list[Any]] = {name: [] for name in (*wanted, "file_row")}
    places = [shape.headers.index(name) for name in wanted]
    number = row - 1
    for cells in csv.reader(io.StringIO(text, newline=""), delimiter=shape.delimiter):
        if not cells:
            continue
        number += 1
        if len(cells) > len(shape.headers) and number:
            log.one("too_many_cells", "", number, str(len(cells)))
            continue
        if any("�" in cell for cell in cells):
            log.one("encoding", "", number)
            continue
        for name, place in zip(wanted, places, strict=True):
            kept[name].append(cells[place] if place < len(cells) else None)
        kept["file_row"].append(number)
    return pl.DataFrame(kept, schema={**dict.fromkeys(wanted, pl.String), "file_row": pl.Int64}), number - row + 1


def _json_frame(
    shape: Shape, wanted: list[str], raw: bytes, row: int, recode: decoding.Recoder, log: ProblemLog
) -> pl.DataFrame:
    inside = [
        name.removeprefix(f"{shape.nested}[].")
        for name in wanted
        if shape.nested and name.startswith(f"{shape.nested}[].")
    ]
    schema: dict[str, Any] = {name: pl.String for name in wanted if "[]." not in name}
    if inside:
        schema[shape.nested] = pl.List(pl.Struct(dict.fromkeys(inside, pl.String)))
    text, damaged = recode(raw)
    try:
        if damaged or b"\n\n" in text or b"\n\r\n" in text:
            raise ValueError  # blank lines would shift the row numbers
        frame = pl.read_ndjson(text, schema=schema).with_row_index("file_row", offset=row)
    except (pl.exceptions.PolarsError, ValueError):
        frame = _slow_json(schema, recode.repair(raw)[0], row, log)
    frame = frame.with_columns(pl.col("file_row").cast(pl.Int64))
    if not inside:
        return frame
    opened = frame.explode(shape.nested, empty_as_null=True, keep_nulls=True)
    return opened.with_columns(
        pl.col(shape.nested).struct.rename_fields([f"{shape.nested}[].{name}" for name in inside])
    ).unnest(shape.nested)


def _slow_json(schema: dict[str, Any], text: bytes, row: int, log: ProblemLog) -> pl.DataFrame:
    numbers, lines = [], []
    for number, line in enumerate(text.decode(errors="replace").split("\n"), row):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
            if "�" in line:
                log.one("encoding", "", number)
                continue
            lines.append(json.dumps({key: record.get(key) for key in schema}, ensure_ascii=False))
            numbers.append(number)
        except ValueError as problem:
            log.one("unreadable", "", number, str(problem))
    if not lines:
        return pl.DataFrame(schema={"file_row": pl.Int64, **schema})
    frames = []
    for number, line in zip(numbers, lines, strict=True):
        try:
            frames.append(
                pl.read_ndjson(line.encode(), schema=schema).with_columns(file_row=pl.lit(number, dtype=pl.Int64))
            )
        except pl.exceptions.PolarsError as problem:
            log.one("unreadable", "", number, str(problem).split("\n")[0])
    return pl.concat(frames) if frames else pl.DataFrame(schema={"file_row": pl.Int64, **schema})


def _xlsx_pieces(shape: Shape, wanted: list[str], rows: int | None) -> Iterator[RowBatch]:
    frame = (
        _sheet(shape.path, rows)
        .select(wanted)
        .with_row_index("file_row", offset=1)
        .with_columns(pl.col("file_row").cast(pl.Int64))
    )
    for at in range(0, max(frame.height, 1), PIECE_ROWS):
        yield RowBatch(frame.slice(at, PIECE_ROWS), min(1.0, (at + PIECE_ROWS) / max(frame.height, 1)))


def _sheet(path: Path, rows: int | None) -> pl.DataFrame:
    """The first sheet that has rows, every cell as text, the first row as header."""
    import fastexcel

    try:
        with zipfile.ZipFile(path) as archive:
            archive.namelist()
        book = fastexcel.read_excel(path)
        sheet = book.load_sheet(0, dtypes="string", header_row=0, n_rows=rows)
        frame: pl.DataFrame = sheet.to_polars()
    except (zipfile.BadZipFile, fastexcel.FastExcelError, OSError) as problem:
        raise Invalid(
            N_("The file {file} is damaged or cut off and cannot be read as XLSX. Export or upload it again."),
            file=path.name,
        ) from problem
    if not frame.width:
        raise Invalid(N_("The first sheet of {file} is empty. The first row must name the columns."), file=path.name)
    frame.columns = list(_header(frame.columns))
    return frame
