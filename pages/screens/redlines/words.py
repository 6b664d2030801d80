"""How the red-line screens name things: severities, effects, buttons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import streamlit as st

from pages.kit.desk import TranscriptView
from pages.kit.desk.conversation import Span
from pages.kit.guard import Page
from pages.kit.promises import beside, notes
from qa.casefiles.lifecycle import Step
from qa.i18n import N_
from qa.promises import reading as promised
from qa.promises.reading import LedgerPromise
from qa.redlines.board import BoundedCount, Row
from qa.redlines.detail import CaseFile
from qa.redlines.quality import RuleQuality
from qa.rules.stored import RuleName

FILE, CURSORS, MESSAGE, TURN = "red_file", "red_cursors", "red_message", "red_turn"
"""What the board remembers of a session: the file shown, the pages gone through, what to say next, and which set of
widgets."""
UNDO, RELOAD = "red_undo_last", "red_reload"
"""The last decision that one key takes back, and whether the whole board must be drawn anew."""

SEVERITIES: Mapping[str, str] = {
    "critical": N_("Critical"), "major": N_("Major"), "minor": N_("Minor"), "info": N_("Note"),
}  # fmt: skip

EFFECTS: Mapping[str, str] = {
    "flag": N_("flag only"),
    "cap": N_("caps the score"),
    "zero_dimension": N_("zeroes a dimension"),
    "zero_form": N_("zeroes the form"),
}

BUTTONS: Mapping[Step, str] = {
    Step.CONFIRM: N_("Confirm"), Step.CLEAR: N_("Clear"), Step.RETRACT: N_("Take back"), Step.REOPEN: N_("Re-open"),
    Step.UPHOLD: N_("Uphold"), Step.DISMISS: N_("Dismiss"), Step.CLOSE: N_("Close"), Step.EXPUNGE: N_("Expunge"),
}  # fmt: skip
"""The steps a person takes on the board. Answers of agents and rulings on appeals have pages of their own."""

SHORTCUTS: Mapping[Step, str] = {
    Step.CONFIRM: "y",
    Step.CLEAR: "n",
    Step.RETRACT: "u",
    Step.REOPEN: "o",
    Step.UPHOLD: "y",
    Step.DISMISS: "n",
    Step.CLOSE: "x",
    Step.EXPUNGE: "e",
}


def count(page: Page, number: BoundedCount) -> str:
    """A bounded count: `1,204` or `10,000+`."""
    return page.t.number(number.n) + ("+" if number.more else "")


def rule_name(page: Page, rule_id: str, names: Mapping[str, RuleName]) -> str:
    """`R01 Abuse and threats`."""
    found = names.get(rule_id)
    return f"{rule_id} {page.t.label(found.zh, found.en)}" if found else rule_id


def person(row: Row) -> str:
    """Name and id of the agent."""
    return f"{row.agent_name} ({row.agent_id})" if row.agent_name and row.agent_name != row.agent_id else row.agent_id


def reading(page: Page, file: CaseFile, names: Mapping[str, RuleName]) -> TranscriptView:
    """The conversation of a case file with its hits marked and what became of its promises, opened at the first hit."""
    row = file.row
    title = rule_name(page, row.rule_id, names).removeprefix(row.rule_id).strip()
    made = _made(page, file.conversation_key, promised.resting_on(page.bench))
    told = notes(page.t, made, beside(file.transcript), ruled=True)
    spans = [Span(hit.seq, hit.start, hit.end, row.rule_id, title) for hit in file.evidence]
    focus = min((hit.seq for hit in file.evidence), default=None)
    return TranscriptView(file.transcript, spans, focus=focus, promises=told)


@st.cache_data(ttl=timedelta(minutes=5), max_entries=256, show_spinner=False)
def _made(_page: Page, conversation_key: str, known: tuple[object, ...]) -> tuple[LedgerPromise, ...]:
    """Its promises as they stand; a file is drawn anew at every click."""
    return promised.of_conversation(_page.bench, conversation_key, _page.now)


def share(page: Page, one: RuleQuality, digits: int = 1) -> str:
    """A rate with its interval, `61.9% [45.6%, 76.4%] n = 42`; empty where there is none."""
    t, estimate = page.t, one.estimate
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return ""
    return (
        f"{t.percent(estimate.value, digits)} [{t.percent(estimate.low, digits)}, {t.percent(estimate.high, digits)}] n"
        f" = {t.number(one.reviewed)}"
    )
