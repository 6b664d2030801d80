"""The uncertainty of severities on top of many estimates at once, for scores that were corrected before they were
estimated.

Owns the extra variance of ``grouped`` cells. Does not correct the scores themselves nor fit severities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy

from scoring.severity import Severities


def widened(
    table: pl.DataFrame,
    rows: pl.DataFrame,
    keys: Sequence[str],
    severities: Severities,
    bounds: tuple[float, float],
    level: float = 0.95,
) -> pl.DataFrame:
    """Add s'Cs to the variance of every cell: C the severities' covariance, s the weight of each inspector in the cell.

    ``table`` has the keys, value, low, high, se, df and method; ``rows`` the reviews behind it with the keys,
    inspector_id and pi. Degrees of freedom by Satterthwaite, the severities' variance taken as known, as in ``team``.
    Cells without a standard error stay as they are; the others' method gains '+severity'.
    """
    place = {name: k for k, name in enumerate(severities.inspectors)}
    weights = (
        rows.group_by([*keys, "inspector_id"])
        .agg(w=(1 / pl.col("pi")).sum())
        .with_columns(
            share=pl.col("w") / pl.col("w").sum().over(keys),
            k=pl.col("inspector_id").replace_strict(place, return_dtype=pl.Int64),
            cell=pl.struct(keys).rank("dense").cast(pl.Int64) - 1,
        )
    )
    cells = weights.unique("cell").sort("cell")
    share = np.zeros((cells.height, len(place)))
    share[weights["cell"].to_numpy(), weights["k"].to_numpy()] = weights["share"].to_numpy()
    extra = pl.Series("extra", np.einsum("ci,ij,cj->c", share, severities.covariance, share), dtype=pl.Float64)
    joined = table.join(cells.select(*keys).with_columns(extra), on=list(keys), how="left", maintain_order="left")
    variance = joined["se"].fill_null(0.0).to_numpy() ** 2
    total = variance + joined["extra"].fill_null(0.0).to_numpy()
    own = joined["df"].cast(pl.Float64).fill_null(np.inf).to_numpy()
    df = np.where(
        variance > 0, own * np.divide(total, variance, out=np.ones_like(total), where=variance > 0) ** 2, np.inf
    )
    half = scipy.stats.t.ppf(0.5 + level / 2, df) * np.sqrt(total)
    known = pl.col("se").is_not_null()
    return (
        joined.with_columns(half=pl.Series(half), total=pl.Series(total), wide=pl.Series(df))
        .with_columns(
            low=pl.when(known).then((pl.col("value") - pl.col("half")).clip(lower_bound=bounds[0])).otherwise("low"),
            high=pl.when(known).then((pl.col("value") + pl.col("half")).clip(upper_bound=bounds[1])).otherwise("high"),
            se=pl.when(known).then(pl.col("total").sqrt()).otherwise("se"),
            df=pl.when(known & pl.col("wide").is_finite()).then("wide").otherwise("df"),
            method=pl.when(known).then(pl.col("method") + "+severity").otherwise("method"),
        )
        .drop("half", "total", "wide", "extra")
    )
