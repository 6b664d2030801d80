"""The audit trail as its readers see it: found by what is shown, never by what is masked, in lists and files."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from qa import audit
from qa.policy import SYSTEM, Actor, Role
from qa.upkeep import exports, trail
from qa.workbench import Workbench
from tests.world.people import accounts

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
PHONE, MASKED = "13812345678", "138******78"
REASON = f"京东快递的顾客{PHONE}来电"
ADMIN = Actor(0, Role.ADMIN, "A")


def told(bench: Workbench, *numbers: int, **facts: object) -> None:
    with bench.db.write() as session:
        for number in numbers:
            audit.record(session, SYSTEM, NOW, "violation.cleared", "violation", number, **facts)


def found(bench: Workbench, actor: Actor, text: str, **more: object) -> list[str]:
    return [entry.entity_id for entry in trail.entries(bench, actor, text=text, action="violation.", **more).entries]  # type: ignore[arg-type]


@pytest.fixture
def admin(any_bench: Workbench) -> Actor:
    return accounts(any_bench, [ADMIN], NOW)[0]


@pytest.mark.parametrize("text", [PHONE, "3812345", f"{PHONE[:6]}", f"violation {PHONE}", f"京东快递的顾客{PHONE}"])
def test_what_is_masked_is_not_found_by_searching(any_bench: Workbench, admin: Actor, text: str) -> None:
    told(any_bench, 7, reason=REASON)
    assert PHONE not in str(trail.entries(any_bench, admin))
    assert found(any_bench, admin, text) == []


@pytest.mark.parametrize("text", ["京东快递", MASKED, "VIOLATION 138*", "顾客138******78来电", "*"])
def test_what_is_shown_is_found(any_bench: Workbench, admin: Actor, text: str) -> None:
    told(any_bench, 7, reason=REASON)
    assert found(any_bench, admin, text) == ["7"]


def test_pages_hold_what_is_shown_however_much_is_hidden_between(any_bench: Workbench, admin: Actor) -> None:
    """All entries hold the digits, every second one within a number that is masked."""
    for number in range(1, 9):
        told(any_bench, number, reason=f"顾客{PHONE}" if number % 2 else "第 1234567 次")
    first = trail.entries(any_bench, admin, text="34567", size=3)
    assert [entry.entity_id for entry in first.entries] == ["8", "6", "4"]
    assert [
        e.entity_id for e in trail.entries(any_bench, admin, text="34567", size=3, before=first.before).entries
    ] == ["2"]


def test_the_file_of_the_trail_is_masked_for_whoever_takes_it(any_bench: Workbench, admin: Actor) -> None:
    told(any_bench, 7, reason=REASON, before={"reasons": [REASON, None]})
    facts = "".join(exports.trail_frame(any_bench, admin)["facts"])
    assert PHONE not in facts
    assert facts.count(MASKED) == 2
