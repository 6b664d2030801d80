"""One unit of work: a transaction, who acts in it, when, and what it leaves in the audit trail.

A service is a function of it, so that two services can share one transaction. The public door of a service, what pages
and the command line call, opens one with `Workbench.begin`; it commits when the block ends well and takes everything
back, the audit entries too, when it raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from qa import audit
from qa.db import Database
from qa.policy import Actor


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """`session` writes, `actor` answers for it, `now` (UTC) is the moment of everything that is done in it."""

    session: Session
    actor: Actor
    now: datetime
    _entries: list[dict[str, Any]] = field(default_factory=list)

    def record(self, action: str, entity: str, entity_id: str | int, **facts: object) -> None:
        """Leave one entry in the audit trail, as `audit.record` does; all entries are written together at the end."""
        self._entries.append(audit.entry(self.actor, self.now, action, entity, entity_id, facts))

    def _write_entries(self) -> None:
        if self._entries:
            audit.write(self.session, self._entries)
            self._entries.clear()


@contextmanager
def begin(db: Database, actor: Actor, now: datetime) -> Iterator[UnitOfWork]:
    """One unit of work on `db`; `now` is UTC."""
    with db.write() as session:
        work = UnitOfWork(session, actor, now)
        yield work
        work._write_entries()
