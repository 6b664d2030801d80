"""Which days a plan draws next: the first whole day, week or month that it has not drawn yet.

Pure: days come in as values. Does not know the database and the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from qa.i18n import N_

DAILY, WEEK, MONTH = "day", "week", "month"
CADENCES: Mapping[str, str] = {DAILY: N_("every day"), WEEK: N_("every week"), MONTH: N_("every month")}
DAY = timedelta(days=1)


@dataclass(frozen=True)
class DueDraw:
    """The days to draw next. `over` says whether they are all past, so that nothing can still arrive in them."""

    first: date
    last: date
    over: bool


def due(cadence: str, drawn_to: tuple[date, date] | None, today: date, newest: date | None = None) -> DueDraw:
    """The period after the plan's last draw; for a plan never drawn the last one that is over, or the last one with
    conversations when the newest of them is older.

    A draw that ended inside a period leaves the rest of that period for the next draw, so that no day is forgotten.
    """
    if drawn_to is not None:
        first = drawn_to[1] + DAY
        return _made(first, _end(cadence, first), today)
    end = _start(cadence, today) - DAY
    if newest is not None and newest < end:
        end = _end(cadence, newest)
    return _made(_start(cadence, end), end, today)


def usual(first: date, last: date) -> str:
    """The cadence that a draw of these days looks like: for plans made before there was a choice."""
    return WEEK if (last - first).days < 14 else MONTH


def _made(first: date, last: date, today: date) -> DueDraw:
    return DueDraw(first, last, last < today)


def _start(cadence: str, day: date) -> date:
    if cadence == DAILY:
        return day
    return day - timedelta(days=day.weekday()) if cadence == WEEK else day.replace(day=1)


def _end(cadence: str, day: date) -> date:
    if cadence == DAILY:
        return day
    if cadence == WEEK:
        return _start(WEEK, day) + timedelta(days=6)
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - DAY
