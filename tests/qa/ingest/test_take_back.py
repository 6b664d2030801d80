"""Taking imports back: what is left is what the other imports alone would have brought."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import datetime
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest

from qa import ingest, screening
from qa.archive import Archive
from qa.errors import Conflict
from qa.policy import Actor
from qa.redlines import opening
from qa.tables import AuditEntry, ImportRun, Transcript, Violation
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, row, write_csv
from tests.qa.ingest.test_formats import load
from tests.qa.ingest.test_records import RATING, REFUND
from tests.qa.ingest.test_uniting import EVENING, MORNING, NIGHT

ORDERED = [{**r, "订单号": "2600000000000000009"} for r in EVENING[:2]]
SESSIONS = [
    {
        "id": "C1",
        "staffId": "小红",
        "userId": "tb1001",
        "startTime": "1772330390000",
        "endTime": "1772330500000",
        "evaluation": "100",
        "fromType": "app",
    }
]
CONTENT = [
    "conversation_key",
    "agent_id",
    "agent_ids",
    "customer_id",
    "channel",
    "order_id",
    "satisfaction",
    "started_at",
    "ended_at",
    "message_count",
    "agent_message_count",
    "content_hash",
]


def content(archive: Archive) -> tuple[pl.DataFrame, pl.DataFrame]:
    at = archive.at()
    chats = at.scan("conversations").select(CONTENT).sort("conversation_key").collect()
    return chats, at.scan("messages").select("conversation_key", "seq", "role", "agent_id", "sent_at", "text").sort(
        "conversation_key", "seq"
    ).collect()


def files(folder: Path) -> list[Path]:
    parts = (EVENING, NIGHT, MORNING, [*EVENING, *NIGHT], ORDERED)
    return [write_csv(folder / f"{i}.csv", rows) for i, rows in enumerate(parts)]


@pytest.mark.parametrize(
    "back", [*[set(c) for n in (1, 2, 4) for c in combinations(range(5), n)][::6], {0, 1, 2, 3, 4}]
)
def test_what_is_left_is_what_the_others_brought(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, back: set[int]
) -> None:
    paths = files(tmp_path)
    runs = [load(bench, lead, now, path).run_id for path in paths]
    for i in sorted(back, reverse=True):
        seen = ingest.take_back_preview(bench, lead, runs[i])
        had = bench.archive.at().count("messages")
        done = ingest.take_back(bench, lead, now=now, run_id=runs[i])
        assert done == seen
        assert had - bench.archive.at().count("messages") == done.messages
    other = Workbench(bench.config, bench.db, Archive(str(tmp_path / "other")))
    for i, path in enumerate(paths):
        if i not in back:
            load(other, lead, now, path)
    for left, right in zip(content(bench.archive), content(other.archive), strict=True):
        assert left.equals(right), (left, right)


def test_taking_back_is_recorded_once_and_importing_again_brings_all_back(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", EVENING)
    run = load(bench, lead, now, path).run_id
    before = content(bench.archive)
    assert ingest.take_back(bench, lead, now=now, run_id=run).conversations == 1
    assert [(r.kind, r.state) for r in ingest.history(bench, lead)] == [
        ("take_back", "done"),
        ("conversations", "taken_back"),
    ]
    with pytest.raises(Conflict):
        ingest.take_back(bench, lead, now=now, run_id=run)
    with bench.db.read() as session:
        entry = session.query(AuditEntry).filter_by(action="import.taken_back").one()
    assert (entry.entity_id, entry.facts["messages"]) == (str(run), 3)
    load(bench, lead, now, path)
    assert all(left.equals(right) for left, right in zip(content(bench.archive), before, strict=True))


def test_a_session_list_and_refunds_and_ratings_are_taken_back(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "chats.csv", CHATS))
    before = content(bench.archive)
    sessions = load(bench, lead, now, write_csv(tmp_path / "sessions.csv", SESSIONS))
    refund = load(bench, lead, now, write_csv(tmp_path / "refunds.csv", [REFUND]))
    success = load(bench, lead, now, write_csv(tmp_path / "later.csv", [{**REFUND, "Status": "SUCCESS", "Reason": ""}]))
    rating = load(bench, lead, now, write_csv(tmp_path / "ratings.csv", [RATING]))
    assert ingest.take_back(bench, lead, now=now, run_id=success.run_id).changed == 1
    assert bench.archive.at().scan("disputes").collect()["status"].to_list() == ["WAIT_SELLER_AGREE"]
    assert ingest.take_back(bench, lead, now=now, run_id=rating.run_id).ratings == 1
    assert ingest.take_back(bench, lead, now=now, run_id=refund.run_id).disputes == 1
    ingest.take_back(bench, lead, now=now, run_id=sessions.run_id)
    assert all(left.equals(right) for left, right in zip(content(bench.archive), before, strict=True))
    assert (bench.archive.at().count("disputes"), bench.archive.at().count("ratings")) == (0, 0)


def test_a_refund_of_a_chat_that_goes_keeps_no_link_to_it(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    chats = load(bench, lead, now, write_csv(tmp_path / "chats.csv", CHATS))
    load(bench, lead, now, write_csv(tmp_path / "refunds.csv", [REFUND]))
    ingest.take_back(bench, lead, now=now, run_id=chats.run_id)
    assert bench.archive.at().scan("disputes").collect()["conversation_key"].to_list() == [None]


def test_case_files_of_what_goes_keep_their_evidence(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    run = load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING)).run_id
    screening.screen(bench, lead, now=now)
    opened = opening.open_suspected(bench, lead, now=now).opened
    assert ingest.take_back_preview(bench, lead, run).case_files == opened > 0
    ingest.take_back(bench, lead, now=now, run_id=run)
    screening.screen(bench, lead, now=now)
    assert opening.open_suspected(bench, lead, now=now).withdrawn == 0
    with bench.db.read() as session:
        for file in session.query(Violation):
            assert file.state == "suspected"
            frozen = session.get_one(Transcript, file.transcript_id)
            assert [m["text"] for m in frozen.content["messages"]] == [r["消息内容"] for r in EVENING]
    assert bench.archive.at().count("hits") == 0


def test_only_imports_that_kept_what_they_brought_are_taken_back(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    run = load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING)).run_id
    with bench.db.write() as session:
        session.get_one(ImportRun, run).outcome = None
    with pytest.raises(Conflict, match="earlier release"):
        ingest.take_back(bench, lead, now=now, run_id=run)
    roster = load(
        bench, lead, now, write_csv(tmp_path / "r.csv", [{"工号": "小青", "姓名": "青"}]), kind="agents"
    ).run_id
    with pytest.raises(Conflict):
        ingest.take_back_preview(bench, lead, roster)


KILLED = """
    import os, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from qa import ingest
    from qa.archive import Archive, ArchiveChange
    from qa.config import Config
    from qa.ingest import runs
    from qa.policy import SYSTEM
    from qa.workbench import Workbench
    home, url, run, where = sys.argv[1:]
    bench = Workbench.open(Config(home=Path(home), database_url=url))
    def die(*args, **kwargs):
        os._exit(9)
    if where == "removing": ArchiveChange.append = die
    if where == "publishing": Archive._publish = die
    if where == "recording": runs.complete = die
    ingest.take_back(bench, SYSTEM, now=datetime(2026, 3, 2, tzinfo=UTC), run_id=int(run))
"""


@pytest.mark.parametrize(("where", "visible"), [("removing", False), ("publishing", False), ("recording", True)])
def test_a_killed_taking_back_leaves_the_old_or_the_new_state(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, where: str, visible: bool
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    run = load(bench, lead, now, write_csv(tmp_path / "b.csv", NIGHT)).run_id
    old = content(bench.archive)
    url = bench.db.url.render_as_string(hide_password=False)
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), url, str(run), where], check=False
    )
    assert ended.returncode == 9
    assert content(bench.archive)[1].equals(old[1]) is not visible
    load(bench, lead, now, write_csv(tmp_path / "c.csv", [row("C9", "2026-03-01 10:00", "客户", "在吗")]))
    states = {r.id: r.state for r in ingest.history(bench, lead)}
    assert states[run] == ("taken_back" if visible else "done")
    if not visible:
        ingest.take_back(bench, lead, now=now, run_id=run)
    assert bench.archive.at().scan("messages").filter(conversation_key="shop:C1").collect().height == 3
    with bench.db.read() as session:
        assert session.query(AuditEntry).filter_by(action="import.taken_back").count() == 1
