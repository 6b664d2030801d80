"""The trends page: chart, signals, measures, the inspections behind a point, and the table of the same rows."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import streamlit as st

from pages.kit import figures, nav
from pages.kit.choices import pick
from pages.kit.guard import Page
from pages.kit.results import filters
from pages.kit.widgets import empty, escape, heading, score_text, showing_errors
from qa import measures, reports
from qa.i18n import N_
from qa.policy import Right
from qa.reports import BUCKETS, GROUPS, Overview, Scope, Trend


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Trends"), _("Scores over time, with intervals"))
    about = reports.overview(page.bench, page.actor)
    if not about.reviews:
        empty(_("No results yet"), _("Publish a draw and score its samples: trends appear with the first verdict."))
        nav.link(page, "draws.py")
        return
    scope = filters.scope(page, about)
    data = _trend(page, about, scope)
    if data is None:
        return
    groups = _groups(page, data)
    title = filters.metric_name(_, data.metric)
    if data.frame.is_empty():
        empty(_("Nothing in this selection"), _("Choose a longer period or remove a filter."))
        return
    _headline(page, data, title, filters.describe(_, scope, about))
    _chart(page, data, groups, title)
    _signals(page, data)
    left, right = st.columns(2, gap="large")
    with left:
        _measures(page, data, about)
    with right:
        _behind(page, data, scope)
    _table(page, data, title, filters.describe(_, scope, about))


def _trend(page: Page, about: Overview, scope: Scope) -> Trend | None:
    _ = page.t
    by_id = {metric.id: metric for metric in about.metrics}
    columns = st.columns([4, 3, 3])
    metric = pick(columns[0], _("What"), "metric", list(by_id), lambda m: filters.metric_name(_, by_id[m]))
    by = pick(columns[1], _("Split by"), "by", list(GROUPS), lambda g: _(GROUPS[g]), default="team")
    bucket = pick(columns[2], _("Per"), "bucket", list(BUCKETS), lambda b: _(BUCKETS[b]), kind="segmented_control", required=True)
    with showing_errors(page):
        return reports.trend(page.bench, page.actor, scope=scope, metric=metric, by=by, bucket=bucket)
    return None


def _groups(page: Page, data: Trend) -> list[str]:
    """Which series the chart shows: the largest, or those chosen."""
    by_size = data.overall.sort("n", "group", descending=[True, False])
    offered = by_size["group"].to_list()
    if len(offered) <= figures.MAX_SERIES and data.by != "agent":
        return sorted(offered)
    names = dict(data.overall.select("group", "name").iter_rows())
    chosen = st.multiselect(
        page.t("Shown in the chart"), offered, key="show", bind="query-params", max_selections=figures.MAX_SERIES,
        format_func=lambda g: names.get(g) or page.t("none given"), placeholder=page.t("The four with most reviews"),
    )
    return chosen or offered[:4]


def _headline(page: Page, data: Trend, title: str, scope: str) -> None:
    _ = page.t
    if data.overall.height == 1:
        row = data.overall.row(0, named=True)
        factor = 100.0 if data.metric.unit == "rate" else 1.0
        values = [None if row[k] is None else row[k] * factor for k in ("value", "low", "high")]
        st.markdown(f"**{escape(title)}**  \n{escape(score_text(_, *values, row['n']))}")
    else:
        st.markdown(f"**{escape(title)}** · {escape(_(GROUPS[data.by]))}")
    st.caption(escape(_("{scope}. Every review weighs 1/π, so targeted picks do not pull the mean; whiskers are 95% intervals, hollow points rest on fewer than {n} reviews.", scope=scope, n=reports.SMALL_N)))
    filters.basis(page, data.adjustment, predicted=data.frame["method"].str.starts_with("difference").any())
    if data.scope.adjusted and data.adjustment is None:
        st.caption(_("Only the score is corrected for severity, with or without red lines."))
    if data.metric.unit == "rate" and data.by == "agent":
        st.info(_("For a single agent no rate is given: 0 of 10 would still allow 31%. The table counts verified red lines."), icon=":material/info:")


def _chart(page: Page, data: Trend, groups: list[str], title: str) -> None:
    look = figures.look(page)
    signals = pl.DataFrame(
        [(s.group, s.period) for s in data.signals], schema={"group": pl.String, "period": pl.Date}, orient="row"
    ).join(data.frame.select("group", "period", "value"), on=["group", "period"])
    chart = figures.trend(look, data, groups, filters.unit_name(page.t, data.metric), signals)
    points = figures.show(page, chart, key="trend_chart", name=f"trend-{data.metric.id.replace(':', '-')}", alt=title, selectable=True)
    if points and isinstance(found := points[0].get("customdata"), list | tuple) and len(found) == 2:
        st.query_params["point"] = f"{found[1]}~{found[0]}"


def _signals(page: Page, data: Trend) -> None:
    _ = page.t
    for signal in data.signals[:8]:
        text = N_("{name}: lower than its usual {centre} since {since}; by {period} the drift was too long to be chance.")
        if signal.direction == "up":
            text = N_("{name}: higher than its usual {centre} since {since}; by {period} the drift was too long to be chance.")
        factor = 100.0 if data.metric.unit == "rate" else 1.0
        sentence = _(
            text, name=signal.name or _("Everybody"), centre=_.number(signal.centre * factor, data.metric.digits), since=_.day(signal.since),
            period=_.day(signal.period),
        )
        verdict = _("Worse") if signal.worse else _("Better")
        st.markdown(f":{'orange' if signal.worse else 'green'}-badge[{verdict}] {escape(sentence)}")
    if not data.signals and data.frame["period"].n_unique() >= 3:
        st.caption(_("No signal: what moves here is within what chance explains."))


def _measures(page: Page, data: Trend, about: Overview) -> None:
    _ = page.t
    st.subheader(_("Measures"))
    if not data.measures:
        st.caption(_("No training or rule change is noted in this period. Note one to compare before and after."))
    for measure in data.measures:
        with showing_errors(page):
            found = reports.effect(page.bench, page.actor, measure=measure, scope=data.scope, metric=data.metric.id)
            factor = 100.0 if data.metric.unit == "rate" else 1.0
            d = found.difference
            values = [None if v is None else v * factor for v in (d.value, d.low, d.high)]
            verdict = _("a change beyond chance") if found.clear else _("no change that can be told from chance")
            st.markdown(
                f"**{escape(measure.name)}** · {_.day(measure.on_day)}{' · ' + escape(measure.team) if measure.team else ''}  \n"
                + escape(_("{days} days before and after: {difference} ({verdict})", days=found.days, difference=score_text(_, *values, d.n), verdict=verdict))
            )
    if page.actor.may(Right.PLAN_DRAW):
        with st.popover(_("Note a measure"), icon=":material/event:"):
            _new_measure(page, about)


def _new_measure(page: Page, about: Overview) -> None:
    _ = page.t
    with st.form("measure_form", clear_on_submit=True, border=False):
        name = st.text_input(_("Name"), key="measure_name", max_chars=200)
        kind = st.selectbox(_("Kind"), list(measures.KINDS), key="measure_kind", format_func=lambda k: _(measures.KINDS[k]))
        day = st.date_input(_("Day"), value=about.last, key="measure_day", format="YYYY-MM-DD")
        team = st.selectbox(_("Team"), ["", *about.teams], key="measure_team", format_func=lambda x: x or _("Everybody"))
        sent = st.form_submit_button(_("Save"), type="primary")
    if sent and isinstance(day, date):
        with showing_errors(page):
            measures.create_measure(page.bench, page.actor, now=page.now, name=name, on_day=day, kind=kind or "training", team=team or None)
            st.rerun()


def _behind(page: Page, data: Trend, scope: Scope) -> None:
    _ = page.t
    st.subheader(_("Inspections behind a point"))
    day, _sep, group = st.query_params.get("point", "").partition("~")
    try:
        first = date.fromisoformat(day)
    except ValueError:
        st.caption(_("Click a point of the chart."))
        return
    last = first + timedelta(days=6) if data.bucket == "week" else (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    with showing_errors(page):
        rows = reports.behind(page.bench, page.actor, scope=scope, by=data.by, group=group, first=first, last=last)
        result_list(page, rows)


def result_list(page: Page, rows: pl.DataFrame, *, key: str = "behind", names: bool = True) -> int | None:
    """A table of single results; returns the verdict somebody has picked. `names` only where it holds several people's."""
    _ = page.t
    if rows.is_empty():
        st.caption(_("No inspections."))
        return None
    shown = pl.DataFrame({
        _("When"): [page.t.when(x) for x in rows["occurred_at"]], _("Name"): rows["name"], _("Score"): rows["score"],
        _("Red lines"): [", ".join(x) for x in rows["redlines"]], _("Drawn as"): [_(REASONS.get(x, x)) for x in rows["reason"]],
        _("Chance"): [f"{x * 100:.1f}%" for x in rows["pi"]], _("Unit"): rows["unit_id"],
    })
    event = st.dataframe(
        shown if names else shown.drop(_("Name")), hide_index=True, width="stretch", height="content" if rows.height < 9 else 320, key=key, on_select="rerun", selection_mode="single-row",
        column_config={_("Score"): st.column_config.NumberColumn(format="%.1f")},
    )
    picked = event["selection"]["rows"]
    if picked:
        verdict = int(rows["verdict_id"][picked[0]])
        if names:
            nav.link(page, "agent.py", _("Open this result"), agent=str(rows["agent_id"][picked[0]]), verdict=str(verdict))
        else:  # the agent's own page shows it: a link from a page to itself is forgotten with the next click
            st.button(_("Open this result"), key=f"{key}_open", icon=":material/arrow_upward:", on_click=_open_here, args=(verdict,))
        return verdict
    return None


