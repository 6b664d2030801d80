"""Bringing in exports: choose a file, see how it was read and what is wrong by row, settle it, import; accounts that
wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import confirm, empty, showing_errors
from pages.screens.ingest.uploads import discard, keep
from qa.assessment import exports, facts, grids, importing, presets
from qa.assessment.exports import ExportAnswers
from qa.assessment.presets import Columns, ExportPreset
from qa.people import aliases, roster
from qa.people.aliases import Alias
from qa.policy import Right
from scoring.assessment.schemes import INDICATORS
from scoring.label import Label

SHOWN = 200


def show(page: Page) -> None:
    """Upload, accounts, past imports."""
    _ = page.t
    if not page.actor.may(Right.IMPORT):
        return
    uploaded = st.file_uploader(_("Export of a platform"), key="assess_file", type=["xlsx", "xls", "csv", "txt"])
    if uploaded is not None:
        path = keep(page.bench.config.home, uploaded, page.now)
        with showing_errors(page):
            _preview(page, path, uploaded.name)
    else:
        known = _(", ").join(preset.label.pick(_.language) for preset in presets.shipped())
        st.caption(escape(_("Known by their columns: {exports}", exports=known)))
    _accounts(page)
    _past(page)


def _preview(page: Page, path: Path, name: str) -> None:
    _ = page.t
    asked = _asked(page, path)
    seen = importing.preview(page.bench, page.actor, now=page.now, path=path, asked=asked)
    found = seen.reading
    st.markdown(f"**{escape(found.preset.label.pick(_.language))}** {escape(found.sheet)}")
    with st.container(horizontal=True):
        for label, value in (
            (_("New values"), seen.new),
            (_("As stored"), seen.same),
            (_("Changed"), seen.changed.height),
            (_("Rows with trouble"), seen.refused),
        ):
            st.metric(label, _.number(value))
    if found.totals:
        rows = _(", ").join(f"{row} ({text})" for row, text in found.totals[:5])
        st.caption(escape(_("Lines of totals, left out: {rows}", rows=rows)))
    if seen.unknown:
        st.caption(escape(_("Accounts that are nobody's yet: {accounts}", accounts=_(", ").join(seen.unknown[:30]))))
    _problems(page, found.problems)
    if seen.changed.height:
        st.write(_("These values are stored otherwise; the new ones will count."))
        st.dataframe(
            seen.changed.select(
                "account",
                "day",
                "indicator",
                old=seen.changed["num_old"] / seen.changed["den_old"],
                new=seen.changed["num"] / seen.changed["den"],
            ),
            hide_index=True,
        )
    if st.button(_("Import"), key="assess_import", type="primary", disabled=not (seen.new or seen.changed.height)):
        with showing_errors(page):
            importing.commit(page.bench, page.actor, now=page.now, path=path, asked=asked, file_name=name)
            discard(page.bench.config.home, path)
            st.toast(_("The indicators are stored."))
            st.rerun()


def _asked(page: Page, path: Path) -> ExportAnswers:
    """What the person says about the file; everything may stay empty."""
    _ = page.t
    with st.expander(_("How to read it"), icon=":material/tune:"):
        one, two, three = st.columns(3)
        shop = one.text_input(_("Shop of rows that name none"), key="assess_shop")
        rates = two.selectbox(
            _("Rates without a sign"),
            ["", "percent", "fraction"],
            key="assess_rates",
            format_func=lambda r: {"": _("find out"), "percent": _("per cent"), "fraction": _("fractions of one")}[r],
        )
        twice = three.selectbox(
            _("Two values of one day"),
            ["", "first", "last", "sum"],
            key="assess_twice",
            format_func=lambda r: {
                "": _("name them, take neither"),
                "first": _("the first counts"),
                "last": _("the last counts"),
                "sum": _("both together"),
            }[r],
        )
        first = one.date_input(_("First day of a file that names none"), value=None, key="assess_first")
        last = two.date_input(_("Last day of a file that names none"), value=None, key="assess_last")
        asked = ExportAnswers(shop=shop.strip(), fraction=None if not rates else rates == "fraction", twice=twice)
        if isinstance(first, date):
            asked = replace(asked, first=first, last=last if isinstance(last, date) else first)
        return replace(asked, preset=_by_hand(page, path))


def _by_hand(page: Page, path: Path) -> ExportPreset | None:
    """Columns chosen by hand; None where the export is known and nobody asks."""
    _ = page.t
    grid = grids.read(path, lambda header: presets.fold(header) in presets.names())[0]
    known = presets.recognise(grid.headers)
    if not st.checkbox(_("Choose the columns by hand"), value=known is None, key="assess_hand"):
        return None
    headers = ["", *grid.headers]
    account = st.selectbox(_("Account"), headers, key="assess_account")
    day = st.selectbox(_("Day or period"), headers, key="assess_day")
    columns = []
    measured = [name for name, one in INDICATORS.items() if one.kind.value in ("rate", "mean", "count")]
    for name in st.multiselect(
        _("Indicators in this file"),
        measured,
        key="assess_which",
        format_func=lambda n: INDICATORS[n].label.pick(_.language),
    ):
        label = INDICATORS[name].label.pick(_.language)
        one, two, three = st.columns(3)
        first = one.selectbox(label, headers, key=f"assess_{name}_1")
        form = two.selectbox(
            _("That column holds"),
            ["count", "money", "share", "seconds"],
            key=f"assess_{name}_2",
            format_func=lambda f: {
                "count": _("a count"),
                "money": _("a sum of money"),
                "share": _("a rate"),
                "seconds": _("a duration"),
            }[f],
        )
        second = three.selectbox(_("Count it belongs to"), headers, key=f"assess_{name}_3")
        if first and second:
            whole = form in ("count", "money")
            columns.append(
                Columns(
                    name,
                    (first,) if whole else (),
                    (second,) if whole else (),
                    () if whole else (first,),
                    () if whole else (second,),
                    form,
                )
            )
    return ExportPreset(
        "hand",
        Label(_("by hand"), _("by hand")),
        "",
        (),
        (account,) if account else (),
        tuple(columns),
        (day,) if day else presets.DAYS,
    )


def _problems(page: Page, problems: tuple[exports.ExportProblem, ...]) -> None:
    _ = page.t
    if not problems:
        return
    shown = problems[:SHOWN]
    kinds = [exports.PROBLEMS[p.code] for p in shown]
    data = {
        _("Row"): ["" if p.row is None else str(p.row) for p in shown],
        _("Trouble"): [_(k.text, field=p.field, value=p.value) for k, p in zip(kinds, shown, strict=True)],
        _("What to do"): [_(k.cure) for k in kinds],
    }
    st.dataframe(data, hide_index=True, width="stretch")


def _accounts(page: Page) -> None:
    _ = page.t
    waiting = facts.unknown_accounts(page.bench)
    if not waiting:
        return
    st.subheader(_("Accounts that are nobody's yet"), anchor=False)
    st.caption(_("Their figures wait and count for nobody until you say whose account it is."))
    staff = roster.roster(page.bench, page.actor)
    people = {row.agent_id: f"{row.name or row.agent_id} · {row.team}" for row in staff}
    if not people:
        empty(_("The roster is empty"), _("Import the roster first."))
        return
    left, right, button = st.columns([3, 3, 1], vertical_alignment="bottom")
    labels = {a.account: _("{account}: {n} values", account=a.account, n=_.number(a.rows)) for a in waiting}
    account = left.selectbox(_("Account"), list(labels), format_func=labels.__getitem__, key="assess_unknown")
    same = [at for at, row in enumerate(staff) if account in (row.name, row.agent_id)]
    agent = right.selectbox(
        _("Belongs to"), list(people), same[0] if len(same) == 1 else None, format_func=people.__getitem__,
        placeholder=_("Choose"), key=f"assess_person_{account}",
    )  # fmt: skip
    if button.button(_("Assign"), type="primary", key="assess_assign", disabled=agent is None) and agent:
        with showing_errors(page):
            aliases.add_alias(page.bench, page.actor, now=page.now, alias=Alias(account, agent))
            st.rerun()


def _past(page: Page) -> None:
    _ = page.t
    runs = [run for run in importing.history(page.bench, page.actor) if run.state in ("done", "taken_back")]
    if not runs:
        return
    st.subheader(_("Past imports of indicators"), anchor=False)
    states = {"done": _("imported"), "taken_back": _("taken back")}
    data = {
        _("File name"): [run.file_name for run in runs],
        _("When"): [_.when(run.started_at) for run in runs],
        _("State"): [states[run.state] for run in runs],
        _("New values"): [run.counts.get("new", 0) for run in runs],
        _("Changed"): [run.counts.get("changed", 0) for run in runs],
    }
    st.dataframe(data, hide_index=True, width="stretch")
    done = {run.id: run.file_name for run in runs if run.state == "done"}
    if done:
        left, right = st.columns([4, 1], vertical_alignment="bottom")
        chosen = left.selectbox(_("Import"), list(done), format_func=done.__getitem__, key="assess_run")
        with right:
            if confirm(
                page, _("Take back"), _("What earlier imports said of the same days counts again."), key="assess_back"
            ):
                with showing_errors(page):
                    importing.take_back(page.bench, page.actor, now=page.now, run_id=chosen)
                    st.rerun()
