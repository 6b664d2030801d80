"""Newcomers: a plan from its first task to the last gate, who may say what, and all their chats drawn with known
chances."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from qa import draws
from qa.development import newcomers, templates
from qa.draws import Period, PlanDesign, SourceQuota, previewing
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.policy import Actor, Role
from qa.tables import Sample, TeamMembership
from qa.workbench import Workbench
from scoring import draw as scoring_draw
from scoring import estimate
from tests.world import people, shop
from tests.world.shop import USERS

NOW = datetime(2026, 2, 2, 1, tzinfo=UTC)
START = date(2026, 2, 2)
LEAD, LEADER = Actor(1, Role.LEAD, "Lead"), Actor(7, Role.TEAM_LEADER, "组长", team="presale")
NEW = Actor(8, Role.AGENT, "新人", agent_id="amy")


def begun(bench: Workbench) -> int:
    people.agents(bench, NOW, amy="presale", bob="aftersale")
    return newcomers.start(bench, LEAD, now=NOW, agent_id="amy", day=START, mentor="老王")


def test_a_plan_is_of_the_teams_of_its_days(bench: Workbench) -> None:
    """Who moved in the second week: both leaders read the plan, the later one writes on; who came after its end sees
    nothing of it."""
    number = begun(bench)
    moves = ((date(1900, 1, 1), "presale"), (START + timedelta(days=9), "aftersale"), (date(2026, 6, 1), "night"))
    with bench.db.write() as session:
        for day, team in moves:
            session.add(
                TeamMembership(agent_id="amy", from_day=day, team=team, shop="", stage="presale", created_at=NOW)
            )
    later = NOW + timedelta(days=20)
    old, new, after = LEADER, replace(LEADER, team="aftersale"), replace(LEADER, team="night")
    assert [one.team for one in newcomers.plans(bench, old)] == ["presale"]
    assert [one.id for one in newcomers.plans(bench, new)] == [number]
    with pytest.raises(Denied):
        newcomers.note(bench, old, now=later, plan_id=number, task_id="products", met=True, value=None, text="")
    newcomers.note(bench, new, now=later, plan_id=number, task_id="products", met=True, value=None, text="")
    newcomers.stop(bench, LEAD, now=later, plan_id=number, reason="离职")
    assert newcomers.plans(bench, after) == ()


def test_from_the_first_task_to_the_last_gate(any_bench: Workbench) -> None:
    bench = any_bench
    number = begun(bench)
    with pytest.raises(Conflict, match="running"):
        newcomers.start(bench, LEAD, now=NOW, agent_id="amy", day=START, mentor="x")
    waiting = newcomers.due(newcomers.plans(bench, LEAD), date(2026, 2, 5))
    assert [one.task.id for _view, one in waiting] == ["products", "red-lines", "typing-1"]
    assert newcomers.plans(bench, LEADER)[0].id == newcomers.plans(bench, NEW)[0].id == number
    assert newcomers.plans(bench, replace(LEADER, team="aftersale")) == ()
    assert newcomers.plans(bench, replace(NEW, agent_id="bob")) == ()

    def say(task: str, met: bool = True, value: float | None = None, text: str = "", who: Actor = LEAD) -> None:
        newcomers.note(bench, who, now=NOW, plan_id=number, task_id=task, met=met, value=value, text=text)

    say("products", who=LEADER)
    with pytest.raises(Invalid, match="from 80"):
        say("red-lines", met=True, value=79)
    with pytest.raises(Invalid, match="mark or speed"):
        say("red-lines")
    say("red-lines", met=False, value=60)
    say("red-lines", value=85)  # the last word counts, both are kept
    with pytest.raises(Denied, match="gates"):
        say("gate-1", who=LEADER)
    with pytest.raises(Denied):
        say("products", who=replace(LEADER, team="aftersale"))
    with pytest.raises(Denied):
        say("products", who=NEW)
    with pytest.raises(Invalid, match="empty"):
        say("gate-1")  # the typing test is open: a gate is passed in spite of that only with a word
    say("gate-1", text="打字下周补测")
    with pytest.raises(Invalid, match="empty"):
        say("warehouse")
    with pytest.raises(NotFound):
        say("nothing")
    say("gate-4", text="四周达标")
    [view] = newcomers.plans(bench, LEAD)
    assert (view.outcome, view.waiting(date(2026, 5, 1))) == ("passed", ())
    assert {one.task.id: (one.met, one.value) for one in view.tasks}["red-lines"] == (True, 85)
    with pytest.raises(Conflict):
        say("products")
    with pytest.raises(Conflict):
        newcomers.stop(bench, LEAD, now=NOW, plan_id=number, reason="x")


def test_a_plan_of_ones_own_is_frozen_and_the_next_begins_with_it(bench: Workbench) -> None:
    begun(bench)
    short = '[[task]]\nid = "g"\nweek = 1\nday = 2\nkind = "gate"\nname = { zh = "考核", en = "Gate" }\n'
    newcomers.start(bench, LEAD, now=NOW, agent_id="bob", day=START, mentor="老李", text=short)
    first, second = sorted(newcomers.plans(bench, LEAD), key=lambda view: view.id)
    assert (len(first.tasks), len(second.tasks)) == (len(templates.parsed(templates.shipped())), 1)
    for text, match in (
        ("x = 1", "1 to 100 tasks"),
        ("[[task", "TOML"),
        (short.replace('"gate"', '"task"'), "is its gate"),
        (short + short, "same id"),
        (short.replace("day = 2", "day = 9"), "day"),
        ('[[task]]\nid = "g"\n', "wrong form"),
    ):
        with pytest.raises(Invalid, match=match):
            templates.parsed(text)


def test_all_chats_of_a_newcomer_are_drawn_and_the_mean_keeps_its_weights(bench: Workbench) -> None:
    shop.fill(bench)
    plan = draws.create_plan(
        bench,
        USERS[0],
        now=NOW,
        name="W",
        seed="s" * 20,
        design=PlanDesign(quotas=(SourceQuota("chat", 5),), pool_share=0.0),
    )
    begins = datetime(2026, 2, 1, tzinfo=UTC)
    number = newcomers.start(bench, USERS[0], now=begins, agent_id="amy", day=date(2026, 2, 10), mentor="老王")
    period = Period(date(2026, 2, 1), date(2026, 2, 26))
    after = datetime(2026, 3, 2, 3, tzinfo=UTC)
    drawn = draws.publish(
        bench, USERS[0], now=after, plan_id=plan.id, period=period, nonce="newcomers-1", next_seed="n" * 20
    )
    with bench.db.read() as session:
        rows = [(s.agent_id, s.pi) for s in session.query(Sample).filter_by(draw_id=drawn.draw_id)]
    amy = [pi for agent, pi in rows if agent == "amy"]
    assert len(amy) == 30
    assert set(amy) == {1.0}
    assert all(pi < 0.5 for agent, pi in rows if agent != "amy")
    assert draws.verify(bench, USERS[0], draw_id=drawn.draw_id).equal
    newcomers.note(bench, USERS[0], now=after, plan_id=number, task_id="gate-4", met=True, text="提前转正")
    with bench.db.read() as session:
        zone = bench.config.zone
        assert previewing._newcomers(session, period, zone) == {"amy"}
        assert previewing._newcomers(session, Period(date(2026, 3, 3), date(2026, 3, 9)), zone) == frozenset()
        assert previewing._newcomers(session, Period(date(2026, 1, 1), date(2026, 1, 31)), zone) == frozenset()


def test_the_teams_mean_stays_unbiased_although_newcomers_are_seen_whole() -> None:
    rng = np.random.default_rng(3)
    agent = np.repeat([f"a{k}" for k in range(6)], 60)
    y = np.where(agent == "a0", 70.0, 90.0) + rng.normal(0, 5, 360)
    frame = {"unit_id": np.arange(360), "agent_id": agent}
    design = scoring_draw.Design((scoring_draw.Quota("chat", 6.0),), intensity=(("a0", scoring_draw.Intensity.ALL),))
    planned = scoring_draw.plan(frame, design)
    plain, weighted = [], []
    for seed in range(150):
        chosen = scoring_draw.picks(scoring_draw.select(planned, f"seed-{seed}"))["unit_id"].cast(int).to_numpy()
        assert (agent[chosen] == "a0").sum() == 60
        plain.append(y[chosen].mean())
        told = estimate.team({"unit_id": chosen, "y": y[chosen]}, planned)
        weighted.append(told.value)
    error = np.std(weighted) / np.sqrt(len(weighted))
    assert abs(np.mean(weighted) - y.mean()) < 3 * error
    assert np.mean(plain) < y.mean() - 5  # what a mean without weights would say
