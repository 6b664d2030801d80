"""The whole main job in a real browser, in both languages: import, screen, draw, inspect, rule, trend, case, appeal.

One installation per language, empty but for its people; everything else is done by clicking and typing, each step by
the person whose work it is.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fastexcel
import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page, expect

from qa import migrations
from qa.config import Config
from qa.i18n import Translator
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.rubrics import versions as rubric_versions
from qa.rules import versions as rule_versions
from qa.workbench import Workbench
from tests.browser.conftest import PASSWORD, PATIENCE, Site, open_first_row, serving, settle
from tests.qa.ingest.files import HEADERS, write_csv, write_jsonl

pytestmark = pytest.mark.browser

PEOPLE = {"lead": Role.LEAD, "second": Role.LEAD, "inspector": Role.INSPECTOR, "agent": Role.AGENT}
AGENT, COLLEAGUE = "小红", "小青"
PROMISE = "加我微信，私下给您退"
LANGUAGES = [("zh-CN", "zh_CN"), ("en-GB", "en")]


@dataclass(frozen=True)
class Walk:
    """The walk in one language: the site, the words of that language, a browser per person and a camera."""

    site: Site
    t: Translator
    open_as: Callable[[str, str], Page]
    shoot: Callable[[Page, str], None]
    files: Path

    def button(self, page: Page, text: str, **facts: object) -> Locator:
        return page.get_by_role("button", name=self.t(text, **facts), exact=True)

    def link(self, page: Page, text: str) -> Locator:
        return page.get_by_test_id("stPageLink-NavLink").filter(has_text=self.t(text)).first


@pytest.fixture(scope="module", params=LANGUAGES, ids=["zh", "en"])
def language(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory: pytest.TempPathFactory, language: tuple[str, str]) -> Iterator[Site]:
    """An installation with the shipped scorecard and red lines, and nobody's data."""
    home = tmp_path_factory.mktemp("walk")
    bench, now = Workbench.open(Config(home=home)), datetime.now(UTC)
    migrations.upgrade(bench.db)
    for login, role in PEOPLE.items():
        accounts.create_user(
            bench,
            SYSTEM,
            now=now,
            login=login,
            role=role,
            password=PASSWORD,
            display_name=login,
            agent_id=AGENT if role is Role.AGENT else None,
        )
    rubric_versions.load_default(bench, SYSTEM, now=now)
    rule_versions.load_defaults(bench, SYSTEM, now=now)
    bench.close()
    with serving(home, {login: login for login in PEOPLE}) as site:
        yield site


@pytest.fixture
def walk(
    empty_site: Site,
    language: tuple[str, str],
    open_as: Callable[..., Page],
    shoot: Callable[..., Path],
    tmp_path: Path,
) -> Walk:
    browser, code = language
    steps = iter(range(1, 100))

    def open_it(login: str, path: str) -> Page:
        return open_as(login, path, at=empty_site, language=browser)

    def take(page: Page, name: str) -> None:
        settle(page)
        shoot(page, f"walk-{code[:2]}-{next(steps):02d}-{name}")

    return Walk(empty_site, Translator(code, "Asia/Shanghai"), open_it, take, tmp_path)


def test_the_main_job(walk: Walk) -> None:
    lead = walk.open_as("lead", "/")
    expect(lead.get_by_text(walk.t("First steps"))).to_be_visible()
    walk.shoot(lead, "home-empty")
    imports(walk, lead)
    screens(walk, lead)
    draws(walk, lead)
    inspects(walk)
    rules_on_red_lines(walk, lead)
    reads_trends(walk, lead)
    teaches_with_a_case(walk, lead)
    is_appealed(walk)


# --- the steps --------------------------------------------------------------------------------------------------------


