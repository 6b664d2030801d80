"""Chats written as plain text: one head a message with name and time, and the text after it or below it.

Read are Wangwang (name (time): / text), WhatsApp (time - name: text), name and time on a line of their own in either
order, and Salesforce's “( 12s ) name: text”. A grammar is chosen for the whole text by how many heads it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from qa.ingest import vocabulary
from qa.ingest.files import decoding, markup, shape
from qa.ingest.files.shape import Blob, ReadOptions, RowBatch, Shape
from qa.ingest.problems import ProblemLog

HEADERS = ("chat", "contact", "name", "time", "text")
_Found = tuple[str, str, list[str], str]
"""Name, time and lines of a message, and whose chat it is of."""
DATE = r"(?:\d{4}\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
CLOCK = (
    r"(?:(?:上午|下午|早上|晚上|凌晨|中午)\s?)?\d{1,2}[:：.]\d{2}(?:[:："
    r".]\d{2})?(?:\.\d{1,6})?(?:[\s\u202f\u00a0]?[AaPp]\.?\s?[Mm]\.?)?"
)
WHEN = rf"{DATE}[,，]?\s?(?:星期.|周.)?\s*{CLOCK}"
NAME = r"(?![-–—:：\[(（])(?:(?![:：]\s)[^\t\n]){1,60}?"
SPOKEN = r"(?P<name>[^:：\t\n]{1,60}(?:[:：][^:：\s\t]{1,30}(?=[:：](?:\s|$)))?)[:：]\s*(?P<text>.*)"
MARKS = r"[\u200e\u200f\u202a-\u202e\ufeff]*"
_GRAMMARS = {
    "wangwang": rf"(?P<name>{NAME})\s*[（(]\s*(?P<time>{WHEN})\s*[)）]\s*[:：]\s*(?P<text>.*)$",
    "wangwang without colon": rf"(?P<name>{NAME})\s*[（(]\s*(?P<time>{WHEN})\s*[)）]\s*[:：]?\s*(?P<text>.*)$",
    "whatsapp ios": rf"\[(?P<time>{WHEN})\]\s*{MARKS}{SPOKEN}$",
    "whatsapp android": rf"(?P<time>{WHEN})\s+[-–—]\s+{SPOKEN}$",
    "time name: text": rf"(?P<time>{WHEN})\s+{SPOKEN}$",
    "time name": rf"\[?(?P<time>{WHEN})\]?\s+[\[【]?(?P<name>{NAME})[\]】]?(?P<text>)\s*$",
    "name time": rf"[\[【]?(?P<name>{NAME})[\]】]?\s*(?P<time>{WHEN})\s*[:：]?(?P<text>)\s*$",
    "clock": rf"[\[(（]?\s*(?P<time>{CLOCK})\s*[\])）]?\s*[-–—]?\s*{SPOKEN}$",
    "name clock": rf"(?P<name>{NAME})\s*[（(]\s*(?P<time>{CLOCK})\s*[)）]\s*[:：]\s*(?P<text>.*)$",
    "offset": rf"\(\s*(?P<time>(?:\d+\s?[dhms]\s*){{1,4}})\)\s*{SPOKEN}$",
}
"""Wangwang; WhatsApp; time and name in one line, the text below; below a line with the date; Salesforce."""
GRAMMARS = {name: re.compile(MARKS + pattern) for name, pattern in _GRAMMARS.items()}
SYSTEM = {
    "whatsapp android": re.compile(MARKS + rf"(?P<time>{WHEN})\s+[-–—]\s+(?P<name>)(?P<text>.*)$"),
    "whatsapp ios": re.compile(MARKS + rf"\[(?P<time>{WHEN})\]\s*(?P<name>)(?P<text>.*)$"),
}
UNTIMED = re.compile(
    MARKS + rf"[\[【(（]?(?P<name>[^:：\t\n\[\]【】]{{1,30}}?)[\]】)）]?\s*(?P<time>{CLOCK})?\s*[:：]\s*(?P<text>.*)$"
)
"""A line of a chat that stands in a cell: who, perhaps a time of day, what."""
CLOCKS_ONLY = ("clock", "name clock")
NO_NAME = re.compile(r"[:：]$|时间$|日期$|(?:at|time|date|on)$", re.IGNORECASE)
"""What stands before a moment that is part of somebody's text."""
DAY_LINE = re.compile(rf"^[\W_]*(?P<day>{DATE})[\W_]*(?:星期.|周.)?[\W_]*$")
CONTACT_IN_NAME = (
    re.compile(
        r"^(?:WhatsApp Chat|Chat WhatsApp|WhatsApp-chat|Discussion WhatsApp) (?:with|-|mit|avec|con|met) (?P<who>.+)$",
        re.IGNORECASE,
    ),
    re.compile(r"^与(?P<who>.+?)的(?:WhatsApp)?(?:聊天|对话)"),
    re.compile(r"^和(?P<who>.+?)的(?:聊天|对话)"),
    re.compile(
        r"^(?:Chat de WhatsApp con|Conversa do WhatsApp com|Чат WhatsApp с|Chat di WhatsApp con) (?P<who>.+)$",
        re.IGNORECASE,
    ),
)
SECTION = re.compile(r"^消息对象\s*[:：]\s*(?P<who>\S.{0,60})$")
"""A line that begins the chat with another customer in the same file."""
TITLES = re.compile(
    r"^(?:[\W_]*|.{0,4}(?:消息|聊天)记录.*|消息分组.*|日期.*|导出.*|chat started.*|agent .*)$", re.IGNORECASE
)
"""Lines above the first message that are none."""
CONTACT_LINE = re.compile(r"^(?:消息对象|联系人|对方|买家|客户|contact)\s*[:：]\s*(?P<who>\S.{0,60})$", re.IGNORECASE)
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
MOST_NAMES = 8
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
    contact: str = ""


