"""The screens of appeals: filing one, the list, and the ruling with the result and the conversation beside it."""

from __future__ import annotations

import html
from collections.abc import Mapping

import streamlit as st

from pages.kit.choices import number_in_address, tabs
from pages.kit.desk import TranscriptView, transcript
from pages.kit.dialogs import addressed, dialog, done, kept, opener, turn_to
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import listed
from pages.kit.widgets import empty, heading, plain_text, showing_errors
from pages.screens.redlines.words import reading
from pages.screens.reports.lines import lines_table, proofs
from qa import reports
from qa.i18n import N_
from qa.policy import Right
from qa.redlines import board, detail
from qa.transcripts import FrozenTranscript
from qa.verdicts import appeals
from qa.verdicts import reading as verdict_reading
from qa.verdicts.appeals import AppealView, RulingView
from qa.verdicts.reading import VerdictView

STATES: Mapping[str, str] = {
    "open": N_("Open"),
    "upheld": N_("Appeal upheld"),
    "rejected": N_("Appeal rejected"),
    "withdrawn": N_("Taken back"),
}
PER_PAGE = 15


def show(page: Page) -> None:
    """The whole page: the form when the address names a result or case file, else list and detail."""
    verdict, violation = number_in_address("verdict"), number_in_address("violation")
    if page.actor.may(Right.ANSWER) and (verdict is not None or violation is not None):
        with showing_errors(page):
            _file(page, verdict, violation)
        return
    _list_and_detail(page)


# filing


def _file(page: Page, verdict_id: int | None, violation_id: int | None) -> None:
    _ = page.t
    view = (
        verdict_reading.view(page.bench, page.actor, verdict_id=verdict_id, language=_.language)
        if verdict_id is not None
        else None
    )
    ruling = (
        appeals.ruling_on(page.bench, page.actor, violation_id=violation_id)
        if view is None and violation_id is not None
        else None
    )
    heading(page, _("Object to this result") if view else _("Object to this red-line ruling"))
    left, right = st.columns([5, 6], gap="large")
    with left:
        st.caption(
            _("Say what is wrong and where it shows in the conversation. Somebody who did not decide it will rule.")
        )
        with st.form("appeal_form", border=False):
            criterion = _criterion(page, view) if view else None
            body = st.text_area(_("Your reasons"), key="appeal_body", max_chars=appeals.MAX_BODY, height=160)
            if st.form_submit_button(_("File the appeal"), type="primary"):
                with showing_errors(page):
                    if view is not None:
                        made = appeals.file_against_verdict(
                            page.bench,
                            page.actor,
                            now=page.now,
                            verdict_id=view.row.verdict_id,
                            body=body,
                            criterion_id=criterion,
                        )
                    else:
                        made = appeals.file_against_violation(
                            page.bench, page.actor, now=page.now, violation_id=violation_id or 0, body=body
                        )
                    st.query_params.from_dict({"appeal": str(made)})
                    st.rerun()
        if view:
            lines_table(page, view.lines, view.row.total)
        elif ruling:
            _ruling_read(page, ruling)
    with right:
        if view:
            _conversation(page, view.transcript, view)
        elif ruling and ruling.transcript:
            _conversation(page, ruling.transcript, None)


def _ruling_read(page: Page, ruling: RulingView) -> None:
    _ = page.t
    st.markdown(f"**{escape(f'{ruling.rule_id} {_rule(page, ruling.rule_id)}')}**")
    for quote in ruling.quotes:
        plain_text(f"“{quote}”")
    if ruling.reason:
        st.caption(_("Reason of the ruling"))
        plain_text(ruling.reason)


def _criterion(page: Page, view: VerdictView) -> str | None:
    _ = page.t
    lost = {line.id: line.title for line in view.lines if line.kind == "loss" and line.points < 0}
    whole = _("The result as a whole")
    chosen = st.selectbox(_("About"), ["", *lost], key="appeal_criterion", format_func=lambda c: lost.get(c, whole))
    return chosen or None


# list and detail


def _list_and_detail(page: Page) -> None:
    _ = page.t
    heading(page, _("Appeals"))
    leads = page.actor.may(Right.RULE_APPEAL)
    names = {**STATES, "all": N_("All")}
    state = tabs(st.container(), _("State"), "state", names, _, default="open" if leads else "all")
    state = "" if state == "all" else state
    if leads:
        _window(page)
    found = appeals.list_appeals(page.bench, page.actor, state=state, before=number_in_address("before"), size=PER_PAGE)
    if found:
        _rows(page, found)
    else:
        _nothing(page, leads, state)
    addressed("appeal", _("Appeal"), _named, Right.RULE_APPEAL, Right.ANSWER)


def _rows(page: Page, found: list[AppealView]) -> None:
    _ = page.t
    leads = page.actor.may(Right.RULE_APPEAL)
    listed(
        page,
        {
            _("Filed"): [_.when(appeal.filed_at) for appeal in found],
            **({_("Agent"): [appeal.agent_name for appeal in found]} if leads else {}),
            _("About"): [_about(page, appeal) for appeal in found],
            _("Reasons given"): [appeal.body.replace("\n", " ")[:80] for appeal in found],
            _("State"): [_(STATES[appeal.state]) for appeal in found],
        },
        "appeal_list",
        lambda row: _open(found[row].id),
        label=_("Appeals"),
        title=_("Reasons given"),
        most=PER_PAGE,
    )
    with st.container(horizontal=True):
        if number_in_address("before") is not None:
            st.button(_("Back to the first"), key="appeal_first", on_click=_more, args=(None,))
        if len(found) == PER_PAGE:
            st.button(_("Show more"), key="appeal_more", on_click=_more, args=(found[-1].id,))


