"""A restore is one step: killed at any point it leaves the old installation or the new one, and says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest

from qa.archive import Archive
from qa.config import Config
from qa.db import Database
from qa.errors import Conflict, Invalid, SpotcheckError
from qa.ingest import detect, runs, service
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.tables import ImportRun
from qa.upkeep import backup, health
from qa.upkeep.findings import HealthState
from qa.workbench import Workbench
from tests.conftest import created_database
from tests.qa.upkeep.test_backup import _signals, fill

CHILD = """
    import os, sys
    from datetime import UTC, datetime
    from pathlib import Path
    import sqlalchemy
    from qa.upkeep import backup
    from qa.config import Config
    from qa.policy import SYSTEM
    from qa.workbench import Workbench
    home, url, folder, last = sys.argv[1:]
    bench = Workbench.open(Config(home=Path(home), database_url=url))
    seen = 0
    def step(event):
        global seen
        seen += 1
        if seen == int(last):
            os._exit(9)
    sqlalchemy.event.listen(bench.db.engine, "before_cursor_execute", lambda *rest: step("sql"))
    sqlalchemy.event.listen(bench.db.engine, "commit", lambda *rest: step("commit"))
    touching = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "open"}
    sys.addaudithook(lambda event, rest: step(event) if event in touching else None)
    backup.restore(bench, SYSTEM, Path(folder), now=datetime.now(UTC), force=True)
    print(seen, flush=True)
    os._exit(0)
