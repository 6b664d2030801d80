"""What is due, as a pure function of moment, zone and schedules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.operations import BY_NAME, STEPS, StepSchedule, next_at, turns

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def every(at: str = "01:00", since: datetime = SINCE, **other: object) -> dict[str, StepSchedule]:
    return {s.name: StepSchedule(s.name, at, tuple(range(7)), {}, False, since, **other) for s in STEPS}  # type: ignore[arg-type]


def test_steps_come_in_the_order_of_the_night_and_missed_nights_first() -> None:
    now = datetime(2026, 3, 5, 2, 0, tzinfo=UTC)  # three nights later, 10:00 in Shanghai
    found = [(t.day.day, t.step) for t in turns(every(), now, SHANGHAI)]
    made_up = [s.name for s in STEPS if s.makes_up]
    assert found == [
        *((3, step) for step in made_up),
        *((4, step) for step in made_up),
        *((5, step.name) for step in STEPS),
    ]


def test_nothing_is_owed_for_the_time_before_it_was_switched_on_or_while_paused() -> None:
    now = datetime(2026, 3, 5, 2, 0, tzinfo=UTC)
    plan = every(since=now - timedelta(minutes=1))
    assert turns(plan, now, SHANGHAI) == []
    paused = {name: StepSchedule(name, "01:00", tuple(range(7)), {}, True, SINCE) for name in BY_NAME}
    assert turns(paused, now, SHANGHAI) == []
    assert next_at(paused["draws"], now, SHANGHAI) is None


def test_a_day_of_the_week_that_is_not_chosen_is_left_out() -> None:
    plan = {"draws": StepSchedule("draws", "01:00", (0,), {}, False, SINCE)}
    found = turns(plan, SINCE + timedelta(days=20), SHANGHAI)
    assert [t.day for t in found] == [date(2026, 3, 9), date(2026, 3, 16)]
    assert next_at(plan["draws"], SINCE, SHANGHAI) == datetime(2026, 3, 8, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize("at", ["02:30", "03:00", "00:10"])
@pytest.mark.parametrize("changes", [date(2026, 3, 29), date(2026, 10, 25)], ids=["23 hours", "25 hours"])
def test_a_night_in_which_the_clock_changes_is_one_night(at: str, changes: date) -> None:
    since = datetime(changes.year, changes.month, changes.day, tzinfo=BERLIN) - timedelta(days=1)
    moments = [since + n * HOUR / 4 for n in range(4 * 72)]
    seen = {(t.step, t.day) for now in moments for t in turns(every(at, since), now.astimezone(UTC), BERLIN)}
    nights = sorted(day for step, day in seen if step == "draws")
    assert nights == [changes + timedelta(days=n) for n in (-1, 0, 1)]


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 60 * 24 * 25))
def test_what_is_due_stays_due_and_what_comes_next_is_later(hour: int, minute: int, later: int) -> None:
    plan = every(f"{hour:02}:{minute:02}")
    now = SINCE + timedelta(minutes=later)
    due = {(t.step, t.day) for t in turns(plan, now, BERLIN) if BY_NAME[t.step].makes_up}
    after = {(t.step, t.day) for t in turns(plan, now + HOUR, BERLIN) if BY_NAME[t.step].makes_up}
    assert due <= after
    comes = next_at(plan["draws"], now, BERLIN)
    assert comes is not None
    assert comes > now
    assert comes not in {t.at for t in turns(plan, now, BERLIN)}
