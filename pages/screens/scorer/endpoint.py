"""The endpoint of a machine scorer: set up and tested by an admin, run as a job, and the register of its use."""

from __future__ import annotations

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import confirm, plain_text, showing_errors
from qa import jobs
from qa.i18n import N_
from qa.policy import Right
from qa.scorer import endpoint, precedents, setup, trying
from qa.scorer.setup import Setup
from qa.scorer.trying import Test


def show(page: Page) -> None:
    """Set-up, consent, test and run."""
    with showing_errors(page):
        now = setup.current(page.bench, page.actor)
        _form(page, now)
        if now is not None:
            _consent(page, now)
            _actions(page)


def _form(page: Page, now: Setup | None) -> None:
    _ = page.t
    known = now or Setup("http://127.0.0.1:8000/v1", "")
    with st.form("scorer_setup", border=False):
        left, right = st.columns(2)
        url = left.text_input(
            _("Address"),
            known.url,
            help=_("OpenAI-compatible chat completions: vLLM, Ollama, llama.cpp or a hosted service"),
        )
        model = right.text_input(_("Model"), known.model)
        held = _("kept, ends in {end}", end=known.key_end) if known.key_end else ""
        key = left.text_input(
            _("Key"),
            type="password",
            placeholder=held,
            help=_("Sealed; never shown again. Empty keeps the one there is."),
        )
        budget = right.number_input(_("Conversations a run"), 1, 1_000_000, known.budget)
        cells = st.columns(4)
        price_in = cells[0].number_input(_("Price of a million tokens in"), 0.0, 1e6, known.price_in)
        price_out = cells[1].number_input(_("Price of a million tokens out"), 0.0, 1e6, known.price_out)
        concurrency = cells[2].number_input(_("At once"), 1, 64, known.concurrency)
        per_minute = cells[3].number_input(_("A minute"), 1, 100_000, known.per_minute)
        cases = _cases(page, now)
        if st.form_submit_button(_("Save the set-up"), type="primary"):
            wanted = Setup(
                url, model, "", price_in, price_out, int(budget), int(concurrency), int(per_minute), known.timeout,
                cases,
            )  # fmt: skip
            setup.save(page.bench, page.actor, now=page.now, setup=wanted, key=key or None)
            st.toast(_("The set-up is saved."))
            st.rerun()


def _cases(page: Page, now: Setup | None) -> tuple[int, ...]:
    """Which cases of the library the prompt has: as it is, the newest, or none."""
    _ = page.t
    held, newest = (now.cases if now is not None else ()), precedents.offered(page.bench, page.actor)
    choices = (
        {"newest": newest, "none": ()}
        if now is None or held == newest
        else {"held": held, "newest": newest, "none": ()}
    )
    words = {
        "held": _("as now: {n}", n=len(held)), "newest": _("the newest of each criterion: {n}", n=len(newest)),
        "none": _("none"),
    }  # fmt: skip
    standard = "none" if now is not None and not held else next(iter(choices))
    chosen = st.selectbox(
        _("Precedents from the case library"),
        list(choices),
        list(choices).index(standard),
        format_func=words.__getitem__,
        help=_(
            "Other precedents make another version: everything is scored anew by it. A case that is withdrawn leaves "
            "the prompt at once."
        ),
    )
    return choices[chosen]


def _consent(page: Page, now: Setup) -> None:
    _ = page.t
    if now.local:
        st.caption(_("The address is on this machine: nothing leaves it."))
        return
    known = next((one for one in setup.consents(page.bench, page.actor) if one.host == now.host), None)
    if known is not None:
        plain_text(
            _(
                "{who} consented to sending masked text to {host}: {reason}",
                who=known.by,
                host=known.host,
                reason=known.reason,
            )
        )
        if confirm(page, _("Take the consent back"), _("Nothing is sent there from now on."), key="scorer_forbid"):
            setup.forbid(page.bench, page.actor, now=page.now, host=now.host)
            st.rerun()
        return
    st.warning(
        _(
            "{host} is not this machine: masked text would leave it. Nothing is sent before an admin consents by name.",
            host=now.host,
        )
    )
    reason = st.text_input(_("Reason"), key="scorer_reason", max_chars=500)
    if st.button(_("I consent, as {name}", name=page.actor.name), key="scorer_allow", disabled=not reason.strip()):
        setup.allow(page.bench, page.actor, now=page.now, host=now.host, reason=reason)
        st.rerun()


