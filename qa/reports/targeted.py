"""Where nothing but targeted picks was reviewed, no figure: they say nothing about the conversations beside them.

A pick of the certainty pool has π = 1 and weighs as one unit. As long as random picks stand beside it, that is right; a
narrow slice (a day, an agent's week, a shop's disputes) may hold pool picks alone, and their mean would be the mean of
what was picked because it looked bad. Owns that refusal for every report.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scoring import estimate
from scoring.estimate import Estimate

POOL = "certainty"
REASON = "only_targeted"
_FIGURES = ("value", "mean", "low", "high", "se", "df", "best_guess", "more")


def guarded(found: Estimate, rows: pl.DataFrame, value: str = "y") -> Estimate:
    """`found`, or a refusal when every one of its reviews `rows` (with `reason`) was a targeted pick."""
    if not _suspect(found.method):
        return found
    known = rows.filter(pl.col(value).is_not_null())
    only = known.height > 0 and known.select((pl.col("reason") == POOL).all()).item()
    return estimate.refusal(REASON, found.n, units=found.units) if only else found


def withheld(
    table: pl.DataFrame, rows: pl.DataFrame | pl.LazyFrame, keys: Sequence[str], values: Sequence[str] = ("y",)
) -> pl.DataFrame:
    """`table` of estimates without figures in the cells whose reviews were all targeted picks.

    `table` has a row for each combination of `keys` (and of `measure`, where it holds several `values`); `rows` are the
    reviews behind it, with `reason` and a column for each value.
    """
    if not any(map(_suspect, table["method"].unique().to_list())):
        return table  # a complete review is what targeted picks alone look like: no other cell can be one
    random = pl.col("reason") != POOL
    counts = rows.lazy().group_by(keys).agg((pl.col(v).is_not_null() & random).sum().alias(v) for v in values).collect()
    several = "measure" in table.columns
    counts = (
        counts.unpivot(index=list(keys), on=list(values), variable_name="measure", value_name="__random")
        if several else counts.rename({values[0]: "__random"})
    )  # fmt: skip
    only = (pl.col("__random") == 0) & (pl.col("n") > 0)
    joined = table.join(counts, on=[*keys, *(["measure"] if several else [])], how="left", maintain_order="left")
    return joined.with_columns(
        *(pl.when(~only).then(name).alias(name) for name in _FIGURES if name in table.columns),
        method=pl.when(only).then(pl.lit("none")).otherwise("method"),
        reason=pl.when(only).then(pl.lit(REASON)).otherwise("reason"),
    ).drop("__random")


def _suspect(method: str) -> bool:
    return method.startswith("census")
