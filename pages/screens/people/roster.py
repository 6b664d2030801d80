"""The roster section of the admin page: everybody who is inspected, what changes and from which day, and accounts in
one go."""

from __future__ import annotations

import csv
import io

import polars as pl
import streamlit as st

from pages.kit.dialogs import dialog, done, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import download, empty, show_error, showing_errors
from pages.screens.people import other_accounts
from pages.screens.people.accounts import address
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.people import roster, signins
from qa.policy import Right
from qa.reports.exporting import neutral

STAGES = {"": N_("not said"), "presale": N_("before the sale"), "aftersale": N_("after the sale")}


def draw(page: Page) -> None:
    """Draw the section."""
    _ = page.t
    people = roster.roster(page.bench, page.actor)
    if (told := st.session_state.pop("roster_told", None)) is not None:
        st.success(escape(told))
    if not people:
        empty(
            _("Nobody is on the roster yet."),
            _("Import the roster as a file, or chats: their agents join the roster by themselves."),
        )
        return
    if page.actor.may(Right.MANAGE_USERS):
        _accounts(page, people)
    frame = pl.DataFrame(
        {
            _("Agent id"): [p.agent_id for p in people],
            _("Name"): [p.name for p in people],
            _("Team"): [p.team for p in people],
            _("Shop"): [p.shop for p in people],
            _("Stage"): [_(STAGES[p.stage]) if p.stage else "" for p in people],
            _("Hired on"): [_.day(p.hired_on) for p in people],
            _("Left on"): [_.day(p.left_on) for p in people],
            _("Account"): [p.login or "" for p in people],
            _("Moves"): [p.moves for p in people],
        }
    )
    st.dataframe(frame, hide_index=True, height="content" if len(people) < 14 else 480)
    names = {p.agent_id: f"{p.name} · {p.agent_id}" for p in people}
    chosen = st.selectbox(
        _("Change an agent"),
        list(names),
        format_func=names.__getitem__,
        index=None,
        key="roster_agent",
        placeholder=_("Choose"),
    )
    if chosen is not None:
        _form(page, next(p for p in people if p.agent_id == chosen), sorted({p.team for p in people if p.team}))
    other_accounts.draw(page, people, names)


def _form(page: Page, person: roster.RosterRow, teams: list[str]) -> None:
    _ = page.t
    moves = roster.moves_of(page.bench, page.actor, person.agent_id)
    if moves:
        st.caption(
            escape(
                " → ".join(
                    f"{m.team or '–'} ({_.day(m.from_day)})" if i else m.team or "–" for i, m in enumerate(moves)
                )
            )
        )
    with st.form(f"roster_{person.agent_id}", border=True):
        name = st.text_input(_("Name"), person.name, max_chars=200)
        options = list(dict.fromkeys([person.team, *teams]))
        team = st.selectbox(_("Team"), options, options.index(person.team), accept_new_options=True)
        shop = st.text_input(_("Shop"), person.shop, max_chars=200)
        stage = st.selectbox(
            _("Stage"), list(STAGES), list(STAGES).index(person.stage), format_func=lambda s: _(STAGES[s])
        )
        from_day = st.date_input(
            _("Team, shop and stage hold from"),
            "today",
            help=_("Results of earlier days stay with the team of their day."),
        )
        hired = st.date_input(_("Hired on"), person.hired_on)
        left = st.date_input(_("Left on"), person.left_on)
        if not st.form_submit_button(_("Save"), type="primary"):
            return
    values = {"name": name, "team": team or "", "shop": shop, "stage": stage, "hired_on": hired, "left_on": left}
    try:
        changed = roster.change_agent(
            page.bench, page.actor, now=page.now, agent_id=person.agent_id, values=values, from_day=from_day
        )
    except SpotcheckError as error:
        show_error(page, error)
        return
    st.session_state["roster_told"] = _("Saved.") if changed else _("Nothing was changed.")
    st.rerun()


def _accounts(page: Page, people: list[roster.RosterRow]) -> None:
    _ = page.t
    without = [p for p in people if p.login is None and p.left_on is None]
    made: list[roster.NewAccount] = st.session_state.get("roster_accounts", [])
    if made:
        st.success(
            _(
                "{n} accounts are ready. Give everybody their own link; each works once, within {hours} hours.",
                n=len(made),
                hours=signins.LINK_HOURS,
            )
        )
        download(_("Links (CSV)"), lambda: _links(page, made), "accounts.csv", key="roster_links")
    if not without:
        return
    opener(_("Accounts for the roster"), "roster_accounts_form", icon=":material/group_add:")
    dialog("roster_accounts_form", _("Accounts for the roster"), lambda: _make_accounts(page, without))


def _make_accounts(page: Page, without: list[roster.RosterRow]) -> None:
    _ = page.t
    st.write(_("{n} agents have no account yet. Each gets one with a sign-in link that works once.", n=len(without)))
    names = {person.agent_id: person.name for person in without}
    wanted = st.multiselect(
        _("Only these (empty: all)"), list(names), format_func=names.__getitem__, placeholder=_("All"),
        key="roster_only",
    )  # fmt: skip
    if st.button(_("Make accounts"), type="primary", key="roster_make"):
        with showing_errors(page):
            st.session_state["roster_accounts"] = roster.make_accounts(
                page.bench, page.actor, now=page.now, agent_ids=wanted or list(names)
            )
            done()


def _links(page: Page, made: list[roster.NewAccount]) -> bytes:
    _ = page.t
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_("Name"), _("Agent id"), _("Account"), _("Sign-in link")])
    for one in made:
        writer.writerow([neutral(cell) for cell in (one.name, one.agent_id, one.login, address(page, one.token))])
    return text.getvalue().encode("utf-8-sig")
