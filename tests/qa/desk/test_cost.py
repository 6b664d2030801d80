"""A submit reads its sheet once, checks it once, scores it once, and asks the database no more than it needs."""

from __future__ import annotations

import pytest

from qa.desk import inspecting, queue
from qa.desk.queue import Claim
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.qa.desk.cost import Cost, count
from tests.world.desk import NOW, Kit, build

LIMIT = 14
"""Statements of a submit, `BEGIN` among them."""
MARKS = (Mark("tone", 1, note="冷", evidence=(1,)),)
CLEARED = HitDecision("R01", 1, "cleared", "转述")
ADDED = HitDecision("R02", 2, "confirmed", "原话")


@pytest.fixture
def kit(every_bench: Workbench) -> Kit:
    return build(every_bench)


def submitted(kit: Kit, sheet: Sheet, nonce: str = "nonce-0001") -> tuple[Cost, inspecting.Submitted]:
    place = queue.claim_next(kit.bench, kit.inspectors[0], now=NOW)
    assert isinstance(place, Claim)
    done: list[inspecting.Submitted] = []
    cost = count(
        kit.bench,
        lambda: done.append(
            inspecting.submit(
                kit.bench,
                kit.inspectors[0],
                now=NOW,
                assignment_id=place.assignment_id,
                version=place.version,
                nonce=nonce,
                sheet=sheet,
            )
        ),
    )
    return cost, done[0]


@pytest.mark.parametrize(
    "hits", [(), (CLEARED,), (ADDED,), (CLEARED, ADDED)], ids=["no red line", "found", "missed", "both"]
)
def test_a_submit_in_at_most_fourteen_statements(kit: Kit, hits: tuple[HitDecision, ...]) -> None:
    if CLEARED in hits:
        kit.hit(0)
    kit.place(kit.samples[0], kit.inspectors[0])
    cost, done = submitted(kit, Sheet(MARKS, hits))
    assert not done.repeated
    assert len(kit.verdicts(kit.samples[0])) == 1
    assert 0 < len(cost.statements) <= LIMIT, "\n".join(cost.statements)
    assert (cost.checks, cost.scorings) == (1, 1)


def test_a_submit_after_an_undo_costs_no_more(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0], kit.inspectors[0])
    _, done = submitted(kit, Sheet(MARKS, (CLEARED,)))
    inspecting.undo(kit.bench, kit.inspectors[0], now=NOW, inspection_id=done.inspection_id)
    cost, again = submitted(kit, Sheet(MARKS, (CLEARED,)), "nonce-0002")
    assert not again.repeated
    assert len(cost.statements) <= LIMIT, "\n".join(cost.statements)
    assert (cost.checks, cost.scorings) == (1, 1)
