"""Small figures without a chart library: HTML and CSS in the colours of the page, every text escaped, every value said
in words beside its mark. For pages that people open on a phone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import streamlit as st

STYLE = """<style>
.pf-rows{display:grid;grid-template-columns:minmax(6rem,auto) minmax(5rem,1fr) auto;gap:.3rem .8rem;
align-items:center;font-size:.9rem}
.pf-rows .num{color:var(--sc-muted);white-space:nowrap;text-align:right}
.pf-track{position:relative;height:1.1rem;
background:linear-gradient(var(--sc-line),var(--sc-line)) 0 50%/100% 1px no-repeat}
.pf-track i,.pf-track b,.pf-track u{position:absolute;top:50%;transform:translateY(-50%)}
.pf-track i{height:2px;background:currentColor}
.pf-track i::before,.pf-track i::after{content:"";position:absolute;top:-3px;width:1px;height:8px;
background:currentColor}
.pf-track i::after{right:0}
.pf-track b{width:9px;height:9px;margin-left:-4.5px;border-radius:50%;background:currentColor;
border:1.8px solid currentColor}
.pf-track u{left:0;height:.8rem;background:currentColor;opacity:.55}
.pf-own{color:var(--sc-indigo)}.pf-other{color:var(--sc-muted)}.pf-red{color:var(--sc-vermilion)}
.pf-track b.few,.pf-time b.few{background:var(--sc-paper)}
.pf-scale{grid-column:2;display:flex;justify-content:space-between;color:var(--sc-muted);font-size:.75rem}
.pf-time{position:relative;height:13rem;margin:0 .2rem 1.6rem 2.2rem;color:var(--sc-indigo)}
.pf-time hr{position:absolute;left:0;right:0;height:0;margin:0;border:0;border-top:1px solid var(--sc-line)}
.pf-time .y,.pf-time .x,.pf-time .m{position:absolute;color:var(--sc-muted);font-size:.75rem;white-space:nowrap}
.pf-time .y{right:100%;margin-right:.4rem;transform:translateY(50%)}
.pf-time .x{top:100%;margin-top:.3rem;transform:translateX(-50%)}
.pf-time .m{top:-1.25rem;bottom:0;border-left:1px dotted var(--sc-muted);padding-left:.25rem;line-height:1.2rem}
.pf-time .m.left{border-left:0;padding-left:0;border-right:1px dotted var(--sc-muted);padding-right:.25rem}
.pf-time:has(.m){margin-top:1.4rem}
.pf-time .line{position:absolute;inset:0;background:currentColor}
.pf-time i{position:absolute;width:1.5px;margin-left:-.75px;background:currentColor}
.pf-time i::before,.pf-time i::after{content:"";position:absolute;left:-3px;width:7.5px;height:1px;
background:currentColor}
.pf-time i::after{bottom:0}
.pf-time b{position:absolute;width:9px;height:9px;margin:0 0 -4.5px -4.5px;border-radius:50%;background:currentColor;
border:1.8px solid currentColor}
@media (max-width:640px){.pf-rows{grid-template-columns:1fr auto;grid-auto-flow:row dense}
.pf-rows>span{grid-column:1}.pf-rows>span.num{grid-column:2}.pf-rows .pf-track{grid-column:1/-1;grid-row:auto}
.pf-scale{grid-column:1/-1}
.pf-time .x:nth-of-type(even){display:none}}
</style>"""


@dataclass(frozen=True)
class FigureRow:
    """One value with its interval: `text` says it in full; `few` draws it hollow; `tone` is 'own', 'other' or 'red'."""

    label: str
    value: float
    low: float | None
    high: float | None
    text: str
    few: bool = False
    tone: str = "own"


@dataclass(frozen=True)
class FigurePoint:
    """One period of a series; `value` is None where there is no figure."""

    day: date
    label: str
    value: float | None
    low: float | None
    high: float | None
    text: str
    few: bool = False


def dots(rows: Sequence[FigureRow]) -> None:
    """One dot with its interval a row, on a scale just wide enough for all of them."""
    if not rows:
        return
    low, high = _bounds([x for row in rows for x in (row.low, row.value, row.high) if x is not None])
    _rows(rows, low, high, bars=False)


def bars(rows: Sequence[FigureRow]) -> None:
    """One bar from zero with its interval a row."""
    if rows:
        _rows(rows, 0.0, _round_end(max(max(row.value, row.high or 0) for row in rows)), bars=True)


def _rows(rows: Sequence[FigureRow], low: float, high: float, *, bars: bool) -> None:
    parts = [_row(row, low, high, bar=bars) for row in rows]
    scale = f'<div class="pf-scale" aria-hidden="true"><span>{low:g}</span><span>{high:.4g}</span></div>'
    st.html(f'{STYLE}<div class="pf-rows">{"".join(parts)}{scale}</div>')


def _row(row: FigureRow, low: float, high: float, *, bar: bool) -> str:
    def at(x: float) -> float:
        return round(100 * (min(max(x, low), high) - low) / (high - low), 2)

    marks = f'<u style="width:{at(row.value)}%"></u>' if bar else ""
    if row.low is not None and row.high is not None:
        marks += f'<i style="left:{at(row.low)}%;width:{at(row.high) - at(row.low):.2f}%"></i>'
    if not bar:
        marks += f'<b class="{"few" if row.few else ""}" style="left:{at(row.value)}%"></b>'
    label, text = html.escape(row.label), html.escape(row.text)
    return (
        f"<span>{label}</span>"
        f'<span class="pf-track pf-{html.escape(row.tone)}" aria-hidden="true" title="{text}">{marks}</span>'
        f'<span class="num">{text}</span>'
    )


def over_time(points: Sequence[FigurePoint], marks: Sequence[tuple[date, str]] = (), *, alt: str) -> None:
    """Points with whiskers by week or month, in even steps of time; `marks` are dated names shown as dotted lines."""
    known = [x for p in points for x in (p.low, p.value, p.high) if x is not None]
    if not known:
        return
    first, last = points[0].day, points[-1].day
    days = max((last - first).days, 1)
    low, high = _bounds(known)

    def x(day: date) -> float:
        return round(6 + 88 * (day - first).days / days, 2) if len(points) > 1 else 50.0

    def y(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    shown = [p for p in points if p.value is not None]
    body = [_grid(low, high)]
    body += [
        f'<span class="m left" style="right:{100 - x(day):.2f}%">{html.escape(name)}</span>'
        if x(day) > 50  # names begin or end at their line, whichever side has more room
        else f'<span class="m" style="left:{x(day)}%">{html.escape(name)}</span>'
        for day, name in marks
        if first <= day <= last
    ]
    body.append(_line([(x(p.day), 100 - y(p.value)) for p in shown if p.value is not None]))
    for p in shown:
        if p.low is not None and p.high is not None:
            body.append(f'<i style="left:{x(p.day)}%;bottom:{y(p.low)}%;height:{y(p.high) - y(p.low):.2f}%"></i>')
        title = html.escape(f"{p.label} · {p.text}")
        body.append(
            f'<b class="{"few" if p.few else ""}" style="left:{x(p.day)}%;bottom:{y(p.value or 0)}%" '
            f'title="{title}"></b>'
        )
    said = html.escape("; ".join(f"{p.label}: {p.text}" for p in shown))
    labels = "".join(f'<span class="x" style="left:{x(p.day)}%">{html.escape(p.label)}</span>' for p in points)
    st.html(
        f'{STYLE}<div class="pf-time" role="img" aria-label="{html.escape(alt)}. {said}">{"".join(body)}'
        f"<div>{labels}</div></div>"
    )


def _grid(low: float, high: float) -> str:
    step = (high - low) / 4
    lines = []
    for k in range(5):
        value = low + k * step
        lines.append(f'<hr style="bottom:{25 * k}%"><span class="y" style="bottom:{25 * k}%">{value:g}</span>')
    return "".join(lines)


def _line(points: Sequence[tuple[float, float]]) -> str:
    """A line of even height through points given in percent from the left and from the top."""
    if len(points) < 2:
        return ""
    upper = [f"{x}% calc({y}% - .8px)" for x, y in points]
    lower = [f"{x}% calc({y}% + .8px)" for x, y in reversed(points)]
    return f'<div class="line" style="clip-path:polygon({",".join(upper + lower)})"></div>'


def _round_end(most: float) -> float:
    """The end of an axis from zero: the next round number that holds `most`."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(
        round(step * power, 9) for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= most * (1 - 1e-9)
    )


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis that holds all `values` and whose quarters are round numbers."""
    least, most = min(values), max(values)
    for step in (1, 2, 2.5, 5, 10, 20, 25, 50):
        low = step * (least // step)
        if low + 4 * step >= most:
            return (100 - 4 * step, 100) if most <= 100 < low + 4 * step else (low, low + 4 * step)
    return least, most + 1
