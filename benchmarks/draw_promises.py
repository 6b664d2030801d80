"""Do the figures keep their promise where shops start: half-finished draws, tied scores, bad predictions, tiny teams,
charts, inspectors. Every line states its goal, what was measured, and whether it holds: ``python -m benchmarks.draw
--promises``.

All worlds are simulated with planted truth; seeds are printed, so that any line can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from scoring import consistency, draw, estimate, risk
from scoring.chart import chart

Floats = NDArray[np.float64]
FEATURES = ("text", "wait", "shop")
PERIOD = (date(2025, 11, 1), date(2025, 11, 30))
POINTS = 45.0


@dataclass(frozen=True)
class Line:
    """One measured promise; ``goal`` None means printed for information."""

    name: str
    measured: float
    goal: float | None
    most: bool = False

    @property
    def met(self) -> bool:
        return self.goal is None or (self.measured <= self.goal if self.most else self.measured >= self.goal)

    def __str__(self) -> str:
        said = (
            ""
            if self.goal is None
            else f"  goal {'≤' if self.most else '≥'} {self.goal:g}  {'met' if self.met else 'MISSED'}"
        )
        return f"{self.name:<78} {self.measured:8.3f}{said}"


@dataclass(frozen=True)
class World:
    """Agents with levels and rates of their own; the signal ``text`` separates violations with the given AUC."""

    rng: np.random.Generator
    auc: float
    sizes: NDArray[np.int64]
    levels: Floats
    rates: Floats
    ties: float = 0.0

    @staticmethod
    def of(
        seed: int, auc: float = 0.8, agents: int = 60, each: tuple[int, int] = (250, 1200), ties: float = 0.0
    ) -> World:
        rng = np.random.default_rng(seed)
        sizes = np.exp(rng.uniform(*np.log(each), agents)).astype(np.int64)
        return World(
            rng, auc, sizes, 85 + rng.normal(0, 3, agents), np.clip(0.03 * rng.gamma(2, 0.5, agents), 0.002, 0.2), ties
        )

    def units(self, tag: str) -> pl.DataFrame:
        """A period: unit_id, agent_id, features, y and violation."""
        rng, who = self.rng, np.repeat(np.arange(len(self.sizes)), self.sizes)
        n, bad = len(who), rng.random(len(who)) < self.rates[who]
        shop = rng.normal(size=n)
        y = self.levels[who] + 3 * shop + rng.normal(0, 4, n) - POINTS * bad
        y = np.where((rng.random(n) < self.ties) & ~bad, 100.0, np.clip(y, 0, 100))
        return pl.DataFrame(
            {
                "unit_id": [f"{tag}{k}" for k in range(n)],
                "agent_id": [f"A{a:03d}" for a in who],
                "text": rng.normal(size=n) + np.sqrt(2) * stats.norm.ppf(self.auc) * bad,
                "wait": rng.normal(size=n) + 0.65 * bad,
                "hits": (rng.random(n) < np.where(bad, 0.22, 0.03)).astype(np.int64),
                "shop": shop + rng.normal(0, 0.5, n),
                "y": y,
                "violation": bad.astype(np.int64),
            }
        )


@dataclass(frozen=True)
class Ready:
    """A period predicted and planned through the product's own model, ``learn`` and ``plan``."""

    frame: pl.DataFrame
    planned: draw.PlannedDraw
    record: draw.ModelRecord
    lam: float