def look(blob: Blob, encoding: str, text: str, options: ReadOptions) -> Shape | None:
    """The shape of a transcript; None when the text is none."""
    if grammar_of(text.splitlines()) is None:
        return None
    return Shape(blob, "transcript", encoding, "", HEADERS, "", blob.size, 0, options)


def pieces(given: Shape, wanted: list[str], log: ProblemLog) -> Iterable[RowBatch]:
    """The messages of the file."""
    text = content(given.blob, given.encoding, log)
    lines = parse(text, log=log)
    contact = _contact(given.blob, text)
    columns: dict[str, list[Any]] = {
        "chat": [given.blob.name] * len(lines),
        "contact": [line.contact or contact for line in lines],
        "name": [line.name or None for line in lines],
        "time": [line.time for line in lines],
        "text": [line.text for line in lines],
    }
    yield RowBatch(shape.text_frame({name: columns[name] for name in wanted}, range(1, len(lines) + 1)), 1.0)


def content(blob: Blob, encoding: str, log: ProblemLog | None = None) -> str:
    """The text of a transcript file, also inside HTML and MHT. Lines in another encoding are told to `log`."""
    raw = blob.read()
    if blob.suffix in (".mht", ".mhtml"):
        return markup.text_of(markup.mht_html(raw))
    text, other = decoding.whole_text(raw, encoding)
    if other and log is not None:
        log.one("other_encoding", "", None)
    text = text.replace("\0", "�")
    return markup.text_of(text) if is_html(text) else text.replace("\r\n", "\n").replace("\r", "\n")


def is_html(text: str) -> bool:
    """Whether a file is a web page."""
    return (
        re.match(r"\s*(?:<!doctype html|<html|<head|<body|<meta|<table|<div|<p\b)", text[:2000], re.IGNORECASE)
        is not None
    )


def grammar_of(lines: list[str]) -> str | None:
    """The grammar that finds most heads; None when it finds too few."""
    head = [line.strip() for line in lines[:2000] if line.strip()][:600]
    counts = {name: sum(_head(name, line) is not None for line in head) for name in GRAMMARS}
    counts["time name: text"] -= counts["whatsapp android"]
    if counts["wangwang"] >= 0.6 * counts["wangwang without colon"]:
        counts["wangwang without colon"] = 0  # where heads end with a colon, a moment in brackets is part of a text
    if not any(DAY_LINE.match(line) for line in head):
        counts |= dict.fromkeys(CLOCKS_ONLY, 0)
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= max(1, FEWEST * len(head)) else None


