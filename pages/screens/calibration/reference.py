"""The reference answer of a calibration round: the conversation, and the scorecard as a form beside it."""

from __future__ import annotations

import html
from collections.abc import Mapping

import streamlit as st

from pages.kit.desk.reading import TranscriptView, transcript
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import show_error, showing_errors
from pages.screens.calibration import marks
from pages.screens.calibration.names import conversations
from qa.calibration import references
from qa.calibration.references import ReferenceForm
from qa.errors import SpotcheckError
from scoring.rubric import Criterion
from scoring.sheet import CLEARED, CONFIRMED, HitDecision, Mark, Sheet

_SAID = "reference_said"


def show(page: Page, round_id: int) -> None:
    """Which conversations have an answer, and the form for one of them."""
    _ = page.t
    rows = references.references(page.bench, page.actor, round_id=round_id)
    if not rows:
        return
    if said := st.session_state.pop(_SAID, None):
        st.success(escape(said), icon=":material/check:")
    names = conversations(page, [row.sample_id for row in rows])
    units = {
        row.sample_id: f"{names[row.sample_id]} · {_('given')}" if row.known else names[row.sample_id] for row in rows
    }
    chosen = st.selectbox(
        _("Reference answers: {k} of {n} given", k=sum(row.known for row in rows), n=len(rows)),
        list(units),
        index=None,
        format_func=units.__getitem__,
        key="reference_sample",
        placeholder=_("Choose a conversation to score its reference yourself"),
        help=_("Inspectors see the reference beside their own scores once the round is closed, not before."),
    )
    if chosen is None or chosen not in units:
        return
    with showing_errors(page):
        _form(page, references.reference_form(page.bench, page.actor, round_id=round_id, sample_id=chosen))


def _form(page: Page, form: ReferenceForm) -> None:
    _ = page.t
    left, right = st.columns([5, 6], gap="medium")
    with left:
        transcript(
            page,
            TranscriptView(form.transcript, marks.spans(_, form.found, form.labels)),
            key="reference_transcript",
            height=640,
        )
    given = {mark.criterion_id: mark for mark in form.sheet.marks} if form.sheet else {}
    if st.session_state.get("reference_of") != (form.round_id, form.sample_id):
        # another conversation: the widgets start from its answer, not from what was typed for the last one
        st.session_state["reference_of"] = (form.round_id, form.sample_id)
        for key in [key for key in st.session_state if str(key).startswith("ref_")]:
            del st.session_state[key]
    with right, st.form("reference", border=False):
        sheet_marks = []
        for dimension in form.rubric.dimensions:
            st.caption(escape(dimension.label.pick(_.language)))
            sheet_marks += [_criterion(page, criterion, given.get(criterion.id)) for criterion in dimension.criteria]
        hits = [hit for rule in dict.fromkeys(rule for *_where, rule in form.found) for hit in _rule(page, form, rule)]
        sent = st.form_submit_button(_("Save the reference answer"), type="primary")
    if sent:
        added = tuple(
            hit
            for hit in (form.sheet.hits if form.sheet else ())
            if hit.rule_id not in {rule for *_where, rule in form.found}
        )
        _save(page, form, Sheet(tuple(mark for mark in sheet_marks if mark is not None), (*hits, *added)))


def _save(page: Page, form: ReferenceForm, sheet: Sheet) -> None:
    _ = page.t
    try:
        references.set_reference(
            page.bench,
            page.actor,
            now=page.now,
            round_id=form.round_id,
            sample_id=form.sample_id,
            sheet=sheet,
            seen=form.sheet,
        )
    except SpotcheckError as error:
        show_error(page, error)
        return
    st.session_state[_SAID] = _("The reference answer is saved.")
    st.rerun()


def _criterion(page: Page, criterion: Criterion, given: Mark | None) -> Mark | None:
    """One criterion; None when there is nothing to object to and nothing to say."""
    _ = page.t
    name, options = criterion.label.pick(_.language), marks.choices(criterion)
    label, what, why = st.columns([5, 4, 6], vertical_alignment="center")
    label.html(f'<span class="sc-label">{html.escape(name)}</span>')
    choice = what.selectbox(
        name,
        options,
        index=options.index(marks.choice_of(criterion, given)),
        format_func=lambda one: marks.choice_text(_, criterion, one),
        key=f"ref_{criterion.id}",
        label_visibility="collapsed",
    )
    note = why.text_input(
        _("Note: {name}", name=name),
        given.note if given else "",
        key=f"ref_note_{criterion.id}",
        placeholder=_("Note (optional)"),
        label_visibility="collapsed",
    )
    if given is not None and choice == marks.choice_of(criterion, given) and note == given.note:
        return given
    if choice == marks.choice_of(criterion, None) and not note.strip():
        return None
    return marks.chosen(criterion, choice, note=note.strip())


def _rule(page: Page, form: ReferenceForm, rule: str) -> list[HitDecision]:
    """One red line that was found: confirmed or cleared, with its reason, for every place it was found in."""
    _ = page.t
    before = next((hit for hit in form.sheet.hits if hit.rule_id == rule), None) if form.sheet else None
    name = form.labels[rule].pick(_.language) if rule in form.labels else rule
    shown: Mapping[str, str] = {CONFIRMED: _("Confirmed"), CLEARED: _("Cleared")}
    what, why = st.columns([5, 6], vertical_alignment="bottom")
    decision = what.radio(
        _("Red line: {name}", name=escape(name)),
        list(shown),
        index=list(shown).index(before.decision) if before else None,
        format_func=shown.__getitem__,
        horizontal=True,
        key=f"ref_rule_{rule}",
    )
    reason = why.text_input(
        _("Reason of the ruling: {name}", name=name),
        before.reason if before else "",
        key=f"ref_reason_{rule}",
        placeholder=_("Reason"),
        label_visibility="collapsed",
    )
    return (
        [
            HitDecision(rule, seq, decision, reason.strip())
            for seq in dict.fromkeys(seq for seq, _start, _end, found in form.found if found == rule)
        ]
        if decision
        else []
    )
