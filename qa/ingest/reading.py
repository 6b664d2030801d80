"""Files to frames of text: what a file is, and its rows. One module a container in `qa.ingest.files`; this is their
door.

Cells stay text here. `Shape`, `RowBatch` and `ReadOptions` are what the rest of the import knows of a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest import fields
from qa.ingest.files import archives, csv_files, decoding, excel, json_files, markup, shape, tables, transcripts
from qa.ingest.files.shape import Blob, ReadOptions, RowBatch, Shape, Tap
from qa.ingest.mapping import SEPARATOR
from qa.ingest.problems import ProblemLog

__all__ = ["ReadOptions", "RowBatch", "Shape", "Tap", "look", "pieces"]

PIECE = 6 << 20
FIRST_PIECE = 256 << 10
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FEWEST_NAMES = 3
JSON = re.compile(r"\s*(?:\{|\[\s*\{\s*\")")
SUFFIXES_OF_JSON = (".json", ".jsonl", ".ndjson")
NO_TABLES = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"SQLite f")
"""How files begin that hold no text."""
PAGES = (".txt", ".html", ".htm", ".mht", ".mhtml", ".log", ".md", "")


def look(path: Path, encoding: str = "", options: ReadOptions | None = None) -> Shape:
    """Find out what the file is. Raises `Invalid` with the cure when it is nothing that can be read."""
    asked = options or ReadOptions()
    asked = replace(asked, encoding=encoding or asked.encoding)
    blob = Blob(path)
    try:
        with blob.open() as file:
            head = file.read(8)
    except OSError as problem:
        raise Invalid(
            N_("The file {file} cannot be opened: {reason}"), file=path.name, reason=problem.strerror or str(problem)
        ) from problem
    if head[:4] == ZIP and archives.is_archive(path):
        return archives.look(path, asked, _look, known)
    return _look(blob, asked)


def _look(blob: Blob, options: ReadOptions) -> Shape:
    """One file, also inside an archive."""
    if not blob.size:
        raise Invalid(N_("The file {file} is empty (0 bytes). Export it again."), file=blob.name)
    with blob.open() as file:
        head = file.read(8)
    if head[:4] == ZIP or head == OLE or blob.suffix in (".xlsx", ".xlsm", ".xlsb", ".ods"):
        return excel.look(blob, options, known)
    if head.startswith(NO_TABLES):
        raise Invalid(N_("The file {file} is neither text nor XLSX. Export CSV, XLSX or JSON lines."), file=blob.name)
    encoding = options.encoding or decoding.detect(blob)
    if encoding not in decoding.ENCODINGS:
        raise Invalid(
            N_("“{value}” is not an encoding that can be read. Encodings: {known}."),
            value=encoding,
            known=", ".join(decoding.ENCODINGS),
        )
    text = decoding.sample_text(blob, encoding)
    if decoding.is_binary(text):
        raise Invalid(N_("The file {file} is neither text nor XLSX. Export CSV, XLSX or JSON lines."), file=blob.name)
    return _look_text(blob, encoding, text, options)


def _look_text(blob: Blob, encoding: str, text: str, options: ReadOptions) -> Shape:
    if markup.is_spreadsheet(text):
        return excel.look(blob, replace(options, encoding=encoding), known)
    if JSON.match(text) or (text.lstrip()[:1] == "[" and blob.suffix in SUFFIXES_OF_JSON) or _is_xml(text):
        return json_files.look(blob, encoding, text, options)
    if blob.suffix in (".mht", ".mhtml") or transcripts.is_html(text):
        page = transcripts.content(blob, encoding)
        if _has_table(text):
            return excel.look(blob, replace(options, encoding=encoding), known)
        found = transcripts.look(blob, encoding, page, options)
        return found or excel.look(blob, replace(options, encoding=encoding), known)
    written = blob.suffix in PAGES and not options.delimiter and not options.header_row
    if written and (said := transcripts.look(blob, encoding, text.replace("\r\n", "\n"), options)) is not None:
        return said
    return csv_files.look(blob, encoding, text, options, known)


def _has_table(text: str) -> bool:
    """Whether a web page holds a table whose columns have usual names, as exports that are called .xls do."""
    if "<t" not in text.lower():
        return False
    heads = (row for rows in markup.tables_of(text) for row in rows[:10])
    return any(sum(map(known, row)) >= FEWEST_NAMES for row in heads)


def _is_xml(text: str) -> bool:
    return text.lstrip().startswith("<") and not transcripts.is_html(text) and "<html" not in text[:500].lower()


@lru_cache(maxsize=1)
def _known_names() -> frozenset[str]:
    from qa.ingest import presets  # presets know the names that only their systems use

    return (
        frozenset(name for kind in fields.FIELDS.values() for field in kind for name in field.names) | presets.names()
    )


def known(header: str) -> bool:
    """Whether a cell is a usual name of a column."""
    return fields.fold(header) in _known_names()


def pieces(
    given: Shape, columns: Iterable[str], log: ProblemLog, *, first_only: bool = False, tap: Tap | None = None
) -> Iterator[RowBatch]:
    """The rows of the file with the columns in `columns`; unreadable rows go to `log`.

    `first_only` makes the first piece small. `tap` is given all bytes of the file on the way.
    """
    for code, value in given.notes:
        log.one(code, "", None, value)
    streamed = given.format in ("csv", "jsonl")
    if tap is not None and not streamed:
        tap(given.path.read_bytes())
    rows = 0
    for piece in _pieces(
        given, _single(given, columns), log, FIRST_PIECE if first_only else PIECE, tap if streamed else None
    ):
        rows += piece.frame.height
        yield _without_headers(piece, log)
    if not rows and not log.refused_any():
        log.one("no_rows", "", None)


def _without_headers(piece: RowBatch, log: ProblemLog) -> RowBatch:
    again = tables.headers_again(piece.frame)
    if not again.any():
        return piece
    log.add("header_again", "", piece.frame.filter(again))
    return RowBatch(piece.frame.filter(~again), piece.share)


def _single(given: Shape, columns: Iterable[str]) -> list[str]:
    """The columns of the file that are needed: those of which the first filled one counts are read one by one."""
    parts = (part for column in columns for part in ([column] if column in given.headers else column.split(SEPARATOR)))
    return list(dict.fromkeys(parts))


def _pieces(given: Shape, wanted: list[str], log: ProblemLog, size: int, tap: Tap | None) -> Iterator[RowBatch]:
    if given.format == "zip":
        yield from _parts(given, wanted, log, size)
    elif given.format == "xlsx":
        yield from excel.pieces(given, wanted, log, known)
    elif given.format == "json":
        yield from json_files.document_pieces(given, wanted, log)
    elif given.format == "transcript":
        yield from transcripts.pieces(given, wanted, log)
    else:
        with decoding.opened(given.blob, given.encoding, tap) as (file, encoding):
            if given.format == "jsonl":
                yield from json_files.pieces(file, encoding, given, wanted, size, log)
            else:
                csv_files.skip_lines(file, given.header_at)
                yield from csv_files.pieces(file, encoding, given, wanted, size, log)


def _parts(given: Shape, wanted: list[str], log: ProblemLog, size: int) -> Iterator[RowBatch]:
    """The files of an archive, with rows counted on."""
    before = 0
    for n, part in enumerate(given.parts, 1):
        here, last = ProblemLog({}), before
        for piece in _pieces(part, wanted, here, size, None):
            frame = piece.frame.with_columns(pl.col("file_row") + before)
            last = max(last, before + _last_row(piece.frame))
            yield RowBatch(frame, (n - 1 + piece.share) / len(given.parts))
        log.take(here, before)
        before = last


def _last_row(frame: pl.DataFrame) -> int:
    return int(frame["file_row"].to_numpy().max()) if frame.height else 0


def clean_header(cell: str) -> str:
    """A header as the readers name it."""
    return shape.clean_header(cell)
