"""Several accounts of one person: what an account says on a day is said by the person it belonged to on that day.

An alias has days, because accounts are handed on. Nobody is somebody else's alias twice over: an alias leads to a
person of the roster, who is none.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_
from qa.people.teams import FIRST_DAY
from qa.policy import Actor, Right, require
from qa.tables import Agent, AgentAlias
from qa.workbench import Workbench


@dataclass(frozen=True)
class Alias:
    """An account of a person: `account` is `agent_id` from `from_day` (null: always) to `until` (null: still), both
    included."""

    account: str
    agent_id: str
    from_day: date | None = None
    until: date | None = None

    def covers(self, other: Alias) -> bool:
        """Whether the two have a day in common."""
        return (self.until is None or (other.from_day or FIRST_DAY) <= self.until) and (
            other.until is None or (self.from_day or FIRST_DAY) <= other.until
        )


def aliases(bench: Workbench, actor: Actor) -> list[Alias]:
    """All aliases, by person and account."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        return known(session)


def known(session: Session) -> list[Alias]:
    """As `aliases`, inside a transaction."""
    rows = session.scalars(select(AgentAlias).order_by(AgentAlias.agent_id, AgentAlias.account, AgentAlias.from_day))
    return [Alias(r.account, r.agent_id, None if r.from_day == FIRST_DAY else r.from_day, r.until) for r in rows]


def add_alias(bench: Workbench, actor: Actor, *, now: datetime, alias: Alias) -> None:
    """Say that an account belongs to a person. What is imported from now on is theirs; what is there stays as it is
    until it is merged. Raises `Invalid`, `NotFound`, `Conflict` for an account that is somebody else's on a day."""
    require(actor, Right.IMPORT)
    with bench.db.write() as session:
        put(session, alias, now)
        audit.record(session, actor, now, "roster.alias_added", "agent", alias.agent_id, **facts(alias))


def put(session: Session, alias: Alias, now: datetime) -> None:
    """The same in the transaction of what it belongs to; without an entry in the audit trail."""
    check(session, alias)
    session.add(
        AgentAlias(
            account=alias.account,
            agent_id=alias.agent_id,
            from_day=alias.from_day or FIRST_DAY,
            until=alias.until,
            created_at=now,
        )
    )
    session.flush()


def check(session: Session, alias: Alias) -> None:
    """Raise when an alias cannot be."""
    if not alias.account.strip() or len(alias.account) > 200 or alias.account != alias.account.strip():
        raise Invalid(N_("Give the account that is meant, as the exports write it."))
    if session.get(Agent, alias.agent_id) is None:
        raise NotFound(N_("There is no agent {agent}."), agent=alias.agent_id)
    if alias.account == alias.agent_id:
        raise Invalid(N_("“{account}” is the person's own account already."), account=alias.account)
    if alias.from_day and alias.until and alias.until < alias.from_day:
        raise Invalid(N_("The last day lies before the first."))
    every = known(session)
    if any(other.account == alias.agent_id for other in every):
        raise Conflict(N_("“{agent}” is another account of somebody themselves."), agent=alias.agent_id)
    if any(other.agent_id == alias.account for other in every):
        raise Conflict(N_("“{agent}” has other accounts; say whose those are first."), agent=alias.account)
    for other in every:
        if other.account == alias.account and other.covers(alias):
            raise Conflict(
                N_("“{account}” belongs to {agent} on some of these days."), account=alias.account, agent=other.agent_id
            )


def drop(session: Session, account: str) -> list[Alias]:
    """Forget all aliases of an account, in the transaction of what it belongs to; returns them."""
    gone = [alias for alias in known(session) if alias.account == account]
    session.execute(delete(AgentAlias).where(AgentAlias.account == account))
    return gone


def remove_alias(bench: Workbench, actor: Actor, *, now: datetime, account: str) -> int:
    """Forget that an account is somebody's; returns of how many spans. What was imported as theirs stays theirs."""
    require(actor, Right.IMPORT)
    with bench.db.write() as session:
        gone = drop(session, account)
        if not gone:
            raise NotFound(N_("“{account}” is nobody's other account."), account=account)
        for alias in gone:
            audit.record(session, actor, now, "roster.alias_removed", "agent", alias.agent_id, **facts(alias))
    return len(gone)


def facts(alias: Alias) -> dict[str, str | None]:
    """What the audit trail says of an alias."""
    days = {"from_day": alias.from_day, "until": alias.until}
    return {"account": alias.account, **{name: day.isoformat() if day else None for name, day in days.items()}}


def persons(names: pl.Series, at: pl.Series, every: Sequence[Alias], zone: ZoneInfo) -> pl.Series:
    """`names` with accounts as the persons they belonged to at the moments `at` (UTC; null: today's owner)."""
    mine: dict[str, list[Alias]] = defaultdict(list)
    for alias in every:
        mine[alias.account].append(alias)
    present = set(names.drop_nulls().unique()) & set(mine)
    if not present:
        return names
    day = at.dt.convert_time_zone(str(zone)).dt.date()
    frame = pl.DataFrame({"name": names, "day": day})
    choice = pl.col("name")
    for account in present:
        for alias in mine[account]:
            inside = pl.lit(True)
            if alias.from_day:
                inside &= (pl.col("day") >= alias.from_day).fill_null(True)
            if alias.until:
                inside &= (pl.col("day") <= alias.until).fill_null(False)
            choice = pl.when((pl.col("name") == account) & inside).then(pl.lit(alias.agent_id)).otherwise(choice)
    return frame.select(choice.alias(names.name))[names.name]


def owners(session: Session, accounts: Collection[str], at: datetime | None) -> frozenset[str]:
    """Whose the accounts were at a moment (null: ever). Days begin at different moments in different places, so a day
    on either side counts: nobody judges a chat that may be their own."""
    day = at.date() if at else None
    near = [day + timedelta(days=n) for n in (-1, 0, 1)] if day else []
    return frozenset(
        alias.agent_id
        for alias in known(session)
        if alias.account in accounts
        and (not near or any(alias.covers(Alias(alias.account, alias.agent_id, one, one)) for one in near))
    )


def alike(agent_ids: Sequence[str]) -> list[tuple[str, ...]]:
    """Accounts that look like one person's: equal but for case, width, space and the colon behind the shop."""
    groups: dict[str, list[str]] = defaultdict(list)
    for agent in agent_ids:
        groups["".join(folded(agent).split())].append(agent)
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]


def folded(name: str) -> str:
    """A name without case and width."""
    return unicodedata.normalize("NFKC", name).casefold()
