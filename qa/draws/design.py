"""A plan as data: sources and quotas, filters, intensity, pool, double scoring, inspectors; and its JSON form.

Does not know the database, the archive and the seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from qa.archive import predictions
from qa.disputes import responsible
from qa.draws.periods import CADENCES
from qa.errors import Invalid
from qa.i18n import N_
from scoring.draw import Design, DrawError, Goal, Intensity, IntensityRules, Quota, ResidualModel
from scoring.draw.design import PLANNING
from scoring.rubric import SOURCES

SOURCE_NAMES: Mapping[str, str] = {"chat": N_("Chats"), "dispute": N_("Disputes"), "rating": N_("Low ratings")}

PREDICTORS: Mapping[str, str] = {
    predictions.RISK: N_("the risk model, where it may speak"),
    predictions.RULES: N_("the rule score alone"),
}
"""What is always there to lean on; others go by their own name."""


@dataclass(frozen=True)
class SourceQuota:
    """Reviews wanted of one source: so many per agent, or all of them (None)."""

    source: str
    per_agent: float | None


@dataclass(frozen=True)
class PlanDesign:
    """What to draw and how. Empty filters mean everything; `inspectors` empty means every active inspector."""

    quotas: tuple[SourceQuota, ...] = (SourceQuota("chat", 5.0), SourceQuota("dispute", None))
    teams: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    rating_max: int = 2
    pool_share: float | None = None
    """Share of the reviews that goes to the riskiest conversations; None lets the evidence decide."""
    double_share: float = 0.10
    newcomer_weeks: float = 4.0
    reduced_after_clean_periods: int = 6
    adapt: bool = True
    """Whether tenure and past results change how closely an agent is looked at."""
    intensity: tuple[tuple[str, str], ...] = ()
    """Agents named by hand: (agent_id, newcomer | tightened | normal | reduced | all)."""
    inspectors: tuple[int, ...] = ()
    cadence: str = ""
    """How often it draws (`qa.draws.periods`); empty for plans made before there was a choice: as their last draw."""
    complete_only: bool = False
    """Whether conversations of which an import refused a row are left out."""
    predictor: str = predictions.RISK
    """Whose predictions chances and estimates lean on; where it has none, the rule score stands."""
    rubrics: tuple[tuple[str, int], ...] = ()
    """Rubric versions of sources that have one of their own: (source, version). All others are scored on the plan's."""
    responsible: str = responsible.LAST
    """By which rule an agent answers for a dispute (`qa.disputes.responsible`)."""
    goal: Goal | None = None
    """What the chats are to tell of every agent by the end of the month; their number follows from it."""
    automatic: bool = False
    """Whether the night shift publishes its draw when the period is over; else it only says that it is due."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data. `rubrics` and `automatic` only where they say something: a plan made before there was a
        choice stays as it is."""
        data = asdict(self)
        for name in ("rubrics", "automatic"):
            if not data[name]:
                del data[name]
        return data

    def rubric_of(self, source: str) -> int | None:
        """The rubric version that samples of `source` are scored on, where it is not the plan's."""
        return dict(self.rubrics).get(source)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> PlanDesign:
        """Read `to_dict` back. Unknown keys are ignored, absent ones take their default."""
        known = {field.name: data[field.name] for field in fields(PlanDesign) if field.name in data}
        known.setdefault("responsible", responsible.BEFORE)  # plans made before there was a choice keep what they had
        known["quotas"] = tuple(SourceQuota(q["source"], q["per_agent"]) for q in known.get("quotas", ()))
        for name in ("teams", "shops", "channels", "inspectors"):
            known[name] = tuple(known.get(name, ()))
        known["intensity"] = tuple((str(agent), str(level)) for agent, level in known.get("intensity", ()))
        known["rubrics"] = tuple((str(source), int(version)) for source, version in known.get("rubrics", ()))
        if known.get("goal") is not None:
            known["goal"] = goal(**known["goal"])
        return PlanDesign(**known)

    def check(self) -> None:
        """Raise `Invalid` naming the field that cannot be used."""
        if not 1 <= self.rating_max <= 5:
            raise Invalid(N_("Low ratings: expected a score from 1 to 5, found {value}."), value=self.rating_max)
        if self.pool_share is not None and not 0 <= self.pool_share <= 0.4:
            raise Invalid(N_("Pool share: expected 0% to 40%, found {value}%."), value=round(self.pool_share * 100, 1))
        levels = {level.value for level in Intensity}
        for agent, level in self.intensity:
            if level not in levels:
                raise Invalid(
                    N_("Intensity of {agent}: expected one of {expected}, found “{value}”."),
                    agent=agent,
                    expected=", ".join(sorted(levels)),
                    value=level,
                )
        if {source for source, _ in self.rubrics} - set(SOURCES) or len(dict(self.rubrics)) < len(self.rubrics):
            raise Invalid(N_("Rubrics: name each source once, and only sources there are."))
        if self.responsible not in (*responsible.RULES, responsible.BEFORE):
            raise Invalid(N_("There is no rule “{value}” for who answers for a dispute."), value=self.responsible)
        if not self.predictor:
            raise Invalid(N_("Name the predictor that the plan leans on."))
        if self.goal is not None and not any(q.source == "chat" and q.per_agent is not None for q in self.quotas):
            raise Invalid(N_("A goal decides how many chats are drawn: choose so many per agent for chats."))
        if self.cadence and self.cadence not in CADENCES:
            raise Invalid(N_("There is no cadence “{value}”."), value=self.cadence)
        scoring_design(self, period="", pool_share=0.0)


