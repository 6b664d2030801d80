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


def told_of_reviews(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A judge that gives the very points of what was reviewed, and reads the rest ten points too low."""
    sample, units = period(seed, 0.0, 0.0)
    return sample.with_columns(f="y"), units.with_columns(f=pl.col("y").shuffle(seed) - 10)


def test_a_judge_made_with_the_very_reviews_is_not_used() -> None:
    sample, population = told_of_reviews(3)
    found = corrected.compare(sample.drop("own", "rest"), population.drop("own", "rest"), None, bounds=(0.0, 100.0))
    assert found.reason == "unlike"
    assert found.corrected == found.human, "its mean of 70 would have been corrected to 70, beside reviews of 80"
    assert not found.helps


@pytest.mark.parametrize("share", [0.005, 0.05, 0.5])
def test_honest_values_are_alike_however_skewed_and_however_drawn(share: float) -> None:
    """Values that are 0 in a few units and 100 else, drawn more often where they are low, and the other way round."""
    doubted = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        low = rng.random(2_000) < share
        pi = np.where(low ^ (seed % 2 == 0), 0.2, 0.02)
        units = pl.DataFrame(
            {
                "agent_id": [f"a{k % 10}" for k in range(2_000)],
                "version": "v1",
                "f": np.where(low, 0.0, 100.0),
                "pi": pi,
            }
        )
        sample = units.filter(pl.Series(rng.random(2_000) < pi))
        doubted += not corrected.alike(sample, units)
    assert doubted == 0


def test_values_that_are_all_the_same_are_alike() -> None:
    sample, population = period(4, None, 0.5)
    assert corrected.alike(sample, population)
