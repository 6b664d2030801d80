"""The first statement of every page: who is looking, may they, and in which language. Strangers get nothing.

A page runs only after the server's middleware resolved a sign-in, but a page must not rely on that (nor on the entry
script having run), so it asks again here: the sign-in row is read on every run, which is also what makes a revoked or
disabled account stop at its next click.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NoReturn

import streamlit as st

from pages.kit.escaping import escape
from qa.i18n import Translator, pick_language
from qa.people import accounts, signins
from qa.policy import Actor, Right
from qa.workbench import Workbench, shared


@dataclass(frozen=True)
class Page:
    """What a page works with: the workbench, who is looking, their language, and the moment of this run (UTC)."""

    bench: Workbench
    actor: Actor
    t: Translator
    now: datetime
    user: accounts.Account
    """The account behind `actor`, as people see it."""

    @property
    def today(self) -> date:
        """The day of this run in the business time zone."""
        return self.now.astimezone(self.bench.config.zone).date()


def enter(*rights: Right) -> Page:
    """Open the page for somebody signed in who has at least one of `rights` (none named: anybody signed in).

    Everybody else is stopped here: strangers are sent to the sign-in page, others read why they may not be here.
    """
    bench = shared()
    now = datetime.now(UTC)
    account = _account(bench, now)
    if account is None:
        _leave(bench)
    t = Translator(
        pick_language(account.language, browser_locale(), default=bench.config.language), bench.config.time_zone
    )
    page = Page(bench, account.actor, t, now, account)
    if rights and not any(account.actor.may(right) for right in rights):
        _refuse(page)
    return page


def browser_locale() -> str | None:
    """The language wish of the browser."""
    return st.context.locale


def _account(bench: Workbench, now: datetime) -> accounts.Account | None:
    mark = st.user.get("session")
    return signins.signed_in(bench, str(mark), now=now) if mark else None


def _leave(bench: Workbench) -> NoReturn:
    st.logout()  # navigates to our /auth/logout, which clears the cookie and shows /login
    st.stop()


def _refuse(page: Page) -> None:
    _ = page.t
    st.header(_("This page is not for your role"))
    st.write(
        _("You are signed in as {name}. The pages you can use are in the menu.", name=escape(page.user.display_name))
    )
    st.stop()
