"""How often inspectors mark what the data suggests, where it is shown and where it is kept back, and the switch per
criterion."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from qa import reports
from qa.desk import suggesting


def show(page: Page, since: datetime) -> None:
    """The whole section."""
    _ = page.t
    st.caption(
        _(
            "The process checks propose a mark and cite its messages; inspectors accept or refuse it. A random tenth of"
            " the samples goes without: if agreement is much higher where it is shown, people follow the machine rather"
            " than the conversation. Doubles, calibration and gold never show any."
        )
    )
    labels = reports.criterion_labels(page.bench)
    found = suggesting.agreement(page.bench, page.actor, since=since)
    for one in found:
        label = labels.get(one.criterion_id)
        left, middle, right, switch = st.columns([3, 4, 4, 2], vertical_alignment="center")
        left.markdown(escape(label.pick(_.language) if label else one.criterion_id))
        middle.markdown(escape(_("Shown: agreed {share}", share=_share(page, one.shown))))
        right.markdown(escape(_("Kept back: agreed {share}", share=_share(page, one.kept_back))))
        switch.toggle(
            _("Shown at the desk"),
            not one.off,
            key=f"suggest_{one.criterion_id}",
            on_change=_switch,
            args=(page, one.criterion_id),
        )


def _share(page: Page, side: tuple[int, int, float, float]) -> str:
    _ = page.t
    agreed, n, low, high = side
    if not n:
        return _("none yet")
    return f"{_.percent(agreed / n, 0)} [{_.percent(low, 0)}, {_.percent(high, 0)}] n = {_.number(n)}"


def _switch(page: Page, criterion_id: str) -> None:
    with showing_errors(page):
        suggesting.switch(
            page.bench,
            page.actor,
            now=page.now,
            criterion_id=criterion_id,
            on=bool(st.session_state[f"suggest_{criterion_id}"]),
        )
