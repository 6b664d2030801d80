"""The agent page: score with interval and best guess, what cost the points, red lines, replies, cases, single results.

The same page serves the lead (any agent) and the agent (their own only); the read side decides what each may see.
"""

from __future__ import annotations

import html
from functools import partial

import polars as pl
import streamlit as st

from pages.kit import nav, plainfigures
from pages.kit.choices import pick
from pages.kit.dialogs import dialog, done, kept, open_dialog
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.nav import go
from pages.kit.rows import listed
from pages.kit.widgets import empty, heading, plain_text, score_text, showing_errors
from pages.screens.coaching import screen as coaching
from pages.screens.reports import filters, printing
from pages.screens.reports.single import days_left, result_dialog, result_list
from pages.screens.scorer import beside as machine
from qa import reports
from qa.casefiles.lifecycle import STATE_NAMES, FileState
from qa.policy import Right, Role
from qa.redlines import deciding
from qa.reports import OWNERS, AgentReport, FactsReader, LedgerEntry
from qa.scorer import versions as scorers
from qa.verdicts import appeals


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    mine = page.actor.role is Role.AGENT
    heading(
        page, _("My results") if mine else _("Agent results"), "" if mine else _("One agent's scores and the reasons")
    )
    people = reports.roster(page.bench, page.actor)
    if not people:
        empty(_("No agent to show"), _("Import the roster, or ask an admin to join your account to your name on it."))
        return
    names = {person.agent_id: f"{person.name} · {person.team}" if person.team else person.name for person in people}
    everybody = page.actor.reads_others
    row = list(st.columns([8, 5, 4, 4, 4] if everybody else [1, 1, 2]))
    agent_id = (
        pick(row.pop(0), _("Agent"), "agent", list(names), names.__getitem__) if everybody else people[0].agent_id
    )
    if not agent_id:
        return
    if mine and scorers.told(page.bench):
        st.caption(
            _(
                "Machine scores are in use: they choose what is reviewed and narrow the intervals of means, corrected "
                "by what inspectors found. No result of yours is a machine's, and inspectors do not see its scores "
                "before they have scored themselves."
            )
        )
    with reports.FactsReader(page.bench) as reader:
        about = reports.own_overview(page.bench, page.actor, agent_id, reader=reader)
        scope = filters.scope(page, about, row, people=False)
        with showing_errors(page):
            report = reports.agent_report(page.bench, page.actor, agent_id=agent_id, scope=scope, reader=reader)
            _report(page, report, filters.describe(_, report.scope, about), reader)
    result_dialog(page)
    coaching.thread_dialog(page)


def _report(page: Page, report: AgentReport, period: str, reader: FactsReader) -> None:
    _ = page.t
    if not report.score.n:
        empty(_("No results in this period"), _("Choose a longer period, or wait for the next draw."))
        coaching.section(page, report.person.agent_id, reader)
        return
    _headline(page, report, period)
    left, right = st.columns([5, 4], gap="large")
    with left:
        _trend(page, report)
        coaching.section(page, report.person.agent_id, reader)
        _results(page, report, reader)
        _ledger(page, report)
    with right:
        _parts(page, report)
        _losses(page, report, reader)
        _replies(page, report)
        _cases(page, report)
    printing.offer(page, partial(printing.agent_sheet, page, report, period), f"agent-{report.person.agent_id}")


