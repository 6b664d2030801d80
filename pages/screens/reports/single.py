"""Single results: the list whose rows open one of them, and the dialog with its lines beside the conversation.

The dialog is named in the address (`?verdict=12`), so that a link opens it; what is done in it runs the dialog alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl
import streamlit as st

from pages.kit import nav
from pages.kit.choices import number_in_address
from pages.kit.desk import TranscriptView, transcript
from pages.kit.dialogs import addressed, turn_to
from pages.kit.escaping import escape
from pages.kit.guard import Page, enter
from pages.kit.rows import clickable, listed
from pages.kit.widgets import plain_text, show_error, showing_errors
from pages.screens.coaching.screen import beside_result
from pages.screens.reports.lines import lines_table, proofs
from qa import reports
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.policy import Right
from qa.reports import Result
from qa.verdicts import reading

REASONS: Mapping[str, str] = {
    "certainty": N_("high risk"),
    "base": N_("random"),
    "take_all": N_("all taken"),
    "replacement": N_("replacement"),
}
_ADDRESS, _SAY = "verdict", "result_say"


def result_list(page: Page, rows: pl.DataFrame, *, key: str, names: bool = True) -> None:
    """A table of single results, each row opening its result. `names` where it holds several people's. Agents are told
    until when they can object; how a conversation was drawn is for those who read all results."""
    _ = page.t
    if rows.is_empty():
        st.caption(_("No inspections."))
        return
    everybody = page.actor.reads_others
    table: dict[str, list[str]] = {
        **({} if everybody else {_("To object"): [days_left(page, x) for x in rows["appeal_until"]]}),
        _("When"): [_.when(x, "MM-dd HH:mm") for x in rows["occurred_at"]],
        **({_("Agent"): rows["name"].to_list()} if names else {}),
        _("Conversation"): rows["first_line"].to_list(),
        _("Score"): [_.number(x, 1) for x in rows["score"]],
        _("Red lines"): [" ".join(x) for x in rows["redlines"]],
    }
    if everybody:
        table[_("Drawn as")] = [
            f"{_(REASONS.get(why, why))} {_.percent(pi)}" for why, pi in zip(rows["reason"], rows["pi"], strict=True)
        ]
    table[_("Read")] = [_("yes") if x else "" for x in rows["read"]]
    _opening(page, table, rows["verdict_id"].to_list(), key)


def _opening(page: Page, table: dict[str, list[str]], verdicts: list[int], key: str) -> None:
    """The table itself: a grid that sorts for those who read everybody's results, a light list for an agent's own."""
    _ = page.t
    score, words = _("Score"), _("Conversation")

    def opened(row: int) -> None:
        open_result(verdicts[row])

    if page.actor.reads_others:
        columns = {
            words: st.column_config.TextColumn(width="medium"),
            score: st.column_config.TextColumn(width="small", alignment="right"),
        }
        clickable(table, len(verdicts), key, opened, most=12, column_config=columns)
    else:
        listed(page, table, key, opened, label=_("Single results"), title=words, numbers=[score])


def days_left(page: Page, until: datetime | None) -> str:
    """How long something can still be done: in days, the last day in hours; nothing when it cannot."""
    if until is None or until < page.now:
        return ""
    left = until - page.now
    if left.days:
        return page.t("{n} days left", n=left.days)
    return page.t("{n} hours left", n=max(1, round(left.seconds / 3600)))


def open_result(verdict: int) -> None:
    """Open a result in the run that follows."""
    turn_to(_ADDRESS, verdict)


def result_dialog(page: Page) -> None:
    """The result that the address names, in a dialog; nothing when it names none. Call it once on a page."""
    addressed(_ADDRESS, page.t("Result"), _named, Right.VIEW_RESULTS, Right.VIEW_OWN_RESULTS)


def result_named(page: Page) -> None:
    """The result that the address names, inside a dialog that is open already."""
    if (verdict := number_in_address(_ADDRESS)) is not None:
        with showing_errors(page):
            _named(page, verdict)


def _named(page: Page, verdict: int) -> None:
    _result(page, reports.result(page.bench, page.actor, verdict, page.t.language))


def _result(page: Page, result: Result) -> None:
    """One result line by line, beside the conversation it judges; what can be done with it comes first."""
    _ = page.t
    view = reading.view(page.bench, page.actor, verdict_id=result.verdict_id, language=_.language)
    st.caption(escape(" · ".join(_facts(page, result))))
    if (refused := st.session_state.pop(_SAY, None)) is not None:
        show_error(page, refused)
    _answers(page, result)
    left, right = st.columns(2, gap="large")
    with left:
        lines_table(page, result.lines, result.total, view.before)
        if result.comment:
            plain_text(result.comment)
        beside_result(page, result)
    with right:
        transcript(
            page, TranscriptView(view.transcript, evidence=proofs(result.lines)), key="result_transcript", height=400
        )


def _facts(page: Page, result: Result) -> list[str]:
    _ = page.t
    facts = [result.agent_name, _.when(result.occurred_at), _("decided {when}", when=_.when(result.decided_at))]
    if result.inspector:
        facts.append(_("inspected by {name}", name=result.inspector))
    if result.acknowledged_at:
        facts.append(_("acknowledged {when}", when=_.when(result.acknowledged_at)))
    return facts


def _answers(page: Page, result: Result) -> None:
    """What the reader can do with the result: the agent answers it, others may teach with it."""
    _ = page.t
    own = page.actor.may(Right.ANSWER) and page.actor.agent_id == result.agent_id
    with st.container(horizontal=True, vertical_alignment="center", key="result_actions"):
        if own and not result.acknowledged_at:
            st.button(
                _("I have read this"),
                key="acknowledge",
                type="primary",
                on_click=_acknowledge,
                args=(result.verdict_id,),
            )
        elif own and (following := reports.next_unread(page.bench, page.actor, now=page.now)) is not None:
            st.button(
                _("Next unread result"), key="next_unread", type="primary", on_click=open_result, args=(following,)
            )
        if own and page.now <= result.appeal_until:
            text = _("Object to this result, until {until}", until=_.when(result.appeal_until))
            nav.link(page, "appeals.py", text, verdict=str(result.verdict_id))
        elif own:
            st.caption(_("The time to object ended on {until}.", until=_.when(result.appeal_until)))
        if page.actor.may(Right.PROPOSE_CASE):
            nav.link(page, "library.py", _("Propose as a case"), sample=str(result.sample_id))


def _acknowledge(verdict: int) -> None:
    page = enter(Right.ANSWER)
    try:
        reading.acknowledge(page.bench, page.actor, now=page.now, verdict_id=verdict)
    except SpotcheckError as error:
        st.session_state[_SAY] = error
