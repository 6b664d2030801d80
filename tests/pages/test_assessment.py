"""The page Assessment: exports to a published sheet by its own widgets; an agent sees only what is theirs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from pages.kit import dialogs
from qa.assessment import schemes, sheets
from qa.policy import SYSTEM, Actor, Role
from qa.tables import Agent
from qa.workbench import Workbench
from tests.world import months

OpenPage = Callable[..., AppTest]
NOW = datetime.now(UTC)
LAST = (NOW.astimezone(ZoneInfo("Asia/Shanghai")).date().replace(day=1) - timedelta(days=1)).replace(day=1)


@pytest.fixture
def filled(page_bench: Workbench) -> Workbench:
    """Four months that end with the last one that is over."""
    months.fill(page_bench)
    shift = (LAST - date(2025, 11, 1)).days
    with page_bench.archive.change("x", NOW) as change:
        rows = months.parts(days=122).with_columns(pl.col("day", "until") + timedelta(days=shift))
        change.replace("indicators", rows)
    return page_bench


def texts(at: AppTest) -> str:
    return " ".join(
        [*(c.value for c in at.caption), *(m.value for m in at.markdown), *(n.proto.body for n in at.get("html"))]
    )


def test_an_empty_page_says_what_to_do(page_bench: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "assessment.py")
    assert not at.exception
    assert "There is no sheet yet" in texts(at)
    assert "concerns you" in texts(open_page("agent", "assessment.py"))
    for view in ("indicators", "examples", "schemes", "validity"):
        assert not open_page("lead", "assessment.py", query={"view": view}, language="zh_CN").exception


def test_a_lead_drafts_and_publishes_and_the_agent_objects(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "assessment.py")
    at.selectbox(key="assess_months").set_value(3)
    next(b for b in at.button if b.label == "Draft it").click().run()
    assert not at.exception
    table = at.dataframe[0].value
    assert len(table) == 12
    assert {"Points scored", "Grade", "Statement"} <= set(table.columns)
    at.session_state["assess_rows_chosen"] = 0
    at.run()
    assert not at.exception
    shown = texts(at)
    assert len(re.findall(r'data-label="Points scored">[\d.]+ \[', shown)) == 4
    assert "the weight goes to the other lines" in texts(at)
    at.button(key="assess_verify").click().run()
    assert "Every figure follows" in at.success[0].value
    at.button(key="assess_publish").click().run()
    assert not at.exception
    [head] = sheets.sheets(filled, SYSTEM)
    assert head.state == "published"
    agent = open_page("agent", "assessment.py", language="zh_CN")
    assert "没有" in texts(agent)  # a-1 is on nobody's sheet
    mine = Actor(99, Role.AGENT, "x", agent_id="p01")
    [entry] = sheets.entries(filled, mine, head.id)
    sheets.object_to(filled, mine, now=datetime.now(UTC), entry_id=entry.id, body="<b>系统故障</b>")
    at = open_page("lead", "assessment.py")
    assert "&lt;b&gt;系统故障" in texts(at)


def test_schemes_are_tried_before_they_are_saved(filled: Workbench, open_page: OpenPage) -> None:
    schemes.load_default(filled, SYSTEM, now=NOW)
    sheets.draft(filled, SYSTEM, now=NOW, month=LAST)
    at = open_page("lead", "assessment.py", query={"view": "schemes"})
    at.selectbox(key="assess_scheme").set_value("presale").run()
    at.button(key="open_scheme_edit").click().run()
    view = schemes.newest(filled, SYSTEM)["presale"]
    form = f"assess_form_{view.id}"
    at.number_input(key=f"{form}_conversion_weight").set_value(90.0)
    at.text_input(key=f"{form}_reply_3min_cuts").set_value("99% -> 100, 90%：50")
    at.button(key="assess_whatif").click().run()
    assert not at.exception
    assert len(at.dataframe[1].value) == 12
    at.text_input(key=f"{form}_reply_3min_cuts").set_value("99% sehr gut")
    at.button(key="assess_save").click().run()
    assert "is no cut" in at.warning[0].value
    at.text_input(key=f"{form}_reply_3min_cuts").set_value("99% -> 100, 90%：50")
    at.button(key="assess_save").click().run()
    assert not at.exception
    after = schemes.newest(filled, SYSTEM)["presale"]
    lines = {line.indicator: line for line in after.scheme.lines}
    assert (after.version, lines["conversion"].weight) == (2, 90.0)
    assert lines["reply_3min"].curve.cuts == ((0.9, 50.0), (0.99, 100.0))
    assert dialogs._OPEN not in at.session_state
    at.button(key="open_scheme_edit").click().run()
    at.segmented_control(key="assess_way").set_value("text").run()
    area = f"assess_toml_{after.id}"
    at.text_area(key=area).set_value("id = 3")
    at.button(key="assess_save").click().run()
    assert "“name” is missing." in at.warning[0].value.replace("\\", "")


EXPORTS = {
    "生意参谋.csv": (
        "旺旺昵称,日期,询单人数,销售人数,销售额,销售量,成功退款金额", "40,18,1800元,25,100",
    ),
    "千牛客服.csv": ("旺旺账号名称,日期,平均响应时长,人工接待会话量,3分钟人工响应率", "28秒,60,98%"),
    "千牛评价.csv": ("旺旺账号名称,日期,满意评价量,旺旺评价量", "9,10"),
    "京东客服管家.csv": (
        "客服,日期,售前接待人数,促成下单人数,促成下单商品金额,平均响应时长（新）,接待量", "50,20,2000,20,60",
    ),
}  # fmt: skip
"""Four exports of one month: header, and the figures of everybody's day."""


def export(header: str, figures: str) -> bytes:
    days = [LAST + timedelta(days=n) for n in range(20)]
    lines = [header, *(f"{who},{day.isoformat()},{figures}" for day in days for who in ("小叶", "小林", "小满"))]
    return "\n".join(lines).encode("gb18030")


def test_from_four_exports_to_a_published_sheet_in_a_dozen_clicks(page_bench: Workbench, open_page: OpenPage) -> None:
    """As a new user: one upload and one click an export, then draft and publish."""
    with page_bench.db.write() as session:
        for name in ("小叶", "小林", "小满"):
            session.add(Agent(agent_id=name, name=name, team="一组", stage="presale", updated_at=NOW))
    at, clicks = open_page("lead", "assessment.py"), 0
    at.segmented_control(key="pick_view").set_value("indicators").run()
    clicks += 1
    for name, (header, figures) in EXPORTS.items():
        at.file_uploader(key="assess_file").set_value((name, export(header, figures), "text/csv")).run()
        assert not at.exception
        at.button(key="assess_import").click().run()
        assert not at.exception
        clicks += 2
    at.segmented_control(key="pick_view").set_value("sheets").run()
    next(b for b in at.button if b.label == "Draft it").click().run()
    at.button(key="assess_publish").click().run()
    clicks += 4  # the sheets, the draft, publishing and the question whether one is sure
    assert not at.exception
    assert clicks == 13
    [head] = sheets.sheets(page_bench, SYSTEM)
    assert (head.state, head.people) == ("published", 3)
    [one, *_] = sheets.entries(page_bench, SYSTEM, head.id)
    judged = {line["indicator"] for line in one.result["lines"] if line["points"] is not None}
    assert {"conversion", "unit_price", "response_time", "reply_3min"} <= judged
