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
from qa.casefiles.lifecycle import STANDING, FileState, Step
from qa.casefiles.promised import counting
from qa.policy import Actor, Right, require
from qa.rules import stored
from qa.tables import Inspection, Sample, Violation, ViolationEvent
from qa.workbench import Workbench
from scoring.estimate.rates import clopper_pearson, rate
from scoring.estimate.result import Estimate, refusal
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
    """Further reviews of the same kind that would halve the interval; 0 when there is nothing left to narrow."""


def false_alarms(bench: Workbench, actor: Actor, *, since: datetime | None = None) -> tuple[RuleQuality, ...]:
    """Share of decided case files that were no violation: per rule, then all. `since`: files opened from then on."""
    require(actor, Right.VIEW_VIOLATIONS)
    query = (
        select(Violation.rule_id, Violation.state, func.count())
        .where(shown_files(bench, actor))
        .group_by(Violation.rule_id, Violation.state)
    )
    with bench.db.read() as session:
        if since is not None:
            query = query.where(Violation.opened_at >= since)
        counts: dict[str, dict[FileState, int]] = {}
        for rule_id, state, n in session.execute(query):
            counts.setdefault(rule_id, {})[FileState(state)] = n
        granted = _granted(bench, session, actor, since)
    found = [_alarm(rule_id, states, granted.get(rule_id, 0)) for rule_id, states in sorted(counts.items())]
    total: dict[FileState, int] = {}
    for states in counts.values():
        for state, n in states.items():
            total[state] = total.get(state, 0) + n
    return (*found, _alarm(None, total, sum(granted.values())))


