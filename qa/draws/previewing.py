"""What a plan would draw, before anybody is drawn: frame, counts, shortages, violations and widths to expect, load.

Owns how a plan meets the roster and past results (all of it resolved into values that go on the receipt). Never
given the seed: nothing here can depend on who would be picked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from qa.archive import Snapshot, predictions
from qa.disputes import settled
from qa.disputes.settled import Settled
from qa.draws import frames
from qa.draws.closeness import NORMAL, Closeness, decide
from qa.draws.design import PlanDesign
from qa.draws.evidence import PredictionEvidence, agreement, look, look_machine, reviews
from qa.draws.frames import Period
from qa.draws.goals import GoalOutlook, outlook, wanted
from qa.draws.planned import LARGE, FrameInMemory, FrameOnDisk, Planned, Resolved, planned
from qa.draws.plans import get_plan
from qa.errors import Invalid
from qa.policy import Actor, Right, require
from qa.tables import Agent, Assignment, Draw, NewcomerPlan, User
from qa.workbench import Workbench
from scoring import draw as scoring_draw

TRADE_SHARES = (0.0, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40)


@dataclass(frozen=True)
class Load:
    """Reviews an inspector would receive on top of what is open already."""

    user_id: int
    name: str
    open: int
    new: float
    """Firsts and blind seconds together, dealt evenly; whoever took part in many conversations comes to somewhat
    less."""


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
    evidence: PredictionEvidence
    loads: tuple[Load, ...]
    doubles: int
    """Blind second scores to be dealt: none while there is one inspector, fewer where no second is free."""
    common: int
    """Samples to expect in the common queue, because every inspector took part in the conversation."""
    unscreened: int
    """Units without a risk prediction; they are drawn as average ones."""
    unanswered: int
    """Disputes of the period for which nobody answers: they are not drawn."""
    goal: GoalOutlook | None
    """What the plan's goal takes; None for plans by number."""
    drawn: tuple[date, date] | None
    """Days of a draw of this plan that share a day with the period: it cannot be published then."""


def preview(
    bench: Workbench,
    actor: Actor,
    *,
    period: Period,
    plan_id: int | None = None,
    design: PlanDesign | None = None,
    archive_version: int | None = None,
) -> PlanPreview:
    """Look at what a stored plan would draw, or a design not yet stored (of that plan, when both are given). Writes
    nothing."""
    require(actor, Right.PLAN_DRAW)
    chosen = design or get_plan(bench, actor, plan_id or 0).design
    chosen.check()
    with bench.db.read() as session:
        snapshot = bench.archive.at(archive_version)
        ready, evidence = resolve(session, bench, snapshot, chosen, period)
        figures = ready.figures()
        people = inspectors_of(session, chosen)
        common = _nobodys(snapshot, ready, people)
        doubles = round(chosen.double_share * (figures.reviews - common)) if len(people) > 1 else 0
        loads = _loads(session, people, figures.reviews - common + doubles)
        drawn = drawn_before(session, plan_id, period) if plan_id else None
    days = (drawn.period_from, drawn.period_to) if drawn else None
    unanswered = _unanswered(snapshot, ready.resolved, bench.config.zone)
    told = None
    if chosen.goal is not None:
        chats = figures.agents.filter(pl.col("source") == "chat")
        told = outlook(chosen.goal, ready.resolved.wanted, dict(chats.select("agent_id", "frame").iter_rows()), period)
    return PlanPreview(
        ready.resolved,
        figures,
        ready.by_source(),
        evidence,
        loads,
        doubles,
        common,
        ready.unpredicted(),
        unanswered,
        told,
        days,
    )


def _unanswered(snapshot: Snapshot, resolved: Resolved, zone: ZoneInfo) -> int:
    if not any(quota.source == "dispute" for quota in resolved.design.quotas):
        return 0
    found = frames.disputes(snapshot, resolved.design, resolved.decided, resolved.period.bounds(zone))
    return int(found.select(pl.col("agent_id").is_null().sum()).collect().item())


def drawn_before(session: Session, plan_id: int, period: Period) -> Draw | None:
    """A draw of the plan that shares days with the period."""
    return session.scalars(
        select(Draw)
        .where(Draw.plan_id == plan_id, Draw.period_from <= period.last, Draw.period_to >= period.first)
        .limit(1)
    ).first()


