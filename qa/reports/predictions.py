"""Predictions under estimates: where whole draws are looked at, and what their frames hold of the predicted scores.

A draw keeps, per agent, how many units its frame had and the sum of their predictions. That suffices for the difference
estimator in every cell (week, team, agent …) made of whole draws and whole agents; anywhere else the weighted mean
stands. Predictions were made before the draw, by a model of earlier days. Does not estimate anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from qa.reports.scope import FactsReader, Scope, truncated
from scoring.estimate.completion import thinned

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "draw_id": pl.Int64,
    "first": pl.Date,
    "last": pl.Date,
    "agent_id": pl.String,
    "units": pl.Int64,
    "f_sum": pl.Float64,
    "spread": pl.Float64,
    "spread_p": pl.Float64,
    "random": pl.Float64,
    "p_var": pl.Float64,
    "p_sum": pl.Float64,
    "p_noise": pl.Float64,
}


def populations(reader: FactsReader, source: str, numbers: Sequence[int]) -> pl.DataFrame:
    """What the frames of these draws hold of a source, a row per draw and agent with the columns of `SCHEMA`: f_sum
    times the draw's λ and p_sum times its weight for rates (0 where that is 0, null where nobody predicted), the
    spreads for what was reviewed of it (null where an old draw does not tell)."""
    rows = [
        (number, first, last, *(row.get(name) for name in list(SCHEMA)[3:]))
        for number, first, last, summary in reader.summaries(numbers)
        for row in summary or ()
        if row["source"] == source
    ]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    weights = reader.lambdas(source).select("draw_id", "lam", "lam_rate")
    weighed = (
        frame.join(reader.unfinished(source), on=["draw_id", "agent_id"], how="left", maintain_order="left")
        .join(weights, on="draw_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("share").fill_null(1.0),
            f_sum=pl.when(pl.col("lam") > 0).then(pl.col("f_sum") * pl.col("lam")).otherwise(0.0),
            p_sum=pl.when(pl.col("lam_rate") > 0).then(pl.col("p_sum") * pl.col("lam_rate")).otherwise(0.0),
            drawn=pl.lit(0.0),
        )
    )
    return thinned(weighed).select(*SCHEMA, "lam", "lam_rate")


def scores(populations: pl.DataFrame) -> pl.DataFrame:
    """Those of draws whose every score was predicted, or whose λ asks for none."""
    return populations.filter(pl.col("f_sum").is_not_null().all().over("draw_id"))


def chances(populations: pl.DataFrame) -> pl.DataFrame:
    """Those of draws whose every chance was predicted, or whose weight for rates asks for none; f_sum is p_sum."""
    known = populations.filter(pl.col("p_sum").is_not_null().all().over("draw_id"))
    return known.with_columns(f_sum="p_sum", lam="lam_rate")


def possible(scope: Scope, by: str) -> bool:
    """Whether groups are made of whole agents: frames are not known by shop or channel."""
    return not scope.shops and not scope.channels and by in ("all", "team", "agent")


def whole(populations: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """The populations of draws that lie inside the scope's days as a whole."""
    inside = pl.lit(True)
    if scope.first:
        inside &= pl.col("first") >= scope.first
    if scope.last:
        inside &= pl.col("last") <= scope.last
    return populations.filter(inside)


def cells(rows: pl.DataFrame, populations: pl.DataFrame, keys: Sequence[str], bucket: str | None) -> pl.DataFrame:
    """Cells where predictions may be used: the `keys`, and `mean_f`, the mean prediction over all units of their
    agents.

    `rows` count reviews by draw_id, agent_id, period and the keys, with `gaps`, those without prediction. A cell counts
    when every draw it has reviews of is known in `populations`, lies in its week or month as a whole, and there are no
    gaps.
    """
    inside = pl.lit(True)
    if bucket is not None:
        # a draw is whole in a bucket when its first and last day fall into it
        inside = (truncated(pl.col("first"), bucket) == pl.col("period")) & (
            truncated(pl.col("last"), bucket) == pl.col("period")
        )
    parts = (
        rows.group_by([*keys, "draw_id", "agent_id"]).agg(pl.col("gaps").sum())
        .join(populations, on=["draw_id", "agent_id"], how="left")
        .with_columns(good=((pl.col("gaps") == 0) & pl.col("f_sum").is_not_null() & inside).fill_null(False))
    )  # fmt: skip
    return (
        parts.group_by(keys).agg(pl.col("good").all(), pl.col("f_sum", "units").sum(), used=(pl.col("lam") > 0).any())
        .filter(pl.col("good") & pl.col("used"))
        .select(*keys, mean_f=pl.col("f_sum") / pl.col("units"))
    )  # fmt: skip
