"""The trends page: chart, signals, measures, the inspections behind a point, and the table of the same rows."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import streamlit as st

from pages.kit import figures, nav
from pages.kit.choices import number_in_address, pick
from pages.kit.dialogs import dialog, done, leave, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, heading, showing_errors
from pages.screens.reports import changed, filters
from pages.screens.reports.single import result_dialog, result_list, result_named
from pages.screens.scorer import beside as machine
from qa import reports
from qa.i18n import C_, N_
from qa.policy import Right
from qa.reports import BUCKETS, GROUPS, MeasureEffect, Trend, VerdictsOverview, measures
from qa.reports.metrics import REDLINE, TOTAL


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Trends"), _("Scores over time, with intervals"))
    about = reports.overview(page.bench, page.actor)
    if not about.reviews:
        empty(_("No results yet"), _("Publish a draw and score its samples: trends appear with the first verdict."))
        nav.link(page, "draws.py")
        return
    changed.show(page)
    data = _trend(page, about)
    if data is None:
        return
    if data.frame.is_empty():
        empty(_("Nothing in this selection"), _("Choose a longer period or remove a filter."))
        return
    title, period = filters.metric_name(_, data.metric), filters.describe(_, data.scope, about)
    _chart(page, data, title, period)
    _signals(page, data)
    _table(page, data, title, period)
    _measures(page, data, about)
    if _chosen() is not None:
        st.dialog(_("Inspections behind a point"), width="large", on_dismiss=_unpoint)(lambda: _behind(page, data))()
    else:
        result_dialog(page)


def _trend(page: Page, about: VerdictsOverview) -> Trend | None:
    _ = page.t
    metrics = about.metrics.get(st.query_params.get("source", ""), about.metrics["chat"])
    by_id = {metric.id: metric for metric in metrics}
    row = st.columns([6, 4, 3, 5, 4, 4])
    metric = pick(row[0], _("What"), "metric", list(by_id), lambda m: filters.metric_name(_, by_id[m]))
    by = pick(row[1], _("Split by"), "by", list(GROUPS), lambda g: _(GROUPS[g]), default="team")
    bucket = pick(row[2], _("Per"), "bucket", list(BUCKETS), lambda b: _(BUCKETS[b]))
    scope = filters.scope(page, about, row[3:])
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
        page.t("Shown in the chart"),
        offered,
        key="show",
        bind="query-params",
        max_selections=figures.MAX_SERIES,
        format_func=lambda g: names.get(g) or page.t("none given"),
        placeholder=page.t("The four with most reviews"),
    )
    return chosen or offered[:4]


def _chart(page: Page, data: Trend, title: str, period: str) -> None:
    _ = page.t
    look = figures.look(page)
    with st.container(gap="xxsmall"):
        if data.overall.height == 1:
            row = data.overall.row(0, named=True)
            st.markdown(
                f"**{escape(title)}**  "
                f"{escape(figures.metric_text(_, data.metric, row['value'], row['low'], row['high'], row['n']))}"
            )
        else:
            st.markdown(f"**{escape(title)}** · {escape(_(GROUPS[data.by]))}")
        filters.basis(
            page,
            data.adjustment,
            predicted=data.frame["method"].str.starts_with("difference").any(),
            progress=data.progress,
            before=[
                _(
                    "{scope}. Every review weighs 1/π, so targeted picks do not pull the mean; whiskers are 95%"
                    " intervals, hollow points rest on fewer than {n} reviews.",
                    scope=period,
                    n=reports.SMALL_N,
                )
            ],
        )
    if data.metric.id in ("total", "redline"):
        machine.show(page, data.scope, metric=data.metric.id)
    if data.scope.adjusted and data.adjustment is None:
        st.caption(_("Only the score is corrected for severity, with or without red lines."))
    if data.metric.unit == "rate" and data.by == "agent":
        st.info(
            _(
                "For a single agent no rate is given: 0 of 10 would still allow 31%. The table counts verified red"
                " lines."
            ),
            icon=":material/info:",
        )
    groups = _groups(page, data)
    if data.frame["value"].null_count() == data.frame.height:
        return  # an empty chart would look like nothing had happened
    signals = pl.DataFrame(
        [(s.group, s.period) for s in data.signals], schema={"group": pl.String, "period": pl.Date}, orient="row"
    ).join(data.frame.select("group", "period", "value"), on=["group", "period"])
    chart = figures.trend(look, data, groups, filters.unit_name(_, data.metric), signals, chosen=_chosen())
    figures.show(
        page, chart, key="trend_chart", name=f"trend-{data.metric.id.replace(':', '-')}", alt=title, on_point=_point
    )


def _point(data: list[object]) -> None:
    st.query_params["point"] = f"{data[1]}~{data[0]}"


def _unpoint() -> None:
    for name in ("point", "verdict"):
        st.query_params.pop(name, None)


def _chosen() -> tuple[str, date] | None:
    """The group and the first day of the point that the address names."""
    day, _sep, group = st.query_params.get("point", "").partition("~")
    try:
        return group, date.fromisoformat(day)
    except ValueError:
        return None


def _signals(page: Page, data: Trend) -> None:
    _ = page.t
    for signal in data.signals[:8]:
        text = N_(
            "{name}: lower than its usual {centre} since {since}; by {period} the drift was too long to be chance."
        )
        if signal.direction == "up":
            text = N_(
                "{name}: higher than its usual {centre} since {since}; by {period} the drift was too long to be chance."
            )
        sentence = _(
            text,
            name=signal.name or _("Everybody"),
            centre=_.number(signal.centre * figures.scaled(data.metric), data.metric.digits),
            since=_.day(signal.since),
            period=_.day(signal.period),
        )
        verdict = _("Worse") if signal.worse else _("Better")
        st.markdown(f":{'orange' if signal.worse else 'green'}-badge[{verdict}] {escape(sentence)}")
    for line in _baselines(page, data):
        st.caption(escape(line))


def _baselines(page: Page, data: Trend) -> list[str]:
    """What periods are compared with, so that a signal or its absence can be judged; groups with the same baseline
    together."""
    _ = page.t
    judged = [one for one in data.baselines if not one.needed]
    waiting = [one for one in data.baselines if one.needed]
    said = []
    for opened, until, periods in sorted({(one.opened, one.until, one.periods) for one in judged})[:4]:
        names = [one.name or _("Everybody") for one in judged if (one.opened, one.until) == (opened, until)]
        said.append(
            _(
                "{names}: compared with the mean from {opened} to {until} (n = {n}); later results never change it"
                " (z-EWMA, λ = 0.2, limit 2.86 and wider by what the baseline does not know).",
                names=_some(page, names),
                n=periods,
                opened=_.day(opened),
                until=_.day(until),
            )
        )
    if judged and not data.signals:
        said.append(_("No signal: what moves here is within what chance explains."))
    if waiting and data.frame["value"].null_count() < data.frame.height:
        names = [one.name or _("Everybody") for one in waiting]
        needed = max(one.needed for one in waiting)
        said.append(
            _(
                "{names}: cannot say yet whether anything changed; more weeks or months needed: about {n}.",
                names=_some(page, names),
                n=needed,
            )
        )
    return said


def _some(page: Page, names: list[str]) -> str:
    """A few names, and how many others there are."""
    shown = ("、" if page.t.language == "zh_CN" else ", ").join(names[:4])
    return shown if len(names) <= 4 else page.t("{names} and {n} more", names=shown, n=len(names) - 4)


def _measures(page: Page, data: Trend, about: VerdictsOverview) -> None:
    _ = page.t
    st.header(_("Measures"))
    if not data.measures:
        st.caption(_("No training or rule change is noted in this period. Note one to compare before and after."))
    for measure in data.measures:
        with showing_errors(page), st.container(gap="xxsmall"):
            _effect(
                page, reports.effect(page.bench, page.actor, measure=measure, scope=data.scope, metric=data.metric.id)
            )
    if data.measures and data.scope.adjusted:
        st.caption(_("Before and after are not corrected for severity."))
    if page.actor.may(Right.PLAN_DRAW):
        opener(_("Note a measure"), "measure", icon=":material/event:")
        dialog("measure", _("Note a measure"), lambda: _new_measure(page, about))


def _effect(page: Page, found: MeasureEffect) -> None:
    _ = page.t
    measure, metric = found.measure, found.metric
    about = [_(measures.KINDS.get(measure.kind, measure.kind)), _.day(measure.on_day), measure.team or _("Everybody")]
    st.markdown(f"**{escape(measure.name)}** · {escape(' · '.join(about))}")
    methods, d = filters.method_names(_), found.difference
    before, after = (figures.metric_text(_, metric, x.value, x.low, x.high, x.n) for x in (found.before, found.after))
    st.caption(
        escape(
            _(
                "{days} days before: {before} ({method})",
                days=found.days,
                before=before,
                method=methods.get(found.before.method, ""),
            )
        )
    )
    st.caption(
        escape(
            _(
                "{days} days from that day on: {after} ({method})",
                days=found.days,
                after=after,
                method=methods.get(found.after.method, ""),
            )
        )
    )
    if d.value is None or d.low is None or d.high is None:
        st.markdown(escape(_("No difference can be given: one side has no interval.")))
        return
    factor, unit = figures.scaled(metric), "%" if metric.unit in ("rate", "percent") else ""
    change, low, high = (_.change(x * factor, metric.digits) + unit for x in (d.value, d.low, d.high))
    verdict = _("a change beyond chance") if found.clear else _("no change that can be told from chance")
    st.markdown(
        escape(
            _(
                "Change {change} [{low}, {high}] n = {n}: {verdict}",
                change=change,
                low=low,
                high=high,
                n=_.number(d.n),
                verdict=verdict,
            )
        )
    )


def _new_measure(page: Page, about: VerdictsOverview) -> None:
    _ = page.t
    with st.form("measure_form", clear_on_submit=True, border=False):
        name = st.text_input(_(C_("measure", "Name")), key="measure_name", max_chars=200)
        kind = st.selectbox(
            _("Kind"), list(measures.KINDS), key="measure_kind", format_func=lambda k: _(measures.KINDS[k])
        )
        day = st.date_input(_("Day"), value=about.last, key="measure_day", format="YYYY-MM-DD")
        team = st.selectbox(
            _("Team"), ["", *about.teams], key="measure_team", format_func=lambda x: x or _("Everybody")
        )
        sent = st.form_submit_button(_("Save"), type="primary")
    if sent and isinstance(day, date):
        with showing_errors(page):
            measures.create_measure(
                page.bench, page.actor, now=page.now, name=name, on_day=day, kind=kind or "training", team=team or None
            )
            done()


def _behind(page: Page, data: Trend) -> None:
    """The list of one point, or the result that was opened from it."""
    _ = page.t
    chosen = _chosen()
    if chosen is None:
        return
    if number_in_address("verdict") is not None:
        st.button(
            _("Back to the list"), key="behind_back", icon=":material/arrow_back:", on_click=leave, args=("verdict",)
        )
        result_named(page)
        return
    group, first = chosen
    last = (
        first + timedelta(days=6)
        if data.bucket == "week"
        else (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    )
    with showing_errors(page):
        rows = reports.behind(page.bench, page.actor, scope=data.scope, by=data.by, group=group, first=first, last=last)
        names = dict(data.overall.select("group", "name").iter_rows())
        about = [
            names.get(group) or (_("Everybody") if data.by == "all" else group or _("none given")),
            f"{_.day(first)} – {_.day(last)}",
            f"n = {rows.height}",
        ]
        warning = _("Risky picks stand beside random ones: a plain mean of this list would be wrong.")
        st.caption(escape(_("{scope}. {text}", scope=" · ".join(about), text=warning)))
        result_list(page, rows, key="behind")


def _table(page: Page, data: Trend, title: str, scope: str) -> None:
    _ = page.t
    st.header(_("Figures"))
    st.caption(_("Click a point of the chart, or a row here, to read the inspections behind it."))
    columns = ["name", "period", "n", "found", "value", "low", "high", "method"]
    notes = [
        _("{title}, {unit}", title=title, unit=filters.unit_name(_, data.metric)),
        scope,
        _("Means weight every review by 1/π; low and high are 95% intervals."),
        _("Red lines counts what was found, in risky picks too: divided by n it is no rate."),
    ]
    judged = machine.line(page, data.scope, metric=data.metric.id) if data.metric.id in (TOTAL.id, REDLINE.id) else ""
    frame = data.frame
    shown = frame.with_columns(
        pl.col("value", "low", "high") * figures.scaled(data.metric),
        period=pl.col("period").cast(pl.String),
        method=filters.said_methods(_),
        name=pl.when(pl.col("name") == "")
        .then(pl.lit(_("Everybody") if data.by == "all" else _("none given")))
        .otherwise("name"),
    ).select(columns)
    places = st.column_config.NumberColumn(format=f"%.{data.metric.digits}f")
    titles = filters.names(_, columns)

    clickable(
        shown.rename(titles),
        frame.height,
        "trend_table",
        lambda row: _point([frame["group"][row], frame["period"][row]]),
        most=10,
        column_config={titles[name]: places for name in ("value", "low", "high")},
        placeholder="–",
    )
    st.caption(escape(" ".join(notes[2:])))
    filters.downloads(
        page, f"trend-{data.metric.id.replace(':', '-')}", frame.select(*columns, "reason"),
        [*notes, judged] if judged else notes, key="trend",
    )  # fmt: skip
