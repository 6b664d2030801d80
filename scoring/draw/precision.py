"""How many reviews a wish for precision takes, agent by agent, and when it is met before all of them are made.

"±5 for every agent", or "name every agent truly 8 points below, with power .8". Counts follow from what is known before
anybody is scored: the spread that past reviews show, the predictions, and how wide the agent's own scores lay in the
past. Within a draw an agent's reviews end early on what the *other* agents' reviews show of the spread: the count is
then independent of the agent's own scores, so that every estimate stays unbiased and every interval valid, whenever
one looks (reviews are made in a random order, and π becomes π·reviewed/drawn, see ``estimate.completion``). Stopping on
the agent's own spread would not be: who has no violation among the first reviews would stop there, and look better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from scoring.draw.design import DrawError, ResidualModel
from scoring.draw.strata import codes
from scoring.estimate import weighting
from scoring.frames import Table, table
from scoring.ranking import FALSE_DISCOVERY, LEAST_REVIEWS

Floats = NDArray[np.float64]

WIDTH, BELOW = "width", "below"
#: How much an agent's own past may narrow or widen the spread that is expected, and the reviews of others that count as
#: much as what was expected when a draw looks at itself.
LEAST_FACTOR, LARGEST_FACTOR, PRIOR_REVIEWS = 0.6, 3.0, 100.0
#: An agent keeps so many random reviews: fewer have no spread of their own.
LEAST = 2


@dataclass(frozen=True, slots=True)
class Goal:
    """What a lead asks of every agent over a span of days: a 95 % interval of ± ``points`` ('width'), or that everybody
    truly ``points`` below the team is named so with ``power`` ('below')."""

    kind: Literal["width", "below"]
    points: float
    power: float = 0.8

    def __post_init__(self) -> None:
        if self.kind not in (WIDTH, BELOW):
            raise DrawError("goal", f"expected a goal of 'width' or 'below'; found {self.kind!r}")
        if not 0.5 <= self.points <= 50:
            raise DrawError("goal", f"expected 0.5 to 50 points; found {self.points}", points=self.points)
        if not 0.5 <= self.power <= 0.99:
            raise DrawError("goal", f"expected a power of 0.5 to 0.99; found {self.power}", power=self.power)

    @property
    def least(self) -> int:
        """Reviews below which nothing is said of an agent at all."""
        return LEAST_REVIEWS if self.kind == BELOW else LEAST

    def standard_error(self, reviews: Floats, agents: int) -> Floats:
        """The standard error that an agent's mean may have at so many reviews (8 degrees of freedom come from the
        team). For 'below' the test is the one of ``ranking``: one-sided, at the level that its false-discovery rate of
        10 % leaves for a single agent among ``agents``."""
        df = np.maximum(reviews - 1, 0) + weighting.PRIOR_DF
        if self.kind == WIDTH:
            return np.asarray(self.points / scipy.stats.t.ppf(0.975, df), dtype=np.float64)
        level = 1 - FALSE_DISCOVERY / max(agents, 1)
        power = scipy.stats.t.ppf(level, df) + scipy.stats.t.ppf(self.power, df)
        return np.asarray(self.points / power, dtype=np.float64)


def spreads(frame: Table, residual: ResidualModel) -> pl.DataFrame:
    """Return per agent_id: units, sigma (mean predicted residual SD, points) and sigma2 (mean variance) of a frame with
    agent_id and, where known, p."""
    rows = table(frame, "the frame")
    agent, names = codes(rows["agent_id"].cast(pl.String))
    p = rows["p"].cast(pl.Float64).fill_null(rows["p"].mean()) if "p" in rows.columns else None
    known = p is not None and not p.null_count()
    by_p = p.to_numpy() if known and p is not None else np.full(rows.height, 0.03)
    variance = residual.variance(by_p)
    count = np.bincount(agent, minlength=len(names))
    return pl.DataFrame(
        {
            "agent_id": names,
            "units": count,
            "sigma": np.bincount(agent, np.sqrt(variance), len(names)) / count,
            "sigma2": np.bincount(agent, variance, len(names)) / count,
        }
    )


def factors(reviews: Table, residual: ResidualModel, lam: float = 0.0) -> pl.DataFrame:
    """Return per agent_id how much wider (> 1) or narrower than expected their own scores lay: past reviews with
    agent_id, pi, y and, where known, p and f. The agent's variance is blended with the expected one, 8 degrees of
    freedom to the reviews less one, as in ``estimate.agents``."""
    rows = _residuals(table(reviews, "the past reviews"), residual, lam)
    sums = rows.group_by("agent_id").agg(
        found=pl.col("found").sum(), expected=pl.col("expected").sum(), df=pl.len().cast(pl.Float64) - 1
    )
    ratio = pl.when(pl.col("expected") > 0).then(pl.col("found") / pl.col("expected")).otherwise(1.0)
    prior = weighting.PRIOR_DF
    blended = (prior + pl.col("df") * ratio) / (prior + pl.col("df"))
    return sums.select("agent_id", factor=blended.clip(LEAST_FACTOR, LARGEST_FACTOR)).sort("agent_id")


def needed(goal: Goal, agents: pl.DataFrame, *, share: float = 1.0) -> pl.DataFrame:
    """Return ``agents`` with reviews (random reviews that the whole span takes) and now (those of them for this draw).

    ``agents`` has agent_id, units (of this draw), sigma and sigma2 (``spreads``), and where known factor, and of
    earlier draws in the span done (reviews), done_units and done_noise (Σ(1−π)/π·σ², points²). ``share`` is this draw's
    part of the days that are left of the span. What the span still needs is dealt over those days; an agent whose wish
    is met keeps ``LEAST`` reviews, so that no part of the span goes unseen. Where no number is enough, all units are
    reviewed.
    """

    def column(name: str, otherwise: float = 0.0) -> Floats:
        if name not in agents.columns:
            return np.full(agents.height, otherwise)
        return agents[name].cast(pl.Float64).to_numpy().astype(np.float64)

    units, factor = column("units"), column("factor", 1.0)
    done, done_units, done_noise = column("done"), column("done_units"), column("done_noise")
    sigma, sigma2 = column("sigma"), column("sigma2")
    left = units / share
    whole = np.maximum(left + done_units, 1.0)

    def met(n: Floats) -> NDArray[np.bool_]:
        ahead = (left * sigma) ** 2 / np.maximum(n, 1e-9) - left * sigma2
        noise = factor * (np.maximum(ahead, 0.0) + done_noise)
        se = goal.standard_error(done + n, agents.height)
        return np.asarray((np.sqrt(noise) / whole <= se) & (done + n >= goal.least))

    low, high = np.zeros(agents.height), np.maximum(np.ceil(left), 1.0)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        enough = met(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    now = np.minimum(np.maximum(np.ceil(high * share), LEAST), units)
    return agents.with_columns(reviews=pl.Series((done + high).astype(np.int64)), now=pl.Series(now.astype(np.int64)))


@dataclass(frozen=True, slots=True)
class Enough:
    """Of one agent's ``drawn`` random picks ``needed`` suffice; ``reviewed`` are done. ``spread`` is how wide the other
    agents' reviews lie beside what was expected (1 = as expected)."""

    agent_id: str
    drawn: int
    needed: int
    reviewed: int
    spread: float

    @property
    def met(self) -> bool:
        return self.reviewed >= self.needed

    @property
    def spare(self) -> int:
        """Picks that need no review any more."""
        return max(self.drawn - max(self.needed, self.reviewed), 0) if self.met else 0


