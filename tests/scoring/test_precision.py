"""A wish for precision: what it takes, and that ending early on the reviews of others leaves estimates as they are."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import draw, estimate
from scoring.draw import precision
from scoring.draw.precision import Goal

SPREAD = draw.ResidualModel(81.0, 0.0)


def agents(units: int = 1000, **more: float) -> pl.DataFrame:
    rows = {"agent_id": ["A"], "units": [units], "sigma": [9.0], "sigma2": [81.0]}
    return pl.DataFrame(rows | {name: [value] for name, value in more.items()})


def test_a_width_takes_as_many_as_the_textbook_says() -> None:
    # ±5 at a spread of 9: t·9/√n ≤ 5 with n + 7 degrees of freedom, less the finite population
    n = precision.needed(Goal("width", 5.0), agents())["reviews"][0]
    assert n == 14
    assert precision.needed(Goal("width", 2.5), agents())["reviews"][0] > 3.5 * n
    assert precision.needed(Goal("width", 5.0), agents(10))["now"][0] <= 10


def test_finding_takes_the_reviews_below_which_nothing_is_said() -> None:
    found = precision.needed(Goal("below", 8.0), pl.concat([agents()] * 40))["reviews"]
    assert found[0] == 30
    assert precision.needed(Goal("below", 4.0), pl.concat([agents()] * 40))["reviews"][0] > 60


def test_earlier_draws_of_the_month_count_and_the_rest_is_dealt_over_the_days_left() -> None:
    week = precision.needed(Goal("width", 5.0), agents(250), share=0.25)
    assert 3 <= week["now"][0] <= 5
    half = agents(250, done=7.0, done_units=500.0, done_noise=500**2 * 81 / 7)
    later = precision.needed(Goal("width", 5.0), half, share=0.5)
    assert 3 <= later["now"][0] <= 5
    enough = agents(250, done=40.0, done_units=750.0, done_noise=750**2 * 81 / 40)
    assert precision.needed(Goal("width", 5.0), enough, share=1.0)["now"][0] == precision.LEAST


@given(points=st.floats(1, 20), units=st.integers(2, 3000), share=st.floats(0.05, 1))
def test_more_precision_never_takes_less(points: float, units: int, share: float) -> None:
    one, other = (
        precision.needed(Goal("width", p), agents(units), share=share)["now"][0] for p in (points, points * 2)
    )
    assert precision.LEAST <= other <= one <= units


def test_nobody_can_ask_for_the_impossible() -> None:
    for wrong in (("width", 0.1), ("below", 8.0, 1.0), ("rank", 5.0)):
        with pytest.raises(draw.DrawError, match="expected"):
            Goal(*wrong)  # type: ignore[arg-type]


def test_an_agents_own_past_counts_as_its_reviews_weigh() -> None:
    rng = np.random.default_rng(1)
    rows = pl.DataFrame(
        {
            "agent_id": ["calm"] * 60 + ["wild"] * 60,
            "pi": 0.1,
            "y": np.r_[rng.normal(90, 3, 60), rng.normal(90, 18, 60)],
        }
    )
    said = dict(precision.factors(rows, SPREAD).iter_rows())
    assert said["calm"] == precision.LEAST_FACTOR
    assert 2.5 < said["wild"] <= precision.LARGEST_FACTOR


def world(seed: int, spread: float) -> tuple[pl.DataFrame, draw.PlannedDraw]:
    """A draw planned under a spread of 9 where scores really lie ``spread`` wide, with rare −45s."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(30), 200)
    y = 88 + 3 * rng.normal(size=30)[who] + spread * rng.normal(size=len(who)) - 45 * (rng.random(len(who)) < 0.01)
    ids = {"unit_id": [f"U{k:05d}" for k in range(len(who))], "agent_id": [f"A{a:02d}" for a in who]}
    wanted = precision.needed(Goal("width", 5.0), precision.spreads(ids, SPREAD))
    quota = draw.Quota("chat", 1, 0.0, tuple(wanted.select("agent_id", "now").iter_rows()))
    return pl.DataFrame(ids | {"y": y}), draw.plan(ids, draw.Design((quota,), residual=SPREAD, lam=0.0))


def stopped(frame: pl.DataFrame, planned: draw.PlannedDraw, seed: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All picks, and those reviewed when one looks after every tenth of the queue."""
    picks = draw.picks(draw.select(planned, seed)).join(frame.select("unit_id", "y"), on="unit_id")
    picks = picks.with_columns(o=pl.Series(draw.permanent_numbers(f"o{seed}", picks["unit_id"]))).sort("o")
    population, seen, done = estimate.totals(planned), np.zeros(picks.height, dtype=bool), set()
    for part in np.array_split(np.arange(picks.height), 10):
        seen[part] = ~picks["agent_id"][part].is_in(list(done)).to_numpy()
        said = precision.enough(picks.with_columns(y=pl.when(pl.Series(seen)).then("y")), population, SPREAD)
        done |= {one.agent_id for one in said if one.met}
    return picks, picks.filter(pl.Series(seen))


def test_ending_early_saves_reviews_and_keeps_what_intervals_promise() -> None:
    held, errors, saved = [], [], []
    for seed in range(8):
        frame, planned = world(seed, 5.0)
        picks, reviewed = stopped(frame, planned, f"s{seed}")
        truth = frame.group_by("agent_id").agg(t=pl.col("y").mean())
        table = estimate.agents(reviewed.select("unit_id", "y"), planned).join(truth, on="agent_id")
        held += list((table["low"] <= table["t"]) & (table["t"] <= table["high"]))
        errors += list(table["value"] - table["t"])
        saved.append(1 - reviewed.height / picks.height)
    assert np.mean(held) >= 0.93
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(len(errors))
    assert np.mean(saved) > 0.15


def test_an_agents_own_scores_never_decide_when_to_stop() -> None:
    frame, planned = world(3, 9.0)
    picks = draw.picks(draw.select(planned, "x")).join(frame.select("unit_id", "y"), on="unit_id")
    mine = pl.col("agent_id") == "A07"
    other = picks.with_columns(y=pl.when(mine).then(pl.lit(0.0)).otherwise("y"))
    said, again = (
        {one.agent_id: one for one in precision.enough(rows, estimate.totals(planned), SPREAD)}
        for rows in (picks, other)
    )
    assert said["A07"] == again["A07"]
    assert any(said[name] != again[name] for name in said if name != "A07")


def test_wider_scores_than_planned_take_everything_that_was_drawn() -> None:
    frame, planned = world(5, 16.0)
    picks = draw.picks(draw.select(planned, "x")).join(frame.select("unit_id", "y"), on="unit_id")
    said = precision.enough(picks, estimate.totals(planned), SPREAD)
    assert all(one.needed == one.drawn and one.spare == 0 for one in said)


def test_named_reviews_replace_the_number_and_the_pool_comes_on_top() -> None:
    ids = {"unit_id": [f"u{k}" for k in range(400)], "agent_id": ["A"] * 200 + ["B"] * 200, "p": [0.01, 0.3] * 200}
    quota = draw.Quota("chat", 5, 0.2, (("A", 12), ("B", 4)))
    planned = draw.plan(ids, draw.Design((quota,)))
    assert dict(planned.sizes.select("agent_id", "base").iter_rows()) == {"A": 12, "B": 4}
    assert planned.sizes["pool"].sum() == 4
