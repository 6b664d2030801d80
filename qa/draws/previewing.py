"""What a plan would draw, before anybody is drawn: frame, counts, shortages, violations and widths to expect, load.

Owns how a plan meets the roster and past results (all of it resolved into values that go on the receipt). Refuses to
know the seed: nothing here can depend on who would be picked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.draws import frames
from qa.draws.design import PlanDesign, draw_problem, scoring_design
from qa.draws.evidence import Evidence, look
from qa.draws.frames import Period
from qa.draws.plans import get_plan
from qa.policy import Actor, Right, require
from qa.tables import Agent, Assignment, Sample, User, Verdict
from qa.workbench import Workbench
from scoring import draw as scoring_draw
from scoring.draw import DrawError

TRADE_SHARES = (0.0, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40)


@dataclass(frozen=True)
class Resolved:
    """A design meeting one period: everything the probabilities depend on, as values that go on the receipt."""

    design: PlanDesign
    period: Period
    time_zone: str
    archive_version: int
    agents: tuple[str, ...] | None
    levels: tuple[tuple[str, str], ...]
    pool_share: float
    model_version: str
    residual: tuple[float, float] | None = None
    """Residual variance a + b·p(1−p) of past reviews, in points²; None while there are too few."""
    barred: tuple[str, ...] = ()
    """Risk models that learnt from days of the period: their predictions are not used."""


@dataclass(frozen=True)
class Load:
    """Reviews an inspector would receive on top of what is open already."""

    user_id: int
    name: str
    open: int
    new: float


@dataclass(frozen=True)
class TradePoint:
    """One position of the slider: more violations found against wider intervals."""

    pool_share: float
    expected_found: float
    lift: float | None
    team_width: float | None
    agent_width: float | None


@dataclass(frozen=True)
class PlanPreview:
    """Everything shown before publishing. `figures` are those of `scoring.draw.preview`."""

    resolved: Resolved
    figures: scoring_draw.Preview
    frame_by_source: Mapping[str, int]
    evidence: Evidence
    loads: tuple[Load, ...]
    doubles: int
    unscreened: int
    """Units without a risk prediction; they are drawn as average ones."""


def preview(
    bench: Workbench, actor: Actor, *, period: Period, plan_id: int | None = None, design: PlanDesign | None = None,
    archive_version: int | None = None,
) -> PlanPreview:
    """Look at what a stored plan, or a design not yet stored, would draw. Writes nothing."""
    require(actor, Right.PLAN_DRAW)
    chosen = design or get_plan(bench, actor, plan_id or 0).design
    chosen.check()
    with bench.db.read() as session:
        snapshot = bench.archive.at(archive_version)
        units, resolved, evidence = resolve(session, bench, snapshot, chosen, period)
        planned = planned_frame(units, resolved)
        figures = scoring_draw.preview(planned)
        doubles = round(chosen.double_share * figures.reviews)
        loads = _loads(session, chosen, figures.reviews + doubles)
    by_source = dict(units.group_by("source").len().sort("source").iter_rows())
    return PlanPreview(resolved, figures, by_source, evidence, loads, doubles, units["p"].null_count())


def trade(bench: Workbench, actor: Actor, *, preview: PlanPreview) -> tuple[TradePoint, ...]:
    """The same plan at every pool share of the slider. Without risk predictions there is nothing to trade."""
    require(actor, Right.PLAN_DRAW)
    done = preview.resolved
    snapshot = bench.archive.at(done.archive_version)
    units = frames.build(snapshot, done.design, done.period, bench.config.zone, done.agents, done.barred)
    return tuple(_trade_point(units, done, share) for share in _shares(units))


def resolve(
    session: Session, bench: Workbench, snapshot: Snapshot, design: PlanDesign, period: Period
) -> tuple[pl.DataFrame, Resolved, Evidence]:
    """Build the frame and decide, from the past alone, intensities and the pool share."""
    agents = _agents_of(session, design)
    zone = bench.config.zone
    before = period.bounds(zone)[0]
    found = look(session, frames.model_versions(snapshot, period, zone), period, before)
    units = frames.build(snapshot, design, period, zone, agents, found.barred)
    undecided = Resolved(
        design, period, bench.config.time_zone, snapshot.version, agents, _levels(session, design, period, before, units),
        design.pool_share or 0.0, " + ".join(found.versions), found.residual, found.barred,
    )
    evidence = found.evidence
    if design.pool_share is not None or units.is_empty():
        return units, undecided, evidence
    share = _automatic_share(units, undecided, evidence)
    return units, _with_share(undecided, share), evidence


def planned_frame(units: pl.DataFrame, resolved: Resolved) -> scoring_draw.Plan:
    """The inclusion probability of every unit; depends on nothing but its arguments."""
    design = scoring_design(
        resolved.design, period=resolved.period.label, pool_share=resolved.pool_share, levels=resolved.levels,
        residual=resolved.residual,
    )
    columns = ["unit_id", "agent_id", "source"]
    if units["p"].null_count() < units.height:
        columns.append("p")
    known = units.select(columns)
    if "p" in columns and known["p"].null_count():
        # A unit nobody could predict counts as the average one, also where the riskiest are picked. Sorted first: a sum of
        # floats depends on its order, and the draw must come out the same to the last bit when it is verified.
        known = known.sort("unit_id").with_columns(pl.col("p").fill_null(pl.col("p").mean()))
    try:
        return scoring_draw.plan(known, design)
    except DrawError as problem:
        raise draw_problem(problem) from problem


def _with_share(resolved: Resolved, share: float) -> Resolved:
    return replace(resolved, pool_share=share)


def _agents_of(session: Session, design: PlanDesign) -> tuple[str, ...] | None:
    if not design.teams:
        return None
    query = select(Agent.agent_id).where(Agent.team.in_(design.teams)).order_by(Agent.agent_id)
    return tuple(session.scalars(query))


def _levels(
    session: Session, design: PlanDesign, period: Period, before: datetime, units: pl.DataFrame
) -> tuple[tuple[str, str], ...]:
    """Every agent's intensity that is not the normal one, stated as a value."""
    people = units["agent_id"].unique().sort()
    history = _history(session, period, before) if design.adapt else None
    decided = scoring_draw.intensities(people, scoring_design(design, period="", pool_share=0.0), history)
    return tuple(sorted((agent, level.value) for agent, level in decided.items() if level.value != "normal"))


