"""Which conversations hold a word: asked of the index, or of the archive's messages where the index cannot answer.

Both give the same answer. The index answers words of two characters and more from its lists and looks only at the texts
they leave; one character is looked for in all texts. A reader of masked text finds what masked text says: what masking
leaves untouched stands in the whole text as well, so the whole text leads to the messages, and those that masking
changes are asked again as it leaves them, at the moment of the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from qa.archive import Snapshot
from qa.conversations.folding import pattern
from qa.conversations.segments import IndexPiece, grams_of
from qa.transcripts import hidden_rows

Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]
SCANNED_FROM = 3
"""From one message in three on it is quicker to look at all of them than to pick them out."""
LINES = {"row": pl.Int64, "seq": pl.Int32, "role": pl.String, "text": pl.String}


class Messages(Protocol):
    """The messages of the conversations of a list, by the row of the conversation in it."""

    by_index: bool

    def holding(self, word: str, *, masked: bool) -> Flags:
        """For each conversation whether one of its messages has the folded `word`."""

    def of(self, rows: Sequence[int]) -> pl.DataFrame:
        """The messages of some conversations, with the columns of `LINES`, in order; unmasked."""


def _is_in(texts: pl.Series, word: str) -> pl.Series:
    way = pattern(word)
    return texts.str.contains(word, literal=True) if way == word else texts.str.contains(way)


class IndexedMessages:
    """The messages of an index. `keys` are the conversations of the list."""

    by_index = True

    def __init__(self, pieces: Sequence[IndexPiece], keys: pl.Series) -> None:
        self._pieces = pieces
        self._size = len(keys)
        self._starts = np.cumsum([0, *(piece.height for piece in pieces)])
        self._texts = _joined(
            [piece.texts for piece in pieces], {name: LINES[name] for name in ("seq", "role", "text")}
        )
        places = _joined(
            [
                piece.chats.select("conversation_key", pl.col("first").cast(pl.Int64) + int(start), "count", "customer")
                for piece, start in zip(pieces, self._starts[:-1], strict=True)
            ],
            {"conversation_key": pl.String, "first": pl.Int64, "count": pl.UInt32, "customer": pl.String},
        )
        listed = pl.DataFrame({"conversation_key": keys}).with_row_index("row")
        self._places = places.join(listed, on="conversation_key", how="left", maintain_order="left").select(
            pl.col("row").cast(pl.Int64).fill_null(self._size), "first", "count", "customer"
        )
        self._chat = np.repeat(np.arange(places.height, dtype=np.int32), self._places["count"].to_numpy())
        self._owner = self._places["row"].to_numpy().astype(np.int32)[self._chat]

    def holding(self, word: str, *, masked: bool) -> Flags:
        rows = self.rows(word)
        if masked:
            rows = self._as_masked(rows, word)
        flags = np.zeros(self._size + 1, np.bool_)  # the last one stands for conversations that are not in the list
        flags[self._owner[rows]] = True
        return flags[:-1]

    def rows(self, word: str) -> Rows:
        """The messages that have `word`, counted through all pieces."""
        if len(word) == 1:
            return _is_in(self._texts["text"], word).arg_true().to_numpy().astype(np.int64)
        grams = grams_of(word)
        rows: Rows = np.concatenate(
            [piece.candidates(grams) + start for piece, start in zip(self._pieces, self._starts[:-1], strict=True)]
            or [np.empty(0, np.int64)]
        )
        if len(word) == 2 or not len(rows):
            return rows
        texts = self._texts["text"]
        if len(rows) * SCANNED_FROM > len(texts):
            return _is_in(texts, word).arg_true().to_numpy().astype(np.int64)
        found: Rows = rows[_is_in(texts.gather(rows), word).to_numpy()]
        return found

    def _as_masked(self, rows: Rows, word: str) -> Rows:
        """Those of `rows` that have `word` also as masking leaves them."""
        customers = self._places["customer"].gather(self._chat[rows])
        changed = hidden_rows(pl.DataFrame({"text": self._texts["text"].gather(rows), "customer": customers}))
        gone = changed.filter(~_is_in(changed["text"], word))["row"]
        kept: Rows = np.delete(rows, gone.to_numpy())
        return kept

    def of(self, rows: Sequence[int]) -> pl.DataFrame:
        wanted = self._places.filter(pl.col("row").is_in(list(rows)))
        parts = [
            self._texts.slice(first, count).select(pl.lit(row, pl.Int64).alias("row"), "seq", "role", "text")
            for row, first, count in wanted.select("row", "first", "count").iter_rows()
        ]
        return pl.concat(parts).sort("row", "seq") if parts else pl.DataFrame(schema=LINES)


def _joined(frames: Sequence[pl.DataFrame], schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    """All frames as one, without a copy of their texts."""
    return pl.concat(frames, rechunk=False) if frames else pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class ArchiveMessages:
    """The messages of the archive at one version, read anew for every question."""

    snapshot: Snapshot
    keys: pl.Series
    by_index = False

    def holding(self, word: str, *, masked: bool) -> Flags:
        found = self._scan().filter(pl.col("text").str.contains(pattern(word)))
        listed = self._listed()
        if masked:
            frame = found.join(listed, on="conversation_key", how="inner").collect(engine="streaming")
            names = self._customers()
            rows = frame.join(names, on="conversation_key", how="left", maintain_order="left")
            changed = hidden_rows(rows)
            gone = changed.filter(~_is_in(changed["text"], word))["row"]
            hit = rows.with_row_index("at").filter(~pl.col("at").is_in(gone.implode()))["row"]
        else:
            keys = found.select("conversation_key").unique()
            hit = keys.join(listed, on="conversation_key", how="inner").collect(engine="streaming")["row"]
        flags = np.zeros(len(self.keys), np.bool_)
        flags[hit.to_numpy()] = True
        return flags

    def of(self, rows: Sequence[int]) -> pl.DataFrame:
        listed = self._listed().filter(pl.col("row").is_in(list(rows)))
        wanted = self.keys.gather(list(rows)).implode()
        found = self._scan().filter(pl.col("conversation_key").is_in(wanted))
        return found.join(listed, on="conversation_key").select(list(LINES)).sort("row", "seq").collect()

    def _scan(self) -> pl.LazyFrame:
        columns = ("conversation_key", "seq", "role", pl.col("text").fill_null(""))
        return self.snapshot.scan("messages").select(*columns)

    def _listed(self) -> pl.LazyFrame:
        rows = pl.int_range(len(self.keys), dtype=pl.Int64, eager=True)
        return pl.LazyFrame({"conversation_key": self.keys, "row": rows})

    def _customers(self) -> pl.DataFrame:
        return self.snapshot.scan("conversations").select("conversation_key", customer="customer_id").collect()
