"""Blind doubles that disagree: the conversation beside both sheets, what differs first, and the decision on each."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from pages.kit.choices import number_in_address, pick
from pages.kit.desk.reading import TranscriptView, transcript
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import confirm, empty, show_error, showing_errors
from pages.screens.calibration import marks
from pages.screens.calibration.names import conversations
from qa.calibration import doubles
from qa.calibration.doubles import DoubleComparison, UndecidedDouble
from qa.calibration.rulings import RuleRuling, Ruling, Take
from qa.calibration.sides import CriterionRow, RuleRow
from qa.errors import SpotcheckError

_TURN, _SAID = "double_turn", "double_said"
_CONFIRM, _CLEAR = "confirm", "clear"


def show(page: Page, since: datetime) -> None:
    """What waits for a decision, oldest first; decided ones on request or by their address."""
    _ = page.t
    if said := st.session_state.pop(_SAID, None):
        st.success(escape(said), icon=":material/check:")
    with showing_errors(page):
        wanted = number_in_address("double")
        decided = st.session_state.get("double_decided", False)
        found = doubles.disagreements(
            page.bench, page.actor, since=since, include_resolved=decided or wanted is not None
        )
        listed = {str(row.sample_id): row for row in found if decided or not row.resolved or row.sample_id == wanted}
        waiting = sum(not row.resolved for row in found)
        names = conversations(page, [row.sample_id for row in listed.values()])
        head, switch = st.columns([5, 1], vertical_alignment="bottom")
        switch.toggle(_("Show decided"), key="double_decided")
        if not listed:
            with head:
                empty(
                    _("No double waits for a decision."),
                    _("Doubles whose inspectors differ by more than the tolerance, or on a red line, appear here."),
                )
            return
        chosen = pick(
            head,
            _("{n} doubles wait for a decision, the oldest first", n=waiting),
            "double",
            list(listed),
            lambda id_: _title(page, listed[id_], names),
        )
        _one(page, doubles.comparison(page.bench, page.actor, sample_id=int(chosen)), listed[chosen])


def _title(page: Page, row: UndecidedDouble, names: Mapping[int, str]) -> str:
    _ = page.t
    apart = _("{points} points apart", points=_.points(row.difference))
    what = f"{apart} · {_('red lines differ')}" if row.redlines_differ else apart
    more = [_("after a difference with the machine scorer")] if row.asked_for else []
    more += [_("decided")] if row.resolved else []
    return " · ".join([names.get(row.sample_id, ""), what, *more])


def _one(page: Page, pair: DoubleComparison, row: UndecidedDouble) -> None:
    _ = page.t
    left, right = st.columns([5, 6], gap="medium")
    with left:
        labels = {rule.rule_id: rule.label for rule in pair.rules}
        view = TranscriptView(pair.transcript, marks.spans(_, pair.spans, labels), evidence=_evidence(page, pair))
        transcript(page, view, key="double_transcript", height=640)
    with right:
        st.caption(
            _(
                "{points} points apart; {tolerance} are tolerated.",
                points=_.points(row.difference),
                tolerance=_.points(row.tolerance),
            )
        )
        if pair.resolution is not None:
            _decided(page, pair)
        elif pair.refusal is not None:
            _table(page, pair)
            show_error(page, pair.refusal)
        else:
            _decide(page, pair)


def _evidence(page: Page, pair: DoubleComparison) -> dict[int, str]:
    """Message → which criteria it proves, and to whom."""
    names = {criterion.id: criterion.label.pick(page.t.language) for criterion in pair.rubric.criteria}
    proves: dict[int, list[str]] = {}
    for side in (pair.first, pair.second):
        for mark in side.sheet.marks:
            for seq in mark.evidence:
                proves.setdefault(seq, []).append(
                    f"{names.get(mark.criterion_id, mark.criterion_id)} ({side.inspector})"
                )
    return {seq: " · ".join(what) for seq, what in proves.items()}


# --- deciding ---------------------------------------------------------------------------------------------------------


def _decide(page: Page, pair: DoubleComparison) -> None:
    _ = page.t
    turn = st.session_state.setdefault(_TURN, 0) % 2  # a new set of widgets for the next double, never one for each
    with st.form(f"resolve_{turn}", border=False):
        st.html(marks.STYLE + _head(page, pair))
        rules = {line.rule_id: _rule(page, pair, line, turn) for line in pair.rules if line.differs}
        criteria = {row.criterion.id: _criterion(page, pair, row, turn) for row in pair.criteria if row.differs}
        reason = st.text_area(
            _("Reason of the decision"),
            help=_("Agent and inspectors will read it."),
            key=f"double_reason_{turn}",
            height=80,
        )
        problem = st.container()
        sent = st.form_submit_button(_("Decide"), type="primary")
    _agreed(page, pair)
    if sent:
        with problem:
            _send(page, pair, criteria, rules, reason)


def _send(
    page: Page,
    pair: DoubleComparison,
    criteria: dict[str, Ruling | None],
    rules: dict[str, RuleRuling | None],
    reason: str,
) -> None:
    _ = page.t
    try:
        doubles.resolve(
            page.bench,
            page.actor,
            now=page.now,
            sample_id=pair.sample_id,
            between=(pair.first.inspection_id, pair.second.inspection_id),
            criteria={id_: ruling for id_, ruling in criteria.items() if ruling is not None},
            rules={id_: ruling for id_, ruling in rules.items() if ruling is not None},
            reason=reason,
        )
    except SpotcheckError as error:
        show_error(page, _named(page, pair, error))
        return
    name = conversations(page, [pair.sample_id]).get(pair.sample_id, "")
    _next(page, _("Decided: {name}. It can be taken back under “Show decided” until somebody builds on it.", name=name))


def _named(page: Page, pair: DoubleComparison, error: SpotcheckError) -> SpotcheckError:
    """The error with criteria and red lines under the names they have on this page."""
    names = {row.criterion.id: row.criterion.label.pick(page.t.language) for row in pair.criteria}
    names |= {line.rule_id: line.label.pick(page.t.language) for line in pair.rules}
    return type(error)(
        error.msgid,
        **{fact: names.get(value, value) if isinstance(value, str) else value for fact, value in error.facts.items()},
    )


def _next(page: Page, said: str) -> None:
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    st.session_state[_SAID] = said
    st.session_state.pop("pick_double", None)
    st.query_params.pop("double", None)
    st.rerun()


def _criterion(page: Page, pair: DoubleComparison, row: CriterionRow, turn: int) -> Ruling | None:
    """One criterion the two differ on: both marks, and the choice between them or any other."""
    _ = page.t
    name = row.criterion.label.pick(_.language)
    st.html(
        marks.row_html(
            name,
            *(marks.mark_html(_, pair.rubric, row.criterion, mark) for mark in (row.first, row.second)),
            kind="cal-open",
        )
    )
    own = {
        choice: _("own mark: {mark}", mark=marks.choice_text(_, row.criterion, choice))
        for choice in marks.choices(row.criterion)
    }
    choice, note = _choice(page, pair, name, own, f"{row.criterion.id}_{turn}")
    if choice in (Take.FIRST, Take.SECOND):
        return Ruling(Take(choice))
    return Ruling(Take.OWN, marks.chosen(row.criterion, choice, note=note)) if choice else None


def _rule(page: Page, pair: DoubleComparison, line: RuleRow, turn: int) -> RuleRuling | None:
    _ = page.t
    name = line.label.pick(_.language)
    st.html(marks.row_html(name, marks.hits_html(_, line.first), marks.hits_html(_, line.second), kind="cal-open"))
    own = {_CONFIRM: _("own decision: confirmed"), _CLEAR: _("own decision: cleared")}
    choice, note = _choice(page, pair, name, own, f"{line.rule_id}_{turn}")
    if choice in (Take.FIRST, Take.SECOND):
        return RuleRuling(Take(choice))
    return RuleRuling(Take.OWN, confirmed=choice == _CONFIRM, reason=note) if choice else None


def _choice(page: Page, pair: DoubleComparison, name: str, own: dict[str, str], key: str) -> tuple[str, str]:
    """A side or something of one's own, with the room for its reason."""
    _ = page.t
    shown = {Take.FIRST.value: pair.first.inspector, Take.SECOND.value: pair.second.inspector, **own}
    what, why = st.columns(2)
    choice = what.selectbox(
        _("Decision: {name}", name=name), list(shown), index=None, format_func=shown.__getitem__, key=f"double_{key}",
        placeholder=_("Whose judgement stands?"), label_visibility="collapsed",
    )  # fmt: skip
    note = why.text_input(
        _("Reason of an own decision: {name}", name=name),
        key=f"double_why_{key}",
        placeholder=_("Reason, for an own decision"),
        label_visibility="collapsed",
    )
    return choice or "", note


