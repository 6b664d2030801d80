"""Plans with a goal, and the gate on noisy labels: what is promised of both, measured on worlds with planted truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from benchmarks.draw_promises import Line, Ready, World, ready, two_errors
from scoring import draw, estimate, ranking, risk
from scoring.draw import Goal, precision

LOOKS = 12
"""How often one looks, while a queue is worked off, whether an agent's reviews suffice."""


def goals(seeds: int, draws: int) -> Iterator[Line]:
    """ "±5 for every agent": reviews it takes, and coverage and bias when reviews end early; "name who is 8 below"."""
    made = [ready(World.of(600 + s, agents=40, each=(150, 600))) for s in range(seeds)]
    for name, residual in (("learnt", None), ("assumed", draw.ResidualModel())):
        plans = [_planned(one, Goal("width", 5.0), residual) for one in made]
        yield from _early(name, made, plans, draws)
    yield from _found(seeds, draws)


def _planned(one: Ready, goal: Goal, residual: draw.ResidualModel | None) -> draw.PlannedDraw:
    """The plan a goal makes of a period: from predictions and learnt spread, or from nothing but the usual spread."""
    given = one.planned.design
    columns = ["unit_id", "agent_id"] if residual else ["unit_id", "agent_id", "p", "f"]
    frame, spread = one.frame.select(columns), residual or given.residual
    told = precision.needed(goal, precision.spreads(frame, spread))
    quota = draw.Quota("chat", 1, 0.0, tuple(told.select("agent_id", "now").iter_rows()))
    return draw.plan(frame, draw.Design((quota,), residual=spread, lam=0.0 if residual else given.lam))


def _early(name: str, made: list[Ready], plans: list[draw.PlannedDraw], draws: int) -> Iterator[Line]:
    whole, part, errors, within, saved, team = [], [], [], [], [], []
    for number, (one, planned) in enumerate(zip(made, plans, strict=True)):
        truth = one.frame.group_by("agent_id").agg(t=pl.col("y").mean())
        mean = float(one.frame["y"].mean())  # type: ignore[arg-type]
        for k in range(draws):
            picks, reviewed = stopped(one.frame, planned, f"g{number}-{k}")
            for held, rows in ((whole, picks), (part, reviewed)):
                table = estimate.agents(rows.select("unit_id", "y"), planned).join(truth, on="agent_id")
                held += list((table["low"] <= table["t"]) & (table["t"] <= table["high"]))
            errors += list(table["value"] - table["t"])
            within += list((table["high"] - table["low"]) / 2 <= 5.0)
            saved.append(1 - reviewed.height / picks.height)
            found = estimate.team(reviewed.select("unit_id", "y"), planned)
            team.append(found.low is not None and found.high is not None and found.low <= mean <= found.high)
    reviews = float(np.mean([planned.sizes["base"].mean() for planned in plans]))  # type: ignore[arg-type]
    yield Line(f"±5 for every agent, spread {name}: reviews per agent", reviews, None)
    yield Line("  left out early", float(np.mean(saved)), None)
    yield Line("  agents within ±5 in the end", float(np.mean(within)), None)
    yield Line("  agent coverage, everything reviewed", float(np.mean(whole)), 0.94 - two_errors(0.94, len(whole)))
    yield Line("  agent coverage, ended early", float(np.mean(part)), 0.94 - two_errors(0.94, len(part)))
    yield Line("  team coverage, ended early", float(np.mean(team)), 0.935 - two_errors(0.935, len(team)))
    bias = abs(float(np.mean(errors))) / float(np.std(errors) / np.sqrt(len(errors)))
    yield Line("  bias of agents in standard errors, ended early", bias, 3.0, most=True)


