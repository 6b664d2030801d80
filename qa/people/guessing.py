"""The limit on guessing passwords: failed sign-ins counted per browser, address and account. It never sees a
password."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from qa.errors import Denied
from qa.i18n import N_
from qa.security import log as securitylog
from qa.tables import LoginFailure
from qa.workbench import Workbench

FAILURE_WINDOW = timedelta(minutes=15)
FAILURES_PER_BROWSER = 8
"""For one account from one address: somebody guessing. Others can still sign in to that account from elsewhere."""
FAILURES_PER_ADDRESS = 40
FAILURES_PER_ACCOUNT = 200
"""For one account from anywhere: guessing spread over many addresses."""
_COUNTING = 0x5150_0001
"""The key under which PostgreSQL lets one sign-in at a time be counted."""


def count_attempt(bench: Workbench, login: str, address: str, now: datetime) -> None:
    """Refuse an attempt beyond a limit, or count it as failed before anything is computed: a good one is forgotten
    later.

    So a burst of attempts at the same moment gets no more answers than the same attempts one after the other.
    """
    subjects = _subjects(login, address)
    with bench.db.write() as session:
        if not bench.db.is_sqlite:  # writers of SQLite stand in line anyway
            session.execute(select(func.pg_advisory_xact_lock(_COUNTING)))
        failures = session.execute(
            select(LoginFailure.subject, func.count())
            .where(LoginFailure.subject.in_(subjects), LoginFailure.at > now - FAILURE_WINDOW)
            .group_by(LoginFailure.subject)
        )
        if any(count >= subjects[subject] for subject, count in failures):
            _log(bench, "sign_in.limited", login, address)
            raise Denied(
                N_("Too many failed attempts. Try again in {minutes} minutes."),
                minutes=int(FAILURE_WINDOW.total_seconds() // 60),
            )
        session.execute(delete(LoginFailure).where(LoginFailure.at < now - 4 * FAILURE_WINDOW))
        session.add_all(
            LoginFailure(subject=subject, at=now)
            for subject in (_browser_subject(login, address), _account_subject(login))
        )


def _log(bench: Workbench, event: str, login: str, address: str) -> None:
    key = bench.db.signing_key
    securitylog.note(event, login=securitylog.hidden(login, key), address=securitylog.hidden(address, key))


def remember_failure(bench: Workbench, login: str, address: str, now: datetime) -> None:
    """Count a failure for the address; for browser and account it was counted before. Many people may share an address,
    so attempts that are still being computed do not count against it."""
    _log(bench, "sign_in.failed", login, address)
    with bench.db.write() as session:
        session.add(LoginFailure(subject=_address_subject(address), at=now))


def forget_failures(session: Session, login: str, address: str | None = None) -> None:
    """After a good sign-in from `address`; or, without one, after an admin set a new password."""
    if address is None:
        session.execute(
            delete(LoginFailure).where(
                LoginFailure.subject.in_((_browser_subject(login, "-"), _account_subject(login)))
            )
        )
        return
    session.execute(delete(LoginFailure).where(LoginFailure.subject == _browser_subject(login, address)))
    own = select(func.max(LoginFailure.id)).where(LoginFailure.subject == _account_subject(login)).scalar_subquery()
    session.execute(delete(LoginFailure).where(LoginFailure.id == own))  # this very attempt was none


def _subjects(login: str, address: str) -> dict[str, int]:
    """What failures are counted for, and how many are too many."""
    return {
        _browser_subject(login, address): FAILURES_PER_BROWSER,
        _address_subject(address): FAILURES_PER_ADDRESS,
        _account_subject(login): FAILURES_PER_ACCOUNT,
    }


def _browser_subject(login: str, address: str) -> str:
    return f"browser:{address}:{login}"[:200]


def _address_subject(address: str) -> str:
    return f"address:{address}"[:200]


def _account_subject(login: str) -> str:
    return f"account:{login}"[:200]