def chats() -> tuple[list[dict[str, str]], list[dict[str, object]]]:
    """Rows of a Chinese export, one of them bad, and English conversations; all of last month."""
    start = (datetime.now(UTC).replace(day=1) - timedelta(days=20)).replace(hour=2, minute=0, second=0, microsecond=0)
    rows, nested = [], []
    for number in range(12):
        agent = (AGENT, COLLEAGUE)[number % 2]
        began = start + timedelta(days=number)
        said = [
            ("客户", "你好，保温杯漏水，想退货"),
            ("客服", "您好，请稍等，我看一下订单。"),
            ("客户", "都等了好久了，到底能不能退？"),
            ("客服", PROMISE if agent == AGENT else "可以退的，运费由我们承担。"),
            ("客户", "知道了"),
            ("客服", "感谢您的咨询，祝您生活愉快"),
        ]
        for minute, (who, text) in enumerate(said):
            at = (began + timedelta(minutes=minute, hours=8)).strftime("%Y-%m-%d %H:%M:%S")
            rows.append(
                dict(zip(HEADERS, (f"C{number}", at, who, agent, f"tb{number}", "云栖旗舰店", "", text), strict=True))
            )
    rows.append(dict(zip(HEADERS, ("C99", "昨天", "客服", AGENT, "tb99", "云栖旗舰店", "", "坏时间"), strict=True)))
    for number in range(4):
        at = start + timedelta(days=3 + number)
        nested.append(
            {
                "conversation_id": f"E{number}",
                "agent_id": "Amy",
                "customer_id": f"u{number}",
                "shop": "Harbor",
                "messages": [
                    {"seq": seq, "sender": who, "text": text, "ts": (at + timedelta(minutes=seq)).isoformat()}
                    for seq, (who, text) in enumerate(
                        [
                            ("customer", "Where is my parcel?"),
                            ("agent", "It left our warehouse today."),
                            ("customer", "Thanks"),
                        ]
                    )
                ],
            }
        )
    return rows, nested


def imports(walk: Walk, page: Page) -> None:
    """A GB18030 table with one bad row and JSON lines, each looked at before it is written."""
    rows, nested = chats()
    go(page, walk, "/import")
    for path, new, bad in (
        (write_csv(walk.files / "wangwang.csv", rows, "gb18030"), "12", "1"),
        (write_jsonl(walk.files / "harbor.jsonl", nested), "4", "0"),
    ):
        page.set_input_files("input[type=file]", path)
        walk.button(page, "Preview").click()
        values = page.get_by_test_id("stMetricValue")
        expect(values.first).to_have_text(new)
        expect(values.nth(4)).to_have_text(bad)
        if bad == "1":
            expect(page.get_by_text("GB18030", exact=False).first).to_be_visible()
        walk.shoot(page, f"import-preview-{path.suffix[1:]}")
        walk.button(page, "Import now").click()
        walk.button(page, "Import another file").wait_for()
        expect(page.get_by_test_id("stMetricValue").first).to_have_text(new)
        walk.shoot(page, f"import-done-{path.suffix[1:]}")
        walk.button(page, "Import another file").click()
        expect(page.get_by_test_id("stMetricValue")).to_have_count(0)
        settle(page)


def screens(walk: Walk, page: Page) -> None:
    """The import page says what is not screened yet and does it."""
    expect(page.get_by_text(walk.t("{n} conversations are not screened for red lines yet.", n="16"))).to_be_visible()
    walk.button(page, "Screen now").click()
    expect(page.get_by_test_id("stAlert").filter(has_text="16")).to_be_visible(timeout=2 * PATIENCE)
    walk.shoot(page, "screened")
    walk.link(page, "Next: draw a sample").click()
    settle(page)


def draws(walk: Walk, page: Page) -> None:
    """A plan of two chats an agent, its preview, the publication, the receipt and the second drawing."""
    walk.button(page, "New plan").click()
    page.get_by_label(walk.t("Plan name"), exact=True).fill("Walk")
    page.get_by_label(walk.t("{source} per agent", source=walk.t("Chats")), exact=True).fill("2")
    page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("16")
    settle(page)
    walk.shoot(page, "draw-preview")
    walk.button(page, "Publish this draw").click()
    page.get_by_role("dialog").get_by_role("button", name=walk.t("Publish"), exact=True).click()
    walk.button(page, "Draw again and compare").wait_for()
    walk.shoot(page, "receipt")
    walk.button(page, "Draw again and compare").click()
    expect(
        page.get_by_test_id("stAlert").filter(
            has_text=walk.t(
                "Equal: {reviews} of {units} units, drawn again from archive and seed.", reviews=6, units=16
            )
        )
    ).to_be_visible()
    with page.expect_download() as file:
        walk.button(page, "Receipt, frame and script").click()
    assert file.value.suggested_filename.endswith(".zip")


