"""The board worked by two people with the keyboard, and the rule bench, in both languages, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, ROLES, Site, cli, serving, settle

pytestmark = pytest.mark.browser

SINS = ["你是傻逼吧，滚", "加我微信 wx12345 私下转账便宜点", "亲，五星好评返现5元哦", "我们不开发票", "你等着，我知道你家地址", "不删差评就不退款", "把验证码发我一下"]


def write_chats(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(40):
            sin = SINS[number % len(SINS)] if number % 2 == 0 else "好的，这就为您处理"
            said = [
                ("customer", "在吗？我的订单还没到"), ("agent", "您好，请稍等，我帮您查一下"), ("customer", "到底什么时候发货！"),
                ("agent", sin), ("customer", "<b>什么态度</b> **投诉**"), ("agent", "请问还有什么可以帮您"),
            ]  # fmt: skip
            messages = [
                {"seq": seq, "sender": role, "text": text, "ts": f"2026-02-{number % 27 + 1:02d}T10:{seq:02d}:00+08:00"}
                for seq, (role, text) in enumerate(said)
            ]
            file.write(json.dumps({"conversation_id": f"c{number:03d}", "agent_id": f"a-{number % 4 + 1}", "customer_id": f"u{number}", "channel": "wangwang", "started_at": messages[0]["ts"], "messages": messages}, ensure_ascii=False) + "\n")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("redlines")
    cli(home, "init")
    for login, role in ROLES.items():
        if login != "admin":
            cli(home, "user", "add", login, "--role", role, *(["--agent", "a-1"] if role == "agent" else []))
        cli(home, "user", "password", login, stdin=PASSWORD + "\n")
    write_chats(home / "chats.jsonl")
    cli(home, "import", str(home / "chats.jsonl"), "--source", "shop")
    done: dict[str, Any] = cli(home, "screen")
    assert done["case_files"]["opened"] >= 20
    with serving(home, ROLES) as site:
        yield site


@pytest.mark.parametrize("language,short", [("zh-CN", "zh"), ("en-US", "en")])
def test_two_people_settle_a_file_by_keyboard(
    shop: Site, open_as: Callable[..., Page], shoot: Callable[..., Path], language: str, short: str
) -> None:
    page = open_as("inspector", "/redlines", at=shop, language=language)
    expect(page.locator(".rl-line mark").first).to_be_visible()
    shoot(page, f"redlines-board-{short}")
    page.keyboard.press("y")
    settle(page)
    page.keyboard.press("n")
    settle(page)
    shoot(page, f"redlines-after-two-{short}")
    page.goto(f"{shop.url}/redlines?red_state=confirmed")
    settle(page)
    expect(page.locator(".rl-head").first).to_be_visible()
    expect(page.get_by_role("button", name="裁定成立" if short == "zh" else "Uphold")).to_have_count(0)
    manager = open_as("lead", "/redlines?red_state=confirmed", at=shop, language=language)
    expect(manager.locator(".rl-head").first).to_be_visible()
    shoot(manager, f"redlines-ruling-{short}")
    manager.keyboard.press("y")
    settle(manager)
    manager.goto(f"{shop.url}/redlines?red_state=upheld")
    settle(manager)
    expect(manager.locator(".rl-state").first).to_have_text("成立" if short == "zh" else "Upheld")
    expect(manager.locator(".rl-history").first).to_contain_text("裁定违规成立" if short == "zh" else "ruled: violation")
    shoot(manager, f"redlines-upheld-{short}")
    for view in ("changes", "repeats", "quality", "programme"):
        manager.goto(f"{shop.url}/redlines?red_view={view}")
        settle(manager)
        shoot(manager, f"redlines-{view}-{short}")


@pytest.mark.parametrize("language,short", [("zh-CN", "zh"), ("en-US", "en")])
def test_the_rule_bench(shop: Site, open_as: Callable[..., Page], shoot: Callable[..., Path], language: str, short: str) -> None:
    page = open_as("lead", "/rules?rule=R07", at=shop, language=language)
    box = page.locator(".st-key-rule_phrases textarea")
    expect(box).to_be_visible()
    shoot(page, f"rules-edit-{short}")
    box.fill(box.input_value() + "\n还有什么可以帮您")
    box.blur()
    settle(page)
    page.goto(f"{shop.url}/rules?rule=R07&rules_view=history")
    settle(page)
    page.locator(".st-key-rules_compare button").click()
    expect(page.locator('[data-testid="stMetric"]').first).to_be_visible()
    settle(page)
    shoot(page, f"rules-history-{short}")


def test_agents_see_nothing(shop: Site, open_as: Callable[..., Page]) -> None:
    page = open_as("agent", "/redlines", at=shop, language="en-US")
    # the page is not in an agent's menu at all, so the address leads home
    expect(page.get_by_role("heading", name="To do")).to_be_visible()
    assert "Case files" not in page.content()
    assert "傻逼" not in page.content()
