"""The kinds of jobs on real services: they end once, also when their worker is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from qa import ingest, jobs
from qa.draws import PublishedDraw
from qa.errors import Cancelled, NotFound
from qa.ingest import ImportCounts, ImportResult, RowProblem
from qa.ingest.service import Changed
from qa.jobs import record, stored
from qa.jobs.kinds import Run
from qa.jobs.worker import Worker
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.predictors import ModelView, Rescored
from qa.redlines.opening import OpenedFiles
from qa.screening import Screened
from qa.tables import AuditEntry, ImportRun
from qa.upkeep import backup
from qa.workbench import Workbench
from scoring.risk.trained import CalibrationBin
from tests.qa.ingest.files import CHATS, row, write_csv

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def upload(bench: Workbench, rows: list[dict[str, str]]) -> jobs.ImportFile:
    folder = jobs.uploads(bench.config.home) / "0123456789abcdef"
    folder.mkdir(parents=True)
    path = write_csv(folder / "chats.csv", rows)
    found = ingest.detect(path)
    return jobs.ImportFile(path, found.mapping, found.kind, "shop")


def clock(later: timedelta = timedelta(0)):  # type: ignore[no-untyped-def]
    return lambda: NOW + later


def test_an_import_as_a_job_keeps_its_result_and_clears_the_upload(any_bench: Workbench) -> None:
    params = upload(any_bench, CHATS)
    job = jobs.ask(any_bench, SYSTEM, jobs.IMPORT, params, now=NOW)
    assert Worker(any_bench, clock()).run_waiting() == 2, "the import, and the index after it"
    result = jobs.get(any_bench, SYSTEM, job).result
    assert isinstance(result, ImportResult)
    assert (result.counts.new, result.counts.bad) == (2, 0)
    assert any_bench.archive.at().count("conversations") == 2
    assert not params.path.exists()


def test_a_cancelled_import_clears_the_upload_at_once(bench: Workbench) -> None:
    params = upload(bench, CHATS)
    job = jobs.ask(bench, SYSTEM, jobs.IMPORT, params, now=NOW)
    jobs.cancel(bench, SYSTEM, job, now=NOW)
    assert not params.path.exists()
    assert Worker(bench, clock()).run_waiting() == 0


def test_an_import_waits_for_whoever_writes_and_keeps_its_file(bench: Workbench) -> None:
    params = upload(bench, CHATS)
    job = jobs.ask(bench, SYSTEM, jobs.IMPORT, params, now=NOW)
    with bench.archive.hold():
        assert Worker(bench, clock()).run_waiting() == 1
    assert jobs.get(bench, SYSTEM, job).state == "waiting"
    assert params.path.exists()
    assert Worker(bench, clock(timedelta(seconds=10))).run_waiting() == 2, "the import, and the index after it"
    assert jobs.get(bench, SYSTEM, job).state == "done"


def test_screening_an_archive_in_which_nothing_waits(bench: Workbench) -> None:
    job = jobs.ask(bench, SYSTEM, jobs.SCREENING, jobs.Screen(), now=NOW)
    assert Worker(bench, clock()).run_waiting() == 1
    result = jobs.get(bench, SYSTEM, job).result
    assert isinstance(result, jobs.ScreeningDone)
    assert (result.screened.hits, result.files.opened) == (0, 0)


def test_a_backup_that_was_made_before_its_worker_died_is_not_made_again(bench: Workbench) -> None:
    job = jobs.ask(bench, SYSTEM, jobs.BACKUP, jobs.Backup("copy"), now=NOW)
    assert record.take(bench, "one that dies", NOW)
    made = backup.backup(bench, SYSTEM, backup.own_folder(bench) / "copy", now=NOW)
    assert Worker(bench, clock(record.LEASE)).run_waiting() == 1
    assert jobs.get(bench, SYSTEM, job).result == jobs.BackupMade("copy", len(made.files), made.bytes)


def test_jobs_in_a_backup_are_not_done_again_where_it_is_restored(bench: Workbench, tmp_path: Path) -> None:
    waiting = jobs.ask(bench, SYSTEM, jobs.IMPORT, upload(bench, CHATS), now=NOW)
    backup.backup(bench, SYSTEM, tmp_path / "copy", now=NOW)
    backup.restore(bench, SYSTEM, tmp_path / "copy", now=NOW, force=True)
    view = jobs.get(bench, SYSTEM, waiting)
    assert (view.state, str(view.error)) == ("failed", backup.UNFINISHED)
    assert Worker(bench, clock()).run_waiting() == 0


def test_a_restore_keeps_what_was_there_and_can_be_stopped_before_rows_are_replaced(any_bench: Workbench) -> None:
    folder = backup.own_folder(any_bench)
    backup.backup(any_bench, SYSTEM, folder / "before", now=NOW)
    accounts.create_user(any_bench, SYSTEM, now=NOW, login="lin", role=Role.LEAD)
    stopped = jobs.ask(any_bench, SYSTEM, jobs.RESTORE, jobs.Restore("before", "first"), now=NOW)
    told: list[float] = []

    def stop_late(share: float, what: str) -> None:
        told.append(share)

    run = Run(any_bench, SYSTEM, NOW, 1, stop_late, lambda: bool(told) and told[-1] >= 0.6)
    with pytest.raises(Cancelled):
        jobs.RESTORE.run(run, jobs.Restore("before", "first"))
    assert [one.login for one in accounts.users(any_bench, SYSTEM)] == ["lin"], "stopped in time, as it was"
    assert Worker(any_bench, clock()).run_waiting() == 1, "an attempt whose backup is there goes on"
    assert accounts.users(any_bench, SYSTEM) == []
    assert backup.verify(folder / "first").users == 1
    with pytest.raises(NotFound):
        jobs.get(any_bench, SYSTEM, stopped)


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from qa.config import Config
from qa.jobs.worker import Worker, _Heart
from qa.workbench import Workbench

tell = _Heart.tell
def tell_and_die(heart, share, words):
    tell(heart, share, words)
    if share > float(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
_Heart.tell = tell_and_die
bench = Workbench.open(Config(home=Path(sys.argv[1]), database_url=sys.argv[2]))
Worker(bench, lambda: datetime(2026, 3, 2, 1, 30, tzinfo=UTC)).run_waiting()
"""


