"""How the red-line screens name things: severities, effects, buttons."""

from __future__ import annotations

from collections.abc import Mapping

from pages.kit.guard import Page
from qa.i18n import N_
from qa.lifecycle import Step
from qa.redline_board import Count, Row
from qa.rulebook import RuleName

SEVERITIES: Mapping[str, str] = {
    "critical": N_("Critical"), "major": N_("Major"), "minor": N_("Minor"), "info": N_("Note"),
}  # fmt: skip

EFFECTS: Mapping[str, str] = {
    "flag": N_("flag only"), "cap": N_("caps the score"), "zero_dimension": N_("zeroes a dimension"), "zero_form": N_("zeroes the form"),
}  # fmt: skip

BUTTONS: Mapping[Step, str] = {
    Step.CONFIRM: N_("Confirm"), Step.CLEAR: N_("Clear"), Step.RETRACT: N_("Take back"), Step.REOPEN: N_("Re-open"),
    Step.UPHOLD: N_("Uphold"), Step.DISMISS: N_("Dismiss"), Step.CLOSE: N_("Close"), Step.EXPUNGE: N_("Expunge"),
}  # fmt: skip
"""The steps a person takes on the board. Answers of agents and rulings on appeals have pages of their own."""

SHORTCUTS: Mapping[Step, str] = {
    Step.CONFIRM: "y", Step.CLEAR: "n", Step.RETRACT: "u", Step.REOPEN: "o", Step.UPHOLD: "y", Step.DISMISS: "n", Step.CLOSE: "x",
    Step.EXPUNGE: "e",
}  # fmt: skip


def count(page: Page, number: Count) -> str:
    """A bounded count: `1,204` or `10,000+`."""
    return page.t.number(number.n) + ("+" if number.more else "")


def rule_name(page: Page, rule_id: str, names: Mapping[str, RuleName]) -> str:
    """`R01 Abuse and threats`."""
    found = names.get(rule_id)
    return f"{rule_id} {page.t.label(found.zh, found.en)}" if found else rule_id


def person(row: Row) -> str:
    """Name and id of the agent."""
    return f"{row.agent_name} ({row.agent_id})" if row.agent_name and row.agent_name != row.agent_id else row.agent_id
