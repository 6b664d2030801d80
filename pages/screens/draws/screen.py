"""The draws page: plans on the left, and for the chosen plan its preview, or for the chosen draw its receipt."""

from __future__ import annotations

import secrets

import streamlit as st

from pages.kit.choices import number_in_address, pick, tabs
from pages.kit.dialogs import dialog, done, kept, opener, turn_to
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import clickable
from pages.kit.widgets import confirm, empty, heading, showing_errors
from pages.screens.draws import planning, preview, receipt, risk
from qa import draws
from qa.disputes import responsible
from qa.draws import PlanChoices, PlanDesign, PlanView
from qa.draws.periods import MONTH
from qa.i18n import N_
from qa.policy import Right


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Draws"), _("Plans, draws and receipts"))
    chosen = number_in_address("draw")
    if chosen is not None:
        with showing_errors(page):
            receipt.show(page, chosen)
        return
    if page.actor.may(Right.PLAN_DRAW):
        views = {"plans": N_("Plans and draws"), "risk": N_("Risk model")}
        view = tabs(st.container(), _("View"), "view", views, _)
        if view == "risk":
            risk.show(page)
            return
    plans = draws.list_plans(page.bench, page.actor)
    published = draws.list_draws(page.bench, page.actor)
    if page.actor.may(Right.PLAN_DRAW):
        offered = draws.choices(page.bench, page.actor)
        left, right = st.columns([3, 8], gap="large")
        with left:
            plan = _plans(page, plans, offered)
        with right:
            if plan is not None:
                preview.show(page, plan, offered)
            else:
                empty(
                    _("No plan yet"),
                    _(
                        "Create a plan: how many chats of each agent, all disputes, who inspects. Its seed is committed"
                        " at once."
                    ),
                )
        st.divider()
    _published(page, published)


def _plans(page: Page, plans: list[PlanView], offered: PlanChoices) -> PlanView | None:
    _ = page.t
    st.header(_("Plans"))
    by_id = {plan.id: plan for plan in plans}
    chosen = None
    if plans:
        number = pick(
            st.container(),
            _("Plan"),
            "plan",
            [str(k) for k in by_id],
            lambda k: escape(by_id[int(k)].name),
            kind="radio",
            label_visibility="collapsed",
            captions=[_caption(page, plan) for plan in plans],
        )
        chosen = by_id[int(number)]
    opener(_("New plan"), "new_plan", icon=":material/add:")
    dialog("new_plan", _("New plan"), lambda: _new(page, offered), width="medium")
    if chosen is not None:
        opener(_("Change this plan"), "edit_plan", beside=chosen, icon=":material/edit:")
        dialog("edit_plan", _("Change this plan"), lambda: _edit(page, kept(), offered), width="medium")
        if confirm(
            page,
            _("Retire"),
            _("The plan disappears from this list; its draws and results stay."),
            key="archive_plan",
        ):
            with showing_errors(page):
                draws.archive_plan(page.bench, page.actor, now=page.now, plan_id=chosen.id)
                st.rerun()
        st.caption(
            _("Commitment to the seed of the next draw, public since {when}:", when=page.t.when(chosen.committed_at))
        )
        st.code(chosen.seed_commitment, language=None, wrap_lines=True)
    return chosen


def _caption(page: Page, plan: PlanView) -> str:
    """What a plan's line says beside its name; of one that draws disputes also for whom."""
    _ = page.t
    told = _("{count} draws · {rubric}", count=plan.draws, rubric=_.label(*plan.rubric_name))
    if not any(quota.source == "dispute" for quota in plan.design.quotas):
        return told
    return f"{told} · {_('disputes for: {who}', who=_(responsible.SHORT[plan.design.responsible]))}"


def _new(page: Page, offered: PlanChoices) -> None:
    _ = page.t
    made = planning.form(page, offered, "new", _("New plan"), PlanDesign(cadence=MONTH))
    if made is not None:
        with showing_errors(page):
            plan = draws.create_plan(
                page.bench,
                page.actor,
                now=page.now,
                name=made.name,
                design=made.design,
                seed=secrets.token_hex(32),
                rubric_version_id=made.rubric_version_id,
            )
            st.query_params["plan"] = str(plan.id)
            st.session_state.pop("pick_plan", None)
            done()


def _edit(page: Page, plan: PlanView, offered: PlanChoices) -> None:
    """`plan` is the plan as it was when the form was opened: what somebody else saves meanwhile is not overwritten."""
    made = planning.form(page, offered, f"edit{plan.id}", plan.name, plan.design, plan)
    if made is not None:
        with showing_errors(page):
            rubric = made.rubric_version_id if made.rubric_version_id != plan.rubric_version_id else None
            draws.edit_plan(
                page.bench,
                page.actor,
                now=page.now,
                plan_id=plan.id,
                name=made.name,
                design=made.design,
                rubric_version_id=rubric,
                seen=plan.design,
            )
            done()


def _published(page: Page, published: list[draws.DrawView]) -> None:
    _ = page.t
    st.header(_("Published draws"))
    if not published:
        empty(_("No draw yet"), _("A published draw appears here with its receipt."))
        return
    clickable(
        {
            _("Draw"): [f"#{d.id} {d.name}" for d in published],
            _("Period"): [f"{d.period_from} – {d.period_to}" for d in published],
            _("Frame"): [d.frame_size for d in published],
            _("Samples"): [d.samples - d.withdrawn for d in published],
            _("Scored"): [100 * d.finished / max(d.samples - d.withdrawn - d.left_out, 1) for d in published],
            _("Published"): [page.t.when(d.published_at) for d in published],
            _("Receipt"): [d.receipt_hash[:12] for d in published],
        },
        len(published),
        "draw_list",
        lambda row: turn_to("draw", published[row].id),
        column_config={_("Scored"): st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100)},
    )
