"""Tokens with which programs call the HTTP API: one's own in the account menu, everybody's for whoever manages
users."""

from __future__ import annotations

import streamlit as st

from pages.kit.guard import Page
from pages.kit.rows import choosable
from pages.kit.widgets import showing_errors
from qa.people import tokens
from qa.people.tokens import SCOPES

MADE = "token_made"


def own(page: Page) -> None:
    """The tokens of whoever looks: make one, see them, end one."""
    _ = page.t
    if made := st.session_state.pop(MADE, None):
        st.info(_("Copy the token now: it is not shown again."), icon=":material/key:")
        st.code(made, language=None)
    listing(page, tokens.tokens(page.bench, page.actor, page.actor.user_id), "own_tokens")
    with st.form("token_form", border=False):
        name = st.text_input(_("What it is for"), max_chars=100, key="token_name")
        scopes = st.multiselect(_("Scopes"), list(SCOPES), key="token_scopes", format_func=lambda one: _(SCOPES[one]))
        days = st.number_input(_("Good for days"), 1, tokens.MOST_DAYS, 90, key="token_days")
        if not st.form_submit_button(_("Make a token"), type="primary"):
            return
    with showing_errors(page):
        new = tokens.create(
            page.bench, page.actor, now=page.now, user_id=page.actor.user_id, name=name, scopes=scopes, days=int(days)
        )
        st.session_state[MADE] = new.secret
        st.rerun(scope="fragment")


def listing(page: Page, found: tuple[tokens.TokenView, ...], key: str) -> None:
    """A list of tokens, with a button that ends the chosen one."""
    _ = page.t
    if not found:
        return
    chosen = choosable(
        {
            _("Account"): [one.login for one in found],
            _("Name"): [one.name for one in found],
            _("Begins with"): [one.hint for one in found],
            _("Scopes"): [" · ".join(_(SCOPES[scope]) for scope in one.scopes if scope in SCOPES) for one in found],
            _("Until"): [_.day(one.expires_at) for one in found],
            _("Last used"): [_.when(one.used_at) for one in found],
            _("State"): [_("active") if one.open(page.now) else _("ended") for one in found],
        },
        len(found),
        key,
    )
    picked = None if chosen is None else found[chosen]
    st.button(
        _("End the selected token"), key=f"{key}_end", icon=":material/block:", on_click=_end,
        args=(page, picked.id if picked else 0), disabled=picked is None or not picked.open(page.now),
    )  # fmt: skip


def _end(page: Page, token_id: int) -> None:
    with showing_errors(page):
        tokens.revoke(page.bench, page.actor, token_id, now=page.now)
