"""Means of a metric by group and period in columnar passes: weighted, with predictions where whole draws allow it, and
corrected for severity when asked.

With predictions a cell's value is λ·(mean prediction of all its units) + weighted mean of (y − λf), the difference
estimator of `scoring.estimate`; λ is the one its draw froze. Owns which cell uses which method.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from qa.reports import adjusting
from qa.reports.adjusting import Adjustment
from qa.reports.metrics import Metric, column
from qa.reports.predictions import cells, populations, possible, scores, whole
from qa.reports.scope import FactsReader, Scope, bucketed, group_column
from qa.reports.weights import ENOUGH
from scoring import estimate
from scoring.estimate import Estimate

ADJUSTABLE = ("total", "clean")
"""Severity is a matter of points of the score; nothing else is corrected for it."""
PREDICTABLE = ("total",)
"""What the predicted score predicts, and what its weight was measured for."""


def measured(reader: FactsReader, scope: Scope, metric: Metric, by: str, bucket: str) -> pl.LazyFrame:
    """The reviews of a scope as `Means` wants them: agent_id, pi, reason, redline, draw_id, inspector_id, occurred_at,
    group, period, y (the metric) and what `weights.weighed` adds: f, p, expected, expected_plain, learnt."""
    return reader.rows(scope).select(
        "agent_id",
        "pi",
        "reason",
        "redline",
        "draw_id",
        "inspector_id",
        "occurred_at",
        group_column(by).alias("group"),
        bucketed(bucket).alias("period"),
        column(reader.rubrics(), metric).alias("y"),
        "f",
        "p",
        "expected",
        "expected_plain",
        "learnt",
    )


class Means:
    """The reviews of one scope (the columns of `measured`), read once, estimated for several groupings."""

    def __init__(self, reader: FactsReader, scope: Scope, rows: pl.LazyFrame, by: str, metric: Metric) -> None:
        self._scope, self._by, self._metric, self._first = scope, by, metric, reader.first
        self.adjustment: Adjustment | None = None
        self._rows = rows.collect()
        if scope.adjusted and metric.id in ADJUSTABLE:
            self._rows = self._adjusted(reader, self._rows)
        # what cells are made of, counted once: everything below adds up from here
        self._parts = self._rows.group_by("group", "period", "draw_id", "agent_id").agg(
            known=pl.col("y").is_not_null().sum(),
            gaps=(pl.col("y").is_not_null() & pl.col("f").is_null()).sum(),
            found=pl.col("redline").sum().cast(pl.Int64),
        )
        self._populations = (
            self._predicted(reader)
            if metric.id in PREDICTABLE and possible(scope, by) and not reader.moved(scope, by)
            else None
        )

    def estimate(self, keys: Sequence[str], bucket: str | None) -> pl.DataFrame:
        """A row for each combination of `keys` that has reviews: keys, n, found, value, low, high, se, df, method,
        reason."""
        bounds = self._metric.bounds
        strata = None if self._by == "agent" else "agent_id"
        mean_f = self._usable(keys, bucket)
        table = self._grouped(self._rows, keys, strata, "expected_plain", bounds).rename({"mean": "value"})
        if mean_f is not None:
            table = self._with_predictions(table, keys, mean_f, strata)
        found = self._parts.group_by(keys).agg(pl.col("found").sum())
        table = table.filter(pl.col("n") > 0).join(found, on=list(keys))
        if self.adjustment is not None and self.adjustment.severities is not None:
            table = estimate.widened(table, self._rows, keys, self.adjustment.severities, bounds)
        # rounding of sums may leave a mean a hair outside what is possible
        return table.with_columns(pl.col("value").clip(*bounds))

    def _grouped(
        self, rows: pl.DataFrame, keys: Sequence[str], strata: str | None, expected: str,
        bounds: tuple[float, float] | None,
    ) -> pl.DataFrame:  # fmt: skip
        """The means of `rows`; scores lean on the spread their plans expected while reviews are few."""
        known = expected if self._metric.id in PREDICTABLE and not self._first else None
        enough = ENOUGH[bool(rows["learnt"].all())]
        return estimate.grouped(rows, keys, ["y"], strata=strata, bounds=bounds, expected=known, enough=enough)

    def whole(self) -> Estimate:
        """One estimate of everything in the scope; only when it is not split."""
        table = self.estimate(["group"], None)
        if table.is_empty():
            return estimate.refusal("no_reviews")
        names = ("value", "low", "high", "n", "method", "se", "df", "reason")
        return Estimate(**dict(zip(names, table.select(names).row(0), strict=True)))

    def _adjusted(self, reader: FactsReader, rows: pl.DataFrame) -> pl.DataFrame:
        self.adjustment = adjusting.adjustment(reader, self._scope, rows)
        named = rows.with_columns(inspector_id=adjusting.inspector(rows["inspector_id"]))
        if self.adjustment.severities is None:
            return named
        shifts = adjusting.correction(self.adjustment.severities)
        joined = named.join(shifts, on="inspector_id", how="left", maintain_order="left")
        return joined.with_columns(y=pl.col("y") - pl.col("severity")).drop("severity")

    def _predicted(self, reader: FactsReader) -> pl.DataFrame | None:
        """Frames behind the reviews that were predicted; None when there are none."""
        numbers = self._rows.filter(pl.col("f").is_not_null())["draw_id"].unique().to_list()
        found = populations(reader, self._scope.source, numbers) if numbers else None
        return None if found is None or found.is_empty() else whole(scores(found), self._scope)

    def _usable(self, keys: Sequence[str], bucket: str | None) -> pl.DataFrame | None:
        if self._populations is None or self._populations.is_empty():
            return None
        found = cells(self._parts.filter(pl.col("known") > 0), self._populations, keys, bucket)
        return None if found.is_empty() else found

    def _with_predictions(
        self, table: pl.DataFrame, keys: Sequence[str], mean_f: pl.DataFrame, strata: str | None
    ) -> pl.DataFrame:
        """`table` with the difference estimate in the cells of `mean_f`."""
        inside = self._rows.join(mean_f, on=list(keys), how="semi").with_columns(y=pl.col("y") - pl.col("f"))
        low, high = self._metric.bounds
        better = (
            self._grouped(inside, keys, strata, "expected", None)
            .join(mean_f, on=list(keys))
            .filter(pl.col("low").is_not_null())
            .with_columns(pl.col("mean", "low", "high") + pl.col("mean_f"))
            .with_columns(
                pl.col("low").clip(lower_bound=low), pl.col("high").clip(upper_bound=high),
                method=pl.when(pl.col("method") == "census").then("method").otherwise(pl.lit("difference")),
            )
            .rename({"mean": "value"}).drop("mean_f")
        )  # fmt: skip
        rest = table.join(better, on=list(keys), how="anti")
        return pl.concat([rest, better.select(table.columns)]).sort(keys)
