"""A plan with a goal: its numbers on the receipt, the rest left out of the queue and put back, the figures unharmed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from qa import draws, reports
from qa.desk import queue
from qa.draws import Goal, PlanDesign, SourceQuota
from qa.draws.design import goal
from qa.errors import Invalid
from qa.policy import Actor
from qa.tables import Assignment, AuditEntry, Sample
from qa.workbench import Workbench
from scoring.rubric import default
from scoring.sheet import Sheet, score
from tests.world.judged import FEBRUARY, verdict
from tests.world.shop import fill


def published(bench: Workbench, lead: Actor, now: datetime, points: float = 6.0) -> draws.PublishedDraw:
    fill(bench, chats=120)
    design = PlanDesign((SourceQuota("chat", 5.0),), pool_share=0.0, goal=Goal("width", points))
    plan = draws.create_plan(bench, lead, now=now, name="Goal", design=design, seed="a-seed-for-the-goal")
    return draws.publish(
        bench, lead, now=now, plan_id=plan.id, period=FEBRUARY, nonce="goal-draw", next_seed="the-seed-after-that"
    )


def review(bench: Workbench, now: datetime, share: float) -> None:
    """Judge that share of every agent's places, all alike: far less spread than was assumed."""
    outcome = score(default(), Sheet(), {})
    with bench.db.write() as session:
        rows = session.execute(
            select(Assignment, Sample).join(Sample).where(Assignment.kind == "primary").order_by(Assignment.position)
        ).all()
        for agent in {sample.agent_id for _, sample in rows}:
            mine = [row for row in rows if row[1].agent_id == agent]
            for place, sample in mine[: int(share * len(mine))]:
                verdict(session, place, sample, Sheet(), outcome, now)


def test_the_goal_decides_the_number_and_the_receipt_keeps_it(bench: Workbench, lead: Actor, now: datetime) -> None:
    done = published(bench, lead, now)
    data = draws.receipt_of(bench, lead, done.draw_id)
    wanted = dict(data["plan"]["wanted"])
    assert data["plan"]["design"]["goal"] == {"kind": "width", "points": 6.0, "power": 0.8}
    assert set(wanted.values()) <= set(range(10, 25))
    assert done.samples == sum(wanted.values())
    assert draws.verify(bench, lead, draw_id=done.draw_id).equal
    tighter = PlanDesign((SourceQuota("chat", 5.0),), pool_share=0.0, goal=Goal("width", 4.0))
    look = draws.preview(bench, lead, period=FEBRUARY, design=tighter)
    assert look.goal is not None
    assert look.goal.reviews == look.figures.reviews > done.samples
    assert (look.goal.until, look.goal.weekly) == (FEBRUARY.last, pytest.approx(look.goal.reviews / 4))


def test_what_is_not_needed_leaves_the_queue_and_comes_back(bench: Workbench, lead: Actor, now: datetime) -> None:
    done = published(bench, lead, now)
    review(bench, now, 0.9)
    far = draws.stopping(bench, lead, draw_id=done.draw_id, now=now)
    assert far is not None
    assert far.met == len(far.agents) == 4
    assert far.places > 0
    taken = draws.leave_out(bench, lead, now=now, draw_id=done.draw_id)
    assert taken == far.places
    assert draws.leave_out(bench, lead, now=now, draw_id=done.draw_id) == 0, "doing it twice is doing it once"
    view = draws.get_draw(bench, lead, done.draw_id)
    assert view.left_out > 0
    assert view.finished + view.left_out == view.samples
    found = reports.standings(bench, lead, scope=reports.Scope(FEBRUARY.first, FEBRUARY.last))
    assert found.pending == 0
    assert found.team.value == pytest.approx(100.0)
    with bench.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "draw.left_out")).one()
        assert entry.facts["places"] == taken
    assert draws.put_back(bench, lead, now=now, draw_id=done.draw_id) == taken
    assert draws.get_draw(bench, lead, done.draw_id).left_out == 0


def test_what_somebody_has_begun_stays(bench: Workbench, lead: Actor, now: datetime) -> None:
    published(bench, lead, now)
    review(bench, now, 0.9)
    with bench.db.write() as session:
        waiting = session.scalars(
            select(Assignment.id).where(Assignment.kind == "primary", Assignment.finished_at.is_(None))
        ).all()
        held = update(Assignment).where(Assignment.id == waiting[0])
        session.execute(held.values(lease_by=lead.user_id, lease_until=now + timedelta(hours=1)))
    assert draws.sweep(bench, lead, now=now) > 0
    with bench.db.read() as session:
        place = session.get_one(Assignment, waiting[0])
        assert place.finished_at is None
        assert session.get_one(Assignment, waiting[1]).finished_as == queue.standing.LEFT_OUT


def test_a_goal_needs_chats_by_number_and_points_that_make_sense() -> None:
    with pytest.raises(Invalid, match="so many per agent"):
        PlanDesign((SourceQuota("dispute", None),), goal=Goal("width", 5.0)).check()
    with pytest.raises(Invalid, match=r"0\.5 to 50 points"):
        goal("width", 90)
