"""Whether a machine scorer is still what it was: gold conversations night by night, questions asked twice, and what its
runs did and cost."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import score_text
from qa.scorer import endpoint, gold, runs
from qa.scorer.gold import Drift, RepeatedAnswers
from qa.scorer.versions import ENDPOINT, ScorerView

NIGHTS = 14


def show(page: Page, scorer: ScorerView) -> None:
    """Of a version that an endpoint answers; files are not asked."""
    if scorer.kind != ENDPOINT:
        return
    _ = page.t
    with st.expander(_("Drift, repeated questions and runs")):
        found = gold.read(page.bench, scorer.id)
        _drift(page, found)
        _repeated(page, found)
        _runs(page)


def _drift(page: Page, found: Drift) -> None:
    _ = page.t
    if not found.nights:
        st.caption(
            _(
                "No run has asked about gold conversations yet; {n} of them are known, at least {least} are needed.",
                n=found.gold,
                least=gold.LEAST,
            )
        )
        return
    if found.alarm:
        st.warning(_("Alarm: it judges the gold conversations otherwise than before."), icon=":material/warning:")
    rows = list(zip(found.days, found.nights, found.points, strict=True))[-NIGHTS:]
    data = {
        _("Night"): [day for day, *_rest in rows],
        _("Gold conversations"): [night.n for _day, night, _point in rows],
        _("Above inspectors, in points"): [
            score_text(_, night.mean, night.mean - 1.96 * night.se, night.mean + 1.96 * night.se, night.n)
            for _day, night, _point in rows
        ],
        _("Moving average"): [_.change(point.value, 2) for *_rest, point in rows],
        _("Limit"): ["–" if point.limit is None else f"±{_.number(point.limit, 2)}" for *_rest, point in rows],
        _("State"): [_("alarm") if point.alarm else _("quiet") for *_rest, point in rows],
    }
    st.dataframe(data, hide_index=True, width="stretch")
    if found.smallest is not None:
        st.caption(
            _(
                "So many gold conversations find a shift of {points} points within three nights in nine of ten cases. "
                "An alarm takes the version before into use.",
                points=_.number(found.smallest, 1),
            )
        )


def _repeated(page: Page, found: Drift) -> None:
    _ = page.t
    said = {_("asked twice"): found.again, _("with the options in reverse"): found.reverse}
    known = {name: one for name, one in said.items() if one.answers}
    if not known:
        st.caption(
            _("Nothing was asked twice yet: two conversations in a hundred are, and two with the options in reverse.")
        )
        return
    data = {
        _("Question"): list(known),
        _("Same answer"): [_share(page, one) for one in known.values()],
        _("Conversations"): [one.conversations for one in known.values()],
    }
    st.dataframe(data, hide_index=True, width="stretch")


def _share(page: Page, one: RepeatedAnswers) -> str:
    return score_text(page.t, 100 * one.same / one.answers, 100 * one.low, 100 * one.high, one.answers, unit="%")


def _runs(page: Page) -> None:
    _ = page.t
    found = runs.past_runs(page.bench, page.actor)
    if not found:
        st.caption(_("No run yet."))
        return
    data = {
        _("When"): [_.when(one.at) for one in found],
        _("Version"): [one.version for one in found],
        _("Scored"): [one.scored for one in found],
        _("Failed"): [one.failed for one in found],
        _("Bytes sent"): [_.number(one.sent_bytes) for one in found],
        _("Host"): [one.host for one in found],
        _("Cost"): [_.number(one.cost, 4) for one in found],
        _("Stopped"): [_(endpoint.STATES[one.stopped]) if one.stopped in endpoint.STATES else "" for one in found],
    }
    st.dataframe(data, hide_index=True, width="stretch", height="content" if len(found) < 9 else 320)
    month = runs.cost_since(page.bench, page.actor, page.now - timedelta(days=30))
    st.caption(_("Cost of the last 30 days: {cost}", cost=_.number(month, 2)))
