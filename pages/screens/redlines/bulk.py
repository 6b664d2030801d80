"""Clearing many false alarms of one rule with one reason: what it would clear, to read first, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from pages.kit.dialogs import close_dialog, dialog, opener
from pages.kit.guard import Page
from pages.kit.widgets import plain_text, show_error
from pages.screens.redlines.words import FILE, MESSAGE, rule_name
from qa.errors import SpotcheckError
from qa.redlines import board, bulk, odds
from qa.redlines.bulk import BULK_LIMIT
from scoring.risk.odds import Learnt

BULK, UNLIKELY = "red_bulk", "red_unlikely"


def draw(page: Page, rule_id: str, agent_id: str | None, names: board.Names) -> None:
    """The button and the dialog it opens; counted only while that is open."""
    _ = page.t
    opener(_("Clear all …"), BULK, width="stretch")
    dialog(BULK, _("Clear all …"), lambda: _ask(page, rule_id, agent_id, names), width="medium")


def _ask(page: Page, rule_id: str, agent_id: str | None, names: board.Names) -> None:
    """What would be cleared, to read first, and the one reason for all."""
    _ = page.t
    phrases = dict(board.phrases(page.bench, page.actor, rule_id, agent_id))
    said = st.selectbox(
        _("Only where this was said"), list(phrases), index=None, key="red_bulk_phrase", placeholder=_("Anything"),
        format_func=lambda p: f"{p} ({phrases.get(p, 0)})",
    )  # fmt: skip
    found = bulk.bulk_preview(page.bench, page.actor, rule_id=rule_id, agent_id=agent_id, phrase=said)
    st.write(
        _(
            "This clears {n} suspected files of {rule} as false alarms.",
            n=_.number(found.n),
            rule=rule_name(page, rule_id, names),
        )
    )
    if found.n:
        plain_text("\n".join(f"{agent}　{text}" for _id, agent, text in found.examples))
    if found.n > BULK_LIMIT:
        st.caption(_("At most {limit} at once: narrow it by what was said or by agent.", limit=_.number(BULK_LIMIT)))
    st.text_input(_("One reason for all of them"), key="red_bulk_reason")
    st.button(
        _("Clear {n} files", n=_.number(found.n)),
        key="red_bulk_go",
        type="primary",
        disabled=not 0 < found.n <= BULK_LIMIT,
        on_click=_clear,
        args=(page, rule_id, "red_bulk_reason", found.n),
        kwargs={"agent_id": agent_id, "phrase": said},
    )
    _told(page)


def _told(page: Page) -> None:
    """Why a clearing was refused, in the dialog where it was asked for."""
    if isinstance(error := st.session_state.get(MESSAGE), SpotcheckError):
        st.session_state.pop(MESSAGE)
        show_error(page, error)


def unlikely(page: Page, rule_id: str, names: board.Names, known: Learnt) -> None:
    """The files of the rule that the odds call false alarms, every line to read, and the button that clears them."""
    _ = page.t
    found = odds.unlikely(page.bench, page.actor, known, rule_id=rule_id)
    if not found.files:
        return
    files = found.files[:BULK_LIMIT]
    opener(_("Clear {n} unlikely …", n=_.number(len(files))), UNLIKELY, width="stretch")
    title = _("Clear {n} unlikely …", n=_.number(len(files)))
    dialog(UNLIKELY, title, lambda: _unlikely(page, rule_id, names, known, files), width="medium")


def _unlikely(page: Page, rule_id: str, names: board.Names, known: Learnt, files: Sequence[odds.Suspect]) -> None:
    _ = page.t
    st.write(
        _(
            "Waiting files of {rule} that are confirmed with odds below {share} each: {n}, as far as {decided} decided"
            " files tell. Read them first; clearing can be taken back.",
            n=_.number(len(files)),
            rule=rule_name(page, rule_id, names),
            share=_.percent(odds.UNLIKELY),
            decided=_.number(known.n),
        )
    )
    with st.container(height=260):
        plain_text("\n".join(_line(page, one) for one in files))
    st.text_input(_("One reason for all of them"), key="red_unlikely_reason")
    st.button(
        _("Clear {n} files", n=_.number(len(files))), key="red_unlikely_go", type="primary",
        on_click=_clear, args=(page, rule_id, "red_unlikely_reason", len(files)),
        kwargs={"only": frozenset(one.id for one in files)},
    )  # fmt: skip
    _told(page)


def _line(page: Page, one: odds.Suspect) -> str:
    alike = page.t(
        "{p}; alike: {k} of {n} confirmed", p=page.t.percent(one.odds.p, 1), k=one.odds.confirmed, n=one.odds.alike
    )
    return f"{one.agent_id}　{one.said}　{alike}"


def undo(page: Page, rule_id: str) -> None:
    """Beside the cleared files of a rule: take back one's own last clearing."""
    _ = page.t
    last = bulk.last_bulk(page.bench, page.actor, rule_id=rule_id)
    if last is not None and last.at is not None:
        st.button(
            _("Take {n} back", n=_.number(last.n)),
            key="red_bulk_undo",
            on_click=_take_back,
            args=(page, rule_id, last.at),
            width="stretch",
            help=_("You cleared {n} files of this rule at {when}.", n=_.number(last.n), when=_.when(last.at)),
        )


def _clear(
    page: Page,
    rule_id: str,
    reason: str,
    expected: int,
    *,
    agent_id: str | None = None,
    phrase: str | None = None,
    only: frozenset[int] | None = None,
) -> None:
    """Clear files of the rule for the reason in the field with the key `reason`."""
    try:
        n = bulk.clear_rule(
            page.bench,
            page.actor,
            now=datetime.now(UTC),
            rule_id=rule_id,
            reason=str(st.session_state.get(reason) or ""),
            expected=expected,
            agent_id=agent_id,
            phrase=phrase,
            only=only,
        )
        st.session_state[MESSAGE] = page.t("{n} files are cleared.", n=page.t.number(n))
        st.session_state[FILE], st.session_state["red_bulk_phrase"] = None, None
        close_dialog()
    except SpotcheckError as error:
        st.session_state[MESSAGE] = error


def _take_back(page: Page, rule_id: str, cleared_at: datetime) -> None:
    try:
        n = bulk.take_back_bulk(page.bench, page.actor, now=datetime.now(UTC), rule_id=rule_id, cleared_at=cleared_at)
        st.session_state[MESSAGE] = page.t("{n} files are suspected again.", n=page.t.number(n))
        st.session_state[FILE] = None
    except SpotcheckError as error:
        st.session_state[MESSAGE] = error