def ready(
    world: World,
    *,
    labels: int = 1200,
    quota: float = 10,
    noise: float = 0.0,
    spoil: Callable[[Floats], Floats] | None = None,
    late: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> Ready:
    """Label a past period, train, judge out of fold, predict and plan the next. ``noise``: share of violations one
    inspector misses, with 5 points of error; ``spoil`` changes what history predicted as well, ``late`` the new
    predictions alone.
    """
    past = world.units("P")
    n = min(labels, past.height)
    past = past.sample(n, seed=1).with_columns(pi=pl.lit(n / past.height), day=pl.lit(date(2025, 9, 15)))
    if noise:
        kept = world.rng.random(n) >= np.where(past["violation"].to_numpy() > 0, noise, 0.0)
        seen = kept & (past["violation"].to_numpy() > 0)
        past = past.with_columns(
            violation=pl.Series(seen.astype(np.int64)), y=pl.col("y") + pl.Series(world.rng.normal(0, 5, n))
        )
    labelled = past.with_columns(score="y")
    model = risk.train(labelled, features=FEATURES)
    judged = past.join(risk.cross_fitted(labelled, features=FEATURES), on="unit_id")
    now = world.units("N")
    frame = now.join(risk.predict(model, now, PERIOD), on="unit_id")
    if spoil is not None:
        judged, frame = (_spoilt(part, spoil) for part in (judged, frame))
    frame = frame if late is None else late(frame)
    history = draw.learn(judged)
    columns = [name for name in ("unit_id", "agent_id", "p", "f") if name in frame.columns]
    design = draw.Design((draw.Quota("chat", quota, None),))
    return Ready(frame, draw.plan(frame.select(columns), design, history), history.record, history.lam)


def _spoilt(frame: pl.DataFrame, spoil: Callable[[Floats], Floats]) -> pl.DataFrame:
    p, f = spoil(frame["p"].to_numpy()), spoil(frame["f"].to_numpy())
    return frame.with_columns(p=pl.Series(np.clip(p, 0, 1)), f=pl.Series(f))


@dataclass
class Measured:
    """Sums over draws of one setting."""

    found: list[float]
    plain: list[float]
    width: list[float]
    team: list[bool]
    agents: list[float]
    simple: list[tuple[float, bool]]
    honest: list[tuple[float, bool]]

    def figures(self) -> Figures:
        simple, honest = (np.array(one, dtype=np.float64).mean(axis=0) for one in (self.simple, self.honest))
        return Figures(
            float(np.mean(self.found) / max(np.mean(self.plain), 1e-9)),
            float(np.nanmean(self.width) / simple[0]),
            float(np.mean(self.team)),
            float(np.mean(self.agents)),
            float(np.nanmean(self.width) / honest[0]),
            float(simple[1]),
        )


@dataclass(frozen=True)
class Figures:
    """Lift; width ÷ that of equal chances with the plain mean and its t interval; team and agent coverage; width ÷ that
    of equal chances whose interval counts the spread that is expected as ours does; coverage of the plain interval."""

    lift: float
    width: float
    team: float
    agents: float
    honest: float
    plain: float

    @staticmethod
    def mean(of: Sequence[Figures]) -> Figures:
        return Figures(*np.mean([astuple(one) for one in of], axis=0))


def measure(made: Ready, draws: int, tag: str) -> Measured:
    """Draw and estimate ``draws`` times against equal chances with the plain mean."""
    frame, planned = made.frame, made.planned
    quota, spread = planned.design.quotas[0].per_agent, planned.design.plain or planned.design.residual
    equal = draw.plan(
        frame.select("unit_id", "agent_id"), draw.Design((draw.Quota("chat", quota),), residual=spread, lam=0.0)
    )
    truth = frame.group_by("agent_id").agg(t=pl.col("y").mean())
    mean, said = float(frame["y"].mean()), frame.select("unit_id", "y", "violation")  # type: ignore[arg-type]
    result = Measured([], [], [], [], [], [], [])
    for k in range(draws):
        drawn, other = (draw.picks(draw.select(p, f"{tag}-{k}")).join(said, on="unit_id") for p in (planned, equal))
        sample = drawn.select("unit_id", "y")
        team, table = estimate.team(sample, planned), estimate.agents(sample, planned).join(truth, on="agent_id")
        simple = estimate.team(other.select("agent_id", "pi", "y"))
        honest = estimate.team(other.select("unit_id", "y"), equal)
        table = table.drop_nulls("low")
        result.found.append(float(drawn["violation"].mean()))  # type: ignore[arg-type]
        result.plain.append(float(other["violation"].mean()))  # type: ignore[arg-type]
        result.width.append(team.width or np.nan)
        result.team.append(_held(team, mean))
        result.agents.append(float(((table["low"] <= table["t"]) & (table["t"] <= table["high"])).mean() or 0.0))
        result.simple.append((simple.width or np.nan, _held(simple, mean)))
        result.honest.append((honest.width or np.nan, _held(honest, mean)))
    return result


def _held(found: estimate.Estimate, truth: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def lifts(seeds: int, draws: int) -> Iterator[Line]:
    """Lift and width at n = 10, through the product's own model and ``learn``."""
    for auc, goal in ((0.7, 1.8), (0.8, 4.5), (0.9, 8.0)):
        got = _over([World.of(s, auc) for s in range(seeds)], draws)
        yield Line(f"lift at text AUC {auc}, 1,200 labels, seeds 0–{seeds - 1}", got.lift, goal)
        yield Line("  width ÷ equal chances", got.width, 1.0, most=True)
        yield Line("  team coverage", got.team, 0.935 - two_errors(0.935, seeds * draws))
        yield Line("  agent coverage", got.agents, 0.94)
    for name, more in (("one inspector's noise", {"noise": 0.3}), ("250 labels", {"labels": 250})):
        got = _over([World.of(s, 0.8) for s in range(2)], draws, **more)
        yield Line(f"lift at text AUC 0.8 with {name}", got.lift, None)
        yield Line("  width ÷ equal chances", got.width, None)


def _over(worlds: list[World], draws: int, **more: object) -> Figures:
    return _measured([ready(world, **more) for world in worlds], draws, "w")  # type: ignore[arg-type]


def _measured(made: list[Ready], draws: int, tag: str) -> Figures:
    return Figures.mean([measure(one, draws, f"{tag}{k}").figures() for k, one in enumerate(made)])


def two_errors(share: float, runs: int) -> float:
    """What chance takes from a measured coverage, at most one time in forty."""
    return float(2 * np.sqrt(share * (1 - share) / runs))


def completions(seeds: int, draws: int) -> Iterator[Line]:
    """Random order, the worse half of agents behind, and violations left for last, at 1, 2, 5 and 10 of 10 reviews."""
    made = [ready(World.of(100 + s)) for s in range(seeds)]
    for left in (10, 5, 2, 1):
        for order in ("random", "worse half behind"):
            agents, team = _completed(made, draws, left, order)
            agents_goal = 0.94 - two_errors(0.94, seeds * draws * 10)  # agents of one draw have much in common
            yield Line(f"agent coverage at {left} of 10, {order}", agents, agents_goal)
            yield Line("  team coverage where every agent has one", team, 0.935 - two_errors(0.935, seeds * draws))
    for left in (5, 2, 1):
        yield Line(f"said where violations are left for last, at {left} of 10", _said(made, draws, left), 0.90)


def _completed(made: list[Ready], draws: int, left: int, order: str) -> tuple[float, float]:
    covered, team = [], []
    for number, one in enumerate(made):
        truth = one.frame.group_by("agent_id").agg(t=pl.col("y").mean())
        worse = truth.sort("t")["agent_id"].head(truth.height // 2)
        for k in range(draws):
            rows = _picks(one, f"c{number}-{k}")
            reviewed = pl.col("place") <= left
            if order != "random":
                reviewed |= ~pl.col("agent_id").is_in(worse.implode())
            # everybody has one random review at least, as the promise says
            reviewed |= pl.col("first")
            sample = rows.filter(reviewed).select("unit_id", "y")
            table = estimate.agents(sample, one.planned).join(truth, on="agent_id").drop_nulls("low")
            covered += list((table["low"] <= table["t"]) & (table["t"] <= table["high"]))
            mean, true = estimate.team(sample, one.planned), float(one.frame["y"].mean())  # type: ignore[arg-type]
            team.append(bool(mean.low is not None and mean.high is not None and mean.low <= true <= mean.high))
    return float(np.mean(covered)), float(np.mean(team))


def _picks(one: Ready, seed: str) -> pl.DataFrame:
    """Picks with their place in a random order of work, and whether they are the agent's first random pick."""
    rows = draw.picks(draw.select(one.planned, seed)).join(
        one.frame.select("unit_id", "p", "y", "violation"), on="unit_id"
    )
    rows = rows.with_columns(order=pl.Series(draw.permanent_numbers(f"{seed}|work", rows["unit_id"])))
    chance = pl.when(pl.col("reason") != "certainty").then("order")
    return rows.with_columns(
        place=pl.col("order").rank("ordinal").over("agent_id"),
        first=(chance == chance.min().over("agent_id")).fill_null(False),
    )


def _said(made: list[Ready], draws: int, left: int) -> float:
    said = []
    for number, one in enumerate(made):
        for k in range(draws):
            rows = _picks(one, f"l{number}-{k}")
            place = (pl.col("order") + pl.col("violation")).rank("ordinal").over("agent_id")
            said.append(not estimate.selective(rows.with_columns(y=pl.when(place <= left).then("y"))).clear)
    return float(np.mean(said))


def hostile(seeds: int, draws: int) -> Iterator[Line]:
    """Scores with ties, predictions that are worth nothing, inverted or turning, and tiny teams."""
    for ties in (0.6, 0.9):
        aucs = [ready(World.of(200 + s, 0.8, ties=ties)).record.auc or 0.0 for s in range(seeds)]
        yield Line(f"AUC out of fold with {ties:.0%} full marks", float(np.mean(aucs)), 0.75)
    rng = np.random.default_rng(5)
    for name, spoil in (("AUC .5", rng.permutation), ("inverted in history too", lambda x: x.max() + x.min() - x)):
        made = [ready(World.of(300 + s), spoil=spoil) for s in range(seeds)]
        yield Line(f"λ with predictions of {name}", float(np.mean([one.lam for one in made])), 0.2, most=True)
        got = _measured(made, draws, "h")
        yield Line("  width ÷ equal chances", got.width, 1.05, most=True)
        yield Line("  team coverage", got.team, 0.935 - two_errors(0.935, seeds * draws))
    turned = [
        ready(World.of(400 + s), late=lambda f: f.with_columns(f=pl.col("f").mean() * 2 - pl.col("f")))
        for s in range(seeds)
    ]
    got = _measured(turned, draws, "t")
    yield Line(
        "team coverage with predictions that turn after λ was frozen", got.team, 0.94 - two_errors(0.94, seeds * draws)
    )
    yield Line("  agent coverage", got.agents, 0.94)
    yield Line("  width ÷ equal chances", got.width, None)
    yield Line("  λ that the next plan freezes", float(np.mean([_next_lambda(one) for one in turned])), 0.0, most=True)


def _next_lambda(made: Ready) -> float:
    """What ``learn`` makes of the reviews of a draw whose predictions had turned."""
    drawn = draw.picks(draw.select(made.planned, "next")).select("unit_id", "agent_id", "pi")
    return draw.learn(drawn.join(made.frame.select("unit_id", "p", "f", "y", "violation"), on="unit_id")).lam


def tiny(seeds: int, draws: int) -> Iterator[Line]:
    """Few agents, few conversations, few reviews each; and many agents. Equal chances are given twice: with the plain
    mean's t interval, which few reviews make too narrow (its coverage stands beside), and with ours."""
    for name, agents, each, quota in (
        ("2 agents", 2, (300, 400), 10),
        ("8 chats each", 12, (8, 9), 4),
        ("quota 1", 40, (100, 300), 1),
        ("quota 2", 40, (100, 300), 2),
        ("quota 3", 40, (100, 300), 3),
        ("200 agents", 200, (50, 120), 5),
    ):
        small = agents * each[0] <= 300
        made = [
            (_small if small else ready)(World.of(500 + s, agents=agents, each=each), quota=quota) for s in range(seeds)
        ]
        got = _measured(made, draws, "q")
        yield Line(f"{name}: width ÷ equal chances", got.honest, 1.0, most=True)
        yield Line("  width ÷ equal chances with the plain t interval", got.width, None)
        yield Line("  coverage of that plain interval", got.plain, None)
        yield Line("  team coverage", got.team, 0.935 - two_errors(0.935, seeds * draws))
        yield Line("  agent coverage", got.agents, 0.94)
        unseen = float(np.mean([(one.planned.frame["pi"] == 0).mean() for one in made]))
        yield Line("  units without a chance", unseen, 0.0, most=True)


def _small(world: World, quota: float) -> Ready:
    """A team too small for a model of its own: nothing is predicted."""
    frame = world.units("N")
    planned = draw.plan(frame.select("unit_id", "agent_id"), draw.Design((draw.Quota("chat", quota),)))
    return Ready(frame, planned, draw.ModelRecord(None, 0, 0), 0.0)


def charts(runs: int) -> Iterator[Line]:
    """False alarms in 26 weeks and shifts found within 13, with baselines of 8 and 20; measures; rates."""
    rng = np.random.default_rng(7)

    def share(
        baseline: int | None, before: int, after: int, shift: float, seen: Callable[[int], bool], **more: object
    ) -> float:
        hits = 0
        for _ in range(runs):
            x = rng.normal(size=before + after)
            x[before:] -= shift
            hits += any(seen(s.period) for s in chart(list(x), [1.0] * len(x), baseline=baseline, **more).signals)  # type: ignore[arg-type]
        return hits / runs

    for m in (8, 20):
        yield Line(f"any false alarm in 26 weeks, baseline {m}", share(m, m, 26, 0.0, lambda k: True), 0.10, most=True)
        yield Line(
            f"  a drop of 1 SD found within 13 weeks, baseline {m}", share(m, m, 13, 1.0, lambda k, m=m: k >= m), None
        )
        yield Line(
            f"  a drop of 2 SD found within 13 weeks, baseline {m}", share(m, m, 13, 2.0, lambda k, m=m: k >= m), 0.75
        )
    yield Line("an alarm before a real drop of 3 SD", share(None, 30, 10, 3.0, lambda k: k < 30), 0.10, most=True)
    yield Line("  the drop found", share(None, 30, 10, 3.0, lambda k: k >= 30), 0.95)
    yield Line(
        "an alarm although a measure is on record",
        share(None, 20, 20, 3.0, lambda k: True, restart=[20]),
        0.10,
        most=True,
    )
    for size in (160, 600):
        quiet = [
            bool(chart(list(rng.binomial(size, 0.03, 46) / size), sizes=[float(size)] * 46, baseline=20).signals)
            for _ in range(runs)
        ]
        yield Line(f"red-line rate, {size} a week: any false alarm in 26 weeks", float(np.mean(quiet)), 0.10, most=True)
        found = []
        for _ in range(runs):
            x = np.r_[rng.binomial(size, 0.03, 20), rng.binomial(size, 0.06, 13)] / size
            found.append(any(s.period >= 20 for s in chart(list(x), sizes=[float(size)] * 33).signals))
        yield Line("  doubled rate found within 13 weeks", float(np.mean(found)), 0.85)


def rates(runs: int) -> Iterator[Line]:
    """Before and after of rare rates."""
    rng = np.random.default_rng(11)
    for n, before, after in ((160, 0.003, 0.003), (160, 0.02, 0.02), (400, 0.03, 0.015)):
        held = []
        for _ in range(runs):
            sides = [
                estimate.rate(
                    {
                        "agent_id": np.arange(n) % 20,
                        "pi": np.full(n, 0.05),
                        "violation": (rng.random(n) < r).astype(int),
                    }
                )
                for r in (before, after)
            ]
            gap = estimate.difference(*sides)
            held.append(gap.low is not None and gap.high is not None and gap.low <= after - before <= gap.high)
        yield Line(
            f"coverage of the difference {before:.1%} → {after:.1%}, {n} reviews a side", float(np.mean(held)), 0.93
        )


def inspectors(runs: int) -> Iterator[Line]:
    """Whether sound inspectors are named, and one who scores at random is."""
    rng = np.random.default_rng(13)
    for people, shared in ((5, 35), (10, 35), (19, 35), (19, 100)):
        named, found = [], []
        for _ in range(runs):
            named.append(any(one.alone for one in consistency.consistency(_doubles(rng, people, shared, 0))))
            found.append(consistency.consistency(_doubles(rng, people, shared, 1))[0].alone)
        slack = 2 * np.sqrt(0.05 * 0.95 / runs)
        yield Line(
            f"any sound one of {people} inspectors named, {shared} shared each",
            float(np.mean(named)),
            0.05 + slack,
            most=True,
        )
        yield Line("  one who scores at random is named", float(np.mean(found)), 0.5)


def _doubles(rng: np.random.Generator, people: int, shared: int, random: int) -> pl.DataFrame:
    """Cyclic pairs; the first ``random`` inspectors score without looking."""
    rows = []
    for unit in range(people * shared // 2):
        true = 88 + 6 * rng.normal() - (POINTS if rng.random() < 0.04 else 0.0)
        for who in (unit % people, (unit + 1) % people):
            said = 88 + 8 * rng.normal() if who < random else true + 4 * rng.normal()
            rows.append((f"A{unit % 30}", f"I{who:02d}", f"U{unit}", min(100.0, float(round(said)))))
    return pl.DataFrame(rows, schema=["agent_id", "inspector_id", "unit_id", "score"], orient="row")


def parts(short: bool = False) -> dict[str, Callable[[], Iterator[Line]]]:
    """Every part by name, at the size asked for."""
    from benchmarks.draw_goals import gate, goals

    seeds, draws, runs = (2, 4, 60) if short else (5, 20, 500)
    return {
        "lifts": lambda: lifts(seeds, draws),
        "completions": lambda: completions(seeds, draws),
        "hostile": lambda: hostile(seeds, draws),
        "tiny": lambda: tiny(seeds, draws),
        "goals": lambda: goals(seeds, max(draws // 4, 2)),
        "gate": lambda: gate(seeds),
        "charts": lambda: charts(runs),
        "rates": lambda: rates(runs),
        "inspectors": lambda: inspectors(max(runs // 10, 10)),
    }


def run(short: bool = False, only: str | None = None) -> int:
    """Print every promise, or those of one part; the number of those missed."""
    missed = 0
    for name, part in parts(short).items():
        for line in part() if only in (None, name) else ():
            print(line, flush=True)
            missed += not line.met
    print(f"{missed} of the goals missed" if missed else "all goals met")
    return missed
