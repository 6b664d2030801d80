"""What a killed or finished import leaves behind: no run that is started for ever, no upload that nobody needs."""

from __future__ import annotations

import io
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from pages.screens.ingest import uploads
from qa import ingest
from qa.ingest.runs import LONGEST
from qa.policy import Actor
from qa.tables import ImportRun
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, write_csv
from tests.qa.ingest.test_formats import load


def started(bench: Workbench, kind: str, at: datetime) -> None:
    with bench.db.write() as session:
        session.execute(
            insert(ImportRun).values(
                file_name="a.csv",
                sha256="",
                kind=kind,
                source="shop",
                mapping={},
                state="started",
                counts={},
                problems=[],
                started_by=None,
                started_at=at,
            )
        )


@pytest.mark.parametrize("kind", ["agents", "conversations"])
def test_a_killed_run_is_shown_as_interrupted_and_closed_by_the_next(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, kind: str
) -> None:
    started(bench, kind, now - LONGEST - timedelta(minutes=1))
    [dead] = ingest.history(bench, lead)
    assert ingest.state_of(dead, now) == "interrupted"
    load(bench, lead, now, write_csv(tmp_path / "a.csv", CHATS))
    assert [ingest.state_of(run, now) for run in ingest.history(bench, lead)] == ["done", "failed"]


def test_a_roster_that_may_still_be_running_is_left_alone(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    started(bench, "agents", now - timedelta(seconds=20))
    load(bench, lead, now, write_csv(tmp_path / "a.csv", CHATS))
    assert [ingest.state_of(run, now) for run in ingest.history(bench, lead)] == ["done", "started"]


class Upload:
    def __init__(self, file_id: str) -> None:
        self.file_id, self.name = file_id, "../../聊天.csv"

    def getbuffer(self) -> memoryview:
        return io.BytesIO(b"a,b\n").getbuffer()


def test_uploads_are_written_once_and_removed(tmp_path: Path, now: datetime) -> None:
    path = uploads.keep(tmp_path, Upload("1"), now)
    assert path.read_bytes() == b"a,b\n"
    assert path.is_relative_to(tmp_path / "tmp" / "uploads")
    written = path.stat().st_mtime_ns
    assert uploads.keep(tmp_path, Upload("1"), now) == path
    assert path.stat().st_mtime_ns == written
    uploads.discard(tmp_path, path)
    assert not path.parent.exists()


def test_a_file_of_the_server_is_never_removed(tmp_path: Path) -> None:
    own = tmp_path / "exports" / "chats.csv"
    own.parent.mkdir()
    own.write_text("a,b\n")
    uploads.discard(tmp_path, own)
    assert own.exists()


def test_the_next_upload_removes_old_ones_only(tmp_path: Path, now: datetime) -> None:
    old, young = uploads.keep(tmp_path, Upload("1"), now), uploads.keep(tmp_path, Upload("2"), now)
    preview = tmp_path / "tmp" / "spotcheck-preview-x"
    preview.mkdir()
    for folder, age in (
        (old.parent, timedelta(days=2)),
        (preview, timedelta(days=2)),
        (young.parent, timedelta(hours=2)),
    ):
        os.utime(folder, ((now - age).timestamp(),) * 2)
    uploads.keep(tmp_path, Upload("3"), now)
    assert (old.parent.exists(), preview.exists(), young.exists()) == (False, False, True)
