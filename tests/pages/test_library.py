"""Proposing a case: what its subject says already stands in the form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from qa.casefiles.lifecycle import FileState
from qa.library import cases
from qa.people import accounts
from qa.policy import SYSTEM
from qa.redlines import deciding
from qa.tables import Violation
from qa.workbench import Workbench
from scoring.sheet import CONFIRMED, HitDecision, Sheet
from tests.pages.conftest import PASSWORD
from tests.world.desk import NOW, Kit, build, inspect

OpenPage = Callable[..., AppTest]


@pytest.fixture
def kit(page_bench: Workbench) -> Kit:
    """One conversation with a red line that an inspector confirmed."""
    kit = build(page_bench, samples=1)
    kit.place(kit.samples[0], kit.inspectors[0])
    kit.hit(0)
    inspect(kit, 0, Sheet((), (HitDecision("R01", 1, CONFIRMED, "原话"),)))
    accounts.set_password(page_bench, SYSTEM, kit.lead.user_id, PASSWORD, now=datetime.now(UTC))
    return kit


def violation(kit: Kit) -> int:
    with kit.bench.db.read() as session:
        return session.scalars(select(Violation.id)).one()


def test_an_upheld_red_line_is_proposed_as_a_counter_example(open_page: OpenPage, kit: Kit) -> None:
    number = violation(kit)
    deciding.rule(
        kit.bench,
        kit.lead,
        now=NOW + timedelta(hours=1),
        violation_id=number,
        seen=FileState.CONFIRMED,
        uphold=True,
        reason="原话",
    )
    at = open_page("lead", "library.py", query={"violation": str(number)})
    assert not at.exception
    assert at.segmented_control(key="case_kind").value == "counter"
    assert at.selectbox(key="case_rule").value == "R01"
    assert at.multiselect(key="case_seqs").value == [0, 1, 2]


def test_what_was_dismissed_is_a_hard_case_and_a_deduction_a_counter_example(kit: Kit) -> None:
    number = violation(kit)
    deciding.rule(
        kit.bench,
        kit.lead,
        now=NOW + timedelta(hours=1),
        violation_id=number,
        seen=FileState.CONFIRMED,
        uphold=False,
        reason="引用",
    )
    assert cases.material(kit.bench, kit.lead, now=NOW, sample_id=None, violation_id=number).kind == "edge"
    assert cases.material(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[0], violation_id=None).kind == "exemplary"


def test_only_what_was_said_around_the_red_line_is_shown() -> None:
    assert cases._around(range(20), {10}) == (8, 9, 10, 11, 12)
    assert cases._around(range(20), {0, 19}) == (0, 1, 2, 17, 18, 19)
    assert cases._around((3, 5), {99}) == (3, 5)
