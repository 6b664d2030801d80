"""The board of red-line case files: lists, counts, one file in full, repeats, what is overdue, what changed.

The read side: it never writes. Lists are narrow and paged by id, counts stop at a bound, so that the board of a million
files opens as fast as that of a hundred. Refuses to decide anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from qa import masking, rulebook
from qa.casefile import Evidence, transcript_now
from qa.errors import NotFound
from qa.i18n import N_
from qa.lifecycle import OPEN_STATES, STANDING, Clocks, Event, Refusal, State, Step, options
from qa.policy import RIGHTS, Actor, Right, require, require_own
from qa.sanctions import Programme, programme
from qa.tables import Agent, Transcript, User, Verdict, Violation, ViolationEvent
from qa.workbench import Workbench

COUNT_BOUND = 10_000


@dataclass(frozen=True)
class Filter:
    """What to list. Empty fields do not restrict."""

    states: tuple[State, ...] = ()
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
    state: State
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


@dataclass(frozen=True)
class Count:
    """A number of files; `more` when counting stopped at the bound."""

    n: int
    more: bool = False


@dataclass(frozen=True)
class Listing:
    """One page of the list. `after` is the cursor of the next page, None on the last."""

    rows: tuple[Row, ...]
    total: Count
    after: int | None


@dataclass(frozen=True)
class Entry:
    """One step in the history of a file."""

    step: Step
    actor_id: int | None
    actor_name: str
    at: datetime
    reason: str | None


@dataclass(frozen=True)
class Effect:
    """What the red line does to the score of the inspected sample, in centi-points; `verdict_id` names the source."""

    verdict_id: int
    total: int
    total_without_redlines: int


@dataclass(frozen=True)
class CaseFile:
    """One file in full. `transcript` is unmasked; `frozen` says whether it is the evidence or the archive as it is now."""

    row: Row
    conversation_key: str
    rule_version: int
    evidence: tuple[Evidence, ...]
    history: tuple[Entry, ...]
    transcript: Mapping[str, Any]
    frozen: bool
    options: Mapping[Step, Refusal | None]
    repeats: int
    repeats_same_rule: int
    sanction: tuple[str, str] | None
    effect: Effect | None
    clocks: Clocks


@dataclass(frozen=True)
class Change:
    """One recent step, for “what changed since yesterday”."""

    violation_id: int
    rule_id: str
    agent_id: str
    step: Step
    actor_name: str
    at: datetime


def listing(
    bench: Workbench, actor: Actor, wanted: Filter, *, now: datetime, after: int | None = None, limit: int = 50, newest_first: bool = True
) -> Listing:
    """One page of files, newest (or oldest) first."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        rules = programme(session)
        where = _conditions(wanted, rules.clocks, now)
        query = _rows().where(*where)
        if after is not None:
            query = query.where(Violation.id < after if newest_first else Violation.id > after)
        query = query.order_by(Violation.id.desc() if newest_first else Violation.id).limit(limit + 1)
        found = [_row(row, rules.clocks) for row in session.execute(query)]
        total = _count(session, where)
    if not actor.may(Right.UNMASK):
        found = [replace(row, excerpt=masking.mask_text(row.excerpt)) for row in found]
    return Listing(tuple(found[:limit]), total, found[limit - 1].id if len(found) > limit else None)


def counts_by_state(bench: Workbench, actor: Actor, wanted: Filter, *, now: datetime) -> Mapping[State, Count]:
    """How many files stand in each state, with the other filters applied."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        clocks = programme(session).clocks
        found = {}
        for state in State:
            one = Filter(**{**wanted.__dict__, "states": (state,)})
            found[state] = _count(session, _conditions(one, clocks, now))
    return found


def count_overdue(bench: Workbench, actor: Actor, wanted: Filter, *, now: datetime) -> Count:
    """How many files wait longer than their clock allows."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        return _count(session, _conditions(Filter(**{**wanted.__dict__, "overdue": True}), programme(session).clocks, now))


@dataclass(frozen=True)
class Choices:
    """What the filters of the board can offer: rules, teams and agents that have files."""

    rule_ids: tuple[str, ...]
    teams: tuple[str, ...]
    agents: tuple[tuple[str, str], ...]


