"""One sheet: everybody's total with its interval, one person's lines, what may be said, objections, print and file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import choosable, lines
from pages.kit.widgets import confirm, download, empty, plain_text, score_text, showing_errors
from pages.screens.assessment.printing import person_sheet
from pages.screens.scorer import beside as machine
from qa.assessment import inputs, recomputing, sheets, words
from qa.assessment.sheets import Entry, SheetHead
from qa.policy import Right
from qa.reports import Scope, exporting
from scoring.assessment.schemes import INDICATORS

FEWEST_FORCED = 10
"""People of one role from which on a last tenth is spoken of."""
LAST_WORTH_SAYING = 0.5
"""From this probability on a sheet says that somebody is truly among the last tenth."""


def show(page: Page, head: SheetHead) -> None:
    """The sheet below its choice."""
    _ = page.t
    found = sheets.entries(page.bench, page.actor, head.id)
    if page.actor.may(Right.ASSESS):
        _actions(page, head, found)
    if not head.pooled:
        st.caption(_("One month shows points with their interval and no grade: it is for coaching."))
    else:
        st.caption(_("A grade is stated at a probability of 0.8 or more; otherwise it lies between two."))
    if head.state == "published" and head.until:
        st.caption(_("Objections until {when}", when=_.when(head.until)))
    if not found:
        empty(_("Nobody stands on this sheet"), _("Assign the accounts of the exports to people under “Indicators”."))
        return
    if head.pooled and page.actor.may(Right.ASSESS):
        _forced(page, found)
    chosen = found[0] if len(found) == 1 else _list(page, head, found)
    if chosen is not None:
        _one(page, head, chosen)
    _objections(page, head, found)


def _list(page: Page, head: SheetHead, found: Sequence[Entry]) -> Entry | None:
    _ = page.t
    data: dict[str, Any] = {
        _("Agent"): [one.name for one in found],
        _("Points scored"): [total_text(page, one.result) for one in found],
    }
    if head.pooled:
        data[_("Grade")] = [grade_text(page, one.result) for one in found]
        data[_("Statement")] = [_(words.STATEMENTS[s]) if (s := one.result["statement"]) else "–" for one in found]
    data[_("Red lines")] = [len(one.result["gate"]) or "" for one in found]
    aside = (_("Team"), _("Role"), _("Weight judged"), _("Statement"))
    data[_("Team")] = [one.team for one in found]
    data[_("Role")] = [_(words.ROLES.get(one.role, one.role)) for one in found]
    data[_("Weight judged")] = [f"{100 * (one.result['judged'] or 0):.0f}%" for one in found]
    row = choosable(data, len(found), "assess_rows", narrow=[name for name in data if name not in aside])
    return None if row is None else found[row]


def _forced(page: Page, found: Sequence[Entry]) -> None:
    """What a forced last tenth would name: how many of its places are chance."""
    _ = page.t
    for role in words.ROLES:
        ranked = sorted(
            (one.result for one in found if one.role == role and one.result["last_tenth"] is not None),
            key=lambda r: float(r["total"]),
        )
        places = max(1, round(len(ranked) / 10))
        if len(ranked) >= FEWEST_FORCED:
            chance = sum(1 - r["last_tenth"] for r in ranked[:places])
            st.caption(
                _(
                    "{role}: of the {places} lowest of {all}, {chance} are expected to be there by chance.",
                    role=_(words.ROLES[role]),
                    places=places,
                    all=len(ranked),
                    chance=_.number(chance, 1),
                )
            )


def total_text(page: Page, result: Mapping[str, Any]) -> str:
    """A total with its interval, or why there is none."""
    if result["total"] is None:
        return page.t(words.REASONS.get(result["reason"] or "no_data", "no data"))
    return (
        f"{page.t.number(result['total'], 1)} [{page.t.number(result['low'], 1)}, {page.t.number(result['high'], 1)}]"
    )


def grade_text(page: Page, result: Mapping[str, Any]) -> str:
    """A grade with its probability, or the two between which it lies; held back behind a red line."""
    _ = page.t
    if result["gate"] and result["stated"]:
        return _("held back: red line")
    if not result["stated"]:
        return "–"
    chances = [f"{name} ({page.t.number(result['chances'][name], 2)})" for name in result["stated"]]
    return chances[0] if len(chances) == 1 else _("{one} or {other}", one=chances[0], other=chances[1])


def value_text(page: Page, line: Mapping[str, Any]) -> str:
    """A line's value with interval and n, in the unit of its indicator."""
    if line["value"] is None:
        return "–"
    indicator = INDICATORS[line["indicator"]]
    if "relative" in (line["method"] or ""):
        scale, unit, digits = 1.0, " ×", 2
    else:
        scale, unit, digits = {"%": (100.0, "%", 1), "per1000": (1000.0, "‰", 2)}.get(indicator.unit, (1.0, "", 1))
    low, high = (None if line[name] is None else scale * line[name] for name in ("low", "high"))
    return score_text(page.t, scale * line["value"], low, high, round(line["n"]), digits, unit)


