"""What the true totals of a group can be, line by line: each line shrunk by what is known of its own spread.

A line that is measured well keeps its value, one that is mostly noise moves to the colleagues' mean; the spread of each
line is integrated over (`scoring.assessment.grades`). Lines work on the scale on which their intervals are even:
logarithm, logit, square root. The points of a line are averaged over its posterior, through the curve's bends and caps;
their sum is taken as normal. Lines of one person are treated as independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from scoring.assessment import grades as g
from scoring.assessment.points import Z, points
from scoring.assessment.schemes import Scheme, SchemeLine

Floats = NDArray[np.float64]
Scale = tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]

QUANTILES = 32
_NODES = special.ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
_NODES = _NODES / _NODES.std()  # so that they have the variance of a normal
LOG: Scale = (lambda x: np.log(np.maximum(x, 1e-9)), np.exp)
LOGIT: Scale = (lambda x: special.logit(np.clip(x, 1e-4, 1 - 1e-4)), special.expit)
ROOT: Scale = (lambda x: np.sqrt(np.maximum(x, 0.0)), lambda y: np.maximum(y, 0.0) ** 2)
PLAIN: Scale = (lambda x: x, lambda y: y)
SCALES = {"relative": LOG, "days": LOG, "wilson": LOGIT, "poisson": ROOT, "poisson_relative": ROOT}
HISTORY = ("group", "entry", "indicator", "value", "low", "high", "method", "reason")
"""Columns of lines of earlier sheets, from which the spread is known better."""


def true_totals(lines: pl.DataFrame, scheme: Scheme, entries: pl.Series, history: pl.DataFrame | None) -> g.Posterior:
    """Posterior of the true totals of `entries`, all of one group, from their judged `lines`."""
    n = len(entries)
    place = pl.DataFrame({"entry": entries, "at": np.arange(n)})
    mean, variance, weight = np.zeros(n), np.zeros(n), np.zeros(n)
    for line in scheme.lines:
        mine = lines.filter((pl.col("indicator") == line.indicator) & pl.col("points").is_not_null())
        mine = mine.join(place, on="entry").sort("at")
        if mine.is_empty():
            continue
        before = None if history is None else history.filter(pl.col("indicator") == line.indicator)
        at = mine["at"].to_numpy()
        m, v = _points_of(mine, line, before)
        mean[at] += line.weight * m
        variance[at] += line.weight**2 * v
        weight[at] += line.weight
    share = np.maximum(weight, 1e-9)
    sd = np.maximum(np.sqrt(variance) / share, 0.02)
    return g.Posterior(np.array([1.0]), (mean / share)[None, :], sd[None, :])


def _points_of(mine: pl.DataFrame, line: SchemeLine, before: pl.DataFrame | None) -> tuple[Floats, Floats]:
    """Mean and variance of each person's points in one line."""
    m, v = np.empty(mine.height), np.empty(mine.height)
    for method in mine["method"].unique().sort().to_list():
        of = (mine["method"] == method).to_numpy()
        part = mine.filter(pl.Series(of))
        to, back = SCALES.get(method.removeprefix("team_"), PLAIN)
        value, se = _on_scale(part, to)
        if (se > 0).all() and not method.startswith("team_"):
            centre, spread = _shrunk(part["entry"], value, se, _earlier(before, method, to))
        else:
            centre, spread = value, se
        nodes = centre[:, None] + spread[:, None] * _NODES[None, :]
        given = points(line.curve, back(nodes))
        m[of], v[of] = given.mean(axis=1), given.var(axis=1)
    return m, v


def _on_scale(part: pl.DataFrame, to: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    value, low, high = (to(part[name].to_numpy().astype(np.float64)) for name in ("value", "low", "high"))
    se = (high - low) / (2 * Z)
    middle = (low + high) / 2 if to in (LOGIT[0], ROOT[0]) else value  # at 0 and 1 the interval knows more
    return middle, se


def _earlier(before: pl.DataFrame | None, method: str, to: Callable[[Floats], Floats]) -> pl.DataFrame | None:
    if before is None:
        return None
    rows = before.filter((pl.col("method") == method) & (pl.col("reason") == ""))
    if rows.is_empty():
        return None
    value, se = _on_scale(rows, to)
    return pl.DataFrame({"entry": rows["entry"], "value": value, "se": se}).filter(pl.col("se") > 0)


def _shrunk(entries: pl.Series, value: Floats, se: Floats, earlier: pl.DataFrame | None) -> tuple[Floats, Floats]:
    """Posterior mean and standard deviation of each true value, over everything the spread can be."""
    truth = g.posterior(value, se, _spread(entries, value, se, earlier))
    centre = truth.weight @ truth.mean
    second = truth.weight @ (truth.sd**2 + truth.mean**2)
    return centre, np.sqrt(np.maximum(second - centre**2, 0.0))


def _spread(entries: pl.Series, value: Floats, se: Floats, earlier: pl.DataFrame | None) -> g.Spread:
    """The spread from everything known of these people: each one's values joined with weights 1/se²."""
    if earlier is None:
        return g.spread(value, se)
    both = pl.concat([earlier, pl.DataFrame({"entry": entries, "value": value, "se": se})])
    weight = 1 / pl.col("se") ** 2
    joined = both.group_by("entry").agg(
        value=(weight * pl.col("value")).sum() / weight.sum(), se=1 / weight.sum().sqrt()
    )
    joined = joined.sort("entry")
    return g.spread(joined["value"].to_numpy(), joined["se"].to_numpy())
