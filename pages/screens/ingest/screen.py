"""What the import page shows, step by step. State is the chosen file and the preview of it; the import itself
is a job."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from pages.kit import jobs as job_view
from pages.kit.dialogs import dialog, done, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import heading, show_error, showing_errors
from pages.kit.work import Work
from pages.screens.ingest import editor, options, past, screening, uploads
from pages.screens.ingest.results import cell, show_changes, show_counts, show_problems, show_result
from qa import ingest, jobs
from qa.errors import Invalid, SpotcheckError
from qa.i18n import N_
from qa.ingest import Detected, ImportPreview, Mapping
from qa.policy import Role
from qa.transcripts import shown_text

TYPES = [
    *(
        "csv",
        "txt",
        "tsv",
        "xlsx",
        "xls",
        "xlsm",
        "ods",
        "jsonl",
        "ndjson",
        "json",
        "zip",
        "html",
        "htm",
        "mht",
        "mhtml",
    ),
    *("xml", "log"),
]
SHOWN_TYPES = "CSV, XLSX, XLS, JSON, TXT, HTML, ZIP"
READING = N_("Reading and checking the rows … {share}")


def draw(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Import"), _("Bring in chats, disputes, ratings and the roster"))
    job = jobs.latest(page.bench, page.actor, jobs.IMPORT)
    if job is not None and job.result is not None:
        show_result(page, job.result)
    elif (path := _choose(page)) is not None:
        _prepare(page, path)
    elif not _importing(page):
        job_view.ended(page, jobs.IMPORT, key="import")
    if job is None or job.ended:
        screening.draw(page)
    st.header(_("Past imports"))
    past.draw(page)


def _choose(page: Page) -> Path | None:
    _ = page.t
    st.write(
        _(
            "Chats, refunds and disputes, service ratings, or the agent roster, as CSV, Excel, JSON, text transcript or"
            " ZIP. You see what would happen before anything is written."
        )
    )
    _speak(page)
    _templates(page)
    uploaded = st.file_uploader(
        _("File to import"), type=TYPES, key=f"import_file_{st.session_state.get('import_round', 0) % 2}"
    )
    on_server = ""
    if page.actor.role is Role.ADMIN:
        on_server = st.text_input(
            _("Or the path of a file on the server"), key="import_path", placeholder="/data/exports/chats.csv"
        )
    if uploaded is not None:
        return _keep(page, uploaded)
    if on_server.strip():
        return Path(on_server.strip()).expanduser()
    return None


def _templates(page: Page) -> None:
    """A table to fill in, for who has no export."""
    _ = page.t
    with st.popover(_("Templates")):
        st.caption(_("Workbooks with the columns the import knows and an example."))
        for kind, label in ingest.KINDS.items():
            st.download_button(
                _(label),
                partial(ingest.template, kind, page.t.language),
                f"{kind}.xlsx",
                key=f"import_template_{kind}",
                width="stretch",
            )


def _speak(page: Page) -> None:
    """Streamlit's own words in the upload box, in the page's language."""
    _ = page.t
    words = {
        "button p": _("Choose a file"),
        "[data-testid=stFileUploaderDropzoneInstructions] span": _(
            "or drop it here · up to {n} MB · {types}",
            n=page.bench.config.max_upload_mb,
            types=SHOWN_TYPES,
        ),
    }
    box = ".stMainBlockContainer [data-testid=stFileUploaderDropzone]"
    st.html(
        "<style>"
        + "".join(
            f'{box} {part}{{font-size:0}}{box} {part}::after{{content:"{text}";font-size:.9rem}}'
            for part, text in words.items()
        )
        + "</style>"
    )


def _keep(page: Page, uploaded: Any) -> Path:
    """The upload as a file that outlives reruns; the one chosen before it is removed."""
    path = uploads.keep(page.bench.config.home, uploaded, page.now)
    earlier, job = st.session_state.get("import_upload"), jobs.latest(page.bench, page.actor, jobs.IMPORT)
    if earlier not in (None, path) and (job is None or job.ended):
        uploads.discard(page.bench.config.home, earlier)
    st.session_state["import_upload"] = path
    return path


def _prepare(page: Page, path: Path) -> None:
    _ = page.t
    try:
        detected = _detect(page, path)
    except SpotcheckError as error:
        show_error(page, error)
        options.reading(page, path, None)
        return
    left, middle, right = st.columns(3)
    kinds = list(ingest.KINDS)
    kind = left.selectbox(
        _("What it holds"),
        kinds,
        index=kinds.index(detected.kind),
        format_func=lambda k: _(ingest.KINDS[k]),
        key=f"import_kind_{path.name}",
    )
    choice = ingest.source_of(page.bench, page.actor, detected)
    source = middle.selectbox(
        _("Source"),
        list(dict.fromkeys((choice.source, *choice.known))),
        key=f"import_source_{path.name}",
        accept_new_options=True,
        help=_("A short name of where the data comes from. The same id of the same source is the same conversation."),
    )
    if choice.remembered:
        middle.caption(_("Remembered from the last import of this shop."))
    else:
        middle.caption(_("New here: keep one name per shop and platform; it is remembered."))
    saved = ingest.profiles(page.bench, page.actor, kind)
    name = right.selectbox(
        _("Saved mapping"),
        ["", *(p.name for p in saved)],
        key="import_profile",
        format_func=lambda n: n or _("as detected"),
    )
    if kind != detected.kind:
        detected = ingest.detect(path, kind=kind, options=options.asked(path))
    mapping = next((p.mapping for p in saved if p.name == name), detected.mapping)
    mapping = replace(mapping, reading=options.asked(path).over(mapping.reading))
    st.caption(escape(_described(page, detected)))
    above = st.container()  # what can be done stands above the mapping, which most files need not be touched
    with st.expander(_("First rows of the file"), expanded=st.session_state.get("import_work") is None):
        st.dataframe(_first_rows(page, detected), hide_index=True, width="stretch", height=210)
    options.reading(page, path, detected)
    mapping = editor.edit(page, detected, mapping, kind, f"{detected.kind}_{name}")
    mapping = options.times(page, detected, mapping)
    mapping = options.people(page, detected, mapping, kind, lambda changed: _stored(path, changed, kind, source or ""))
    _save_mapping(page, kind, mapping)
    with above:
        _actions(page, path, detected, mapping, kind, source or "", choice.mark)


def _detect(page: Page, path: Path) -> Detected:
    mark = (path, options.asked(path))
    if st.session_state.get("import_detected_of") != mark:
        st.session_state["import_detected"] = ingest.detect(path, options=options.asked(path))
        st.session_state["import_detected_of"] = mark
    found: Detected = st.session_state["import_detected"]
    return found


def _described(page: Page, detected: Detected) -> str:
    _ = page.t
    shape = detected.shape
    preset = next((p for p in ingest.PRESETS if p.id == detected.preset), None)
    size = (
        f"{page.t.number(shape.size / 1_000_000, 1)} MB"
        if shape.size >= 100_000
        else f"{page.t.number(shape.size / 1_000, 1)} KB"
    )
    parts = [shape.format.upper(), shape.encoding.upper(), size]
    parts.append(
        _("recognised as: {name}", name=_.label(preset.zh, preset.en))
        if preset
        else _("columns matched by their names")
    )
    return " · ".join(part for part in parts if part)


def _first_rows(page: Page, detected: Detected) -> pl.DataFrame:
    rows = [{h: row.get(h) or "" for h in detected.headers} for row in detected.rows[:8]]
    rows = [{h: shown_text(page.actor, value) for h, value in row.items()} for row in rows]
    return pl.DataFrame(rows, schema=dict.fromkeys(detected.headers, pl.String))


def _save_mapping(page: Page, kind: str, mapping: Mapping) -> None:
    _ = page.t
    opener(_("Save this mapping"), "save_mapping")
    dialog("save_mapping", _("Save this mapping"), lambda: _mapping_form(page, kind, mapping))


def _mapping_form(page: Page, kind: str, mapping: Mapping) -> None:
    _ = page.t
    name = st.text_input(_("Name of the mapping"), key="import_profile_name")
    if st.button(_("Save"), key="import_profile_save", type="primary"):
        with showing_errors(page):
            ingest.save_profile(page.bench, page.actor, now=page.now, name=name, kind=kind, mapping=mapping)
            st.toast(_("Saved."))
            done()


def _silence(page: Page, mapping: Mapping, kind: str, source: str) -> float | None:
    """How long a silence ends a chat, asked where the file names no chats."""
    _ = page.t
    if kind != "conversations" or "conversation_id" in {*mapping.columns, *mapping.constants}:
        return None
    known = ingest.silence_of(page.bench, source).total_seconds() / 3600
    hours = st.number_input(
        _("Hours of silence that end a chat"),
        0.25,
        168.0,
        known,
        0.5,
        key=f"import_silence_{source}",
        help=_(
            "The file has no conversation ids: what one agent and one customer say is one chat until they are silent"
            " for so long."
        ),
    )
    return float(hours)


def _actions(page: Page, path: Path, detected: Detected, mapping: Mapping, kind: str, source: str, mark: str) -> None:
    _ = page.t
    try:
        mapping.check(kind, detected.headers)
    except Invalid as error:
        show_error(page, error)
        return
    if _importing(page):
        return
    job_view.ended(page, jobs.IMPORT, key="import")
    work: Work[ImportPreview] | None = st.session_state.get("import_work")
    looking = work is not None and work.running
    if work is not None and not looking and work.error is not None:
        show_error(page, work.error)
    bench, actor = page.bench, page.actor
    silence = _silence(page, mapping, kind, source)
    look, do, _rest = st.columns([1, 1, 3])
    if look.button(_("Preview"), key="import_preview", width="stretch", disabled=looking):
        st.session_state["import_work"] = Work(
            lambda progress, cancel: ingest.preview(
                bench, actor, path, mapping, kind, source, silence_hours=silence, progress=progress, cancel=cancel
            )
        ).start()
        st.session_state["import_preview_of"] = _mark(path, mapping)
        st.rerun()
    # It stands there while the preview is made, too: pressed at once, it must not be lost between two drawings.
    if do.button(_("Import now"), key="import_commit", type="primary", width="stretch"):
        if work is not None:
            work.cancel()
        st.session_state.pop("import_work", None)
        job_view.start(page, jobs.IMPORT, jobs.ImportFile(path, mapping, kind, source, mark, silence))
        st.rerun()
    if work is not None and looking:
        _poll(page, work)
        return
    seen = work.answer if work is not None else None
    if isinstance(seen, ImportPreview) and (seen.kind, seen.source, st.session_state.get("import_preview_of")) == (
        kind,
        source,
        _mark(path, mapping),
    ):
        st.info(_("Nothing is written yet. This is what the import would do:"))
        if seen.imported_before:
            st.warning(
                _(
                    "This very file was imported before, on {when}. It adds nothing; read in another way, it replaces"
                    " what it brought then.",
                    when=page.t.when(seen.imported_before),
                )
            )
        show_counts(page, seen.counts)
        show_changes(page, seen)
        show_problems(page, seen.summary, seen.problems)
        if seen.rows:
            st.caption(_("First records as they would be stored"))
            st.dataframe(_records(page, seen.rows), hide_index=True, width="stretch", height=210)


def _stored(path: Path, mapping: Mapping, kind: str, source: str) -> tuple[dict[str, object], ...]:
    """One chat of the preview that was made with this mapping, as it would be stored."""
    work = st.session_state.get("import_work")
    seen = work.answer if work is not None and not work.running else None
    if isinstance(seen, ImportPreview) and (seen.kind, seen.source) == (kind, source):
        return seen.transcript if st.session_state.get("import_preview_of") == _mark(path, mapping) else ()
    return ()


def _mark(path: Path, mapping: Mapping) -> str:
    """A preview belongs to this file and this mapping only."""
    return f"{path} {mapping.to_dict()}"


def _records(page: Page, rows: tuple[dict[str, object], ...]) -> pl.DataFrame:
    labels = {field.name: page.t(field.label) for fields in ingest.FIELDS.values() for field in fields}
    labels["message_count"] = page.t(N_("Messages"))
    shown = [{labels[k]: cell(page, v) for k, v in row.items() if k in labels and k != "messages"} for row in rows]
    return pl.DataFrame(shown, infer_schema_length=None)


def _importing(page: Page) -> bool:
    """Show the import under way; False when there is none."""
    return job_view.running(page, jobs.IMPORT, READING, key="import")


@st.fragment(run_every=0.7)
def _poll(page: Page, work: Work[ImportPreview]) -> None:
    _ = page.t
    if not work.running:
        st.rerun(scope="app")
    st.progress(min(work.share, 1.0), text=_(READING, share=page.t.percent(work.share, 0)))
    if st.button(_("Cancel"), key="import_preview_cancel"):
        work.cancel()
