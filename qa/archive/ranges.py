"""Messages cut into ranges of complete conversations: the unit of work of a screening, bounded in memory.

The files of one archive version are laid end to end and cut after so many rows. A conversation belongs to the range in
which its first message lies; exports are written in the order of time, so a few of its messages lie behind the cut,
among those of later ones. Each range therefore names, beside its window of rows, the rows of the window that it leaves
to an earlier range and the rows behind it that it takes along. Knows row positions and keys, not what a message says.
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

CUT = 2
"""Number of this way to cut: what was done for ranges cut in another way does not count for these."""

HASH = pl.col("conversation_key").hash()
"""Eight bytes, whatever the key. Two keys of one hash go the same way, and a file may be read for nothing, no more."""

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Rows = tuple[int, ...]
_ROW = "row of the file"


@dataclass(frozen=True)
class RowRange:
    """Rows [offset, offset + length) of one Parquet file, without `left` and with `more` (row numbers of the file,
    rising)."""

    uri: str
    offset: int
    length: int
    left: Rows = ()
    more: Rows = ()

    def scan(self) -> pl.LazyFrame:
        """The messages, in the order of the file."""
        whole = pl.scan_parquet(self.uri)
        window = whole.slice(self.offset, self.length)
        if self.left:
            window = _chosen(window, [row - self.offset for row in self.left], without=True)
        if not self.more:
            return window
        first, last = self.more[0], self.more[-1]
        behind = _chosen(whole.slice(first, last - first + 1), [row - first for row in self.more])
        return pl.concat([window, behind]) if self.length else behind


def _chosen(frame: pl.LazyFrame, rows: Sequence[int], *, without: bool = False) -> pl.LazyFrame:
    at = pl.col(_ROW).is_in(pl.Series(rows, dtype=pl.UInt32).implode())
    return frame.with_row_index(_ROW).filter(~at if without else at).drop(_ROW)


@dataclass(frozen=True)
class Range:
    """Complete conversations: the pieces in order. Small enough to send to another machine."""

    pieces: tuple[RowRange, ...]

    @property
    def rows(self) -> int:
        """Rows of the windows: over all ranges, every message once."""
        return sum(piece.length for piece in self.pieces)

    def scan(self) -> pl.LazyFrame:
        """The messages of this range."""
        return pl.concat([piece.scan() for piece in self.pieces])


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
    wanted = None if chats is None else chats.select(HASH).collect(engine="streaming").to_series().sort()
    files = []
    for row in actions.iter_rows(named=True):
        name = str(row["path"]).rsplit("/", 1)[-1]
        if row["num_records"] and (wanted is None or _holds(uris[name], wanted)):
            files.append((row["modification_time"], name, RowRange(uris[name], 0, int(row["num_records"]))))
    return [piece for _, _, piece in sorted(files, key=lambda file: file[:2])]


def _keys(uri: str) -> pl.Series:
    """Hash of the key of every row of a file, in its order."""
    return pl.scan_parquet(uri).select(HASH).collect().to_series()


def _holds(uri: str, wanted: pl.Series) -> bool:
    """Whether the file has messages of any of the keys with the hashes `wanted`, which are sorted: looked up one by
    one, for a set of all of them made anew for every file would cost files times conversations."""
    if wanted.is_empty():
        return False
    keys = _keys(uri).unique()
    near = wanted.gather(wanted.search_sorted(keys).clip(upper_bound=len(wanted) - 1))
    return bool((near == keys).any())


def cut(files: Sequence[RowRange], batch: int) -> list[Range]:
    """Ranges of about `batch` messages that together cover `files` (whole ones), each conversation inside one of them.

    Reads the key column only, a file at a time, three times: where windows end, which conversations stand in several
    files, which rows lie in another window than their conversation; memory is about 50 bytes a conversation, of at most
    `TOGETHER` messages.
    """
    edges = np.append(0, np.cumsum([piece.length for piece in files], dtype=np.int64))
    if edges[-1] == 0:
        return []
    stops = _stops(files, edges, batch)
    rows, left, more = _moved(files, edges, stops, _spread(files, edges))
    return _ranges(files, edges, stops, _by_range(rows, left, len(stops)), _by_range(rows, more, len(stops)))


def _runs(keys: U64) -> I64:
    """Rows at which runs of equal keys start; the first row is one."""
    return np.append(0, np.flatnonzero(keys[1:] != keys[:-1]) + 1)


def _stops(files: Sequence[RowRange], edges: I64, batch: int) -> I64:
    """Rows at which windows end: run starts nearest below every so many rows, at least one run in each."""
    stops: list[int] = []
    at, before, last = 0, 0, None
    for number, piece in enumerate(files):
        keys = _keys(piece.uri).to_numpy()
        if not len(keys):
            continue
        starts = _runs(keys) + edges[number]
        starts, last = (starts[1:] if last == keys[0] else starts), keys[-1]  # a run may go on from file to file
        while at + batch < edges[number + 1]:
            found = int(np.searchsorted(starts, at + batch, side="right"))
            stop = int(starts[found - 1]) if found else before
            if stop <= at:
                if found == len(starts):
                    break  # one run alone is more than a window: it ends in a later file
                stop = int(starts[found])
            stops.append(stop)
            at = stop
        before = int(starts[-1]) if len(starts) else before
    return np.array([*stops, edges[-1]], np.int64)


TOGETHER = 200_000_000
"""Messages whose conversations are compared at once: of more, one part of the keys after the other."""


def _spread(files: Sequence[RowRange], edges: I64) -> tuple[U64, I64]:
    """Conversations with messages in several files: their hashes, rising, and the row with which each begins."""
    parts = int(edges[-1]) // TOGETHER + 1
    found = [_spread_part(files, edges, part, parts) for part in range(parts)]
    hashes, first = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    order = np.argsort(hashes)
    return hashes[order], first[order]


def _spread_part(files: Sequence[RowRange], edges: I64, part: int, parts: int) -> tuple[U64, I64]:
    hashes: list[U64] = [np.empty(0, np.uint64)]
    rows: list[I64] = [np.empty(0, np.int64)]
    for number, piece in enumerate(files):
        keys, first = np.unique(_keys(piece.uri).to_numpy(), return_index=True)
        mine = slice(None) if parts == 1 else keys % np.uint64(parts) == part
        hashes.append(keys[mine])
        rows.append(first[mine] + edges[number])
    every = np.concatenate(hashes)
    order = np.argsort(every, kind="stable")  # files are in order: of equal ones the first comes first
    every = every[order]
    begins = np.ones(len(every), np.bool_)
    np.not_equal(every[1:], every[:-1], out=begins[1:])
    several = begins & np.append(~begins[1:], False)
    return every[several], np.concatenate(rows)[order[several]]


def _moved(files: Sequence[RowRange], edges: I64, stops: I64, spread: tuple[U64, I64]) -> tuple[I64, I64, I64]:
    """Rows, rising, that lie in another window than the one in which their conversation begins; with both windows."""
    found: list[tuple[I64, I64, I64]] = [(np.empty(0, np.int64),) * 3]
    for number, piece in enumerate(files):
        keys = _keys(piece.uri).to_numpy()
        if not len(keys):
            continue
        runs = _runs(keys)
        starts, begins = runs + edges[number], _first_rows(keys[runs], runs + edges[number], spread)
        here = np.searchsorted(stops, starts, side="right")  # the window in which a run lies
        owner = np.searchsorted(stops, begins, side="right")  # the one its conversation belongs to
        moved = np.flatnonzero(here != owner)
        lengths = np.append(runs[1:], len(keys))[moved] - runs[moved]
        rows = np.repeat(starts[moved] - np.append(0, np.cumsum(lengths)[:-1]), lengths) + np.arange(lengths.sum())
        found.append((rows, np.repeat(here[moved], lengths), np.repeat(owner[moved], lengths)))
    rows, left, more = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return rows, left, more


def _first_rows(hashes: U64, starts: I64, spread: tuple[U64, I64]) -> I64:
    """For every run of a file the row with which its conversation begins, here or in an earlier file."""
    known, number = np.unique(hashes, return_inverse=True)
    first = np.full(len(known), np.iinfo(np.int64).max)
    np.minimum.at(first, number, starts)
    if len(spread[0]):
        at = np.minimum(np.searchsorted(spread[0], known), len(spread[0]) - 1)
        first = np.where(spread[0][at] == known, spread[1][at], first)
    return first[number]


def _by_range(rows: I64, ranges: I64, count: int) -> list[I64]:
    """`rows` (rising) of each range."""
    order = np.argsort(ranges, kind="stable")
    return np.split(rows[order], np.searchsorted(ranges[order], np.arange(1, count)))


def _ranges(files: Sequence[RowRange], edges: I64, stops: I64, left: Sequence[I64], more: Sequence[I64]) -> list[Range]:
    """`edges`: where each file begins among all rows, and the end of the last; the rest by range."""
    ranges: list[Range] = []
    begin = 0
    for stop, without, beside in zip(stops.tolist(), left, more, strict=True):
        touched = set(range(_file(edges, begin), _file(edges, stop - 1) + 1)) | set(_files(edges, beside))
        ranges.append(Range(tuple(_piece(files, edges, n, (begin, stop), without, beside) for n in sorted(touched))))
        begin = stop
    return ranges


def _piece(
    files: Sequence[RowRange], edges: I64, number: int, window: tuple[int, int], without: I64, beside: I64
) -> RowRange:
    first, last = int(edges[number]), int(edges[number + 1])
    low, high = max(window[0], first), min(window[1], last)

    def of_file(rows: I64) -> Rows:
        return tuple((rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)] - first).tolist())

    if high <= low:
        return RowRange(files[number].uri, 0, 0, more=of_file(beside))
    return RowRange(files[number].uri, low - first, high - low, of_file(without), of_file(beside))


def _file(edges: I64, row: int) -> int:
    return int(np.searchsorted(edges, row, side="right")) - 1


def _files(edges: I64, rows: I64) -> list[int]:
    return [] if not len(rows) else np.unique(np.searchsorted(edges, rows, side="right") - 1).tolist()
