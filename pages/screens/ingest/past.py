"""Past imports, newest first, and taking one back: what would go is shown before, and recorded after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl
import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, show_error
from qa import ingest
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.ingest import TakeBack

if TYPE_CHECKING:
    from qa.tables import ImportRun

SHOWN = 30
STATES: Mapping[str, str] = {
    "started": N_("running"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
    "interrupted": N_("interrupted"),
    "taken_back": N_("taken back"),
}
KINDS: Mapping[str, str] = {
    **ingest.KINDS,
    "indicators": N_("Indicators"),
    "take_back": N_("An import taken back"),
    "merge": N_("Two accounts made one"),
}


def draw(page: Page) -> None:
    """The list, and below it the way back."""
    _ = page.t
    if (done := st.session_state.pop("import_taken_back", None)) is not None:
        st.success(escape(_("The import was taken back.") + " " + _told(page, done)))
    runs = ingest.history(page.bench, page.actor, SHOWN)
    if not runs:
        empty(
            _("Nothing was imported yet."),
            _("Choose a file above, or run “spotcheck demo” for generated example data."),
        )
        return
    rows = [
        {
            _("When"): page.t.when(run.started_at),
            _("File name"): run.file_name,
            _("What it holds"): _(KINDS.get(run.kind, run.kind)),
            _("Source"): run.source,
            _("State"): _(STATES[ingest.state_of(run, page.now)]),
            _("New"): run.counts.get("new"),
            _("Changed"): run.counts.get("changed"),
            _("Unchanged"): run.counts.get("unchanged"),
            _("Rows left out"): run.counts.get("bad"),
            _("Archive version"): run.archive_version,
        }
        for run in runs
    ]
    st.dataframe(pl.DataFrame(rows, infer_schema_length=None), hide_index=True, width="stretch", placeholder="")
    _way_back(page, [run for run in runs if ingest.can_take_back(run)])


def _way_back(page: Page, runs: list[ImportRun]) -> None:
    _ = page.t
    if not runs:
        return
    names = {run.id: f"{page.t.when(run.started_at)} · {run.file_name}" for run in runs}
    with st.expander(_("Take an import back")):
        st.write(
            _(
                "Only what no other import brought is removed. Drawn samples, results and case files keep"
                " their evidence."
            )
        )
        run_id = st.selectbox(
            _("Import"),
            list(names),
            format_func=names.__getitem__,
            index=None,
            key="take_back_run",
            placeholder=_("Choose"),
        )
        if run_id is None:
            return
        try:
            seen = ingest.take_back_preview(page.bench, page.actor, run_id)
        except SpotcheckError as error:
            show_error(page, error)
            return
        st.info(escape(_("Nothing is written yet.") + " " + _told(page, seen)))
        if st.button(_("Take this import back"), key=f"take_back_{run_id}", type="primary"):
            try:
                st.session_state["import_taken_back"] = ingest.take_back(
                    page.bench, page.actor, now=page.now, run_id=run_id
                )
            except SpotcheckError as error:
                show_error(page, error)
                return
            st.session_state.pop("take_back_run", None)
            st.rerun()


def _told(page: Page, seen: TakeBack) -> str:
    _ = page.t
    facts = {name: _.number(value) for name, value in seen.to_dict().items()}
    text = _(
        "{conversations} conversations, {messages} messages, {disputes} disputes and {ratings}"
        " ratings will be removed; {changed} records will change.",
        **facts,
    )
    if seen.samples or seen.case_files:
        text += " " + _(
            "{samples} drawn samples and {case_files} case files of them stay, with their evidence.", **facts
        )
    return text
