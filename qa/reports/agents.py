"""Everything one agent's page shows: score and best guess, what cost points, red lines, reply times, cases, trend.

An agent reads only their own page, without the names of other agents or inspectors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl
from sqlalchemy import func, select

from qa import scoping
from qa.casefiles.lifecycle import FileState, ruled_at
from qa.casefiles.record import events_of
from qa.casefiles.windows import closes
from qa.errors import Denied, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.reports import metrics as m
from qa.reports.adjusting import Adjustment
from qa.reports.boards import LossBoard, read_losses
from qa.reports.metrics import Metric
from qa.reports.progress import ScopeProgress, read_progress
from qa.reports.results import rule_names
from qa.reports.scope import FactsReader, Scope, readable_of, reading
from qa.reports.standings import read_scores, read_team
from qa.reports.trends import Trend, read_trend
from qa.tables import Agent, Case, Violation
from qa.workbench import Workbench
from scoring import estimate
from scoring.estimate import Estimate
from scoring.label import Label

RULED = ("upheld", "acknowledged", "appealed", "closed")
"""States of a case file that an agent sees: a suspicion is not told before a manager has ruled."""


@dataclass(frozen=True)
class Person:
    """A row of the roster."""

    agent_id: str
    name: str
    team: str
    stage: str
    grade: str
    hired_on: date | None


@dataclass(frozen=True)
class Part:
    """One metric of the agent with its estimate."""

    metric: Metric
    estimate: Estimate


@dataclass(frozen=True)
class LedgerEntry:
    """A red line on the agent's record. `appeal_until` is set while the agent may object: the last moment for it."""

    violation_id: int
    rule_id: str
    rule: Label
    severity: str
    state: str
    occurred_at: datetime | None
    appeal_until: datetime | None


@dataclass(frozen=True)
class Replies:
    """Reply times over all conversations of the period (no sampling, so no interval): medians in seconds, and the share
    of rounds answered in time; the same for the agent's team."""

    conversations: int
    first_reply: float | None
    slowest: float | None
    in_time: float | None
    unanswered: int
    team_first_reply: float | None
    team_in_time: float | None


@dataclass(frozen=True)
class CaseLink:
    """A published case that teaches what cost this agent points."""

    id: int
    title: str
    kind: str
    criterion_id: str | None
    rule_id: str | None


@dataclass(frozen=True)
class AgentReport:
    """The page of one agent. `best_guess` is for display, never the basis of a personnel decision; `more` further
    reviews would halve the interval."""

    person: Person
    scope: Scope
    score: Estimate
    best_guess: float | None
    more: int | None
    team: Estimate
    progress: ScopeProgress
    parts: tuple[Part, ...]
    losses: LossBoard
    elsewhere: LossBoard
    """What policy, warehouse, system or customers cost in this agent's conversations: not on the agent's account."""
    ledger: tuple[LedgerEntry, ...]
    replies: Replies | None
    cases: tuple[CaseLink, ...]
    trend: Trend
    adjustment: Adjustment | None = None
    """What became of the wish for severity-adjusted scores; None when nobody asked."""
    predicted: bool = False
    """Whether predictions of all units went into the score (the difference estimator)."""

    @property
    def pending(self) -> int:
        """Samples that are drawn but not yet decided."""
        return self.progress.pending


