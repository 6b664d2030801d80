"""Grades: the ledger of steps, signing one, and proposing one with its checklist."""

from __future__ import annotations

import streamlit as st

from pages.kit.dialogs import dialog, done, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, plain_text, showing_errors
from pages.screens.development.people import choose_person
from qa.development import grades
from qa.development.grades import CheckLine, GradeStep
from qa.i18n import C_, N_
from qa.policy import Right

STATES = {
    "proposed": N_("waits for the second signature"),
    "signed": N_("signed by two people"),
    "refused": C_("signed", "refused"),
}


def show(page: Page) -> None:
    """A proposal, then the ledger."""
    _ = page.t
    if page.actor.may(Right.ASSESS):
        opener(_("Propose a step"), "grade_new", icon=":material/add:")
        dialog("grade_new", _("Propose a step"), lambda: _propose(page), width="large")
    steps = grades.ledger(page.bench, page.actor)
    if not steps:
        empty(
            _("There is no step in the ledger yet"),
            _("A step is proposed with its checklist and signed by a second person; nothing happens by itself."),
        )
        return
    for step in steps:
        _step(page, step)


def _name(page: Page, grade: str) -> str:
    return f"{grade} {page.t(grades.HONOURS[grade])}" if grade in grades.HONOURS else grade or "–"


def _step(page: Page, step: GradeStep) -> None:
    _ = page.t
    with st.container(border=True):
        st.markdown(
            f"**{escape(step.name)}** · {escape(_name(page, step.from_grade))} → {escape(_name(page, step.to_grade))} "
            f"· {_(STATES[step.state])}"
        )
        st.caption(escape(f"{step.team} · {_.when(step.proposed_at)}"))
        plain_text(step.reason)
        _lines(page, step.lines)
        if step.answer:
            plain_text(step.answer)
        if step.state == "proposed" and page.actor.may(Right.ASSESS) and not step.mine:
            _sign(page, step)


def _lines(page: Page, lines: tuple[CheckLine, ...]) -> None:
    _ = page.t
    said = _recorded(page)
    held = {None: "–", True: _("met"), False: _("not met")}
    data = {
        _("Condition"): [_(grades.LINES[line.id]) for line in lines],
        _("The records say"): [said[line.found] for line in lines],
        _("Evidence"): [line.evidence or "–" for line in lines],
        _("Held to be"): [held[line.held] for line in lines],
        _("Reason"): [line.reason for line in lines],
    }
    st.dataframe(data, hide_index=True, width="stretch")


def _recorded(page: Page) -> dict[bool | None, str]:
    _ = page.t
    return {None: _("no record"), True: _("yes"), False: _("no")}


def _sign(page: Page, step: GradeStep) -> None:
    _ = page.t
    answer = st.text_input(_("Opinion"), key=f"grade_answer_{step.id}", max_chars=grades.MOST_REASON)
    with st.container(horizontal=True):
        for sign, label in ((True, _("Sign")), (False, _("Refuse"))):
            if st.button(label, key=f"grade_{step.id}_{sign}", type="primary" if sign else "secondary"):
                with showing_errors(page):
                    grades.decide(page.bench, page.actor, now=page.now, number=step.id, sign=sign, answer=answer)
                    st.rerun()


def _propose(page: Page) -> None:
    _ = page.t
    left, right = st.columns(2)
    agent = choose_person(page, left, "grade_agent")
    to_grade = right.selectbox(_("New grade"), grades.GRADES, format_func=lambda g: _name(page, g), key="grade_to")
    if agent is None:
        st.caption(_("Choose a person; the checklist shows what the records say."))
        return
    lines = grades.checklist(page.bench, page.actor, now=page.now, agent_id=agent)
    held: dict[str, bool] = {}
    reasons: dict[str, str] = {}
    said = _recorded(page)
    for line in lines:
        one, two = st.columns([3, 2], vertical_alignment="bottom")
        told = f"{said[line.found]}" + (f" ({line.evidence})" if line.evidence else "")
        held[line.id] = one.checkbox(
            f"{_(grades.LINES[line.id])} – {escape(told)}", bool(line.found), key=f"grade_{agent}_{line.id}"
        )
        if held[line.id] != line.found and (held[line.id] or line.found is not None):
            reasons[line.id] = two.text_input(
                _("Evidence"), key=f"grade_why_{agent}_{line.id}", max_chars=grades.MOST_REASON
            )
    reason = st.text_input(_("Reason"), key="grade_reason", max_chars=grades.MOST_REASON)
    if st.button(_("Propose"), key="grade_propose", type="primary"):
        with showing_errors(page):
            grades.propose(
                page.bench,
                page.actor,
                now=page.now,
                agent_id=agent,
                to_grade=to_grade,
                reason=reason,
                held=held,
                reasons=reasons,
            )
            done()
