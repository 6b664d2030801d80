"""My inspections: the list, one inspection in full, the form that corrects it, and the corrections that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import streamlit as st

from pages.kit.choices import number_in_address, pick, tabs
from pages.kit.desk import TranscriptView, transcript
from pages.kit.dialogs import dialog, done, kept, open_dialog
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, heading, plain_text, showing_errors
from pages.screens.desk import differences
from pages.screens.reports.lines import lines_table, proofs
from qa import reports
from qa.calibration import severities
from qa.calibration.severities import OwnSeverity
from qa.desk import history
from qa.desk.history import PastInspection
from qa.i18n import N_
from qa.policy import Right
from qa.scorer import versions as scorers
from qa.verdicts import corrections
from qa.verdicts.corrections import CorrectionView
from scoring.rubric import Criterion
from scoring.sheet import Mark, Sheet, value_of

PER_PAGE = 20
PLACES: Mapping[str, str] = {
    "primary": N_("first inspection"),
    "double": N_("double, blind"),
    "calibration": N_("calibration"),
    "gold": N_("with reference"),
}
CHANGES: Mapping[str, str] = {
    "appeal": N_("appeal upheld"),
    "resolution": N_("double resolved"),
    "ruling": N_("red line ruled"),
    "correction": N_("corrected"),
}
STATES: Mapping[str, str] = {
    "open": N_("correction waits"),
    "accepted": N_("corrected"),
    "refused": N_("correction refused"),
    "withdrawn": "",
}
WHY_NONE: Mapping[str, str] = {
    "few_inspectors": N_("There is no comparison yet: it takes several inspectors with a few inspections each."),
    "not_connected": N_("There is no comparison: the inspectors share no agents, even indirectly."),
    "imprecise": N_("The comparison is not precise enough yet."),
}  # fmt: skip


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    people = dict(history.inspectors(page.bench, page.actor))
    leads = page.actor.may(Right.CALIBRATE)
    heading(
        page,
        _("Inspections by inspector") if leads else _("My inspections"),
        _("What was changed since, and how strict the marks are"),
    )
    _waiting(page)
    who = page.actor.user_id
    left, right = st.columns([3, 9], vertical_alignment="bottom")
    if leads and people:
        names = {str(user): name for user, name in people.items()}
        who = int(pick(left, _("Inspector"), "inspector", list(names), names.__getitem__, default=str(who)))
    elif leads:
        empty(_("Nobody has inspected yet"), _("Submissions appear here as soon as they are made."))
        return
    views = {"all": N_("All"), "changed": N_("Changed since")}
    if who == page.actor.user_id and scorers.told(page.bench):
        views["differences"] = N_("Differences")
    view = tabs(right, _("View"), "view", views, _)
    if view == "differences":
        differences.show(page)
        return
    _figures(page, who)
    _list(page, who, view == "changed")
    dialog("inspection", _("Inspection"), lambda: _detail(page, kept()), width="large")
    dialog("correct", _("Correct this result"), lambda: _correct(page, kept()), width="large")


def _figures(page: Page, who: int) -> None:
    """What happened to the results, and the severity with its interval."""
    _ = page.t
    found = history.record(page.bench, page.actor, inspector_id=who)
    changed = [f"{_(CHANGES[kind])} {_.number(n)}" for kind, n in sorted(found.changed.items())]
    said = (
        _("{n} results.", n=_.number(found.inspections))
        + " "
        + (_("Changed since: {list}.", list=_(", ").join(changed)) if changed else _("None was changed since."))
    )
    st.markdown(escape(said))
    known = (str(page.bench.config.home), page.actor.user_id, page.t.local(page.now).date(), reports.newest(page.bench))
    severity = _severity(page, who, known)
    if severity.value is None or severity.low is None or severity.high is None:
        st.caption(_(WHY_NONE.get(severity.reason, WHY_NONE["few_inspectors"])))
        return
    interval = (
        f"{_.change(severity.value, 1)} [{_.change(severity.low, 1)}, {_.change(severity.high, 1)}] n ="
        f" {_.number(severity.n)}"
    )
    if severity.low <= 0 <= severity.high:
        st.caption(
            _(
                "Strictness of the last 91 days beside colleagues, in points: {interval}; chance alone may explain the"
                " difference.",
                interval=interval,
            )
        )
    elif severity.value < 0:
        st.caption(
            _(
                "Strictness of the last 91 days beside colleagues, in points: {interval}; the marks are stricter than"
                " colleagues' on the same agents.",
                interval=interval,
            )
        )
    else:
        st.caption(
            _(
                "Strictness of the last 91 days beside colleagues, in points: {interval}; the marks are milder than"
                " colleagues' on the same agents.",
                interval=interval,
            )
        )


@st.cache_data(ttl=timedelta(minutes=10), max_entries=64, show_spinner=False)
def _severity(_page: Page, who: int, known: tuple[object, ...]) -> OwnSeverity:
    """The severity of one inspector, kept until there is a new result or another day (`known`)."""
    return severities.of_one(_page.bench, _page.actor, now=_page.now, inspector_id=who)


def _list(page: Page, who: int, changed: bool) -> None:
    _ = page.t
    found = history.past(
        page.bench, page.actor, inspector_id=who, changed=changed, before=number_in_address("before"), size=PER_PAGE
    )
    if not found:
        empty(
            _("No inspections here"),
            _("Choose the other view.") if changed else _("Submissions appear here as soon as they are made."),
        )
        return
    clickable(
        {
            _("Submitted"): [_.when(one.submitted_at) for one in found],
            _("Agent"): [one.agent_name for one in found],
            _("Conversation"): [f"{_.when(one.occurred_at, 'MM-dd HH:mm')} {one.first_line}".strip() for one in found],
            _("Kind of inspection"): [_place(page, one.kind) for one in found],
            _("Score"): [_score(page, one) for one in found],
            _("Later changes"): [_since(page, one) for one in found],
        },
        len(found),
        "past_inspections",
        lambda row: open_dialog("inspection", found[row].inspection_id),
        most=PER_PAGE,
        column_config={_("Conversation"): st.column_config.TextColumn(width="large")},
    )
    with st.container(horizontal=True):
        if number_in_address("before") is not None:
            st.button(_("Newest"), key="past_newest", on_click=_turn, args=(None,), icon=":material/first_page:")
        if len(found) == PER_PAGE:
            st.button(
                _("Older"),
                key="past_older",
                on_click=_turn,
                args=(found[-1].inspection_id,),
                icon=":material/chevron_right:",
            )


def _turn(before: int | None) -> None:
    st.query_params.pop("before", None)
    if before is not None:
        st.query_params["before"] = str(before)


def _score(page: Page, one: PastInspection) -> str:
    _ = page.t
    return (
        f"{_.points(one.given)} → {_.points(one.now)}"
        if one.now is not None and one.now != one.given
        else _.points(one.given)
    )


def _place(page: Page, kind: str) -> str:
    """What kind of reading it was. Which ones had a reference answer is for the lead to know: it must not be learnt."""
    shown = kind if page.actor.may(Right.CALIBRATE) or kind != "gold" else "primary"
    return page.t(PLACES.get(shown, shown))


def _since(page: Page, one: PastInspection) -> str:
    parts = (
        CHANGES.get(one.changed_by, ""),
        STATES.get(one.correction, "") if one.correction == "open" or not one.changed_by else "",
    )
    return " · ".join(page.t(part) for part in parts if part)


def _detail(page: Page, inspection_id: int) -> None:
    """One inspection beside its conversation, and what can be done about it."""
    _ = page.t
    with showing_errors(page):
        found = history.detail(page.bench, page.actor, inspection_id=inspection_id, language=_.language)
        row = found.row
        st.caption(
            escape(
                " · ".join(
                    (
                        row.agent_name,
                        _.when(row.occurred_at),
                        _place(page, row.kind),
                        _("submitted {when}", when=_.when(row.submitted_at)),
                    )
                )
            )
        )
        left, right = st.columns(2, gap="large")
        with left:
            lines_table(page, found.lines, found.total, found.before)
            if found.comment:
                plain_text(found.comment)
            mine = row.verdict_id is not None and found.inspector_id == page.actor.user_id
            if row.correction == "open":
                st.caption(_("A correction of this result waits for a second person."))
            elif mine:
                st.button(
                    _("Correct this result …"),
                    key="correct_this",
                    icon=":material/edit:",
                    on_click=open_dialog,
                    args=("correct", row.verdict_id),
                )
        with right:
            transcript(
                page, TranscriptView(found.transcript, evidence=proofs(found.lines)), key="past_transcript", height=420
            )


def _correct(page: Page, verdict_id: int) -> None:
    """Every criterion with its present mark; what is changed goes to a second person with the reason."""
    _ = page.t
    with showing_errors(page):
        found = corrections.correctable(page.bench, page.actor, verdict_id=verdict_id)
        marks = {mark.criterion_id: mark for mark in found.sheet.marks}
        st.caption(
            _(
                "The result now is {points}. It changes when a second person agrees; your first marks stay on record.",
                points=_.points(found.total),
            )
        )
        with st.form("correction_form", border=False):
            chosen = {}
            for dimension in found.rubric.dimensions:
                st.markdown(f"**{escape(dimension.label.pick(_.language))}**")
                columns = st.columns(2)
                for at, criterion in enumerate(dimension.criteria):
                    with columns[at % 2]:
                        chosen[criterion.id] = _mark(page, criterion, marks.get(criterion.id))
            reason = st.text_area(
                _("What was wrong"), key="correction_reason", max_chars=corrections.MAX_REASON, height=80
            )
            if st.form_submit_button(_("Ask for the correction"), type="primary"):
                corrections.request(
                    page.bench,
                    page.actor,
                    now=page.now,
                    verdict_id=verdict_id,
                    reason=reason,
                    sheet=Sheet(
                        tuple(mark for mark in chosen.values() if mark is not None),
                        found.sheet.hits,
                        found.sheet.comment,
                    ),
                )
                st.toast(_("Asked for. A second person decides."))
                done()


def _mark(page: Page, criterion: Criterion, mark: Mark | None) -> Mark | None:
    """One criterion of the form; None where nothing is marked and nothing was."""
    _ = page.t
    options: list[int | None] = [*range(criterion.max_count + 1), *([None] if criterion.allow_na else [])]
    now = value_of(criterion, mark)
    value = st.selectbox(
        escape(criterion.label.pick(_.language)),
        options,
        options.index(now),
        key=f"correct_{criterion.id}",
        format_func=lambda n: differences.mark_text(page, criterion, n),
    )
    if value == now:
        return mark
    base = mark or Mark(criterion.id)
    return replace(base, value=value, na=value is None)


def _waiting(page: Page) -> None:
    """Corrections that wait: to decide for those who may, to take back for whoever asked."""
    _ = page.t
    found = corrections.listing(page.bench, page.actor)
    for one in found[:8]:
        _one_waiting(page, one)
    dialog("decide_correction", _("Decide on a correction"), lambda: _decide(page, kept()))


def _one_waiting(page: Page, one: CorrectionView) -> None:
    _ = page.t
    own = one.requested_by_id == page.actor.user_id
    with st.container(border=True, key=f"correction_{one.id}", horizontal=True, vertical_alignment="center"):
        st.markdown(
            escape(
                _(
                    "{inspector} asks to correct {agent}, {when}: {before} → {after}. “{reason}”",
                    inspector=one.requested_by,
                    agent=one.agent_name,
                    when=_.when(one.occurred_at),
                    before=_.points(one.before),
                    after=_.points(one.after),
                    reason=one.reason,
                )
            )
        )
        if page.actor.may(Right.RULE_APPEAL) and not own:
            st.button(
                _("Decide on it"),
                key=f"decide_{one.id}",
                type="primary",
                on_click=open_dialog,
                args=("decide_correction", one),
            )
        elif own:
            st.button(_("Take back"), key=f"correction_back_{one.id}", on_click=_take_back, args=(page, one.id))


def _take_back(page: Page, correction_id: int) -> None:
    with showing_errors(page):
        corrections.withdraw(page.bench, page.actor, now=page.now, correction_id=correction_id)


def _decide(page: Page, one: CorrectionView) -> None:
    _ = page.t
    st.markdown(escape(_("{inspector}: “{reason}”", inspector=one.requested_by, reason=one.reason)))
    st.markdown(f"**{escape(f'{page.t.points(one.before)} → {page.t.points(one.after)}')}**")
    with st.form("correction_decision", border=False):
        answer = st.text_area(
            _("Your answer (needed when you refuse)"),
            key="correction_answer",
            max_chars=corrections.MAX_REASON,
            height=80,
        )
        yes, no, _rest = st.columns([1, 1, 2])
        accept = yes.form_submit_button(_("Accept"), type="primary", width="stretch")
        refuse = no.form_submit_button(_("Refuse"), width="stretch")
        if accept or refuse:
            with showing_errors(page):
                corrections.decide(
                    page.bench, page.actor, now=page.now, correction_id=one.id, accept=accept, answer=answer
                )
                done()
