"""One dispute: its facts, the chats it can belong to, and the form to settle it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.kit.desk import case as telling
from pages.kit.desk.conversation import DISPUTES, JOINS
from pages.kit.dialogs import done
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import plain_text, showing_errors
from qa.disputes import case, listing, responsible, settling
from qa.disputes.listing import STATES, WHY, Candidate, DisputeRow
from qa.disputes.settled import NOBODY
from qa.policy import Right

DATA, NONE = "data", "none"


def show(page: Page, key: str) -> None:
    """The body of the dialog."""
    with showing_errors(page):
        row = listing.one(page.bench, page.actor, key)
        found = listing.candidates(page.bench, page.actor, key)
        _facts(page, row)
        if page.actor.may(Right.RULE_VIOLATION):
            _settle(page, row, found)
        else:
            _candidates(page, row, found)
        again = st.session_state.get("dispute_read") == key
        told = case.read(page.bench, page.actor, key, now=page.now, again=again)
        st.session_state["dispute_read"] = key
        telling.show(page, told, key="dispute_case")


def _facts(page: Page, row: DisputeRow) -> None:
    _ = page.t
    kind = _(DISPUTES[row.dispute_type]) if row.dispute_type in DISPUTES else row.dispute_type
    amount = _("refund of {amount}", amount=_.number(row.refund_fee / 100, 2)) if row.refund_fee is not None else ""
    head = (row.dispute_id, _.when(row.opened_at), kind, amount, row.shop, row.order_id, row.customer)
    st.markdown("**" + escape(" · ".join(part for part in head if part)) + "**")
    if row.reason:
        plain_text(row.reason)
    why = _(JOINS[row.joined_by]) if row.joined_by in JOINS else "–"
    who = row.agent_name or _("nobody")
    because = _(responsible.REASONS[row.answers_by]) if row.answers_by else _("nobody wrote in a chat about it")
    told = ((_("Chat joined by"), why), (_("Answers for it"), who), (_("Answers for it because"), because))
    st.caption(escape(" · ".join(_("{label}: {value}", label=label, value=value) for label, value in told)))
    if row.todo:
        st.info(escape(_(STATES[row.todo])), icon=":material/help:")


def line(page: Page, one: Candidate) -> str:
    """A chat that can be meant, in one line: when, why, who, and what the customer said first."""
    _ = page.t
    marks = [_(WHY[one.why])]
    marks += [_("began after the dispute was opened")] if one.after else []
    marks += [_("another shop")] if one.other_shop else []
    people = ", ".join(name for _agent, name in one.agents) or _("no agent")
    return f"{_.when(one.started_at)} · {' · '.join(marks)} · {people} · “{one.first_line}”"


def _candidates(page: Page, row: DisputeRow, found: Sequence[Candidate]) -> None:
    for each in found:
        mark = "▸ " if each.conversation_key == row.conversation_key else ""
        plain_text(mark + line(page, each))


def _settle(page: Page, row: DisputeRow, found: Sequence[Candidate]) -> None:
    _ = page.t
    lines = {each.conversation_key: line(page, each) for each in found}
    chats = [*lines, NONE, DATA]
    now = row.conversation_key if row.conversation_key in lines else (NONE if row.joined_by == "settled" else DATA)
    with st.form("dispute_settle", border=False):
        chat = st.radio(
            _("Chat of this dispute"), chats, chats.index(now), key="dispute_chat",
            format_func=lambda one: {NONE: _("none of them"), DATA: _("as the import found it")}.get(one)
            or escape(lines[one]),
        )  # fmt: skip
        people = _people(page, row, found)
        agents = [DATA, *people, NONE]
        held = (row.agent_id if row.agent_id in people else NONE) if row.answers_by == "settled" else DATA
        left, right, button = st.columns([3, 4, 1.2], vertical_alignment="bottom")
        agent = left.selectbox(
            _("Answers for it"), agents, agents.index(held), key="dispute_agent",
            format_func=lambda one: {NONE: _("nobody"), DATA: _("by the rule")}.get(one) or people[one],
        )  # fmt: skip
        reason = right.text_input(_("Reason"), key="dispute_reason", max_chars=settling.MAX_REASON)
        if button.form_submit_button(_("Settle"), type="primary"):
            _submit(page, row, _value(chat) if chat != now else settling.KEEP,
                    _value(agent) if agent != held else settling.KEEP, reason)  # fmt: skip


def _people(page: Page, row: DisputeRow, found: Sequence[Candidate]) -> dict[str, str]:
    """Who may answer: everybody who wrote in one of the chats, and who is named in the record."""
    names = {agent: name for each in found for agent, name in each.agents}
    if row.agent_id:
        names.setdefault(row.agent_id, row.agent_name)
    return dict(sorted(names.items(), key=lambda pair: pair[1]))


def _value(chosen: str) -> str | None:
    return None if chosen == DATA else NOBODY if chosen == NONE else chosen


def _submit(
    page: Page, row: DisputeRow, chat: str | settling.Keep | None, agent: str | settling.Keep | None, reason: str
) -> None:
    _ = page.t
    with showing_errors(page):
        made = settling.settle(
            page.bench, page.actor, now=page.now, dispute_key=row.key, reason=reason, conversation_key=chat,
            agent_id=agent,
        )  # fmt: skip
        if not made.id:
            st.info(_("Nothing was changed: choose another chat or agent."))
            return
        more = _("{n} samples drawn before keep what they were frozen with.", n=made.drawn) if made.drawn else ""
        st.toast(" ".join(part for part in (_("The dispute is settled."), more) if part))
        done()
