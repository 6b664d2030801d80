"""The demo's exams, newcomers, grades and recognition, by the services that a shop uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import select

from qa.demo.people import AGENT, LEAD, SECOND_LEAD
from qa.demo.world import DemoAgent
from qa.development import exams, grades, newcomers, recognition, templates
from qa.development.exams import ExamPlan
from qa.errors import Conflict
from qa.people.accounts import Account
from qa.policy import Actor
from qa.tables import Case, ExamQuestion
from qa.workbench import Workbench
from scoring.keyed import uniforms

SITTERS = (AGENT, "lin.qing", "hao.ran", "bai.lu")
"""Not who proposed the cases."""
QUESTIONS = 5
RIGHT = 0.75
"""Share of right answers in the demo's papers."""


def load(
    bench: Workbench, users: Mapping[str, Account], people: Sequence[DemoAgent], *, now: datetime, seed: str
) -> None:
    """Everything once; a second time adds nothing."""
    lead, other = users[LEAD].actor, users[SECOND_LEAD].actor
    _exams(bench, lead, [users[name].actor for name in SITTERS], now, seed)
    _newcomers(bench, lead, [one for one in people if one.grade == "P1"], now)
    _grades(bench, lead, other, people, now)
    _recognition(bench, lead, other, people, now)


def _exams(bench: Workbench, lead: Actor, sitters: Sequence[Actor], now: datetime, seed: str) -> None:
    month, begun = now.astimezone(bench.config.zone).date(), now - timedelta(hours=30)
    recent = now - timedelta(minutes=50)
    plans = (
        ExamPlan("案例月考", "exam", "both", month, begun, now - timedelta(hours=1), QUESTIONS),
        ExamPlan("红线测验", "quiz", "both", month, recent, now + timedelta(days=6), 3, 15),
    )
    known = {head.plan.name: head for head in exams.exams(bench, lead, now=now)}
    try:
        for plan in plans:
            if plan.name not in known:
                exams.create(bench, lead, now=plan.opens_at, plan=plan, seed=f"{seed}/{plan.kind}")
    except Conflict:
        return  # a small demo has too few cases
    [paper] = [head for head in exams.exams(bench, lead, now=now) if head.plan.name == plans[0].name]
    for place, who in enumerate(sitters):
        _sit(bench, who, paper.id, paper.plan.opens_at + timedelta(hours=1, minutes=7 * place), f"{seed}/{place}")


def _sit(bench: Workbench, who: Actor, number: int, at: datetime, seed: str) -> None:
    try:
        paper = exams.begin(bench, who, now=at, exam_id=number)
    except Conflict:
        return  # they have sat it, or every question is about a chat of theirs or waits in their queue
    with bench.db.read() as session:
        keys = {
            q.id: q.content["key"] for q in session.scalars(select(ExamQuestion).where(ExamQuestion.exam_id == number))
        }
    luck = iter(uniforms(seed, 3 * len(paper.questions)).tolist())
    for question in paper.questions:
        for part, allowed in keys[question.id].items():
            wrong = {"criterion": question.options[-1][0], "kind": question.kinds[-1], "line": "0"}[part]
            answer = allowed[0] if next(luck) < RIGHT else wrong
            exams.save_draft(
                bench,
                who,
                now=at + timedelta(minutes=5),
                sitting_id=paper.sitting_id,
                question_id=question.id,
                part=part,
                answer=answer,
            )
    exams.submit(bench, who, now=at + timedelta(minutes=11), sitting_id=paper.sitting_id)


def _newcomers(bench: Workbench, lead: Actor, people: Sequence[DemoAgent], now: datetime) -> None:
    """The plans of the newest agents; the newest two are still on their way, with something due."""
    known = {view.agent_id for view in newcomers.plans(bench, lead)}
    newest = sorted(people, key=lambda one: (one.hired_on, one.agent_id))
    tasks = templates.parsed(templates.shipped())
    for place, agent in enumerate(newest):
        if agent.agent_id in known:
            continue
        begun = min(datetime.combine(agent.hired_on, time(10), bench.config.zone), now)
        number = newcomers.start(bench, lead, now=begun, agent_id=agent.agent_id, day=agent.hired_on, mentor="老师傅")
        done = tasks if place < len(newest) - 2 else tasks[: 4 + 4 * (place % 2)]
        for task in done:
            said = datetime.combine(task.due(agent.hired_on), time(17), bench.config.zone)
            if said > now:
                break
            value = task.least + 6 if task.kind in templates.MEASURED else None
            text = "轮岗三天，熟悉了打包和退件流程。" if task.kind == "rotation" else ""
            newcomers.note(bench, lead, now=said, plan_id=number, task_id=task.id, met=True, value=value, text=text)


def _grades(bench: Workbench, lead: Actor, other: Actor, people: Sequence[DemoAgent], now: datetime) -> None:
    if grades.ledger(bench, lead):
        return
    clean = [
        one
        for one in people
        if one.grade in ("P2", "P3")
        and all(line.found is not False for line in grades.checklist(bench, lead, now=now, agent_id=one.agent_id))
    ][:2]
    for place, agent in enumerate(clean):
        at = now - timedelta(days=3 - place)
        above = grades.GRADES[grades.GRADES.index(agent.grade) + 1]
        held = dict.fromkeys(grades.LINES, True)
        reasons = dict.fromkeys(grades.LINES, "已核对主管记录")
        number = grades.propose(
            bench,
            lead,
            now=at,
            agent_id=agent.agent_id,
            to_grade=above,
            reason="连续六个月达标",
            held=held,
            reasons=reasons,
        )
        if not place:
            grades.decide(bench, other, now=at + timedelta(hours=5), number=number, sign=True)


def _recognition(bench: Workbench, lead: Actor, other: Actor, people: Sequence[DemoAgent], now: datetime) -> None:
    if recognition.rewards(bench, lead):
        return
    month = (now.astimezone(bench.config.zone).date().replace(day=1) - timedelta(days=1)).replace(day=1)
    with bench.db.read() as session:
        shown = select(Case.id).where(
            Case.state == "published", Case.kind == "exemplary", Case.criterion_id.is_not(None)
        )
        cases = list(session.scalars(shown.order_by(Case.id).limit(2)))
    for place, case in enumerate(cases):
        number = recognition.propose_highlight(
            bench,
            lead,
            now=now - timedelta(hours=20),
            month=month,
            case_id=case,
            body="先接住情绪，再给出两个方案让顾客选择。",
        )
        if not place:
            recognition.decide_highlight(bench, other, now=now - timedelta(hours=3), number=number, confirm=True)
    for place, agent in enumerate([one for one in people if one.stage][:2]):
        number = recognition.propose_reward(
            bench,
            lead,
            now=now - timedelta(hours=18),
            agent_id=agent.agent_id,
            month=month,
            project="打字测试",
            rule="每分钟 100 字、正确率 90%：奖励 100 元",
            evidence="现场测试，每分钟 104 字，正确率 95%",
            amount=10_000,
        )
        if not place:
            recognition.decide_reward(bench, other, now=now - timedelta(hours=2), number=number, confirm=True)
