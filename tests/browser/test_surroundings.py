"""What surrounds every page: its language, its title, a menu with every page one click away, a quiet console, and no
barrier that axe finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from qa import migrations
from qa.config import Config
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Role
from qa.workbench import Workbench
from tests.browser.conftest import PASSWORD, Site, serving, settle
from tests.world.judged import judge

pytestmark = pytest.mark.browser

LEADS = ("/", "/inspections", "/redlines", "/appeals", "/trends", "/agent", "/ranking", "/cases", "/draws", "/rubric")
AGENTS = ("/", "/agent", "/appeals", "/cases")
OpenAs = Callable[..., Page]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("surroundings")
    bench = Workbench.open(Config(home=home))
    migrations.upgrade(bench.db)
    judge(bench, Actor(1, Role.LEAD, "Lead"), datetime(2026, 3, 2, 1, 30, tzinfo=UTC))
    for user_id in (1, 5):
        accounts.set_password(bench, SYSTEM, user_id, PASSWORD, now=datetime.now(UTC))
    bench.close()
    with serving(home, {"lead": "lead", "amy": "agent"}) as site:
        yield site


@pytest.mark.parametrize("language, lang", [("zh-CN", "zh-CN"), ("en-GB", "en")])
def test_language_title_and_a_quiet_console(judged: Site, open_as: OpenAs, language: str, lang: str) -> None:
    page = open_as("lead", "/", at=judged, language=language)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    titles = set()
    for path in LEADS:
        page.goto(judged.url + path)
        settle(page)
        expect(page.locator("html")).to_have_attribute("lang", lang)
        titles.add(page.title())
    assert len(titles) == len(LEADS)
    assert said == []


def test_every_page_is_one_click_away_at_1280(judged: Site, open_as: OpenAs) -> None:
    page = open_as("lead", "/", at=judged, language="en-GB", size=(1280, 800))
    links = page.locator(".st-key-menu a:visible")  # each stands twice: on a touch screen its tooltip has a place too
    count = links.count()
    assert count >= 12
    assert count == page.locator(".st-key-menu [data-testid=stPageLink]").count()
    for number in range(count):
        box = links.nth(number).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1280
    links.filter(has_text="Ranking").click()
    expect(page).to_have_url(judged.url + "/ranking")
    expect(page.locator('[class*="st-key-menu_"][class*="_here"]')).to_contain_text("Ranking")


def test_a_page_for_others_says_so(judged: Site, open_as: OpenAs) -> None:
    page = open_as("amy", "/draws", at=judged, language="en-GB")
    expect(page.get_by_text("This page is not for your role")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("login, paths", [("lead", LEADS), ("amy", AGENTS)], ids=["lead", "agent"])
def test_axe_finds_no_barrier(judged: Site, open_as: OpenAs, login: str, paths: tuple[str, ...], dark: bool) -> None:
    page = open_as(login, "/", at=judged, language="zh-CN", dark=dark)
    found = {}
    for path in paths:
        page.goto(judged.url + path)
        settle(page)
        results = Axe().run(page)
        if results.violations_count:
            found[path] = [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in results.response["violations"]]
    assert found == {}
