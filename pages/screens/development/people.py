"""Choosing a person of the roster."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.kit.guard import Page
from qa.i18n import N_
from qa.people import roster

CHOOSE = N_("Choose a person first.")


def choose_person(page: Page, place: DeltaGenerator, key: str) -> str | None:
    """An agent id of the roster; None while nobody is chosen."""
    _ = page.t
    people = {row.agent_id: f"{row.name or row.agent_id} · {row.team}" for row in roster.roster(page.bench, page.actor)}
    chosen = place.selectbox(
        _("Agent"), list(people), None, format_func=people.__getitem__, key=key, placeholder=_("Choose")
    )
    return None if chosen is None else str(chosen)


def decide(page: Page, key: str) -> bool | None:
    """Two buttons for a second person: True to confirm, False to refuse, None while neither was pressed."""
    _ = page.t
    with st.container(horizontal=True):
        yes = st.button(_("Confirm"), key=f"{key}_yes")
        no = st.button(_("Refuse"), key=f"{key}_no")
    return True if yes else False if no else None
