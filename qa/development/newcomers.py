"""Newcomers: a plan of some weeks with tasks and gates, what is due today, and what came of it.

Until the last gate every chat of the newcomer is drawn (`qa.draws`): with probability 1, so weights stay known and the
team's mean unbiased. Nothing ends by itself: a gate is passed or not by a lead's word, whatever the tasks say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.development import templates
from qa.development.templates import MEASURED, PlanTask
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Agent, NewcomerEntry, NewcomerPlan
from qa.texts import written
from qa.transcripts import shown_text
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

OUTCOMES: Mapping[str, str] = {"passed": N_("passed the last gate"), "stopped": N_("stopped by the lead")}
NOTE, REASON, MENTOR = (
    FormField("note", N_("Remark")),
    FormField("reason", N_("Reason")),
    FormField("mentor", N_("Mentor")),
)
MOST_NOTE = 2_000


@dataclass(frozen=True)
class TaskState:
    """One task of one plan: when it is due, and its last entry. `met`: None while nobody has said anything."""

    task: PlanTask
    due: date
    met: bool | None
    value: float | None
    note: str
    at: datetime | None


@dataclass(frozen=True)
class NewcomerView:
    """One newcomer's plan."""

    id: int
    agent_id: str
    name: str
    team: str
    mentor: str
    start: date
    outcome: str
    reason: str
    tasks: tuple[TaskState, ...]

    def waiting(self, today: date) -> tuple[TaskState, ...]:
        """Tasks that are due by `today` and of which nobody has said anything, the oldest first."""
        return () if self.outcome else tuple(one for one in self.tasks if one.met is None and one.due <= today)


def start(
    bench: Workbench, actor: Actor, *, now: datetime, agent_id: str, day: date, mentor: str, text: str = ""
) -> int:
    """Begin a newcomer's plan (as TOML; empty: as the newest plan, or the shipped one). Raises `Invalid`, `NotFound`,
    `Conflict` while another plan of the same person runs."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        if work.session.get(Agent, agent_id, with_for_update=True) is None:
            raise NotFound(N_("There is no agent {agent}."), agent=agent_id)
        running = select(NewcomerPlan.id).where(NewcomerPlan.agent_id == agent_id, NewcomerPlan.ended_at.is_(None))
        if work.session.scalar(running) is not None:
            raise Conflict(N_("This newcomer's plan is running already."))
        tasks = templates.parsed(text) if text.strip() else _usual(work.session)
        number = work.session.execute(
            insert(NewcomerPlan)
            .values(
                agent_id=agent_id, start_day=day, mentor=written(mentor, MENTOR, 100), content=templates.to_data(tasks),
                created_by=actor.user_id, created_at=now,
            )
            .returning(NewcomerPlan.id)
        ).scalar_one()  # fmt: skip
        work.record("newcomer.begun", "newcomer_plan", number, agent=agent_id, first=day.isoformat(), tasks=len(tasks))
        return int(number)


def _usual(session: Session) -> tuple[PlanTask, ...]:
    newest = session.scalar(select(NewcomerPlan.content).order_by(NewcomerPlan.id.desc()).limit(1))
    return templates.parsed(templates.shipped()) if newest is None else templates.from_data(newest)


def note(
    bench: Workbench, actor: Actor, *, now: datetime, plan_id: int, task_id: str, met: bool, value: float | None = None,
    text: str = "",
) -> int:  # fmt: skip
    """Say what came of a task: met or not, with the mark or speed where it has one. Leads, and team leaders of the
    newcomer's team but for gates. Said again, the last word counts; all are kept. A last gate that is met ends the
    plan. Raises `Invalid`, `Denied`, `Conflict`."""
    require(actor, Right.ASSESS, Right.COACH)
    with bench.begin(actor, now) as work:
        plan = _plan(work.session, plan_id)
        task = _task(plan, task_id)
        _may_note(bench, actor, plan, task, now)
        _check(plan, task, met, value, text)
        number = work.session.execute(
            insert(NewcomerEntry)
            .values(
                plan_id=plan_id,
                task_id=task_id,
                met=met,
                value=value,
                body=text.strip()[:MOST_NOTE],
                written_by=actor.user_id,
                written_at=now,
            )
            .returning(NewcomerEntry.id)
        ).scalar_one()
        work.record("newcomer.noted", "newcomer_plan", plan_id, task=task_id, met=met, value=value)
        if met and task.id == plan.content["task"][-1]["id"]:
            _end(work, plan, "passed", "")
        return int(number)


def _may_note(bench: Workbench, actor: Actor, plan: NewcomerPlan, task: PlanTask, now: datetime) -> None:
    if scoping.entitled(actor, Right.ASSESS):
        if actor.agent_id == plan.agent_id:
            raise Denied(N_("Nobody decides on their own plan."))
        return
    days = scoping.days_of(bench, actor)
    if task.kind == "gate" or days is None or not days.holds(plan.agent_id, now):
        raise Denied(N_("Leads decide on gates; team leaders note the tasks of their own newcomers."))


def _check(plan: NewcomerPlan, task: PlanTask, met: bool, value: float | None, text: str) -> None:
    if plan.ended_at is not None:
        raise Conflict(N_("This plan has ended."))
    if task.kind in MEASURED:
        if value is None or not 0 <= value <= 1_000:
            raise Invalid(N_("“{task}” needs the mark or speed that was reached."), task=task.name.zh or task.name.en)
        if met != (value >= task.least):
            raise Invalid(N_("“{task}” is met from {least} on."), task=task.name.zh or task.name.en, least=task.least)
    if task.kind == "rotation" and met:
        written(text, NOTE, MOST_NOTE)
    if task.kind == "gate" and not met:
        written(text, REASON, MOST_NOTE)
    if task.kind == "gate" and met and _unmet(plan, task):
        written(text, REASON, MOST_NOTE)  # a gate may be passed in spite of that, but not without a word


def _unmet(plan: NewcomerPlan, gate: PlanTask) -> list[str]:
    """Tasks of the gate's week that are not met."""
    last = {entry.task_id: entry.met for entry in sorted(plan.entries, key=lambda entry: entry.id)}
    return [
        t.id
        for t in templates.from_data(plan.content)
        if t.week == gate.week and t.kind != "gate" and not last.get(t.id)
    ]


