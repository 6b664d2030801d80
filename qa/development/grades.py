"""Grades P1–P6 as a ledger: a step is proposed with its checklist and stands when a second person has signed it.

What the records say of each line is computed and frozen with the proposal; whoever proposes says whether the line is
met, and why where the records do not say so. Nothing is ever given or taken by itself, and no rank decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.casefiles.lifecycle import STANDING
from qa.development import results
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Agent, Assessment, AssessmentEntry, GradeEvent, Violation
from qa.texts import written
from qa.transcripts import shown_fields
from qa.workbench import Workbench

GRADES = ("P1", "P2", "P3", "P4", "P5", "P6")
HONOURS: Mapping[str, str] = {
    "P1": N_("on probation"),
    "P2": N_("regular"),
    "P3": N_("senior"),
    "P4": N_("silver"),
    "P5": N_("gold"),
    "P6": N_("VIP"),
}
CLEAN = timedelta(days=183)
LOW_RATING, EXAM_MARK, MONTHS_HELD = 2, 8_000, 6
LINES: Mapping[str, str] = {
    "red_lines": N_("Six months without an upheld red line"),
    "ratings": N_("Six months without a rating of 1 or 2"),
    "complaints": N_("Six months without a colleague's complaint or grave error"),
    "sheet": N_("A stated grade A or B on the pooled three-month sheet"),
    "exams": N_("Monthly exams of the last three months at 80 or more"),
    "time": N_("Six months at the present grade"),
}
REASON, ANSWER = FormField("reason", N_("Reason")), FormField("answer", N_("Opinion"))
MOST_REASON = 2_000


@dataclass(frozen=True)
class CheckLine:
    """One line of a checklist. `found`: what the records say (None: nothing); `held`: what the proposer says, with a
    `reason` where the records do not say the same. `evidence`: the figure behind `found`."""

    id: str
    found: bool | None
    evidence: str
    held: bool | None = None
    reason: str = ""


@dataclass(frozen=True)
class GradeStep:
    """One entry of the ledger."""

    id: int
    agent_id: str
    name: str
    team: str
    from_grade: str
    to_grade: str
    lines: tuple[CheckLine, ...]
    reason: str
    proposed_by: int
    proposed_at: datetime
    state: str
    decided_at: datetime | None
    answer: str
    mine: bool

    @property
    def up(self) -> bool:
        """Whether it is a promotion."""
        return is_up(self.from_grade, self.to_grade)


def is_up(old: str, new: str) -> bool:
    """Whether `new` is above `old`; whoever has no grade yet is below all."""
    return GRADES.index(new) > (GRADES.index(old) if old in GRADES else -1)


def checklist(bench: Workbench, actor: Actor, *, now: datetime, agent_id: str) -> tuple[CheckLine, ...]:
    """What the records say of every line for this person today."""
    require(actor, Right.ASSESS)
    with bench.db.read() as session:
        agent = session.get(Agent, agent_id)
        if agent is None:
            raise NotFound(N_("There is no agent {agent}."), agent=agent_id)
        return _records(bench, session, agent, now)


def _records(bench: Workbench, session: Session, agent: Agent, now: datetime) -> tuple[CheckLine, ...]:
    since = now - CLEAN
    moment = func.coalesce(Violation.occurred_at, Violation.opened_at)
    broken = (
        session.scalar(
            select(func.count())
            .select_from(Violation)
            .where(
                Violation.agent_id == agent.agent_id,
                Violation.state.in_([state.value for state in STANDING]),
                moment >= since,
            )
        )
        or 0
    )
    rated = bench.archive.at().scan("ratings").filter(
        (pl.col("agent_id") == agent.agent_id) & (pl.col("rated_at") >= since) & (pl.col("score") <= LOW_RATING)
    )  # fmt: skip
    low = int(rated.select(pl.len()).collect().item())
    return (
        CheckLine("red_lines", broken == 0, str(broken)),
        CheckLine("ratings", low == 0, str(low)),
        CheckLine("complaints", None, ""),
        _sheet(session, agent.agent_id, since.date()),
        _exams(session, agent.agent_id, now),
        _time(session, agent, now),
    )


def _sheet(session: Session, agent_id: str, since: date) -> CheckLine:
    query = (
        select(AssessmentEntry.result, Assessment.month)
        .join(Assessment, Assessment.id == AssessmentEntry.assessment_id)
        .where(
            AssessmentEntry.agent_id == agent_id,
            Assessment.months > 1,
            Assessment.state.in_(["published", "final"]),
            Assessment.month >= since,
        )
        .order_by(Assessment.month.desc(), Assessment.revision.desc())
        .limit(1)
    )
    found = session.execute(query).first()
    stated = [] if found is None else found[0].get("stated") or []
    if found is None or not stated:
        return CheckLine("sheet", None, "")
    good = {*list(found[0]["chances"])[:2]}
    met = True if good.issuperset(stated) else False if good.isdisjoint(stated) else None
    return CheckLine("sheet", met, f"{found[1]:%Y-%m}: {' / '.join(stated)}")


def _exams(session: Session, agent_id: str, now: datetime) -> CheckLine:
    first = (now - timedelta(days=92)).date().replace(day=1)
    marks = [one for one in results.month_marks(session, first, now.date(), now) if one.agent_id == agent_id]
    if not marks:
        return CheckLine("exams", None, "")
    told = ", ".join(f"{one.month:%Y-%m}: {one.mark / 100:.1f}" for one in marks)
    return CheckLine("exams", all(one.mark >= EXAM_MARK for one in marks), told)


def _time(session: Session, agent: Agent, now: datetime) -> CheckLine:
    last = session.scalar(
        select(func.max(GradeEvent.decided_at)).where(
            GradeEvent.agent_id == agent.agent_id, GradeEvent.state == "signed"
        )
    )
    since = last.date() if last is not None else agent.hired_on
    if since is None:
        return CheckLine("time", None, "")
    return CheckLine("time", since <= (now - CLEAN).date(), since.isoformat())


def propose(
    bench: Workbench, actor: Actor, *, now: datetime, agent_id: str, to_grade: str, reason: str,
    held: Mapping[str, bool], reasons: Mapping[str, str],
) -> int:  # fmt: skip
    """Propose a step: `held` says of each line whether it is met, `reasons` why where the records do not say the same.
    A promotion needs every line. Raises `Invalid`, `Denied`, `Conflict` while another step waits."""
    require(actor, Right.ASSESS)
    if to_grade not in GRADES:
        raise Invalid(N_("There is no grade “{grade}”."), grade=to_grade)
    if actor.agent_id == agent_id:
        raise Denied(N_("Nobody proposes a grade of their own."))
    with bench.begin(actor, now) as work:
        agent = work.session.get(Agent, agent_id, with_for_update=True)
        if agent is None:
            raise NotFound(N_("There is no agent {agent}."), agent=agent_id)
        if agent.grade == to_grade:
            raise Invalid(N_("{agent} has this grade already."), agent=agent.name or agent_id)
        waiting = select(GradeEvent.id).where(GradeEvent.agent_id == agent_id, GradeEvent.state == "proposed")
        if work.session.scalar(waiting) is not None:
            raise Conflict(N_("Another step of this person waits for its second signature."))
        lines = [_held(line, held, reasons) for line in _records(bench, work.session, agent, now)]
        if is_up(agent.grade, to_grade) and not all(line.held for line in lines):
            raise Invalid(N_("A promotion needs every line of the checklist."))
        number = work.session.execute(
            insert(GradeEvent)
            .values(
                agent_id=agent_id,
                from_grade=agent.grade,
                to_grade=to_grade,
                checklist=[vars(line) for line in lines],
                reason=written(reason, REASON, MOST_REASON),
                proposed_by=actor.user_id,
                proposed_at=now,
                state="proposed",
            )
            .returning(GradeEvent.id)
        ).scalar_one()
        work.record("grade.proposed", "grade_event", number, agent=agent_id, changes={"grade": [agent.grade, to_grade]})
        return int(number)


def _held(line: CheckLine, held: Mapping[str, bool], reasons: Mapping[str, str]) -> CheckLine:
    said, why = held.get(line.id, line.found), reasons.get(line.id, "").strip()
    if said is not None and said != line.found and not why:
        raise Invalid(N_("“{line}”: the records do not say so; give the evidence."), line=LINES[line.id])
    return CheckLine(line.id, line.found, line.evidence, said, why[:MOST_REASON])


def decide(bench: Workbench, actor: Actor, *, now: datetime, number: int, sign: bool, answer: str = "") -> None:
    """Sign a step of somebody else's proposal, once, or refuse it with a reason. Raises `Denied`, `Conflict`."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        step = work.session.get(GradeEvent, number, with_for_update=True)
        if step is None:
            raise NotFound(N_("There is no step {id} in the ledger."), id=number)
        if step.state != "proposed":
            raise Conflict(N_("Somebody has decided on this step already."))
        if step.proposed_by == actor.user_id or step.agent_id == actor.agent_id:
            raise Denied(N_("Two people sign a step: the second is neither who proposed it nor whom it is about."))
        step.state, step.decided_by, step.decided_at = "signed" if sign else "refused", actor.user_id, now
        step.answer = answer.strip()[:MOST_REASON] if sign else written(answer, ANSWER, MOST_REASON)
        if sign:
            agent = work.session.get_one(Agent, step.agent_id, with_for_update=True)
            if agent.grade != step.from_grade:
                raise Conflict(
                    N_("The grade was changed on the roster meanwhile; refuse this step and propose it anew.")
                )
            agent.grade, agent.updated_at = step.to_grade, now
            work.record("roster.changed", "agent", step.agent_id, changed={"grade": [step.from_grade, step.to_grade]})
        work.record("grade.decided", "grade_event", number, agent=step.agent_id, state=step.state)


