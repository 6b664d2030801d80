"""The page itself: one view for each way people grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from pages.kit.choices import tabs
from pages.kit.guard import Page
from pages.kit.widgets import heading, showing_errors
from pages.screens.development import exams, grades, newcomers, recognition
from qa.i18n import N_
from qa.policy import Right

VIEWS: Mapping[str, str] = {
    "exams": N_("Exams"),
    "newcomers": N_("Newcomers"),
    "grades": N_("Grades"),
    "recognition": N_("Recognition"),
}
_SHOWN: Mapping[str, Callable[[Page], None]] = {
    "exams": exams.show, "newcomers": newcomers.show, "grades": grades.show, "recognition": recognition.show,
}  # fmt: skip
_OWN = (Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
"""Who has something to see beside exams and the board."""


def show(page: Page) -> None:
    """Everything below the guard."""
    _ = page.t
    heading(page, _("Development"), _("How people learn, and what they are recognised for"))
    own = any(page.actor.may(right) for right in _OWN)
    titles = {name: text for name, text in VIEWS.items() if own or name in ("exams", "recognition")}
    view = tabs(st.container(), _("View"), "view", titles, _)
    with showing_errors(page):
        _SHOWN[view](page)
