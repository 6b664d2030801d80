"""The charts: trend with whiskers, agents' dots with whiskers, heat map, Pareto, trade of a plan.

Points resting on few reviews are hollow. Every hover says value, interval and count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import plotly.graph_objects as go
import polars as pl

from pages.kit.figures.template import DASHES, SYMBOLS, Look
from pages.kit.widgets import score_text
from qa.i18n import Translator
from qa.reports import SMALL_N, Metric, Trend

MAX_SERIES = 8
_DAY = {"zh_CN": {"week": "M月d日", "month": "yyyy年M月"}, "en": {"week": "d MMM", "month": "MMM yyyy"}}
"""How an axis writes the first day of a week and a month."""


def scaled(metric: Metric) -> float:
    """Factor from the stored unit to the one shown: rates become percent."""
    return 100.0 if metric.unit == "rate" else 1.0


def metric_text(
    t: Translator, metric: Metric, value: float | None, low: float | None, high: float | None, n: int
) -> str:
    """A figure of a metric in the unit it is shown in: `86.4 [82.1, 89.9] n = 12`, `2.1% [0.9%, 4.6%] n = 166`."""
    factor = scaled(metric)
    shown = [None if x is None else x * factor for x in (value, low, high)]
    return score_text(
        t, shown[0], shown[1], shown[2], n, metric.digits, "%" if metric.unit in ("rate", "percent") else ""
    )


def trend(
    look: Look,
    data: Trend,
    groups: Sequence[str],
    title: str,
    signals: pl.DataFrame | None = None,
    *,
    height: int = 400,
    chosen: tuple[str, date] | None = None,
) -> go.Figure:
    """Points with whiskers by week or month, one series for each of `groups` (at most eight); `chosen` is the group and
    first day of a point to mark."""
    figure = look.figure(height)
    factor = scaled(data.metric)
    shift = {"week": 0.5, "month": 2.0}[data.bucket]
    shown = list(groups)[:MAX_SERIES]
    for k, group in enumerate(shown):
        rows = data.frame.filter((pl.col("group") == group) & pl.col("value").is_not_null())
        if rows.is_empty():
            continue
        colour = look.colours.VERMILION if data.metric.unit == "rate" and len(shown) == 1 else look.series[k]
        offset = pl.duration(hours=24 * shift * (k - (len(shown) - 1) / 2))
        values = rows["value"] * factor
        figure.add_trace(
            go.Scatter(
                x=(rows["period"].cast(pl.Datetime) + rows.select(offset).to_series()).to_list(),
                y=values.to_list(),
                name=plain(rows["name"][0]) or (look.t("Everybody") if data.by == "all" else look.t("none given")),
                mode="lines+markers",
                line={"color": colour, "width": 1.6, "dash": DASHES[k]},
                marker={
                    "symbol": [SYMBOLS[k] + ("-open" if n < SMALL_N else "") for n in rows["n"]],
                    "size": [15 if chosen == (group, day) else 8 for day in rows["period"]],
                    "color": colour,
                    "line": {"width": 1.6, "color": colour},
                },
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": ((rows["high"] * factor) - values).fill_null(0).to_list(),
                    "arrayminus": (values - rows["low"] * factor).fill_null(0).to_list(),
                    "thickness": 1.1,
                    "width": 3,
                    "color": colour,
                },
                text=[
                    metric_text(look.t, data.metric, row["value"], row["low"], row["high"], row["n"])
                    for row in rows.iter_rows(named=True)
                ],
                customdata=[[group, str(day), axis_day(look, day, data.bucket)] for day in rows["period"]],
                hovertemplate="%{fullData.name} · %{customdata[2]}<br>%{text}<extra></extra>",
            )
        )
    _dated(figure, look, data)
    if signals is not None and not signals.is_empty():
        _signalled(figure, look, signals.filter(pl.col("group").is_in(shown)), factor)
    figure.update_yaxes(title_text=title)
    days = data.frame["period"].unique().sort().to_list()
    marked = days[:: 1 + len(days) // 12]
    figure.update_xaxes(
        type="date",
        tickvals=[str(day) for day in marked],
        ticktext=[axis_day(look, day, data.bucket) for day in marked],
    )
    figure.update_layout(showlegend=len(shown) > 1, hovermode="closest", clickmode="event+select")
    return figure


def axis_day(look: Look, day: date, bucket: str) -> str:
    """The first day of a period as the axis writes it: 9月21日, 21 Sep."""
    return look.t.day(day, _DAY[look.t.language][bucket])


def _dated(figure: go.Figure, look: Look, data: Trend) -> None:
    if data.measures:  # their names stand above the plot: the legend makes room
        figure.update_layout(legend_y=1.08, margin_t=46)
    for measure in data.measures:
        figure.add_vline(x=str(measure.on_day), line={"color": look.colours.MUTED, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=str(measure.on_day),
            y=1,
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            text=plain(measure.name)
            + (f" · {plain(measure.team)}" if measure.team and data.by in ("all", "team") else ""),
            font={"color": look.colours.MUTED, "size": 11},
        )


def _signalled(figure: go.Figure, look: Look, signals: pl.DataFrame, factor: float) -> None:
    if signals.is_empty():
        return
    figure.add_trace(
        go.Scatter(
            x=signals["period"].to_list(),
            y=(signals["value"] * factor).to_list(),
            mode="markers",
            name=look.t("Signal"),
            marker={"symbol": "circle-open", "size": 18, "color": look.colours.OCHRE, "line": {"width": 2}},
            hoverinfo="skip",
        )
    )


def dots(look: Look, rows: pl.DataFrame, title: str, *, middle: tuple[float, float, float] | None = None) -> go.Figure:
    """One dot with whiskers a row (label, value, low, high, n and perhaps colour), in the order given; `middle` is a
    band to compare with."""
    rows = rows.filter(pl.col("value").is_not_null())
    figure = look.figure(max(150, 64 + 22 * rows.height))
    if middle is not None:
        figure.add_vrect(
            x0=middle[1], x1=middle[2], fillcolor=look.colours.LINE, opacity=0.45, line_width=0, layer="below"
        )
        figure.add_vline(x=middle[0], line={"color": look.colours.MUTED, "width": 1, "dash": "dot"})
    values = rows["value"]
    paint = rows["colour"].to_list() if "colour" in rows.columns else [look.colours.INDIGO] * rows.height
    labels = [plain(label) for label in rows["label"]]
    for k in range(rows.height):  # whiskers take their dot's colour, which Plotly allows only per trace
        figure.add_trace(
            go.Scatter(
                x=[values[k]],
                y=[labels[k]],
                mode="markers",
                showlegend=False,
                marker={
                    "color": paint[k],
                    "size": 9,
                    "symbol": "circle-open" if rows["n"][k] < SMALL_N else "circle",
                    "line": {"width": 1.8, "color": paint[k]},
                },
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [0 if rows["high"][k] is None else rows["high"][k] - values[k]],
                    "arrayminus": [0 if rows["low"][k] is None else values[k] - rows["low"][k]],
                    "thickness": 1.2,
                    "width": 3,
                    "color": paint[k],
                },
                hovertemplate=(
                    f"{labels[k]}<br>"
                    f"{score_text(look.t, values[k], rows['low'][k], rows['high'][k], rows['n'][k])}<extra></extra>"
                ),
            )
        )
    figure.update_yaxes(range=[rows.height - 0.4, -0.6], type="category", showgrid=False)
    figure.update_xaxes(title_text=title, side="top")  # in view, however many rows follow
    figure.update_layout(margin_t=54)
    return figure


def heat(look: Look, rows: pl.DataFrame, columns: Sequence[tuple[str, str]], title: str) -> go.Figure:
    """Agents down, criteria across; darker = more points lost per review. `rows`: name, criterion, n, value, low,
    high."""
    people = rows["name"].unique(maintain_order=True).to_list()
    cells = {(r["name"], r["criterion"]): r for r in rows.iter_rows(named=True)}
    z, text, told = [], [], []
    for person in people:
        found = [cells.get((person, key)) for key, _ in columns]
        z.append([None if cell is None else cell["value"] for cell in found])
        text.append(["" if c is None or c["value"] is None else look.t.number(c["value"], 1) for c in found])
        told.append(
            ["" if c is None else score_text(look.t, c["value"], c["low"], c["high"], c["n"], 2) for c in found]
        )
    figure = look.figure(140 + 22 * len(people))
    figure.add_trace(
        go.Heatmap(
            z=z,
            x=[plain(label) for _, label in columns],
            y=[plain(person) for person in people],
            text=text,
            texttemplate="%{text}",
            textfont={"size": 10},
            customdata=told,
            xgap=2,
            ygap=2,
            colorscale=[[0, look.colours.CARD], [1, look.colours.INDIGO]],
            zmin=0,
            colorbar={
                "title": {"text": title, "side": "right", "font": {"color": look.colours.MUTED, "size": 12}},
                "thickness": 10,
                "outlinewidth": 0,
                "tickfont": {"color": look.colours.MUTED, "size": 12},
            },
            hovertemplate="%{y} · %{x}<br>%{customdata}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_xaxes(side="top", tickangle=-40, showgrid=False, type="category")
    return figure


def pareto(look: Look, rows: pl.DataFrame, title: str) -> go.Figure:
    """Bars of mean points lost per review (label, value, low, high, n, share, occurrences, red, and perhaps `ours`:
    whether they count against the agent), most costly first, with whiskers."""
    rows = rows.filter(pl.col("value").is_not_null())
    figure = look.figure(max(150, 64 + 24 * rows.height))
    ours = rows["ours"] if "ours" in rows.columns else pl.repeat(True, rows.height, eager=True)
    colours = [
        look.colours.VERMILION if red else look.colours.INDIGO if own else look.colours.MUTED
        for red, own in zip(rows["red"], ours, strict=True)
    ]
    text = [
        look.t(
            "{score} · {share} of these points · found {count}×",
            score=score_text(look.t, r["value"], r["low"], r["high"], r["n"], 2),
            share=look.t.percent(r["share"], 0),
            count=look.t.number(r["occurrences"]),
        )
        for r in rows.iter_rows(named=True)
    ]
    figure.add_trace(
        go.Bar(
            x=rows["value"].to_list(),
            y=[plain(label) for label in rows["label"]],
            orientation="h",
            marker={"color": colours, "opacity": 0.72},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (rows["high"] - rows["value"]).fill_null(0).to_list(),
                "arrayminus": (rows["value"] - rows["low"]).fill_null(0).to_list(),
                "thickness": 1.2,
                "width": 3,
                "color": look.colours.INK,
            },
            text=text,
            textposition="none",
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        )
    )
    figure.update_yaxes(range=[rows.height - 0.4, -0.6], type="category", showgrid=False)
    figure.update_xaxes(title_text=title, rangemode="tozero")
    figure.update_layout(bargap=0.35, showlegend=False)
    return figure


def trade(look: Look, points: pl.DataFrame, chosen: float, found: str, width: str) -> go.Figure:
    """Violations to expect against the width of the team's interval, one point a pool share; `chosen` is ringed."""
    figure = look.figure(300)
    figure.add_trace(
        go.Scatter(
            x=points["team_width"].to_list(),
            y=points["expected_found"].to_list(),
            mode="lines+markers+text",
            text=[f"{share * 100:.0f}%" for share in points["pool_share"]],
            textposition="top center",
            textfont={"color": look.colours.MUTED, "size": 11},
            line={"color": look.colours.INDIGO, "width": 1.6},
            marker={
                "size": [14 if abs(share - chosen) < 1e-9 else 7 for share in points["pool_share"]],
                "color": look.colours.INDIGO,
                "symbol": ["circle-open" if abs(share - chosen) < 1e-9 else "circle" for share in points["pool_share"]],
                "line": {"width": 2.5},
            },
            hovertemplate="%{text}<br>%{y:.1f} · ± %{x:.2f}<extra></extra>",
            showlegend=False,
        )
    )
    figure.update_xaxes(title_text=width)
    figure.update_yaxes(title_text=found)
    return figure


def plain(text: str) -> str:
    """Foreign text for a Plotly label, which would read `<b>` and links: brackets become harmless look-alikes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
