"""When each step is done: read, changed, paused and resumed. Every step is off until somebody switches it on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from qa import audit
from qa.errors import FormField, Invalid, NotFound
from qa.i18n import N_
from qa.operations.steps import BY_NAME, STEPS
from qa.policy import Actor, Right, require
from qa.tables import Schedule
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
EVERY_DAY = tuple(range(7))
TIME_FIELD = FormField("at", N_("Time of day"))


@dataclass(frozen=True)
class StepSchedule:
    """When one step is done. `days` are days of the week (Monday is 0); `since`: nights before are not made up."""

    step: str
    at: str
    days: tuple[int, ...]
    options: dict[str, int] = field(default_factory=dict)
    paused: bool = True
    since: datetime | None = None


def schedules(bench: Workbench, actor: Actor) -> tuple[StepSchedule, ...]:
    """The schedule of every step, in the order of the night."""
    require(actor, Right.MAINTAIN)
    with bench.db.read() as session:
        kept = {row.step: row for row in session.scalars(select(Schedule))}
    return tuple(_view(kept[step.name]) if step.name in kept else _standard(step.name) for step in STEPS)


def change(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    step: str,
    at: str,
    days: Sequence[int],
    options: dict[str, int] | None = None,
) -> StepSchedule:
    """Do the step at another time, on other days or with other options. Raises `Invalid` naming the field."""
    require(actor, Right.MAINTAIN)
    known(step)
    if TIME.fullmatch(at) is None:
        raise Invalid(N_("{field}: expected HH:MM, found “{value}”."), field=TIME_FIELD, value=at[:20])
    if not days or not set(days) <= set(EVERY_DAY):
        raise Invalid(N_("Choose at least one day of the week."))
    with bench.begin(actor, now) as work:
        before = _row(work, step)
        wanted = {**BY_NAME[step].options, **before.options, **(options or {})}
        _check_options(step, wanted)
        after = replace(before, at=at, days=tuple(sorted(set(days))), options=wanted)
        changed = audit.changes(_told(before), _told(after))
        if changed:
            # what has a later time now is not owed for the nights before it was changed
            _put(work, replace(after, since=before.since if before.paused else max(now, before.since or now)))
            work.record("schedule.changed", "schedule", step, changes=changed)
    return after


def pause(bench: Workbench, actor: Actor, *, now: datetime, step: str) -> None:
    """Do not begin the step until it is resumed; what runs goes on. Twice is once."""
    require(actor, Right.MAINTAIN)
    known(step)
    with bench.begin(actor, now) as work:
        before = _row(work, step)
        if not before.paused:
            _put(work, replace(before, paused=True))
            work.record("schedule.paused", "schedule", step)


def resume(bench: Workbench, actor: Actor, *, now: datetime, step: str) -> None:
    """Do the step from now on; nights that went by are not made up. Twice is once."""
    require(actor, Right.MAINTAIN)
    known(step)
    with bench.begin(actor, now) as work:
        before = _row(work, step)
        if before.paused:
            _put(work, replace(before, paused=False, since=now))
            work.record("schedule.resumed", "schedule", step)


def known(step: str) -> None:
    """Raise `NotFound` unless there is a step of this name."""
    if step not in BY_NAME:
        raise NotFound(
            N_("There is no step “{value}” of the night. Steps: {known}."), value=step, known=", ".join(BY_NAME)
        )


def _check_options(step: str, options: dict[str, int]) -> None:
    for name, value in options.items():
        low, high = BY_NAME[step].limits.get(name, (0, -1))
        if not low <= value <= high:
            raise Invalid(
                N_("{field}: expected {least} to {most}, found {value}."),
                field=FormField(name, BY_NAME[step].labels.get(name, name)), least=low, most=high, value=value,
            )  # fmt: skip


def _told(schedule: StepSchedule) -> dict[str, Any]:
    return {"at": schedule.at, "on_days": list(schedule.days), **schedule.options}


def _standard(step: str) -> StepSchedule:
    return StepSchedule(step, BY_NAME[step].at, EVERY_DAY, dict(BY_NAME[step].options))


def _view(row: Schedule) -> StepSchedule:
    options = {**BY_NAME[row.step].options, **row.options}
    return StepSchedule(row.step, row.at, tuple(row.days), options, row.paused_at is not None, row.since)


def _row(work: UnitOfWork, step: str) -> StepSchedule:
    row = work.session.get(Schedule, step, with_for_update=True)
    return _standard(step) if row is None else _view(row)


def _put(work: UnitOfWork, schedule: StepSchedule) -> None:
    row = work.session.get(Schedule, schedule.step)
    paused = (row.paused_at if row is not None and row.paused_at else work.now) if schedule.paused else None
    work.session.merge(
        Schedule(
            step=schedule.step, at=schedule.at, days=list(schedule.days), options=schedule.options, paused_at=paused,
            since=schedule.since or work.now, changed_at=work.now,
        )
    )  # fmt: skip
