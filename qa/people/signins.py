"""Signing in and out: by password, one-time link or identity provider, and which browsers are signed in now.

Knows nothing of cookies or pages: whoever speaks HTTP keeps the token, the database keeps only its hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Conflict, Denied
from qa.i18n import N_
from qa.people import guessing
from qa.people.accounts import Account, account_of, end_sign_ins, take_role, user_row
from qa.people.passwords import dummy_hash, hasher, hashing, matches
from qa.policy import SYSTEM, Actor, Right, Role, require
from qa.tables import LoginLink, SignIn, User
from qa.workbench import Workbench

LINK_HOURS = 72
BY_REACH = (Role.ADMIN, Role.LEAD, Role.TEAM_LEADER, Role.INSPECTOR, Role.AGENT)
"""Roles, the one that counts first where somebody is given several."""


@dataclass(frozen=True)
class SignedIn:
    """A new sign-in: the token for the browser's cookie, and until when it is good."""

    account: Account
    token: str
    expires_at: datetime


@dataclass(frozen=True)
class OpenSignIn:
    """A browser that is signed in now."""

    id: int
    user_id: int
    login: str
    display_name: str
    created_at: datetime
    expires_at: datetime


def sign_in(bench: Workbench, login: str, password: str, *, address: str, now: datetime) -> SignedIn:
    """Check a password and open a sign-in. `address` is the caller's IP, used to limit guessing.

    Slow by design (argon2): call it in a worker thread. Raises `Denied` with the same message for an unknown account,
    a wrong password and a disabled account, after the same work.
    """
    login = login.strip().lower()
    with hashing():
        guessing.count_attempt(bench, login, address, now)
        with bench.db.read() as session:
            user = session.scalar(select(User).where(User.login == login))
        known = user.password_hash if user is not None and user.active and user.password_hash else None
        if not matches(known or dummy_hash(), password) or known is None or user is None:
            guessing.remember_failure(bench, login, address, now)
            raise Denied(N_("The account name or the password is wrong."))
    with bench.db.write() as session:
        row = session.get_one(User, user.id)
        if row.password_hash != known or not row.active:  # changed while we were computing
            raise Denied(N_("The account name or the password is wrong."))
        if hasher.check_needs_rehash(known):
            row.password_hash = hasher.hash(password)
        guessing.forget_failures(session, login, address)
        return _open(bench, session, row, now, how="password")


def sign_in_by_link(bench: Workbench, token: str, *, now: datetime) -> SignedIn:
    """Use a one-time link. Raises `Denied` when it is unknown, used or expired, or the account is disabled."""
    with bench.db.write() as session:
        used = session.execute(
            update(LoginLink)
            .where(LoginLink.token_hash == _hash(token), LoginLink.used_at.is_(None), LoginLink.expires_at > now)
            .values(used_at=now)
            .returning(LoginLink.user_id)
        ).scalar_one_or_none()
        user = session.get(User, used) if used is not None else None
        if user is None or not user.active:
            raise Denied(N_("This sign-in link is not valid any more. Ask for a new one."))
        return _open(bench, session, user, now, how="link")


def sign_in_by_identity(
    bench: Workbench, identity: str, *, now: datetime, roles: Sequence[str] | None = None
) -> SignedIn:
    """Open a sign-in for somebody the identity provider vouched for; `identity` must be a known account name.

    The active flag comes from our database alone, and so does the role, unless the provider gives `roles`: then the
    highest of them (names as in `Role`, also as `spotcheck-lead`) is the account's role from now on. Raises `Denied`
    where there is no account or no role, `Invalid` for a role that needs an agent or a team the account lacks.
    """
    with bench.db.write() as session:
        user = session.scalar(select(User).where(User.login == identity.strip().lower()))
        if user is None or not user.active:
            raise Denied(N_("“{login}” has no account here. Ask an admin for one."), login=identity)
        if roles is not None:
            take_role(session, user, _highest(roles, identity), now)
        return _open(bench, session, user, now, how="identity provider")


def _highest(said: Sequence[str], identity: str) -> Role:
    names = {name.strip().casefold().removeprefix("spotcheck-").replace("-", "_") for name in said}
    for role in BY_REACH:
        if role.value in names:
            return role
    raise Denied(N_("The identity provider gives “{login}” no role here. Ask an admin for one."), login=identity)


