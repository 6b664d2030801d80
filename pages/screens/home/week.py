"""The lead's week on the home page: what is ready to be done now, one line each with its action.

Every line comes from the service of its subject; this page only puts them beside each other.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import streamlit as st

from pages.kit import jobs as job_view
from pages.kit import nav
from pages.kit.dialogs import dialog, kept, open_dialog
from pages.kit.guard import Page
from pages.kit.widgets import download, showing_errors
from pages.screens.draws import publishing
from pages.screens.reports import weekly
from qa import draws, jobs, reports, screening
from qa.calibration import doubles
from qa.draws import Period, PlanView
from qa.draws.periods import DueDraw
from qa.i18n import N_
from qa.policy import Actor, Right
from qa.redlines import board, quality
from qa.redlines.board import Filter
from qa.reports import Scope, TrendSignal
from qa.screening import Unscreened
from qa.upkeep import backup
from qa.workbench import Workbench

ERRS_FROM = 0.5
"""A rule mostly errs when even the lower end of its interval of false alarms lies above this share."""
BACKUP_EVERY = timedelta(days=7)
"""An admin is told when the newest backup is older."""
RECENT = timedelta(weeks=3)
"""Signals older than this are told on the trends page alone."""


def draw(page: Page) -> int:
    """Draw the lines this person can act on; returns how many there are."""
    lines = 0
    with showing_errors(page):
        if page.actor.may(Right.PLAN_DRAW):
            lines += _draws(page)
        if page.actor.may(Right.IMPORT):
            lines += _unscreened(page)
        if page.actor.may(Right.RULE_VIOLATION):
            lines += _overdue(page)
        if page.actor.may(Right.CALIBRATE):
            lines += _doubles(page)
        if page.actor.may(Right.EDIT_RULES):
            lines += _erring_rules(page)
        if reads_results(page):
            lines += _changed(page)
        if page.actor.may(Right.MAINTAIN):
            lines += _backup(page)
    return lines


def reads_results(page: Page) -> bool:
    """Whether there are results of others for this person: everybody's, or those of a team they lead."""
    return page.actor.may(Right.VIEW_RESULTS) or (page.actor.may(Right.VIEW_TEAM) and bool(page.actor.team))


def line(key: str, number: str, text: str, *, red: bool = False) -> None:
    """One line: a number and what it counts, both shown literally."""
    mark = " sc-vermilion" if red else ""
    st.html(
        '<div class="sc-todo"><b '
        f'class="sc-number{mark}">{html.escape(number)}</b><span>{html.escape(text)}</span></div>'
    )


def _line(page: Page, key: str, number: str, text: str, file: str, action: str, **query: str) -> None:
    with st.container(key=f"todo_{key}", horizontal=True, vertical_alignment="center"):
        line(key, number, text)
        nav.link(page, file, action, **query)


def _draws(page: Page) -> int:
    """Periods that are over and not drawn yet, by each plan's cadence."""
    _ = page.t
    if publishing.running(page):
        return 1
    found = []
    today = _.local(page.now).date()
    plans = draws.list_plans(page.bench, page.actor)
    for plan in plans:
        wanted = plan.next_draw(today)
        if plan.drawn_to is not None and wanted.over:
            found.append((plan, wanted))
    for plan, wanted in found[:4]:
        with st.container(key=f"todo_draw_{plan.id}", horizontal=True, vertical_alignment="center"):
            days = f"{_.day(wanted.first)} – {_.day(wanted.last)}"
            line("draw", "○", _("{plan}: {days} is over and not drawn yet", plan=plan.name, days=days))
            st.button(
                _("Publish the draw"), key=f"home_publish_{plan.id}", type="primary", on_click=open_dialog,
                args=("home_publish", (plan.id, wanted)),
            )  # fmt: skip
    dialog("home_publish", _("Publish this draw"), lambda: _publish(page, {plan.id: plan for plan in plans}, kept()))
    return len(found)


def _publish(page: Page, plans: Mapping[int, PlanView], asked: tuple[int, DueDraw]) -> None:
    """What the draw will be, and the button that publishes it."""
    _ = page.t
    plan, wanted = plans[asked[0]], asked[1]
    with showing_errors(page):
        look = draws.preview(page.bench, page.actor, period=Period(wanted.first, wanted.last), plan_id=plan.id)
        publishing.ask(page, plan, look, draws.choices(page.bench, page.actor).newer(plan))
        nav.link(page, "draws.py", _("Look at it in full first"), plan=str(plan.id))


