"""Charts: frozen baselines, known in-control behaviour, measures, gaps, rates without events, no hindsight."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scoring import draw
from scoring.chart import BASELINE, LEAST_BASELINE, LIMIT, chart


def noise(seed: str, count: int) -> np.ndarray:
    return stats.norm.ppf(np.clip(draw.uniforms(seed, count), 1e-9, 1 - 1e-9))


def test_statistics_by_hand_with_a_known_centre() -> None:
    result = chart([1.0, 2.0, 0.0, 1.0], [1.0] * 4, centre=0.0)
    z, ewma = [1.0, 2.0, 0.0, 1.0], 0.0
    assert result.points[0].z == 1.0
    assert all(point.z is not None and abs(point.z) <= known for point, known in zip(result.points, z, strict=True))
    for k, point in enumerate(result.points):
        ewma = 0.2 * (point.z or 0.0) + 0.8 * ewma
        assert point.ewma == pytest.approx(ewma)
        assert point.limit == pytest.approx(LIMIT * np.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * k + 2))))


def test_a_short_baseline_judges_nothing_and_says_what_is_missing() -> None:
    result = chart(list(noise("s", 6)), [1.0] * 6)
    assert (result.reason, result.signals) == ("too_few_periods", ())
    assert all(point.z is None for point in result.points)
    assert result.segments[0].needed == LEAST_BASELINE + 1 - 6
    assert chart([], []).reason == "too_few_periods"
    assert chart([1.0, 2.0, 3.0], [0.0, None, 1.0]).reason == "too_few_periods"


def test_the_error_of_the_baseline_widens_the_limits() -> None:
    few, many = (chart(list(noise("w", m + 26)), [1.0] * (m + 26), baseline=m) for m in (8, 20))
    known = LIMIT * np.sqrt(0.2 / 1.8)
    for result, m in ((few, 8), (many, 20)):
        last = result.points[-1].limit / result.segments[0].sigma_z
        settled = 1 - 0.8**26
        assert result.points[-1].limit == pytest.approx(np.hypot(known, LIMIT * settled / np.sqrt(m)), rel=2e-3)
        assert last > 0


def test_later_periods_never_change_an_earlier_judgement() -> None:
    """A real drop must not raise an alarm before it: what is centred on all periods does."""
    values = [80 + x for x in noise("a", 30)] + [74 + x for x in noise("b", 12)]
    whole = chart(values, [1.0] * 42)
    for end in (12, 20, 21, 33, 36):
        part = chart(values[:end], [1.0] * end)
        assert part.points == whole.points[:end]
        assert part.signals == tuple(s for s in whole.signals if s.period < end)
    assert whole.signals
    assert min(s.period for s in whole.signals) >= 30
    assert {s.direction for s in whole.signals} == {"down"}
    assert whole.segments[0].baseline == BASELINE


def test_false_alarms_and_power() -> None:
    for m, most in ((8, 0.10), (20, 0.10)):
        quiet = [chart(list(noise(f"run{m}-{k}", m + 26)), [1.0] * (m + 26), baseline=m).signals for k in range(250)]
        assert np.mean([bool(s) for s in quiet]) <= most
    drop = np.r_[np.zeros(20), np.full(13, -2.0)]
    found = [chart(list(noise(f"d{k}", 33) + drop), [1.0] * 33).signals for k in range(60)]
    assert np.mean([any(s.period >= 20 for s in one) for one in found]) >= 0.9
    assert np.mean([any(s.period < 20 for s in one) for one in found]) <= 0.1


def test_more_spread_between_periods_than_errors_explain_does_not_alarm() -> None:
    alarms = [bool(chart(list(3 * noise(f"lane{k}", 46)), [1.0] * 46, baseline=20).signals) for k in range(150)]
    assert np.mean(alarms) < 0.15
    assert chart(list(3 * noise("x", 26)), [1.0] * 26).sigma_z > 2
    assert chart(list(0.1 * noise("x", 26)), [1.0] * 26).sigma_z == 1.0


def test_a_measure_opens_a_segment_with_a_baseline_of_its_own() -> None:
    values = [80 + x for x in noise("m", 12)] + [90 + x for x in noise("n", 12)]
    plain, told = chart(values, [1.0] * 24), chart(values, [1.0] * 24, restart=[12])
    assert plain.signals
    assert told.signals == ()
    assert [(s.first, s.last, s.baseline, s.needed) for s in told.segments] == [(0, 11, 8, 0), (12, 23, 8, 0)]
    assert told.segments[1].centre == pytest.approx(90, abs=1)
    assert told.points[12].z is None


def test_gaps_stay_gaps() -> None:
    values = list(noise("g", 12))
    gapped = chart([*values[:10], None, *values[10:]], [1.0] * 10 + [None] + [1.0] * 2)
    whole = chart(values, [1.0] * 12)
    assert gapped.points[10].z is None
    assert gapped.points[10].ewma == gapped.points[9].ewma
    assert gapped.points[-1].ewma == pytest.approx(whole.points[-1].ewma)


def test_a_rate_that_falls_to_nothing_is_a_signal() -> None:
    """Weeks that found nothing have an error of 0 of their own; under the centre's rate they say a lot."""
    weeks = [0.08, 0.07, 0.09, 0.08, 0.075, 0.085, 0.08, 0.08, 0.09, 0.07] + [0.0] * 8
    result = chart(weeks, sizes=[150.0] * 18)
    assert result.signals
    assert result.signals[0].direction == "down"
    assert result.signals[0].period in range(10, 14)
    assert chart([0.0] * 14, sizes=[150.0] * 14).signals == ()


def test_cusum_signals_when_asked_for() -> None:
    values = [80 + x for x in noise("c", 20)] + [76.0] * 8
    assert {s.chart for s in chart(values, [1.0] * 28).signals} == {"ewma"}
    both = chart(values, [1.0] * 28, rules=("ewma", "cusum")).signals
    assert {s.chart for s in both} == {"ewma", "cusum"}
    assert all(abs(s.statistic) > s.limit for s in both)
