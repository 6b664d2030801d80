"""The board worked by two people with the keyboard, and the rule bench, in both languages, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from qa.i18n import Translator, pick_language
from tests.browser.conftest import ROLES, Site, cli, people, serving, settle

pytestmark = pytest.mark.browser

SINS = [
    "你是傻逼吧，滚",
    "加我微信 wx12345 私下转账便宜点",
    "亲，五星好评返现5元哦",
    "我们不开发票",
    "你等着，我知道你家地址",
    "不删差评就不退款",
    "把验证码发我一下",
]


def write_chats(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(40):
            sin = SINS[number % len(SINS)] if number % 2 == 0 else "好的，这就为您处理"
            said = [
                ("customer", "在吗？我的订单还没到"),
                ("agent", "您好，请稍等，我帮您查一下"),
                ("customer", "到底什么时候发货！"),
                ("agent", sin),
                ("customer", "<b>什么态度 **投诉**"),
                ("agent", "请问还有什么可以帮您"),
            ]
            messages = [
                {"seq": seq, "sender": role, "text": text, "ts": f"2026-02-{number % 27 + 1:02d}T10:{seq:02d}:00+08:00"}
                for seq, (role, text) in enumerate(said)
            ]
            file.write(
                json.dumps(
                    {
                        "conversation_id": f"c{number:03d}",
                        "agent_id": f"a-{number % 4 + 1}",
                        "customer_id": f"u{number}",
                        "channel": "wangwang",
                        "started_at": messages[0]["ts"],
                        "messages": messages,
                    },
                    ensure_ascii=False,
                )
                + "\n"
            )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("redlines")
    people(home)
    write_chats(home / "chats.jsonl")
    cli(home, "import", str(home / "chats.jsonl"), "--source", "shop")
    done: dict[str, Any] = cli(home, "screen")
    assert done["case_files"]["opened"] >= 20
    with serving(home, ROLES) as site:
        yield site


BOTH = pytest.mark.parametrize("language,short", [("zh-CN", "zh"), ("en-US", "en")])


def said(page: Page, key: str = "red_transcript") -> Locator:
    """The marked words of the conversation that is shown."""
    return page.locator(f".st-key-{key} mark.hit")


def open_file(page: Page) -> str:
    """The number of the open file, as the address says it: what somebody else would see of a shared link."""
    return re.findall(r"[?&]file=(\d+)", page.url)[0]


def pressed(page: Page, key: str) -> None:
    """Press a key and wait until another file is shown."""
    before = open_file(page)
    page.keyboard.press(key)
    page.wait_for_function("before => !location.search.includes(`file=${before}`)", arg=before)
    settle(page)


@BOTH
def test_the_board_by_keyboard_two_people_and_many_files_at_once(
    shop: Site, open_as: Callable[..., Page], shoot: Callable[..., Path], language: str, short: str
) -> None:
    t = Translator(pick_language(language))
    page = open_as("inspector", "/redlines", at=shop, language=language)
    expect(said(page).first).to_be_in_viewport()
    expect(page.locator(".rl-keys")).to_contain_text(t("choose the reason"))
    assert "<b>什么态度 **投诉**" in page.locator(".st-key-red_transcript .talk").inner_text(), (
        "what a customer wrote is text"
    )
    first = open_file(page)
    pressed(page, "j")
    assert open_file(page) != first
    pressed(page, "k")
    assert open_file(page) == first
    reason = t("A product name or a fixed expression.")
    page.keyboard.press("3")
    expect(page.locator("[class*='st-key-red_reason_0'] input")).to_have_value(f"3  {reason}")
    shoot(page, f"redlines-board-{short}")
    pressed(page, "y")
    pressed(page, "n")

    # the second person, by the link the first one would send
    page.goto(f"{shop.url}/redlines?red_state=confirmed&file={first}")
    settle(page)
    expect(page.locator(".rl-history").first).to_contain_text(reason)
    expect(page.get_by_role("button", name=t("Uphold"))).to_have_count(0)
    manager = open_as("lead", f"/redlines?red_state=confirmed&file={first}", at=shop, language=language)
    expect(manager.locator(".rl-head").first).to_be_visible()
    shoot(manager, f"redlines-ruling-{short}")
    manager.keyboard.press("y")
    expect(manager.locator(".st-key-red_undo_bar")).to_be_visible()
    manager.goto(f"{shop.url}/redlines?red_state=upheld&file={first}")
    settle(manager)
    expect(manager.locator(".rl-state").first).to_have_text(t("Upheld"))
    expect(manager.locator(".rl-history").first).to_contain_text(t("ruled: violation"))

    # false alarms of one rule: seen, cleared together, taken back
    page.goto(f"{shop.url}/redlines?red_rule=R04")
    settle(page)
    page.get_by_role("button", name=t("Clear all …")).click()
    expect(page.get_by_role("dialog")).to_contain_text("好评返现")
    page.locator(".st-key-red_bulk_reason input").fill("活动话术")
    page.locator(".st-key-red_bulk_reason input").press("Enter")
    settle(page)
    shoot(page, f"redlines-bulk-{short}")
    page.locator(".st-key-red_bulk_go button").first.click()
    expect(page.get_by_text(t("No case files with these filters"))).to_be_visible()
    page.goto(f"{shop.url}/redlines?red_rule=R04&red_state=cleared")
    settle(page)
    expect(page.locator(".rl-history").first).to_contain_text("活动话术")
    settle(page)
    undo = page.locator(".st-key-red_bulk_undo button").first
    (n,) = re.findall(r"\d+", undo.inner_text())
    undo.click()
    expect(page.get_by_text(t("{n} files are suspected again.", n=n))).to_be_visible()


@BOTH
def test_the_rule_bench(
    shop: Site, open_as: Callable[..., Page], shoot: Callable[..., Path], language: str, short: str
) -> None:
    t = Translator(pick_language(language))
    page = open_as("lead", "/rules?rule=R07", at=shop, language=language)
    expressions = page.locator(".st-key-rule_regex textarea")
    expect(expressions).to_be_visible()
    held = expressions.input_value()
    shoot(page, f"rules-edit-{short}")
    expressions.fill("(a+)+b")
    expressions.blur()
    expect(page.get_by_test_id("stAlert")).to_contain_text(
        t("an unbounded repetition of a group can run away; give an upper bound such as {bound}", bound="{1,20}"),
    )
    expressions.fill(held)
    expressions.blur()
    expect(page.locator(".st-key-rules_save button").first).to_be_disabled()
    phrases = page.locator(".st-key-rule_phrases textarea")
    phrases.fill(phrases.input_value() + "\n还有什么可以帮您")
    phrases.blur()
    expect(page.locator(".st-key-rules_save button").first).to_be_enabled()
    page.get_by_role("radio", name=t("Effect on past chats")).click()
    page.locator(".st-key-rules_compare button").first.click()
    expect(page.get_by_test_id("stMetric").nth(1)).to_contain_text("40")
    expect(said(page, "rules_newly").first).to_have_text("还有什么可以帮您")
    shoot(page, f"rules-history-{short}")

    # a rule that fails its own example can be kept as a draft, and is not published
    page.get_by_role("radio", name=t("Edit")).click()
    innocent = page.locator(".st-key-rule_negative textarea")
    innocent.fill("请问还有什么可以帮您")
    innocent.blur()
    expect(page.get_by_text(t("should not hit, hits at “{matched}”", matched="还有什么可以帮您")).first).to_be_visible()
    page.locator(".st-key-rules_save button").first.click()
    expect(page.locator(".st-key-rules_discard button").first).to_be_visible()
    expect(page.locator(".st-key-rules_publish button").first).to_be_disabled()
    shoot(page, f"rules-unfit-{short}")
    page.locator(".st-key-rules_discard button").first.click()
    expect(page.locator(".st-key-rules_discard button")).to_have_count(0)


def test_agents_see_nothing(shop: Site, open_as: Callable[..., Page]) -> None:
    page = open_as("agent", "/redlines", at=shop, language="en-US")
    # the page is not in an agent's menu, and its address says for whom it is not
    expect(page.get_by_role("heading", name="This page is not for your role")).to_be_visible()
    expect(page.get_by_role("link", name="Red lines")).to_have_count(0)
    assert "Case files" not in page.content()
    assert "傻逼" not in page.content()
