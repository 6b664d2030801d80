"""Who is in the demo: roster and accounts."""

from __future__ import annotations

import csv
import tempfile
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from qa import ingest
from qa.demo.rows import SOURCE
from qa.demo.world import INSPECTORS, TRAINED_TEAM, DemoAgent
from qa.people import accounts
from qa.people.accounts import Account
from qa.policy import SYSTEM, Role
from qa.tables import User
from qa.workbench import Workbench

LEAD, SECOND_LEAD, ADMIN, AGENT = "lead", "second.lead", "admin", "agent"


def make_roster(bench: Workbench, now: datetime, people: tuple[DemoAgent, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roster.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("agent_id", "name", "team", "shop", "stage", "grade", "hired_on"))
            for a in people:
                writer.writerow((a.agent_id, a.name, a.team, a.shop, a.stage, a.grade, a.hired_on.isoformat()))
        found = ingest.detect(path, kind="agents")
        ingest.commit(bench, SYSTEM, now=now, path=path, mapping=found.mapping, kind="agents", source=SOURCE)


def make_accounts(bench: Workbench, now: datetime, people: tuple[DemoAgent, ...]) -> dict[str, Account]:
    """The demo's accounts by login. Nobody has a password: they come in by one-time links."""
    wanted: list[tuple[str, str, Role, str | None, str | None]] = [
        (ADMIN, "管理员", Role.ADMIN, None, None),
        (LEAD, "苏敏", Role.LEAD, None, None),
        (SECOND_LEAD, "Helen Park", Role.LEAD, None, None),
    ]
    wanted += [(i.login, i.name, Role.INSPECTOR, None, i.home_team) for i in INSPECTORS]
    weakest = max((a for a in people if a.team == TRAINED_TEAM), key=lambda a: a.care + a.knowledge + a.discipline)
    english = next(a for a in people if a.language == "en")
    wanted += [
        (AGENT, weakest.name, Role.AGENT, weakest.agent_id, weakest.team),
        ("agent.en", english.name, Role.AGENT, english.agent_id, english.team),
    ]
    with bench.db.read() as session:
        known = set(session.scalars(select(User.login)))
    for login, name, role, agent_id, team in wanted:
        if login not in known:
            accounts.create_user(
                bench, SYSTEM, now=now, login=login, role=role, display_name=name, agent_id=agent_id, home_team=team
            )
    return {login: accounts.find(bench, SYSTEM, login=login) for login, *_ in wanted}
