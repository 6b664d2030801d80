"""Other accounts of a person: since when, two accounts made one after a look at what changes, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import streamlit as st

from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import show_error
from qa import ingest
from qa.errors import SpotcheckError
from qa.people import aliases
from qa.people.aliases import Alias
from qa.people.roster import RosterRow


def draw(page: Page, people: Sequence[RosterRow], names: Mapping[str, str]) -> None:
    """The section, closed until somebody needs it."""
    _ = page.t
    known = aliases.aliases(page.bench, page.actor)
    alike = aliases.alike([p.agent_id for p in people])
    with st.expander(_("Other accounts of a person") + (f" ({len(known)})" if known else "")):
        for group in alike:
            st.caption(escape(_("Perhaps one person: {accounts}", accounts=", ".join(group))))
        if known:
            _list(page, known, names)
        _form(page, names, alike[0] if alike else ())
        _merges(page)


def _list(page: Page, known: Sequence[Alias], names: Mapping[str, str]) -> None:
    _ = page.t
    frame = pl.DataFrame(
        {
            _("Other account"): [a.account for a in known],
            _("Person"): [names.get(a.agent_id, a.agent_id) for a in known],
            _("From"): [a.from_day for a in known],
            _("Until"): [a.until for a in known],
        }
    )
    st.dataframe(frame, hide_index=True, width="stretch")


def _form(page: Page, names: Mapping[str, str], alike: Sequence[str]) -> None:
    _ = page.t
    left, right = st.columns(2)
    account = left.selectbox(
        _("Other account"),
        list(names),
        index=list(names).index(alike[1]) if len(alike) > 1 else None,
        format_func=lambda a: names.get(a, a),
        accept_new_options=True,
        placeholder=_("as exports write it"),
        key="alias_account",
    )
    person = right.selectbox(
        _("Person"),
        list(names),
        index=list(names).index(alike[0]) if alike else None,
        format_func=names.__getitem__,
        placeholder=_("Choose"),
        key="alias_person",
    )
    from_day = left.date_input(_("From (empty: always)"), None, key="alias_from")
    until = right.date_input(_("Until (empty: still)"), None, key="alias_until")
    if not account or not person:
        return
    try:
        if from_day or until:
            st.caption(_("With days, only what is imported from now on is read so."))
            if st.button(_("Save"), key="alias_save", type="primary"):
                alias = Alias(account, person, from_day, until)
                aliases.add_alias(page.bench, page.actor, now=page.now, alias=alias)
                _done(page)
            return
        seen = ingest.merge_preview(page.bench, page.actor, account=account, agent_id=person)
        st.info(escape(told(page, seen)))
        if st.button(_("Merge the two accounts"), key="alias_merge", type="primary"):
            ingest.merge(page.bench, page.actor, now=page.now, account=account, agent_id=person)
            _done(page)
    except SpotcheckError as error:
        show_error(page, error)


def _merges(page: Page) -> None:
    _ = page.t
    done = ingest.merges(page.bench, page.actor)
    if not done:
        return
    labels = {run: f"{account} → {person} · {page.t.when(at)}" for run, account, person, at in done}
    run = st.selectbox(
        _("Take a merge back"), list(labels), index=None, format_func=labels.__getitem__, placeholder=_("Choose")
    )
    if run is not None and st.button(_("Take back"), key="alias_undo"):
        try:
            ingest.undo_merge(page.bench, page.actor, now=page.now, run_id=run)
        except SpotcheckError as error:
            show_error(page, error)
            return
        _done(page)


def told(page: Page, seen: ingest.Merge) -> str:
    """What a merge changes and what stays, as sentences."""
    _ = page.t
    facts = {name: page.t.number(value) for name, value in seen.to_dict().items()}
    text = _(
        "{conversations} conversations, {messages} messages, {disputes} disputes and {ratings} ratings change hands.",
        **facts,
    )
    if seen.samples or seen.case_files:
        text += " " + _(
            "{samples} drawn samples and {case_files} case files stay with the account, and the team of their day.",
            **facts,
        )
    return text


def _done(page: Page) -> None:
    st.session_state["roster_told"] = page.t("Saved.")
    for name in ("alias_account", "alias_person", "alias_from", "alias_until"):
        st.session_state.pop(name, None)
    st.rerun()