def trade(bench: Workbench, actor: Actor, *, preview: PlanPreview) -> tuple[TradePoint, ...]:
    """The same plan at every pool share of the slider. Without risk predictions there is nothing to trade."""
    require(actor, Right.PLAN_DRAW)
    done = preview.resolved
    if done.screened:
        return ()
    snapshot = bench.archive.at(done.archive_version)
    units = frames.build(snapshot, done.design, done.period, bench.config.zone, done.agents, done.barred, done.decided)
    points = (_trade_point(units, done, share) for share in _shares(units))
    return tuple(point for point in points if point is not None)


def resolve(
    session: Session, bench: Workbench, snapshot: Snapshot, design: PlanDesign, period: Period
) -> tuple[Planned, PredictionEvidence]:
    """Build the frame and decide, from the past alone, intensities and the pool share."""
    agents, zone = _agents_of(session, design), bench.config.zone
    past, agreed = reviews(bench, session, snapshot, period.bounds(zone)[0]), agreement(session, period.bounds(zone)[0])
    versions = frames.model_versions(snapshot, design, period, zone)
    if predictions.is_machine(design.predictor):
        found = look_machine(session, snapshot, design.predictor, past, versions, period, agreed)
    else:
        found = look(session, past, versions, period, agreed)
    undecided = Resolved(
        design,
        period,
        bench.config.time_zone,
        snapshot.version,
        agents,
        (),
        design.pool_share or 0.0,
        " + ".join(found.versions),
        found.residual,
        plain=found.plain,
        lam=found.lam,
        lam_rate=found.lam_rate,
        barred=found.barred,
        decided=_decided(session, snapshot, design, period, zone),
    )
    hired = {agent: day for agent, day in session.execute(select(Agent.agent_id, Agent.hired_on)) if day is not None}
    watched = _newcomers(session, period, zone)
    if not found.versions and not design.pool_share and snapshot.count("conversations") >= LARGE:
        streamed = FrameOnDisk(snapshot, replace(undecided, screened=True))
        if streamed.counts["frame"].sum() >= LARGE:
            people = decide(design, past, hired, period, streamed.counts["agent_id"].unique(), watched)
            looked = _looked_at(streamed.resolved, people)
            if design.goal is not None:
                many = streamed.counts.filter(pl.col("source") == "chat").sort("agent_id")
                chats = many.select(pl.col("agent_id").repeat_by("frame").explode())
                looked = replace(
                    looked,
                    wanted=_all_of(watched, design, chats, wanted(session, design.goal, chats, past, found, period)),
                )
            return FrameOnDisk(snapshot, looked, streamed.counts), found.evidence
    units = frames.build(snapshot, design, period, zone, agents, found.barred, undecided.decided)
    resolved = _looked_at(undecided, decide(design, past, hired, period, units["agent_id"].unique(), watched))
    if design.goal is not None:
        chats = units.filter(pl.col("source") == "chat").select("agent_id", "p")
        resolved = replace(
            resolved, wanted=_all_of(watched, design, chats, wanted(session, design.goal, chats, past, found, period))
        )
    if design.pool_share is None and not units.is_empty():
        resolved = replace(resolved, pool_share=_automatic_share(units, resolved, found.evidence))
    return planned(snapshot, resolved, units), found.evidence


def _newcomers(session: Session, period: Period, zone: ZoneInfo) -> frozenset[str]:
    """Whose plan has begun by the end of the period and had a gate ahead when it began."""
    begins = datetime.combine(period.first, time(), zone).astimezone(UTC)
    ahead = or_(NewcomerPlan.ended_at.is_(None), NewcomerPlan.ended_at >= begins)
    query = select(NewcomerPlan.agent_id).where(NewcomerPlan.start_day <= period.last, ahead)
    return frozenset(session.scalars(query))


def _all_of(
    watched: frozenset[str], design: PlanDesign, chats: pl.DataFrame, by_goal: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, int], ...]:
    """What a goal wants of each agent, and all chats of newcomers."""
    if not watched or not design.adapt:
        return by_goal
    named = {agent for agent, _ in design.intensity}
    there = dict(chats.group_by("agent_id").len().iter_rows())
    return tuple(
        sorted({**dict(by_goal), **{agent: int(there[agent]) for agent in watched - named if agent in there}}.items())
    )


