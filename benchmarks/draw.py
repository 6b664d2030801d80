"""Measure the draw and its estimates on simulated populations: ``python -m benchmarks.draw [--draws 480] [--scale
full]``.

Populations of 60 agents with 250–2,000 conversations, 3 % violations and risk signals of AUC .7, .8 and .9; each is
drawn many times and estimated each time. Reports lift, widths, bias and coverage against equal chances with the plain
mean, and shows that two wrong estimators fail the same bench. ``--cost`` measures a draw from 10 million rows.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special, stats

from scoring import draw, estimate

Floats = NDArray[np.float64]

#: AUC of the signal → the lift that must be reached without a wider team interval.
TARGETS = {0.7: 1.8, 0.8: 4.0, 0.9: 8.0}
VIOLATION_POINTS, REVIEWS = 45.0, 10
#: Ordinary spread of a score: what raw signals predict of it and what they do not (points, SD).
EXPLAINED, UNEXPLAINED = 3.0, 4.0


@dataclass(frozen=True)
class Population:
    """Simulated truth: ``frame`` has unit_id, agent_id, source, p, f (what the draw may know), y and violation."""

    frame: pl.DataFrame
    design: draw.Design
    share: float


def simulate(auc: float, seed: int, agents: int = 60, smallest: int = 250, largest: int = 2000) -> Population:
    """Return a population whose signal separates violations with the given AUC; p is calibrated on average only."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.uniform(np.log(smallest), np.log(largest), agents)).astype(int)
    who = np.repeat(np.arange(agents), size)
    rate = np.clip(0.03 * rng.gamma(2.0, 0.5, agents), 0.002, 0.2)
    violation = rng.random(len(who)) < rate[who]
    shift = float(np.sqrt(2) * stats.norm.ppf(auc))
    signal = rng.normal(size=len(who)) + shift * violation
    p = special.expit(shift * signal - shift**2 / 2 + special.logit(0.03))
    explained, level = rng.normal(0, EXPLAINED, len(who)), 85 + rng.normal(0, 3, agents)
    y = level[who] + explained + rng.normal(0, UNEXPLAINED, len(who)) - VIOLATION_POINTS * violation
    frame = pl.DataFrame(
        {
            "unit_id": [f"P{seed}-{k:06d}" for k in range(len(who))],
            "agent_id": [f"A{a:02d}" for a in who],
            "source": "chat",
            "p": p,
            "f": 85 + explained - VIOLATION_POINTS * p,
            "y": y,
            "violation": violation.astype(np.int64),
        }
    ).sort("unit_id")
    design = draw.Design((draw.Quota("chat", REVIEWS),), residual=draw.ResidualModel(17.0, 2000.0))
    record = draw.ModelRecord(auc, 1200, 36)
    share = draw.automatic_share(frame, design, record)
    return Population(frame, draw.Design((draw.Quota("chat", REVIEWS, share),), residual=design.residual), share)


@dataclass
class Tally:
    """What the draws of one setting added up to."""

    found: list[float] = field(default_factory=list)
    found_random: list[float] = field(default_factory=list)
    team: list[tuple[float, float, bool]] = field(default_factory=list)
    team_random: list[float] = field(default_factory=list)
    rate: list[tuple[float, float, bool]] = field(default_factory=list)
    agent: list[tuple[float, float, float]] = field(default_factory=list)
    agent_random: list[float] = field(default_factory=list)
    unweighted: list[tuple[float, float, bool]] = field(default_factory=list)
    top: list[tuple[float, float, bool]] = field(default_factory=list)
    frequency_z: list[float] = field(default_factory=list)


