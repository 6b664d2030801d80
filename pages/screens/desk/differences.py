"""Where the machine scorer read otherwise than one's submitted sheets: one criterion at a time beside its conversation,
one key for each answer."""

from __future__ import annotations

import streamlit as st

from pages.kit.desk import TranscriptView, transcript
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import empty, showing_errors
from qa.scorer import differences
from qa.scorer.differences import INSPECTOR, MACHINE, OPEN, InspectionDifferences, MarkDifference
from scoring.rubric import Criterion, Kind

_LAST = "difference_answered"


def show(page: Page) -> None:
    """The oldest inspection with something open, its first open criterion; and the last answer, to take back."""
    _ = page.t
    with showing_errors(page):
        found = differences.list_differences(page.bench, page.actor, now=page.now)
        waiting = [one for one in found if one.open]
        _taking_back(page, found)
        if not waiting:
            empty(
                _("No difference waits for your answer"),
                _("What a machine scorer reads otherwise than you appears here once your sheet is on record."),
            )
            return
        one = waiting[0]
        n = sum(each.open for each in waiting)
        st.caption(_("{n} differences wait for your answer. The result stays as you submitted it.", n=_.number(n)))
        left, right = st.columns(2, gap="large")
        with left:
            _question(page, one, next(each for each in one.differences if not each.answer))
        with right:
            transcript(page, TranscriptView(one.transcript, evidence=_evidence(page, one)), key="difference_transcript",
                       height=520)  # fmt: skip


def _question(page: Page, one: InspectionDifferences, each: MarkDifference) -> None:
    _ = page.t
    st.caption(
        escape(
            " · ".join((one.agent_name, _.when(one.occurred_at), _("submitted {when}", when=_.when(one.submitted_at))))
        )
    )
    st.markdown(f"#### {escape(each.criterion.label.pick(_.language))}")
    help_ = each.criterion.help.pick(_.language)
    if help_:
        st.caption(escape(help_))
    mine, machine = st.columns(2)
    mine.metric(_("Your mark"), mark_text(page, each.criterion, each.mark))
    machine.metric(_("Machine scorer"), mark_text(page, each.criterion, each.machine_mark))
    yes, no = st.columns(2)
    yes.button(
        _("I am right"), key="difference_inspector", shortcut="i", width="stretch", on_click=_answer,
        args=(page, one, each, INSPECTOR),
    )  # fmt: skip
    no.button(
        _("The machine is right"), key="difference_machine", shortcut="m", width="stretch", on_click=_answer,
        args=(page, one, each, MACHINE),
    )  # fmt: skip
    st.caption(
        _(
            "Where the machine is right, another inspector reads the conversation blind; a lead decides where the two "
            "of you differ."
        )
    )


def _taking_back(page: Page, found: tuple[InspectionDifferences, ...]) -> None:
    _ = page.t
    last = st.session_state.get(_LAST)
    known = {(one.inspection_id, each.criterion.id): (one, each) for one in found for each in one.differences}
    if last not in known or not known[last][1].answer:
        return
    one, each = known[last]
    said = _("The machine is right") if each.answer == MACHINE else _("I am right")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape(_("{criterion}: {answer}", criterion=each.criterion.label.pick(_.language), answer=said)))
        st.button(_("Take back"), key="difference_back", on_click=_answer, args=(page, one, each, OPEN))


def _answer(page: Page, one: InspectionDifferences, each: MarkDifference, right: str) -> None:
    with showing_errors(page):
        differences.answer(
            page.bench, page.actor, now=page.now, inspection_id=one.inspection_id, criterion_id=each.criterion.id,
            right=right,
        )  # fmt: skip
        st.session_state[_LAST] = (one.inspection_id, each.criterion.id)


def _evidence(page: Page, one: InspectionDifferences) -> dict[int, str]:
    """Message → the open criteria the machine named it for."""
    named: dict[int, list[str]] = {}
    for each in one.differences:
        for seq in () if each.answer else each.evidence:
            named.setdefault(seq, []).append(each.criterion.label.pick(page.t.language))
    return {seq: " · ".join(names) for seq, names in named.items()}


def mark_text(page: Page, criterion: Criterion, value: int | None) -> str:
    """A mark in words."""
    _ = page.t
    if value is None:
        return _("N/A")
    if criterion.kind is Kind.SCALE:
        return criterion.levels[value].label.pick(_.language)
    if criterion.kind is Kind.YES_NO:
        return _("yes") if value else _("no")
    return f"{value} ×"
