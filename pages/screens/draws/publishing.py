"""Publishing a draw from the page: asked once more, done as a job with its progress shown, and stoppable."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import streamlit as st

from pages.kit import jobs as job_view
from pages.kit.dialogs import dialog, done, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from qa import draws, jobs
from qa.draws import PlanChoices, PlanPreview, PlanView, RubricChoice, with_versions
from qa.i18n import N_


def running(page: Page) -> bool:
    """Show the publication under way, or how it ended. True while nothing else should be shown."""
    if job_view.running(page, jobs.PUBLISHING, N_("Publishing … {share}"), key="publish", until=0.9):
        return True
    published = job_view.ended(page, jobs.PUBLISHING, key="publish")
    if published is not None:
        job_view.forget(page, jobs.PUBLISHING)
        st.query_params["draw"] = str(published.draw_id)
        st.rerun()
    return False


def offer(page: Page, plan: PlanView, look: PlanPreview, offered: PlanChoices, *, tried: bool) -> None:
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
    blocked = tried or look.drawn is not None or period.last > today
    opener(_("Publish this draw"), "publish", disabled=blocked, icon=":material/gavel:", type="primary")
    if not blocked:
        dialog("publish", _("Publish this draw"), lambda: ask(page, plan, look, offered.newer(plan)))


def ask(page: Page, plan: PlanView, look: PlanPreview, newer: Mapping[int, RubricChoice]) -> None:
    """Once more what happens, and by which rubric the samples are scored where a newer version is there."""
    _ = page.t
    period = look.resolved.period
    st.write(
        escape(
            _(
                "{reviews} samples of {first} – {last} are drawn, copied and given to the inspectors. The seed is"
                " opened on the receipt, and the same days cannot be drawn again with this plan.",
                reviews=_.number(look.figures.reviews),
                first=period.first,
                last=period.last,
            )
        )
    )
    wanted_versions: dict[int, int | None] = {}
    for old, choice in newer.items():
        names = {choice.id: choice.name, old: plan.rubric_names[old]}
        wanted_versions[old] = st.radio(
            _("The rubric has a newer version. Score these samples and the plan's next draws with"),
            list(names),
            None,
            key=f"publish_rubric_{old}",
            format_func=lambda number, names=names: escape(_.label(*names[number])),  # type: ignore[misc]
            captions=[_("published {when}", when=_.when(choice.published_at)), _("the plan's version until now")],
        )
    waits = None in wanted_versions.values()
    if waits:
        st.caption(_("Choose one, and the draw can be published."))
    key = f"{plan.id}|{plan.seed_commitment}|{period.label}|{plan.design}"
    versions = {old: new for old, new in wanted_versions.items() if new not in (None, old)}
    if st.button(_("Publish"), type="primary", key="publish_draw", disabled=waits, on_click=_remember, args=(key,)):
        with showing_errors(page):
            if versions:
                draws.edit_plan(
                    page.bench,
                    page.actor,
                    now=page.now,
                    plan_id=plan.id,
                    name=plan.name,
                    design=with_versions(plan.design, versions),
                    rubric_version_id=versions.get(plan.rubric_version_id),
                    seen=plan.design,
                )
            nonce = st.session_state["publish_nonce"][1]
            version = look.resolved.archive_version
            wanted = jobs.PublishDraw(plan.id, period.first, period.last, nonce, version)
            job_view.start(page, jobs.PUBLISHING, wanted, request=nonce)
            done()


def _remember(key: str) -> None:
    """One number per thing to publish: a second click repeats the same request instead of making another."""
    if st.session_state.get("publish_nonce", ("",))[0] != key:
        st.session_state["publish_nonce"] = (key, secrets.token_hex(16))
