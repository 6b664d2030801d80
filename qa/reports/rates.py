"""Rates of red lines by group and period: with the predicted chances where whole draws allow it.

An agent gets no rate: 0 of 10 allows up to 31 %, so the count is a fact and a rate would pretend to be one. Owns which
cell uses the predictions; the mathematics is `scoring.estimate.rate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from qa.reports.predictions import cells, chances, populations, possible, whole
from qa.reports.scope import FactsReader, Scope
from scoring import estimate
from scoring.estimate import Estimate

COLUMNS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "n": pl.Int64,
    "found": pl.Int64,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "se": pl.Float64,
    "df": pl.Float64,
    "method": pl.String,
    "reason": pl.String,
    "effective": pl.Float64,
}
"""An estimate in a table: its count, what was found, value, interval and how it was made."""


class Rates:
    """The reviews of one scope (the columns of `means.measured`, y 0 or 1), read once, for several groupings."""

    def __init__(self, reader: FactsReader, scope: Scope, rows: pl.LazyFrame, by: str) -> None:
        self._rows, self._one_agent = rows.collect(), by == "agent"
        self._frames: pl.DataFrame | None = None
        numbers = self._rows.filter(pl.col("p").is_not_null())["draw_id"].unique().to_list()
        if numbers and not self._one_agent and possible(scope, by) and not reader.moved(scope, by):
            self._frames = whole(chances(populations(reader, scope.source, numbers)), scope)

    def estimate(self, keys: Sequence[str], bucket: str | None) -> pl.DataFrame:
        """A row for each combination of `keys` that has reviews: keys and the columns of an estimate, and found."""
        sharpened = self._sharpened(keys, bucket)
        out = [
            {**dict(zip(keys, key, strict=True)), **_row(self._rate(part, key in sharpened), part)}
            for key, part in self._rows.group_by(list(keys), maintain_order=False)
        ]
        known = self._rows.select(keys).schema
        return pl.DataFrame(out, schema={**known, **COLUMNS})

    def whole(self) -> Estimate:
        """One estimate of everything in the scope."""
        known = self._rows.filter(pl.col("y").is_not_null())
        return self._rate(known, bool(self._sharpened(["group"], None))) if known.height else _nothing()

    def _sharpened(self, keys: Sequence[str], bucket: str | None) -> set[tuple[object, ...]]:
        """Cells of whole draws in which every chance was predicted."""
        if self._frames is None or self._frames.is_empty():
            return set()
        counted = (
            self._rows.filter(pl.col("y").is_not_null())
            .group_by({*keys, "period", "draw_id", "agent_id"})
            .agg(gaps=pl.col("p").null_count())
        )
        return set(cells(counted, self._frames, keys, bucket).select(keys).iter_rows())

    def _rate(self, part: pl.DataFrame, sharpened: bool) -> Estimate:
        rows = part.filter(pl.col("y").is_not_null())
        if self._one_agent or rows["agent_id"].n_unique() == 1:
            return estimate.refusal("agent_rate", rows.height)
        if not sharpened or self._frames is None:
            return estimate.rate(rows.drop("p"), value="y")
        # p comes weighted by what each draw froze, in the reviews and in their frames
        return estimate.rate(rows, self._frame(rows), value="y", lam=1.0)

    def _frame(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Totals of the frames behind the reviews, by agent."""
        assert self._frames is not None
        behind = self._frames.join(rows.select("draw_id", "agent_id").unique(), on=["draw_id", "agent_id"])
        sums = behind.drop("draw_id", "first", "last").group_by("agent_id")
        return sums.agg(pl.when(pl.all().null_count() == 0).then(pl.all().sum()))


def _nothing() -> Estimate:
    return estimate.refusal("no_reviews")


def _row(found: Estimate, part: pl.DataFrame) -> dict[str, object]:
    shown = {name: getattr(found, name) for name in COLUMNS if name != "found"}
    return {**shown, "found": int(part["redline"].sum())}
