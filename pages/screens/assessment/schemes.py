"""Schemes: what each role is judged by, edited as text, with what the change would have done to the last sheet."""

from __future__ import annotations

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, showing_errors
from qa.assessment import schemes, sheets
from scoring.assessment.schemes import INDICATORS


def show(page: Page) -> None:
    """Choose a scheme, read it, change it."""
    _ = page.t
    found = schemes.newest(page.bench, page.actor)
    if not found:
        empty(_("There is no scheme yet"), _("Load the shipped ones, and change weights and thresholds to your own."))
        if st.button(_("Load the shipped schemes"), type="primary", key="assess_load"):
            schemes.load_default(page.bench, page.actor, now=page.now)
            st.rerun()
        return
    chosen = st.selectbox(_("Scheme"), list(found), format_func=lambda n: found[n].scheme.label.pick(_.language), key="assess_scheme", width=420)  # fmt: skip
    view = found[chosen]
    scheme = view.scheme
    standing = _("confirmed by the shop") if scheme.verified else _("unverified example")
    st.markdown(f"**{escape(scheme.label.pick(_.language))}** · {_('version {n}', n=view.version)} · {standing}")
    st.caption(escape(scheme.note.pick(_.language)))
    whose = {"agent": _("the agent's"), "team": _("the team's"), "team_until": _("the team's until ten cases are expected")}  # fmt: skip
    data = {
        _("Indicator"): [INDICATORS[x.indicator].label.pick(_.language) for x in scheme.lines],
        _("Weight"): [_.number(x.weight, 0) for x in scheme.lines],
        _("Compared with colleagues"): [_("yes") if x.relative else _("no") for x in scheme.lines],
        _("Whose value"): [whose[x.of] for x in scheme.lines],
        _("Value → points"): [" · ".join(f"{a:g} → {b:g}" for a, b in x.curve.cuts) for x in scheme.lines],
        _("Definition"): [INDICATORS[x.indicator].definition.pick(_.language) for x in scheme.lines],
    }
    st.dataframe(data, hide_index=True, width="stretch")
    st.caption(" · ".join(f"{escape(grade.name)} ≥ {grade.lowest:g}" for grade in scheme.grades))
    with st.expander(_("Change it"), icon=":material/edit:"):
        _edit(page, view)


def _edit(page: Page, view: schemes.SchemeView) -> None:
    _ = page.t
    changed = st.text_area(
        _("Scheme as text (TOML)"), value=schemes.written(view.scheme), height=420, key=f"assess_toml_{view.id}"
    )
    with st.container(horizontal=True):
        look = st.button(_("What would it have done?"), key="assess_whatif")
        if st.button(_("Save as a new version"), type="primary", key="assess_save"):
            with showing_errors(page):
                schemes.save(page.bench, page.actor, now=page.now, text=changed)
                st.toast(_("New sheets are judged by it; earlier ones keep their version."))
                st.rerun()
    if look:
        with showing_errors(page):
            _what_if(page, changed)


def _what_if(page: Page, text: str) -> None:
    _ = page.t
    heads = [head for head in sheets.sheets(page.bench, page.actor) if head.state != "dropped"]
    if not heads:
        st.info(_("There is no sheet yet to try it on."))
        return
    head = next((one for one in heads if one.pooled), heads[0])
    changed = sheets.what_if(page.bench, page.actor, head.id, schemes.parsed(text))
    if not changed:
        st.info(_("No total would be another one."))
        return

    def number(value: float | None) -> str:
        return "–" if value is None else _.number(value, 1)

    st.caption(_("On the sheet of {month}; intervals are as wide as before.", month=f"{head.month:%Y-%m}"))
    data = {
        _("Agent"): [d.agent_id for d in changed],
        _("Before"): [number(d.old) for d in changed],
        _("With the change"): [number(d.new) for d in changed],
    }
    st.dataframe(data, hide_index=True, width="stretch")