def enough(
    picks: Table, population: Table, residual: ResidualModel, lam: float = 0.0, least: int = LEAST
) -> tuple[Enough, ...]:
    """Say of every agent of a draw how many of the random picks are needed for the precision that was planned, by the
    spread that the reviews of all *others* show so far.

    ``picks`` has a row per random pick (π < 1): agent_id, pi, y (null where it was not reviewed), and where known p and
    f. ``population`` is ``estimate.totals`` of the frame. What was planned for an agent is the variance V of n picks
    under ``residual``; m suffice when t²(m)·q·V(m) ≤ t²(n)·V(n), q the others' spread, blended with 1 as so many
    reviews (``PRIOR_REVIEWS``) would. Nobody gets more than was drawn, nor fewer than ``least``.
    """
    rows = table(picks, "the picks").filter(pl.col("pi") < 1)
    seen = _residuals(rows.filter(pl.col("y").is_not_null()), residual, lam)
    sums = seen.group_by("agent_id").agg(pl.col("found", "expected").sum(), n=pl.len()).sort("agent_id")
    rest = _others(sums)
    done = rows.filter(pl.col("y").is_not_null()).group_by(pl.col("agent_id").cast(pl.String)).len()
    reviewed = dict(done.iter_rows())
    drawn = dict(rows.group_by(pl.col("agent_id").cast(pl.String)).len().iter_rows())
    result = []
    for row in table(population, "the population").sort("agent_id").iter_rows(named=True):
        agent = str(row["agent_id"])
        if not (n := drawn.get(agent, 0)):
            continue
        found, expected, weight = rest.get(agent, rest[""])
        ratio = found / expected if expected > 0 else 1.0
        q = (weight * ratio + PRIOR_REVIEWS) / (weight + PRIOR_REVIEWS)
        result.append(Enough(agent, n, _suffices(row, residual, n, q, least), reviewed.get(agent, 0), q))
    return tuple(result)


