"""The roster as people edit it: names, teams and dates, one person's several accounts, and sign-in accounts in one go.

What changes is kept with its day: a result belongs to the team its day had.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from qa import audit
from qa.errors import Invalid, NotFound
from qa.i18n import N_, by_name
from qa.people import accounts, signins, teams
from qa.policy import Actor, Right, Role, require
from qa.tables import Agent, SignIn, TeamMembership, User
from qa.workbench import Workbench

STAGES = ("", "presale", "aftersale")
TEXTS: Mapping[str, int] = {"name": 200, "team": 200, "shop": 200, "grade": 20}
UNFIT = re.compile(r"[\s/\\<>\"'`]+")


@dataclass(frozen=True)
class RosterRow:
    """One agent of the roster; `login` of the account that is theirs, `moves` how often they changed team, shop or
    stage."""

    agent_id: str
    name: str
    team: str
    shop: str
    stage: str
    grade: str
    hired_on: date | None
    left_on: date | None
    login: str | None
    moves: int


@dataclass(frozen=True)
class Move:
    """Team, shop and stage from a day on."""

    from_day: date
    team: str
    shop: str
    stage: str


@dataclass(frozen=True)
class NewAccount:
    """An account made from the roster: its sign-in link works once."""

    agent_id: str
    name: str
    login: str
    token: str


def roster(bench: Workbench, actor: Actor) -> list[RosterRow]:
    """Everybody on the roster, by team and name."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        logins = dict(
            session.execute(
                select(User.agent_id, User.login).where(User.agent_id.is_not(None)).order_by(User.id.desc())
            ).all()
        )
        moves: dict[str, int] = {}
        for agent_id in session.scalars(
            select(TeamMembership.agent_id).where(TeamMembership.from_day > teams.FIRST_DAY)
        ):
            moves[agent_id] = moves.get(agent_id, 0) + 1
        found = [
            RosterRow(
                a.agent_id,
                a.name,
                a.team,
                a.shop,
                a.stage,
                a.grade,
                a.hired_on,
                a.left_on,
                logins.get(a.agent_id),
                moves.get(a.agent_id, 0),
            )
            for a in session.scalars(select(Agent))
        ]
    return sorted(found, key=lambda one: (by_name(one.team or ""), by_name(one.name), one.agent_id))


def moves_of(bench: Workbench, actor: Actor, agent_id: str) -> list[Move]:
    """Where an agent was from which day on; empty for one who never moved."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        rows = session.scalars(
            select(TeamMembership).where(TeamMembership.agent_id == agent_id).order_by(TeamMembership.from_day)
        )
        return [Move(row.from_day, row.team, row.shop, row.stage) for row in rows]


def change_agent(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    agent_id: str,
    values: Mapping[str, object],
    from_day: date | None = None,
) -> bool:
    """Change fields of one agent. Team, shop and stage hold from `from_day` on (today when not given); returns whether
    anything changed.

    Raises `Invalid` for a value that does not fit, `NotFound`.
    """
    require(actor, Right.IMPORT)
    today = now.astimezone(bench.config.zone).date()
    with bench.db.write() as session:
        agent = session.get(Agent, agent_id, with_for_update=True)
        if agent is None:
            raise NotFound(N_("There is no agent {agent}."), agent=agent_id)
        wanted = _checked(agent, values)
        day = from_day or today
        was = {name: getattr(agent, name) for name in wanted} | teams.on(session, agent, day)
        changed = {name: [_plain(was[name]), _plain(value)] for name, value in wanted.items() if was[name] != value}
        if not changed:
            return False
        teams.move(session, agent, {name: value for name, value in wanted.items() if name in teams.DATED}, day, now)
        for name, value in wanted.items():
            if name not in teams.DATED:
                setattr(agent, name, value)
        agent.updated_at = now
        about = {"from_day": day.isoformat()} if any(name in teams.DATED for name in changed) else {}
        audit.record(session, actor, now, "roster.changed", "agent", agent_id, changed=changed, **about)
    return True


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _checked(agent: Agent, values: Mapping[str, object]) -> dict[str, object]:
    wanted: dict[str, object] = {}
    for name, value in values.items():
        if name in TEXTS:
            text = str(value or "").strip()
            if len(text) > TEXTS[name]:
                raise Invalid(N_("“{value}” is longer than {limit} characters."), value=text[:40], limit=TEXTS[name])
            wanted[name] = text or (agent.agent_id if name == "name" else "")
        elif name == "stage":
            if value not in STAGES:
                raise Invalid(N_("“{value}” is no stage; it is before or after the sale."), value=str(value)[:40])
            wanted[name] = value
        elif name in ("hired_on", "left_on"):
            wanted[name] = value
        else:
            raise Invalid(N_("“{value}” is not a field of the roster."), value=name)
    hired, left = (wanted.get(name, getattr(agent, name)) for name in ("hired_on", "left_on"))
    if isinstance(hired, date) and isinstance(left, date) and left < hired:
        raise Invalid(N_("The day of leaving lies before the day of hiring."))
    return wanted


def make_accounts(bench: Workbench, actor: Actor, *, now: datetime, agent_ids: Sequence[str]) -> list[NewAccount]:
    """Accounts with role agent for those of `agent_ids` who have none, and a one-time link for each of them who never
    signed in.

    Asking again makes no account twice: whoever was interrupted asks again and has the links of all.
    """
    require(actor, Right.MANAGE_USERS)
    with bench.db.read() as session:
        people = [agent for agent_id in dict.fromkeys(agent_ids) if (agent := session.get(Agent, agent_id)) is not None]
        names = {agent.agent_id: (agent.name, agent.team) for agent in people}
        owned = {user.agent_id: user for user in session.scalars(select(User).where(User.agent_id.in_(list(names))))}
        begun = set(session.scalars(select(SignIn.user_id).distinct()))
        logins = set(session.scalars(select(User.login)))
        waiting = {
            agent: (user.id, user.login)
            for agent, user in owned.items()
            if user.active and user.password_hash is None and user.id not in begun
        }
    made = []
    for agent_id, (name, team) in names.items():
        if agent_id in owned and agent_id not in waiting:
            continue
        if agent_id in waiting:
            number, login = waiting[agent_id]
        else:
            login = _free(agent_id, logins)
            account = accounts.create_user(
                bench,
                actor,
                now=now,
                login=login,
                role=Role.AGENT,
                display_name=name,
                agent_id=agent_id,
                home_team=team,
            )
            number = account.id
            logins.add(login)
        made.append(NewAccount(agent_id, name, login, signins.new_link(bench, actor, number, now=now)))
    return made


def _free(agent_id: str, taken: set[str]) -> str:
    """An account name from an agent id that nobody has: the part after the shop's name, numbered where needed."""
    name = UNFIT.sub(".", re.split(r"[:：]", agent_id)[-1].strip().lower())[:90].strip(".") or "agent"
    number = 1
    while (login := name if number == 1 else f"{name}.{number}") in taken:
        number += 1
    return login
