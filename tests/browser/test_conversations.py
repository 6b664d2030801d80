"""Conversations in a real browser: search, click a row, read, take a case further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from qa.config import Config
from qa.conversations import index
from qa.policy import SYSTEM
from qa.rubrics import versions as rubrics
from qa.rules import versions as rules
from qa.workbench import Workbench
from tests.browser.conftest import ROLES, Site, people, serving, settle
from tests.world.conversations import NOW, fill, said

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def filled_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation with a few conversations and their index."""
    home = tmp_path_factory.mktemp("found")
    people(home)
    bench = Workbench.open(Config(home=home))
    fill(bench, {f"c{n}": said(f"第{n}次问：退款到哪了", "<b>在查</b>", "好的谢谢") for n in range(30)})
    rubrics.load_default(bench, SYSTEM, now=NOW)
    rules.load_defaults(bench, SYSTEM, now=NOW)
    index.update(bench)
    bench.close()
    with serving(home, ROLES) as site:
        yield site


@pytest.mark.parametrize(
    "language, more, file, close",
    [("zh-CN", "共 30 个会话", "建立案卷…", "关闭"), ("en", "30 conversations", "Open a case file …", "Close")],
)
def test_a_row_is_clicked_and_read(
    filled_site: Site,
    open_as: Callable[..., Page],
    shoot: Callable[..., Path],
    language: str,
    more: str,
    file: str,
    close: str,
) -> None:
    page = open_as("lead", "/conversations?q=退款", at=filled_site, language=language)
    expect(page.get_by_text(more)).to_be_visible()
    box = page.locator(".st-key-found_list canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 200, box["y"] + 52)  # a layer above the canvas takes the clicks
    expect(page.get_by_text("<b>在查</b>")).to_be_visible()
    assert "open=" in page.url
    expect(page.get_by_role("button", name=file)).to_be_visible()
    shoot(page, f"conversations-{language}")
    before = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != before)
    settle(page)
    expect(page.get_by_text("第28次问").last).to_be_visible()
    page.get_by_role("button", name=close).click()
    page.wait_for_url(lambda url: "open=" not in url)
