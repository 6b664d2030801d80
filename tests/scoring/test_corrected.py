"""A machine judge gets credit for what it brings beside the reviews and the next predictor, and for nothing else."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from scoring.judge import corrected

AGENTS, CHATS, REVIEWS = 20, 200, 15


def period(seed: int, own: float | None, rest: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A reviewed sample and its population: `own` and `rest` are the correlations of judge and next predictor with the
    points (None: the judge says 90 of everything)."""
    rng = np.random.default_rng(seed)
    points, n = rng.normal(size=AGENTS * CHATS), AGENTS * CHATS

    def going_with(r: float) -> np.ndarray:
        return np.asarray(80 + 10 * (r * points + np.sqrt(1 - r * r) * rng.normal(size=n)))

    units = pl.DataFrame(
        {
            "agent_id": [f"a{k // CHATS:02d}" for k in range(n)],
            "y": 80 + 10 * points,
            "own": np.full(n, 90.0) if own is None else going_with(own) + 10,
            "rest": going_with(rest),
            "version": ["v1"] * n,
            "pi": REVIEWS / CHATS,
        }
    )
    order = rng.random((AGENTS, CHATS)).argsort(axis=1)[:, :REVIEWS] + CHATS * np.arange(AGENTS)[:, None]
    return units[np.sort(order.ravel())], units


def compared(own: float | None, rest: float) -> corrected.JudgeComparison:
    history, _ = period(1, own, rest)
    sample, population = period(2, own, rest)
    blend = corrected.blended(corrected.blend(history))
    sample, population, history = (one.with_columns(blend) for one in (sample, population, history))
    return corrected.compare(sample, population, history, bounds=(0.0, 100.0))


def test_a_judge_that_always_gives_the_same_brings_nothing() -> None:
    found = compared(None, 0.7)
    assert (found.lam, found.worth, found.reason, found.helps) == (0.0, 0.0, "no_gain", False)
    assert found.corrected == found.human
    assert found.judge is not None


def test_stacking_gives_no_weight_to_values_that_do_not_vary() -> None:
    history, _ = period(1, None, 0.7)
    jittered = history.with_columns(own=pl.col("own") + pl.Series(np.resize([1e-12, -1e-12], history.height)))
    for known in (history, jittered):
        shares = corrected.blend(known)
        assert shares is not None
        assert shares[0] == 0.0


def test_what_the_next_predictor_brings_is_not_the_judges() -> None:
    found = compared(0.0, 0.8)
    assert (found.reason, found.worth) == ("no_gain", 0.0)
    assert found.ratio is not None
    assert found.ratio < 0.8, "the two together are narrower all the same"


@pytest.mark.parametrize("rest", [0.0, 0.6])
def test_a_judge_that_sees_more_is_worth_reviews(rest: float) -> None:
    found = compared(0.8, rest)
    assert found.helps
    assert 0.5 < found.lam < 1.2
    plain = found.n * (1 / (found.ratio or 1) ** 2 - 1)
    assert found.worth == pytest.approx(plain) if rest == 0 else 0 < found.worth < 0.9 * plain
