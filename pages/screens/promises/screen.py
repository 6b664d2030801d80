"""The ledger of promises: the list with what each rests on, agents with their shares, one promise in its
conversation."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.kit.choices import pick
from pages.kit.dialogs import dialog, kept, open_dialog
from pages.kit.guard import Page
from pages.kit.promises import due_words, evidence_words, kind_words, status_words, sum_words
from pages.kit.rows import clickable
from pages.kit.widgets import download, empty, heading, score_text, showing_errors
from pages.screens.promises import detail
from qa.i18n import N_
from qa.policy import Right
from qa.promises import ledger, tables
from qa.promises.ledger import Ledger, LedgerFilter
from qa.reports import exporting
from scoring.promises import KINDS

VIEWS = {
    "due": N_("Due today"),
    "broken": N_("Broken"),
    "open": N_("Not due yet"),
    "all": N_("All promises"),
    "agents": N_("By agent"),
}
_START = "promise_start"


def show(page: Page) -> None:
    """The whole page."""
    _ = page.t
    heading(page, _("Promises"), _("What agents promised; days looked back: {n}", n=ledger.DAYS))
    with showing_errors(page):
        everything = ledger.read(page.bench, page.actor, now=page.now)
        if not everything.total:
            empty(
                _("No promises were found"),
                _("Screening finds them in agents' messages; run it on the page Import after new conversations came."),
            )
            return
        _choose(page, everything)
    dialog("promise", _("Promise"), lambda: detail.show(page, kept()), width="large")


def _choose(page: Page, everything: Ledger) -> None:
    _ = page.t
    counts = {view: everything.where(LedgerFilter(view)).total for view in ("due", "broken", "open", "all")}
    first = next((view for view in ("due", "broken") if counts[view]), "all")
    left, middle, narrow, right = st.columns([6, 2, 2, 1], vertical_alignment="bottom")

    def named(view: str) -> str:
        return _(VIEWS[view]) + (f" · {_.number(counts[view])}" if view in counts else "")

    view = pick(
        left,
        _("View"),
        "view",
        list(VIEWS),
        named,
        default=first,
        kind="segmented_control",
        label_visibility="collapsed",
    )
    kind = pick(middle, _("Kind"), "kind", ["", *KINDS], lambda k: kind_words(_, k) if k else _("All kinds"))
    names = ledger.agent_names(page.bench)
    agents = sorted(everything.frame["agent_id"].unique().to_list(), key=lambda agent: names.get(agent) or agent)
    agent = pick(narrow, _("Agent"), "agent", ["", *agents], lambda a: (names.get(a) or a) if a else _("All agents"))
    wanted = LedgerFilter("all" if view == "agents" else view, kind, agent)
    found = everything.where(wanted)
    _export(page, right, found, view)
    if view == "agents":
        _agents(page, found)
    else:
        _list(page, found, (view, kind, agent))


def _list(page: Page, found: Ledger, choice: tuple[str, ...]) -> None:
    _ = page.t
    if not found.total:
        empty(_("No promises here"), _("Choose another view or kind."))
        return
    kept_for, start = st.session_state.get(_START, (choice, 0))
    start = start if kept_for == choice and start < found.total else 0
    rows = ledger.page(page.bench, page.actor, found, start=start).rows
    data = {
        _("Status"): [status_words(_, row.promise) for row in rows],
        _("Due"): [due_words(_, row.promise) for row in rows],
        _("Kind"): [kind_words(_, row.promise.kind) for row in rows],
        _("Sum promised"): [sum_words(_, row.promise) for row in rows],
        _("Agent"): [row.agent_name for row in rows],
        _("Said"): [" ".join(row.text.split()) for row in rows],
        _("Rests on"): [evidence_words(_, row.promise) for row in rows],
    }
    clickable(data, len(rows), "promise_rows", lambda n: open_dialog("promise", rows[n].promise.key))
    _turn(page, choice, start, len(rows), found.total)


def _turn(page: Page, choice: tuple[str, ...], start: int, shown: int, total: int) -> None:
    """Which rows of how many, and the way to the others."""
    _ = page.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if total <= ledger.PAGE:
            st.caption(_("{n} promises", n=_.number(total)))
            return
        st.caption(
            _(
                "{low} to {high} of {n} promises",
                low=_.number(start + 1),
                high=_.number(start + shown),
                n=_.number(total),
            )
        )

        def to(place: int) -> None:
            st.session_state[_START] = (choice, place)

        before, after = start - ledger.PAGE, start + ledger.PAGE
        st.button(_("Previous"), key="promise_before", disabled=start <= 0, on_click=to, args=(before,))
        st.button(_("Next"), key="promise_after", disabled=after >= total, on_click=to, args=(after,))


def _agents(page: Page, found: Ledger) -> None:
    _ = page.t
    st.caption(_("Share broken among promises whose outcome the data or a person tell, with its exact 95% interval."))
    agents = ledger.by_agent(page.bench, found)

    def share(one: ledger.AgentPromises) -> str:
        if not one.n:
            return _("no figure, n = {n}", n=0)
        return score_text(_, 100 * one.broken / one.n, 100 * one.low, 100 * one.high, one.n, unit="%")

    data = {
        _("Agent"): [one.agent_name for one in agents],
        _("Broken"): [one.broken for one in agents],
        _("Kept"): [one.kept for one in agents],
        _("Not due yet"): [one.open for one in agents],
        _("Cannot tell"): [one.unknown for one in agents],
        _("Share broken"): [share(one) for one in agents],
    }
    clickable(data, len(agents), "promise_agents", lambda n: _of_agent(agents[n].agent_id))


def _of_agent(agent_id: str) -> None:
    """To the list of one agent's promises."""
    st.session_state["pick_view"], st.session_state["pick_agent"] = "all", agent_id
    st.query_params["view"], st.query_params["agent"] = "all", agent_id


def _export(page: Page, place: st.delta_generator.DeltaGenerator, found: Ledger, view: str) -> None:
    if not page.actor.may(Right.EXPORT):
        return
    what = "promises-agents" if view == "agents" else "promises"

    def made(form: str) -> bytes:
        bench, actor = page.bench, page.actor
        frame = tables.agents(bench, found) if view == "agents" else tables.promises(bench, actor, found)
        notes = (page.t(tables.METHOD),) if view == "agents" else tables.codes(page.t)
        return exporting.export(bench, actor, now=page.now, what=what, frame=frame, form=form, notes=notes).content

    with place.popover(page.t("Export"), icon=":material/download:"):
        for form, mime in exporting.FORMATS.items():
            download(form.upper(), partial(made, form), f"spotcheck-{what}.{form}", mime, key=f"promise_{form}")
