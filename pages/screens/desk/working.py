"""The desk at work: shows the place in hand, or what waits, and passes what the browser sends to one service each.

Three components: the desk itself; a saver that is not seen and sends drafts in a fragment of its own, so that saving
never rebuilds the desk; and a probe outside every fragment, which the browser sends when it has reached the server
again: a server that was started anew knows no fragment until the whole page has run. Opening the page takes nothing;
taking, submitting and skipping do. Whatever the browser sends is untrusted and names the place and version it means;
the services decide. Session state holds nothing but what to say next.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from pages.kit import promises
from pages.kit.desk import case as telling
from pages.kit.desk.component import BACKGROUND, DESK, mount
from pages.kit.desk.texts import texts
from pages.kit.guard import Page, enter
from pages.screens.desk.scorecard import pace, work
from pages.screens.desk.script import convert
from qa.desk import inspecting, queue
from qa.desk.workspace import Workspace
from qa.disputes import case
from qa.errors import Conflict, Invalid, SpotcheckError
from qa.i18n import N_
from qa.policy import Right
from qa.promises import reading

DESK_KEY, SAVER_KEY, PROBE_KEY = "desk", "desk_saver", "desk_probe"
_SAY, _UNDO, _ANSWER, _PROBED = "desk_say", "desk_undo", "desk_answer", "desk_probed"
_PROMISES = "desk_promises"
_ADDRESS = "assignment"


@st.fragment
def show() -> None:
    """The desk. Guards itself, because a fragment runs again without its page."""
    page = enter(Right.INSPECT)
    data = {**_place(page), "me": page.actor.user_id, "say": st.session_state.get(_SAY), "undo": _undo_left(page)}
    mount(
        DESK,
        key=DESK_KEY,
        data=data,
        on_submit_change=_submit,
        on_undo_change=_take_back,
        on_skip_change=_skip,
        on_next_change=_next,
    )


def background() -> None:
    """What carries drafts and converted characters between browser and server, and the probe."""
    _saver()
    st.session_state.setdefault(_PROBED, secrets.token_hex(8))
    mount(BACKGROUND, key=PROBE_KEY, data={"probe": st.session_state[_PROBED]}, on_probe_change=_probe)


@st.fragment
def _saver() -> None:
    enter(Right.INSPECT)
    mount(
        BACKGROUND,
        key=SAVER_KEY,
        data={"answer": st.session_state.get(_ANSWER), "promises": st.session_state.get(_PROMISES)},
        on_save_change=_save,
        on_convert_change=_convert,
        on_tell_change=_tell,
        on_promises_change=_promised,
    )


# --- what to show -----------------------------------------------------------------------------------------------------


def _place(page: Page) -> Mapping[str, Any]:
    wanted = st.query_params.get(_ADDRESS)
    try:
        named = None if wanted is None else _number(wanted)
        space = None if named is None else _in_hand(page, named)
        if space is None:
            found = queue.look(page.bench, page.actor, now=page.now, assignment_id=named)
            if isinstance(found, queue.Empty):
                return _start(
                    page,
                    why=page.t(
                        queue.WHY_TEXT[found.why], count=found.count, free_at=page.t.when(found.free_at, "HH:mm")
                    ),
                )
            if isinstance(found, queue.Available):
                return _start(page, named=found.assignment_id)
            space = inspecting.workspace(page.bench, page.actor, now=page.now, assignment_id=found.assignment_id)
    except SpotcheckError as error:
        return _start(page, why=page.t.error(error))
    st.query_params[_ADDRESS] = str(space.assignment_id)
    return work(page.t, space, queue.progress(page.bench, page.actor, now=page.now))


def _in_hand(page: Page, assignment_id: int) -> Workspace | None:
    """What is named in the address, when it is mine already."""
    try:
        return inspecting.workspace(page.bench, page.actor, now=page.now, assignment_id=assignment_id)
    except Conflict:
        return None


def _start(page: Page, *, why: str = "", named: int | None = None) -> Mapping[str, Any]:
    """Nothing is in hand: what waits, or why nothing can be taken."""
    today = queue.progress(page.bench, page.actor, now=page.now)
    return {
        "mode": "start",
        "id": "start",
        "language": page.t.language,
        "texts": texts(page.t),
        "why": why,
        "named": named,
        "waiting": today.open + today.common > 0,
        "progress": pace(page.t, today),
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
        st.session_state[_UNDO] = {
            "inspection": done.inspection_id,
            "until": done.undo_until,
            "total": page.t.points(done.outcome.total),
        }
        _turn_to(queue.claim_next(page.bench, page.actor, now=page.now))

    _answering(DESK_KEY, "submit", act)


def _skip() -> None:
    def act(page: Page, sent: Mapping[str, Any]) -> None:
        queue.skip(
            page.bench,
            page.actor,
            now=page.now,
            assignment_id=int(sent["assignment"]),
            version=int(sent["version"]),
            reason=str(sent["reason"]),
        )
        st.session_state.pop(_UNDO, None)
        _turn_to(queue.claim_next(page.bench, page.actor, now=page.now))

    _answering(DESK_KEY, "skip", act)


def _take_back() -> None:
    def act(page: Page, sent: Mapping[str, Any]) -> None:
        st.session_state.pop(_UNDO, None)
        undone = inspecting.undo(page.bench, page.actor, now=page.now, inspection_id=int(sent["inspection"]))
        st.query_params[_ADDRESS] = str(undone.assignment_id)

    _answering(DESK_KEY, "undo", act)


def _next() -> None:
    def act(page: Page, sent: Mapping[str, Any]) -> None:
        if (named := sent.get("assignment")) is None:
            _turn_to(queue.claim_next(page.bench, page.actor, now=page.now))
        else:
            _turn_to(queue.open(page.bench, page.actor, now=page.now, assignment_id=int(named)))

    _answering(DESK_KEY, "next", act)


def _turn_to(found: queue.Claim | queue.Empty) -> None:
    """Put what was taken into the address, from which the desk is drawn."""
    if isinstance(found, queue.Claim):
        st.query_params[_ADDRESS] = str(found.assignment_id)
    else:
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
    sent = st.session_state[SAVER_KEY].get("save")
    if not isinstance(sent, Mapping):
        return
    answer: dict[str, Any] = {"kind": "save", "n": sent.get("n"), "assignment": sent.get("assignment")}

    def act(page: Page, sent: Mapping[str, Any]) -> None:
        saved = inspecting.save_draft(
            page.bench,
            page.actor,
            now=page.now,
            assignment_id=int(sent["assignment"]),
            version=int(sent["draft_version"]),
            content=dict(sent["content"]),
            settle=sent.get("settle") is True,
        )
        answer.update(version=saved.version, other=saved.other, held=saved.held, at=_clock(page, page.now))

    try:
        _understood(act, page, sent)
    except SpotcheckError as error:
        answer["error"] = page.t.error(error)
    st.session_state[_ANSWER] = answer


def _probe() -> None:
    st.session_state[_PROBED] = str(st.session_state[PROBE_KEY].get("probe"))[:64]


def _convert() -> None:
    enter(Right.INSPECT)
    sent = st.session_state[SAVER_KEY].get("convert")
    if isinstance(sent, Mapping) and isinstance(sent.get("texts"), list):
        st.session_state[_ANSWER] = {
            "kind": "convert",
            "n": sent.get("n"),
            "id": sent.get("id"),
            "to": sent.get("to"),
            "texts": convert(sent["texts"], str(sent.get("to"))),
        }


def _tell() -> None:
    """The whole case of the dispute in hand; only of what is in hand, and read anew at every asking."""
    page = enter(Right.INSPECT)
    sent = st.session_state[SAVER_KEY].get("tell")
    if not isinstance(sent, Mapping):
        return
    answer: dict[str, Any] = {"kind": "case", "n": sent.get("n")}

    def act(page: Page, sent: Mapping[str, Any]) -> None:
        held = inspecting.workspace(page.bench, page.actor, now=page.now, assignment_id=int(sent["assignment"]))
        found = case.read(page.bench, page.actor, held.unit_id, now=page.now)
        answer.update(
            header=telling.facts(page.t, found, page.now),
            items=telling.story(page.t, found, telling.promised(page, found, ruled=False)),
            pairs=telling.pairs(page.t, found),
        )

    try:
        _understood(act, page, sent)
    except SpotcheckError as error:
        answer["error"] = page.t.error(error)
    st.session_state[_ANSWER] = answer


def _promised() -> None:
    """What became of the promises made in the sample in hand: asked for when it is shown, so that it waits for
    nothing."""
    page = enter(Right.INSPECT)
    sent = st.session_state[SAVER_KEY].get("promises")
    if not isinstance(sent, Mapping):
        return
    answer: dict[str, Any] = {"kind": "promises", "id": sent.get("id"), "rows": []}

    def act(page: Page, sent: Mapping[str, Any]) -> None:
        held = inspecting.workspace(page.bench, page.actor, now=page.now, assignment_id=int(sent["assignment"]))
        key = held.transcript.conversation_key or held.unit_id
        made = reading.of_conversation(page.bench, key, page.now)
        told = promises.notes(page.t, made, promises.beside(held.transcript), ruled=False)
        answer["rows"] = [{"seq": seq, "promises": lines} for seq, lines in told.items()]

    with contextlib.suppress(SpotcheckError):  # they are a help; a sample that went on meanwhile needs none
        _understood(act, page, sent)
    st.session_state[_PROMISES] = answer


def _clock(page: Page, moment: datetime) -> str:
    return f"{page.t.local(moment):%H:%M}"
