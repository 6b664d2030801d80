"""How much of the reviews may go to the certainty pool without making the team's score less exact.

Owns the automatic pool share and the trade-off behind its slider. Refuses to know how the predictions were made; it only
asks how good they proved on reviews they were not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from scoring.draw.design import Design
from scoring.draw.planning import plan

#: No pool from a model below this out-of-fold AUC; a small pool until this many labels and violations exist.
LEAST_AUC, LEAST_LABELS, LEAST_VIOLATIONS = 0.60, 500, 30
LARGEST_SHARE, EARLY_SHARE = 0.40, 0.10
#: Held back from the limit for what the prediction of the width cannot see (p calibrated on average, not per agent).
RESERVE = 0.03
#: The shares that are compared: 0 to 40 % in steps of 1 %.
SHARES = tuple(percent / 100 for percent in range(41))


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What past reviews say of the risk model: out-of-fold AUC, labels and violations it was measured on.

    ``auc`` is None for the rule score of a cold start, which no label has judged yet.
    """

    auc: float | None
    labels: int
    violations: int


@dataclass(frozen=True, slots=True)
class Trade:
    """One point of the trade: a pool share, violations expected, and the team interval's width relative to equal
    chances with the plain mean (1.00 = no loss)."""

    share: float
    expected_found: float
    width_ratio: float


def largest_allowed(record: ModelRecord) -> float:
    """Return the pool share that the record of the model permits at most, whatever the variances say."""
    if record.auc is not None and not record.auc >= LEAST_AUC:
        return 0.0
    early = record.labels < LEAST_LABELS or record.violations < LEAST_VIOLATIONS
    return EARLY_SHARE if early else LARGEST_SHARE


def trade_off(
    frame: pl.DataFrame,
    design: Design,
    source: str = "chat",
    shares: tuple[float, ...] = SHARES,
    history: pl.DataFrame | None = None,
) -> tuple[Trade, ...]:
    """Return violations expected and team width for every pool share, from the plan each share would give.

    ``frame`` as for ``plan`` with ``p`` and, for the comparison with the plain mean, ``f`` (predicted score); without f the
    comparison forgoes what the predictions explain and the shares come out smaller. The design's residual model must come
    from out-of-fold residuals.
    """
    units = frame.filter(pl.col("source") == source) if "source" in frame.columns else frame
    keep = [q for q in design.quotas if q.source == source]
    plain = replace(design, quotas=(replace(keep[0], pool_share=0.0),))
    reference = _plain_variance(units, plain, history)
    result = []
    for share in shares:
        planned = plan(units, replace(plain, quotas=(replace(keep[0], pool_share=share),)), history).frame
        pi, p = planned["pi"].to_numpy(), planned["p"].to_numpy()
        noise = design.residual.a + design.residual.b * p * (1 - p)
        variance = float(np.where(pi > 0, (1 - pi) / np.where(pi > 0, pi, 1.0) * noise, 0.0).sum()) / len(pi) ** 2
        ratio = float(np.sqrt(variance / reference)) if reference > 0 else 1.0
        result.append(Trade(share, float((pi * p).sum()), ratio))
    return tuple(result)


def automatic_share(
    frame: pl.DataFrame,
    design: Design,
    record: ModelRecord,
    source: str = "chat",
    limit: float = 1.0,
    history: pl.DataFrame | None = None,
) -> float:
    """Return the largest pool share whose predicted team-mean variance stays within limit² × that of equal chances.

    At most 40 %, at most 10 % until 500 labels and 30 violations exist, 0 when the out-of-fold AUC is below 0.60.
    ``limit`` is the slider: 1.00 = no loss of precision, at most 1.10; the predicted width must stay 3 % below it, since
    predictions that are right on average are still wrong for single agents.
    """
    allowed = largest_allowed(record)
    if allowed == 0.0:
        return 0.0
    trades = trade_off(frame, design, source, history=history)
    return max((t.share for t in trades if t.share <= allowed + 1e-9 and t.width_ratio <= limit - RESERVE), default=0.0)


def _plain_variance(units: pl.DataFrame, design: Design, history: pl.DataFrame | None) -> float:
    """Variance of the team mean under equal chances within agents and no predictions: Σ N²(1/n − 1/N)S² / N²."""
    model = design.residual
    planned = plan(units, design, history)
    columns = planned.frame.select("unit_id", "agent_id", noise=model.a + model.b * pl.col("p") * (1 - pl.col("p")))
    if "f" in units.columns:
        columns = columns.join(units.select("unit_id", "f"), on="unit_id")
    else:
        columns = columns.with_columns(f=pl.lit(0.0))
    spread = columns.group_by("agent_id").agg(s2=pl.col("noise").mean() + pl.col("f").var().fill_null(0.0))
    sizes = planned.sizes.join(spread, on="agent_id").filter(pl.col("base") > 0)
    term = pl.col("frame") ** 2 * (1 / pl.col("base") - 1 / pl.col("frame")) * pl.col("s2")
    return float(sizes.select(term.sum()).item()) / planned.frame.height**2
