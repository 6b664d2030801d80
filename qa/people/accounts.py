"""Accounts: who can sign in, with which role, and which browsers are signed in now.

Owns users, passwords, sign-ins, one-time links and the limit on guessing. Knows nothing of cookies or pages: whoever
speaks HTTP keeps the token, the database keeps only its hash.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.i18n import LANGUAGES, N_
from qa.people import guessing
from qa.policy import SYSTEM, Actor, Right, Role, require
from qa.tables import LoginLink, SignIn, User
from qa.workbench import Workbench

PASSWORD_LENGTH = 8
LINK_HOURS = 72
_LOGIN = re.compile(r"[^\s/\\<>\"'`]{1,100}")

_hasher = PasswordHasher()
_places = threading.BoundedSemaphore(max(1, min(4, os.cpu_count() or 1)))


@dataclass(frozen=True)
class Account:
    """A user as others may see them: no secrets."""

    id: int
    login: str
    display_name: str
    role: Role
    agent_id: str | None
    home_team: str | None
    language: str | None
    active: bool
    has_password: bool
    created_at: datetime

    @property
    def actor(self) -> Actor:
        """This person as the one who acts."""
        return Actor(self.id, self.role, self.display_name, self.agent_id, self.home_team)


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


# Signing in and out


def sign_in(bench: Workbench, login: str, password: str, *, address: str, now: datetime) -> SignedIn:
    """Check a password and open a sign-in. `address` is the caller's IP, used to limit guessing.

    Slow by design (argon2): call it in a worker thread. Raises `Denied` with the same message for an unknown account,
    a wrong password and a disabled account, after the same work.
    """
    login = login.strip().lower()
    with _hashing():
        guessing.count_attempt(bench, login, address, now)
        with bench.db.read() as session:
            user = session.scalar(select(User).where(User.login == login))
        known = user.password_hash if user is not None and user.active and user.password_hash else None
        if not _matches(known or _dummy_hash(), password) or known is None or user is None:
            guessing.remember_failure(bench, login, address, now)
            raise Denied(N_("The account name or the password is wrong."))
    with bench.db.write() as session:
        row = session.get_one(User, user.id)
        if row.password_hash != known or not row.active:  # changed while we were computing
            raise Denied(N_("The account name or the password is wrong."))
        if _hasher.check_needs_rehash(known):
            row.password_hash = _hasher.hash(password)
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


def sign_in_by_identity(bench: Workbench, identity: str, *, now: datetime) -> SignedIn:
    """Open a sign-in for somebody the identity provider vouched for; `identity` must be a known account name.

    Role and active flag come from our database alone.
    """
    with bench.db.write() as session:
        user = session.scalar(select(User).where(User.login == identity.strip().lower()))
        if user is None or not user.active:
            raise Denied(N_("“{login}” has no account here. Ask an admin for one."), login=identity)
        return _open(bench, session, user, now, how="identity provider")


def _open(bench: Workbench, session: Session, user: User, now: datetime, how: str) -> SignedIn:
    token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(hours=bench.config.session_hours)
    row = SignIn(token_hash=_hash(token), user_id=user.id, created_at=now, expires_at=expires_at)
    session.add(row)
    session.flush()
    account = _account(user)
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
    return _account(found[1])


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
            audit.record(session, _account(user).actor, now, "user.signed_out", "user", user.id, sign_in=ended.id)


def _mark(number: int, token_hash: str) -> str:
    return f"{number}.{hashlib.sha256(b'mark:' + token_hash.encode()).hexdigest()[:32]}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@contextmanager
def _hashing() -> Iterator[None]:
    """Wait for one of the few places where passwords are computed: each takes 64 MB and a processor for a tenth of a
    second."""
    with _places:
        yield


# Managing accounts


def create_user(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    login: str,
    role: Role,
    display_name: str = "",
    password: str | None = None,
    agent_id: str | None = None,
    home_team: str | None = None,
    language: str | None = None,
) -> Account:
    """Create an account. Without a password the person's first visit is by a one-time link (`new_link`).

    `agent_id` joins the account to the roster: required for role agent; for others it names the agent they also are,
    so that they are never given a chat of their own.
    """
    require(actor, Right.MANAGE_USERS)
    login = login.strip().lower()
    agent_id = (agent_id or "").strip() or None
    if not _LOGIN.fullmatch(login):
        raise Invalid(
            N_("“{login}” cannot be an account name: 1–100 characters without spaces, quotes or slashes."), login=login
        )
    home_team = (home_team or "").strip() or None
    _check_role(role, agent_id, home_team)
    _check_language(language)
    password_hash = _hash_password(password, login) if password is not None else None
    with bench.db.write() as session:
        if session.scalar(select(User.id).where(User.login == login)) is not None:
            raise Conflict(N_("There is already an account “{login}”."), login=login)
        user = User(
            login=login,
            display_name=(display_name.strip() or login)[:100],
            password_hash=password_hash,
            role=role.value,
            agent_id=agent_id,
            home_team=home_team,
            language=language,
            active=True,
            created_at=now,
        )
        session.add(user)
        session.flush()
        audit.record(
            session,
            actor,
            now,
            "user.created",
            "user",
            user.id,
            login=login,
            role=role.value,
            agent_id=agent_id,
            home_team=home_team,
        )
        return _account(user)


def change_user(
    bench: Workbench,
    actor: Actor,
    user_id: int,
    *,
    now: datetime,
    display_name: str,
    role: Role,
    agent_id: str | None = None,
    home_team: str | None = None,
) -> Account:
    """Change what an account is. A new role takes effect at the person's next click."""
    require(actor, Right.MANAGE_USERS)
    agent_id = (agent_id or "").strip() or None
    home_team = (home_team or "").strip() or None
    _check_role(role, agent_id, home_team)
    if not display_name.strip():
        raise Invalid(N_("The name is empty."))
    with bench.db.write() as session:
        user = _get(session, user_id)
        if role is not Role.ADMIN:
            _keep_one_admin(session, user)
        before = {
            "display_name": user.display_name,
            "role": user.role,
            "agent_id": user.agent_id,
            "home_team": user.home_team,
        }
        user.display_name, user.role, user.agent_id = display_name.strip()[:100], role.value, agent_id
        user.home_team = home_team
        after = {
            "display_name": user.display_name,
            "role": user.role,
            "agent_id": user.agent_id,
            "home_team": user.home_team,
        }
        changed = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
        if changed:
            audit.record(session, actor, now, "user.changed", "user", user.id, **changed)
        return _account(user)


