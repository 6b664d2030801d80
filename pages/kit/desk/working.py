"""The desk at work: takes the next place, shows it, and passes what the browser sends to one service each.

Two components: the desk itself, and beside it a courier without a face that carries drafts in a fragment of its own,
so that saving never rebuilds the desk. Whatever the browser sends is untrusted and names the place and version it
means; the services decide. Session state holds nothing but what to say next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from pages.kit.desk.component import COURIER, DESK, mount
from pages.kit.desk.scorecard import pace, work
from pages.kit.desk.script import convert
from pages.kit.desk.texts import texts
from pages.kit.guard import Page, enter
from qa import inspecting, queue
from qa.errors import Invalid, SpotcheckError
from qa.i18n import N_
from qa.policy import Right

DESK_KEY, COURIER_KEY = "desk", "desk_courier"
_SAY, _UNDO, _ANSWER = "desk_say", "desk_undo", "desk_answer"
_ADDRESS = "assignment"


@st.fragment
def show() -> None:
    """The desk. Guards itself, because a fragment runs again without its page."""
    page = enter(Right.INSPECT)
    data = {**_place(page), "say": st.session_state.get(_SAY), "undo": _undo_left(page)}
    mount(DESK, key=DESK_KEY, data=data, on_submit_change=_submit, on_undo_change=_take_back, on_skip_change=_skip, on_next_change=_next)


@st.fragment
def courier() -> None:
    """What carries drafts and converted characters between browser and server."""
    enter(Right.INSPECT)
    mount(COURIER, key=COURIER_KEY, data={"answer": st.session_state.get(_ANSWER)}, on_save_change=_save, on_convert_change=_convert)


# --- what to show -----------------------------------------------------------------------------------------------------


def _place(page: Page) -> Mapping[str, Any]:
    wanted = st.query_params.get(_ADDRESS)
    try:
        if wanted is None:
            found = queue.claim_next(page.bench, page.actor, now=page.now)
            if isinstance(found, queue.Empty):
                return _nothing(page, queue.WHY_TEXT[found.why], count=found.count, free_at=page.t.when(found.free_at, "HH:mm"))
        else:
            found = queue.open(page.bench, page.actor, now=page.now, assignment_id=_number(wanted))
        space = inspecting.workspace(page.bench, page.actor, now=page.now, assignment_id=found.assignment_id)
    except SpotcheckError as error:
        return _nothing(page, error.msgid, **error.facts)
    st.query_params[_ADDRESS] = str(space.assignment_id)
    return work(page.t, space, queue.progress(page.bench, page.actor, now=page.now))


def _nothing(page: Page, why: str, **facts: object) -> Mapping[str, Any]:
    """Nothing to inspect here, and why."""
    return {
        "mode": "empty",
        "id": "empty",
        "language": page.t.language,
        "texts": texts(page.t),
        "why": page.t(why, **facts),
        "elsewhere": _ADDRESS in st.query_params,
        "progress": pace(page.t, queue.progress(page.bench, page.actor, now=page.now)),
    }


def _undo_left(page: Page) -> Mapping[str, Any] | None:
    last = st.session_state.get(_UNDO)
    if last is None:
        return None
    left = (last["until"] - page.now) / timedelta(milliseconds=1)
    return {"inspection": last["inspection"], "total": last["total"], "left": round(left)} if left > 0 else None


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Invalid(N_("The address does not name a sample: {text}"), text=text[:40])
    return int(text)


# --- what the browser sends -------------------------------------------------------------------------------------------


def _submit() -> None:
    def act(page: Page, sent: Mapping[str, Any]) -> None:
        done = inspecting.submit(
            page.bench, page.actor, now=page.now, assignment_id=int(sent["assignment"]), version=int(sent["version"]),
            nonce=str(sent["nonce"]), sheet=sent["sheet"], active_seconds=int(sent["active_seconds"]),
        )  # fmt: skip
        st.session_state[_UNDO] = {"inspection": done.inspection_id, "until": done.undo_until, "total": page.t.points(done.outcome.total)}
        st.query_params.pop(_ADDRESS, None)

    _answering(DESK_KEY, "submit", act)


def _skip() -> None:
    def act(page: Page, sent: Mapping[str, Any]) -> None:
        queue.skip(
            page.bench, page.actor, now=page.now, assignment_id=int(sent["assignment"]), version=int(sent["version"]), reason=str(sent["reason"])
        )
        st.session_state.pop(_UNDO, None)
        st.query_params.pop(_ADDRESS, None)

    _answering(DESK_KEY, "skip", act)


def _take_back() -> None:
    def act(page: Page, sent: Mapping[str, Any]) -> None:
        st.session_state.pop(_UNDO, None)
        undone = inspecting.undo(page.bench, page.actor, now=page.now, inspection_id=int(sent["inspection"]))
        st.query_params[_ADDRESS] = str(undone.assignment_id)

    _answering(DESK_KEY, "undo", act)


def _next() -> None:
    st.query_params.pop(_ADDRESS, None)


def _answering(key: str, event: str, act: Callable[[Page, Mapping[str, Any]], None]) -> None:
    """Run `act` on what the browser sent; a refusal becomes a sentence on the desk."""
    page = enter(Right.INSPECT)
    sent = st.session_state[key].get(event)
    if not isinstance(sent, Mapping):
        return
    try:
        _understood(act, page, sent)
        text = ""
    except SpotcheckError as error:
        text = page.t.error(error)
    st.session_state[_SAY] = {"to": str(sent.get("nonce", "")), "text": text}


def _understood(act: Callable[[Page, Mapping[str, Any]], None], page: Page, sent: Mapping[str, Any]) -> None:
    try:
        act(page, sent)
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        raise Invalid(N_("The desk sent something the server does not understand. Reload the page.")) from problem


def _save() -> None:
    page = enter(Right.INSPECT)
    sent = st.session_state[COURIER_KEY].get("save")
    if not isinstance(sent, Mapping):
        return
    answer: dict[str, Any] = {"kind": "save", "n": sent.get("n"), "assignment": sent.get("assignment")}

    def act(page: Page, sent: Mapping[str, Any]) -> None:
        saved = inspecting.save_draft(
            page.bench, page.actor, now=page.now, assignment_id=int(sent["assignment"]), version=int(sent["draft_version"]),
            content=dict(sent["content"]), settle=sent.get("settle") is True,
        )  # fmt: skip
        answer.update(version=saved.version, other=saved.other, held=saved.held, at=_clock(page, page.now))

    try:
        _understood(act, page, sent)
    except SpotcheckError as error:
        answer["error"] = page.t.error(error)
    st.session_state[_ANSWER] = answer


def _convert() -> None:
    enter(Right.INSPECT)
    sent = st.session_state[COURIER_KEY].get("convert")
    if isinstance(sent, Mapping) and isinstance(sent.get("texts"), list):
        st.session_state[_ANSWER] = {
            "kind": "convert", "n": sent.get("n"), "id": sent.get("id"), "to": sent.get("to"), "texts": convert(sent["texts"], str(sent.get("to"))),
        }  # fmt: skip


def _clock(page: Page, moment: datetime) -> str:
    return f"{page.t.local(moment):%H:%M}"
