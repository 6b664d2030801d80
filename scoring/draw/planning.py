"""From a frame and a design to the inclusion probability of every unit, before any seed is known.

Owns the certainty pool, the quotas per agent and the preview figures. Refuses to know the seed: what is planned here
can be published before the draw, and nothing in it can be chosen after seeing who would be picked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from scoring.draw.design import (
    MULTIPLIER,
    SOURCES,
    Design,
    DrawError,
    History,
    Intensity,
    ModelRecord,
    Quota,
    ResidualModel,
    informed,
    intensities,
)
from scoring.draw.probabilities import allocate, at_least_one, inclusion
from scoring.draw.strata import codes, groups
from scoring.frames import Table, table
from scoring.keyed import frame_hash, permanent_numbers, salted_order

#: Roles a unit can have in a plan; they become the reasons of its pick.
POOL, BASE, TAKE_ALL = "pool", "base", "take_all"
#: Rate of violations that stands for units nobody predicted.
BASE_RATE = 0.03
#: Degrees of freedom that the team's residual model lends an agent's interval, and the days of an average month.
PRIOR_DF, MONTH_DAYS = 8, 30.4375


@dataclass(frozen=True, slots=True)
class Shortage:
    """An agent with fewer units than the quota asks for: everything there is, is taken."""

    source: str
    agent_id: str
    wanted: int
    available: int


@dataclass(frozen=True, slots=True)
class PlannedDraw:
    """A planned draw. ``frame``: unit_id, agent_id, source, stratum, role, pi, p and, where given, f (sorted by unit
    id); ``sizes``: one row per source and agent with frame, pool, base (picks by rank) and wanted. ``design`` has every
    automatic choice decided."""

    design: Design
    frame: pl.DataFrame
    sizes: pl.DataFrame
    shortages: tuple[Shortage, ...]
    frame_hash: str


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


def plan(frame: Table, design: Design, history: Table | None = None) -> PlannedDraw:
    """Give every unit of the frame its inclusion probability.

    ``frame`` has ``unit_id`` and ``agent_id`` (read as strings), ``source`` ('chat' when absent) and, when a risk model
    exists, ``p`` (predicted probability of a violation, 0…1), ``f`` (predicted score, kept for the estimates) and
    ``risk`` (what the certainty pool ranks by; ``p`` when absent). Without ``p`` every unit of an agent has the same
    chance. ``history`` is ``learn(past reviews)``, which brings intensities, the residual model and what an automatic
    pool share needs, or a table of intensities alone. Sources without a quota are left out. Raises ``DrawError`` for
    ids that are missing or repeated and for p outside 0…1.
    """
    given = table(frame, "the frame")
    units = _only(checked_frame(given), pl.col("source").is_in([q.source for q in design.quotas]))
    if units.is_empty():
        raise DrawError("empty_frame", "expected at least one unit of a source with a quota in the frame; found none")
    design = _decided(given, informed(design, history), history)
    levels = intensities(units["agent_id"].unique(), design, history)
    by_source = [(_only(units, pl.col("source") == q.source), q) for q in design.quotas]
    parts = [_plan_source(part, q, design, levels) for part, q in by_source if part.height]
    planned = pl.concat([part[0] for part in parts]) if len(parts) > 1 else parts[0][0]
    planned = planned.sort("unit_id") if len(parts) > 1 else planned
    sizes = pl.concat([part[1] for part in parts]).sort("source", "agent_id")
    if "f" in given.columns:
        scores = given.select(pl.col("unit_id").cast(pl.String), pl.col("f").cast(pl.Float64))
        planned = planned.join(scores, on="unit_id", how="left", maintain_order="left")
    return PlannedDraw(design, planned, sizes, _shortages(sizes), frame_hash(planned["unit_id"]))


def _only(units: pl.DataFrame, wanted: pl.Expr) -> pl.DataFrame:
    """The units wanted, and no copy when that is all of them."""
    mask = units.select(wanted.fill_null(False)).to_series()
    return units if mask.all() else units.filter(mask)


def _decided(frame: pl.DataFrame, design: Design, history: Table | None) -> Design:
    """The design with every automatic pool share decided."""
    if all(q.pool_share is not None for q in design.quotas):
        return design
    from scoring.draw.share import automatic_share  # it compares plans, so it stands above this module

    record = None if isinstance(history, History) else ModelRecord(None, 0, 0)
    shares = [
        automatic_share(frame, design, record, q.source, history=history) if q.pool_share is None else q.pool_share
        for q in design.quotas
    ]
    return replace(design, quotas=tuple(replace(q, pool_share=s) for q, s in zip(design.quotas, shares, strict=True)))


def _shortages(sizes: pl.DataFrame) -> tuple[Shortage, ...]:
    short = sizes.filter(pl.col("wanted") > pl.col("frame") - pl.col("pool"))
    return tuple(
        Shortage(r["source"], r["agent_id"], r["wanted"], r["frame"] - r["pool"]) for r in short.iter_rows(named=True)
    )


def checked_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """Return unit_id, agent_id, source, p and risk, sorted by unit id, or say what is wrong with the frame."""
    missing = [name for name in ("unit_id", "agent_id") if name not in frame.columns]
    if missing:
        raise DrawError("columns", f"expected columns unit_id and agent_id; missing {', '.join(missing)}")
    source = pl.col("source") if "source" in frame.columns else pl.lit("chat").alias("source")
    p = pl.col("p") if "p" in frame.columns else pl.lit(None).alias("p")
    risk = pl.col("risk") if "risk" in frame.columns else p.alias("risk")
    try:
        units = frame.select(
            pl.col("unit_id", "agent_id").cast(pl.String),
            source.cast(pl.String),
            p.cast(pl.Float64),
            risk.cast(pl.Float64),
        )
    except pl.exceptions.PolarsError as problem:
        raise DrawError("columns", "expected text or whole numbers as ids, and numbers in p and risk") from problem
    if units["unit_id"].null_count() or units["agent_id"].null_count():
        raise DrawError("missing_id", "expected every unit to have a unit_id and an agent_id; found empty ones")
    units = sorted_by_id(units)
    p_known = units["p"].drop_nulls()
    if len(p_known) and not ((p_known >= 0) & (p_known <= 1)).all():
        worst = units.filter(~pl.col("p").is_between(0, 1))
        raise DrawError(
            "p_range",
            f"expected predicted probabilities p between 0 and 1; found {worst['p'][0]} for unit"
            f" {worst['unit_id'][0]!r} (a score without a scale goes into the column risk)",
        )
    if 0 < len(p_known) < units.height:
        # A unit nobody could predict counts as the average one, so that it can still be drawn.
        units = units.with_columns(pl.col("p").fill_null(pl.col("p").mean()))
    return units


def sorted_by_id(units: pl.DataFrame) -> pl.DataFrame:
    """Return the units sorted by unit_id, untouched when they are already; refuse an id that occurs twice."""
    ids = units["unit_id"]
    if not ids.is_sorted():
        units = units.sort("unit_id")
        ids = units["unit_id"]
    again = (ids == ids.shift(1)).arg_max() if len(ids) > 1 else None
    if again is not None and again > 0 and ids[again] == ids[again - 1]:
        raise DrawError("repeated_id", f"expected every unit once; found {ids[again]!r} twice", unit_id=ids[again])
    return units


@dataclass(frozen=True, slots=True)
class Strata:
    """One source as arrays, whatever share goes to the pool: agents in the order nobody chose, the agent's number of
    every unit, units per agent, reviews wished for, size measure and, where risks are known, the riskiest units
    first."""

    order: list[str]
    stratum: NDArray[np.int32]
    count: NDArray[np.int64]
    wish: NDArray[np.float64]
    size: NDArray[np.float64]
    riskiest: NDArray[np.int64] | None

    def allot(
        self, share: float, weight_cap: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
        """Return who is in the pool, the reviews each agent's base sample wants, and every unit's probability."""
        in_pool, base_wish = self._pool(share)
        left = self.left(in_pool)
        wanted = _wanted(self.wish, base_wish, left)
        pi = np.ones(len(self.stratum))
        pi[~in_pool] = inclusion(self.stratum[~in_pool], self.size[~in_pool], wanted, weight_cap)
        return in_pool, wanted, pi

    def left(self, in_pool: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Units of each agent outside the pool."""
        return (self.count - np.bincount(self.stratum[in_pool], minlength=len(self.order))).astype(np.int64)

    def unseen(self, in_pool: NDArray[np.bool_], wanted: NDArray[np.int64]) -> int:
        """Agents whose units outside the pool have no chance at all, although reviews of them were asked for."""
        return int(((wanted == 0) & (self.left(in_pool) > 0) & (self.wish > 0)).sum())

    def by_agent(self) -> tuple[Strata, NDArray[np.int64]]:
        """The same with the units of an agent side by side, and where each of them stood: many plans are made sooner
        so."""
        rows = np.argsort(self.stratum.astype(np.min_scalar_type(len(self.order))), kind="stable")
        riskiest = self.riskiest
        if riskiest is not None:
            place = np.empty_like(rows)
            place[rows] = np.arange(len(rows))
            riskiest = place[riskiest]
        return replace(self, stratum=self.stratum[rows], size=self.size[rows], riskiest=riskiest), rows

    def _pool(self, share: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return who is in the certainty pool (the riskiest of the team) and what remains of each agent's quota."""
        in_pool = np.zeros(len(self.stratum), dtype=bool)
        finite = np.where(np.isinf(self.wish), 0.0, self.wish)
        total = finite.sum()
        size = round(share * total)
        if size == 0:
            return in_pool, finite
        if self.riskiest is None:
            raise DrawError("no_risk", "expected a column p or risk for every unit when a pool is asked for")
        in_pool[self.riskiest[:size]] = True
        return in_pool, finite * (1.0 - in_pool.sum() / total)


def strata(units: pl.DataFrame, quota: Quota, design: Design, levels: dict[str, Intensity], *, pool: bool) -> Strata:
    """Arrange the units of one source (unit_id, agent_id, p, risk; sorted by unit id); with ``pool`` also by risk."""
    by_name, names = codes(units["agent_id"])
    order = salted_order(f"{design.period}|{quota.source}", names)
    place = {agent: k for k, agent in enumerate(order)}
    stratum = np.array([place[name] for name in names], dtype=np.int32)[by_name]
    wish = np.array([_wish(quota, levels[agent]) for agent in order])
    riskiest = None
    if pool and not units["risk"].null_count():
        # Units of agents who are reviewed completely anyway need no place in the pool.
        eligible, total = np.flatnonzero(~np.isinf(wish)[stratum]), wish[~np.isinf(wish)].sum()
        # before any seed is known: numbers keyed with the period, so that ties favour nobody, and others in another
        # period
        salt = f"{design.period}|{quota.source}|pool" if design.planning > 1 else None
        riskiest = _riskiest(units["risk"].to_numpy(), eligible, total, units["unit_id"], salt)
    count = np.bincount(stratum, minlength=len(order))
    return Strata(order, stratum, count, wish, _size(units, design.residual), riskiest)


def _riskiest(
    risk: NDArray[np.float64], eligible: NDArray[np.int64], wish: float, ids: pl.Series, salt: str | None
) -> NDArray[np.int64]:
    """The eligible rows from the riskiest on, as many as a pool of all reviews would take; equal risks by the permanent
    numbers under ``salt`` (None: by id)."""
    most, fall = math.ceil(wish) + 1, -risk[eligible]
    if most < len(fall):
        limit = np.partition(fall, most)[most]
        if not np.isnan(limit):
            near = np.flatnonzero(fall <= limit)
            eligible, fall = eligible[near], fall[near]
    if salt is None:
        return eligible[np.argsort(fall, kind="stable")]
    order = np.argsort(fall, kind="stable")
    ranked = fall[order]
    same = np.zeros(len(ranked), dtype=bool)
    same[1:] = ranked[1:] == ranked[:-1]
    tied = order[same | np.append(same[1:], False)]
    number = np.zeros(len(fall))
    number[tied] = permanent_numbers(salt, ids[eligible[tied]])
    return eligible[np.lexsort((number, fall))]


def _plan_source(
    units: pl.DataFrame, quota: Quota, design: Design, levels: dict[str, Intensity]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    share = quota.pool_share or 0.0
    made = strata(units, quota, design, levels, pool=share > 0)
    in_pool, wanted, pi = made.allot(share, design.weight_cap)
    if design.planning > 1 and in_pool.any() and (unseen := made.unseen(in_pool, wanted)):
        raise DrawError(
            "no_base_chance",
            f"expected every agent to keep a chance outside the pool; a pool share of {share:.0%} of"
            f" {quota.per_agent:g} reviews each leaves {unseen} of {len(made.order)} agents without any: ask for more"
            " reviews or a smaller pool",
            unseen=unseen,
            agents=len(made.order),
            share=share,
        )
    left = made.count - np.bincount(made.stratum[in_pool], minlength=len(made.order))
    strata_names = pl.Series([f"{quota.source}|{agent}" for agent in (*made.order, "pool")])
    roles = np.where(wanted >= left, 1, 2).astype(np.uint32)[made.stratum]
    planned = units.select(
        "unit_id",
        "agent_id",
        "source",
        stratum=strata_names.gather(pl.Series(np.where(in_pool, len(made.order), made.stratum).astype(np.uint32))),
        role=pl.Series([POOL, TAKE_ALL, BASE]).gather(pl.Series(np.where(in_pool, 0, roles).astype(np.uint32))),
        pi=pl.Series(pi),
        p=pl.col("p"),
    )
    return planned, _sizes(quota.source, made.order, levels, made.count, made.count - left, wanted)


def _sizes(
    source: str, order: list[str], levels: dict[str, Intensity], count: NDArray[np.int64], pool: NDArray[np.int64],
    wanted: NDArray[np.int64],
) -> pl.DataFrame:  # fmt: skip
    return pl.DataFrame(
        {
            "source": [source] * len(order),
            "agent_id": order,
            "intensity": [levels[agent].value for agent in order],
            "frame": count,
            "pool": pool,
            "base": np.minimum(wanted, count - pool),
            "wanted": wanted,
        },
        schema_overrides=dict.fromkeys(("frame", "pool", "base", "wanted"), pl.Int64),
    )


def plan_sizes(counts: pl.DataFrame, design: Design, history: pl.DataFrame | None = None) -> pl.DataFrame:
    """Reviews of every agent from the number of units alone, where nothing is predicted: what ``plan`` gives as
    ``sizes``.

    ``counts`` has source, agent_id and frame (units). For frames too large to hold; draw with ``select_large``.
    """
    levels = intensities(counts["agent_id"].unique(), design, history)
    parts = []
    for quota in design.quotas:
        if quota.pool_share:
            raise DrawError("no_risk", "expected a column p or risk for every unit when a pool is asked for")
        known = dict(counts.filter(pl.col("source") == quota.source).select("agent_id", "frame").iter_rows())
        order = salted_order(f"{design.period}|{quota.source}", known)
        count = np.array([known[agent] for agent in order], dtype=np.int64)
        wish = np.array([_wish(quota, levels[agent]) for agent in order])
        wanted = _wanted(wish, np.where(np.isinf(wish), 0.0, wish), count)
        parts.append(_sizes(quota.source, order, levels, count, np.zeros_like(count), wanted))
    sizes = pl.concat(parts).sort("source", "agent_id")
    if sizes.is_empty():
        raise DrawError("empty_frame", "expected at least one unit in the frame; found none")
    return sizes


def _wanted(wish: NDArray[np.float64], base_wish: NDArray[np.float64], left: NDArray[np.int64]) -> NDArray[np.int64]:
    finite = np.where(np.isinf(wish), 0.0, base_wish)
    return np.where(np.isinf(wish), left, at_least_one(allocate(finite), finite, left))


def _wish(quota: Quota, level: Intensity) -> float:
    return math.inf if quota.per_agent is None else quota.per_agent * MULTIPLIER[level]


def _size(units: pl.DataFrame, model: ResidualModel) -> NDArray[np.float64]:
    """Predicted residual SD √(a + b·p(1−p)); the same for all when nothing is predicted or nothing would vary."""
    if units["p"].null_count():
        return np.ones(units.height)
    p = units["p"].to_numpy()
    size = np.sqrt(model.variance(p))
    return np.maximum(size, 1e-6 * size.max()) if size.max() > 0 else np.ones(units.height)


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
    return _promise(sizes.with_columns(expected_found=0.0, mean_p=0.0, noise=noise), _shortages(sizes), uncovered, days)


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
            2 * float(stats.t.ppf(0.975, max(reviews - seen.height, 1))) * team_se if seen.height and reviews else None
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
    quantile = df.map_batches(lambda s: pl.Series(stats.t.ppf(0.975, s.to_numpy())), return_dtype=pl.Float64)
    return pl.when((reviews > 0) & se.is_not_null()).then(2 * quantile * se).otherwise(None)


def _median(values: pl.Series) -> float | None:
    known = values.drop_nulls()
    return float(np.median(known.to_numpy())) if len(known) else None
