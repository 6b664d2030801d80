"""Which message may match which piece: the fast, generous search before the exact look.

Owns the contract, *every true (message, piece) pair is among the candidates*, and the engine that keeps it best:
hyperscan over the messages one behind the other. Pieces are searched for in folded text (narrow, simplified); folding
is cheap because it is rare: only messages that show a sign of disguise are copied and searched once more. Does not
decide: :mod:`scoring.redline.matcher` does that on the original text.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, Protocol

import numpy as np
import polars as pl

from scoring import compiled
from scoring.problem import N_, Words
from scoring.redline.evasion import spelled_out
from scoring.redline.fallback import PolarsFinder
from scoring.redline.lookalikes import INVISIBLE, any_mark, folding, odd
from scoring.redline.matcher import Piece
from scoring.redline.pairs import NONE, NOTHING, Pairs, copies, ordered
from scoring.redline.syntax import Node, PatternError, broad, coarse, rewrite
from scoring.redline.utf8 import show_bytes

try:
    hyperscan: Any = importlib.import_module("hyperscan")
except ImportError:  # no wheel for this platform: the Polars finder gives the same hits, more slowly
    hyperscan = None

BATCH = 16_384  # messages searched at once: they and their places stay in the processor's cache
BATCH_OF_FEW = 65_536  # where copying is most of the work
APART = 1_500  # searches above which phrases and regular expressions are compiled apart
DIGEST = 32  # bytes of SHA-256 before what is kept: a damaged file must not reach the engine
BORDER = "\0"  # no pattern holds NUL, not even one of any character
FEW = 40
"""Searches up to which messages have no border between them. What is searched for has no edges, so a message is found
by what is in it whatever stands beside it, and what goes across is a candidate more for the exact look. A border ends
that at once, which is worth a copy of all messages where many searches run on, and costs more than few of them."""


class Finder(Protocol):
    """Finds candidates of numbered pieces."""

    def candidates(self, texts: pl.Series) -> Pairs:
        """Array (n, 2) of (row, piece), sorted, without repeats; a superset of the true pairs."""
        ...


class Patterns:
    """Hyperscan in block mode over the messages one behind the other."""

    def __init__(self, searches: Sequence[Node], border: int = 0) -> None:
        """Searches before and behind ``border`` are compiled apart: the time to compile grows faster than their
        number."""
        self.count = len(searches)
        self.bordered = self.count > FEW
        written = [show_bytes(tree).encode() for tree in searches]
        parts = [(written[:border], 0), (written[border:], border)]
        self.databases = [_database(part, first) for part, first in parts if part]
        # one scratch space belongs to the database: searches of two threads wait for each other
        self.lock = Lock()

    def scan(self, texts: pl.Series) -> Pairs:
        """Array (n, 2) of (row, pattern number), sorted, without repeats."""
        count = self.count
        hits: list[int] = []
        append = hits.append

        def note(number: int, start: int, end: int, flags: int, context: object) -> None:
            append(end * count + number)

        buffer, ends = _joined(texts + BORDER if self.bordered else texts)
        if not buffer:
            return NONE
        borders = len(texts) if self.bordered else 0
        if np.count_nonzero(np.frombuffer(buffer, np.uint8)) < len(buffer) - borders:  # a message holds the border
            return self.scan(texts.str.replace_all(BORDER, "\1", literal=True))
        with self.lock:
            for database in self.databases:
                database.scan(buffer, match_event_handler=note)
        if not hits:
            return NONE
        packed = np.array(hits, dtype=np.int64)
        # An end offset belongs to the message that holds the byte before it.
        rows = np.searchsorted(ends, packed // count - 1, side="right")
        unique = np.unique(rows * count + packed % count)
        return np.column_stack((unique // count, unique % count))


def _joined(texts: pl.Series) -> tuple[memoryview, np.ndarray]:
    """All messages one behind the other, and where each ends."""
    held = texts.to_arrow(compat_level=pl.CompatLevel.oldest())  # one buffer, as the engine reads it: no other copy
    _, offsets, data = held.buffers()
    places = np.frombuffer(offsets, np.int64)[held.offset : held.offset + len(held) + 1]
    return memoryview(data or b"")[places[0] : places[-1]], places[1:] - places[0]


def _database(expressions: Sequence[bytes], first: int) -> Any:
    """Expressions numbered from ``first``: compiled, or as it was kept when these expressions were compiled before by
    this version of the engine."""
    kept = compiled.store()
    parts = (hyperscan.__version__.encode(), b"%d" % hyperscan.HS_MODE_BLOCK, b"%d" % first, *expressions)
    key = hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()
    data = kept.get(key) if kept else None
    if data is not None and hashlib.sha256(data[DIGEST:]).digest() == data[:DIGEST]:
        with suppress(hyperscan.error):  # made for another processor: compiled again
            database = hyperscan.loadb(data[DIGEST:], hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
            return database
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=list(expressions), ids=list(range(first, first + len(expressions))))
    if kept:
        data = hyperscan.dumpb(database)
        kept.put(key, hashlib.sha256(data).digest() + data)
    return database


class HyperscanFinder:
    """Candidates of numbered pieces.

    Up to three more patterns tell which messages must be searched again in a copy: characters to fold, invisible
    characters (the copy has none), ASCII letters spelled out among marks (the copy has no marks).
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.count = len(pieces)
        self.apart = len(pieces) > APART  # then phrases come first
        self.order = np.array(sorted(range(len(pieces)), key=lambda n: self.apart and not pieces[n].phrase), np.int64)
        signs = (
            (odd(p.search for p in pieces if p.behind.folds), NOTHING),
            (INVISIBLE if any(p.behind.invisible for p in pieces) else None, INVISIBLE),
            (rewrite(broad(spelled_out()), coarse) if any(p.behind.spelled_out for p in pieces) else None, any_mark()),
        )
        self.copies = tuple(without for sign, without in signs if sign is not None)
        # signs stay exact: a coarse one would call every full-width comma a disguise
        searches = [
            *(rewrite(pieces[n].search, coarse) for n in self.order),
            *(sign for sign, _ in signs if sign is not None),
        ]
        try:
            self.patterns = Patterns(searches, sum(p.phrase for p in pieces) if self.apart else 0)
        except hyperscan.error as error:
            refused = [pieces[n].written for n in search_errors(pieces, "hyperscan")]
            raise PatternError(
                Words(N_("the search engine refuses {written} ({why})"), written=", ".join(refused), why=str(error))
            ) from None

    def candidates(self, texts: pl.Series) -> Pairs:
        """Array (n, 2) of (row, piece), sorted, without repeats; a superset of the true pairs."""
        size = BATCH if self.patterns.bordered else BATCH_OF_FEW
        found = [self.batch(texts.slice(at, size)) + np.array([at, 0]) for at in range(0, len(texts), size)]
        return np.concatenate(found) if found else NONE

    def batch(self, texts: pl.Series) -> Pairs:
        pairs = self.patterns.scan(texts)
        for n, without in enumerate(self.copies, self.count):
            rows = pairs[pairs[:, 1] == n, 0]  # a sign may show only in the copy before: folded letters spelled out
            if len(rows):
                again = self.patterns.scan(copies(texts.gather(rows), folding(without)))
                pairs = ordered([pairs, np.column_stack((rows[again[:, 0]], again[:, 1]))])
        found = pairs[pairs[:, 1] < self.count]
        return ordered([np.column_stack((found[:, 0], self.order[found[:, 1]]))]) if self.apart else found


