"""Backup and restore: one folder with the database as an SQLite file, the archive, and a manifest of every file's hash.

The database is copied row by row through the models, from and to either kind of database, so a backup is also the way
from SQLite to PostgreSQL. Knows where things are stored, not what they mean.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Table, func, insert, select, text, update

from qa import audit, migrations
from qa.db import Database
from qa.errors import Conflict, Invalid, NotFound, SpotcheckError, Unavailable
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Base, LoginLink, SignIn, User, guards
from qa.workbench import Workbench

MANIFEST = "manifest.json"
DATABASE = "workbench.db"
ARCHIVE = "archive"
_BATCH = 2_000
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `files` maps paths to (bytes, SHA-256)."""

    made_at: str
    revision: str
    archive_version: int | None
    """None when the archive is in an object store, which is not copied."""
    users: int
    files: dict[str, tuple[int, str]]

    @property
    def bytes(self) -> int:
        return sum(size for size, _ in self.files.values())


def _silent(share: float, what: str) -> None:
    """Progress nobody watches."""


def backup(bench: Workbench, actor: Actor, folder: Path, *, now: datetime, progress: Progress = _silent) -> Manifest:
    """Write a consistent backup into the new folder `folder` and verify it.

    The database is copied first and the archive under its writer's lock, so every archive version the database names is
    in the copy. Nothing is left behind when it fails. Raises `Conflict` when the folder exists or somebody is importing.
    """
    require(actor, Right.MAINTAIN)
    folder = folder.expanduser().resolve()
    if folder.exists():
        raise Conflict(N_("{place} exists already; a backup goes into a new folder."), place=str(folder))
    partial = folder.with_name(folder.name + ".partial")
    with _storage_errors(folder):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            progress(0.05, "database")
            _database_to_file(bench.db, partial / DATABASE)
            progress(0.4, "archive")
            version = _copy_archive(bench, partial / ARCHIVE)
            progress(0.8, "manifest")
            manifest = _describe(partial, now, version)
            (partial / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    verify(folder)
    with bench.db.write() as session:
        audit.record(session, actor, now, "backup.made", "backup", folder.name, files=len(manifest.files), bytes=manifest.bytes)
    progress(1.0, "backup")
    return manifest


def verify(folder: Path) -> Manifest:
    """Check every file of a backup against its manifest and the database file's own consistency.

    Raises `NotFound` when there is no backup there, `Invalid` naming the first file that is missing or changed.
    """
    manifest = _read_manifest(folder)
    for name, (size, digest) in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise Invalid(N_("The backup is incomplete: {file} is missing."), file=name)
        if path.stat().st_size != size or _sha256(path) != digest:
            raise Invalid(N_("The backup is damaged: {file} was changed after it was made."), file=name)
    connection = sqlite3.connect(f"file:{folder / DATABASE}?mode=ro&immutable=1", uri=True)
    try:
        if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise Invalid(N_("The backup is damaged: {file} was changed after it was made."), file=DATABASE)
    finally:
        connection.close()
    return manifest


def restore(bench: Workbench, actor: Actor, folder: Path, *, now: datetime, force: bool = False, progress: Progress = _silent) -> Manifest:
    """Put a verified backup into this installation, whichever database it uses; all sign-ins of the backup end.

    Refuses an installation that holds anything, unless `force`: then everything in it is replaced. A backup of an older
    version is upgraded on the way; one of a newer version is refused.
    """
    require(actor, Right.MAINTAIN)
    folder = folder.expanduser().resolve()
    manifest = verify(folder)
    if not force and not _is_empty(bench):
        raise Conflict(N_("This installation is not empty. Restore into a new one, or replace everything in it with --force."))
    if manifest.archive_version is not None and "://" in bench.archive.root:
        raise Conflict(N_("The backup holds an archive folder, but the archive here is in an object store."))
    progress(0.3, "database")
    with TemporaryDirectory(prefix="spotcheck-restore-") as work:
        copy = Path(work) / DATABASE
        shutil.copyfile(folder / DATABASE, copy)
        source = Database(f"sqlite:///{copy}")
        try:
            _bring_up_to_date(source, manifest)
            migrations.upgrade(bench.db)
            if manifest.archive_version is not None:
                _put_archive(bench, folder / ARCHIVE)
            progress(0.6, "database")
            _replace_rows(source, bench.db, actor, now, folder.name)
        finally:
            source.close()
    progress(1.0, "restore")
    return manifest


def listing(bench: Workbench, actor: Actor) -> list[tuple[str, Manifest]]:
    """The backups in this installation's own folder, newest first: name and manifest. Unreadable ones are left out."""
    require(actor, Right.MAINTAIN)
    found = []
    for folder in sorted(own_folder(bench).glob("*/"), reverse=True):
        with suppress(SpotcheckError):
            found.append((folder.name, _read_manifest(folder)))
    return found


def own_folder(bench: Workbench) -> Path:
    """Where backups go when no place is named."""
    return bench.config.home / "backups"


def fresh_name(now: datetime) -> str:
    """Name of a backup made now."""
    return now.strftime("%Y%m%d-%H%M%S")


# The database


def _database_to_file(db: Database, path: Path) -> None:
    """An SQLite file without side files, whatever kind `db` is: its backup interface, or row by row in one snapshot."""
    if db.is_sqlite:
        with db.engine.connect() as connection:
            copy = sqlite3.connect(path)
            connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
            copy.close()
    else:
        target = Database(f"sqlite:///{path}")
        migrations.upgrade(target)
        with db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as rows, target.engine.begin() as into:
            for table in Base.metadata.sorted_tables:
                _copy_rows(rows, into, table)
        target.close()
    closing = sqlite3.connect(path)
    closing.execute("PRAGMA journal_mode = DELETE")
    closing.close()


def _copy_rows(source: Connection, target: Connection, table: Table) -> None:
    if table.name == "data_versions":
        target.execute(table.delete())
    rows = source.execution_options(yield_per=_BATCH).execute(select(table))
    for part in rows.mappings().partitions(_BATCH):
        target.execute(insert(table), [dict(row) for row in part])


def _bring_up_to_date(source: Database, manifest: Manifest) -> None:
    if manifest.revision not in migrations.revisions():
        raise Conflict(N_("The backup was made by a newer version of Spotcheck; install that version first."))
    migrations.upgrade(source)


def _replace_rows(source: Database, target: Database, actor: Actor, now: datetime, name: str) -> None:
    with target.write() as session, source.engine.connect() as rows:
        connection = session.connection()
        guards.lift(connection)
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        for table in Base.metadata.sorted_tables:
            _copy_rows(rows, connection, table)
        guards.install(connection)
        if not target.is_sqlite:
            _continue_sequences(connection)
        session.execute(update(SignIn).where(SignIn.revoked_at.is_(None)).values(revoked_at=now))
        session.execute(update(LoginLink).where(LoginLink.used_at.is_(None)).values(used_at=now))
        audit.record(session, actor, now, "backup.restored", "backup", name)
        audit.bump(session, "users", "roster", "rubrics", "rules", "archive", "draws", "samples", "verdicts", "violations", "appeals",
                   "cases", "calibration", "measures", "settings")


def _continue_sequences(connection: Connection) -> None:
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:t, :c), :next, false)"),
                {"t": table.name, "c": column.name, "next": (connection.scalar(select(func.max(column))) or 0) + 1},
            )


