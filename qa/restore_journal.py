"""The journal of a restore: what makes the replacement of two stores, archive and database, one step.

A restore writes its journal, brings the new archive in beside the old one, and replaces all rows in one transaction
that also records the journal's token. That commit decides: with the token in the database an interrupted restore is
completed, without it everything is as it was. Whoever opens the installation next settles it (`settle`); `pending` only
looks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from qa import audit
from qa.archive import Archive
from qa.archive.arrival import sync_folder
from qa.archive.locks import alone
from qa.config import RESTORE_JOURNAL as _FILE
from qa.db import Database
from qa.errors import Conflict, Invalid, Unavailable
from qa.i18n import N_
from qa.policy import SYSTEM, Actor
from qa.tables import AuditEntry

_LOCK = ".restore.lock"
_ACTION = "backup.restored"


@dataclass(frozen=True)
class Journal:
    """One restore under way: its token, the name of the backup, and whether an archive comes with it."""

    token: str
    backup: str
    with_archive: bool


@dataclass(frozen=True)
class Pending:
    """A restore that was interrupted. `decided`: the new rows are in the database, the archive must follow."""

    backup: str
    decided: bool


def write(home: Path, journal: Journal) -> None:
    """Put the journal on disk before anything else changes."""
    draft = home / (_FILE + ".part")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(journal), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(home / _FILE)
    sync_folder(home)


def decide(session: Session, actor: Actor, journal: Journal, now: datetime) -> None:
    """Record the restore with its token in the transaction that replaces the rows: that commit is the restore."""
    audit.record(session, actor, now, _ACTION, "backup", journal.backup, token=journal.token)


def pending(home: Path, db: Database) -> Pending | None:
    """The restore that was interrupted here, if any; None also while one is running. Changes nothing."""
    if not (home / _FILE).exists() or _is_running(home):
        return None
    journal = _read(home)
    return Pending(journal.backup, _decided(db, journal))


def settle(home: Path, db: Database, archive: Archive) -> None:
    """Complete an interrupted restore or take it back; nothing happens when there is none or one is running.

    Raises `Unavailable` when the folder cannot be written.
    """
    if not (home / _FILE).exists():
        return
    try:
        with running(home):
            if (home / _FILE).exists():
                _settle(home, db, archive, _read(home))
    except Conflict:
        return  # still running, or an import holds the old archive: whoever comes next settles it
    except OSError as problem:
        raise Unavailable(
            N_("{place} cannot be written: {reason}"), place=str(home), reason=problem.strerror or str(problem)
        ) from problem


@contextmanager
def running(home: Path) -> Iterator[None]:
    """Be the only restore here. Raises `Conflict` when another one is running."""
    home.mkdir(parents=True, exist_ok=True)
    with alone(home / _LOCK) as mine:
        if not mine:
            raise Conflict(N_("A restore is running already; wait for it to finish."))
        yield


def forget(home: Path) -> None:
    """The restore is over: remove its journal."""
    (home / _FILE).unlink(missing_ok=True)
    sync_folder(home)


def _settle(home: Path, db: Database, archive: Archive, journal: Journal) -> None:
    decided = _decided(db, journal)
    if journal.with_archive:
        with archive.replacing() as arrival:
            arrival.enter() if decided else arrival.discard()
    forget(home)
    if _has_tables(db):
        with db.write() as session:
            action = "backup.restore_completed" if decided else "backup.restore_undone"
            audit.record(session, SYSTEM, datetime.now(UTC), action, "backup", journal.backup)


def _decided(db: Database, journal: Journal) -> bool:
    if not _has_tables(db):
        return False
    with db.read() as session:
        latest = select(AuditEntry.facts).where(AuditEntry.action == _ACTION).order_by(AuditEntry.id.desc()).limit(1)
        facts = session.scalar(latest)
    return facts is not None and facts.get("token") == journal.token


def _has_tables(db: Database) -> bool:
    return inspect(db.engine).has_table(AuditEntry.__tablename__)


def _read(home: Path) -> Journal:
    try:
        data = json.loads((home / _FILE).read_text("utf-8"))
        return Journal(str(data["token"]), str(data["backup"]), bool(data["with_archive"]))
    except (ValueError, KeyError, TypeError) as problem:
        raise Invalid(
            N_("{file} cannot be read; it tells how far a restore came. Restore the backup again."),
            file=str(home / _FILE),
        ) from problem


def _is_running(home: Path) -> bool:
    try:
        with alone(home / _LOCK) as mine:
            return not mine
    except OSError:
        return False
