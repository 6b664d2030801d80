"""Unfinished draws: π by what was reviewed, agents by what they are, missing picks named, orders that are no chance."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from scoring import draw, estimate


def world(seed: int, agents: int = 30, each: int = 200) -> tuple[pl.DataFrame, draw.PlannedDraw]:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(agents), each)
    p = rng.beta(0.25, 8.0, len(who))
    bad = rng.random(len(who)) < p
    y = 88 + 3 * rng.normal(size=agents)[who] + 4 * rng.normal(size=len(who)) - 45 * bad
    frame = pl.DataFrame(
        {
            "unit_id": [f"U{k:05d}" for k in range(len(who))],
            "agent_id": [f"A{a:02d}" for a in who],
            "p": p,
            "f": 88 - 45 * p,
            "y": y,
            "bad": bad,
        }
    )
    design = draw.Design((draw.Quota("chat", 10, 0.15),), residual=draw.ResidualModel(18.0, 2025.0), lam=1.0)
    return frame, draw.plan(frame.select("unit_id", "agent_id", "p", "f"), design)


def picks(frame: pl.DataFrame, planned: draw.PlannedDraw, seed: str) -> pl.DataFrame:
    drawn = draw.picks(draw.select(planned, seed)).select("unit_id", "agent_id", "reason")
    order = pl.Series(draw.permanent_numbers(f"order{seed}", drawn["unit_id"]))
    return drawn.join(frame.select("unit_id", "p", "y", "bad"), on="unit_id").with_columns(place=order)


def first(rows: pl.DataFrame, n: int) -> pl.DataFrame:
    """The reviews made when every agent has ``n`` of the picks done, in an order by chance."""
    return rows.filter(pl.col("place").rank("ordinal").over("agent_id") <= n)


@pytest.mark.parametrize("done", [1, 2, 5])
def test_intervals_hold_while_a_draw_is_not_finished(done: int) -> None:
    agents, team = [], []
    for seed in range(6):
        frame, planned = world(seed)
        truth = frame.group_by("agent_id").agg(t=pl.col("y").mean())
        for k in range(3):
            sample = first(picks(frame, planned, f"{seed}-{k}"), done).select("unit_id", "y")
            table = estimate.agents(sample, planned).join(truth, on="agent_id").filter(pl.col("low").is_not_null())
            agents += list((table["low"] <= table["t"]) & (table["t"] <= table["high"]))
            mean = estimate.team(sample, planned)
            covered = frame.join(table.select("agent_id"), on="agent_id", how="semi")["y"].mean()
            team.append(mean.low <= covered <= mean.high)
            assert (mean.covered, mean.strata) == (table.height, 30)
    assert np.mean(agents) >= 0.93
    assert np.mean(team) >= 0.85  # 18 runs; the bench measures it


def test_pi_is_what_was_reviewed_of_what_was_drawn() -> None:
    frame = {"unit_id": [f"u{k}" for k in range(100)], "agent_id": ["A"] * 50 + ["B"] * 50}
    planned = draw.plan(frame, draw.Design((draw.Quota("chat", 10),), residual=draw.ResidualModel(100.0, 0.0)))
    drawn = draw.picks(draw.select(planned, "s")).sort("agent_id", "u")
    y = [70.0, 80.0, None, None, None, None, None, None, None, None, *[90.0] * 10]
    sample = drawn.select("unit_id").with_columns(y=pl.Series(y))
    table = estimate.agents(sample.drop_nulls(), planned)
    assert table["value"].to_list() == pytest.approx([75.0, 90.0])
    assert estimate.team(sample.drop_nulls(), planned).value == pytest.approx(82.5), "agents count by their units"
    # 2 of 50 at random: the expected variance of the mean is (1 − 2/50)/2·100, of 10 of 50 (1 − 10/50)/10·100
    expected = (0.96 / 2 * 100, 0.8 / 10 * 100)
    assert table["se"][0] ** 2 > 0.9 * 8 / 9 * expected[0]
    # rows without a value, and totals stored with a draw, say the same as the plan
    alone = estimate.agents(drawn.select("agent_id", "pi", "reason").with_columns(y=pl.Series(y)))
    assert alone["value"].to_list() == pytest.approx([75.0, 90.0])
    stored = estimate.agents(
        drawn.select("agent_id", "pi").with_columns(y=pl.Series(y)).drop_nulls("y"), estimate.totals(planned)
    )
    assert stored["value"].to_list() == pytest.approx([75.0, 90.0])
    assert estimate.team(
        drawn.select("agent_id", "pi").with_columns(y=pl.Series(y)).drop_nulls("y"), estimate.totals(planned)
    ).value == pytest.approx(82.5)


def test_agents_without_a_review_leave_the_figure_and_missing_picks_are_named() -> None:
    frame, planned = world(3)
    rows = picks(frame, planned, "x")
    part = rows.filter((pl.col("agent_id") > "A09") & ((pl.col("reason") != "certainty") | (pl.col("place") < 0.5)))
    mean = estimate.team(part.select("unit_id", "y"), planned)
    assert (mean.covered, mean.strata) == (20, 30)
    assert mean.units == 20 * 200
    pool = planned.frame.filter(pl.col("role") == "pool").height
    assert mean.missing == pool - part.filter(pl.col("reason") == "certainty").height > 0
    whole = estimate.team(rows.select("unit_id", "y"), planned)
    assert (whole.covered, whole.missing, whole.version) == (30, 0, estimate.VERSION)


def test_violations_left_for_last_are_noticed() -> None:
    late, fair = [], []
    for seed in range(12):
        frame, planned = world(seed)
        rows = picks(frame, planned, f"l{seed}")
        for found, place in ((late, pl.col("place") + pl.col("bad").cast(pl.Float64)), (fair, pl.col("place"))):
            done = rows.with_columns(y=pl.when(place.rank("ordinal").over("agent_id") <= 5).then("y"))
            found.append(estimate.selective(done))
    assert np.mean([not one.clear for one in late]) >= 0.9
    assert np.mean([one.suspicious for one in late]) >= 0.9
    assert np.mean([one.suspicious for one in fair]) <= 0.3
    assert all(one.clear or one.suspicious for one in fair if (one.power or 0) >= 0.9)
    assert estimate.selective({"agent_id": ["A"], "y": [1.0], "p": [0.1]}).clear
    assert not estimate.selective({"agent_id": ["A", "A"], "y": [1.0, None]}).clear


def test_lambda_is_the_one_the_plan_froze() -> None:
    """With 100 reviews and with 1000, whatever they say: one λ for every figure of a draw."""
    frame, planned = world(5, agents=10)
    sample = picks(frame, planned, "f").select("unit_id", "y")
    assert sample.height < 200
    assert estimate.team(sample, planned).lam == 1.0
    assert estimate.team(sample, planned).method == "difference"
    none = draw.plan(
        planned.frame.select("unit_id", "agent_id", "p", "f"), draw.Design((draw.Quota("chat", 10),), lam=0.0)
    )
    assert estimate.team(picks(frame, none, "f").select("unit_id", "y"), none).method == "hajek"


def test_few_reviews_are_blended_with_what_the_plan_expects() -> None:
    """Twenty reviews of which none, or one, was a −45: neither says all there is to know of the spread."""
    frame = {"unit_id": [f"u{k}" for k in range(600)], "agent_id": ["A"] * 300 + ["B"] * 300}
    learnt, spread = draw.ResidualModel(25.0, 2100.0), 25 + 2100 * 0.03 * 0.97
    planned = draw.plan(frame, draw.Design((draw.Quota("chat", 10),), residual=learnt, lam=0.0))
    chosen = draw.picks(draw.select(planned, "few"))["unit_id"]
    calm = pl.DataFrame({"unit_id": chosen, "y": [88.0, 92.0] * 10})
    one = calm.with_columns(y=pl.when(pl.col("unit_id") == chosen[0]).then(43.0).otherwise("y"))
    expected = np.sqrt(spread * (1 - 20 / 600) / 20)
    widths = [estimate.team(rows, planned).se / expected for rows in (calm, one)]
    assert 0.85 < widths[0] < 1.0
    assert 1.0 < widths[1] < 1.2
    assert estimate.team(one.select("unit_id", "y"), planned).df > 30
    # where the plan was never told better, what is assumed weighs less and is known less well
    assumed = draw.plan(frame, draw.Design((draw.Quota("chat", 10),), lam=0.0))
    assert estimate.team(one, assumed).df < estimate.team(one, planned).df


def test_reviews_may_bring_the_spread_their_plans_expected() -> None:
    rows = {"agent_id": ["A"] * 5 + ["B"] * 5, "pi": [0.1] * 10, "y": [90.0] * 10}
    told = {**rows, "expected": [84.0] * 10, "learnt": [True] * 10}
    assert estimate.team(rows).reason == "no_spread"
    found = estimate.team(told)
    assert found.se == pytest.approx(np.sqrt(84 * 0.9 / 10), rel=0.05)
    table = estimate.grouped({**told, "g": ["x"] * 10}, ["g"], ["y"], strata="agent_id", expected="expected")
    assert table["se"][0] == pytest.approx(found.se, rel=0.05)
    single = estimate.grouped(told, ["agent_id"], ["y"], expected="expected")
    assert (single["reason"] == "").all()
    assert estimate.agents(told)["se"].to_list() == pytest.approx(single["se"].to_list(), rel=0.05)
