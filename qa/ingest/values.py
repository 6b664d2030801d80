"""Cells to values: times in many formats, who spoke, scores, money. Columns in, columns out; no files, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import polars as pl

from qa.ingest import fields, moments
from qa.ingest.vocabulary import SCORES

UTC = pl.Datetime("us", "UTC")
NAIVE = pl.Datetime("us")

WITH_OFFSET = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z")
DAY_FIRST = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y")
MONTH_FIRST = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y")
FORMATS: tuple[str, ...] = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    *WITH_OFFSET,
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日%H:%M:%S",
    "%Y年%m月%d日 %H时%M分%S秒",
    "%Y年%m月%d日%H时%M分%S秒",
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S%3f",
    "%Y%m%d %H:%M:%S",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y年%m月%d日",
    "%Y%m%d",
    "epoch_s",
    "epoch_ms",
    "epoch_us",
    "excel",
)
"""Tried in this order, column by column. What they leave is read cell by cell (`moments.read`)."""
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
OFFSETS = {"offset_s": 1, "offset_ms": 1_000}
"""Formats of times that count from the start of the conversation."""
BY_ORDER = {"dmy": DAY_FIRST, "mdy": MONTH_FIRST}


def blank_to_null(name: str) -> pl.Expr:
    """The column without surrounding space; empty cells become null."""
    stripped = pl.col(name).str.strip_chars()
    return pl.when(stripped.str.len_bytes() > 0).then(stripped).alias(name)


def detect_formats(sample: Iterable[str | None], order: str = "") -> tuple[str, ...]:
    """The formats that read the non-empty cells of `sample`, the most useful first. `order`: dmy, mdy or ymd for short
    dates."""
    cells = pl.Series([cell.strip() for cell in sample if cell and cell.strip()], dtype=pl.String)
    found: list[str] = []
    known = (*FORMATS, *BY_ORDER.get(order, ()))
    while not cells.is_empty():
        counted = [
            (int(parse_naive(cells, format_, None).is_not_null().sum()), format_)
            for format_ in known
            if format_ not in found
        ]
        count, best = max(counted, key=lambda pair: pair[0], default=(0, ""))
        if not count:
            break
        found.append(best)
        cells = cells.filter(parse_naive(cells, best, None).is_null())
    return tuple(found)


def parse_times(
    column: pl.Series,
    formats: tuple[str, ...],
    zone: ZoneInfo,
    only: bool = False,
    order: str = "",
    group: pl.Series | None = None,
    backward: bool = False,
) -> pl.Series:
    """Text to UTC. Formats are tried in order, row by row, so one file may mix them; what none reads is null.

    Unless `only` these are wanted, all known formats are tried after them, and then every cell by itself. `group` (the
    chat of each row) and `backward` (newest first) tell the two hours apart that a clock change repeats.
    """
    if column.dtype == UTC:
        return column
    if isinstance(column.dtype, pl.Datetime):
        return column.cast(UTC) if column.dtype.time_zone else _to_utc(column.cast(NAIVE), zone)
    result = pl.Series(column.name, [None], dtype=UTC).new_from_index(0, len(column))
    tried: list[str] = []
    for format_ in (*formats, *(() if only else (*FORMATS, *BY_ORDER.get(order, ())))):
        if format_ in tried:
            continue
        open_ = result.is_null() & column.is_not_null() if tried else None
        if open_ is not None and not open_.any():
            break
        tried.append(format_)
        if open_ is None:
            result = parse_naive(column, format_, zone, group, backward)
        else:
            read = partial(_one_format, format_=format_, zone=zone, backward=backward)
            result = _filled(result, column, open_, read, group)
    if not only and (left := result.is_null() & column.is_not_null()).any():
        result = _filled(result, column, left, partial(_cell_by_cell, order=order, zone=zone, backward=backward), group)
    return result.alias(column.name)


def _filled(
    result: pl.Series,
    column: pl.Series,
    open_: pl.Series,
    read: Callable[[pl.Series, pl.Series | None], pl.Series],
    group: pl.Series | None,
) -> pl.Series:
    """`result` with what `read` makes of the cells that are still open."""
    index = open_.arg_true()
    found = read(column.gather(index), group.gather(index) if group is not None else None)
    return result.scatter(index, found) if found.null_count() < len(found) else result


def _one_format(cells: pl.Series, group: pl.Series | None, format_: str, zone: ZoneInfo, backward: bool) -> pl.Series:
    return parse_naive(cells, format_, zone, group, backward)


def _cell_by_cell(cells: pl.Series, group: pl.Series | None, order: str, zone: ZoneInfo, backward: bool) -> pl.Series:
    found = [moments.read(cell, order)[0] if cell is not None and len(cell) < 80 else None for cell in cells.to_list()]
    zoned = pl.Series([m if m is not None and m.tzinfo else None for m in found], dtype=UTC)
    naive = pl.Series([m if m is not None and not m.tzinfo else None for m in found], dtype=NAIVE)
    return zoned.zip_with(zoned.is_not_null(), _to_utc(naive, zone, group, backward))


def parse_naive(
    column: pl.Series, format_: str, zone: ZoneInfo | None, group: pl.Series | None = None, backward: bool = False
) -> pl.Series:
    """One format. With `zone`, to UTC; without, the naive reading (for detection). Years no shop has had are no
    times."""
    if format_ in EPOCHS:
        read = _epoch(column, EPOCHS[format_])
        return read.dt.replace_time_zone("UTC") if zone else read
    if format_ == "excel":
        serial = column.cast(pl.Float64, strict=False)
        serial = serial.zip_with((serial > 20_000) & (serial < 80_000), pl.Series([None], dtype=pl.Float64))
        seconds = (serial * 86_400).round().cast(pl.Int64) - 2_209_161_600  # seconds between 1899-12-30 and 1970-01-01
        naive = (seconds * 1_000_000).cast(NAIVE)
        return _to_utc(naive, zone, group, backward) if zone else naive
    frame = column.to_frame("t")
    if "%#z" in format_:
        read = _plausible(
            frame.select(pl.col("t").str.to_datetime(format_, time_unit="us", strict=False, cache=False)).to_series()
        )
        return read.cast(UTC) if zone else read.dt.replace_time_zone(None)
    if "%H" not in format_ and "%I" not in format_:
        read = frame.select(pl.col("t").str.to_date(format_, strict=False, cache=False).cast(NAIVE)).to_series()
    else:
        read = frame.select(pl.col("t").str.to_datetime(format_, time_unit="us", strict=False, cache=False)).to_series()
    read = _plausible(read)
    return _to_utc(read, zone, group, backward) if zone else read


def _plausible(read: pl.Series) -> pl.Series:
    low, high = read.min(), read.max()
    if low is None or (low.year >= moments.FIRST_YEAR and high.year < moments.LAST_YEAR):  # type: ignore[union-attr]
        return read
    return (
        read.to_frame("t")
        .select(pl.when(pl.col("t").dt.year().is_between(moments.FIRST_YEAR, moments.LAST_YEAR - 1)).then(pl.col("t")))
        .to_series()
    )


def _epoch(column: pl.Series, unit: int) -> pl.Series:
    number = column.cast(pl.Float64, strict=False)
    if column.dtype == pl.String and (rounded := column.str.contains("[eE]").fill_null(False)).any():
        number = number.zip_with(~rounded, pl.Series([None], dtype=pl.Float64))  # a spreadsheet kept a few digits
    low, high = 946_684_800 * unit, 4_102_444_800 * unit  # 2000 … 2100: other numbers are no moments
    inside = number.zip_with((number >= low) & (number <= high), pl.Series([None], dtype=pl.Float64))
    return (inside * (1_000_000 / unit)).round().cast(pl.Int64).cast(NAIVE)


def _to_utc(naive: pl.Series, zone: ZoneInfo, group: pl.Series | None = None, backward: bool = False) -> pl.Series:
    """Local times to UTC; a time the clock change skips is null, one it repeats is the earlier until times go back.

    Where the zone's offset is one and the same over the whole column, subtracting it is 10 × cheaper than asking the
    zone for every row.
    """
    low, high = naive.min(), naive.max()
    if low is None:
        return naive.dt.replace_time_zone("UTC")
    if (
        isinstance(low, datetime)
        and isinstance(high, datetime)
        and (offset := _steady_offset(low, high, zone)) is not None
    ):
        return (naive - offset).dt.replace_time_zone("UTC")
    which = moments.repeated(naive, zone, group, backward)
    local = pl.DataFrame({"t": naive, "a": which}).select(
        pl.col("t").dt.replace_time_zone(str(zone), ambiguous=pl.col("a"), non_existent="null")
    )
    return local.to_series().dt.convert_time_zone("UTC")


def _steady_offset(low: datetime, high: datetime, zone: ZoneInfo) -> timedelta | None:
    if high - low > timedelta(days=3660):
        return None
    offsets, at, step = set(), low - timedelta(days=1), timedelta(days=7)
    while at < high + step:
        offsets.add(at.replace(tzinfo=zone).utcoffset())
        at += step
    return offsets.pop() if len(offsets) == 1 else None


def translate(column: pl.Series, words: Mapping[str, str]) -> pl.Series:
    """Cells through `words` (folded: case and outer spaces do not matter); unknown cells become null.

    Works over the distinct cells only, of which a file has few.
    """
    distinct = column.drop_nulls().unique()
    known = {cell: word for cell in distinct if (word := _word(cell, words)) is not None}
    if not known:
        return pl.Series(column.name, [None], dtype=pl.String).new_from_index(0, len(column))
    choice: pl.Expr | None = None
    if len(known) <= 8:  # comparing short strings in place beats a hash join
        for cell, word in known.items():
            test = pl.col("c") == cell
            choice = pl.when(test).then(pl.lit(word)) if choice is None else choice.when(test).then(pl.lit(word))  # type: ignore[attr-defined]
    else:
        choice = pl.col("c").replace_strict(known, default=None, return_dtype=pl.String)
    assert choice is not None
    return column.to_frame("c").select(choice.alias(column.name)).to_series()


def _word(cell: str, words: Mapping[str, str]) -> str | None:
    bare = cell.strip()
    return words.get(
        bare, words.get(bare.casefold(), words.get(fields.simplified(bare)) if not bare.isascii() else None)
    )


def words_for(builtin: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The built-in words with those of a mapping before them."""
    return {
        **builtin,
        **{key.strip().casefold(): value for key, value in own.items()},
        **{key.strip(): value for key, value in own.items()},
    }


