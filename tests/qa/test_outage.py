"""Trouble outside the product is one sentence and exit code 6, and reading goes on where writing cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import event, insert
from sqlalchemy.exc import OperationalError

from qa import outage
from qa.archive import Archive
from qa.cli.main import main
from qa.config import Config
from qa.errors import Invalid, Unavailable
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.tables import Setting
from qa.workbench import Workbench

POWERLESS = """
    import ctypes, sys
    # even root obeys the modes of files once it has given its capabilities away
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    ctypes.CDLL(None).capset(head, (ctypes.c_uint32 * 6)(*[0] * 6))
    from qa.cli.main import main
    sys.exit(main(sys.argv[1:]))
"""


def without_rights(*words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "SPOTCHECK_LANGUAGE": "en"}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(POWERLESS), *words],
        check=False,
        capture_output=True,
        text=True,
        env=environ,
    )


def make_read_only(home: Path) -> None:
    for path in [home, *home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def make_writable(home: Path) -> None:
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_full_database_is_one_sentence(bench: Workbench, now: datetime) -> None:
    event.listen(
        bench.db.engine, "connect", lambda connection, _record: connection.execute("PRAGMA max_page_count = 1")
    )
    bench.db.engine.dispose()
    with pytest.raises(OperationalError, match="full") as caught, bench.db.write() as session:
        session.execute(
            insert(Setting), [{"key": f"{n}", "value": {"x": "y" * 1_000}, "updated_at": now} for n in range(2_000)]
        )
    error = outage.explain(caught.value)
    assert isinstance(error, Unavailable)
    assert error.msgid == outage.FULL


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence() -> None:
    with pytest.raises(pl.exceptions.ComputeError, match="space") as caught:
        pl.DataFrame({"a": range(100_000)}).write_parquet("/dev/full")
    assert getattr(outage.explain(caught.value), "msgid", "") == outage.FULL


def test_a_database_that_is_away_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPOTCHECK_HOME", str(tmp_path))
    monkeypatch.setenv("SPOTCHECK_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    monkeypatch.setenv("SPOTCHECK_LANGUAGE", "en")
    assert main(["user", "list"]) == Unavailable.exit_code
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "cannot be reached" in written


def test_an_object_store_that_is_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
    for name, value in {**keys, "ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises(OSError, match="S3") as caught:
        Archive("s3://nothing/here").version()
    assert getattr(outage.explain(caught.value), "msgid", "") == outage.STORE_AWAY


def test_our_own_errors_and_our_own_faults_stay_what_they_are() -> None:
    error = Invalid("x")
    assert outage.explain(error) is error
    assert outage.explain(ZeroDivisionError("y")) is None
    assert outage.explain(KeyError("no space left on device")) is None


@pytest.mark.parametrize("log", [False, True], ids=["closed well", "killed with a log beside it"])
def test_a_read_only_home_is_examined_and_nothing_else_is_done(
    tmp_path: Path, now: datetime, sqlite_template: Path, log: bool
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(sqlite_template, home / "workbench.db")
    bench = Workbench.open(Config(home=home))
    accounts.create_user(bench, SYSTEM, now=now, login="root", role=Role.ADMIN)
    if log:
        (home / "copy").mkdir()
        for path in home.glob("workbench.db*"):  # as a killed server leaves it: the last rows stand in the log alone
            if not path.name.endswith("-shm"):
                shutil.copy(path, home / "copy")
        bench.close()
        for path in home.glob("workbench.db*"):
            path.unlink()
        for path in (home / "copy").iterdir():
            shutil.move(path, home)
        assert (home / "workbench.db-wal").stat().st_size > 0
    bench.close()
    make_read_only(home)
    try:
        listed = without_rights("user", "list", "--home", str(home))
        assert (listed.returncode, "root" in listed.stdout) == (0, True), listed.stderr
        looked = without_rights("doctor", "--home", str(home))
        assert (looked.returncode, "Traceback" in looked.stderr) == (1, False)
        assert "schema" in looked.stdout
        written = without_rights("user", "add", "next", "--role", "lead", "--home", str(home))
        assert (written.returncode, written.stderr.count("\n")) == (Unavailable.exit_code, 1), written.stderr
        refused = without_rights("backup", "--home", str(home))
        assert (refused.returncode, refused.stderr.count("\n")) == (Unavailable.exit_code, 1), refused.stderr
    finally:
        make_writable(home)