def _headline(page: Page, report: AgentReport, period: str) -> None:
    _ = page.t
    score, team = report.score, report.team
    facts = [
        period,
        filters.method_names(_).get(score.method, "") if score.known else _(filters.NO_FIGURE.get(score.reason, "")),
    ]
    if score.units:
        facts.append(_("{n} of {units} conversations reviewed", n=score.n, units=_.number(score.units)))
    facts.append(_("team {score}", score=score_text(_, team.value, team.low, team.high, team.n)))
    notes = []
    if report.best_guess is not None and page.actor.may(Right.VIEW_RESULTS):
        notes.append(
            _(
                "Best guess {value}: the score drawn towards the team as far as its uncertainty asks. For orientation,"
                " not for decisions.",
                value=_.number(report.best_guess, 1),
            )
        )
    if report.more:
        notes.append(_("{n} more inspections would halve the interval.", n=_.number(report.more)))
    small = "".join(
        f"<p>{html.escape(text)}</p>" for text in (" · ".join(filter(None, facts)), " ".join(notes)) if text
    )
    st.html(
        f'<div class="sc-score"><b>{html.escape(report.person.name)}</b>'
        f"<strong>{html.escape(score_text(_, score.value, score.low, score.high, score.n))}</strong>{small}</div>"
    )
    filters.basis(page, report.adjustment, predicted=report.predicted, progress=report.progress)
    machine.show(page, report.scope, report.person.agent_id)


def _trend(page: Page, report: AgentReport) -> None:
    _ = page.t
    st.markdown(f"**{_('Over time')}**")
    form = "M月d日" if _.language == "zh_CN" else "d MMM"
    points = [
        plainfigures.FigurePoint(
            r["period"], _.day(r["period"], form), r["value"], r["low"], r["high"],
            score_text(_, r["value"], r["low"], r["high"], r["n"]), r["n"] < reports.SMALL_N,
        )
        for r in report.trend.frame.sort("period").iter_rows(named=True)
    ]  # fmt: skip
    marks = [(measure.on_day, measure.name) for measure in report.trend.measures]
    plainfigures.over_time(points, marks, alt=_("Score over time"))


def _parts(page: Page, report: AgentReport) -> None:
    _ = page.t
    st.markdown(f"**{_('Dimensions')}** · {_('% earned')}")
    plainfigures.dots([
        plainfigures.FigureRow(
            filters.metric_name(_, part.metric), e.value, e.low, e.high, score_text(_, e.value, e.low, e.high, e.n),
            e.n < reports.SMALL_N,
        )
        for part in report.parts if (e := part.estimate).value is not None
    ])  # fmt: skip


def _losses(page: Page, report: AgentReport, reader: FactsReader) -> None:
    _ = page.t
    st.markdown(f"**{_('What cost the points')}** · {_('points lost per review')}")
    own, other = report.losses.frame.head(8), report.elsewhere.frame.head(4)
    if own.is_empty() and other.is_empty():
        st.caption(_("Nothing: no points were lost in the reviewed conversations."))
        return
    both = pl.concat([own.with_columns(ours=pl.lit(True)), other.with_columns(ours=pl.lit(False))])
    frame = labelled(page, both, reader)
    plainfigures.bars([
        plainfigures.FigureRow(
            r["label"] if r["ours"] else f"{r['label']} · {_(OWNERS.get(r['owner'], r['owner']))}",
            r["value"], r["low"], r["high"], score_text(_, r["value"], r["low"], r["high"], r["n"], 2),
            tone="red" if r["red"] else "own" if r["ours"] else "other",
        )
        for r in frame.iter_rows(named=True) if r["value"] is not None
    ])  # fmt: skip
    if other.height:
        st.caption(_("Grey: owned by policy, warehouse, system or the customer. It does not count against the agent."))


def labelled(page: Page, frame: pl.DataFrame, reader: FactsReader | None = None) -> pl.DataFrame:
    """Losses with a label in the page's language and whether they are red lines."""
    rules = reports.rule_names(page.bench)
    criteria = reports.criterion_labels(page.bench, reader=reader)
    labels = []
    for row in frame.iter_rows(named=True):
        found = rules.get(row["id"]) if row["kind"] == "redline" else criteria.get(row["id"])
        text = found.pick(page.t.language) if found else row["id"]
        labels.append(f"{row['id']} {text}" if row["kind"] == "redline" and found else text)
    return frame.with_columns(label=pl.Series(labels, dtype=pl.String), red=pl.col("kind") == "redline")


def _results(page: Page, report: AgentReport, reader: FactsReader) -> None:
    _ = page.t
    st.markdown(f"**{_('Single results')}**")
    everybody = page.actor.reads_others
    now = None if everybody else page.now
    rows = reports.results(page.bench, page.actor, scope=report.scope, now=now, reader=reader)
    result_list(page, rows, key="agent_results", names=False)