def disable_user(bench: Workbench, actor: Actor, user_id: int, *, now: datetime) -> Account:
    """Lock an account and end all its sign-ins. The last active admin cannot be disabled."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.write() as session:
        user = _get(session, user_id)
        if user.active:
            _keep_one_admin(session, user)
            user.active = False
            ended = _revoke(session, user.id, now)
            session.execute(
                update(LoginLink).where(LoginLink.user_id == user.id, LoginLink.used_at.is_(None)).values(used_at=now)
            )
            audit.record(session, actor, now, "user.disabled", "user", user.id, sign_ins_ended=ended)
        return _account(user)


def enable_user(bench: Workbench, actor: Actor, user_id: int, *, now: datetime) -> Account:
    """Unlock an account."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.write() as session:
        user = _get(session, user_id)
        if not user.active:
            user.active = True
            audit.record(session, actor, now, "user.enabled", "user", user.id)
        return _account(user)


def set_password(bench: Workbench, actor: Actor, user_id: int, password: str, *, now: datetime) -> None:
    """Set somebody's password; all their sign-ins end."""
    require(actor, Right.MANAGE_USERS)
    login = find(bench, actor, user_id=user_id).login
    password_hash = _hash_password(password, login)
    with bench.db.write() as session:
        user = _get(session, user_id)
        user.password_hash = password_hash
        ended = _revoke(session, user.id, now)
        guessing.forget_failures(session, user.login)
        audit.record(session, actor, now, "user.password_set", "user", user.id, sign_ins_ended=ended)


def change_password(bench: Workbench, actor: Actor, *, old: str, new: str, mark: str, now: datetime) -> None:
    """Change one's own password; every other sign-in of the account ends, the one named by `mark` stays."""
    with bench.db.read() as session:
        user = _get(session, actor.user_id)
    with _hashing():
        guessing.count_attempt(bench, user.login, "-", now)
        if user.password_hash is not None and not _matches(user.password_hash, old):
            guessing.remember_failure(bench, user.login, "-", now)
            raise Denied(N_("The present password is wrong."))
    password_hash = _hash_password(new, user.login)
    with bench.db.write() as session:
        row = _get(session, actor.user_id)
        row.password_hash = password_hash
        guessing.forget_failures(session, row.login, "-")
        ended = _revoke(session, row.id, now, except_for=int(mark.partition(".")[0] or 0))
        audit.record(session, actor, now, "user.password_changed", "user", row.id, sign_ins_ended=ended)


