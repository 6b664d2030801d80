"""What may be said about agents compared with each other, and what the numbers do not support.

Owns the statements "below the team mean", "in the bottom k" and "not distinguishable". Refuses rankings by red-line
rates and ranked elimination lists: with ten reviews a month fewer than half of the last six named are truly among the
last six.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from scoring.estimate.result import Estimate
from scoring.keyed import uniforms

Floats = NDArray[np.float64]

#: Reviews in total before anything may be said of an agent, and the false-discovery rate of what is said.
LEAST_REVIEWS, FALSE_DISCOVERY = 30, 0.10


@dataclass(frozen=True, slots=True)
class Standing:
    """One agent's statement: 'below_team', 'bottom_k' (which implies below), 'not_distinguishable' or
    'too_few_reviews'.

    ``p`` and ``q`` are the one-sided p-value and its Benjamini–Hochberg adjustment; ranks count from the lowest score
    (1) and hold simultaneously for all agents at the given level.
    """

    agent_id: str
    n: int
    statement: str
    p: float | None
    q: float | None
    rank_low: int | None
    rank_high: int | None


def benjamini_hochberg(p: Floats) -> Floats:
    """Return adjusted p-values (Benjamini & Hochberg 1995): reject where they are at most the false-discovery rate."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def rank_sets(
    value: Floats, se: Floats, df: Floats, level: float = 0.95, seed: str = "rank-sets"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return simultaneous rank intervals (1 = lowest): with probability ``level`` all true ranks lie inside.

    Pairwise differences are compared with one common critical value, the ``level`` quantile of the largest studentised
    difference (Mogstad, Romano, Shaikh & Wilhelm 2024), simulated with up to 2,000 keyed draws: an agent's lowest rank
    is one more than the number significantly below, the highest leaves out those significantly above.
    """
    k = len(value)
    if k < 2:
        return np.ones(k, dtype=np.int64), np.ones(k, dtype=np.int64)
    spread = np.sqrt(se[:, None] ** 2 + se[None, :] ** 2)
    np.fill_diagonal(spread, np.inf)
    draws = int(np.clip(1e8 / k**2, 400, 2000))
    u = np.clip(uniforms(seed, draws * k).reshape(draws, k), 1e-12, 1 - 1e-12)
    noise = scipy.stats.t.ppf(u, np.maximum(df, 1.0)) * se
    largest = np.array([(np.abs(row[:, None] - row[None, :]) / spread).max() for row in noise])
    critical = float(np.quantile(largest, level))
    above = (value[:, None] - value[None, :]) / spread > critical
    return 1 + above.sum(axis=1), k - above.sum(axis=0)


def standings(
    agents: pl.DataFrame, team: Estimate, *, reviews: dict[str, int] | None = None, bottom: int = 3,
    rate: float = FALSE_DISCOVERY, least: int = LEAST_REVIEWS, level: float = 0.95,
) -> tuple[Standing, ...]:  # fmt: skip
    """State what the estimates support, agent by agent.

    ``agents`` is the result of ``estimate.agents`` over the cumulated periods, ``team`` of ``estimate.team`` over the
    same; ``reviews`` may give the cumulated counts when they differ from ``n``. One-sided moderated-t tests against the
    team mean (the agent's own share of it counted as independent, which is cautious) at a false-discovery rate of 10 %,
    from 30 reviews on; "in the bottom k" only when the simultaneous 95 % rank set lies inside it.
    """
    counted = {row["agent_id"]: (reviews or {}).get(row["agent_id"], row["n"]) for row in agents.iter_rows(named=True)}
    usable = _usable(agents, counted, least)
    value, se, df = _columns(usable)
    said: dict[str, tuple[str, float, float, int, int]] = {}
    if usable.height and team.value is not None:
        p = _one_sided(usable, team)
        q = benjamini_hochberg(p)
        low, high = rank_sets(value, se, df, level)
        for k, agent in enumerate(usable["agent_id"]):
            # Ranks among those compared: the agents with too few reviews could stand anywhere below.
            in_bottom = bottom < agents.height and high[k] + (agents.height - usable.height) <= bottom
            statement = (
                "bottom_k" if in_bottom and q[k] <= rate else "below_team" if q[k] <= rate else "not_distinguishable"
            )
            said[agent] = (
                statement,
                float(p[k]),
                float(q[k]),
                int(low[k]),
                int(high[k]) + agents.height - usable.height,
            )
    result = []
    for row in agents.iter_rows(named=True):
        agent, n = row["agent_id"], counted[row["agent_id"]]
        statement, p_, q_, first, last = said.get(agent, ("too_few_reviews", math.nan, math.nan, 0, 0))
        known = agent in said
        result.append(
            Standing(
                agent,
                n,
                statement,
                p_ if known else None,
                q_ if known else None,
                first if known else None,
                last if known else None,
            )
        )
    return tuple(result)


def below_team(
    agents: pl.DataFrame, team: Estimate, *, rate: float = FALSE_DISCOVERY, least: int = LEAST_REVIEWS
) -> tuple[str, ...]:
    """The agents whom ``standings`` states to be below the team's mean, without the work of comparing ranks."""
    usable = _usable(agents, dict(agents.select("agent_id", "n").iter_rows()), least)
    if usable.is_empty() or team.value is None:
        return ()
    low = benjamini_hochberg(_one_sided(usable, team)) <= rate
    return tuple(sorted(usable.filter(pl.Series(low))["agent_id"]))


def _usable(agents: pl.DataFrame, counted: dict[str, int], least: int) -> pl.DataFrame:
    many = pl.Series([counted[agent] >= least for agent in agents["agent_id"]], dtype=pl.Boolean)
    return agents.filter(pl.col("se").is_not_null() & (pl.col("se") > 0) & many)


def _columns(usable: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    value, se, df = (usable[name].to_numpy().astype(np.float64) for name in ("value", "se", "df"))
    return value, se, df


def _one_sided(usable: pl.DataFrame, team: Estimate) -> Floats:
    value, se, df = _columns(usable)
    error = np.sqrt(se**2 + (team.se or 0.0) ** 2)
    return np.asarray(scipy.stats.t.cdf((value - (team.value or 0.0)) / error, df))


def elimination_list(standings: tuple[Standing, ...]) -> None:
    """Refuse, with the reason as data: raise ``RankingRefused`` naming how many agents cannot be told apart."""
    unclear = sum(s.statement in ("not_distinguishable", "too_few_reviews") for s in standings)
    raise RankingRefused(unclear, len(standings))


class RankingRefused(ValueError):
    """A ranked elimination list was asked for. ``unclear`` of ``total`` agents cannot be told apart from the team."""

    def __init__(self, unclear: int, total: int) -> None:
        super().__init__(
            f"a ranked elimination list is not supported: {unclear} of {total} agents cannot be told apart"
        )
        self.unclear = unclear
        self.total = total
