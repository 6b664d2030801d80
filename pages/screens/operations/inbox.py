"""The folders of the inbox: where they are, how their files are read, what waits and what was set aside."""

from __future__ import annotations

import streamlit as st

from pages.kit.dialogs import dialog, done, kept, open_dialog, opener
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import confirm, empty, plain_text, showing_errors
from qa import inbox, ingest
from qa.inbox import Folder


def draw(page: Page) -> None:
    """Draw the section."""
    _ = page.t
    found = inbox.folders(page.bench, page.actor)
    opener(_("New folder"), "new_folder", icon=":material/create_new_folder:")
    dialog("new_folder", _("New folder"), lambda: _form(page, None))
    if not found:
        empty(
            _("No folder is set up."),
            _("Exports that are dropped into a folder are imported by the night shift, each read like the one before."),
        )
        return
    clickable(
        {
            _("Folder"): [one.name for one in found],
            _("Source"): [one.source for one in found],
            _("Read as"): [_read_as(page, one) for one in found],
            _("Waiting"): [len(inbox.waiting(page.bench, one.name)) for one in found],
            _("Set aside"): [inbox.set_aside(page.bench, one.name) for one in found],
            _("Place"): [str(inbox.place(page.bench, one.name)) for one in found],
        },
        len(found),
        "folders",
        lambda row: open_dialog("folder", found[row].name),
    )
    for name, n in inbox.unknown_folders(page.bench):
        plain_text(_("{folder}: {n} files in a folder that is not set up", folder=name, n=n))
    chosen = next((one for one in found if one.name == kept()), None)
    if chosen is not None:
        dialog("folder", chosen.name, lambda: _form(page, chosen))


def _read_as(page: Page, folder: Folder) -> str:
    _ = page.t
    if folder.profile:
        return folder.profile
    preset = next((one for one in ingest.PRESETS if one.id == folder.preset), None)
    if preset is not None:
        return _.label(preset.zh, preset.en)
    return _(ingest.KINDS[folder.kind]) if folder.kind else _("as each file shows")


def _form(page: Page, folder: Folder | None) -> None:
    _, now = page.t, folder or Folder("", "")
    kinds, presets = ["", *ingest.KINDS], {"": _("as each file shows")}
    presets |= {one.id: _.label(one.zh, one.en) for one in ingest.PRESETS}
    profiles = ["", *(one.name for one in ingest.profiles(page.bench, page.actor))]
    with st.form("folder_form", border=False):
        name = st.text_input(_("Folder"), now.name, max_chars=60, key="folder_name", disabled=folder is not None)
        source = st.text_input(
            _("Source"), now.source, max_chars=60, key="folder_source", disabled=folder is not None,
            help=_("Short name of shop and platform, part of every key: the same for all files of the shop."),
        )  # fmt: skip
        kind = st.selectbox(
            _("Files hold"), kinds, kinds.index(now.kind), key="folder_kind",
            format_func=lambda one: _(ingest.KINDS[one]) if one else _("as each file shows"),
        )  # fmt: skip
        preset = st.selectbox(
            _("Export format"), list(presets), list(presets).index(now.preset) if now.preset in presets else 0,
            key="folder_preset", format_func=lambda one: presets[one],
        )  # fmt: skip
        profile = st.selectbox(
            _("Saved mapping"), profiles, profiles.index(now.profile) if now.profile in profiles else 0,
            key="folder_profile", format_func=lambda one: one or _("none"),
            help=_("Saved on the page Import, with the answers to what a file leaves open."),
        )  # fmt: skip
        if st.form_submit_button(_("Save"), type="primary"):
            _save(page, folder, Folder(name, source.strip(), kind, preset, profile, now.silence_hours))
    if folder is not None and confirm(
        page, _("Look into it no more"), _("Its files and what was imported from it stay."), key="folder_remove"
    ):
        with showing_errors(page):
            inbox.remove(page.bench, page.actor, folder.name, now=page.now)
            done()


def _save(page: Page, before: Folder | None, folder: Folder) -> None:
    with showing_errors(page):
        if before is None:
            inbox.add(page.bench, page.actor, folder, now=page.now)
        else:
            inbox.change(page.bench, page.actor, folder, now=page.now)
        done()
