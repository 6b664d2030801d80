"""A plan: its form, its preview for a period with the trade between finding and knowing, and its publication."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import streamlit as st

from pages.kit import figures
from pages.kit.guard import Page
from pages.kit.widgets import escape, show_error, showing_errors
from qa import draws
from qa.draws import Period, PlanDesign, PlanPreview, PlanView, SourceQuota
from qa.errors import SpotcheckError
from qa.i18n import N_

INTENSITIES = {
    "newcomer": N_("newcomer"), "tightened": N_("tightened"), "normal": N_("normal"), "reduced": N_("reduced"), "all": N_("everything"),
}
SOURCES = {"chat": N_("Chats"), "dispute": N_("Disputes"), "rating": N_("Low ratings")}


def form(page: Page, key: str, name: str, design: PlanDesign) -> tuple[str, PlanDesign] | None:
    """The form of a plan; returns name and design in the run in which it was sent."""
    _ = page.t
    quotas = {q.source: q.per_agent for q in design.quotas}
    offered = draws.choices(page.bench, page.actor)
    with st.form(f"plan_{key}", border=False):
        title = st.text_input(_("Name"), name, max_chars=200, key=f"{key}_name")
        chats = st.number_input(_("Chats per agent"), 0.0, 500.0, float(quotas.get("chat") or 0), 1.0, key=f"{key}_chats", format="%.0f")
        disputes = st.selectbox(
            _("Disputes"), ["all", "none", "some"], {"all": 0, "none": 1, "some": 2}[_how(quotas, "dispute")], key=f"{key}_disputes",
            format_func={"all": _("take all"), "none": _("leave out"), "some": _("two per agent")}.__getitem__,
        )
        ratings = st.selectbox(
            _("Low ratings"), ["none", "some", "all"], {"none": 0, "some": 1, "all": 2}[_how(quotas, "rating")], key=f"{key}_ratings",
            format_func={"all": _("take all"), "none": _("leave out"), "some": _("two per agent")}.__getitem__,
        )
        teams = st.multiselect(_("Teams"), offered.teams, [x for x in design.teams if x in offered.teams], key=f"{key}_teams", placeholder=_("All"))
        shops = st.multiselect(_("Shops"), offered.shops, [x for x in design.shops if x in offered.shops], key=f"{key}_shops", placeholder=_("All"))
        double = st.slider(_("Scored twice, blind"), 0, 50, round(design.double_share * 100), 5, format="%d%%", key=f"{key}_double")
        automatic = st.checkbox(_("Share for the riskiest chats: automatic"), design.pool_share is None, key=f"{key}_auto")
        share = st.slider(_("… or fixed"), 0, 40, round((design.pool_share or 0) * 100), 5, format="%d%%", key=f"{key}_share")
        names = dict(offered.inspectors)
        people = st.multiselect(
            _("Inspectors"), list(names), [x for x in design.inspectors if x in names], key=f"{key}_people", format_func=names.__getitem__,
            placeholder=_("Everybody"),
        )
        adapt = st.checkbox(_("Look closer at newcomers, less at agents long without a red line"), design.adapt, key=f"{key}_adapt")
        if not st.form_submit_button(_("Save"), type="primary"):
            return None
    wanted = [SourceQuota("chat", chats)] if chats else []
    for source, choice in (("dispute", disputes), ("rating", ratings)):
        if choice != "none":
            wanted.append(SourceQuota(source, None if choice == "all" else 2.0))
    return title, replace(
        design, quotas=tuple(wanted), teams=tuple(teams), shops=tuple(shops), double_share=double / 100,
        pool_share=None if automatic else share / 100, inspectors=tuple(people), adapt=adapt,
    )


def _how(quotas: dict[str, float | None], source: str) -> str:
    if source not in quotas:
        return "none"
    return "all" if quotas[source] is None else "some"


def show(page: Page, plan: PlanView) -> None:
    """Preview the plan for a period and publish it."""
    _ = page.t
    st.subheader(escape(plan.name))
    newest = draws.choices(page.bench, page.actor).newest
    end = _last_full_month(page.t.local(page.now).date(), page.t.local(newest).date() if newest else None)
    columns = st.columns([3, 3, 5])
    first = columns[0].date_input(_("From"), end.replace(day=1), key="since", bind="query-params", format="YYYY-MM-DD")
    last = columns[1].date_input(_("To"), end, key="until", bind="query-params", format="YYYY-MM-DD")
    if not (isinstance(first, date) and isinstance(last, date)):
        return
    try:
        look = draws.preview(page.bench, page.actor, period=Period(first, last), plan_id=plan.id)
    except SpotcheckError as error:
        show_error(page, error)
        return
    share = _share(page, plan, look)
    if share is not None:
        look = draws.preview(page.bench, page.actor, period=look.resolved.period, design=replace(plan.design, pool_share=share))
    _figures(page, look)
    _trade(page, look)
    _agents(page, look)
    _publish(page, plan, look, share)


def _last_full_month(today: date, newest: date | None) -> date:
    """Last day of the last month that is over, or of the month of the newest conversation when that is earlier."""
    end = today.replace(day=1) - timedelta(days=1)
    if newest is None or newest >= end:
        return end
    return (newest.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _share(page: Page, plan: PlanView, look: PlanPreview) -> float | None:
    """The slider: trying other shares than the plan's; None while it stands where the plan has it."""
    _ = page.t
    if look.unscreened == look.figures.units:
        st.caption(_("No risk scores yet: run the screening first, and the draw can look for violations as well as measure."))
        return None
    stands = round(look.resolved.pool_share * 100)
    percent = st.slider(
        _("Share of the reviews for the riskiest chats"), 0, 40, stands, 5 if stands % 5 == 0 else 1, format="%d%%", key="try_share",
        help=_("More violations found against wider intervals. These picks have probability 1, so they cannot bias an average."),
    )
    if plan.design.pool_share is None:
        auc = look.evidence.auc
        st.caption(
            _("Automatic choice: {share}. Predictions told violations from the rest with AUC {auc} in {labels} earlier reviews.", share=f"{stands}%", auc=_.number(auc, 2), labels=look.evidence.labels)
            if auc is not None else
            _("Automatic choice: 0%, until earlier reviews show how good the predictions are ({labels} reviews, {violations} violations so far).", labels=look.evidence.labels, violations=look.evidence.violations)
        )
    return percent / 100 if percent != stands else None


