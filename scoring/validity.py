"""Whether what a scorecard marks goes with what customers do afterwards: differences within agents, design-weighted.

Each pair of an item (a criterion that lost points, a red line) and an outcome (refund, dispute, rating, conversion) is
compared inside every agent, so that an agent's products, shifts and other habits do not pass for a link:
d = Σ w (x − x̄ₐ)(y − ȳₐ) / Σ w (x − x̄ₐ)², w = 1/π, means weighted within agent a. This is the weighted regression with
agent effects; its variance is the jackknife over agents (CV3: MacKinnon, Nielsen & Webb 2023), with t at the effective
number of agents (Carter, Schnepel & Steigerwald 2017). A link is stated at a false-discovery rate over all
pairs (Benjamini & Hochberg 1995). It is no cause: what makes a chat hard can make both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import special

from scoring.ranking import FALSE_DISCOVERY, benjamini_hochberg

LINKED, NOTHING, UNKNOWN = "linked", "nothing", "cannot_tell"
LEAST_EACH, LEAST_EVENTS, LEAST_CLUSTERS = 10, 5, 5.0
"""Reviews with and without the mark, events and non-events, and effective agents below which nothing is tested."""
POWER = 0.8


@dataclass(frozen=True, slots=True)
class ValidityOutcome:
    """What is looked at afterwards. `binary`: 0 or 1, reported as a rate; `worth`: the difference that would matter, in
    the unit of the outcome; `bad`: whether more of it is worse."""

    id: str
    binary: bool
    worth: float
    bad: bool = True


@dataclass(frozen=True, slots=True)
class ValidityLink:
    """One pair. `with_mark` and `without` are the weighted means of all reviews, `difference` with its interval is the
    comparison within agents; `needs`: reviews from which on a difference worth knowing would be seen (None:
    unknown)."""

    item: str
    outcome: str
    n: int
    n_with: int
    with_mark: float | None
    without: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    q: float | None = None
    verdict: str = UNKNOWN
    needs: int | None = None


@dataclass(frozen=True, slots=True)
class _Tested:
    link: ValidityLink
    p: float | None


def links(
    rows: pl.DataFrame, items: Sequence[str], outcomes: Sequence[ValidityOutcome], rate: float = FALSE_DISCOVERY
) -> tuple[ValidityLink, ...]:
    """Compare every pair. `rows`, one a review: `agent_id`, `pi`, a Boolean column for each of `items` (null: did not
    apply) and a number for each of `outcomes` (null: not known)."""
    tested = [_pair(rows, item, outcome) for outcome in outcomes for item in items]
    p = np.array([one.p for one in tested if one.p is not None])
    q = iter(benjamini_hochberg(p) if p.size else p)
    by_id = {outcome.id: outcome for outcome in outcomes}
    return tuple(
        one.link if one.p is None else _judged(one.link, float(next(q)), by_id[one.link.outcome], rate)
        for one in tested
    )


def _judged(link: ValidityLink, q: float, outcome: ValidityOutcome, rate: float) -> ValidityLink:
    assert link.low is not None
    assert link.high is not None
    if q <= rate:
        return replace(link, q=q, verdict=LINKED, needs=None)
    if -outcome.worth < link.low and link.high < outcome.worth:
        return replace(link, q=q, verdict=NOTHING, needs=None)
    return replace(link, q=q)


def _pair(rows: pl.DataFrame, item: str, outcome: ValidityOutcome) -> _Tested:
    known = rows.select(
        "agent_id", w=1 / pl.col("pi"), x=pl.col(item).cast(pl.Float64), y=pl.col(outcome.id).cast(pl.Float64)
    ).drop_nulls()
    marked = pl.col("x") > 0
    seen = known.select(
        n=pl.len(), n_with=marked.sum(), events=(pl.col("y") > 0).sum(),
        yes=(pl.col("w") * pl.col("y")).filter(marked).sum() / pl.col("w").filter(marked).sum(),
        no=(pl.col("w") * pl.col("y")).filter(~marked).sum() / pl.col("w").filter(~marked).sum(),
    ).row(0, named=True)  # fmt: skip
    n, n_with = int(seen["n"]), int(seen["n_with"])
    plain = ValidityLink(
        item, outcome.id, n, n_with, seen["yes"] if n_with else None, seen["no"] if n_with < n else None
    )
    counts = [(n_with, LEAST_EACH), (n - n_with, LEAST_EACH)]
    if outcome.binary:
        counts += [(int(seen["events"]), LEAST_EVENTS), (n - int(seen["events"]), LEAST_EVENTS)]
    if any(count < least for count, least in counts):
        return _Tested(replace(plain, needs=_enough(n, counts)), None)
    return _compared(plain, known, outcome)


def _enough(n: int, counts: Sequence[tuple[int, int]]) -> int | None:
    """Reviews at which every count would be reached, at the shares seen so far."""
    if any(count == 0 for count, _ in counts):
        return None
    return math.ceil(max(n * least / count for count, least in counts))


def _compared(plain: ValidityLink, known: pl.DataFrame, outcome: ValidityOutcome) -> _Tested:
    mean = {
        name: (pl.col("w") * pl.col(name)).sum().over("agent_id") / pl.col("w").sum().over("agent_id") for name in "xy"
    }
    within = known.with_columns(x=pl.col("x") - mean["x"], y=pl.col("y") - mean["y"])
    sums = within.group_by("agent_id").agg(
        xx=(pl.col("w") * pl.col("x") ** 2).sum(), xy=(pl.col("w") * pl.col("x") * pl.col("y")).sum()
    )
    xx, xy = sums["xx"].to_numpy(), sums["xy"].to_numpy()
    contrasts = xx > 1e-12
    total = float(xx.sum())
    effective = total**2 / float((xx**2).sum()) if contrasts.any() else 0.0
    if effective < LEAST_CLUSTERS:
        needs = math.ceil(plain.n * LEAST_CLUSTERS / effective) if effective > 0 else None
        return _Tested(replace(plain, needs=needs), None)
    d, agents = float(xy.sum()) / total, int(contrasts.sum())
    without_one = (xy.sum() - xy[contrasts]) / (total - xx[contrasts])
    se = math.sqrt((agents - 1) / agents * float(((without_one - d) ** 2).sum()))
    if se == 0:
        return _Tested(replace(plain, difference=d), None)
    df = effective - 1
    t = float(special.stdtrit(df, 0.975))
    p = 2 * float(special.stdtr(df, -abs(d) / se))
    needs = math.ceil(plain.n * (se * (t + float(special.stdtrit(df, POWER))) / outcome.worth) ** 2)
    return _Tested(replace(plain, difference=d, low=d - t * se, high=d + t * se, needs=max(needs, plain.n + 1)), p)


def worse(link: ValidityLink, outcome: ValidityOutcome) -> bool:
    """Whether a stated link says that the mark goes with something worse for the customer."""
    return link.difference is not None and (link.difference > 0) == outcome.bad


def by_outcome(found: Sequence[ValidityLink]) -> Mapping[str, tuple[ValidityLink, ...]]:
    """The links of each outcome: stated ones first, the largest difference first."""
    order = {LINKED: 0, UNKNOWN: 1, NOTHING: 2}
    made: dict[str, list[ValidityLink]] = {}
    for link in found:
        made.setdefault(link.outcome, []).append(link)
    return {
        name: tuple(
            sorted(ones, key=lambda one: (order[one.verdict], one.difference is None, -abs(one.difference or 0.0)))
        )
        for name, ones in made.items()
    }