def _actions(page: Page) -> None:
    _ = page.t
    left, right = st.columns(2)
    if left.button(_("Test on twenty judged conversations"), key="scorer_test"):
        with st.spinner(_("Asking the machine scorer")):
            st.session_state["scorer_tested"] = trying.test(page.bench, page.actor)
    if right.button(_("Score what waits"), key="scorer_run"):
        jobs.ask(page.bench, page.actor, jobs.SCORER_RUN, jobs.RunScorer(), now=page.now)
        st.toast(_("The work goes on when this page is closed."))
    if (found := st.session_state.get("scorer_tested")) is not None:
        _tested(page, found)


def _tested(page: Page, found: Test) -> None:
    _ = page.t
    if found.stopped:
        st.warning(_(endpoint.STATES[found.stopped]))
        return
    data = {
        _("Conversation"): [one.conversation_key for one in found.rows],
        _("State"): [_(endpoint.STATES[one.state]) for one in found.rows],
        _("Points apart"): ["–" if one.apart is None else _.change(one.apart, 1) for one in found.rows],
        _("Void"): [one.void for one in found.rows],
        _("Cannot tell"): [one.unsure for one in found.rows],
    }
    st.dataframe(data, hide_index=True, width="stretch")
    st.caption(
        _(
            "Cost of this test: {cost}; of a thousand conversations: {thousand}.",
            cost=_.number(found.cost, 4), thousand=_.number(found.thousand, 2),
        )
    )  # fmt: skip


REGISTER = (
    N_("What it is for: its scores narrow the intervals of means that inspectors' reviews give. It decides nothing."),
    N_("Who decides: inspectors score, leads rule, agents may appeal. No score of a machine enters a result."),
    N_(
        "What leaves: masked text only, names and numbers as tokens; to this machine, or to hosts an admin consented "
        "to by name."
    ),
    N_(
        "How it is watched: gold conversations in every run, part of the questions asked twice and in reverse; drift "
        "returns to the version before."
    ),
    N_("Who is told: agents read on their results page that machine scores are used, and how."),
)
"""What a register of systems that assess people says of it, whatever the version."""


def register(page: Page) -> None:
    """The register page: purpose, oversight, consents and versions; printed as it stands."""
    from qa.scorer import versions

    _ = page.t
    for line in REGISTER:
        st.markdown(f"- {_(line)}")
    now = setup.current(page.bench, page.actor)
    if now is not None:
        plain_text(_("Endpoint: {host}, model {model}", host=now.host, model=now.model))
    for one in setup.consents(page.bench, page.actor):
        plain_text(
            _(
                "{who} consented to sending masked text to {host}: {reason}",
                who=one.by,
                host=one.host,
                reason=one.reason,
            )
        )
    found = versions.list_scorers(page.bench, page.actor)
    data = {
        _("Scorer"): [one.name for one in found],
        _("Version"): [f"{one.label} ({one.version})" for one in found],
        _("Kind"): [_(versions.KIND_NAMES[one.kind]) for one in found],
        _("State"): [_(versions.STATES[one.state]) for one in found],
        _("Created"): [_.when(one.created_at) for one in found],
        _("Taken into use"): [_.when(one.activated_at) if one.activated_at else "–" for one in found],
        _("Prompt"): [str(one.content.get("prompt", "–"))[:12] for one in found],
    }
    st.table(data)


def may_set_up(page: Page) -> bool:
    return page.actor.may(Right.MAINTAIN)