def make_finder(pieces: Sequence[Piece], engine: str | None = None) -> Finder:
    """The engine asked for (``"hyperscan"`` or ``"polars"``), or the best that can be imported."""
    if engine not in (None, "hyperscan", "polars"):
        raise ValueError(f"expected engine hyperscan or polars, found {engine!r}")
    if engine == "hyperscan" and hyperscan is None:
        raise ValueError("hyperscan is not installed on this machine")
    return PolarsFinder(pieces) if hyperscan is None or engine == "polars" else HyperscanFinder(pieces)


def search_errors(pieces: Sequence[Piece], engine: str | None = None) -> dict[int, str]:
    """Which of these pieces a searching engine refuses, and why. Without ``engine`` all that can be imported are
    asked."""
    if not pieces:
        return {}
    refusals: tuple[type[Exception], ...] = (pl.exceptions.ComputeError,)
    try:
        if engine != "polars" and hyperscan is not None:
            refusals = (*refusals, hyperscan.error)
            Patterns([rewrite(p.search, coarse) for p in pieces])
        if engine != "hyperscan":
            PolarsFinder(pieces).candidates(pl.Series([""]))
    except refusals as error:
        if len(pieces) == 1:
            return {0: str(error)}
    else:
        return {}
    half = len(pieces) // 2  # one of them is to blame: ask the halves
    later = search_errors(pieces[half:], engine)
    return search_errors(pieces[:half], engine) | {half + n: why for n, why in later.items()}
