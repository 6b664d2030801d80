"""How much a message reads like violations that people have labelled: a linear score of its runs of one to four
characters.

Patterns find what somebody thought of; this finds what is said in other words, less surely. It therefore only ever
raises a suspicion. A score is the sum of the weights of all runs ÷ √(characters), plus a base; runs are read in plain
lower-case form with every digit as 0, and one of one or two characters counts once a message. Owns reading the weights,
scoring, and which place and which words of a message speak for the score. How weights are learnt is in
``benchmarks/wording.py``. Does not know rules and labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.problem import N_, Words
from scoring.redline.lookalikes import folding
from scoring.redline.pairs import NOTHING
from scoring.redline.syntax import PatternError

Codes = NDArray[np.uint32]
Keys = NDArray[np.uint64]
Places = NDArray[np.int64]
Floats = NDArray[np.float64]
Span = tuple[int, int]

NEWEST = "wording1"
"""Name of the model that guards ask."""
WIDEST = 4
ONCE = 2
"""Runs up to this width count once a message: who says “you” three times is not three times as rude."""
LONGEST = 2_000
"""Characters of a message that count: who writes more repeats it."""
FEWEST = 12
"""A shorter message is scored as if it had so many characters: two words prove little."""
CHUNK = 20_000
SLOT_BITS = 20
TOLD = 3
"""Words that an explanation names."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - SLOT_BITS)


