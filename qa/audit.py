"""The audit trail: one entry per change, written in the transaction that makes the change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import event, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from qa.policy import Actor
from qa.tables import AuditEntry, DataVersion


def record(
    session: Session, actor: Actor, now: datetime, action: str, entity: str, entity_id: str | int, **facts: object
) -> None:
    """Write one entry: `actor` did `action` (`verb` in the past, e.g. `draw.published`) to `entity` with these `facts`.

    Facts must be plain JSON and must never hold customer text or secrets.
    """
    session.execute(
        insert(AuditEntry).values(
            at=now, actor_id=actor.user_id or None, actor_name=actor.name, action=action, entity=entity,
            entity_id=str(entity_id), facts=facts,
        )
    )


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
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for name in names:
        row = dialect.insert(DataVersion).values(name=name, version=1)
        session.execute(
            row.on_conflict_do_update(index_elements=[DataVersion.name], set_={"version": DataVersion.version + 1})
        )


def data_version(session: Session, *names: str) -> int:
    """Sum of the data versions of the named areas: changes whenever one of them was written."""
    rows = session.execute(select(DataVersion.version).where(DataVersion.name.in_(names))).scalars()
    return sum(rows)
