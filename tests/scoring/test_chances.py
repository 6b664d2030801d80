"""A chance of a violation from two predictors: used where the second one adds something, and only rising with it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from scoring.judge import chances


def reviews(seed: int, weight: float, n: int = 1_500) -> pl.DataFrame:
    """True log odds are −2 + z + weight · w; p tells z, the judge's points tell w."""
    dice = np.random.default_rng(seed)
    z, w = dice.normal(size=n), dice.normal(size=n)
    bad = dice.random(n) < 1 / (1 + np.exp(2 - z - weight * w))
    return pl.DataFrame(
        {"p": 1 / (1 + np.exp(2 - z)), "lost": 20 + 10 * w, "bad": bad, "pi": 0.2, "fold": np.arange(n) % 5}
    )


def test_a_judge_that_sees_something_is_stacked_and_its_weight_is_found() -> None:
    found = chances.stack(reviews(1, 1.5, 6_000))
    assert found is not None
    assert (found.rest, found.own) == (pytest.approx(1.0, abs=0.15), pytest.approx(1.5, abs=0.15))
    told = reviews(2, 1.5).select(of=found.of(pl.col("p"), pl.col("lost")), bad="bad")
    assert told["of"].mean() == pytest.approx(told["bad"].mean(), abs=0.03)


@pytest.mark.parametrize(
    "rows",
    [reviews(3, 0.0), reviews(4, -1.5), reviews(5, 1.5, 100), reviews(6, 1.5).with_columns(bad=pl.lit(False))],
    ids=["blind", "the wrong way round", "few", "one outcome"],
)
def test_otherwise_the_next_predictor_speaks_alone(rows: pl.DataFrame) -> None:
    assert chances.stack(rows) is None
