"""Judge only, human only, corrected: what a judge's values add to a reviewed sample, by the difference estimator.

The judge's values are an auxiliary variable known for every unit of the frame (prediction-powered inference,
Angelopoulos et al. 2023; the difference estimator of Särndal et al. 1992, 6.3). Whether a unit has a value must not
depend on its being reviewed. Refuses to give a judge's own mean an interval: it estimates nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy

from scoring import estimate
from scoring.estimate import Estimate
from scoring.estimate import weighting as w

#: Reviews from which on a weight can be tuned; below, the judge is left out.
LEAST_REVIEWS = w.TUNING_REVIEWS
#: How improbable the shares of reviewed and other units with a value must be before their independence is doubted.
DOUBT = 1e-4
#: Spread of values within agents, in points, below which they are all the same.
SPREAD = 1e-6
#: Narrowing beside the next predictor alone from which on the judge brings something.
NARROWER = 0.998

Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class JudgeComparison:
    """Three figures of one mean or rate. ``judge`` is the plain mean of the judge's values over the frame, null where
    it said nothing; ``r`` its correlation with the reviews within agents, ``least`` the r below which ``n`` reviews
    gain nothing (1/√(n−2)), ``ratio`` the corrected width over that of the reviews alone, ``worth`` the reviews that
    would narrow it as much beside what the next predictor narrows by itself: n((w₀/w)² − 1).
    ``reason``: '' | 'few_reviews' | 'no_gain' | 'dependent' | 'unlike'."""

    judge: float | None
    human: Estimate
    corrected: Estimate
    lam: float
    n: int
    r: float | None
    least: float | None
    ratio: float | None
    worth: float
    reason: str = ""

    @property
    def helps(self) -> bool:
        """Whether the judge narrows the interval."""
        return not self.reason and self.worth > 0


def correlation(sample: pl.DataFrame, value: str = "y", prediction: str = "f") -> float | None:
    """The correlation of value and prediction within agents, with the weights (1−π)/π² of the variance itself; None
    where one of them does not vary."""
    rows = sample.filter(pl.col(value).is_not_null() & pl.col(prediction).is_not_null() & (pl.col("pi") < 1))
    if rows.height < 3:
        return None
    codes = rows["agent_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    k = int(codes.max()) + 1
    pi = rows["pi"].to_numpy().astype(np.float64)
    weight = (1.0 - pi) / pi**2
    total = w.sums(codes, weight, k)

    def centred(name: str) -> w.Floats:
        values = rows[name].to_numpy().astype(np.float64)
        return np.asarray(values - w.ratio(w.sums(codes, weight * values, k), total, 0.0)[codes])

    y, f = centred(value), centred(prediction)
    spread = float((weight * y * y).sum()) * float((weight * f * f).sum())
    return float((weight * y * f).sum()) / math.sqrt(spread) if spread > 1e-18 else None


def lambdas(history: pl.DataFrame, sample: pl.DataFrame, value: str = "y") -> Mapping[str, float]:
    """The weight of each version's values: tuned on earlier reviews, where there are fewer than 200 of them on those of
    the sample, 0 where both are too few. Versions are never pooled.

    Both have agent_id, pi, f, version (empty where the next predictor speaks) and the value.
    """
    found = {}
    for version in sample["version"].unique().sort().to_list():
        enough = (_usable(frame, version, value) for frame in (history, sample))
        rows = next((rows for rows in enough if rows.height >= LEAST_REVIEWS), None)
        found[str(version)] = 0.0 if rows is None else estimate.tune(rows, value=value)
    return found


def _usable(rows: pl.DataFrame, version: str, value: str) -> pl.DataFrame:
    known = (pl.col("version") == version) & pl.col("f").is_not_null() & pl.col(value).is_not_null()
    return rows.filter(known) if "version" in rows.columns else rows.clear()


def blend(history: pl.DataFrame) -> tuple[float, float] | None:
    """How the judge's value (``own``) and the next predictor's (``rest``) are put together, by least squares within
    agents on earlier reviews, none counted against its meaning (stacking, Wolpert 1992); None below 200 of both."""
    rows = history.drop_nulls(["own", "rest", "y"]).filter(pl.col("pi") < 1)
    if rows.height < LEAST_REVIEWS:
        return None
    codes = rows["agent_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    k, pi = int(codes.max()) + 1, rows["pi"].to_numpy().astype(np.float64)
    weight = (1.0 - pi) / pi**2
    total = w.sums(codes, weight, k)
    root = np.sqrt(weight / weight.mean())
    y, own, rest = (
        root * (x - w.ratio(w.sums(codes, weight * x, k), total, 0.0)[codes])
        for x in (rows[name].to_numpy().astype(np.float64) for name in ("y", "own", "rest"))
    )
    own, rest = (x if math.sqrt(float((x * x).mean())) > SPREAD else np.zeros_like(x) for x in (own, rest))
    share, _ = scipy.optimize.nnls(np.column_stack([own, rest]), y)
    return (float(share[0]), float(share[1])) if share.sum() > 0 else None


def blended(shares: tuple[float, float] | None) -> pl.Expr:
    """The value ``f``: both together where both are known, in their own scale; else what is known."""
    own, rest = pl.col("own"), pl.col("rest")
    if shares is None:
        return pl.coalesce(own, rest).alias("f")
    both = (shares[0] * own + shares[1] * rest) / sum(shares)
    return pl.coalesce(both, own, rest).alias("f")


def weighted(units: pl.DataFrame, population: pl.DataFrame, weights: Mapping[str, float]) -> pl.Series:
    """The term of each of ``units``: its version's λ times its value, less the version's mean over the population, so
    that units of another version or without a value differ by nothing but what is known of them."""
    means = population.group_by("version").agg(mean=pl.col("f").mean())
    known = pl.DataFrame(
        {"version": list(weights), "lam": list(weights.values())}, schema={"version": pl.String, "lam": pl.Float64}
    )
    joined = units.select("version", "f").join(means, on="version", how="left", maintain_order="left")
    joined = joined.join(known, on="version", how="left", maintain_order="left")
    term = (pl.col("lam") * (pl.col("f") - pl.col("mean"))).fill_null(0.0)
    return joined.select(term.alias("f")).to_series()


def independent(sample: pl.DataFrame, population: pl.DataFrame) -> bool:
    """Whether reviewed units have a value of the judge's own (version not empty) as often as all others, as far as
    chance tells: where they do not, being scored depends on being reviewed and the judge must not be used.

    Compared within agents (Cochran–Mantel–Haenszel), so that agents who are reviewed more closely do no harm.
    """
    drawn = sample.filter(pl.col("pi") < 1)
    own = pl.col("version") != ""
    both = drawn.group_by("agent_id").agg(n=pl.len(), a=own.sum()).join(
        population.group_by("agent_id").agg(units=pl.len(), scored=own.sum()), on="agent_id"
    ).filter(pl.col("units") > 1)  # fmt: skip
    n, a, units, scored = (both[name].to_numpy().astype(np.float64) for name in ("n", "a", "units", "scored"))
    expected = n * scored / np.maximum(units, 1)
    variance = n * (units - n) * scored * (units - scored) / np.maximum(units**2 * (units - 1), 1)
    if not variance.sum() > 0:
        return bool(np.allclose(a, expected))
    z = (abs(float((a - expected).sum())) - 0.5) / math.sqrt(float(variance.sum()))
    return bool(2 * scipy.special.ndtr(-max(z, 0.0)) >= DOUBT)


def alike(sample: pl.DataFrame, population: pl.DataFrame) -> bool:
    """Whether the judge's values of reviewed units are, weighted, those of their agents' other units, as far as chance
    tells. They are not where a judge has learnt from the very reviews that are to correct it, or where what was
    reviewed was chosen by more than the draw; its residuals then say nothing of the units nobody reviewed.

    By Bernstein's inequality, which holds for few reviews and skewed values too; the variance is the larger of those
    of sample and population.
    """
    name = "own" if "own" in sample.columns and "own" in population.columns else "f"
    mine = (pl.col("version") != "") & pl.col(name).is_not_null()
    value = pl.col(name)
    known = population.filter(mine).group_by("agent_id").agg(
        mean=value.mean(), spread=value.var(ddof=0),
        far=pl.max_horizontal(value.max() - value.mean(), value.mean() - value.min()),
    )  # fmt: skip
    drawn = sample.filter(mine & (pl.col("pi") < 1)).join(known, on="agent_id")
    if drawn.is_empty():
        return True
    pi, mean, spread, far = (drawn[column].to_numpy().astype(np.float64) for column in ("pi", "mean", "spread", "far"))
    off = drawn[name].to_numpy().astype(np.float64) - mean
    weight = (1.0 - pi) / pi**2
    variance = max(float((weight * spread).sum()), float((weight * off * off).sum()))
    largest = float((np.maximum(far, np.abs(off)) / pi).max())
    total = abs(float((off / pi).sum()))
    allowed = 2 * math.log(2 / DOUBT) * (variance + largest * total / 3)
    return total <= SPREAD * float((1 / pi).sum()) or total * total <= allowed


def compare(
    sample: pl.DataFrame, population: pl.DataFrame, history: pl.DataFrame | None = None, *, bounds: Bounds | None = None
) -> JudgeComparison:
    """Compare the three means. ``sample``: agent_id, pi, y (points), f (the judge's value or the next predictor's) and
    version (whose value it is; empty for the next predictor's); ``population``: agent_id, f and version of every unit
    of the frame; ``history``: earlier reviews with the columns of the sample. Where they have own and rest (what the
    judge and the next predictor say by themselves), the judge must bring something beside the next predictor."""
    human = estimate.team(sample.drop("f"), bounds=bounds)
    ready = _ready(sample, population, history)
    if isinstance(ready, str):
        return _without(sample, population, human, ready)
    terms, totals, weights = ready
    corrected = estimate.team(terms, totals, lam=1.0, bounds=bounds)
    return _judged(sample, population, human, corrected, weights, _next_alone(sample, population, history, bounds))


def _next_alone(
    sample: pl.DataFrame, population: pl.DataFrame, history: pl.DataFrame | None, bounds: Bounds | None
) -> float | None:
    """Width of the estimate that the next predictor gives without the judge; None where it gives none."""
    if not all("rest" in frame.columns for frame in (sample, population)):
        return None
    alone = (pl.col("rest").alias("f"), pl.lit("next").alias("version"))
    reviews, units = (frame.with_columns(alone) for frame in (sample, population))
    past = reviews.clear() if history is None else history.with_columns(alone)
    weights = lambdas(past, reviews)
    if not weights.get("next"):
        return None
    terms = reviews.with_columns(weighted(reviews, units, weights))
    totals = units.select("agent_id", weighted(units, units, weights))
    return estimate.team(terms, totals, lam=1.0, bounds=bounds).width


def compare_rate(
    sample: pl.DataFrame, population: pl.DataFrame, history: pl.DataFrame | None = None
) -> JudgeComparison:
    """The same for a share: ``y`` is 0 or 1 and ``f`` the probability that the judge's answer stands for."""
    reviews = sample.rename({"y": "violation"})
    human = estimate.rate(reviews.drop("f"))
    ready = _ready(sample, population, history)
    if isinstance(ready, str):
        return _without(sample, population, human, ready)
    terms, totals, weights = ready
    corrected = estimate.rate(
        terms.rename({"y": "violation", "f": "p"}), totals.rename({"f": "p"}), lam=1.0
    )  # fmt: skip
    return _judged(sample, population, human, corrected, weights)


def agents(
    sample: pl.DataFrame, population: pl.DataFrame, history: pl.DataFrame | None = None, *, bounds: Bounds | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every agent's mean from the reviews alone, and corrected (`scoring.estimate.agents`); the same table twice where
    the judge cannot be used."""
    human = estimate.agents(sample.drop("f"), bounds=bounds)
    ready = _ready(sample, population, history)
    if isinstance(ready, str):
        return human, human
    terms, totals, _ = ready
    reviewed = terms["agent_id"].unique()
    known = totals.filter(pl.col("agent_id").is_in(reviewed.implode()))
    return human, estimate.agents(terms, known, lam=1.0, bounds=bounds)


def _ready(
    sample: pl.DataFrame, population: pl.DataFrame, history: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame, Mapping[str, float]] | str:
    """Sample and population with their terms, or why the judge is left out."""
    if not independent(sample, population):
        return "dependent"
    if not alike(sample, population):
        return "unlike"
    if _says_nothing(sample, history):
        return "no_gain"
    weights = lambdas(sample.clear() if history is None else history, sample)
    enough = [_usable(rows, v, "y").height for v in weights for rows in (history, sample) if rows is not None and v]
    if not any(n >= LEAST_REVIEWS for n in enough):
        return "few_reviews"
    if not any(lam > 0 for version, lam in weights.items() if version):
        return "no_gain"
    terms = sample.with_columns(weighted(sample, population, weights))
    units = population.select("agent_id", "version").with_columns(weighted(population, population, weights))
    return terms, units, weights


def _says_nothing(sample: pl.DataFrame, history: pl.DataFrame | None) -> bool:
    """Whether the judge gives all conversations of an agent the same value: nothing that could go with the reviews."""
    if "own" not in sample.columns:
        return False
    parts = [frame.select("agent_id", "own") for frame in (sample, history) if frame is not None]
    apart = pl.concat(parts).drop_nulls().group_by("agent_id").agg(pl.col("own").max() - pl.col("own").min())
    return apart.height > 0 and not (apart["own"] > SPREAD).any()


def _without(sample: pl.DataFrame, population: pl.DataFrame, human: Estimate, reason: str) -> JudgeComparison:
    own = sample.filter(pl.col("version") != "")
    n = sample.height
    return JudgeComparison(
        _own_mean(population),
        human,
        human,
        0.0,
        n,
        correlation(own),
        _least(n),
        1.0 if human.width else None,
        0.0,
        reason,
    )


def _judged(
    sample: pl.DataFrame,
    population: pl.DataFrame,
    human: Estimate,
    corrected: Estimate,
    weights: Mapping[str, float],
    alone: float | None = None,
) -> JudgeComparison:
    n = sample.height
    r, least = correlation(sample.filter(pl.col("version") != "")), _least(n)
    ratio = corrected.width / human.width if corrected.width and human.width else None
    before = human.width if alone is None or human.width is None else min(alone, human.width)
    more = corrected.width / before if corrected.width and before else None
    useful = more is not None and more < (1.0 if alone is None else NARROWER)
    gains = r is not None and least is not None and r >= least and useful
    worth = n * (1 / more**2 - 1) if gains and more else 0.0
    lam = max((value for version, value in weights.items() if version), default=0.0)
    return JudgeComparison(
        _own_mean(population), human, corrected, lam, n, r, least, ratio, worth, "" if gains else "no_gain"
    )  # fmt: skip


def _own_mean(population: pl.DataFrame) -> float | None:
    mean = population.filter(pl.col("version") != "")["f"].mean()
    return float(mean) if isinstance(mean, (int, float)) else None


def _least(n: int) -> float | None:
    return 1 / math.sqrt(n - 2) if n > 2 else None
