"""Which message may match which piece: the fast, generous search before the exact look.

Owns the two engines with one contract, *every true (message, piece) pair is among the candidates*: hyperscan over one
joined buffer, and Polars where hyperscan has no wheel. Pieces are searched for in folded text (narrow, simplified);
folding is cheap because it is rare: only messages that show a sign of disguise are copied and searched once more.
Refuses to decide: :mod:`scoring.redline.matcher` does that on the original text.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import polars as pl

from scoring.redline.evasion import spelled_out
from scoring.redline.lookalikes import INVISIBLE, any_mark, folding, odd
from scoring.redline.matcher import Piece
from scoring.redline.syntax import Chars, Node, broad, show
from scoring.redline.utf8 import show_bytes

try:
    hyperscan: Any = importlib.import_module("hyperscan")
except ImportError:  # no wheel for this platform: the Polars engine gives the same hits, more slowly
    hyperscan = None

Pairs = np.ndarray[Any, np.dtype[np.int64]]
BATCH = 16_384  # messages per joined buffer: the buffer and its offsets stay in the processor's cache
CHUNK = 64  # patterns per alternation of the Polars engine
NONE: Pairs = np.empty((0, 2), dtype=np.int64)
RECORD = "\x1e"
NOTHING = Chars(())
BORDER = "\0"  # no pattern holds NUL: matches stay inside a message


class Engine(Protocol):
    """Searches texts for numbered patterns."""

    def scan(self, texts: pl.Series) -> Pairs:
        """Array (n, 2) of (row, pattern number), sorted, without repeats."""
        ...


class HyperscanEngine:
    """Hyperscan in block mode over the joined messages."""

    def __init__(self, searches: Sequence[Node]) -> None:
        self.count = len(searches)
        self.database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self.database.compile(
            expressions=[show_bytes(tree).encode() for tree in searches],
            ids=list(range(self.count)),
        )

    def scan(self, texts: pl.Series) -> Pairs:
        """See :class:`Engine`."""
        count = self.count
        hits: list[int] = []
        append = hits.append

        def note(number: int, start: int, end: int, flags: int, context: object) -> None:
            append(end * count + number)

        if texts.str.contains(BORDER, literal=True).any():
            texts = texts.str.replace_all(BORDER, "\1", literal=True)
        buffer: bytes = texts.str.join(BORDER).cast(pl.Binary).item()
        self.database.scan(buffer, match_event_handler=note)
        if not hits:
            return NONE
        packed = np.array(hits, dtype=np.int64)
        # An end offset belongs to the message whose text holds the byte before it.
        closing = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64) + len(BORDER))
        rows = np.searchsorted(closing, packed // count - 1, side="right")
        unique = np.unique(rows * count + packed % count)
        return np.column_stack((unique // count, unique % count))


class PolarsEngine:
    """The same pairs from Polars' regular expressions: chunks of patterns first, single patterns on what is left."""

    def __init__(self, searches: Sequence[Node]) -> None:
        self.single = [show(tree) for tree in searches]
        self.chunks = [
            (at, "|".join(f"(?:{pattern})" for pattern in self.single[at : at + CHUNK]))
            for at in range(0, len(self.single), CHUNK)
        ]

    def scan(self, texts: pl.Series) -> Pairs:
        """See :class:`Engine`."""
        found: list[Pairs] = []
        for at, pattern in self.chunks:
            rows = texts.str.contains(pattern).arg_true()
            left = texts.gather(rows)
            for n in range(at, min(at + CHUNK, len(self.single))):
                hit = rows.filter(left.str.contains(self.single[n])).to_numpy().astype(np.int64)
                found.append(np.column_stack((hit, np.full(len(hit), n, dtype=np.int64))))
        return ordered(found)


class Finder:
    """Candidates of numbered pieces.

    Up to three more patterns tell which messages must be searched again in a copy: characters to fold, invisible characters
    (the copy has none), ASCII letters spelled out among marks (the copy has no marks).
    """

    def __init__(self, pieces: Sequence[Piece], engine: str | None = None) -> None:
        self.count = len(pieces)
        signs = (
            (odd(p.search for p in pieces if p.behind.folds), NOTHING),
            (INVISIBLE if any(p.behind.invisible for p in pieces) else None, INVISIBLE),
            (broad(spelled_out()) if any(p.behind.spelled_out for p in pieces) else None, any_mark()),
        )
        self.copies = tuple(without for sign, without in signs if sign is not None)
        searches = [*(p.search for p in pieces), *(sign for sign, _ in signs if sign is not None)]
        self.engine = make_engine(searches, engine)

    def candidates(self, texts: pl.Series) -> Pairs:
        """Array (n, 2) of (row, piece), sorted, without repeats; a superset of the true pairs."""
        found = [self.batch(texts.slice(at, BATCH)) + np.array([at, 0]) for at in range(0, len(texts), BATCH)]
        return np.concatenate(found) if found else NONE

    def batch(self, texts: pl.Series) -> Pairs:
        pairs = self.engine.scan(texts)
        for n, without in enumerate(self.copies, self.count):
            rows = pairs[pairs[:, 1] == n, 0]  # a sign may show only in the copy before: folded letters spelled out
            if len(rows):
                again = self.engine.scan(folded_copies(texts.gather(rows), without))
                pairs = ordered([pairs, np.column_stack((rows[again[:, 0]], again[:, 1]))])
        return pairs[pairs[:, 1] < self.count]


def folded_copies(texts: pl.Series, without: Chars) -> pl.Series:
    """The texts in plain characters, those of ``without`` left out: one table lookup over all code points."""
    whole: str = texts.str.replace_all(RECORD, " ", literal=True).str.join(RECORD).item()
    codes = folding(without)[np.frombuffer(whole.encode("utf-32-le"), dtype=np.uint32)]
    if without.ranges:
        codes = codes[codes != 0]
    return pl.Series([codes.tobytes().decode("utf-32-le")]).str.split(RECORD).explode()


def ordered(found: Sequence[Pairs]) -> Pairs:
    """All pairs sorted by row and piece, each once."""
    pairs = np.concatenate(found) if found else NONE
    packed = np.unique(pairs[:, 0] << 20 | pairs[:, 1])
    return np.column_stack((packed >> 20, packed & 0xFFFFF))


def make_engine(searches: Sequence[Node], name: str | None = None) -> Engine:
    """The engine asked for (``"hyperscan"`` or ``"polars"``), or the best that can be imported."""
    if name not in (None, "hyperscan", "polars"):
        raise ValueError(f"expected engine hyperscan or polars, found {name!r}")
    if name == "hyperscan" and hyperscan is None:
        raise ValueError("hyperscan is not installed on this machine")
    if hyperscan is not None and name != "polars":
        return HyperscanEngine(searches)
    return PolarsEngine(searches)


def search_errors(searches: Sequence[Node]) -> dict[int, str]:
    """Which of these trees a searching engine refuses, and why. Where hyperscan is missing only Polars is asked."""
    if not searches:
        return {}
    refusals: tuple[type[Exception], ...] = (pl.exceptions.ComputeError,)
    try:
        if hyperscan is not None:
            refusals = (*refusals, hyperscan.error)
            HyperscanEngine(searches)
        PolarsEngine(searches).scan(pl.Series([""]))
    except refusals as error:
        if len(searches) == 1:
            return {0: str(error)}
    else:
        return {}
    half = len(searches) // 2  # one of them is to blame: ask the halves
    later = search_errors(searches[half:])
    return search_errors(searches[:half]) | {half + n: why for n, why in later.items()}
