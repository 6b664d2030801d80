"""The queue: mine first, free or expired next, never twice, never finished work, never a chat of my own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from qa.desk import inspecting, queue
from qa.desk.leases import LEASE
from qa.desk.queue import Available, Claim, Empty, HeldPlace, Why
from qa.errors import Conflict, Denied, Invalid, Stale
from qa.people import aliases
from qa.tables import Agent, Assignment, AuditEntry, Inspection, Sample, User
from qa.workbench import Workbench
from scoring.sheet import Mark, Sheet
from tests.world.desk import NOW, Kit, add_sample, build

LATER = NOW + LEASE + timedelta(seconds=1)


@pytest.fixture
def kit(every_bench: Workbench) -> Kit:
    return build(every_bench)


def claim(kit: Kit, who: int = 0, now=NOW) -> Claim:  # type: ignore[no-untyped-def]
    found = queue.claim_next(kit.bench, kit.inspectors[who], now=now)
    assert isinstance(found, Claim), found
    return found


def why(kit: Kit, who: int = 0, now=NOW) -> Why:  # type: ignore[no-untyped-def]
    found = queue.claim_next(kit.bench, kit.inspectors[who], now=now)
    assert isinstance(found, Empty), found
    return found.why


def test_what_i_hold_then_mine_then_the_common_queue(kit: Kit) -> None:
    common = kit.place(kit.samples[0])
    mine = kit.place(kit.samples[1], kit.inspectors[0])
    kit.place(kit.samples[2], kit.inspectors[1])
    first = claim(kit)
    assert (first.assignment_id, first.resumed, first.version) == (mine, False, 2)
    again = claim(kit)
    assert (again.assignment_id, again.resumed, again.version) == (mine, True, 2)
    queue.skip(kit.bench, kit.inspectors[0], now=NOW, assignment_id=mine, version=2, reason="not a chat")
    assert claim(kit).assignment_id == common


def test_sixteen_threads_take_each_place_exactly_once(every_bench: Workbench) -> None:
    kit = build(every_bench, samples=40, inspectors=16)
    places = {kit.place(sample) for sample in kit.samples}

    def work(number: int) -> list[int]:
        taken = []
        while isinstance(found := queue.claim_next(kit.bench, kit.inspectors[number], now=NOW), Claim):
            taken.append(found.assignment_id)
            inspecting.submit(
                kit.bench,
                kit.inspectors[number],
                now=NOW,
                assignment_id=found.assignment_id,
                version=found.version,
                nonce=f"nonce-{number}-{found.assignment_id}",
                sheet=Sheet(),
            )
        assert found.why in (Why.ALL_DONE, Why.TAKEN)
        return taken

    with ThreadPoolExecutor(16) as pool:
        taken = [place for part in pool.map(work, range(16)) for place in part]
    assert sorted(taken) == sorted(places)
    with kit.bench.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Inspection)) == 40
        done = dict(session.execute(select(Inspection.assignment_id, Inspection.inspector_id)).all())
        held = dict(session.execute(select(Assignment.id, Assignment.inspector_id)).all())
    assert done == held


def test_simultaneous_claims_of_one_place_have_one_winner(every_bench: Workbench) -> None:
    kit = build(every_bench, samples=1, inspectors=16)
    kit.place(kit.samples[0])
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda who: queue.claim_next(kit.bench, who, now=NOW), kit.inspectors))
    assert sum(isinstance(item, Claim) for item in found) == 1
    # PostgreSQL skips a row that is being taken at this very moment, so its owner may not be known yet.
    assert {item.why for item in found if isinstance(item, Empty)} <= {Why.TAKEN, Why.ONLY_OTHERS}


def test_a_lease_runs_out_and_the_next_person_gets_a_new_version(kit: Kit) -> None:
    place = kit.place(kit.samples[0])
    assert claim(kit).version == 2
    assert why(kit, 1) is Why.TAKEN
    other = claim(kit, 1, LATER)
    assert (other.assignment_id, other.version) == (place, 3)
    assert why(kit, 0, LATER) is Why.TAKEN


def test_coming_back_late_to_ones_own_place_keeps_the_version(kit: Kit) -> None:
    kit.place(kit.samples[0])
    claim(kit)
    late = claim(kit, 0, LATER)
    assert (late.version, late.resumed) == (2, True)


def test_finished_work_is_never_taken_again(kit: Kit) -> None:
    place = kit.place(kit.samples[0])
    found = claim(kit)
    inspecting.submit(
        kit.bench, kit.inspectors[0], now=NOW, assignment_id=place, version=found.version, nonce="n" * 10, sheet=Sheet()
    )
    assert why(kit, 1, LATER) is Why.ALL_DONE
    with pytest.raises(Conflict):
        queue.open(kit.bench, kit.inspectors[1], now=LATER, assignment_id=place)
    with pytest.raises(Conflict):
        queue.open(kit.bench, kit.inspectors[0], now=LATER, assignment_id=place)


def test_nobody_gets_a_chat_of_another_account_of_theirs(kit: Kit) -> None:
    """A sample that was drawn before two accounts were known to be one person's stays under the old name."""
    with kit.bench.db.write() as session:
        if session.get(Agent, "turned") is None:
            session.add(Agent(agent_id="turned", name="turned", updated_at=NOW))
            session.flush()
        aliases.put(session, aliases.Alias("agent-0", "turned"), NOW)
    turned = replace(kit.inspectors[0], agent_id="turned")
    place = kit.place(kit.samples[0])
    assert queue.claim_next(kit.bench, turned, now=NOW) == Empty(Why.OWN_CHATS, 1)
    with pytest.raises(Conflict, match="took part"):
        queue.open(kit.bench, turned, now=NOW, assignment_id=place)


