"""Checking the rule in the editor and trying it on past chats: both run beside the page, in a process that can be
stopped, because what somebody writes into a pattern may take very long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import show_error
from pages.kit.work import Work
from qa.errors import Cancelled
from qa.i18n import N_
from qa.rules import checking
from qa.rules.checking import Checked
from qa.screening import trial
from qa.screening.trial import RuleTrial
from scoring.redline import Rule

CHECKING, COMPARING = "rules_checking", "rules_comparing"
AT_ONCE = 1.2
"""Seconds a page waits for a check: most are there by then, and nothing flickers."""


def checked(page: Page, rule: Rule) -> Checked | None:
    """What speaks against the rule; None while that is being found out, or when it was stopped, which is shown."""
    found = checking.known(rule)
    if found is not None:
        return found
    work: Work[Checked] = _work(CHECKING, rule, lambda _progress, cancel: checking.check(rule, cancel=cancel))
    work.wait(AT_ONCE)
    if work.running:
        _poll(page, work, N_("Checking patterns and examples …"), CHECKING)
        return None
    if work.error is not None:
        _ended(page, work, CHECKING, N_("Check again"))
    return work.answer


def compared(page: Page, rule: Rule) -> RuleTrial | None:
    """The rule on past chats: the button, how far it is, and what came of it for the rule as it now reads."""
    _, bench, actor = page.t, page.bench, page.actor
    kept: tuple[Rule, Work[RuleTrial]] | None = st.session_state.get(COMPARING)
    work = kept[1] if kept is not None and kept[0] == rule else None
    if (work is None or not work.running) and st.button(_("Try on past chats"), key="rules_compare", type="primary"):
        _forget(COMPARING)
        work = _work(
            COMPARING,
            rule,
            lambda progress, cancel: trial.compare(bench, actor, draft=rule, progress=progress, cancel=cancel),
        )
        work.wait(AT_ONCE)
    if work is None:
        return None
    if work.running:
        _poll(page, work, N_("Messages read: {share}"), COMPARING)
        return None
    if work.error is not None:
        _ended(page, work, COMPARING, N_("Got it"))
    return work.answer


def _work(key: str, rule: Rule, step: Callable[..., object]) -> Work[Any]:
    """The work on this rule, begun now unless it was before; work on another wording is stopped."""
    kept: tuple[Rule, Work[Any]] | None = st.session_state.get(key)
    if kept is None or kept[0] != rule:
        _forget(key)
        kept = st.session_state[key] = rule, Work(step).start()
    return kept[1]


def _forget(key: str) -> None:
    kept = st.session_state.pop(key, None)
    if kept is not None:
        kept[1].cancel()


def _ended(page: Page, work: Work[Any], key: str, button: str) -> None:
    _ = page.t
    with st.container(horizontal=True, vertical_alignment="center"):
        if isinstance(work.error, Cancelled):
            st.info(_("Stopped, as you asked."), icon=":material/info:")
        elif work.error is not None:
            show_error(page, work.error)
        st.button(_(button), key=f"{key}_again", type="tertiary", on_click=_forget, args=(key,))


@st.fragment(run_every=0.7)
def _poll(page: Page, work: Work[Any], said: str, key: str) -> None:
    _ = page.t
    if not work.running:
        st.rerun(scope="app")
    st.progress(min(work.share, 1.0), text=_(said, share=_.percent(work.share, 0)))
    st.button(_("Cancel"), key=f"{key}_cancel", on_click=work.cancel)
