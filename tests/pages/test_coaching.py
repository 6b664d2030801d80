"""Coaching on the pages: a note from a result, the agent's Home and answer, the leader's Home, a case sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from qa.coaching import threads
from qa.coaching.threads import ThreadState
from qa.policy import SYSTEM
from qa.tables import Agent, Case, Verdict
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.world.desk import NOW, build, inspect

OpenPage = Callable[..., AppTest]


@pytest.fixture
def verdict(page_bench: Workbench, signed_in_as: Callable[..., object]) -> int:
    kit = build(page_bench, samples=1, prefix="kit-")
    with page_bench.db.write() as session:
        session.add(Agent(agent_id="agent-0", name="安安", team="一组", updated_at=NOW))
    kit.place(kit.samples[0], kit.inspectors[0])
    inspect(kit, 0, Sheet((Mark("tone", 1, note="冷", evidence=(1,)),)))
    signed_in_as("agent", agent_id="agent-0")
    with page_bench.db.read() as session:
        return session.scalars(select(Verdict.id)).one()


def text_of(at: AppTest) -> str:
    return "".join(node.proto.body for node in at.get("html"))


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception
    return at


def test_a_note_is_sent_read_answered_and_closed(page_bench: Workbench, open_page: OpenPage, verdict: int) -> None:
    query = {"agent": "agent-0", "span": "all"}
    at = open_page("lead", "agent.py", query={**query, "verdict": str(verdict)})
    assert not at.exception
    at.text_area(key="coaching_note").set_value("<b>先问候</b>")
    press(at, "Send the note")
    [thread] = threads.threads(page_bench, SYSTEM)
    assert (thread.criterion_id, thread.state) == ("tone", ThreadState.AGENT)

    home = open_page("agent", "home.py")
    assert "coaching note waits for you" in text_of(home)
    at = open_page("agent", "agent.py", query={"coaching": str(thread.id)})
    assert "&lt;b&gt;先问候&lt;/b&gt;" in text_of(at)
    assert any("Cannot tell yet" in node.value for node in at.markdown)
    at.text_area(key=f"coaching_body_{thread.id}").set_value("好的")
    press(at, "Send")

    assert "answer of an agent waits to be read" in text_of(open_page("lead", "home.py"))
    at = open_page("lead", "agent.py", language="zh_CN", query={**query, "coaching": str(thread.id)})
    press(at, "I have read it" if any(b.label == "I have read it" for b in at.button) else "我已阅读")
    assert threads.get(page_bench, SYSTEM, thread.id).state is ThreadState.NOBODY


def test_an_agent_proposes_a_conversation_of_their_own_as_a_case(open_page: OpenPage, verdict: int) -> None:
    at = open_page("agent", "agent.py", query={"span": "all", "verdict": str(verdict)})
    assert not at.exception
    assert any(node.proto.label == "Propose as a case" for node in at.get("page_link"))
    at = open_page("agent", "library.py", query={"sample": "1"})
    assert not at.exception
    assert not at.warning
    at.text_input(key="case_title").set_value("做得好")
    at.text_area(key="case_lesson").set_value("先问候")
    press(at, "Propose")
    assert at.query_params["state"] == "proposed"


@pytest.mark.parametrize("role", ["lead", "inspector", "team_leader", "admin", "agent"])
def test_the_home_of_every_role_opens(open_page: OpenPage, verdict: int, role: str) -> None:
    at = open_page(role, "home.py", language="zh_CN")
    assert not at.exception
    assert not at.warning
    assert ("尚无备份" in text_of(at)) is (role == "admin")


def test_a_case_is_sent_from_the_library(page_bench: Workbench, open_page: OpenPage, verdict: int) -> None:
    with page_bench.db.write() as session:
        case = Case(
            title="t", lesson="x", kind="exemplary", state="published", tags=[], excerpt=[], language="en",
            search_text="t", proposed_at=NOW, changed_at=NOW + timedelta(days=1), conversation_key="t:0",
        )  # fmt: skip
        session.add(case)
        session.flush()
        number = case.id
    at = open_page("lead", "library.py", query={"case": str(number)})
    assert not at.exception
    press(at, "Send the note")
    assert "must not be empty" in at.warning[0].value
    at.selectbox(key="coaching_agent").set_value("agent-0")
    at.text_area(key="coaching_note").set_value("read this")
    press(at, "Send the note")
    [thread] = threads.threads(page_bench, SYSTEM, agent_id="agent-0")
    assert (thread.case_title, thread.criterion_id) == ("t", None)
