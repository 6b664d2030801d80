"""Exams and quizzes: drawn once with a receipt, sat once by each person, marked from the answers and the frozen key.

A mark is never stored: it follows from answers and key. When time runs out, what was answered by then counts.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.blinding import shown_cases
from qa.development import questions
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, Role, require
from qa.tables import Case, Exam, ExamQuestion, ExamSitting
from qa.texts import written
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench
from scoring import exams as scoring_exams
from scoring.label import Label

KINDS: Mapping[str, str] = {"exam": N_("Monthly exam"), "quiz": N_("Quiz (regular mark)")}
AUDIENCES: Mapping[str, str] = {
    "agents": N_("Agents"),
    "inspectors": N_("Inspectors"),
    "both": N_("Agents and inspectors"),
}
ROLES: Mapping[str, frozenset[Role]] = {
    "agents": frozenset({Role.AGENT, Role.TEAM_LEADER}),
    "inspectors": frozenset({Role.INSPECTOR}),
    "both": frozenset({Role.AGENT, Role.TEAM_LEADER, Role.INSPECTOR}),
}
PASS_MARK = 8_000
MOST_QUESTIONS, MOST_MINUTES = 50, 240
NAME, REASON = FormField("name", N_("Name")), FormField("reason", N_("Reason"))
GRACE = timedelta(seconds=30)
"""How late a paper may arrive: the way to the server is not the examinee's fault."""


@dataclass(frozen=True)
class ExamPlan:
    """What an exam is to be. `minutes` of each sitting; `pass_mark` in hundredths of a point."""

    name: str
    kind: str
    audience: str
    month: date
    opens_at: datetime
    closes_at: datetime
    questions: int = 10
    minutes: int = 30
    language: str = "zh_CN"
    pass_mark: int = PASS_MARK


@dataclass(frozen=True)
class ExamHead:
    """An exam in a list. `state`: coming, open, closed or withdrawn; `mine`: '' , begun, done; `sittings` so far."""

    id: int
    plan: ExamPlan
    state: str
    mine: str
    sittings: int
    receipt: Mapping[str, Any]
    seed: str
    """Empty until the exam is closed."""


@dataclass(frozen=True)
class AskedQuestion:
    """One question as its examinee sees it: lines of the excerpt, options in their order, whether a line is asked
    for."""

    id: int
    excerpt: tuple[Mapping[str, Any], ...]
    options: tuple[tuple[str, Label], ...]
    kinds: tuple[str, ...]
    line: bool


@dataclass(frozen=True)
class Paper:
    """A sitting while it lasts: questions, answers so far (question id to part to answer), and until when."""

    sitting_id: int
    exam_id: int
    questions: tuple[AskedQuestion, ...]
    draft: Mapping[str, Mapping[str, str]]
    deadline_at: datetime


def create(bench: Workbench, actor: Actor, *, now: datetime, plan: ExamPlan, seed: str | None = None) -> int:
    """Draw an exam from the published cases. Raises `Invalid` naming what cannot be, `Conflict` for too few cases."""
    require(actor, Right.ASSESS)
    name = _checked(plan, now)
    seed = seed or secrets.token_hex(16)
    with bench.begin(actor, now) as work:
        cases = {str(case.id): case for case in questions.candidates(work.session, plan.language)}
        if len(cases) < plan.questions:
            raise Conflict(
                N_("There are {found} published cases in this language; the exam needs {wanted}."),
                found=len(cases),
                wanted=plan.questions,
            )
        drawn = scoring_exams.draw(seed, cases)
        kept = drawn.order[: 2 * plan.questions + 10]  # some more, for whoever may not be asked one
        receipt = {
            "algorithm": drawn.algorithm, "seed_commitment": drawn.seed_commitment, "frame_hash": drawn.frame_hash,
            "frame": sorted(cases), "order": list(kept),
        }  # fmt: skip
        number = work.session.execute(
            insert(Exam)
            .values(
                name=name,
                kind=plan.kind,
                audience=plan.audience,
                month=plan.month.replace(day=1),
                language=plan.language,
                questions=plan.questions,
                minutes=plan.minutes,
                pass_mark=plan.pass_mark,
                opens_at=plan.opens_at,
                closes_at=plan.closes_at,
                seed=seed,
                receipt=receipt,
                created_by=actor.user_id,
                created_at=now,
            )
            .returning(Exam.id)
        ).scalar_one()
        rows = [
            {
                "exam_id": number,
                "place": place,
                "case_id": one.case_id,
                "case_version": one.version,
                "content": one.content,
                "agents": list(one.agents),
                "created_at": now,
            }
            for place, one in enumerate(questions.made(bench, work.session, [cases[i] for i in kept], seed))
        ]
        work.session.execute(insert(ExamQuestion), rows)
        work.record(
            "exam.created",
            "exam",
            number,
            name=name,
            kind=plan.kind,
            questions=plan.questions,
            receipt=drawn.frame_hash,
            commitment=drawn.seed_commitment,
        )
        return int(number)