def scores(column: pl.Series, own: Mapping[str, str], best: int | None) -> pl.Series:
    """Cells to 1 … 5; with `best`, the export scores 0 … best. Unknown cells become null."""
    if best:
        number = column.cast(pl.Float64, strict=False)
        inside = number.zip_with((number >= 0) & (number <= best), pl.Series([None], dtype=pl.Float64))
        return (1 + (inside * 4 / best).round()).cast(pl.Int8)
    cells = column.str.replace(r"^(\d+)\.0+$", "${1}") if column.dtype == pl.String else column.cast(pl.String)
    cells = cells.str.replace(r"^([1-5])\s*(?:分|颗星|stars?|points?)$", "${1}")
    if (stars := cells.str.contains(r"^★{1,5}☆{0,4}$").fill_null(False)).any():
        cells = cells.str.count_matches("★", literal=True).cast(pl.String).zip_with(stars, cells)
    return translate(cells, words_for(SCORES, own)).cast(pl.Int8, strict=False)


def money(column: pl.Series) -> pl.Series:
    """Cells like `1,234.50`, `¥12` to hundredths; what is no amount becomes null."""
    text = column.cast(pl.String).str.replace_all(r"(?i)CNY|RMB|USD|[,，\s¥￥元$€]", "")
    parts = text.str.extract_groups(r"^(-?)(\d+)(?:\.(\d{1,2})0*)?$").struct.unnest()
    cents = parts["2"].cast(pl.Int64, strict=False) * 100 + parts["3"].fill_null("0").str.pad_end(2, "0").cast(
        pl.Int64, strict=False
    )
    sign = parts["1"].replace_strict({"-": -1}, default=1, return_dtype=pl.Int64)
    return (cents * sign).alias(column.name)
