"""Cells to values: times in many formats, who spoke, scores, money. Columns in, columns out; no files, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

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
    "%Y%m%d %H:%M:%S",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y年%m月%d日",
    "%Y%m%d",
    *DAY_FIRST,
    *MONTH_FIRST,
    "epoch_s",
    "epoch_ms",
    "excel",
)
"""Tried in this order. Day/month order that a file does not settle is read as day first."""

ROLES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "customer",
            "client",
            "buyer",
            "user",
            "visitor",
            "end_user",
            "enduser",
            "顾客",
            "客户",
            "买家",
            "用户",
            "访客",
            "消费者",
        ),
        "customer",
    ),
    **dict.fromkeys(
        ("agent", "seller", "staff", "waiter", "operator", "客服", "卖家", "商家", "坐席", "人工", "人工客服", "店铺"),
        "agent",
    ),
    **dict.fromkeys(("bot", "robot", "automated_agent", "assistant", "机器人", "智能客服", "自动回复"), "bot"),
    **dict.fromkeys(("system", "系统", "系统消息", "notice"), "system"),
    **dict.fromkeys(("platform", "小二", "平台", "平台小二", "官方"), "platform"),
}
MESSAGE_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("text", "文本", "文字", "1", "0", ""), "text"),
    **dict.fromkeys(("image", "picture", "pic", "photo", "图片"), "image"),
    **dict.fromkeys(("card", "product", "order", "link", "卡片", "商品", "订单", "商品卡片", "链接"), "card"),
    **dict.fromkeys(("file", "video", "audio", "voice", "文件", "视频", "语音"), "file"),
}
SCORES: Mapping[str, str] = {
    **{str(n): str(n) for n in range(1, 6)},
    **{f"{n}星": str(n) for n in range(1, 6)},
    "非常满意": "5",
    "很满意": "5",
    "满意": "4",
    "一般": "3",
    "不满意": "2",
    "非常不满意": "1",
    "很不满意": "1",
    "好评": "5",
    "中评": "3",
    "差评": "1",
    "very satisfied": "5",
    "satisfied": "4",
    "neutral": "3",
    "unsatisfied": "2",
    "dissatisfied": "2",
    "very unsatisfied": "1",
    "very dissatisfied": "1",
    "good": "5",
    "bad": "1",
}


def blank_to_null(name: str) -> pl.Expr:
    """The column without surrounding space; empty cells become null."""
    stripped = pl.col(name).str.strip_chars()
    return pl.when(stripped.str.len_bytes() > 0).then(stripped).alias(name)


def detect_formats(sample: Iterable[str | None]) -> tuple[str, ...]:
    """The formats that read the non-empty cells of `sample`, the most useful first."""
    cells = pl.Series([cell.strip() for cell in sample if cell and cell.strip()], dtype=pl.String)
    found: list[str] = []
    orders = _orders(cells)
    while not cells.is_empty():
        counted = [
            (int(parse_naive(cells, format_, None).is_not_null().sum()), format_)
            for format_ in orders
            if format_ not in found
        ]
        count, best = max(counted, key=lambda pair: pair[0], default=(0, ""))
        if not count:
            break
        found.append(best)
        cells = cells.filter(parse_naive(cells, best, None).is_null())
    return tuple(found)


def _orders(cells: pl.Series) -> tuple[str, ...]:
    """All formats, with day first or month first as the sample settles it."""
    parts = cells.str.extract_groups(r"^(\d{1,2})/(\d{1,2})/\d{4}").struct.unnest()
    second = parts["2"].cast(pl.Int32).max() if not parts.is_empty() else None
    rest = tuple(f for f in FORMATS if f not in DAY_FIRST and f not in MONTH_FIRST)
    month_first = isinstance(second, int) and second > 12
    return rest + (MONTH_FIRST if month_first else DAY_FIRST + tuple(f for f in MONTH_FIRST if "%I" in f))


def parse_times(column: pl.Series, formats: tuple[str, ...], zone: ZoneInfo, only: bool = False) -> pl.Series:
    """Text to UTC. Formats are tried in order, row by row, so one file may mix them; what none reads is null.

    Unless `only` these are wanted, all known formats are tried after them.
    """
    if column.dtype == UTC:
        return column
    if isinstance(column.dtype, pl.Datetime):
        return column.cast(UTC) if column.dtype.time_zone else _to_utc(column.cast(NAIVE), zone)
    result = pl.Series(column.name, [None], dtype=UTC).new_from_index(0, len(column))
    tried: list[str] = []
    for format_ in (*formats, *(() if only else _orders(column.head(1000)))):
        if format_ in tried:
            continue
        open_ = result.is_null() & column.is_not_null() if tried else None
        if open_ is not None and not open_.any():
            break
        tried.append(format_)
        if open_ is None:
            result = parse_naive(column, format_, zone)
        else:
            index = open_.arg_true()
            read = parse_naive(column.gather(index), format_, zone)
            if read.null_count() < len(read):
                result = result.scatter(index, read)
    return result.alias(column.name)


def parse_naive(column: pl.Series, format_: str, zone: ZoneInfo | None) -> pl.Series:
    """One format. With `zone`, to UTC; without, the naive reading (for detection)."""
    if format_ in ("epoch_s", "epoch_ms"):
        read = _epoch(column, 1 if format_ == "epoch_s" else 1000)
        return read.dt.replace_time_zone("UTC") if zone else read
    if format_ == "excel":
        serial = column.cast(pl.Float64, strict=False)
        serial = serial.zip_with((serial > 20_000) & (serial < 80_000), pl.Series([None], dtype=pl.Float64))
        seconds = (serial * 86_400).round().cast(pl.Int64) - 2_209_161_600  # seconds between 1899-12-30 and 1970-01-01
        naive = (seconds * 1_000_000).cast(NAIVE)
        return _to_utc(naive, zone) if zone else naive
    frame = column.to_frame("t")
    if "%#z" in format_:
        read = frame.select(pl.col("t").str.to_datetime(format_, time_unit="us", strict=False, cache=False)).to_series()
        return read.cast(UTC) if zone else read.dt.replace_time_zone(None)
    if "%H" not in format_ and "%I" not in format_:
        read = frame.select(pl.col("t").str.to_date(format_, strict=False, cache=False).cast(NAIVE)).to_series()
    else:
        read = frame.select(pl.col("t").str.to_datetime(format_, time_unit="us", strict=False, cache=False)).to_series()
    return _to_utc(read, zone) if zone else read


def _epoch(column: pl.Series, unit: int) -> pl.Series:
    number = column.cast(pl.Float64, strict=False)
    low, high = 946_684_800 * unit, 4_102_444_800 * unit  # 2000 … 2100: other numbers are no moments
    return (
        (number.zip_with((number >= low) & (number <= high), pl.Series([None], dtype=pl.Float64)) * (1_000_000 // unit))
        .cast(pl.Int64)
        .cast(NAIVE)
    )


def _to_utc(naive: pl.Series, zone: ZoneInfo) -> pl.Series:
    """Local times to UTC; a time the clock change skips is null, one it repeats is the earlier.

    Where the zone's offset is one and the same over the whole column, subtracting it is 10 × cheaper than asking the
    zone for every row.
    """
    low, high = naive.min(), naive.max()
    if (
        isinstance(low, datetime)
        and isinstance(high, datetime)
        and (offset := _steady_offset(low, high, zone)) is not None
    ):
        return (naive - offset).dt.replace_time_zone("UTC")
    return naive.dt.replace_time_zone(str(zone), ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


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
    folded = cell.strip().casefold()
    return words.get(cell.strip(), words.get(folded))


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
    return translate(cells, words_for(SCORES, own)).cast(pl.Int8, strict=False)


def money(column: pl.Series) -> pl.Series:
    """Cells like `1,234.50`, `¥12` to hundredths; what is no amount becomes null."""
    text = column.cast(pl.String).str.replace_all(r"[,，\s¥￥元]", "")
    parts = text.str.extract_groups(r"^(-?)(\d+)(?:\.(\d{1,2})0*)?$").struct.unnest()
    cents = parts["2"].cast(pl.Int64, strict=False) * 100 + parts["3"].fill_null("0").str.pad_end(2, "0").cast(
        pl.Int64, strict=False
    )
    sign = parts["1"].replace_strict({"-": -1}, default=1, return_dtype=pl.Int64)
    return (cents * sign).alias(column.name)
