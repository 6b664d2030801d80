"""Who breaks red lines again: standing violations of the record period, and the consequence that is configured for
them.

The read side. A violation stands from the ruling until it is expunged. Does not decide what follows: the text of the
ladder is shown, people act on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.blinding import shown_files
from qa.casefiles.lifecycle import STANDING, Clocks
from qa.casefiles.sanctions import SanctionTerms, programme
from qa.policy import Actor, Right, require
from qa.tables import Agent, Violation
from qa.workbench import Workbench


def count_repeats(
    bench: Workbench,
    session: Session,
    actor: Actor,
    agent_id: str,
    rule_id: str,
    now: datetime,
    clocks: Clocks,
    *,
    excluding: int | None = None,
) -> tuple[int, int]:
    """Standing violations of `agent_id` within the record period: of all rules, and of this one."""
    since = now - timedelta(days=clocks.record_days)
    where = [
        Violation.agent_id == agent_id,
        shown_files(bench, actor),
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


def repeats(
    bench: Workbench, actor: Actor, *, now: datetime, team: str | None = None, limit: int = 200
) -> tuple[Repeats, ...]:
    """Agents with standing violations in the record period, most first."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        rules = programme(session)
        since = now - timedelta(days=rules.clocks.record_days)
        query = (
            select(Violation.agent_id, Violation.rule_id, func.count(), func.max(Agent.name), func.max(Agent.team))
            .outerjoin(Agent, Agent.agent_id == Violation.agent_id)
            .where(Violation.state.in_([state.value for state in STANDING]), shown_files(bench, actor))
            .where(func.coalesce(Violation.occurred_at, Violation.opened_at) >= since)
            .group_by(Violation.agent_id, Violation.rule_id)
        )
        if team:
            query = query.where(scoping.of_team(actor, Agent.team, team))
        rows = session.execute(query).all()
    found = _ranked(rows, rules)[:limit]
    return tuple(replace(one, team=scoping.team_shown(actor, one.team)) for one in found)


def _ranked(rows: Any, rules: SanctionTerms) -> tuple[Repeats, ...]:
    by_agent: dict[str, dict[str, int]] = {}
    names: dict[str, tuple[str, str]] = {}
    for agent_id, rule_id, n, name, team in rows:
        by_agent.setdefault(agent_id, {})[rule_id] = n
        names[agent_id] = (name or "", team or "")
    found = []
    for agent_id, counted in by_agent.items():
        total = sum(counted.values())
        level = rules.level(total)
        found.append(Repeats(agent_id, *names[agent_id], total, counted, (level.zh, level.en) if level else None))
    return tuple(sorted(found, key=lambda one: (-one.count, one.agent_id)))


def programme_in_force(bench: Workbench, actor: Actor) -> SanctionTerms:
    """Clocks and sanction ladder."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        return programme(session)
