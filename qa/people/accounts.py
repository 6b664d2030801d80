"""Accounts: who can sign in, and with which role. Signing in itself is in `qa.people.signins`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.i18n import LANGUAGES, N_
from qa.people import guessing
from qa.people.passwords import hash_password, hashing, matches
from qa.policy import SYSTEM, Actor, Right, Role, require
from qa.tables import LoginLink, SignIn, User
from qa.workbench import Workbench

_LOGIN = re.compile(r"[^\s/\\<>\"'`]{1,100}")


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
    password_hash = hash_password(password, login) if password is not None else None
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
        return account_of(user)


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
        user = user_row(session, user_id)
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
            audit.record(session, actor, now, "user.changed", "user", user.id, changes=changed)
        return account_of(user)


def take_role(session: Session, user: User, role: Role, now: datetime) -> None:
    """Give an account the role that an identity provider claims, in the transaction of the sign-in. The last active
    admin stays one. Raises `Conflict`, `Invalid`."""
    if user.role == role.value:
        return
    _check_role(role, user.agent_id, user.home_team)
    _keep_one_admin(session, user)
    before, user.role = user.role, role.value
    audit.record(session, SYSTEM, now, "user.changed", "user", user.id, role=[before, role.value])


def disable_user(bench: Workbench, actor: Actor, user_id: int, *, now: datetime) -> Account:
    """Lock an account and end all its sign-ins. The last active admin cannot be disabled."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.write() as session:
        user = user_row(session, user_id)
        if user.active:
            _keep_one_admin(session, user)
            user.active = False
            ended = end_sign_ins(session, user.id, now)
            session.execute(
                update(LoginLink).where(LoginLink.user_id == user.id, LoginLink.used_at.is_(None)).values(used_at=now)
            )
            audit.record(session, actor, now, "user.disabled", "user", user.id, sign_ins_ended=ended)
        return account_of(user)


def enable_user(bench: Workbench, actor: Actor, user_id: int, *, now: datetime) -> Account:
    """Unlock an account."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.write() as session:
        user = user_row(session, user_id)
        if not user.active:
            user.active = True
            audit.record(session, actor, now, "user.enabled", "user", user.id)
        return account_of(user)


def set_password(bench: Workbench, actor: Actor, user_id: int, password: str, *, now: datetime) -> None:
    """Set somebody's password; all their sign-ins end."""
    require(actor, Right.MANAGE_USERS)
    login = find(bench, actor, user_id=user_id).login
    password_hash = hash_password(password, login)
    with bench.db.write() as session:
        user = user_row(session, user_id)
        user.password_hash = password_hash
        ended = end_sign_ins(session, user.id, now)
        guessing.forget_failures(session, user.login)
        audit.record(session, actor, now, "user.password_set", "user", user.id, sign_ins_ended=ended)


def change_password(bench: Workbench, actor: Actor, *, old: str, new: str, mark: str, now: datetime) -> None:
    """Change one's own password; every other sign-in of the account ends, the one named by `mark` stays."""
    with bench.db.read() as session:
        user = user_row(session, actor.user_id)
    with hashing():
        guessing.count_attempt(bench, user.login, "-", now)
        if user.password_hash is not None and not matches(user.password_hash, old):
            guessing.remember_failure(bench, user.login, "-", now)
            raise Denied(N_("The present password is wrong."))
    password_hash = hash_password(new, user.login)
    with bench.db.write() as session:
        row = user_row(session, actor.user_id)
        row.password_hash = password_hash
        guessing.forget_failures(session, row.login, "-")
        ended = end_sign_ins(session, row.id, now, except_for=int(mark.partition(".")[0] or 0))
        audit.record(session, actor, now, "user.password_changed", "user", row.id, sign_ins_ended=ended)


def choose_language(bench: Workbench, actor: Actor, language: str | None, *, now: datetime) -> None:
    """Remember one's own language; None follows the browser again."""
    _check_language(language)
    with bench.db.write() as session:
        user = user_row(session, actor.user_id)
        if user.language != language:
            changes = audit.changes({"language": user.language}, {"language": language})
            user.language = language
            audit.record(session, actor, now, "user.language_chosen", "user", user.id, changes=changes)


def users(bench: Workbench, actor: Actor) -> list[Account]:
    """All accounts, active ones first."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.read() as session:
        return [account_of(user) for user in session.scalars(select(User).order_by(User.active.desc(), User.login))]


def find(bench: Workbench, actor: Actor, *, login: str | None = None, user_id: int | None = None) -> Account:
    """One account by name or number; raises `NotFound`."""
    require(actor, Right.MANAGE_USERS)
    with bench.db.read() as session:
        if user_id is not None:
            return account_of(user_row(session, user_id))
        user = session.scalar(select(User).where(User.login == (login or "").strip().lower()))
        if user is None:
            raise NotFound(N_("There is no account “{login}”."), login=login)
        return account_of(user)


def user_row(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(N_("There is no account with number {number}."), number=user_id)
    return user


def account_of(user: User) -> Account:
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


def end_sign_ins(
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
