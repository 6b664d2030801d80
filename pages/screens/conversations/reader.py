"""One conversation beside the list: its transcript with the hits, and what can be begun with it."""

from __future__ import annotations

import streamlit as st

from pages.kit import nav
from pages.kit.desk import TranscriptView, transcript
from pages.kit.desk.conversation import Span
from pages.kit.dialogs import dialog, done, kept, opener
from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from pages.screens.conversations.filters import Names
from pages.screens.scorer import beside as machine
from qa.casefiles.lifecycle import STATE_NAMES, FileState
from qa.conversations import picking, reading
from qa.conversations.finding import FoundConversation, FoundPage
from qa.conversations.picking import MAX_REASON
from qa.conversations.reading import Conversation
from qa.i18n import C_
from qa.policy import Right
from qa.redlines import board

READ = "found_read"
"""The conversation whose reading is on record."""


def draw(page: Page, handle: str, found: FoundPage, known: Names) -> None:
    """The conversation named `handle`; it need not be on the page of the list."""
    _ = page.t
    _turns(page, handle, found)
    with showing_errors(page):
        again = st.session_state.get(READ) == handle
        one = reading.read(page.bench, page.actor, handle, now=page.now, again=again)
        st.session_state[READ] = handle
        row = next((row for row in found.rows if row.handle == handle), None)
        _actions(page, one, row)
        spans = [Span(hit.seq, hit.start, hit.end, hit.rule_id, known.rules.get(hit.rule_id, "")) for hit in one.hits]
        focus = row.snippet.seq if row is not None and row.snippet is not None else None
        view = TranscriptView(one.transcript, spans, one.waits_for_answer, focus=focus)
        transcript(page, view, key="found_transcript", height=600)
        machine.band(page, one.transcript.unit_id or "")
        _files(page, one, known)


def _turns(page: Page, handle: str, found: FoundPage) -> None:
    """To the neighbours in the list, and back to the list alone."""
    _ = page.t
    handles = [row.handle for row in found.rows]
    at = handles.index(handle) if handle in handles else None
    before = handles[at - 1] if at else None
    after = handles[at + 1] if at is not None and at + 1 < len(handles) else None
    with st.container(horizontal=True, key="found_turns", gap="small"):
        st.button(
            _("Previous"), key="found_previous", shortcut="k", disabled=before is None, on_click=_go, args=(before,)
        )
        st.button(_("Next"), key="found_next", shortcut="j", disabled=after is None, on_click=_go, args=(after,))
        st.button(
            _(C_("reading", "Close")), key="found_close", shortcut="x", type="tertiary", on_click=_go, args=(None,)
        )


def _go(handle: str | None) -> None:
    if handle is None:
        st.query_params.pop("open", None)
    else:
        st.query_params["open"] = handle


def _actions(page: Page, one: Conversation, row: FoundConversation | None) -> None:
    _ = page.t
    if one.waits:
        st.caption(_("This conversation waits in your own queue: score it first, then it can be used here."))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if page.actor.may(Right.RULE_HIT):
            opener(_("Open a case file …"), "found_file", beside=one, icon=":material/flag:")
        if page.actor.may(Right.PLAN_DRAW):
            _pick_button(page, one, row)
        if page.actor.may(Right.PROPOSE_CASE):
            nav.link(page, "library.py", _("Propose as a case"), conversation=one.handle)
        if row is not None and row.verdict_id is not None:
            nav.link(page, "agent.py", _("Result of the inspection"), span="all", verdict=str(row.verdict_id))
    dialog("found_file", _("Open a case file"), lambda: _open_file(page, kept()))
    dialog("found_pick", _("Put on an inspector's list"), lambda: _pick(page, kept()))


def _pick_button(page: Page, one: Conversation, row: FoundConversation | None) -> None:
    _ = page.t
    waiting = picking.open_pick(page.bench, page.actor, one.handle)
    if waiting is None:
        if row is None or row.sample_id is None:
            opener(_("Put on a list …"), "found_pick", beside=one, icon=":material/playlist_add:")
        return
    st.caption(
        _(
            "On the list of {name} since {when}: a named pick, in no estimate.",
            name=waiting.inspector,
            when=_.when(waiting.at),
        )
    )
    st.button(_("Take back"), key="found_unpick", type="tertiary", on_click=_take_back, args=(page, waiting.sample_id))


def _take_back(page: Page, sample_id: int) -> None:
    with showing_errors(page):
        picking.take_back(page.bench, page.actor, now=page.now, sample_id=sample_id)


def _open_file(page: Page, one: Conversation) -> None:
    """The form for what screening has missed."""
    _ = page.t
    names = board.rule_names(page.bench, page.actor)
    rules = reading.rules_in_force(page.bench, page.actor)
    said = {m.seq: m for m in one.transcript.messages if m.agent_id is not None}
    st.caption(_("It begins as suspected, like what screening finds; two people decide about it on the board."))
    with st.form("found_file_form", border=False):
        rule = st.selectbox(
            _("Red line"), rules, index=None, key="found_rule",
            format_func=lambda r: f"{r} {_.label(names[r].zh, names[r].en)}",
        )  # fmt: skip
        seq = st.selectbox(
            _("Message"), list(said), index=None, key="found_seq",
            format_func=lambda s: f"#{s + 1} {' '.join((said[s].text or '').split())[:60]}",
        )  # fmt: skip
        if st.form_submit_button(_("Open the case file"), type="primary"):
            with showing_errors(page):
                if rule is None or seq is None:
                    st.warning(_("Choose the red line and the message that breaks it."))
                    return
                file = reading.open_file(page.bench, page.actor, one.handle, now=page.now, rule_id=rule, seq=seq)
                st.toast(_("Case file {id} is on the board.", id=file))
                done()


def _pick(page: Page, one: Conversation) -> None:
    _ = page.t
    people = dict(picking.inspectors(page.bench, page.actor))
    st.caption(
        _(
            "The inspector scores it like a sample, and the agent reads the result. Nobody drew it: it is a named "
            "pick and enters no average, rate or ranking."
        )
    )
    with st.form("found_pick_form", border=False):
        who = st.selectbox(_("Inspector"), list(people), index=None, key="found_who", format_func=people.__getitem__)
        why = st.text_input(_("Why"), key="found_why", max_chars=MAX_REASON)
        if st.form_submit_button(_("Put on the list"), type="primary"):
            with showing_errors(page):
                if who is None:
                    st.warning(_("Choose an inspector."))
                    return
                picking.pick(page.bench, page.actor, one.handle, now=page.now, inspector_id=who, reason=why)
                st.toast(_("It waits on the list of {name}.", name=people[who]))
                done()


def _files(page: Page, one: Conversation, known: Names) -> None:
    """The case files that the reader may see."""
    _ = page.t
    for file in one.files:
        state = _(STATE_NAMES[FileState(file.state)])
        label = _("Case file {id}: {rule}, {state}", id=file.id, rule=known.rule(file.rule_id), state=state)
        nav.link(page, "redlines.py", label, file=str(file.id), red_state="all")