"""


def restore_in_a_child(home: Path, url: str, folder: Path, last: int) -> tuple[int, int]:
    """Restore and kill the process at its step `last` (0: never). Returns exit code and number of steps."""
    words = [sys.executable, "-c", textwrap.dedent(CHILD), str(home), url, str(folder), str(last)]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    assert ended.returncode in (0, 9), ended.stderr
    return ended.returncode, int(ended.stdout or 0)


def state(bench: Workbench) -> tuple[list[str], int, list[str]]:
    """What both stores hold: accounts, archive version, keys."""
    keys = bench.archive.at().scan("signals").collect().to_series().sort().to_list()
    return sorted(user.login for user in accounts.users(bench, SYSTEM)), bench.archive.version(), keys


OLD, NEW = (["other"], 1, ["k9"]), (["root"], 2, ["k1", "k2"])


def old_installation(home: Path, url: str, now: datetime) -> None:
    bench = Workbench.open(Config(home=home, database_url=url))
    backup.migrations.upgrade(bench.db)
    accounts.create_user(bench, SYSTEM, now=now, login="other", role=Role.ADMIN)
    with bench.archive.change("mine", now) as change:
        change.append("signals", _signals(9))
    assert state(bench) == OLD
    bench.close()


@pytest.fixture
def made(bench: Workbench, tmp_path: Path, now: datetime) -> Path:
    """A backup of another installation."""
    fill(bench, now)
    backup.backup(bench, SYSTEM, tmp_path / "copy", now=now)
    return tmp_path / "copy"


def kill_points(steps: int, many: int) -> list[int]:
    """Points near the end, where it is decided, and others spread over the rest."""
    return sorted({*(steps - 30 * k // many for k in range(many)), *(1 + steps * k // 3 for k in range(3))})


def mixed(bench: Workbench) -> bool:
    """Whether the stores, as they lie there, belong to different moments."""
    try:
        return state(bench) not in (OLD, NEW)
    except (OSError, SpotcheckError):
        return True


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_restore_leaves_the_old_or_the_new_state(
    made: Path, tmp_path: Path, now: datetime, kind: str, request: pytest.FixtureRequest
) -> None:
    server = str(request.getfixturevalue("postgres_server")) if kind == "postgresql" else ""
    first, name = tmp_path / "first", f"killed_{uuid4().hex[:12]}"
    old_installation(first, created_database(server, name) if server else "", now)

    def installation(number: int) -> tuple[Path, str]:
        home = Path(shutil.copytree(first, tmp_path / f"home{number}"))
        return home, created_database(server, f"{name}_{number}", name) if server else ""

    code, steps = restore_in_a_child(*installation(0), made, 0)
    assert (code, steps > 100) == (0, True)
    found = []
    for number, last in enumerate(kill_points(steps, 4 if kind == "sqlite" else 2), start=1):
        home, url = installation(number)
        if restore_in_a_child(home, url, made, last)[0] == 0:
            continue
        looking = Workbench.open(Config(home=home, database_url=url), settle=False)
        told = {f.name: f.state for f in health.examine(looking, SYSTEM)}.get("Restore")
        unclear = mixed(looking)
        looking.close()
        assert told is HealthState.FAILED or not unclear, f"killed at step {last} of {steps}: the doctor does not know"
        bench = Workbench.open(Config(home=home, database_url=url))
        found.append(state(bench))
        assert found[-1] in (OLD, NEW), f"killed at step {last} of {steps}"
        assert not [
            path.name
            for path in (home / "archive").iterdir()
            if path.name.startswith(".") and path.name != ".writer.lock"
        ]
        with bench.archive.change("goes on", now) as change:
            change.append("signals", _signals(5))
        backup.restore(bench, SYSTEM, made, now=now, force=True)
        assert state(bench) == NEW
        bench.close()
    assert OLD in found
    assert NEW in found


def test_nobody_writes_between_the_halves_of_a_restore(
    bench: Workbench, made: Path, tmp_path: Path, now: datetime
) -> None:
    bench.archive.arrival.prepare()  # what a killed restore leaves while a server goes on running
    with pytest.raises(Conflict), bench.archive.change("import", now):
        pass
    with pytest.raises(Conflict):
        backup.backup(bench, SYSTEM, tmp_path / "second", now=now)


@pytest.mark.parametrize("harm", ["link", "stranger", "way out"])
def test_what_does_not_belong_to_a_backup_is_refused(bench: Workbench, made: Path, now: datetime, harm: str) -> None:
    if harm == "link":
        (made / "archive" / "signals" / "more.parquet").symlink_to("/etc/hostname")
    elif harm == "stranger":
        (made / "archive" / "signals" / "more.parquet").write_bytes(b"x")
    else:
        manifest = made / backup.MANIFEST
        manifest.write_text(manifest.read_text("utf-8").replace("archive/signals/", "archive/../signals/", 1), "utf-8")
    with pytest.raises(Invalid):
        backup.restore(bench, SYSTEM, made, now=now, force=True)
    assert bench.archive.version() == 2


def test_no_backup_falls_between_the_two_halves_of_an_import(bench: Workbench, tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "chats.csv"
    path.write_text(
        "conversation_id,agent_id,customer_id,sent_at,role,text\nC1,A1,K1,2026-02-01 10:00:00,customer,hello\n", "utf-8"
    )
    seen = detect(path)
    shape, job = service._prepare(bench, path, seen.mapping, seen.kind, "shop", "", now, None, None)
    log = service._log(seen.mapping)
    refused = []

    def checksum() -> str:  # asked for before the rows are visible, and when the database does not know of them yet
        with pytest.raises(Conflict):
            backup.backup(bench, SYSTEM, tmp_path / "copy", now=now)
        refused.append(True)
        return "0" * 64

    runs.execute(
        bench,
        SYSTEM,
        now,
        job,
        log,
        lambda job, sink, log: service._load(shape, job, sink, log, None),
        "chats.csv",
        checksum,
    )
    assert refused == [True, True, True]
    backup.backup(bench, SYSTEM, tmp_path / "copy", now=now)
    copy = Workbench(
        bench.config,
        Database(f"sqlite:///{tmp_path / 'copy' / 'workbench.db'}"),
        Archive(str(tmp_path / "copy" / "archive")),
    )
    with copy.db.read() as session:
        run = session.query(ImportRun).one()
    assert (run.state, run.archive_version, copy.archive.version()) == ("done", 1, 1)
    copy.close()
