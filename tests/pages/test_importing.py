"""The import page and the roster as people use them: an import taken back, an agent moved, accounts in one go."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event

from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from pages.kit.work import Work
from qa import jobs
from qa.people import accounts, aliases, roster
from qa.policy import SYSTEM
from qa.tables import Agent
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, write_csv
from tests.qa.ingest.test_formats import load
from tests.world.people import called

OpenPage = Callable[..., AppTest]


def test_an_import_is_taken_back_on_the_page(open_page: OpenPage, page_bench: Workbench, tmp_path: Path) -> None:
    run = load(page_bench, SYSTEM, datetime.now(UTC), write_csv(tmp_path / "a.csv", CHATS)).run_id
    at = open_page("admin", "ingest.py")
    at.selectbox(key="take_back_run").set_value(run).run()
    assert not at.exception
    assert "2 conversations, 4 messages" in " ".join(box.value for box in at.info)
    at.button(key=f"take_back_{run}").click().run()
    assert not at.exception
    assert "taken back" in at.success[0].value
    assert page_bench.archive.at().count("messages") == 0


def test_the_roster_is_changed_and_given_accounts(open_page: OpenPage, page_bench: Workbench) -> None:
    now = datetime.now(UTC)
    rows = [
        {"agent_id": a, "name": a, "team": "一组", "shop": "", "stage": "", "grade": "", "updated_at": now}
        for a in ("a1", "a2")
    ]
    with page_bench.db.write() as session:
        session.execute(insert(Agent), rows)
    at = open_page("admin", "admin.py", query={"section": "roster"})
    at.selectbox(key="roster_agent").set_value("a1").run()
    assert not at.exception
    at.date_input[0].set_value(date(2026, 1, 1))
    next(box for box in at.text_input if box.label == "Name").set_value("王芳")
    next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    assert next(r for r in roster.roster(page_bench, SYSTEM) if r.agent_id == "a1").name == "王芳"
    at.button(key="open_roster_accounts_form").click().run()
    at.button(key="roster_make").click().run()
    assert not at.exception
    assert {a.agent_id for a in accounts.users(page_bench, SYSTEM) if a.agent_id} == {"a1", "a2"}


def test_one_chat_is_shown_before_anything_is_written(
    open_page: OpenPage, page_bench: Workbench, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", CHATS)
    load(page_bench, SYSTEM, datetime.now(UTC), path)
    at = open_page("admin", "ingest.py", language="zh_CN")
    at.text_input(key="import_path").set_value(str(path)).run()
    assert not at.exception
    chat = next(frame.value for frame in at.dataframe if "发言方" in frame.value.columns)
    assert chat["发言方"].to_list() == ["顾客", "客服 · 小青"]


def test_an_import_asked_for_while_its_preview_is_made_is_asked_for(
    open_page: OpenPage, page_bench: Workbench, tmp_path: Path
) -> None:
    at = open_page("admin", "ingest.py")
    at.text_input(key="import_path").set_value(str(write_csv(tmp_path / "a.csv", CHATS))).run()
    stopped = Event()
    looking: Work[None] = Work(lambda progress, cancel: stop_when(cancel, stopped)).start()
    at.session_state["import_work"] = looking
    at.run()
    assert at.button(key="import_preview").disabled
    at.button(key="import_commit").click().run()
    assert not at.exception
    assert stopped.wait(20), "a preview that nobody waits for is stopped"
    asked = jobs.latest(page_bench, called(page_bench, "admin"), jobs.IMPORT)
    assert asked is not None


def stop_when(cancel: Callable[[], bool], stopped: Event) -> None:
    """Work that goes on until it is told to stop."""
    while not cancel():
        time.sleep(0.01)
    stopped.set()


def test_two_accounts_are_merged_and_parted_on_the_page(open_page: OpenPage, page_bench: Workbench) -> None:
    rows = [
        {"agent_id": a, "name": a, "team": "", "shop": "", "stage": "", "grade": "", "updated_at": datetime.now(UTC)}
        for a in ("店:小叶", "店：小叶")
    ]
    with page_bench.db.write() as session:
        session.execute(insert(Agent), rows)
    at = open_page("admin", "admin.py", query={"section": "roster"})
    assert not at.exception
    assert "Perhaps one person: 店:小叶, 店：小叶" in " ".join(caption.value for caption in at.caption).replace(
        "\\", ""
    )
    at.button(key="alias_merge").click().run()
    assert not at.exception
    assert [(a.account, a.agent_id) for a in aliases.aliases(page_bench, SYSTEM)] == [("店：小叶", "店:小叶")]
    box = next(box for box in at.selectbox if box.label == "Take a merge back")
    box.set_value(1).run()
    at.button(key="alias_undo").click().run()
    assert not at.exception
    assert aliases.aliases(page_bench, SYSTEM) == []
