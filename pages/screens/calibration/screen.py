"""The calibration page itself: rounds for everybody who inspects, the comparison of inspectors for the lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import streamlit as st

from pages.kit.choices import pick
from pages.kit.guard import Page
from pages.kit.widgets import confirm, empty, heading, showing_errors
from pages.screens.calibration import comparison, doubles, reference, suggested
from pages.screens.calibration.names import conversations
from qa.calibration import doubles as double_readings
from qa.calibration import rounds
from qa.calibration.comparing import RoundResults
from qa.calibration.doubles import UndecidedDouble
from qa.calibration.rounds import RoundView
from qa.i18n import C_, N_
from qa.policy import Right

_SECTIONS = {
    "rounds": N_("Rounds"),
    "doubles": N_("Doubles"),
    "agreement": N_("Agreement and severity"),
    "pace": N_("Gold and pace"),
    "suggestions": N_("Suggestions"),
}


def show(page: Page) -> None:
    """Everything below the guard."""
    _ = page.t
    heading(page, _("Calibration"), _("Inspectors compared on the same conversations"))
    section = "rounds"
    if page.actor.may(Right.CALIBRATE):
        section = pick(
            st.container(),
            _("Section"),
            "section",
            list(_SECTIONS),
            lambda key: _(_SECTIONS[key]),
            default="rounds",
            kind="segmented_control",
            required=True,
            label_visibility="collapsed",
        )
    since = page.now - timedelta(days=90)
    if section == "doubles":
        doubles.show(page, since)
    elif section == "agreement":
        comparison.programme(page, since)
    elif section == "suggestions":
        suggested.show(page, since)
    elif section == "pace":
        comparison.gold_and_pace(page, since)
    else:
        _rounds(page)


def _rounds(page: Page) -> None:
    _ = page.t
    if page.actor.may(Right.CALIBRATE):
        _new_round(page)
    found = rounds.rounds(page.bench, page.actor)
    if not found:
        advice = (
            _("Choose a few conversations and the inspectors above; everybody scores them blind.")
            if page.actor.may(Right.CALIBRATE)
            else _("When a round is opened for you, its conversations come first in your queue.")
        )
        empty(_("No calibration round yet."), advice)
        return
    by_id = {str(view.id): view for view in found}
    view = by_id[pick(st.container(), _("Round"), "round", list(by_id), lambda id_: f"{id_} · {by_id[id_].name}")]
    st.caption(_("open") if view.closed_at is None else _("closed {when}", when=_.day(view.closed_at)))
    if view.closed_at is None:
        _open_round(page, view)
    else:
        with showing_errors(page):
            _results(page, rounds.results(page.bench, page.actor, round_id=view.id))
            if page.actor.may(Right.CALIBRATE):
                reference.show(page, view.id)


def _open_round(page: Page, view: RoundView) -> None:
    _ = page.t
    st.progress(
        view.submitted / max(view.expected, 1),
        _("{done} of {all} inspections are in.", done=view.submitted, all=view.expected),
    )
    if view.mine:
        st.caption(_("{n} conversations of this round wait in your queue.", n=view.mine))
    st.caption(_("Nobody sees any result, the lead included, until the round is closed."))
    if page.actor.may(Right.CALIBRATE) and confirm(
        page,
        _("Close the round"),
        _("What has not been submitted by now is dropped; the results are shown to everybody."),
        key="close_round",
    ):
        with showing_errors(page):
            rounds.close_round(page.bench, page.actor, now=page.now, round_id=view.id)
            st.rerun()
    if page.actor.may(Right.CALIBRATE):
        reference.show(page, view.id)


def _new_round(page: Page) -> None:
    _ = page.t
    choices = rounds.candidates(page.bench, page.actor)
    with st.expander(_("New round")):
        if not choices.samples:
            st.caption(_("There are no samples yet. Publish a draw first."))
            return
        shown = choices.samples[:_OFFERED]
        units = conversations(page, [id_ for id_, _unit, _agent in shown])
        apart = [row.sample_id for row in _most_apart(page) if row.sample_id in units]
        if apart:
            st.button(_("The six on which readings differ most"), key="round_six", on_click=_choose, args=(apart[:6],))
        people = dict(choices.inspectors)
        with st.form("new_round", border=False):
            name = st.text_input(_(C_("calibration round", "Name")), key="round_name")
            samples = st.multiselect(
                _("Conversations"), list(units), format_func=units.__getitem__, key="round_samples"
            )
            inspectors = st.multiselect(
                _("Inspectors"), list(people), format_func=people.__getitem__, key="round_people"
            )
            if not st.form_submit_button(_("Open the round"), type="primary"):
                return
        with showing_errors(page):
            opened = rounds.open_round(
                page.bench, page.actor, now=page.now, name=name, sample_ids=samples, inspector_ids=inspectors
            )
            st.success(
                _("The round is open; {places} inspections wait in the queues.", places=opened.places),
                icon=":material/check:",
            )
            if opened.left_out:
                st.caption(
                    _("{n} were left out, because the inspector took part in the conversation.", n=len(opened.left_out))
                )


_OFFERED = 120
"""So many of the newest samples are offered."""


def _most_apart(page: Page) -> Sequence[UndecidedDouble]:
    """Samples read twice, those with the largest difference first."""
    since = page.now - timedelta(days=180)
    found = double_readings.disagreements(page.bench, page.actor, since=since, include_resolved=True)
    return sorted(found, key=lambda row: -row.difference)


def _choose(samples: list[int]) -> None:
    st.session_state["round_samples"] = samples


def _results(page: Page, results: RoundResults) -> None:
    _ = page.t
    if results.kept_back:
        st.caption(
            _(
                "{n} conversations of this round still wait in your queue and show here once you have scored them.",
                n=results.kept_back,
            )
        )
    if not results.conversations:
        empty(
            _("Nobody submitted anything in this round."),
            _(
                "What was not submitted when the round was closed was dropped. Open a new round with the"
                " same conversations for other inspectors."
            ),
        )
        return
    st.markdown(f"**{_('Where people differ most')}**")
    st.dataframe(_spreads(page, results), hide_index=True, height="content")
    comparison.against(page, results.against)
    st.markdown(f"**{_('Agreement per criterion')}**")
    comparison.criteria(page, results.criteria)
    comparison.totals(page, results.totals)


def _spreads(page: Page, results: RoundResults) -> Sequence[Mapping[str, str]]:
    _ = page.t
    names = {criterion.id: criterion.label.pick(_.language) for criterion in results.rubric.criteria}
    known = conversations(page, [item.sample_id for item in results.conversations])
    rows = []
    for item in results.conversations:
        given = dict(item.totals)
        rows.append(
            {
                _("Conversation"): known.get(item.sample_id, ""),
                _("Spread"): _.points(item.spread),
                **{person: _.points(given[person]) if person in given else "" for person in results.inspectors},
                _("Reference"): "" if item.reference is None else _.points(item.reference),
                _("They differ on"): (
                    ("、" if _.language == "zh_CN" else ", ").join(names[id_] for id_ in item.criteria[:5])
                ),
            }
        )
    return rows