def test_the_empty_queue_says_why(kit: Kit) -> None:
    assert why(kit) is Why.NOTHING_DRAWN
    kit.place(kit.samples[0], kit.inspectors[1])
    assert why(kit) is Why.ONLY_OTHERS
    kit.place(kit.samples[1])
    claim(kit, 1)
    claim(kit, 2)
    found = queue.claim_next(kit.bench, kit.inspectors[0], now=NOW)
    assert found == Empty(Why.TAKEN, 1, NOW + LEASE)


def test_nobody_gets_a_chat_they_took_part_in(kit: Kit) -> None:
    """Neither as the agent who is inspected nor as a colleague who answered once."""
    turned = replace(kit.inspectors[0], agent_id="agent-0")
    joined = add_sample(kit, 4, participants=["agent-0"])
    places = [kit.place(kit.samples[0]), kit.place(joined)]
    assert queue.claim_next(kit.bench, turned, now=NOW) == Empty(Why.OWN_CHATS, 2)
    for place in places:
        with pytest.raises(Conflict, match="took part"):
            queue.open(kit.bench, turned, now=NOW, assignment_id=place)
    with kit.bench.db.read() as session:
        assert session.scalar(select(func.count()).where(Assignment.lease_by.is_not(None))) == 0
        assert session.scalar(select(func.count()).where(AuditEntry.action == "assignment.claimed")) == 0
    fine = kit.place(kit.samples[1])
    found = queue.claim_next(kit.bench, turned, now=NOW)
    assert isinstance(found, Claim)
    assert found.assignment_id == fine


def test_the_second_pair_of_eyes_is_another_persons(kit: Kit) -> None:
    kit.place(kit.samples[0], kit.inspectors[0], kind="double")
    common = kit.place(kit.samples[0])
    first = claim(kit)
    assert first.assignment_id != common
    queue.release(kit.bench, kit.inspectors[0], now=NOW, assignment_id=first.assignment_id)
    queue.skip(kit.bench, kit.inspectors[0], now=NOW, assignment_id=claim(kit).assignment_id, version=3, reason="other")
    assert why(kit) is Why.ONLY_OTHERS
    assert claim(kit, 1).assignment_id == common


def test_what_a_colleague_who_is_gone_has_left_can_be_taken(kit: Kit) -> None:
    place = kit.place(kit.samples[0], kit.inspectors[1])
    assert why(kit) is Why.ONLY_OTHERS
    with kit.bench.db.write() as session:
        session.execute(update(User).where(User.id == kit.inspectors[1].user_id).values(active=False))
    assert claim(kit).assignment_id == place


def test_opening_a_certain_place_refuses_with_the_reason(kit: Kit) -> None:
    mine, theirs, common = (
        kit.place(kit.samples[0], kit.inspectors[0]),
        kit.place(kit.samples[1], kit.inspectors[1]),
        kit.place(kit.samples[2]),
    )
    assert queue.open(kit.bench, kit.inspectors[0], now=NOW, assignment_id=mine).assignment_id == mine
    with pytest.raises(Conflict, match="assigned to a colleague"):
        queue.open(kit.bench, kit.inspectors[0], now=NOW, assignment_id=theirs)
    queue.open(kit.bench, kit.inspectors[1], now=NOW, assignment_id=common)
    with pytest.raises(Conflict, match="right now"):
        queue.open(kit.bench, kit.inspectors[0], now=NOW, assignment_id=common)


def test_giving_back_frees_the_place_and_is_harmless_for_others(kit: Kit) -> None:
    place = kit.place(kit.samples[0])
    claim(kit)
    queue.release(kit.bench, kit.inspectors[1], now=NOW, assignment_id=place)
    assert why(kit, 1) is Why.TAKEN
    queue.release(kit.bench, kit.inspectors[0], now=NOW, assignment_id=place)
    assert claim(kit, 1).version == 3


