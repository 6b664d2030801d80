"""Links between marks and outcomes: the closed form against a plain regression, nothing from agents' habits, planted
ones."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from scoring.validity import LINKED, NOTHING, UNKNOWN, ValidityOutcome, by_outcome, links, worse

REFUND = ValidityOutcome("refund", binary=True, worth=0.05)
RATING = ValidityOutcome("rating", binary=False, worth=0.3, bad=False)


def made(n: int = 1500, agents: int = 30, link: float = 0.0, seed: int = 1) -> pl.DataFrame:
    """Reviews in which agents who err often also sell what is refunded often; `link` is the effect within an agent."""
    rng = np.random.default_rng(seed)
    agent = rng.integers(0, agents, n)
    habit = np.linspace(0.05, 0.6, agents)[agent]
    x = rng.random(n) < habit
    pi = np.where(x, 0.5, 0.1)
    y = rng.random(n) < np.clip(0.05 + 0.3 * habit + link * x, 0, 1)
    rating = 4 - 1.5 * link * x + rng.normal(0, 1, n)
    return pl.DataFrame(
        {"agent_id": [f"a{k}" for k in agent], "pi": pi, "tone": x, "refund": y.astype(float), "rating": rating}
    )


def test_the_difference_is_that_of_the_weighted_regression_with_agent_effects() -> None:
    rows = made(link=0.1)
    [link] = links(rows, ["tone"], [REFUND])
    dummies = rows.select("agent_id").to_dummies().to_numpy()
    design = np.column_stack([rows["tone"].to_numpy().astype(float), dummies])
    root = np.sqrt(1 / rows["pi"].to_numpy())[:, None]
    beta, *_ = np.linalg.lstsq(design * root, rows["refund"].to_numpy() * root[:, 0], rcond=None)
    assert link.difference == pytest.approx(beta[0], abs=1e-9)


def test_habits_of_agents_are_no_link() -> None:
    found = [links(made(seed=seed), ["tone"], [REFUND])[0] for seed in range(40)]
    plain = [one.with_mark - one.without for one in found]  # type: ignore[operator]
    assert np.mean(plain) > 0.03  # the plain table says so
    assert sum(one.verdict == LINKED for one in found) <= 9  # one pair alone: at most a tenth by chance
    assert sum(one.low <= 0 <= one.high for one in found) >= 34  # type: ignore[operator]


def test_planted_links_are_found_and_have_a_direction() -> None:
    refund, rating = links(made(link=0.25), ["tone"], [REFUND, RATING])
    assert (refund.verdict, rating.verdict) == (LINKED, LINKED)
    assert refund.low <= 0.25 <= refund.high  # type: ignore[operator]
    assert worse(refund, REFUND)
    assert worse(rating, RATING)
    assert rating.difference < 0  # type: ignore[operator]


def test_what_cannot_be_told_says_what_it_needs() -> None:
    few = made(n=120)
    [link] = links(few, ["tone"], [REFUND])
    assert link.verdict == UNKNOWN
    assert link.needs > 120  # type: ignore[operator]
    rare = few.with_columns(tone=pl.int_range(pl.len()) < 3)
    [link] = links(rare, ["tone"], [REFUND])
    assert (link.difference, link.needs) == (None, 400)
    [link] = links(few.with_columns(tone=pl.lit(False)), ["tone"], [REFUND])
    assert (link.with_mark, link.needs, link.verdict) == (None, None, UNKNOWN)
    [link] = links(few.with_columns(agent_id=pl.lit("one")), ["tone"], [REFUND])
    assert link.verdict == UNKNOWN
    assert links(few.clear(), ["tone"], [REFUND])[0].n == 0


def test_enough_without_a_link_is_said_to_be_nothing() -> None:
    found = links(made(n=20_000, seed=3), ["tone"], [ValidityOutcome("refund", binary=True, worth=0.08)])
    assert found[0].verdict == NOTHING
    assert by_outcome(found) == {"refund": found}


def test_what_did_not_apply_is_left_out() -> None:
    rows = made().with_columns(tone=pl.when(pl.int_range(pl.len()) % 2 == 0).then("tone"))
    assert links(rows, ["tone"], [REFUND])[0].n == 750
