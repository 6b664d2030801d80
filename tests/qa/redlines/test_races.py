"""Desk and board at once: whoever submits, rules, undoes or clears the same files waits, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import event, insert, select

from qa.casefiles import record
from qa.casefiles.lifecycle import FileState, violation_state
from qa.casefiles.record import events_of
from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.errors import SpotcheckError
from qa.policy import Actor, Role
from qa.redlines import bulk, deciding, detail
from qa.tables import User, Violation
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, build

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    return build(any_bench, samples=6)


def colleague(kit: Kit) -> Actor:
    """A second manager, who rules on what the first has confirmed."""
    with kit.bench.db.write() as session:
        values = {
            "login": "lead-2",
            "display_name": "lead-2",
            "role": "lead",
            "agent_id": None,
            "active": True,
            "created_at": NOW,
        }
        return Actor(
            session.execute(insert(User).values(**values).returning(User.id)).scalar_one(), Role.LEAD, "lead-2"
        )


def confirmed_file(kit: Kit, number: int, rule_id: str) -> int:
    """A file in the conversation of sample `number` that waits for a ruling."""
    kit.hit(number, rule_id, seq=2)
    with kit.bench.begin(kit.lead, NOW) as work:
        file = work.session.scalars(
            select(Violation).where(Violation.conversation_key == f"t:{number}", Violation.rule_id == rule_id)
        ).one()
        record.add_step(work, file, record.Step.CONFIRM, "原话")
        return file.id


def decided(*rules: str) -> Sheet:
    return Sheet(
        (Mark("tone", 1),), tuple(HitDecision(rule, 1 if rule == "R01" else 2, "confirmed", "原话") for rule in rules)
    )


def submit(kit: Kit, who: Actor, sheet: Sheet) -> inspecting.Submitted | None:
    place = queue.claim_next(kit.bench, who, now=NOW)
    if not isinstance(place, Claim):
        return None
    return inspecting.submit(
        kit.bench,
        who,
        now=NOW,
        assignment_id=place.assignment_id,
        version=place.version,
        nonce=f"nonce-{place.assignment_id}-{who.user_id}",
        sheet=sheet,
    )


def test_a_ruling_on_one_file_while_the_desk_decides_both(kit: Kit) -> None:
    """The desk has written the first file of a chat when the ruling on the second arrives: no ring of two."""
    manager = colleague(kit)
    kit.hit(0, "R01")
    file = confirmed_file(kit, 0, "R02")
    kit.place(kit.samples[0])
    written = threading.Event()

    def pause(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if (
            threading.current_thread().name.startswith("desk")
            and statement.startswith("UPDATE violations")
            and not written.is_set()
        ):
            written.set()
            threading.Event().wait(0.4)  # the ruling comes now and takes what it can

    event.listen(kit.bench.db.engine, "after_cursor_execute", pause)

    def at_the_desk() -> object:
        return submit(kit, kit.inspectors[0], decided("R01", "R02"))

    def on_the_board() -> object:
        written.wait(10)
        return deciding.rule(kit.bench, manager, now=LATER, violation_id=file, uphold=False, reason="不构成")

    with ThreadPoolExecutor(1, "desk") as desk, ThreadPoolExecutor(1, "board") as board:
        both = [desk.submit(at_the_desk), board.submit(on_the_board)]
        assert all(one.result(20) is not None for one in both)
    event.remove(kit.bench.db.engine, "after_cursor_execute", pause)
    found = {row.version: row.total for row in kit.verdicts(kit.samples[0])}
    assert max(found) == 2, "the result followed the ruling"
    assert written.is_set()


def test_everybody_at_once(kit: Kit) -> None:
    """Submits, undos, rulings, clearings and bulk clearings of the same chats in many orders: refused at most, never
    stuck."""
    manager = colleague(kit)
    dice = Random(7)
    for number in range(6):
        kit.hit(number, "R01")
        confirmed_file(kit, number, "R02")
        kit.place(kit.samples[number])
    with kit.bench.db.read() as session:
        ids = session.scalars(select(Violation.id).order_by(Violation.id)).all()

    def desk() -> None:
        who = dice.choice(kit.inspectors)
        done = submit(kit, who, decided("R01", "R02"))
        if done is not None and dice.random() < 0.5:
            inspecting.undo(kit.bench, who, now=NOW, inspection_id=done.inspection_id)

    def rule() -> None:
        deciding.rule(
            kit.bench, manager, now=LATER, violation_id=dice.choice(ids), uphold=dice.random() < 0.5, reason="看过"
        )

    def clear() -> None:
        deciding.clear(kit.bench, kit.inspectors[2], now=LATER, violation_id=dice.choice(ids), reason="引用")

    def clear_all() -> None:
        n = bulk.bulk_preview(kit.bench, kit.lead, rule_id="R01").n
        bulk.clear_rule(kit.bench, kit.lead, now=LATER, rule_id="R01", reason="产品名", expected=n)

    def tried(work: Callable[[], None]) -> None:
        with suppress(SpotcheckError):  # somebody was faster; anything else (a deadlock) fails the test
            work()

    jobs = [desk] * 12 + [rule] * 12 + [clear] * 6 + [clear_all] * 3
    dice.shuffle(jobs)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(tried, jobs))
    with kit.bench.db.read() as session:
        for file in session.scalars(select(Violation)):
            assert FileState(file.state) is violation_state(events_of(session, file.id))
    for sample in kit.samples:
        assert sum(row.is_current for row in kit.verdicts(sample)) <= 1


def test_the_effect_shows_wherever_the_file_was_decided(kit: Kit) -> None:
    """A file that was confirmed on the board, not at the desk, still says what it does to the drawn sample's score."""
    file = confirmed_file(kit, 0, "R02")
    assert detail.case_file(kit.bench, kit.lead, file, now=LATER).effect is None
    kit.place(kit.samples[0])
    submit(kit, kit.inspectors[0], decided("R02"))
    effect = detail.case_file(kit.bench, kit.lead, file, now=LATER).effect
    assert effect is not None
    assert (effect.total, effect.total_without_redlines) == (6_000, 9_500)