# --- reading ----------------------------------------------------------------------------------------------------------


def _head(page: Page, pair: DoubleComparison) -> str:
    cells = (
        f"<span><b>{html.escape(side.inspector)}</b> {page.t.points(side.outcome.total_without_redlines)}</span>"
        for side in (pair.first, pair.second)
    )
    return marks.row_html("", *cells, kind="cal-head")


def _lines(page: Page, pair: DoubleComparison, *, differs: bool) -> list[str]:
    _ = page.t
    rules = [
        marks.row_html(line.label.pick(_.language), marks.hits_html(_, line.first), marks.hits_html(_, line.second))
        for line in pair.rules
        if line.differs is differs
    ]
    rows = [
        marks.row_html(
            row.criterion.label.pick(_.language),
            *(marks.mark_html(_, pair.rubric, row.criterion, mark) for mark in (row.first, row.second)),
        )
        for row in pair.criteria
        if row.differs is differs
    ]
    return rules + rows


def _agreed(page: Page, pair: DoubleComparison) -> None:
    lines = _lines(page, pair, differs=False)
    with st.expander(page.t("Agreed on {n} points of the form", n=len(lines))):
        st.html("".join(lines))


def _table(page: Page, pair: DoubleComparison) -> None:
    st.html(marks.STYLE + _head(page, pair) + "".join(_lines(page, pair, differs=True)))
    _agreed(page, pair)


def _decided(page: Page, pair: DoubleComparison) -> None:
    _, done = page.t, pair.resolution
    if done is None:
        return
    said = _("{name} decided on {when}: {total} points", name=done.by, when=_.when(done.at), total=_.points(done.total))
    st.markdown(f"**{escape(said)}**")
    st.text(done.reason)
    _table(page, pair)
    if done.may_take_back and confirm(
        page,
        _("Take the decision back"),
        _("The result before it stands again and the double waits again."),
        key="double_back",
    ):
        with showing_errors(page):
            doubles.take_back(page.bench, page.actor, now=page.now, sample_id=pair.sample_id)
            _next(page, _("Taken back; the double waits again."))