def roster(bench: Workbench, actor: Actor) -> list[Person]:
    """Agents whose page `actor` may open: everybody, who is or was in the team they lead, or themselves."""
    require(actor, Right.VIEW_RESULTS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
    days = scoping.days_of(bench, actor)
    with bench.db.read() as session:
        query = select(Agent).order_by(Agent.team, Agent.name, Agent.agent_id)
        if days is not None:
            query = query.where(Agent.agent_id.in_(days.agents()))
        elif actor is not SYSTEM and not actor.may(Right.VIEW_RESULTS):
            query = query.where(Agent.agent_id == actor.agent_id)
        return [_person(actor, row) for row in session.scalars(query)]


def agent_report(
    bench: Workbench,
    actor: Actor,
    *,
    agent_id: str,
    scope: Scope,
    bucket: str = "week",
    reader: FactsReader | None = None,
) -> AgentReport:
    """Everything about one agent in the period and source of `scope` (its filters by person and team do not count).
    `reader` is the look that the page has taken, so that all of it shows the same moment."""
    own = readable_of(actor, agent_id, scope)
    days = scoping.days_of(bench, actor)
    if days is not None and agent_id not in days.agents():
        raise Denied(scoping.OTHERS)
    with reading(bench, reader) as reader:
        row = reader.session.get(Agent, agent_id)
        if row is None:
            raise NotFound(N_("There is no agent “{agent}” on the roster."), agent=agent_id)
        person = _person(actor, row)
        everybody = read_scores(reader, replace(own, agents=()))
        mine = everybody.agents.filter(pl.col("agent_id") == agent_id)
        score = estimate.as_estimates(mine).get(agent_id, estimate.refusal("no_reviews"))
        first = mine.row(0, named=True) if mine.height else None
        losses = read_losses(reader, own, "agent")
        progress = read_progress(reader, own)
        return AgentReport(
            person=person,
            scope=own,
            score=score,
            best_guess=first["best_guess"] if first else None,
            more=first["more"] if first else None,
            team=read_team(reader, replace(own, agents=(), teams=own.teams or ((person.team,) if person.team else ()))),
            progress=progress,
            parts=_parts(reader, own),
            losses=losses,
            elsewhere=read_losses(reader, own, "process"),
            ledger=_ledger(reader, bench, actor, agent_id, own),
            replies=_replies(reader, person, own),
            cases=_cases(reader, losses),
            trend=read_trend(reader, own, "total", "agent", bucket, progress),
            adjustment=everybody.adjustment,
            predicted=everybody.predicted,
        )


def _person(actor: Actor, row: Agent) -> Person:
    team = scoping.team_shown(actor, row.team)
    return Person(row.agent_id, row.name or row.agent_id, team, row.stage, row.grade, row.hired_on)


def _parts(reader: FactsReader, scope: Scope) -> tuple[Part, ...]:
    """Score without red lines and every dimension."""
    rubrics = reader.rubrics()
    chosen = [x for x in m.all_metrics(rubrics) if x.id == "clean" or x.id.startswith("dim:")]
    rows = reader.rows(scope).select("agent_id", "pi", "reason", *m.columns(rubrics, chosen))
    (bounds,) = {metric.bounds for metric in chosen}
    table = estimate.grouped(rows, ["agent_id"], [metric.id for metric in chosen], bounds=bounds)
    by_id = {metric.id: metric for metric in chosen}
    return tuple(
        Part(
            by_id[row["measure"]],
            Estimate(
                row["mean"], row["low"], row["high"], row["n"], row["method"], row["se"], row["df"],
                reason=row["reason"],
            ),
        )
        for row in table.iter_rows(named=True)
    )  # fmt: skip


def _ledger(
    reader: FactsReader, bench: Workbench, actor: Actor, agent_id: str, scope: Scope
) -> tuple[LedgerEntry, ...]:
    first, last = reader.bounds(scope)
    theirs = scoping.seen(bench, actor, Violation.agent_id, func.coalesce(Violation.occurred_at, Violation.opened_at))
    query = select(Violation).where(Violation.agent_id == agent_id, theirs)
    query = query.order_by(Violation.occurred_at.desc(), Violation.id)
    if not actor.reads_others:
        query = query.where(Violation.state.in_(RULED))
    else:
        query = query.where(Violation.state.not_in(("withdrawn", "cleared", "dismissed", "expunged")))
    if first:
        query = query.where(Violation.occurred_at >= first)
    if last:
        query = query.where(Violation.occurred_at < last)
    names = rule_names(bench)
    return tuple(
        LedgerEntry(
            v.id,
            v.rule_id,
            names.get(v.rule_id, Label()),
            v.severity,
            v.state,
            v.occurred_at,
            _appeal_until(reader, v) if v.state == FileState.UPHELD else None,
        )
        for v in reader.session.scalars(query.limit(200))
    )


def _appeal_until(reader: FactsReader, violation: Violation) -> datetime:
    """The window opens with the ruling; an appeal that was taken back does not open it again."""
    return closes(reader.session, ruled_at(events_of(reader.session, violation.id)) or violation.changed_at)


def _replies(reader: FactsReader, person: Person, scope: Scope) -> Replies | None:
    """Reply times of every conversation, from the signals of the archive."""
    first, last = reader.bounds(scope)
    team = scope.teams[0] if scope.teams else person.team
    people = reader.roster.filter(pl.col("team") == team)["agent_id"].to_list() if team else []
    snapshot = reader.bench.archive.at()
    chats = snapshot.scan("conversations").filter(pl.col("agent_id").is_in([*people, person.agent_id]))
    if first:
        chats = chats.filter(pl.col("started_at") >= first)
    if last:
        chats = chats.filter(pl.col("started_at") < last)
    if scope.teams:
        chats = reader.with_team(chats.with_columns(occurred_at=pl.col("started_at")), scope)
    rows = (
        chats.select("conversation_key", "agent_id")
        .join(snapshot.scan("signals"), on="conversation_key")
        .select("agent_id", "first_reply_s", "max_gap_s", "rounds", "rounds_in_time", "unanswered")
        .collect()
    )
    own = rows.filter(pl.col("agent_id") == person.agent_id)
    if own.is_empty():
        return None
    return Replies(
        own.height,
        _median(own["first_reply_s"]),
        _median(own["max_gap_s"]),
        _share(own),
        int(own["unanswered"].sum() or 0),
        _median(rows["first_reply_s"]),
        _share(rows),
    )


def _median(values: pl.Series) -> float | None:
    middle = values.median()
    return float(middle) if isinstance(middle, int | float) else None


def _share(rows: pl.DataFrame) -> float | None:
    rounds = int(rows["rounds"].sum() or 0)
    return int(rows["rounds_in_time"].sum() or 0) / rounds if rounds else None


def _cases(reader: FactsReader, losses: LossBoard) -> tuple[CaseLink, ...]:
    costly = losses.frame.head(5)["id"].to_list()
    if not costly:
        return ()
    query = (
        select(Case.id, Case.title, Case.kind, Case.criterion_id, Case.rule_id)
        .where(Case.state == "published", Case.criterion_id.in_(costly) | Case.rule_id.in_(costly))
        .order_by(Case.changed_at.desc())
        .limit(6)
    )
    return tuple(CaseLink(*row) for row in reader.session.execute(query))
