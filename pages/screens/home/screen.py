"""The content of the home page: open work first, then how far the draws are, or how to begin."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import streamlit as st

from pages.kit import nav
from pages.kit.guard import Page
from pages.kit.widgets import empty, heading
from pages.screens.home import week
from qa import reports
from qa.home import DecidedAppeal, DrawProgress, Overview, overview
from qa.i18n import N_
from qa.policy import Right, Role
from qa.scorer import differences

TODO: Sequence[tuple[str, str, str, str]] = (
    # kind, what it is, page, what to do there
    ("samples", N_("samples wait to be inspected"), "desk.py", N_("Inspect the next")),
    ("calibration", N_("conversations of an open calibration round wait for your marks"), "desk.py", N_("Score them")),
    ("hits", N_("suspected violations wait for a first look"), "redlines.py", N_("Look at them")),
    ("rulings", N_("confirmed violations wait for a ruling"), "redlines.py", N_("Rule on them")),
    ("appeals", N_("appeals are open"), "appeals.py", N_("Answer them")),
    ("corrections", N_("corrections of results wait for a second person"), "inspections.py", N_("Decide on them")),
    ("differences", N_("differences with the machine scorer wait for your word"), "inspections.py", N_("Answer")),
    ("cases", N_("proposed cases wait to be published"), "library.py", N_("Read them")),
    ("newcomers", N_("tasks of newcomers are due"), "development.py", N_("Say what came of them")),
    ("verdicts", N_("of your results you have not read yet"), "agent.py", N_("Read them")),
    ("own_violations", N_("violations wait for your answer"), "agent.py", N_("Answer")),
    ("own_appeals", N_("of your appeals are being decided"), "appeals.py", N_("See them")),
    ("accounts_without_sign_in", N_("accounts have never been used"), "admin.py", N_("Send them a link")),
)
WHERE: Mapping[str, Mapping[str, str]] = {
    "rulings": {"red_state": "confirmed"},
    "cases": {"state": "proposed"},
    "newcomers": {"view": "newcomers"},
    "own_violations": {"span": "all"},
    "appeals": {"state": "open"},
    "differences": {"view": "differences"},
}
VIOLATIONS = {"hits", "rulings", "own_violations"}
"""The only counts that may be drawn in vermilion."""

SETUP: Sequence[tuple[str, str, str]] = (
    ("lead", N_("Give the quality lead an account"), "admin.py"),
    ("inspectors", N_("Give the inspectors accounts"), "admin.py"),
    ("import", N_("Import the agent roster, then chats, disputes and ratings"), "ingest.py"),
    ("rubric", N_("Read the scorecard and publish it as it is or as you need it"), "rubrics.py"),
    ("draw", N_("Plan a draw, look at its preview, publish it"), "draws.py"),
)


def draw(page: Page) -> None:
    """Draw the page."""
    _ = page.t
    found = overview(page.bench, page.actor, now=page.now)
    heading(page, _("To do"), f"{_.day(_.local(page.now).date(), 'full')} · {page.user.display_name}")
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(gap="xxsmall"):
        _todo(page, found)
    with right, st.container(gap="xxsmall"):
        if found.setup and not all(found.setup.values()):
            _setup(page, found)
        if found.draws:
            _draws(page, found.draws)


def _todo(page: Page, found: Overview) -> None:
    _ = page.t
    for one in found.decided:
        _decided(page, one)
    _coaching(page, found.coaching)
    shown = len(found.decided) + len(found.coaching)
    shown += week.draw(page)
    todo = {**found.todo, "differences": _differences(page)}
    for kind, text, file, action in TODO:
        count = todo.get(kind, 0)
        if count:
            shown += 1
            _row(page, kind, count, _(text, n=count), file, _(action), _where(page, kind))
    if week.reads_results(page):
        week.report(page)
    if not shown:
        empty(_("Nothing waits for you."), _(_advice(page, found)))
    if found.done_today:
        st.caption(_("Inspected today: {count}", count=_.number(found.done_today)))
    if page.actor.role is Role.AGENT and not found.todo.get("verdicts"):
        nav.link(page, "agent.py", _("See all my results"))


def _differences(page: Page) -> int:
    """Marks on which a machine scorer reads otherwise than one's submitted sheets."""
    if not page.actor.may(Right.INSPECT):
        return 0
    return differences.count_open(page.bench, page.actor, now=page.now)


