"""Editing a draft: dimensions with their criteria and sums, one form per criterion; what saving changes is shown
first. The TOML text is there for experts."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.kit.dialogs import dialog, done, kept, open_dialog
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import confirm, showing_errors
from pages.screens.rubrics import card, criterion, working
from pages.screens.rubrics.criterion import CriterionPlace
from pages.screens.rubrics.naming import problem_text
from pages.screens.rubrics.working import WorkingDraft, centi
from qa.errors import Invalid
from qa.i18n import C_, N_
from qa.rubrics import versions
from scoring.label import Label
from scoring.rubric import FULL, Dimension, Problem, Rubric, check, points_text, to_toml


def edit(page: Page, view: versions.VersionView, base: Rubric | None, taken: Sequence[str]) -> None:
    """The editor of one draft; `base` is the published version to compare with, `taken` the ids that mean something
    already in other versions."""
    _ = page.t
    work = working.working(view)
    with showing_errors(page):
        if work.base_hash != view.content_hash:
            _overtaken(page)
        problems = check(work.rubric)
        _buttons(page, view, work, base, problems)
        form, look, compare, file = st.tabs(
            [_(C_("rubric", "Form")), _("Preview"), _("Changes"), _(C_("rubric", "File"))]
        )
        with form:
            _general(page, work.rubric)
            for number, dimension in enumerate(work.rubric.dimensions):
                _dimension(page, work.rubric, number, dimension, problems)
            _new_dimension(page, work.rubric)
        with look:
            card.show(page, work.rubric)
        with compare:
            if base is None:
                st.caption(_("There is no published version to compare with."))
            else:
                card.show_changes(page, base, work.rubric)
        with file:
            _file(page, work.rubric)
    rubric = work.rubric
    dialog("criterion", _("Criterion"), lambda: criterion.criterion_form(page, rubric, kept(), taken), width="large")
    dialog("dimension", _("Dimension"), lambda: criterion.dimension_form(page, rubric, kept(), taken), width="medium")
    dialog("rubric_publish", _("Publish this version"), lambda: _publish(page, view, base), width="large")


def _overtaken(page: Page) -> None:
    _ = page.t
    st.warning(
        _("Somebody else has saved this draft meanwhile; what you changed here is not saved."), icon=":material/info:"
    )
    st.button(_("Throw my changes away and show theirs"), key="rubric_theirs", on_click=working.forget)


def _buttons(
    page: Page, view: versions.VersionView, work: WorkingDraft, base: Rubric | None, problems: Sequence[Problem]
) -> None:
    """What saving would change, what is still wrong, and the buttons."""
    _ = page.t
    if work.changed:
        st.markdown(f"**{_('Saving changes this')}**")
        card.show_changes(page, work.base, work.rubric)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            _("Save draft"),
            disabled=not work.changed,
            type="primary" if work.changed else "secondary",
            key="save_draft",
        ):
            versions.save_draft(
                page.bench, page.actor, now=page.now, version_id=view.id, seen_hash=work.base_hash, rubric=work.rubric
            )
            working.forget()
            st.rerun()
        if work.changed:
            st.button(_("Throw the changes away"), key="forget_changes", on_click=working.forget)
        st.button(
            _("Publish …"), key="ask_publish", disabled=bool(problems) or work.changed, on_click=open_dialog,
            args=("rubric_publish",), type="secondary" if work.changed else "primary",
            help=_("Save first.") if work.changed else None,
        )  # fmt: skip
        if confirm(page, _("Discard"), _("The draft and its changes will be gone."), key="discard_draft"):
            versions.discard_draft(page.bench, page.actor, now=page.now, version_id=view.id)
            working.forget()
            st.rerun()
    if problems:
        lines = [f"- {escape(problem_text(page, work.rubric, problem))}" for problem in problems[:12]]
        st.warning("\n".join([_("Before this can be published:"), "", *lines]), icon=":material/rule:")


def _publish(page: Page, view: versions.VersionView, base: Rubric | None) -> None:
    _ = page.t
    st.write(
        _(
            "Once published, this version can never be changed. New plans score on it; draws already published keep"
            " theirs."
        )
    )
    if base is not None:
        card.show_changes(page, base, view.rubric)
    if st.button(_("Publish"), key="publish_draft", type="primary"):
        with showing_errors(page):
            versions.publish(page.bench, page.actor, now=page.now, version_id=view.id, seen_hash=view.content_hash)
            done()


def _general(page: Page, rubric: Rubric) -> None:
    """Name, pass line and tolerance; a field changes the draft when it is left."""
    _ = page.t
    start = {
        "rubric_zh": rubric.name.zh, "rubric_en": rubric.name.en, "rubric_pass": rubric.pass_line / 100,
        "rubric_tolerance": rubric.tolerance / 100,
    }  # fmt: skip
    for key, value in start.items():
        st.session_state[key] = value
    zh, en, line, tolerance = st.columns([3, 3, 1, 1])
    zh.text_input(_("Name in Chinese"), key="rubric_zh", on_change=_take_general)
    en.text_input(_("Name in English (optional)"), key="rubric_en", on_change=_take_general)
    line.number_input(_("Pass line"), 0.0, 100.0, step=0.5, key="rubric_pass", on_change=_take_general)
    tolerance.number_input(
        _("Tolerance"), 0.0, 100.0, step=0.5, key="rubric_tolerance", on_change=_take_general,
        help=_("Two inspectors who differ by more go to the lead."),
    )  # fmt: skip


def _take_general() -> None:
    state = st.session_state
    name = Label(str(state["rubric_zh"]).strip(), str(state["rubric_en"]).strip())
    working.alter(
        lambda rubric: replace(
            rubric, name=name, pass_line=centi(state["rubric_pass"]), tolerance=centi(state["rubric_tolerance"])
        )
    )


def _dimension(page: Page, rubric: Rubric, number: int, dimension: Dimension, problems: Sequence[Problem]) -> None:
    _ = page.t
    found, worth = criterion.sum_of(dimension), dimension.points
    mark = "sc-celadon" if found == worth else "sc-ochre"
    said = _("{sum} of {points} points", sum=points_text(found), points=points_text(worth))
    with st.container(horizontal=True, vertical_alignment="center", key=f"rubric_dimension_{number}"):
        st.html(
            f'<b>{html.escape(dimension.label.pick(_.language))}</b> <span class="{mark}">{html.escape(said)}</span>'
        )
        st.button(
            _("Edit dimension"), key=f"edit_dimension_{number}", type="tertiary", icon=":material/edit:",
            on_click=criterion.open_dimension, args=(rubric, number),
        )  # fmt: skip
    wrong = {
        one.id: "; ".join(
            problem_text(page, rubric, problem)
            for problem in problems
            if problem.path.startswith(f"criteria.{one.id}.")
        )
        for one in dimension.criteria
    }
    if dimension.criteria:
        clickable(
            {
                _("Criterion"): [one.label.pick(_.language) for one in dimension.criteria],
                _("Kind"): [one.spec.label.pick(_.language) for one in dimension.criteria],
                _("Points"): [points_text(one.points) for one in dimension.criteria],
                _("Each time"): [points_text(one.each) if one.each else "" for one in dimension.criteria],
                _("N/A"): [_("allowed") if one.allow_na else "" for one in dimension.criteria],
                **({_("To mend"): [wrong[one.id] for one in dimension.criteria]} if any(wrong.values()) else {}),
            },
            len(dimension.criteria),
            f"rubric_criteria_{number}",
            lambda row: criterion.open_criterion(rubric, CriterionPlace(number, row)),
            most=20,
        )
    st.button(
        _("Add a criterion"), key=f"add_criterion_{number}", icon=":material/add:", on_click=criterion.open_criterion,
        args=(rubric, CriterionPlace(number, len(dimension.criteria))),
    )  # fmt: skip


def _new_dimension(page: Page, rubric: Rubric) -> None:
    _ = page.t
    said = _(
        "The dimensions add up to {sum} of {points} points.", sum=points_text(rubric.points), points=points_text(FULL)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(said)
        st.button(
            _("Add a dimension"), key="add_dimension", type="tertiary", icon=":material/add:",
            on_click=criterion.open_dimension, args=(rubric, len(rubric.dimensions)),
        )  # fmt: skip


def _file(page: Page, rubric: Rubric) -> None:
    """The draft as text: owners and root causes are edited here."""
    _ = page.t
    st.caption(_("For experts: everything the form shows, and the owners and root causes as well."))
    written = to_toml(rubric)
    if st.session_state.get("rubric_text_of") != rubric.content_hash:  # the draft has changed: its text, too
        st.session_state["rubric_text"], st.session_state["rubric_text_of"] = written, rubric.content_hash
    text = st.text_area(_("TOML text"), key="rubric_text", height=420)
    with st.container(horizontal=True):
        if st.button(_("Use this text"), key="use_text", disabled=text == written):
            _use(rubric, text)
        st.download_button(
            _("Download as TOML"), lambda: written, f"{rubric.id}-v{rubric.version}.toml", "application/toml",
            on_click="ignore", key="rubric_toml",
        )  # fmt: skip
    upload = st.file_uploader(_("Replace the draft by a TOML file"), type=["toml"], key="rubric_upload")
    if upload is not None and st.button(_("Use this file"), key="use_file"):
        try:
            loaded = upload.getvalue().decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise Invalid(N_("The file is not UTF-8 text. Save it as UTF-8 and try again.")) from problem
        _use(rubric, loaded)


def _use(rubric: Rubric, text: str) -> None:
    loaded = replace(versions.read_toml(text), id=rubric.id, version=rubric.version)
    working.alter(lambda _now: loaded)
    st.rerun()
