"""What a plan promises before it is drawn: reviews, widths and violations found, per source and in all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy

from scoring.draw.design import (
    SOURCES,
    Design,
)
from scoring.draw.planning import PlannedDraw, Shortage, shortages_of
from scoring.draw.strata import groups

#: Rate of violations that stands for units nobody predicted.
BASE_RATE = 0.03

#: Degrees of freedom that the team's residual model lends an agent's interval, and the days of an average month.
PRIOR_DF, MONTH_DAYS = 8, 30.4375


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """What a plan promises of one source for a typical (median) agent: full width of the 95 % interval in points, of
    this period alone and, where the length of the period is known, of a month and a quarter of such draws. None where
    nothing is reviewed of at least half of the agents."""

    source: str
    agents: int
    reviews: int
    agent_width: float | None
    month_width: float | None = None
    quarter_width: float | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a plan promises, before the draw. Widths are full widths of 95 % intervals in points; ``lift`` is violations
    found per review over the same for equal probabilities within agents; ``uncovered`` are agents whose units have no
    chance at all because the total does not reach them: no estimate speaks for them. ``agent_width`` is that of the
    first of ``sources``, which are never averaged together."""

    units: int
    reviews: int
    pool: int
    agents: pl.DataFrame
    expected_found: float
    expected_found_random: float
    lift: float | None
    team_width: float | None
    agent_width: float | None
    sources: tuple[SourcePreview, ...]
    shortages: tuple[Shortage, ...]
    uncovered: tuple[str, ...]


def preview(planned: PlannedDraw, days: float | None = None) -> Preview:
    """Return the figures shown before publishing: counts, violations to expect, interval widths to expect, shortages.

    Expected violations need predictions (``p``); they are 0 without. The widths follow the design's residual model: V =
    Σ (1−π)/π·σ²(p) / N², the anticipated variance of the difference estimator, over the agents who have a chance. With
    ``days``, the length of the planned period, the figures per source also say what a month and a quarter of such draws
    will give.
    """
    group, names = groups(planned.frame)
    pi, known = planned.frame["pi"].to_numpy(), planned.frame["p"]
    p = known.fill_null(0.0).to_numpy()
    with np.errstate(divide="ignore"):
        # a unit nobody predicted is one of the ordinary rate; of units without any chance nothing is known
        noise = np.where(
            pi > 0, (1 - pi) / pi * planned.design.residual.variance(known.fill_null(BASE_RATE).to_numpy()), np.nan
        )
    found, total, noises = (np.bincount(group, weights, minlength=len(names)) for weights in (pi * p, p, noise))
    sums = pl.DataFrame(names, schema={"source": pl.String, "agent_id": pl.String}, orient="row").with_columns(
        expected_found=pl.Series(found), mean_p=pl.Series(total / np.bincount(group, minlength=len(names))),
        noise=pl.Series(noises).fill_nan(None),
    )  # fmt: skip
    uncovered = tuple(sorted({names[k][1] for k in np.unique(group[pi == 0])}))
    return _promise(planned.sizes.join(sums, on=["source", "agent_id"]), planned.shortages, uncovered, days)


def preview_sizes(sizes: pl.DataFrame, design: Design, days: float | None = None) -> Preview:
    """The figures of a plan made by ``plan_sizes``: equal chances within agents, nothing predicted."""
    pi = pl.col("base") / pl.col("frame")
    variance = float(design.residual.variance(np.array([BASE_RATE]))[0])
    noise = pl.when(pi > 0).then((1 - pi) / pi * pl.col("frame") * variance)
    uncovered = tuple(sizes.filter(pl.col("base") == 0)["agent_id"].unique().sort())
    return _promise(
        sizes.with_columns(expected_found=0.0, mean_p=0.0, noise=noise), shortages_of(sizes), uncovered, days
    )


def _promise(
    sums: pl.DataFrame, shortages: tuple[Shortage, ...], uncovered: tuple[str, ...], days: float | None
) -> Preview:
    agents = (
        sums.with_columns(reviews=pl.col("pool") + pl.col("base"))
        .with_columns(
            width=_width(pl.col("noise").sqrt() / pl.col("frame"), pl.col("base") + PRIOR_DF - 1, pl.col("reviews"))
        )
        .sort("source", "agent_id")
    )
    found, random = float(agents["expected_found"].sum()), _random_found(agents)
    units, reviews = int(agents["frame"].sum()), int(agents["reviews"].sum())
    seen = agents.filter(pl.col("noise").is_not_null())
    team_se = math.sqrt(float(seen["noise"].sum())) / max(int(seen["frame"].sum()), 1)
    sources = _by_source(agents, days)
    return Preview(
        units=units,
        reviews=reviews,
        pool=int(agents["pool"].sum()),
        agents=agents.select(
            "source", "agent_id", "intensity", "frame", "pool", "base", "reviews", "expected_found", "width"
        ),
        expected_found=found,
        expected_found_random=random,
        lift=found / random if random > 0 else None,
        team_width=(
            2 * float(scipy.stats.t.ppf(0.975, max(reviews - seen.height, 1))) * team_se
            if seen.height and reviews
            else None
        ),
        agent_width=sources[0].agent_width if sources else None,
        sources=sources,
        shortages=shortages,
        uncovered=uncovered,
    )


def _by_source(agents: pl.DataFrame, days: float | None) -> tuple[SourcePreview, ...]:
    """What each source promises for a typical agent, chats first: sources are never averaged together."""
    known = [source for source in SOURCES if source in set(agents["source"])]
    return tuple(_source_preview(source, agents.filter(pl.col("source") == source), days) for source in known)


def _source_preview(source: str, agents: pl.DataFrame, days: float | None) -> SourcePreview:
    month, quarter = (
        (None, None) if not days else (_median(_over(agents, span / days)) for span in (MONTH_DAYS, 3 * MONTH_DAYS))
    )
    return SourcePreview(source, agents.height, int(agents["reviews"].sum()), _median(agents["width"]), month, quarter)


def _over(agents: pl.DataFrame, periods: float) -> pl.Series:
    """Widths per agent after ``periods`` periods like this one: that many times the reviews of that many times the
    units."""
    se = pl.col("noise").sqrt() / pl.col("frame") / math.sqrt(periods)
    return agents.select(width=_width(se, pl.col("base") * periods + PRIOR_DF - 1, pl.col("reviews")))["width"]


def _random_found(agents: pl.DataFrame) -> float:
    return float(agents.select((pl.col("reviews") * pl.col("mean_p")).sum()).item())


def _width(se: pl.Expr, df: pl.Expr, reviews: pl.Expr) -> pl.Expr:
    """Full width of the moderated-t interval: 8 degrees of freedom come from the team (n − 1 + 8)."""
    quantile = df.map_batches(lambda s: pl.Series(scipy.stats.t.ppf(0.975, s.to_numpy())), return_dtype=pl.Float64)
    return pl.when((reviews > 0) & se.is_not_null()).then(2 * quantile * se).otherwise(None)


def _median(values: pl.Series) -> float | None:
    known = values.drop_nulls()
    return float(np.median(known.to_numpy())) if len(known) else None
