"""My inspections: the list in both languages, a correction asked for, decided by the lead, and seen afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit.dialogs import _BESIDE, _OPEN
from qa.people import accounts
from qa.policy import SYSTEM
from qa.verdicts import corrections
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.pages.conftest import PASSWORD
from tests.qa.scorer.test_differences import judged
from tests.world.desk import Kit, build, inspect

OpenPage = Callable[..., AppTest]


@pytest.fixture
def kit(page_bench: Workbench) -> Kit:
    kit = build(page_bench, samples=1)
    kit.place(kit.samples[0], kit.inspectors[0])
    inspect(kit, 0, Sheet((Mark("tone", 1), Mark("greeting", 0))))
    for account in accounts.users(page_bench, SYSTEM):
        accounts.set_password(page_bench, SYSTEM, account.actor.user_id, PASSWORD, now=datetime.now(UTC))
    return kit


def opened(at: AppTest, name: str, beside: object) -> AppTest:
    at.session_state[_OPEN], at.session_state[_BESIDE] = name, beside
    return at.run()


def test_a_wrong_mark_is_corrected_by_two_people(open_page: OpenPage, kit: Kit) -> None:
    at = open_page("inspector-0", "inspections.py", language="zh_CN")
    assert not at.exception
    [row] = at.dataframe[0].value.to_dict("records")
    assert "在吗" in str(row.values())
    at = opened(at, "inspection", 1)
    at.button(key="correct_this").click().run()
    at.selectbox(key="correct_tone").set_value(0)
    at.text_area(key="correction_reason").set_value("看错了人")
    next(button for button in at.button if button.label == "提交更正").click().run()
    assert not at.exception
    [wish] = corrections.listing(kit.bench, kit.lead)
    assert (wish.before, wish.after) == (9_200, 9_700)
    lead = open_page("lead", "inspections.py", language="zh_CN", query={"inspector": str(kit.inspectors[0].user_id)})
    assert not lead.exception
    lead.button(key=f"decide_{wish.id}").click().run()
    next(button for button in lead.button if button.label == "同意更正").click().run()
    assert not lead.exception
    assert [row.total for row in kit.verdicts(kit.samples[0]) if row.is_current] == [9_700]
    [row] = lead.dataframe[0].value.to_dict("records")
    assert "92.0 → 97.0" in row.values()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_nothing_yet(open_page: OpenPage, page_bench: Workbench, language: str) -> None:
    for role in ("inspector", "lead"):
        at = open_page(role, "inspections.py", language=language)
        assert not at.exception
        assert any("sc-empty" in node.proto.body for node in at.get("html"))


def test_an_inspector_does_not_learn_which_readings_had_a_reference(open_page: OpenPage, kit: Kit) -> None:
    kit.place(kit.samples[0], kit.inspectors[1], kind="gold")
    inspect(kit, 1, Sheet(()))
    [row] = open_page("inspector-1", "inspections.py", language="zh_CN").dataframe[0].value.to_dict("records")
    assert "初检" in row.values()
    query = {"inspector": str(kit.inspectors[1].user_id)}
    [row] = open_page("lead", "inspections.py", language="zh_CN", query=query).dataframe[0].value.to_dict("records")
    assert "标杆会话" in row.values()


def test_a_difference_with_the_machine_is_answered_by_one_key(
    open_page: OpenPage, page_bench: Workbench, tmp_path: Path
) -> None:
    kit = judged(page_bench, tmp_path)
    inspect(kit, 0, Sheet((Mark("greeting", 0), Mark("tone", 1))), datetime.now(UTC) - timedelta(minutes=1))
    for account in accounts.users(page_bench, SYSTEM):
        accounts.set_password(page_bench, SYSTEM, account.actor.user_id, PASSWORD, now=datetime.now(UTC))
    home = open_page("inspector-0", "home.py", language="zh_CN")
    assert "处与机评的差异待回答" in "".join(node.proto.body for node in home.get("html"))
    at = open_page("inspector-0", "inspections.py", language="zh_CN", query={"view": "differences"})
    assert not at.exception
    assert [one.value for one in at.metric] == ["1 ×", "2 ×"]
    at.button(key="difference_machine").click().run()
    assert not at.exception
    assert not at.metric
    at.button(key="difference_back").click().run()
    assert len(at.metric) == 2
