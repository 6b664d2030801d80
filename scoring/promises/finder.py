"""From messages to promises: what the engine finds is read once more in its sentence.

A sentence gives one promise of a kind; where several kinds are found in the same words, the first in the order of the
word lists stands. Work is bounded: at most `REACH` characters to either side of a find are read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from scoring.promises.due import due
from scoring.promises.numerals import NUMERAL, number
from scoring.promises.words import FOLD, KINDS, READINGS, expressions, rules
from scoring.redline.guards import quoted
from scoring.redline.screen import Screener

REACH = 80
MOST = 5_000
"""Characters of a message that are read."""
PROMISE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_key": pl.String,
    "seq": pl.Int32,
    "kind": pl.String,
    "start": pl.Int32,
    "end": pl.Int32,
    "matched": pl.String,
    "amount": pl.Int64,  # hundredths
    "due_at": pl.Datetime("us", "UTC"),
}
_ENDS = re.compile(r"[。！!；;\n]|[？?]|\.(?=\s|$)")
_CLAUSE = re.compile(r"[，,、]|\.\.+|…| but | and ")
_MONEY = re.compile(
    rf"(?:[¥￥$€£]|rmb|usd)\s?(\d{{1,7}}(?:\.\d{{1,2}})?)|(\d{{1,7}}(?:\.\d{{1,2}})?|{NUMERAL}{{1,6}})\s?(?:元|块|rmb|yuan|dollars?|usd|euros?|pounds?)"
)


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise in one text: code points of the text, hundredths of money, due time in UTC."""

    kind: str
    start: int
    end: int
    amount: int | None
    due_at: datetime | None


_Reading = tuple[Promise, str]
"""A promise without its due time, and the words a due time is read from."""


