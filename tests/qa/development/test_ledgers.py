"""Grades and recognition: two people for every entry, evidence where the records are silent, nothing by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from qa import evidence
from qa.development import grades, recognition
from qa.development.grades import LINES
from qa.errors import Conflict, Denied, Invalid
from qa.library import cases
from qa.policy import Actor, Role
from qa.tables import Agent
from qa.workbench import Workbench
from tests.qa.development.test_exams import library
from tests.world import people
from tests.world.desk import NOW

LEAD, OTHER = Actor(901, Role.LEAD, "甲"), Actor(902, Role.LEAD, "乙")
OWN, LEADER = Actor(903, Role.AGENT, "x", agent_id="amy"), Actor(904, Role.TEAM_LEADER, "y", team="一组")
ALL = dict.fromkeys(LINES, True)
MARCH = date(2026, 3, 1)


def with_amy(bench: Workbench) -> Workbench:
    people.agents(bench, NOW, amy={"team": "一组", "grade": "P2", "hired_on": NOW.date() - timedelta(days=400)})
    return bench


def propose(bench: Workbench, who: Actor = LEAD, grade: str = "P3", held=ALL, reasons=None) -> int:  # type: ignore[no-untyped-def]
    why = dict.fromkeys(("complaints", "sheet", "exams"), "已查证") if reasons is None else reasons
    return grades.propose(
        bench, who, now=NOW, agent_id="amy", to_grade=grade, reason="半年无过失", held=held, reasons=why
    )


def test_a_step_needs_a_checklist_and_two_people(any_bench: Workbench) -> None:
    bench = with_amy(any_bench)
    found = {line.id: line.found for line in grades.checklist(bench, LEAD, now=NOW, agent_id="amy")}
    assert found == {"red_lines": True, "ratings": True, "complaints": None, "sheet": None, "exams": None, "time": True}
    with pytest.raises(Invalid, match="give the evidence"):
        propose(bench, reasons={})
    with pytest.raises(Invalid, match="every line"):
        propose(bench, held={**ALL, "complaints": False})
    with pytest.raises(Denied):
        propose(bench, replace(LEAD, agent_id="amy"))
    with pytest.raises(Invalid, match="already"):
        propose(bench, grade="P2")
    number = propose(bench)
    with pytest.raises(Conflict, match="second signature"):
        propose(bench)
    with pytest.raises(Denied, match="Two people"):
        grades.decide(bench, LEAD, now=NOW, number=number, sign=True)
    assert grades.ledger(bench, OWN) == ()
    grades.decide(bench, OTHER, now=NOW, number=number, sign=True)
    with pytest.raises(Conflict):
        grades.decide(bench, OTHER, now=NOW, number=number, sign=False, answer="不")
    with bench.db.read() as session:
        assert session.get_one(Agent, "amy").grade == "P3"
    [step] = grades.ledger(bench, OWN)
    assert (step.up, step.state, [line.held for line in step.lines]) == (True, "signed", [True] * 6)
    assert len(grades.ledger(bench, LEADER)) == 1
    assert grades.ledger(bench, replace(LEADER, team="二组")) == ()
    evidence.seal(bench, NOW)
    assert evidence.check(bench).forgeries == ()
    with pytest.raises(DatabaseError), bench.db.engine.begin() as connection:
        connection.execute(text("UPDATE grade_events SET to_grade = 'P6'"))


def test_a_step_down_needs_a_reason_and_a_refusal_leaves_the_grade(bench: Workbench) -> None:
    with_amy(bench)
    number = propose(bench, grade="P1", held={}, reasons={})
    with pytest.raises(Invalid, match="empty"):
        grades.decide(bench, OTHER, now=NOW, number=number, sign=False)
    grades.decide(bench, OTHER, now=NOW, number=number, sign=False, answer="依据不足")
    with bench.db.read() as session:
        assert session.get_one(Agent, "amy").grade == "P2"
    for who in (OWN, LEADER):
        with pytest.raises(Denied):
            propose(bench, who)


def test_highlights_show_behaviour_and_need_a_second_person(any_bench: Workbench) -> None:
    bench, kit = any_bench, library(any_bench, count=2)
    with pytest.raises(Invalid, match="exemplary"):
        recognition.propose_highlight(bench, LEAD, now=NOW, month=MARCH, case_id=1, body="问候热情")
    words = cases.get(bench, kit.lead, 1).text
    cases.edit(bench, kit.lead, now=NOW, case_id=1, version=2, text=replace(words, kind="exemplary"))
    number = recognition.propose_highlight(bench, LEAD, now=NOW, month=MARCH, case_id=1, body="问候热情")
    with pytest.raises(Conflict, match="already"):
        recognition.propose_highlight(bench, OTHER, now=NOW, month=MARCH, case_id=1, body="再提")
    assert recognition.highlights(bench, kit.agent) == ()
    with pytest.raises(Denied):
        recognition.decide_highlight(bench, LEAD, now=NOW, number=number, confirm=True)
    recognition.decide_highlight(bench, OTHER, now=NOW, number=number, confirm=True)
    [shown] = recognition.highlights(bench, kit.agent)
    assert shown.shows.zh
    assert (shown.name, shown.state) == ("", "confirmed")
    evidence.seal(bench, NOW)
    assert evidence.check(bench).forgeries == ()


def test_rewards_are_a_ledger_with_their_rule(bench: Workbench) -> None:
    with_amy(bench)

    def reward(amount: int = 10_000, who: Actor = LEAD) -> int:
        return recognition.propose_reward(
            bench,
            who,
            now=NOW,
            agent_id="amy",
            month=MARCH,
            project="打字",
            rule="每分钟 100 字奖励 100 元",
            evidence="3 月 2 日 104 字",
            amount=amount,
        )

    first, back = reward(), reward(-10_000)
    for amount in (0, 10**9):
        with pytest.raises(Invalid, match="amount"):
            reward(amount)
    with pytest.raises(Denied):
        reward(who=replace(LEAD, agent_id="amy"))
    assert recognition.rewards(bench, OWN) == ()
    recognition.decide_reward(bench, OTHER, now=NOW, number=first, confirm=True)
    recognition.decide_reward(bench, OTHER, now=NOW, number=back, confirm=False)
    [mine] = recognition.rewards(bench, OWN)
    assert (mine.amount, mine.rule) == (10_000, "每分钟 100 字奖励 100 元")
    assert len(recognition.rewards(bench, LEAD)) == 2
    assert recognition.rewards(bench, replace(LEADER, team="二组")) == ()
    with pytest.raises(Conflict):
        recognition.decide_reward(bench, OTHER, now=NOW, number=first, confirm=False)
