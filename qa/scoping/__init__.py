"""Whose records a reader may see: everybody's, those of one team in its days, or their own.

One door for all of them. A team leader sees what happened while the agent belonged to the team: whoever moved takes
their later results along and leaves the earlier ones. Services ask here; pages only show what they get. Does not know
what a record is: conditions speak of an agent and of a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import SQLColumnExpression

from qa.errors import Denied
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, refused
from qa.tables import Agent, TeamMembership
from qa.workbench import Workbench

OTHERS = N_("You can only see the results of your own team.")


@dataclass(frozen=True)
class Stay:
    """An agent in a team from a moment until another one (UTC, None: open)."""

    agent_id: str
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class TeamDays:
    """Who belonged to a team, and when. What has no moment counts to the team of today."""

    stays: tuple[Stay, ...]

    def holds(self, agent_id: str, at: datetime | None) -> bool:
        """Whether the agent belonged to the team at that moment."""
        mine = [stay for stay in self.stays if stay.agent_id == agent_id]
        if at is None:
            return any(stay.until is None for stay in mine)
        return any(
            (stay.since is None or at >= stay.since) and (stay.until is None or at < stay.until) for stay in mine
        )

    def touches(self, agent_id: str, since: datetime, until: datetime) -> bool:
        """Whether the agent belonged to the team at some moment from `since` to before `until`."""
        return any(
            stay.agent_id == agent_id
            and (stay.since is None or stay.since < until)
            and (stay.until is None or stay.until > since)
            for stay in self.stays
        )

    def agents(self) -> list[str]:
        """Everybody who ever belonged to it."""
        return sorted({stay.agent_id for stay in self.stays})

    def condition(
        self,
        agent: SQLColumnExpression[str] | SQLColumnExpression[str | None],
        at: SQLColumnExpression[datetime] | SQLColumnExpression[datetime | None],
    ) -> ColumnElement[bool]:
        """The same for rows of the database."""
        parts: list[ColumnElement[bool]] = [agent.in_(self._steady())]
        for stay in self._moved():
            inside = [agent == stay.agent_id]
            inside += [] if stay.since is None else [at >= stay.since]
            inside += [] if stay.until is None else [at < stay.until]
            now = (
                sa.and_(*inside)
                if stay.until is not None
                else sa.or_(sa.and_(*inside), sa.and_(inside[0], at.is_(None)))
            )
            parts.append(now)
        return sa.or_(*parts)

    def expression(self, agent: pl.Expr, at: pl.Expr) -> pl.Expr:
        """The same for a frame; `at` is a datetime in UTC."""
        parts = [agent.is_in(self._steady()).fill_null(False)]
        for stay in self._moved():
            inside = agent == stay.agent_id
            inside = inside if stay.since is None else inside & (at >= stay.since)
            inside = inside if stay.until is None else inside & (at < stay.until)
            unknown = (agent == stay.agent_id) & at.is_null() & pl.lit(stay.until is None)
            parts.append(inside.fill_null(False) | unknown.fill_null(False))
        return reduce(or_, parts)

    def _steady(self) -> list[str]:
        return [stay.agent_id for stay in self.stays if stay.since is None and stay.until is None]

    def _moved(self) -> list[Stay]:
        return [stay for stay in self.stays if stay.since is not None or stay.until is not None]


def sees_all(actor: Actor) -> bool:
    """Whether this reader is not limited to a team or to themselves."""
    return actor is SYSTEM or not actor.may(Right.VIEW_TEAM)


def team_shown(actor: Actor, team: str | None) -> str:
    """The team this reader may read beside an agent of `team`: a leader is shown the team they lead, in whose days all
    they see happened, and never where somebody moved to."""
    return (team if sees_all(actor) else actor.team) or ""


def of_team(actor: Actor, column: SQLColumnExpression[str | None], team: str) -> ColumnElement[bool]:
    """Condition for a filter by the team of today, which tells a leader nothing about other teams."""
    if sees_all(actor):
        return column == team
    return sa.true() if team == actor.team else sa.false()


def days_of(bench: Workbench, actor: Actor) -> TeamDays | None:
    """The days that limit what a team leader reads; None for readers whom no team limits."""
    if sees_all(actor):
        return None
    with bench.db.read() as session:
        return team_days(session, actor.team or "", bench.config.zone)


def team_days(session: Session, team: str, zone: ZoneInfo) -> TeamDays:
    """Who belonged to `team`, and when; days begin in the business time zone. Nobody belongs to the team without a
    name."""
    if not team:
        return TeamDays(())
    moves = session.execute(
        select(TeamMembership.agent_id, TeamMembership.from_day, TeamMembership.team).order_by(
            TeamMembership.agent_id, TeamMembership.from_day
        )
    ).all()
    movers = {agent_id for agent_id, _, _ in moves}
    here = session.scalars(select(Agent.agent_id).where(Agent.team == team).order_by(Agent.agent_id))
    stays = [Stay(agent_id, None, None) for agent_id in here if agent_id not in movers]
    for place, (agent_id, first, name) in enumerate(moves):
        if name != team:
            continue
        following = moves[place + 1] if place + 1 < len(moves) else None
        until = following[1] if following is not None and following[0] == agent_id else None
        stays.append(Stay(agent_id, _begins(first, zone), None if until is None else _begins(until, zone)))
    return TeamDays(tuple(stays))


def seen(
    bench: Workbench, actor: Actor, agent: SQLColumnExpression[str], at: SQLColumnExpression[datetime | None]
) -> ColumnElement[bool]:
    """Condition on rows of the database: what happened to `agent` `at` a moment is this reader's to see."""
    days = days_of(bench, actor)
    return sa.true() if days is None else days.condition(agent, at)


