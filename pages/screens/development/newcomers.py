"""Newcomers: what waits for a word today, one plan with its tasks and gates, and beginning a plan."""

from __future__ import annotations

from datetime import date

import streamlit as st

from pages.kit.choices import pick
from pages.kit.dialogs import dialog, done, kept, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, plain_text, showing_errors
from pages.screens.development.people import CHOOSE, choose_person
from qa.development import newcomers, templates
from qa.development.newcomers import NewcomerView, TaskState
from qa.errors import Invalid
from qa.policy import Right


def show(page: Page) -> None:
    """Due today, the chosen plan, a new one."""
    _ = page.t
    today = page.today
    views = newcomers.plans(page.bench, page.actor)
    if page.actor.may(Right.ASSESS):
        opener(_("Begin a newcomer's plan"), "newcomer_new", icon=":material/add:")
        dialog("newcomer_new", _("Begin a newcomer's plan"), lambda: _begin(page, today), width="medium")
    if not views:
        empty(
            _("There is no newcomer's plan"),
            _("A plan has tasks, weekly gates, and all chats drawn until the last gate."),
        )
        return
    _due(page, views, today)
    by_id = {str(view.id): view for view in views}
    chosen = pick(st.container(), _("Newcomer"), "newcomer", list(by_id), lambda i: _title(page, by_id[i]), width=420)
    _one(page, by_id[chosen], today)


def _title(page: Page, view: NewcomerView) -> str:
    _ = page.t
    state = _(newcomers.OUTCOMES[view.outcome]) if view.outcome else _("running")
    return f"{view.name} · {_.day(view.start)} · {state}"


def _due(page: Page, views: tuple[NewcomerView, ...], today: date) -> None:
    _ = page.t
    waiting = newcomers.due(views, today)
    st.subheader(_("Due today"), anchor=False)
    if not waiting:
        st.caption(_("Nothing is due."))
        return
    data = {
        _("Due"): [_.day(one.due) for _view, one in waiting],
        _("Newcomer"): [view.name for view, _one_ in waiting],
        _("Task"): [one.task.name.pick(_.language) for _view, one in waiting],
        _("Standard"): [one.task.standard.pick(_.language) for _view, one in waiting],
        _("Responsible"): [one.task.responsible.pick(_.language) for _view, one in waiting],
        _("Days late"): [(today - one.due).days or "" for _view, one in waiting],
    }
    st.dataframe(data, hide_index=True, width="stretch")


def _one(page: Page, view: NewcomerView, today: date) -> None:
    _ = page.t
    st.subheader(escape(view.name), anchor=False)
    st.caption(
        escape(
            _(
                "Mentor: {mentor}. All chats are drawn until the last gate; each counts once in the team's mean.",
                mentor=view.mentor,
            )
        )
    )
    said = {None: "", True: _("met"), False: _("not met")}
    tasks = view.tasks
    data = {
        _("Week"): [one.task.week for one in tasks],
        _("Due"): [_.day(one.due) for one in tasks],
        _("Kind"): [_(templates.KINDS[one.task.kind]) for one in tasks],
        _("Task"): [one.task.name.pick(_.language) for one in tasks],
        _("Standard"): [one.task.standard.pick(_.language) for one in tasks],
        _("Responsible"): [one.task.responsible.pick(_.language) for one in tasks],
        _("State"): [_state(page, one, said[one.met], today) for one in tasks],
        _("Remark"): [one.note for one in tasks],
    }
    st.dataframe(data, hide_index=True, width="stretch", height="content")
    if view.reason:
        plain_text(view.reason)
    if not view.outcome and (page.actor.may(Right.ASSESS) or page.actor.may(Right.COACH)):
        _note(page, view)
    if not view.outcome and page.actor.may(Right.ASSESS):
        opener(_("Stop the plan"), "newcomer_stop", beside=view.id)
        dialog("newcomer_stop", _("Stop the plan"), lambda: _stop(page))


def _stop(page: Page) -> None:
    _ = page.t
    with st.form("newcomer_stop_form", border=False), showing_errors(page):
        reason = st.text_input(_("Reason"), key="newcomer_reason", max_chars=newcomers.MOST_NOTE)
        if st.form_submit_button(_("Stop it"), type="primary"):
            newcomers.stop(page.bench, page.actor, now=page.now, plan_id=int(kept()), reason=reason)
            done()


def _state(page: Page, one: TaskState, said: str, today: date) -> str:
    _ = page.t
    value = "" if one.value is None else f" ({_.number(one.value, 0)})"
    if said:
        return said + value
    return _("due") if one.due <= today else "–"


def _note(page: Page, view: NewcomerView) -> None:
    _ = page.t
    leads = page.actor.may(Right.ASSESS)
    tasks = {one.task.id: one.task for one in view.tasks if leads or one.task.kind != "gate"}
    first = next((n for n, one in enumerate(view.tasks) if one.met is None and one.task.id in tasks), 0)
    left, middle, right = st.columns([4, 2, 2], vertical_alignment="bottom")
    chosen = left.selectbox(
        _("Task"),
        list(tasks),
        min(first, len(tasks) - 1),
        format_func=lambda i: tasks[i].name.pick(_.language),
        key=f"newcomer_task_{view.id}",
    )
    task = tasks[chosen]
    measured = task.kind in templates.MEASURED
    value = (
        middle.number_input(_("Reached"), 0.0, 1_000.0, step=1.0, key=f"newcomer_value_{view.id}") if measured else None
    )
    met = (
        (value or 0) >= task.least
        if measured
        else right.selectbox(
            _("State"),
            [True, False],
            format_func=lambda m: _("met") if m else _("not met"),
            key=f"newcomer_met_{view.id}",
        )
    )
    text = st.text_input(_("Remark"), key=f"newcomer_note_{view.id}", max_chars=newcomers.MOST_NOTE)
    if st.button(_("Note it"), key="newcomer_note", type="primary"):
        with showing_errors(page):
            newcomers.note(
                page.bench,
                page.actor,
                now=page.now,
                plan_id=view.id,
                task_id=chosen,
                met=bool(met),
                value=value,
                text=text,
            )
            st.rerun()


def _begin(page: Page, today: date) -> None:
    _ = page.t
    with st.form("newcomer_begin_form", border=False), showing_errors(page):
        one, two, three = st.columns(3)
        agent = choose_person(page, one, "newcomer_agent")
        day = two.date_input(_("First day"), today, key="newcomer_day")
        mentor = three.text_input(_("Mentor"), key="newcomer_mentor", max_chars=100)
        with st.expander(_("Tasks of the plan (TOML)")):
            text = st.text_area(
                _("Leave it empty for the plan used last"),
                key="newcomer_toml",
                height=320,
                placeholder=templates.shipped()[:600],
            )
        st.caption(_("From its first day on all chats of this person are drawn, until the last gate."))
        if st.form_submit_button(_("Begin"), type="primary"):
            if agent is None:
                raise Invalid(CHOOSE)
            newcomers.start(page.bench, page.actor, now=page.now, agent_id=agent, day=day, mentor=mentor, text=text)
            done()
