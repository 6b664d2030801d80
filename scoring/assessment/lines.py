"""Values of indicators with intervals, from parts by day, for many people in a few columnar passes.

Rows are `group`, `entry`, `team`, `indicator`, `day`, `cell`, `num`, `den`: what one entry (a person in a team) had on
one day in one cell (shop × type of day × hours). A group is whose members are compared: one role of one sheet. What
comes out has one row an entry and indicator: value, low, high, n, method, and whether it is the team's. Days are the
clusters of every interval. Owns rates, means, counts and the expected value of indirect standardisation; knows no
points.

Sources: Wilson 1927 at n divided by the design effect (Korn & Graubard 1998; Cochran 1977 §12.3 for the variance of a
ratio of cluster totals); Garwood 1936 for counts; moderated variances with eight prior degrees of freedom as in
`scoring.estimate` (Smyth 2004); standardisation: Breslow & Day 1987, ch. 2.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from scoring.assessment.schemes import Indicator, IndicatorKind, SchemeLine

Floats = NDArray[np.float64]

PRIOR_DF = 8.0
"""How many degrees of freedom the colleagues' variance is worth beside one's own."""
LEVEL = 0.95
FEW_EXPECTED = 10.0
"""Cases that must be expected of one person before a rate is theirs and not the team's."""
KEYS = ("group", "entry", "indicator")
VALUE_SCHEMA = {
    "group": pl.String, "entry": pl.String, "indicator": pl.String, "value": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "n": pl.Float64, "days": pl.Int64, "expected": pl.Float64, "method": pl.String,
    "reason": pl.String,
}  # fmt: skip


def values(rows: pl.DataFrame, line: SchemeLine, indicator: Indicator) -> pl.DataFrame:
    """Value and interval of one line for every entry with rows: `VALUE_SCHEMA`.

    ``reason`` is '' or why there is no interval: 'too_few', 'no_spread' (one day, and nobody else has more), or
    'nobody_to_compare' (a relative value of which no cell has colleagues). Values of relative lines are multiples of
    what was expected; ``expected`` is the denominator times that.
    """
    mine = rows.filter((pl.col("indicator") == line.indicator) & (pl.col("den") > 0))
    if mine.is_empty():
        return pl.DataFrame(schema=VALUE_SCHEMA)
    if line.of == "agent":
        return _judged(mine, line, indicator)
    team = _of_team(mine, line, indicator)
    if line.of == "team":
        return team
    own = _judged(mine, line, indicator)
    expected = (pl.col("n") * pl.col("value_team") >= FEW_EXPECTED).fill_null(False)
    both = own.join(team, on=["group", "entry", "indicator"], suffix="_team")
    enough = both.filter(expected)["entry"]
    return pl.concat([
        own.filter(pl.col("entry").is_in(enough.implode())), team.filter(~pl.col("entry").is_in(enough.implode())),
    ])  # fmt: skip


def _of_team(mine: pl.DataFrame, line: SchemeLine, indicator: Indicator) -> pl.DataFrame:
    """The team's value for everybody in it."""
    summed = _judged(mine.with_columns(entry="team"), line, indicator)
    members = mine.select(pl.col("group", "entry", "team").cast(pl.String)).unique()
    joined = members.join(summed.rename({"entry": "team"}), on=["group", "team"])
    return joined.with_columns(method=pl.lit("team_") + pl.col("method")).select(list(VALUE_SCHEMA))


