"""One printable page per agent or team: plain HTML with its own print style, everything escaped, no script."""

from __future__ import annotations

import html
from collections.abc import Sequence

import polars as pl
import streamlit as st

from pages.kit.guard import Page
from pages.kit.results import filters
from pages.kit.theme import FONT, LIGHT
from pages.kit.widgets import score_text
from qa import reports
from qa.policy import Right
from qa.reports import AgentReport, Ranking

_STYLE = f"""
@page {{ size: A4; margin: 16mm; }}
body {{ font: 13px/1.6 {FONT.replace('"', "'")}; color: {LIGHT.INK}; background: #fff; max-width: 178mm; margin: 0 auto; font-variant-numeric: tabular-nums; }}
h1 {{ font-size: 20px; margin: 0 0 2px; }} h2 {{ font-size: 14px; margin: 16px 0 4px; }} p {{ margin: 2px 0; }}
.muted {{ color: {LIGHT.MUTED}; }} .red {{ color: {LIGHT.VERMILION}; }} .score {{ font-size: 17px; font-weight: 600; }}
table {{ border-collapse: collapse; width: 100%; }} td, th {{ text-align: left; padding: 3px 8px 3px 0; border-bottom: 1px solid {LIGHT.LINE}; font-weight: 400; }}
th {{ color: {LIGHT.MUTED}; }} td.num, th.num {{ text-align: right; white-space: nowrap; }}
"""


def offer(page: Page, document: str, name: str) -> None:
    """A download of the printable page."""
    st.download_button(
        page.t("Printable page"), document.encode(), f"spotcheck-{name}.html", "text/html", key="print_page", on_click="ignore",
        icon=":material/print:",
    )


def agent_sheet(page: Page, report: AgentReport, period: str) -> str:
    """The agent's page as one sheet of paper."""
    _, t = page.t, page.t
    score, team = report.score, report.team
    body = [
        f"<h1>{_e(report.person.name)}</h1>", f'<p class="muted">{_e(period)} · {_e(report.person.team)}</p>',
        f'<p class="score">{_e(score_text(t, score.value, score.low, score.high, score.n))}</p>',
        f'<p class="muted">{_e(_("team {score}", score=score_text(t, team.value, team.low, team.high, team.n)))}</p>',
        f"<h2>{_e(_('Dimensions'))}</h2>",
        table([_("Dimension"), _("% earned")], [
            (filters.metric_name(t, p.metric), score_text(t, p.estimate.value, p.estimate.low, p.estimate.high, p.estimate.n)) for p in report.parts
        ]),
        f"<h2>{_e(_('What cost the points'))}</h2>",
        table([_("Criterion"), _("points lost per review"), _("times")], _loss_rows(page, report.losses.frame.head(8))),
        f"<h2>{_e(_('Over time'))}</h2>",
        table([_("Period"), _("Score")], [
            (t.day(r["period"]), score_text(t, r["value"], r["low"], r["high"], r["n"])) for r in report.trend.frame.iter_rows(named=True)
        ]),
        f"<h2>{_e(_('Red lines on record'))}</h2>",
        table([_("When"), _("Red line")], [(t.when(e.occurred_at), f"{e.rule_id} {e.rule.pick(t.language)}") for e in report.ledger[:10]], red=True)
        if report.ledger else f"<p>{_e(_('None in this period.'))}</p>",
    ]
    return document(page, report.person.name, body)


def team_sheet(page: Page, ranking: Ranking, losses: pl.DataFrame, period: str, title: str, statements: dict[str, str]) -> str:
    """A team (or everybody) as one sheet of paper."""
    _, t = page.t, page.t
    team = ranking.standings.team
    rows = [
        (r["name"], r["team"] or "", score_text(t, r["value"], r["low"], r["high"], r["n"]), t(statements[r["statement"]]))
        for r in ranking.statements.sort("name").iter_rows(named=True)
    ]
    body = [
        f"<h1>{_e(title)}</h1>", f'<p class="muted">{_e(period)}</p>',
        f'<p class="score">{_e(score_text(t, team.value, team.low, team.high, team.n))}</p>',
        f"<h2>{_e(_('What cost the points'))}</h2>",
        table([_("Criterion"), _("points lost per review"), _("times")], _loss_rows(page, losses.head(8))),
        f"<h2>{_e(_('Agents'))}</h2>", table([_("Name"), _("Team"), _("Score"), _("Statement")], rows),
    ]
    return document(page, title, body)


def _loss_rows(page: Page, frame: pl.DataFrame) -> list[tuple[str, str, str]]:
    rules, criteria, t = reports.rule_names(page.bench), reports.criterion_labels(page.bench), page.t
    rows = []
    for r in frame.iter_rows(named=True):
        label = (rules if r["kind"] == "redline" else criteria).get(r["id"])
        rows.append((label.pick(t.language) if label else r["id"], score_text(t, r["value"], r["low"], r["high"], r["n"]), str(r["occurrences"])))
    return rows


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, red: bool = False) -> str:
    """An HTML table; the first column is text, the others align right."""
    def cell(tag: str, k: int, text: str) -> str:
        return f"<{tag}{' class=num' if k else ''}>{_e(text)}</{tag}>"

    head = "".join(cell("th", k, text) for k, text in enumerate(headers))
    body = "".join(f"<tr{' class=red' if red else ''}>" + "".join(cell("td", k, text) for k, text in enumerate(row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def document(page: Page, title: str, body: Sequence[str]) -> str:
    """A complete page; who printed it and when stands at the foot."""
    t = page.t
    foot = t("Spotcheck · printed {when} by {name} · every mean weighs reviews by 1/π; brackets are 95% intervals", when=t.when(page.now), name=page.actor.name)
    note = t("Confidential: for the person concerned and their lead.") if page.actor.may(Right.VIEW_RESULTS) else ""
    return (
        f'<!doctype html><html lang="{t.language.replace("_", "-")}"><head><meta charset="utf-8"><title>{_e(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}<p class='muted' style='margin-top:18px'>{_e(foot)}<br>{_e(note)}</p></body></html>"
    )


def _e(text: str) -> str:
    return html.escape(text or "")
