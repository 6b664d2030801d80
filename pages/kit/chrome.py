"""What surrounds every page: the shared style sheet, the demo banner and the account menu."""

from __future__ import annotations

import html
import logging
import secrets
from pathlib import Path

import streamlit as st

from pages.kit import frame, tokens
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.nav import NAME
from pages.kit.theme import style
from pages.kit.widgets import show_error
from qa import outage
from qa.errors import Invalid, SpotcheckError
from qa.i18n import LANGUAGE_NAMES, N_, Translator, pick_language
from qa.people import accounts, passwords
from qa.policy import ROLE_NAMES

MARK = Path(__file__).with_name("mark.svg")


def draw(page: Page) -> None:
    """Draw what surrounds the page; call once, before the page runs."""
    st.set_page_config(page_title=NAME, page_icon=str(MARK), layout="wide")
    st.html(style())
    if page.bench.config.demo:
        about = html.escape(page.t("All data is generated."))
        st.html(f'<div class="sc-demo" title="{about}">{html.escape(page.t("Demo"))}</div>')
    with st.container(key="account"):
        _account_menu(page)
    with st.container(key="frame_place"):
        frame.draw(page)


def _account_menu(page: Page) -> None:
    _ = page.t
    with st.popover(escape(page.user.display_name), key="account_menu", icon=":material/person:"):
        st.caption(f"{_(ROLE_NAMES[page.actor.role])} · {escape(page.user.login)}")
        st.segmented_control(
            _("Language"),
            list(LANGUAGE_NAMES),
            format_func=LANGUAGE_NAMES.__getitem__,
            default=_.language,
            key="language_choice",
            on_change=_choose_language,
            args=(page,),
            required=True,
            width="stretch",
        )
        if not page.bench.config.oidc:
            st.button(
                _("Change password"),
                key="change_password",
                icon=":material/key:",
                width="stretch",
                on_click=_ask_for_password,
            )
        st.button(
            _("Tokens for programs"), key="own_tokens_open", icon=":material/api:", width="stretch",
            on_click=_ask_for_tokens,
        )  # fmt: skip
        if st.button(_("Sign out"), key="sign_out", icon=":material/logout:", width="stretch"):
            st.logout()
    if st.session_state.pop("asking_for_tokens", False):
        st.dialog(_("Tokens for programs"), width="large")(tokens.own)(page)
    if st.session_state.pop("asking_for_password", False):
        st.dialog(_("Change password"))(_password_form)(page)
    elif _needs_password(page):
        st.dialog(_("Choose a password"))(_first_password)(page)


_OFFERED = "password_offered"


def _needs_password(page: Page) -> bool:
    """Whoever came by a link has no way back in without a password: they are asked once a session."""
    config = page.bench.config
    if page.user.has_password or config.oidc or config.demo or st.session_state.get(_OFFERED):
        return False
    if st.query_params:  # a link may open a dialog of its own, and there is one at a time
        return False
    st.session_state[_OFFERED] = True
    return True


def _first_password(page: Page) -> None:
    st.write(page.t("You signed in by a link that works once. With a password you can come back by yourself."))
    _password_form(page)


def _choose_language(page: Page) -> None:
    try:
        accounts.choose_language(page.bench, page.actor, st.session_state["language_choice"], now=page.now)
    except SpotcheckError as error:
        show_error(page, error)


def _ask_for_tokens() -> None:
    st.session_state["asking_for_tokens"] = True


def _ask_for_password() -> None:
    st.session_state["asking_for_password"] = True


def _password_form(page: Page) -> None:
    _ = page.t
    with st.form("password_form", border=False, clear_on_submit=False):
        old = st.text_input(
            _("Present password"), type="password", key="password_old", disabled=not page.user.has_password
        )
        new = st.text_input(
            _("New password"),
            type="password",
            key="password_new",
            help=_("At least {length} characters.", length=passwords.PASSWORD_LENGTH),
        )
        again = st.text_input(_("New password, again"), type="password", key="password_again")
        if not st.form_submit_button(_("Change password"), type="primary"):
            return
    try:
        if new != again:
            raise Invalid(N_("The two passwords differ."))
        accounts.change_password(page.bench, page.actor, old=old, new=new, mark=str(st.user["session"]), now=page.now)
    except SpotcheckError as error:
        show_error(page, error)
    else:
        st.success(_("The password is changed. Other browsers were signed out."), icon=":material/check:")


def report_error(error: Exception) -> bool:
    """What a person sees when a page fails: expected errors as a sentence, others with a number that is in the log."""
    t = Translator(pick_language(st.context.locale), "UTC")
    expected = outage.explain(error)
    if expected is not None:
        if expected is not error:
            logging.getLogger("spotcheck").error("outside trouble", exc_info=error)
        st.warning(escape(t.error(expected)), icon=":material/info:")
        return True
    number = secrets.token_hex(4)
    logging.getLogger("spotcheck").error("page failed, number %s", number, exc_info=error)
    st.warning(
        t(
            "Something went wrong here; what was saved stays saved. Reload the page, or tell your admin this number:"
            " {number}",
            number=number,
        ),
        icon=":material/info:",
    )
    return True
