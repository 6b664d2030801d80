"""The night shift as jobs: the step that is due next is asked for when the one before it has ended.

Every server looks; the name of the request (night and step) makes sure that a step of a night is one job, whoever asks,
and the lease that one worker does it. A step that fails is over for its night and holds up nothing but what needs it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from qa import operations
from qa.jobs import service
from qa.jobs.kinds import NIGHT, NightStep, night_request
from qa.jobs.service import JobView
from qa.operations import StepDone, StepSchedule
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Job
from qa.workbench import Workbench

SHOWN = 60


@dataclass(frozen=True)
class StepState:
    """One step as the page shows it: its schedule, when it begins next, and its newest job."""

    schedule: StepSchedule
    next_at: datetime | None
    latest: JobView[StepDone] | None


def ask_due(bench: Workbench, now: datetime) -> bool:
    """Ask for the next step that is due, unless one is under way; True when there was one to ask for."""
    plan = {one.step: one for one in operations.schedules(bench, SYSTEM) if not one.paused}
    due = operations.turns(plan, now, bench.config.zone) if plan else []
    requests = [night_request(turn.step, turn.day) for turn in due]
    with bench.db.read() as session:
        known = dict(session.execute(select(Job.request, Job.state).where(Job.request.in_(requests))).all())
    for turn, request in zip(due, requests, strict=True):
        if request not in known:
            params = NightStep(turn.step, turn.day)
            service.ask(bench, SYSTEM, NIGHT[turn.step], params, now=now, request=request)
            return True
        if known[request] in ("waiting", "running"):
            return False
    return False


def run_now(bench: Workbench, actor: Actor, *, now: datetime, step: str) -> int:
    """Ask for a step at once, besides the one that comes by itself; returns the number of its job. While one of them
    waits or runs already, that one."""
    require(actor, Right.MAINTAIN)
    under_way = _latest(bench, step)
    if under_way is not None and not under_way.ended:
        return under_way.id
    day = now.astimezone(bench.config.zone).date()
    params = NightStep(step, day, by_hand=True)
    return service.ask(bench, actor, NIGHT[step], params, now=now, request=f"by hand {secrets.token_hex(12)}")


def states(bench: Workbench, actor: Actor, *, now: datetime) -> tuple[StepState, ...]:
    """Every step with its schedule and its newest job, in the order of the night."""
    require(actor, Right.MAINTAIN)
    return tuple(
        StepState(one, operations.next_at(one, now, bench.config.zone), _latest(bench, one.step))
        for one in operations.schedules(bench, actor)
    )


def history(bench: Workbench, actor: Actor, limit: int = SHOWN) -> tuple[JobView[StepDone], ...]:
    """What was done, the newest first."""
    require(actor, Right.MAINTAIN)
    kinds = [kind.name for kind in NIGHT.values()]
    with bench.db.read() as session:
        rows = session.scalars(select(Job).where(Job.kind.in_(kinds)).order_by(Job.id.desc()).limit(limit)).all()
    return tuple(service.view(row) for row in rows)


def _latest(bench: Workbench, step: str) -> JobView[StepDone] | None:
    with bench.db.read() as session:
        row = session.scalar(select(Job).where(Job.kind == NIGHT[step].name).order_by(Job.id.desc()).limit(1))
    return None if row is None else service.view(row)
