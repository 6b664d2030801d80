"""How well the red-line rules work: false alarms from rulings, misses from a random sample of what they let pass.

The read side. Both figures carry an interval and say how many more reviews would halve it. False alarms are exact
binomial on the files that were decided: fair as long as files are not picked by how they look. Misses are weighted by
inclusion probability over inspected conversations in which the rule found nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.blinding import shown_files, waiting
from qa.lifecycle import STANDING, State, Step
from qa.policy import Actor, Right, require
from qa.tables import Inspection, Sample, Violation, ViolationEvent
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson, rate
from scoring.estimate.result import Estimate, refusal, reviews_to_halve
from scoring.sheet import Sheet


@dataclass(frozen=True)
class RuleQuality:
    """One rule (or all together, `rule_id` None). `found` of `reviewed` is what the estimate rests on."""

    rule_id: str | None
    reviewed: int
    found: int
    waiting: int
    estimate: Estimate
    more_reviews: int
    """Further reviews that would halve the interval."""


def false_alarms(bench: Workbench, actor: Actor, *, since: datetime | None = None) -> tuple[RuleQuality, ...]:
    """Share of decided case files that were no violation: per rule, then all. `since`: files opened from then on."""
    require(actor, Right.VIEW_VIOLATIONS)
    query = select(Violation.rule_id, Violation.state, func.count()).where(shown_files(actor)).group_by(Violation.rule_id, Violation.state)
    with bench.db.read() as session:
        if since is not None:
            query = query.where(Violation.opened_at >= since)
        counts: dict[str, dict[State, int]] = {}
        for rule_id, state, n in session.execute(query):
            counts.setdefault(rule_id, {})[State(state)] = n
        granted = _granted(session, actor, since)
    found = [_alarm(rule_id, states, granted.get(rule_id, 0)) for rule_id, states in sorted(counts.items())]
    total: dict[State, int] = {}
    for states in counts.values():
        for state, n in states.items():
            total[state] = total.get(state, 0) + n
    return (*found, _alarm(None, total, sum(granted.values())))


def _granted(session: Session, actor: Actor, since: datetime | None) -> dict[str, int]:
    """Files struck because an appeal was granted: those were no violations, unlike those struck for their age."""
    query = (
        select(Violation.rule_id, func.count())
        .where(Violation.state == State.EXPUNGED.value, shown_files(actor))
        .where(
            select(ViolationEvent.id)
            .where(ViolationEvent.violation_id == Violation.id, ViolationEvent.kind == Step.GRANT_APPEAL.value)
            .exists()
        )
        .group_by(Violation.rule_id)
    )
    if since is not None:
        query = query.where(Violation.opened_at >= since)
    return {str(rule_id): n for rule_id, n in session.execute(query)}


def _alarm(rule_id: str | None, states: Mapping[State, int], granted: int) -> RuleQuality:
    wrong = states.get(State.CLEARED, 0) + states.get(State.DISMISSED, 0) + granted
    right = sum(states.get(state, 0) for state in (*STANDING, State.CONFIRMED, State.EXPUNGED)) - granted
    n, waiting = wrong + right, states.get(State.SUSPECTED, 0)
    if n == 0:
        return RuleQuality(rule_id, 0, 0, waiting, refusal("no_reviews"), 1)
    low, high = clopper_pearson(wrong, n)
    estimate = Estimate(wrong / n, low, high, n, "clopper_pearson", units=n + waiting)
    return RuleQuality(rule_id, n, wrong, waiting, estimate, reviews_to_halve(n))


def misses(bench: Workbench, actor: Actor, *, since: datetime | None = None) -> tuple[RuleQuality, ...]:
    """Share of conversations that a rule lets pass although an inspector confirmed a breach in them: per rule, then all.

    Rests on the samples of published draws that were inspected. A rule without any confirmed breach is listed when it
    has hits or confirmations somewhere.
    """
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        rows = _inspected(session, actor, since)
        ids = set(session.scalars(select(Violation.rule_id).where(shown_files(actor)).distinct()))
    if not rows:
        return (RuleQuality(None, 0, 0, 0, refusal("no_reviews"), 1),)
    keys = pl.Series([row.conversation_key for row in rows], dtype=pl.String).unique()
    hits = (
        bench.archive.at().scan("hits").select("conversation_key", "rule_id").filter(pl.col("conversation_key").is_in(keys.implode()))
        .unique().collect()
    )  # fmt: skip
    machine: dict[str, set[str]] = {}
    for key, rule_id in hits.iter_rows():
        machine.setdefault(key, set()).add(rule_id)
    ids |= {rule_id for row in rows for rule_id in row.confirmed}
    return (*(_miss(rule_id, rows, machine) for rule_id in sorted(ids)), _miss(None, rows, machine))


@dataclass(frozen=True)
class _Inspected:
    conversation_key: str
    agent_id: str
    pi: float
    confirmed: frozenset[str]


def _inspected(session: Session, actor: Actor, since: datetime | None) -> list[_Inspected]:
    query = (
        select(Sample.conversation_key, Sample.agent_id, Sample.pi, Inspection.sheet)
        .join(Inspection, Inspection.sample_id == Sample.id)
        .where(Inspection.undone_at.is_(None), Sample.withdrawn_at.is_(None), Sample.source == "chat", Sample.conversation_key.is_not(None))
        .where(Sample.id.not_in(waiting(actor)))
        .order_by(Inspection.id)
    )
    if since is not None:
        query = query.where(Inspection.submitted_at >= since)
    found: dict[str, _Inspected] = {}
    for key, agent_id, pi, sheet in session.execute(query):
        # several inspectors of one chat (double scoring): a breach that any of them confirmed was there
        confirmed = frozenset(Sheet.from_dict(sheet).confirmed) | (found[key].confirmed if key in found else frozenset())
        found[key] = _Inspected(key, agent_id, pi, confirmed)
    return list(found.values())


def _miss(rule_id: str | None, rows: Sequence[_Inspected], machine: Mapping[str, set[str]]) -> RuleQuality:
    passed, agents, pis = [], [], []
    for row in rows:
        hit = machine.get(row.conversation_key, set())
        if (rule_id in hit) if rule_id is not None else bool(hit):
            continue
        passed.append(int(rule_id in row.confirmed if rule_id is not None else bool(row.confirmed)))
        agents.append(row.agent_id)
        pis.append(row.pi)
    if not passed:
        return RuleQuality(rule_id, 0, 0, 0, refusal("no_reviews"), 1)
    estimate = rate(pl.DataFrame({"agent_id": agents, "pi": pis, "violation": passed}))
    return RuleQuality(rule_id, len(passed), sum(passed), 0, estimate, reviews_to_halve(len(passed)))
