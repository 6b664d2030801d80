"""A piece of a file through its mapping: named, typed columns, and a problem for every cell that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from qa.ingest import values
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog

ROUNDED = r"^\s*\d(\.\d+)?E\+\d+\s*$"


def untidy(name: str) -> pl.Expr:
    """Whether a text cell must be looked at: space around it, or like a rounded number. Empty and null ones need
    not."""
    return (pl.col(name).str.strip_chars() != pl.col(name)) | pl.col(name).str.contains(ROUNDED)


def filled(name: str) -> pl.Expr:
    """The column with null for empty cells."""
    return pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)


@dataclass
class Cells:
    """The cells of one piece. Methods return one column each and note what is wrong; `bad` marks rows to leave out."""

    frame: pl.DataFrame
    mapping: Mapping
    zone: ZoneInfo
    log: ProblemLog

    def __post_init__(self) -> None:
        self.bad = pl.Series("bad", [False]).new_from_index(0, self.frame.height)

    def has(self, field: str) -> bool:
        return field in self.mapping.columns or field in self.mapping.constants

    def raw(self, field: str) -> pl.Series:
        """The column of `field` as it stands; its constant, or nulls."""
        header = self.mapping.columns.get(field)
        if header is not None:
            return self.frame[header].alias(field)
        return pl.Series(field, [self.mapping.constants.get(field)], dtype=pl.String).new_from_index(
            0, self.frame.height
        )

    def text(self, field: str) -> pl.Series:
        """Trimmed text; empty cells are null."""
        if field not in self.mapping.columns:
            return self.raw(field)
        column, words = self.raw(field).cast(pl.String), values.words_for({}, self.mapping.values.get(field, {}))
        # most cells are as they should be: only the others are looked at, and of those each different one once
        cells = column.unique().to_frame("c")
        odd = (cells.drop_nulls() if words else cells.filter((pl.col("c") == "") | untidy("c")))["c"]
        if odd.is_empty():
            return column
        if field.endswith("_id") and (rounded := odd.filter(odd.str.contains(ROUNDED))).len():
            self._note("rounded_id", field, column.is_in(rounded.implode()), column)
        changed = {
            cell: words.get(cell.strip(), words.get(cell.strip().casefold(), cell.strip())) or None for cell in odd
        }
        changed = {cell: word for cell, word in changed.items() if cell != word}
        return column.replace(changed) if changed else column

    def time(self, field: str, code: str = "bad_time") -> pl.Series:
        """Moments in UTC. A cell that is no time makes its row bad (or is only noted, by the severity of `code`)."""
        raw = self.raw(field)
        if raw.dtype == values.UTC:
            return raw
        formats = self.mapping.formats.get(field, ())
        moments, cells = values.parse_times(raw, formats[:1], self.zone, only=bool(formats)), raw
        if (
            moments.null_count()
            and raw.dtype == pl.String
            and (open_ := moments.is_null() & (raw.str.len_bytes() > 0)).any()
        ):
            cells = raw.to_frame().select(values.blank_to_null(field)).to_series()
            index = open_.arg_true()
            moments = moments.scatter(index, values.parse_times(cells.gather(index), formats, self.zone))
        (
            self._note(code, field, moments.is_null() & cells.is_not_null(), cells, bad=code == "bad_time")
            if moments.null_count()
            else None
        )
        return moments

    def role(self, field: str = "role") -> pl.Series:
        """Who spoke; unknown words make the row bad."""
        cells = self.raw(field).cast(pl.String)
        roles = values.translate(cells, values.words_for(values.ROLES, self.mapping.values.get(field, {})))
        unknown = roles.is_null()
        if unknown.any():
            empty = cells.is_null() | (cells.str.strip_chars() == "")
            self._note("missing", field, unknown & empty, cells, bad=True)
            self._note("unknown_role", field, unknown & ~empty, cells, bad=True)
        return roles.alias(field)

    def score(self, field: str, code: str = "bad_score") -> pl.Series:
        """1 worst … 5 best."""
        cells = self.text_of_score(field)
        found = values.scores(cells, self.mapping.values.get(field, {}), self.mapping.scales.get(field))
        self._note(code, field, found.is_null() & cells.is_not_null(), cells, bad=code == "bad_rating")
        return found.alias(field)

    def text_of_score(self, field: str) -> pl.Series:
        """The cells of a score before they are read."""
        raw = self.raw(field).cast(pl.String)
        return raw.to_frame().select(values.blank_to_null(field)).to_series()

    def money(self, field: str) -> pl.Series:
        """Hundredths; a column of whole numbers (from a program, not a file) is hundredths already."""
        if (raw := self.raw(field)).dtype.is_integer():
            return raw.cast(pl.Int64)
        cells = self.text(field)
        cents = values.money(cells)
        self._note("bad_number", field, cents.is_null() & cells.is_not_null(), cells, bad=True)
        return cents

    def integer(self, field: str) -> pl.Series:
        """Whole numbers."""
        if (raw := self.raw(field)).dtype.is_integer():
            return raw.cast(pl.Int64)
        cells = self.text(field)
        numbers = cells.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
        self._note("bad_number", field, numbers.is_null() & cells.is_not_null(), cells, bad=True)
        return numbers

    def need(self, field: str, cells: pl.Series) -> pl.Series:
        """Rows without this cell are bad."""
        self._note("missing", field, cells.is_null(), None, bad=True)
        return cells

    def reject(self, code: str, field: str, where: pl.Series) -> None:
        """Mark rows bad for a reason found outside."""
        self._note(code, field, where, None, bad=True)

    def warn(self, code: str, field: str, where: pl.Series) -> None:
        """Note something that keeps no row out."""
        self._note(code, field, where, None)

    def _note(self, code: str, field: str, where: pl.Series, cells: pl.Series | None, bad: bool = False) -> None:
        where = where.fill_null(False) & ~self.bad
        if not where.any():
            return
        rows = (
            self.frame.select("file_row")
            .with_columns(said=cells if cells is not None else pl.lit(None, dtype=pl.String))
            .filter(where)
        )
        self.log.add(code, field, rows, "said")
        if bad:
            self.bad = self.bad | where
