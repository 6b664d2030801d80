"""The page Operations: one section at a time, chosen in the address."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.kit.choices import tabs
from pages.kit.guard import Page
from pages.kit.widgets import heading
from pages.screens.operations import inbox, notices, programs, shift, sources
from qa.i18n import N_


def draw(page: Page) -> None:
    """Draw the page."""
    _ = page.t
    heading(page, _("Operations"))
    titles = {name: title for name, (title, _draw) in SECTIONS.items()}
    chosen = tabs(st.container(), _("Section"), "section", titles, _)
    SECTIONS[chosen][1](page)


SECTIONS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "shift": (N_("Night shift"), shift.steps),
    "inbox": (N_("Inbox"), inbox.draw),
    "sources": (N_("Sources"), sources.draw),
    "notices": (N_("Notices"), notices.draw),
    "tokens": (N_("Programs"), programs.draw),
    "history": (N_("Past nights"), shift.history),
}
