"""One printable page per agent or team: plain HTML with its own print style, everything escaped, no script."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import polars as pl
import streamlit as st

from pages.kit.guard import Page
from pages.kit.theme import FONT, LIGHT
from pages.kit.widgets import score_text
from pages.screens.reports import filters
from pages.screens.scorer import beside as machine
from qa import reports
from qa.casefiles.lifecycle import STANDING, FileState
from qa.reports import OWNERS, AgentReport, Ranking

_STYLE = f"""
@page {{ size: A4; margin: 12mm 14mm; }}
body {{ font: 11.5px/1.45 {FONT.replace('"', "'")}; color: {LIGHT.INK}; background: #fff; max-width: 182mm;
margin: 0 auto; font-variant-numeric: tabular-nums; }}
h1 {{ font-size: 19px; margin: 0; }} h2 {{ font-size: 13px; margin: 11px 0 2px; }} p {{ margin: 1px 0; }}
.muted {{ color: {LIGHT.MUTED}; }} .red {{ color: {LIGHT.VERMILION}; }} .score {{ font-size: 16px; font-weight: 600; }}
.half {{ display: grid; grid-template-columns: 1fr 1fr; gap: 0 9mm; align-items: start; }}
table {{ border-collapse: collapse; width: 100%; break-inside: auto; }} tr {{ break-inside: avoid; }}
td, th {{ text-align: left; padding: 2px 6px 2px 0; border-bottom: 1px solid {LIGHT.LINE}; font-weight: 400; }}
th {{ color: {LIGHT.MUTED}; }} td.num, th.num {{ text-align: right; padding: 2px 0 2px 6px; white-space: nowrap; }}
.many {{ font-size: 10px; line-height: 1.3; }} .many td, .many th {{ padding-top: 1px; padding-bottom: 1px; }}
"""
_TWO_COLUMNS_FROM = 24
"""So many agents are printed in two columns: a team of 80 fits one sheet."""


def offer(page: Page, make: Callable[[], str], name: str) -> None:
    """A download of the printable page, made when asked for."""
    st.download_button(
        page.t("Printable page"),
        lambda: make().encode(),
        f"spotcheck-{name}.html",
        "text/html",
        key="print_page",
        on_click="ignore",
        icon=":material/print:",
    )


def agent_sheet(page: Page, report: AgentReport, period: str) -> str:
    """The agent's page as one sheet of paper."""
    _, t = page.t, page.t
    score, team = report.score, report.team
    facts = [period, report.person.team, filters.method_names(t).get(score.method, "")]
    if report.pending:
        facts.append(
            _("{n} drawn samples are not scored yet: this is an estimate in progress.", n=t.number(report.pending))
        )
    dimensions = [
        (
            filters.metric_name(t, p.metric),
            score_text(t, p.estimate.value, p.estimate.low, p.estimate.high, p.estimate.n),
        )
        for p in report.parts
    ]
    times = [
        (t.day(r["period"]), score_text(t, r["value"], r["low"], r["high"], r["n"]))
        for r in report.trend.frame.tail(_MOST).iter_rows(named=True)
    ]
    own = _loss_rows(page, report.losses.frame.head(8))
    other = _loss_rows(page, report.elsewhere.frame.head(4), owners=True)
    costly = [_("Criterion"), _("points lost per review"), _("times")]
    ledger = [entry for entry in report.ledger if FileState(entry.state) in STANDING]  # a suspicion is nothing to print
    body = [
        f"<h1>{_e(report.person.name)}</h1>",
        f'<p class="muted">{_e(" · ".join(filter(None, facts)))}</p>',
        f'<p class="score">{_e(score_text(t, score.value, score.low, score.high, score.n))}</p>',
        f'<p class="muted">{_e(_("team {score}", score=score_text(t, team.value, team.low, team.high, team.n)))}</p>',
        _muted(machine.line(page, report.scope, report.person.agent_id)),
        "<div class=half>",
        _section(_("Dimensions"), table([_("Dimension"), _("% earned")], dimensions)),
        _section(_("Over time"), table([_("Period"), _("Score")], times)),
        "</div>",
        _section(_("What cost the points"), table(costly, own)),
        _section(_("Not on the agent's account"), table(costly, other)) if other else "",
        _section(
            _("Red lines on record"),
            (
                table(
                    [_("When"), _("Red line")],
                    [(t.when(e.occurred_at), f"{e.rule_id} {e.rule.pick(t.language)}") for e in ledger[:8]],
                    red=True,
                )
                if ledger
                else f"<p>{_e(_('None in this period.'))}</p>"
            ),
        ),
    ]
    if len(ledger) > 8:
        body.append(f'<p class="muted">{_e(_("and {n} more", n=len(ledger) - 8))}</p>')
    return document(page, report.person.name, body)


