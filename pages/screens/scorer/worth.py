"""What a scorer is worth: scorer only, reviews only and corrected, in total, per criterion and per agent."""

from __future__ import annotations

import streamlit as st

from pages.kit.choices import tabs
from pages.kit.guard import Page
from pages.kit.plainfigures import FigureRow, dots
from pages.kit.widgets import empty, score_text
from qa.i18n import N_
from qa.scorer import differences, figures
from qa.scorer.figures import CriterionWorth, Worth
from qa.scorer.versions import ScorerView
from scoring.estimate import Estimate

PERIODS = {"month": N_("Last month"), "quarter": N_("Last three months"), "all": N_("Everything")}
REASONS = {
    "few_reviews": N_("Too few reviews to weigh it: at least {least} are needed."),
    "dependent": N_(
        "Reviewed conversations have scores more or less often than others, so the scores are not used. Score all, or a"
        " part chosen without regard to reviews."
    ),
    "unlike": N_(
        "Reviewed conversations have other scores than the rest, beyond chance, so the scores are not used. Perhaps the"
        " scorer was made with these very reviews: let it score with reviews of earlier periods alone. Or reviews are"
        " missing by more than chance: finish the queue."
    ),
    "no_gain": N_(
        "It brings nothing yet: it agrees with the reviews by r = {r}, and nothing is gained below r = {limit}."
    ),
}
NOTHING_MORE = N_(
    "It brings nothing yet: it agrees with the reviews by r = {r}, but narrows nothing beside what is known without it."
)
"""Where it agrees well enough and the risk model knows as much."""


def show(page: Page, scorer: ScorerView) -> None:
    """Figures of one version."""
    _ = page.t
    period = tabs(st.container(), _("Period"), "period", PERIODS, _, default="quarter")
    today = _.local(page.now).date()
    found = figures.worth(page.bench, page.actor, scorer=scorer.id, today=today, period=period)
    if not found.reviews:
        empty(
            _("No reviews in this period"),
            _("A scorer is judged by draws that lie in the period as a whole. Choose a longer one."),
        )
        return
    _total(page, found)
    _criteria(page, found)
    _answered(page, found)
    _agents(page, found)


def _answered(page: Page, found: Worth) -> None:
    """How inspectors judged the differences they were shown after submitting."""
    _ = page.t
    counts = differences.counted(page.bench, page.actor, scorer=found.scorer.id)
    if not counts:
        return
    labels = {one.id: _.label(one.label.zh, one.label.en) for one in found.criteria}
    st.subheader(_("Differences that inspectors have judged"))
    data = {
        _("Criterion"): [labels.get(one.criterion_id, one.criterion_id) for one in counts],
        _("The machine is right"): [one.machine for one in counts],
        _("The inspector is right"): [one.inspector for one in counts],
    }
    st.dataframe(data, hide_index=True, width="stretch")
    st.caption(
        _(
            "Shown after submitting, one criterion each; whoever finds the machine right asks for a second, blind "
            "reading. None of this enters a figure."
        )
    )


def _total(page: Page, found: Worth) -> None:
    _ = page.t
    total = found.total
    st.subheader(_("Mean score"))
    lines = [_figure(page, _("Reviews only"), total.human), _figure(page, _("Corrected"), total.corrected)]
    dots([line for line in lines if line is not None])
    if total.helps:
        st.markdown(
            "**" + _("Worth {n} reviews a month", n=_.number(found.a_month)) + "** · "
            + _("width of the interval: {share} of that without it", share=_.percent(total.ratio or 1.0))
        )  # fmt: skip
    else:
        r, limit = (("–" if x is None else _.number(x, 2)) for x in (total.r, total.least))
        enough = (
            total.reason == "no_gain" and total.r is not None and total.least is not None and total.r >= total.least
        )
        said = NOTHING_MORE if enough else REASONS[total.reason]
        st.markdown(f"**{_(said, r=r, limit=limit, least=figures.LEAST_REVIEWS)}**")
    judge = "–" if total.judge is None else _.number(total.judge, 1)
    st.caption(
        _(
            "Scorer only: {judge}, a figure that estimates nothing. λ = {lam}; r within agents = {r}. Conversations "
            "with a score: {scored} of {units}; reviews: {reviews} in draws: {draws}.",
            judge=judge,
            lam=_.number(total.lam, 2),
            r="–" if total.r is None else _.number(total.r, 2),
            scored=_.number(found.scored),
            units=_.number(found.units),
            reviews=_.number(found.reviews),
            draws=found.draws,
        )
    )
    if found.stacked:
        st.caption(_("Put together with the risk model, as earlier reviews taught."))
    _apart(page, found)


