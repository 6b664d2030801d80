"""One promise: its words, what its status rests on, its conversation, and the form to overrule it or take that back."""

from __future__ import annotations

import streamlit as st

from pages.kit import nav
from pages.kit.desk import TranscriptView, transcript
from pages.kit.dialogs import done
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.promises import evidence_words, kind_words, status_words, sum_words
from pages.kit.widgets import plain_text, showing_errors
from qa.casefiles.lifecycle import STATE_NAMES
from qa.conversations import reading
from qa.i18n import N_
from qa.policy import Right
from qa.promises import ledger, ruling
from qa.promises.ledger import STATUS_NAMES
from qa.promises.reading import LedgerPromise, PromiseKey
from qa.redlines import promised
from qa.transcripts import handle
from scoring.promises import PromiseStatus

_ODDS = N_("Rulings on promises like it confirm “broken” with a probability of {p} ({confirmed} of {n} rulings)")


def show(page: Page, key: PromiseKey) -> None:
    """The body of the dialog."""
    _ = page.t
    with showing_errors(page):
        promise = ruling.one(page.bench, page.actor, key, page.now)
        due = _("until {when}", when=_.when(promise.due_at)) if promise.due_at else _("no time named")
        parts = [kind_words(_, promise.kind), due, status_words(_, promise)]
        parts += [sum_words(_, promise)] if promise.amount is not None else []
        st.markdown(f"**{escape(' · '.join(parts))}**")
        _evidence(page, promise)
        _files(page, promise)
        if page.actor.may(Right.RULE_HIT):
            _rule(page, promise)
        if page.actor.may(Right.PROPOSE_CASE):
            _propose(page, promise)
        _conversation(page, promise)


def _evidence(page: Page, promise: LedgerPromise) -> None:
    _ = page.t
    said = _("Rests on: {what}", what=evidence_words(_, promise))
    if promise.ruling is None:
        when = f" · {_.when(promise.at)}" if promise.at else ""
        st.caption(escape(said + when))
        _odds(page, promise)
        return
    st.caption(escape(f"{said} · {_.when(promise.ruling.ruled_at)}"))
    plain_text(ruling.shown_reason(page.actor, promise))
    st.caption(escape(_("The data say: {status}", status=_(STATUS_NAMES[promise.found]))))


def _files(page: Page, promise: LedgerPromise) -> None:
    """The red-line case files that it stands in, and the way to each."""
    _ = page.t
    if not (page.actor.may(Right.VIEW_VIOLATIONS) or page.actor.may(Right.VIEW_TEAM)):
        return
    for file in promised.files_of(page.bench, page.actor, [promise])[promise.key]:
        label = _("Case file {id}: {rule}, {state}", id=file.id, rule=file.rule_id, state=_(STATE_NAMES[file.state]))
        nav.link(page, "redlines.py", label, file=str(file.id))


def _propose(page: Page, promise: LedgerPromise) -> None:
    """The way to a case of the library that cites it."""
    name = handle(promise.conversation_key)
    nav.link(page, "library.py", page.t("Propose as a case"), conversation=name, message=str(promise.seq))


def _odds(page: Page, promise: LedgerPromise) -> None:
    """How often rulings confirmed what the data say of promises like this one."""
    _ = page.t
    if promise.status is not PromiseStatus.BROKEN:
        return
    known = ledger.read(page.bench, page.actor, now=page.now).odds
    odds = known.odds(promise.evidence.value, promise.kind)
    if odds.rule_rulings:
        share, n = page.t.number(100 * odds.p) + "%", page.t.number(odds.rule_rulings)
        confirmed = page.t.number(odds.rule_confirmed)
        st.caption(escape(_(_ODDS, p=share, confirmed=confirmed, n=n)))


def _conversation(page: Page, promise: LedgerPromise) -> None:
    name = handle(promise.conversation_key)
    again = st.session_state.get("promise_read") == name
    one = reading.read(page.bench, page.actor, name, now=page.now, again=again)
    st.session_state["promise_read"] = name
    transcript(page, TranscriptView(one.transcript, focus=promise.seq), key="promise_transcript", height=360)


def _rule(page: Page, promise: LedgerPromise) -> None:
    _ = page.t
    with st.form("promise_ruling", border=False):
        left, right, button = st.columns([2, 4, 1], vertical_alignment="bottom")
        status = left.selectbox(
            _("Status"), ruling.STATUSES, key="promise_status", format_func=lambda s: _(STATUS_NAMES[s])
        )
        reason = right.text_input(_("Reason"), key="promise_reason", max_chars=ruling.MAX_REASON)
        if button.form_submit_button(_("Overrule"), type="primary"):
            with showing_errors(page):
                ruling.rule(page.bench, page.actor, now=page.now, key=promise.key, status=status, reason=reason)
                st.toast(_("The ruling is on record."))
                done()
    if promise.ruling is not None and st.button(_("Take the ruling back"), key="promise_undo", type="tertiary"):
        with showing_errors(page):
            ruling.take_back(page.bench, page.actor, now=page.now, key=promise.key)
            st.toast(_("The ruling is taken back; the status is the data's again."))
            done()
