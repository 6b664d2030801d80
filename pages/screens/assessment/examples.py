"""Soft indicators: propose an example, confirm somebody else's."""

from __future__ import annotations

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, plain_text, showing_errors
from pages.screens.assessment.months import finished
from qa.assessment import examples
from qa.development import recognition
from qa.library.search import CaseFilter, find_cases
from qa.people import roster


def show(page: Page) -> None:
    """The form and the list."""
    _ = page.t
    st.caption(_("An example counts when a second person has confirmed it; it is counted, never estimated."))
    people = {row.agent_id: f"{row.name or row.agent_id} · {row.team}" for row in roster.roster(page.bench, page.actor)}
    if not people:
        empty(_("The roster is empty"), _("Import the roster first."))
        return
    months = finished(page.today)
    with st.form("assess_example", border=False, clear_on_submit=True):
        one, two, three = st.columns(3)
        agent = one.selectbox(_("Agent"), list(people), format_func=people.__getitem__, key="assess_ex_agent")
        month = two.selectbox(_("Month"), months, format_func=lambda m: f"{m:%Y-%m}", key="assess_ex_month")
        direction = three.selectbox(
            _("Speaks"),
            [1, -1],
            format_func=lambda d: _("for them") if d > 0 else _("against them"),
            key="assess_ex_dir",
        )
        body = st.text_area(_("What happened"), key="assess_ex_body", max_chars=examples.MAX_BODY)
        cases = {hit.id: hit.title for hit in find_cases(page.bench, page.actor, CaseFilter(), size=100).hits}
        case = st.selectbox(
            _("Case of the library (optional)"), list(cases), index=None, format_func=cases.__getitem__,
            key="assess_ex_case", placeholder=_("No case"),
        )  # fmt: skip
        if st.form_submit_button(_("Propose"), type="primary"):
            with showing_errors(page):
                examples.propose(
                    page.bench,
                    page.actor,
                    now=page.now,
                    agent_id=agent,
                    month=month,
                    direction=direction,
                    body=body,
                    case_id=case,
                )
                st.toast(_("The example waits for a second person."))
    states = {name: _(word) for name, word in recognition.STATES.items()}
    for one_ in examples.listed(page.bench, page.actor):
        speaks = _("for them") if one_.direction > 0 else _("against them")
        st.markdown(f"**{escape(one_.name)}** · {one_.month:%Y-%m} · {speaks} · {states[one_.state]}")
        plain_text(one_.body)
        if one_.state == "proposed" and not one_.mine:
            with st.container(horizontal=True):
                for confirm, label in ((True, _("Confirm")), (False, _("Refuse"))):
                    if st.button(label, key=f"assess_ex_{one_.id}_{confirm}"):
                        with showing_errors(page):
                            examples.decide(page.bench, page.actor, now=page.now, number=one_.id, confirm=confirm)
                            st.rerun()