def _ledger(page: Page, report: AgentReport) -> None:
    _ = page.t
    st.markdown(f"**{_('Red lines on record')}**")
    if not report.ledger:
        st.caption(_("None in this period."))
        return
    listed(
        page,
        {
            _("When"): [page.t.when(e.occurred_at) for e in report.ledger],
            _("Red line"): [f"{e.rule_id} {e.rule.pick(_.language)}" for e in report.ledger],
            _("State"): [_(STATE_NAMES[FileState(e.state)]) for e in report.ledger],
            _("To object"): [days_left(page, e.appeal_until) for e in report.ledger],
        },
        "agent_ledger",
        lambda row: _open_entry(page, report.ledger[row]),
        label=_("Red lines on record"),
        title=_("Red line"),
        most=8,
    )
    st.caption(_("Case files from screening and inspection; a verified red line is a fact, not an estimate."))
    dialog("ruling", _("Red line"), lambda: _answer(page, kept()), width="medium")


def _open_entry(page: Page, entry: LedgerEntry) -> None:
    """The agent reads the ruling; everybody else goes to the case file."""
    if page.actor.may(Right.ANSWER):
        open_dialog("ruling", entry)
    elif page.actor.may(Right.VIEW_VIOLATIONS):
        go("redlines.py", file=str(entry.violation_id), red_state="all")


def _answer(page: Page, entry: LedgerEntry) -> None:
    """The ruling on a red line of one's own, and what can still be done about it."""
    _ = page.t
    st.markdown(f"**{escape(f'{entry.rule_id} {entry.rule.pick(_.language)}')}**")
    with showing_errors(page):
        ruling = appeals.ruling_on(page.bench, page.actor, violation_id=entry.violation_id)
        for quote in ruling.quotes:
            plain_text(f"“{quote}”")
        if ruling.reason:
            plain_text(_("Reason of the ruling: {reason}", reason=ruling.reason))
        with st.container(horizontal=True, vertical_alignment="center"):
            if entry.state == FileState.UPHELD and st.button(
                _("I accept this ruling"), key="accept_ruling", type="primary"
            ):
                deciding.acknowledge(
                    page.bench, page.actor, now=page.now, violation_id=entry.violation_id, seen=FileState.UPHELD
                )
                done()
            if entry.appeal_until is not None and page.now <= entry.appeal_until:
                text = _("Read the conversation and object, until {until}", until=page.t.when(entry.appeal_until))
                nav.link(page, "appeals.py", text, violation=str(entry.violation_id))
            elif entry.appeal_until is not None:
                st.caption(_("The time to object ended on {until}.", until=page.t.when(entry.appeal_until)))


def _replies(page: Page, report: AgentReport) -> None:
    _ = page.t
    st.markdown(f"**{_('Reply times')}**")
    r = report.replies
    if r is None:
        st.caption(_("No reply times: run the screening to compute them."))
        return
    first, gap = st.columns(2)
    first.metric(
        _("First reply, median"),
        _seconds(page, r.first_reply),
        help=_("Team: {value}", value=_seconds(page, r.team_first_reply)),
    )
    gap.metric(
        _("Answered in time"),
        "–" if r.in_time is None else _.percent(r.in_time),
        help=_("Team: {value}", value="–" if r.team_in_time is None else _.percent(r.team_in_time)),
    )
    st.caption(
        escape(
            _(
                "All {n} conversations of the period, by each platform's definition; {unanswered} questions were left"
                " unanswered.",
                n=_.number(r.conversations),
                unanswered=_.number(r.unanswered),
            )
        )
    )


def _seconds(page: Page, value: float | None) -> str:
    return "–" if value is None else page.t("{n} s", n=page.t.number(value))


def _cases(page: Page, report: AgentReport) -> None:
    _ = page.t
    if report.cases:
        st.markdown(f"**{_('Cases that teach this')}**")
        for case in report.cases:
            nav.link(page, "library.py", escape(case.title), case=str(case.id))
