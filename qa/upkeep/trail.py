"""Reading the audit trail: what happened in words, search and page by key, newest first. Writing is `qa.audit`.

The trail keeps codes (`draw.published`), which never change; here stands what they mean. Search finds both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, or_, select

from qa.policy import Actor, Right, require
from qa.security import log as securitylog
from qa.tables import AuditEntry
from qa.texts import sought
from qa.transcripts import sees_customers, shown_facts
from qa.workbench import Workbench

PAGE = 50
READ_AT_ONCE = 500
STAR = "*"
"""What masking puts in place of a character."""


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
    """Entries that contain `text` in actor, action, subject or facts as `actor` is shown them, older than entry
    `before`.

    `action` restricts to one kind (`user.created`) or one area (`user.`). `words` is how the reader sees each action,
    so that what is read can be searched for.
    """
    require(actor, Right.VIEW_AUDIT)
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if action:
        query = query.where(AuditEntry.action.startswith(sought(action), autoescape=True))
    searched = [_Sought(word, words or {}) for word in sought(text).split()[:8]]
    for one in searched:
        query = query.where(one.condition())
    if sees_customers(actor) or not searched:
        searched, query = [], query.limit(size + 1)
    with bench.db.read() as session:
        shown = (_shown(actor, row) for row in session.scalars(query.execution_options(yield_per=READ_AT_ONCE)))
        found = tuple(islice((one for one in shown if all(word.seen_in(one) for word in searched)), size + 1))
    return AuditPage(found[:size], found[size - 1].id if len(found) > size else None)


@dataclass(frozen=True)
class _Sought:
    """One word of a search; `words` says how the reader sees each action."""

    word: str
    words: Mapping[str, str]

    def condition(self) -> ColumnElement[bool]:
        """Entries in which it may stand: what is kept of a masked fact stands in the fact itself."""
        facts = cast(AuditEntry.facts, String)
        return or_(
            AuditEntry.action.in_([code for code, shown in self.words.items() if self.word.lower() in shown.lower()]),
            *(column.icontains(self.word, autoescape=True) for column in _PLAIN),
            and_(*(_either(facts, part) for part in self.word.split(STAR))),
        )

    def seen_in(self, entry: TrailEntry) -> bool:
        """Whether it stands in what the reader is shown: a number that is masked cannot be guessed by searching."""
        plain = (entry.actor_name, entry.action, entry.entity, entry.entity_id, self.words.get(entry.action, ""))
        word = self.word.lower()
        return any(word in each.lower() for each in plain) or word in _written(entry.facts)


_PLAIN = (AuditEntry.actor_name, AuditEntry.action, AuditEntry.entity, AuditEntry.entity_id)


def _either(facts: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """SQLite keeps what is not ASCII in JSON as `\\u4eac`, PostgreSQL as it is."""
    escaped = json.dumps(part)[1:-1]
    return or_(facts.icontains(part, autoescape=True), facts.icontains(escaped, autoescape=True))


def _written(facts: dict[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False).lower()


def _shown(actor: Actor, row: AuditEntry) -> TrailEntry:
    facts = shown_facts(actor, row.facts)
    return TrailEntry(row.id, row.at, row.actor_name, row.action, row.entity, row.entity_id, facts)


def security(bench: Workbench, actor: Actor) -> tuple[securitylog.LogLine, ...]:
    """The newest lines of the security log, newest first."""
    require(actor, Right.VIEW_AUDIT)
    return tuple(securitylog.latest(bench.config.home))
