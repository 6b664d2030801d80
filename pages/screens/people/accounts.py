"""The users section of the admin page: the list, a new account, and what can be done to the selected one."""

from __future__ import annotations

import polars as pl
import streamlit as st

from pages.kit.dialogs import close_dialog, dialog, done, kept, open_dialog, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import confirm, show_error
from qa.errors import SpotcheckError
from qa.people import accounts, roster, signins
from qa.policy import ROLE_NAMES, Role

_CHANGING, _REFUSED = "account_changing", "account_refused"


def users(page: Page) -> None:
    """Draw the section."""
    _ = page.t
    found = accounts.users(page.bench, page.actor)
    _show_outcome(page)
    opener(_("New account"), "new_account", icon=":material/person_add:")
    dialog("new_account", _("New account"), lambda: _new_form(page))
    frame = pl.DataFrame(
        {
            _("Account"): [a.login for a in found],
            _("Name"): [a.display_name for a in found],
            _("Role"): [_(ROLE_NAMES[a.role]) for a in found],
            _("Agent id"): [a.agent_id or "" for a in found],
            _("Team"): [a.home_team or "" for a in found],
            _("Password"): [_("set") if a.has_password else _("none yet") for a in found],
            _("State"): [_("active") if a.active else _("disabled") for a in found],
            _("Created on"): [_.day(a.created_at) for a in found],
        }
    )
    clickable(frame, len(found), "users", lambda row: _open_account(found[row].id))
    by_id = {account.id: account for account in found}
    if (chosen := by_id.get(kept())) is not None:
        dialog("account", _("Account"), lambda: _selected(page, chosen), width="medium")


def address(page: Page, token: str) -> str:
    """The full address of a one-time link, as this browser reaches us."""
    base = page.bench.config.public_url.rstrip("/") or (st.context.url or "").split("/admin")[0].rstrip("/")
    return f"{base}/login/link?token={token}"


def _new_form(page: Page) -> None:
    _ = page.t
    with st.form("new_account_form", border=False):
        st.text_input(_("Account name"), key="new_login", max_chars=100, placeholder="wang.fang")
        st.text_input(_("Name"), key="new_name", max_chars=100)
        st.selectbox(_("Role"), list(Role), format_func=lambda role: _(ROLE_NAMES[role]), key="new_role")
        st.text_input(
            _("Agent id"),
            key="new_agent",
            help=_("From the roster. Needed for agents; for others only if they also serve customers."),
        )
        _team_field(page, "new_team", "")
        asked = st.form_submit_button(_("Create and make a sign-in link"), type="primary")
    if asked:
        _create(page)


def _team_field(page: Page, key: str, team: str) -> None:
    """The teams of the roster to choose from; another name can be written."""
    _ = page.t
    known = sorted({row.team for row in roster.roster(page.bench, page.actor) if row.team} | ({team} - {""}))
    st.selectbox(
        _("Team"), known, index=known.index(team) if team else None, key=key, accept_new_options=True,
        placeholder=_("none"), help=_("A team leader sees the results of this team, and of no other."),
    )  # fmt: skip


def _create(page: Page) -> None:
    given = st.session_state
    try:
        account = accounts.create_user(
            page.bench,
            page.actor,
            now=page.now,
            login=given["new_login"],
            role=given["new_role"],
            display_name=given["new_name"],
            agent_id=given["new_agent"],
            home_team=given["new_team"],
        )
        token = signins.new_link(page.bench, page.actor, account.id, now=page.now)
    except SpotcheckError as error:
        show_error(page, error)
    else:
        st.session_state["users_outcome"] = (
            page.t("Account “{login}” created.", login=account.login),
            address(page, token),
        )
        done()


def _show_outcome(page: Page) -> None:
    text, link = st.session_state.pop("users_outcome", (None, None))
    if text:
        st.info(escape(text), icon=":material/info:")
    if link:
        st.caption(
            page.t("Give this link to its owner; it works once, within {hours} hours.", hours=signins.LINK_HOURS)
        )
        st.code(link, language=None)


