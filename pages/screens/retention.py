"""The retention section of the admin page: how long text is kept, and removing what is older or one customer's."""

from __future__ import annotations

import polars as pl
import streamlit as st

from pages.kit import jobs as job_view
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.widgets import confirm, empty, showing_errors
from qa import jobs, retention
from qa.i18n import N_
from qa.retention import Matter, PastRemoval, RemovalPreview, SourcePolicy

POLICY, REQUEST = "policy", "request"
KINDS = {POLICY: N_("What is older than its policy"), REQUEST: N_("All text of one customer who asks for it")}
ASKED = "removal_asked"
"""What is looked at: source, and the customer or nothing."""


def draw(page: Page) -> None:
    """Draw the section."""
    _ = page.t
    st.caption(
        _(
            "Removing takes customers' text out of the archive, transcripts, uploads, search and case library for good."
            " Scores, receipts and draws stay and can still be verified."
        )
    )
    known = retention.policies(page.bench, page.actor)
    if not known:
        empty(_("Nothing was imported yet."), _("Policies are set per source of conversations."))
        return
    _policies(page, known)
    st.subheader(_("Remove text"), anchor=False)
    if not job_view.running(page, jobs.REMOVAL, N_("Removing … {share}"), key="removal", until=0):
        _result(page)
        _interrupted(page)
        _new_removal(page, known)
    _past(page)


def _days(page: Page, days: int | None) -> str:
    _ = page.t
    return _("for ever") if days is None else _("{n} days", n=days)


def _policies(page: Page, known: tuple[SourcePolicy, ...]) -> None:
    """How long the text of every source is kept, and a form that changes one."""
    _ = page.t
    st.dataframe(
        pl.DataFrame({_("Source"): [p.source for p in known], _("Text is kept"): [_days(page, p.days) for p in known]}),
        hide_index=True,
        height="content" if len(known) < 12 else 420,
    )
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    source = left.selectbox(_("Source"), [p.source for p in known], key="policy_source")
    now = next(p.days for p in known if p.source == source)
    days = middle.number_input(
        _("Days to keep"),
        min_value=retention.LEAST_DAYS,
        max_value=retention.MOST_DAYS,
        value=now,
        placeholder=_("for ever"),
        help=_("Empty: for ever. Saving removes nothing by itself."),
        key=f"policy_days_{source}",
    )
    if right.button(_("Save"), key="save_policy", disabled=days == now, type="primary"):
        with showing_errors(page):
            retention.set_policy(
                page.bench, page.actor, now=page.now, source=source, days=None if days is None else int(days)
            )
            st.rerun()


def _result(page: Page) -> None:
    """What the last removal took away, and the backups that still hold it."""
    _ = page.t
    done = job_view.ended(page, jobs.REMOVAL, key="removal")
    if done is None:
        return
    st.success(
        _(
            "Removal {number}: {units} conversations and records, {texts} frozen transcripts, {files} files.",
            number=done.removal_id,
            units=_.number(done.units),
            texts=_.number(done.transcripts),
            files=_.number(done.files),
        ),
        icon=":material/check:",
    )
    _still_held(page, done.backups)
    job_view.done_with(page, jobs.REMOVAL, key="removal")


def _still_held(page: Page, backups: tuple[str, ...]) -> None:
    if backups:
        names = ", ".join(escape(name) for name in backups)
        st.warning(page.t("These backups still hold the text; delete them when you may: {names}", names=names))


def _interrupted(page: Page) -> None:
    """Removals that were begun and did not end, each with a way to go on."""
    _ = page.t
    for late in retention.unfinished(page.bench, page.actor):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(_("Removal {number} was interrupted; part of it is done.", number=late.removal_id))
            st.button(_("Go on with it"), key=f"go_on_{late.removal_id}", on_click=_start, args=(page, late.removal_id))


def _start(page: Page, removal_id: int) -> None:
    with showing_errors(page):
        job_view.start(page, jobs.REMOVAL, jobs.RemoveText(removal_id), request=f"removal-{removal_id}")


def _new_removal(page: Page, known: tuple[SourcePolicy, ...]) -> None:
    """Choose what goes, look at the counts, say why, confirm."""
    _ = page.t
    kind = st.radio(
        _("What is removed"), list(KINDS), format_func=lambda k: _(KINDS[k]), key="removal_kind", horizontal=True
    )
    sources = [p.source for p in known if kind == REQUEST or p.days is not None]
    if not sources:
        st.info(_("No source has a policy yet; set one above."))
        return
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    source = left.selectbox(_("Source"), sources, key=f"removal_source_{kind}")
    customer = None
    if kind == REQUEST:
        customer = middle.text_input(
            _("Customer"), key="removal_customer", max_chars=200, help=_("The customer's id as the exports write it")
        ).strip()
    if right.button(_("Show what would go"), key="look_at_removal", disabled=customer == ""):
        st.session_state[ASKED] = (source, customer)
    if st.session_state.get(ASKED) != (source, customer):
        return
    days = next(p.days for p in known if p.source == source)
    matter = Matter(source, customer=customer) if customer else Matter.older_than(source, days or 0, page.now)
    with showing_errors(page):
        found = retention.preview(page.bench, page.actor, matter)
        _previewed(page, found, matter)


def _previewed(page: Page, found: RemovalPreview, matter: Matter) -> None:
    _ = page.t
    if found.nothing:
        empty(
            _("Nothing to remove."),
            _("The archive holds nothing of this customer in this source.") if matter.customer else "",
        )
        return
    counted = {
        _("Conversations"): found.conversations,
        _("Messages"): found.messages,
        _("Disputes"): found.disputes,
        _("Ratings"): found.ratings,
        _("Frozen transcripts"): found.transcripts,
        _("Case files"): found.case_files,
        _("Cases"): found.cases,
        _("Draws that picked from them"): found.draws,
    }
    st.dataframe(
        pl.DataFrame({_("What"): list(counted), _("Number"): [_.number(n) for n in counted.values()]}), hide_index=True
    )
    _still_held(page, found.backups)
    reason = st.text_input(_("Reason"), key="removal_reason", max_chars=500, help=_("Kept in the audit trail"))
    if confirm(
        page,
        _("Remove for good"),
        _(
            "{n} conversations lose their text for good; this cannot be taken back. Remove?",
            n=_.number(found.conversations),
        ),
        key="remove_text",
        disabled=not reason.strip(),
    ):
        number = retention.begin(page.bench, page.actor, now=page.now, matter=matter, reason=reason)
        st.session_state.pop(ASKED, None)
        job_view.start(page, jobs.REMOVAL, jobs.RemoveText(number), request=f"removal-{number}")
        st.rerun()


def _past(page: Page) -> None:
    """Removals so far."""
    _ = page.t
    done = retention.history(page.bench, page.actor)
    if not done:
        return
    st.subheader(_("Removals so far"), anchor=False)
    st.dataframe(
        pl.DataFrame(
            {
                _("No."): [one.removal_id for one in done],
                _("Source"): [one.source for one in done],
                _("What"): [_(KINDS[one.kind]) for one in done],
                _("Begun"): [_.when(one.begun_at) for one in done],
                _("Ended"): [_.when(one.ended_at) if one.ended_at else _("interrupted") for one in done],
                _("Conversations and records"): [_units(page, one) for one in done],
                _("Reason"): [one.reason for one in done],
            }
        ),
        hide_index=True,
        height="content" if len(done) < 12 else 420,
    )


def _units(page: Page, one: PastRemoval) -> str:
    return page.t.number(one.counts["units"]) if "units" in one.counts else "–"
