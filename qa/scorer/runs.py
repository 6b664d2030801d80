"""What the runs of the endpoint did and cost, from the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from qa.policy import Actor, Right, require
from qa.tables import AuditEntry
from qa.workbench import Workbench

SHOWN = 30


@dataclass(frozen=True)
class PastRun:
    """One run: conversations scored, questions that failed, bytes sent, the cost (prices as they were), and why it
    stopped (a state of `qa.scorer.endpoint`, empty when it did not)."""

    at: datetime
    scorer_id: int
    version: str
    host: str
    scored: int
    failed: int
    sent_bytes: int
    cost: float
    stopped: str


def past_runs(bench: Workbench, actor: Actor, *, limit: int = SHOWN) -> tuple[PastRun, ...]:
    """The newest first."""
    require(actor, Right.VIEW_RESULTS, Right.MAINTAIN)
    query = select(AuditEntry.at, AuditEntry.entity_id, AuditEntry.facts).where(AuditEntry.action == "scorer.run")
    with bench.db.read() as session:
        rows = session.execute(query.order_by(AuditEntry.id.desc()).limit(limit)).all()
    return tuple(_past(at, number, facts) for at, number, facts in rows)


def cost_since(bench: Workbench, actor: Actor, since: datetime) -> float:
    """What the runs since a moment cost."""
    require(actor, Right.VIEW_RESULTS, Right.MAINTAIN)
    query = select(AuditEntry.facts).where(AuditEntry.action == "scorer.run", AuditEntry.at >= since)
    with bench.db.read() as session:
        return sum(float(facts.get("cost") or 0.0) for facts in session.scalars(query))


def _past(at: datetime, number: str, facts: Mapping[str, Any]) -> PastRun:
    return PastRun(
        at, int(number), str(facts.get("version", "")), str(facts.get("host", "")), int(facts.get("scored") or 0),
        int(facts.get("failed") or 0), int(facts.get("bytes") or 0), float(facts.get("cost") or 0.0),
        str(facts.get("state") or ""),
    )  # fmt: skip
