"""What surrounds every page: its language, its title, a menu with every page one click away, a quiet console, and no
barrier that axe finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from pages.kit.nav import entries_for
from qa import migrations
from qa.config import Config
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Role
from qa.workbench import Workbench
from tests.browser.conftest import PASSWORD, Site, serving, settle
from tests.world.judged import judge

pytestmark = pytest.mark.browser

ROLES = {"lead": Role.LEAD, "amy": Role.AGENT, "ada": Role.ADMIN}
OpenAs = Callable[..., Page]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("surroundings")
    bench = Workbench.open(Config(home=home))
    migrations.upgrade(bench.db)
    judge(bench, Actor(1, Role.LEAD, "Lead"), datetime(2026, 3, 2, 1, 30, tzinfo=UTC))
    accounts.create_user(
        bench, SYSTEM, now=datetime.now(UTC), login="ada", display_name="Ada", role=Role.ADMIN, password=PASSWORD
    )
    for user_id in (1, 5):
        accounts.set_password(bench, SYSTEM, user_id, PASSWORD, now=datetime.now(UTC))
    bench.close()
    with serving(home, {"lead": "lead", "amy": "agent", "ada": "admin"}) as site:
        yield site


def paths(login: str) -> list[str]:
    """Addresses of the pages in the menu of a login; of the admin's only those that a lead does not have."""
    mine, leads = ([entry.url for entry in entries_for(Actor(1, role, ""))] for role in (ROLES[login], Role.LEAD))
    return [f"/{url}" for url in mine if login != "ada" or url not in leads]


@pytest.mark.parametrize(
    "login, language, lang, dark",
    [
        ("lead", "zh-CN", "zh-CN", False),
        ("lead", "en-GB", "en", True),
        ("amy", "zh-CN", "zh-CN", False),
        ("ada", "en-GB", "en", True),
    ],
    ids=["lead-zh", "lead-en", "agent-zh", "admin-en"],
)
def test_every_page_says_its_language_and_title_and_is_open_to_all(
    judged: Site, open_as: OpenAs, login: str, language: str, lang: str, dark: bool
) -> None:
    page = open_as(login, "/", at=judged, language=language, dark=dark)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    titles, barriers = set(), {}
    for path in paths(login):
        page.goto(judged.url + path)
        settle(page)
        expect(page.locator("html")).to_have_attribute("lang", lang)
        titles.add(page.title())
        found = Axe().run(page)
        if found.violations_count:
            barriers[path] = [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found.response["violations"]]
    assert barriers == {}
    assert len(titles) == len(paths(login))
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
    top, title = (page.locator(one).first.bounding_box() for one in (".st-key-menu", "h1, h2"))
    assert top is not None
    assert title is not None
    assert top["y"] + top["height"] <= title["y"] + 8, "the menu lies over the title"
    links.filter(has_text="Ranking").click()
    expect(page).to_have_url(judged.url + "/ranking")
    expect(page.locator('[class*="st-key-menu_"][class*="_here"]')).to_contain_text("Ranking")


def test_a_page_for_others_says_so(judged: Site, open_as: OpenAs) -> None:
    page = open_as("amy", "/draws", at=judged, language="en-GB")
    expect(page.get_by_text("This page is not for your role")).to_be_visible()
