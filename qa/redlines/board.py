"""The board of red-line case files: lists, counts, what is overdue, what changed.

The read side: it never writes. Lists are narrow and paged by id, counts stop at a bound, so that the board of a million
files opens as fast as that of a hundred. Does not decide anything, nor know one file in full
(`qa.redlines.detail`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.blinding import shown_files
from qa.casefiles.lifecycle import OPEN_STATES, Clocks, FileState, Step
from qa.casefiles.sanctions import programme
from qa.policy import Actor, Right, require
from qa.rules import stored
from qa.tables import Agent, User, Violation, ViolationEvent
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.risk.odds import Odds

COUNT_BOUND = 10_000


@dataclass(frozen=True)
class Filter:
    """What to list. Empty fields do not restrict."""

    states: tuple[FileState, ...] = ()
    rule_id: str | None = None
    agent_id: str | None = None
    team: str | None = None
    severity: str | None = None
    older_than_days: int | None = None
    overdue: bool = False
    changed_since: datetime | None = None


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    id: int
    state: FileState
    rule_id: str
    severity: str
    agent_id: str
    agent_name: str
    team: str
    occurred_at: datetime | None
    opened_at: datetime
    changed_at: datetime
    due: datetime | None
    hits: int
    excerpt: str
    odds: Odds | None = None
    """Of a suspected file, where the list is in the order of its odds."""


@dataclass(frozen=True)
class BoundedCount:
    """A number of files; `more` when counting stopped at the bound."""

    n: int
    more: bool = False


@dataclass(frozen=True)
class Listing:
    """One page of the list. `after` is the cursor of the next page, None on the last."""

    rows: tuple[Row, ...]
    total: BoundedCount
    after: int | None


@dataclass(frozen=True)
class RecentStep:
    """One recent step, for “what changed since yesterday”."""

    violation_id: int
    rule_id: str
    agent_name: str
    step: Step
    actor_name: str
    at: datetime


def listing(
    bench: Workbench,
    actor: Actor,
    wanted: Filter,
    *,
    now: datetime,
    after: int | None = None,
    limit: int = 50,
    newest_first: bool = True,
) -> Listing:
    """One page of files, newest (or oldest) first."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        rules = programme(session)
        where = conditions(bench, actor, wanted, rules.clocks, now)
        query = rows().where(*where)
        if after is not None:
            query = query.where(Violation.id < after if newest_first else Violation.id > after)
        query = query.order_by(Violation.id.desc() if newest_first else Violation.id).limit(limit + 1)
        found = [row_of(row, rules.clocks) for row in session.execute(query)]
        total = count(session, where)
    found = [
        replace(row, excerpt=shown_text(actor, row.excerpt), team=scoping.team_shown(actor, row.team)) for row in found
    ]
    return Listing(tuple(found[:limit]), total, found[limit - 1].id if len(found) > limit else None)


def counts_by_state(
    bench: Workbench, actor: Actor, wanted: Filter, *, now: datetime
) -> Mapping[FileState, BoundedCount]:
    """How many files stand in each state, with the other filters applied."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        where = conditions(bench, actor, replace(wanted, states=()), programme(session).clocks, now)
        query = _bounded([*where, Violation.state == bindparam("state")])
        return {state: _counted(session.scalar(query, {"state": state.value})) for state in FileState}


def overdue_by_state(
    bench: Workbench, actor: Actor, wanted: Filter, *, now: datetime
) -> Mapping[FileState, BoundedCount]:
    """How many files wait longer than the clock of their step allows, for every step somebody has to take."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        clocks = programme(session).clocks
        where = conditions(bench, actor, replace(wanted, states=(), overdue=False), clocks, now)
        since = bindparam("since", type_=Violation.changed_at.type)
        query = _bounded([*where, Violation.state == bindparam("state"), Violation.changed_at < since])
        return {
            state: _counted(session.scalar(query, {"state": state.value, "since": _due_before(clocks, state, now)}))
            for state in OPEN_STATES
        }


def _due_before(clocks: Clocks, state: FileState, now: datetime) -> datetime:
    """Files in this state that changed before are overdue."""
    return now - timedelta(days=clocks.days(state) or 0)


def added(counts: Iterable[BoundedCount]) -> BoundedCount:
    """Bounded counts added up."""
    listed = list(counts)
    return BoundedCount(sum(count.n for count in listed), any(count.more for count in listed))


@dataclass(frozen=True)
class BoardChoices:
    """What the filters of the board can offer: rules, teams and agents that have files."""

    rule_ids: tuple[str, ...]
    teams: tuple[str, ...]
    agents: tuple[tuple[str, str], ...]


def choices(bench: Workbench, actor: Actor) -> BoardChoices:
    """Values for the filters."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        rules = session.scalars(
            select(Violation.rule_id).where(shown_files(bench, actor)).distinct().order_by(Violation.rule_id)
        ).all()
        agents = session.execute(
            select(Violation.agent_id, func.coalesce(func.max(Agent.name), ""), func.coalesce(func.max(Agent.team), ""))
            .outerjoin(Agent, Agent.agent_id == Violation.agent_id)
            .where(shown_files(bench, actor))
            .group_by(Violation.agent_id)
            .order_by(Violation.agent_id)
            .limit(5_000)
        ).all()
    teams = sorted({scoping.team_shown(actor, team) for _, _, team in agents} - {""})
    return BoardChoices(tuple(rules), tuple(teams), tuple((agent_id, name) for agent_id, name, _ in agents))


Names = Mapping[str, stored.RuleName]
"""Names and severities of rules by id."""


def rule_names(bench: Workbench, actor: Actor) -> Names:
    """Names of all rules, for lists and filters."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        return stored.names(session)