def _others(sums: pl.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Per agent the sums of all others (found, expected, reviews), under "" those of everybody; added up without the
    agent's own, so that they do not even move the last digit."""
    names, columns = sums["agent_id"].to_list(), sums.select("found", "expected", "n").to_numpy().astype(np.float64)
    before = np.vstack([np.zeros(3), np.cumsum(columns, axis=0)])
    after = np.vstack([np.cumsum(columns[::-1], axis=0)[::-1], np.zeros(3)])

    def three(sums: Floats) -> tuple[float, float, float]:
        return float(sums[0]), float(sums[1]), float(sums[2])

    told = {str(name): three(before[k] + after[k + 1]) for k, name in enumerate(names)}
    return {**told, "": three(before[-1])}


def _suffices(row: dict[str, float], residual: ResidualModel, n: int, q: float, least: int) -> int:
    """The smallest m whose variance, under q times the spread, is the one planned for n."""
    by_p = (row.get("spread_p"), row.get("p_var"))
    spread_p, p_var = by_p if None not in by_p else (0.03 * 0.97 * row["spread"], 0.03 * 0.97 * row["random"])

    def width(m: int) -> float:
        part = n / m
        noise = residual.a * ((row["spread"] + row["random"]) * part - row["random"])
        noise += residual.b * ((spread_p + p_var) * part - p_var)  # type: ignore[operator]
        return float(scipy.stats.t.ppf(0.975, m - 1 + weighting.PRIOR_DF)) * math.sqrt(max(noise, 0.0))

    planned, m = width(n), n
    while m > min(least, n) and math.sqrt(q) * width(m - 1) <= planned * (1 + 1e-12):
        m -= 1
    return m


def _residuals(rows: pl.DataFrame, residual: ResidualModel, lam: float) -> pl.DataFrame:
    """agent_id, found and expected: the square of each review's residual around its agent's weighted mean and the
    variance it should have, both weighted by 1/π; of agents with two reviews at least."""
    value = pl.col("y") - lam * pl.col("f") if lam and "f" in rows.columns else pl.col("y")
    p = pl.col("p").cast(pl.Float64).fill_null(0.03) if "p" in rows.columns else pl.lit(0.03)
    w, n = 1 / pl.col("pi"), pl.len().over("agent_id")
    known = (
        rows.with_columns(pl.col("agent_id").cast(pl.String), r=value, w=w)
        .filter(pl.col("r").is_not_null() & (n > 1))
        .with_columns(centre=(pl.col("w") * pl.col("r")).sum().over("agent_id") / pl.col("w").sum().over("agent_id"))
        .with_columns(part=pl.col("w") / pl.col("w").sum().over("agent_id"))
        .with_columns(kept=1 - 2 * pl.col("part") + (pl.col("part") ** 2).sum().over("agent_id"))
    )
    return known.select(
        "agent_id",
        found=pl.col("w") * (pl.col("r") - pl.col("centre")) ** 2,
        expected=pl.col("w") * (residual.a + residual.b * p * (1 - p)) * pl.col("kept"),
    )


def totals_of(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Sum earlier draws of a span per agent: done, done_units and done_noise; each part has agent_id and these."""
    if not parts:
        kinds = {"agent_id": pl.String, "done": pl.Float64, "done_units": pl.Float64, "done_noise": pl.Float64}
        return pl.DataFrame(schema=kinds)
    return pl.concat(parts).group_by("agent_id").agg(pl.col("done", "done_units", "done_noise").sum())
