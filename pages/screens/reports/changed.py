"""After an upgrade that changed the estimator: what it says otherwise, old → new, until somebody has seen it."""

from __future__ import annotations

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from pages.screens.reports import filters
from qa.i18n import N_
from qa.policy import Right
from qa.reports import Restated, estimator, metrics

_NAMES = {"total": metrics.TOTAL, "redline": metrics.REDLINE}
_SHOWN = "estimator_seen"
WHAT = (
    N_("Draws that are not finished count what was drawn; agents count by their conversations."),
    N_("The weight of predictions is frozen with each draw; few reviews lean on the spread that past ones show."),
    N_("Red-line rates use the predicted chances."),
)


def show(page: Page) -> None:
    """The figures of the last months by both estimators, for whoever plans draws."""
    _ = page.t
    if not page.actor.may(Right.PLAN_DRAW) or st.session_state.get(_SHOWN):
        return
    found = estimator.changes(page.bench, page.actor)
    if not found:
        st.session_state[_SHOWN] = True  # asked once a session
        return
    with st.container(border=True, key="estimator_changed"):
        st.markdown(f"**{_('This release estimates otherwise: figures shown before have changed.')}**")
        st.caption(" ".join(_(sentence) for sentence in WHAT))
        st.dataframe(
            {
                _("What"): [filters.metric_name(_, _NAMES[one.metric]) for one in found],
                _("Month"): [f"{one.month:%Y-%m}" for one in found],
                _("Before"): [_said(page, one, one.old) for one in found],
                _("Now"): [_said(page, one, one.new) for one in found],
            },
            hide_index=True,
            width="stretch",
            key="estimator_changes",
        )
        st.caption(
            _(
                "Reports exported before can be made again with “spotcheck export --estimator 1”; every file names its"
                " version."
            )
        )
        if st.button(_("Seen"), key="estimator_seen_button"):
            with showing_errors(page):
                estimator.seen(page.bench, page.actor, now=page.now)
                st.session_state[_SHOWN] = True
                st.rerun()


def _said(page: Page, one: Restated, figure: tuple[float | None, float | None, float | None]) -> str:
    """A value with its interval; rates in percent."""
    _, scale = page.t, 100 if one.metric == "redline" else 1
    value, low, high = (None if part is None else _.number(part * scale, 1) for part in figure)
    unit = "%" if one.metric == "redline" else ""
    if value is None:
        return "–"
    return f"{value}{unit}" if low is None else f"{value}{unit} [{low}, {high}]"
