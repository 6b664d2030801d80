"""The roster as people edit it, and accounts made from it in one go."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import insert

from qa.errors import Denied, Invalid, NotFound
from qa.people import accounts, roster, signins
from qa.policy import Actor, Role
from qa.tables import Agent, AuditEntry
from qa.workbench import Workbench

ADMIN = Actor(9, Role.ADMIN, "Admin")
AGENT = Actor(5, Role.AGENT, "a", "a1")


@pytest.fixture
def shop(any_bench: Workbench, now: datetime) -> Workbench:
    rows = [("青山店:小美", "小美", "一组"), ("青山店:阿强", "阿强", "二组"), ("绿水店:小美", "小美", "")]
    with any_bench.db.write() as session:
        session.execute(
            insert(Agent),
            [
                {"agent_id": a, "name": n, "team": t, "shop": "", "stage": "", "grade": "", "updated_at": now}
                for a, n, t in rows
            ],
        )
    return any_bench


def test_a_change_has_its_day_and_is_on_record(shop: Workbench, now: datetime) -> None:
    day = date(2026, 1, 15)
    assert roster.change_agent(
        shop, ADMIN, now=now, agent_id="青山店:小美", values={"team": "二组", "name": " 王美 "}, from_day=day
    )
    assert not roster.change_agent(
        shop, ADMIN, now=now, agent_id="青山店:小美", values={"team": "二组", "name": "王美"}, from_day=day
    )
    assert [(m.from_day, m.team) for m in roster.moves_of(shop, ADMIN, "青山店:小美")][1:] == [(day, "二组")]
    row = next(r for r in roster.roster(shop, ADMIN) if r.agent_id == "青山店:小美")
    assert (row.name, row.team, row.moves) == ("王美", "二组", 1)
    with shop.db.read() as session:
        entry = session.query(AuditEntry).filter_by(action="roster.changed").one()
    assert entry.facts == {"changed": {"team": ["一组", "二组"], "name": ["小美", "王美"]}, "from_day": "2026-01-15"}


def test_an_earlier_day_mends_the_past_only(shop: Workbench, now: datetime) -> None:
    who = "青山店:小美"
    roster.change_agent(shop, ADMIN, now=now, agent_id=who, values={"team": "三组"}, from_day=date(2026, 2, 1))
    roster.change_agent(shop, ADMIN, now=now, agent_id=who, values={"team": "二组"}, from_day=date(2026, 1, 1))
    assert [m.team for m in roster.moves_of(shop, ADMIN, who)] == ["一组", "二组", "三组"]
    assert next(r for r in roster.roster(shop, ADMIN) if r.agent_id == who).team == "三组"
    assert roster.change_agent(shop, ADMIN, now=now, agent_id=who, values={"team": "三组"}, from_day=date(2025, 12, 1))
    assert [m.team for m in roster.moves_of(shop, ADMIN, who)] == ["一组", "三组", "二组", "三组"]


def test_what_does_not_fit_is_refused(shop: Workbench, now: datetime) -> None:
    wrong: list[dict[str, object]] = [
        {"stage": "x"},
        {"name": "x" * 201},
        {"agent_id": "y"},
        {"hired_on": date(2026, 2, 1), "left_on": date(2026, 1, 1)},
    ]
    for values in wrong:
        with pytest.raises(Invalid):
            roster.change_agent(shop, ADMIN, now=now, agent_id="青山店:小美", values=values)
    with pytest.raises(NotFound):
        roster.change_agent(shop, ADMIN, now=now, agent_id="nobody", values={"team": "x"})
    with pytest.raises(Denied):
        roster.change_agent(shop, AGENT, now=now, agent_id="青山店:小美", values={"team": "x"})


def test_accounts_from_the_roster_once_each_with_a_link_that_works(shop: Workbench, now: datetime) -> None:
    ids = [r.agent_id for r in roster.roster(shop, ADMIN)]
    made = roster.make_accounts(shop, ADMIN, now=now, agent_ids=ids[:2])
    again = roster.make_accounts(shop, ADMIN, now=now, agent_ids=ids)
    assert (len(made), len(again)) == (2, 3)
    found = {a.login: a for a in accounts.users(shop, ADMIN)}
    assert sorted(found) == ["小美", "小美.2", "阿强"]
    assert {a.agent_id for a in found.values()} == set(ids)
    signed = signins.sign_in_by_link(shop, again[0].token, now=now + timedelta(hours=1))
    assert signed
    left = roster.make_accounts(shop, ADMIN, now=now, agent_ids=ids)
    assert {a.agent_id for a in left} == set(ids) - {again[0].agent_id}
    with pytest.raises(Denied):
        roster.make_accounts(shop, AGENT, now=now, agent_ids=ids)
