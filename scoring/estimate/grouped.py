"""Many means at once: columnar estimates by week, agent, team, shop, channel … for trends and tables.

Owns the single pass over a wide table of verdicts. Refuses unweighted averages like the rest of the package;
predictions stay out of it (they need the whole frame, see ``means``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy

from scoring.estimate.completion import TARGETED
from scoring.estimate.result import ONLY_TARGETED, EstimateError
from scoring.estimate.weighting import LEARNT_DF, LEAST_OWN, PRIOR_DF
from scoring.frames import Table, table


def grouped(
    frame: Table,
    by: Sequence[str],
    values: Sequence[str],
    *,
    pi: str = "pi",
    strata: str | None = None,
    bounds: tuple[float, float] | None = None,
    level: float = 0.95,
    pooled: bool = True,
    expected: str | None = None,
    enough: float = 200.0,
) -> pl.DataFrame:
    """Estimate the mean of every column in ``values`` for every combination of ``by``.

    Hájek means with Deville's variance, nulls left out column by column. With ``pooled`` each cell's variance is
    blended with that of all cells of the column, (8·v_pool + df·v)/(8 + df), which gives cells of one review an
    interval. For cells that span several agents name their column as ``strata``: variances then add up by stratum. π
    null or 0 is an error. Cells with certain reviews alone (π = 1) have figures only where a column ``reason`` says
    that not all of them were picks of the certainty pool: a mean of targeted picks is refused ('only_targeted').
    ``expected`` names the variance that plans expected of each review: below ``enough`` random reviews it is blended
    into the variances as in ``team`` and ``agents``, since few reviews may hold none of the rare −45s.

    Returns long rows sorted by ``by`` and in the order of ``values``: by…, measure, n, mean, low, high, se, df, method
    ('moderated' | 'pooled' | 'census' | 'range' | 'none'), reason ('' | 'no_reviews' | 'only_targeted' | 'one_review' |
    'no_spread'). Cells in which a column is null throughout are kept with n = 0.
    """
    by, values = ([names] if isinstance(names, str) else list(names) for names in (by, values))
    lazy = frame if isinstance(frame, pl.LazyFrame) else table(frame, "the sample").lazy()
    columns = lazy.collect_schema().names()
    missing = [
        name
        for name in (*by, *values, pi, *([strata] if strata else []), *([expected] if expected else []))
        if name not in columns
    ]
    if missing:
        raise EstimateError(
            "columns", f"expected columns {', '.join([*by, *values, pi])}; missing {', '.join(missing)}"
        )
    keys = [*by, strata] if strata else list(by)
    told = (pl.col("reason") != TARGETED).fill_null(False) if "reason" in columns else pl.lit(False)
    rows = lazy.select(
        *keys,
        *(pl.col(v).cast(pl.Float64) for v in values),
        pl.col(pi).cast(pl.Float64).alias("__pi"),
        __told=told,
        __sigma2=pl.col(expected).cast(pl.Float64) if expected else pl.lit(0.0),
    )
    weighted = (
        rows.with_columns(__w=1 / pl.col("__pi"), __c=1 - pl.col("__pi"))
        .with_columns(__cw=pl.col("__c") * pl.col("__w"))
        .with_columns(__cww=pl.col("__cw") * pl.col("__w"))
    )
    gaps = rows.select(pl.col(*values).null_count()).collect(engine="streaming").row(0, named=True)
    shared = not all(gaps.values())
    aggregates = [expr for k, value in enumerate(values) for expr in _sums(k, value, gaps[value] > 0)]
    aggregates += _weight_sums("_", None) if shared else []
    check = (~((pl.col("__pi") > 0) & (pl.col("__pi") <= 1))).fill_null(True).sum().alias("__bad")
    plan = weighted.group_by(keys).agg(check, *aggregates) if keys else weighted.select(check, *aggregates)
    cells = plan.collect(engine="streaming")
    if cells["__bad"].sum():
        raise EstimateError("pi", "expected an inclusion probability in (0, 1] for every row")
    asked = enough if expected else 0.0
    parts = [
        _measure(cells, k, value, gaps[value] > 0, list(by), strata, pooled, asked) for k, value in enumerate(values)
    ]
    order = pl.Enum(list(values))
    result = pl.concat(parts).with_columns(measure=pl.col("measure").cast(order)).sort(*by, "measure")
    return _intervals(result, list(by), level, bounds).with_columns(pl.col("measure").cast(pl.String))


def _sums(k: int, value: str, gaps: bool) -> list[pl.Expr]:
    """The power sums of one column: everything mean and variance need, so that one pass over the rows suffices."""
    y = pl.col(value)
    powers = {"wy": ("__w", y), "cwy": ("__cw", y), "cwwy": ("__cww", y), "cwwyy": ("__cww", y * y)}
    exprs = [(pl.col(weight) * power).sum().alias(f"{name}{k}") for name, (weight, power) in powers.items()]
    exprs.append((pl.col("__cww") * pl.col("__sigma2")).filter(y.is_not_null()).sum().alias(f"e{k}"))
    return exprs + (_weight_sums(str(k), y.is_not_null()) if gaps else [])


def _weight_sums(suffix: str, known: pl.Expr | None) -> list[pl.Expr]:
    """Counts and sums of weights over the rows where the column is known; columns without gaps share one set."""

    def masked(expr: pl.Expr) -> pl.Expr:
        return expr if known is None else pl.when(known).then(expr)

    weights = {"n": pl.lit(1.0) + 0 * pl.col("__w"), "m": (pl.col("__c") > 0).cast(pl.Float64)}
    weights |= {name: pl.col(f"__{name}") for name in ("w", "c", "cw", "cww")} | {
        "told": pl.col("__told").cast(pl.Float64)
    }
    return [masked(expr).sum().alias(f"{name}{suffix}") for name, expr in weights.items()]


def _measure(
    cells: pl.DataFrame, k: int, value: str, gaps: bool, by: list[str], strata: str | None, pooled: bool, enough: float
) -> pl.DataFrame:
    """Variance of Σ(y − mean)/π from power sums, by stratum where there are strata, then one row per cell."""
    s = {name: pl.col(f"{name}{k}") for name in ("wy", "cwy", "cwwy", "cwwyy")}
    s |= {name: pl.col(f"{name}{k if gaps else '_'}") for name in ("n", "m", "w", "c", "cw", "cww", "told")}
    size, top = s["w"], s["wy"]
    if strata:
        size, top = (s["w"].sum().over(by), s["wy"].sum().over(by)) if by else (s["w"].sum(), s["wy"].sum())
    mean = pl.when(size > 0).then(top / size)
    rows = (
        cells.with_columns(mean=mean, size=size)
        .with_columns(
            squares=s["cwwyy"] - 2 * pl.col("mean") * s["cwwy"] + pl.col("mean") ** 2 * s["cww"],
            linear=s["cwy"] - pl.col("mean") * s["cw"],
        )
        .with_columns(
            # What cancellation leaves of a variance that is 0 is rounding, not spread.
            ss=pl.when(s["m"] > 1)
            .then(pl.col("squares") - pl.col("linear") ** 2 / s["c"])
            .otherwise(0.0)
            .pipe(lambda e: pl.when(e > 1e-11 * (s["cwwyy"] + 1e-300)).then(e).otherwise(0.0))
        )
    )
    own = pl.when(s["m"] > 1).then(s["m"] / (s["m"] - 1) * pl.col("ss")).otherwise(0.0)
    df = pl.max_horizontal(s["m"] - 1, 0.0)
    rows = rows.with_columns(own=own, df=df, spread=s["cww"])
    unit = _pooled_unit_variance(rows) if pooled else None
    rows = rows.with_columns(e=pl.col(f"e{k}"), m=s["m"])
    pool = None if unit is None else unit * pl.col("spread")
    if enough and pooled and not strata:
        pool = _cautious_pool(pool, float(rows["m"].sum()) / enough)
    rows = rows.with_columns(
        v=own if pool is None else (PRIOR_DF * pool + df * own) / (PRIOR_DF + df),
        # Without a pool a lone review has no variance, unless its cell was reviewed completely.
        lone=(s["m"] == 1) if pool is None else pl.lit(False),
        d=df if pool is None else df + PRIOR_DF,
        n=s["n"],
        told=s["told"],
        square=s["cww"] + s["w"],  # Σ1/π²
    )
    if strata:
        rows = _over_strata(rows, by)
        rows = _cautious(rows, enough) if enough else rows
    return rows.select(
        *by,
        measure=pl.lit(value),
        n=pl.col("n").cast(pl.Int64),
        mean="mean",
        variance=pl.when(~pl.col("lone")).then(pl.col("v") / pl.col("size") ** 2),
        df="d",
        random="m",
        told="told",
        kish=pl.when(pl.col("n") > 0).then(pl.col("size") ** 2 / pl.col("square")),
    )


def _over_strata(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Add up variances over strata; Satterthwaite's degrees of freedom, the pool's own 8 counted once per stratum."""
    v = pl.col("v")
    aggregates = [
        pl.col("n", "m", "v", "square", "told").sum(),
        pl.col("mean", "size").first(),
        pl.col("lone").any(),
        (v.sum() ** 2 / (v**2 / pl.max_horizontal(pl.col("d"), 1.0)).sum()).alias("d"),
        pl.col("e").sum(),
        # what the reviews are asked to carry: a few each for the agents that are behind are few
        (pl.col("e") ** 2 / pl.col("m")).filter(pl.col("m") > 0).sum().alias("carried"),
    ]
    return rows.group_by(by).agg(aggregates) if by else rows.select(aggregates)