def choices(bench: Workbench, actor: Actor) -> Choices:
    """Values for the filters."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        rules = session.scalars(select(Violation.rule_id).distinct().order_by(Violation.rule_id)).all()
        agents = session.execute(
            select(Violation.agent_id, func.coalesce(func.max(Agent.name), ""), func.coalesce(func.max(Agent.team), ""))
            .outerjoin(Agent, Agent.agent_id == Violation.agent_id)
            .group_by(Violation.agent_id)
            .order_by(Violation.agent_id)
            .limit(5_000)
        ).all()
    teams = sorted({team for _, _, team in agents if team})
    return Choices(tuple(rules), tuple(teams), tuple((agent_id, name) for agent_id, name, _ in agents))


Names = Mapping[str, rulebook.RuleName]
"""Names and severities of rules by id."""


def rule_names(bench: Workbench, actor: Actor) -> Names:
    """Names of all rules, for lists and filters."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        return rulebook.names(session)


def phrases(bench: Workbench, actor: Actor, rule_id: str, agent_id: str | None = None, limit: int = 30) -> tuple[tuple[str, int], ...]:
    """What was said in the suspected files of one rule, with how often: the false alarms of a rule are often one phrase."""
    require(actor, Right.VIEW_VIOLATIONS)
    query = select(Violation.evidence).where(Violation.rule_id == rule_id, Violation.state == State.SUSPECTED.value)
    if agent_id:
        query = query.where(Violation.agent_id == agent_id)
    counted: Counter[str] = Counter()
    with bench.db.read() as session:
        for evidence in session.scalars(query.limit(COUNT_BOUND)):
            said = {hit["matched"] for hit in evidence}
            if len(said) == 1:
                counted.update(said)
    return tuple(counted.most_common(limit))


def case_file(bench: Workbench, actor: Actor, violation_id: int, *, now: datetime) -> CaseFile:
    """One file with its transcript, history and what `actor` can do with it. Changes nothing."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        rules = programme(session)
        found = session.execute(_rows().where(Violation.id == violation_id)).one_or_none()
        violation = session.get(Violation, violation_id)
        if found is None or violation is None:
            raise NotFound(N_("There is no case file {id}."), id=violation_id)
        history = _history(session, violation_id)
        frozen = session.get(Transcript, violation.transcript_id) if violation.transcript_id else None
        repeats, same = count_repeats(session, violation.agent_id, violation.rule_id, now, rules.clocks, excluding=violation_id)
        effect = _effect(session, violation.sample_id)
    content = frozen.content if frozen else transcript_now(bench.archive, violation.conversation_key, violation.agent_id)
    evidence = tuple(Evidence(**hit) for hit in violation.evidence)
    row = _row(found, rules.clocks)
    if not actor.may(Right.UNMASK):
        # masking changes the length of a text: marks go by whole messages then
        content = masking.mask_transcript(content)
        evidence = tuple(Evidence(hit.seq, 0, 0, masking.mask_text(hit.matched)) for hit in evidence)
        row = replace(row, excerpt=masking.mask_text(row.excerpt))
    events = [Event(entry.step, entry.actor_id, entry.at) for entry in history]
    counted = repeats + (1 if violation.state in STANDING or violation.state in (State.SUSPECTED, State.CONFIRMED) else 0)
    rung = rules.rung(counted)
    return CaseFile(
        row=row, conversation_key=violation.conversation_key, rule_version=violation.rule_version,
        evidence=evidence, history=tuple(history), transcript=content,
        frozen=frozen is not None,
        options=options(events, actor.user_id or None, RIGHTS[actor.role], at=now, clocks=rules.clocks),
        repeats=repeats, repeats_same_rule=same, sanction=(rung.zh, rung.en) if rung else None, effect=effect,
        clocks=rules.clocks,
    )  # fmt: skip


def count_repeats(
    session: Session, agent_id: str, rule_id: str, now: datetime, clocks: Clocks, *, excluding: int | None = None
) -> tuple[int, int]:
    """Standing violations of `agent_id` within the record period: of all rules, and of this one."""
    since = now - timedelta(days=clocks.record_days)
    where = [
        Violation.agent_id == agent_id,
        Violation.state.in_([state.value for state in STANDING]),
        func.coalesce(Violation.occurred_at, Violation.opened_at) >= since,
    ]
    if excluding is not None:
        where.append(Violation.id != excluding)
    total = session.scalar(select(func.count()).select_from(Violation).where(*where)) or 0
    same = session.scalar(select(func.count()).select_from(Violation).where(*where, Violation.rule_id == rule_id)) or 0
    return total, same


@dataclass(frozen=True)
class Repeats:
    """An agent's standing violations in the record period and the configured sanction text."""

    agent_id: str
    agent_name: str
    team: str
    count: int
    by_rule: Mapping[str, int]
    sanction: tuple[str, str] | None


