"""The inbox: good files are imported and moved, known ones skipped, open questions set aside, nothing silent."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from qa import inbox, ingest
from qa.errors import Busy, Conflict, Denied, Invalid, NotFound
from qa.inbox import Folder
from qa.policy import SYSTEM, Actor, Role
from qa.tables import AuditEntry, ImportRun
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, row, write_csv

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@pytest.fixture
def shop(any_bench: Workbench) -> Path:
    return inbox.add(any_bench, SYSTEM, Folder("shop", "shop"), now=NOW)


def take(bench: Workbench) -> list[tuple[str, str]]:
    return [(one.name, one.state) for one in inbox.take_in(bench, now=NOW, settle=0)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_file_is_imported_and_moved_and_its_twin_skipped(any_bench: Workbench, shop: Path) -> None:
    write_csv(shop / "chats.csv", CHATS)
    assert take(any_bench) == [("chats.csv", "imported")]
    assert any_bench.archive.at().count("conversations") == 2
    write_csv(shop / "chats.csv", CHATS)  # the same once more, under the same name
    write_csv(shop / "copy of it.csv", CHATS)
    assert take(any_bench) == [("chats.csv", "known"), ("copy of it.csv", "known")]
    assert take(any_bench) == []
    assert any_bench.archive.at().count("messages") == 4
    done = [name for name in names(shop / "done") if not name.endswith(".problems.csv")]
    assert done == ["chats-2.csv", "chats.csv", "copy of it.csv"]
    with any_bench.db.read() as session:
        assert len(session.scalars(select(ImportRun.id)).all()) == 1


def test_what_is_still_written_is_left_alone(bench: Workbench) -> None:
    shop = inbox.add(bench, SYSTEM, Folder("shop", "shop"), now=NOW)
    for name in ("a.csv.part", "b.tmp", ".hidden.csv", "~$book.xlsx", "c.crdownload"):
        write_csv(shop / name, CHATS)
    assert inbox.waiting(bench, "shop") == []
    write_csv(shop / "growing.csv", CHATS[:2])
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.02):
            with (shop / "growing.csv").open("a", encoding="utf-8") as file:
                file.write("C9,2026-03-01 12:00:00,客户,小青,tb9,示例店,,在吗\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        found = inbox.take_in(bench, now=NOW, settle=0.3)
    finally:
        stop.set()
        writer.join()
    assert [(one.name, one.state, one.problem) for one in found] == [("growing.csv", "growing", True)]
    assert (shop / "growing.csv").exists()
    assert bench.archive.at().count("conversations") == 0


def test_an_open_question_sets_a_file_aside_with_what_to_do(any_bench: Workbench, shop: Path) -> None:
    asked = [
        {"会话ID": "C1", "消息时间": "2026-03-01 10:00:00", "发送人": who, "消息内容": "你好"}
        for who in ("某人", "另一人", "某人")
    ]
    write_csv(shop / "who.csv", asked)
    american = [{**chat, "消息时间": f"0{2 + n % 3}/0{1 + n % 2}/2026 10:00"} for n, chat in enumerate(CHATS)]
    write_csv(shop / "dates.csv", american)
    (shop / "nonsense.csv").write_bytes(b"\x00\x01\x02")
    write_csv(shop / "good.csv", CHATS)
    taken = inbox.take_in(any_bench, now=NOW, settle=0)
    assert {one.name: one.state for one in taken} == {
        "good.csv": "imported", "who.csv": "failed", "dates.csv": "failed", "nonsense.csv": "failed",
    }  # fmt: skip
    assert any_bench.archive.at().count("conversations") == 2, "nothing of the others was written"
    assert {"who.csv", "who.csv.problems.txt", "dates.csv.problems.txt"} <= set(names(shop / "failed"))
    told = (shop / "failed" / "dates.csv.problems.txt").read_text("utf-8")
    assert "月" in told
    assert "保存" in told
    assert inbox.set_aside(any_bench, "shop") == 3


def test_the_answer_is_remembered_in_a_mapping(bench: Workbench) -> None:
    shop = inbox.add(bench, SYSTEM, Folder("shop", "shop"), now=NOW)
    american = [{**chat, "消息时间": f"0{2 + n % 3}/0{1 + n % 2}/2026 10:00"} for n, chat in enumerate(CHATS)]
    path = write_csv(shop / "dates.csv", american)
    assert take(bench) == [("dates.csv", "failed")]
    found = ingest.detect(shop / "failed" / "dates.csv")
    answered = {**found.mapping.to_dict(), "date_order": "mdy"}
    ingest.save_profile(
        bench, SYSTEM, now=NOW, name="months first", kind=found.kind, mapping=ingest.Mapping.from_dict(answered)
    )
    inbox.change(bench, SYSTEM, Folder("shop", "shop", profile="months first"), now=NOW)
    (shop / "failed" / "dates.csv").rename(path)
    assert take(bench) == [("dates.csv", "imported")]


def test_a_night_killed_between_import_and_move_takes_nothing_twice(bench: Workbench) -> None:
    shop = inbox.add(bench, SYSTEM, Folder("shop", "shop"), now=NOW)
    path = write_csv(shop / "chats.csv", CHATS)
    found = ingest.detect(path)
    ingest.commit(bench, SYSTEM, now=NOW, path=path, mapping=found.mapping, kind=found.kind, source="shop")
    assert take(bench) == [("chats.csv", "known")]
    assert names(shop / "done") == ["chats.csv"]


def test_two_nights_at_once_are_one(bench: Workbench) -> None:
    inbox.add(bench, SYSTEM, Folder("shop", "shop"), now=NOW)
    from qa.archive.locks import alone

    with alone(inbox.place(bench) / ".lock"), pytest.raises(Busy):
        inbox.take_in(bench, now=NOW, settle=0)


def test_rows_left_out_are_told_beside_the_file(bench: Workbench) -> None:
    shop = inbox.add(bench, SYSTEM, Folder("shop", "shop"), now=NOW)
    write_csv(shop / "chats.csv", [*CHATS, row("C3", "not a time", "客户", "在吗")])
    [one] = inbox.take_in(bench, now=NOW, settle=0)
    assert (one.state, one.problem) == ("imported", True)
    assert one.counts is not None
    assert one.counts.bad == 1
    assert "not a time" in (shop / "done" / "chats.csv.problems.csv").read_text("utf-8-sig")


def test_folders_are_checked_and_on_record(any_bench: Workbench) -> None:
    lead = Actor(7, Role.LEAD, "主管")
    for forbidden in (
        lambda: inbox.folders(any_bench, lead),
        lambda: inbox.add(any_bench, lead, Folder("a", "a"), now=NOW),
        lambda: inbox.remove(any_bench, lead, "a", now=NOW),
    ):
        with pytest.raises(Denied):
            forbidden()
    for wrong in (
        Folder("../outside", "a"), Folder("done", "a"), Folder("", "a"), Folder("a/b", "a"), Folder("a", "a:b"),
        Folder("a", "a", kind="nothing"), Folder("a", "a", preset="nothing"), Folder("a", "a", silence_hours=0.0),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            inbox.add(any_bench, SYSTEM, wrong, now=NOW)
    with pytest.raises(NotFound):
        inbox.add(any_bench, SYSTEM, Folder("a", "a", profile="nothing"), now=NOW)
    inbox.add(any_bench, SYSTEM, Folder("a", "a"), now=NOW)
    with pytest.raises(Conflict):
        inbox.add(any_bench, SYSTEM, Folder("a", "b"), now=NOW)
    with pytest.raises(Invalid):
        inbox.change(any_bench, SYSTEM, Folder("a", "b"), now=NOW)
    inbox.change(any_bench, SYSTEM, Folder("a", "a", kind="conversations", silence_hours=6.0), now=NOW)
    assert inbox.folders(any_bench, SYSTEM) == (Folder("a", "a", kind="conversations", silence_hours=6.0),)
    inbox.remove(any_bench, SYSTEM, "a", now=NOW)
    with pytest.raises(NotFound):
        inbox.remove(any_bench, SYSTEM, "a", now=NOW)
    with any_bench.db.read() as session:
        told = session.scalars(select(AuditEntry.action).where(AuditEntry.entity == "inbox_folder")).all()
    assert list(told) == ["inbox.added", "inbox.changed", "inbox.removed"]


def test_files_of_a_folder_that_nobody_set_up_are_named(bench: Workbench) -> None:
    lost = inbox.place(bench, "lost")
    lost.mkdir(parents=True)
    write_csv(lost / "chats.csv", CHATS)
    assert take(bench) == []
    assert inbox.unknown_folders(bench) == [("lost", 1)]