def _open(bench: Workbench, session: Session, user: User, now: datetime, how: str) -> SignedIn:
    token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(hours=bench.config.session_hours)
    row = SignIn(token_hash=_hash(token), user_id=user.id, created_at=now, expires_at=expires_at)
    session.add(row)
    session.flush()
    account = account_of(user)
    audit.record(session, account.actor, now, "user.signed_in", "user", user.id, how=how, sign_in=row.id)
    return SignedIn(account, token, expires_at)


def session_mark(bench: Workbench, token: str, *, now: datetime) -> str | None:
    """The public name of the sign-in that `token` opens, or None. Safe to show to scripts: it opens nothing."""
    with bench.db.read() as session:
        row = session.execute(
            select(SignIn.id, SignIn.token_hash)
            .join(User, User.id == SignIn.user_id)
            .where(SignIn.token_hash == _hash(token), SignIn.revoked_at.is_(None), SignIn.expires_at > now, User.active)
        ).one_or_none()
    return None if row is None else _mark(row.id, row.token_hash)


_SIGNED_IN = (
    select(SignIn.token_hash, User)
    .join(User, User.id == SignIn.user_id)
    .where(
        SignIn.id == bindparam("sign_in"),
        SignIn.revoked_at.is_(None),
        SignIn.expires_at > bindparam("now"),
        User.active,
    )
)  # built once: every run of every page asks


def signed_in(bench: Workbench, mark: str, *, now: datetime) -> Account | None:
    """Who is behind a session mark, or None when that sign-in is over or the account disabled. One indexed read."""
    number, _, _check = mark.partition(".")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    with bench.db.read() as session:
        found = session.execute(_SIGNED_IN, {"sign_in": int(number), "now": now}).one_or_none()
    if found is None or not hmac.compare_digest(_mark(int(number), found[0]), mark):
        return None
    return account_of(found[1])


def sign_out(bench: Workbench, token: str, *, now: datetime) -> None:
    """End the sign-in that `token` opens; nothing happens when there is none."""
    with bench.db.write() as session:
        ended = session.execute(
            update(SignIn)
            .where(SignIn.token_hash == _hash(token), SignIn.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(SignIn.id, SignIn.user_id)
        ).one_or_none()
        if ended is not None:
            user = session.get_one(User, ended.user_id)
            audit.record(session, account_of(user).actor, now, "user.signed_out", "user", user.id, sign_in=ended.id)


def _mark(number: int, token_hash: str) -> str:
    return f"{number}.{hashlib.sha256(b'mark:' + token_hash.encode()).hexdigest()[:32]}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_link(bench: Workbench, actor: Actor, user_id: int, *, now: datetime, hours: int = LINK_HOURS) -> str:
    """Token of a new one-time sign-in link for an account (the address is `/login/link?token=…`)."""
    require(actor, Right.MANAGE_USERS)
    token = secrets.token_urlsafe(32)
    with bench.db.write() as session:
        user = user_row(session, user_id)
        if not user.active:
            raise Conflict(N_("The account “{login}” is disabled."), login=user.login)
        session.add(
            LoginLink(token_hash=_hash(token), user_id=user.id, expires_at=now + timedelta(hours=hours), used_at=None)
        )
        audit.record(session, actor, now, "user.link_made", "user", user.id, hours=hours)
    return token


def revoke_sign_ins(
    bench: Workbench, actor: Actor, user_id: int, *, now: datetime, sign_in_id: int | None = None
) -> int:
    """End all sign-ins of an account, or only one of them. One's own may always be ended. Returns how many."""
    if actor.user_id != user_id or actor is SYSTEM:
        require(actor, Right.MANAGE_USERS)
    with bench.db.write() as session:
        user_row(session, user_id)
        ended = end_sign_ins(session, user_id, now, only=sign_in_id)
        if ended:
            audit.record(session, actor, now, "user.sign_ins_revoked", "user", user_id, sign_ins_ended=ended)
        return ended


def open_sign_ins(bench: Workbench, actor: Actor, *, now: datetime) -> list[OpenSignIn]:
    """Browsers that are signed in now, newest first."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.read() as session:
        rows = session.execute(
            select(SignIn.id, User.id, User.login, User.display_name, SignIn.created_at, SignIn.expires_at)
            .join(User, User.id == SignIn.user_id)
            .where(SignIn.revoked_at.is_(None), SignIn.expires_at > now)
            .order_by(SignIn.id.desc())
            .limit(1_000)
        )
        return [OpenSignIn(*row) for row in rows]