class PromiseFinder:
    """Compiled once. `tz` is the business time zone in which a day ends."""

    def __init__(self, *, tz: str = "Asia/Shanghai", engine: str | None = None) -> None:
        self.zone = ZoneInfo(tz)
        self.search = Screener(rules(), tz=tz, engine=engine).passes["agent"]
        self.kind_of = np.array([owners[0][0] for owners in self.search.owners])
        self.expressions = expressions()

    def find(self, messages: pl.DataFrame) -> pl.DataFrame:
        """Promises (`PROMISE_SCHEMA`, sorted) in what agents say in `messages`: conversation_key, seq, role, sent_at
        (UTC, may be null), text."""
        spoken = messages.filter(pl.col("role") == "agent").select("conversation_key", "seq", "sent_at", "text")
        kinds = self.candidates(spoken["text"].fill_null(""))
        rows = sorted(kinds)
        once: dict[str, list[_Reading]] = {}  # agents say the same sentences again and again
        found = []
        for row, (key, seq, sent_at, text) in zip(rows, spoken[rows].iter_rows(), strict=True):
            if text not in once:
                once[text] = self._read(text, kinds[row])
            for p in self._dated(once[text], sent_at):
                found.append((key, seq, p.kind, p.start, p.end, text[p.start : p.end], p.amount, p.due_at))
        return pl.DataFrame(found, schema=PROMISE_SCHEMA, orient="row").sort("conversation_key", "seq", "start", "kind")

    def in_text(self, text: str, sent_at: datetime | None = None) -> list[Promise]:
        """The promises of one text, said by an agent."""
        return self.read(text, self.candidates(pl.Series([text])).get(0, []), sent_at)

    def candidates(self, texts: pl.Series) -> dict[int, list[int]]:
        """By row, the kinds whose words stand in a text together with words that make a promise of them."""
        pairs = self.search.finder.candidates(texts)
        pairs = pairs[pairs[:, 1] < len(self.kind_of)]
        rows, kinds = pairs[:, 0], self.kind_of[pairs[:, 1]]
        marked = np.zeros(len(texts), dtype=bool)
        marked[rows[kinds == len(KINDS)]] = True
        wanted = marked[rows] & (kinds < len(KINDS))
        found: dict[int, list[int]] = defaultdict(list)
        for code in np.unique(rows[wanted] * len(KINDS) + kinds[wanted]).tolist():
            row, kind = divmod(code, len(KINDS))
            found[row].append(kind)
        return found

    def read(self, text: str, kinds: Sequence[int], sent_at: datetime | None) -> list[Promise]:
        """The promises among `kinds` (places in `KINDS`) in `text`."""
        return self._dated(self._read(text, kinds), sent_at)

    def _dated(self, readings: list[_Reading], sent_at: datetime | None) -> list[Promise]:
        said = None if sent_at is None else sent_at.astimezone(self.zone)
        return [replace(p, due_at=None if said is None else due(around, said)) for p, around in readings]

    def _read(self, text: str, kinds: Sequence[int]) -> list[_Reading]:
        folded = text.translate(FOLD)
        lower = folded.lower()
        folded = lower if len(lower) == len(text) else folded
        kept: list[_Reading] = []
        for kind in kinds:
            for match in self.expressions[kind].finditer(folded[:MOST]):
                start, end = match.span()
                if any(start < p.end and p.start < end for p, _ in kept):
                    continue
                begin, stop = sentence(folded, start, end)
                if promised(folded, start, end, begin, stop):
                    around = _near(folded, start, end, begin, stop)
                    kept.append((Promise(KINDS[kind], start, end, amount(around), None), around))
        return sorted(_one_each(folded, kept), key=lambda reading: reading[0].start)


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the sentence around a find begins and ends (the closing mark included)."""
    low, high = max(0, start - REACH), min(len(text), end + REACH)
    begin = max((m.end() for m in _ENDS.finditer(text, low, start)), default=low)
    stop = _ENDS.search(text, end, high)
    return begin, stop.end() if stop else high


def promised(text: str, start: int, end: int, begin: int, stop: int) -> bool:
    """Is the find promised: not refused, asked, conditional, a policy, quoted, or told of as done?"""
    whole, before = text[begin:stop], text[begin:start]
    clause = max((m.end() for m in _CLAUSE.finditer(text, begin, start)), default=begin)
    words = READINGS["harmless"].sub("", text[clause:end])
    if READINGS["refused"].search(words) or READINGS["refused_after"].match(text[end : end + 8]):
        return False
    if whole.rstrip().endswith(("?", "？")) or READINGS["question"].search(whole.strip()):
        return False
    if READINGS["asked_after"].match(text[stop : stop + 40].lstrip()):
        return False
    if READINGS["conditional"].search(whole) or READINGS["policy"].search(text[clause:end]):
        return False
    if READINGS["quoted"].search(before) or quoted(text, (start, end)):
        return False
    return not (READINGS["done"].search(words) and READINGS["over"].search(text[start : _clause_end(text, end, stop)]))


def _clause_end(text: str, end: int, stop: int) -> int:
    found = _CLAUSE.search(text, end, stop)
    return found.start() if found else stop


def _near(text: str, start: int, end: int, begin: int, stop: int) -> str:
    """The words a due time or an amount is read from: the find's clauses, then the rest of the sentence."""
    clause = max((m.end() for m in _CLAUSE.finditer(text, begin, start)), default=begin)
    return f"{text[clause : _clause_end(text, end, stop)]}\n{text[_clause_end(text, end, stop) : stop]}\n{text[begin:clause]}"


def amount(text: str) -> int | None:
    """The first amount of money named, in hundredths."""
    found = _MONEY.search(text)
    value = number(found[1] or found[2]) if found else None
    return None if value is None else round(value * 100)


def _one_each(text: str, readings: list[_Reading]) -> list[_Reading]:
    """One promise of a kind in a sentence: who says it twice has promised it once."""
    kept: dict[tuple[str, int], _Reading] = {}
    for promise, around in readings:
        kept.setdefault((promise.kind, sentence(text, promise.start, promise.end)[0]), (promise, around))
    return list(kept.values())
