"""Draws, trends and results in a real browser: verify a receipt, read a trend, an agent acknowledges a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from qa import migrations
from qa.config import Config
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Role
from qa.tables import Acknowledgement, User, Verdict
from qa.workbench import Workbench
from tests.browser.conftest import PASSWORD, Site, serving, settle
from tests.world.judged import judge

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def judged_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation with one judged draw."""
    home = tmp_path_factory.mktemp("judged")
    bench = Workbench.open(Config(home=home))
    migrations.upgrade(bench.db)
    judge(bench, Actor(1, Role.LEAD, "Lead"), datetime(2026, 3, 2, 1, 30, tzinfo=UTC))
    for user_id in (1, 5):
        accounts.set_password(bench, SYSTEM, user_id, PASSWORD, now=datetime.now(UTC))
    bench.close()
    with serving(home, {"lead": "lead", "amy": "agent"}) as site:
        yield site


def test_a_lead_verifies_a_receipt(judged_site: Site, open_as: Callable[..., Page], shoot: Callable[..., Path]) -> None:
    page = open_as("lead", "/draws?draw=1", at=judged_site, language="zh-CN")
    page.get_by_role("button", name="重新抽样并比对").click()
    expect(page.get_by_text("一致：由档案与种子重新抽样")).to_be_visible()
    shoot(page, "receipt-zh")
    with page.expect_download() as download:
        page.get_by_role("button", name="凭证、抽样框与脚本").click()
    assert download.value.suggested_filename == "spotcheck-draw-1.zip"


def test_a_lead_trains_a_risk_model_and_takes_it_into_use(judged_site: Site, open_as: Callable[..., Page]) -> None:
    page = open_as("lead", "/draws?view=risk", at=judged_site, language="en")
    expect(page.get_by_text("A rule score stands in for it")).to_be_visible()
    page.get_by_role("button", name="Train a model").click()
    expect(page.get_by_text("Trained: model")).to_be_visible()
    page.get_by_role("button", name="Take it into use").click()
    expect(page.get_by_text("Are its predictions true?")).to_be_visible()
    expect(page.get_by_text("What would more reviews teach?")).to_be_visible()


@pytest.mark.parametrize("language, words", [("zh-CN", "红线率"), ("en", "Red-line rate")])
def test_a_link_to_a_trend_means_the_same_in_both_languages(
    judged_site: Site, open_as: Callable[..., Page], shoot: Callable[..., Path], language: str, words: str
) -> None:
    page = open_as("lead", "/trends?metric=redline&by=all&span=all", at=judged_site, language=language)
    expect(page.get_by_text(words, exact=True).first).to_be_visible()
    expect(page.locator(".js-plotly-plot .point").first).to_be_visible()
    expect(page.get_by_text(" n = ").first).to_be_visible()
    shoot(page, f"trends-{language}", full=True)


def test_an_agent_reads_and_acknowledges(
    judged_site: Site, open_as: Callable[..., Page], shoot: Callable[..., Path]
) -> None:
    bench = Workbench.open(Config(home=judged_site.home))
    with bench.db.write() as session:
        session.execute(update(User).values(language=None))
        verdict = session.scalars(select(Verdict.id).where(Verdict.agent_id == "amy", Verdict.total < 10_000)).first()
    page = open_as("amy", f"/agent?span=all&verdict={verdict}", at=judged_site, language="zh-CN", dark=True)
    expect(page.get_by_text("Bob")).to_have_count(0)
    page.get_by_role("button", name="已阅并确认").click()
    expect(page.get_by_text("已确认").first).to_be_visible()
    settle(page)
    shoot(page, "agent-zh-dark", full=True)
    with bench.db.read() as session:
        assert session.get(Acknowledgement, verdict) is not None
    bench.close()


def test_a_list_of_an_agents_opens_by_row_and_by_key_and_needs_no_grid(
    judged_site: Site, open_as: Callable[..., Page]
) -> None:
    page = open_as("amy", "/", at=judged_site, language="en", size=(390, 844))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(judged_site.url + "/agent?span=all")
    rows = page.locator(".st-key-agent_results tbody tr")
    rows.first.wait_for()
    settle(page)
    assert not [url for url in asked if "/DataFrame." in url]
    for again in range(2):  # nothing stays selected: the same row opens again
        box = rows.first.bounding_box()
        assert box is not None
        rows.first.click(position={"x": box["width"] - 3, "y": box["height"] - 3})
        expect(page.get_by_role("dialog"), f"time {again}").to_be_visible()
        address = page.url
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    rows.first.locator("button").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert "verdict=" in page.url
    assert page.url != address
