"""JSON: one record a line, or one document in any wrapping; messages as records or in a list inside them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.files import csv_files, decoding, json_paths, markup, shape
from qa.ingest.files.json_paths import Record
from qa.ingest.files.shape import Blob, ReadOptions, RowBatch, Shape
from qa.ingest.problems import ProblemLog

SAMPLE_LINES = 200
BETWEEN = re.compile(r"[\s,]*")
ODD = (b"\\ud", b"\\uD", b"\\u0000", b'{"$')
"""What may be half a character or none, which the fast reader would store as NUL; values that are wrapped."""


ROUNDED = re.compile(rb"[:,\[]\s*-?(?:\d+(?:\.\d+)?[eE]|\d{16,}\.\d)")
"""Numbers that a program kept as floating point: the fast reader would write them out as if all digits were known."""


def look(blob: Blob, encoding: str, text: str, options: ReadOptions) -> Shape:
    """The shape of a JSON file. Raises `Invalid` with the cure."""
    lines = text.split("\n")
    records, document = _line_records(lines[:SAMPLE_LINES]), None
    if not records or text.lstrip()[:1] == "[" or (len(records) == 1 and not any(line.strip() for line in lines[1:])):
        document = _document(blob, encoding)
        records = _records(document, options.list)[0]
    if not records:
        raise Invalid(
            N_("{file} looks like JSON, but no line of it is a JSON object. Write one conversation or message a line."),
            file=blob.name,
        )
    if any(len(record) > shape.MAX_COLUMNS for record in records[:SAMPLE_LINES]):
        raise shape.too_wide(blob.name)
    choices = _choices(
        document if isinstance(document, dict) else {"": records} if document is not None else {}, records
    )
    nested = _nested(
        records[:SAMPLE_LINES], options.list if document is None else _records(document, options.list)[1], blob
    )
    sample = records[:SAMPLE_LINES]
    headers = dict.fromkeys(
        name
        for record in sample
        for row in (json_paths.rows(record, nested, options.opening) if nested else [dict(json_paths.flat(record))])
        for name in row
    )
    if len(headers) > shape.MAX_COLUMNS:
        raise shape.too_wide(blob.name)
    if not headers:
        raise Invalid(
            N_("{file} looks like JSON, but no line of it is a JSON object. Write one conversation or message a line."),
            file=blob.name,
        )
    read = replace(options, list=options.list)
    return Shape(
        blob,
        "json" if document is not None else "jsonl",
        encoding,
        "",
        tuple(headers),
        nested,
        blob.size,
        0,
        read,
        choices,
    )


def _line_records(lines: Iterable[str]) -> list[Record]:
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line)
            if isinstance(record, dict) and isinstance(clean := json_paths.plain(record), dict):
                found.append(clean)
    return found


def _document(blob: Blob, encoding: str) -> Any:
    """The file as one JSON (or XML) document; None when it is none."""
    try:
        raw = decoding.unpadded(blob.read(), encoding)
        text = raw.decode(decoding.CODECS.get(encoding, encoding), errors="surrogateescape").lstrip("\ufeff")
        return markup.xml_record(text, blob.name) if text.lstrip().startswith("<") else json_paths.plain(_parsed(text))
    except RecursionError as problem:
        raise Invalid(
            N_("The records of {file} are nested too deeply to be read. Export it in a flatter form."), file=blob.name
        ) from problem
    except (ValueError, UnicodeDecodeError):
        return None


def _parsed(text: str) -> Any:
    """One JSON document, or several one after the other as a list."""
    try:
        return json.loads(text)
    except ValueError:
        found, at, decoder = [], 0, json.JSONDecoder()
        while at < len(text):
            record, end = decoder.raw_decode(text, at)
            found.append(record)
            between = BETWEEN.match(text, end)
            at = between.end() if between else end
        return [item for record in found for item in (record if isinstance(record, list) else [record])]


def _records(document: Any, wanted: str) -> tuple[list[Record], str]:
    """The records of a document, whatever is wrapped around them, and the path of the list of messages inside each.

    A record is what holds the list of messages; where messages say themselves which conversation they belong to, each
    of them is a record, and what is said once around them goes with every one.
    """
    if isinstance(document, list):
        return [record for record in document if isinstance(record, dict)], wanted
    if not isinstance(document, dict):
        return [], ""
    lists = json_paths.lists_of(document)
    path = wanted if wanted in lists else _best(lists)
    if not path:
        return [document], ""
    outer = path.rpartition("[].")[0]
    items = lists[path]
    if not outer and (json_paths.has_id(items) or not json_paths.message_score(items)):
        around = {
            key: value for key, value in document.items() if isinstance(value, dict) and key != path.split(".")[0]
        }
        return [{**around, **item} for item in json_paths.follow(document, path) if isinstance(item, dict)], ""
    if not outer or json_paths.is_conversation(document):
        return [document], path
    top, _, rest = path.partition("[].")
    return [item for item in json_paths.follow(document, top) if isinstance(item, dict)], rest


def _best(lists: dict[str, list[Record]]) -> str:
    """The list that looks most like messages; of lists that do not, the outermost one with most fields."""
    scored = {path: json_paths.message_score(items) + 0.001 * min(len(items), 99) for path, items in lists.items()}
    scored = {path: score for path, score in scored.items() if score >= 3}
    if scored:
        return max(scored, key=lambda path: scored[path])
    top = [path for path in lists if "[]" not in path]
    return max(top, key=lambda path: len({key for item in lists[path] for key in item}) + len(lists[path]), default="")


def _nested(records: list[Record], wanted: str, blob: Blob) -> str:
    """The path of the list of messages inside the records; empty when the records are the messages."""
    lists: dict[str, list[Record]] = {}
    for record in records:
        for path, items in json_paths.lists_of(record).items():
            lists.setdefault(path, []).extend(items)
    if wanted:
        if wanted not in lists:
            raise Invalid(
                N_("The records of {file} have no list “{path}”. Lists: {lists}."),
                file=blob.name,
                path=wanted,
                lists=", ".join(lists) or "–",
            )
        return wanted
    scored = {path: json_paths.message_score(items) for path, items in lists.items()}
    best = max(scored, key=lambda path: (scored[path], len(lists[path])), default="")
    own = json_paths.message_score(records)
    return best if best and scored[best] > 0 and scored[best] >= own - 1 else ""


def _choices(document: Record, records: list[Record]) -> tuple[str, ...]:
    """The lists that could be read as messages."""
    found = dict.fromkeys(path for record in records[:20] for path in json_paths.lists_of(record))
    return tuple(found) or tuple(path for path in json_paths.lists_of(document) if path)


def pieces(file: Any, encoding: str, given: Shape, wanted: list[str], size: int, log: ProblemLog) -> Iterator[RowBatch]:
    """The rows of JSON lines, from the opened file."""
    recode, row = decoding.Recoder(encoding), 1
    for piece, share in csv_files.cuts(file, given, size, quoted=False):
        raw = bytes(piece)
        yield RowBatch(_frame(given, wanted, raw, row, recode, log), share)
        row += raw.count(b"\n") + (not raw.endswith(b"\n"))


def document_pieces(given: Shape, wanted: list[str], log: ProblemLog) -> Iterator[RowBatch]:
    """The rows of a document; row numbers count its records."""
    records, _ = _records(_document(given.blob, given.encoding), given.options.list)
    yield RowBatch(_rows(given, wanted, enumerate(records, 1), log), 1.0)


def _frame(
    given: Shape, wanted: list[str], raw: bytes, row: int, recode: decoding.Recoder, log: ProblemLog
) -> pl.DataFrame:
    try:
        text, damaged = recode(raw)
        if (
            damaged
            or recode.mixed(text)
            or not _plain(given, wanted)
            or b"\n\n" in text
            or b"\n\r\n" in text
            or any(mark in text for mark in ODD)
            or ROUNDED.search(text)
        ):
            raise ValueError  # blank lines would shift the row numbers
        return _fast(given, wanted, text, row)
    except (pl.exceptions.PolarsError, ValueError):
        return _rows(given, wanted, _lines(recode.marked(raw), row, log), log)


def _plain(given: Shape, wanted: list[str]) -> bool:
    """Whether every column is a field of the record or of the items of one list: what the fast reader can do."""
    inner = [name.removeprefix(f"{given.nested}[].") for name in wanted if given.nested]
    return (
        "." not in given.nested
        and not given.options.opening
        and not any(c in name for name in inner or wanted for c in ".→")
    )


def _fast(given: Shape, wanted: list[str], text: bytes, row: int) -> pl.DataFrame:
    prefix = f"{given.nested}[]."
    inside = [name.removeprefix(prefix) for name in wanted if given.nested and name.startswith(prefix)]
    schema: dict[str, Any] = {name: pl.String for name in wanted if "[]." not in name}
    if inside:
        schema[given.nested] = pl.List(pl.Struct(dict.fromkeys(inside, pl.String)))
    frame = (
        pl.read_ndjson(text, schema=schema)
        .with_row_index("file_row", offset=row)
        .with_columns(pl.col("file_row").cast(pl.Int64))
    )
    if not inside:
        return frame
    opened = frame.explode(given.nested, empty_as_null=True, keep_nulls=True)
    return opened.with_columns(pl.col(given.nested).struct.rename_fields([prefix + name for name in inside])).unnest(
        given.nested
    )


def _lines(text: str, row: int, log: ProblemLog) -> Iterator[tuple[int, Record]]:
    """Number and record of every line that holds one."""
    for number, line in enumerate(text.split("\n"), row):
        if not line.strip():
            continue
        if decoding.is_damaged(line):
            log.one("encoding", "", number)
            continue
        if decoding.OTHERWISE in line:
            log.one("other_encoding", "", number)
            line = line.replace(decoding.OTHERWISE, "")
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as problem:
            log.one(
                "unreadable", "", number, "nested too deeply" if isinstance(problem, RecursionError) else str(problem)
            )
            continue
        if isinstance(record, dict) and isinstance(clean := json_paths.plain(record), dict):
            yield number, clean
        else:
            log.one("unreadable", "", number, "not an object")


def _rows(given: Shape, wanted: list[str], records: Iterable[tuple[int, Record]], log: ProblemLog) -> pl.DataFrame:
    kept: dict[str, list[Any]] = {name: [] for name in wanted}
    numbers: list[int] = []
    for number, record in records:
        odd = False
        for cells in (
            json_paths.rows(record, given.nested, given.options.opening)
            if given.nested
            else [dict(json_paths.flat(record))]
        ):
            for name in wanted:
                cell = cells.get(name)
                if (cell is not None and not cell.isascii()) or (cell is not None and "\0" in cell):
                    clean = storable(cell)
                    odd, cell = odd or clean != cell, clean
                kept[name].append(cell)
            numbers.append(number)
        if odd:
            log.one("odd_character", "", number)
    return shape.text_frame(kept, numbers)


def storable(text: str) -> str:
    """Text without halves of characters and NUL, which no database can hold; each becomes U+FFFD."""
    return text.encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="replace").replace("\0", "�")
