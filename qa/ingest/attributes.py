"""What a file says of a conversation as a whole: the first value of each attribute, by the conversation's code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from qa.ingest.chats import ATTRIBUTES
from qa.ingest.tally import Groups

ID = "conversation_id"
Read = Callable[[list[str], pl.DataFrame], list[pl.Series]]
"""Types the cells of attributes: (names, rows with those columns and `file_row`)."""


class Attributes:
    """Keeps a value of every attribute for every conversation code, without holding on to the pieces it came from."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[str, npt.NDArray[np.bool_]] = {}
        self._told: dict[str, list[pl.DataFrame]] = {}

    def note(self, frame: pl.DataFrame, groups: Groups, fresh: npt.NDArray[np.bool_], size: int) -> None:
        """Keep what a piece says. `fresh`: which of the groups are conversations not met before; `size`: codes given
        so far."""
        codes = frame["c"].to_numpy()
        names = [name for name in (ID, *ATTRIBUTES) if name in frame.columns]
        self._keep(names, frame, np.sort(groups.order[groups.starts[fresh]]), size)
        for name in names[1:]:  # what the first row of a conversation did not say, a later one may
            late = ~self._room(name, size)[codes]
            if late.any():
                cell = pl.col(name)
                filled = (cell != "").fill_null(False) if frame[name].dtype == pl.String else cell.is_not_null()
                places = np.flatnonzero(late & frame.select(filled).to_series().to_numpy())
                self._keep([name], frame, places[np.unique(codes[places], return_index=True)[1]], size)

    def describe(self, frame: pl.DataFrame, size: int) -> pl.DataFrame:
        """Attributes given apart from the messages: `conversation_id`, `file_row` and any of `ATTRIBUTES`.

        Returns the rows whose conversation has no messages.
        """
        if ID not in self._told:
            return frame
        rows = frame.unique(ID, keep="first", maintain_order=True).join(
            self.ids(), on=ID, how="left", maintain_order="left"
        )
        placed = rows.drop_nulls("c")
        for name in ATTRIBUTES:
            if name in placed.columns:
                known = self._room(name, size)
                given = placed.select("c", name).drop_nulls()
                fresh = given.filter(pl.Series(~known[given["c"].to_numpy()]))
                if fresh.height:
                    self._told.setdefault(name, []).append(fresh)
        return rows.filter(pl.col("c").is_null())

    def ids(self) -> pl.DataFrame:
        """Every conversation met: `c`, `conversation_id`."""
        if ID not in self._told:
            return pl.DataFrame(schema={"c": pl.UInt32, ID: pl.String})
        return pl.concat(self._told[ID])

    def take(self, size: int) -> list[pl.Series]:
        """A series per attribute that was told, named after it, with the value of each code below `size` at its place;
        null where none is known. What is taken is no longer kept."""
        names = [name for name in (ID, *ATTRIBUTES) if name in self._told]
        return [_by_code(self._told.pop(name), name, size).alias(name) for name in names]

    def _room(self, name: str, size: int) -> npt.NDArray[np.bool_]:
        """Of which conversations the attribute is known, by code."""
        known = self._known.get(name, np.zeros(0, np.bool_))
        if len(known) < size:
            known = np.concatenate([known, np.zeros(max(size, 2 * len(known)) - len(known), np.bool_)])
            self._known[name] = known
        return known

    def _keep(self, names: list[str], frame: pl.DataFrame, places: npt.NDArray[np.intp], size: int) -> None:
        if not len(places):
            return
        rows = frame.select("c", "file_row", *names)[places]
        read = [name for name in names if name != ID]
        rows = compact(
            rows.with_columns(cells.alias(name) for name, cells in zip(read, self._read(read, rows), strict=True))
        )
        for name in names:
            told = rows.select("c", name)
            told = told.drop_nulls() if told[name].null_count() else told
            if told.height:
                self._room(name, size)[told["c"].to_numpy()] = True
                self._told.setdefault(name, []).append(told)


def _by_code(parts: list[pl.DataFrame], name: str, size: int) -> pl.Series:
    told = pl.concat(parts)
    places = np.full(size, -1, np.int64)
    places[told["c"].to_numpy()] = np.arange(told.height)
    if told.height == size and (places == np.arange(size)).all():
        return told[name]
    return told[name].gather(pl.Series(places).replace(-1, None))


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory of their own: a filtered string column otherwise keeps the whole piece alive."""
    copied: pl.DataFrame = pl.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))  # type: ignore[assignment]
    return copied
