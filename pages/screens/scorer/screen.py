"""Machine scores: the versions there are, and a file of scores taken in."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.kit.guard import Page
from pages.kit.rows import choosable
from pages.kit.widgets import empty, heading, showing_errors
from pages.screens.scorer import endpoint, taking, watching, worth
from qa.policy import Right
from qa.scorer import calibrated, versions
from qa.scorer.versions import KIND_NAMES, STATES, ScorerView


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Machine scores"), _("Never a figure of their own: the reviewed sample corrects them"))
    with showing_errors(page):
        found = versions.list_scorers(page.bench, page.actor)
        if page.actor.may(Right.IMPORT):
            with st.expander(_("Take in scores from a file"), expanded=not found):
                taking.show(page)
        if endpoint.may_set_up(page):
            with st.expander(_("Endpoint of a machine scorer")):
                endpoint.show(page)
        with st.expander(_("Register of its use")):
            endpoint.register(page)
        if not found:
            empty(
                _("There are no machine scores yet"),
                _("Take in a file of machine scores per conversation, of whatever vendor."),
            )
            return
        _versions(page, found)


def _versions(page: Page, found: Sequence[ScorerView]) -> None:
    _ = page.t
    data = {
        _("Scorer"): [one.name for one in found],
        _("Version"): [one.label for one in found],
        _("Kind"): [_(KIND_NAMES[one.kind]) for one in found],
        _("State"): [_(STATES[one.state]) for one in found],
        _("Rubric"): [one.rubric for one in found],
        _("Conversations"): [one.scored for one in found],
        _("Since"): [_.when(one.activated_at or one.created_at) for one in found],
    }
    chosen = choosable(data, len(found), "scorers", most=6)
    one = found[chosen if chosen is not None else _shown_first(found)]
    if page.actor.may(Right.PLAN_DRAW) or page.actor.may(Right.MAINTAIN):
        _use(page, one)
    worth.show(page, one)
    watching.show(page, one)


def _shown_first(found: Sequence[ScorerView]) -> int:
    """The newest version in use, else the newest."""
    return next((number for number, one in enumerate(found) if one.state == "active"), 0)


def _use(page: Page, one: ScorerView) -> None:
    _ = page.t
    using = one.state != "active"
    label = _("Take into use") if using else _("Take out of use")
    left, right = st.columns([1, 4], vertical_alignment="center")
    if left.button(label, key="scorer_use", disabled=using and not one.scored):
        with showing_errors(page):
            change = calibrated.activate if using else versions.retire
            change(page.bench, page.actor, now=page.now, scorer=one.id)
            st.rerun()
    right.caption(
        _("In use, plans can lean on it: choose it as their predictor. Draws that are published keep what they had.")
    )
