"""Reading the audit trail: what happened in words, search and page by key, newest first. Writing is `qa.audit`.

The trail keeps codes (`draw.published`), which never change; here stands what they mean. Search finds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, or_, select

from qa.policy import Actor, Right, require
from qa.security import log as securitylog
from qa.tables import AuditEntry
from qa.texts import sought
from qa.transcripts import shown_facts
from qa.workbench import Workbench

PAGE = 50


@dataclass(frozen=True)
class TrailEntry:
    """One entry of the trail."""

    id: int
    at: datetime
    actor_name: str
    action: str
    entity: str
    entity_id: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class AuditPage:
    """A page of entries, newest first. `before` continues with older ones; None when there are none."""

    entries: tuple[TrailEntry, ...]
    before: int | None


def entries(
    bench: Workbench,
    actor: Actor,
    *,
    text: str = "",
    action: str = "",
    before: int | None = None,
    size: int = PAGE,
    words: Mapping[str, str] | None = None,
) -> AuditPage:
    """Entries that contain `text` in actor, action, subject or facts, older than entry `before`.

    `action` restricts to one kind (`user.created`) or one area (`user.`). `words` is how the reader sees each action,
    so that what is read can be searched for.
    """
    require(actor, Right.VIEW_AUDIT)
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(size + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if action:
        query = query.where(AuditEntry.action.startswith(sought(action), autoescape=True))
    for word in sought(text).split()[:8]:
        meant = [code for code, shown in (words or {}).items() if word.lower() in shown.lower()]
        query = query.where(
            or_(
                AuditEntry.action.in_(meant),
                AuditEntry.actor_name.icontains(word, autoescape=True),
                AuditEntry.action.icontains(word, autoescape=True),
                AuditEntry.entity.icontains(word, autoescape=True),
                AuditEntry.entity_id.icontains(word, autoescape=True),
                cast(AuditEntry.facts, String).icontains(word, autoescape=True),
            )
        )
    with bench.db.read() as session:
        rows = session.scalars(query).all()
    found = tuple(
        TrailEntry(r.id, r.at, r.actor_name, r.action, r.entity, r.entity_id, shown_facts(actor, r.facts))
        for r in rows[:size]
    )
    return AuditPage(found, found[-1].id if len(rows) > size else None)


def security(bench: Workbench, actor: Actor) -> tuple[securitylog.LogLine, ...]:
    """The newest lines of the security log, newest first."""
    require(actor, Right.VIEW_AUDIT)
    return tuple(securitylog.latest(bench.config.home))
