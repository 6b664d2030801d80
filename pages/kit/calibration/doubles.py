"""Blind doubles that disagree: both sides beside each other, and the lead's decision with its reason."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import empty, escape, showing_errors
from qa import verdicts
from qa.verdicts import Disagreement, Side


def show(page: Page, since: datetime) -> None:
    """What waits for a decision; choosing a side needs a reason."""
    _ = page.t
    with showing_errors(page):
        found = verdicts.disagreements(page.bench, page.actor, since=since)
        if not found:
            empty(_("No double waits for a decision."), _("Doubles whose inspectors differ by more than the tolerance, or on a red line, appear here."))
            return
        by_id = {item.sample_id: item for item in found}
        chosen = st.selectbox(_("Conversation"), list(by_id), format_func=lambda id_: f"{by_id[id_].unit_id} · {by_id[id_].agent_id}", key="double", bind="query-params")
        _decide(page, by_id[chosen])


def _decide(page: Page, item: Disagreement) -> None:
    _ = page.t
    st.caption(_("{points} points apart; {tolerance} are tolerated.", points=_.points(item.difference), tolerance=_.points(item.tolerance)))
    for column, side in zip(st.columns(2), (item.first, item.second), strict=True):
        with column:
            _side(page, side)
    with st.form(f"resolve_{item.sample_id % 2}", border=False):
        sides = {item.first.inspection_id: item.first.inspector, item.second.inspection_id: item.second.inspector}
        choice = st.radio(_("Which marks stand?"), list(sides), format_func=sides.__getitem__, index=None, horizontal=True)
        reason = st.text_area(_("Reason"), help=_("Agent and inspectors will read it."))
        if not st.form_submit_button(_("Decide"), type="primary"):
            return
    verdicts.resolve(page.bench, page.actor, now=page.now, sample_id=item.sample_id, reason=reason, inspection_id=choice)
    st.rerun()


def _side(page: Page, side: Side) -> None:
    _ = page.t
    st.markdown(f"**{escape(side.inspector)}** · {_.points(side.total)}")
    if side.outcome.redlines:
        st.caption(_("Red lines confirmed: {rules}", rules=", ".join(side.outcome.redlines)))
    losses = [line for line in side.outcome.lines if line.kind in ("loss", "bonus", "na")]
    st.dataframe(
        [{_("Criterion"): line.id, _("Points"): line.points / 100, _("Note"): line.note, _("Messages"): ", ".join(map(str, line.evidence))} for line in losses],
        hide_index=True,
    )
