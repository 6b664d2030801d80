"""Schemes: what each role is judged by, edited by a form or as text, with what the change would have done to the last
sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st

from pages.kit.dialogs import dialog, done, kept, opener
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, showing_errors
from qa.assessment import recomputing, schemes, sheets, spelling
from qa.i18n import N_
from scoring.assessment.schemes import INDICATORS, MEASURED, OFS, STAGES, Curve, Scheme, SchemeLine
from scoring.label import Label

WAYS: Mapping[str, str] = {"form": N_("By form"), "text": N_("As text")}
WHOSE: Mapping[str, str] = {
    "agent": N_("the agent's"),
    "team": N_("the team's"),
    "team_until": N_("the team's until ten cases are expected"),
}
STAGE_NAMES: Mapping[str, str] = {"startup": N_("starting up"), "growth": N_("growing"), "mature": N_("mature")}


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
    chosen = st.selectbox(
        _("Scheme"),
        list(found),
        format_func=lambda n: found[n].scheme.label.pick(_.language),
        key="assess_scheme",
        width=420,
    )
    view = found[chosen]
    scheme = view.scheme
    standing = _("confirmed by the shop") if scheme.verified else _("unverified example")
    st.markdown(f"**{escape(scheme.label.pick(_.language))}** · {_('version {n}', n=view.version)} · {standing}")
    st.caption(escape(scheme.note.pick(_.language)))
    data = {
        _("Indicator"): [INDICATORS[x.indicator].label.pick(_.language) for x in scheme.lines],
        _("Weight"): [_.number(x.weight, 0) for x in scheme.lines],
        _("Compared with colleagues"): [_("yes") if x.relative else _("no") for x in scheme.lines],
        _("Whose value"): [_(WHOSE[x.of]) for x in scheme.lines],
        _("Value → points"): [spelling.cuts(x) for x in scheme.lines],
        _("Definition"): [INDICATORS[x.indicator].definition.pick(_.language) for x in scheme.lines],
    }
    widths = {_("Weight"): 60, _("Compared with colleagues"): 90, _("Whose value"): 250}
    st.dataframe(
        data, hide_index=True, width="stretch",
        column_config={name: st.column_config.TextColumn(width=width) for name, width in widths.items()},
    )  # fmt: skip
    st.caption(escape(spelling.grades(scheme.grades)))
    opener(_("Change it"), "scheme_edit", beside=view, icon=":material/edit:")
    dialog("scheme_edit", _("Change the scheme"), lambda: _edit(page, kept()), width="large")


def _edit(page: Page, view: schemes.SchemeView) -> None:
    """`view` is the version as it was when the dialog was opened."""
    _ = page.t
    way = st.segmented_control(
        _("Way of writing"), list(WAYS), default="form", format_func=lambda w: _(WAYS[w]), key="assess_way",
        label_visibility="collapsed", required=True,
    )  # fmt: skip
    written = _text(page, view) if way == "text" else _form(page, view)
    with st.container(horizontal=True):
        look = st.button(_("What would it have done?"), key="assess_whatif")
        save = st.button(_("Save as a new version"), type="primary", key="assess_save")
    if look or save:
        with showing_errors(page):
            scheme = written()
            if look:
                _what_if(page, scheme)
                return
            schemes.save_scheme(page.bench, page.actor, now=page.now, scheme=scheme)
            st.toast(_("New sheets are judged by it; earlier ones keep their version."))
            done()


def _text(page: Page, view: schemes.SchemeView) -> Callable[[], Scheme]:
    changed = st.text_area(
        page.t("Scheme as text (TOML)"), value=schemes.written(view.scheme), height=420, key=f"assess_toml_{view.id}"
    )
    return lambda: schemes.parsed(changed)


def _form(page: Page, view: schemes.SchemeView) -> Callable[[], Scheme]:
    """Fields for everything that a scheme holds; returns what reads them as a scheme, checked."""
    _, scheme, key = page.t, view.scheme, f"assess_form_{view.id}"
    one, two, three = st.columns(3)
    zh = one.text_input(_("Name in Chinese"), scheme.label.zh, key=f"{key}_zh", max_chars=100)
    en = two.text_input(_("Name in English"), scheme.label.en, key=f"{key}_en", max_chars=100)
    stage = three.selectbox(
        _("Stage of the shop"), STAGES, STAGES.index(scheme.stage), key=f"{key}_stage",
        format_func=lambda name: _(STAGE_NAMES[name]),
    )  # fmt: skip
    held = {line.indicator: line for line in scheme.lines}
    chosen = st.multiselect(
        _("Indicators"), list(INDICATORS), list(held), key=f"{key}_lines",
        format_func=lambda name: INDICATORS[name].label.pick(_.language),
    )  # fmt: skip
    lines = [_line(page, held.get(name) or SchemeLine(name, 5.0, _NEW), f"{key}_{name}") for name in chosen]
    grades = one.text_input(_("Grades"), spelling.grades(scheme.grades), key=f"{key}_grades")
    campaigns = two.text_input(_("Campaign days"), spelling.campaigns(scheme.campaigns), key=f"{key}_campaigns")
    verified = three.checkbox(_("Confirmed by the shop"), scheme.verified, key=f"{key}_verified")

    def read() -> Scheme:
        return schemes.checked(
            replace(
                scheme, label=Label(zh.strip(), en.strip()), stage=stage, lines=tuple(line() for line in lines),
                grades=spelling.grades_of(grades), campaigns=spelling.campaigns_of(campaigns), verified=verified,
            )
        )  # fmt: skip

    return read


_NEW = Curve(((0.0, 0.0), (100.0, 100.0)))


def _line(page: Page, line: SchemeLine, key: str) -> Callable[[], SchemeLine]:
    """The fields of one line; returns what reads them."""
    _, indicator = page.t, INDICATORS[line.indicator]
    name = indicator.label.pick(_.language)
    cut, weight, whose, compared = st.columns([5, 2, 3, 2], vertical_alignment="bottom")
    text = cut.text_input(_("{indicator}: value → points", indicator=name), spelling.cuts(line), key=f"{key}_cuts")
    worth = weight.number_input(_("Weight"), 0.0, 100.0, float(line.weight), step=1.0, key=f"{key}_weight")
    of, relative = line.of, line.relative
    if indicator.kind in MEASURED:
        of = whose.selectbox(
            _("Whose value"), OFS, OFS.index(line.of), format_func=lambda o: _(WHOSE[o]), key=f"{key}_of"
        )
        relative = compared.checkbox(_("Compared"), line.relative, key=f"{key}_rel", help=_("with colleagues"))
    return lambda: SchemeLine(line.indicator, worth, spelling.curve(text, name), relative, of)


def _what_if(page: Page, scheme: Scheme) -> None:
    _ = page.t
    heads = [head for head in sheets.sheets(page.bench, page.actor) if head.state != "dropped"]
    if not heads:
        st.info(_("There is no sheet yet to try it on."))
        return
    head = next((one for one in heads if one.pooled), heads[0])
    changed = recomputing.what_if(page.bench, page.actor, head.id, scheme)
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
