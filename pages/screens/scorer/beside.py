"""What a machine scorer adds to other pages: the corrected estimate beside a page's own, and, of one conversation, the
band in which conversations like it were judged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import polars as pl
import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import score_text
from qa import reports
from qa.i18n import N_
from qa.policy import Right
from qa.reports import Scope
from qa.reports.metrics import REDLINE, TOTAL
from qa.scorer import beside, figures, versions
from qa.scorer.beside import WHY_NONE, BesideFigures
from scoring.estimate import Estimate
from scoring.judge.bands import PROMISE, JudgedBand

CORRECTED: Mapping[str, str] = {
    "corrected": N_("Corrected with the machine scorer"),
    "corrected_low": N_("corrected, lower limit"),
    "corrected_high": N_("corrected, upper limit"),
    "corrected_n": N_("corrected by so many reviews"),
}
"""Columns that a scorer in use adds to files."""


def show(page: Page, scope: Scope, agent_id: str | None = None, *, metric: str = TOTAL.id) -> None:
    """One line under the estimate of a page; nothing while no machine scorer is in use."""
    if said := line(page, scope, agent_id, metric=metric):
        st.caption(said)


def line(page: Page, scope: Scope, agent_id: str | None = None, *, metric: str = TOTAL.id) -> str:
    """The corrected figure beside a page's own, as a sentence; empty while no machine scorer is in use."""
    found = _kept(page, scope, agent_id, metric, _known(page))
    if found is None:
        return ""
    _ = page.t
    if found.human is None or found.corrected is None:
        return _(
            "Machine scorer {name}: no corrected figure here, {why}.", name=found.name, why=_(WHY_NONE[found.reason])
        )
    said = _rate_said if metric == REDLINE.id else _said
    return _(
        "With the machine scorer {name}, corrected: {corrected}; without it: {human}. Draws that lie in these "
        "days as a whole: {draws}.",
        name=found.name,
        corrected=said(page, found.corrected),
        human=said(page, found.human),
        draws=found.draws,
    )


def with_corrected(page: Page, frame: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """The rows of a file (`agent_id`) with each agent's corrected mean, its interval and reviews (`CORRECTED`); as they
    are where there are none."""
    found = _kept(page, scope, None, TOTAL.id, _known(page))
    if found is None or not found.agents:
        return frame
    rows = [(agent, one.value, one.low, one.high, one.n) for agent, one in found.agents.items()]
    schema = {"agent_id": pl.String, **dict.fromkeys(list(CORRECTED)[:3], pl.Float64), list(CORRECTED)[3]: pl.Int64}
    return frame.join(pl.DataFrame(rows, schema=schema, orient="row"), on="agent_id", how="left", maintain_order="left")


def titles(page: Page) -> dict[str, str]:
    """What the columns of `CORRECTED` are called."""
    return {name: page.t(text) for name, text in CORRECTED.items()}


def band(page: Page, conversation_key: str) -> None:
    """Of one conversation: never a number, and nothing while it waits in one's own queue."""
    if not page.actor.may(Right.VIEW_RESULTS):
        return
    _, found = page.t, _band(page, conversation_key, _known(page))
    if found is not None:
        st.caption(
            _(
                "Machine scorer: conversations like this were judged {low}–{high} in {share} of cases (reviews: {n}).",
                low=_.number(found.low, 0), high=_.number(found.high, 0), share=_.percent(PROMISE, 0), n=found.n,
            )
        )  # fmt: skip


def _said(page: Page, one: Estimate) -> str:
    return score_text(page.t, one.value, one.low, one.high, one.n)


def _rate_said(page: Page, one: Estimate) -> str:
    value, low, high = (None if share is None else 100 * share for share in (one.value, one.low, one.high))
    return score_text(page.t, value, low, high, one.n, unit="%")


def _known(page: Page) -> tuple[object, ...]:
    """What the figures depend on besides the scope."""
    used = versions.used(page.bench)
    version = None if used is None else (used.version, used.activated_at)
    return str(page.bench.config.home), page.actor.user_id, version, reports.newest(page.bench)


@st.cache_data(ttl=timedelta(minutes=10), max_entries=64, show_spinner=False)
def _kept(
    _page: Page, scope: Scope, agent_id: str | None, metric: str, known: tuple[object, ...]
) -> BesideFigures | None:
    return beside.beside(_page.bench, _page.actor, scope=scope, agent_id=agent_id, metric=metric)


@st.cache_data(ttl=timedelta(minutes=10), max_entries=256, show_spinner=False)
def _band(_page: Page, conversation_key: str, known: tuple[object, ...]) -> JudgedBand | None:
    used = versions.used(_page.bench)
    if used is None:
        return None
    return figures.band_of(_page.bench, _page.actor, scorer=used.id, conversation_key=conversation_key)