def _advice(page: Page, found: Overview) -> str:
    if found.setup and not all(found.setup.values()):
        return N_("Follow the steps on the right to set up the workbench.")
    if page.actor.role is Role.AGENT:
        return N_("New results appear here when your conversations were inspected.")
    if page.actor.role is Role.INSPECTOR:
        return N_("New samples appear here when the next draw is published.")
    return N_("Publish a draw, or look at the trends meanwhile.")


def _where(page: Page, kind: str) -> Mapping[str, str]:
    """What the address must say so that the page opens on this work and not beside it."""
    if kind == "verdicts" and (verdict := reports.next_unread(page.bench, page.actor, now=page.now)) is not None:
        return {"span": "all", "verdict": str(verdict)}
    return WHERE.get(kind, {})


def _row(page: Page, kind: str, count: int, text: str, file: str, action: str, query: Mapping[str, str]) -> None:
    mark = " sc-vermilion" if kind in VIOLATIONS else ""
    with st.container(key=f"todo_{kind}", horizontal=True, vertical_alignment="center"):
        st.html(
            '<div class="sc-todo"><b'
            f' class="sc-number{mark}">{html.escape(page.t.number(count))}</b><span>{html.escape(text)}</span></div>'
        )
        nav.link(page, file, action, **query)


def _decided(page: Page, one: DecidedAppeal) -> None:
    """An objection that was decided, with what it did to the score."""
    _ = page.t
    about = _("red line {rule}", rule=one.rule_id) if one.rule_id else ""
    said = _("Your appeal was upheld") if one.upheld else _("Your appeal was rejected")
    score = (
        f"{_.points(one.before)} → {_.points(one.now)}"
        if one.upheld and one.before is not None and one.now is not None and one.before != one.now
        else ""
    )
    parts = " · ".join(part for part in (said, about, score, _.when(one.ruled_at)) if part)
    with st.container(key=f"todo_decided_{one.appeal_id}", horizontal=True, vertical_alignment="center"):
        st.html(
            f'<div class="sc-todo"><b class="sc-number">{"✓" if one.upheld else "·"}</b>'
            f"<span>{html.escape(parts)}</span></div>"
        )
        nav.link(page, "appeals.py", _("Read the ruling"), appeal=str(one.appeal_id))
        if one.upheld and one.verdict_id is not None:
            nav.link(page, "agent.py", _("See the result"), span="all", verdict=str(one.verdict_id))


def _coaching(page: Page, waiting: Sequence[int]) -> None:
    """Notes to read for an agent, answers for a leader; the link opens the one that waits longest."""
    _ = page.t
    if not waiting:
        return
    count = len(waiting)
    text = (
        _("answers of agents wait to be read", n=count)
        if page.actor.may(Right.COACH)
        else _("coaching notes wait for you", n=count)
    )
    _row(page, "coaching", count, text, "agent.py", _("Read them"), {"coaching": str(waiting[0])})


def _setup(page: Page, found: Overview) -> None:
    _ = page.t
    st.html(f"<h2>{html.escape(_('First steps'))}</h2>")
    for kind, text, file in SETUP:
        if kind in found.setup:
            done = found.setup[kind]
            with st.container(key=f"setup_{kind}", horizontal=True, vertical_alignment="center"):
                st.html(
                    f'<div class="sc-step{" sc-done" if done else ""}"><i>{"✓" if done else "○"}</i>'
                    f"<span>{html.escape(_(text))}</span></div>"
                )
                if not done:
                    nav.link(page, file)


def _period(page: Page, draw: DrawProgress) -> str:
    """The days of a draw; nothing where its name, as names are proposed, says them."""
    said = str(draw.period_from) in draw.name and str(draw.period_to) in draw.name
    return "" if said else f"{page.t.day(draw.period_from)} – {page.t.day(draw.period_to)}"


def _draws(page: Page, draws: Sequence[DrawProgress]) -> None:
    _ = page.t
    rows = "".join(
        f'<div class="sc-draw"><span>{html.escape(draw.name)}</span><small>{html.escape(_period(page, draw))}</small>'
        f'<span class="sc-bar"><i style="width:{100 * draw.inspected / max(draw.samples, 1):.1f}%"></i></span>'
        "<small>"
        + html.escape(_("{done} of {all} inspected", done=_.number(draw.inspected), all=_.number(draw.samples)))
        + "</small></div>"
        for draw in draws
    )
    st.html(f"<h2>{html.escape(_('Draws'))}</h2>{rows}")
    nav.link(page, "draws.py", _("All draws"))
