"""The workbench database: engine, short transactions and the column types both databases agree on.

SQLite runs in WAL mode with `BEGIN IMMEDIATE` for writers, queued first come first served inside one process (SQLite's
own busy wait is unfair: its p99 reaches seconds while the median looks fine). PostgreSQL needs neither. Nothing here
knows what is stored.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from sqlalchemy import JSON, URL, DateTime, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator, TypeEngine

BUSY_TIMEOUT_MS = 30_000
SIGNING_KEY = "signing_key"
"""Under this name a writing session carries the key of its installation."""


class JsonDocument(TypeDecorator[Any]):
    """Plain JSON data; binary JSON on PostgreSQL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB  # brings every driver of PostgreSQL with it

        return dialect.type_descriptor(JSONB())


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; refuses naive datetimes, always returns aware ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored; give it a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _FairLock:
    """A lock that is granted in the order it was asked for."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._guard:
            turn = threading.Event()
            if self._held:
                self._waiting.append(turn)
            else:
                self._held = True
                turn.set()
        turn.wait()
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._held = False


class Database:
    """One database, shared by all threads of a process."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.signing_key: bytes | None = None
        """Signs the audit entries of this process; set by whoever opens the installation."""
        self._copy: TemporaryDirectory[str] | None = None
        self.read_only = self.is_sqlite and bool(self.url.database) and _cannot_write(Path(str(self.url.database)))
        """An SQLite file in a place that cannot be written is opened for reading: `doctor` and `verify-draw` work
        there."""
        address = self._reading_address(Path(str(self.url.database))) if self.read_only else self.url
        self.engine: Engine = create_engine(address, pool_pre_ping=not self.is_sqlite, pool_size=20, max_overflow=40)
        self._writers = _FairLock()
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_reading if self.read_only else _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; whatever it changed is rolled back."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One writing transaction: commits when the block ends well, rolls back when it raises."""
        if not self.is_sqlite:
            with Session(self.engine, expire_on_commit=False, info=self._info()) as session, session.begin():
                yield session
            return
        with self._writers(), self.engine.connect() as connection:
            writer = connection.execution_options(spotcheck_writer=True)
            with Session(writer, expire_on_commit=False, info=self._info()) as session, session.begin():
                yield session

    def _info(self) -> dict[str, Any]:
        return {SIGNING_KEY: self.signing_key}

    def ping(self) -> None:
        """Raise if the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def damage(self) -> str:
        """What SQLite finds wrong with its own file, in its words; empty when all is well. PostgreSQL looks itself."""
        if not self.is_sqlite:
            return ""
        with self.engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
        return "" if found == "ok" else found

    def drop_old_pages(self) -> None:
        """Leave nothing in SQLite's log of what rows said before: a later copy of the file must not hold it. Waits for
        nobody; what somebody still reads goes when the log is next emptied. PostgreSQL clears its pages by itself."""
        if self.is_sqlite:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.engine.dispose()
        if self._copy is not None:
            self._copy.cleanup()

    def _reading_address(self, file: Path) -> URL:
        """SQLite reads a file beside its log only where it can write; elsewhere it needs a copy of both."""
        log = file.with_name(file.name + "-wal")
        if not log.exists() or not log.stat().st_size:
            return _uri(file, mode="ro", immutable="1")
        try:
            with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return _uri(file, mode="ro")
        except sqlite3.Error:
            self._copy = TemporaryDirectory(prefix="spotcheck-reading-")
            for each in (file, log):
                shutil.copyfile(each, Path(self._copy.name) / each.name)
            return _uri(Path(self._copy.name) / file.name, mode="rw")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` chooses how.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what a row said is overwritten with it, whatever the build's default
    cursor.close()


def _prepare_reading(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")


def _cannot_write(file: Path) -> bool:
    return file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def _uri(file: Path, **how: str) -> URL:
    return URL.create("sqlite", database=f"file:{quote(str(file))}", query={**how, "uri": "true"})


def _begin_sqlite(connection: Any) -> None:
    writer = connection.get_execution_options().get(
        "spotcheck_writer"
    )  # on a file for reading, its first statement is refused
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")
