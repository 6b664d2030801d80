"""Counts over an exposure: published limits, coverage, and what gets no figure."""

from __future__ import annotations

import math

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from scoring import estimate
from scoring.estimate import counts


@pytest.mark.parametrize(
    ("x", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (50, 37.111, 65.919)],
)
def test_garwoods_limits(x: int, low: float, high: float) -> None:
    """Garwood (1936); the same figures stand in Ulm (1990), table 1."""
    assert counts.poisson(x) == pytest.approx((low, high), abs=6e-4)


@given(st.floats(0.5, 30))
def test_the_interval_covers(mean: float) -> None:
    inside = sum(
        scipy.stats.poisson.pmf(x, mean)
        for x in range(int(mean + 12 * math.sqrt(mean) + 20))
        if counts.poisson(x)[0] <= mean <= counts.poisson(x)[1]
    )
    assert inside >= 0.95 - 1e-9


def test_a_rate_has_its_exposure() -> None:
    found = estimate.per_exposure(10, 1000)
    assert (found.value, found.n, found.units, found.method) == (0.01, 10, 1000, "poisson")
    assert found.low == pytest.approx(0.004795, abs=1e-6)
    assert not estimate.per_exposure(0, 0).known
    assert estimate.per_exposure(0, 50).high == pytest.approx(3.689 / 50, abs=1e-4)


def test_the_ratio_is_exact_given_the_sum() -> None:
    same = estimate.ratio((20, 100.0), (20, 100.0))
    assert same.value == 1.0
    assert (same.low or 0) < 1 < (same.high or 0)
    fallen = estimate.ratio((40, 1000.0), (10, 1000.0))
    assert (fallen.high or 9) < 1
    assert fallen.low == pytest.approx(0.1111, abs=2e-3)
    assert not estimate.ratio((0, 10.0), (0, 10.0)).known
    assert estimate.ratio((0, 10.0), (3, 10.0)).value is None


@given(st.integers(0, 40), st.integers(0, 40), st.floats(1, 1e4), st.floats(1, 1e4))
def test_the_ratio_turned_round(x: int, y: int, e: float, f: float) -> None:
    if not (x and y):
        return
    one, other = estimate.ratio((x, e), (y, f)), estimate.ratio((y, f), (x, e))
    assert one.low == pytest.approx(1 / (other.high or 1), rel=1e-6)


def test_a_share_of_none_is_no_figure() -> None:
    assert not estimate.share(0, 0).known
    assert estimate.share(0, 10).high == pytest.approx(0.3085, abs=1e-4)
    drift = estimate.difference(estimate.share(5, 100), estimate.share(30, 100))
    assert drift.method == "mover"
    assert (drift.low or 0) > 0
