"""Programs that work with the HTTP API: the tokens of all accounts."""

from __future__ import annotations

import streamlit as st

from pages.kit import tokens as token_list
from pages.kit.guard import Page
from pages.kit.widgets import empty
from qa.people import tokens
from qa.policy import Right


def draw(page: Page) -> None:
    """Draw the section."""
    _ = page.t
    st.caption(_("Everybody makes their own tokens in the account menu. What there is for programs: /api/v1/"))
    if not page.actor.may(Right.MANAGE_USERS):
        return
    found = tokens.tokens(page.bench, page.actor)
    if not found:
        empty(_("No tokens yet."), _("A token lets a program call the HTTP API for one account, within scopes."))
    token_list.listing(page, found, "tokens")