_MOST = 14
"""So many weeks or months are printed: the newest."""


def _muted(text: str) -> str:
    return f'<p class="muted">{_e(text)}</p>' if text else ""


def _section(title: str, content: str) -> str:
    return f"<section><h2>{_e(title)}</h2>{content}</section>"


def team_sheet(
    page: Page, ranking: Ranking, losses: pl.DataFrame, period: str, title: str, statements: dict[str, str]
) -> str:
    """A team (or everybody) as one sheet of paper; `statements` in the page's language by their codes."""
    _, t = page.t, page.t
    team = ranking.standings.team
    rows = [
        (r["name"], score_text(t, r["value"], r["low"], r["high"], r["n"]), statements[r["statement"]])
        for r in ranking.statements.sort("name").iter_rows(named=True)
    ]
    heads = [_("Name"), _("Score"), _("Statement")]
    half = -(-len(rows) // 2)
    people = (
        f"<div class='half many'>{table(heads, rows[:half])}{table(heads, rows[half:])}</div>"
        if len(rows) >= _TWO_COLUMNS_FROM
        else table(heads, rows)
    )
    why = _(
        "Sorted by name. {unclear} of {total} agents cannot be told apart from the team; statements keep false"
        " accusations below 10% and need {least} reviews.",
        unclear=ranking.unclear,
        total=len(rows),
        least=ranking.least,
    )
    body = [
        f"<h1>{_e(title)}</h1>",
        f'<p class="muted">{_e(period)}</p>',
        f'<p class="score">{_e(score_text(t, team.value, team.low, team.high, team.n))}</p>',
        _muted(machine.line(page, ranking.standings.scope)),
        _section(
            _("What cost the points"),
            table([_("Criterion"), _("points lost per review"), _("times")], _loss_rows(page, losses.head(8))),
        ),
        _section(_("Agents"), f'<p class="muted">{_e(why)}</p>' + people),
    ]
    return document(page, title, body)


def _loss_rows(page: Page, frame: pl.DataFrame, *, owners: bool = False) -> list[tuple[str, str, str]]:
    rules, criteria, t = reports.rule_names(page.bench), reports.criterion_labels(page.bench), page.t
    rows = []
    for r in frame.iter_rows(named=True):
        label = (rules if r["kind"] == "redline" else criteria).get(r["id"])
        name = label.pick(t.language) if label else r["id"]
        rows.append((
            f"{name} · {t(OWNERS.get(r['owner'], r['owner']))}" if owners else name,
            score_text(t, r["value"], r["low"], r["high"], r["n"], 2), t.number(r["occurrences"]),
        ))  # fmt: skip
    return rows


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, red: bool = False) -> str:
    """An HTML table; the first column is text, the others align right."""

    def cell(tag: str, k: int, text: str) -> str:
        return f"<{tag}{' class=num' if k else ''}>{_e(text)}</{tag}>"

    head = "".join(cell("th", k, text) for k, text in enumerate(headers))
    body = "".join(
        f"<tr{' class=red' if red else ''}>" + "".join(cell("td", k, text) for k, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def document(page: Page, title: str, body: Sequence[str]) -> str:
    """A complete page; who printed it and when stands at the foot."""
    t = page.t
    foot = t(
        "Spotcheck · printed {when} by {name} · every mean weighs reviews by 1/π; brackets are 95% intervals",
        when=t.when(page.now),
        name=page.actor.name,
    )
    note = t("Confidential: for the person concerned and their lead.") if page.actor.reads_others else ""
    return (
        f'<!doctype html><html lang="{t.language.replace("_", "-")}"><head><meta'
        f' charset="utf-8"><title>{_e(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}<p class='muted'"
        f" style='margin-top:10px'>{_e(foot)}<br>{_e(note)}</p></body></html>"
    )


def _e(text: str) -> str:
    return html.escape(text or "")