def _figures(page: Page, look: PlanPreview) -> None:
    _, f = page.t, look.figures
    cells = st.columns(5)
    cells[0].metric(_("Frame"), _.number(f.units), help=" · ".join(f"{_(SOURCES[s])} {_.number(n)}" for s, n in look.frame_by_source.items()))
    cells[1].metric(_("Reviews"), _.number(f.reviews), help=_("{pool} of them certain, {double} scored twice", pool=f.pool, double=look.doubles))
    cells[2].metric(_("Violations to expect"), _.number(f.expected_found, 1), help=_("{n} if drawn at random", n=_.number(f.expected_found_random, 1)))
    cells[3].metric(_("Team interval"), "–" if f.team_width is None else f"± {_.number(f.team_width / 2, 1)}", help=_("Expected half width of the 95% interval, in points"))
    cells[4].metric(_("Agent interval"), "–" if f.agent_width is None else f"± {_.number(f.agent_width / 2, 1)}", help=_("Expected half width of the 95% interval, in points"))
    st.caption(
        _("Widths follow the spread of {n} past reviews.", n=_.number(look.evidence.reviews)) if look.evidence.reviews
        else _("Widths assume an ordinary spread until 200 reviews show the real one.")
    )
    if look.resolved.barred:
        st.caption(_("Predictions of model {model} are set aside: it learnt from days of this period.", model=", ".join(look.resolved.barred)))
    for short in f.shortages[:5]:
        st.caption(escape(_("Shortage: {agent} has {available} of {wanted} ({source}); all are taken.", agent=short.agent_id, available=short.available, wanted=short.wanted, source=_(SOURCES[short.source]))))
    if look.loads:
        st.caption(escape(_("Load: {list}", list=" · ".join(_("{name} +{new} ({open} open)", name=x.name, new=_.number(x.new), open=x.open) for x in look.loads[:12]))))
    else:
        st.warning(_("There is no active inspector: samples will wait in the common queue."), icon=":material/info:")


def _trade(page: Page, look: PlanPreview) -> None:
    _ = page.t
    if look.unscreened == look.figures.units:
        return
    with st.expander(_("The trade: violations found against width of the interval")):
        points = draws.trade(page.bench, page.actor, preview=look)
        rows = pl.DataFrame([{"pool_share": p.pool_share, "expected_found": p.expected_found, "team_width": (p.team_width or 0.0) / 2} for p in points])
        chart = figures.trade(figures.look(page), rows, look.resolved.pool_share, _("violations to expect"), _("half width of the team interval, points"))
        figures.show(page, chart, key="trade_chart", name="trade", alt=_("The trade: violations found against width of the interval"))


def _agents(page: Page, look: PlanPreview) -> None:
    _ = page.t
    with st.expander(_("Agent by agent")):
        table = look.figures.agents
        st.dataframe(
            {
                _("Source"): [_(SOURCES[s]) for s in table["source"]], _("Agent"): table["agent_id"], _("Closeness"): [_(INTENSITIES[x]) for x in table["intensity"]],
                _("Frame"): table["frame"], _("Certain"): table["pool"], _("Random"): table["base"],
                _("Violations to expect"): table["expected_found"].round(2), _("Interval ±"): (table["width"] / 2).round(1),
            }, hide_index=True, width="stretch", key="preview_agents", height=360,
        )


def _publish(page: Page, plan: PlanView, look: PlanPreview, tried: float | None) -> None:
    _ = page.t
    period = look.resolved.period
    if tried is not None:
        st.caption(_("You are trying another share than the plan's; change the plan to publish with it."))
    key = f"{plan.id}|{plan.seed_commitment}|{period.label}|{plan.design}"
    with st.popover(_("Publish this draw"), disabled=tried is not None, icon=":material/gavel:"):
        st.write(_(
            "{reviews} samples of {first} – {last} are drawn, copied and given to the inspectors. The seed is opened on the receipt, and the same days cannot be drawn again with this plan.",
            reviews=_.number(look.figures.reviews), first=period.first, last=period.last,
        ))
        sent = st.button(_("Publish"), type="primary", key="publish_draw", on_click=_remember, args=(key,))
    if sent:
        with showing_errors(page), st.status(_("Publishing")) as status:
            done = draws.publish(
                page.bench, page.actor, now=page.now, plan_id=plan.id, period=period, nonce=st.session_state["publish_nonce"][1],
                next_seed=secrets.token_hex(32), archive_version=look.resolved.archive_version, progress=lambda step: status.update(label=_(step)),
            )
            st.query_params["draw"] = str(done.draw_id)
            st.rerun()


def _remember(key: str) -> None:
    """One number per thing to publish: a second click repeats the same request instead of making another."""
    if st.session_state.get("publish_nonce", ("",))[0] != key:
        st.session_state["publish_nonce"] = (key, secrets.token_hex(16))