def _selected(page: Page, account: accounts.Account) -> None:
    _ = page.t
    with st.container(horizontal=True, vertical_alignment="center", key="account_actions"):
        st.markdown(f"{escape(account.display_name)} · {escape(account.login)}", width="content")
        changing = st.session_state.get(_CHANGING) == account.id
        st.button(
            _("Change"), key="change_account", icon=":material/edit:", disabled=changing, on_click=_begin_change,
            args=(account.id,),
        )  # fmt: skip
        st.button(
            _("Sign-in link"),
            key="make_link",
            icon=":material/link:",
            disabled=not account.active,
            on_click=_make_link,
            args=(page, account.id),
        )
        if confirm(page, _("End all sign-ins"), _("The person must sign in again everywhere."), key="revoke_account"):
            _do(page, lambda: signins.revoke_sign_ins(page.bench, page.actor, account.id, now=page.now))
        if account.active:
            if confirm(
                page,
                _("Disable"),
                _("The account is locked and its sign-ins end. Nothing it did is removed."),
                key="disable_account",
            ):
                _do(page, lambda: accounts.disable_user(page.bench, page.actor, account.id, now=page.now))
        elif st.button(_("Enable"), key="enable_account"):
            _do(page, lambda: accounts.enable_user(page.bench, page.actor, account.id, now=page.now))
    if changing:
        _change_form(page, account)


def _begin_change(user_id: int) -> None:
    st.session_state[_CHANGING] = user_id


def _open_account(user_id: int) -> None:
    st.session_state.pop(_CHANGING, None)
    open_dialog("account", user_id)


def _do(page: Page, action: object) -> None:
    try:
        action()  # type: ignore[operator]
    except SpotcheckError as error:
        show_error(page, error)
    else:
        close_dialog()
        st.rerun()


def _make_link(page: Page, user_id: int) -> None:
    try:
        token = signins.new_link(page.bench, page.actor, user_id, now=page.now)
    except SpotcheckError as error:
        st.session_state["users_outcome"] = (page.t.error(error), None)
    else:
        st.session_state["users_outcome"] = (page.t("The link is ready."), address(page, token))
        close_dialog()


def _change_form(page: Page, account: accounts.Account) -> None:
    _ = page.t
    with st.form("change_account_form", border=False):
        st.text_input(_("Name"), account.display_name, key="change_name", max_chars=100)
        st.selectbox(
            _("Role"),
            list(Role),
            index=list(Role).index(account.role),
            format_func=lambda role: _(ROLE_NAMES[role]),
            key="change_role",
        )
        st.text_input(_("Agent id"), account.agent_id or "", key="change_agent")
        _team_field(page, "change_team", account.home_team or "")
        st.text_input(
            _("New password"),
            key="change_new_password",
            type="password",
            help=_("Empty keeps the present one. A new one ends all sign-ins."),
        )
        st.form_submit_button(_("Save"), type="primary", on_click=_change, args=(page, account.id))
    if (refused := st.session_state.pop(_REFUSED, None)) is not None:
        show_error(page, refused)


def _change(page: Page, user_id: int) -> None:
    given = st.session_state
    name, role, agent, team, password = (
        given[f"change_{field}"] for field in ("name", "role", "agent", "team", "new_password")
    )
    try:
        accounts.change_user(
            page.bench, page.actor, user_id, now=page.now, display_name=name, role=role, agent_id=agent, home_team=team
        )
        if password:
            accounts.set_password(page.bench, page.actor, user_id, password, now=page.now)
    except SpotcheckError as error:
        st.session_state[_REFUSED] = error
    else:
        st.session_state["users_outcome"] = (page.t("Saved."), None)
        st.session_state.pop(_CHANGING, None)
        close_dialog()
