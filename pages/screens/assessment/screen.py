"""The page itself: sheets for everybody they concern; indicators, examples and schemes for leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from pages.kit.choices import pick, tabs
from pages.kit.guard import Page
from pages.kit.widgets import empty, heading, showing_errors
from pages.screens.assessment import examples, indicators, schemes, sheet, validity
from pages.screens.assessment.months import finished
from qa.assessment import schemes as stored
from qa.assessment import sheets
from qa.assessment.results import POOLED
from qa.assessment.words import STATES
from qa.i18n import N_
from qa.policy import Right

VIEWS = {
    "sheets": N_("Monthly sheets"),
    "indicators": N_("Indicators"),
    "examples": N_("Soft indicators"),
    "schemes": N_("Schemes"),
    "validity": N_("Validity"),
}


def show(page: Page) -> None:
    """Everything below the guard."""
    _ = page.t
    heading(page, _("Assessment"), _("The month, with what each figure is worth"))
    view = "sheets"
    if page.actor.may(Right.ASSESS):
        view = tabs(st.container(), _("View"), "view", VIEWS, _)
    with showing_errors(page):
        _SHOWN[view](page)


def _sheets(page: Page) -> None:
    _ = page.t
    heads = sheets.sheets(page.bench, page.actor)
    if page.actor.may(Right.ASSESS):
        _new(page, first=not heads)
    if not heads:
        advice = (
            _("Bring in the platforms' exports under “Indicators”, then draft a month.")
            if page.actor.may(Right.ASSESS)
            else _("Nothing has been published that concerns you.")
        )
        empty(_("There is no sheet yet"), advice)
        return
    by_id = {str(head.id): head for head in heads}
    standing = next((head for head in heads if head.state in ("published", "final")), heads[0])
    newest = heads[0] if heads[0].state == "draft" else standing
    chosen = pick(
        st.container(),
        _("Sheet"),
        "sheet",
        list(by_id),
        lambda i: title(page, by_id[i]),
        default=str(newest.id),
        width=420,
    )
    sheet.show(page, by_id[chosen])


def title(page: Page, head: sheets.SheetHead) -> str:
    """A sheet's name in lists: month or months, state, revision."""
    _ = page.t
    month = f"{head.month:%Y-%m}"
    name = _("{month} and the two months before", month=month) if head.pooled else month
    revision = "" if head.revision == 1 else " · " + _("revision {n}", n=head.revision)
    return f"{name} · {_(STATES[head.state])}{revision}"


def _new(page: Page, *, first: bool) -> None:
    _ = page.t
    today = page.today
    months = finished(today)
    with st.expander(_("Draft a sheet"), expanded=first, icon=":material/add:"):
        with st.form("assess_new", border=False):
            left, middle, right = st.columns([2, 3, 1], vertical_alignment="bottom")
            month = left.selectbox(_("Month"), months, format_func=lambda m: f"{m:%Y-%m}", key="assess_month")
            pooled = middle.selectbox(
                _("Months"),
                [1, POOLED],
                key="assess_months",
                format_func=lambda n: (
                    _("this month: points, no grade") if n == 1 else _("three months pooled: with grades")
                ),
            )
            if right.form_submit_button(_("Draft it"), type="primary"):
                with showing_errors(page):
                    stored.load_default(page.bench, page.actor, now=page.now)
                    number = sheets.draft(page.bench, page.actor, now=page.now, month=month, months=pooled)
                    st.session_state["pick_sheet"] = str(number)
                    st.rerun()
        st.caption(
            _("Inputs are frozen as they are now; a late export becomes a new revision with the difference shown.")
        )


_SHOWN: Mapping[str, Callable[[Page], None]] = {
    "sheets": _sheets, "indicators": indicators.show, "examples": examples.show, "schemes": schemes.show,
    "validity": validity.show,
}  # fmt: skip
