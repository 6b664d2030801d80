"""The page Disputes on a real archive: what is to be settled, one settled, and what others see of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit import dialogs
from qa.disputes import listing
from qa.policy import SYSTEM
from qa.workbench import Workbench
from tests.world import disputes as world

OpenPage = Callable[..., AppTest]


@pytest.fixture
def filled(page_bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    monkeypatch.setattr(world, "T0", datetime.now(UTC) - timedelta(days=5))
    monkeypatch.setattr(world, "OPENED", world.T0 + timedelta(days=2))
    return world.shop(page_bench)


def test_an_empty_page_says_what_to_do(page_bench: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "disputes.py")
    assert not at.exception
    assert "No disputes were imported" in "".join(node.proto.body for node in at.get("html"))


def test_a_dispute_is_settled(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "disputes.py", role=None)
    assert not at.exception
    assert sorted(at.dataframe[0].value["Dispute"]) == ["d2", "d4", "d5"]
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "dispute", "shop:d2"
    at.run()
    assert not at.exception
    at.radio(key="dispute_chat").set_value("shop:2")
    next(button for button in at.button if button.label == "Settle").click().run()
    assert not at.exception
    assert len(at.warning) == 1
    at.text_input(key="dispute_reason").set_value("说的是沙发")
    next(button for button in at.button if button.label == "Settle").click().run()
    assert not at.exception
    row = listing.one(filled, SYSTEM, "shop:d2")
    assert (row.conversation_key, row.joined_by, row.agent_id) == ("shop:2", "settled", "a2")
    assert sorted(at.dataframe[0].value["Dispute"]) == ["d4", "d5"]


def test_in_chinese_with_hostile_text(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "disputes.py", language="zh_CN", query={"view": "all"})
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "dispute", "shop:d2"
    at.run()
    assert not at.exception
    [first, *_rest] = at.radio(key="dispute_chat").options
    assert "<b>" not in first.replace("\\<", "")
    assert at.dataframe[0].value["负责客服"].to_list().count("无人") == 2


def test_the_figures_in_both_languages(filled: Workbench, open_page: OpenPage) -> None:
    for language in ("en", "zh_CN"):
        at = open_page("lead", "disputes.py", language=language, query={"view": "figures", "by": "agent"})
        assert not at.exception
        assert len(at.dataframe) == 2
        assert list(at.dataframe[0].value.iloc[:, 1]) == [2, 1]
