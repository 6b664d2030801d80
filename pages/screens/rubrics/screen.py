"""The rubric page itself: choose a version, read it, compare it, open a draft from it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import confirm, empty, heading, show_error, showing_errors
from pages.screens.rubrics import card, editor
from qa.draws.design import SOURCE_NAMES
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.policy import Right
from qa.rubrics import versions as rubric_versions
from scoring.rubric import to_toml

_STATES = {"draft": N_("draft"), "published": N_("published"), "retired": N_("retired")}


def show(page: Page) -> None:
    """Everything below the guard."""
    _ = page.t
    heading(page, _("Rubric"), _("The scorecard and its versions"))
    versions = rubric_versions.history(page.bench, page.actor)
    if not versions:
        _nothing(page)
        return
    by_id = {view.id: view for view in versions}
    used = {source: rubric_versions.current(page.bench, page.actor, source) for source in SOURCE_NAMES}
    current = used["chat"]
    names = {view.id: _name(view) for view in versions}
    start = list(by_id).index(current.id) if current else 0
    chosen = st.selectbox(
        _("Version"),
        list(by_id),
        index=start,
        format_func=names.__getitem__,
        key="version",
        bind="query-params",
        width=320,
    )
    view = by_id[chosen]
    own = [_(SOURCE_NAMES[source]) for source, version in used.items() if version and version.id == view.id]
    state = _("in use for new plans: {sources}", sources=_(", ").join(own)) if own else _(_STATES[view.state])
    st.markdown(f"**{escape(view.rubric.name.pick(_.language))}** · {state}")
    st.caption(escape(f"{card.facts(page, view.rubric)} {_provenance(page, view)}"))
    if view.state == "draft":
        base = next((v for v in versions if v.rubric_id == view.rubric_id and v.state == "published"), current)
        editor.edit(page, view, base.rubric if base else None, _ids(versions, view.rubric_id))
        return
    _actions(page, view, any(v.state == "draft" and v.rubric_id == view.rubric_id for v in versions))
    if view.rubric.note:
        st.caption(escape(view.rubric.note.pick(_.language)))
    card.show(page, view.rubric)
    _offer_missing(page)
    others = [v.id for v in versions if v.id != view.id and v.rubric_id == view.rubric_id]
    if others:
        with st.expander(_("Compare with another version")):
            old = st.selectbox(
                _("Compare with"), others, format_func=names.__getitem__, key="compare", bind="query-params"
            )
            card.show_changes(page, by_id[old].rubric, view.rubric)


def _ids(versions: Sequence[rubric_versions.VersionView], rubric_id: str) -> tuple[str, ...]:
    """Every id that means something in a version of this rubric: nothing new may bear one of them."""
    own = [view.rubric for view in versions if view.rubric_id == rubric_id]
    dimensions = {item.id for rubric in own for item in rubric.dimensions}
    return tuple(sorted(dimensions | {item.id for rubric in own for item in rubric.criteria}))


def _offer_missing(page: Page) -> None:
    """The scorecards for disputes and low ratings, where an installation was made before they came with the product."""
    _ = page.t
    if not page.actor.may(Right.EDIT_RUBRIC) or not (missing := rubric_versions.missing(page.bench, page.actor)):
        return
    names = _(", ").join(rubric.name.pick(_.language) for rubric in missing)
    st.caption(
        escape(_("The product also ships with: {names}. No plan changes until you choose one in it.", names=names))
    )
    if st.button(_("Add them"), key="load_missing"):
        with showing_errors(page):
            rubric_versions.load_missing(page.bench, page.actor, now=page.now)
            st.rerun()


def _nothing(page: Page) -> None:
    _ = page.t
    empty(
        _("No rubric yet."),
        _("A rubric says what is judged and what it costs. Start from the one that ships with the product."),
    )
    if page.actor.may(Right.EDIT_RUBRIC) and st.button(
        _("Load the default rubric"), type="primary", key="load_default"
    ):
        with showing_errors(page):
            rubric_versions.load_default(page.bench, page.actor, now=page.now)
            st.rerun()


def _name(view: rubric_versions.VersionView) -> str:
    """The same in every language and state: it is what the address of the page holds."""
    return f"{view.rubric_id} v{view.version}"


def _provenance(page: Page, view: rubric_versions.VersionView) -> str:
    return page.t(
        "Hash {hash}; {draws} draws score on it; published {when}.",
        hash=view.content_hash[:12], draws=view.draws, when=page.t.when(view.published_at) or page.t("not yet"),
    )  # fmt: skip


def _actions(page: Page, view: rubric_versions.VersionView, has_draft: bool) -> None:
    _ = page.t
    row = st.container(horizontal=True)
    start, file, retire = row.container(width="content"), row.container(width="content"), row.container(width="content")
    file.download_button(
        _("Download as TOML"),
        lambda: to_toml(view.rubric),
        f"{view.rubric_id}-v{view.version}.toml",
        "application/toml",
        on_click="ignore",
        key="rubric_toml",
    )
    if not page.actor.may(Right.EDIT_RUBRIC):
        return
    hint = _("There is a draft already; choose it above.") if has_draft else None
    start.button(
        _("Start a draft from this"),
        disabled=has_draft,
        help=hint,
        type="primary",
        key="start_draft",
        on_click=_start,
        args=(page, view),
    )
    with retire, showing_errors(page):
        if view.state == "published" and confirm(
            page, _("Retire"), _("New plans cannot use it any more; what was scored on it stays."), key="retire"
        ):
            rubric_versions.retire(page.bench, page.actor, now=page.now, version_id=view.id)
            st.rerun()


def _start(page: Page, view: rubric_versions.VersionView) -> None:
    """Open a draft and show it: a bound widget may only be moved before it is drawn."""
    try:
        st.session_state["version"] = rubric_versions.start_draft(
            page.bench, page.actor, now=page.now, rubric=view.rubric
        )
    except SpotcheckError as error:
        show_error(page, error)
