"""The step after an import: screen what is new against the red lines and open the case files, beside the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.kit import nav
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import show_error
from pages.kit.work import Work
from qa import predictors, screening
from qa.policy import Right
from qa.redlines import deciding
from qa.redlines.deciding import OpenedFiles
from qa.screening import Screened

WORK = "screening_work"


@dataclass(frozen=True)
class Done:
    """What one screening did to hits and to case files."""

    screened: Screened
    files: OpenedFiles


def draw(page: Page) -> None:
    """What waits to be screened, the button that does it, and what it found."""
    _ = page.t
    work: Work[Done] | None = st.session_state.get(WORK)
    if work is not None and work.running:
        _poll(page, work)
        return
    if work is not None and work.error is not None:
        show_error(page, work.error)
    if work is not None and work.answer is not None:
        _found(page, work.answer)
    waiting = screening.waiting(page.bench, page.actor)
    if not waiting.conversations and not waiting.rules:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="screening"):
        text = _("{n} conversations are not screened for red lines yet.", n=_.number(waiting.conversations))
        if waiting.rules and not waiting.conversations:
            text = _("Rules have changed since the last screening: {rules}.", rules=", ".join(waiting.rules))
        st.markdown(escape(text), width="content")
        if st.button(_("Screen now"), key="screen_now", type="primary"):
            st.session_state[WORK] = Work(_step(page)).start()
            st.rerun()


def _step(page: Page) -> Callable[[Callable[[float, str], None], Callable[[], bool]], Done]:
    bench, actor, now = page.bench, page.actor, page.now

    def run(progress: Callable[[float, str], None], cancel: Callable[[], bool]) -> Done:
        done = screening.screen(
            bench, actor, now=now, progress=progress, cancel=cancel, cluster=bench.config.cluster or None
        )
        predictors.score(bench, actor, now=now)
        return Done(done, deciding.open_suspected(bench, actor, now=now))

    return run


@st.fragment(run_every=0.7)
def _poll(page: Page, work: Work[Any]) -> None:
    _ = page.t
    if not work.running:
        st.rerun(scope="app")
    st.progress(min(work.share, 1.0), text=_("Screening … {share}", share=page.t.percent(work.share, 0)))
    if st.button(_("Stop"), key="screening_stop", help=_("What is finished is kept for the next time.")):
        work.cancel()


def _found(page: Page, done: Done) -> None:
    _ = page.t
    s, files = done.screened, done.files
    said = _(
        "Screened {messages} messages of {conversations} conversations: {hits} hits.",
        messages=_.number(s.messages),
        conversations=_.number(s.conversations),
        hits=_.number(s.hits),
    )
    st.success(
        escape(
            said
            + " "
            + _(
                "Case files: {opened} opened, {again} found again, {withdrawn} no longer found.",
                opened=files.opened,
                again=files.found_again,
                withdrawn=files.withdrawn,
            )
        )
    )
    with st.container(horizontal=True):
        nav.link(page, "redlines.py")
        if page.actor.may(Right.PLAN_DRAW):
            nav.link(page, "draws.py", _("Next: draw a sample"))
