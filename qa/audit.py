"""The audit trail: one entry per change, written in the transaction that makes the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, event, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from qa.policy import Actor
from qa.tables import AuditEntry, DataVersion

# Built once: every change in the workbench passes here, and building a statement costs more than carrying it out.
_ENTRY = insert(cast(Table, AuditEntry.__table__))
_COUNTER = cast(Table, DataVersion.__table__)
_RAISE = {
    dialect: row.on_conflict_do_update(index_elements=[DataVersion.name], set_={"version": DataVersion.version + 1})
    for dialect, row in (
        ("postgresql", postgresql.insert(_COUNTER).values(version=1)),
        ("sqlite", sqlite.insert(_COUNTER).values(version=1)),
    )
}


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


def bump(session: Session, *names: str) -> None:
    """Raise the data version of each named area: caches keyed by it can never serve what is older than this write.

    The counters are rows that every writer wants, so they are taken last, just before the commit, and in one order:
    nobody holds one for long and two writers cannot wait for each other in a ring.
    """
    waiting: set[str] = session.info.setdefault(_BUMPED, set())
    if not waiting:
        event.listen(session, "before_commit", _raise_versions, once=True)
    waiting.update(names)


_BUMPED = "spotcheck_bumped"


def _raise_versions(session: Session) -> None:
    names = sorted(session.info.pop(_BUMPED, ()))
    if names:
        session.execute(_RAISE[session.get_bind().dialect.name], [{"name": name} for name in names])


def data_version(session: Session, *names: str) -> int:
    """Sum of the data versions of the named areas: changes whenever one of them was written."""
    rows = session.execute(select(DataVersion.version).where(DataVersion.name.in_(names))).scalars()
    return sum(rows)
