"""From values with intervals to points with intervals, and to a total with its interval.

A curve is linear between its cuts, so the points of an interval are the least and the most points within it: its
coverage carries over. Totals are joined by MOVER (Zou & Donner 2008), which keeps the asymmetry that caps bring.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.assessment.schemes import Curve, Scheme

Floats = NDArray[np.float64]

LEAST_JUDGED = 0.5
"""A total needs lines with this share of the weight."""
LEAST_SE = 0.05
"""Of a total all of whose lines stand at their caps."""
Z = 1.959964
ERRORS = ("se", "se_down", "se_up")
"""Standard errors of a total: on average, and of each side of its interval, which caps make unequal."""


def points(curve: Curve, value: Floats) -> Floats:
    """Points of values."""
    x, y = np.array(curve.cuts).T
    return np.asarray(np.interp(value, x, y), dtype=np.float64)


def span(curve: Curve, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The least and the most points between `low` and `high`, also for curves that rise and fall."""
    at_low, at_high = points(curve, low), points(curve, high)
    least, most = np.minimum(at_low, at_high), np.maximum(at_low, at_high)
    for cut, given in curve.cuts:
        inside = (low < cut) & (cut < high)
        least, most = np.where(inside, np.minimum(least, given), least), np.where(inside, np.maximum(most, given), most)
    return least, most


def scored(values: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """`values` with `weight`, `points`, `points_low`, `points_high`; null points where a line is not judged."""
    parts = []
    for line in scheme.lines:
        frame = values.filter(pl.col("indicator") == line.indicator)
        if frame.is_empty():
            continue
        value, low, high = (frame[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("value", "low", "high"))
        least, most = span(line.curve, low, high)
        judged = (frame["reason"] == "").to_numpy()

        def kept(column: Floats, judged: NDArray[np.bool_] = judged) -> pl.Series:
            return pl.Series(np.where(judged, column, np.nan)).fill_nan(None)

        parts.append(frame.with_columns(
            weight=pl.lit(line.weight, pl.Float64), points=kept(points(line.curve, value)), points_low=kept(least),
            points_high=kept(most),
        ))  # fmt: skip
    empty = values.clear().with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ("weight", "points", "points_low", "points_high")
    )
    return pl.concat([empty, *parts])


def totals(lines: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """One row an entry: total, low, high, `ERRORS`, judged (share of the weight), reason ('' or 'too_little').

    A line that is not judged gives its weight to the others, in proportion.
    """
    whole = sum(line.weight for line in scheme.lines)
    judged = lines.filter(pl.col("points").is_not_null())
    share = pl.col("weight") / pl.col("weight").sum()
    down = (share * (pl.col("points") - pl.col("points_low"))) ** 2
    up = (share * (pl.col("points_high") - pl.col("points"))) ** 2
    made = judged.group_by("group", "entry").agg(
        total=(share * pl.col("points")).sum(), down=down.sum().sqrt(), up=up.sum().sqrt(),
        judged=pl.col("weight").sum() / whole,
    )  # fmt: skip
    enough = pl.col("judged").fill_null(0.0) >= LEAST_JUDGED - 1e-9
    low, high = (pl.col("total") - pl.col("down")).clip(0, 100), (pl.col("total") + pl.col("up")).clip(0, 100)
    everybody = lines.select("group", "entry").unique()
    return (
        everybody.join(made, on=["group", "entry"], how="left")
        .with_columns(
            pl.col("judged").fill_null(0.0), reason=pl.when(enough).then(pl.lit("")).otherwise(pl.lit("too_little"))
        )
        .with_columns(
            pl.when(enough).then("total").alias("total"), low=pl.when(enough).then(low), high=pl.when(enough).then(high)
        )
        .with_columns(se=(pl.col("down") + pl.col("up")) / 2, se_down="down", se_up="up")
        .with_columns(pl.when(enough).then((pl.col(name) / Z).clip(LEAST_SE)).alias(name) for name in ERRORS)
        .select("group", "entry", "total", "low", "high", *ERRORS, "judged", "reason")
        .sort("group", "entry")
    )


def weights_given_away(lines: pl.DataFrame, scheme: Scheme) -> Mapping[str, tuple[str, ...]]:
    """For each entry the indicators of the scheme that were not judged."""
    judged = lines.filter(pl.col("points").is_not_null()).group_by("entry").agg("indicator")
    known = {entry: set(names) for entry, names in judged.iter_rows()}
    every = [line.indicator for line in scheme.lines]
    return {
        entry: tuple(name for name in every if name not in known.get(entry, set()))
        for entry in lines["entry"].unique().to_list()
    }