def _granted(bench: Workbench, session: Session, actor: Actor, since: datetime | None) -> dict[str, int]:
    """Files struck because an appeal was granted: those were no violations, unlike those struck for their age."""
    query = (
        select(Violation.rule_id, func.count())
        .where(Violation.state == FileState.EXPUNGED.value, shown_files(bench, actor))
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


def _alarm(rule_id: str | None, states: Mapping[FileState, int], granted: int) -> RuleQuality:
    wrong = states.get(FileState.CLEARED, 0) + states.get(FileState.DISMISSED, 0) + granted
    right = sum(states.get(state, 0) for state in (*STANDING, FileState.CONFIRMED, FileState.EXPUNGED)) - granted
    n, waiting = wrong + right, states.get(FileState.SUSPECTED, 0)
    if n == 0:
        return RuleQuality(rule_id, 0, 0, waiting, refusal("no_reviews"), 1)
    low, high = clopper_pearson(wrong, n)
    estimate = Estimate(wrong / n, low, high, n, "clopper_pearson", units=n + waiting)
    return RuleQuality(rule_id, n, wrong, waiting, estimate, further_reviews(wrong / n, n))


def further_reviews(share: float, n: int) -> int:
    """How many more reviews halve the exact binomial interval of `share` in `n`, if they find the same share.

    Around 3n in the middle, where the interval shrinks with the root of n; around n where nothing (or everything) was
    found, where it shrinks with n itself.
    """

    def width(reviews: int) -> float:
        low, high = clopper_pearson(share * reviews, reviews)
        return high - low

    goal, enough = width(n) / 2, 40 * n  # far above what any share needs
    few = n
    while few + 1 < enough:
        between = (few + enough) // 2
        few, enough = (few, between) if width(between) <= goal else (between, enough)
    return enough - n


def misses(bench: Workbench, actor: Actor, *, since: datetime | None = None) -> tuple[RuleQuality, ...]:
    """Share of conversations that a rule lets pass although an inspector confirmed a breach in them: per rule, then
    all.

    Rests on the samples of published draws that were inspected. A rule without any confirmed breach is listed when it
    has hits or confirmations somewhere.
    """
    require(actor, Right.VIEW_VIOLATIONS)
    with bench.db.read() as session:
        rows = _inspected(session, actor, since)
        ids = set(session.scalars(select(Violation.rule_id).where(shown_files(bench, actor)).distinct()))
    if not rows:
        return (RuleQuality(None, 0, 0, 0, refusal("no_reviews"), 1),)
    keys = pl.Series([row.conversation_key for row in rows], dtype=pl.String).unique()
    hits = (
        bench.archive.at()
        .scan("hits")
        .select("conversation_key", "agent_id", "rule_id")
        .filter(pl.col("conversation_key").is_in(keys.implode()))
        .unique()
        .collect()
    )
    machine: dict[tuple[str, str | None], set[str]] = {}
    for key, agent_id, rule_id in hits.iter_rows():
        machine.setdefault((key, agent_id), set()).add(rule_id)
    for key, agent_id, rule_id in _promised(bench, keys):
        machine.setdefault((key, agent_id), set()).add(rule_id)
    ids |= {rule_id for row in rows for rule_id in row.confirmed}
    return (*(_miss(rule_id, rows, machine) for rule_id in sorted(ids)), _miss(None, rows, machine))


def _promised(bench: Workbench, keys: pl.Series) -> list[tuple[str, str, str]]:
    """(conversation, agent, rule) of the files that the machine opened, of rules that count broken promises: they need
    no hit."""
    by_machine = (
        select(ViolationEvent.violation_id)
        .where(ViolationEvent.kind == Step.OPEN.value, ViolationEvent.actor_id.is_(None))
        .distinct()
    )
    wanted, found = keys.to_list(), list[tuple[str, str, str]]()
    with bench.db.read() as session:
        rules = [rule.id for rule in counting(stored.rules_in_force(session))]
        for start in range(0, len(wanted) if rules else 0, 500):
            query = select(Violation.conversation_key, Violation.agent_id, Violation.rule_id).where(
                Violation.conversation_key.in_(wanted[start : start + 500]), Violation.rule_id.in_(rules),
                Violation.id.in_(by_machine), Violation.state != FileState.WITHDRAWN.value,
            )  # fmt: skip
            found += [(key, agent, rule) for key, agent, rule in session.execute(query)]
    return found


@dataclass(frozen=True)
class _Inspected:
    conversation_key: str
    agent_id: str
    pi: float
    reason: str
    confirmed: frozenset[str]


def _inspected(session: Session, actor: Actor, since: datetime | None) -> list[_Inspected]:
    query = (
        select(Sample.conversation_key, Sample.agent_id, Sample.pi, Sample.reason, Inspection.sheet)
        .join(Inspection, Inspection.sample_id == Sample.id)
        .where(
            Inspection.undone_at.is_(None),
            Sample.withdrawn_at.is_(None),
            Sample.pi.is_not(None),
            Sample.source == "chat",
            Sample.conversation_key.is_not(None),
        )
        .where(Sample.id.not_in(waiting(actor)))
        .order_by(Inspection.id)
    )
    if since is not None:
        query = query.where(Inspection.submitted_at >= since)
    found: dict[tuple[str, str], _Inspected] = {}
    for chat, agent_id, pi, reason, sheet in session.execute(query):
        unit = (chat, agent_id)
        # several inspectors of one chat (double scoring): a breach that any of them confirmed was there
        confirmed = frozenset(Sheet.from_dict(sheet).confirmed) | (
            found[unit].confirmed if unit in found else frozenset()
        )
        found[unit] = _Inspected(chat, agent_id, pi, reason, confirmed)
    return list(found.values())


def _miss(
    rule_id: str | None, rows: Sequence[_Inspected], machine: Mapping[tuple[str, str | None], set[str]]
) -> RuleQuality:
    passed: list[tuple[str, float, str, int]] = []
    for row in rows:
        # what the customer said belongs to no agent
        hit = machine.get((row.conversation_key, row.agent_id), set()) | machine.get(
            (row.conversation_key, None), set()
        )
        if (rule_id in hit) if rule_id is not None else bool(hit):
            continue
        missed = rule_id in row.confirmed if rule_id is not None else bool(row.confirmed)
        passed.append((row.agent_id, row.pi, row.reason, int(missed)))
    if not passed:
        return RuleQuality(rule_id, 0, 0, 0, refusal("no_reviews"), 1)
    estimate = rate(pl.DataFrame(passed, schema=["agent_id", "pi", "reason", "violation"], orient="row"))
    found, drawn = sum(row[3] for row in passed), sum(row[1] < 1 for row in passed)
    more = 1 if not estimate.known else further_reviews(estimate.value or 0.0, drawn) if drawn else 0
    return RuleQuality(rule_id, len(passed), found, 0, estimate, more)