def _decided(
    session: Session, snapshot: Snapshot, design: PlanDesign, period: Period, zone: ZoneInfo
) -> tuple[Settled, ...]:
    if not any(quota.source == "dispute" for quota in design.quotas):
        return ()
    return frames.settled_in(snapshot, settled.in_force(session), period, zone)


def _looked_at(resolved: Resolved, people: tuple[Closeness, ...]) -> Resolved:
    levels = tuple((one.agent_id, one.level) for one in people if one.level != NORMAL)
    return replace(resolved, levels=levels, closeness=people)


def _agents_of(session: Session, design: PlanDesign) -> tuple[str, ...] | None:
    if not design.teams:
        return None
    query = select(Agent.agent_id).where(Agent.team.in_(design.teams)).order_by(Agent.agent_id)
    return tuple(session.scalars(query))


def _automatic_share(units: pl.DataFrame, resolved: Resolved, evidence: PredictionEvidence) -> float:
    """Largest share that costs the team's score no precision, as far as past reviews vouch for the predictions."""
    chats = units.filter(pl.col("source") == "chat")
    if evidence.auc is None or len(_shares(units)) == 1:
        return 0.0
    design = replace(resolved, pool_share=0.0).scoring_design()
    if not math.isfinite(sum(q.per_agent or math.inf for q in design.quotas if q.source == "chat")):
        return 0.0  # everything is reviewed anyway
    frame = chats.select("unit_id", "agent_id", "source", "p", f=100 - pl.col("loss") / 100)
    frame = frame.drop("f") if frame["f"].null_count() else frame
    predicted = frame.with_columns(pl.col("p").fill_null(pl.col("p").mean()))
    return scoring_draw.automatic_share(predicted, design, evidence.record)


def _shares(units: pl.DataFrame) -> tuple[float, ...]:
    chats = units.filter(pl.col("source") == "chat")
    return TRADE_SHARES if chats.height and chats["p"].null_count() < chats.height else (0.0,)


def _trade_point(units: pl.DataFrame, resolved: Resolved, share: float) -> TradePoint | None:
    """None where so large a pool would leave agents without any chance."""
    try:
        figures = FrameInMemory(replace(resolved, pool_share=share), units).figures()
    except Invalid:
        if share == 0.0:
            raise
        return None
    return TradePoint(share, figures.expected_found, figures.lift, figures.team_width, figures.agent_width)


def inspectors_of(session: Session, design: PlanDesign) -> list[tuple[int, str, str | None]]:
    """(user id, name, own agent id) of everybody the draw may be dealt to."""
    query = select(User.id, User.display_name, User.agent_id).where(User.active)
    query = query.where(User.id.in_(design.inspectors)) if design.inspectors else query.where(User.role == "inspector")
    return [(number, name, agent) for number, name, agent in session.execute(query.order_by(User.id))]


def _nobodys(snapshot: Snapshot, ready: Planned, people: Sequence[tuple[int, str, str | None]]) -> int:
    """Samples to expect that no inspector may take, because all of them took part in the conversation."""
    own = {agent for _, _, agent in people if agent}
    if not people or len(own) < len({user for user, _, _ in people}) or not isinstance(ready, FrameInMemory):
        return 0
    everyone = pl.concat_list([pl.col("agent_ids").list.contains(agent) for agent in sorted(own)]).list.all()
    chats = snapshot.scan("conversations").filter(everyone).select("conversation_key")
    keys = chats.collect().to_series()
    chances = ready.details(ready.plan.frame.select("unit_id", "pi"))
    return round(float(chances.filter(pl.col("conversation_key").is_in(keys.implode()))["pi"].sum()))


def _loads(session: Session, people: Sequence[tuple[int, str, str | None]], reviews: int) -> tuple[Load, ...]:
    waiting = dict(
        session.execute(
            select(Assignment.inspector_id, func.count())
            .where(Assignment.finished_at.is_(None), Assignment.inspector_id.is_not(None))
            .group_by(Assignment.inspector_id)
        ).all()
    )
    return tuple(Load(i, name, waiting.get(i, 0), reviews / len(people)) for i, name, _ in people)
