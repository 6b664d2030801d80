"""The form of a plan, and the words for what plans are made of."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pages.kit.guard import Page
from qa.draws import Choices, PlanDesign, SourceQuota
from qa.i18n import N_

INTENSITIES = {
    "newcomer": N_("newcomer"), "tightened": N_("tightened"), "normal": N_("normal"), "reduced": N_("reduced"), "all": N_("everything"),
}
SOURCES = {"chat": N_("Chats"), "dispute": N_("Disputes"), "rating": N_("Low ratings")}


def form(page: Page, offered: Choices, key: str, name: str, design: PlanDesign) -> tuple[str, PlanDesign] | None:
    """The form of a plan; returns name and design in the run in which it was sent."""
    _ = page.t
    quotas = {q.source: q.per_agent for q in design.quotas}
    with st.form(f"plan_{key}", border=False):
        title = st.text_input(_("Plan name"), name, max_chars=200, key=f"{key}_name")
        chats = st.number_input(_("Chats per agent"), 0.0, 500.0, float(quotas.get("chat") or 0), 1.0, key=f"{key}_chats", format="%.0f")
        disputes = st.selectbox(
            _("Disputes"), ["all", "none", "some"], {"all": 0, "none": 1, "some": 2}[_how(quotas, "dispute")], key=f"{key}_disputes",
            format_func={"all": _("take all"), "none": _("leave out"), "some": _("two per agent")}.__getitem__,
        )
        ratings = st.selectbox(
            _("Low ratings"), ["none", "some", "all"], {"none": 0, "some": 1, "all": 2}[_how(quotas, "rating")], key=f"{key}_ratings",
            format_func={"all": _("take all"), "none": _("leave out"), "some": _("two per agent")}.__getitem__,
        )
        teams = st.multiselect(_("Teams"), offered.teams, [x for x in design.teams if x in offered.teams], key=f"{key}_teams", placeholder=_("All"))
        shops = st.multiselect(_("Shops"), offered.shops, [x for x in design.shops if x in offered.shops], key=f"{key}_shops", placeholder=_("All"))
        double = st.slider(_("Scored twice, blind"), 0, 50, round(design.double_share * 100), 5, format="%d%%", key=f"{key}_double")
        automatic = st.checkbox(_("Share for the riskiest chats: automatic"), design.pool_share is None, key=f"{key}_auto")
        share = st.slider(_("… or fixed"), 0, 40, round((design.pool_share or 0) * 100), 5, format="%d%%", key=f"{key}_share")
        names = dict(offered.inspectors)
        people = st.multiselect(
            _("Inspectors"), list(names), [x for x in design.inspectors if x in names], key=f"{key}_people", format_func=names.__getitem__,
            placeholder=_("Everybody"),
        )
        adapt = st.checkbox(_("Look closer at newcomers and agents below the team, less at agents long without a red line"), design.adapt, key=f"{key}_adapt")
        if not st.form_submit_button(_("Save"), type="primary"):
            return None
    wanted = [SourceQuota("chat", chats)] if chats else []
    for source, choice in (("dispute", disputes), ("rating", ratings)):
        if choice != "none":
            wanted.append(SourceQuota(source, None if choice == "all" else 2.0))
    return title, replace(
        design, quotas=tuple(wanted), teams=tuple(teams), shops=tuple(shops), double_share=double / 100,
        pool_share=None if automatic else share / 100, inspectors=tuple(people), adapt=adapt,
    )


def _how(quotas: dict[str, float | None], source: str) -> str:
    if source not in quotas:
        return "none"
    return "all" if quotas[source] is None else "some"