def stopped(frame: pl.DataFrame, planned: draw.PlannedDraw, seed: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All picks of a draw, and those reviewed when one looks ``LOOKS`` times and who is done leaves the queue."""
    picks = draw.picks(draw.select(planned, seed)).join(frame.select("unit_id", "y"), on="unit_id")
    known = planned.frame.select("unit_id", *(name for name in ("p", "f") if name in planned.frame.columns))
    picks = picks.join(known, on="unit_id").with_columns(
        o=pl.Series(draw.permanent_numbers(f"{seed}|queue", picks["unit_id"]))
    )
    picks, population = picks.sort("o"), estimate.totals(planned)
    residual, lam = planned.design.residual, planned.design.lam or 0.0
    seen, done = np.zeros(picks.height, dtype=bool), set[str]()
    for part in np.array_split(np.arange(picks.height), LOOKS):
        seen[part] = ~picks["agent_id"][part].is_in(list(done)).to_numpy()
        said = precision.enough(picks.with_columns(y=pl.when(pl.Series(seen)).then("y")), population, residual, lam)
        done |= {one.agent_id for one in said if one.met}
    return picks, picks.filter(pl.Series(seen))


def _found(seeds: int, draws: int) -> Iterator[Line]:
    """Three agents truly 8 points below the rest: how often they are named, and who else is."""
    named, wrong, reviews = [], [], []
    for s in range(seeds):
        world = World.of(700 + s, agents=40, each=(150, 600))
        world.levels[:], world.rates[:] = 88.0, 0.02
        world.levels[:3] -= 8.0
        one = ready(world)
        planned = _planned(one, Goal("below", 8.0), None)
        reviews.append(float(planned.sizes["base"].mean()))  # type: ignore[arg-type]
        for k in range(draws):
            sample = draw.picks(draw.select(planned, f"b{k}")).join(one.frame.select("unit_id", "y"), on="unit_id")
            sample = sample.select("unit_id", "y")
            said = ranking.below_team(estimate.agents(sample, planned), estimate.team(sample, planned), least=30)
            low = {f"A{a:03d}" for a in range(3)}
            named.append(len(low & set(said)) / 3)
            wrong.append(len(set(said) - low) / max(len(said), 1))
    yield Line("name who is truly 8 below, power .8: reviews per agent", float(np.mean(reviews)), None)
    yield Line("  named", float(np.mean(named)), 0.8 - two_errors(0.8, 3 * len(named)))
    yield Line("  share of those named who are not", float(np.mean(wrong)), 0.10, most=True)


def gate(seeds: int) -> Iterator[Line]:
    """One inspector's labels with misses and false alarms: AUC as reported, without the labels' noise, and true."""
    rows = []
    for s in range(seeds):
        rng, past = np.random.default_rng(s), World.of(800 + s, 0.8).units("P")
        past = past.sample(2400, seed=1).with_columns(pi=pl.lit(0.05), day=pl.lit("2025-09-15"))
        true = past["violation"].to_numpy() > 0
        first, second = (np.where(true, rng.random(2400) > 0.4, rng.random(2400) < 0.02) for _ in range(2))
        past = past.with_columns(
            true="violation",
            violation=pl.Series(first.astype(np.int64)),
            score="y",
            second=pl.when(pl.Series(rng.random(2400) < 0.1)).then(pl.Series(second.astype(np.int64))),
        )
        judged = past.join(risk.cross_fitted(past, features=("text", "wait", "shop")), on="unit_id")
        clean = judged.with_columns(violation="true").drop("second")
        noisy = draw.learn(judged).record
        rows.append((noisy.auc or 0.0, noisy.cleared_auc or 0.0, draw.learn(clean).record.auc or 0.0))
    reported, cleared, true_auc = (float(np.mean(column)) for column in zip(*rows, strict=True))
    yield Line("AUC on noisy labels, as reported", reported, None)
    yield Line("  without the noise that a tenth read twice shows", cleared, None)
    yield Line("  true", true_auc, None)
    yield Line(
        "  part of the gap closed, never more than all", (cleared - reported) / (true_auc - reported), 1.1, most=True
    )
    rng = np.random.default_rng(1)
    worthless = [draw.ModelRecord(0.5 + rng.normal(0, 0.05), 1200, 36, 0.3) for _ in range(2000)]
    passed = float(np.mean([(one.cleared_auc or 0) >= 0.60 for one in worthless]))
    yield Line("  a worthless model (AUC .5 ± .05) passes the gate", passed, 0.10, most=True)
