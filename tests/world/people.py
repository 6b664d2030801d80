"""Accounts and agents, put into the database as they stand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from qa.policy import Actor, Role
from qa.tables import Agent, User
from qa.workbench import Workbench

LEAD = Actor(1, Role.LEAD, "Lead")


def accounts(bench: Workbench, people: Iterable[Actor], at: datetime, prefix: str = "") -> list[Actor]:
    """An account for each actor, its login the name in small letters; those without an id (0) get one. Returns them as
    they are now."""
    with bench.db.write() as session:
        ids = [
            session.execute(
                insert(User)
                .values(
                    login=prefix + one.name.lower().replace(" ", "-"),
                    display_name=one.name,
                    role=one.role.value,
                    agent_id=one.agent_id,
                    active=True,
                    created_at=at,
                    **({"id": one.user_id} if one.user_id else {}),
                )
                .returning(User.id)
            ).scalar_one()
            for one in people
        ]
    return [actor(bench, id_) for id_ in ids]


def actor(bench: Workbench, id_: int) -> Actor:
    """The account with this id."""
    with bench.db.read() as session:
        user = session.scalars(select(User).where(User.id == id_)).one()
        return Actor(user.id, Role(user.role), user.display_name, user.agent_id)


def called(bench: Workbench, login: str) -> Actor:
    """The account with this login."""
    with bench.db.read() as session:
        return actor(bench, session.scalars(select(User.id).where(User.login == login)).one())


def agents(bench: Workbench, at: datetime, **teams: Any) -> None:
    """Agents by id: their columns, or their team alone."""
    rows = [
        {"agent_id": id_, "name": id_.title(), "updated_at": at, **(more if isinstance(more, dict) else {"team": more})}
        for id_, more in teams.items()
    ]
    with bench.db.write() as session:
        for row in rows:
            session.execute(insert(Agent).values(**row))
