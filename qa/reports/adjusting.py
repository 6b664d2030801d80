"""Scores corrected for how harsh each inspector is: which severities apply to a report, and the variance they add.

A variant that is asked for, never the default: rotating inspectors is better than correcting them. Says why when it
cannot be done (inspectors that share no agents, severities known too vaguely). The mathematics is `scoring.severity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from scipy import stats

from qa import severities
from qa.reports.scope import Reader, Scope
from scoring.severity import Severities

NOBODY = "0"
"""Stands for results no single inspector owns (adjudicated together): nothing to correct there."""


@dataclass(frozen=True)
class Adjustment:
    """What became of the wish for adjusted scores. `reason` is empty when it was done, else 'few_inspectors',
    'not_connected', 'imprecise' or 'unknown_inspector', with `detail` naming who."""

    severities: Severities | None
    reason: str = ""
    detail: str = ""

    @property
    def done(self) -> bool:
        return self.severities is not None


def adjustment(reader: Reader, scope: Scope, rows: pl.DataFrame) -> Adjustment:
    """The severities for a scope whose reviews are `rows` (inspector_id, occurred_at): those of a rolling quarter up to
    its last day, or of the whole scope when that is longer."""
    last = rows["occurred_at"].max()
    first = rows["occurred_at"].min()
    if not isinstance(last, datetime) or not isinstance(first, datetime):
        return Adjustment(None, "few_inspectors")
    _, before = reader.bounds(scope)
    fit = severities.fit(reader.session, first=min(first, last - severities.QUARTER), before=before)
    if fit.severities is None:
        return Adjustment(None, fit.reason, fit.detail)
    known = with_nobody(fit.severities)
    strangers = set(inspector(rows["inspector_id"]).unique()) - set(known.inspectors)
    if strangers:
        return Adjustment(None, "unknown_inspector", ", ".join(sorted(strangers)))
    return Adjustment(known)


def inspector(ids: pl.Series) -> pl.Series:
    """Inspectors as the severities name them."""
    return ids.cast(pl.String).fill_null(NOBODY)


def with_nobody(known: Severities) -> Severities:
    """The severities with an entry of exactly 0 for results that are nobody's alone."""
    size = len(known.inspectors)
    covariance = np.zeros((size + 1, size + 1))
    covariance[:size, :size] = known.covariance
    return Severities((*known.inspectors, NOBODY), np.append(known.values, 0.0), covariance)


def correction(known: Severities) -> pl.DataFrame:
    """inspector_id (text) and severity, to subtract from scores."""
    return pl.DataFrame({"inspector_id": list(known.inspectors), "severity": known.values})


def widened(table: pl.DataFrame, rows: pl.DataFrame, keys: Sequence[str], known: Severities, bounds: tuple[float, float]) -> pl.DataFrame:
    """Add the severities' own uncertainty to estimates: variance s'Cs with s the weight of each inspector in the cell.

    `table`: keys, value, low, high, se, df, method; `rows`: keys, inspector_id (text), pi. Degrees of freedom by
    Satterthwaite with the severities' variance as known. Cells without an interval stay without.
    """
    place = {name: k for k, name in enumerate(known.inspectors)}
    shares = (
        rows.group_by([*keys, "inspector_id"]).agg(w=(1 / pl.col("pi")).sum())
        .with_columns(share=pl.col("w") / pl.col("w").sum().over(keys), k=pl.col("inspector_id").replace_strict(place, return_dtype=pl.Int64))
        .with_columns(cell=pl.struct(keys).rank("dense").cast(pl.Int64) - 1)
    )  # fmt: skip
    order = shares.unique("cell").sort("cell")
    matrix = np.zeros((order.height, len(place)))
    matrix[shares["cell"].to_numpy(), shares["k"].to_numpy()] = shares["share"].to_numpy()
    extra = order.select(*keys, extra=pl.Series(np.einsum("ci,ij,cj->c", matrix, known.covariance, matrix), dtype=pl.Float64))
    joined = table.join(extra, on=list(keys), how="left", maintain_order="left").with_columns(pl.col("extra").fill_null(0.0))
    spread = joined["se"].to_numpy() ** 2
    total = spread + joined["extra"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        df = np.where(spread > 0, joined["df"].to_numpy() * (total / spread) ** 2, np.inf)
        half = np.where(total > 0, stats.t.ppf(0.975, df) * np.sqrt(total), 0.0)
    known_interval = pl.col("se").is_not_null()
    return joined.with_columns(half=pl.Series(half), total=pl.Series(total), wide=pl.Series(df)).with_columns(
        low=pl.when(known_interval).then((pl.col("value") - pl.col("half")).clip(lower_bound=bounds[0])).otherwise("low"),
        high=pl.when(known_interval).then((pl.col("value") + pl.col("half")).clip(upper_bound=bounds[1])).otherwise("high"),
        se=pl.when(known_interval).then(pl.col("total").sqrt()).otherwise("se"),
        df=pl.when(known_interval & pl.col("wide").is_finite()).then("wide").otherwise("df"),
        method=pl.when(known_interval).then(pl.col("method") + "+severity").otherwise("method"),
    ).drop("half", "total", "wide", "extra")