def repeats(bench: Workbench, actor: Actor, *, now: datetime, team: str | None = None, limit: int = 200) -> tuple[Repeats, ...]:
    """Agents with standing violations in the record period, most first."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        rules = programme(session)
        since = now - timedelta(days=rules.clocks.record_days)
        query = (
            select(Violation.agent_id, Violation.rule_id, func.count(), func.max(Agent.name), func.max(Agent.team))
            .outerjoin(Agent, Agent.agent_id == Violation.agent_id)
            .where(Violation.state.in_([state.value for state in STANDING]))
            .where(func.coalesce(Violation.occurred_at, Violation.opened_at) >= since)
            .group_by(Violation.agent_id, Violation.rule_id)
        )
        if team:
            query = query.where(Agent.team == team)
        rows = session.execute(query).all()
    return _ranked(rows, rules)[:limit]


def _ranked(rows: Any, rules: Programme) -> tuple[Repeats, ...]:
    by_agent: dict[str, dict[str, int]] = {}
    names: dict[str, tuple[str, str]] = {}
    for agent_id, rule_id, n, name, team in rows:
        by_agent.setdefault(agent_id, {})[rule_id] = n
        names[agent_id] = (name or "", team or "")
    found = []
    for agent_id, counted in by_agent.items():
        total = sum(counted.values())
        rung = rules.rung(total)
        found.append(Repeats(agent_id, *names[agent_id], total, counted, (rung.zh, rung.en) if rung else None))
    return tuple(sorted(found, key=lambda one: (-one.count, one.agent_id)))


def start_of_yesterday(now: datetime, zone: ZoneInfo) -> datetime:
    """Midnight before last in the business time zone, as UTC: since when “changed since yesterday” looks."""
    day = now.astimezone(zone).date() - timedelta(days=1)
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def changes(bench: Workbench, actor: Actor, *, since: datetime, limit: int = 200) -> tuple[Change, ...]:
    """The latest steps of people since then, newest first. What screening opened is counted by the list, not here."""
    require(actor, Right.VIEW_VIOLATIONS)
    machine = [Step.OPEN.value, Step.WITHDRAW.value]
    query = (
        select(ViolationEvent, Violation.rule_id, Violation.agent_id, User.display_name)
        .join(Violation, Violation.id == ViolationEvent.violation_id)
        .outerjoin(User, User.id == ViolationEvent.actor_id)
        .where(ViolationEvent.at >= since, ViolationEvent.kind.not_in(machine))
        .order_by(ViolationEvent.id.desc())
        .limit(limit)
    )
    with bench.db.read() as session:
        return tuple(
            Change(event.violation_id, rule_id, agent_id, Step(event.kind), name or "", event.at)
            for event, rule_id, agent_id, name in session.execute(query)
        )


def count_opened(bench: Workbench, actor: Actor, *, since: datetime) -> Count:
    """How many files were opened since then."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        return _count(session, [Violation.opened_at >= since])


def programme_in_force(bench: Workbench, actor: Actor) -> Programme:
    """Clocks and sanction ladder."""
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        return programme(session)


@dataclass(frozen=True)
class Own:
    """A violation as the agent concerned sees it."""

    row: Row
    evidence: tuple[Evidence, ...]
    reason: str | None
    may_answer: bool


