"""The draws that are due: published where the plan says so, named where somebody publishes it.

All periods that are over are drawn in order, each once: the nonce names plan and first day, so a night that is
repeated, and another server, find what is done. A period whose last days have not arrived yet is waited for, some days
long.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl

from qa import draws
from qa.draws import PlanView
from qa.draws.design import NothingToDraw
from qa.draws.periods import DueDraw
from qa.errors import Busy, Cancelled, SpotcheckError, Unavailable
from qa.i18n import N_
from qa.operations.notes import StepDone, StepNote
from qa.policy import SYSTEM
from qa.workbench import Workbench

PATIENCE = timedelta(days=3)
"""So long a period waits for conversations of its last day before it is drawn from what is there."""


def draw_due(
    bench: Workbench,
    *,
    now: datetime,
    day: date,
    progress: Callable[[float, str], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> StepDone:
    """Publish or name what is due on `day`, for every plan in use, the oldest plan first. A plan that cannot be drawn
    does not hold up the others."""
    newest = newest_day(bench)
    notes: list[StepNote] = []
    published = 0
    for plan in reversed(draws.list_plans(bench, SYSTEM)):
        try:
            for note, done in _of_plan(bench, plan, now, day, newest, progress, cancel):
                notes.append(note)
                published += done
        except (Busy, Unavailable, Cancelled):
            raise
        except SpotcheckError as error:
            notes.append(StepNote.error(plan.name, error))
    return StepDone.told(published, notes)


def newest_day(bench: Workbench) -> date | None:
    """Business day of the newest conversation in the archive."""
    newest = bench.archive.at().scan("conversations").select(pl.col("started_at").max()).collect().item()
    return None if newest is None else newest.astimezone(bench.config.zone).date()


def _of_plan(
    bench: Workbench,
    plan: PlanView,
    now: datetime,
    day: date,
    newest: date | None,
    progress: Callable[[float, str], None] | None,
    cancel: Callable[[], bool] | None,
) -> Iterator[tuple[StepNote, int]]:
    while (wanted := plan.next_draw(day, newest)).over:
        facts = {"plan": plan.name, "first": str(wanted.first), "last": str(wanted.last)}
        if not plan.design.automatic:
            if plan.drawn_to is not None:
                yield (
                    StepNote.of(N_("{plan}: {first} – {last} is over and waits for somebody to publish it"), **facts),
                    0,
                )
            return
        if (newest is None or newest < wanted.last) and day - wanted.last <= PATIENCE:
            yield StepNote.of(N_("{plan}: waits for conversations of {last}"), **facts), 0
            return
        period = _publish(bench, plan, wanted, now, day, progress, cancel)
        if period is None:
            yield StepNote.of(N_("{plan}: nothing to draw from in {first} – {last}"), **facts), 0
            return
        yield StepNote.of(N_("{plan}: {first} – {last} published"), **{**facts, "last": str(period.last)}), 1
        plan = draws.get_plan(bench, SYSTEM, plan.id)


def _publish(
    bench: Workbench,
    plan: PlanView,
    wanted: DueDraw,
    now: datetime,
    day: date,
    progress: Callable[[float, str], None] | None,
    cancel: Callable[[], bool] | None,
) -> DueDraw | None:
    """Publish the period; one without conversations is drawn together with those after it. None while there is nothing
    to draw from."""
    while wanted.over:
        try:
            draws.publish(
                bench, SYSTEM, now=now, plan_id=plan.id, period=draws.Period(wanted.first, wanted.last),
                nonce=f"night {plan.id} {wanted.first}", next_seed=secrets.token_hex(32),
                progress=progress, cancel=cancel,
            )  # fmt: skip
            return wanted
        except NothingToDraw:
            following = replace(plan, drawn_to=(wanted.first, wanted.last)).next_draw(day)
            wanted = DueDraw(wanted.first, following.last, following.over)
    return None