def _named(page: Page, appeal_id: int) -> None:
    _detail(page, appeals.get(page.bench, page.actor, appeal_id))


def _window(page: Page) -> None:
    """How long agents may object, and the dialog that changes it."""
    _ = page.t
    days = appeals.window(page.bench)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_("Agents can object for {days} days after a result or a ruling.", days=days))
        opener(_("Change"), "appeal_window", beside=days, type="tertiary", icon=":material/edit:")
    dialog("appeal_window", _("Time to object"), lambda: _window_form(page, kept()))


def _window_form(page: Page, days: int) -> None:
    _ = page.t
    with st.form("appeal_window_form", border=False):
        wanted = st.number_input(_("Days to object, from the result or the ruling"), 1, 90, days, key="appeal_days")
        st.caption(_("It applies at once to everything that is still open."))
        if st.form_submit_button(_("Save"), type="primary"):
            with showing_errors(page):
                appeals.set_window(page.bench, page.actor, now=page.now, days=int(wanted or days))
                done()


def _nothing(page: Page, leads: bool, state: str) -> None:
    _ = page.t
    if leads:
        empty(
            _("No appeals here"),
            _("When an agent objects to a result or a ruling, it waits here for somebody who did not decide it."),
        )
    elif state:
        empty(_("No appeals here"), _("Choose another state."))
    else:
        empty(_("You have not filed an appeal"), _("Open one of your results and choose “Object to this result”."))


def _about(page: Page, appeal: AppealView) -> str:
    _ = page.t
    if appeal.rule_id:
        return f"{appeal.rule_id} {_rule(page, appeal.rule_id)}"
    if appeal.criterion_id:
        label = reports.criterion_labels(page.bench).get(appeal.criterion_id)
        return label.pick(_.language) if label else appeal.criterion_id
    return _("whole result")


def _title(page: Page, appeal: AppealView) -> str:
    about = _about(page, appeal)
    return f"{appeal.agent_name} · {about}" if page.actor.may(Right.RULE_APPEAL) else about


def _rule(page: Page, rule_id: str) -> str:
    names = reports.rule_names(page.bench)
    return names[rule_id].pick(page.t.language) if rule_id in names else ""


def _detail(page: Page, appeal: AppealView) -> None:
    _ = page.t
    st.markdown(f"**{escape(_title(page, appeal))}**")
    st.caption(f"{_(STATES[appeal.state])} · {_('filed {when}', when=page.t.when(appeal.filed_at))}")
    plain_text(appeal.body)
    if appeal.ruling:
        st.html(
            f'<div class="sc-text"><b>{html.escape(_("Ruling"))} ·'
            f" {html.escape(page.t.when(appeal.ruled_at))}</b><br>{html.escape(appeal.ruling)}</div>"
        )
    view = (
        verdict_reading.view(
            page.bench, page.actor, verdict_id=appeal.verdict_id, language=_.language, latest=appeal.state == "upheld"
        )
        if appeal.verdict_id
        else None
    )
    if appeal.state == "open":
        if page.actor.may(Right.RULE_APPEAL):
            _ruling(page, appeal, view)
        elif st.button(_("Take the appeal back"), key="appeal_withdraw"):
            appeals.withdraw(page.bench, page.actor, now=page.now, appeal_id=appeal.id)
            st.rerun()
    left, right = st.columns(2, gap="large")
    if view is not None:
        with left:
            lines_table(page, view.lines, view.row.total, view.before if appeal.state == "upheld" else None)
        with right:
            _conversation(page, view.transcript, view)
    elif appeal.violation_id is not None and page.actor.may(Right.VIEW_VIOLATIONS):
        file = detail.case_file(page.bench, page.actor, appeal.violation_id, now=page.now)
        shown = reading(page, file, board.rule_names(page.bench, page.actor))
        transcript(page, shown, key="appeal_transcript", height=400)


def _ruling(page: Page, appeal: AppealView, view: VerdictView | None) -> None:
    _ = page.t
    with st.form("appeal_ruling", border=True):
        lost = {line.id: line.title for line in view.lines if line.kind in ("loss", "bonus")} if view else {}
        clear: list[str] = []
        if view is not None:
            clear = st.multiselect(
                _("Deductions cancelled if upheld"),
                list(lost),
                default=[appeal.criterion_id] if appeal.criterion_id in lost else [],
                key="appeal_clear",
                format_func=lambda c: lost.get(c, c),
                placeholder=_("Choose criteria"),
            )
        ruling = st.text_area(_("Reasons of the ruling"), key="appeal_reasons", max_chars=appeals.MAX_BODY, height=90)
        uphold, reject, _rest = st.columns([1, 1, 3])
        upheld = uphold.form_submit_button(_("Uphold the appeal"), type="primary", width="stretch")
        rejected = reject.form_submit_button(_("Reject the appeal"), width="stretch")
        if upheld or rejected:
            with showing_errors(page):
                appeals.rule(
                    page.bench, page.actor, now=page.now, appeal_id=appeal.id, uphold=upheld, ruling=ruling, clear=clear
                )
                st.query_params.from_dict({"appeal": str(appeal.id)})
                st.rerun()


def _conversation(page: Page, content: FrozenTranscript, view: VerdictView | None) -> None:
    transcript(
        page, TranscriptView(content, evidence=proofs(view.lines if view else ())), key="appeal_transcript", height=400
    )


def _open(appeal_id: int) -> None:
    turn_to("appeal", appeal_id)
    for key in ("appeal_clear", "appeal_reasons"):  # what was written about one appeal must not stay for the next
        st.session_state.pop(key, None)


def _more(last: int | None) -> None:
    st.query_params.pop("before", None)
    if last is not None:
        st.query_params["before"] = str(last)
