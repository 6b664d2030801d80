"""Validity: which marks go with what customers do afterwards, which do not, and which need more reviews."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.kit.choices import pick
from pages.kit.guard import Page
from pages.kit.widgets import empty
from qa.assessment import validity
from scoring.validity import ValidityLink, by_outcome


def show(page: Page) -> None:
    """Choose an outcome, read every criterion and red line against it."""
    _ = page.t
    found = validity.figures(page.bench, page.actor)
    if not found.reviews:
        empty(_("No reviewed chats yet"), _("Publish a draw and inspect it; then marks can be held against outcomes."))
        return
    sorted_ = by_outcome(found.links)
    chosen = pick(
        st.container(),
        _("Outcome"),
        "outcome",
        list(sorted_),
        lambda name: _(validity.OUTCOME_NAMES[name]),
        kind="segmented_control",
        required=True,
    )
    links = sorted_[chosen]
    if not any(link.n for link in links):
        empty(_("This outcome is not known of any reviewed chat"), _("Bring in disputes, ratings or daily indicators."))
        return
    _table(page, found, links)
    st.caption(
        _(
            "Reviewed chats with the mark against those without, within the same agent, weighted by the chance of "
            "being drawn; brackets are 95% intervals."
        )
        + " "
        + _(
            "What is stated is false in at most one of ten cases. A link is no cause: a hard chat can bring about both."
        )
    )


def _table(page: Page, found: validity.ValidityFigures, links: Sequence[ValidityLink]) -> None:
    _ = page.t

    def rate(value: float | None) -> str:
        return "–" if value is None else _.percent(value)

    data = {
        _("What was marked"): [found.labels[link.item].pick(_.language) for link in links],
        _("Difference"): [validity.difference_text(_, link) for link in links],
        _("What can be said"): [validity.verdict_text(_, link) for link in links],
        _("With the mark"): [rate(link.with_mark) for link in links],
        _("Without"): [rate(link.without) for link in links],
        _("Marked / reviewed"): [f"{_.number(link.n_with)} / {_.number(link.n)}" for link in links],
    }
    st.dataframe(data, hide_index=True, width="stretch", height="content")