def _cautious_pool(pool: pl.Expr | None, many: float) -> pl.Expr | None:
    """The pooled variance of single agents' cells, not below what is expected while there are few reviews in all."""
    if many >= 1:
        return pool
    if pool is None:
        return pl.col("e")
    return pl.max_horizontal(pool, many * pool + (1 - many) * pl.col("e"))


def _cautious(rows: pl.DataFrame, enough: float) -> pl.DataFrame:
    """Cells of several agents with few reviews: the blend of ``means.team``."""
    own = pl.min_horizontal(pl.col("e") ** 2 / pl.col("carried") / enough, 1.0).fill_nan(1.0).fill_null(1.0)
    known = (pl.col("e") > 0) & (own < 1)
    own_part, rest = own * pl.when(pl.col("lone")).then(0.0).otherwise("v"), (1 - own) * pl.col("e")
    mixed = own_part + rest
    return rows.with_columns(
        v=pl.when(known).then(pl.max_horizontal(mixed, LEAST_OWN * pl.col("v"))).otherwise("v"),
        d=pl.when(known)
        .then(mixed**2 / (own_part**2 / pl.max_horizontal(pl.col("d").fill_nan(1.0), 1.0) + rest**2 / LEARNT_DF))
        .otherwise("d"),
        lone=pl.col("lone") & ~known,
    )


