"""Chats written as plain text: one head a message with name and time, and the text after it or below it.

Read are Wangwang (name (time): / text), WhatsApp (time - name: text), name and time on a line of their own in either
order, and Salesforce's “( 12s ) name: text”. A grammar is chosen for the whole text by how many heads it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from qa.ingest.files import decoding, markup, shape
from qa.ingest.files.shape import Blob, ReadOptions, RowBatch, Shape

HEADERS = ("chat", "contact", "name", "time", "text")
DATE = r"(?:\d{4}\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
CLOCK = r"(?:(?:上午|下午|早上|晚上|凌晨|中午)\s?)?\d{1,2}[:：.]\d{2}(?:[:：.]\d{2})?(?:\.\d{1,6})?(?:[\s\u202f\u00a0]?[AaPp]\.?\s?[Mm]\.?)?"
WHEN = rf"{DATE}[,，]?\s?(?:星期.|周.)?\s*{CLOCK}"
NAME = r"(?![-–—:：\[(（])(?:(?![:：]\s)[^\t\n]){1,60}?"
SPOKEN = r"(?P<name>[^:：\t\n]{1,60}(?:[:：][^:：\s\t]{1,30}(?=[:：](?:\s|$)))?)[:：]\s*(?P<text>.*)"
MARKS = r"[\u200e\u200f\u202a-\u202e\ufeff]*"
GRAMMARS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(MARKS + pattern)
    for pattern in (
        rf"(?P<name>{NAME})\s*[（(]\s*(?P<time>{WHEN})\s*[)）]\s*[:：]?\s*(?P<text>.*)$",  # Wangwang
        rf"\[(?P<time>{WHEN})\]\s*{MARKS}{SPOKEN}$",  # WhatsApp on iOS
        rf"(?P<time>{WHEN})\s+[-–—]\s+{SPOKEN}$",  # WhatsApp on Android
        rf"(?P<time>{WHEN})\s+{SPOKEN}$",
        rf"(?P<time>{WHEN})\s+(?P<name>{NAME})(?P<text>)\s*$",  # time name / text
        rf"(?P<name>{NAME})\s+(?P<time>{WHEN})\s*[:：]?(?P<text>)\s*$",  # name time / text
        rf"[\[(（]?\s*(?P<time>{CLOCK})\s*[\])）]?\s*[-–—]?\s*{SPOKEN}$",  # clock name: text, below a date
        rf"\(\s*(?P<time>(?:\d+\s?[dhms]\s*){{1,4}})\)\s*{SPOKEN}$",  # Salesforce
    )
)
SYSTEM = {
    2: re.compile(MARKS + rf"(?P<time>{WHEN})\s+[-–—]\s+(?P<name>)(?P<text>.*)$"),
    1: re.compile(MARKS + rf"\[(?P<time>{WHEN})\]\s*(?P<name>)(?P<text>.*)$"),
}
CLOCKS_ONLY, OFFSETS = 6, 7
DAY_LINE = re.compile(rf"^[\W_]*(?P<day>{DATE})[\W_]*(?:星期.|周.)?[\W_]*$")
CONTACT_IN_NAME = (
    re.compile(r"^WhatsApp Chat (?:with|-) (?P<who>.+)$", re.IGNORECASE),
    re.compile(r"^与(?P<who>.+?)的(?:WhatsApp)?(?:聊天|对话)"),
    re.compile(r"^和(?P<who>.+?)的(?:聊天|对话)"),
    re.compile(r"^Chat de WhatsApp con (?P<who>.+)$", re.IGNORECASE),
)
CONTACT_LINE = re.compile(r"^(?:消息对象|联系人|对方|买家|客户|contact)\s*[:：]\s*(?P<who>\S.{0,60})$", re.IGNORECASE)
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
FEWEST = 0.15
"""Share of the lines that must be heads for a text to be a transcript."""


@dataclass(frozen=True)
class Said:
    """One message: who (empty: the program), when as written, what; `offset` seconds where the time counts from the
    start."""

    name: str
    time: str
    text: str
    offset: int | None = None


def look(blob: Blob, encoding: str, text: str, options: ReadOptions) -> Shape | None:
    """The shape of a transcript; None when the text is none."""
    if grammar_of(text.splitlines()) is None:
        return None
    return Shape(blob, "transcript", encoding, "", HEADERS, "", blob.size, 0, options)


def pieces(given: Shape, wanted: list[str]) -> Iterable[RowBatch]:
    """The messages of the file."""
    text = content(given.blob, given.encoding)
    lines = parse(text)
    contact = _contact(given.blob, text)
    columns: dict[str, list[Any]] = {
        "chat": [given.blob.name] * len(lines),
        "contact": [contact] * len(lines),
        "name": [line.name or None for line in lines],
        "time": [line.time for line in lines],
        "text": [line.text for line in lines],
    }
    yield RowBatch(shape.text_frame({name: columns[name] for name in wanted}, range(1, len(lines) + 1)), 1.0)


def content(blob: Blob, encoding: str) -> str:
    """The text of a transcript file, also inside HTML and MHT."""
    raw = blob.read()
    if blob.suffix in (".mht", ".mhtml"):
        return markup.text_of(markup.mht_html(raw))
    text = raw.decode(decoding.CODECS.get(encoding, encoding), errors="replace").lstrip("\ufeff").replace("\0", "�")
    return markup.text_of(text) if is_html(text) else text.replace("\r\n", "\n").replace("\r", "\n")


def is_html(text: str) -> bool:
    """Whether a file is a web page."""
    return (
        re.match(r"\s*(?:<!doctype html|<html|<head|<body|<meta|<table|<div|<p\b)", text[:2000], re.IGNORECASE)
        is not None
    )


def grammar_of(lines: list[str]) -> int | None:
    """The grammar that finds most heads; None when it finds too few."""
    head = [line for line in lines[:2000] if line.strip()]
    counts = [sum(grammar.match(line.strip()) is not None for line in head[:600]) for grammar in GRAMMARS]
    counts[3] -= counts[2]
    best = max(range(len(counts)), key=lambda n: counts[n])
    if best == CLOCKS_ONLY and not any(DAY_LINE.match(line) for line in head[:600]):
        counts[best] = 0
        best = max(range(len(counts)), key=lambda n: counts[n])
    return best if counts[best] >= max(1, FEWEST * len(head[:600])) else None


def parse(text: str, day: str = "") -> list[Said]:
    """The messages of a transcript in order; empty when it is none. `day` is the date of times without one."""
    lines = text.splitlines()
    chosen = grammar_of([*([day] if day else []), *lines])
    if chosen is None:
        return []
    found: list[tuple[str, str, list[str]]] = []
    for raw in lines:
        line = raw.strip()
        if chosen == CLOCKS_ONLY and (date := DAY_LINE.match(line)):
            day = date.group("day")
            continue
        head = GRAMMARS[chosen].match(line) or (SYSTEM[chosen].match(line) if chosen in SYSTEM else None)
        if head:
            when = f"{day} {head.group('time')}".strip() if chosen == CLOCKS_ONLY else head.group("time")
            found.append((head.group("name").strip(" \u200e\u200f\u202a\u202c\ufeff~"), when, [head.group("text")]))
        elif found:
            found[-1][2].append(raw.rstrip())
    return [_said(name, when, rest, chosen) for name, when, rest in found]


def _said(name: str, when: str, rest: list[str], grammar: int) -> Said:
    text = "\n".join(rest).strip("\n")
    if grammar != OFFSETS:
        return Said(name, " ".join(when.replace("\u202f", " ").replace("\u00a0", " ").split()), text)
    seconds = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)\s?([dhms])", when))
    return Said(name, when, text, seconds)


def _contact(blob: Blob, text: str) -> str | None:
    """The customer, where the name of the file or a line above the chat says whose chat it is."""
    stem = blob.name.rsplit(".", 1)[0]
    if stem == "_chat":  # the text inside WhatsApp's archive
        stem = blob.path.stem
    for pattern in CONTACT_IN_NAME:
        if found := pattern.match(stem):
            return found.group("who").strip()
    for line in text.splitlines()[:10]:
        if found := CONTACT_LINE.match(line.strip()):
            return found.group("who").strip()
    return None


def expand(frame: pl.DataFrame, column: str, started: pl.Series) -> pl.DataFrame:
    """Rows whose cell `column` holds a whole chat, as one row a message: `transcript.name`, `.time` (text) and `.text`.

    `started` (UTC) is the beginning of each row's chat, for times that count from it. A cell that is no transcript
    stays one row without those columns filled.
    """
    places: list[int] = []
    told: list[Said] = []
    for place, (cell, begin) in enumerate(zip(frame[column].to_list(), started.to_list(), strict=True)):
        lines = of_cell(cell or "", begin)
        places += [place] * max(len(lines), 1)
        told += lines or [Said("", "", "")]
    rows = frame[places]
    return rows.with_columns(
        pl.Series("transcript.name", [line.name or None for line in told], dtype=pl.String),
        pl.Series("transcript.time", [line.time or None for line in told], dtype=pl.String),
        pl.Series("transcript.text", [line.text or None for line in told], dtype=pl.String),
    )


def of_cell(cell: str, begin: datetime | None) -> list[Said]:
    """The messages of a chat that stands in one cell and began at `begin`."""
    text = markup.text_of(cell) if "<" in cell and markup.TAG.search(cell) else cell
    said = parse(text, begin.strftime("%Y-%m-%d") if begin else "")
    return [line if line.offset is None else Said(line.name, _after(begin, line.offset), line.text) for line in said]


def _after(begin: datetime | None, seconds: int) -> str:
    return (begin + timedelta(seconds=seconds)).isoformat() if begin else ""
