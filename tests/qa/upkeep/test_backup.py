"""Backup and restore: complete, verified, from and to both databases, and never over existing work by accident."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from sqlalchemy import select

from qa import migrations
from qa.config import Config
from qa.db import Database
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.people import accounts, signins
from qa.policy import SYSTEM, Actor, Role
from qa.tables import AuditEntry, ImportRun, Setting, User
from qa.upkeep import backup, health
from qa.upkeep.findings import HealthState
from qa.workbench import Workbench
from tests.conftest import created_database


def fill(bench: Workbench, now: datetime) -> None:
    """Something in every corner: rows, JSON, times, archive versions, an open sign-in."""
    accounts.create_user(
        bench, SYSTEM, now=now, login="root", role=Role.ADMIN, display_name="根·管理员 😀", password="correct-horse-1"
    )
    signins.sign_in(bench, "root", "correct-horse-1", address="1", now=now)
    with bench.db.write() as session:
        session.add(Setting(key="window", value={"days": [1, 2.5, None, "七"]}, updated_at=now))
    with bench.archive.change("seed", now) as change:
        change.append("signals", _signals(1))
    with bench.archive.change("more", now) as change:
        change.append("signals", _signals(2))


def _signals(number: int) -> pl.DataFrame:
    from qa.archive.schema import KEYS, empty

    return empty("signals").clear(1).with_columns(pl.lit(f"k{number}").alias(KEYS["signals"]))


@pytest.fixture
def target(tmp_path: Path, request: pytest.FixtureRequest) -> Workbench:
    """A new, empty installation without a schema; on the database named by the parameter."""
    url = ""
    if request.param == "postgresql":
        server = str(request.getfixturevalue("postgres_server"))
        url = created_database(server, f"restored_{uuid4().hex[:12]}")
    return Workbench.open(Config(home=tmp_path / "new", database_url=url))


@pytest.mark.parametrize("target", ["sqlite", "postgresql"], indirect=True)
def test_a_backup_of_either_database_comes_back_in_either(
    any_bench: Workbench, target: Workbench, tmp_path: Path, now: datetime
) -> None:
    fill(any_bench, now)
    made = backup.backup(any_bench, SYSTEM, tmp_path / "copy", now=now)
    assert made == backup.verify(tmp_path / "copy")
    assert made.archive_version == 2
    backup.restore(target, SYSTEM, tmp_path / "copy", now=now)
    with any_bench.db.read() as before, target.db.read() as after:
        for model in (User, Setting):
            rows = [
                [
                    {c.name: getattr(row, c.key) for c in model.__table__.columns}
                    for row in session.scalars(select(model))
                ]
                for session in (before, after)
            ]
            assert rows[0] == rows[1]
        assert list(after.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))[-1] == "backup.restored"
    assert target.archive.version() == 2
    assert target.archive.at(1).scan("signals").collect().equals(any_bench.archive.at(1).scan("signals").collect())
    assert signins.open_sign_ins(target, SYSTEM, now=now) == []  # nobody stays signed in on a copy
    assert len(signins.open_sign_ins(any_bench, SYSTEM, now=now)) == 1
    accounts.create_user(target, SYSTEM, now=now, login="next", role=Role.LEAD)  # numbering goes on
    target.close()


def test_work_is_never_overwritten_without_force(bench: Workbench, tmp_path: Path, now: datetime) -> None:
    fill(bench, now)
    backup.backup(bench, SYSTEM, tmp_path / "copy", now=now)
    accounts.create_user(bench, SYSTEM, now=now, login="later", role=Role.LEAD)
    with pytest.raises(Conflict):
        backup.restore(bench, SYSTEM, tmp_path / "copy", now=now)
    assert len(accounts.users(bench, SYSTEM)) == 2
    backup.restore(bench, SYSTEM, tmp_path / "copy", now=now, force=True)
    assert [user.login for user in accounts.users(bench, SYSTEM)] == ["root"]


def _change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("harm", ["changed", "missing", "manifest"])
def test_a_damaged_backup_is_found_before_anything_is_touched(
    bench: Workbench, tmp_path: Path, now: datetime, harm: str
) -> None:
    fill(bench, now)
    made = backup.backup(bench, SYSTEM, tmp_path / "copy", now=now)
    victim = tmp_path / "copy" / next(name for name in made.files if name.endswith(".parquet"))
    if harm == "changed":
        _change(victim)
    elif harm == "missing":
        victim.unlink()
    else:
        (tmp_path / "copy" / backup.MANIFEST).write_text("{}")
    with pytest.raises(Invalid):
        backup.restore(bench, SYSTEM, tmp_path / "copy", now=now, force=True)
    assert len(accounts.users(bench, SYSTEM)) == 1
    assert bench.archive.version() == 2


@pytest.mark.parametrize(
    "said",
    [
        '{"files": []}', "[" * 100_000,
        '{"made_at": "x", "revision": "1", "archive_version": "x", "users": 1, "files": {}}',
        '{"made_at": "x", "revision": "1", "archive_version": 1, "users": "many", "files": {}}',
        '{"made_at": "x", "revision": "1", "archive_version": -1, "users": 1, "files": {}}',
    ],
    ids=["list", "deep", "version", "users", "negative"],
)  # fmt: skip
def test_a_manifest_that_says_nonsense_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / backup.MANIFEST).write_text(said)
    with pytest.raises(Invalid):
        backup.verify(tmp_path)


def test_a_failed_backup_leaves_nothing(bench: Workbench, tmp_path: Path, now: datetime) -> None:
    fill(bench, now)
    with bench.archive.hold(), pytest.raises(Conflict):  # somebody is importing
        backup.backup(bench, SYSTEM, tmp_path / "copies" / "copy", now=now)
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_backup_of_a_newer_version_is_refused(bench: Workbench, tmp_path: Path, now: datetime) -> None:
    fill(bench, now)
    with bench.db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    backup.backup(bench, SYSTEM, tmp_path / "copy", now=now)
    new = Workbench.open(Config(home=tmp_path / "new"))
    with pytest.raises(Conflict):
        backup.restore(new, SYSTEM, tmp_path / "copy", now=now)
    assert migrations.current(new.db) is None
    new.close()


def test_refusals(bench: Workbench, tmp_path: Path, now: datetime) -> None:
    with pytest.raises(NotFound):
        backup.verify(tmp_path / "nowhere")
    (tmp_path / "there").mkdir()
    with pytest.raises(Conflict):
        backup.backup(bench, SYSTEM, tmp_path / "there", now=now)
    with pytest.raises(Denied):
        backup.backup(bench, Actor(1, Role.LEAD, "x"), tmp_path / "x", now=now)
    with pytest.raises(Denied):
        backup.restore(bench, Actor(1, Role.LEAD, "x"), tmp_path / "x", now=now)


def test_the_copy_is_one_plain_file(bench: Workbench, tmp_path: Path, now: datetime) -> None:
    fill(bench, now)
    backup.backup(bench, SYSTEM, tmp_path / "copy", now=now)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["archive", "manifest.json", "workbench.db"]
    copy = Database(f"sqlite:///{tmp_path / 'copy' / 'workbench.db'}")
    assert migrations.current(copy) == migrations.newest()
    copy.close()


def _broken(bench: Workbench) -> list[str]:
    return [
        finding.detail.format(**finding.facts)
        for finding in health.examine(bench, SYSTEM, deep=True)
        if finding.state is HealthState.FAILED
    ]


@pytest.mark.parametrize(
    "harm", ["flipped byte", "deleted file", "deleted table", "deleted log", "deleted archive", "flipped catalogue"]
)
def test_damage_to_the_source_is_found_before_a_backup_is_called_whole(
    bench: Workbench, tmp_path: Path, now: datetime, harm: str
) -> None:
    fill(bench, now)
    with bench.db.write() as session:
        session.add(
            ImportRun(
                file_name="x",
                sha256="",
                kind="messages",
                source="s",
                mapping={},
                state="done",
                counts={},
                problems=[],
                archive_version=2,
                started_at=now,
            )
        )
    assert _broken(bench) == []
    name = backup.fresh_name(now)
    backup.backup(bench, SYSTEM, backup.own_folder(bench) / name, now=now)
    root = Path(bench.archive.root)
    if harm == "flipped byte":
        _change(next((root / "signals").glob("*.parquet")))
    elif harm == "deleted file":
        next((root / "signals").glob("*.parquet")).unlink()
    elif harm == "deleted table":
        shutil.rmtree(root / "signals")
    elif harm == "deleted log":
        next((root / "signals" / "_delta_log").glob("*0.json")).unlink()
    elif harm == "deleted archive":
        shutil.rmtree(root)
    else:
        _change(next((root / "catalogue").glob("*.parquet")))
    found = _broken(bench)
    assert found
    if harm != "deleted archive":
        assert any(name in line for line in found), found  # where it can still be had
    with pytest.raises(Invalid):
        backup.backup(bench, SYSTEM, tmp_path / "second", now=now)
    backup.restore(bench, SYSTEM, backup.own_folder(bench) / name, now=now, force=True)
    assert _broken(bench) == []


def test_an_archive_from_before_checksums_is_taken_up(bench: Workbench, now: datetime) -> None:
    fill(bench, now)
    shutil.rmtree(Path(bench.archive.root) / "checksums")
    assert bench.archive.check().unlisted > 0
    bench.archive.list_old_files()
    checked = bench.archive.check()
    assert (checked.unlisted, checked.damaged) == (0, ())
    _change(next(Path(bench.archive.root).glob("signals/*.parquet")))
    assert [damage.table for damage in bench.archive.check().damaged] == ["signals"]
