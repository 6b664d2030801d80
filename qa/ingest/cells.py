"""A piece of a file through its mapping: named, typed columns, and a problem for every cell that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from qa.ingest import moments, values, vocabulary
from qa.ingest.mapping import SEPARATOR, Mapping
from qa.ingest.problems import ProblemLog

ROUNDED = r"^\s*(?:\d(\.\d+)?[Ee]\+\d+|\d\.\d+[Ee]\d+)\s*$"
KEYS = ("conversation_id", "dispute_id")
"""Ids by which records are kept apart: a rounded one would make several records one."""
NAMES = ("agent_name", "shop")
SPEAKERS = ("customer_id", "sender_id", "receiver_id")
"""Who may bear a name that looks like a word for nothing."""
EXACT_DIGITS = 15
DATE_OF = {"sent_at": "sent_date"}
CLOCK_ONLY = (
    r"^\s*(?:(?:上午|下午|[AaPp][Mm])?\s*\d{1,2}[:：时]\d{1,2}(?:[:：分]\d{1,2})?(?:\.\d+)?秒?\s*(?:[AaPp][Mm])?"
    r"|[0-2]\d[0-5]\d[0-5]\d)\s*$"
)


ODD = (
    rf"^(?:[='`’]|\s*\d(?:\.\d+)?[Ee]\+\d+\s*$|\s*\d\.\d+[Ee]\d+\s*$)|^[{moments.UNSEEN}]|[{moments.UNSEEN}]$"
    rf"|^(?i:{vocabulary.NO_ANSWER})$"
)


def untidy(name: str) -> pl.Expr:
    """Whether a text cell must be looked at: space, what cannot be seen or a spreadsheet's wrapping around it, like a
    rounded number, or a word for nothing.

    Empty and null ones need not.
    """
    return (pl.col(name).str.strip_chars() != pl.col(name)) | pl.col(name).str.contains(ODD)


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
        if header is not None and header not in self.frame.columns:
            return self._first_of(header.split(SEPARATOR)).alias(field)
        if header is not None:
            return self.frame[header].alias(field)
        return pl.Series(field, [self.mapping.constants.get(field)], dtype=pl.String).new_from_index(
            0, self.frame.height
        )

    def _first_of(self, headers: list[str]) -> pl.Series:
        """The first filled cell among several columns."""
        filled_ = [
            pl.when(pl.col(header).cast(pl.String) != "").then(pl.col(header).cast(pl.String)) for header in headers
        ]
        return self.frame.select(pl.coalesce(filled_)).to_series()

    def text(self, field: str) -> pl.Series:
        """Trimmed text; empty cells are null."""
        if field not in self.mapping.columns:
            return self.raw(field)
        column, words = self.raw(field).cast(pl.String), values.words_for({}, self.mapping.values.get(field, {}))
        # most cells are as they should be: only the others are looked at, and of those each different one once
        cells = column.unique().to_frame("c")
        odd = (cells.drop_nulls() if words else cells.filter((pl.col("c") == "") | untidy("c")))["c"]
        lost = self._rounded(field, cells["c"], odd) if field.endswith("_id") else []
        if odd.is_empty() and not lost:
            return column
        changed = {cell: self._tidy(field, cell, words) for cell in odd}
        changed = {cell: word for cell, word in changed.items() if cell != word} | dict.fromkeys(lost)
        if lost:
            self._note(
                "rounded_key" if field in KEYS else "rounded_id", field, column.is_in(lost), column, bad=field in KEYS
            )
        return column.replace(changed) if changed else column

    @staticmethod
    def _tidy(field: str, cell: str, words: MappingOf[str, str]) -> str | None:
        bare = moments.unwrapped(cell)
        said = field.endswith("_id") or field in NAMES
        if said and bare not in words and vocabulary.is_nothing(bare, name=field in SPEAKERS):
            return None
        return words.get(bare, words.get(bare.casefold(), bare)) or None

    @staticmethod
    def _rounded(field: str, cells: pl.Series, odd: pl.Series) -> list[str]:
        """The different cells that a spreadsheet has rounded: 3.7E+18, or long numbers that all end in zeros."""
        found = odd.filter(odd.str.contains(ROUNDED)).to_list()
        long = cells.drop_nulls()
        long = long.filter(long.str.len_bytes() >= EXACT_DIGITS + 2)
        if len(long) >= 2 and long.str.ends_with("00").all() and long.str.contains(r"^\d+$").all():
            digits = [(cell, len(cell) - EXACT_DIGITS) for cell in long]
            if all(cell.endswith("0" * over) for cell, over in digits):
                found += [cell for cell, _ in digits]
        found += _as_doubles(long)
        return list(dict.fromkeys(found))

    def time(self, field: str, code: str = "bad_time", group: pl.Series | None = None) -> pl.Series:
        """Moments in UTC. A cell that is no time makes its row bad (or is only noted, by the severity of `code`).

        `group` names the chat of each row, for hours that a clock change repeats.
        """
        raw = self._with_date(field, self.raw(field))
        if raw.dtype == values.UTC:
            return raw
        if (unit := values.OFFSETS.get(next(iter(self.mapping.formats.get(field, ())), ""))) is not None:
            return self._after_start(field, raw, unit)
        if "date_order" in self.mapping.assumed and raw.dtype == pl.String:
            self._note_order(field, raw)
        formats, order, backward = self.mapping.formats.get(field, ()), self.mapping.date_order, self.mapping.backward
        found = values.parse_times(raw, formats[:1], self.zone, bool(formats), order, group, backward)
        if (
            found.null_count()
            and raw.dtype == pl.String
            and (open_ := found.is_null() & (raw.str.len_bytes() > 0)).any()
        ):
            index = open_.arg_true()
            cells = raw.gather(index)
            bare = cells.replace({cell: _time_cell(cell) for cell in cells.unique() if cell is not None})
            found = found.scatter(
                index,
                values.parse_times(
                    bare, formats, self.zone, False, order, group.gather(index) if group is not None else None, backward
                ),
            )
            self._judge_times(field, code, raw, found, index.gather(bare.is_not_null().arg_true()))
        return found

    def _note_order(self, field: str, raw: pl.Series) -> None:
        """The first date whose order was assumed."""
        short = raw.str.contains(moments.NUMERIC).fill_null(False).arg_true()
        if len(short):
            self.log.one(
                "assumed_dates",
                "",
                int(self.frame["file_row"][short[0]]),
                f"{raw[short[0]]} ({self.mapping.date_order})",
            )

    def _after_start(self, field: str, raw: pl.Series, unit: int) -> pl.Series:
        """Times that count from the start of the conversation, in `unit` parts of a second."""
        after = raw.cast(pl.Float64, strict=False)
        self._note("bad_time", field, after.is_null() & raw.is_not_null(), raw, bad=True)
        micros = (after * (1_000_000 / unit)).round().cast(pl.Int64).cast(pl.Duration("us"))
        return (self.time("started_at", "bad_date") + micros).alias(field)

    def _with_date(self, field: str, raw: pl.Series) -> pl.Series:
        """Times of day with the date that stands in a column of its own."""
        other = DATE_OF.get(field, "")
        if not self.has(other) or raw.dtype != pl.String:
            return raw
        days = self.raw(other).cast(pl.String).str.strip_chars().str.replace(r"[T ]0?0:00(:00)?(\.0+)?$", "")
        clock = (
            raw.str.contains(CLOCK_ONLY).fill_null(False)
            if field in self.mapping.columns
            else pl.Series([False]).new_from_index(0, len(raw))
        )
        share = raw.cast(pl.Float64, strict=False)
        if (part := ((share >= 0) & (share < 1)).fill_null(False)).any():  # a spreadsheet's time of day
            seconds = (share.fill_nan(0).fill_null(0).clip(0, 1) * 86_400).round().cast(pl.Int64).clip(0, 86_399)
            told = (seconds * 1_000_000_000).cast(pl.Time).dt.strftime("%H:%M:%S")
            raw, clock = told.zip_with(part, raw), clock | part
        joined = pl.DataFrame({"d": days, "t": raw}).select(pl.concat_str("d", "t", separator=" ")).to_series()
        empty = raw.is_null() | (raw.str.strip_chars() == "")
        return raw.zip_with(~clock, joined).zip_with(~empty, days).alias(field)

    def _judge_times(self, field: str, code: str, raw: pl.Series, found: pl.Series, index: pl.Series) -> None:
        """Problems of the cells at `index` that are still no times."""
        unread = found.gather(index).is_null()
        lost = index.filter(unread)
        if lost.is_empty():
            return
        why = pl.Series(
            [moments.read(moments.unwrapped(cell), self.mapping.date_order)[1] for cell in raw.gather(lost)]
        )
        none, bad = pl.Series([False]).new_from_index(0, len(raw)), code == "bad_time"
        for told in ("ambiguous_date", "other_order", ""):
            if len(mine := lost.filter(why == told)):
                self._note(told if told and bad else code, field, none.scatter(mine, True), raw, bad=bad)

    def role(self, field: str = "role") -> pl.Series:
        """Who spoke; unknown words make the row bad."""
        cells = self.raw(field).cast(pl.String)
        roles = values.translate(cells, values.words_for(vocabulary.ROLES, self.mapping.values.get(field, {})))
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

    def flag(self, field: str) -> pl.Series:
        """Yes or no; a cell that says neither is noted and means no. Without the field, no for every row."""
        no = pl.Series(field, [False]).new_from_index(0, self.frame.height)
        if not self.has(field):
            return no
        cells = self.raw(field).cast(pl.String)
        words = values.translate(cells, values.words_for(vocabulary.YES, self.mapping.values.get(field, {})))
        self._note("bad_flag", field, words.is_null() & cells.is_not_null(), cells)
        return (words == "yes").fill_null(False).alias(field)

    def status(self, field: str) -> pl.Series:
        """A numbered state, as a number or in the platform's words; what is neither is noted and null."""
        if (raw := self.raw(field)).dtype.is_integer():
            return raw.cast(pl.Int64)
        cells = self.text(field)
        words = values.translate(cells, values.words_for(vocabulary.INTERVENTIONS, self.mapping.values.get(field, {})))
        numbers = words.zip_with(words.is_not_null(), cells).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
        self._note("bad_status", field, numbers.is_null() & cells.is_not_null(), cells)
        return numbers

    def money(self, field: str) -> pl.Series:
        """Hundredths; a column of whole numbers (from a program, not a file) is hundredths already. What is no amount
        is noted."""
        if (raw := self.raw(field)).dtype.is_integer():
            return raw.cast(pl.Int64)
        cells = self.text(field)
        cents = values.money(cells)
        self._note("bad_amount", field, cents.is_null() & cells.is_not_null(), cells)
        return cents

    def integer(self, field: str) -> pl.Series:
        """Whole numbers; what is none is noted and null."""
        if (raw := self.raw(field)).dtype.is_integer():
            return raw.cast(pl.Int64)
        cells = self.text(field)
        numbers = cells.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
        self._note("bad_amount", field, numbers.is_null() & cells.is_not_null(), cells)
        return numbers

    def need(self, field: str, cells: pl.Series) -> pl.Series:
        """Rows without this cell are bad."""
        self._note("missing", field, cells.is_null(), None, bad=True)
        return cells

    def reject(self, code: str, field: str, where: pl.Series, cells: pl.Series | None = None) -> None:
        """Mark rows bad for a reason found outside; `cells` hold what is told."""
        self._note(code, field, where, cells, bad=True)

    def warn(self, code: str, field: str, where: pl.Series, cells: pl.Series | None = None) -> None:
        """Note something that keeps no row out."""
        self._note(code, field, where, cells)

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


def _as_doubles(long: pl.Series) -> list[str]:
    """Ids that a program kept as floating point numbers: of seventeen digits, so that all longer ones end in zeros.

    Told when chance would hardly do that: six zeros in all at the least.
    """
    numbers = long.filter(long.str.contains(r"^\d{18,}$")).to_list()
    if len(numbers) < 2 or any(not cell.endswith("0" * (len(cell) - 17)) for cell in numbers):
        return []
    return numbers if sum(len(cell) - 17 for cell in numbers) >= 6 else []


def _time_cell(cell: str) -> str | None:
    """A time cell without wrapping; null when it says that there is no time."""
    bare = moments.unwrapped(cell)
    return None if not bare or moments.is_none(bare) else bare
