"""Figures that compare inspectors: agreement with its interval and counts, severity with its error, gold and pace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, showing_errors
from pages.screens.calibration.names import conversations
from qa.calibration import comparing, gold, pace, rounds
from qa.calibration.comparing import AgainstReference, CriterionAgreement, Share
from qa.calibration.pace import Speed
from qa.desk import queue
from qa.i18n import N_, Translator
from scoring.agreement import Agreement, Distance, Intraclass
from scoring.consistency import Consistency
from scoring.severity import SeverityFit

_REASONS = {
    "too_few": N_("too few"),
    "no_variation": N_("nobody objected, or everybody did"),
    "lopsided": N_("too lopsided to judge"),
}
_REFUSALS = {
    "few_inspectors": N_("Severity needs at least two inspectors with a few inspections each."),
    "not_connected": N_(
        "These inspectors share no agents, even indirectly, so they cannot be compared. Rotate assignments."
    ),
    "imprecise": N_(
        "Severity is not known well enough yet (standard error above 2 points). More shared inspections will help."
    ),
}
_SPEEDS = {
    Speed.USUAL: "",
    Speed.FAST: N_("fast; too few doubles to say more"),
    Speed.FAST_AND_SOUND: N_("fast, and agrees with colleagues"),
    Speed.LOOK: N_("fast, and agrees less than colleagues do: worth a look"),
}


def _table(rows: Sequence[dict[str, object]]) -> None:
    st.dataframe(rows, hide_index=True, height="content")


def criteria(page: Page, rows: Sequence[CriterionAgreement]) -> None:
    """Agreement per criterion: coefficients with intervals beside the counts they rest on."""
    _ = page.t
    apart = [row for row in rows if row.found.percent is not None and row.found.percent < 1]
    _table(
        [
            {
                _("Criterion"): row.criterion.label.pick(_.language),
                "Krippendorff α": _coefficient(_, row.alpha),
                "Gwet AC": _coefficient(_, row.gwet),
                _("Weighted κ"): _coefficient(_, row.kappa),
                _("Same value"): "" if row.found.percent is None else _.percent(row.found.percent, 0),
                _("Second confirms"): "" if row.found.positive is None else _.percent(row.found.positive, 0),
                _("Both objected"): int(row.found.both),
                _("Only one"): int(row.found.one),
                _("Neither"): int(row.found.neither),
            }
            for row in apart
        ]
    )
    if same := [row.criterion.label.pick(_.language) for row in rows if row.found.percent == 1]:
        st.caption(
            escape(_("Everybody agreed on: {criteria}", criteria=("、" if _.language == "zh_CN" else ", ").join(same)))
        )
    st.caption(
        _(
            "Intervals are 95 %, over conversations; there is none from fewer than 20, or where fewer than 8 have an"
            " objection. “Second confirms” is the chance that one inspector finds what another has found."
        )
    )


def totals(page: Page, fit: Intraclass | None) -> None:
    """Intraclass correlations of the totals of a round, with what the gap between them means."""
    if fit is None:
        return
    st.caption(
        page.t(
            "Totals: ICC(2,1) {absolute}, ICC(3,1) {ranking}, {items} conversations × {raters} inspectors. A wide gap"
            " between the two is severity, not disorder.",
            absolute=page.t.number(fit.icc_2_1, 2),
            ranking=page.t.number(fit.icc_3_1, 2),
            items=fit.items,
            raters=fit.raters,
        )
    )


def against(page: Page, rows: Sequence[AgainstReference]) -> None:
    """Everybody beside the reference answers of a round."""
    _ = page.t
    if not rows:
        return
    st.markdown(f"**{_('Beside the reference')}**")
    _table(
        [
            {
                _("Inspector"): row.inspector,
                _("Mean difference, points"): _difference(_, row.totals),
                _("Conversations"): row.totals.n,
                _("Same mark"): _("{k} of {n} criteria", k=row.same, n=row.criteria),
            }
            for row in rows
        ]
    )


def _coefficient(t: Translator, value: Agreement) -> str:
    if value.value is None:
        return t(_REASONS.get(value.reason, N_("too few")))
    return _with_interval(t, value.value, value.low, value.high, 2)


def _difference(t: Translator, value: Distance) -> str:
    return (
        _with_interval(t, value.mean, value.low, value.high, 1)
        if value.low is not None
        else t("{value} (no interval)", value=t.number(value.mean, 1))
    )


def _with_interval(t: Translator, value: float, low: float | None, high: float | None, digits: int) -> str:
    text = t.number(value, digits)
    return text if low is None or high is None else f"{text} [{t.number(low, digits)}, {t.number(high, digits)}]"


def _share(t: Translator, share: Share | None) -> str:
    if share is None:
        return ""
    return t(
        "{k} of {n} [{low}, {high}]", k=share.k, n=share.n, low=t.percent(share.low, 0), high=t.percent(share.high, 0)
    )


def programme(page: Page, since: datetime) -> None:
    """Agreement on the doubles of the last months and how severe each inspector is."""
    _ = page.t
    with showing_errors(page):
        found = comparing.programme(page.bench, page.actor, since=since)
        if not found.names and not found.doubles:
            empty(
                _("No inspections in the last 90 days."),
                _("Agreement needs conversations that two inspectors scored without seeing each other."),
            )
            return
        if found.doubles:
            st.caption(
                _(
                    "Last 90 days, {n} conversations scored twice, weighted by how likely they were to be drawn.",
                    n=found.doubles,
                )
            )
            criteria(page, found.criteria)
            if found.severity.intraclass is not None:
                absolute, ranking = found.severity.intraclass
                st.caption(
                    _(
                        "Totals: ICC(2,1) {absolute}, ICC(3,1) {ranking}, from the variances of all scores. A wide gap"
                        " between the two is severity, not disorder.",
                        absolute=_.number(absolute, 2),
                        ranking=_.number(ranking, 2),
                    )
                )
        else:
            empty(
                _("No conversation was scored twice yet. Plans can set a share of blind doubles."),
                _("Agreement shows here as soon as both inspectors of a double are done."),
            )
        st.markdown(f"**{_('Severity and consistency of inspectors')}**")
        _severity(page, found.severity, found.consistency, {str(user): name for user, name in found.names})


def _severity(page: Page, fit: SeverityFit, consistent: Sequence[Consistency], names: dict[str, str]) -> None:
    _ = page.t
    if fit.severities is None:
        st.info(escape(_(_REFUSALS.get(fit.reason, _REFUSALS["few_inspectors"]))))
        if fit.reason == "not_connected":
            groups = [
                ("、" if _.language == "zh_CN" else ", ").join(names.get(who, who) for who in group.split(", "))
                for group in fit.detail.split(" | ")
            ]
            st.caption(escape(_("Groups without a link: {groups}", groups=" | ".join(groups))))
    known = (
        {}
        if fit.severities is None
        else dict(
            zip(fit.severities.inspectors, zip(fit.severities.values, fit.severities.se, strict=True), strict=True)
        )
    )
    rows = sorted(consistent, key=lambda one: known[one.inspector][0] if one.inspector in known else 0.0)
    if not rows:
        return
    _table([_person(_, names.get(one.inspector, one.inspector), known.get(one.inspector), one) for one in rows])
    st.caption(
        _(
            "Severity: negative means harsher than these inspectors' average on comparable conversations. Correlation:"
            " with what colleagues gave the same conversations, severity taken off. Severe is not unreliable."
        )
    )


def _person(t: Translator, name: str, severity: tuple[float, float] | None, one: Consistency) -> dict[str, object]:
    harsh, se = severity or (0.0, 0.0)
    note = ""
    if one.alone:
        note = t("agrees with nobody's scores: worth a look")
    elif one.needed is None:
        note = t("cannot say yet: colleagues agree too little among themselves")
    elif one.needed:
        note = t("cannot say yet: about {n} more shared conversations are needed", n=one.needed)
    elif severity is not None and abs(harsh) > 1.96 * se and not one.consistent:
        note = t("harsher than colleagues") if harsh < 0 else t("milder than colleagues")
    elif severity is not None and abs(harsh) > 1.96 * se:
        note = t("harsher than colleagues, consistently") if harsh < 0 else t("milder than colleagues, consistently")
    return {
        t("Inspector"): name,
        t("Severity, points"): (
            "" if severity is None else _with_interval(t, harsh, harsh - 1.96 * se, harsh + 1.96 * se, 1)
        ),
        t("Correlation with colleagues"): (
            (t("too few") if one.correlation is None else _with_interval(t, one.correlation, one.low, one.high, 2))
            + f" n = {one.shared}"
        ),
        t("Note"): note,
    }


# --- gold and pace ----------------------------------------------------------------------------------------------------


def gold_and_pace(page: Page, since: datetime) -> None:
    """Gold conversations beside their reference, and reading pace as information."""
    with showing_errors(page):
        _seed(page)
        _gold(page)
        st.markdown(f"**{page.t('Pace')}**")
        _pace(page, since)


def _gold(page: Page) -> None:
    _ = page.t
    back = gold.gold_results(page.bench, page.actor)
    if back.waiting:
        st.caption(
            _("{n} gold conversations still wait in queues; inspectors cannot tell them from others.", n=back.waiting)
        )
    if not back.rows and not back.waiting:
        empty(
            _("No gold conversation has come back yet."),
            _("Place one: it waits unannounced in the middle of the queues."),
        )
    if not back.rows:
        return
    _table(
        [
            {
                _("Inspector"): one.inspector,
                _("Mean difference, points"): _difference(_, one.difference),
                _("Within tolerance"): _share(_, one.within),
            }
            for one in back.inspectors
        ]
    )
    names = conversations(page, {row.sample_id for row in back.rows})
    with st.expander(_("Every gold conversation ({n})", n=len(back.rows))):
        _table(
            [
                {
                    _("Conversation"): names.get(row.sample_id, ""),
                    _("Inspector"): row.inspector,
                    _("Score"): _.points(row.total),
                    _("Reference"): _.points(row.reference),
                    _("Red lines agree"): _("yes") if row.redlines_agree else _("no"),
                    _("When"): _.when(row.submitted_at),
                }
                for row in back.rows
            ]
        )


def _pace(page: Page, since: datetime) -> None:
    _ = page.t
    rows = pace.pace(page.bench, page.actor, since=since)
    skips = {
        count.user_id: count
        for count in queue.skip_counts(page.bench, page.actor, now=page.now, days=(page.now - since).days)
    }
    if not rows:
        st.caption(_("Pace shows from five timed inspections on."))
        return
    _table(
        [
            {
                _("Inspector"): row.name,
                _("Inspections"): row.inspections,
                _("Seconds per 100 characters"): _.number(row.seconds_per_100, 1),
                _("Colleagues"): "" if row.others_per_100 is None else _.number(row.others_per_100, 1),
                _("Doubles within tolerance"): _share(_, row.agreement),
                _("Colleagues' doubles"): "" if row.others_agreement is None else _.percent(row.others_agreement, 0),
                _("Skipped"): _skipped(_, skips.get(row.user_id)),
                _("Note"): _(_SPEEDS[row.speed]) if _SPEEDS[row.speed] else "",
            }
            for row in rows
        ]
    )
    st.caption(
        _("Medians. A fast reader who agrees with others is simply fast; this is a hint to look, not a verdict.")
    )


def _skipped(_: Translator, count: queue.SkipCount | None) -> str:
    """Samples given back with a reason, out of all that were taken."""
    return "" if count is None else _("{k} of {n}", k=count.skipped, n=count.skipped + count.submitted)


def _seed(page: Page) -> None:
    _ = page.t
    choices = rounds.candidates(page.bench, page.actor)
    with st.expander(_("Place a gold conversation")):
        if not choices.settled:
            st.caption(_("A gold conversation needs a result to compare with; nothing has been inspected yet."))
            return
        units = {id_: f"{unit} · {agent}" for id_, unit, agent in choices.settled}
        people = dict(choices.inspectors)
        with st.form("seed_gold", border=False):
            sample = st.selectbox(
                _("Conversation with a settled verdict"),
                list(units),
                format_func=units.__getitem__,
                key="gold_sample",
                help=_("Those that more than one person has looked at come first."),
            )
            inspectors = st.multiselect(
                _("Inspectors"),
                list(people),
                format_func=people.__getitem__,
                key="gold_people",
                help=_("Who has seen the conversation is left out by itself."),
            )
            if not st.form_submit_button(_("Put it into their queues")):
                return
        seeded = gold.seed_gold(page.bench, page.actor, now=page.now, sample_id=sample, inspector_ids=inspectors)
        st.success(escape(_("It waits in {n} queues.", n=seeded.places)), icon=":material/check:")
