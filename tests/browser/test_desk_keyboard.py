"""The desk by keyboard alone, in both languages: score, evidence, red lines, submit, undo, skip, find; nothing is
lost."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from qa import config
from qa.tables import Assignment, Draft, Inspection
from qa.workbench import Workbench
from tests.browser import desk
from tests.browser.conftest import Site, serving, settle
from tests.browser.desk import at_work, take

pytestmark = pytest.mark.browser


OpenAs = Callable[..., Page]


@pytest.fixture(scope="module")
def desk_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Path]]:
    """A server with twelve chats to inspect, and a copy of its database before anybody came."""
    home = tmp_path_factory.mktemp("desk") / "home"
    home.mkdir()
    desk.people(home)
    desk.build(home)
    fresh = home / "fresh.db"
    copy(home / "workbench.db", fresh)
    with serving(home, {login: login for login in desk.PEOPLE}) as site:
        yield site, fresh


@pytest.fixture
def desk_site(desk_server: tuple[Site, Path]) -> Site:
    """The server as if nobody had ever been there."""
    site, fresh = desk_server
    copy(fresh, site.home / "workbench.db")
    return site


def copy(here: Path, there: Path) -> None:
    with closing(sqlite3.connect(here)) as source, closing(sqlite3.connect(there)) as target:
        source.backup(target)


def rows(site: Site, model: Any) -> list[Any]:
    bench = Workbench.open(config.load({"SPOTCHECK_HOME": str(site.home)}))
    try:
        with bench.db.read() as session:
            return list(session.scalars(select(model)))
    finally:
        bench.close()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def current(page: Page) -> str:
    return str(page.locator(".row.current").get_attribute("data-stop"))


def decide_redlines(page: Page) -> None:
    """The first chat has two red lines: confirm one, clear the other, by keyboard."""
    press(page, "y", "m")
    page.keyboard.type("反问并指责顾客")
    press(page, "Escape", "ArrowDown", "n", "2")


@pytest.mark.parametrize("language, saved, undo", [("zh-CN", "草稿已保存", "撤回"), ("en-GB", "Draft saved", "Undo")])
def test_a_sample_from_first_key_to_undo(
    desk_site: Site, open_as: OpenAs, shoot: Callable[[Page, str], Path], language: str, saved: str, undo: str
) -> None:
    page = open_as("inspector", "/inspect", at=desk_site, language=language)
    assert page.url.endswith("/inspect")  # looking takes nothing
    assert {place.lease_by for place in rows(desk_site, Assignment)} == {None}
    take(page)
    assert page.url.endswith("?assignment=1")
    press(page, "Control+Enter")  # refused: two red lines are undecided
    expect(page.locator(".notice.refused")).to_be_visible()
    decide_redlines(page)
    expect(page.locator("[data-total]")).to_have_attribute("data-total", "7000")
    for _ in range(4):
        press(page, "ArrowDown")
    assert current(page) == "ctone"
    press(page, "2", "h", "e")
    expect(page.locator(".msg[aria-current] .proof span")).to_have_count(1)
    expect(page.locator(".precedents li")).to_have_count(1)
    press(page, "w", "ArrowDown", "Escape", "o", "m")  # the cause leaves the owner alone, O changes it
    page.keyboard.type("语气生硬 <b>x</b>")
    press(page, "Escape", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "n")
    expect(page.locator('[data-stop="cwait_apology"] .none')).to_have_attribute("aria-checked", "true")
    expect(page.locator("footer .saved")).to_contain_text(saved)
    shoot(page, f"desk-scored-{language}")
    page.reload()
    settle(page)
    expect(page.locator(".notice.restored")).to_be_visible()
    expect(page.locator('[data-stop="ctone"] .extra')).to_contain_text("⚑1")
    press(page, "Control+Enter")
    expect(page).to_have_url(desk_site.url + "/inspect?assignment=2")
    expect(page.locator(".undo")).to_contain_text(undo)
    at_work(page)
    expect(page.locator('[aria-live="polite"].unseen')).to_contain_text("#2")
    done = rows(desk_site, Inspection)
    assert len(done) == 1
    sheet = {mark["criterion_id"]: mark for mark in done[0].sheet["marks"]}
    assert sheet["tone"]["value"] == 2
    assert sheet["tone"]["evidence"] == [8]
    assert sheet["tone"]["root_cause"]
    assert sheet["tone"]["owner"] == "policy"
    assert sheet["tone"]["note"] == "语气生硬 <b>x</b>"
    assert sheet["wait_apology"]["na"] is True
    assert [hit["decision"] for hit in done[0].sheet["hits"]] == ["confirmed", "cleared"]
    press(page, "u")
    expect(page).to_have_url(desk_site.url + "/inspect?assignment=1")
    expect(page.locator('[data-stop="ctone"] .extra')).to_contain_text("⚑1")
    at_work(page)
    assert rows(desk_site, Inspection)[0].undone_at is not None


def test_hostile_text_is_text_and_find_and_characters(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=desk_site, language="zh-CN")
    take(page)
    expect(page.locator(".msg .body").filter(has_text="onerror")).to_have_text(desk.HOSTILE)
    assert page.evaluate("window.stolen") is None
    assert page.locator(".talk img, .talk script").count() == 0
    press(page, "/")
    page.keyboard.type("WAREHOUSE")
    expect(page.locator("mark.find")).to_have_text("warehouse")
    press(page, "Enter", "Escape")
    expect(page.locator("mark.find")).to_have_count(0)
    page.goto(desk_site.url + "/inspect?assignment=1")
    settle(page)
    take(page)
    page.locator("select.script").select_option("simplified")
    expect(page.locator(".msg .body").filter(has_text="为什么不能在平台上退")).to_have_count(1)
    page.locator("select.script").select_option("original")
    expect(page.locator(".msg .body").filter(has_text="為什麼不能在平臺上退")).to_have_count(1)


def test_skip_needs_a_reason_and_help_lists_every_key(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect", at=desk_site, language="en-GB")
    take(page)
    press(page, "?")
    expect(page.locator("dialog dt")).to_have_count(19)
    press(page, "Escape")
    at_work(page)  # the keyboard is where it was
    press(page, "j", "j", "k")
    expect(page.locator(".msg[aria-current]")).to_have_attribute("data-seq", "0")
    press(page, "s", "Escape", "s")
    expect(page.locator("dialog .submit")).to_be_disabled()
    page.keyboard.type("duplicate of another")
    press(page, "Enter")
    expect(page).to_have_url(desk_site.url + "/inspect?assignment=2")
    assert rows(desk_site, Assignment)[0].skip_reason == "duplicate of another"


NAMELESS = re.compile(
    r"^\s*- (?:button|radio|radiogroup|combobox|textbox|searchbox|region|group|dialog)(?: \\[.*\\])?:?$", re.M
)


@pytest.mark.parametrize(
    "language, words",
    [
        ("zh-CN", ("会话", "评分表", "红线", "开场问候", "提交，下一条")),
        ("en-GB", ("Conversation", "Scorecard", "Red lines", "Greeting", "Submit and next")),
    ],
)
def test_a_screen_reader_finds_everything_by_name(
    desk_site: Site, open_as: OpenAs, language: str, words: tuple[str, ...]
) -> None:
    page = open_as("inspector", "/inspect?assignment=1", at=desk_site, language=language)
    take(page)
    press(page, "ArrowDown", "ArrowDown", "ArrowDown", "0")
    tree = page.locator(".desk").aria_snapshot()
    talk, card, red, greeting, submit = words
    for wanted in (
        f'region "{talk}"',
        f'list "{talk}"',
        f'region "{card}"',
        f'group "{red}"',
        f'radiogroup "{greeting}"',
        f'button "{submit}"',
        "status",
        "timer",
    ):
        assert wanted in tree, tree
    inner = (
        re.sub(r"(?m)^ {6,}.*\n?", "", tree[: tree.index(f'region "{card}"')]) + tree[tree.index(f'region "{card}"') :]
    )
    assert NAMELESS.findall(inner) == []
    press(page, "s")
    assert NAMELESS.findall(page.locator("dialog").aria_snapshot()) == []


def test_after_a_ruling_keys_are_keys(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=1", at=desk_site, language="zh-CN")
    take(page)
    press(page, "1", "j")  # J goes on to the next message, it is no letter of a reason
    expect(page.locator(".msg[aria-current]")).to_have_count(1)
    assert page.locator('[data-field="note"]').input_value() == ""
    press(page, "Control+Enter")
    expect(page.locator(".notice.refused")).to_contain_text("1 处红线命中未初审")
    press(page, "ArrowUp", "1", "ArrowDown", "0", "Control+Enter")
    expect(page.locator(".notice.refused")).to_contain_text("1 处红线已作决定但缺理由")
    press(page, "2")
    expect(page.locator('.reasons button[aria-pressed="true"]')).to_contain_text("引用")
    press(page, "m")
    page.keyboard.type("推给顾客")
    expect(page.locator('[data-field="note"]')).to_have_value(re.compile("推给顾客$"))


def test_a_root_cause_leaves_the_owner_and_says_whose_part_it_usually_is(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=desk_site, language="en-GB")
    take(page)
    press(page, "0")
    expect(page.locator('[data-stop="cgreeting"] .points')).to_have_text("−3")
    others = page.locator('[data-field="cause"] option')
    page.locator('[data-field="cause"]').select_option(
        value=next(
            v for v in others.evaluate_all("all => all.map(one => one.value)") if "policy" in v or "unclear" in v
        )
    )
    expect(page.locator('[data-field="owner"]')).to_have_value("agent")
    expect(page.locator('[data-stop="cgreeting"] .points')).to_have_text("−3")
    expect(page.locator(".usual")).to_contain_text("The owner of this cause is usually")
    page.locator(".usual button").click()
    expect(page.locator('[data-field="owner"]')).not_to_have_value("agent")
    expect(page.locator('[data-stop="cgreeting"] .points')).to_have_text("(0)")


def test_leaving_a_criterion_out_says_what_it_does_to_the_others(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=1", at=desk_site, language="en-GB")
    take(page)
    while current(page) != "cwait_apology":
        press(page, "ArrowDown")
    press(page, "n")
    expect(page.locator(".shift")).to_contain_text(re.compile(r"a deduction of 3 points counts [34]\.\d"))
    expect(page.locator('[aria-live="polite"].unseen')).to_contain_text("weighs more")


def test_an_untouched_sheet_of_an_unread_conversation_asks_once(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=3", at=desk_site, language="en-GB")
    take(page)
    expect(page.locator(".msg")).to_have_count(1_000)
    press(page, "Control+Enter")
    expect(page.locator(".notice.refused")).to_contain_text("was not read to its end")
    assert rows(desk_site, Inspection) == []
    press(page, "Control+Enter")
    expect(page).not_to_have_url(desk_site.url + "/inspect?assignment=3")
    assert len(rows(desk_site, Inspection)) == 1


def test_two_inspectors_get_different_samples_and_a_late_submit_is_refused(desk_site: Site, open_as: OpenAs) -> None:
    first = open_as("inspector", "/inspect", at=desk_site, language="zh-CN")
    second = open_as("inspector2", "/inspect", at=desk_site, language="zh-CN")
    take(first)
    take(second)
    assert first.url.endswith("=1")
    assert second.url.endswith("=2")
    second.goto(desk_site.url + "/inspect?assignment=1")
    settle(second)
    expect(second.locator(".nothing .what")).to_contain_text("同事")
    second.get_by_role("button", name="领取下一条").click()
    expect(second).to_have_url(desk_site.url + "/inspect?assignment=2")
    at_work(second)
    press(second, "0", "Control+Enter")
    expect(second).to_have_url(desk_site.url + "/inspect?assignment=3")
    expect(second.locator(".msg")).to_have_count(1_000)
    assert len(rows(desk_site, Inspection)) == 1


def test_a_second_window_keeps_both_versions(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=desk_site, language="zh-CN")
    take(page)
    other = page.context.new_page()
    other.goto(desk_site.url + "/inspect?assignment=2")
    settle(other)
    expect(other.locator(".row.current")).to_have_count(1)
    press(other, "0")
    expect(other.locator("footer .saved")).to_contain_text("草稿已保存")
    page.bring_to_front()
    press(page, "ArrowDown", "0")
    expect(page.locator(".notice.conflict")).to_be_visible()
    page.locator(".notice.conflict button").first.click()
    expect(page.locator("dialog td").first).to_have_text("开场问候")
    page.locator("dialog .submit").click()
    page.wait_for_timeout(1500)
    draft = rows(desk_site, Draft)[0]
    assert draft.other is None
    assert [mark["criterion_id"] for mark in draft.content["marks"]] == ["closing"]


def test_a_draft_survives_a_reload_before_it_was_saved(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=2", at=desk_site, language="zh-CN")
    take(page)
    press(page, "0")
    page.reload()  # well inside the two seconds
    settle(page)
    expect(page.locator('[data-stop="cgreeting"] .points')).to_have_text("−3")


def test_a_key_scores_beside_a_thousand_messages(desk_site: Site, open_as: OpenAs) -> None:
    page = open_as("inspector", "/inspect?assignment=3", at=desk_site, language="zh-CN")
    take(page)
    expect(page.locator(".msg")).to_have_count(1_000)
    press(page, "0")
    expect(page.locator('[data-stop="cgreeting"] .points')).to_have_text("−3")
