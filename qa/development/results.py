"""What came of exams: each paper's mark, how well questions measure, and the mark of the month."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import scoping
from qa.development.exams import is_over, state_of
from qa.errors import Conflict, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, Role, require
from qa.tables import Agent, Case, Exam, ExamQuestion, ExamSitting, User
from qa.workbench import Workbench
from scoring import exams as scoring_exams
from scoring.exams import ItemFigures


@dataclass(frozen=True)
class SittingResult:
    """One person's paper: `mark` in hundredths of a point (None while it lasts), parts right of parts asked."""

    user_id: int
    name: str
    team: str
    agent_id: str | None
    inspector: bool
    started_at: datetime
    submitted_at: datetime | None
    mark: int | None
    right: int
    asked: int
    passed: bool


@dataclass(frozen=True)
class QuestionResult:
    """One question: the case it was made of, and its figures over everybody who was asked."""

    place: int
    case_id: int
    title: str
    figures: ItemFigures


@dataclass(frozen=True)
class OwnAnswer:
    """One question of one's own paper: the case, and which parts were right."""

    case_id: int
    title: str
    parts: Mapping[str, bool]


@dataclass(frozen=True)
class MonthMark:
    """A person's mark of a month in hundredths: papers × 70 % + regular marks × 30 %, and how many of each there
    were."""

    agent_id: str
    month: date
    mark: int
    papers: int
    regular: int


