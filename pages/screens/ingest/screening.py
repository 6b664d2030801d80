"""The step after an import: screen what is new against the red lines and open the case files, as a job."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.kit import jobs as job_view
from pages.kit import nav
from pages.kit.escaping import escape
from pages.kit.guard import Page
from qa import jobs, screening
from qa.i18n import N_
from qa.jobs import ScreeningDone
from qa.policy import Right
from qa.screening.work import PROMISES


def draw(page: Page) -> None:
    """What waits to be screened, the button that does it, and what it found."""
    _ = page.t
    words, help = N_("Screening … {share}"), N_("What is finished is kept for the next time.")
    if job_view.running(page, jobs.SCREENING, words, key="screening", stop=N_("Stop"), help=help):
        return
    done = job_view.ended(page, jobs.SCREENING, key="screening")
    if done is not None:
        _found(page, done)
    waiting = screening.waiting(page.bench, page.actor)
    if not waiting.conversations and not waiting.rules:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="screening"):
        text = _("{n} conversations are not screened for red lines yet.", n=_.number(waiting.conversations))
        if waiting.rules and not waiting.conversations:
            text = _(
                "Rules have changed since the last screening: {rules}.", rules=", ".join(_named(page, waiting.rules))
            )
        st.markdown(escape(text), width="content")
        if st.button(_("Screen now"), key="screen_now", type="primary"):
            job_view.start(page, jobs.SCREENING, jobs.Screen())
            st.rerun()


def _found(page: Page, done: ScreeningDone) -> None:
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
        job_view.done_with(page, jobs.SCREENING, key="screening")


def _named(page: Page, rules: Sequence[str]) -> list[str]:
    """Rules by their ids, and what is screened for beside them by its name."""
    return [page.t("words of promises") if rule == PROMISES else rule for rule in rules]
