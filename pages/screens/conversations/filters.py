"""What is searched for: words and filters, all of them in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.kit.choices import pick
from pages.kit.guard import Page
from qa import reports
from qa.conversations import finding, listing
from qa.conversations.listing import ANY, NONE, UNANSWERED, Wanted
from qa.i18n import N_
from qa.transcripts import sees_customers

SLOW: Mapping[str, str] = {
    "60": N_("waited 1 minute or longer"),
    "180": N_("waited 3 minutes or longer"),
    "600": N_("waited 10 minutes or longer"),
    "3600": N_("waited an hour or longer"),
    UNANSWERED: N_("a question left unanswered"),
}
RATINGS: Mapping[str, str] = {
    "low": N_("1 or 2 of 5"), "1": N_("1 of 5"), "2": N_("2 of 5"), "3": N_("3 of 5"), "4": N_("4 of 5"),
    "5": N_("5 of 5"), NONE: N_("not rated"),
}  # fmt: skip
DRAWN: Mapping[str, str] = {"yes": N_("drawn"), "no": N_("not drawn")}


@dataclass(frozen=True)
class Names:
    """Names of agents and rules in the page's language."""

    agents: Mapping[str, str]
    rules: Mapping[str, str]

    def agent(self, agent_id: str) -> str:
        name = self.agents.get(agent_id, "")
        return f"{name} {agent_id}" if name and name != agent_id else agent_id

    def rule(self, rule_id: str) -> str:
        return f"{rule_id} {self.rules.get(rule_id, '')}".strip()


def names(page: Page) -> Names:
    """What agents and rules are called."""
    labels = {id_: label.pick(page.t.language) for id_, label in reports.rule_names(page.bench).items()}
    return Names(finding.agent_names(page.bench, page.actor), labels)


def choose(page: Page, known: Names) -> Wanted:
    """Draw the filters; what they say now."""
    _, choices = page.t, finding.choices(page.bench, page.actor)
    row = st.columns([5, 3, 3, 2, 2], gap="small", vertical_alignment="bottom")
    query = row[0].text_input(
        _("Search"), key="q", bind="query-params", placeholder=_("Words of the conversation; “whole phrases” in quotes")
    )
    agent = _one(page, row[1], _("Agent"), "agent", choices["agent"], known.agent)
    rules = [ANY, NONE, *choices["rule"]]
    hits = {ANY: _("some red line"), NONE: _("no red line")}
    rule = _one(page, row[2], _("Red line"), "rule", rules, lambda r: hits.get(r) or known.rule(r))
    first, last = _day(row[3], _("From"), "from"), _day(row[4], _("To"), "to")
    more = ("order", "customer", "team", "channel", "slow", "rating", "drawn", "shop")
    some = any(st.query_params.get(name) for name in more)
    with st.expander(_("More filters"), expanded=some, key="found_more"):
        return _more(page, choices, Wanted(query or "", agent=agent, rule=rule, first=first, last=last))


def _more(page: Page, choices: Mapping[str, Sequence[str]], base: Wanted) -> Wanted:
    _ = page.t
    upper, lower = st.columns(4, gap="small"), st.columns(4, gap="small")
    hint = None if sees_customers(page.actor) else _("As it is shown here: what is hidden cannot be searched for.")
    order = upper[0].text_input(_("Order number"), key="order", bind="query-params", help=hint)
    customer = upper[1].text_input(_("Customer"), key="customer", bind="query-params", help=hint)
    team = _one(page, upper[2], _("Team"), "team", choices["team"])
    shop = _one(page, upper[3], _("Shop"), "shop", choices["shop"])
    channel = _one(page, lower[0], _("Channel"), "channel", choices["channel"])
    slow = _one(page, lower[1], _("Reply time"), "slow", list(SLOW), lambda s: _(SLOW[s]))
    rating = _one(page, lower[2], _("Rating"), "rating", list(RATINGS), lambda r: _(RATINGS[r]))
    drawn = ""
    if listing.sees_draws(page.actor):
        drawn = _one(page, lower[3], _("Drawn"), "drawn", list(DRAWN), lambda d: _(DRAWN[d]))
    return Wanted(
        base.query, order or "", customer or "", base.agent, team, shop, channel, base.first, base.last, base.rule,
        slow, rating, drawn,
    )  # fmt: skip


def _one(
    page: Page, place: DeltaGenerator, label: str, name: str, options: Sequence[str], show: Any = lambda value: value
) -> str:
    return pick(place, label, name, ["", *options], lambda o: show(o) if o else page.t("Any"))


def _day(place: DeltaGenerator, label: str, key: str) -> date | None:
    chosen: object = place.date_input(label, None, key=key, bind="query-params", format="YYYY-MM-DD")
    return chosen if isinstance(chosen, date) else None
