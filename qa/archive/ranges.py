"""Where the message files can be cut so that no conversation is torn: the unit of work of a screening.

The files of one archive version are laid end to end; a cut is clean where no conversation has messages on both sides.
Imports write conversations one after the other, so nearly every boundary is clean; where files are interleaved the
ranges simply grow. Knows row positions and keys, not what a message says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from qa.archive import Snapshot
from qa.archive.delta import StoredTable

NO_IMPORT = -1
"""Stands for rows that came without an import (their `import_id` is null)."""

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class RowRange:
    """Rows [offset, offset + length) of one Parquet file."""

    uri: str
    offset: int
    length: int


@dataclass(frozen=True)
class Range:
    """Complete conversations: the pieces in order. Small enough to send to another machine."""

    pieces: tuple[RowRange, ...]

    @property
    def rows(self) -> int:
        return sum(piece.length for piece in self.pieces)

    def scan(self) -> pl.LazyFrame:
        """The messages of this range."""
        return pl.concat([pl.scan_parquet(piece.uri).slice(piece.offset, piece.length) for piece in self.pieces])


def message_files(snapshot: Snapshot, chats: pl.LazyFrame | None = None) -> list[RowRange]:
    """The message files of `snapshot`, whole, in the order they were written; only those with messages of `chats`
    (`conversation_key`).

    Messages keep the import that brought them when a later one changes their conversation: the keys decide, not the
    imports.
    """
    version = snapshot.tables["messages"]
    if version < 0:
        return []
    table = StoredTable(f"{snapshot.root}/messages", version=version)
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    uris = {uri.rsplit("/", 1)[-1]: uri for uri in table.file_uris()}
    wanted = None if chats is None else chats.select("conversation_key").collect().to_series()
    files = []
    for row in actions.iter_rows(named=True):
        name = str(row["path"]).rsplit("/", 1)[-1]
        if row["num_records"] and (wanted is None or _holds(uris[name], wanted)):
            files.append((name.split("-", 2)[-1], name, RowRange(uris[name], 0, int(row["num_records"]))))
    # one write names its files part-00000-<write>, part-00001-<write> …: neighbours share conversations at their ends
    return [piece for _, _, piece in sorted(files, key=lambda file: file[:2])]


def _holds(uri: str, wanted: pl.Series) -> bool:
    return bool(pl.scan_parquet(uri).select(pl.col("conversation_key").is_in(wanted.implode()).any()).collect().item())


def cut(files: Sequence[RowRange], batch: int) -> list[Range]:
    """Ranges of about `batch` messages that together cover `files`, each conversation inside one of them.

    Reads the key column only; memory is 16 bytes a conversation.
    """
    hashes, starts, total = _runs(files)
    if total == 0:
        return []
    clean = _clean_starts(hashes, starts, total)
    stops: list[int] = []
    at = 0
    while at < total:
        if at + batch >= total:
            stop = total
        else:
            found = int(np.searchsorted(clean, at + batch, side="right"))
            stop = int(clean[found - 1])
            if stop <= at:
                stop = int(clean[found]) if found < len(clean) else total
        stops.append(stop)
        at = stop
    return _ranges(files, stops)


def _runs(files: Sequence[RowRange]) -> tuple[U64, I64, int]:
    """Hash and first row of every run of equal keys, over all files laid end to end."""
    hashes: list[U64] = []
    starts: list[I64] = []
    total, last = 0, None
    for piece in files:
        keys = pl.scan_parquet(piece.uri).select(pl.col("conversation_key").hash()).collect().to_series().to_numpy()
        if not len(keys):
            continue
        changes = np.ones(len(keys), dtype=np.bool_)
        changes[1:] = keys[1:] != keys[:-1]
        changes[0] = last is None or keys[0] != last
        first = np.flatnonzero(changes)
        hashes.append(keys[first])
        starts.append(first.astype(np.int64) + total)
        total, last = total + len(keys), keys[-1]
    if not hashes:
        return np.empty(0, np.uint64), np.empty(0, np.int64), 0
    return np.concatenate(hashes), np.concatenate(starts), total


def _clean_starts(hashes: U64, starts: I64, total: int) -> I64:
    """Row numbers where a range may begin: no conversation reaches across."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    again = ordered[1:] == ordered[:-1]
    if not again.any():
        return starts
    ends = np.append(starts[1:], total)
    group = np.concatenate(([0], np.cumsum(~again)))
    last_of_group = np.zeros(int(group[-1]) + 1, np.int64)
    np.maximum.at(last_of_group, group, ends[order])
    reach = np.empty_like(ends)
    reach[order] = last_of_group[group]
    covered = np.concatenate(([0], np.maximum.accumulate(reach)[:-1]))
    return starts[covered <= starts]


def _ranges(files: Sequence[RowRange], stops: Sequence[int]) -> list[Range]:
    ranges: list[Range] = []
    remaining = list(reversed(files))
    at = 0
    for stop in stops:
        pieces: list[RowRange] = []
        while at < stop:
            piece = remaining.pop()
            length = min(piece.length, stop - at)
            pieces.append(RowRange(piece.uri, piece.offset, length))
            if length < piece.length:
                remaining.append(RowRange(piece.uri, piece.offset + length, piece.length - length))
            at += length
        ranges.append(Range(tuple(pieces)))
    return ranges