def _history(session: Session, period: Period, before: datetime) -> pl.DataFrame:
    """Tenure at the first day of the period, and how many past months in a row were reviewed and clean."""
    hired = {a: (period.first - day).days / 7 for a, day in session.execute(
        select(Agent.agent_id, Agent.hired_on).where(Agent.hired_on.is_not(None))
    ) if day is not None}
    results = session.execute(
        select(Verdict.agent_id, Sample.occurred_at, Verdict.total, Verdict.outcome)
        .join(Sample, Sample.id == Verdict.sample_id)
        .where(Verdict.is_current, Verdict.kind != "withdrawn", Sample.occurred_at < before)
    )
    months: dict[str, dict[int, bool]] = {}
    for agent, moment, _total, outcome in results:
        ago = (before.year - moment.year) * 12 + before.month - moment.month
        clean = months.setdefault(agent, {})
        clean[ago] = clean.get(ago, True) and not outcome.get("redlines")
    rows = [
        {"agent_id": a, "tenure_weeks": hired.get(a), "clean_periods": _clean_run(months.get(a, {}))}
        for a in sorted(hired.keys() | months.keys())
    ]
    return pl.DataFrame(rows, schema={"agent_id": pl.String, "tenure_weeks": pl.Float64, "clean_periods": pl.Int64})


def _clean_run(months: Mapping[int, bool]) -> int:
    run = 0
    for ago in sorted(months):
        if not months[ago]:
            break
        run += 1
    return run


def _automatic_share(units: pl.DataFrame, resolved: Resolved, evidence: Evidence) -> float:
    """Largest share that costs the team's score no precision, as far as past reviews vouch for the predictions."""
    chats = units.filter(pl.col("source") == "chat")
    if evidence.auc is None or len(_shares(units)) == 1:
        return 0.0
    design = scoring_design(
        resolved.design, period=resolved.period.label, pool_share=0.0, levels=resolved.levels, residual=resolved.residual
    )
    if not math.isfinite(sum(q.per_agent or math.inf for q in design.quotas if q.source == "chat")):
        return 0.0  # everything is reviewed anyway
    frame = chats.select("unit_id", "agent_id", "source", "p", f=100 - pl.col("loss") / 100)
    frame = frame.drop("f") if frame["f"].null_count() else frame
    record = scoring_draw.ModelRecord(evidence.auc, evidence.labels, evidence.violations)
    return scoring_draw.automatic_share(frame.with_columns(pl.col("p").fill_null(pl.col("p").mean())), design, record)


def _shares(units: pl.DataFrame) -> tuple[float, ...]:
    chats = units.filter(pl.col("source") == "chat")
    return TRADE_SHARES if chats.height and chats["p"].null_count() < chats.height else (0.0,)


def _trade_point(units: pl.DataFrame, resolved: Resolved, share: float) -> TradePoint:
    figures = scoring_draw.preview(planned_frame(units, _with_share(resolved, share)))
    return TradePoint(share, figures.expected_found, figures.lift, figures.team_width, figures.agent_width)


def inspectors_of(session: Session, design: PlanDesign) -> list[tuple[int, str, str | None]]:
    """(user id, name, own agent id) of everybody the draw may be dealt to."""
    query = select(User.id, User.display_name, User.agent_id).where(User.active)
    query = query.where(User.id.in_(design.inspectors)) if design.inspectors else query.where(User.role == "inspector")
    return [(number, name, agent) for number, name, agent in session.execute(query.order_by(User.id))]


def _loads(session: Session, design: PlanDesign, reviews: int) -> tuple[Load, ...]:
    people = inspectors_of(session, design)
    waiting = dict(
        session.execute(
            select(Assignment.inspector_id, func.count())
            .where(Assignment.finished_at.is_(None), Assignment.inspector_id.is_not(None))
            .group_by(Assignment.inspector_id)
        ).all()
    )
    return tuple(Load(i, name, waiting.get(i, 0), reviews / len(people)) for i, name, _ in people)