def choose_language(bench: Workbench, actor: Actor, language: str | None, *, now: datetime) -> None:
    """Remember one's own language; None follows the browser again."""
    _check_language(language)
    with bench.db.write() as session:
        user = _get(session, actor.user_id)
        if user.language != language:
            user.language = language
            audit.record(session, actor, now, "user.language_chosen", "user", user.id, language=language)


def new_link(bench: Workbench, actor: Actor, user_id: int, *, now: datetime, hours: int = LINK_HOURS) -> str:
    """Token of a new one-time sign-in link for an account (the address is `/login/link?token=…`)."""
    require(actor, Right.MANAGE_USERS)
    token = secrets.token_urlsafe(32)
    with bench.db.write() as session:
        user = _get(session, user_id)
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
        _get(session, user_id)
        ended = _revoke(session, user_id, now, only=sign_in_id)
        if ended:
            audit.record(session, actor, now, "user.sign_ins_revoked", "user", user_id, sign_ins_ended=ended)
        return ended


def users(bench: Workbench, actor: Actor) -> list[Account]:
    """All accounts, active ones first."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.read() as session:
        return [_account(user) for user in session.scalars(select(User).order_by(User.active.desc(), User.login))]


def find(bench: Workbench, actor: Actor, *, login: str | None = None, user_id: int | None = None) -> Account:
    """One account by name or number; raises `NotFound`."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.read() as session:
        if user_id is not None:
            return _account(_get(session, user_id))
        user = session.scalar(select(User).where(User.login == (login or "").strip().lower()))
        if user is None:
            raise NotFound(N_("There is no account “{login}”."), login=login)
        return _account(user)


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


def _get(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(N_("There is no account with number {number}."), number=user_id)
    return user


def _account(user: User) -> Account:
    return Account(
        user.id,
        user.login,
        user.display_name,
        Role(user.role),
        user.agent_id,
        user.home_team,
        user.language,
        user.active,
        user.password_hash is not None,
        user.created_at,
    )


def _revoke(
    session: Session, user_id: int, now: datetime, *, only: int | None = None, except_for: int | None = None
) -> int:
    ending = update(SignIn).where(SignIn.user_id == user_id, SignIn.revoked_at.is_(None), SignIn.expires_at > now)
    if only is not None:
        ending = ending.where(SignIn.id == only)
    if except_for is not None:
        ending = ending.where(SignIn.id != except_for)
    return len(session.execute(ending.values(revoked_at=now).returning(SignIn.id)).all())


def _keep_one_admin(session: Session, user: User) -> None:
    if user.role != Role.ADMIN or not user.active:
        return
    admins = session.scalars(select(User.id).where(User.role == Role.ADMIN.value, User.active).with_for_update()).all()
    if list(admins) == [user.id]:
        raise Conflict(N_("“{login}” is the last active admin; make somebody else an admin first."), login=user.login)


def _check_role(role: Role, agent_id: str | None, team: str | None) -> None:
    if role is Role.TEAM_LEADER and not team:
        raise Invalid(N_("An account with the role team leader needs the team it leads."))
    if role is Role.AGENT and not agent_id:
        raise Invalid(N_("An account with the role agent needs the agent's id from the roster."))


def _check_language(language: str | None) -> None:
    if language is not None and language not in LANGUAGES:
        raise Invalid(
            N_("“{language}” is not one of the languages {languages}."),
            language=language,
            languages=" / ".join(LANGUAGES),
        )


def _hash_password(password: str, login: str) -> str:
    if len(password) < PASSWORD_LENGTH:
        raise Invalid(N_("The password is too short: at least {length} characters."), length=PASSWORD_LENGTH)
    if len(password) > 1_000:
        raise Invalid(N_("The password is too long."))
    if password.strip().lower() == login:
        raise Invalid(N_("The password must not be the account name."))
    with _hashing():
        return _hasher.hash(password)
