"""Records of 0.1.0 come through the upgrade as they were, and are sealed as they stand."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import text

from qa import evidence, migrations
from qa.config import Config
from qa.db import Database
from qa.tables import guards
from qa.workbench import Workbench
from tests.conftest import created_database
from tests.world.desk import NOW

AT = "2026-03-02 01:30:00+00:00"
OLD = (
    (
        f"INSERT INTO audit (id, at, actor_id, actor_name, action, entity, entity_id, facts) VALUES (7, '{AT}', 1,"
        " '王', 'user.created', 'user', '1', '{\"login\": \"root\"}')"
    ),
    (
        "INSERT INTO transcripts (id, unit_id, content, content_hash, created_at) VALUES (3, 'u', '{}',"
        f" '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', '{AT}')"
    ),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'old.db'}"
    return created_database(str(request.getfixturevalue("postgres_server")), f"old_{uuid4().hex[:12]}")


def test_old_records_are_sealed_as_they_stand(empty_database_url: str, tmp_path: Path) -> None:
    db = Database(empty_database_url)
    command.upgrade(migrations._alembic(db), "0001")
    with db.engine.begin() as connection:
        for statement in OLD:
            connection.execute(text(statement))
    migrations.upgrade(db)
    migrations.check(db)
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT id, actor_name, action, mac FROM audit")).all() == [
            (7, "王", "user.created", None)
        ]
        assert guards.missing(connection) == []
    db.close()
    bench = Workbench.open(Config(home=tmp_path / "home", database_url=empty_database_url))
    assert evidence.seal(bench, NOW).rows >= 2
    assert evidence.check(bench).forgeries == ()
    bench.close()
