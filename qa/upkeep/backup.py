"""Backup and restore: one folder with the database as an SQLite file, the archive, and a manifest of every file's hash.

The database is copied row by row through the models, from and to either kind of database, so a backup is also the way
from SQLite to PostgreSQL. Knows where things are stored, not what they mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Table, func, insert, select, text, update

from qa import audit, evidence, migrations, restore_journal
from qa.archive.arrival import Arrival, sync_folder
from qa.archive.checksums import digest
from qa.db import Database
from qa.errors import Conflict, Invalid, Unavailable
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.restore_journal import Journal
from qa.security import files as private
from qa.tables import Base, Job, LoginLink, SignIn, User, guards
from qa.upkeep import manifests
from qa.upkeep.manifests import ARCHIVE, DATABASE, MANIFEST, Manifest
from qa.workbench import Workbench

UNFINISHED = N_("The workbench was restored from a backup while this was waiting or running.")
"""Error of the jobs a restored database holds: what they worked with is not here."""
NIGHTLY = "night-"
"""What the names of backups begin with that the night shift made, and may remove again."""
_BATCH = 2_000
_CHANGED = manifests.CHANGED
Progress = Callable[[float, str], None]


def _silent(share: float, what: str) -> None:
    """Progress nobody watches."""


def backup(
    bench: Workbench, actor: Actor, folder: Path, *, now: datetime, damaged: bool = False, progress: Progress = _silent
) -> Manifest:
    """Write a consistent backup into the new folder `folder` and verify it.

    The source is verified as well: when a file of the archive or the database is not what it was, the backup is
    refused, so that nobody throws the last whole one away; `damaged` makes it all the same, of what is left.

    Database and archive are copied under the archive's writer's lock, which imports and screenings hold until the
    database knows of them: both copies show the same moment. Nothing is left behind when it fails. Raises `Conflict`
    when the folder exists or somebody is importing.
    """
    require(actor, Right.MAINTAIN)
    folder = folder.expanduser().resolve()
    if folder.exists():
        raise Conflict(N_("{place} exists already; a backup goes into a new folder."), place=str(folder))
    partial = folder.with_name(folder.name + ".partial")
    with _storage_errors(folder):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=private.FOLDER)
        try:
            progress(0.05, N_("Database"))
            with bench.archive.hold():
                if not damaged:
                    _refuse_damage(bench)
                _database_to_file(bench.db, partial / DATABASE)
                progress(0.4, N_("Archive"))
                version = _copy_archive(bench, partial / ARCHIVE)
            progress(0.8, N_("Checksums"))
            manifest = _describe(partial, now, version)
            (partial / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    verify(folder)
    with bench.db.write() as session:
        audit.record(
            session, actor, now, "backup.made", "backup", folder.name, files=len(manifest.files), bytes=manifest.bytes
        )
    progress(1.0, N_("Backup"))
    return manifest


def verify(folder: Path) -> Manifest:
    """Check every file of a backup against its manifest and the database file's own consistency.

    Raises `NotFound` when there is no backup there, `Invalid` naming the first file that is missing, changed, or does
    not belong to it: a link, or a file that the manifest does not name.
    """
    manifest = manifests.read(folder)
    _refuse_strangers(folder, manifest)
    for name, (size, wanted) in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise Invalid(N_("The backup is incomplete: {file} is missing."), file=name)
        if path.stat().st_size != size or digest(path) != wanted:
            raise Invalid(_CHANGED, file=name)
    connection = sqlite3.connect(f"file:{folder / DATABASE}?mode=ro&immutable=1", uri=True)
    try:
        if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise Invalid(_CHANGED, file=DATABASE)
    finally:
        connection.close()
    return manifest


def restore(
    bench: Workbench, actor: Actor, folder: Path, *, now: datetime, force: bool = False, progress: Progress = _silent
) -> Manifest:
    """Put a verified backup into this installation, whichever database it uses; all sign-ins of the backup end.

    Refuses an installation that holds anything, unless `force`: then everything in it is replaced. A backup of an older
    version is upgraded on the way; one of a newer version is refused. Archive and database change as one: a restore
    that is killed leaves the old installation or the new one (`qa.restore_journal`).
    """
    require(actor, Right.MAINTAIN)
    folder = folder.expanduser().resolve()
    manifest = verify(folder)
    if manifest.archive_version is not None and "://" in bench.archive.root:
        raise Conflict(N_("The backup holds an archive folder, but the archive here is in an object store."))
    home = bench.config.home
    with _storage_errors(home), restore_journal.running(home):
        if not force and not _is_empty(bench):
            raise Conflict(
                N_("This installation is not empty. Restore into a new one, or replace everything in it with --force.")
            )
        progress(0.1, N_("Database"))
        with TemporaryDirectory(prefix="restore-", dir=scratch(bench)) as work:
            source = _incoming_rows(folder, manifest, Path(work))
            try:
                migrations.upgrade(bench.db)
                _replace(bench, actor, now, folder, manifest, source, progress)
            finally:
                source.close()
    progress(1.0, N_("Restore"))
    return manifest


def _incoming_rows(folder: Path, manifest: Manifest, work: Path) -> Database:
    """The backup's database as a copy of the newest schema."""
    copy = work / DATABASE
    _copy_checked(folder, DATABASE, manifest, copy)
    source = Database(f"sqlite:///{copy}")
    try:
        _bring_up_to_date(source, manifest)
    except BaseException:
        source.close()
        raise
    return source


