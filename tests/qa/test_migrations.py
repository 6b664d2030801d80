"""The migrated schema is the one the models describe, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from qa import jobs, migrations, operations
from qa.config import Config
from qa.db import Database
from qa.policy import SYSTEM
from qa.tables import guards
from qa.workbench import Workbench


def test_models_equal_migrated_schema(database_url: str) -> None:
    db = Database(database_url)
    migrations.check(db)
    assert migrations.current(db) == migrations.newest()
    db.close()


def test_upgrade_twice_changes_nothing(database_url: str) -> None:
    db = Database(database_url)
    migrations.upgrade(db)
    migrations.check(db)
    db.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def first(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the schema of 0.1.0."""
    if request.param == "sqlite":
        db = Database(f"sqlite:///{tmp_path / 'first.db'}")
    else:
        db = Database(str(request.getfixturevalue("postgres_url")))
        with db.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    command.upgrade(migrations._alembic(db), "0001")
    yield db
    db.close()


def test_an_upgrade_from_0_1_0_drops_the_counters_and_keeps_the_trail(first: Database) -> None:
    db = first
    entry = {"at": datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None if db.is_sqlite else UTC), "facts": "{}"}
    with db.engine.begin() as connection:
        connection.execute(text("INSERT INTO data_versions (name, version) VALUES ('verdicts', 4711)"))
        columns, values = "at, actor_name, action, entity, entity_id, facts", ":at, 'x', 'a.b', 'c', '1', :facts"
        connection.execute(text(f"INSERT INTO audit ({columns}) VALUES ({values})"), entry)
    migrations.upgrade(db)
    migrations.check(db)
    with db.engine.connect() as connection:
        assert "data_versions" not in inspect(connection).get_table_names()
        assert connection.execute(text("SELECT count(*) FROM audit WHERE action = 'a.b'")).scalar_one() == 1


def test_an_upgrade_from_0_1_0_brings_an_empty_table_of_corrections(first: Database) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM corrections")).scalar_one() == 0


def test_an_upgrade_from_0_1_0_brings_rulings_on_promises(first: Database) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM promise_rulings")).scalar_one() == 0


def test_an_upgrade_from_0_1_0_brings_settlements_of_disputes(first: Database) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM dispute_settlements")).scalar_one() == 0


def test_an_upgrade_from_0_1_0_brings_machine_scorers_one_of_each_in_use(first: Database) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    columns = "predictor, version, label, kind, rubric_version_id, content, state, created_at"
    values = "'machine:a', :version, '1', 'outside', 1, '{}', 'active', :at"
    at = datetime(2026, 3, 2, tzinfo=None if first.is_sqlite else UTC)
    with first.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO rubric_versions (id, rubric_id, version, state, content, content_hash, created_at)"
                " VALUES (1, 'r', 1, 'published', '{}', '', :at)"
            ),
            {"at": at},
        )
        connection.execute(text(f"INSERT INTO scorers ({columns}) VALUES ({values})"), {"version": "s1", "at": at})
    with pytest.raises(IntegrityError), first.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO scorers ({columns}) VALUES ({values})"), {"version": "s2", "at": at})


def test_an_upgrade_from_0_1_0_brings_answers_to_differences_with_a_scorer(first: Database) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM scorer_differences")).scalar_one() == 0


def test_an_upgrade_from_0_1_0_switches_no_step_of_the_night_on(first: Database, tmp_path: Path) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    bench = Workbench.open(Config(home=tmp_path, database_url=first.url.render_as_string(hide_password=False)))
    assert {one.paused for one in operations.schedules(bench, SYSTEM)} == {True}
    bench.close()


def test_an_upgrade_from_0_1_0_brings_coaching_and_its_guards(first: Database) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM coaching_entries")).scalar_one() == 0
        assert guards.missing(connection) == []


def test_an_upgrade_from_0_1_0_brings_the_tables_of_the_month(first: Database) -> None:
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        month = ("scheme_versions", "assessments", "assessment_entries", "assessment_objections", "soft_examples")
        exams = ("exams", "exam_questions", "exam_sittings")
        people = ("newcomer_plans", "newcomer_entries", "grade_events", "highlights", "rewards")
        for table in (*month, *exams, *people):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
        assert guards.missing(connection) == []


def test_an_upgrade_from_0_1_0_brings_jobs_and_keeps_accounts(first: Database, tmp_path: Path) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    account = {"yes": True, "at": now.replace(tzinfo=None if first.is_sqlite else UTC)}
    with first.engine.begin() as connection:
        columns = "login, display_name, role, active, created_at"
        connection.execute(text(f"INSERT INTO users ({columns}) VALUES ('lin', '林', 'lead', :yes, :at)"), account)
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        assert connection.execute(text("SELECT login, display_name FROM users")).all() == [("lin", "林")]
    bench = Workbench.open(Config(home=tmp_path, database_url=first.url.render_as_string(hide_password=False)))
    jobs.ask(bench, SYSTEM, jobs.SCREENING, jobs.Screen(), now=now)
    assert [job.state for job in jobs.recent(bench, SYSTEM)] == ["waiting"]
    bench.close()


def test_an_upgrade_from_0_1_0_keeps_samples_and_what_refers_to_them(first: Database) -> None:
    """The table of samples is made anew on SQLite: rows, references and guards have to come through it."""
    moment = datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None if first.is_sqlite else UTC)
    with first.engine.begin() as connection:
        for statement in _OLD_SAMPLE:
            connection.execute(text(statement), {"at": moment, "day": moment.date(), "no": False})
    migrations.upgrade(first)
    migrations.check(first)
    with first.engine.connect() as connection:
        row = connection.execute(text("SELECT draw_id, pi, reason, rubric_version_id FROM samples")).one()
        assert tuple(row) == (1, 0.25, "base", None)
        assert connection.execute(text("SELECT sample_id FROM assignments")).scalar_one() == 1
        assert guards.missing(connection) == []
        if first.is_sqlite:
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    with pytest.raises(DatabaseError), first.engine.begin() as connection:
        connection.execute(text("UPDATE samples SET pi = 0.5"))


_OLD_SAMPLE = (
    "INSERT INTO rubric_versions (id, rubric_id, version, state, content, content_hash, created_at)"
    " VALUES (1, 'r', 1, 'published', '{}', 'h', :at)",
    "INSERT INTO plans (id, name, content, rubric_version_id, seed, seed_commitment, created_at)"
    " VALUES (1, 'p', '{}', 1, 's', 'c', :at)",
    "INSERT INTO draws (id, plan_id, name, period_from, period_to, archive_version, frame_hash, frame_size, receipt,"
    " receipt_hash, rubric_version_id, published_at)"
    " VALUES (1, 1, 'd', :day, :day, 1, 'f', 1, '{}', 'r', 1, :at)",
    "INSERT INTO transcripts (id, unit_id, content, content_hash, created_at) VALUES (1, 'u', '{}', 't', :at)",
    "INSERT INTO samples (id, draw_id, unit_id, source, agent_id, stratum, reason, pi, u, rank, transcript_id)"
    " VALUES (1, 1, 'u', 'chat', 'a', '', 'base', 0.25, 0.5, 1, 1)",
    "INSERT INTO assignments (id, sample_id, kind, position, version, created_at) VALUES (1, 1, 'primary', 1, 1, :at)",
)