def _checked(plan: ExamPlan, now: datetime) -> str:
    if plan.kind not in KINDS or plan.audience not in AUDIENCES:
        raise Invalid(N_("Choose what kind of exam it is and who sits it."))
    if not 1 <= plan.questions <= MOST_QUESTIONS:
        raise Invalid(N_("An exam has 1 to {most} questions."), most=MOST_QUESTIONS)
    if not 1 <= plan.minutes <= MOST_MINUTES:
        raise Invalid(N_("A sitting lasts 1 to {most} minutes."), most=MOST_MINUTES)
    if not 0 < plan.pass_mark <= scoring_exams.FULL:
        raise Invalid(N_("The pass mark lies above 0 and is at most 100."))
    if plan.closes_at <= max(plan.opens_at, now):
        raise Invalid(N_("An exam closes after it opens, and not in the past."))
    return written(plan.name, NAME, 200)


def withdraw(bench: Workbench, actor: Actor, *, now: datetime, exam_id: int, reason: str) -> None:
    """Take a mistaken exam out: nobody can sit it any more, and its marks count for nothing. Raises `Conflict`."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        exam = _exam(work.session, exam_id, lock=True)
        if exam.withdrawn_at is not None:
            raise Conflict(N_("This exam has been withdrawn already."))
        exam.withdrawn_by, exam.withdrawn_at = actor.user_id, now
        exam.withdrawn_reason = written(reason, REASON, 500)
        work.record("exam.withdrawn", "exam", exam_id, reason=exam.withdrawn_reason)


def exams(bench: Workbench, actor: Actor, *, now: datetime) -> tuple[ExamHead, ...]:
    """Exams, newest first: all for leads; for others those they may sit or have sat."""
    require(actor, Right.ASSESS, Right.VIEW_CASES)
    with bench.db.read() as session:
        sat = dict(session.execute(select(ExamSitting.exam_id, func.count()).group_by(ExamSitting.exam_id)).all())
        mine = {s.exam_id: s for s in session.scalars(select(ExamSitting).where(ExamSitting.user_id == actor.user_id))}
        heads = []
        for exam in session.scalars(select(Exam).order_by(Exam.opens_at.desc(), Exam.id.desc())):
            if not (
                scoping.entitled(actor, Right.ASSESS)
                or exam.id in mine
                or (actor.role in ROLES[exam.audience] and exam.withdrawn_at is None)
            ):
                continue
            state = state_of(exam, now)
            own = mine.get(exam.id)
            told = exam.seed if state in ("closed", "withdrawn") else ""
            heads.append(
                ExamHead(
                    exam.id,
                    _plan(exam),
                    state,
                    "" if own is None else "done" if is_over(own, now) else "begun",
                    sat.get(exam.id, 0),
                    exam.receipt,
                    told,
                )
            )
        return tuple(heads)


def state_of(exam: Exam, now: datetime) -> str:
    """coming, open, closed (nobody can sit it any more) or withdrawn."""
    if exam.withdrawn_at is not None:
        return "withdrawn"
    if now < exam.opens_at:
        return "coming"
    return "open" if now < exam.closes_at else "closed"


def begin(bench: Workbench, actor: Actor, *, now: datetime, exam_id: int) -> Paper:
    """Begin the one sitting of this person, or go on with it. Raises `Conflict` when it is over or the exam is not
    open, `Denied` for whom it is not meant for."""
    require(actor, Right.VIEW_CASES)
    with bench.begin(actor, now) as work:
        exam = _exam(work.session, exam_id, lock=True)
        found = _own(work.session, actor, exam_id)
        if exam.withdrawn_at is not None:
            raise Conflict(N_("This exam is not open."))
        if found is None:
            found = _new_sitting(work, exam, actor, now)
        if is_over(found, now):
            raise Conflict(N_("Your sitting is over; an exam is sat once."))
        return _paper(work.session, exam, found)


def _new_sitting(work: UnitOfWork, exam: Exam, actor: Actor, now: datetime) -> ExamSitting:
    if actor is SYSTEM or actor.role not in ROLES[exam.audience]:
        raise Denied(N_("This exam is not meant for you."))
    if state_of(exam, now) != "open":
        raise Conflict(N_("This exam is not open."))
    asked = _askable(work.session, exam, actor)
    if not asked:
        raise Conflict(N_("There is no question that you may be asked: all are about chats of your own."))
    order = scoring_exams.shuffled(exam.seed, str(actor.user_id), "paper", [str(number) for number in asked])
    sitting = ExamSitting(
        exam_id=exam.id, user_id=actor.user_id, agent_id=actor.agent_id, role=actor.role.value,
        questions=[int(number) for number in order], started_at=now,
        deadline_at=min(now + timedelta(minutes=exam.minutes), exam.closes_at), draft={},
    )  # fmt: skip
    work.session.add(sitting)
    work.session.flush()
    work.record("exam.begun", "exam_sitting", sitting.id, exam=exam.id, questions=len(order))
    return sitting


def _askable(session: Session, exam: Exam, actor: Actor) -> list[int]:
    """The first questions of the draw that are neither about chats of this person nor their own proposal, nor still to
    be scored by them."""
    query = (
        select(ExamQuestion.id, ExamQuestion.agents, Case.proposed_by)
        .join(Case, Case.id == ExamQuestion.case_id)
        .where(ExamQuestion.exam_id == exam.id, shown_cases(actor))
        .order_by(ExamQuestion.place)
    )
    fit = [
        number for number, agents, by in session.execute(query) if actor.agent_id not in agents and by != actor.user_id
    ]
    return fit[: exam.questions]


def save_draft(
    bench: Workbench, actor: Actor, *, now: datetime, sitting_id: int, question_id: int, part: str, answer: str
) -> None:
    """Keep one answer while the sitting lasts; it can be changed until then. Raises `Conflict`, `Invalid`."""
    require(actor, Right.VIEW_CASES)
    with bench.db.write() as session:  # passing: what counts is on record when the paper is handed in
        sitting = _mine(session, actor, sitting_id)
        if is_over(sitting, now):
            raise Conflict(N_("Your sitting is over; what you had answered by then counts."))
        if question_id not in sitting.questions or part not in questions.PARTS or len(answer) > 100:
            raise Invalid(N_("There is no such question in your paper."))
        before = sitting.draft.get(str(question_id), {})
        sitting.draft = {**sitting.draft, str(question_id): {**before, part: answer}}


def submit(bench: Workbench, actor: Actor, *, now: datetime, sitting_id: int) -> None:
    """Hand in the paper with the answers given so far; twice is once."""
    require(actor, Right.VIEW_CASES)
    with bench.begin(actor, now) as work:
        sitting = _mine(work.session, actor, sitting_id)
        if sitting.submitted_at is not None:
            return
        sitting.answers = json.dumps(sitting.draft, ensure_ascii=False, sort_keys=True)
        sitting.submitted_at = min(now, sitting.deadline_at)
        work.record("exam.submitted", "exam_sitting", sitting_id, exam=sitting.exam_id, answered=len(sitting.draft))


def is_over(sitting: ExamSitting, now: datetime) -> bool:
    """Whether nothing can be answered any more."""
    return sitting.submitted_at is not None or now > sitting.deadline_at + GRACE


def verify(bench: Workbench, actor: Actor, exam_id: int) -> tuple[str, ...]:
    """Draw an exam again from its receipt: returns what differs (commitment, frame, order), nothing when it holds."""
    require(actor, Right.ASSESS)
    with bench.db.read() as session:
        exam = _exam(session, exam_id)
        asked = list(
            session.scalars(
                select(ExamQuestion.case_id).where(ExamQuestion.exam_id == exam_id).order_by(ExamQuestion.place)
            )
        )
        receipt = exam.receipt
        again = scoring_exams.draw(exam.seed, receipt["frame"])
        wrong = [] if again.seed_commitment == receipt["seed_commitment"] else ["commitment"]
        wrong += [] if again.frame_hash == receipt["frame_hash"] else ["frame"]
        order = list(again.order[: len(receipt["order"])])
        wrong += [] if order == receipt["order"] == [str(number) for number in asked] else ["order"]
        return tuple(wrong)


def _paper(session: Session, exam: Exam, sitting: ExamSitting) -> Paper:
    rows = {q.id: q for q in session.scalars(select(ExamQuestion).where(ExamQuestion.id.in_(sitting.questions)))}
    excerpts: dict[int, list[Any]] = dict(
        session.execute(select(Case.id, Case.excerpt).where(Case.id.in_([q.case_id for q in rows.values()]))).all()
    )
    asked = tuple(_asked(exam, sitting, rows[n], excerpts[rows[n].case_id]) for n in sitting.questions)
    return Paper(sitting.id, exam.id, asked, sitting.draft, sitting.deadline_at)


def _asked(exam: Exam, sitting: ExamSitting, row: ExamQuestion, excerpt: Sequence[Mapping[str, Any]]) -> AskedQuestion:
    names: dict[str, Any] = row.content["options"]
    options = scoring_exams.shuffled(exam.seed, str(sitting.user_id), str(row.id), sorted(names))
    kinds = scoring_exams.shuffled(exam.seed, str(sitting.user_id), f"{row.id}/kind", sorted(questions.KINDS))
    return AskedQuestion(
        row.id, tuple(excerpt), tuple((name, Label.from_dict(names[name])) for name in options), kinds,
        questions.LINE in row.content["key"],
    )  # fmt: skip


def _exam(session: Session, exam_id: int, *, lock: bool = False) -> Exam:
    exam = session.get(Exam, exam_id, with_for_update=lock)
    if exam is None:
        raise NotFound(N_("There is no exam {id}."), id=exam_id)
    return exam


def _own(session: Session, actor: Actor, exam_id: int) -> ExamSitting | None:
    query = select(ExamSitting).where(ExamSitting.exam_id == exam_id, ExamSitting.user_id == actor.user_id)
    return session.scalars(query).first()


def _mine(session: Session, actor: Actor, sitting_id: int) -> ExamSitting:
    sitting = session.get(ExamSitting, sitting_id, with_for_update=True)
    if sitting is None or sitting.user_id != actor.user_id:
        raise NotFound(N_("There is no sitting {id} of yours."), id=sitting_id)
    return sitting


def _plan(exam: Exam) -> ExamPlan:
    return ExamPlan(
        exam.name, exam.kind, exam.audience, exam.month, exam.opens_at, exam.closes_at, exam.questions, exam.minutes,
        exam.language, exam.pass_mark,
    )  # fmt: skip