def _pooled_unit_variance(rows: pl.DataFrame) -> float | None:
    """The variance of one unit's value around its cell mean, pooled over all cells; None when no cell has two."""
    paired = rows.filter(pl.col("df") > 0)
    expected = float((paired["spread"] * paired["df"]).sum())
    observed = float((paired["own"] * paired["df"]).sum())
    return observed / expected if expected > 0 else None


def _intervals(cells: pl.DataFrame, by: list[str], level: float, bounds: tuple[float, float] | None) -> pl.DataFrame:
    variance, df = cells["variance"].to_numpy(), cells["df"].to_numpy()
    distinct, where = np.unique(np.where(df > 0, df, 1.0), return_inverse=True)
    half = scipy.stats.t.ppf(0.5 + level / 2, distinct)[where] * np.sqrt(np.maximum(variance, 0.0))
    reason = (
        pl.when(pl.col("n") == 0).then(pl.lit("no_reviews"))
        .when(pl.col("random") == 0).then(pl.when(pl.col("told") > 0).then(pl.lit("")).otherwise(pl.lit(ONLY_TARGETED)))
        .when(pl.col("variance").is_null()).then(pl.lit("one_review"))
        .when(pl.col("variance") <= 0).then(pl.lit("no_spread"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    known = pl.col("reason") == ""
    method = (
        pl.when(~known).then(pl.lit("none"))
        .when(pl.col("random") == 0).then(pl.lit("census"))
        .when(pl.col("random") == 1).then(pl.lit("pooled"))
        .otherwise(pl.lit("moderated"))
    )  # fmt: skip
    low, high = pl.col("mean") - pl.col("half"), pl.col("mean") + pl.col("half")
    if bounds is not None:
        # Equal values throughout: bound the share of units that may differ, as for 0 of n (Clopper–Pearson).
        share = 1 - (0.5 - level / 2) ** (1 / pl.col("kish"))
        flat = pl.col("reason") == "no_spread"
        low = (
            pl.when(flat)
            .then(pl.col("mean") - share * (pl.col("mean") - bounds[0]))
            .otherwise(low)
            .clip(bounds[0], None)
        )
        high = (
            pl.when(flat)
            .then(pl.col("mean") + share * (bounds[1] - pl.col("mean")))
            .otherwise(high)
            .clip(None, bounds[1])
        )
        method = pl.when(flat).then(pl.lit("range")).otherwise(method)
        known = known | flat
    return (
        cells.with_columns(half=pl.Series(np.nan_to_num(half)), reason=reason)
        .with_columns(
            method=method,
            mean=pl.when(pl.col("reason") != ONLY_TARGETED).then("mean"),
            low=pl.when(known).then(low),
            high=pl.when(known).then(high),
            se=pl.when(known).then(pl.col("variance").sqrt()),
            df=pl.when(known).then("df"),
        )
        .with_columns(reason=pl.when(pl.col("method") == "range").then(pl.lit("")).otherwise("reason"))
        .select(*by, "measure", "n", "mean", "low", "high", "se", "df", "method", "reason")
    )