def phrases(
    bench: Workbench, actor: Actor, rule_id: str, agent_id: str | None = None, limit: int = 30
) -> tuple[tuple[str, int], ...]:
    """What was said in the suspected files of one rule, with how often: the false alarms of a rule are often one
    phrase."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    query = select(Violation.evidence).where(
        Violation.rule_id == rule_id, Violation.state == FileState.SUSPECTED.value, shown_files(bench, actor)
    )
    if agent_id:
        query = query.where(Violation.agent_id == agent_id)
    counted: Counter[str] = Counter()
    with bench.db.read() as session:
        for evidence in session.scalars(query.limit(COUNT_BOUND)):
            said = {hit["matched"] for hit in evidence}
            if len(said) == 1:
                counted.update(said - {""})
    return tuple(counted.most_common(limit))


def start_of_yesterday(now: datetime, zone: ZoneInfo) -> datetime:
    """Midnight before last in the business time zone, as UTC: since when “changed since yesterday” looks."""
    day = now.astimezone(zone).date() - timedelta(days=1)
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def changes(bench: Workbench, actor: Actor, *, since: datetime, limit: int = 200) -> tuple[RecentStep, ...]:
    """The latest steps of people since then, newest moment first. What screening opened is counted, not listed."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    machine = [Step.OPEN.value, Step.WITHDRAW.value]
    query = (
        select(ViolationEvent, Violation.rule_id, func.coalesce(Agent.name, Violation.agent_id), User.display_name)
        .join(Violation, Violation.id == ViolationEvent.violation_id)
        .outerjoin(User, User.id == ViolationEvent.actor_id)
        .outerjoin(Agent, Agent.agent_id == Violation.agent_id)
        .where(ViolationEvent.at >= since, ViolationEvent.kind.not_in(machine), shown_files(bench, actor))
        .order_by(ViolationEvent.at.desc(), ViolationEvent.id.desc())
        .limit(limit)
    )
    with bench.db.read() as session:
        return tuple(
            RecentStep(event.violation_id, rule_id, agent, Step(event.kind), name or "", event.at)
            for event, rule_id, agent, name in session.execute(query)
        )


def count_opened(bench: Workbench, actor: Actor, *, since: datetime) -> BoundedCount:
    """How many files were opened since then."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        return count(session, [Violation.opened_at >= since, shown_files(bench, actor)])


# queries


def rows() -> Select[*tuple[Any, ...]]:
    return select(
        Violation.id,
        Violation.state,
        Violation.rule_id,
        Violation.severity,
        Violation.agent_id,
        Agent.name,
        Agent.team,
        Violation.occurred_at,
        Violation.opened_at,
        Violation.changed_at,
        Violation.evidence,
    ).outerjoin(Agent, Agent.agent_id == Violation.agent_id)


def row_of(row: Any, clocks: Clocks) -> Row:
    state = FileState(row.state)
    said = [hit["matched"] for hit in row.evidence if hit["matched"]]
    return Row(
        row.id,
        state,
        row.rule_id,
        row.severity,
        row.agent_id,
        row.name or "",
        row.team or "",
        row.occurred_at,
        row.opened_at,
        row.changed_at,
        clocks.due(state, row.changed_at),
        len(row.evidence),
        " · ".join(dict.fromkeys(said)),
    )


def conditions(
    bench: Workbench, actor: Actor, wanted: Filter, clocks: Clocks, now: datetime
) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [shown_files(bench, actor)]
    if wanted.states:
        where.append(Violation.state.in_([state.value for state in wanted.states]))
    if wanted.rule_id:
        where.append(Violation.rule_id == wanted.rule_id)
    if wanted.agent_id:
        where.append(Violation.agent_id == wanted.agent_id)
    if wanted.team:
        where.append(
            Violation.agent_id.in_(select(Agent.agent_id).where(scoping.of_team(actor, Agent.team, wanted.team)))
        )
    if wanted.severity:
        where.append(Violation.severity == wanted.severity)
    if wanted.older_than_days is not None:
        where.append(Violation.opened_at <= now - timedelta(days=wanted.older_than_days))
    if wanted.changed_since is not None:
        where.append(Violation.changed_at >= wanted.changed_since)
    if wanted.overdue:
        late = [
            and_(Violation.state == state.value, Violation.changed_at < _due_before(clocks, state, now))
            for state in OPEN_STATES
        ]
        where.append(or_(*late))
    return where


def count(session: Session, where: list[ColumnElement[bool]]) -> BoundedCount:
    return _counted(session.scalar(_bounded(where)))


def _bounded(where: list[ColumnElement[bool]]) -> Select[int]:
    return select(func.count()).select_from(select(Violation.id).where(*where).limit(COUNT_BOUND + 1).subquery())


def _counted(n: int | None) -> BoundedCount:
    return BoundedCount(min(n or 0, COUNT_BOUND), (n or 0) > COUNT_BOUND)
