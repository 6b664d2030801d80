"""An export read into parts by day, shop and account: every row that cannot be taken is named with field and cure.

Rates are never stored: a rate is multiplied by its count, exactly, in millionths. Lines of totals are left out and
compared with the sum of the rows.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from qa.assessment import cells, grids, presets
from qa.assessment.cells import MICRO
from qa.assessment.grids import Grid
from qa.assessment.presets import Columns, ExportPreset
from qa.errors import Invalid
from qa.i18n import N_
from scoring.assessment.schemes import INDICATORS, IndicatorKind

SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "day": pl.Date, "until": pl.Date, "shop": pl.String, "platform": pl.String, "account": pl.String,
    "indicator": pl.String, "num": pl.Int64, "den": pl.Int64, "file_row": pl.Int64,
}  # fmt: skip
KEY = ("day", "until", "shop", "platform", "account", "indicator")
TOTALS = re.compile(
    r"(?:店铺|团队|全店|整体|当页|本页)?(?:汇总|合计|总计|小计|总和|平均|均值|总值)值?|(?:total|sum|average|mean|all)",
    re.IGNORECASE,
)
_DATE = re.compile(r"(20\d{2})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?|(20\d{2})(\d{2})(\d{2})(?!\d)")
_MONTH = re.compile(r"(20\d{2})\s*[-/.年]\s*(\d{1,2})\s*月?")


@dataclass(frozen=True)
class ExportProblem:
    """Something wrong: `row` of the file (None: the file as a whole), its column, a code of `PROBLEMS`, the cell."""

    code: str
    row: int | None = None
    field: str = ""
    value: str = ""


@dataclass(frozen=True)
class ExportProblemKind:
    """What a code means, and what to do. `settles`: which answer of the person settles it."""

    text: str
    cure: str
    settles: str = ""


PROBLEMS: Mapping[str, ExportProblemKind] = {
    "no_day": ExportProblemKind(
        N_("The row names no day, and the file no period."), N_("Say which days the file is about."), "period"
    ),
    "bad_day": ExportProblemKind(
        N_("“{value}” in “{field}” is no day."), N_("Write it like 2025-11-01, or a period like 2025-11-01~2025-11-30.")
    ),
    "future": ExportProblemKind(N_("“{value}” lies in the future."), N_("Correct the day in the file.")),
    "months_mixed": ExportProblemKind(
        N_("“{value}” goes over the end of a month, so nobody can tell the months apart."),
        N_("Export month by month, or day by day."),
    ),
    "outside": ExportProblemKind(
        N_("“{value}” lies outside the period that was given."),
        N_("Correct the period, or leave it empty: the rows name their days."),
        "period",
    ),
    "no_account": ExportProblemKind(N_("“{field}” is empty."), N_("Fill in the account in this row.")),
    "no_count": ExportProblemKind(
        N_("“{field}” is a rate or mean without the count it belongs to; it was left out."),
        N_("Choose the column of the count, or export it as well."),
        "mapping",
    ),
    "bad_number": ExportProblemKind(
        N_("“{value}” in “{field}” is not a number, duration or rate."), N_("Correct the cell.")
    ),
    "negative": ExportProblemKind(N_("“{value}” in “{field}” is below zero."), N_("Correct the cell.")),
    "above_all": ExportProblemKind(
        N_("“{field}”: {value} are more successes than cases."), N_("Correct the row, or the columns of the mapping.")
    ),
    "no_whole": ExportProblemKind(
        N_("“{value}” in “{field}” is no whole number of cases."), N_("Choose a column that counts.")
    ),
    "percent_or_fraction": ExportProblemKind(
        N_("“{value}” in “{field}” may be a percentage or a fraction of one."),
        N_("Say which: other cells of the column are written otherwise."),
        "fraction",
    ),
    "two_values": ExportProblemKind(
        N_("{value} has two different values of one day; neither was taken."),
        N_("Say whether the first or the last counts, or both together."),
        "twice",
    ),
    "total_differs": ExportProblemKind(
        N_("“{field}”: the file's own total is not the sum of the rows ({value})."),
        N_("Rows may be missing in the export."),
    ),
    "missing_days": ExportProblemKind(
        N_("There are no rows of these days: {value}."), N_("Nothing to do if nobody worked; else export them as well.")
    ),
    "sheet_left_out": ExportProblemKind(
        N_("The sheet “{value}” was not read."), N_("If it holds indicators, import it by itself.")
    ),
    "overlaps": ExportProblemKind(
        N_("{value} already has figures of some of these days, over other days together."),
        N_("Take the other import back first, or export the same days."),
    ),
}
NOTES = frozenset({"total_differs", "missing_days", "sheet_left_out", "no_count"})
"""Problems that keep no row out."""


@dataclass(frozen=True)
class ExportAnswers:
    """What a person says about a file. Empty: find out. `twice`: '', first, last or sum; `fraction`: whether rates
    without a sign are fractions of one; `first` and `last`: the days of a file whose rows name none."""

    preset: ExportPreset | None = None
    sheet: str = ""
    shop: str = ""
    first: date | None = None
    last: date | None = None
    fraction: bool | None = None
    twice: str = ""


@dataclass(frozen=True)
class Reading:
    """`rows` with `SCHEMA` (parts in millionths), what is wrong, the lines of totals left out, and how it was read."""

    rows: pl.DataFrame
    problems: tuple[ExportProblem, ...]
    totals: tuple[tuple[int, str], ...]
    preset: ExportPreset
    sheet: str
    sheets: tuple[str, ...]
    headers: tuple[str, ...]


def read(path: Path, asked: ExportAnswers, today: date) -> Reading:
    """Read a file. Raises `Invalid` where it cannot be read at all or no preset knows it."""
    found = grids.read(path, lambda header: presets.fold(header) in presets.names())
    grid, preset = _chosen(found, asked, path.name)
    made = _Rows(grid, preset, asked, today)
    made.run()
    left_out = [
        ExportProblem("sheet_left_out", value=other.name) for other in found if other is not grid and other.rows
    ]
    return Reading(
        made.frame(), (*made.problems, *left_out), tuple(made.totals), preset, grid.name,
        tuple(other.name for other in found), grid.headers,
    )  # fmt: skip


def _chosen(found: Sequence[Grid], asked: ExportAnswers, name: str) -> tuple[Grid, ExportPreset]:
    named = [grid for grid in found if asked.sheet in ("", grid.name)]
    if not named:
        raise Invalid(N_("The file {file} has no sheet “{sheet}”."), file=name, sheet=asked.sheet)
    if (given := asked.preset) is not None:
        known = [sum(presets.find(grid.headers, c.num or c.value) is not None for c in given.columns) for grid in named]
        return named[known.index(max(known))], given
    for grid in named:
        if (preset := presets.recognise(grid.headers)) is not None:
            return grid, preset
    raise Invalid(
        N_("No export of indicators is known with these columns: {columns}. Choose the columns by hand."),
        columns=", ".join(named[0].headers[:12]),
    )


@dataclass
class _Rows:
    """The rows of one table while they are read."""

    grid: Grid
    preset: ExportPreset
    asked: ExportAnswers
    today: date
    problems: list[ExportProblem] = field(default_factory=list)
    totals: list[tuple[int, str]] = field(default_factory=list)
    made: list[tuple[object, ...]] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter)
    said: dict[str, int] = field(default_factory=dict)
    unsure: set[tuple[int, str]] = field(default_factory=set)

    def run(self) -> None:
        """Read all rows, then look at the table as a whole."""
        at = {header: place for place, header in enumerate(self.grid.headers)}
        account = presets.find(self.grid.headers, self.preset.account)
        day, shop = presets.find(self.grid.headers, self.preset.day), presets.find(self.grid.headers, self.preset.shop)
        if self.preset.account and account is None:
            raise Invalid(N_("The file has no column of accounts. Choose one by hand."))
        columns = [one for each in self.preset.columns if (one := self._present(each)) is not None]
        fractions = {
            c.value[0]: self._fraction(c.value[0], at[c.value[0]]) for c in columns if c.value and c.unit == "share"
        }
        period = self._period()
        counted = sorted({header for c in columns for header in (*c.num, *c.den)})
        for number, row in self.grid.rows:
            name = row[at[account]].strip() if account else ""
            if self._is_total(row, name, account):
                self.totals.append((number, name or row[0]))
                self._keep_totals(row, at, counted)
                continue
            for header in counted:
                self.sums[header] += 0 if cells.is_nothing(row[at[header]]) else cells.number(row[at[header]]) or 0
            if account and not name:
                self.problems.append(ExportProblem("no_account", number, account))
                continue
            span = self._span(number, row[at[day]] if day else "", day or "", period)
            if span is None:
                continue
            where = row[at[shop]].strip() if shop and row[at[shop]].strip() else self.asked.shop
            for each in columns:
                parts = self._parts(number, row, at, each, fractions)
                if parts is not None:
                    self.made.append((*span, where, self.preset.platform, name, each.indicator, *parts, number))
        self._compare_totals()
        self._missing_days()

    def frame(self) -> pl.DataFrame:
        """The rows, each key once."""
        rows = pl.DataFrame(self.made, schema=dict(SCHEMA), orient="row")
        return self._once(rows)

    def _present(self, c: Columns) -> Columns | None:
        head = self.grid.headers
        if c.num:
            num, den = presets.find(head, c.num), presets.find(head, c.den)
            if num is None or den is None:
                if num is not None:
                    self.problems.append(ExportProblem("no_count", None, num))
                return None
            return replace(c, num=(num,), den=(den,))
        value, by = presets.find(head, c.value), presets.find(head, c.by)
        if value is None:
            return None
        if by is None:
            self.problems.append(ExportProblem("no_count", None, value))
            return None
        return replace(c, value=(value,), by=(by,))

    def _fraction(self, header: str, place: int) -> bool:
        """Whether rates without a sign are fractions; cells that may be either are named when the column is mixed."""
        if self.asked.fraction is not None:
            return self.asked.fraction
        bare = [
            (n, row[place])
            for n, row in self.grid.rows
            if not cells.is_nothing(row[place]) and not row[place].strip().endswith(("%", "％"))
        ]
        small = [(n, cell) for n, cell in bare if 0 < (cells.number(cell) or 0) <= MICRO]
        signed = any(row[place].strip().endswith(("%", "％")) for _, row in self.grid.rows)
        if small and (len(small) < sum((cells.number(cell) or 0) > 0 for _, cell in bare) or signed):
            self.problems += [ExportProblem("percent_or_fraction", n, header, cell) for n, cell in small]
            self.unsure |= {(n, header) for n, _ in small}
        return bool(small) and len(small) == sum((cells.number(cell) or 0) > 0 for _, cell in bare)

    def _is_total(self, row: Sequence[str], name: str, account: str | None) -> bool:
        marks = [name] if name else [cell for cell in row[:2] if cell]
        return any(TOTALS.fullmatch(cell.strip()) for cell in marks)

    def _period(self) -> tuple[date, date] | None:
        if self.asked.first is not None:
            return self.asked.first, self.asked.last or self.asked.first
        for line in self.grid.above:
            if (span := _days(line)) is not None:
                return span
        return None

    def _span(self, number: int, cell: str, header: str, period: tuple[date, date] | None) -> tuple[date, date] | None:
        span = period
        if header and not cells.is_nothing(cell):
            span = _days(cell)
            if span is None:
                self.problems.append(ExportProblem("bad_day", number, header, cell[:60]))
                return None
            if self.asked.first is not None and period is not None and (span[0] < period[0] or span[1] > period[1]):
                self.problems.append(ExportProblem("outside", number, header, cell[:60]))
                return None
        if span is None:
            self.problems.append(ExportProblem("no_day", number))
            return None
        shown = f"{span[0]}~{span[1]}" if span[1] != span[0] else str(span[0])
        if span[1] > self.today:
            self.problems.append(ExportProblem("future", number, header, shown))
            return None
        if (span[0].year, span[0].month) != (span[1].year, span[1].month):
            self.problems.append(ExportProblem("months_mixed", number, header, shown))
            return None
        return span

    def _parts(
        self, number: int, row: Sequence[str], at: Mapping[str, int], c: Columns, fractions: Mapping[str, bool]
    ) -> tuple[int, int] | None:
        first, second = (c.num[0], c.den[0]) if c.num else (c.value[0], c.by[0])
        one, two = row[at[first]], row[at[second]]
        if cells.is_nothing(one) or cells.is_nothing(two) or (number, first) in self.unsure:
            return None
        mixed = fractions.get(first, False)
        a = (
            cells.seconds(one)
            if c.unit == "seconds"
            else cells.share(one, mixed)
            if c.unit == "share"
            else cells.number(one)
        )
        b = cells.number(two)
        for header, cell, got in ((first, one, a), (second, two, b)):
            if got is None or got < 0:
                self.problems.append(
                    ExportProblem("bad_number" if got is None else "negative", number, header, cell[:60])
                )
                return None
        assert a is not None
        assert b is not None
        if c.value:
            if b % MICRO:
                self.problems.append(ExportProblem("no_whole", number, second, two[:60]))
                return None
            a = a * (b // MICRO)
        if a >= 2**62 or b >= 2**62:
            self.problems.append(ExportProblem("bad_number", number, first, one[:60]))
            return None
        if INDICATORS[c.indicator].kind is IndicatorKind.RATE and a > b:
            self.problems.append(ExportProblem("above_all", number, first, f"{one[:30]} / {two[:30]}"))
            return None
        return (a, b) if b else None

    def _keep_totals(self, row: Sequence[str], at: Mapping[str, int], counted: Iterable[str]) -> None:
        mark = next((cell for cell in row if TOTALS.fullmatch(cell.strip())), "")
        if any(word in mark.casefold() for word in ("平均", "均值", "average", "mean")):
            return
        for header in counted:
            got = None if cells.is_nothing(row[at[header]]) else cells.number(row[at[header]])
            if got is not None:
                self.said[header] = got

    def _compare_totals(self) -> None:
        for header, said in self.said.items():
            if (found := self.sums[header]) != said:
                shown = f"{said / MICRO:,.10g} ≠ {found / MICRO:,.10g}"
                self.problems.append(ExportProblem("total_differs", None, header, shown))

    def _missing_days(self) -> None:
        days = {row[0] for row in self.made if row[0] == row[1]}
        if len(days) < 2:
            return
        first, last = min(days), max(days)  # type: ignore[type-var]
        every = {first + timedelta(days=n) for n in range((last - first).days + 1)}  # type: ignore[operator]
        if missing := sorted(every - days):
            shown = ", ".join(str(day) for day in missing[:10]) + (" …" if len(missing) > 10 else "")
            self.problems.append(ExportProblem("missing_days", None, "", shown))

    def _once(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Two different values of one key are settled as asked, or named and left out; the same one twice is once."""
        once = rows.unique(subset=[*KEY, "num", "den"], keep="first", maintain_order=True)
        twice = once.filter(pl.len().over(KEY) > 1)
        if twice.is_empty():
            return once
        if self.asked.twice in ("first", "last"):
            return once.unique(subset=list(KEY), keep=self.asked.twice, maintain_order=True)  # type: ignore[arg-type]
        if self.asked.twice == "sum":
            return rows.group_by(KEY, maintain_order=True).agg(pl.col("num", "den").sum(), pl.col("file_row").first())
        seen: Counter[tuple[int, str]] = Counter()
        for row in twice.iter_rows(named=True):
            seen[row["file_row"], f"{row['account'] or row['shop']} · {row['day']}"] += 1
        self.problems += [ExportProblem("two_values", number, "", value) for number, value in sorted(seen)]
        return once.filter(pl.len().over(KEY) == 1)


def _days(text: str) -> tuple[date, date] | None:
    """The day or period that a cell or line names."""
    try:
        found = [date(*(int(part) for part in match if part)) for match in _DATE.findall(text)]
        if found:
            return (found[0], found[-1]) if found[0] <= found[-1] else None
        if match := _MONTH.search(text):
            year, month = int(match[1]), int(match[2])
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
    except ValueError:
        return None
    return None
