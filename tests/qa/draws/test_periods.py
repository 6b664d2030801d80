"""The next days to draw: whole weeks and months, none forgotten, none twice."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from qa.draws.periods import CADENCES, MONTH, WEEK, due, usual

days = st.dates(date(2020, 1, 1), date(2030, 1, 1))


def test_the_month_after_a_late_draw_of_may_is_june() -> None:
    found = due(MONTH, (date(2026, 5, 1), date(2026, 5, 31)), date(2026, 8, 3))
    assert (found.first, found.last, found.over) == (date(2026, 6, 1), date(2026, 6, 30), True)


def test_a_weekly_plan_is_offered_the_next_week_not_last_month() -> None:
    found = due(WEEK, (date(2026, 11, 16), date(2026, 11, 22)), date(2026, 11, 30))
    assert (found.first, found.last, found.over) == (date(2026, 11, 23), date(2026, 11, 29), True)
    assert not due(WEEK, (date(2026, 11, 23), date(2026, 11, 29)), date(2026, 11, 30)).over


def test_a_plan_never_drawn_begins_with_the_last_period_that_has_anything() -> None:
    assert due(MONTH, None, date(2026, 11, 30)).first == date(2026, 10, 1)
    old = due(MONTH, None, date(2026, 11, 30), newest=date(2026, 3, 9))
    assert (old.first, old.last) == (date(2026, 3, 1), date(2026, 3, 31))
    assert due(WEEK, None, date(2026, 11, 30)).last == date(2026, 11, 29)


def test_the_rest_of_a_period_is_not_forgotten() -> None:
    found = due(MONTH, (date(2026, 5, 1), date(2026, 5, 12)), date(2026, 8, 3))
    assert (found.first, found.last) == (date(2026, 5, 13), date(2026, 5, 31))


@given(st.sampled_from(list(CADENCES)), days, days)
def test_drawn_again_and_again_no_day_is_left_out_or_drawn_twice(cadence: str, start: date, today: date) -> None:
    drawn = (start, start)
    for _round in range(5):
        found = due(cadence, drawn, today)
        assert found.first == drawn[1] + timedelta(days=1)
        assert found.first <= found.last
        assert (found.last - found.first).days < (7 if cadence == WEEK else 31)
        drawn = (found.first, found.last)
    assert usual(date(2026, 5, 1), date(2026, 5, 31)) == MONTH
    assert usual(date(2026, 5, 4), date(2026, 5, 10)) == WEEK