def _apart(page: Page, found: Worth) -> None:
    _ = page.t
    parts = []
    if found.points is not None:
        parts.append(
            _(
                "scorer and inspector {points} points apart (pairs: {n})",
                points=_.number(found.points[0], 1),
                n=found.points[1],
            )
        )
    if found.points_inspectors is not None:
        apart, n = found.points_inspectors
        parts.append(_("two inspectors {points} points apart (pairs: {n})", points=_.number(apart, 1), n=n))
    if parts:
        st.caption(_("On average: {what}.", what=_(", ").join(parts)))


def _figure(page: Page, label: str, one: Estimate) -> FigureRow | None:
    if one.value is None:
        return None
    return FigureRow(label, one.value, one.low, one.high, score_text(page.t, one.value, one.low, one.high, one.n))


def _criteria(page: Page, found: Worth) -> None:
    _ = page.t
    known = [one for one in found.criteria if one.answers]
    if not known:
        st.caption(_("This version gives totals alone, no answers per criterion."))
        return
    st.subheader(_("Conversations with an objection, per criterion"))
    data = {
        _("Criterion"): [_.label(one.label.zh, one.label.en) for one in known],
        _("Scorer only"): ["–" if one.share.judge is None else _.percent(one.share.judge) for one in known],
        _("Reviews only"): [_share(page, one.share.human) for one in known],
        _("Corrected"): [_share(page, one.share.corrected) for one in known],
        "λ": [_.number(one.share.lam, 2) for one in known],
        _("Calibrated"): [_("yes") if one.calibrated else _("too few reviews") for one in known],
        _("Agrees with inspectors"): [_agrees(page, one, mine=True) for one in known],
        _("Two inspectors agree"): [_agrees(page, one, mine=False) for one in known],
        _("Void"): [_.percent(one.void / one.answers) for one in known],
        _("Cannot tell"): [_.percent(one.cannot_tell / one.answers) for one in known],
    }
    wide = (_("Agrees with inspectors"), _("Two inspectors agree"))  # a share with its interval and n
    st.dataframe(
        data, hide_index=True, width="stretch",
        column_config={name: st.column_config.TextColumn(width=150) for name in wide},
    )  # fmt: skip


def _share(page: Page, one: Estimate) -> str:
    value, low, high = (None if x is None else 100 * x for x in (one.value, one.low, one.high))
    return score_text(page.t, value, low, high, one.n, unit="%")


def _agrees(page: Page, one: CriterionWorth, *, mine: bool) -> str:
    share = one.agrees if mine else one.inspectors
    if share is None:
        return "–"
    return score_text(page.t, 100 * share.k / share.n, 100 * share.low, 100 * share.high, share.n, 0, "%")


def _agents(page: Page, found: Worth) -> None:
    _ = page.t
    with st.expander(_("Agents, corrected")):
        st.caption(
            _("Without order: who is better or worse is said on the page Ranking, as far as the numbers support it.")
        )
        agents = found.agents.sort("agent_id")
        data = {
            _("Agent"): agents["agent_id"].to_list(),
            _("Reviews only"): [
                score_text(_, *row) for row in agents.select("human", "human_low", "human_high", "n").iter_rows()
            ],
            _("Corrected"): [score_text(_, *row) for row in agents.select("value", "low", "high", "n").iter_rows()],
        }
        st.dataframe(data, hide_index=True, width="stretch")
