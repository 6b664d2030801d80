"""The shipped red lines have a new edition: what it would change, rule by rule, and drafts to try."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import plain_text
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.rules import shipped
from qa.rules.shipped import Update

SHOWN = 40
"""Terms of one field that are shown."""
FIELDS = {
    "terms.phrases": N_("Phrases"),
    "terms.regex": N_("Regular expressions"),
    "exclusions.phrases": N_("Excluded phrases"),
    "exclusions.regex": N_("Excluded expressions"),
    "unless.phrases": N_("Unless (phrases)"),
    "unless.regex": N_("Unless (expressions)"),
    "guards": N_("Guards"),
    "broken_promises": N_("Counts broken promises"),
    "effect": N_("Effect"),
    "severity": N_("Severity"),
}


def draw(page: Page, message: str) -> None:
    """One line while something differs; what it is, and the button, open under it. `message` is the key of the
    session under which the page says what was done."""
    _ = page.t
    found = [one for one in shipped.updates(page.bench, page.actor) if not one.drafted]
    if not found:
        return
    free = [one for one in found if not one.own_words]
    with st.expander(
        _("The shipped rules have a new edition: {n} differ from yours", n=len(found)), key="rules_updates"
    ):
        st.caption(_("Nothing changes by itself. Drafts are tried on past chats and published, or discarded."))
        for one in found:
            _one(page, one)
        st.button(
            _("Make drafts of {n}", n=len(free)), key="rules_updates_go", type="primary", disabled=not free,
            on_click=_draft, args=(page, [one.rule_id for one in free], message),
            help=_("Rules that were edited here are left alone."),
        )  # fmt: skip


def _one(page: Page, one: Update) -> None:
    _ = page.t
    edited = _("edited here") if one.own_words else ""
    change = f"v{one.held} · +{one.added} −{one.removed} {edited}" if one.held else _("new rule")
    st.markdown(f"**{escape(one.rule_id)}** {escape(_.label(one.zh, one.en))} · {escape(change)}")
    if not one.held:
        return
    lines = []
    for difference in one.differences:
        for sign, terms in (("−", difference.removed), ("+", difference.added)):
            if terms:
                more = f" … ({len(terms)})" if len(terms) > SHOWN else ""
                lines.append(f"{_(FIELDS[difference.field])} {sign} {'　'.join(terms[:SHOWN])}{more}")
    with st.popover(_("Old and new"), key=f"rules_update_{one.rule_id}"):
        plain_text("\n".join(lines))


def _draft(page: Page, rule_ids: list[str], message: str) -> None:
    try:
        drafted = shipped.draft(page.bench, page.actor, now=datetime.now(UTC), rule_ids=rule_ids)
        st.session_state[message] = page.t("Drafts: {rules}.", rules=", ".join(drafted))
    except SpotcheckError as error:
        st.session_state[message] = error