def _judged(mine: pl.DataFrame, line: SchemeLine, indicator: Indicator) -> pl.DataFrame:
    rows = _with_expected(mine, indicator) if line.relative else mine.with_columns(e=pl.col("den"), ve=pl.lit(0.0))
    sums = _sums(rows)
    made = {IndicatorKind.RATE: _rates, IndicatorKind.MEAN: _means, IndicatorKind.COUNT: _counts}[indicator.kind](
        sums, line.relative
    )
    frame = sums.select(
        "group", "entry", "indicator", n="D", days=pl.col("k").cast(pl.Int64), expected="E"
    ).with_columns(
        value=pl.Series(made[0]),
        low=pl.Series(made[1]),
        high=pl.Series(made[2]),
        method=pl.lit(made[3]),
    )
    known = pl.col("low").is_not_nan() & pl.col("high").is_not_nan()
    reason = (
        pl.when(pl.col("expected") <= 0).then(pl.lit("nobody_to_compare"))
        .when(pl.col("n") < indicator.least).then(pl.lit("too_few"))
        .when(~known).then(pl.lit("no_spread"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    return (
        frame.with_columns(reason=reason)
        .with_columns(pl.col("value", "low", "high").fill_nan(None))
        .with_columns(pl.when(pl.col("expected") > 0).then("value").alias("value"))
        .select(pl.col(name).cast(kind) for name, kind in VALUE_SCHEMA.items())
    )


def _with_expected(rows: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """Rows with `e`, the numerator that colleagues would have had in the same cell, and `ve`, its variance.

    Colleagues only: a person's own numbers do not enter what is expected of them. Cells without colleagues drop out.
    """
    own = rows.group_by("group", "entry", "cell").agg(num=pl.col("num").sum(), den=pl.col("den").sum())
    total = own.group_by("group", "cell").agg(all_num=pl.col("num").sum(), all_den=pl.col("den").sum())
    others = own.join(total, on=["group", "cell"]).with_columns(
        o_num=pl.col("all_num") - pl.col("num"), o_den=pl.col("all_den") - pl.col("den")
    )
    unit = _unit_variance(rows, indicator)
    cells = others.filter((pl.col("o_den") > 0) & (pl.col("o_num") > 0)).select(
        "group", "entry", "cell", p=pl.col("o_num") / pl.col("o_den"), o_den="o_den", cell_den="den"
    )
    spread = pl.col("p") * (1 - pl.col("p")).clip(0.0, 1.0) if indicator.kind is IndicatorKind.RATE else pl.lit(unit)
    # each cell's variance is dealt over its rows, so that their sum is the cell's
    share = pl.col("cell_den") * spread / pl.col("o_den")
    cells = cells.with_columns(ve_unit=share)
    return (
        rows.join(cells.select("group", "entry", "cell", "p", "ve_unit"), on=["group", "entry", "cell"])
        .with_columns(e=pl.col("den") * pl.col("p"), ve=pl.col("den") * pl.col("ve_unit"))
        .drop("p", "ve_unit")
    )


def _unit_variance(rows: pl.DataFrame, indicator: Indicator) -> float:
    """Pooled variance of a sum per unit of weight, over days within entries."""
    if indicator.kind is IndicatorKind.RATE:
        return 0.0
    sums = _entry_sums(rows.select(*KEYS, x="num", d="den", e="den", ve=pl.lit(0.0)))
    variance, df = _own_variance(sums)
    seen = df > 0
    if not seen.any():
        return 0.0
    weight = sums["E"].to_numpy()
    return float((variance[seen] / weight[seen] * df[seen]).sum() / df[seen].sum())


def _sums(rows: pl.DataFrame) -> pl.DataFrame:
    """Sufficient sums over days: N, D, E, k days, and the squares that the variance of a ratio needs."""
    daily = rows.group_by(*KEYS, "day").agg(
        x=pl.col("num").sum(), d=pl.col("den").sum(), e=pl.col("e").sum(), ve=pl.col("ve").sum()
    )
    return _entry_sums(daily).sort("group", "entry")


def _entry_sums(daily: pl.DataFrame) -> pl.DataFrame:
    x, e = pl.col("x"), pl.col("e")
    return (
        daily.group_by(*KEYS)
        .agg(
            N=x.sum(), D=pl.col("d").sum(), E=e.sum(), ve=pl.col("ve").sum(), k=pl.len(), xx=(x * x).sum(),
            xe=(x * e).sum(), ee=(e * e).sum(),
        )
    )  # fmt: skip


def _own_variance(sums: pl.DataFrame) -> tuple[Floats, Floats]:
    """Variance of N given the denominators, by days, and its degrees of freedom (Cochran 1977, 6.10 and 12.3)."""
    n, e, k, xx, xe, ee = (sums[c].to_numpy().astype(np.float64) for c in ("N", "E", "k", "xx", "xe", "ee"))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = n / e
        squares = np.maximum(xx - 2 * r * xe + r * r * ee, 0.0)
        return np.where(k > 1, squares * k / (k - 1), 0.0), np.maximum(k - 1, 0.0)


def _blended(own: Floats, df: Floats, groups: pl.Series) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Own variances per unit mixed with the group's; their degrees of freedom; where any is known."""
    frame = pl.DataFrame({"g": groups, "s": np.where(df > 0, own * df, 0.0), "df": df})
    pooled = frame.with_columns(s0=(pl.col("s").sum() / pl.col("df").sum()).over("g"), df0=pl.col("df").sum().over("g"))
    s0, df0 = pooled["s0"].fill_nan(0.0).to_numpy(), np.minimum(pooled["df0"].to_numpy(), PRIOR_DF)
    known = df0 > 0
    total = df0 + df
    with np.errstate(invalid="ignore", divide="ignore"):
        mixed = np.where(known, (df0 * s0 + np.where(df > 0, own * df, 0.0)) / total, np.nan)
    return mixed, np.maximum(total, 1.0), known


def t_quantile(df: Floats, level: float = LEVEL) -> Floats:
    """Two-sided quantile of Student's t."""
    return np.asarray(special.stdtrit(df, 0.5 + level / 2), dtype=np.float64)


def _rates(sums: pl.DataFrame, relative: bool) -> tuple[Floats, Floats, Floats, str]:
    n, d, e, ve = (sums[c].to_numpy().astype(np.float64) for c in ("N", "D", "E", "ve"))
    p = np.clip(n / d, 0.0, 1.0)
    binomial = d * p * (1 - p)
    variance, df = _own_variance(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.where(binomial > 0, variance / binomial, 1.0)
    effect, dfs, known = _blended(effect, np.where(binomial > 0, df, 0.0), sums["group"])
    effect = np.where(known, np.maximum(np.nan_to_num(effect, nan=1.0), 1.0), 1.0)
    t = np.where(known, t_quantile(dfs), special.ndtri(0.5 + LEVEL / 2))
    if relative:
        return *_log_interval(n, e, binomial * effect, ve, t), "relative"
    return p, *_wilson(p, d / effect, t), "wilson"


def _wilson(p: Floats, n: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Wilson's score interval at a fractional n (Wilson 1927)."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.where(p <= 0, 0.0, np.maximum(centre - half, 0.0)), np.where(p >= 1, 1.0, np.minimum(centre + half, 1.0))


def _means(sums: pl.DataFrame, relative: bool) -> tuple[Floats, Floats, Floats, str]:
    n, e, ve = (sums[c].to_numpy().astype(np.float64) for c in ("N", "E", "ve"))
    variance, df = _own_variance(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit, dfs, known = _blended(variance / e, df, sums["group"])
        variance = np.where(known, unit * e, np.nan)
        t = t_quantile(dfs)
        if relative:
            return *_log_interval(n, e, variance, ve, t), "relative"
        mean, half = n / e, t * np.sqrt(variance) / e
    return mean, np.where(mean >= 0, np.maximum(mean - half, 0.0), mean - half), mean + half, "days"


def _log_interval(n: Floats, e: Floats, variance: Floats, ve: Floats, t: Floats) -> tuple[Floats, Floats, Floats]:
    """Interval of observed ÷ expected on the logarithmic scale; from 0 to what Poisson allows where nothing was
    observed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = n / e
        half = t * np.sqrt(variance / n**2 + ve / e**2)
        low, high = ratio * np.exp(-half), ratio * np.exp(half)
        none = (n <= 0) & (e > 0)
        return ratio, np.where(none, 0.0, low), np.where(none, -np.log(0.5 - LEVEL / 2) / e, high)


def _counts(sums: pl.DataFrame, relative: bool) -> tuple[Floats, Floats, Floats, str]:
    n, e = (sums[c].to_numpy().astype(np.float64) for c in ("N", "E"))
    low, high = garwood(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return n / e, low / e, high / e, "poisson_relative" if relative else "poisson"


def garwood(events: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Exact interval of a Poisson mean (Garwood 1936)."""
    tail = 0.5 - level / 2
    low = np.where(events > 0, special.gammaincinv(np.maximum(events, 1e-9), tail), 0.0)
    return low, np.asarray(special.gammaincinv(events + 1, 1 - tail), dtype=np.float64)
