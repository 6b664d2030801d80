"""Moments as people and programs write them: any order of day and month, short years, 上午/下午, zones; cells in, UTC
out.

Known formats are read column by column (`values.parse_times`); what they leave is read here, cell by cell. No clock, no
files.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

FIRST_YEAR, LAST_YEAR = 1990, 2100
SHORT_YEARS = range(10, 41)
"""Two digits are a year of this century from 2010 to 2040."""
ORDERS = ("ymd", "dmy", "mdy")
UNSEEN = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x1f"
"""Characters that nobody sees, as the inside of a pattern: marks of direction and order, joiners, controls."""
AROUND = "".join(
    chr(c)
    for low, high in (
        *((0x00, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0xAD, 0xAD), (0x1680, 0x1680), (0x2000, 0x200F), (0x2028, 0x202F)),
        *((0x205F, 0x2069), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
    )
    for c in range(low, high + 1)
)
"""Space and unseen characters."""
MONTHS = {
    name: n
    for n, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}

_WEEKDAY = r"(?:(?:星期|周|礼拜)[一二三四五六日天]|(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?)"
_MONTH = r"(?P<{0}>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = (
    r"(?P<y>\d{4})\s?[-/.年]\s?(?P<m>\d{1,2})\s?[-/.月]\s?(?P<d>\d{1,2})\s?[日号]?",
    r"(?P<cy>\d{4})(?P<cm>\d{2})(?P<cd>\d{2})",
    r"(?P<a>\d{1,2})\s?[-/.]\s?(?P<b>\d{1,2})\s?[-/.]\s?(?P<c>\d{4}|\d{1,2})",
    r"(?P<ed>\d{1,2})(?:st|nd|rd|th)?[\s\-.]\s?" + _MONTH.format("en") + r"[,\s\-]+(?P<ey>\d{4})",
    _MONTH.format("fn") + r"\s+(?P<fd>\d{1,2})(?:st|nd|rd|th)?(?:,|\s)\s?(?P<fy>\d{4})",
)
_CLOCK = (
    r"(?P<half>上午|下午|早上|早晨|晚上|傍晚|凌晨|中午|am|"
    r"pm)?\s?(?P<H>\d{1,2})\s?[:.时点]\s?(?P<M>\d{1,2})(?:\s?[:.分]\s?(?P<S>\d{1,2}))?\s?[分秒]?"
    r"(?:[.,:](?P<f>\d{1,9}))?\s?(?P<half2>[ap]\.?\s?m\.?|上午|下午)?"
)
ZONES = {
    **dict.fromkeys(("北京时间", "bjt", "hkt", "sgt"), 8),
    **dict.fromkeys(("jst", "kst"), 9),
    "cet": 1,
    "cest": 2,
    "edt": -4,
    "mdt": -6,
    "pdt": -7,
}
"""Hours from UTC of names of zones that mean one alone; CST, EST, PST and IST do not."""
_ZONE = (
    r"(?P<word>utc|gmt|z|" + "|".join(ZONES) + r")?\s?(?:\(?(?P<sign>[+\-])(?P<zh>\d{1,2})(?::?(?P<zm>\d{2}))?\)?)?"
    r"\s?(?:\((?![+\-\d]).*\)|\[[^\d].*\])?"
)
_COMPACT_CLOCK = r"(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})?(?:[.,](?P<f>\d{1,9}))?"
_FORMS = (
    *(re.compile(rf"{date}(?:\s?t\s?|\s){_COMPACT_CLOCK}\s?{_ZONE}") for date in _DATES[:2]),
    *(
        re.compile(form)
        for date in _DATES
        for form in (
            rf"(?:{_WEEKDAY}[,，]?\s?)?{date}(?:\s?{_WEEKDAY})?(?:[t,，\s]*(?:at\s)?{_CLOCK}\s?{_ZONE})?",
            rf"(?:{_WEEKDAY}[,，]?\s?)?{_CLOCK}\s?{_ZONE}[,，\s]+{date}",
        )
    ),
)
_ASCTIME = re.compile(
    rf"{_WEEKDAY}[,\s]+{_MONTH.format('fn')}\s+(?P<fd>\d{{1,2}})\s+{_CLOCK}\s?{_ZONE}\s?(?P<fy>\d{{4}})"
)
NUMERIC = (
    r"^(?:\D{0,6}\d{1,2}[:：]\d{2}(?:[:：]\d{2})?\D{1,12}?|"
    r"\D{0,12}?)(\d{1,2})\s?[-/.]\s?(\d{1,2})\s?[-/.]\s?(\d{4}|\d{1,2})(?:\D|$)"
)
"""A date of three short numbers, whose order has to be known; also after a weekday, a bracket or the time of day."""
NONE = re.compile(
    r"0+|-+|—+|/|\\n|null|none|nil|nan|n/?a|undefined|invalid"
    r" date|无|暂无|未知|未结束|0{4}-0?0-0?0.*|0{1,4}1-0?1-0?1(?:[t ].*)?|1970[-/]0?1[-/]0?1(?:[t"
    r" ]0?[08]:00(?::00.*)?)?"
    r"|19(?:00|99)[-/]0?[01]-0?[01](?:[t ]00:00.*)?|9999-12-31.*|1899-12-3\d.*|0?0:00(?::00)?"
)
"""How exports write that there is no time."""


def is_none(cell: str) -> bool:
    """Whether a cell says that there is no time."""
    return NONE.fullmatch(unwrapped(cell).casefold()) is not None


def unwrapped(cell: str) -> str:
    """A cell without what makes a spreadsheet take it for text: `="…"`, a leading apostrophe or accent, space around
    it."""
    text = cell.strip(AROUND)
    if text.startswith("=") and len(text) >= 4 and text[1] == text[-1] == '"':
        return text[2:-1].strip()
    return text[1:].strip() if len(text) > 1 and text[0] in "'`’" else text


def orders(cells: pl.Series) -> tuple[str, ...]:
    """The orders of day, month and year in which every short date of `cells` (text) can be read; all of them when there
    is none, none when the dates prove different ones. What is a date in no order does not count."""
    parts = cells.str.extract_groups(NUMERIC).struct.unnest()
    found = parts.select(pl.all().cast(pl.Int32, strict=False)).drop_nulls().unique()
    dates = [fits for row in found.iter_rows() if (fits := _fits(*row))]
    return tuple(order for order in ORDERS if all(order in fits for fits in dates))


@lru_cache(maxsize=50_000)
def _fits(a: int, b: int, c: int) -> tuple[str, ...]:
    """The orders in which three numbers are a date."""
    if min(a, b, c) < 1:
        return ()
    year_last = c >= 1000 or c in SHORT_YEARS
    fits = {
        "ymd": c <= 31 and a in SHORT_YEARS and b <= 12,
        "dmy": year_last and a <= 31 and b <= 12,
        "mdy": year_last and a <= 12 and b <= 31,
    }
    return tuple(order for order in ORDERS if fits[order])


def short_dates(cells: pl.Series) -> pl.Series:
    """Those of `cells` whose order of day and month has to be known."""
    return cells.filter(cells.str.contains(NUMERIC).fill_null(False))


@lru_cache(maxsize=100_000)
def read(cell: str, order: str) -> tuple[datetime | None, str]:
    """A moment (aware when the cell says its zone, else naive), or why there is none: `ambiguous_date` when the order
    of day and month would have to be known, `other_order` when the file has another one; empty when it is no date.

    Dates of short numbers are read in `order` alone: what one of them seems to say itself, another may deny.
    """
    text = unicodedata.normalize("NFKC", unwrapped(cell)).casefold()
    text = re.sub(r"\s+", " ", text)
    for form in _FORMS:
        if found := form.fullmatch(text):
            break
    else:
        found = _ASCTIME.fullmatch(text)
    if not found:
        return None, ""
    parts = found.groupdict()
    day = _date(parts, order)
    if day is None:
        fits = _fitting(parts) if parts.get("a") else ()
        return None, "ambiguous_date" if len(fits) > 1 and not order else "other_order" if fits else ""
    clock = _clock(parts)
    midnight = clock == (24, 0, 0, 0)  # the end of the day
    try:
        start = datetime(*day, *((0, 0, 0, 0) if midnight else clock))  # noqa: DTZ001 - the zone is that of the file
        moment = start + timedelta(days=midnight)
        zoned = moment.replace(tzinfo=UTC) - _offset(parts) if parts.get("word") or parts.get("sign") else moment
    except (ValueError, OverflowError):
        return None, ""
    return (zoned if FIRST_YEAR <= zoned.year < LAST_YEAR else None), ""


def _date(parts: dict[str, str | None], order: str) -> tuple[int, int, int] | None:
    for year, month, day in (("y", "m", "d"), ("cy", "cm", "cd")):
        if parts.get(year):
            return int(parts[year] or 0), int(parts[month] or 0), int(parts[day] or 0)
    for year, month, day in (("ey", "en", "ed"), ("fy", "fn", "fd")):
        if parts.get(year):
            return int(parts[year] or 0), MONTHS[parts[month] or ""], int(parts[day] or 0)
    if order not in _fitting(parts):
        return None
    slots = dict(zip(order, (int(parts[name] or 0) for name in "abc"), strict=True))
    return slots["y"] + (2000 if slots["y"] < 100 else 0), slots["m"], slots["d"]


def _fitting(parts: dict[str, str | None]) -> tuple[str, ...]:
    return _fits(*(int(parts[name] or 0) for name in "abc"))


def _clock(parts: dict[str, str | None]) -> tuple[int, int, int, int]:
    if not parts.get("H"):
        return 0, 0, 0, 0
    hour, half = int(parts["H"] or 0), (parts.get("half") or parts.get("half2") or "").replace(".", "").replace(" ", "")
    if half in ("下午", "晚上", "傍晚", "pm") and hour < 12:
        hour += 12
    elif (half in ("上午", "早上", "早晨", "凌晨", "am") and hour == 12) or (half == "晚上" and hour == 12):
        hour = 0
    elif half == "中午" and hour < 3:
        hour += 12
    fraction = (parts.get("f") or "0")[:6].ljust(6, "0")
    return hour, int(parts["M"] or 0), int(parts.get("S") or 0), int(fraction)


def _offset(parts: dict[str, str | None]) -> timedelta:
    if not parts.get("sign"):
        return timedelta(hours=ZONES.get(parts.get("word") or "", 0))
    size = timedelta(hours=int(parts["zh"] or 0), minutes=int(parts.get("zm") or 0))
    return -size if parts["sign"] == "-" else size


ZONE_WORD = re.compile(
    r"(?:^|[^a-z])(?:utc|gmt)\s?(?P<offset>[+\-]\d{1,2}(?::?\d\d)?)?(?![a-z])|(?P<beijing>北京时间|东八区|中国标准时间)"
    r"|(?P<name>(?:asia|europe|america|australia|africa|pacific|atlantic)/[a-z_]+)",
    re.IGNORECASE,
)


def zone_said(text: str) -> str:
    """The time zone that a header, or a cell of a column of zones, names (of the IANA list); empty when it names
    none."""
    found = ZONE_WORD.search(unicodedata.normalize("NFKC", text).replace("_", " ") if "/" not in text else text)
    if found is None:
        return ""
    if found.group("beijing"):
        return "Asia/Shanghai"
    if name := found.group("name"):
        return next((zone for zone in _zones() if zone.casefold() == name.casefold()), "")
    offset = (found.group("offset") or "+0").replace(":", "")
    hours, minutes = (int(offset[1:3]), int(offset[3:] or 0)) if len(offset) > 3 else (int(offset[1:]), 0)
    if minutes or hours > 14:
        return ""
    return "UTC" if not hours else f"Etc/GMT{'-' if offset[0] == '+' else '+'}{hours}"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def repeated(naive: pl.Series, zone: ZoneInfo, group: pl.Series | None, backward: bool = False) -> pl.Series:
    """For times that a clock change repeats: `latest` once the times of a chat have gone back within that hour, else
    `earliest`.

    Rows are in the order of the file; `backward`: newest first. `group` names the chat of each row.
    """
    frame = pl.DataFrame(
        {"t": naive, "g": group if group is not None else pl.Series([0]).new_from_index(0, len(naive))}
    )
    if backward:
        frame = frame.reverse()
    day = pl.col("t").dt.date()
    fell = (pl.col("t") < pl.col("t").cum_max()).fill_null(False).over("g", day)
    later = frame.select(
        pl.when(fell.cum_max().over("g", day)).then(pl.lit("latest")).otherwise(pl.lit("earliest")).alias("a")
    )["a"]
    return later.reverse() if backward else later