def _is_empty(bench: Workbench) -> bool:
    if bench.archive.version() > 0:
        return False
    if migrations.current(bench.db) is None:
        return True
    with bench.db.read() as session:
        return not session.scalar(select(func.count()).select_from(User))


# The archive


def _copy_archive(bench: Workbench, target: Path) -> int | None:
    if "://" in bench.archive.root:
        return None
    with bench.archive.hold():
        version = bench.archive.version()
        if version:
            shutil.copytree(bench.archive.root, target, ignore=shutil.ignore_patterns(".writer.lock"))
    return version


def _put_archive(bench: Workbench, source: Path) -> None:
    root = Path(bench.archive.root)
    with bench.archive.hold():
        for entry in root.iterdir():
            if entry.name != ".writer.lock":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if source.is_dir():
            shutil.copytree(source, root, dirs_exist_ok=True)


# The manifest


def _describe(folder: Path, now: datetime, archive_version: int | None) -> Manifest:
    files = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, _sha256(path)) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    connection = sqlite3.connect(f"file:{folder / DATABASE}?mode=ro&immutable=1", uri=True)
    try:
        users = int(connection.execute("SELECT count(*) FROM users").fetchone()[0])
        revision = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()
    return Manifest(now.isoformat(), revision, archive_version, users, files)


def _read_manifest(folder: Path) -> Manifest:
    try:
        data = json.loads((folder / MANIFEST).read_text("utf-8"))
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in data["files"].items()}
        return Manifest(data["made_at"], data["revision"], data["archive_version"], data["users"], files)
    except OSError as problem:
        raise NotFound(N_("There is no backup in {place}."), place=str(folder)) from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise Invalid(N_("The backup is damaged: {file} was changed after it was made."), file=MANIFEST) from problem


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise Unavailable(N_("{place} cannot be written: {reason}"), place=str(folder), reason=problem.strerror or str(problem)) from problem
