"""Agent by agent: how many reviews, how closely looked at, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import showing_errors
from pages.screens.draws.planning import INTENSITIES
from qa import draws
from qa.draws import Closeness, PlanChoices, PlanPreview, PlanView
from qa.draws.design import SOURCE_NAMES
from qa.i18n import N_, Translator

AUTOMATIC = "automatic"


def agents_table(page: Page, plan: PlanView, look: PlanPreview, offered: PlanChoices) -> None:
    _ = page.t
    people = {one.agent_id: one for one in look.resolved.closeness}
    special = Counter(one.level for one in people.values() if one.level != "normal")
    if special:
        st.caption(
            _(
                "More or fewer reviews than normal: {list}.",
                list=_(", ").join(f"{_(INTENSITIES[level])} {n}" for level, n in sorted(special.items())),
            )
        )
    with st.expander(_("Agent by agent: reviews, intensity and its reason")):
        table = look.figures.agents
        event = st.dataframe(
            {
                _("Source"): [_(SOURCE_NAMES[s]) for s in table["source"]],
                _("Agent"): [_named(a, offered) for a in table["agent_id"]],
                _("Intensity"): [_(INTENSITIES[x]) for x in table["intensity"]],
                _("Because"): [reason(_, people.get(a)) for a in table["agent_id"]],
                _("Frame"): table["frame"],
                _("Certain"): table["pool"],
                _("Random"): table["base"],
                _("Violations to expect"): table["expected_found"].round(2),
                _("Interval ±"): (table["width"] / 2).round(1),
            },
            hide_index=True,
            width="stretch",
            key="preview_agents",
            height=360,
            on_select="rerun",
            selection_mode="multi-row",
        )
        chosen = list(dict.fromkeys(table["agent_id"][row] for row in event["selection"]["rows"]))
        if not chosen:
            st.caption(_("Select agents to set their intensity by hand."))
            return
        with st.form("closeness_form", border=False):
            levels = {AUTOMATIC: N_("as past results suggest"), **INTENSITIES}
            level = st.selectbox(
                escape(_("Intensity of {list}", list=_(", ").join(_named(a, offered) for a in chosen))),
                list(levels),
                format_func=lambda x: _(levels[x]),
                key="closeness_level",
            )
            if st.form_submit_button(_("Save")):
                kept = tuple(pair for pair in plan.design.intensity if pair[0] not in chosen)
                named = () if level == AUTOMATIC else tuple((agent, str(level)) for agent in chosen)
                with showing_errors(page):
                    design = replace(plan.design, intensity=tuple(sorted(kept + named)))
                    draws.edit_plan(
                        page.bench, page.actor, now=page.now, plan_id=plan.id, name=plan.name, design=design
                    )
                    st.rerun()


def _named(agent: str, offered: PlanChoices) -> str:
    name = offered.agents.get(agent, "")
    return f"{name} ({agent})" if name and name != agent else agent


def reason(_: Translator, one: Closeness | None) -> str:
    """Why an agent is looked at as closely as they are."""
    if one is None:
        return ""
    said = {
        "tenure": lambda: _("{weeks} weeks in the job", weeks=_.number(one.weeks or 0.0, 1)),
        "plan": lambda: _("newcomer: all chats until the last gate"),
        "below": lambda: _(
            "below the team's mean in the last quarter: {value} against {team}, {n} reviews",
            value=_.number(one.value or 0.0, 1),
            team=_.number(one.team or 0.0, 1),
            n=one.reviews or 0,
        ),
        "clean": lambda: _("{months} reviewed months in a row without a red line", months=one.months or 0),
    }.get(one.why, lambda: "")()
    if not one.by_hand:
        return said
    return (
        _("by hand; proposed: {level}, {reason}", level=_(INTENSITIES[one.proposed]), reason=said)
        if said
        else _("by hand")
    )
