"""Figures that compare inspectors: agreement with its interval and counts, severity with its error, gold and pace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import empty, escape, showing_errors
from qa import calibrating, comparing
from qa.comparing import CriterionAgreement
from qa.i18n import N_, Translator
from scoring.agreement import Agreement, Intraclass
from scoring.severity import SeverityFit

_REASONS = {
    "too_few": N_("too few"), "no_variation": N_("nobody objected, or everybody did"), "lopsided": N_("too lopsided to judge"),
}  # fmt: skip
_REFUSALS = {
    "few_inspectors": N_("Severity needs at least two inspectors with a few inspections each."),
    "not_connected": N_("These inspectors share no agents, even indirectly, so they cannot be compared. Rotate assignments."),
    "imprecise": N_("Severity is not known well enough yet (standard error above 2 points). More shared inspections will help."),
}


def criteria(page: Page, rows: Sequence[CriterionAgreement]) -> None:
    """Agreement per criterion: coefficients with intervals beside the counts they rest on."""
    _ = page.t
    st.dataframe(
        [
            {
                _("Criterion"): row.criterion.label.pick(_.language), "Krippendorff α": _coefficient(_, row.alpha),
                "Gwet AC": _coefficient(_, row.gwet), _("Same value"): "" if row.found.percent is None else _.percent(row.found.percent, 0),
                _("Second confirms"): "" if row.found.positive is None else _.percent(row.found.positive, 0),
                _("Both objected"): int(row.found.both), _("Only one"): int(row.found.one), _("Neither"): int(row.found.neither),
            }
            for row in rows
        ],
        hide_index=True,
    )  # fmt: skip
    st.caption(_("Intervals are 95 % bootstrap over conversations. “Second confirms” is the chance that one inspector finds what another has found."))


def totals(page: Page, fit: Intraclass | None) -> None:
    """Intraclass correlations of the totals, with what the gap between them means."""
    if fit is None:
        return
    st.caption(
        page.t(
            "Totals: ICC(2,1) {absolute}, ICC(3,1) {ranking}, {items} conversations × {raters} inspectors. A wide gap between the two is severity, not disorder.",
            absolute=page.t.number(fit.icc_2_1, 2), ranking=page.t.number(fit.icc_3_1, 2), items=fit.items, raters=fit.raters,
        )
    )  # fmt: skip


def _coefficient(t: Translator, value: Agreement) -> str:
    if value.value is None:
        return t(_REASONS.get(value.reason, N_("too few")))
    text = t.number(value.value, 2)
    return text if value.low is None or value.high is None else f"{text} [{t.number(value.low, 2)}, {t.number(value.high, 2)}]"


def programme(page: Page, since: datetime) -> None:
    """Agreement on the doubles of the last months and how severe each inspector is."""
    _ = page.t
    with showing_errors(page):
        found = comparing.programme(page.bench, page.actor, since=since)
        if not found.names:
            empty(_("No inspections in the last 90 days."), _("Agreement needs conversations that two inspectors scored without seeing each other."))
            return
        st.caption(_("Last 90 days, {n} conversations scored twice, weighted by how likely they were to be drawn.", n=found.doubles))
        if found.doubles:
            criteria(page, found.criteria)
            totals(page, found.totals)
        else:
            st.caption(_("No conversation was scored twice yet. Plans can set a share of blind doubles."))
        st.markdown(f"**{_('Severity of inspectors')}**")
        _severity(page, found.severity, dict(found.names))


def _severity(page: Page, fit: SeverityFit, names: dict[int, str]) -> None:
    _ = page.t
    if fit.severities is None:
        st.caption(_(_REFUSALS.get(fit.reason, _REFUSALS["few_inspectors"])))
        return
    rows = zip(fit.severities.inspectors, fit.severities.values, fit.severities.se, strict=True)
    st.dataframe(
        [
            {
                _("Inspector"): names.get(int(who), who), _("Severity, points"): _.number(value, 1),
                _("95 % interval"): f"[{_.number(value - 1.96 * se, 1)}, {_.number(value + 1.96 * se, 1)}]",
            }
            for who, value, se in sorted(rows, key=lambda row: row[1])
        ],
        hide_index=True,
    )  # fmt: skip
    st.caption(_("Negative means harsher than these inspectors' average on comparable conversations. Severe is not unreliable."))


def gold_and_pace(page: Page, since: datetime) -> None:
    """Gold conversations beside their reference, and reading pace as information."""
    _ = page.t
    with showing_errors(page):
        _seed(page)
        gold = calibrating.gold_results(page.bench, page.actor)
        if gold:
            st.dataframe(
                [
                    {
                        _("Inspector"): row.inspector, _("Score"): row.total / 100, _("Reference"): row.reference / 100,
                        _("Difference"): (row.total - row.reference) / 100, _("Red lines agree"): _("yes") if row.redlines_agree else _("no"),
                        _("When"): _.when(row.submitted_at),
                    }
                    for row in gold
                ],
                hide_index=True,
            )  # fmt: skip
        else:
            empty(_("No gold conversation has come back yet."), _("Seed one: it waits unannounced in the middle of the queues."))
        st.markdown(f"**{_('Pace')}**")
        _pace(page, since)


def _pace(page: Page, since: datetime) -> None:
    _ = page.t
    rows = comparing.pace(page.bench, page.actor, since=since)
    if not rows:
        st.caption(_("Pace shows from five timed inspections on."))
        return
    st.dataframe(
        [
            {
                _("Inspector"): row.name, _("Inspections"): row.inspections, _("Seconds per 100 characters"): round(row.seconds_per_100, 1),
                _("Colleagues"): None if row.others_per_100 is None else round(row.others_per_100, 1),
                _("Doubles within tolerance"): "" if row.agreement is None else f"{_.percent(row.agreement, 0)} (n = {row.doubles})",
                _("Note"): _("much faster than colleagues: worth a look") if row.rushed else "",
            }
            for row in rows
        ],
        hide_index=True,
    )  # fmt: skip
    st.caption(_("Medians. A fast reader who agrees with others is simply fast; this is a hint to look, not a verdict."))


def _seed(page: Page) -> None:
    _ = page.t
    choices = calibrating.candidates(page.bench, page.actor)
    with st.expander(_("Seed a gold conversation")):
        if not choices.samples:
            st.caption(_("There are no samples yet. Publish a draw first."))
            return
        units = {id_: f"{unit} · {agent}" for id_, unit, agent in choices.samples}
        people = dict(choices.inspectors)
        with st.form("seed_gold", border=False):
            sample = st.selectbox(_("Conversation with a settled verdict"), list(units), format_func=units.__getitem__, key="gold_sample")
            inspectors = st.multiselect(_("Inspectors"), list(people), format_func=people.__getitem__, key="gold_people")
            if not st.form_submit_button(_("Put it into their queues")):
                return
        seeded = calibrating.seed_gold(page.bench, page.actor, now=page.now, sample_id=sample, inspector_ids=inspectors)
        st.success(escape(_("It waits in {n} queues.", n=seeded.places)), icon=":material/check:")
