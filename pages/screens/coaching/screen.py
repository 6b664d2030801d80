"""Coaching threads where they are read and written: on the agent's page, in a result, and beside a case.

A thread is named in the address (`?coaching=12`), so that a link opens it.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

import streamlit as st

from pages.kit import nav
from pages.kit.dialogs import addressed, done, turn_to
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import listed
from pages.kit.widgets import score_text, showing_errors
from qa import reports
from qa.coaching import following, threads
from qa.coaching.following import FollowUp
from qa.coaching.threads import STATE_NAMES, CoachingView, ThreadState
from qa.i18n import N_
from qa.policy import Right
from qa.reports import FactsReader, Result
from scoring.estimate import Estimate
from scoring.label import Label

ADDRESS = "coaching"
WHOLE = N_("The score")
_SAID = {
    True: N_("Better since then, beyond chance."),
    False: N_("Worse since then, beyond chance."),
}


def section(page: Page, agent_id: str, reader: FactsReader | None = None) -> None:
    """The threads of one agent, each row opening one; nothing where there are none. `reader`: the look of the page."""
    _ = page.t
    if not (page.actor.may(Right.COACH) or page.actor.agent_id == agent_id):
        return
    found = threads.threads(page.bench, page.actor, agent_id=agent_id)
    if found:
        labels = reports.criterion_labels(page.bench, reader=reader)
        st.markdown(f"**{_('Coaching')}**")
        listed(
            page,
            {
                _("About"): [_about(page, one, labels) for one in found],
                _("State"): [_(STATE_NAMES[one.state]) for one in found],
                _("Newest line"): [one.lines[-1].body.replace("\n", " ")[:80] for one in found],
                _("Since"): [_.day(one.opened_at) for one in found],
            },
            "coaching_list",
            lambda row: turn_to(ADDRESS, found[row].id),
            label=_("Coaching"),
            title=_("Newest line"),
            most=6,
        )


def thread_dialog(page: Page) -> None:
    """The thread that the address names, in a dialog. Call it once on a page."""
    addressed(ADDRESS, page.t("Coaching"), _named, Right.COACH, Right.ANSWER)


def _named(page: Page, number: int) -> None:
    thread = threads.get(page.bench, page.actor, number)
    st.markdown(f"**{escape(f'{thread.agent_name} · {_about(page, thread)}')}**")
    _links(page, thread)
    left, right = st.columns(2, gap="large")
    with left:
        _thread(page, thread)
    with right:
        _since(page, following.follow_up(page.bench, page.actor, thread.id, now=page.now))


def beside_result(page: Page, result: Result) -> None:
    """What was written about a result, and the form to write about it."""
    _ = page.t
    coach = page.actor.may(Right.COACH) and page.actor.agent_id != result.agent_id
    if not coach and page.actor.agent_id != result.agent_id:
        return
    found = threads.threads(page.bench, page.actor, sample_id=result.sample_id)
    for thread in found:
        with st.container(border=True, key=f"coaching_{thread.id}"):
            st.markdown(f"**{escape(_('Coaching: {about}', about=_about(page, thread)))}**")
            _thread(page, thread)
    if coach:
        open_on = {one.criterion_id for one in found if one.state is not ThreadState.CLOSED}
        _new(page, result, open_on)


def _new(page: Page, result: Result, open_on: set[str | None]) -> None:
    """A first note about a criterion of the result, what cost points first, or about the whole."""
    _ = page.t
    judged = sorted((x for x in result.lines if x.kind in ("loss", "bonus")), key=lambda line: line.points)
    titles = {line.id: line.title for line in judged if line.id not in open_on}
    options = [*titles, *([""] if None not in open_on else [])]
    if not options:
        return
    with st.form("coaching_new", border=False), showing_errors(page):
        chosen = st.selectbox(
            _("Coach on"), options, key="coaching_about", format_func=lambda x: titles.get(x) or _(WHOLE),
            placeholder=_("Choose a criterion"),
        )  # fmt: skip
        body = st.text_area(_("Note to the agent"), key="coaching_note", max_chars=threads.MAX_BODY, height=90)
        if st.form_submit_button(_("Send the note")):
            threads.open_on_result(
                page.bench, page.actor, now=page.now, verdict_id=result.verdict_id, body=body,
                criterion_id=chosen or None,
            )  # fmt: skip
            _forget()
            st.rerun()


def send_case(page: Page, case_id: int) -> None:
    """The form that sends a published case to an agent."""
    _ = page.t
    people = {one.agent_id: one.name for one in reports.roster(page.bench, page.actor)}
    with st.form("coaching_case", border=False), showing_errors(page):
        agent = st.selectbox(
            _("Agent"), list(people), index=None, key="coaching_agent", format_func=people.__getitem__,
            placeholder=_("Choose an agent"),
        )  # fmt: skip
        body = st.text_area(_("Note to the agent"), key="coaching_note", max_chars=threads.MAX_BODY, height=90)
        if st.form_submit_button(_("Send the note"), type="primary"):
            made = threads.open_on_case(
                page.bench, page.actor, now=page.now, case_id=case_id, agent_id=agent or "", body=body
            )
            _forget()
            nav.go("agent.py", agent=agent or "", coaching=str(made))
            done()


def _thread(page: Page, thread: CoachingView) -> None:
    """What was written, and what this reader can do now."""
    _ = page.t
    st.html("".join(_said(page, line.by, page.t.when(line.at), line.body) for line in thread.lines))
    mine = page.actor.agent_id == thread.agent_id
    st.caption(_(STATE_NAMES[thread.state]) if not (mine and thread.state is ThreadState.AGENT) else "")
    if not mine and not thread.reachable:
        st.caption(_("This agent has no account yet and cannot read it here."))
    if thread.state is ThreadState.CLOSED:
        return
    with st.form(f"coaching_reply_{thread.id}", border=False), showing_errors(page):
        label = _("Your answer") if mine else _("Another note")
        body = st.text_area(label, key=f"coaching_body_{thread.id}", max_chars=threads.MAX_BODY, height=80)
        with st.container(horizontal=True):
            if st.form_submit_button(_("Send"), key=f"coaching_send_{thread.id}"):
                threads.write(page.bench, page.actor, now=page.now, thread_id=thread.id, body=body)
                _again(thread)
            waits = ThreadState.AGENT if mine else ThreadState.LEADER
            if thread.state is waits and st.form_submit_button(_("I have read it"), key=f"coaching_read_{thread.id}"):
                threads.read(page.bench, page.actor, now=page.now, thread_id=thread.id)
                _again(thread)
            if not mine and st.form_submit_button(_("Close the thread"), key=f"coaching_close_{thread.id}"):
                threads.close(page.bench, page.actor, now=page.now, thread_id=thread.id)
                _again(thread)


def _again(thread: CoachingView) -> None:
    st.session_state.pop(f"coaching_body_{thread.id}", None)
    st.rerun()


def _forget() -> None:
    for key in ("coaching_note", "coaching_about", "coaching_agent"):
        st.session_state.pop(key, None)


def _said(page: Page, by: str, when: str, body: str) -> str:
    return (
        f'<div class="sc-text" style="padding:.3rem 0;border-bottom:1px solid var(--sc-line)">'
        f"<b>{html.escape(by)}</b> · {html.escape(when)}<br>{html.escape(body)}</div>"
    )


def _links(page: Page, thread: CoachingView) -> None:
    _ = page.t
    with st.container(horizontal=True):
        if thread.verdict_id is not None:
            own = {} if page.actor.agent_id == thread.agent_id else {"agent": thread.agent_id}
            nav.link(page, "agent.py", _("See the result"), span="all", verdict=str(thread.verdict_id), **own)
        if thread.case_id is not None:
            nav.link(page, "library.py", _("Read the case"), case=str(thread.case_id))


def _about(page: Page, thread: CoachingView, labels: Mapping[str, Label] | None = None) -> str:
    """The criterion, or the case, or the score. `labels` are those of the criteria, where they are at hand."""
    if thread.criterion_id:
        known = reports.criterion_labels(page.bench) if labels is None else labels
        label = known.get(thread.criterion_id)
        criterion = label.pick(page.t.language) if label else thread.criterion_id
        return f"{thread.case_title} · {criterion}" if thread.case_title else criterion
    return thread.case_title or page.t(WHOLE)


# what has changed


def _since(page: Page, found: FollowUp | None) -> None:
    """The reviews before and after the note, with their intervals, and a word only beyond chance."""
    _ = page.t
    st.markdown(f"**{_('What has changed since')}**")
    if found is None:
        st.caption(_("Its criterion is in no scorecard any more."))
        return
    digits = found.metric.digits
    what = _("Points it cost per conversation") if found.metric.lower_is_better else _("Score")
    rows = [
        (_("Twelve weeks before"), _figure(page, found.before, digits)),
        (_("Since then"), _figure(page, found.after, digits)),
        (_("Change"), _change(page, found.difference, digits)),
    ]
    cells = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in rows)
    st.html(
        f'<small class="sc-label">{html.escape(what)}</small><table class="sc-lines"><tbody>{cells}</tbody></table>'
    )
    unsure = _("Cannot tell.") if found.over else _("Cannot tell yet.")
    st.markdown(escape(_(_SAID[found.better]) if found.better is not None else unsure))
    st.caption(
        _("Reviews of twelve weeks before and after the note count, each at its weight; the day itself does not.")
    )
    _results(page, found)


def _results(page: Page, found: FollowUp) -> None:
    _ = page.t
    if found.results:
        st.dataframe(
            {
                _("Reviewed since"): [_.when(one.occurred_at) for one in found.results],
                _("Points"): [_.number(-one.value if found.metric.lower_is_better else one.value, found.metric.digits)
                              for one in found.results],
            },
            hide_index=True, width="stretch", key="coaching_since",
            height="content" if len(found.results) <= 6 else 250,
        )  # fmt: skip


def _figure(page: Page, one: Estimate, digits: int) -> str:
    return score_text(page.t, one.value, one.low, one.high, one.n, digits)


def _change(page: Page, one: Estimate, digits: int) -> str:
    _ = page.t
    if one.value is None or one.low is None or one.high is None:
        return "–"
    value, low, high = (_.change(x, digits) for x in (one.value, one.low, one.high))
    return f"{value} [{low}, {high}] n = {_.number(one.n)}"
