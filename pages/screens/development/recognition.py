"""Recognition: the board of highlights for everybody, and the ledger of rewards with the rule of each."""

from __future__ import annotations

import streamlit as st

from pages.kit.dialogs import dialog, done, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, plain_text, showing_errors
from pages.screens.development.people import CHOOSE, choose_person, decide
from qa.development import recognition
from qa.development.recognition import HighlightView
from qa.errors import Invalid
from qa.library.search import CaseFilter, find_cases
from qa.policy import Right


def show(page: Page) -> None:
    """Highlights, then rewards."""
    _ = page.t
    if page.actor.may(Right.ASSESS):
        opener(_("Propose a highlight"), "highlight_new", icon=":material/add:")
        dialog("highlight_new", _("Propose a highlight"), lambda: _propose_highlight(page), width="medium")
    found = recognition.highlights(page.bench, page.actor)
    if not found:
        empty(
            _("There is no highlight yet"),
            _("Highlights are exemplary cases of the library; a second person confirms them."),
        )
    for month in dict.fromkeys(one.month for one in found):
        st.subheader(f"{month:%Y-%m}", anchor=False)
        for one in (each for each in found if each.month == month):
            _highlight(page, one)
    if any(page.actor.may(right) for right in (Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)):
        _rewards(page)


def _highlight(page: Page, one: HighlightView) -> None:
    _ = page.t
    with st.container(border=True):
        named = f" · {escape(one.name)}" if one.name else ""
        st.markdown(f"**{escape(one.title)}**{named}")
        st.caption(escape(_("Shows: {criterion}", criterion=one.shows.pick(_.language))))
        plain_text(one.body)
        if one.state != "confirmed":
            st.caption(_(recognition.STATES[one.state]))
        waits = one.state == "proposed" and not one.mine and page.actor.may(Right.ASSESS)
        if waits and (said := decide(page, f"highlight_{one.id}")) is not None:
            with showing_errors(page):
                recognition.decide_highlight(page.bench, page.actor, now=page.now, number=one.id, confirm=said)
                st.rerun()


def _propose_highlight(page: Page) -> None:
    _ = page.t
    hits = find_cases(page.bench, page.actor, CaseFilter(kind="exemplary"), size=100).hits
    cases = {hit.id: hit.title for hit in hits if hit.criterion_id or hit.rule_id}
    if not cases:
        empty(_("No exemplary case shows a criterion yet"), _("Publish one in the case library first."))
        return
    with st.form("highlight_form", border=False), showing_errors(page):
        left, right = st.columns(2)
        case = left.selectbox(_("Case"), list(cases), format_func=cases.__getitem__, key="highlight_case")
        agent = choose_person(page, right, "highlight_agent")
        st.caption(_("Name somebody only if they want to be named."))
        body = st.text_area(_("What was done well"), key="highlight_body", max_chars=recognition.MOST)
        if st.form_submit_button(_("Propose"), type="primary"):
            month = page.today
            recognition.propose_highlight(
                page.bench, page.actor, now=page.now, month=month, case_id=case, body=body, agent_id=agent
            )
            done()


def _rewards(page: Page) -> None:
    _ = page.t
    st.subheader(_("Rewards"), anchor=False)
    if page.actor.may(Right.ASSESS):
        opener(_("Propose a reward"), "reward_new", icon=":material/add:")
        dialog("reward_new", _("Propose a reward"), lambda: _propose_reward(page), width="medium")
    found = recognition.rewards(page.bench, page.actor)
    if not found:
        st.caption(_("No rewards are on record."))
        return
    data = {
        _("Month"): [f"{one.month:%Y-%m}" for one in found],
        _("Agent"): [one.name for one in found],
        _("Project"): [one.project for one in found],
        _("Sum of money"): [_.number(one.amount / 100, 2) for one in found],
        _("Rule"): [one.rule for one in found],
        _("Evidence"): [one.evidence for one in found],
        _("State"): [_(recognition.STATES[one.state]) for one in found],
    }
    st.dataframe(data, hide_index=True, width="stretch")
    for one in found:
        if one.state == "proposed" and not one.mine and page.actor.may(Right.ASSESS):
            st.markdown(f"**{escape(one.name)}** · {escape(one.project)} · {_.number(one.amount / 100, 2)}")
            if (said := decide(page, f"reward_{one.id}")) is not None:
                with showing_errors(page):
                    recognition.decide_reward(page.bench, page.actor, now=page.now, number=one.id, confirm=said)
                    st.rerun()


def _propose_reward(page: Page) -> None:
    _ = page.t
    with st.form("reward_form", border=False), showing_errors(page):
        one, two, three = st.columns(3)
        agent = choose_person(page, one, "reward_agent")
        project = two.text_input(_("Project"), key="reward_project", max_chars=200)
        amount = three.number_input(_("Sum of money"), -100_000.0, 100_000.0, 0.0, step=10.0, key="reward_amount")
        rule = st.text_input(_("Rule"), key="reward_rule", max_chars=recognition.MOST)
        evidence = st.text_input(_("Evidence"), key="reward_evidence", max_chars=recognition.MOST)
        if st.form_submit_button(_("Propose"), type="primary"):
            if agent is None:
                raise Invalid(CHOOSE)
            month = page.today
            recognition.propose_reward(
                page.bench,
                page.actor,
                now=page.now,
                agent_id=agent,
                month=month,
                project=project,
                rule=rule,
                evidence=evidence,
                amount=round(100 * amount),
            )
            done()
