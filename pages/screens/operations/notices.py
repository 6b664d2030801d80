"""Channels that are told what happens: set up, tried, paused; and what they were told."""

from __future__ import annotations

import streamlit as st

from pages.kit.dialogs import dialog, done, kept, open_dialog, opener
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, showing_errors
from qa import notify
from qa.i18n import LANGUAGE_NAMES
from qa.notify import Channel, ChannelView
from qa.people import accounts
from qa.policy import Right

HELP = {
    "dingtalk": "dingtalk://SECRET@TOKEN",
    "feishu": "feishu://TOKEN",
    "wecom": "wecombot://KEY",
    "mail": "mailtos://user:password@mail.example.com?to=team@example.com",
    "webhook": "https://example.com/hook whsec_…",
}


def draw(page: Page) -> None:
    """Draw the section."""
    _ = page.t
    found = notify.channels(page.bench, page.actor)
    opener(_("New channel"), "new_channel", icon=":material/add_alert:")
    dialog("new_channel", _("New channel"), lambda: _form(page, None))
    if not found:
        empty(
            _("No channel is set up."),
            _(
                "A robot of a chat group, a mailbox or a program can be told of draws, rulings, results and failed "
                "jobs."
            ),
        )
        return
    clickable(
        {
            _("Channel"): [one.name for one in found],
            _("Kind"): [_(notify.KINDS[one.kind]) for one in found],
            _("Events"): [_events(page, one) for one in found],
            _("When"): [_("one message a night") if one.digest else _("at once") for one in found],
            _("State"): [_("paused") if one.paused else _("active") for one in found],
        },
        len(found),
        "channels",
        lambda row: open_dialog("channel", found[row].id),
    )
    chosen = next((one for one in found if one.id == kept()), None)
    if chosen is not None:
        dialog("channel", chosen.name, lambda: _form(page, chosen))
    _log(page)


def _events(page: Page, channel: ChannelView) -> str:
    _ = page.t
    names = {**notify.AREAS, **{name: event.title for name, event in notify.EVENTS.items()}}
    return " · ".join(_(names[name]) for name in channel.events if name in names)


def _form(page: Page, channel: ChannelView | None) -> None:
    _ = page.t
    kinds = list(notify.KINDS)
    kind = (
        channel.kind
        if channel
        else st.selectbox(_("Kind"), kinds, key="channel_kind", format_func=lambda one: _(notify.KINDS[one]))
    )
    people = {0: _("a group"), **_people(page)}
    names = notify.AREAS if kind == "webhook" else {name: event.title for name, event in notify.EVENTS.items()}
    with st.form("channel_form", border=False):
        name = st.text_input(_("Name"), channel.name if channel else "", max_chars=100, key="channel_name")
        address = st.text_input(
            _("Address"), type="password", key="channel_address", placeholder=HELP[kind],
            help=_("Sealed when it is saved, and never shown again. Empty: as it is.") if channel else HELP[kind],
        )  # fmt: skip
        events = st.multiselect(
            _("Events"), list(names), [one for one in channel.events if one in names] if channel else [],
            key=f"channel_events_{kind}", format_func=lambda one: _(names[one]),
        )  # fmt: skip
        user = st.selectbox(
            _("For"), list(people), list(people).index(channel.user_id or 0) if channel else 0, key="channel_user",
            format_func=lambda one: people[one], help=_("A person is told only what concerns them."),
        )  # fmt: skip
        digest = st.checkbox(_("One message a night"), channel.digest if channel else False, key="channel_digest")
        left, right = st.columns(2)
        quiet_from = left.text_input(
            _("Quiet from"), channel.quiet_from if channel else "", key="channel_quiet_from", placeholder="22:00"
        )
        quiet_to = right.text_input(
            _("Quiet until"), channel.quiet_to if channel else "", key="channel_quiet_to", placeholder="08:00"
        )
        language = st.selectbox(
            _("Language"),
            list(LANGUAGE_NAMES),
            list(LANGUAGE_NAMES).index(channel.language if channel else _.language),
            key="channel_language",
            format_func=lambda one: LANGUAGE_NAMES[one],
        )
        if st.form_submit_button(_("Save"), type="primary"):
            _save(
                page, channel,
                Channel(name, kind, address, tuple(events), user or None, digest, quiet_from, quiet_to, language),
            )  # fmt: skip
    if channel is not None:
        _buttons(page, channel)


def _buttons(page: Page, channel: ChannelView) -> None:
    _ = page.t
    with st.container(horizontal=True):
        if st.button(_("Try it"), key="channel_test", icon=":material/send:"):
            with showing_errors(page):
                notify.test(page.bench, page.actor, channel.id, now=page.now)
                st.success(_("It was taken."), icon=":material/check:")
        turn = notify.resume if channel.paused else notify.pause
        if st.button(_("Switch on") if channel.paused else _("Pause"), key="channel_turn"):
            with showing_errors(page):
                turn(page.bench, page.actor, channel.id, now=page.now)
                done()


def _people(page: Page) -> dict[int, str]:
    if not page.actor.may(Right.MANAGE_USERS):
        return {}
    return {one.id: one.display_name for one in accounts.users(page.bench, page.actor) if one.active}


def _save(page: Page, before: ChannelView | None, channel: Channel) -> None:
    with showing_errors(page):
        if before is None:
            notify.add(page.bench, page.actor, channel, now=page.now)
        else:
            notify.change(page.bench, page.actor, before.id, channel, now=page.now)
        done()


def _log(page: Page) -> None:
    _ = page.t
    lines = notify.log(page.bench, page.actor)
    if not lines:
        st.caption(_("Nothing was told yet."))
        return
    titles = {name: event.title for name, event in notify.EVENTS.items()}
    st.dataframe(
        {
            _("When"): [_.when(one.at) for one in lines],
            _("Channel"): [one.channel for one in lines],
            _("Event"): [_(titles.get(one.event, one.event)) for one in lines],
            _("State"): [_(notify.STATES[one.state]) for one in lines],
            _("Attempts"): [one.attempts for one in lines],
            _("Reason"): [one.error for one in lines],
        },
        hide_index=True,
        height="content" if len(lines) < 16 else 560,
    )
