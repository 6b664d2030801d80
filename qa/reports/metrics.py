"""What can be measured: the score, its dimensions and criteria, the red-line rate; and how each is read from facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.reports.scope import Rubrics
from scoring.label import Label


@dataclass(frozen=True)
class Metric:
    """One thing a report can show. `name` is a msgid, or `label` a bilingual text of the rubric.

    `unit`: 'points' (0–100), 'percent' (of a dimension earned), 'loss' (points a criterion costs) or 'rate' (0–1).
    """

    id: str
    unit: str
    bounds: tuple[float, float]
    name: str = ""
    label: Label | None = None

    @property
    def lower_is_better(self) -> bool:
        return self.unit in ("loss", "rate")

    @property
    def digits(self) -> int:
        return {"loss": 2}.get(self.unit, 1)


TOTAL = Metric("total", "points", (0.0, 100.0), N_("Score"))
CLEAN = Metric("clean", "points", (0.0, 100.0), N_("Score without red lines"))
REDLINE = Metric("redline", "rate", (0.0, 1.0), N_("Red-line rate"))


def all_metrics(rubrics: Rubrics) -> tuple[Metric, ...]:
    """Everything that can be chosen: score, score without red lines, red-line rate, dimensions, criteria."""
    dimensions = tuple(Metric(f"dim:{d.id}", "percent", (0.0, 100.0), label=d.label) for d in rubrics.dimensions)
    criteria = tuple(Metric(f"cri:{c.id}", "loss", (-c.points, c.points), label=c.label) for c in rubrics.criteria)
    return (TOTAL, CLEAN, REDLINE, *dimensions, *criteria)


def find(rubrics: Rubrics, metric_id: str) -> Metric:
    """The metric with that id. Raises `Invalid`."""
    for metric in all_metrics(rubrics):
        if metric.id == metric_id:
            return metric
    raise Invalid(N_("There is nothing called “{metric}” to measure."), metric=metric_id)


def column(rubrics: Rubrics, metric: Metric) -> pl.Expr:
    """The metric of each row of facts, in its own unit."""
    kind, _, item = metric.id.partition(":")
    if kind == "dim":
        return rubrics.dimension_column(item)
    if kind == "cri":
        return rubrics.criterion_column(item)
    if metric is REDLINE or kind == "redline":
        return pl.col("redline").cast(pl.Float64)
    return pl.col("total" if kind == "total" else "total_without_redlines") / 100


def columns(rubrics: Rubrics, metrics: Sequence[Metric]) -> list[pl.Expr]:
    """The same for several, each under its id."""
    return [column(rubrics, metric).alias(metric.id) for metric in metrics]