def stop(bench: Workbench, actor: Actor, *, now: datetime, plan_id: int, reason: str) -> None:
    """End a plan before its last gate, with a reason. Raises `Conflict`."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        plan = _plan(work.session, plan_id)
        if plan.ended_at is not None:
            raise Conflict(N_("This plan has ended."))
        _end(work, plan, "stopped", written(reason, REASON, MOST_NOTE))


def _end(work: UnitOfWork, plan: NewcomerPlan, outcome: str, reason: str) -> None:
    plan.outcome, plan.ended_by, plan.ended_at, plan.reason = outcome, work.actor.user_id, work.now, reason
    work.record("newcomer.ended", "newcomer_plan", plan.id, state=outcome, reason=reason)


def plans(bench: Workbench, actor: Actor) -> tuple[NewcomerView, ...]:
    """Plans, running ones first: all for leads, for a team leader those of who belonged to the team while they ran,
    one's own."""
    require(actor, Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
    with bench.db.read() as session:
        may_see = _seen(bench, actor)
        query = select(NewcomerPlan, Agent.name, Agent.team).outerjoin(Agent, Agent.agent_id == NewcomerPlan.agent_id)
        order = (NewcomerPlan.ended_at.is_not(None), NewcomerPlan.start_day.desc(), NewcomerPlan.id.desc())
        return tuple(
            _view(actor, plan, name or plan.agent_id, scoping.team_shown(actor, team))
            for plan, name, team in session.execute(query.order_by(*order))
            if may_see(plan)
        )


def _seen(bench: Workbench, actor: Actor) -> Callable[[NewcomerPlan], bool]:
    """Which plans this reader may see."""
    if scoping.entitled(actor, Right.ASSESS):
        return lambda plan: True
    days = scoping.days_of(bench, actor)
    if days is None:
        return lambda plan: plan.agent_id == actor.agent_id

    def ran_here(plan: NewcomerPlan) -> bool:
        begin = datetime.combine(plan.start_day, time(), bench.config.zone)
        return days.touches(plan.agent_id, begin, plan.ended_at or datetime.max.replace(tzinfo=UTC))

    return ran_here


def due(views: Sequence[NewcomerView], today: date) -> tuple[tuple[NewcomerView, TaskState], ...]:
    """What waits for a word today, over all plans, the oldest first."""
    found = [(view, one) for view in views for one in view.waiting(today)]
    return tuple(sorted(found, key=lambda pair: (pair[1].due, pair[0].name)))


def _view(actor: Actor, plan: NewcomerPlan, name: str, team: str) -> NewcomerView:
    last = {entry.task_id: entry for entry in sorted(plan.entries, key=lambda entry: entry.id)}
    states = []
    for task in templates.from_data(plan.content):
        entry = last.get(task.id)
        said = (
            (None, None, "", None)
            if entry is None
            else (entry.met, entry.value, shown_text(actor, entry.body), entry.written_at)
        )
        states.append(TaskState(task, task.due(plan.start_day), *said))
    return NewcomerView(
        plan.id,
        plan.agent_id,
        name,
        team,
        plan.mentor,
        plan.start_day,
        plan.outcome or "",
        shown_text(actor, plan.reason or ""),
        tuple(states),
    )


def _plan(session: Session, plan_id: int) -> NewcomerPlan:
    plan = session.get(NewcomerPlan, plan_id, with_for_update={"of": NewcomerPlan})
    if plan is None:
        raise NotFound(N_("There is no plan {id} of a newcomer."), id=plan_id)
    return plan


def _task(plan: NewcomerPlan, task_id: str) -> PlanTask:
    found = next((task for task in templates.from_data(plan.content) if task.id == task_id), None)
    if found is None:
        raise NotFound(N_("The plan has no task “{id}”."), id=task_id)
    return found
