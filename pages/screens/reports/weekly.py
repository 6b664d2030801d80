"""The report of one week as a page to print or send: the score of everybody and of each team with its chart, what cost
the points, the red lines, and what is still open. Plain HTML without script; every text escaped.
"""

from __future__ import annotations

import html
from datetime import date, timedelta
from typing import Any

from pages.kit.guard import Page
from pages.kit.theme import LIGHT
from pages.kit.widgets import score_text
from pages.screens.reports.agent import labelled
from pages.screens.reports.printing import document, table
from qa import reports
from qa.i18n import N_
from qa.reports import Scope, Trend

WEEKS = 8
_WIDTH, _HEIGHT, _LEFT, _FOOT = 680, 190, 34, 20


def sheet(page: Page, first: date) -> str:
    """The week that begins on the Monday `first`, with the seven weeks before it in the chart."""
    _ = page.t
    week = Scope(first, first + timedelta(days=6))
    span = Scope(first - timedelta(weeks=WEEKS - 1), week.last)
    everybody = reports.trend(page.bench, page.actor, scope=span, metric="total", by="all", bucket="week")
    teams = reports.trend(page.bench, page.actor, scope=week, metric="total", by="team", bucket="week")
    redlines = reports.trend(page.bench, page.actor, scope=week, metric="redline", by="all", bucket="week")
    losses = labelled(page, reports.losses(page.bench, page.actor, scope=week).frame.head(8))
    title = _("Week of {first} – {last}", first=_.day(first), last=_.day(first + timedelta(days=6)))
    body = [
        f"<h1>{html.escape(title)}</h1>",
        _section(_("Score of everybody, by week"), svg(page, everybody)),
        _section(_("Teams this week"), table([_("Team"), _("Score")], _figures(page, teams))),
        _section(_("Red-line rate"), table([_("Who"), _("% of conversations")], _figures(page, redlines, 100, "%"))),
        _section(
            _("What cost the points"),
            table(
                [_("Criterion"), _("points lost per review")],
                [
                    (r["label"], score_text(_, r["value"], r["low"], r["high"], r["n"], 2))
                    for r in losses.iter_rows(named=True)
                ],
            ),
        ),
    ]
    if everybody.progress is not None and everybody.progress.pending:
        pending = _(_PENDING, n=_.number(everybody.progress.pending))
        body.append(f'<p class="muted">{html.escape(pending)}</p>')
    return document(page, title, body)


_PENDING = N_("{n} drawn samples are not scored yet: this is an estimate in progress.")


def _section(title: str, content: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{content}</section>"


def _figures(page: Page, found: Trend, factor: float = 1.0, unit: str = "") -> list[tuple[str, str]]:
    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    return [
        (
            r["name"] or page.t("Everybody"),
            score_text(page.t, scaled(r["value"]), scaled(r["low"]), scaled(r["high"]), r["n"], unit=unit),
        )
        for r in found.overall.sort("name").iter_rows(named=True)
    ]


def svg(page: Page, found: Trend) -> str:
    """Points with whiskers by week as an inline SVG; each says its value in its title."""
    rows = [r for r in found.frame.sort("period").iter_rows(named=True) if r["value"] is not None]
    if not rows:
        return f"<p>{html.escape(page.t('Nothing in this selection'))}</p>"
    values = [x for r in rows for x in (r["low"], r["value"], r["high"]) if x is not None]
    low, high = min(values) - 1, max(values) + 1
    step = (_WIDTH - _LEFT - 20) / max(len(rows) - 1, 1)

    def y(value: float) -> float:
        return float(round((_HEIGHT - _FOOT) * (high - value) / (high - low), 1))

    places = [(round(_LEFT + 10 + k * step, 1), r) for k, r in enumerate(rows)]
    path = " ".join(f"{'M' if not k else 'L'}{x} {y(r['value'])}" for k, (x, r) in enumerate(places))
    marks = "".join(_mark(page, x, y, r) for x, r in places)
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y(v)}" y2="{y(v)}" stroke="{LIGHT.LINE}"/>'
        f'<text x="0" y="{y(v) + 4}" fill="{LIGHT.MUTED}" font-size="10">{html.escape(page.t.number(v, 1))}</text>'
        for v in (low + 1, (low + high) / 2, high - 1)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img"'
        f' aria-label="{html.escape(page.t("Score over time"))}">{grid}'
        f'<path d="{path}" fill="none" stroke="{LIGHT.INDIGO}" stroke-width="1.6"/>{marks}</svg>'
    )


def _mark(page: Page, x: float, y: Any, row: dict[str, Any]) -> str:
    said = score_text(page.t, row["value"], row["low"], row["high"], row["n"])
    whisker = (
        f'<line x1="{x}" x2="{x}" y1="{y(row["low"])}" y2="{y(row["high"])}" stroke="{LIGHT.INDIGO}"/>'
        if row["low"] is not None and row["high"] is not None
        else ""
    )
    day, full = html.escape(page.t.day(row["period"], "MM-dd")), f"{page.t.day(row['period'])} {said}"
    return (
        f"<g><title>{html.escape(full)}</title>{whisker}"
        f'<circle cx="{x}" cy="{y(row["value"])}" r="3.5" fill="{LIGHT.INDIGO}"/>'
        f'<text x="{x}" y="{_HEIGHT - 4}" fill="{LIGHT.MUTED}" font-size="10" text-anchor="middle">{day}</text></g>'
    )
