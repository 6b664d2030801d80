"""Exams: drawn with a receipt anybody can repeat, sat once, nothing of one's own chats, marked from answers and key."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from qa import evidence, transcripts
from qa.development import exams, questions, results
from qa.development.exams import ExamPlan
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.library import cases
from qa.library.cases import CaseText
from qa.policy import SYSTEM, Actor, Role
from qa.tables import ExamQuestion, TeamMembership
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.world import desk, people
from tests.world.desk import NOW, Kit

PLAN = ExamPlan("三月月考", "exam", "both", date(2026, 3, 1), NOW, NOW + timedelta(days=2), questions=4, minutes=30)
SOON, AFTER = NOW + timedelta(minutes=5), NOW + timedelta(days=3)


def library(bench: Workbench, count: int = 6) -> Kit:
    """Published cases of inspected samples of three agents; the proof is the second message."""
    kit = desk.build(bench, samples=count)
    people.agents(bench, NOW, **{f"agent-{n}": "一组" if n else "二组" for n in range(3)})
    marks = (Mark("greeting", 0, evidence=(1,)),)
    for number in range(count):
        kit.place(kit.samples[number])
        desk.inspect(kit, 0, Sheet(marks))
        words = CaseText(f"案例 {number}", "先问候。", "counter", (), criterion_id="greeting")
        number_ = cases.propose(bench, kit.lead, now=NOW, text=words, sample_id=kit.samples[number])
        cases.publish(bench, kit.lead, now=NOW, case_id=number_, version=1)
    return kit


def answer_all(bench: Workbench, who: Actor, paper: exams.Paper, *, wrong: int = 0, now=SOON) -> None:  # type: ignore[no-untyped-def]
    """Answer every part by the key, but for the criterion of the first `wrong` questions."""
    with bench.db.read() as session:
        keys = {q.id: q.content["key"] for q in session.query(ExamQuestion)}
    for place, question in enumerate(paper.questions):
        for part, allowed in keys[question.id].items():
            given = "c:nothing" if place < wrong and part == "criterion" else allowed[0]
            exams.save_draft(
                bench, who, now=now, sitting_id=paper.sitting_id, question_id=question.id, part=part, answer=given
            )


def test_an_exam_from_draw_to_mark(any_bench: Workbench) -> None:
    bench, kit = any_bench, library(any_bench)
    number = exams.create(bench, kit.lead, now=NOW, plan=PLAN, seed="a" * 32)
    assert exams.verify(bench, kit.lead, number) == ()
    [head] = exams.exams(bench, kit.agent, now=NOW)
    assert (head.state, head.mine, head.seed) == ("open", "", "")
    paper = exams.begin(bench, kit.agent, now=NOW, exam_id=number)
    assert len(paper.questions) == 4
    with bench.db.read() as session:
        theirs = {q.id for q in session.query(ExamQuestion) if "agent-0" in q.agents}
    assert theirs
    assert theirs.isdisjoint(q.id for q in paper.questions)
    assert all(q.line for q in paper.questions)
    assert [line["role"] for line in paper.questions[0].excerpt] == ["customer", "agent", "agent"]
    other = exams.begin(bench, kit.inspectors[1], now=NOW, exam_id=number)
    assert [q.options for q in other.questions] != [
        q.options for q in paper.questions
    ]  # each has an order of their own
    answer_all(bench, kit.agent, paper, wrong=1)
    again = exams.begin(bench, kit.agent, now=SOON, exam_id=number)  # the same sitting goes on
    assert (again.sitting_id, len(again.draft)) == (paper.sitting_id, 4)
    exams.submit(bench, kit.agent, now=SOON, sitting_id=paper.sitting_id)
    exams.submit(bench, kit.agent, now=SOON, sitting_id=paper.sitting_id)
    with pytest.raises(Conflict, match="sat once"):
        exams.begin(bench, kit.agent, now=SOON, exam_id=number)
    with pytest.raises(Conflict):
        results.own(bench, kit.agent, now=SOON, exam_id=number)
    mine, answers = results.own(bench, kit.agent, now=AFTER, exam_id=number)
    assert (mine.mark, mine.right, mine.asked, mine.passed) == (9_167, 11, 12, True)
    assert sum(not all(one.parts.values()) for one in answers) == 1
    found = results.of_exam(bench, kit.lead, now=AFTER, exam_id=number)
    assert [(one.name, one.mark, one.inspector) for one in found] == [("ann", 9_167, False), ("inspector-1", 0, True)]
    asked = [one.figures.n for one in results.items(bench, kit.lead, now=AFTER, exam_id=number)]
    assert sum(asked) == 8
    assert set(asked) == {1, 2}  # the inspector is asked about agent-0 as well
    [month] = results.month(bench, kit.agent, now=AFTER, month=date(2026, 3, 9))
    assert (month.mark, month.papers, month.regular) == (9_167, 1, 0)
    evidence.seal(bench, AFTER)
    assert evidence.check(bench).forgeries == ()
    for statement in (
        "UPDATE exam_questions SET place = 90 + place",
        "UPDATE exams SET seed = 'x'",
        "UPDATE exam_sittings SET answers = '{}'",
    ):
        with pytest.raises(DatabaseError), bench.db.engine.begin() as connection:
            connection.execute(text(statement))


def test_when_time_runs_out_what_was_answered_counts(bench: Workbench) -> None:
    kit = library(bench)
    number = exams.create(bench, kit.lead, now=NOW, plan=PLAN)
    paper = exams.begin(bench, kit.agent, now=NOW, exam_id=number)
    answer_all(bench, kit.agent, paper)
    late = NOW + timedelta(minutes=31)
    with pytest.raises(Conflict, match="by then counts"):
        exams.save_draft(
            bench,
            kit.agent,
            now=late,
            sitting_id=paper.sitting_id,
            question_id=paper.questions[0].id,
            part="kind",
            answer="edge",
        )
    [one] = results.of_exam(bench, kit.lead, now=late, exam_id=number)
    assert (one.mark, one.submitted_at) == (10_000, None)
    [lasting] = results.of_exam(bench, kit.lead, now=SOON, exam_id=number)
    assert lasting.mark is None


def test_quizzes_are_the_regular_mark(bench: Workbench) -> None:
    kit = library(bench)
    for kind, wrong in (("exam", 0), ("quiz", 3)):
        number = exams.create(bench, kit.lead, now=NOW, plan=replace(PLAN, kind=kind))
        paper = exams.begin(bench, kit.agent, now=NOW, exam_id=number)
        answer_all(bench, kit.agent, paper, wrong=wrong)
    [month] = results.month(bench, SYSTEM, now=AFTER, month=date(2026, 3, 1))
    assert month.mark == 9_250  # 100 × 70 % + 75 × 30 %
    leader = Actor(99, Role.TEAM_LEADER, "x", team="一组")
    assert results.month(bench, leader, now=AFTER, month=date(2026, 3, 1)) == ()
    assert len(results.month(bench, replace(leader, team="二组"), now=AFTER, month=date(2026, 3, 1))) == 1
    with bench.db.write() as session:  # who moves afterwards leaves the papers with the leader of then
        for day, team in ((date(1900, 1, 1), "二组"), (AFTER.date() + timedelta(days=60), "一组")):
            session.add(
                TeamMembership(agent_id=kit.agent.agent_id, from_day=day, team=team, shop="", stage="", created_at=NOW)
            )
    assert results.month(bench, leader, now=AFTER, month=date(2026, 3, 1)) == ()
    assert results.of_exam(bench, leader, now=AFTER, exam_id=number) == ()
    [paper_] = results.of_exam(bench, replace(leader, team="二组"), now=AFTER, exam_id=number)
    assert paper_.team == "二组"
    exams.withdraw(bench, kit.lead, now=AFTER, exam_id=number, reason="题目有误")
    [month] = results.month(bench, SYSTEM, now=AFTER, month=date(2026, 3, 1))
    assert month.mark == 10_000
    with pytest.raises(Conflict, match="not open"):
        exams.begin(bench, kit.agent, now=SOON, exam_id=number)


def test_what_is_refused(bench: Workbench) -> None:
    kit = library(bench, count=2)
    with pytest.raises(Conflict, match="2 published cases"):
        exams.create(bench, kit.lead, now=NOW, plan=PLAN)
    small = replace(PLAN, questions=2, audience="agents")
    for plan, match in (
        (replace(small, questions=0), "1 to 50"),
        (replace(small, minutes=0), "1 to 240"),
        (replace(small, name=" "), "empty"),
        (replace(small, closes_at=NOW), "closes after"),
        (replace(small, kind="x"), "what kind"),
        (replace(small, pass_mark=0), "pass mark"),
    ):
        with pytest.raises(Invalid, match=match):
            exams.create(bench, kit.lead, now=NOW, plan=plan)
    with pytest.raises(Denied):
        exams.create(bench, kit.agent, now=NOW, plan=small)
    number = exams.create(bench, kit.lead, now=NOW, plan=replace(small, opens_at=SOON))
    assert exams.exams(bench, kit.inspectors[0], now=NOW) == ()
    with pytest.raises(Conflict, match="not open"):
        exams.begin(bench, kit.agent, now=NOW, exam_id=number)
    for who in (kit.inspectors[0], kit.lead, SYSTEM):
        with pytest.raises(Denied):
            exams.begin(bench, who, now=SOON, exam_id=number)
    paper = exams.begin(bench, kit.agent, now=SOON, exam_id=number)
    assert len(paper.questions) == 1  # the other one is about a chat of the examinee's own
    with pytest.raises(NotFound):
        exams.submit(bench, kit.inspectors[0], now=SOON, sitting_id=paper.sitting_id)
    with pytest.raises(Invalid):
        exams.save_draft(
            bench, kit.agent, now=SOON, sitting_id=paper.sitting_id, question_id=999, part="kind", answer="x"
        )
    for look in (results.of_exam, results.items):
        with pytest.raises(Denied):
            look(bench, kit.agent, now=SOON, exam_id=number)  # type: ignore[operator]


def test_the_proving_line_is_found_in_an_excerpt_that_is_part_of_the_chat() -> None:
    whole = transcripts.read(desk.content(1))
    shown = [{"role": m.role, "text": m.text} for m in whole.messages]
    assert questions._places(shown, whole, {1}) == [1]
    assert questions._places(shown[1:], whole, {1, 2}) == [0, 1]
    assert questions._places(shown[:1], whole, {1}) == []  # the excerpt does not show it
    hidden = [{"role": "agent", "text": "滚＊＊了"}]
    assert questions._places(hidden, whole, {1}) == [0]
    assert questions._places([{"role": "agent", "text": "别的话"}], whole, {1}) == []
