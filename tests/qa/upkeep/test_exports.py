"""Files an admin asks for: all results, the trail, a backup; made as jobs, on record, and only for admins."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from qa import jobs
from qa.errors import Denied, Invalid, NotFound
from qa.jobs.worker import Worker
from qa.policy import SYSTEM, Actor, Role
from qa.tables import AuditEntry
from qa.upkeep import backup, exports
from qa.workbench import Workbench
from tests.world.desk import build

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(1, Role.LEAD, "Lead")


def test_the_trail_is_made_by_a_job_and_fetched(any_bench: Workbench) -> None:
    build(any_bench, samples=1)
    job = jobs.ask(any_bench, SYSTEM, jobs.EXPORT, jobs.MakeFile(exports.AUDIT, "csv"), now=NOW)
    Worker(any_bench, lambda: NOW).run_waiting()
    result = jobs.get(any_bench, SYSTEM, job).result
    assert isinstance(result, exports.MadeFile)
    assert result.name == "spotcheck-audit-20260302-093000.csv"  # business time
    rows = list(csv.DictReader(io.StringIO(exports.fetch(any_bench, SYSTEM, result.name).decode("utf-8-sig"))))
    assert "rubric.published" in {row["action"] for row in rows}
    with any_bench.db.read() as session:
        taken = session.scalars(select(AuditEntry).where(AuditEntry.action == "export.taken")).one()
        assert (taken.entity_id, taken.facts["form"]) == ("audit", "csv")


def test_results_and_a_backup_are_made_and_the_oldest_go(bench: Workbench) -> None:
    made = backup.backup(bench, SYSTEM, backup.own_folder(bench) / "one", now=NOW)
    zipped = exports.make(bench, SYSTEM, now=NOW, what=exports.BACKUP, backup_name="one")
    with zipfile.ZipFile(io.BytesIO(exports.fetch(bench, SYSTEM, zipped.name))) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(made.files) + 1  # the manifest itself
    for minute in range(exports.KEPT):
        exports.make(bench, SYSTEM, now=NOW + timedelta(minutes=minute), what=exports.RESULTS, form="jsonl")
    names = [one.name for one in exports.made(bench, SYSTEM)]
    assert len(names) == exports.KEPT
    assert zipped.name not in names
    with pytest.raises(NotFound):
        exports.fetch(bench, SYSTEM, "../workbench.db")


def test_only_admins_and_only_what_there_is(bench: Workbench) -> None:
    with pytest.raises(Denied):
        exports.make(bench, LEAD, now=NOW, what=exports.AUDIT)
    with pytest.raises(Denied):
        exports.made(bench, LEAD)
    for what, form in (("users", "csv"), (exports.AUDIT, "exe")):
        with pytest.raises(Invalid):
            exports.make(bench, SYSTEM, now=NOW, what=what, form=form)
    with pytest.raises(NotFound):
        exports.make(bench, SYSTEM, now=NOW, what=exports.BACKUP, backup_name="../x")
    assert exports.made(bench, SYSTEM) == ()
