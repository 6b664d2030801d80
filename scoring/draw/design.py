"""What a draw is asked to do, as data: quotas per source, the pool of certain reviews, intensities, weight cap.

Owns the design and its validation. Does not know the archive, the database and the seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.frames import Table, table

SOURCES = ("chat", "dispute", "rating")
#: The rules by which a plan is made. 1 gave ties of the pool to the smallest id and let the pool leave agents without
#: any chance; it is kept so that draws published under it can be made again.
PLANNING = 2
#: Predictions never count for more than this.
LARGEST_LAMBDA = 1.2


class DrawError(ValueError):
    """A draw that cannot be made as asked. ``code`` names the fault, ``facts`` the values to put into a message."""

    def __init__(self, code: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.code = code
        self.facts = facts


class Intensity(StrEnum):
    """How closely an agent is looked at, decided from *past* periods only, so that π stays known."""

    NEWCOMER = "newcomer"
    TIGHTENED = "tightened"
    NORMAL = "normal"
    REDUCED = "reduced"
    ALL = "all"


MULTIPLIER: Mapping[Intensity, float] = {
    Intensity.NEWCOMER: 2.0,
    Intensity.TIGHTENED: 2.0,
    Intensity.NORMAL: 1.0,
    Intensity.REDUCED: 0.5,
    Intensity.ALL: math.inf,
}


@dataclass(frozen=True, slots=True)
class ResidualModel:
    """Residual variance of a score in points²: a + b·p(1−p), p the predicted probability of a violation.

    The defaults stand for an ordinary spread of 8 points and a red line worth 45, until past reviews say better.
    """

    a: float = 64.0
    b: float = 2025.0

    def __post_init__(self) -> None:
        if not (self.a >= 0 and self.b >= 0 and self.a + self.b > 0):
            raise DrawError("residual_model", f"expected a ≥ 0 and b ≥ 0, not both 0; found a={self.a}, b={self.b}")

    def variance(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """The residual variances in points² that go with these probabilities of a violation."""
        return self.a + self.b * p * (1.0 - p)


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What past reviews say of the risk model: out-of-fold AUC, labels and violations it was measured on.

    ``auc`` is None for the rule score of a cold start, which no label has judged yet. ``agreement`` is how far two
    blind readings of one conversation agree on violations (Cohen's κ, None where too few doubles tell): labels that are
    wrong now and then make a good model look bad.
    """

    auc: float | None
    labels: int
    violations: int
    agreement: float | None = None

    @property
    def cleared_auc(self) -> float | None:
        """The AUC without the noise of the labels: ½ + (AUC − ½)/√κ. Wrong labels shrink AUC − ½ by 1 − α − β (Menon,
        van Rooyen, Ong & Williamson 2015), which is the correlation of a label with the truth where inspectors miss as
        many violations as they see too many, and √κ where two are alike (Spearman 1904). Nothing is added to an AUC
        that chance alone would give.
        """
        if self.auc is None or not self.agreement or not 0 < self.agreement < 1 or self.auc <= self._by_chance():
            return self.auc
        return min(0.5 + (self.auc - 0.5) / math.sqrt(self.agreement), 1.0)

    def _by_chance(self) -> float:
        """What a worthless model exceeds one time in twenty: standard error of AUC ½ is √((m+n+1)/12mn) (Mann & Whitney
        1947)."""
        bad, good = self.violations, self.labels - self.violations
        if bad <= 0 or good <= 0:
            return 1.0
        return 0.5 + 1.6449 * math.sqrt((bad + good + 1) / (12.0 * bad * good))


@dataclass(frozen=True, slots=True)
class History:
    """What past reviews say before a draw, as ``learn`` reads it from them. ``agents``: agent_id, below_team and, where
    periods are known, clean_periods; ``residual`` what predictions leave unexplained; ``record`` how well p foretold
    violations; ``plain`` the spread of the
    scores themselves, what f explains included; ``lam`` the weight that f has earned for means and ``lam_rate`` that of
    p for rates; ``reviews`` how many there were."""

    agents: pl.DataFrame
    residual: ResidualModel
    record: ModelRecord
    lam: float
    reviews: int
    lam_rate: float = 0.0
    plain: ResidualModel | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """Reviews wanted from one source: ``per_agent`` in the period (None = take all), ``pool_share`` of them by risk
    (None = the largest share that costs the team's score no precision, see ``automatic_share``). ``agents`` names the
    random reviews of single agents, in place of ``per_agent`` and whatever closeness would make of it (see
    ``precision``); the pool comes on top of them."""

    source: str
    per_agent: float | None
    pool_share: float | None = 0.0
    agents: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise DrawError(
                "source", f"expected one of {', '.join(SOURCES)}; found {self.source!r}", source=self.source
            )
        if self.per_agent is not None and not self.per_agent >= 0:
            raise DrawError("per_agent", f"expected 0 or more reviews per agent; found {self.per_agent}")
        if any(reviews < 0 for _, reviews in self.agents):
            raise DrawError("per_agent", "expected 0 or more reviews of every agent")
        if self.pool_share is not None and not 0.0 <= self.pool_share <= 1.0:
            raise DrawError("pool_share", f"expected a pool share between 0 and 1; found {self.pool_share}")


