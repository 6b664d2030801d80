"""The page: filters on top, the list below, and beside it the conversation that was clicked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from pages.kit import jobs as work
from pages.kit import nav
from pages.kit.choices import number_in_address
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import download, empty, heading, showing_errors
from pages.screens.conversations import filters, reader
from pages.screens.conversations.filters import Names
from qa import jobs
from qa.conversations import finding
from qa.conversations.finding import SIZE, FoundConversation, FoundPage
from qa.conversations.index import IndexState
from qa.conversations.listing import Wanted
from qa.i18n import C_, N_
from qa.policy import Right
from qa.reports.exporting import FORMATS, ExportFile

WIDE: dict[str, int] = {
    N_("When"): 130, N_("Agent"): 110, C_("search", "Found"): 290, N_("First line"): 290, N_("Customer"): 105,
    N_("Order number"): 160, N_("Messages"): 75, N_("Red lines"): 95, N_("Rating"): 70,
}  # fmt: skip
"""Widths of columns in pixels: all of them fit into a window of 1,280; what is left over goes to the last one."""
NARROW: dict[str, int] = {N_("When"): 100, N_("Agent"): 90, C_("search", "Found"): 260, N_("First line"): 260}
LAST, SEEN = "found_last", "found_seen"
"""The search of the run before, and the one that is on record."""
STYLE = """<style>
@media (max-width:640px){.st-key-found_both [data-testid="stHorizontalBlock"]:has(.st-key-found_reader){
flex-direction:column-reverse}}
</style>"""


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Conversations"), _("Search and read the whole archive"))
    st.html(STYLE)
    with showing_errors(page):
        known = filters.names(page)
        wanted = filters.choose(page, known)
        if st.session_state.get(LAST, wanted) != wanted:
            _first_page()
        st.session_state[LAST] = wanted
        number = max(number_in_address("page") or 1, 1)
        seen = st.session_state.get(SEEN)
        found = finding.find(page.bench, page.actor, wanted, now=page.now, page=number, seen=seen)
        st.session_state[SEEN] = wanted
        _index(page, found)
        _both(page, wanted, found, number, known)


def _both(page: Page, wanted: Wanted, found: FoundPage, number: int, known: Names) -> None:
    opened = st.query_params.get("open", "")
    if not found.rows and not opened:
        _nothing(page, wanted, found)
        return
    if not opened:
        _list(page, wanted, found, number, known, wide=True)
        return
    with st.container(key="found_both"):
        left, right = st.columns([5, 7], gap="medium")
        with left:
            _list(page, wanted, found, number, known, wide=False)
        with right, st.container(key="found_reader"):
            reader.draw(page, opened, found, known)


def _nothing(page: Page, wanted: Wanted, found: FoundPage) -> None:
    _ = page.t
    if found.index is IndexState.EMPTY:
        empty(_("The archive is empty"), _("Import chats; every one of them can be found here then."))
        nav.link(page, "ingest.py")
    elif number_in_address("page"):
        _first_page()
        st.rerun()
    else:
        empty(_("No conversation matches"), _("Try a shorter word, or remove a filter."))


def _index(page: Page, found: FoundPage) -> None:
    """What is to be said about the index: nothing when it is there."""
    _ = page.t
    if found.by_index or found.index is IndexState.EMPTY:
        return
    if work.running(page, jobs.INDEXING, _("Building the search index: {share}"), key="found_index"):
        return
    work.ended(page, jobs.INDEXING, key="found_index")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            _(
                "The search index is not up to date. Until it is, every search reads the whole archive: slower, same "
                "answer."
            )
        )
        st.button(
            _("Build it now"), key="found_build", type="tertiary", on_click=work.start,
            args=(page, jobs.INDEXING, jobs.IndexMessages()),
        )  # fmt: skip


def _list(page: Page, wanted: Wanted, found: FoundPage, number: int, known: Names, *, wide: bool) -> None:
    _ = page.t
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(_("{n} conversations", n=_.number(found.total)))
        if page.actor.may(Right.EXPORT) and found.total:
            _export(page, wanted, found)
    widths = {_(name): width for name, width in (WIDE if wide else NARROW).items()}
    clickable(
        _table(page, found, known, wide=wide),
        len(found.rows),
        "found_list",
        lambda row: _open(found.rows[row]),
        most=SIZE if wide else 17,
        column_config={name: st.column_config.TextColumn(width=width) for name, width in widths.items()},
    )
    if found.total > SIZE:
        pages = -(-found.total // SIZE)
        st.pagination(pages, default=min(number, pages), key="found_pages", on_change=_turn)


def _table(page: Page, found: FoundPage, known: Names, *, wide: bool) -> dict[str, list[str]]:
    _, rows = page.t, found.rows
    table = {_("When"): [_.when(row.started_at, "yyyy-MM-dd HH:mm" if wide else "MM-dd HH:mm") for row in rows]}
    table[_("Agent")] = [row.agent_name for row in rows]
    if found.words:
        table[_(C_("search", "Found"))] = [_marked(row) for row in rows]
    else:
        table[_("First line")] = [row.first_line for row in rows]
    if wide:
        table[_("Customer")] = [row.customer for row in rows]
        table[_("Order number")] = [row.order for row in rows]
        table[_("Messages")] = [_.number(row.messages) for row in rows]
    table[_("Red lines")] = [", ".join(row.rules) for row in rows]
    if wide:
        table[_("Rating")] = ["" if row.rating is None else f"{row.rating} / 5" for row in rows]
        table[_("Inspection")] = [_place(page, row) for row in rows]
    return table


def _marked(row: FoundConversation) -> str:
    one = row.snippet
    return "" if one is None else f"{one.text[: one.start]}【{one.text[one.start : one.end]}】{one.text[one.end :]}"


def _place(page: Page, row: FoundConversation) -> str:
    _ = page.t
    if row.sample_id is None:
        return ""
    what = _("named pick") if row.named else _("drawn")
    state = _.points(row.score) if row.score is not None else _("inspected by you") if row.own else ""
    return f"{what} · {state}" if state else what


def _open(row: FoundConversation) -> None:
    st.query_params["open"] = row.handle


def _first_page() -> None:
    for name in ("page", "open"):
        st.query_params.pop(name, None)


def _turn() -> None:
    st.query_params["page"] = str(st.session_state["found_pages"])
    st.query_params.pop("open", None)


def _export(page: Page, wanted: Wanted, found: FoundPage) -> None:
    _ = page.t
    titles = {
        "conversation": _("Conversation"), "started_at": _("When"), "agent_id": _("Agent id"), "agent": _("Agent"),
        "customer": _("Customer"), "order": _("Order number"), "shop": _("Shop"), "channel": _("Channel"),
        "messages": _("Messages"), "rating": _("Rating"), "longest_wait_s": _("Longest wait (s)"),
        "rules": _("Red lines"), "first_line": _("First line"),
    }  # fmt: skip
    with st.popover(_("Export"), key="found_export", icon=":material/download:"):
        if found.total > finding.MOST_EXPORTED:
            st.caption(
                _(
                    "{n} conversations are too many for one file; {limit} are allowed. Narrow the search.",
                    n=found.total,
                    limit=finding.MOST_EXPORTED,
                )
            )
            return
        st.caption(_("Names, numbers and addresses of customers are hidden in files."))
        for form in ("xlsx", "csv"):
            made = partial(finding.export, page.bench, page.actor, wanted, now=page.now, form=form, labels=titles)
            download(
                form.upper(), partial(_content, made), f"spotcheck-conversations.{form}", FORMATS[form],
                key=f"found_{form}",
            )  # fmt: skip


def _content(made: Callable[[], ExportFile]) -> bytes:
    return made().content