def line_heads(page: Page, result: Mapping[str, Any]) -> tuple[str, ...]:
    """What the columns of `line_rows` are."""
    _ = page.t
    own = (_("Own figure"),) if _has_own(result) else ()
    return (_("Indicator"), _("Value"), *own, _("Points scored"), _("Weight"))


def _has_own(result: Mapping[str, Any]) -> bool:
    return any("own" in line for line in result["lines"])


def line_rows(page: Page, result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The lines of one person as texts: indicator, value, what the workbench measured itself where it did, points,
    weight."""
    _ = page.t
    own, rows = _has_own(result), list[tuple[str, ...]]()
    for line in result["lines"]:
        name = INDICATORS[line["indicator"]].label.pick(_.language)
        if (line["method"] or "").startswith("team_"):
            name += " · " + _("the team's value")
        if line["points"] is None:
            points = _("not judged: {reason}", reason=_(words.REASONS.get(line["reason"], line["reason"])))
        else:
            points = (
                f"{_.number(line['points'], 1)} [{_.number(line['points_low'], 1)}, {_.number(line['points_high'], 1)}]"
            )
        ours = (_own_text(page, line),) if own else ()
        rows.append((name, value_text(page, line), *ours, points, _.number(line["weight"], 0)))
    return rows


def _own_text(page: Page, line: Mapping[str, Any]) -> str:
    """What the workbench measured itself, as it is; too few cases are said, never shown."""
    own = line.get("own")
    if own is None:
        return "–"
    if own["reason"]:
        return page.t(words.REASONS[own["reason"]])
    return value_text(page, {**own, "indicator": line["indicator"], "method": ""})


def _days(head: SheetHead) -> Scope:
    """The days that a sheet's inspection score speaks of."""
    return Scope(*inputs.window(head.month, head.months))


def remarks(page: Page, head: SheetHead, one: Entry) -> list[str]:
    """What a sheet says beside the figures: the inspection score with the machine scorer, weight given away, red lines,
    the last tenth with the law."""
    _, result, said = page.t, one.result, list[str]()
    if any(line["indicator"] == "inspection" for line in result["lines"]):
        judged = machine.line(page, _days(head), one.agent_id)
        said += [_("Inspection score, by what is reviewed today: {text}", text=judged)] if judged else []
    if _has_own(result):
        said.append(
            _("Own figures come from the imported chats, ratings and disputes; points rest on the value alone.")
        )
    missing = [INDICATORS[x["indicator"]].label.pick(_.language) for x in result["lines"] if x["points"] is None]
    if missing:
        said.append(_("Not judged, the weight goes to the other lines: {lines}", lines=_(", ").join(missing)))
    if result["gate"]:
        said.append(
            _(
                "Upheld red lines in this time: {n}. They are no points: the grade waits for the lead.",
                n=len(result["gate"]),
            )
        )
    if head.pooled and result["stated"] is None and result["total"] is not None:
        said.append(_("No grade: figures of fewer than three months."))
    if (chance := result["last_tenth"]) is not None and chance >= LAST_WORTH_SAYING:
        said.append(
            _("Truly among the last tenth with a probability of {p}.", p=_.number(chance, 2)) + " " + _(words.LAW)
        )
    return said


def _one(page: Page, head: SheetHead, one: Entry) -> None:
    _ = page.t
    st.subheader(escape(one.name), anchor=False)
    grade = " · " + grade_text(page, one.result) if head.pooled else ""
    st.markdown(f"**{escape(total_text(page, one.result) + grade)}**")
    rows = line_rows(page, one.result)
    lines(line_heads(page, one.result), rows)
    said = remarks(page, head, one)
    for text in said:
        st.caption(escape(text))

    def document() -> bytes:
        heads = line_heads(page, one.result)
        return person_sheet(page, head, one, total_text(page, one.result) + grade, heads, rows, said).encode()

    st.download_button(
        _("Printable page"),
        document,
        f"spotcheck-{head.month:%Y-%m}.html",
        "text/html",
        key="assess_print",
        on_click="ignore",
        icon=":material/print:",
    )
    if one.agent_id == page.actor.agent_id and head.state == "published":
        _object(page, one)


def _object(page: Page, one: Entry) -> None:
    _ = page.t
    with st.expander(_("Object to this sheet")), st.form("assess_object", border=False, clear_on_submit=True):
        names = ["", *(line["indicator"] for line in one.result["lines"])]
        about = st.selectbox(
            _("About"),
            names,
            format_func=lambda n: INDICATORS[n].label.pick(_.language) if n else _("the sheet as a whole"),
            key="assess_about",
        )
        body = st.text_area(_("Objection"), key="assess_body", max_chars=sheets.MAX_BODY)
        if st.form_submit_button(_("File the objection"), type="primary"):
            with showing_errors(page):
                sheets.object_to(
                    page.bench, page.actor, now=page.now, entry_id=one.id, body=body, indicator=about or None
                )
                st.toast(_("The objection is on record."))


def _objections(page: Page, head: SheetHead, found: Sequence[Entry]) -> None:
    _ = page.t
    if not (page.actor.may(Right.ASSESS) or page.actor.may(Right.VIEW_OWN_RESULTS)):
        return
    names = {one.agent_id: one.name for one in found}
    filed = sheets.objections(page.bench, page.actor, head.id)
    if not filed:
        return
    st.subheader(_("Objections"), anchor=False)
    for one in filed:
        about = INDICATORS[one.indicator].label.pick(_.language) if one.indicator else _("the sheet as a whole")
        state = {"open": _("open"), "upheld": _("upheld"), "rejected": _("rejected")}[one.state]
        st.markdown(f"**{escape(names.get(one.agent_id, one.agent_id))}** · {escape(about)} · {state}")
        plain_text(one.body)
        if one.ruling:
            plain_text(one.ruling)
        if one.state == "open" and page.actor.may(Right.ASSESS):
            _rule(page, one.id)


def _rule(page: Page, number: int) -> None:
    _ = page.t
    with st.form(f"assess_rule_{number}", border=False):
        ruling = st.text_input(_("Ruling"), key=f"assess_ruling_{number}", max_chars=sheets.MAX_BODY)
        left, right = st.columns(2)
        upheld = left.form_submit_button(_("Uphold"))
        rejected = right.form_submit_button(_("Reject"))
        if upheld or rejected:
            with showing_errors(page):
                sheets.rule(page.bench, page.actor, now=page.now, number=number, uphold=bool(upheld), ruling=ruling)
                st.rerun()


def _actions(page: Page, head: SheetHead, found: Sequence[Entry]) -> None:
    _ = page.t
    with st.container(horizontal=True):
        if head.state == "draft" and confirm(
            page, _("Publish"), _("Everybody on the sheet sees their own part."), key="assess_publish"
        ):
            _act(page, lambda: sheets.publish(page.bench, page.actor, now=page.now, number=head.id))
        if head.state == "published" and confirm(
            page, _("Make final"), _("After that nobody can object."), key="assess_final"
        ):
            _act(page, lambda: sheets.finalise(page.bench, page.actor, now=page.now, number=head.id))
        if st.button(
            _("Compute again"), key="assess_verify", help=_("From the frozen inputs, and with what is known now")
        ):
            _verify(page, head)
        if page.actor.may(Right.EXPORT):
            notes = [_("Brackets are 95% intervals; grades stand only on three pooled months.")]

            def made(form: str) -> bytes:
                titles = {name: _(text) for name, text in words.COLUMNS.items()} | machine.titles(page)
                judged = machine.line(page, _days(head))
                return exporting.export(
                    page.bench, page.actor, now=page.now, what="assessment", frame=_in_file(page, head, found),
                    form=form, notes=[*notes, judged] if judged else notes,
                    labels=titles if form == "xlsx" else None,
                ).content  # fmt: skip

            with st.popover(_("Export"), icon=":material/download:"):
                for form, mime in exporting.FORMATS.items():
                    download(
                        form.upper(), partial(made, form), f"spotcheck-assessment.{form}", mime, key=f"assess_{form}"
                    )


def _in_file(page: Page, head: SheetHead, found: Sequence[Entry]) -> pl.DataFrame:
    """The sheet's rows; those of the inspection score with what a machine scorer in use makes of it today."""
    frame = machine.with_corrected(page, words.frame(found), _days(head))
    added = [name for name in frame.columns if name in machine.CORRECTED]
    here = pl.col("indicator") == "inspection"
    return frame.with_columns(pl.when(here).then(name).alias(name) for name in added)


def _act(page: Page, action: Any) -> None:
    with showing_errors(page):
        action()
        st.rerun()


def _verify(page: Page, head: SheetHead) -> None:
    _ = page.t
    with showing_errors(page):
        wrong = recomputing.verify(page.bench, page.actor, head.id)
        if wrong:
            st.error(escape(_("Not as computed: {who}", who=_(", ").join(wrong))))
        else:
            st.success(_("Every figure follows from the frozen inputs."))
        changed = recomputing.corrections(page.bench, page.actor, head.id, now=page.now)
        if changed:
            st.warning(_("With what is known now these totals would be others; a new draft takes it in."))
            data = {
                _("Agent"): [d.agent_id for d in changed],
                _("Before"): [_points(page, d.old) for d in changed],
                _("Now"): [_points(page, d.new) for d in changed],
            }
            st.dataframe(data, hide_index=True)


def _points(page: Page, value: float | None) -> str:
    return "–" if value is None else page.t.number(value, 1)