def _replace(
    bench: Workbench,
    actor: Actor,
    now: datetime,
    folder: Path,
    manifest: Manifest,
    source: Database,
    progress: Progress,
) -> None:
    home = bench.config.home
    journal = Journal(secrets.token_hex(16), folder.name, manifest.archive_version is not None)
    with bench.archive.replacing() if journal.with_archive else nullcontext() as arrival:
        restore_journal.write(home, journal)
        try:
            if arrival is not None:
                progress(0.3, N_("Archive"))
                _bring_archive(folder, manifest, arrival)
            progress(0.6, N_("Database"))
            _replace_rows(source, bench.db, actor, now, journal)
        except BaseException:
            if arrival is not None:
                arrival.discard()
            restore_journal.forget(home)
            raise
        if arrival is not None:
            progress(0.9, N_("Archive"))
            arrival.enter()
        restore_journal.forget(home)


def prune(bench: Workbench, actor: Actor, *, now: datetime, keep: int) -> tuple[str, ...]:
    """Remove the oldest nightly backups until `keep` are left; returns their names. What people made stays."""
    require(actor, Right.MAINTAIN)
    names = sorted(name for name, _ in listing(bench, actor) if name.startswith(NIGHTLY))
    removed = tuple(names[: max(0, len(names) - keep)])
    for name in removed:
        with _storage_errors(own_folder(bench) / name):
            shutil.rmtree(own_folder(bench) / name)
        with bench.begin(actor, now) as work:
            work.record("backup.removed", "backup", name)
    return removed


def listing(bench: Workbench, actor: Actor) -> list[tuple[str, Manifest]]:
    """The backups in this installation's own folder, newest first: name and manifest. Unreadable ones are left out."""
    require(actor, Right.MAINTAIN)
    return manifests.found(bench.config.home)


def own_folder(bench: Workbench) -> Path:
    """Where backups go when no place is named."""
    return manifests.own_folder(bench.config.home)


def scratch(bench: Workbench) -> Path:
    """A folder for what lasts as long as one step, on the disk of the installation."""
    folder = bench.config.home / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
        with (
            db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as rows,
            target.engine.begin() as into,
        ):
            for table in Base.metadata.sorted_tables:
                _copy_rows(rows, into, table)
        target.close()
    closing = sqlite3.connect(path)
    closing.execute("PRAGMA journal_mode = DELETE")
    closing.close()


def _copy_rows(source: Connection, target: Connection, table: Table) -> None:
    rows = source.execution_options(yield_per=_BATCH).execute(select(table))
    for part in rows.mappings().partitions(_BATCH):
        target.execute(insert(table), [dict(row) for row in part])


def _bring_up_to_date(source: Database, manifest: Manifest) -> None:
    if manifest.revision not in migrations.revisions():
        raise Conflict(N_("The backup was made by a newer version of Spotcheck; install that version first."))
    migrations.upgrade(source)


