"""The page Operations as an admin uses it: switched on, one step done now, changed and paused; nobody else gets in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit import dialogs
from qa import connectors, inbox, notify, operations
from qa.jobs import Worker
from qa.operations import STEPS
from qa.policy import SYSTEM
from qa.workbench import Workbench

OpenPage = Callable[..., AppTest]
PLACE = {step.name: place for place, step in enumerate(STEPS)}


def chosen(at: AppTest, step: str) -> AppTest:
    at.session_state["steps_chosen"] = PLACE[step]
    return at.run()


def test_it_is_switched_on_without_the_removal_of_text(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("admin", "operations.py")
    assert not at.exception
    at.button(key="switch_on").click().run()
    assert not at.exception
    on = {one.step for one in operations.schedules(page_bench, SYSTEM) if not one.paused}
    assert on == set(PLACE) - {"retention"}
    assert "switched off" in at.dataframe[0].value["Next time"].to_list()[PLACE["retention"]]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_step_is_done_now_and_told(open_page: OpenPage, page_bench: Workbench, language: str) -> None:
    at = chosen(open_page("admin", "operations.py", language=language), "compaction")
    at.button(key="step_now").click().run()
    assert not at.exception
    assert at.button(key="step_now").disabled
    assert Worker(page_bench).run_waiting() == 1
    at.run()
    assert not at.exception
    told = " ".join(caption.value for caption in at.caption)
    assert ("0 conversations indexed" if language == "en" else "建立索引的会话 0 个") in told
    at = open_page("admin", "operations.py", language=language, query={"section": "history"})
    [row] = at.dataframe[0].value.to_dict("records")
    assert "Admin" in row.values()


def test_a_step_is_changed_and_paused(open_page: OpenPage, page_bench: Workbench) -> None:
    at = chosen(open_page("admin", "operations.py"), "backup")
    at.button(key="step_resume").click().run()
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "step", "backup"
    at.run()
    at.time_input(key="step_at").set_value(time(3, 30))
    at.number_input(key="step_keep").set_value(3)
    next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    now = next(one for one in operations.schedules(page_bench, SYSTEM) if one.step == "backup")
    assert (now.at, now.options, now.paused) == ("03:30", {"keep": 3}, False)
    at.button(key="step_pause").click().run()
    assert next(one for one in operations.schedules(page_bench, SYSTEM) if one.step == "backup").paused


def test_a_folder_is_set_up_and_forgotten(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("admin", "operations.py", query={"section": "inbox"})
    at.button(key="open_new_folder").click().run()
    at.text_input(key="folder_name").set_value("../up")
    at.text_input(key="folder_source").set_value("tmall")
    next(button for button in at.button if button.label == "Save").click().run()
    assert "expected letters" in at.warning[0].value
    at.text_input(key="folder_name").set_value("店铺")
    next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    assert inbox.folders(page_bench, SYSTEM) == (inbox.Folder("店铺", "tmall"),)
    assert at.dataframe[0].value["Waiting"].to_list() == [0]
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "folder", "店铺"
    at.run()
    at.button(key="folder_remove").click().run()
    assert not at.exception
    assert inbox.folders(page_bench, SYSTEM) == ()


@pytest.mark.parametrize("login", ["lead", "inspector", "agent", "team_leader"])
def test_it_is_not_for_other_roles(open_page: OpenPage, login: str) -> None:
    at = open_page(login, "operations.py")
    assert not at.exception
    assert "not for your role" in at.header[0].value


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_source_is_set_up_paused_and_fetched(open_page: OpenPage, page_bench: Workbench, language: str) -> None:
    at = open_page("admin", "operations.py", language=language, query={"section": "sources"})
    at.button(key="open_new_source").click().run()
    at.selectbox(key="source_kind").set_value("zendesk").run()
    for key, value in (("name", "desk"), ("source", "desk"), ("set_base", "http://x"), ("set_email", "a@b.c")):
        at.text_input(key=f"source_{key}").set_value(value)
    at.text_input(key="source_secret").set_value("a very secret token")
    save = {"en": "Save", "zh_CN": "保存"}[language]
    next(button for button in at.button if button.label == save).click().run()
    assert "https" in at.warning[0].value
    at.text_input(key="source_set_base").set_value("https://example.com")
    next(button for button in at.button if button.label == save).click().run()
    assert not at.exception
    [one] = connectors.connectors(page_bench, SYSTEM)
    assert (one.kind, one.settings["base"]) == ("zendesk", "https://example.com")
    assert "secret token" not in str(at.dataframe[0].value)
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "source", "desk"
    at.run()
    at.button(key="source_turn").click().run()
    assert connectors.connectors(page_bench, SYSTEM)[0].paused
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "source", "desk"
    at.run()
    assert at.button(key="source_fetch").disabled
    assert not at.exception


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_channel_is_set_up_and_its_notices_are_listed(
    open_page: OpenPage, page_bench: Workbench, language: str
) -> None:
    address = "https://example.com/hook whsec_" + "QUFB" * 10
    channel = notify.Channel("BI", "webhook", address, ("verdict",))
    notify.add(page_bench, SYSTEM, channel, now=datetime.now(UTC))
    at = open_page("admin", "operations.py", language=language, query={"section": "notices"})
    assert not at.exception
    assert "BI" in str(at.dataframe[0].value)
    assert "whsec" not in str(at.dataframe[0].value)
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "channel", 1
    at.run()
    at.button(key="channel_turn").click().run()
    assert not at.exception
    assert notify.channels(page_bench, SYSTEM)[0].paused
