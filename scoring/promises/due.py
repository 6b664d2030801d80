"""Until when: a due time said in words, resolved against the moment it was said.

A day without an hour is due at its end (23:59:59) in the business time zone; days are counted from the day after the
message, hours and minutes from the moment itself. Knows no clock: the moment and its zone are given.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from scoring.promises.numerals import NUMERAL, number

END = time(23, 59, 59)
_DAYS = {"今": 0, "当": 0, "明": 1, "后": 2}
_WEEKDAYS = "一二三四五六日"
_ENGLISH = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_N = rf"(?P<n>\d{{1,3}}|{NUMERAL}{{1,3}})"
_EN = (
    r"(?P<n>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fourteen|twenty-four|forty-eight|"
    r"seventy-two|half an)"
)
_HALF = r"(?P<half>上午|早上|中午|下午|傍晚|晚上?|早|夜里|今晚|凌晨)?"
_CLOCK = (
    rf"(?:的)?{_HALF}(?:(?P<hour>\d{{1,2}}|{NUMERAL}{{1,3}})(?:[点时:：](?!内|间)(?P<minute>\d{{2}}|半)?)(?![小时个]))?"
)
_HALVES = {"上午": 12, "早上": 12, "早": 12, "中午": 14, "下午": 18, "傍晚": 19, "凌晨": 6}

_TYPED = tuple(
    (re.compile(pattern), meant)
    for pattern, meant in (
        (r"\b(?:tmrw|tmr|tomoz)\b", "tomorrow"),
        (r"\btonite\b", "tonight"),
        (r"\b(by|on|before|next|this) (mon|fri|sun)\b", r"\1 \2day"),
        (r"\b(by|on|before|next|this) sat\b", r"\1 saturday"),
        (r"\bsat(?= at the latest)", "saturday"),
        (r"(?<=[今明后])儿", "天"),
        (r"最快[^，,。]{1,8}?(?=最[慢迟晚])", ""),
        (r"中午之?前", "中午12点"),
        (r"(?<=\d) ?h(?=之?内|以内)", "小时"),
        (r"(?:下班|收工)之?前", "今天"),
        (r"\b(?:by|until|before) midnight\b", "today"),
    )
)
"""What is typed in a hurry, and what it stands for."""

Reader = Callable[[re.Match[str], datetime], datetime | None]


def due(text: str, said: datetime) -> datetime | None:
    """The first due time that `text` (folded, lower case) names, in the zone of `said`; None when it names none."""
    for n, match in _named(text):
        when = READERS[n][1](match, said)
        if when is not None:
            return when
    return None


@lru_cache(maxsize=20_000)  # agents name the same times again and again
def _named(text: str) -> tuple[tuple[int, re.Match[str]], ...]:
    """The times named, first to last, each with its reader's number."""
    for typed, meant in _TYPED:
        text = typed.sub(meant, text)
    found = [(m.start(), n, m) for n, (pattern, _) in enumerate(READERS) if (m := pattern.search(text))]
    return tuple((n, match) for _, n, match in sorted(found, key=lambda each: each[:2]))


def _at(day: date, said: datetime, clock: time = END) -> datetime:
    return datetime.combine(day, clock, said.tzinfo)


def _clock(match: re.Match[str]) -> time:
    """The hour said with a day; the end of the part of the day without one."""
    groups = match.groupdict()
    half, hour = groups.get("half"), groups.get("hour")
    if hour:
        value = int(number(hour) or 0)
        if value < 12 and half in ("下午", "傍晚", "晚上", "晚", "今晚"):
            value += 12
        minute = groups.get("minute")
        return time(value % 24, 30 if minute == "半" else int(minute or 0)) if value < 24 else END
    return time(_HALVES[half], 0) if half in _HALVES else END


def _span(match: re.Match[str], said: datetime) -> datetime | None:
    count, unit = number(match["n"]), match["unit"]
    if count is None:
        return None
    if unit.startswith(("小时", "钟头", "hour", "hr")):
        return said + timedelta(hours=count)
    if unit.startswith(("分钟", "min")):
        return said + timedelta(minutes=count)
    if unit.startswith(("工作日", "working", "business")):
        return _at(_working(said.date(), int(count)), said)
    if unit.startswith(("周", "星期", "礼拜", "week")):
        count *= 7
    if unit.startswith(("月", "month")):
        count *= 30
    return _at(said.date() + timedelta(days=int(count)), said)