def _open_here(verdict: int) -> None:
    st.query_params["verdict"] = str(verdict)


REASONS = {"certainty": N_("high risk"), "base": N_("random"), "take_all": N_("all taken"), "replacement": N_("replacement")}


def _table(page: Page, data: Trend, title: str, scope: str) -> None:
    _ = page.t
    st.subheader(_("Figures"))
    columns = ["name", "period", "n", "found", "value", "low", "high", "method"]
    frame = data.frame.select(columns)
    notes = [
        _("{title}, {unit}", title=title, unit=filters.unit_name(_, data.metric)), scope,
        _("Means weight every review by 1/π; low and high are 95% intervals."),
    ]
    factor = 100.0 if data.metric.unit == "rate" else 1.0
    shown = frame.with_columns(
        pl.col("value", "low", "high") * factor, period=pl.col("period").cast(pl.String),
        name=pl.when(pl.col("name") == "").then(pl.lit(_("Everybody") if data.by == "all" else _("none given"))).otherwise("name"), method=pl.col("method").replace_strict(filters.method_names(_), default=None)
    )
    places = st.column_config.NumberColumn(format=f"%.{data.metric.digits}f")
    titles = filters.names(_, columns)
    st.dataframe(
        shown.rename(titles), hide_index=True, width="stretch", height="content" if shown.height < 10 else 360, key="trend_table",
        column_config={titles[name]: places for name in ("value", "low", "high")},
    )
    filters.downloads(page, f"trend-{data.metric.id.replace(':', '-')}", frame, notes, key="trend")