def inspects(walk: Walk) -> None:
    """Six samples by keyboard: marks with evidence, a reload in the middle, the next one after each."""
    page = walk.open_as("inspector", "/inspect")
    expect(page.locator(".nothing button").first).to_be_focused()
    page.keyboard.press("Enter")
    for number in range(6):
        expect(page.locator('.row.current [role="radio"][tabindex="0"]')).to_be_focused()
        decide_hits(page)
        if number == 0:
            while current(page) != "ctone":
                page.keyboard.press("ArrowDown")
            page.keyboard.press("1")
            page.keyboard.press("j")
            page.keyboard.press("e")
            expect(page.locator('[data-stop="ctone"] .extra')).to_contain_text("⚑1")
            expect(page.locator("footer .saved")).to_contain_text(walk.t("Draft saved"))
            walk.shoot(page, "desk-scored")
            page.reload()
            settle(page)
            expect(page.locator('[data-stop="ctone"] .extra')).to_contain_text("⚑1")
            walk.shoot(page, "desk-reloaded")
        if not page.locator(".row.hit").count() and number:
            page.locator(".talk").evaluate("list => list.scrollTo(0, list.scrollHeight)")
            page.keyboard.press("ArrowRight")  # something was judged: the default of the first criterion, by hand
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text(walk.t("{n} done today", n=number + 1))).to_be_visible()
    expect(page.locator(".nothing")).to_be_visible()
    walk.shoot(page, "desk-done")


def decide_hits(page: Page) -> None:
    """Confirm every red line that waits at the top of the scorecard."""
    for index in range(page.locator(".row.hit").count()):
        assert current(page) == f"h{index}"
        page.keyboard.press("y")
        page.keyboard.press("1")
        page.keyboard.press("ArrowDown")


def current(page: Page) -> str:
    return str(page.locator(".row.current").get_attribute("data-stop"))


def rules_on_red_lines(walk: Walk, lead: Page) -> None:
    """One person confirms, another rules; who confirmed is not offered the ruling."""
    inspector = walk.open_as("inspector", "/redlines")
    expect(inspector.locator(".st-key-red_transcript mark.hit").first).to_have_text(re.compile("微信"))
    walk.shoot(inspector, "redlines")
    shown = inspector.url
    inspector.keyboard.press("y")
    inspector.wait_for_url(lambda url: url != shown)
    file = re.search(r"file=(\d+)", shown)
    assert file
    go(inspector, walk, f"/redlines?red_state=confirmed&file={file[1]}")
    expect(inspector.locator(".rl-state")).to_have_text(walk.t("Confirmed"))
    expect(walk.button(inspector, "Uphold")).to_have_count(0)
    go(lead, walk, f"/redlines?red_state=confirmed&file={file[1]}")
    expect(lead.locator(".rl-state")).to_have_text(walk.t("Confirmed"))
    walk.shoot(lead, "redlines-ruling")
    lead.keyboard.press("y")
    expect(lead.locator(".st-key-red_undo_bar")).to_be_visible()
    go(lead, walk, f"/redlines?red_state=upheld&file={file[1]}")
    expect(lead.locator(".rl-state")).to_have_text(walk.t("Upheld"))
    walk.shoot(lead, "redlines-upheld")


def reads_trends(walk: Walk, page: Page) -> None:
    """The chart, the inspections behind a point, and files with exactly the figures of the chart."""
    go(page, walk, "/trends?by=agent&span=all&metric=total")
    expect(page.locator(".js-plotly-plot .point").first).to_be_visible()
    drawn = page.evaluate(
        "() => document.querySelector('.js-plotly-plot').data.filter((t) => t.name && t.y).flatMap((t) =>"
        " Array.from(t.y).filter((y) => y !== null).map((y) => [t.name, y]))"
    )
    walk.button(page, "Download").click()
    files = {}
    for title, form in (("CSV", "csv"), ("Excel", "xlsx")):
        with page.expect_download() as file:
            page.get_by_test_id("stPopoverBody").get_by_role("button", name=title, exact=True).click()
        files[form] = Path(file.value.path()).read_bytes()
    page.keyboard.press("Escape")
    name, value = walk.t("Name"), walk.t("Value")
    table = list(csv.reader(io.StringIO(files["csv"].decode("utf-8-sig"))))
    head = next(k for k, row in enumerate(table) if name in row and value in row)
    told = [
        (row[table[head].index(name)], float(row[table[head].index(value)]))
        for row in table[head + 1 :]
        if len(row) == len(table[head]) and row[table[head].index(value)]
    ]
    assert {name for name, _v in told} == {AGENT, COLLEAGUE, "Amy"}
    assert sorted((n, round(y, 6)) for n, y in drawn) == sorted((n, round(y, 6)) for n, y in told)
    book = fastexcel.read_excel(files["xlsx"])
    cells = [row for sheet in book.sheet_names for row in book.load_sheet(sheet, header_row=None).to_polars().rows()]
    numbers = {round(float(cell), 6) for row in cells for cell in row if _number(cell)}
    assert {round(y, 6) for _n, y in drawn} <= numbers
    go(page, walk, "/trends?by=agent&span=all&metric=total")
    walk.shoot(page, "trends")
    click_point(page)
    open_first_row(page, "behind")
    expect(page.locator(".sc-lines tr.sum")).to_be_visible()
    walk.shoot(page, "result")


