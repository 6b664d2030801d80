"""Tokens: with which a program works for an account, within scopes, until a day. Shown once, kept as a hash.

A token never gives more than its account has: the services ask for the rights of the account at each call, and a
disabled account has none.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from qa.errors import Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.people.accounts import Account, account_of, user_row
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import ApiToken, User
from qa.texts import written
from qa.workbench import Workbench

PREFIX = "spk_"
HINT = 10
MOST_DAYS = 366
NAME = FormField("name", N_("Name"))
USED_EVERY = timedelta(minutes=10)
"""So often it is noted that a token was used."""
SCOPES: Mapping[str, str] = {
    "conversations": N_("find and read conversations"),
    "results": N_("results and estimates"),
    "draws": N_("draws, samples and receipts"),
    "violations": N_("case files of red lines"),
    "cases": N_("the case library"),
    "assessments": N_("monthly sheets"),
    "import": N_("push conversations"),
}


@dataclass(frozen=True)
class TokenView:
    """A token as it is listed: never the token itself."""

    id: int
    user_id: int
    login: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None

    def open(self, now: datetime) -> bool:
        """Whether it can be used."""
        return self.revoked_at is None and self.expires_at > now


@dataclass(frozen=True)
class NewToken:
    """A token just made; `secret` is shown this once."""

    view: TokenView
    secret: str


def create(
    bench: Workbench, actor: Actor, *, now: datetime, user_id: int, name: str, scopes: Sequence[str], days: int
) -> NewToken:
    """Make a token for an account: one's own, or any for whoever manages users. Raises `Invalid` naming the field."""
    _require(actor, user_id)
    label = written(name, NAME, 100)
    if not scopes or not set(scopes) <= set(SCOPES):
        raise Invalid(N_("Choose at least one scope. Scopes: {known}."), known=", ".join(SCOPES))
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(N_("A token is good for 1 to {most} days, found {days}."), most=MOST_DAYS, days=days)
    secret = PREFIX + secrets.token_urlsafe(32)
    with bench.begin(actor, now) as work:
        user = user_row(work.session, user_id)
        if not user.active:
            raise Denied(N_("The account “{login}” is disabled."), login=user.login)
        row = ApiToken(
            user_id=user.id, name=label, token_hash=_hash(secret), hint=secret[:HINT], scopes=sorted(set(scopes)),
            created_at=now, expires_at=now + timedelta(days=days), revoked_at=None, used_at=None,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        work.record("token.created", "token", row.id, login=user.login, name=label, scopes=row.scopes, days=days)
        return NewToken(_view(row, user.login), secret)


def tokens(bench: Workbench, actor: Actor, user_id: int | None = None) -> tuple[TokenView, ...]:
    """The tokens of an account, or of all, the newest first; those that ended stay on the list."""
    _require(actor, user_id)
    query = select(ApiToken, User.login).join(User, User.id == ApiToken.user_id).order_by(ApiToken.id.desc())
    if user_id is not None:
        query = query.where(ApiToken.user_id == user_id)
    with bench.db.read() as session:
        return tuple(_view(row, login) for row, login in session.execute(query))


def revoke(bench: Workbench, actor: Actor, token_id: int, *, now: datetime) -> None:
    """End a token at once. Twice is once."""
    with bench.begin(actor, now) as work:
        row = work.session.get(ApiToken, token_id, with_for_update=True)
        if row is None or (row.user_id != actor.user_id and not _manages(actor)):
            raise NotFound(N_("There is no token {number}."), number=token_id)
        if row.revoked_at is None:
            row.revoked_at = now
            work.record("token.revoked", "token", row.id, name=row.name)


def opened(bench: Workbench, secret: str, *, now: datetime) -> tuple[Account, TokenView] | None:
    """Whom a token speaks for; None when it is unknown, ended or its account is disabled."""
    query = (
        select(ApiToken, User)
        .join(User, User.id == ApiToken.user_id)
        .where(
            ApiToken.token_hash == _hash(secret), ApiToken.revoked_at.is_(None), ApiToken.expires_at > now, User.active
        )
    )
    with bench.db.read() as session:
        found = session.execute(query).one_or_none()
    if found is None:
        return None
    row, user = found
    if row.used_at is None or now - row.used_at > USED_EVERY:
        with bench.db.write() as session:
            session.execute(update(ApiToken).where(ApiToken.id == row.id).values(used_at=now))
    return account_of(user), _view(row, user.login)


def _require(actor: Actor, user_id: int | None) -> None:
    if user_id is None or user_id != actor.user_id or actor is SYSTEM:
        require(actor, Right.MANAGE_USERS)


def _manages(actor: Actor) -> bool:
    return actor is SYSTEM or actor.may(Right.MANAGE_USERS)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _view(row: ApiToken, login: str) -> TokenView:
    return TokenView(
        row.id, row.user_id, login, row.name, row.hint, tuple(row.scopes), row.created_at, row.expires_at,
        row.revoked_at, row.used_at,
    )  # fmt: skip
