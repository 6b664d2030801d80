"""The bench itself, reduced: right estimators pass its limits, two wrong ones are caught."""

from __future__ import annotations

import pytest

from benchmarks import draw as bench


@pytest.fixture(scope="module")
def tally() -> bench.Tally:
    populations = [bench.simulate(0.8, seed, agents=30, smallest=150, largest=500) for seed in (801, 802)]
    return bench.run(populations, 40)


def test_estimates_stay_within_the_limits(tally: bench.Tally) -> None:
    row = bench.row(tally)
    assert abs(row.bias_z) < 3
    assert row.team_cover >= 0.88
    assert row.rate_cover >= 0.90
    assert row.agent_cover >= 0.94
    assert row.prone_cover >= 0.88
    assert row.frequency_z < 4.5
    assert row.lift > 2.5
    assert row.team_width < 1.05


def test_wrong_estimators_are_caught(tally: bench.Tally) -> None:
    for results in (tally.unweighted, tally.top):
        bias, coverage, caught = bench.wrong(results)
        assert caught
        assert bias < -1
        assert coverage < 0.6
