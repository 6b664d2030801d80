"""Marks are exact, draws repeatable, and figures of questions those of classical test theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import exams

MARKS = st.lists(st.integers(0, 10_000), min_size=1, max_size=5)


@given(MARKS, MARKS)
def test_the_month_is_seventy_and_thirty(paper: list[int], regular: list[int]) -> None:
    mark = exams.monthly_mark(paper, regular)
    assert mark is not None
    assert abs(mark - (0.7 * sum(paper) / len(paper) + 0.3 * sum(regular) / len(regular))) <= 0.5 + 1e-9
    assert exams.monthly_mark([], regular) is None
    assert exams.monthly_mark(paper, []) == exams.monthly_mark(paper, [exams.monthly_mark(paper, []) or 0])


def test_published_example_of_the_founding_document() -> None:
    assert exams.monthly_mark([8_000], [9_000]) == 8_300
    assert exams.paper_mark([True, True, False]) == 6_667
    assert exams.paper_mark([]) == 0


@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=20), st.text(min_size=1))
def test_a_draw_is_an_order_of_its_frame_whatever_the_order_it_came_in(ids: list[str], seed: str) -> None:
    drawn = exams.draw(seed, ids)
    assert sorted(drawn.order) == sorted(ids)
    assert exams.draw(seed, reversed(ids)) == drawn
    assert sorted(exams.shuffled(seed, "who", "q", ids)) == sorted(ids)


def test_figures_of_questions() -> None:
    rng = np.random.default_rng(1)
    able = rng.normal(0, 1, 200)
    good = (able + rng.normal(0, 0.5, 200) > 0.5).astype(float)
    luck = (rng.random(200) < 0.9).astype(float)
    rest = [(able + rng.normal(0, 0.7, 200) > 0).astype(float) for _ in range(6)]
    figures = exams.item_figures(np.column_stack([good, luck, *rest]))
    assert figures[0].difficulty == pytest.approx(good.mean())
    assert figures[0].discrimination == pytest.approx(
        np.corrcoef(good, np.column_stack([luck, *rest]).mean(axis=1))[0, 1]
    )
    assert figures[0].discrimination > 0.5  # type: ignore[operator]
    assert abs(figures[1].discrimination) < 0.2  # type: ignore[arg-type]
    few = exams.item_figures(np.array([[1.0, np.nan], [0.0, 1.0]]))
    assert (few[0].n, few[1].n, few[0].discrimination) == (2, 1, None)
    assert exams.item_figures(np.full((2, 1), np.nan))[0].difficulty is None
