"""What a plan would draw in a period: figures, the trade between finding and knowing, who is looked at how closely and
why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.kit import nav
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, show_error
from pages.screens.draws import publishing
from pages.screens.draws.agents import agents_table
from pages.screens.draws.trade import trade_chart, trade_points
from qa import draws
from qa.disputes import responsible
from qa.draws import Load, Period, PlanChoices, PlanPreview, PlanView
from qa.draws.design import SOURCE_NAMES, NothingToDraw
from qa.errors import SpotcheckError
from qa.i18n import N_

_SHOWN = "preview_of"


def show(page: Page, plan: PlanView, offered: PlanChoices) -> None:
    """Preview the plan for a period and publish it."""
    _ = page.t
    st.header(escape(plan.name))
    if publishing.running(page):
        return
    _forget_days(plan)
    standard = _standard(page, plan, offered)
    columns = st.columns([3, 3, 5])
    first = _day(columns[0], _("From"), standard[0], "since")
    last = _day(columns[1], _("To"), standard[1], "until")
    if first is None or last is None:
        return
    try:
        look = draws.preview(page.bench, page.actor, period=Period(first, last), plan_id=plan.id)
        share = _share(page, plan, look)
        if share is not None:
            tried = replace(plan.design, pool_share=share)
            look = draws.preview(page.bench, page.actor, period=look.resolved.period, plan_id=plan.id, design=tried)
    except NothingToDraw as error:
        empty(_("Nothing to draw yet"), _.error(error))
        return
    except SpotcheckError as error:
        show_error(page, error)
        return
    _figures(page, look)
    _goal(page, look)
    points = trade_points(page, look)
    trade_chart(page, look, points)
    _notes(page, look)
    agents_table(page, plan, look, offered)
    publishing.offer(page, plan, look, offered, tried=share is not None)


def _day(column: DeltaGenerator, label: str, standard: date, key: str) -> date | None:
    """A day asked for; None while the field is empty."""
    chosen: object = column.date_input(label, standard, key=key, bind="query-params", format="YYYY-MM-DD")
    return chosen if isinstance(chosen, date) else None


def _standard(page: Page, plan: PlanView, offered: PlanChoices) -> tuple[date, date]:
    """The next days the plan has not drawn yet, by its cadence."""
    today = page.t.local(page.now).date()
    newest = page.t.local(offered.newest).date() if offered.newest else None
    found = plan.next_draw(today, newest)
    return found.first, found.last


def _forget_days(plan: PlanView) -> None:
    """Days belong to the plan and to what it has drawn: another plan, or a draw just published, begins with its own."""
    known, seen = (plan.id, plan.draws), st.session_state.get(_SHOWN)
    if seen is not None and seen != known:
        for name in ("since", "until"):
            st.session_state.pop(name, None)
            st.query_params.pop(name, None)
    st.session_state[_SHOWN] = known


def _share(page: Page, plan: PlanView, look: PlanPreview) -> float | None:
    """The slider: trying other shares than the plan's; None while it stands where the plan has it."""
    _ = page.t
    if look.unscreened == look.figures.units:
        st.caption(
            _("No risk scores yet: run the screening first, and the draw can look for violations as well as measure.")
        )
        return None
    stands = round(look.resolved.pool_share * 100)
    percent = st.slider(
        _("Share of the reviews for the riskiest chats"),
        0,
        40,
        stands,
        5 if stands % 5 == 0 else 1,
        format="%d%%",
        key=f"try_share_{plan.id}_{stands}",
        help=_(
            "More violations found against wider intervals. These picks have probability 1, so they cannot bias an"
            " average."
        ),
    )
    if plan.design.pool_share is None:
        auc = look.evidence.auc
        st.caption(
            _(
                "Automatic choice: {share}. Predictions told violations from the rest with AUC {auc} in {labels}"
                " earlier reviews.",
                share=f"{stands}%",
                auc=_.number(auc, 2),
                labels=look.evidence.labels,
            )
            if auc is not None
            else _(
                "Automatic choice: 0%, until earlier reviews show how good the predictions are ({labels} reviews,"
                " {violations} violations so far).",
                labels=look.evidence.labels,
                violations=look.evidence.violations,
            )
        )
        _cleared(page, look)
    return percent / 100 if percent != stands else None


def _cleared(page: Page, look: PlanPreview) -> None:
    """The AUC without the noise of single readings, where doubles have measured it and it changes something."""
    _, record = page.t, look.evidence.record
    if record.auc is None or record.agreement is None or record.cleared_auc == record.auc:
        return
    st.caption(
        _(
            "Two blind readings of the same chat agree on red lines with κ up to {kappa}; without that noise the AUC"
            " is {auc}, and the share is decided by that.",
            kappa=_.number(record.agreement, 2),
            auc=_.number(record.cleared_auc or 0.0, 2),
        )
    )


def _figures(page: Page, look: PlanPreview) -> None:
    _, f = page.t, look.figures
    cells = st.columns(5)
    cells[0].metric(
        _("Frame"),
        _.number(f.units),
        help=" · ".join(f"{_(SOURCE_NAMES[s])} {_.number(n)}" for s, n in look.frame_by_source.items()),
    )
    cells[1].metric(
        _("Reviews"),
        _.number(f.reviews),
        help=_("{pool} of them certain, {double} scored twice", pool=f.pool, double=look.doubles),
    )
    cells[2].metric(
        _("Violations to expect"),
        _.number(f.expected_found, 1),
        help=_("{n} if drawn at random", n=_.number(f.expected_found_random, 1)),
    )
    cells[3].metric(
        _("Team interval"),
        "–" if f.team_width is None else f"± {_.number(f.team_width / 2, 1)}",
        help=_("Expected half width of the 95% interval, in points"),
    )
    cells[4].metric(
        _("Agent interval"),
        "–" if f.agent_width is None else f"± {_.number(f.agent_width / 2, 1)}",
        help=_("Expected half width of the 95% interval for a typical agent's chats, in points"),
    )