def run(populations: list[Population], draws: int, tally: Tally | None = None) -> Tally:
    """Draw from every population ``draws`` times, estimate, and compare with the truth."""
    tally = tally or Tally()
    for number, population in enumerate(populations):
        frame = population.frame
        planned = draw.plan(frame, population.design)
        equal = draw.plan(frame.drop("p"), draw.Design((draw.Quota("chat", REVIEWS),)))
        totals = estimate.totals(planned.frame.join(frame.select("unit_id", "f"), on="unit_id"))
        truth = frame.group_by("agent_id").agg(y=pl.col("y").mean(), rate=pl.col("violation").mean()).sort("agent_id")
        prone = (truth["rate"] >= truth["rate"].quantile(0.8)).to_numpy()
        picked = np.zeros(frame.height)
        for k in range(draws):
            seed = f"bench-{number}-{k}"
            u = pl.Series(draw.permanent_numbers(seed, frame["unit_id"]))
            drawn, plain = draw.select(planned, seed, u), draw.select(equal, seed, u)
            picked += drawn["picked"].to_numpy()
            _one(tally, frame, drawn, plain, totals, truth, prone)
        tally.frequency_z.append(_worst_z(picked, planned.frame["pi"].to_numpy(), draws))
    return tally


def _one(
    tally: Tally,
    frame: pl.DataFrame,
    drawn: pl.DataFrame,
    plain: pl.DataFrame,
    totals: pl.DataFrame,
    truth: pl.DataFrame,
    prone: NDArray[np.bool_],
) -> None:
    known = frame.select("unit_id", "p", "f", "y", "violation")
    sample, random = (draw.picks(rows).join(known, on="unit_id") for rows in (drawn, plain))
    mean, rate = float(frame["y"].mean()), float(frame["violation"].mean())  # type: ignore[arg-type]
    tally.found.append(sample["violation"].sum() / sample.height)
    tally.found_random.append(random["violation"].sum() / random.height)
    tally.team.append(_against(estimate.team(sample, totals), mean))
    tally.team_random.append(estimate.team(random.drop("f")).width or np.nan)
    tally.rate.append(_against(estimate.rate(sample, frame.height), rate))
    agents = estimate.agents(sample, totals)
    error = (agents["value"] - truth["y"]).to_numpy()
    covered = (agents["low"] <= truth["y"]).to_numpy() & (truth["y"] <= agents["high"]).to_numpy()
    tally.agent.append((float(error.mean()), float(covered.mean()), float(covered[prone].mean())))
    width = float((agents["high"] - agents["low"]).mean())  # type: ignore[arg-type]
    plain_agents = random.group_by("agent_id").agg(se=pl.col("y").std() / pl.len().sqrt(), n=pl.len())
    quantile = stats.t.ppf(0.975, plain_agents["n"].to_numpy() - 1)
    tally.agent_random.append(width / float((2 * quantile * plain_agents["se"].to_numpy()).mean()))
    tally.unweighted.append(_plain(sample["y"], mean))
    top = frame.sort("p", descending=True).head(sample.height)
    tally.top.append(_plain(top["y"], mean))


def _against(result: estimate.Estimate, truth: float) -> tuple[float, float, bool]:
    if result.value is None or result.low is None or result.high is None:
        return np.nan, np.nan, False
    return result.value - truth, result.high - result.low, result.low <= truth <= result.high


def _plain(y: pl.Series, truth: float) -> tuple[float, float, bool]:
    """What not to do: mean and t interval of targeted picks as if they were random."""
    values = y.to_numpy()
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    error = float(values.mean()) - truth
    return error, 2 * half, abs(error) <= half


def _worst_z(picked: Floats, pi: Floats, draws: int) -> float:
    """Largest |z| of pick frequency against π, over bins of similar π large enough for a normal approximation."""
    random = (pi > 0) & (pi < 1)
    order = np.flatnonzero(random)[np.argsort(pi[random], kind="stable")]
    bins = np.array_split(order, max(int(pi[random].sum() * draws / 400), 1))
    z = [(picked[b] - draws * pi[b]).sum() / np.sqrt((draws * pi[b] * (1 - pi[b])).sum()) for b in bins]
    certain = np.all(picked[pi == 1] == draws)
    return float(np.abs(z).max()) if certain else np.inf