@cache
def _plain() -> Codes:
    table = folding(NOTHING).copy()
    table[ord("A") : ord("Z") + 1] += 32
    table[ord("0") : ord("9") + 1] = ord("0")
    return table


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Many texts as plain code points with a 0 behind each, and where each begins."""

    codes: Codes
    starts: Places

    def sizes(self) -> Places:
        """Characters of each text."""
        return np.diff(np.append(self.starts, len(self.codes))) - 1

    def scale(self) -> Floats:
        """√ of the characters that each text is scored by."""
        return np.sqrt(np.maximum(self.sizes(), FEWEST))

    def runs(self) -> Iterator[tuple[int, Keys, Places]]:
        """For each width the keys of the runs that start at each place, and the places whose runs count."""
        state = np.zeros(len(self.codes), dtype=np.uint64)
        inside = np.ones(len(self.codes), dtype=np.bool_)
        row = np.repeat(np.arange(len(self.starts)), self.sizes() + 1)
        for width in range(1, WIDEST + 1):
            following = np.zeros(len(self.codes), dtype=np.uint64)
            following[: max(len(self.codes) - width + 1, 0)] = self.codes[width - 1 :]
            inside = inside & (following != 0)
            state = (state ^ following) * _MIX
            state ^= state >> np.uint64(29)
            places = np.flatnonzero(inside)
            if width <= ONCE:
                _, first = np.unique(row[places] << SLOT_BITS | slots(state[places]), return_index=True)
                places = places[first]
            yield width, state, places


def read(texts: pl.Series) -> EncodedTexts:
    """Texts in plain form; null is empty."""
    short = texts.cast(pl.String).fill_null("").str.slice(0, LONGEST).str.replace_all("\0", "\1", literal=True)
    raw = np.frombuffer(("\0".join(short.to_list()) + "\0").encode("utf-32-le", "replace"), dtype=np.uint32)
    ends = np.flatnonzero(raw == 0)
    return EncodedTexts(np.where(raw == 0, np.uint32(0), _plain()[raw]), np.concatenate(([0], ends[:-1] + 1)))


def slots(keys: Keys) -> Places:
    """Place of each key in a table of weights."""
    return (keys >> _SHIFT).astype(np.int64)


@dataclass(frozen=True, slots=True)
class WordingEvidence:
    """Where a message reads most like a violation, and the words of it that weigh most."""

    span: Span
    words: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """What a model has learnt: `keys` and `weights` by slot (0: no run), and the score of an empty message."""

    keys: Keys
    weights: NDArray[np.float32]
    base: float

    def scores(self, texts: pl.Series) -> Floats:
        """One score a text, in log-odds of the model's own training set: an order, not a probability."""
        parts = [self._scores(texts.slice(at, CHUNK)) for at in range(0, len(texts), CHUNK)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _scores(self, texts: pl.Series) -> Floats:
        reading = read(texts)
        total = np.zeros(len(reading.codes))
        for _, places, weights in self._found(reading):
            total[places] += weights
        return self.base + np.add.reduceat(total, reading.starts) / reading.scale()

    def _found(self, reading: EncodedTexts) -> Iterator[tuple[int, Places, NDArray[np.float32]]]:
        """For each width the places of runs that have a weight, and those weights."""
        for width, keys, places in reading.runs():
            key = keys[places]
            slot = slots(key)
            known = self.keys[slot] == key
            yield width, places[known], self.weights[slot[known]]

    def spans(self, texts: pl.Series) -> list[Span]:
        """Of each text the stretch that speaks most for a violation."""
        parts = (texts.slice(at, CHUNK) for at in range(0, len(texts), CHUNK))
        return [span for part in parts for span in self._spans(part, read(part))]

    def _spans(self, texts: pl.Series, reading: EncodedTexts) -> Iterator[Span]:
        share = np.zeros(len(reading.codes))
        for width, places, weights in self._found(reading):
            for offset in range(width):
                share[places + offset] += weights / width
        ends = reading.starts + reading.sizes()
        for text, start, end in zip(texts.to_list(), reading.starts.tolist(), ends.tolist(), strict=True):
            yield whole_words(text, _heaviest(share[start:end]))

    def evidence(self, texts: pl.Series) -> list[WordingEvidence]:
        """Of each text the stretch that speaks most for a violation, and its heaviest words, none overlapping."""
        parts = (texts.slice(at, CHUNK) for at in range(0, len(texts), CHUNK))
        return [found for part in parts for found in self._evidence(part)]

    def _evidence(self, texts: pl.Series) -> Iterator[WordingEvidence]:
        reading = read(texts)
        heavy: list[list[tuple[float, Span]]] = [[] for _ in range(len(texts))]
        for width, places, weights in self._found(reading):
            speaking = (weights > 0) & (width > 1)
            row = np.searchsorted(reading.starts, places[speaking], side="right") - 1
            at = places[speaking] - reading.starts[row]
            for text, start, weight in zip(row.tolist(), at.tolist(), weights[speaking].tolist(), strict=True):
                heavy[text].append((-weight, (start, start + width)))
        for text, span, runs in zip(texts.to_list(), self._spans(texts, reading), heavy, strict=True):
            yield WordingEvidence(span, tuple(text[a:b] for a, b in _told(text, span, runs)))


def _told(text: str, span: Span, runs: list[tuple[float, Span]]) -> list[Span]:
    """The first words inside the span that do not overlap, the heaviest first, in the order of the text."""
    told: list[Span] = []
    for _, (start, end) in sorted((weight, whole_words(text, run)) for weight, run in runs):
        if span[0] <= start < end <= span[1] and all(end <= a or b <= start for a, b in told):
            told.append((start, end))
            if len(told) == TOLD:
                break
    return sorted(told)


def _heaviest(share: Floats) -> Span:
    """The stretch with the largest sum (Kadane's algorithm); everything where nothing is above zero."""
    best, since, sums, at = 0.0, 0, 0.0, (0, len(share))
    for place, value in enumerate(share.tolist()):
        if sums <= 0:
            since, sums = place, 0.0
        sums += value
        if sums > best:
            best, at = sums, (since, place + 1)
    return at


def whole_words(text: str, span: Span) -> Span:
    """The span without marks and spaces at its ends, widened to the ends of the Latin words and numbers it cuts."""
    start, end = span
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not text[end - 1].isalnum():
        end -= 1
    while 0 < start < end and _latin(text[start]) and _latin(text[start - 1]):
        start -= 1
    while start < end < len(text) and _latin(text[end - 1]) and _latin(text[end]):
        end += 1
    return (start, end) if start < end else span


def _latin(c: str) -> bool:
    return c.isascii() and c.isalnum()


def make(weights: Mapping[str, float], base: float) -> Weights:
    """The model of these runs. Of runs that share a slot the heavier is kept."""
    keys = np.zeros(1 << SLOT_BITS, dtype=np.uint64)
    table = np.zeros(1 << SLOT_BITS, dtype=np.float32)
    written = sorted(weights, key=lambda run: (abs(weights[run]), run))
    if not written:
        return Weights(keys, table, base)
    reading = read(pl.Series(written, dtype=pl.String))
    size, value = reading.sizes(), np.array([weights[run] for run in written], dtype=np.float32)
    for width, found, _ in reading.runs():
        rows = np.flatnonzero(size == width)
        key = found[reading.starts[rows]]
        place = slots(key)
        heavier = np.abs(value[rows]) >= np.abs(table[place])
        keys[place[heavier]], table[place[heavier]] = key[heavier], value[rows][heavier]
    return Weights(keys, table, base)


@cache
def model(name: str) -> Weights:
    """The shipped model of this name. Raises PatternError when there is none."""
    source = files("scoring") / "data" / "redlines" / f"{name}.tsv"
    if not name.isalnum() or not source.is_file():
        raise PatternError(Words(N_("no model of wordings is called {name}"), name=name))
    rows = [line.split("\t") for line in source.read_text("utf-8").split("\n") if line and line[0] != "#"]
    (_, base), *entries = rows
    return make({run: int(weight) / 100 for run, weight in entries}, int(base) / 100)


@lru_cache(maxsize=4_096)
def likeness(text: str) -> float:
    """How much a message reads like violations of any kind, by the newest shipped model."""
    return float(model(NEWEST).scores(pl.Series([text], dtype=pl.String))[0])