def test_skipping_needs_a_reason_is_counted_and_asks_for_a_replacement(kit: Kit) -> None:
    place = kit.place(kit.samples[0])
    found = claim(kit)
    me = kit.inspectors[0]
    with pytest.raises(Invalid):
        queue.skip(kit.bench, me, now=NOW, assignment_id=place, version=found.version, reason="  ")
    with pytest.raises(Stale):
        queue.skip(kit.bench, kit.inspectors[1], now=NOW, assignment_id=place, version=found.version, reason="not mine")
    for _ in range(2):  # twice is once
        queue.skip(kit.bench, me, now=NOW, assignment_id=place, version=found.version, reason="广告消息")
    waiting = queue.needs_replacement(kit.bench, kit.lead)
    assert [(row.sample_id, row.reason, row.inspector) for row in waiting] == [
        (kit.samples[0], "广告消息", "inspector-0")
    ]
    assert queue.needs_replacement(kit.bench, kit.lead, draw_id=kit.draw_id + 1) == ()
    counted = queue.skip_counts(kit.bench, kit.lead, now=NOW)
    assert [(row.name, row.skipped, row.submitted) for row in counted] == [("inspector-0", 1, 0)]
    assert queue.progress(kit.bench, me, now=NOW).skipped_today == 1
    with pytest.raises(Denied):
        queue.needs_replacement(kit.bench, me)


def test_a_skipped_first_inspection_gives_way_to_the_second(kit: Kit) -> None:
    sample = kit.samples[0]
    first, second = kit.place(sample, kit.inspectors[0]), kit.place(sample, kit.inspectors[1], kind="double")
    inspecting.submit(
        kit.bench,
        kit.inspectors[1],
        now=NOW,
        assignment_id=second,
        version=claim(kit, 1).version,
        nonce="n" * 9,
        sheet=Sheet((Mark("tone", 1),)),
    )
    assert kit.verdicts(sample) == []
    queue.skip(
        kit.bench, kit.inspectors[0], now=NOW, assignment_id=first, version=claim(kit).version, reason="cannot read it"
    )
    assert [verdict.total for verdict in kit.verdicts(sample)] == [9_500]
    assert queue.needs_replacement(kit.bench, kit.lead) == ()


def state(kit: Kit) -> list[tuple[object, ...]]:
    with kit.bench.db.read() as session:
        return [
            (row.id, row.lease_by, row.lease_until, row.version, row.claimed_at)
            for row in session.scalars(select(Assignment).order_by(Assignment.id))
        ]


def test_looking_finds_what_a_claim_would_and_changes_nothing(kit: Kit) -> None:
    me, other = kit.inspectors[:2]
    assert isinstance(queue.look(kit.bench, me, now=NOW), Empty)
    first, second = kit.place(kit.samples[0]), kit.place(kit.samples[1])
    before = state(kit)
    assert queue.look(kit.bench, me, now=NOW) == Available()
    assert queue.look(kit.bench, me, now=NOW, assignment_id=second) == Available(second)
    assert state(kit) == before
    assert claim(kit).assignment_id == first
    held = state(kit)
    later = NOW + LEASE * 2  # a lease that ran out is still mine until somebody takes the place
    assert queue.look(kit.bench, me, now=later) == HeldPlace(first)
    assert queue.look(kit.bench, me, now=NOW, assignment_id=first) == HeldPlace(first)
    assert queue.look(kit.bench, other, now=NOW) == Available()
    with pytest.raises(Conflict, match="right now"):
        queue.look(kit.bench, other, now=NOW, assignment_id=first)
    assert state(kit) == held
    assert queue.progress(kit.bench, me, now=NOW).open == 1
    assert queue.progress(kit.bench, me, now=NOW).common == 1  # what I hold is mine, not common as well
    assert claim(kit, 1).assignment_id == second
    assert queue.look(kit.bench, me, now=NOW, assignment_id=first) == HeldPlace(first)
    queue.release(kit.bench, me, now=NOW, assignment_id=first)
    with kit.bench.db.write() as session:
        session.get_one(Sample, kit.samples[0]).withdrawn_at = NOW
    with pytest.raises(Conflict, match="replaced"):
        queue.look(kit.bench, me, now=NOW, assignment_id=first)


def test_progress_counts_the_business_day(kit: Kit) -> None:
    place = kit.place(kit.samples[0])
    kit.place(kit.samples[1], kit.inspectors[0])
    kit.place(kit.samples[2])
    me = kit.inspectors[0]
    found = queue.open(kit.bench, me, now=NOW, assignment_id=place)
    inspecting.submit(
        kit.bench,
        me,
        now=NOW,
        assignment_id=place,
        version=found.version,
        nonce="n" * 9,
        sheet=Sheet(),
        active_seconds=42,
    )
    today = queue.progress(kit.bench, me, now=NOW)
    assert (today.done_today, today.done, today.open, today.common, today.median_seconds_today) == (1, 1, 1, 1, 42)
    # 01:30 UTC is 09:30 in Shanghai; its day ends at 16:00 UTC
    assert queue.progress(kit.bench, me, now=NOW.replace(hour=15, minute=59)).done_today == 1
    assert queue.progress(kit.bench, me, now=NOW.replace(hour=16, minute=1)).done_today == 0


def test_agents_and_admins_cannot_take_work(kit: Kit) -> None:
    with pytest.raises(Denied):
        queue.claim_next(kit.bench, kit.agent, now=NOW)
