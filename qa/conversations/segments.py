"""One piece of the search index: up to 65,536 messages with an exact list, for every pair of neighbouring characters,
of the messages that have it.

Pairs are pairs of folded characters. A word of two characters is answered by its list alone; of a longer one the lists
of its pairs leave few messages, whose text decides. A piece is written once, never changed,
and replaced by a new one when a conversation in it changes or goes.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

from qa.conversations.folding import codes

MOST_ROWS = 1 << 16
_SHIFT = np.uint64(21)
_ROW = np.uint64(16)
ROWS = {"conversation_key": pl.String, "customer": pl.String, "seq": pl.Int32, "role": pl.String, "text": pl.String}
"""What a piece is made of: the messages of whole conversations, one after the other, `seq` rising."""

U64 = NDArray[np.uint64]


@dataclass(frozen=True)
class IndexPiece:
    """A piece, as it is made and as it is read. Rows are counted from 0 inside the piece."""

    grams: U64
    """The pairs that occur, sorted."""
    starts: NDArray[np.uint32]
    """Where the list of each pair begins in `rows`, and where the last one ends."""
    rows: NDArray[np.uint16]
    texts: pl.DataFrame
    """`seq`, `role`, `text` by row."""
    chats: pl.DataFrame
    """`conversation_key`, `customer`, `digest`, `first`, `count`: which rows are whose."""

    @property
    def height(self) -> int:
        return self.texts.height

    def candidates(self, grams: U64) -> NDArray[np.uint16]:
        """Rows that have all of `grams`, rising."""
        at = np.searchsorted(self.grams, grams)
        if (at >= len(self.grams)).any() or (self.grams[at] != grams).any():
            return np.empty(0, np.uint16)
        bounds = sorted(((int(self.starts[i]), int(self.starts[i + 1])) for i in at), key=lambda b: b[1] - b[0])
        found = np.asarray(self.rows[slice(*bounds[0])])
        for bound in bounds[1:]:
            if not len(found):
                break
            there = np.zeros(MOST_ROWS, np.bool_)
            there[self.rows[slice(*bound)]] = True
            found = found[there[found]]
        return found


def grams_of(word: str) -> U64:
    """The pairs of a folded word, each once."""
    return np.unique(_pairs(np.array([ord(char) for char in word], np.uint64)))


def _pairs(points: U64) -> U64:
    return (points[:-1] << _SHIFT) | points[1:]


def make(rows: pl.DataFrame) -> IndexPiece:
    """A piece of `rows` (the columns of `ROWS`, at most `MOST_ROWS`)."""
    return IndexPiece(*_lists(rows["text"]), _texts(rows), _chats(rows))


def write(made: IndexPiece, folder: Path) -> str:
    """Write a piece into `folder`; returns its name."""
    name = uuid.uuid4().hex
    draft = folder / f"{name}.part"
    draft.mkdir(parents=True)
    try:
        for part, array in (("grams", made.grams), ("starts", made.starts), ("rows", made.rows)):
            np.save(draft / f"{part}.npy", array)
        for part, frame in (("texts", made.texts), ("chats", made.chats)):
            frame.write_ipc(draft / f"{part}.arrow", compression="uncompressed")
        draft.rename(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return name


def read(folder: Path) -> IndexPiece:
    """The piece in `folder`, mapped into memory. Raises `OSError` or `ValueError` when it is not whole."""
    grams, starts, rows = (np.load(folder / f"{part}.npy", mmap_mode="r") for part in ("grams", "starts", "rows"))
    texts, chats = (_mapped(folder / f"{part}.arrow") for part in ("texts", "chats"))
    return IndexPiece(grams, starts, rows, texts, chats)


def _lists(texts: pl.Series) -> tuple[U64, NDArray[np.uint32], NDArray[np.uint16]]:
    """The pairs of all texts as one array of (pair, row), sorted: what a list is made of stands together then."""
    points = codes(texts.str.join("").item() or "")
    lengths = texts.str.len_chars().to_numpy().astype(np.int64)
    packed = points[:-1] << (_SHIFT + _ROW)
    packed |= points[1:] << _ROW
    packed |= np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)[: len(packed)]
    packed = np.delete(packed, _across(lengths)) if len(packed) else packed
    packed.sort()
    fresh = np.ones(len(packed), np.bool_)
    np.not_equal(packed[1:], packed[:-1], out=fresh[1:])
    packed = packed[fresh]
    grams = packed >> _ROW
    begins = np.ones(len(grams), np.bool_)
    np.not_equal(grams[1:], grams[:-1], out=begins[1:])
    first = np.flatnonzero(begins)
    return grams[first], np.append(first, len(packed)).astype(np.uint32), packed.astype(np.uint16)


def _across(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places in the joined texts whose pair is no pair of one message."""
    ends = np.cumsum(lengths)
    return np.unique(ends[(ends > 0) & (ends < ends[-1])] - 1)


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("seq", "role", "text")


def digested(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`conversation_key`, `customer`, `digest` of conversations: what a piece keeps of each has changed when this
    has."""
    return rows.group_by("conversation_key").agg(
        pl.col("customer").first(), digest=pl.struct("seq", "role", "text").hash().sum()
    )


def _chats(rows: pl.DataFrame) -> pl.DataFrame:
    places = (
        rows.with_row_index("row")
        .group_by("conversation_key", maintain_order=True)
        .agg(first=pl.col("row").first(), count=pl.len())
    )
    return places.join(
        digested(rows.lazy()).collect(), on="conversation_key", how="left", maintain_order="left"
    ).select("conversation_key", "customer", "digest", "first", "count")


def _mapped(file: Path) -> pl.DataFrame:
    """A frame whose columns stay in the file until they are read."""
    with pa.memory_map(str(file)) as source:
        frame = pl.from_arrow(pa.ipc.open_file(source).read_all())
    assert isinstance(frame, pl.DataFrame)
    return frame
