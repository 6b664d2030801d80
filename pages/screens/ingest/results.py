"""What an import did or would do: counts, changes, problems."""

from __future__ import annotations

import polars as pl
import streamlit as st

from pages.kit import jobs as job_view
from pages.kit.guard import Page
from pages.kit.widgets import download
from qa import ingest, jobs
from qa.ingest import ImportCounts, ImportPreview, ImportResult, RowProblem
from qa.transcripts import shown_text


def cell(page: Page, value: object) -> str:
    text = page.t.when(value) if hasattr(value, "tzinfo") else "" if value is None else str(value)  # type: ignore[arg-type]
    return shown_text(page.actor, text)


def show_result(page: Page, result: ImportResult) -> None:
    _ = page.t
    nothing = not result.counts.new and not result.counts.changed
    st.success(
        _("Nothing new: all of it was in the archive already.")
        if nothing
        else _("Imported as version {version} of the archive.", version=result.archive_version)
    )
    show_counts(page, result.counts)
    show_changes(page, result)
    show_problems(page, result.summary, result.problems)
    if result.problem_file is not None:
        download(
            _("All problems (CSV)"),
            lambda: _problem_csv(page, result.run_id),
            f"problems-{result.run_id}.csv",
            key="import_problems",
        )
    if st.button(_("Import another file"), key="import_again"):
        job_view.forget(page, jobs.IMPORT)
        st.session_state["import_round"] = st.session_state.get("import_round", 0) + 1
        st.rerun()


def _problem_csv(page: Page, run_id: int) -> bytes:
    path = page.bench.config.home / "tmp" / f"problems-{run_id}-{page.actor.user_id}.csv"
    try:
        ingest.problem_list(page.bench, page.actor, run_id, path, page.t)
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)


def show_counts(page: Page, counts: ImportCounts) -> None:
    _ = page.t
    shown = [
        (_("New"), counts.new),
        (_("Changed"), counts.changed),
        (_("Unchanged"), counts.unchanged),
        (_("Messages"), counts.messages),
        (_("Rows left out"), counts.bad),
        (_("Warnings"), counts.warnings),
    ]
    for column, (label, value) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(label, page.t.number(value))


def show_changes(page: Page, seen: ImportPreview | ImportResult) -> None:
    """What the file changes in records that were there: field by field, before and after."""
    _ = page.t
    if seen.counts.extended:
        st.caption(_("{n} known conversations get more messages; none loses any.", n=_.number(seen.counts.extended)))
    if seen.counts.joined:
        st.caption(
            _(
                "{n} known chats become part of another, because this file closes the silence between them.",
                n=_.number(seen.counts.joined),
            )
        )
    if seen.counts.incomplete or seen.counts.left_out:
        st.caption(
            _(
                "{incomplete} conversations are incomplete, {left_out} were left out whole.",
                incomplete=_.number(seen.counts.incomplete),
                left_out=_.number(seen.counts.left_out),
            )
        )
    if not seen.changes:
        return
    labels = {field.name: _(field.label) for field in ingest.FIELDS[seen.kind]}
    rows = [
        {
            _("Changes in what is there"): labels.get(c.field, c.field),
            _("Count"): c.n,
            _("Example"): cell(page, c.key),
            _("Before"): cell(page, c.old),
            _("After"): cell(page, c.new),
        }
        for c in seen.changes
    ]
    st.dataframe(pl.DataFrame(rows, infer_schema_length=None), hide_index=True, width="stretch")


def show_problems(page: Page, summary: tuple[tuple[RowProblem, int], ...], problems: tuple[RowProblem, ...]) -> None:
    if not summary:
        return
    _ = page.t
    words = {"bad": _("left out"), "warning": _("warning")}
    table = pl.DataFrame(
        [
            {
                _("Count"): n,
                _("Severity"): words[p.severity],
                _("First row"): p.row,
                _("Field"): p.field,
                _("Reason"): p.reason(page.t),
                _("Cure"): p.cure(page.t),
            }
            for p, n in summary
        ],
        infer_schema_length=None,
    )
    st.dataframe(table, hide_index=True, width="stretch")
    with st.expander(_("Row by row (the first {n})", n=len(problems))):
        rows = [
            {
                _("Row"): p.row,
                _("Severity"): words[p.severity],
                _("Field"): p.field,
                _("Reason"): p.reason(page.t),
                _("Cure"): p.cure(page.t),
            }
            for p in problems
        ]
        st.dataframe(pl.DataFrame(rows, infer_schema_length=None), hide_index=True, width="stretch", height=320)
