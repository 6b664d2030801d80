"""Charts: signals with reasons, known in-control behaviour, gaps, restarts, and no alarm from ordinary variation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scoring import draw
from scoring.chart import LIMIT, chart


def noise(seed: str, count: int) -> np.ndarray:
    return stats.norm.ppf(np.clip(draw.uniforms(seed, count), 1e-9, 1 - 1e-9))


def test_statistics_by_hand() -> None:
    result = chart([1.0, 2.0, 0.0, 1.0], [1.0] * 4, centre=0.0)
    assert result.sigma_z == pytest.approx(max(1.0, (1 + 2 + 1) / 3 / 1.128))
    z = np.array([1, 2, 0, 1]) / result.sigma_z
    ewma = 0.0
    for k, point in enumerate(result.points):
        ewma = 0.2 * z[k] + 0.8 * ewma
        assert point.ewma == pytest.approx(ewma)
        assert point.limit == pytest.approx(LIMIT * np.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * k + 2))))
    assert result.points[1].cusum_up == pytest.approx(max(z[0] - 0.5, 0) + z[1] - 0.5)


def test_a_doubled_level_is_found_with_direction_and_start() -> None:
    values = [80 + x for x in noise("a", 20)] + [77.5 + x for x in noise("b", 12)]
    result = chart(values, [1.0] * 32, baseline=20)
    assert result.signals
    first = result.signals[0]
    assert (first.direction, first.period >= 20, first.period < 26) == ("down", True, True)
    assert first.since >= 17
    assert {s.chart for s in result.signals} == {"ewma", "cusum"}
    assert all(abs(s.statistic) > s.limit for s in result.signals)


def test_in_control_series_seldom_alarm() -> None:
    alarms = sum(bool(chart(list(noise(f"run{k}", 26)), [1.0] * 26).signals) for k in range(300))
    assert alarms / 300 < 0.12


def test_ordinary_variation_between_periods_is_inflated_away() -> None:
    alarms = sum(bool(chart(list(3 * noise(f"lane{k}", 26)), [1.0] * 26).signals) for k in range(200))
    assert alarms / 200 < 0.15
    assert chart(list(3 * noise("x", 26)), [1.0] * 26).sigma_z > 2
    assert chart(list(0.1 * noise("x", 26)), [1.0] * 26).sigma_z == 1.0


def test_gaps_stay_gaps_and_a_measure_restarts() -> None:
    result = chart([1.0, None, 1.2, 0.9, 1.1], [0.5, None, 0.5, None, 0.5])
    assert [p.z is None for p in result.points] == [False, True, False, True, False]
    assert result.points[1].ewma == result.points[0].ewma
    shifted = chart([0.0] * 5 + [3.0] * 3 + [0.0], [1.0] * 9, centre=0.0, restart=[8])
    assert shifted.points[8].cusum_up == 0.0
    assert shifted.points[7].cusum_up > 0


def test_two_periods_are_no_chart() -> None:
    assert chart([1.0, 2.0], [1.0, 1.0]).reason == "too_few_periods"
    assert chart([1.0, 2.0, 3.0], [0.0, None, 1.0]).points == ()
