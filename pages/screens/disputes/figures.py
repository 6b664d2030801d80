"""Disputes in figures: rates with exact intervals, cost, reasons and their drift, and the effect of measures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import streamlit as st

from pages.kit.choices import pick
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import download, empty
from qa.policy import Right
from qa.reports import disputes as figures
from qa.reports import exporting
from qa.reports.disputes import DisputeFigures, DisputeRates, MeasureRow, ReasonRow
from qa.reports.scope import Scope
from scoring.estimate import Estimate

WEEKS = ("4", "8", "13", "26")


def show(page: Page) -> None:
    """The whole tab."""
    _ = page.t
    by_, over_, since, file = st.columns([2, 2, 2, 1], vertical_alignment="bottom")
    by = pick(by_, _("One row for each"), "by", list(figures.GROUPS), lambda b: _(figures.GROUPS[b]))
    exposure = pick(over_, _("Counted over"), "over", list(figures.EXPOSURES), lambda e: _(figures.EXPOSURES[e]))
    weeks = pick(since, _("Period"), "weeks", WEEKS, lambda w: _("the last {n} weeks", n=int(w)), default="8")
    last = page.t.local(page.now).date()
    scope = Scope(last - timedelta(days=7 * int(weeks) - 1), last, "dispute")
    found = figures.figures(page.bench, page.actor, scope=scope, by=by, exposure=exposure)
    if not found.total.own.disputes:
        empty(_("No disputes in this period"), _("Choose a longer period."))
        return
    _export(page, file, found)
    _whole(page, found)
    _rows(page, found)
    _reasons(page, found.reasons)
    _measures(page, found)


def _whole(page: Page, found: DisputeFigures) -> None:
    _, own = page.t, found.total.own
    what = _(figures.EXPOSURES[found.exposure])
    told = [
        _("{rate} disputes per 100 {what}", rate=_figure(page, found.total.rate), what=what),
        _("platform stepped in: {share}", share=_figure(page, found.total.stepped)),
        _("ruled against the shop: {share}", share=_figure(page, found.total.against)),
        _("refunded: {amount}", amount=_.number(own.refunded / 100, 2)),
    ]
    if own.beyond:
        told.append(_("of it beyond the order's total: {amount}", amount=_.number(own.beyond / 100, 2)))
    told += [_("freight: {amount}", amount=_.number(own.freight / 100, 2))] if own.freight else []
    told += [_("compensation: {amount}", amount=_.number(own.compensation / 100, 2))] if own.compensation else []
    told.append(
        _("avoidable platform steps by inspections: {share}", share=_figure(page, found.avoidable))
        if found.avoidable.known
        else _("avoidable platform steps: no figure, n = {n}", n=found.avoidable.n)
    )
    st.caption(escape(" · ".join(told)))
    st.caption(
        _("Intervals are exact (95%): Poisson for rates, Clopper–Pearson for shares. Freight and compensation count"
          " where the imported records name them.")
    )  # fmt: skip


def _rows(page: Page, found: DisputeFigures) -> None:
    _ = page.t
    what = _(figures.EXPOSURES[found.exposure])
    data = {
        _(figures.GROUPS[found.by]): [row.label or _("not named") for row in found.rows],
        _("Disputes"): [row.own.disputes for row in found.rows],
        what[:1].upper() + what[1:]: [row.own.exposure for row in found.rows],
        _("per 100 {what}", what=what): [_of(page, row.rate, row.rate_of) for row in found.rows],
        _("Platform stepped in"): [_of(page, row.stepped, row.stepped_of) for row in found.rows],
        _("Ruled against the shop"): [_of(page, row.against, row.against_of) for row in found.rows],
        _("Refunded"): [_.number(row.own.refunded / 100, 2) for row in found.rows],
    }
    st.dataframe(data, hide_index=True, width="stretch", height="content" if len(found.rows) <= 12 else 455)
    if any(_borrowed(row) for row in found.rows):
        st.caption(
            _(
                "Fewer than 10 cases are to be expected of these agents: chance alone moves such a figure too far, so "
                "that of the team stands in its place."
            )
        )


def _borrowed(row: DisputeRates) -> bool:
    return {row.rate_of, row.stepped_of, row.against_of} != {figures.OWN}


def _reasons(page: Page, reasons: Sequence[ReasonRow]) -> None:
    _, so_far, shares = page.t, 0, []
    total = sum(row.now for row in reasons)
    for row in reasons:
        so_far += row.now
        shares.append(_.percent(so_far / total, 0) if total else "–")
    st.subheader(_("Reasons and their drift"))
    data = {
        _("Reason"): [" ".join(row.reason.split())[:60] or _("not named") for row in reasons],
        _("Disputes"): [row.now for row in reasons],
        _("Share"): [_figure(page, row.share) for row in reasons],
        _("Together"): shares,
        _("In the period before"): [row.before for row in reasons],
        _("Change in points"): [_change(page, row.drift) for row in reasons],
    }
    st.dataframe(data, hide_index=True, width="stretch")


def _measures(page: Page, found: DisputeFigures) -> None:
    _ = page.t
    if not found.measures:
        return
    st.subheader(_("Before and after a measure"))

    def side(one: tuple[int, int]) -> str:
        return f"{_.number(one[0])} / {_.number(one[1])}"

    rows: Sequence[MeasureRow] = found.measures
    data = {
        _("Measure"): [row.name for row in rows],
        _("Day"): [str(row.on_day) for row in rows],
        _("Team"): [row.team or _("Everybody") for row in rows],
        _("Days on each side"): [row.days for row in rows],
        _("Disputes / {what} before", what=_(figures.EXPOSURES[found.exposure])): [side(row.before) for row in rows],
        _("after"): [side(row.after) for row in rows],
        _("Rate after, times that before"): [_times(page, row.ratio) for row in rows],
    }
    st.dataframe(data, hide_index=True, width="stretch")


def _figure(page: Page, found: Estimate) -> str:
    """A share or rate in hundredths with its interval; a sentence where there is none."""
    if not found.known:
        return page.t("no figure, n = {n}", n=found.n)
    low, value, high = (page.t.number(100 * x, 1) for x in (found.low or 0.0, found.value or 0.0, found.high or 0.0))
    return f"{value}% [{low}%, {high}%]" if found.method != "poisson" else f"{value} [{low}, {high}]"


def _of(page: Page, found: Estimate, of: str) -> str:
    return _figure(page, found) + ("" if of == figures.OWN else f" · {page.t(figures.OF[of])}")


def _change(page: Page, found: Estimate) -> str:
    if not found.known:
        return "–"
    low, value, high = (page.t.change(100 * x, 1) for x in (found.low or 0.0, found.value or 0.0, found.high or 0.0))
    return f"{value} [{low}, {high}]"


def _times(page: Page, found: Estimate) -> str:
    if not found.known:
        return page.t("no figure, n = {n}", n=found.n)
    low, value, high = (page.t.number(x, 2) for x in (found.low or 0.0, found.value or 0.0, found.high or 0.0))
    return f"{value} [{low}, {high}]"


def _export(page: Page, place: st.delta_generator.DeltaGenerator, found: DisputeFigures) -> None:
    if not page.actor.may(Right.EXPORT):
        return
    frame = figures.frame(found)

    def made(form: str) -> bytes:
        return exporting.export(page.bench, page.actor, now=page.now, what="disputes", frame=frame, form=form).content

    with place.popover(page.t("Export"), icon=":material/download:"):
        for form, mime in exporting.FORMATS.items():
            download(form.upper(), partial(made, form), f"spotcheck-disputes.{form}", mime, key=f"dispute_{form}")