def ledger(bench: Workbench, actor: Actor) -> tuple[GradeStep, ...]:
    """Steps, those to sign first: all for leads; the team's signed ones for its leader; one's own signed ones."""
    require(actor, Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
    with bench.db.read() as session:
        query = select(GradeEvent, Agent.name, Agent.team).outerjoin(Agent, Agent.agent_id == GradeEvent.agent_id)
        limits = scoping.limits(actor, Right.ASSESS, team=Agent.team, agent=GradeEvent.agent_id)
        if limits:
            query = query.where(GradeEvent.state == "signed", *limits)
        query = query.order_by(GradeEvent.state != "proposed", GradeEvent.id.desc())
        return tuple(_step(actor, row, name or row.agent_id, team or "") for row, name, team in session.execute(query))


def _step(actor: Actor, row: GradeEvent, name: str, team: str) -> GradeStep:
    lines: list[dict[str, Any]] = row.checklist
    step = GradeStep(
        row.id,
        row.agent_id,
        name,
        team,
        row.from_grade,
        row.to_grade,
        tuple(shown_fields(actor, CheckLine(**line), "reason") for line in lines),
        row.reason,
        row.proposed_by,
        row.proposed_at,
        row.state,
        row.decided_at,
        row.answer or "",
        actor is not SYSTEM and row.proposed_by == actor.user_id,
    )
    return shown_fields(actor, step, "reason", "answer")
