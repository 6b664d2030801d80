"""The audit trail: one entry per change, written in the transaction that makes the change."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from qa.db import SIGNING_KEY
from qa.policy import Actor
from qa.security import log as securitylog
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


def newest(session: Session) -> int:
    """The number of the newest entry: nothing of the database has changed since, for whoever saw it before."""
    return session.scalar(select(func.max(AuditEntry.id))) or 0


def entry(
    actor: Actor, now: datetime, action: str, entity: str, entity_id: str | int, facts: Mapping[str, object]
) -> dict[str, Any]:
    """The row of one entry."""
    return {
        "at": now, "actor_id": actor.user_id or None, "actor_name": actor.name, "action": action, "entity": entity,
        "entity_id": str(entity_id), "facts": dict(facts),
    }  # fmt: skip


def write(session: Session, entries: Sequence[Mapping[str, Any]]) -> None:
    """Sign rows made by `entry` and write them in one statement."""
    key = session.info.get(SIGNING_KEY)
    for row in entries:
        if row["action"] in securitylog.EVENTS:
            about = row["entity_id"] if row["entity"] == "user" else ""
            securitylog.note(row["action"], row["actor_id"], entity=row["entity"], entry=about)
    session.execute(_ENTRY, [{**row, "mac": _signed(key, *(row[name] for name in _SIGNED))} for row in entries])


_SIGNED = ("at", "actor_id", "actor_name", "action", "entity", "entity_id", "facts")


def _signed(key: bytes | None, *values: object) -> str | None:
    if key is None:
        return None
    nonce = secrets.token_hex(8)
    return nonce + _signature(key, nonce, values)


def _signature(key: bytes, nonce: str, values: Sequence[object]) -> str:
    at, *rest = values
    assert isinstance(at, datetime)
    text = json.dumps(
        [nonce, at.astimezone(UTC).isoformat(), *rest], sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_signed(entry: AuditEntry, key: bytes) -> bool:
    """Whether the entry is as one of our transactions wrote it."""
    mac = entry.mac or ""
    values = (entry.at, entry.actor_id, entry.actor_name, entry.action, entry.entity, entry.entity_id, entry.facts)
    return hmac.compare_digest(mac[16:], _signature(key, mac[:16], values))


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