def teaches_with_a_case(walk: Walk, page: Page) -> None:
    """A scored sample becomes a masked case, found by a Chinese word of two characters and by an English one."""
    go(page, walk, f"/agent?agent={COLLEAGUE}&span=all")
    open_first_row(page, "agent_results")
    walk.link(page, "Propose as a case").click()
    expect(page.get_by_text(walk.t("Propose a case"), exact=True)).to_be_visible()
    page.get_by_label(walk.t("Title"), exact=True).fill("运费由我们承担")
    page.get_by_label(walk.t("What it teaches"), exact=True).fill("Say who pays the postage before the customer asks.")
    walk.shoot(page, "case-form")
    walk.button(page, "Propose").click()
    walk.button(page, "Publish").click()
    expect(walk.button(page, "Withdraw")).to_be_visible()
    reader = walk.open_as("agent", "/cases")
    box = reader.get_by_role("textbox", name=walk.t("Search"), exact=True)
    for word, found in (("漏水", True), ("postage", True), ("发票", False)):
        box.fill(word)
        box.press("Enter")
        expect(reader.locator(".st-key-case_list td", has_text="运费由我们承担")).to_have_count(1 if found else 0)
        if found:
            walk.shoot(reader, f"case-found-{'zh' if word == '漏水' else 'en'}")


def is_appealed(walk: Walk) -> None:
    """The agent sees only their own result, acknowledges it, objects; a lead who did not decide it rules."""
    page = walk.open_as("agent", "/agent?span=all")
    open_first_row(page, "agent_results")
    expect(page.locator(".sc-lines tr.sum")).to_be_visible()
    expect(page.locator(".sc-lines tr.redline")).to_have_count(1)
    assert COLLEAGUE not in page.locator(".stApp").inner_text()
    assert "Amy" not in page.locator(".stApp").inner_text()
    walk.button(page, "I have read this").click()
    expect(walk.button(page, "I have read this")).to_have_count(0)
    expect(page.locator(".sc-lines tr.sum")).to_be_visible()
    walk.shoot(page, "agent-result")
    walk.link(page, "Object to this result").click()
    page.get_by_label(walk.t("Your reasons"), exact=True).fill("是顾客先要求加微信的。")
    walk.shoot(page, "appeal-form")
    walk.button(page, "File the appeal").click()
    expect(walk.button(page, "Take the appeal back")).to_be_visible()
    second = walk.open_as("second", "/appeals")
    open_first_row(second, "appeal_list")
    expect(dialog(second).get_by_text("是顾客先要求加微信的。")).to_be_visible()
    second.get_by_label(walk.t("Reasons of the ruling"), exact=True).fill("会话里没有这样的要求。")
    walk.shoot(second, "appeal-ruling")
    walk.button(second, "Reject the appeal").click()
    expect(dialog(second).get_by_text("会话里没有这样的要求。")).to_be_visible()
    go(page, walk, "/appeals")
    open_first_row(page, "appeal_list")
    expect(dialog(page).get_by_text("会话里没有这样的要求。")).to_be_visible()
    walk.shoot(page, "appeal-answered")


# --- hands ------------------------------------------------------------------------------------------------------------


def go(page: Page, walk: Walk, path: str) -> None:
    page.goto(walk.site.url + path)
    settle(page)


def dialog(page: Page) -> Locator:
    """What is open: a text may stand in the list behind it too."""
    return page.get_by_test_id("stDialog")


def click_point(page: Page) -> None:
    """Click the first point of the chart. It listens a moment after it is drawn, and nothing shows when: so ask
    again."""
    box = page.locator(".js-plotly-plot .point").first.bounding_box()
    assert box
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _attempt in range(8):
        page.mouse.move(at[0] - 20, at[1])
        page.mouse.move(*at)
        page.locator(".hoverlayer .hovertext").first.wait_for()
        page.wait_for_timeout(300)
        page.mouse.down()
        page.wait_for_timeout(60)
        page.mouse.up()
        with contextlib.suppress(PlaywrightError):
            page.wait_for_url(re.compile("point="), timeout=4_000, wait_until="commit")
            return
    raise AssertionError("the chart does not answer clicks")


def _number(cell: object) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True
