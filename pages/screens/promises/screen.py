"""The ledger of promises: the list with what each rests on, agents with their shares, one promise in its conversation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from pages.kit.choices import pick
from pages.kit.desk import TranscriptView, transcript
from pages.kit.dialogs import dialog, done, kept, open_dialog
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import download, empty, heading, plain_text, score_text, showing_errors
from qa.conversations import reading
from qa.i18n import N_
from qa.policy import Right
from qa.promises import ledger, ruling
from qa.promises.ledger import EVIDENCE_NAMES, STATUS_NAMES, LedgerRow
from qa.reports import exporting
from qa.transcripts import handle
from scoring.promises import KINDS, PromiseStatus, kind_label

VIEWS = {
    "due": N_("Due today"),
    "broken": N_("Broken"),
    "open": N_("Not due yet"),
    "all": N_("All promises"),
    "agents": N_("By agent"),
}
ROWS = 500


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Promises"), _("What agents promised; days looked back: {n}", n=ledger.DAYS))
    with showing_errors(page):
        found = ledger.rows(page.bench, page.actor, now=page.now)
        if not found:
            empty(
                _("No promises were found"),
                _("Screening finds them in agents' messages; run it on the page Import after new conversations came."),
            )
            return
        first = "due" if any(row.due_today for row in found) else "broken"
        left, middle, right = st.columns([5, 2, 1], vertical_alignment="bottom")
        view = pick(left, _("View"), "view", list(VIEWS), lambda v: _(VIEWS[v]), default=first, kind="segmented_control", label_visibility="collapsed")  # fmt: skip
        kind = pick(middle, _("Kind"), "kind", ["", *KINDS], lambda k: _kind(page, k) if k else _("All kinds"))
        found = tuple(row for row in found if not kind or row.promise.kind == kind)
        _export(page, right, found)
        if view == "agents":
            _agents(page, found)
        else:
            _list(page, [row for row in found if _shown(row, view)])
    dialog("promise", _("Promise"), lambda: _one(page, kept()), width="large")


def _kind(page: Page, kind: str) -> str:
    label = kind_label(kind)
    return page.t.label(label.zh, label.en)


def _shown(row: LedgerRow, view: str) -> bool:
    status = row.promise.status
    return {"due": row.due_today, "broken": status is PromiseStatus.BROKEN, "open": status is PromiseStatus.OPEN}.get(view, True)  # fmt: skip


def _list(page: Page, found: Sequence[LedgerRow]) -> None:
    _ = page.t
    if not found:
        empty(_("No promises here"), _("Choose another view or kind."))
        return
    st.caption(_("{n} promises", n=_.number(len(found))))
    shown = found[:ROWS]
    data = {
        _("Status"): [_(STATUS_NAMES[row.promise.status]) for row in shown],
        _("Due"): [_.when(row.promise.due_at) if row.promise.due_at else "–" for row in shown],
        _("Kind"): [_kind(page, row.promise.kind) for row in shown],
        _("Sum promised"): [_amount(page, row) for row in shown],
        _("Agent"): [row.agent_name for row in shown],
        _("Said"): [" ".join(row.text.split()) for row in shown],
        _("Rests on"): [_(EVIDENCE_NAMES[row.promise.evidence]) for row in shown],
    }
    clickable(data, len(shown), "promise_rows", lambda n: open_dialog("promise", shown[n]))
    if len(found) > ROWS:
        st.caption(_("The first {n} are shown; the file holds all of them.", n=ROWS))


def _amount(page: Page, row: LedgerRow) -> str:
    amount = row.promise.amount
    return "–" if amount is None else page.t.number(amount / 100, 2)


def _agents(page: Page, found: Sequence[LedgerRow]) -> None:
    _ = page.t
    st.caption(_("Share broken among promises whose outcome the data or a person tell, with its exact 95% interval."))
    agents = ledger.by_agent(found)

    def share(one: ledger.AgentPromises) -> str:
        if not one.n:
            return _("no figure, n = {n}", n=0)
        return score_text(_, 100 * one.broken / one.n, 100 * one.low, 100 * one.high, one.n, unit="%")

    data = {
        _("Agent"): [one.agent_name for one in agents],
        _("Broken"): [one.broken for one in agents],
        _("Kept"): [one.kept for one in agents],
        _("Cannot tell"): [one.unknown for one in agents],
        _("Share broken"): [share(one) for one in agents],
    }
    st.dataframe(data, hide_index=True, width="stretch")


def _export(page: Page, place: st.delta_generator.DeltaGenerator, found: Sequence[LedgerRow]) -> None:
    if not page.actor.may(Right.EXPORT):
        return
    frame = ledger.frame(found)

    def made(form: str) -> bytes:
        return exporting.export(
            page.bench, page.actor, now=page.now, what="promises", frame=frame, form=form
        ).content  # fmt: skip

    with place.popover(page.t("Export"), icon=":material/download:"):
        for form, mime in exporting.FORMATS.items():
            download(form.upper(), partial(made, form), f"spotcheck-promises.{form}", mime, key=f"promise_{form}")


def _one(page: Page, row: LedgerRow) -> None:
    """One promise: its words, what its status rests on, its conversation, and the form to overrule it."""
    _ = page.t
    with showing_errors(page):
        promise = ruling.one(page.bench, page.actor, row.promise.key, page.now)
        due = _("until {when}", when=_.when(promise.due_at)) if promise.due_at else _("no time named")
        title = f"{_kind(page, promise.kind)} · {due} · {_(STATUS_NAMES[promise.status])}"
        st.markdown(f"**{escape(title)}**")
        plain_text(row.text)
        st.caption(escape(f"{_('Rests on')}: {_(EVIDENCE_NAMES[promise.evidence])}"))
        if promise.ruling is not None:
            plain_text(promise.ruling.ref)
        if page.actor.may(Right.RULE_HIT):
            _rule(page, row)
        name = handle(promise.conversation_key)
        again = st.session_state.get("promise_read") == name
        one = reading.read(page.bench, page.actor, name, now=page.now, again=again)
        st.session_state["promise_read"] = name
        transcript(page, TranscriptView(one.transcript, focus=promise.seq), key="promise_transcript", height=360)


def _rule(page: Page, row: LedgerRow) -> None:
    _ = page.t
    with st.form("promise_ruling", border=False):
        left, right, button = st.columns([2, 4, 1], vertical_alignment="bottom")
        statuses = [status for status in PromiseStatus if status is not PromiseStatus.OPEN]
        status = left.selectbox(_("Status"), statuses, key="promise_status", format_func=lambda s: _(STATUS_NAMES[s]))
        reason = right.text_input(_("Reason"), key="promise_reason", max_chars=ruling.MAX_REASON)
        if button.form_submit_button(_("Overrule"), type="primary"):
            with showing_errors(page):
                ruling.rule(
                    page.bench, page.actor, now=page.now, key=row.promise.key, status=status, reason=reason
                )  # fmt: skip
                st.toast(_("The ruling is on record."))
                done()
