"""Cells of exports as exact numbers, in millionths: `2分30秒`, `98.5%`, `1,234元`, `1.2万`. A dash is nothing, never
0."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
NOTHING = frozenset(
    {
        "",
        "-",
        "--",
        "—",
        "——",
        "–",
        "/",
        "n/a",
        "na",
        "null",
        "none",
        "nan",
        "无",
        "暂无",
        "暂无数据",
        "#n/a",
        "#div/0!",
    }
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_STRIPPED = re.compile(r"(?i)^(?:CNY|RMB|¥|￥)|(?:元|人|次|个|件|笔|单|条|CNY|RMB)$|[,，\s']")
_TIMES = {"万": Decimal(10_000), "亿": Decimal(100_000_000)}
_UNITS: dict[str, Decimal] = {
    name: Decimal(str(size))
    for name, size in {
        "天": 86_400,
        "日": 86_400,
        "d": 86_400,
        "小时": 3_600,
        "时": 3_600,
        "h": 3_600,
        "分钟": 60,
        "分": 60,
        "min": 60,
        "m": 60,
        "毫秒": 0.001,
        "ms": 0.001,
        "秒": 1,
        "s": 1,
    }.items()
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(天|日|小时|时|分钟|分|毫秒|秒|min|ms|d|h|m|s)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
MOST_LENGTH = 40


def is_nothing(cell: str) -> bool:
    """Whether a cell holds no value."""
    return cell.strip().casefold() in NOTHING


def number(cell: str) -> int | None:
    """A plain number in millionths; None when it is none, or has more than six decimals' worth of digits."""
    text = _STRIPPED.sub("", cell.strip())
    times = _TIMES.get(text[-1:], Decimal(1))
    text = text[:-1] if text[-1:] in _TIMES else text
    if len(text) > MOST_LENGTH or not _NUMBER.fullmatch(text):
        return None
    return _micro(Decimal(text) * times)


def share(cell: str, fraction: bool) -> int | None:
    """A rate in millionths of one: `98.5%` and, without the sign, 0.985 as a `fraction`, else 98.5."""
    text = cell.strip().replace("％", "%")
    if text.endswith("%"):
        found = number(text[:-1])
        return None if found is None else round(found / 100)
    found = number(text)
    return None if found is None else found if fraction else round(found / 100)


def seconds(cell: str) -> int | None:
    """A duration in millionths of a second: `2分30秒`, `7小时41分52秒`, `00:02:30`, `11`."""
    text = cell.strip()
    if len(text) > MOST_LENGTH:
        return None
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, rest = clock.groups()
        return _micro(Decimal(hours or 0) * 3_600 + Decimal(minutes) * 60 + Decimal(rest))
    if _PART.sub("", text).strip(" ,，") == "" and text:
        total = sum((Decimal(n) * _UNITS[unit.casefold()] for n, unit in _PART.findall(text)), Decimal(0))
        return _micro(total)
    return number(text)


def _micro(value: Decimal) -> int | None:
    try:
        whole = (value * MICRO).to_integral_value()
    except InvalidOperation:
        return None
    return int(whole) if abs(whole) < 9 * 10**17 else None
