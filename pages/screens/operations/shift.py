"""The steps of the night: when they are done, what they did, done now, paused and changed; and the nights gone by."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import streamlit as st

from pages.kit.dialogs import dialog, done, kept, open_dialog
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import choosable, clickable
from pages.kit.widgets import empty, showing_errors
from qa import jobs, operations
from qa.i18n import N_
from qa.jobs import JobView, NightStep, StepState, nights
from qa.operations import StepDone

WEEK = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
NEVER_BY_ITSELF = "retention"
"""Switched on by a decision of its own: what it removes does not come back."""


def steps(page: Page) -> None:
    """Every step of the night, and what can be done with the one that is chosen."""
    _ = page.t
    found = nights.states(page.bench, page.actor, now=page.now)
    if all(one.schedule.paused for one in found):
        _switch_on(page)
    chosen = choosable(
        {
            _("Night step"): [_(operations.BY_NAME[one.schedule.step].title) for one in found],
            _("Time"): [f"{one.schedule.at} · {_days(page, one.schedule.days)}" for one in found],
            _("Next time"): [_.when(one.next_at) if one.next_at else _("switched off") for one in found],
            _("Last time"): [_.when(one.latest.asked_at) if one.latest else "–" for one in found],
            _("State"): [_(jobs.STATES[one.latest.state]) if one.latest else "" for one in found],
            _("Duration"): [_lasted(page, one.latest) for one in found],
            _("Rows"): [_rows(page, one.latest) for one in found],
            _("Problems"): [_problems(page, one.latest) for one in found],
        },
        len(found),
        "steps",
    )
    running = next((one for one in found if one.latest is not None and not one.latest.ended), None)
    if running is not None and running.latest is not None:
        _follow(page, running.latest.id)
    if chosen is None:
        st.caption(_("Click a step to do it now, to pause it or to change when it is done."))
        return
    _chosen(page, found[chosen])


def _switch_on(page: Page) -> None:
    _ = page.t
    empty(
        _("The night shift is switched off."),
        _("Switched on, it screens what is new, draws what is due and makes a backup every night, without anybody."),
    )
    st.button(
        _("Switch on the night shift"), type="primary", key="switch_on", on_click=_resume_all, args=(page,),
        help=_("All steps but the removal of old text, which you switch on by itself."),
    )  # fmt: skip


def _resume_all(page: Page) -> None:
    with showing_errors(page):
        for step in operations.STEPS:
            if step.name != NEVER_BY_ITSELF:
                operations.resume(page.bench, page.actor, now=page.now, step=step.name)


def _chosen(page: Page, one: StepState) -> None:
    """The step in full: what it does, what it said last, and its buttons."""
    _, step = page.t, operations.BY_NAME[one.schedule.step]
    with st.container(key="step_detail"):
        st.markdown(f"**{escape(_(step.title))}** · {escape(_(step.does))}")
        with st.container(horizontal=True):
            st.button(
                _("Do it now"), key="step_now", icon=":material/play_arrow:", on_click=_do,
                args=(page, nights.run_now, step.name), disabled=one.latest is not None and not one.latest.ended,
            )  # fmt: skip
            if one.schedule.paused:
                st.button(
                    _("Switch on"), key="step_resume", icon=":material/restart_alt:", on_click=_do,
                    args=(page, operations.resume, step.name),
                )  # fmt: skip
            else:
                st.button(
                    _("Pause"), key="step_pause", icon=":material/pause:", on_click=_do,
                    args=(page, operations.pause, step.name),
                    help=_("Nights that go by while it is paused are not made up."),
                )  # fmt: skip
            st.button(
                _("Change"), key="step_change", icon=":material/tune:", on_click=open_dialog, args=("step", step.name)
            )
        if one.latest is not None:
            _told(page, one.latest)
    dialog("step", _(step.title), partial(_form, page, one))


def _do(page: Page, action: Any, step: str) -> None:
    with showing_errors(page):
        action(page.bench, page.actor, now=page.now, step=step)


def _form(page: Page, one: StepState) -> None:
    _, schedule = page.t, one.schedule
    if kept() != schedule.step:
        return
    step = operations.BY_NAME[schedule.step]
    with st.form("step_form", border=False):
        at = st.time_input(_("Time of day"), time.fromisoformat(schedule.at), step=timedelta(minutes=5), key="step_at")
        days = st.pills(
            _("Days of the week"), range(7), selection_mode="multi", default=schedule.days, key="step_days",
            format_func=lambda day: _(WEEK[day]),
        )  # fmt: skip
        options = {
            name: st.number_input(_(label), *step.limits[name], schedule.options[name], key=f"step_{name}")
            for name, label in step.labels.items()
        }
        st.caption(_("Times are those of the business time zone, {zone}.", zone=page.bench.config.time_zone))
        if not st.form_submit_button(_("Save"), type="primary"):
            return
    with showing_errors(page):
        operations.change(
            page.bench, page.actor, now=page.now, step=step.name, at=at.strftime("%H:%M") if at else "",
            days=list(days), options={name: int(value) for name, value in options.items()},
        )  # fmt: skip
        done()


@st.fragment(run_every=2.0)
def _follow(page: Page, job_id: int) -> None:
    """How far the step is that runs; the page is drawn again when it has ended."""
    _, job = page.t, jobs.get(page.bench, page.actor, job_id)
    if job.ended:
        st.rerun(scope="app")
    words = (
        _("Waiting to begin …")
        if job.state == "waiting"
        else _("{what} … {share}", what=_(job.title), share=_.percent(job.share, 0))
    )
    st.progress(job.share, text=words)
    st.button(_("Cancel"), key="step_cancel", on_click=_cancel, args=(page, job_id), disabled=job.state == "stopping")


def _cancel(page: Page, job_id: int) -> None:
    with showing_errors(page):
        jobs.cancel(page.bench, page.actor, job_id, now=datetime.now(UTC))


def history(page: Page) -> None:
    """What was done in the nights gone by; a click tells one in full."""
    _ = page.t
    found = nights.history(page.bench, page.actor)
    if not found:
        empty(_("Nothing was done yet."), _("Switch on the night shift, or do one of its steps now."))
        return
    clickable(
        {
            _("Night"): [_.day(_night(job)) for job in found],
            _("Night step"): [_(job.title) for job in found],
            _("Begun"): [_.when(job.started_at) for job in found],
            _("Asked for by"): [job.asked_name if _by_hand(job) else _("the schedule") for job in found],
            _("State"): [_(jobs.STATES[job.state]) for job in found],
            _("Duration"): [_lasted(page, job) for job in found],
            _("Rows"): [_rows(page, job) for job in found],
            _("Problems"): [_problems(page, job) for job in found],
        },
        len(found),
        "nights",
        lambda row: open_dialog("night_step", found[row].id),
    )
    picked = next((job for job in found if job.id == kept()), None)
    if picked is not None:
        dialog("night_step", _(picked.title), lambda: _told(page, picked), width="medium")


def _told(page: Page, job: JobView[StepDone]) -> None:
    """What a step says it did, sentence by sentence; what somebody should look at comes first."""
    _ = page.t
    if job.error is not None:
        st.warning(escape(_.error(job.error)), icon=":material/info:")
    notes = sorted(job.result.notes, key=lambda note: not note.problem) if job.result else []
    for note in notes[:50]:
        mark = ":material/error:" if note.problem else ":material/check:"
        st.caption(f"{mark} {escape(_(note.words().msgid, **note.words().facts))}")
    if len(notes) > 50:
        st.caption(_("… and {n} more", n=len(notes) - 50))
    if job.ended and job.result is not None and not notes:
        st.caption(_("There was nothing to do."))


def _days(page: Page, days: tuple[int, ...]) -> str:
    _ = page.t
    return _("every day") if len(days) == 7 else " ".join(_(WEEK[day]) for day in days)


def _lasted(page: Page, job: JobView[StepDone] | None) -> str:
    if job is None or job.started_at is None or job.ended_at is None:
        return ""
    seconds = max(0, round((job.ended_at - job.started_at).total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"


def _rows(page: Page, job: JobView[StepDone] | None) -> str:
    return page.t.number(job.result.rows) if job is not None and job.result is not None else ""


def _problems(page: Page, job: JobView[StepDone] | None) -> str:
    if job is None or (job.result is None and job.error is None):
        return ""
    return page.t.number(job.result.problems if job.result is not None else 1)


def _night(job: JobView[StepDone]) -> Any:
    return job.params.day if isinstance(job.params, NightStep) else job.asked_at


def _by_hand(job: JobView[StepDone]) -> bool:
    return isinstance(job.params, NightStep) and job.params.by_hand