def goal(kind: str, points: float, power: float = 0.8) -> Goal:
    """A goal from plain data. Raises `Invalid`."""
    try:
        return Goal(kind, float(points), float(power))  # type: ignore[arg-type]
    except DrawError as problem:
        raise Invalid(
            N_("Goal: expected 0.5 to 50 points and a power of 50% to 99%, found {points} points and {power}%."),
            points=points,
            power=round(power * 100),
        ) from problem


def scoring_design(
    design: PlanDesign,
    *,
    period: str,
    pool_share: float,
    levels: tuple[tuple[str, str], ...] | None = None,
    residual: tuple[float, float] | None = None,
    plain: tuple[float, float] | None = None,
    lam: float | None = None,
    lam_rate: float | None = None,
    planning: int = PLANNING,
    wanted: tuple[tuple[str, int], ...] = (),
) -> Design:
    """The design as `scoring.draw` takes it, with the pool share that was decided. `levels` states every intensity,
    `residual` the residual variance that past reviews show (None: the ordinary one), `plain` that without predictions,
    `lam` and `lam_rate` the frozen weights of the predictions, `planning` the version of the rules, `wanted` the
    random reviews of single agents' chats."""
    try:
        return Design(
            # Only chats compete for the pool: disputes and low ratings are frames of their own, chosen as a whole.
            quotas=tuple(
                Quota(q.source, q.per_agent, pool_share, wanted) if q.source == "chat" else Quota(q.source, q.per_agent)
                for q in design.quotas
            ),
            period=period,
            intensity=tuple((a, Intensity(level)) for a, level in (design.intensity if levels is None else levels)),
            rules=IntensityRules(design.newcomer_weeks, design.reduced_after_clean_periods),
            double_share=design.double_share,
            residual=ResidualModel() if residual is None else ResidualModel(*residual),
            plain=None if plain is None else ResidualModel(*plain),
            lam=lam,
            lam_rate=lam_rate,
            planning=planning,
        )
    except DrawError as problem:
        raise draw_problem(problem) from problem


class NothingToDraw(Invalid):
    """The frame of the period is empty: no fault of the plan, and no reason for a warning."""


def draw_problem(problem: DrawError) -> Invalid:
    """A fault of the design or the frame as an error users can read."""
    texts = {
        "empty_frame": N_("Nothing to draw from: the archive holds no conversation of this period and these filters."),
        "no_risk": N_(
            "A pool of the riskiest conversations needs risk scores: run the screening first, or set the pool share"
            " to 0%."
        ),
        "no_base_chance": N_(
            "So large a pool would leave {unseen} of {agents} agents without any chance of being drawn: ask for more"
            " reviews per agent, or for a smaller pool."
        ),
        "quotas": N_("Choose at least one source, and each source once."),
        "per_agent": N_("Reviews per agent: expected 0 or more."),
        "double_share": N_("Double scoring: expected a share from 0% to 100%."),
        "pool_share": N_("Pool share: expected 0% to 40%."),
        "repeated_id": N_("The archive holds a unit twice; import it again or tell the maintainer: {detail}"),
        "not_picked": N_("That sample is not part of this draw, or was already replaced."),
    }
    facts = {name: str(problem.facts.get(name, "")) for name in ("unseen", "agents")}
    text = texts.get(problem.code, N_("The draw cannot be made: {detail}"))
    kind = NothingToDraw if problem.code == "empty_frame" else Invalid
    return kind(text, detail=str(problem), **facts)