def own(bench: Workbench, actor: Actor, agent_id: str, *, now: datetime, limit: int = 100) -> tuple[Own, ...]:
    """Upheld violations of one agent with the ruling's reason: what the agent concerned (or a reader of all) may see."""
    require_own(actor, agent_id)
    visible = [state.value for state in STANDING]
    with bench.db.read() as session:
        clocks = programme(session).clocks
        query = _rows().where(Violation.agent_id == agent_id, Violation.state.in_(visible)).order_by(Violation.id.desc())
        found = []
        for row in session.execute(query.limit(limit)):
            reason = session.scalar(
                select(ViolationEvent.reason)
                .where(ViolationEvent.violation_id == row.id, ViolationEvent.kind == Step.UPHOLD.value)
                .order_by(ViolationEvent.id.desc())
                .limit(1)
            )
            evidence = tuple(Evidence(hit["seq"], hit["start"], hit["end"], masking.mask_text(hit["matched"])) for hit in row.evidence)
            answerable = row.state == State.UPHELD and actor.agent_id == agent_id
            line = _row(row, clocks)
            found.append(Own(replace(line, excerpt=masking.mask_text(line.excerpt)), evidence, reason, answerable))
    return tuple(found)


# queries


def _rows() -> Select[*tuple[Any, ...]]:
    return select(
        Violation.id, Violation.state, Violation.rule_id, Violation.severity, Violation.agent_id, Agent.name, Agent.team,
        Violation.occurred_at, Violation.opened_at, Violation.changed_at, Violation.evidence,
    ).outerjoin(Agent, Agent.agent_id == Violation.agent_id)  # fmt: skip


def _row(row: Any, clocks: Clocks) -> Row:
    state = State(row.state)
    said = [hit["matched"] for hit in row.evidence if hit["matched"]]
    return Row(
        row.id, state, row.rule_id, row.severity, row.agent_id, row.name or "", row.team or "", row.occurred_at, row.opened_at,
        row.changed_at, clocks.due(state, row.changed_at), len(row.evidence), " · ".join(dict.fromkeys(said)),
    )  # fmt: skip


def _conditions(wanted: Filter, clocks: Clocks, now: datetime) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.states:
        where.append(Violation.state.in_([state.value for state in wanted.states]))
    if wanted.rule_id:
        where.append(Violation.rule_id == wanted.rule_id)
    if wanted.agent_id:
        where.append(Violation.agent_id == wanted.agent_id)
    if wanted.team:
        where.append(Violation.agent_id.in_(select(Agent.agent_id).where(Agent.team == wanted.team)))
    if wanted.severity:
        where.append(Violation.severity == wanted.severity)
    if wanted.older_than_days is not None:
        where.append(Violation.opened_at <= now - timedelta(days=wanted.older_than_days))
    if wanted.changed_since is not None:
        where.append(Violation.changed_at >= wanted.changed_since)
    if wanted.overdue:
        late = [
            and_(Violation.state == state.value, Violation.changed_at < now - timedelta(days=clocks.days(state) or 0))
            for state in OPEN_STATES
        ]
        where.append(or_(*late))
    return where


def _count(session: Session, where: list[ColumnElement[bool]]) -> Count:
    bounded = select(Violation.id).where(*where).limit(COUNT_BOUND + 1).subquery()
    n = session.scalar(select(func.count()).select_from(bounded)) or 0
    return Count(min(n, COUNT_BOUND), n > COUNT_BOUND)


def _history(session: Session, violation_id: int) -> list[Entry]:
    rows = session.execute(
        select(ViolationEvent, User.display_name)
        .outerjoin(User, User.id == ViolationEvent.actor_id)
        .where(ViolationEvent.violation_id == violation_id)
        .order_by(ViolationEvent.id)
    )
    return [Entry(Step(event.kind), event.actor_id, name or "", event.at, event.reason) for event, name in rows]


def _effect(session: Session, sample_id: int | None) -> Effect | None:
    if sample_id is None:
        return None
    verdict = session.scalar(select(Verdict).where(Verdict.sample_id == sample_id, Verdict.is_current))
    if verdict is None or "total_without_redlines" not in verdict.outcome:
        return None
    return Effect(verdict.id, verdict.total, int(verdict.outcome["total_without_redlines"]))
