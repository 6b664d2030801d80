"""Publishing a draw from the page: asked once more, done beside the page with its progress shown, and stoppable."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import show_error
from pages.kit.work import Work
from qa import draws
from qa.draws import PlanPreview, PlanView, PublishedDraw

WORK = "publishing"


def running(page: Page) -> bool:
    """Show the publication under way, or how it ended. True while nothing else should be shown."""
    work: Work[PublishedDraw] | None = st.session_state.get(WORK)
    if work is None:
        return False
    if work.running:
        _poll(page, work)
        return True
    st.session_state.pop(WORK)
    if work.answer is not None:
        st.query_params["draw"] = str(work.answer.draw_id)
        st.rerun()
    if work.error is not None:
        show_error(page, work.error)
    return False


def offer(page: Page, plan: PlanView, look: PlanPreview, *, tried: bool) -> None:
    """The button that publishes what is previewed, or why it cannot be pressed."""
    _ = page.t
    period = look.resolved.period
    today = page.t.local(page.now).date()
    if look.drawn is not None:
        st.caption(
            _(
                "This plan was already drawn for {first} – {last}; choose other days or another plan.",
                first=look.drawn[0],
                last=look.drawn[1],
            )
        )
    elif period.last > today:
        st.caption(_("Days to come cannot be drawn: what happens on them would never have a chance."))
    elif period.last == today:
        st.caption(_("Today is not over: conversations that arrive later today will never be drawn with this plan."))
    if tried:
        st.caption(_("You are trying another share than the plan's; change the plan to publish with it."))
    key = f"{plan.id}|{plan.seed_commitment}|{period.label}|{plan.design}"
    blocked = tried or look.drawn is not None or period.last > today
    with st.popover(_("Publish this draw"), disabled=blocked, icon=":material/gavel:"):
        st.write(
            _(
                "{reviews} samples of {first} – {last} are drawn, copied and given to the inspectors. The seed is"
                " opened on the receipt, and the same days cannot be drawn again with this plan.",
                reviews=_.number(look.figures.reviews),
                first=period.first,
                last=period.last,
            )
        )
        if st.button(_("Publish"), type="primary", key="publish_draw", on_click=_remember, args=(key,)):
            st.session_state[WORK] = Work(_publishing(page, plan, look)).start()
            st.rerun()


def _publishing(
    page: Page, plan: PlanView, look: PlanPreview
) -> Callable[[draws.Progress, Callable[[], bool]], PublishedDraw]:
    bench, actor, now, nonce = page.bench, page.actor, page.now, st.session_state["publish_nonce"][1]
    return lambda progress, cancel: draws.publish(
        bench,
        actor,
        now=now,
        plan_id=plan.id,
        period=look.resolved.period,
        nonce=nonce,
        next_seed=secrets.token_hex(32),
        archive_version=look.resolved.archive_version,
        progress=progress,
        cancel=cancel,
    )


@st.fragment(run_every=0.7)
def _poll(page: Page, work: Work[PublishedDraw]) -> None:
    _ = page.t
    if not work.running:
        st.rerun(scope="app")
    st.progress(min(work.share, 1.0), text=escape(_("Publishing … {share}", share=_.percent(work.share, 0))))
    if work.share < 0.9 and st.button(_("Cancel"), key="publish_cancel"):
        work.cancel()


def _remember(key: str) -> None:
    """One number per thing to publish: a second click repeats the same request instead of making another."""
    if st.session_state.get("publish_nonce", ("",))[0] != key:
        st.session_state["publish_nonce"] = (key, secrets.token_hex(16))