def _replace_rows(source: Database, target: Database, actor: Actor, now: datetime, journal: Journal) -> None:
    with target.write() as session, source.engine.connect() as rows:
        connection = session.connection()
        guards.lift(connection)
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        for table in Base.metadata.sorted_tables:
            _copy_rows(rows, connection, table)
        evidence.begin_anew(session)
        guards.install(connection)
        if not target.is_sqlite:
            _continue_sequences(connection)
        session.execute(update(SignIn).where(SignIn.revoked_at.is_(None)).values(revoked_at=now))
        session.execute(
            update(Job)
            .where(Job.state.in_(("waiting", "running")))
            .values(state="failed", ended_at=now, error={"code": "unavailable", "msgid": UNFINISHED, "facts": {}})
        )
        session.execute(update(LoginLink).where(LoginLink.used_at.is_(None)).values(used_at=now))
        restore_journal.decide(session, actor, journal, now)


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


def _refuse_damage(bench: Workbench) -> None:
    # Files first: a damaged catalogue cannot even say its version.
    harmed = bench.archive.check().damaged
    if harmed:
        raise Invalid(
            N_(
                "The archive is damaged ({count} files, first {file}). “spotcheck doctor” says what can still be saved;"
                " “spotcheck backup --damaged” copies what is left."
            ),
            count=len(harmed),
            file=harmed[0].path,
        )
    version, known = bench.archive.version(), bench.known_archive_version()
    if known > version:
        raise Invalid(
            N_(
                "The archive has version {version}, but the database knows of version {known}: rows are missing."
                " Restore the last backup, or copy what is left with “spotcheck backup --damaged”."
            ),
            version=version,
            known=known,
        )
    if bench.db.is_sqlite and (problem := bench.db.damage()):
        raise Invalid(
            N_(
                "The database is damaged: {reason}. Restore the last backup, or copy what is left with “spotcheck"
                " backup --damaged”."
            ),
            reason=problem,
        )


def _copy_archive(bench: Workbench, target: Path) -> int | None:
    if "://" in bench.archive.root:
        return None
    version = bench.archive.version()
    if version:
        shutil.copytree(bench.archive.root, target, ignore=shutil.ignore_patterns(".*"))
    return version


def _bring_archive(folder: Path, manifest: Manifest, arrival: Arrival) -> None:
    place = arrival.prepare()
    for name in manifest.files:
        if name.startswith(f"{ARCHIVE}/"):
            target = place / name.removeprefix(f"{ARCHIVE}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy_checked(folder, name, manifest, target)
    for made in (place, *(path for path in place.rglob("*") if path.is_dir())):
        sync_folder(made)


def _copy_checked(folder: Path, name: str, manifest: Manifest, target: Path) -> None:
    """Copy one file to disk, and refuse it when the bytes that were copied are not those of the manifest."""
    digest = hashlib.sha256()
    with (folder / name).open("rb") as source, target.open("wb") as copy:
        while piece := source.read(1 << 20):
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    if digest.hexdigest() != manifest.files[name][1]:
        raise Invalid(_CHANGED, file=name)


# The manifest


def _describe(folder: Path, now: datetime, archive_version: int | None) -> Manifest:
    files = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    connection = sqlite3.connect(f"file:{folder / DATABASE}?mode=ro&immutable=1", uri=True)
    try:
        users = int(connection.execute("SELECT count(*) FROM users").fetchone()[0])
        revision = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()
    return Manifest(now.isoformat(), revision, archive_version, users, files)


def _refuse_strangers(folder: Path, manifest: Manifest) -> None:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise Invalid(N_("The backup holds a link: {file}. A backup is made of plain files alone."), file=name)
        if not path.is_dir() and name not in manifest.files and name != MANIFEST:
            raise Invalid(
                N_(
                    "The backup holds a file that is not part of it: {file}. Remove it if you know where it comes from."
                ),
                file=name,
            )
    for name in manifest.files:
        if not (name == DATABASE or name.startswith(f"{ARCHIVE}/")) or ".." in name.split("/"):
            raise Invalid(_CHANGED, file=MANIFEST)


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise Unavailable(
            N_("{place} cannot be written: {reason}"), place=str(folder), reason=problem.strerror or str(problem)
        ) from problem
