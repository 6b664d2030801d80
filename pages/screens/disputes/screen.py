"""Disputes as a list, those to be settled first; one of them opened with its facts, its chats and the form to settle
it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.kit.choices import tabs
from pages.kit.desk.conversation import DISPUTES, JOINS, STEPS
from pages.kit.dialogs import dialog, kept, open_dialog
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, heading, showing_errors
from pages.screens.disputes import figures, one
from qa.disputes import listing, responsible
from qa.disputes.listing import STATES, DisputeRow
from qa.i18n import N_

VIEWS = {"todo": N_("To settle"), "all": N_("All disputes"), "figures": N_("Figures")}
ROWS = 500


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Disputes"), _("Refunds and complaints with their chats; days looked back: {n}", n=listing.DAYS))
    with showing_errors(page):
        left, right = st.columns([3, 4], vertical_alignment="bottom")
        view = tabs(left, _("View"), "view", VIEWS, _)
        found = listing.rows(page.bench, page.actor, now=page.now)
        if found and view == "figures":
            figures.show(page)
        elif not found:
            empty(_("No disputes were imported"), _("Bring in refunds and disputes on the page Import."))
        else:
            todo = [row for row in found if row.todo]
            right.caption(_("{n} to settle, {all} in all", n=_.number(len(todo)), all=_.number(len(found))))
            _list(page, todo if view == "todo" else found)
    dialog("dispute", _("Dispute"), lambda: one.show(page, kept()), width="large")


def _list(page: Page, found: Sequence[DisputeRow]) -> None:
    _ = page.t
    if not found:
        empty(_("Nothing is to be settled"), _("Every dispute has its chat and somebody who answers for it."))
        return
    shown = found[:ROWS]
    data = {
        _("Opened"): [_.when(row.opened_at) for row in shown],
        _("Dispute"): [row.dispute_id for row in shown],
        _("To settle"): [_(STATES[row.todo]) if row.todo else "" for row in shown],
        _("Customer gives as reason"): [" ".join(row.reason.split()) for row in shown],
        _("Chat joined by"): [_(JOINS[row.joined_by]) if row.joined_by in JOINS else "–" for row in shown],
        _("Answers for it"): [row.agent_name or _("nobody") for row in shown],
        _("Answers for it because"): [
            _(responsible.REASONS[row.answers_by]) if row.answers_by else "–" for row in shown
        ],
        _("Status"): [state(page, row) for row in shown],
        _("Shop"): [row.shop for row in shown],
    }
    clickable(data, len(shown), "dispute_rows", lambda n: open_dialog("dispute", shown[n].key))
    if len(found) > ROWS:
        st.caption(_("The first {n} are shown.", n=ROWS))


def state(page: Page, row: DisputeRow) -> str:
    """Status of the record and the platform's step, in words where they are known."""
    _ = page.t
    status = _(DISPUTES[row.status]) if row.status in DISPUTES else row.status
    step = _(STEPS[row.cs_status]) if row.cs_status in STEPS and row.cs_status != 1 else None
    return " · ".join(part for part in (status, step) if part) or "–"
