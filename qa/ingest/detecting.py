"""What a file seems to be: its kind, its preset, and a mapping to start from. Everything can be overruled by a
person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest import fields, moments, presets, reading, values, vocabulary
from qa.ingest.files import markup, transcripts
from qa.ingest.files.shape import ReadOptions, Shape
from qa.ingest.mapping import SEPARATOR, Mapping
from qa.ingest.problems import ProblemLog

SAMPLE_PIECE_ROWS = 2_000
SAMPLE_CELLS = 200
MOSTLY = 0.3
"""Share of the texts that must be HTML for all of them to be read as such."""
OUTER_IDS = frozenset(("id", "uuid", "guid"))
ZONE_COLUMNS = frozenset(("时区", "timezone", "tz", "zone"))
INVERSE = {"yes": "no", "no": "yes"}
Row = dict[str, str | None]


@dataclass(frozen=True)
class Detected:
    """What a file seems to be; every part can be overruled. `rows` are the first rows as text, by header.

    `open_dates`: an example of a date whose order of day and month the file does not settle, or empty; a transcript is
    then read in the usual order of its kind.
    """

    path: Path
    kind: str
    shape: Shape
    preset: str
    mapping: Mapping
    rows: tuple[Row, ...]
    open_dates: str = ""

    @property
    def headers(self) -> tuple[str, ...]:
        return self.shape.headers


def detect(
    path: Path, *, encoding: str = "", kind: str = "", preset: str = "", options: ReadOptions | None = None
) -> Detected:
    """Look at a file: format, encoding, shape, preset, and a mapping to start from. Raises `Invalid` with the cure.

    `options` say how the file is read where that is found out wrongly.
    """
    if kind and kind not in fields.FIELDS:
        raise Invalid(
            N_("“{value}” is not a kind of file. Known kinds: {known}."), value=kind, known=", ".join(fields.FIELDS)
        )
    asked = replace(options or ReadOptions(), encoding=encoding or (options.encoding if options else ""))
    shape = reading.look(path, options=asked)
    known = _preset(preset) if preset else presets.recognise(shape.headers, kind)
    if known is not None and kind and known.kind != kind:
        known = None
    if known is not None and known.mapping.reading != ReadOptions():
        asked = asked.over(known.mapping.reading)
        shape = reading.look(path, options=asked)
    kind = kind or (known.kind if known else "conversations" if shape.nested else fields.guess_kind(shape.headers))
    rows = _first_rows(shape)
    mapping = presets.fitting(known, shape.headers) if known else suggested(kind, shape.headers, rows)
    if kind == "ratings" and "rating_id" not in mapping.columns:
        own = {name: h for name, h in fields.suggest(kind, shape.headers).items() if name == "rating_id"}
        free = {name: h for name, h in own.items() if h not in mapping.columns.values()}
        mapping = replace(mapping, columns={**mapping.columns, **free})
    return completed(Detected(path, kind, shape, known.id if known else "", replace(mapping, reading=asked), rows))


def _preset(name: str) -> presets.Preset:
    if name not in presets.BY_ID:
        raise Invalid(N_("There is no preset “{value}”. Presets: {known}."), value=name, known=", ".join(presets.BY_ID))
    return presets.BY_ID[name]


def _first_rows(shape: Shape) -> tuple[Row, ...]:
    with_head = next(iter(reading.pieces(shape, shape.headers, ProblemLog({}), first_only=True)), None)
    if with_head is None:
        return ()
    return tuple(with_head.frame.drop("file_row").head(SAMPLE_PIECE_ROWS).iter_rows(named=True))


def suggested(kind: str, headers: tuple[str, ...], rows: Sequence[Row]) -> Mapping:
    """A mapping by the usual names of columns."""
    columns = fields.suggest(kind, headers)
    found: dict[str, dict[str, str]] = {}
    if kind == "conversations":
        columns = _whole_chats(_with_outer_id(columns, headers), rows)
        if "private" not in columns and (public := next((h for h in headers if fields.is_public(h)), "")):
            columns["private"] = public
            found["private"] = {cell: INVERSE[meaning] for cell, meaning in vocabulary.YES.items()}
        if words := _users(columns.get("role", ""), rows):
            found["role"] = words
    return Mapping(columns=columns, values=found)


def _with_outer_id(columns: dict[str, str], headers: tuple[str, ...]) -> dict[str, str]:
    """Of a record that holds a list of messages, a plain “id” outside the list names the conversation."""
    outer = next((h for h in headers if fields.fold(h) in OUTER_IDS and h not in columns.values()), "")
    nested = any("[]." in h for h in headers)
    return {**columns, "conversation_id": outer} if outer and nested and "conversation_id" not in columns else columns


def _users(header: str, rows: Sequence[Row]) -> dict[str, str]:
    """“User” is the agent where another word stands for the customer and none for the agent."""
    words = {fields.simplified(cell) for row in rows if (cell := row.get(header))}
    meanings = {vocabulary.ROLES.get(word) for word in words - {"user"}}
    return {"user": "agent"} if "user" in words and "customer" in meanings and "agent" not in meanings else {}


def _zone(mapping: Mapping, found: Detected) -> str:
    """The time zone that the headers of times, or a column of zones, name with one voice."""
    said = {zone for _, header in _time_columns(mapping, found.kind) if (zone := moments.zone_said(header))}
    for header in found.headers:
        if fields.fold(header) in ZONE_COLUMNS:
            cells = {cell.strip() for row in found.rows if (cell := row.get(header))}
            said |= {moments.zone_said(cell) for cell in cells}
    return said.pop() if len(said) == 1 else ""


def _whole_chats(columns: dict[str, str], rows: Sequence[Row]) -> dict[str, str]:
    """A column is taken for whole chats only when its cells are; then nothing else is the text."""
    for name in ("transcript", "text"):
        cells = [cell for row in rows[:SAMPLE_CELLS] if (cell := row.get(columns.get(name, "")))]
        loose, few = name == "transcript", name == "text"
        whole = sum(len(transcripts.of_cell(cell, None, untimed=loose)) > few for cell in cells[:20])
        spoken = {"role", "sender_id"} & set(columns)
        if cells and whole > len(cells[:20]) / 2 and not (name == "text" and spoken):
            return {**{k: v for k, v in columns.items() if k not in ("text", "role")}, "transcript": columns[name]}
    rest = {k: v for k, v in columns.items() if k != "transcript"}
    return rest if "text" in rest or "transcript" not in columns else {**rest, "text": columns["transcript"]}


def completed(found: Detected) -> Detected:
    """What a mapping leaves open, from the file: order of dates, time formats, HTML, columns that are never filled."""
    mapping = _without_empty(found.mapping, found)
    if not mapping.date_order:
        order, example = _date_order(found, mapping)
        mapping, found = replace(mapping, date_order=order), replace(found, open_dates=example)
        if order and example:
            mapping = replace(mapping, assumed=("date_order",))
    mapping = with_formats(mapping, found.kind, found.rows)
    if not mapping.time_zone:
        mapping = replace(mapping, time_zone=_zone(mapping, found))
    if not mapping.html and found.kind == "conversations":
        mapping = replace(mapping, html=_is_html(mapping.columns.get("text", ""), found.rows))
    return replace(found, mapping=mapping)


def _without_empty(mapping: Mapping, found: Detected) -> Mapping:
    """A transcript names its customer or it does not."""
    if found.shape.headers != transcripts.HEADERS or any(row.get("contact") for row in found.rows):
        return mapping
    return replace(mapping, columns={name: header for name, header in mapping.columns.items() if header != "contact"})


def with_formats(mapping: Mapping, kind: str, rows: Sequence[Row]) -> Mapping:
    """The mapping with the time formats that the first rows show, where it names none."""
    formats = dict(mapping.formats)
    for name, header in _time_columns(mapping, kind):
        if name not in formats and (
            seen := values.detect_formats((_cell(r, header) for r in rows), mapping.date_order)
        ):
            formats[name] = seen
    return replace(mapping, formats=formats)


def _time_columns(mapping: Mapping, kind: str) -> list[tuple[str, str]]:
    return [
        (each.name, mapping.columns[each.name])
        for each in fields.FIELDS[kind]
        if each.type in ("time", "date") and mapping.columns.get(each.name)
    ]


def _cell(row: Row, header: str) -> str | None:
    return row.get(header) if header in row else next((row.get(h) for h in header.split(SEPARATOR) if row.get(h)), None)


def _date_order(found: Detected, mapping: Mapping) -> tuple[str, str]:
    """The order of day, month and year that all dates of the file agree on; without one, an example of what is open.

    The whole file is asked: a date further down may deny what the first rows say.
    """
    headers = [header for _, header in _time_columns(mapping, found.kind)]
    headers += [mapping.columns[name] for name in ("sent_date", "transcript") if name in mapping.columns]
    cells = [cell for header in headers for row in found.rows if (cell := _cell(row, header))]
    short = moments.short_dates(pl.Series(cells, dtype=pl.String)).to_list()
    if not short:
        return "", ""
    fits = _orders_of_file(found.shape, headers)
    if len(fits) == 1:
        return fits[0], ""
    order = ""
    if found.shape.format in ("transcript", "zip") and found.shape.headers == transcripts.HEADERS and fits:
        order = (
            "mdy"
            if "mdy" in fits and any(re.search(r"\d\s?[ap]\.?m", cell, re.IGNORECASE) for cell in short)
            else "dmy"
        )
    return order, next((cell for cell in short if moments.read(cell, "")[1]), short[0])


def _orders_of_file(shape: Shape, headers: Sequence[str]) -> tuple[str, ...]:
    """The orders in which every date of these columns can be read."""
    fits: tuple[str, ...] = moments.ORDERS
    for piece in reading.pieces(shape, headers, ProblemLog({})):
        for name in piece.frame.columns:
            if name != "file_row":
                here = moments.orders(piece.frame[name].drop_nulls())
                fits = tuple(order for order in fits if order in here)
        if not fits:
            break
    return fits


def _is_html(header: str, rows: Sequence[Row]) -> bool:
    cells = [cell for row in rows[:SAMPLE_CELLS] if (cell := _cell(row, header))]
    return bool(cells) and sum(markup.is_formatted(cell) for cell in cells) > MOSTLY * len(cells)