def _head(grammar: str, line: str) -> re.Match[str] | None:
    """The head of a message, if the line is one."""
    found = GRAMMARS[grammar].match(line)
    if found is None or NO_NAME.search(found.group("name").strip()):
        return None
    return found


def parse(text: str, day: str = "", log: ProblemLog | None = None) -> list[Said]:
    """The messages of a transcript in order; empty when it is none. `day` is the date of times without one. What may
    have been taken for text wrongly is told to `log`."""
    lines = text.splitlines()
    chosen = grammar_of([*([day] if day else []), *lines])
    if chosen is None:
        return []
    found: list[_Found] = []
    contact, above = "", []
    for raw in lines:
        line = raw.strip()
        if chosen in CLOCKS_ONLY and (date := DAY_LINE.match(line)):
            day = date.group("day")
        elif section := SECTION.match(line):
            contact = section.group("who").strip()
        elif head := _head(chosen, line) or (SYSTEM[chosen].match(line) if chosen in SYSTEM else None):
            when = f"{day} {head.group('time')}".strip() if chosen in CLOCKS_ONLY else head.group("time")
            name = head.group("name").strip(" \u200e\u200f\u202a\u202c\ufeff~")
            found.append((name, when, [head.group("text")], contact))
        elif not found:
            above.append(line)
        elif not (contact and contact != found[-1][3]):  # between a section's line and its first message is no text
            found[-1][2].append(raw.rstrip())
    if log is not None:
        _note(found, above, chosen, log)
    return [_said(*said, chosen) for said in found]


def _note(found: list[_Found], above: list[str], chosen: str, log: ProblemLog) -> None:
    """Lines above the first message that are no titles, and lines of texts that look like the head of a message."""
    if odd := [line for line in above if line and not TITLES.match(line) and not CONTACT_LINE.match(line)]:
        log.one("lines_above", "", 1, odd[-1])
    others = [name for name in GRAMMARS if name not in (chosen, "wangwang without colon", "offset", *CLOCKS_ONLY)]
    for row, (_name, _when, rest, _of) in enumerate(found, 1):
        for line in rest[1:]:
            if any(_head(name, line.strip()) for name in others):
                log.one("head_in_text", "", row, line.strip())


def _said(name: str, when: str, rest: list[str], contact: str, grammar: str) -> Said:
    text = "\n".join(rest).strip("\n")
    if grammar != "offset":
        return Said(name, " ".join(when.replace("\u202f", " ").replace("\u00a0", " ").split()), text, contact=contact)
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


def of_cell(cell: str, begin: datetime | None, *, untimed: bool = True) -> list[Said]:
    """The messages of a chat that stands in one cell and began at `begin`. `untimed`: lines that name no time are
    messages too."""
    text = markup.text_of(cell) if "<" in cell and markup.TAG.search(cell) else cell
    day = begin.strftime("%Y-%m-%d") if begin else ""
    said = parse(text, day) or (_untimed(text, day) if untimed else [])
    return [line if line.offset is None else Said(line.name, _after(begin, line.offset), line.text) for line in said]


def _untimed(text: str, day: str) -> list[Said]:
    """Lines “who: what” of a cell, where most lines are such and few names speak, one of them by its role."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    heads = [UNTIMED.match(line) for line in lines]
    names = {head.group("name").strip() for head in heads if head}
    told = any(name.casefold() in vocabulary.ROLES for name in names)
    if not told or len(names) > MOST_NAMES or 2 * sum(head is not None for head in heads) < len(lines):
        return []
    found: list[Said] = []
    for line, head in zip(lines, heads, strict=True):
        if head:
            clock = head.group("time")
            found.append(
                Said(head.group("name").strip(), f"{day} {clock}".strip() if clock and day else "", head.group("text"))
            )
        elif found:
            found[-1] = replace(found[-1], text=f"{found[-1].text}\n{line}")
        else:
            found.append(Said("", "", line))
    return found


def _after(begin: datetime | None, seconds: int) -> str:
    return (begin + timedelta(seconds=seconds)).isoformat() if begin else ""