def _unscreened(page: Page) -> int:
    _ = page.t
    if job_view.running(page, jobs.SCREENING, N_("Screening … {share}"), key="home_screening"):
        return 1
    waiting: Unscreened = screening.waiting(page.bench, page.actor)
    if not waiting.conversations:
        return 0
    with st.container(key="todo_unscreened", horizontal=True, vertical_alignment="center"):
        line("unscreened", _.number(waiting.conversations), _("imported conversations are not screened yet"))
        if st.button(_("Screen now"), key="home_screen"):
            job_view.start(page, jobs.SCREENING, jobs.Screen())
            st.rerun()
    return 1


def _overdue(page: Page) -> int:
    _ = page.t
    late = board.added(board.overdue_by_state(page.bench, page.actor, Filter(), now=page.now).values())
    if late.n:
        number = _.number(late.n) + ("+" if late.more else "")
        text = _("case files are overdue", n=late.n)
        _line(page, "overdue", number, text, "redlines.py", _("Take the longest waiting"), red_state="overdue")
    return bool(late.n)


def _doubles(page: Page) -> int:
    _ = page.t
    found = doubles.disagreements(page.bench, page.actor, since=page.now - timedelta(days=90))
    if found:
        text = _("double readings differ and wait for a decision")
        _line(page, "doubles", _.number(len(found)), text, "calibration.py", _("Decide on them"), section="doubles")
    return bool(found)


def _erring_rules(page: Page) -> int:
    _ = page.t
    shown = 0
    names = board.rule_names(page.bench, page.actor)
    for one in quality.false_alarms(page.bench, page.actor, since=page.now - timedelta(days=91)):
        estimate = one.estimate
        if one.rule_id is None or estimate.value is None or estimate.low is None or estimate.high is None:
            continue
        if estimate.low <= ERRS_FROM:
            continue
        shown += 1
        known = names.get(one.rule_id)
        name = f"{one.rule_id} {_.label(known.zh, known.en)}" if known else one.rule_id
        share = f"[{_.percent(estimate.low, 0)}, {_.percent(estimate.high, 0)}] n = {_.number(one.reviewed)}"
        text = _("of its files were no violation: {rule} {interval}", rule=name, interval=share)
        _line(
            page, f"rule_{shown}", _.percent(estimate.value, 0), text, "rules.py", _("Mend the rule"), rule=one.rule_id
        )
    return shown


def _changed(page: Page) -> int:
    """Agents whose results changed beyond chance of late; the figures are those of the trends page."""
    _ = page.t
    last = reports.overview(page.bench, page.actor).last
    if last is None:
        return 0
    known = (str(page.bench.config.home), page.actor.role.value, page.actor.team or "", reports.newest(page.bench))
    signals = _signals(page.bench, page.actor, last, known)
    recent = [signal for signal in signals if signal.period >= last - RECENT]
    for signal in recent[:6]:
        text = (
            _("{name}: lower than usual since {since}, beyond chance", name=signal.name, since=_.day(signal.since))
            if signal.worse
            else _(
                "{name}: higher than usual since {since}, beyond chance", name=signal.name, since=_.day(signal.since)
            )
        )
        mark = "↓" if signal.worse else "↑"
        _line(page, f"changed_{signal.group}", mark, text, "agent.py", _("See the results"), agent=signal.group)
    return len(recent)


@st.cache_data(ttl=timedelta(minutes=10), max_entries=64, show_spinner=False)
def _signals(_bench: Workbench, _actor: Actor, last: date, known: tuple[object, ...]) -> tuple[TrendSignal, ...]:
    """The signals of the last weeks, kept until there is a new result (`known`), at most some minutes: the roster and
    dated measures count as well."""
    scope = Scope(last - timedelta(days=last.weekday(), weeks=12), None)
    return reports.trend(_bench, _actor, scope=scope, metric="total", by="agent", bucket="week").signals


def _backup(page: Page) -> int:
    """Says when the last backup is old, or that there is none."""
    _ = page.t
    found = backup.listing(page.bench, page.actor)
    made = datetime.fromisoformat(found[0][1].made_at) if found else None
    if made is not None and page.now - made < BACKUP_EVERY:
        return 0
    text = _("no backup since {day}", day=_.day(made)) if made else _("there is no backup in this installation yet")
    _line(page, "backup", "!", text, "admin.py", _("Make a backup"), section="backup")
    return 1


def report(page: Page) -> None:
    """The last whole week as one page for the meeting."""
    _ = page.t
    today: date = _.local(page.now).date()
    first = today - timedelta(days=today.weekday() + 7)
    with st.container(key="todo_report", horizontal=True, vertical_alignment="center"):
        line("report", "≡", _("Report of {first} – {last}", first=_.day(first), last=_.day(first + timedelta(days=6))))
        download(
            _("Open the report"),
            lambda: weekly.sheet(page, first).encode(),
            f"spotcheck-{_.day(first)}.html",
            "text/html",
            key="home_report",
        )
