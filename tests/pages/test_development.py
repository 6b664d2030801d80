"""The page Development: a lead draws an exam, an agent sits it once, and both see what is theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit import dialogs
from qa.development import exams, grades, newcomers, recognition
from qa.library import cases
from qa.library.cases import CaseText
from qa.people import accounts
from qa.policy import SYSTEM
from qa.tables import Agent
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.world import desk

OpenPage = Callable[..., AppTest]


@pytest.fixture
def library(page_bench: Workbench) -> Workbench:
    """Three published cases; the agents of `open_page` took part in none of them."""
    kit = desk.build(page_bench, samples=3, prefix="kit-")
    for number, sample in enumerate(kit.samples):
        kit.place(sample)
        desk.inspect(kit, 0, Sheet((Mark("greeting", 0, evidence=(1,)),)))
        words = CaseText(f"<b>案例</b> {number}", "先问候。", "counter", (), criterion_id="greeting")
        case = cases.propose(page_bench, kit.lead, now=desk.NOW, text=words, sample_id=sample)
        cases.publish(page_bench, kit.lead, now=desk.NOW, case_id=case, version=1)
    return page_bench


def test_from_draw_to_paper(library: Workbench, open_page: OpenPage) -> None:
    at = open_page("lead", "development.py")
    assert "There is no exam yet" in at.get("html")[-1].proto.body
    at.button(key="open_exam_new").click().run()
    at.text_input(key="exam_name").set_value("三月月考")
    at.number_input(key="exam_count").set_value(2)
    next(b for b in at.button if b.label == "Draw it").click().run()
    assert not at.exception
    assert dialogs._OPEN not in at.session_state  # closed by success
    at.button(key="exam_verify").click().run()
    assert "follow from the receipt" in at.success[0].value
    agent = open_page("agent", "development.py", language="zh_CN")
    agent.button(key="exam_begin").click().run()
    assert not agent.exception
    assert len(agent.radio) == 4
    agent.radio[0].set_value("c:greeting").run()
    with library.db.read() as session:
        [draft] = session.scalars(exams.select(exams.ExamSitting.draft)).all()
    assert list(draft.values()) == [{"criterion": "c:greeting"}]
    agent.button(key="exam_submit").click().run()
    assert not agent.exception
    account = accounts.find(library, SYSTEM, login="agent")
    [head] = exams.exams(library, account.actor, now=datetime.now(UTC))
    assert head.mine == "done"
    at = open_page("lead", "development.py")
    assert not at.exception
    assert len(at.dataframe) == 2  # papers and questions
    assert "16.7" in at.dataframe[0].value["Mark"].iloc[0]
    assert head.plan.closes_at > datetime.now(UTC) + timedelta(days=5)


def test_every_view_opens_for_everybody_it_is_for(library: Workbench, open_page: OpenPage) -> None:
    with library.db.write() as session:
        session.add(Agent(agent_id="a-1", name="阿一", team="一组", updated_at=desk.NOW))
    lead = accounts.find(library, SYSTEM, login="kit-lead").actor
    newcomers.start(library, lead, now=desk.NOW, agent_id="a-1", day=desk.NOW.date(), mentor="老王")
    grades.propose(
        library,
        lead,
        now=desk.NOW,
        agent_id="a-1",
        to_grade="P1",
        reason="<b>转正</b>",
        held=dict.fromkeys(grades.LINES, True),
        reasons=dict.fromkeys(grades.LINES, "已查证"),
    )
    recognition.propose_reward(
        library,
        lead,
        now=desk.NOW,
        agent_id="a-1",
        month=desk.NOW.date(),
        project="打字",
        rule="规则",
        evidence="依据",
        amount=100,
    )
    home = open_page("lead", "home.py")
    assert not home.exception
    assert "tasks of newcomers are due" in " ".join(one.proto.body for one in home.get("html"))
    at = open_page("lead", "development.py", query={"view": "newcomers"})
    assert not at.exception
    assert "gate" in str(at.dataframe[1].value["Kind"].to_list()).lower()
    next(b for b in at.button if b.key == "newcomer_note").click().run()
    assert not at.exception
    assert newcomers.plans(library, lead)[0].tasks[0].met
    at = open_page("lead", "development.py", query={"view": "grades"}, language="zh_CN")
    assert not at.exception
    at.button(key="grade_1_True").click().run()
    assert grades.ledger(library, lead)[0].state == "signed"
    at = open_page("lead", "development.py", query={"view": "recognition"})
    at.button(key="reward_1_yes").click().run()
    assert not at.exception
    for view, name, said in (
        ("newcomers", "newcomer_new", "Choose a person first."), ("grades", "grade_new", ""),
        ("recognition", "reward_new", "Choose a person first."), ("recognition", "highlight_new", ""),
    ):  # fmt: skip
        at = open_page("lead", "development.py", query={"view": view})
        at.button(key=f"open_{name}").click().run()
        assert not at.exception
        if said:
            next(b for b in at.button if b.label in ("Begin", "Propose")).click().run()
            assert said in at.warning[0].value.replace("\\", "")
            assert at.session_state[dialogs._OPEN] == name  # what was written stays until it is right
    for view in ("exams", "newcomers", "grades", "recognition"):
        assert not open_page("agent", "development.py", query={"view": view}, language="zh_CN").exception
    assert recognition.rewards(library, accounts.find(library, SYSTEM, login="agent").actor)