GOALS = {
    "width": N_("Goal: ± {points} points for every agent by {until}."),
    "below": N_("Goal: name every agent who is truly {points} points below the team, in {power} of cases, by {until}."),
}


def _goal(page: Page, look: PlanPreview) -> None:
    """What the plan's goal takes and costs."""
    _, g = page.t, look.goal
    if g is None:
        return
    said = [
        _(
            GOALS[g.goal.kind],
            points=_.number(g.goal.points, 1),
            power=_.percent(g.goal.power, 0),
            until=_.day(g.until),
        ),
        _(
            "It takes {reviews} random chats in this draw, {middle} of a typical agent (between {low} and {high}), "
            "about {weekly} a week; with {pool} for the riskiest and {doubles} second readings it costs {cost} "
            "readings.",
            reviews=_.number(g.reviews),
            middle=_.number(g.middle, 0 if g.middle == int(g.middle) else 1),
            low=_.number(g.low),
            high=_.number(g.high),
            weekly=_.number(g.weekly, 0),
            pool=_.number(look.figures.pool),
            doubles=_.number(look.doubles),
            cost=_.number(look.figures.reviews + look.doubles),
        ),
    ]
    if g.complete:
        said.append(
            _(
                "Of {n} agents every conversation of these days is reviewed: they have too few for the goal.",
                n=_.number(g.complete),
            )
        )
    said.append(_("Where the reviews of the others show that fewer are enough, the rest of an agent leaves the queue."))
    st.markdown(escape(" ".join(said)))


def _notes(page: Page, look: PlanPreview) -> None:
    _, f = page.t, look.figures
    for source in f.sources:
        if source.agent_width is None or source.month_width is None or source.quarter_width is None:
            continue
        st.caption(
            escape(
                _(
                    "{source}: a typical agent ± {width} after this period, ± {month} after a month and ± {quarter}"
                    " after a quarter of such draws.",
                    source=_(SOURCE_NAMES[source.source]),
                    width=_.number(source.agent_width / 2, 1),
                    month=_.number(source.month_width / 2, 1),
                    quarter=_.number(source.quarter_width / 2, 1),
                )
            )
        )
    st.caption(
        _("Widths follow the spread of {n} past reviews.", n=_.number(look.evidence.reviews))
        if look.evidence.reviews
        else _("Widths assume an ordinary spread until 200 reviews show the real one.")
    )
    if any(quota.source == "dispute" for quota in look.resolved.design.quotas):
        rule = responsible.RULES.get(look.resolved.design.responsible, responsible.EARLIER)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(escape(_("A dispute is drawn for {rule}.", rule=_(rule))), width="content")
            nav.link(page, "disputes.py", _("Who answers for which"), view="all")
    if look.unanswered:
        st.warning(
            _(
                "Disputes of the period that nobody answers for: {n}. They are not drawn; settle them first.",
                n=_.number(look.unanswered),
            ),
            icon=":material/info:",
        )
        nav.link(page, "disputes.py", view="todo")
    if look.resolved.barred:
        st.caption(
            _(
                "Predictions of model {model} are set aside: it learnt from days of this period.",
                model=", ".join(look.resolved.barred),
            )
        )
    if look.resolved.screened:
        st.caption(
            _(
                "These are so many conversations without predictions that a keyed hash thins them out first;"
                " within each agent all have the same chance."
            )
        )
    for short in f.shortages[:5]:
        st.caption(
            escape(
                _(
                    "Shortage: {agent} has {available} of {wanted} ({source}); all are taken.",
                    agent=short.agent_id,
                    available=short.available,
                    wanted=short.wanted,
                    source=_(SOURCE_NAMES[short.source]),
                )
            )
        )
    if len(f.shortages) > 5:
        st.caption(_("… and {n} more shortages.", n=len(f.shortages) - 5))
    for (source,), part in f.agents.filter((pl.col("reviews") == 0) & (pl.col("frame") > 0)).group_by(
        "source", maintain_order=True
    ):
        st.caption(
            escape(
                _(
                    "{source}: the reviews do not reach {n} agents; there will be no figure for them.",
                    source=_(SOURCE_NAMES[str(source)]),
                    n=part.height,
                )
            )
        )
    if not look.loads:
        st.warning(_("There is no active inspector: samples will wait in the common queue."), icon=":material/info:")
        return
    st.caption(
        escape(
            _(
                "Load: {list}",
                list=" · ".join(
                    _("{name} +{new} ({open} open)", name=x.name, new=_dealt(x), open=x.open) for x in look.loads[:12]
                ),
            )
        )
    )
    if look.common:
        st.caption(
            _(
                "About {n} samples will wait in the common queue: everybody who inspects took part in them.",
                n=look.common,
            )
        )
    if len(look.loads) == 1 and look.resolved.design.double_share:
        st.caption(_("Nothing is scored twice: that takes a second inspector."))


def _dealt(load: Load) -> str:
    """An even deal comes to one of two whole numbers."""
    low, high = int(load.new), -int(-load.new // 1)
    return str(low) if low == high else f"{low}–{high}"
