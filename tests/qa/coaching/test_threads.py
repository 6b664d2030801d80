"""Coaching threads: who may write, read and answer; what waits for whom; what is said about a change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from qa import evidence
from qa.coaching import following, threads
from qa.coaching.threads import CoachingView, ThreadState, state_of
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.home import overview
from qa.policy import SYSTEM, Actor, Role
from qa.reports.metrics import Metric
from qa.tables import Agent, AuditEntry, Case, CoachingEntry, User, Verdict
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.world.desk import NOW, build, inspect

LATER = NOW + timedelta(days=1)
SOUTH = Actor(4, Role.TEAM_LEADER, "South", team="south")
NOTE = "请先问候，再核对订单。顾客电话 13812345678"


@dataclass(frozen=True)
class Shop:
    """A programme with one result of agent-0 (ann, in the north) and one of agent-1 (bob, in the south)."""

    bench: Workbench
    lead: Actor
    inspector: Actor
    ann: Actor
    bob: Actor
    north: Actor


@pytest.fixture
def shop(any_bench: Workbench) -> Shop:
    kit = build(any_bench, samples=2)
    with any_bench.db.write() as session:
        for agent, team in (("agent-0", "north"), ("agent-1", "south")):
            session.add(Agent(agent_id=agent, name=agent, team=team, updated_at=NOW))
        bob, north = (
            User(login=login, display_name=login, role=role, agent_id=agent, active=True, created_at=NOW)
            for login, role, agent in (("bob", "agent", "agent-1"), ("north", "team_leader", None))
        )
        session.add_all([bob, north])
        session.flush()
        more = Actor(bob.id, Role.AGENT, "bob", "agent-1"), Actor(north.id, Role.TEAM_LEADER, "north", team="north")
    for sample in kit.samples:
        kit.place(sample, kit.inspectors[0])
        inspect(kit, 0, Sheet((Mark("tone", 1, note="冷", evidence=(1,)), Mark("greeting", 0))))
    return Shop(any_bench, kit.lead, kit.inspectors[0], kit.agent, *more)


def verdict_of(shop: Shop, agent: str) -> int:
    with shop.bench.db.read() as session:
        return session.scalars(select(Verdict.id).where(Verdict.agent_id == agent)).one()


def opened(
    shop: Shop, agent: str = "agent-0", criterion: str | None = None, actor: Actor | None = None, body: str = NOTE
) -> int:
    return threads.open_on_result(
        shop.bench, actor or shop.lead, now=NOW, verdict_id=verdict_of(shop, agent), body=body, criterion_id=criterion
    )


def test_a_thread_from_note_to_answer_to_its_end(shop: Shop) -> None:
    number = opened(shop)
    assert opened(shop) == number  # a double click is one thread
    assert overview(shop.bench, shop.ann, now=LATER).coaching == (number,)
    assert overview(shop.bench, shop.lead, now=LATER).coaching == ()
    [mine] = threads.threads(shop.bench, shop.ann, agent_id="agent-0")
    assert (mine.state, mine.lines[0].by, mine.reachable) == (ThreadState.AGENT, "lead", True)
    assert "13812345678" not in mine.lines[0].body
    assert "13812345678" in threads.get(shop.bench, shop.lead, number).lines[0].body
    threads.read(shop.bench, shop.ann, now=LATER, thread_id=number)
    assert overview(shop.bench, shop.ann, now=LATER).coaching == ()
    for _twice in range(2):
        threads.write(shop.bench, shop.ann, now=LATER, thread_id=number, body=" 明白了 ")
    assert overview(shop.bench, shop.lead, now=LATER).coaching == (number,)
    threads.read(shop.bench, shop.lead, now=LATER, thread_id=number)
    threads.read(shop.bench, shop.lead, now=LATER, thread_id=number)
    assert threads.get(shop.bench, shop.lead, number).state is ThreadState.NOBODY
    threads.close(shop.bench, shop.lead, now=LATER, thread_id=number)
    threads.close(shop.bench, shop.lead, now=LATER, thread_id=number)
    with pytest.raises(Conflict):
        threads.write(shop.bench, shop.ann, now=LATER, thread_id=number, body="还有一句")
    assert [line.body for line in threads.get(shop.bench, shop.lead, number).lines][1:] == ["明白了"]
    with shop.bench.db.read() as session:
        said = list(session.scalars(select(AuditEntry.action).where(AuditEntry.entity == "coaching")))
        assert "13812345678" not in str(list(session.scalars(select(AuditEntry.facts))))
    assert said == ["coaching." + one for one in ("opened", "read", "answered", "read", "closed")]
    assert opened(shop) != number  # what is closed can be begun anew


def test_nobody_reads_or_writes_what_is_not_theirs(shop: Shop) -> None:
    number = opened(shop)
    for stranger in (shop.bob, SOUTH):
        assert threads.threads(shop.bench, stranger) == ()
        for act in (threads.read, threads.close) if stranger is SOUTH else (threads.read,):
            with pytest.raises(NotFound):
                act(shop.bench, stranger, now=LATER, thread_id=number)
        with pytest.raises(NotFound):
            threads.get(shop.bench, stranger, number)
        with pytest.raises(NotFound):
            threads.write(shop.bench, stranger, now=LATER, thread_id=number, body="x")
        with pytest.raises(NotFound):
            following.follow_up(shop.bench, stranger, number, now=LATER)
    for refused in (shop.inspector, shop.ann):
        with pytest.raises(Denied):
            opened(shop, actor=refused)
    with pytest.raises(Denied):
        threads.threads(shop.bench, shop.inspector)
    with pytest.raises(Denied):
        threads.close(shop.bench, shop.ann, now=LATER, thread_id=number)
    with pytest.raises(Denied):
        opened(shop, "agent-1", actor=shop.north)
    with pytest.raises(Denied):
        opened(shop, actor=replace(shop.lead, agent_id="agent-0"))
    threads.write(shop.bench, shop.north, now=LATER, thread_id=number, body="加油")
    assert [one.id for one in threads.threads(shop.bench, shop.north)] == [number]


def test_what_cannot_be_is_refused(shop: Shop) -> None:
    with pytest.raises(Invalid):
        opened(shop, criterion="no-such-thing")
    with pytest.raises(NotFound):
        threads.open_on_result(shop.bench, shop.lead, now=NOW, verdict_id=10**6, body="x")
    with pytest.raises(Invalid):
        opened(shop, body=" ")
    number = opened(shop)
    with pytest.raises(Conflict, match=f"number {number}"):
        opened(shop, body="又一条")


def test_a_case_is_sent_to_an_agent(shop: Shop) -> None:
    values = {
        "title": "先问候", "lesson": "x", "kind": "exemplary", "tags": [], "criterion_id": "greeting", "excerpt": [],
        "language": "zh_CN", "search_text": "", "proposed_at": NOW, "changed_at": NOW, "conversation_key": "shop:x",
    }  # fmt: skip
    with shop.bench.db.write() as session:
        case, hidden = Case(state="published", **values), Case(state="proposed", **values)
        session.add_all([case, hidden])
        session.flush()
        published, proposed = case.id, hidden.id
    with pytest.raises(NotFound):
        threads.open_on_case(shop.bench, shop.lead, now=NOW, case_id=proposed, agent_id="agent-0", body="x")
    with pytest.raises(NotFound):
        threads.open_on_case(shop.bench, shop.lead, now=NOW, case_id=published, agent_id="nobody", body="x")
    with pytest.raises(Denied):
        threads.open_on_case(shop.bench, SOUTH, now=NOW, case_id=published, agent_id="agent-0", body="x")
    number = threads.open_on_case(shop.bench, shop.north, now=NOW, case_id=published, agent_id="agent-0", body="读一读")
    found = threads.get(shop.bench, shop.ann, number)
    assert (found.case_title, found.criterion_id, found.verdict_id) == ("先问候", "greeting", None)


def test_what_was_written_is_a_fact(shop: Shop) -> None:
    opened(shop)
    evidence.seal(shop.bench, LATER)
    with pytest.raises(DatabaseError), shop.bench.db.write() as session:
        session.execute(update(CoachingEntry).values(body="anders"))
    assert evidence.check(shop.bench).forgeries == ()


def test_the_change_is_that_of_the_reviews_since(shop: Shop) -> None:
    number = opened(shop)
    found = following.follow_up(shop.bench, shop.lead, number, now=LATER)
    assert found is not None
    assert (found.before.n > 0, found.after.n, found.better, found.over) == (True, 0, None, False)
    assert following.follow_up(shop.bench, shop.ann, number, now=LATER) == found
    late = following.follow_up(shop.bench, SYSTEM, number, now=NOW + timedelta(days=following.DAYS + 2))
    assert late is not None
    assert late.over


@given(st.lists(st.sampled_from(["note", "answer", "read"]), max_size=12))
def test_a_thread_waits_for_who_did_not_write_last(kinds: list[str]) -> None:
    state = state_of(kinds)
    expected = {"note": ThreadState.AGENT, "answer": ThreadState.LEADER}
    assert state is (expected.get(kinds[-1], ThreadState.NOBODY) if kinds else ThreadState.NOBODY)
    assert state_of([*kinds, "closed"]) is ThreadState.CLOSED


LOSS = Metric("cri:x", "loss", (-10.0, 10.0))


def reviews(draw: np.random.Generator, before: float, after: float) -> pl.DataFrame:
    """Thirty agents with 24 reviews before and after; the chances of losing five points change from one to the
    other."""
    agents, each = 30, 24
    rows = agents * each
    chance = np.repeat([before, after], rows)
    return pl.DataFrame(
        {
            "agent_id": [str(k // each % agents) for k in range(2 * rows)],
            "sample_id": range(2 * rows), "verdict_id": range(2 * rows), "reason": ["base"] * (2 * rows),
            "occurred_at": [NOW] * (2 * rows), "day": [(k * 7) % 84 for k in range(2 * rows)],
            "after": np.repeat([False, True], rows), "pi": draw.choice([0.05, 0.1, 0.3], 2 * rows),
            "y": 5.0 * (draw.random(2 * rows) < chance),
        }
    )  # fmt: skip


def words(rows: pl.DataFrame) -> list[bool | None]:
    """What is said about every agent in the end, each note written on their last bad result; twelve weekly looks."""
    said: list[bool | None] = []
    for agent in rows["agent_id"].unique():
        own = rows.filter(pl.col("agent_id") == agent)
        bad = own.filter(~pl.col("after") & (pl.col("y") > 0))["sample_id"]
        if bad.is_empty():
            continue
        about = CoachingView(1, agent, "", int(bad[-1]), None, None, "", "chat", "x", NOW, ThreadState.NOBODY, (), True)
        looks = [
            following._compared(about, LOSS, rows.filter(~pl.col("after") | (pl.col("day") < 7 * week)), False).better
            for week in (3, 6, 9, 12)
        ]
        said.append(next((one for one in looks if one is not None), None))
    return said


def test_chance_alone_seldom_gets_a_word_and_a_real_change_does() -> None:
    draw = np.random.default_rng(20260302)
    nothing = words(reviews(draw, 0.15, 0.15))
    assert sum(one is not None for one in nothing) <= 0.1 * len(nothing)
    better = words(reviews(draw, 0.6, 0.05))
    assert better.count(True) >= 0.8 * len(better)
    assert better.count(False) == 0
