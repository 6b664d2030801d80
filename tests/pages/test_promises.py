"""The page Promises on a real archive: broken ones first, one overruled, and what a team leader and an agent see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit import dialogs
from qa import screening
from qa.policy import SYSTEM
from qa.promises import ledger, ruling
from qa.workbench import Workbench
from scoring.promises import PromiseStatus
from tests.world.redlines import chats
from tests.world.rules import publish, rule

OpenPage = Callable[..., AppTest]
SAID = [("customer", "什么时候退款"), ("agent", "24小时内给您退款50元<b>")]


@pytest.fixture
def filled(page_bench: Workbench) -> Workbench:
    now = datetime.now(UTC)
    publish(page_bench, rule("T01", "滚"))
    heads, lines = chats([("shop:1", "a1", SAID)])
    shift = now - timedelta(days=5) - lines["sent_at"].min()
    with page_bench.archive.change("import", now) as change:
        change.append("conversations", heads.with_columns(started_at=heads["started_at"] + shift))
        change.append("messages", lines.with_columns(sent_at=lines["sent_at"] + shift))
    screening.screen(page_bench, SYSTEM, now=now)
    return page_bench


def rows(bench: Workbench) -> tuple[ledger.LedgerRow, ...]:
    now = datetime.now(UTC)
    return ledger.page(bench, SYSTEM, ledger.read(bench, SYSTEM, now=now)).rows


def test_an_empty_ledger_says_what_to_do(page_bench: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "promises.py")
    assert not at.exception
    assert "No promises were found" in "".join(node.proto.body for node in at.get("html"))


def test_a_promise_is_overruled(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "promises.py", query={"view": "all"})
    assert not at.exception
    assert at.dataframe[0].value["Status"].to_list() == ["Cannot tell"]
    [row] = rows(filled)
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "promise", row.promise.key
    at.run()
    assert not at.exception
    at.selectbox(key="promise_status").set_value(PromiseStatus.BROKEN)
    at.text_input(key="promise_reason").set_value("没有退款记录")
    next(button for button in at.button if button.label == "Overrule").click().run()
    assert not at.exception
    [row] = rows(filled)
    assert row.promise.status is PromiseStatus.BROKEN
    [agent] = ledger.by_agent(filled, ledger.read(filled, SYSTEM, now=datetime.now(UTC)))
    assert (agent.n, agent.broken, round(agent.low, 3), agent.high) == (1, 1, 0.025, 1.0)


def test_a_ruling_is_taken_back(filled: Workbench, open_page: OpenPage) -> None:
    [row] = rows(filled)
    ruling.rule(filled, SYSTEM, now=datetime.now(UTC), key=row.promise.key, status=PromiseStatus.KEPT, reason="有截图")
    at = open_page("lead", "promises.py", query={"view": "all"})
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "promise", row.promise.key
    at.run()
    at.button(key="promise_undo").click().run()
    assert not at.exception
    assert at.dataframe[0].value["Status"].to_list() == ["Cannot tell"]


def test_the_agents_view_has_intervals(filled: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "promises.py", query={"view": "agents"})
    assert not at.exception
    assert at.dataframe[0].value["Share broken"].to_list() == ["no figure, n = 0"]
