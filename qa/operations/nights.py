"""Which steps of which nights are due. Pure: moment, time zone and schedules come in as values.

A night has the business date on which its steps begin. What is named by step and date is done once, so neither a clock
that is put back nor a day of 23 or 25 hours does anything twice or leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from qa.operations.schedules import StepSchedule
from qa.operations.steps import STEPS

NIGHTS = 31
"""So many nights are made up after a longer pause of the server."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class NightTurn:
    """One step of one night, and the moment (UTC) from which it is due."""

    step: str
    day: date
    at: datetime


def turns(plan: Mapping[str, StepSchedule], now: datetime, zone: ZoneInfo) -> list[NightTurn]:
    """Everything due at `now`, in the order in which it is to be done: night by night, each in the order of its times
    and of the steps. Of a step that acts on the present alone only the newest night counts."""
    found: list[NightTurn] = []
    for step in STEPS:
        schedule = plan.get(step.name)
        if schedule is None or schedule.paused or schedule.since is None:
            continue
        due = [turn for turn in _of(schedule, now, zone) if schedule.since < turn.at <= now]
        found += due if step.makes_up else due[-1:]
    order = {step.name: place for place, step in enumerate(STEPS)}
    return sorted(found, key=lambda turn: (turn.day, turn.at, order[turn.step]))


def next_at(schedule: StepSchedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the step begins next; None while it is paused."""
    if schedule.paused:
        return None
    today = now.astimezone(zone).date()
    return next(at for n in range(9) if (at := _moment(schedule, today + n * DAY, zone)) is not None and at > now)


def _of(schedule: StepSchedule, now: datetime, zone: ZoneInfo) -> Sequence[NightTurn]:
    today = now.astimezone(zone).date()
    days = (today - n * DAY for n in range(NIGHTS, -1, -1))
    return [NightTurn(schedule.step, day, at) for day in days if (at := _moment(schedule, day, zone)) is not None]


def _moment(schedule: StepSchedule, day: date, zone: ZoneInfo) -> datetime | None:
    """The moment of the step on `day`; a time that the clock leaves out that day counts as the hour after."""
    if day.weekday() not in schedule.days:
        return None
    return datetime.combine(day, time.fromisoformat(schedule.at), zone).astimezone(UTC)