def _working(day: date, count: int) -> date:
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def _day(match: re.Match[str], said: datetime) -> datetime:
    named, part = match["day"], match["part"]
    ahead = 3 if named == "大后" else _DAYS[named]
    clock = _clock(match)
    if part == "早" and clock == END:
        clock = time(12, 0)
    elif part == "晚" and match["hour"]:
        hour = int(number(match["hour"]) or 0)
        clock = clock.replace(hour=hour + 12) if hour < 12 else clock
    return _at(said.date() + timedelta(days=ahead), said, clock)


def _weekday(match: re.Match[str], said: datetime) -> datetime:
    named = match["weekday"]
    target = 6 if named in "天末" else _WEEKDAYS.index(named)
    ahead = target - said.weekday()
    if match["week"] and "下" in match["week"]:
        ahead += 7 * match["week"].count("下")
    elif ahead < 0:
        ahead += 7
    return _at(said.date() + timedelta(days=ahead), said, _clock(match))


def _week(match: re.Match[str], said: datetime) -> datetime:
    ahead = 6 - said.weekday() + 7 * match[0].count("下")
    return _at(said.date() + timedelta(days=ahead), said)


def _month(match: re.Match[str], said: datetime) -> datetime:
    year, month = said.year, said.month
    if "下" in match[0] or "next" in match[0]:
        year, month = (year + month // 12, month % 12 + 1)
    return _at(date(year, month, calendar.monthrange(year, month)[1]), said)


def _year(match: re.Match[str], said: datetime) -> datetime:
    return _at(date(said.year, 12, 31), said)


def _date(match: re.Match[str], said: datetime) -> datetime | None:
    groups = match.groupdict()
    day, month = int(number(match["date"]) or 0), int(number(groups["month"]) or 0) if groups.get("month") else None
    year = said.year
    if month is None:
        month = said.month
        if day < said.day:
            year, month = (year + month // 12, month % 12 + 1)
    elif (month, day) < (said.month, said.day):
        year += 1
    try:
        return _at(date(year, month, day), said, _clock(match))
    except ValueError:
        return None


def _hour(match: re.Match[str], said: datetime) -> datetime | None:
    if not match["hour"] and not match["half"]:
        return None
    when = _at(said.date(), said, _clock(match))
    bare = match["hour"] and not match["half"] and when.hour < 12
    return when + timedelta(hours=12) if bare and when <= said else when


def _english_day(match: re.Match[str], said: datetime) -> datetime:
    named = match["day"]
    ahead = {"tod": 0, "ton": 0, "thi": 0, "tom": 1, "day": 2, "end": 0}[named[:3]]
    clock = time(12, 0) if "morning" in match[0] else time(18, 0) if "afternoon" in match[0] else END
    clock = time(12, 0) if "noon t" in match[0] else clock
    return _at(said.date() + timedelta(days=ahead), said, _english_clock(match) or clock)


def _english_clock(match: re.Match[str]) -> time | None:
    groups = match.groupdict()
    if not groups.get("hour"):
        return time(12, 0) if groups.get("noon") else None
    hour = int(groups["hour"]) % 12 + (12 if groups["half"][0] == "p" else 0)
    return time(hour, int(groups.get("minute") or 0))


def _english_weekday(match: re.Match[str], said: datetime) -> datetime:
    ahead = (_ENGLISH.index(match["weekday"]) - said.weekday()) % 7
    if match["week"] and "next" in match["week"]:
        ahead = _ENGLISH.index(match["weekday"]) - said.weekday() + 7
    clock = time(12, 0) if "morning" in match[0] else END
    return _at(said.date() + timedelta(days=ahead), said, _english_clock(match) or clock)


def _english_ordinal(match: re.Match[str], said: datetime) -> datetime | None:
    day = int(match["date"])
    year, month = (said.year, said.month) if day >= said.day else (said.year + said.month // 12, said.month % 12 + 1)
    try:
        return _at(date(year, month, day), said)
    except ValueError:
        return None


def _english_bare_hour(match: re.Match[str], said: datetime) -> datetime:
    """“by 4” is the next four o'clock of the day; “by 6 tonight” is in the evening."""
    hour = int(match["hour"]) % 12
    when = _at(said.date(), said, time(hour))
    late = match["tonight"] or when <= said
    return when + timedelta(hours=12) if late else when


def _english_week(match: re.Match[str], said: datetime) -> datetime:
    return _at(said.date() + timedelta(days=6 - said.weekday() + 7 * ("next" in match[0])), said)


def _english_date(match: re.Match[str], said: datetime) -> datetime | None:
    groups = match.groupdict()
    name = groups["m1"] or groups["m2"]
    day = int(groups["d1"] or groups["d2"])
    month = _MONTHS.index(name[:3]) + 1
    year = said.year + ((month, day) < (said.month, said.day))
    try:
        return _at(date(year, month, day), said)
    except ValueError:
        return None


def _english_hour(match: re.Match[str], said: datetime) -> datetime | None:
    clock = _english_clock(match)
    return _at(said.date(), said, clock) if clock else None


_EN_CLOCK = (
    r"(?:,? (?:by |at |before )?(?:(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))? ?(?P<half>am|pm|a\.m\.|p\.m\.)|"
    r"(?P<noon>noon)))?"
)
READERS: tuple[tuple[re.Pattern[str], Reader], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        (
            rf"{_N} ?(?:个)?(?P<unit>小时|钟头|分钟|工作日|天|日(?=内|之内|以内)|周|星期|礼拜|月(?=内|之内|以内))(?!前|"
            r"没|未|无理由)",
            _span,
        ),
        (rf"(?P<day>大后|[今明后当])(?P<part>[天日晚早]){_CLOCK}", _day),
        (rf"(?P<week>[本这下]+个?)?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末]){_CLOCK}", _weekday),
        (r"[本这下]+个?(?:周|星期|礼拜)(?![一二三四五六日天末])", _week),
        (r"(?:[本这下]个?)?月(?:底|末)|[本这下]个?月(?:内|之内|以内)", _month),
        (r"年底|年末|年内", _year),
        (
            rf"(?:(?P<month>\d{{1,2}}|{NUMERAL}{{1,2}})月)?(?<![\d周期])(?P<date>\d{{1,2}}|"
            rf"{NUMERAL}{{1,3}})[号日](?!内|之内|以内|线|码){_CLOCK}",
            _date,
        ),
        (rf"(?P<month>\d{{1,2}}|{NUMERAL}{{1,2}})月(?P<date>\d{{1,2}})(?!\d)", _date),
        (
            rf"(?P<half>上午|早上|中午|下午|傍晚|晚上)(?:(?P<hour>\d{{1,2}}|{NUMERAL}{{1,3}})"
            r"[点时:：](?P<minute>\d{2}|半)?)?",
            _hour,
        ),
        (rf"(?P<half>)(?P<hour>\d{{1,2}}|{NUMERAL}{{1,3}})点(?P<minute>\d{{2}}|半)?(?:之?前|以前)?", _hour),
        (
            rf"\b{_EN}(?: more| full)?[ -](?P<unit>hours?|hrs?|minutes?|mins?|working days?|business days?|days?|"
            r"weeks?|months?)\b(?! ago)",
            _span,
        ),
        (
            r"\bby (?P<hour>1[0-2]|[1-9])(?P<tonight> tonight)?(?=$|[,.!;\n]| (?:today|at the latest|ok)\b)",
            _english_bare_hour,
        ),
        (r"\b(?:by|on|before) the (?P<date>\d{1,2})(?:st|nd|rd|th)\b", _english_ordinal),
        (
            r"\b(?:by |at |before )?(?:(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))? ?(?P<half>am|pm|a\.m\.|p\.m\.)|"
            r"(?P<noon>noon)) (?:on )?"
            r"(?P<day>today|tomorrow)\b",
            _english_day,
        ),
        (
            r"\b(?P<day>today|tonight|this (?:morning|afternoon|evening)|tomorrow|day after tomorrow|end of (?:the |"
            rf"this )?day)\b(?: (?:morning|afternoon|evening|night))?{_EN_CLOCK}",
            _english_day,
        ),
        (
            r"\b(?P<week>next |this |coming )?(?P<weekday>mon|tue|wed|thu|fri|sat|sun)(?:s|nes|rs|ur)?day\b(?: "
            rf"(?:morning|afternoon|evening))?{_EN_CLOCK}",
            _english_weekday,
        ),
        (r"\b(?:this|next|end of (?:the|this|next)) week\b", _english_week),
        (r"\b(?:end of (?:the |this |next )?month|this month|month[- ]end)\b", _month),
        (r"\bend of (?:the |this )?year\b", _year),
        (
            r"\b(?:(?P<m1>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* (?P<d1>\d{1,2})(?:st|nd|rd|th)?|"
            r"(?P<d2>\d{1,2})(?:st|nd|rd|th)?(?: of)? (?P<m2>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\b",
            _english_date,
        ),
        (
            r"\b(?:by|before|at) (?:(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))? ?(?P<half>am|pm|a\.m\.|p\.m\.)|"
            r"(?P<noon>noon)\b)",
            _english_hour,
        ),
    )
)
