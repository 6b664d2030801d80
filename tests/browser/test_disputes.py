"""A dispute from import to verdict: settled with a reason, drawn, read as one story at the desk and scored; its promise
overruled; the figures. One installation, the walk once in each language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from qa import draws, screening
from qa.config import Config
from qa.draws import Period, PlanDesign, SourceQuota
from qa.i18n import Translator
from qa.ingest import commit_frames
from qa.policy import SYSTEM
from qa.rubrics import versions
from qa.workbench import Workbench
from tests.browser import desk
from tests.browser.conftest import ROLES, Site, open_first_row, people, serving, settle
from tests.qa.ingest.files import write_csv
from tests.world.people import called

pytestmark = pytest.mark.browser

TODAY = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
LANGUAGES = {"zh-CN": ("zh_CN", 20), "en-GB": ("en", 10)}
"""Language of the browser: that of the pages, and how many days ago its dispute was opened."""
TALKS = {
    "zh-CN": (("在吗", "您好，在的"), ("沙发断了一条腿", "24小时内给您退款50元")),
    "en-GB": (
        ("hello", "Hello, how can I help?"),
        ("a leg of the sofa broke", "We will refund you $50 within 24 hours"),
    ),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two chats of a customer in each language, in one of which money was promised; no disputes yet."""
    home = tmp_path_factory.mktemp("disputes")
    people(home)
    bench = Workbench.open(Config(home=home))
    versions.load_default(bench, called(bench, "lead"), now=TODAY)
    rows = [
        {
            "conversation_id": f"{language}-{n}",
            "customer_id": f"tb-{language}",
            "shop": "云栖旗舰店",
            "role": role,
            "agent_id": ("小红", "小青")[n],
            "sent_at": TODAY - timedelta(days=days + 2 - n, minutes=-minute),
            "text": text,
        }
        for language, (_, days) in LANGUAGES.items()
        for n, talk in enumerate(TALKS[language])
        for minute, (role, text) in enumerate(zip(("customer", "agent"), talk, strict=True))
    ]
    commit_frames(bench, SYSTEM, now=TODAY, tables={"messages": pl.DataFrame(rows)}, source="walk", file_name="walk")
    screening.screen(bench, SYSTEM, now=TODAY)
    bench.close()
    with serving(home, ROLES) as site:
        yield site


def test_from_import_to_verdict(
    shop: Site, open_as: Callable[..., Page], shoot: Callable[..., Path], tmp_path: Path
) -> None:
    for number, (language, (code, days)) in enumerate(LANGUAGES.items(), start=1):
        t = Translator(code, "Asia/Shanghai")
        lead = open_as("lead", "/import", at=shop, language=language, size=(1280, 800))
        imports(lead, t, record(tmp_path, language, days))
        settles(lead, t, shop, TALKS[language][1][0])
        shoot(lead, f"disputes-settled-{code[:2]}")
        drawn(shop.home, language, days)
        page = open_as("inspector", "/inspect", at=shop, language=language, size=(1280, 800))
        reads_the_story(page, t, TALKS[language], lambda name, page=page, code=code: shoot(page, f"{name}-{code[:2]}"))  # type: ignore[misc]
        scores(page, t, number)
        overrules(lead, t, shop)
        shoot(lead, f"promises-overruled-{code[:2]}")
        lead.goto(shop.url + "/disputes?view=figures")
        settle(lead)
        expect(lead.get_by_text(t("Reasons and their drift"))).to_be_visible()
        shoot(lead, f"disputes-figures-{code[:2]}")


def record(folder: Path, language: str, days: int) -> Path:
    """The export of one dispute that names neither order nor chat."""
    row = {
        "RefundId": f"D-{language}", "Tid": "", "BuyerNick": f"tb-{language}", "SellerNick": "云栖旗舰店",
        "Created": (TODAY - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S"), "Reason": "质量问题",
        "Status": "SELLER_REFUSE_BUYER", "RefundFee": "50.00", "CsStatus": "3",
    }  # fmt: skip
    return write_csv(folder / f"refunds-{language}.csv", [row])


def imports(page: Page, t: Translator, path: Path) -> None:
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name=t("Preview"), exact=True).click()
    page.get_by_role("button", name=t("Import now"), exact=True).click()
    again = page.get_by_role("button", name=t("Import another file"), exact=True)
    again.click()  # a result stays until it is put away
    expect(again).to_have_count(0)


def settles(page: Page, t: Translator, shop: Site, line: str) -> None:
    """Two chats can be meant: a person says which, and why."""
    page.goto(shop.url + "/disputes")
    settle(page)
    open_first_row(page, "dispute_rows")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(t("several chats can be meant")).first).to_be_visible()
    dialog.locator("label").filter(has_text=line).first.click()
    dialog.get_by_label(t("Reason"), exact=True).fill("sofa")
    dialog.get_by_role("button", name=t("Settle"), exact=True).click()
    expect(page.get_by_text(t("Nothing is to be settled"))).to_be_visible()


def drawn(home: Path, name: str, days: int) -> None:
    """A plan of disputes alone, published for the days around this one."""
    bench = Workbench.open(Config(home=home))
    lead, now = called(bench, "lead"), datetime.now(UTC)
    design = PlanDesign(quotas=(SourceQuota("dispute", None),), pool_share=0.0)
    plan = draws.create_plan(bench, lead, now=now, name=name, design=design, seed=f"a-seed-of-sixteen-{name}")
    day = (TODAY - timedelta(days=days)).date()
    period = Period(day - timedelta(days=1), day + timedelta(days=1))
    draws.publish(
        bench, lead, now=now, plan_id=plan.id, period=period, nonce=f"n-{name}-long", next_seed="another-seed-of-16"
    )
    bench.close()


def reads_the_story(
    page: Page, t: Translator, talks: tuple[tuple[str, str], ...], take_picture: Callable[[str], Path]
) -> None:
    """C tells the whole case over the desk; Escape goes back to where the hands were."""
    desk.take(page)
    expect(page.locator(".msg .promises .broken")).to_contain_text(t("Broken"))
    take_picture("dispute-desk")
    page.keyboard.press("c")
    story = page.locator("dialog.case")
    expect(story.get_by_text(talks[1][1]).first).to_be_visible()
    expect(story.locator(".promises .broken")).to_contain_text(t("the shop refused the refund"))
    take_picture("dispute-story")
    page.keyboard.press("Escape")
    expect(story).to_have_count(0)
    desk.at_work(page)


def scores(page: Page, t: Translator, number: int) -> None:
    page.locator(".talk").first.evaluate("list => list.scrollTo(0, list.scrollHeight)")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(t("{n} done today", n=number))).to_be_visible()


def overrules(page: Page, t: Translator, shop: Site) -> None:
    page.goto(shop.url + "/promises?view=all")
    settle(page)
    open_first_row(page, "promise_rows")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(t("Reason"), exact=True).fill("paid by hand")
    dialog.get_by_role("button", name=t("Overrule"), exact=True).click()
    expect(page.get_by_text(t("The ruling is on record."))).to_be_visible()
