"""Numbers that add up over the pieces of a file: one of each kind a conversation, found by its code."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

NO_TIME = np.iinfo(np.int64).min
Numbers = npt.NDArray[np.int64]


@dataclass
class Tally:
    """Numbers of every conversation of the file, by its code (0, 1, 2 … in order of appearance)."""

    size: int = 0
    count: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    agent_count: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    first_at: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    last_at: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    newest: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    first_row: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    seq_sum: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    seq_squares: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    untidy: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    paged: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    united: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    part: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def grow(self, size: int) -> None:
        """Make room for codes below `size`."""
        self.size = max(self.size, size)
        if size <= len(self.count):
            return
        room = max(size, 2 * len(self.count), 1024)
        for name, start in (
            ("count", 0),
            ("agent_count", 0),
            ("hashes", 0),
            ("first_at", np.iinfo(np.int64).max),
            ("last_at", NO_TIME),
            ("newest", NO_TIME),
            ("first_row", np.iinfo(np.int64).max),
            ("seq_sum", 0),
            ("seq_squares", 0),
            ("untidy", False),
            ("paged", False),
            ("united", False),
            ("part", False),
            ("paged", False),
            ("united", False),
            ("part", False),
        ):
            old = getattr(self, name)
            new = np.full(room, start, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)


class Groups:
    """The rows of one piece grouped by conversation code: one stable sort that every sum then uses."""

    def __init__(self, codes: npt.NDArray[np.uint32]) -> None:
        low = codes.min()
        # numbers of 16 bits are sorted by counting, five times as fast
        near = (codes - low).astype(np.uint16) if codes.max() - low < 1 << 16 else codes
        self.order = np.argsort(near, kind="stable")
        self.sorted = codes[self.order]
        self.starts = np.concatenate([[0], np.flatnonzero(self.sorted[1:] != self.sorted[:-1]) + 1])
        self.codes = self.sorted[self.starts]
        self.lengths = np.diff(np.append(self.starts, len(codes)))

    def rank(self) -> Numbers:
        """Number of each row among the rows of its conversation in this piece, in file order."""
        ranks = np.empty(len(self.order), np.int64)
        ranks[self.order] = np.arange(len(self.order)) - np.repeat(self.starts, self.lengths)
        return ranks

    def reduce(self, how: np.ufunc, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """One value a conversation."""
        return how.reduceat(values[self.order], self.starts)

    def first(self, values: Numbers) -> Numbers:
        """The value of the first row of each conversation."""
        found: Numbers = values[self.order[self.starts]]
        return found

    def bounds(self, at: Numbers) -> tuple[Numbers, Numbers]:
        """Earliest and latest time of each conversation; without any time, the start values of the tally."""
        times = at[self.order]
        known = np.where(times == NO_TIME, np.iinfo(np.int64).max, times)
        return np.minimum.reduceat(known, self.starts), np.maximum.reduceat(times, self.starts)

    def disordered(self, at: Numbers) -> tuple[npt.NDArray[np.uint32], int]:
        """Codes of conversations whose times fall somewhere in file order; how much more often times fall than rise."""
        times = at[self.order]
        known = np.flatnonzero(times != NO_TIME)
        codes, times = self.sorted[known], times[known]
        same = codes[1:] == codes[:-1]
        fall = same & (times[1:] < times[:-1])
        falls = int(np.count_nonzero(fall))
        return np.unique(codes[1:][fall]), 2 * falls - int(np.count_nonzero(same & (times[1:] != times[:-1])))
