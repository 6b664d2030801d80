"""What surrounds every page: the shared style sheet, the demo banner and the account menu."""

from __future__ import annotations

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import escape, show_error
from qa import accounts
from qa.errors import SpotcheckError
from qa.i18n import LANGUAGE_NAMES
from qa.policy import ROLE_NAMES

STYLE = """
<style>
:root { font-variant-numeric: tabular-nums lining-nums; }
.sc-text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.65; }
.sc-empty { display: flex; flex-direction: column; gap: .35rem; padding: 1.4rem 1.2rem; border: 1px dashed var(--st-border-color, #d8cfbd);
  border-radius: 6px; opacity: .92; }
.sc-empty span { opacity: .8; }
.st-key-account { position: fixed; top: .55rem; right: 1rem; z-index: 1000001; width: auto !important; }
[data-testid="stMetricValue"], td, th { font-variant-numeric: tabular-nums; }
em, i { font-style: normal; }
</style>
"""


def draw(page: Page) -> None:
    """Draw what surrounds the page; call once, before the page runs."""
    st.html(STYLE)
    with st.container(key="account"):
        _account_menu(page)


def _account_menu(page: Page) -> None:
    _ = page.t
    with st.popover(escape(page.user.display_name), key="account_menu", icon=":material/person:"):
        st.caption(f"{_(ROLE_NAMES[page.actor.role])} · {escape(page.user.login)}")
        st.segmented_control(
            _("Language"), list(LANGUAGE_NAMES), format_func=LANGUAGE_NAMES.__getitem__, default=_.language, key="language_choice",
            on_change=_choose_language, args=(page,), required=True,
        )
        if st.button(_("Sign out"), key="sign_out", icon=":material/logout:", width="stretch"):
            st.logout()


def _choose_language(page: Page) -> None:
    try:
        accounts.choose_language(page.bench, page.actor, st.session_state["language_choice"], now=page.now)
    except SpotcheckError as error:
        show_error(page, error)
