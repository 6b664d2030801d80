"""An import of indicators that is killed: afterwards the archive is as before or as after, and the next one goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from qa.assessment import facts, importing
from qa.assessment.exports import ExportAnswers
from qa.policy import SYSTEM
from qa.tables import AuditEntry, ImportRun
from qa.workbench import Workbench
from tests.qa.assessment.test_exports import NOW, SYCM, table

KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from qa.archive import ArchiveChange
from qa.assessment import importing
from qa.assessment.exports import ExportAnswers
from qa.config import Config
from qa.ingest import runs
from qa.policy import SYSTEM
from qa.workbench import Workbench
home, url, file, where = sys.argv[1:]
def stop(*args, **more):
    os.kill(os.getpid(), signal.SIGKILL)
real = ArchiveChange.append
def written(self, *args):
    real(self, *args)
    stop()
if where == "rows":
    ArchiveChange.append = written
else:
    runs.complete = stop
bench = Workbench.open(Config(home=Path(home), database_url=url))
now, asked = datetime(2025, 12, 15, 2, tzinfo=UTC), ExportAnswers(shop="店")
importing.commit(bench, SYSTEM, now=now, path=Path(file), asked=asked)
"""
ASKED = ExportAnswers(shop="店")


@pytest.mark.parametrize("where", ["rows", "record"])
def test_killed_it_is_as_before_or_as_after(bench: Workbench, tmp_path: Path, where: str) -> None:
    """Killed with its rows written but not shown, and with them shown but not on record."""
    first = table(tmp_path / "a.csv", [SYCM, ["小叶", "2025-12-01", 100, 50, 5000, 60, 100]])
    other = table(tmp_path / "b.csv", [SYCM, ["小叶", "2025-12-02", 80, 20, 2000, 20, 0]])
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(bench.config.home), bench.config.database_url, str(first), where],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    shown = facts.current(bench.archive.at())
    assert bool(shown.height) is (where == "record")
    later = NOW + timedelta(minutes=5)
    importing.commit(bench, SYSTEM, now=later, path=other, asked=ASKED)
    with bench.db.read() as session:
        states = list(session.scalars(select(ImportRun.state).order_by(ImportRun.id)))
        told = list(session.scalars(select(AuditEntry.action).where(AuditEntry.entity == "import")))
    assert states == [{"rows": "failed", "record": "done"}[where], "done"]
    assert told == [{"rows": "import.failed", "record": "import.done"}[where], "import.done"]
    importing.commit(bench, SYSTEM, now=later, path=first, asked=ASKED)  # once, however often it is brought
    held = facts.current(bench.archive.at())
    assert held.height == held.unique(["account", "indicator", "day"]).height
    assert held["day"].n_unique() == 2
