"""Sources that conversations are fetched from: set up, paused, fetched now; never their secrets."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pages.kit.dialogs import close_dialog, dialog, done, kept, open_dialog, opener
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, plain_text, showing_errors
from qa import connectors
from qa.connectors import ConnectorView, Description
from qa.i18n import C_, N_
from qa.jobs import nights

SETTINGS = {"base": N_("Address"), "email": N_("E-mail"), "account": N_("Account number"), "app_key": N_("App key")}
"""Settings of the shipped kinds in words; others by their own names."""


def draw(page: Page) -> None:
    """Draw the section."""
    _ = page.t
    found = connectors.connectors(page.bench, page.actor)
    opener(_("New source"), "new_source", icon=":material/add_link:")
    dialog("new_source", _("New source"), lambda: _form(page))
    st.caption(
        _(
            "Asked every night in the step Take in. 企业微信 can be read with its vendor's own library alone: let that"
            " write JSON lines into a folder of the inbox."
        )
    )
    if not found:
        empty(
            _("No source is set up."),
            _("Conversations of other systems are fetched by themselves, from where the last fetch ended."),
        )
        return
    clickable(
        {
            _(C_("source", "Name")): [one.name for one in found],
            _("Kind"): [_kind(page, one.kind) for one in found],
            _("Source"): [one.source for one in found],
            _("Address"): [one.settings.get("base", "") for one in found],
            _("Fetched up to"): [one.cursor[:30] or "–" for one in found],
            _("State"): [_("paused") if one.paused else _("active") for one in found],
        },
        len(found),
        "sources",
        lambda row: open_dialog("source", found[row].name),
    )
    chosen = next((one for one in found if one.name == kept()), None)
    if chosen is not None:
        dialog("source", chosen.name, lambda: _one(page, chosen))


def _kind(page: Page, kind: str) -> str:
    known = connectors.SHIPPED.get(kind)
    return kind if known is None else page.t.label(known.name["zh"], known.name["en"])


def _form(page: Page) -> None:
    _, kinds = page.t, list(connectors.SHIPPED)
    kind = st.selectbox(_("Kind"), kinds, key="source_kind", format_func=lambda one: _kind(page, one))
    described: Description = connectors.SHIPPED[kind]
    with st.form("source_form", border=False):
        name = st.text_input(_(C_("source", "Name")), key="source_name", max_chars=60)
        source = st.text_input(
            _("Source"), key="source_source", max_chars=60,
            help=_("Short name of shop and platform, part of every key: the same for all files of the shop."),
        )  # fmt: skip
        settings = {
            one: st.text_input(_(SETTINGS.get(one, one)), key=f"source_set_{one}", max_chars=300)
            for one in described.settings
        }
        secret = st.text_input(
            _("Secret"), type="password", key="source_secret", help=_("Sealed when it is saved, and never shown again.")
        )
        days = st.number_input(_("Days back for the first fetch"), 1, 3650, 30, key="source_days")
        if st.form_submit_button(_("Save"), type="primary"):
            with showing_errors(page):
                connectors.add(
                    page.bench, page.actor, now=page.now, name=name, source=source.strip(), kind=kind,
                    settings={key: value.strip() for key, value in settings.items()}, secret=secret,
                    since=page.now - timedelta(days=int(days)),
                )  # fmt: skip
                done()


def _one(page: Page, one: ConnectorView) -> None:
    _ = page.t
    for name, value in one.settings.items():
        plain_text(f"{_(SETTINGS.get(name, name))}: {value}")
    with st.container(horizontal=True):
        turn = connectors.resume if one.paused else connectors.pause
        if st.button(_("Switch on") if one.paused else _("Pause"), key="source_turn"):
            with showing_errors(page):
                turn(page.bench, page.actor, one.name, now=page.now)
                done()
        st.button(
            _("Fetch now"), key="source_fetch", icon=":material/download:", disabled=one.paused, on_click=_fetch,
            args=(page,),
        )  # fmt: skip


def _fetch(page: Page) -> None:
    """As the night does it, and as a job: a first fetch may take hours."""
    with showing_errors(page):
        nights.run_now(page.bench, page.actor, now=page.now, step="intake")
        st.toast(page.t("The work goes on when this page is closed."))
        close_dialog()