def of_exam(bench: Workbench, actor: Actor, *, now: datetime, exam_id: int) -> tuple[SittingResult, ...]:
    """Everybody's papers, by team and name; for a team leader those of who belonged to the team when they sat."""
    require(actor, Right.ASSESS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        exam = _shown(session, exam_id)
        keys = _keys(session, [exam_id])
        query = (
            select(ExamSitting, User.display_name, Agent.team)
            .join(User, User.id == ExamSitting.user_id)
            .outerjoin(Agent, Agent.agent_id == ExamSitting.agent_id)
            .where(ExamSitting.exam_id == exam_id)
        )
        theirs = scoping.limits_in_days(
            bench, actor, Right.ASSESS, agent=ExamSitting.agent_id, at=ExamSitting.started_at
        )
        found = [
            _result(exam, sitting, name, scoping.team_shown(actor, team), keys, now)
            for sitting, name, team in session.execute(query.where(*theirs))
        ]
        return tuple(sorted(found, key=lambda one: (one.inspector, one.team, one.name)))


def items(bench: Workbench, actor: Actor, *, now: datetime, exam_id: int) -> tuple[QuestionResult, ...]:
    """How every question that was asked did, over all papers that are over."""
    require(actor, Right.ASSESS)
    with bench.db.read() as session:
        _shown(session, exam_id)
        rows = session.execute(
            select(ExamQuestion.id, ExamQuestion.place, ExamQuestion.case_id, Case.title)
            .join(Case, Case.id == ExamQuestion.case_id)
            .where(ExamQuestion.exam_id == exam_id)
            .order_by(ExamQuestion.place)
        ).all()
        keys = _keys(session, [exam_id])
        column = {row.id: k for k, row in enumerate(rows)}
        papers = [
            s for s in session.scalars(select(ExamSitting).where(ExamSitting.exam_id == exam_id)) if is_over(s, now)
        ]
        answers = np.full((len(papers), len(rows)), np.nan)
        for k, sitting in enumerate(papers):
            for number, parts in _judged(sitting, keys).items():
                answers[k, column[number]] = sum(parts.values()) / len(parts)
    figures = scoring_exams.item_figures(answers)
    return tuple(QuestionResult(r.place + 1, r.case_id, r.title, f) for r, f in zip(rows, figures, strict=True) if f.n)


def own(bench: Workbench, actor: Actor, *, now: datetime, exam_id: int) -> tuple[SittingResult, tuple[OwnAnswer, ...]]:
    """One's own paper when the exam is closed. Raises `NotFound`, `Conflict` before."""
    require(actor, Right.VIEW_CASES)
    with bench.db.read() as session:
        exam = _shown(session, exam_id)
        query = select(ExamSitting).where(ExamSitting.exam_id == exam_id, ExamSitting.user_id == actor.user_id)
        sitting = session.scalars(query).first()
        if sitting is None:
            raise NotFound(N_("You have not sat this exam."))
        if state_of(exam, now) != "closed":
            raise Conflict(N_("Marks are shown when the exam is closed."))
        keys = _keys(session, [exam_id])
        asked = session.execute(
            select(ExamQuestion.id, ExamQuestion.case_id, Case.title)
            .join(Case, Case.id == ExamQuestion.case_id)
            .where(ExamQuestion.exam_id == exam_id)
        )
        cases = {number: (case_id, title) for number, case_id, title in asked}
        answers = tuple(OwnAnswer(*cases[n], parts) for n, parts in _judged(sitting, keys).items())
        return _result(exam, sitting, actor.name, "", keys, now), answers


def month_marks(session: Session, first: date, last: date, now: datetime) -> tuple[MonthMark, ...]:
    """The marks of everybody's months from `first` to `last`, of exams that are closed and not withdrawn."""
    exams = {
        exam.id: exam
        for exam in session.scalars(select(Exam).where(Exam.month >= first, Exam.month <= last))
        if state_of(exam, now) == "closed"
    }
    keys = _keys(session, list(exams))
    found: dict[tuple[str, date], dict[str, list[int]]] = {}
    for sitting in session.scalars(
        select(ExamSitting).where(ExamSitting.exam_id.in_(exams), ExamSitting.agent_id.is_not(None))
    ):
        exam = exams[sitting.exam_id]
        assert sitting.agent_id is not None
        mark = scoring_exams.paper_mark(right for parts in _judged(sitting, keys).values() for right in parts.values())
        found.setdefault((sitting.agent_id, exam.month), {"exam": [], "quiz": []})[exam.kind].append(mark)
    made = []
    for (agent, month), marks in sorted(found.items()):
        mark_ = scoring_exams.monthly_mark(marks["exam"], marks["quiz"])
        if mark_ is not None:
            made.append(MonthMark(agent, month, mark_, len(marks["exam"]), len(marks["quiz"])))
    return tuple(made)


def month(bench: Workbench, actor: Actor, *, now: datetime, month: date) -> tuple[MonthMark, ...]:
    """The marks of a month: everybody's for leads, for a team leader those of who belonged to the team in it, one's
    own."""
    require(actor, Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
    first = month.replace(day=1)
    with bench.db.read() as session:
        marks = month_marks(session, first, first, now)
    if scoping.entitled(actor, Right.ASSESS):
        return marks
    days = scoping.days_of(bench, actor)
    if days is None:
        return tuple(one for one in marks if one.agent_id == actor.agent_id)
    begin, end = (datetime.combine(day, time(), bench.config.zone) for day in (first, _following(first)))
    return tuple(one for one in marks if days.touches(one.agent_id, begin, end))


def _following(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _keys(session: Session, exams: Sequence[int]) -> dict[int, Mapping[str, Sequence[str]]]:
    query = select(ExamQuestion.id, ExamQuestion.content).where(ExamQuestion.exam_id.in_(exams))
    return {number: content["key"] for number, content in session.execute(query)}


def _judged(sitting: ExamSitting, keys: Mapping[int, Mapping[str, Sequence[str]]]) -> dict[int, dict[str, bool]]:
    given = sitting.draft if sitting.answers is None else json.loads(sitting.answers)
    return {number: scoring_exams.right(keys[number], given.get(str(number), {})) for number in sitting.questions}


def _result(
    exam: Exam,
    sitting: ExamSitting,
    name: str,
    team: str,
    keys: Mapping[int, Mapping[str, Sequence[str]]],
    now: datetime,
) -> SittingResult:
    parts = [right for each in _judged(sitting, keys).values() for right in each.values()]
    mark = scoring_exams.paper_mark(parts) if is_over(sitting, now) else None
    return SittingResult(
        sitting.user_id,
        name,
        team,
        sitting.agent_id,
        sitting.role == Role.INSPECTOR.value,
        sitting.started_at,
        sitting.submitted_at,
        mark,
        sum(parts) if mark is not None else 0,
        len(parts),
        mark is not None and mark >= exam.pass_mark,
    )


def _shown(session: Session, exam_id: int) -> Exam:
    exam = session.get(Exam, exam_id)
    if exam is None:
        raise NotFound(N_("There is no exam {id}."), id=exam_id)
    return exam
