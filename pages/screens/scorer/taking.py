"""A file of machine scores: chosen, checked row by row, and stored once somebody has seen what it would do."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from pages.screens.ingest import uploads
from qa.scorer import importing
from qa.scorer.importing import FAULTS, ScoresImported


def show(page: Page) -> None:
    """The form, what the file would do, and the button that does it."""
    _ = page.t
    st.caption(
        _(
            "One row a criterion (conversation_id, source, criterion_id, option, evidence, quote) or one a conversation"
            " (total). CSV, XLSX or JSON lines."
        )
    )
    left, middle, right = st.columns([2, 1, 3], vertical_alignment="bottom")
    name = left.text_input(_("Name of the scorer"), key="scores_name", max_chars=60)
    label = middle.text_input(_("Version"), "1", key="scores_label", max_chars=100)
    given = right.file_uploader(_("File of scores"), type=["csv", "xlsx", "jsonl", "json"], key="scores_file")
    if given is None or not name.strip():
        return
    with showing_errors(page):
        path = uploads.keep(page.bench.config.home, given, page.now)
        seen = _take(page, path, name, label, check_only=True)
        _told(page, seen)
        if st.button(_("Store these scores"), type="primary", key="scores_store", disabled=not seen.new):
            done = _take(page, path, name, label, check_only=False)
            uploads.discard(page.bench.config.home, path)
            st.toast(_("Stored: conversations {n}", n=_.number(done.new)))
            st.session_state.pop("scores_file", None)
            st.rerun()


def _take(page: Page, path: Path, name: str, label: str, *, check_only: bool) -> ScoresImported:
    return importing.import_scores(
        page.bench, page.actor, now=page.now, path=path, name=name, label=label, check_only=check_only
    )


def _told(page: Page, seen: ScoresImported) -> None:
    _ = page.t
    st.write(
        _(
            "Conversations: {new} new, {known} known already, {refused} refused. Answers: {answers}, of them void: "
            "{void}.",
            new=_.number(seen.new),
            known=_.number(seen.known),
            refused=_.number(seen.refused),
            answers=_.number(seen.answers),
            void=_.number(seen.void),
        )
    )
    if not seen.faults:
        return
    rows = {
        _("Row"): [str(fault.row or "–") for fault in seen.faults],
        _("Field"): [fault.field for fault in seen.faults],
        _("Reason"): [_(FAULTS[fault.code].reason, value=fault.value) for fault in seen.faults],
        _("Cure"): [_(FAULTS[fault.code].cure) for fault in seen.faults],
    }
    st.dataframe(rows, hide_index=True, width="stretch", height="content" if len(seen.faults) < 8 else 300)
    if seen.faulty > len(seen.faults):
        st.caption(_("And {n} more.", n=_.number(seen.faulty - len(seen.faults))))
