"""The page Assessment: exports to a published sheet by its own widgets; an agent sees only what is theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from qa.assessment import schemes, sheets
from qa.policy import SYSTEM, Actor, Role
from qa.workbench import Workbench
from tests.world import months

OpenPage = Callable[..., AppTest]
NOW = datetime.now(UTC)
LAST = (NOW.date().replace(day=1) - timedelta(days=1)).replace(day=1)


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
    return " ".join([*(c.value for c in at.caption), *(m.value for m in at.markdown), *(n.proto.body for n in at.get("html"))])  # fmt: skip


def test_an_empty_page_says_what_to_do(page_bench: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "assessment.py")
    assert not at.exception
    assert "There is no sheet yet" in texts(at)
    assert "concerns you" in texts(open_page("agent", "assessment.py"))
    for view in ("indicators", "examples", "schemes"):
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
    lines = at.dataframe[1].value
    assert lines["Points scored"].str.contains(r"\[").sum() == 4
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
    area = f"assess_toml_{schemes.newest(filled, SYSTEM)['presale'].id}"
    text = at.text_area(key=area).value
    at.text_area(key=area).set_value(text.replace("weight = 30", "weight = 90"))
    at.button(key="assess_whatif").click().run()
    assert not at.exception
    assert len(at.dataframe[1].value) == 12
    at.text_area(key=area).set_value("id = 3")
    at.button(key="assess_save").click().run()
    assert "“name” is missing." in at.warning[0].value.replace("\\", "")
