"""The audit trail: one entry per change, written in the transaction that makes the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from qa.policy import Actor
from qa.tables import AuditEntry

# Built once: every change in the workbench passes here, and building a statement costs more than carrying it out.
_ENTRY = insert(cast(Table, AuditEntry.__table__))


def record(
    session: Session, actor: Actor, now: datetime, action: str, entity: str, entity_id: str | int, **facts: object
) -> None:
    """Write one entry: `actor` did `action` (`verb` in the past, e.g. `draw.published`) to `entity` with these `facts`.

    Facts must be plain JSON and must never hold customer text or secrets.
    """
    write(session, [entry(actor, now, action, entity, entity_id, facts)])


def entry(
    actor: Actor, now: datetime, action: str, entity: str, entity_id: str | int, facts: Mapping[str, object]
) -> dict[str, Any]:
    """The row of one entry."""
    return {
        "at": now, "actor_id": actor.user_id or None, "actor_name": actor.name, "action": action, "entity": entity,
        "entity_id": str(entity_id), "facts": dict(facts),
    }  # fmt: skip


def write(session: Session, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write rows made by `entry`, in one statement."""
    session.execute(_ENTRY, entries)


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[object]]:
    """What differs between two states of the same thing, as `record` keeps it: {field: [old, new]}, empty when nothing
    does.

    Tuples and lists compare equal, as they do in JSON.
    """
    names = [*after, *(name for name in before if name not in after)]
    return {
        name: [before.get(name), after.get(name)]
        for name in names
        if _plain(before.get(name)) != _plain(after.get(name))
    }


def _plain(value: object) -> object:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
