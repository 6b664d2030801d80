"""Blind doubles: what differs goes to the lead, who decides criterion by criterion, on record and never by
averaging."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from qa.calibration import comparing, doubles
from qa.calibration.rulings import RuleRuling, Ruling, Take
from qa.errors import Conflict, Denied, Invalid, Stale
from qa.policy import Actor, Role
from qa.tables import AuditEntry, Verdict
from qa.verdicts import appeals, reading
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, build, double

FIRST, SECOND = Ruling(Take.FIRST), Ruling(Take.SECOND)
CONFIRMED = Sheet((Mark("tone", 1),), (HitDecision("R01", 1, "confirmed", "辱骂"),))
CLEARED = Sheet((Mark("tone", 1),), (HitDecision("R01", 1, "cleared", "转述"),))
APART = (
    Sheet((Mark("greeting", 0),)),
    Sheet((Mark("greeting", 0), Mark("product_facts", 1, note="价格答错"), Mark("tone", 2))),
)


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    return build(any_bench)


def decide(kit: Kit, sample: int, criteria: dict[str, Ruling], by: Actor | None = None, **more: Any) -> int:
    seen = doubles.comparison(kit.bench, kit.lead, sample_id=sample)
    between = (seen.first.inspection_id, seen.second.inspection_id)
    return doubles.resolve(
        kit.bench,
        by or kit.lead,
        **{"now": NOW, "sample_id": sample, "between": between, "criteria": criteria, "reason": "看过原文", **more},
    )


def history(kit: Kit, sample: int) -> list[tuple[str, int, bool]]:
    return [(v.kind, v.total, v.is_current) for v in kit.verdicts(sample)]


@pytest.mark.parametrize(
    "two, differs",
    [
        (Sheet((Mark("tone", 1),)), False),
        (Sheet((Mark("product_facts", 1), Mark("tone", 1))), False),
        (Sheet((Mark("product_facts", 1), Mark("tone", 2))), True),
    ],
    ids=["same", "at the tolerance", "beyond"],
)
def test_only_differences_beyond_tolerance_go_to_the_lead(kit: Kit, two: Sheet, differs: bool) -> None:
    sample = double(kit, Sheet((Mark("tone", 1),)), two)
    assert [row.sample_id for row in doubles.disagreements(kit.bench, kit.lead)] == ([sample] if differs else [])


def test_a_difference_on_a_red_line_always_goes_to_the_lead(kit: Kit) -> None:
    kit.hit(0)
    double(kit, CONFIRMED, CLEARED)
    (found,) = doubles.disagreements(kit.bench, kit.lead)
    assert (found.difference, found.redlines_differ, found.first, found.second, found.resolved) == (
        0,
        True,
        "inspector-0",
        "inspector-1",
        False,
    )
    assert doubles.disagreements(kit.bench, kit.lead, since=NOW + timedelta(days=1)) == ()


def test_both_sheets_stand_side_by_side_what_differs_first(kit: Kit) -> None:
    kit.hit(0)
    one = Sheet(APART[0].marks, CLEARED.hits)
    two = Sheet(
        (*APART[1].marks, Mark("follow_up", 1, owner="warehouse")),
        (*CLEARED.hits, HitDecision("R02", 2, "confirmed", "敷衍")),
    )
    shown = doubles.comparison(kit.bench, kit.lead, sample_id=double(kit, one, two))
    assert [(row.criterion.id, row.gap) for row in shown.criteria if row.differs] == [
        ("tone", 1_000),
        ("product_facts", 1_000),
        ("follow_up", 0),
    ]
    assert [row.differs for row in shown.criteria] == sorted((row.differs for row in shown.criteria), reverse=True)
    assert [(row.rule_id, row.differs, len(row.first), len(row.second)) for row in shown.rules] == [
        ("R02", True, 0, 1),
        ("R01", False, 1, 1),
    ]
    assert (shown.spans, len(shown.transcript.messages), shown.resolution, shown.refusal) == (
        ((1, 0, 2, "R01"),),
        3,
        None,
        None,
    )


def test_the_lead_decides_each_criterion_and_nothing_is_averaged(kit: Kit) -> None:
    sample = double(kit, *APART)
    own = Ruling(Take.OWN, Mark("tone", 1, note="只有一处"))
    decide(kit, sample, {"product_facts": SECOND, "tone": own})
    assert history(kit, sample) == [("inspection", 9_700, False), ("resolution", 8_200, True)]
    (current,) = [v for v in kit.verdicts(sample) if v.is_current]
    assert (
        current.sheet
        == Sheet(
            (Mark("greeting", 0), Mark("tone", 1, note="只有一处"), Mark("product_facts", 1, note="价格答错"))
        ).to_dict()
    )
    assert (current.inspection_id, current.reason) == (None, "看过原文")
    assert doubles.disagreements(kit.bench, kit.lead) == ()
    assert [row.resolved for row in doubles.disagreements(kit.bench, kit.lead, include_resolved=True)] == [True]
    with kit.bench.db.read() as session:
        facts = session.scalars(select(AuditEntry.facts).where(AuditEntry.action == "double.resolved")).one()
    assert facts["taken"] == {"product_facts": "second", "tone": "own"}
    tone = next(
        c
        for c in comparing.programme(kit.bench, kit.lead, since=NOW - timedelta(days=1)).criteria
        if c.criterion.id == "tone"
    )
    assert (tone.found.pairs, tone.found.one) == (1, 1)  # the decision is no third opinion


@pytest.mark.parametrize("take, total, counts", [(FIRST, 9_700, 0), (SECOND, 7_700, 1)], ids=["first", "second"])
def test_a_whole_side_is_that_inspection(kit: Kit, take: Ruling, total: int, counts: int) -> None:
    sample = double(kit, *APART)
    decide(kit, sample, {"product_facts": take, "tone": take})
    shown = doubles.comparison(kit.bench, kit.lead, sample_id=sample)
    assert kit.verdicts(sample)[-1].inspection_id == (shown.first, shown.second)[counts].inspection_id
    assert shown.resolution is not None
    assert (shown.resolution.by, shown.resolution.total, shown.resolution.may_take_back) == ("lead", total, True)


@pytest.mark.parametrize(
    "ruling, total, decision",
    [
        (RuleRuling(Take.FIRST), 0, "confirmed"),
        (RuleRuling(Take.SECOND), 9_500, "cleared"),
        (RuleRuling(Take.OWN, confirmed=True, reason="原话"), 0, "confirmed"),
        (RuleRuling(Take.OWN, reason="玩笑"), 9_500, "cleared"),
    ],
)
@pytest.mark.parametrize("found_by", ["screening", "hand"])
def test_red_lines_are_decided_like_criteria(
    kit: Kit, ruling: RuleRuling, total: int, decision: str, found_by: str
) -> None:
    if found_by == "screening":
        kit.hit(0)
    sample = double(kit, CONFIRMED, CLEARED if found_by == "screening" else Sheet(CLEARED.marks))
    decide(kit, sample, {}, rules={"R01": ruling})
    current = kit.verdicts(sample)[-1]
    assert (current.kind, current.total) == ("resolution", total)
    assert [hit["decision"] for hit in (current.sheet or {})["hits"]] == [decision]


def test_what_is_wrong_is_named(kit: Kit) -> None:
    kit.hit(0)
    sample = double(kit, Sheet((), CONFIRMED.hits), Sheet((Mark("product_facts", 1),), CLEARED.hits))
    good: dict[str, Any] = {"criteria": {"product_facts": SECOND}, "rules": {"R01": RuleRuling(Take.FIRST)}}
    for wrong, says in [
        ({"reason": " "}, "reason"),
        ({"criteria": {}}, "product_facts"),
        ({"rules": {}}, "R01"),
        ({"criteria": {"product_facts": SECOND, "nope": FIRST}}, "nope"),
        ({"rules": {**good["rules"], "R99": RuleRuling(Take.FIRST)}}, "R99"),
        ({"criteria": {"product_facts": Ruling(Take.OWN)}}, "needs its reason"),
        ({"criteria": {"product_facts": Ruling(Take.OWN, Mark("product_facts", 99, note="x"))}}, "from 0 to"),
        ({"rules": {"R01": RuleRuling(Take.OWN, confirmed=True)}}, "R01"),
    ]:
        with pytest.raises(Invalid, match=says):
            decide(kit, sample, **{**good, **wrong})
    with pytest.raises(Stale, match="replaced"):
        decide(kit, sample, **good, between=(1, 99))
    with pytest.raises(Conflict, match="Both"):
        doubles.comparison(kit.bench, kit.lead, sample_id=kit.samples[1])
    promoted = Actor(kit.inspectors[0].user_id, Role.LEAD, "promoted")
    with pytest.raises(Conflict, match="one of the two"):
        decide(kit, sample, **good, by=promoted)
    assert doubles.comparison(kit.bench, promoted, sample_id=sample).refusal is not None
    for denied in (
        lambda: doubles.disagreements(kit.bench, kit.inspectors[2]),
        lambda: doubles.comparison(kit.bench, kit.inspectors[2], sample_id=sample),
        lambda: decide(kit, sample, **good, by=kit.inspectors[2]),
    ):
        with pytest.raises(Denied):
            denied()
    assert history(kit, sample) == [("inspection", 0, True)]


def test_the_same_decision_twice_is_one_and_a_second_lead_comes_too_late(kit: Kit) -> None:
    sample = double(kit, *APART)
    other = Actor(kit.inspectors[2].user_id, Role.LEAD, "other")
    rulings = {"product_facts": SECOND, "tone": FIRST}
    first = decide(kit, sample, rulings)
    assert decide(kit, sample, rulings) == first
    with pytest.raises(Conflict, match="lead has resolved"):
        decide(kit, sample, rulings, by=other)
    with pytest.raises(Conflict, match="lead has resolved"):
        decide(kit, sample, {"product_facts": FIRST, "tone": FIRST})
    assert len(kit.verdicts(sample)) == 2


def test_of_two_leads_at_once_one_decides(kit: Kit) -> None:
    sample = double(kit, *APART)
    leads = [kit.lead, Actor(kit.inspectors[2].user_id, Role.LEAD, "other")]

    def attempt(number: int) -> str:
        take = (FIRST, SECOND)[number % 2]
        try:
            decide(kit, sample, {"product_facts": take, "tone": take}, by=leads[number % 2])
        except Conflict:
            return "late"
        return "decided"

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(attempt, range(6)))
    with kit.bench.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Verdict).where(Verdict.kind == "resolution")) == 1
    assert results.count("decided") == 3  # each of them the same request of the lead who was first


def test_a_decision_can_be_taken_back_until_somebody_builds_on_it(kit: Kit) -> None:
    sample = double(kit, *APART)
    rulings = {"product_facts": SECOND, "tone": SECOND}
    decide(kit, sample, rulings)
    other = Actor(kit.inspectors[2].user_id, Role.LEAD, "other")
    with pytest.raises(Conflict, match="Only lead"):
        doubles.take_back(kit.bench, other, now=NOW, sample_id=sample)
    for _ in range(2):
        doubles.take_back(kit.bench, kit.lead, now=NOW, sample_id=sample)
    assert history(kit, sample) == [
        ("inspection", 9_700, False),
        ("resolution", 7_700, False),
        ("inspection", 9_700, True),
    ]
    assert [row.sample_id for row in doubles.disagreements(kit.bench, kit.lead)] == [sample]
    again = decide(kit, sample, rulings, by=other)
    reading.acknowledge(kit.bench, kit.agent, now=NOW, verdict_id=again)
    with pytest.raises(Conflict, match="answered"):
        doubles.take_back(kit.bench, other, now=NOW, sample_id=sample)


def test_an_appeal_keeps_a_decision_in_place(kit: Kit) -> None:
    sample = double(kit, *APART)
    verdict = decide(kit, sample, {"product_facts": SECOND, "tone": SECOND})
    appeal = appeals.file_against_verdict(
        kit.bench, kit.agent, now=NOW, verdict_id=verdict, body="价格没有答错，当天有活动", criterion_id="product_facts"
    )
    with pytest.raises(Conflict, match="answered"):
        doubles.take_back(kit.bench, kit.lead, now=NOW, sample_id=sample)
    other = Actor(kit.inspectors[2].user_id, Role.LEAD, "other")
    appeals.rule(kit.bench, other, now=NOW, appeal_id=appeal, uphold=True, ruling="活动属实")
    assert doubles.disagreements(kit.bench, kit.lead) == ()
    assert history(kit, sample)[-1][0] == "appeal"
    with pytest.raises(Conflict, match="changed this result"):
        doubles.take_back(kit.bench, kit.lead, now=NOW, sample_id=sample)