@dataclass(frozen=True)
class Row:
    """The figures of one setting, and whether they meet the targets."""

    lift: float
    team_width: float
    agent_width: float
    bias: float
    bias_z: float
    team_cover: float
    rate_cover: float
    agent_cover: float
    prone_cover: float
    frequency_z: float

    def faults(self, lift: float, slack: float = 0.0) -> list[str]:
        """Name the targets that are missed; ``slack`` widens the coverage limits for runs of few draws."""
        checks = {
            "lift": self.lift >= lift,
            "team width": self.team_width <= 1.0,
            "bias": abs(self.bias) < 0.1 and abs(self.bias_z) < 3,
            "team coverage": self.team_cover >= 0.935 - slack,
            "rate coverage": self.rate_cover >= 0.935 - slack,
            "agent coverage": self.agent_cover >= 0.95 - slack,
            "violation-prone coverage": self.prone_cover >= 0.92 - slack,
            "frequency": self.frequency_z < 4.5,
        }
        return [name for name, met in checks.items() if not met]


def row(tally: Tally) -> Row:
    """Summarise a tally."""
    error = np.array([t[0] for t in tally.team])
    return Row(
        float(np.mean(tally.found) / np.mean(tally.found_random)),
        float(np.mean([t[1] for t in tally.team]) / np.mean(tally.team_random)),
        float(np.mean(tally.agent_random)),
        float(error.mean()),
        float(error.mean() / (error.std(ddof=1) / np.sqrt(len(error)))),
        float(np.mean([t[2] for t in tally.team])),
        float(np.mean([t[2] for t in tally.rate])),
        float(np.mean([t[1] for t in tally.agent])),
        float(np.mean([t[2] for t in tally.agent])),
        max(tally.frequency_z),
    )


def wrong(results: list[tuple[float, float, bool]]) -> tuple[float, float, bool]:
    """Bias, coverage and whether a wrong estimator is caught by the bench's limits (it must be)."""
    bias, cover = float(np.mean([r[0] for r in results])), float(np.mean([r[2] for r in results]))
    return bias, cover, abs(bias) >= 0.1 and cover < 0.935


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit code 1 when a target is missed or a wrong estimator passes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=480, help="draws for each AUC, spread over the populations")
    parser.add_argument("--scale", choices=("small", "full"), default="full")
    parser.add_argument("--populations", type=int, default=4)
    parser.add_argument("--cost", action="store_true", help="only measure a draw from 10 million rows")
    parser.add_argument("--promises", choices=("short", "full"), help="only measure what is promised of hard cases")
    parser.add_argument("--part", help="with --promises: one part alone, like lifts, tiny or goals")
    options = parser.parse_args(arguments)
    if options.promises:
        from benchmarks.draw_promises import run as promises

        return int(bool(promises(short=options.promises == "short", only=options.part)))
    if options.cost:
        from benchmarks.draw_cost import measure

        return measure()
    sizes = {"agents": 60} if options.scale == "full" else {"agents": 30, "smallest": 150, "largest": 600}
    failed = False
    print("auc  share  lift  team   agent  bias (z)        cover: team  rate   agent  prone  freq z")
    for auc, target in TARGETS.items():
        populations = [simulate(auc, 100 * round(10 * auc) + k, **sizes) for k in range(options.populations)]
        tally = run(populations, max(options.draws // options.populations, 1))
        r = row(tally)
        share = float(np.mean([p.share for p in populations]))
        print(
            f"{auc:.1f}  {share:5.2f} {r.lift:5.2f}  {r.team_width:5.3f}  {r.agent_width:5.3f}  {r.bias:+.3f}"
            f" ({r.bias_z:+.2f})       {r.team_cover:10.3f}  {r.rate_cover:5.3f}  {r.agent_cover:5.3f} "
            f" {r.prone_cover:5.3f}  {r.frequency_z:5.2f}"
        )
        faults = r.faults(target)
        print("     missed: " + ", ".join(faults) if faults else "     all targets met")
        failed |= bool(faults)
        for name, results in (("unweighted mean", tally.unweighted), ("top k only", tally.top)):
            bias, cover, caught = wrong(results)
            print(
                f"     wrong estimator, {name}: bias {bias:+.2f}, coverage {cover:.3f}:"
                f" {'caught' if caught else 'NOT CAUGHT'}"
            )
            failed |= not caught
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