@pytest.mark.parametrize("share", [0.2, 0.95], ids=["reading", "at the end"])
def test_a_worker_killed_in_the_middle_and_another_ends_the_job_once(
    any_bench: Workbench, database_url: str, share: float
) -> None:
    rows = [row(f"K{n}", "2026-03-01 10:00:00", "客户", f"在吗 {n}") for n in range(3_000)]
    job = jobs.ask(any_bench, SYSTEM, jobs.IMPORT, upload(any_bench, rows), now=NOW)
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(any_bench.config.home), database_url, str(share)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert jobs.get(any_bench, SYSTEM, job).state == "running"
    assert Worker(any_bench, clock()).run_waiting() == 0, "its lease is not over yet"
    assert Worker(any_bench, clock(record.LEASE)).run_waiting() == 2, "the import, and the index after it"
    view = jobs.get(any_bench, SYSTEM, job)
    assert (view.state, view.attempts) == ("done", 2)
    assert any_bench.archive.at().count("conversations") == len(rows)
    with any_bench.db.read() as session:
        assert session.scalars(select(ImportRun.state)).all().count("started") == 0
        entries = (
            select(AuditEntry.action)
            .where(AuditEntry.entity == "job", AuditEntry.entity_id == str(job))
            .order_by(AuditEntry.id)
        )
        assert session.scalars(entries).all() == ["job.asked", "job.started", "job.started", "job.done"]


MODEL = ModelView(
    3, "abc", "active", date(2026, 1, 1), date(2026, 2, 1), 50, 4, 0.7, 0.2, (CalibrationBin(10, 0.1, 0.2),),
    ((10, None), (50, 0.7)), True, NOW, None, None, "hash",
)  # fmt: skip


@pytest.mark.parametrize(
    "kept",
    [
        ImportResult(
            1,
            "conversations",
            "shop",
            ImportCounts(rows=3),
            (RowProblem(2, "sent_at", "bad_time", "x"),),
            ((RowProblem(None, "", "bad_time", ""), 2),),
            Path("/tmp/problems.csv"),
            7,
            (Changed("shop", 1, "k", "a", None),),
        ),
        jobs.ScreeningDone(Screened(1, 2, 3, ("R01",), 4), OpenedFiles(1, 2, 3)),
        PublishedDraw(1, 2, 3, 4, "hash", False),
        MODEL,
        Rescored(1, "abc", 2),
        jobs.BackupMade("copy", 3, 4),
    ],
    ids=lambda kept: type(kept).__name__,
)
def test_results_come_back_as_they_were(kept: object) -> None:
    assert {type(kept)} <= {kind.result for kind in jobs.KINDS.values()}
    assert stored.from_plain(type(kept), stored.to_plain(kept)) == kept
