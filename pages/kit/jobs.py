"""Long work on a page: how far it is, the button that stops it, how it ended. The work itself is a job and needs no
page: whoever comes back later finds it where it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import streamlit as st

from pages.kit.guard import Page
from pages.kit.widgets import show_error
from qa import jobs
from qa.errors import NotFound
from qa.i18n import N_
from qa.jobs import JobKind, JobView

R = TypeVar("R")
SLOW = timedelta(seconds=20)
"""A job that waits longer than this waits for somebody to start a worker."""


def start(page: Page, kind: JobKind[Any, Any], params: object, request: str = "") -> None:
    """Ask for the job, in place of an earlier one of the kind."""
    forget(page, kind)
    jobs.ask(page.bench, page.actor, kind, params, now=page.now, request=request)


def forget(page: Page, kind: JobKind[Any, Any]) -> None:
    """Put away how the latest job of the kind ended."""
    job = jobs.latest(page.bench, page.actor, kind)
    if job is not None and job.ended:
        jobs.put_away(page.bench, page.actor, job.id, now=page.now)


def running(
    page: Page,
    kind: JobKind[Any, Any],
    words: str,
    *,
    key: str,
    stop: str = N_("Cancel"),
    help: str = "",
    until: float = 1,
) -> bool:
    """Show the job of this kind that is under way; True while there is one. `words` is a msgid with {share}.

    It can be stopped while its share done is below `until`.
    """
    job = jobs.latest(page.bench, page.actor, kind)
    if job is None or job.ended:
        return False
    _poll(page, job.id, words, key, stop, help, until)
    return True


def ended(page: Page, kind: JobKind[Any, R], *, key: str) -> R | None:
    """The result of the latest job of this kind; an error is shown here, with a button that puts it away."""
    job: JobView[R] | None = jobs.latest(page.bench, page.actor, kind)
    if job is None or not job.ended or job.state == "done":
        return None if job is None else job.result
    _ = page.t
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.error is not None:
            show_error(page, job.error)
        else:
            st.info(_("Stopped, as you asked."), icon=":material/info:")
        done_with(page, kind, key=key)
    return None


def done_with(page: Page, kind: JobKind[Any, Any], *, key: str) -> None:
    """The button that puts away how the latest job of the kind ended."""
    st.button(page.t("Got it"), key=f"{key}_dismiss", type="tertiary", on_click=forget, args=(page, kind))


@st.fragment(run_every=0.7)
def _poll(page: Page, job_id: int, words: str, key: str, stop: str, help: str, until: float) -> None:
    _, now = page.t, datetime.now(UTC)
    try:
        job = jobs.get(page.bench, page.actor, job_id)
    except NotFound:  # a restore has replaced the database with its jobs and its sign-ins: the page sees to that
        st.rerun(scope="app")
    if job.ended:
        st.rerun(scope="app")
    waits = job.state == "waiting"
    st.progress(job.share, text=_("Waiting to begin …") if waits else _(words, share=_.percent(job.share, 0)))
    if waits and now - job.asked_at > SLOW:
        st.caption(
            _(
                "{n} jobs are ahead of it. The server does them itself unless it was told not to; then “spotcheck run”"
                " does.",
                n=jobs.ahead(page.bench, job_id),
            )
        )
    st.caption(_("You may close this page: the work goes on, and its result is here when you come back."))
    if job.state == "stopping":
        st.caption(_("Stopping …"))
    elif job.share < until:
        hint = _(help) if help else None
        st.button(_(stop), key=f"{key}_cancel", help=hint, on_click=_cancel, args=(page, job_id))


def _cancel(page: Page, job_id: int) -> None:
    jobs.cancel(page.bench, page.actor, job_id, now=datetime.now(UTC))