@dataclass(frozen=True, slots=True)
class IntensityRules:
    """When past periods change an agent's intensity: newcomers by tenure, tightened and reduced by earlier results."""

    newcomer_weeks: float = 4.0
    reduced_after_clean_periods: int = 6


@dataclass(frozen=True, slots=True)
class Design:
    """One plan. ``period`` labels it and rotates who receives the odd review when a total does not divide evenly.

    ``lam`` and ``lam_rate`` are the weights of the predictions in means and rates, frozen before the draw so that no
    result can choose them (None: not decided; ``plan`` takes them from a ``History``). ``plain`` is the variance of the
    scores without predictions, which a pool share is compared with (None: from ``residual`` and f). ``planning`` is the
    version of the rules.
    """

    quotas: tuple[Quota, ...]
    period: str = ""
    residual: ResidualModel = field(default_factory=ResidualModel)
    weight_cap: float = 3.3
    intensity: tuple[tuple[str, Intensity], ...] = ()
    rules: IntensityRules = field(default_factory=IntensityRules)
    double_share: float = 0.10
    lam: float | None = None
    lam_rate: float | None = None
    plain: ResidualModel | None = None
    planning: int = PLANNING

    def __post_init__(self) -> None:
        for name, lam in (("lam", self.lam), ("lam_rate", self.lam_rate)):
            if lam is not None and not 0.0 <= lam <= LARGEST_LAMBDA:
                raise DrawError("lam", f"expected {name} between 0 and {LARGEST_LAMBDA}; found {lam}")
        if not self.quotas:
            raise DrawError("quotas", "expected at least one quota; found none")
        if len({q.source for q in self.quotas}) != len(self.quotas):
            raise DrawError("quotas", "expected one quota per source; found a source twice")
        if not self.weight_cap >= 1.0:
            raise DrawError("weight_cap", f"expected a weight cap of 1 or more; found {self.weight_cap}")
        if not 0.0 <= self.double_share <= 1.0:
            raise DrawError(
                "double_share", f"expected a double-scored share between 0 and 1; found {self.double_share}"
            )


def intensities(agents: pl.Series, design: Design, history: Table | None) -> dict[str, Intensity]:
    """Return every agent's intensity: named in the design, else stated in history, else derived from history.

    ``history`` has a row per agent: ``agent_id`` and any of ``intensity`` (a level), ``tenure_weeks``, ``below_team``
    (last period's statement) and ``clean_periods`` (consecutive periods without a violation); or it is a ``History``,
    to which agents without any past review are newcomers.
    """
    people = agents.cast(pl.String).to_list()
    learned = isinstance(history, History)
    levels = dict.fromkeys(people, Intensity.NEWCOMER if learned else Intensity.NORMAL)
    if history is not None:
        rows = history.agents if isinstance(history, History) else table(history, "history")
        if "agent_id" not in rows.columns:
            raise DrawError(
                "columns", "expected history to have a row per agent with agent_id; see learn() for past reviews"
            )
        if rows["agent_id"].n_unique() != rows.height:
            raise DrawError("history", "expected a row per agent in history; for past reviews, pass learn(reviews)")
        for row in rows.with_columns(pl.col("agent_id").cast(pl.String)).iter_rows(named=True):
            if row["agent_id"] in levels:
                levels[row["agent_id"]] = _from_history(row, design.rules)
    for agent, level in design.intensity:
        if agent in levels:
            levels[agent] = _level(level)
    return levels


def _level(stated: object) -> Intensity:
    try:
        return Intensity(str(stated))
    except ValueError:
        known = ", ".join(Intensity)
        raise DrawError("intensity", f"expected an intensity of {known}; found {stated!r}") from None


def _from_history(row: Mapping[str, object], rules: IntensityRules) -> Intensity:
    stated, weeks, clean = row.get("intensity"), row.get("tenure_weeks"), row.get("clean_periods")
    if stated is not None:
        return _level(stated)
    if isinstance(weeks, (int, float)) and weeks < rules.newcomer_weeks:
        return Intensity.NEWCOMER
    if row.get("below_team"):
        return Intensity.TIGHTENED
    if isinstance(clean, int) and clean >= rules.reduced_after_clean_periods:
        return Intensity.REDUCED
    return Intensity.NORMAL


def informed(design: Design, history: Table | None) -> Design:
    """Return the design with what a ``History`` measured: the residual model and the weights of the predictions, unless
    it has its own."""
    if not isinstance(history, History):
        return design
    residual = history.residual if design.residual == ResidualModel() else design.residual
    lam = history.lam if design.lam is None else design.lam
    lam_rate = history.lam_rate if design.lam_rate is None else design.lam_rate
    plain = history.plain if design.plain is None and design.residual == ResidualModel() else design.plain
    return replace(design, residual=residual, lam=lam, lam_rate=lam_rate, plain=plain)
