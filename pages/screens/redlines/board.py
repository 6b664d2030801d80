"""The board: filters in the address, the list on the left, one case file on the right; bulk clearing, repeats,
changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import streamlit as st

from pages.kit.choices import number_in_address
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import empty, heading, show_error
from pages.screens.redlines import bulk, detail, side
from pages.screens.redlines.address import keep, restore
from pages.screens.redlines.words import CURSORS, FILE, MESSAGE, SEVERITIES, UNDO, count, rule_name
from qa.casefiles.lifecycle import OPEN_STATES, STATE_NAMES, FileState
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.policy import Right
from qa.redlines import board, odds
from qa.redlines.board import BoundedCount, Filter, Listing, added
from scoring.risk.odds import Learnt

PAGE = 50
AGES = (1, 3, 7, 14, 30, 90)
VIEWS = {
    "files": N_("Case files"),
    "changes": N_("Since yesterday"),
    "repeats": N_("Repeats"),
    "quality": N_("Rule quality"),
    "programme": N_("Deadlines and sanctions"),
}
ORDERS = {
    "likely": N_("Gravest and likeliest first"),
    "oldest": N_("Longest waiting first"),
    "newest": N_("Newest first"),
}
SHOWN_STATES = (
    FileState.SUSPECTED,
    FileState.CONFIRMED,
    FileState.UPHELD,
    FileState.APPEALED,
    FileState.ACKNOWLEDGED,
    FileState.CLEARED,
    FileState.DISMISSED,
    FileState.CLOSED,
    FileState.EXPUNGED,
    FileState.WITHDRAWN,
)


def draw(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Red lines"), _("Suspected and confirmed violations"))
    views = [view for view in VIEWS if view != "quality" or page.actor.may(Right.VIEW_VIOLATIONS)]
    view = st.segmented_control(
        _("View"), views, format_func=lambda v: _(VIEWS[v]), required=True, label_visibility="collapsed",
        key=restore("red_view", views, "files"),
    )  # fmt: skip
    keep(red_view="files")
    if view == "changes":
        side.changes(page)
    elif view == "repeats":
        side.repeats(page)
    elif view == "quality":
        side.quality(page)
    elif view == "programme":
        side.programme(page)
    else:
        _files(page)


def _files(page: Page) -> None:
    names = board.rule_names(page.bench, page.actor)
    wanted = _filters(page, names)
    after, newest = _cursor(wanted), st.session_state.get("red_order", "likely") == "newest"
    known = None
    if st.session_state.get("red_order", "likely") == "likely" and wanted.states == (FileState.SUSPECTED,):
        known = odds.learnt(page.bench, page.actor)
        found = odds.likely_first(page.bench, page.actor, wanted, known, now=page.now, after=after, limit=PAGE)
    else:
        found = board.listing(
            page.bench, page.actor, wanted, now=page.now, after=after, limit=PAGE, newest_first=newest
        )
    _say(page)
    if st.session_state.get(UNDO) is not None:
        detail.undo_bar(page)
    if not found.rows:
        _nothing(page, wanted, after)
        return
    left, right = st.columns([5, 7], gap="medium")
    with left:
        current = _list(
            page, found, names, hidden={"state": len(wanted.states) == 1, "rule": wanted.rule_id is not None}
        )
        _below_list(page, wanted, found, names, known)
    with right, st.container(key="red_detail"):
        if current is not None:
            detail.draw(page, current, [row.id for row in found.rows], names)


def _filters(page: Page, names: board.Names) -> Filter:
    _ = page.t
    choices = board.choices(page.bench, page.actor)
    columns = st.columns([3, 2, 2, 2, 2, 2], gap="small")
    rule_id = columns[0].selectbox(
        _("Rule"),
        choices.rule_ids,
        index=None,
        format_func=lambda r: rule_name(page, r, names),
        placeholder=_("All rules"),
        key=restore("red_rule", choices.rule_ids),
    )
    known = dict(choices.agents)
    agent_id = columns[1].selectbox(
        _("Agent"),
        [agent for agent, _name in choices.agents],
        index=None,
        format_func=lambda a: f"{known.get(a) or ''} {a}".strip(),
        placeholder=_("All agents"),
        key=restore("red_agent", list(known)),
    )
    team = columns[2].selectbox(
        _("Team"), choices.teams, index=None, placeholder=_("All teams"), key=restore("red_team", choices.teams)
    )
    severity = columns[3].selectbox(
        _("Severity"),
        list(SEVERITIES),
        index=None,
        format_func=lambda s: _(SEVERITIES[s]),
        placeholder=_("Any"),
        key=restore("red_severity", list(SEVERITIES)),
    )
    age = columns[4].selectbox(
        _("Open since"),
        AGES,
        index=None,
        format_func=lambda d: _("{n} days or longer", n=d),
        placeholder=_("Any"),
        key=restore("red_age", AGES),
    )
    columns[5].selectbox(
        _("Order"),
        list(ORDERS),
        format_func=lambda o: _(ORDERS[o]),
        help=_(
            "Severity × the odds that the hit is confirmed, learnt from decided files; other lists by waiting time."
        ),
        key=restore("red_order", list(ORDERS), "likely"),
    )
    base = Filter(rule_id=rule_id, agent_id=agent_id, team=team, severity=severity, older_than_days=age)
    return _with_state(page, base)


def _with_state(page: Page, base: Filter) -> Filter:
    _ = page.t
    counted = board.counts_by_state(page.bench, page.actor, base, now=page.now)
    late = board.overdue_by_state(page.bench, page.actor, base, now=page.now)
    options = ["open", "overdue", *(state.value for state in SHOWN_STATES), "all"]

    def show(option: str) -> str:
        if option == "all":
            return _("All")
        if option == "open":
            return f"{_('To do')} {count(page, added(counted[state] for state in OPEN_STATES))}"
        if option == "overdue":
            return f"{_('Overdue')} {count(page, added(late.values()))}"
        state = FileState(option)
        return f"{_(STATE_NAMES[state])} {count(page, counted[state])}"

    key = restore("red_state", options, "suspected")
    chosen = st.segmented_control(
        _("State"),
        _filled(options, counted, str(st.session_state[key])),
        format_func=show,
        required=True,
        key=key,
        label_visibility="collapsed",
    )
    keep(
        red_rule=None,
        red_agent=None,
        red_team=None,
        red_severity=None,
        red_age=None,
        red_order="likely",
        red_state="suspected",
    )
    if chosen == "overdue":
        waits = [f"{_(STATE_NAMES[state])} {count(page, n)}" for state, n in late.items() if n.n]
        st.caption(
            _("Longer in its state than the programme allows: {states}", states=" · ".join(waits))
            if waits
            else _("Nothing is overdue.")
        )
    states: tuple[FileState, ...] = ()
    if chosen == "open":
        states = OPEN_STATES
    elif chosen not in ("all", "overdue"):
        states = (FileState(str(chosen)),)
    return replace(base, states=states, overdue=chosen == "overdue")


def _filled(options: list[str], counted: Mapping[FileState, BoundedCount], chosen: str) -> list[str]:
    """States that hold something, and the one that is looked at; what people always look for stays."""
    always = {"open", "overdue", "all", FileState.SUSPECTED.value, FileState.CONFIRMED.value, chosen}
    return [option for option in options if option in always or counted[FileState(option)].n]


def _cursor(wanted: Filter) -> int | None:
    """The start of the present page; changing a filter starts over."""
    key = repr(wanted) + str(st.session_state.get("red_order"))
    kept = st.session_state.get(CURSORS)
    if not kept or kept[0] != key:
        if kept:  # another list: what was open belongs to the old one
            st.session_state[FILE] = None
        st.session_state[CURSORS] = (key, [None])
        return None
    found: int | None = kept[1][-1]
    return found


def _list(page: Page, found: Listing, names: board.Names, *, hidden: Mapping[str, bool]) -> int | None:
    _ = page.t
    ids = [row.id for row in found.rows]
    # the address names a file only when the page is opened; afterwards it follows what is shown
    asked = st.session_state[FILE] if FILE in st.session_state else number_in_address("file")
    if asked is not None and asked not in ids:
        current = asked  # a shared link may name a file outside this page of the list: show it all the same
    else:
        current = asked if asked in ids else ids[0]
    frame = pl.DataFrame(
        {
            "state": [_(STATE_NAMES[row.state]) for row in found.rows],
            "rule": [rule_name(page, row.rule_id, names) for row in found.rows],
            "excerpt": [row.excerpt for row in found.rows],
            "agent": [row.agent_name or row.agent_id for row in found.rows],
            "when": [_.when(row.occurred_at, "MM-dd") for row in found.rows],
            "due": [_due(page, row.due) for row in found.rows],
            "odds": [_.percent(row.odds.p) if row.odds else "" for row in found.rows],
        }
    )
    frame = frame.drop(name for name, same in hidden.items() if same)  # every row would say the same
    frame = frame.drop("due" if found.rows[0].odds else "odds")  # no room for both
    if "state" in frame.columns:
        frame = frame.drop("when")  # no room for both: what is due counts from the state
    titles = {
        "state": _("State"),
        "rule": _("Rule"),
        "excerpt": _("Said"),
        "agent": _("Agent"),
        "when": _("When"),
        "due": _("Due"),
        "odds": _("Odds"),
    }
    widths = {"state": 74, "rule": 168, "agent": 60, "when": 54, "due": 72, "odds": 62}
    widths["excerpt"] = 460 - sum(widths[name] for name in frame.columns if name != "excerpt")
    row_height = 34 if hidden["rule"] else 61  # tall rows wrap: names of rules are read in full
    marked = frame.insert_column(0, pl.Series("here", ["▸" if id_ == current else "" for id_ in ids]))
    clickable(
        marked,
        len(ids),
        "red_list",
        lambda row: _go(ids[row]),
        most=15 if hidden["rule"] else 8,
        row_height=row_height,
        column_config={
            "here": st.column_config.TextColumn("", width=30),
            **{name: st.column_config.TextColumn(titles[name], width=widths[name]) for name in widths},
        },
    )
    st.session_state[FILE] = current
    return current


def _go(violation_id: int) -> None:
    st.session_state[FILE] = violation_id


def _due(page: Page, due: datetime | None) -> str:
    if due is None:
        return ""
    left = due - page.now
    if left >= timedelta(0):
        return page.t("in {n} d", n=left.days) if left.days else page.t("in less than a day")
    return page.t("{n} d late", n=(-left).days) if (-left).days else page.t("just overdue")


def _below_list(page: Page, wanted: Filter, found: Listing, names: board.Names, known: Learnt | None) -> None:
    _ = page.t
    if known is not None:
        _about_odds(page, known)
    row = st.columns([2, 1, 1, 2], vertical_alignment="center")
    row[0].caption(_("{n} files", n=count(page, found.total)))
    kept = st.session_state[CURSORS][1]
    row[1].button(_("Back"), key="red_back", disabled=len(kept) < 2, on_click=_turn, args=(None,), width="stretch")
    row[2].button(
        _("More"), key="red_more", disabled=found.after is None, on_click=_turn, args=(found.after,), width="stretch"
    )
    with row[3]:
        if wanted.rule_id and page.actor.may(Right.RULE_HIT):
            if wanted.states == (FileState.SUSPECTED,):
                bulk.draw(page, wanted.rule_id, wanted.agent_id, names)
                if known is not None:
                    bulk.unlikely(page, wanted.rule_id, names, known)
            elif wanted.states == (FileState.CLEARED,):
                bulk.undo(page, wanted.rule_id)


def _about_odds(page: Page, known: Learnt) -> None:
    """What the odds rest on, and whether they can be believed."""
    _ = page.t
    if not known.n:
        st.caption(_("Nothing is decided yet: until then the order is by severity and waiting time."))
        return
    if not known.useful:
        said = N_("Odds of being confirmed: {n} decided files do not tell the waiting ones apart yet.")
    elif not known.calibrated:
        said = N_(
            "Odds of being confirmed, learnt from {n} decided files by rule and by what was said. In some bands they "
            "are off, see “Rule quality”."
        )
    else:
        said = N_("Odds of being confirmed, learnt from {n} decided files by rule and by what was said.")
    st.caption(_(said, n=_.number(known.n)))


def _turn(after: int | None) -> None:
    kept = st.session_state[CURSORS][1]
    if after is None:
        kept.pop()
    else:
        kept.append(after)
    st.session_state[FILE] = None


def _say(page: Page) -> None:
    """What the last action did, once."""
    message = st.session_state.pop(MESSAGE, None)
    if isinstance(message, SpotcheckError):
        show_error(page, message)
    elif message:
        st.toast(message)


def _nothing(page: Page, wanted: Filter, after: int | None) -> None:
    _ = page.t
    if wanted == Filter(states=(FileState.SUSPECTED,)):
        empty(
            _("No suspected violations"),
            _(
                "Import chats and run the screening (Import page, or “spotcheck screen”); what the rules find appears"
                " here."
            ),
        )
    elif after is not None:
        st.session_state.pop(CURSORS, None)
        st.rerun()
    else:
        empty(_("No case files with these filters"), _("Choose another state, or remove a filter."))