def seen_rows(bench: Workbench, actor: Actor, rows: pl.LazyFrame, agent: str, at: str) -> pl.LazyFrame:
    """Those rows of a frame of the archive (columns `agent` and `at`, UTC) that this reader may see."""
    days = days_of(bench, actor)
    return rows if days is None else rows.filter(days.expression(pl.col(agent), pl.col(at)))


def require_seen(bench: Workbench, actor: Actor, agent_id: str, at: datetime | None) -> None:
    """Raise `Denied` when this is of another team. Says nothing about rights: the service asks for those."""
    days = days_of(bench, actor)
    if days is not None and not days.holds(agent_id, at):
        refused(actor, Right.VIEW_TEAM)
        raise Denied(OTHERS)


def limits(
    actor: Actor,
    everything: Right,
    *,
    team: SQLColumnExpression[str] | SQLColumnExpression[str | None],
    agent: SQLColumnExpression[str] | SQLColumnExpression[str | None],
) -> tuple[ColumnElement[bool], ...]:
    """Conditions on rows that bear a team, and are of no moment: none for who has the right to `everything`, the
    leader's team for its leader, else one's own."""
    if entitled(actor, everything):
        return ()
    if actor.may(Right.VIEW_TEAM):
        return (team == (actor.team or "\0"), team != "")
    return (agent == (actor.agent_id or "\0"),)


def limits_in_days(
    bench: Workbench,
    actor: Actor,
    everything: Right,
    *,
    agent: SQLColumnExpression[str] | SQLColumnExpression[str | None],
    at: SQLColumnExpression[datetime] | SQLColumnExpression[datetime | None],
) -> tuple[ColumnElement[bool], ...]:
    """The same for rows of a moment: a leader sees those of the days in which the agent belonged to the team."""
    days = None if entitled(actor, everything) else days_of(bench, actor)
    if days is not None:
        return (days.condition(agent, at),)
    return () if entitled(actor, everything) else (agent == (actor.agent_id or "\0"),)


def entitled(actor: Actor, right: Right) -> bool:
    """Whether the right is this reader's, or the installation itself asks."""
    return actor is SYSTEM or actor.may(right)


def _begins(day: date, zone: ZoneInfo) -> datetime | None:
    """The first moment of a day; None for the day that stands for the beginning."""
    return None if day.year <= 1900 else datetime.combine(day, time(), zone).astimezone(UTC)
