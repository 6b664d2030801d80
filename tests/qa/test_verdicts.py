"""Verdicts: one current version, re-issued by rulings, resolved by a third person, acknowledged by the agent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from qa import casefile, inspecting, queue, verdict_ledger, verdicts
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.lifecycle import Step
from qa.policy import Actor, Role
from qa.queue import Claim
from qa.tables import Verdict, Violation
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.qa.desk_kit import NOW, Kit, build


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    return build(any_bench)


def inspect(kit: Kit, who: int, sheet: Sheet) -> inspecting.Submitted:
    place = queue.claim_next(kit.bench, kit.inspectors[who], now=NOW)
    assert isinstance(place, Claim)
    return inspecting.submit(kit.bench, kit.inspectors[who], now=NOW, assignment_id=place.assignment_id, version=place.version, nonce=f"nonce-{who}-{place.assignment_id}", sheet=sheet)


def double(kit: Kit, one: Sheet, two: Sheet) -> int:
    sample = kit.samples[0]
    kit.place(sample, kit.inspectors[0])
    kit.place(sample, kit.inspectors[1], kind="double")
    inspect(kit, 0, one)
    inspect(kit, 1, two)
    return sample


def rule(kit: Kit, step: Step) -> tuple[int, ...]:
    with kit.bench.db.write() as session:
        violation = casefile.take(session, session.scalars(select(Violation.id)).one())
        casefile.add_step(session, kit.lead, NOW, violation, step, "看过原文")
        return verdict_ledger.reissue_for(session, kit.lead, NOW, violation, kind="ruling", reason="看过原文")


CONFIRMED = Sheet((Mark("tone", 1),), (HitDecision("R01", 1, "confirmed", "辱骂"),))
CLEARED = Sheet((Mark("tone", 1),), (HitDecision("R01", 1, "cleared", "转述"),))


def test_a_ruling_reissues_the_verdict_and_changes_nothing_twice(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    inspect(kit, 0, CONFIRMED)
    assert len(rule(kit, Step.DISMISS)) == 1
    found = kit.verdicts(kit.samples[0])
    assert [(v.version, v.kind, v.total, v.is_current) for v in found] == [(1, "inspection", 0, False), (2, "ruling", 9_500, True)]
    with kit.bench.db.write() as session:
        assert verdict_ledger.reissue(session, kit.lead, NOW, sample_id=kit.samples[0], kind="ruling", reason="again") is None


def test_a_ruling_made_before_the_inspection_binds_the_score(kit: Kit) -> None:
    kit.hit(0)
    with kit.bench.db.write() as session:
        violation = casefile.take(session, session.scalars(select(Violation.id)).one())
        casefile.add_step(session, kit.inspectors[1], NOW, violation, Step.CONFIRM, "原话")
        casefile.add_step(session, kit.lead, NOW, violation, Step.UPHOLD, "属实")
    kit.place(kit.samples[0])
    done = inspect(kit, 0, CLEARED)
    assert done.outcome.total == 9_500  # what the inspector said
    assert [v.total for v in kit.verdicts(kit.samples[0])] == [0]  # what counts


def test_an_upheld_ruling_confirms_without_a_new_version(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    inspect(kit, 0, CONFIRMED)
    assert rule(kit, Step.UPHOLD) == ()


def test_simultaneous_reissues_leave_one_current(kit: Kit) -> None:
    kit.place(kit.samples[0])
    inspect(kit, 0, Sheet())

    def correct(times: int) -> None:
        with kit.bench.db.write() as session:
            verdict_ledger.reissue(session, kit.lead, NOW, sample_id=kit.samples[0], kind="appeal", reason="x", sheet=Sheet((Mark("tone", times % 3),)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(correct, range(8)))
    found = kit.verdicts(kit.samples[0])
    assert [v.version for v in found] == list(range(1, 10))
    assert [v.is_current for v in found] == [False] * 8 + [True]


BREAKING = [
    "UPDATE verdicts SET total = 10000",
    "UPDATE verdicts SET is_current = true",
    "DELETE FROM verdicts",
    "UPDATE inspections SET total = 1",
    "DELETE FROM inspections",
    "UPDATE audit SET actor_name = 'nobody'",
    "DELETE FROM audit",
    "INSERT INTO verdicts (sample_id, version, is_current, kind, agent_id, rubric_version_id, outcome, total, created_at) "
    "SELECT sample_id, 9, true, kind, agent_id, rubric_version_id, outcome, 1, created_at FROM verdicts WHERE version = 2",
]


@pytest.mark.parametrize("statement", BREAKING)
def test_the_database_refuses_to_rewrite_results(kit: Kit, statement: str) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    inspect(kit, 0, CONFIRMED)
    rule(kit, Step.DISMISS)
    before = [(v.version, v.total, v.is_current) for v in kit.verdicts(kit.samples[0])]
    with pytest.raises(DBAPIError), kit.bench.db.write() as session:
        session.execute(text(statement))
    assert [(v.version, v.total, v.is_current) for v in kit.verdicts(kit.samples[0])] == before


# --- the agent --------------------------------------------------------------------------------------------------------


def test_an_agent_reads_the_reasons_of_their_own_results_and_acknowledges(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    inspect(kit, 0, CONFIRMED)
    (row,) = verdicts.own(kit.bench, kit.agent, agent_id="agent-0")
    assert (row.total, row.total_without_redlines, row.passed, row.acknowledged_at) == (0, 9_500, False, None)
    shown = verdicts.view(kit.bench, kit.agent, verdict_id=row.verdict_id, language="zh_CN")
    assert sum(line.points for line in shown.lines) == row.total
    assert [line.title for line in shown.lines if line.kind == "redline"] == ["红线 R01 红线"]
    assert [version.kind for version in shown.history] == ["inspection"]
    for _ in range(2):
        verdicts.acknowledge(kit.bench, kit.agent, now=NOW, verdict_id=row.verdict_id)
    assert verdicts.own(kit.bench, kit.agent, agent_id="agent-0")[0].acknowledged_at == NOW
    rule(kit, Step.DISMISS)
    replaced = kit.verdicts(kit.samples[0])[0].id
    with kit.bench.db.write() as session:
        session.execute(text("DELETE FROM acknowledgements"))
    with pytest.raises(Conflict, match="replaced"):
        verdicts.acknowledge(kit.bench, kit.agent, now=NOW, verdict_id=replaced)


def test_nobody_reads_or_answers_for_another_agent(kit: Kit) -> None:
    kit.place(kit.samples[1])
    inspect(kit, 0, Sheet())
    (verdict,) = kit.verdicts(kit.samples[1])
    for attempt in (
        lambda: verdicts.own(kit.bench, kit.agent, agent_id="agent-1"),
        lambda: verdicts.view(kit.bench, kit.agent, verdict_id=verdict.id, language="en"),
        lambda: verdicts.acknowledge(kit.bench, kit.agent, now=NOW, verdict_id=verdict.id),
        lambda: verdicts.own(kit.bench, kit.inspectors[0], agent_id="agent-1"),
        lambda: verdicts.acknowledge(kit.bench, kit.lead, now=NOW, verdict_id=verdict.id),
    ):
        with pytest.raises(Denied):
            attempt()
    assert len(verdicts.own(kit.bench, kit.lead, agent_id="agent-1")) == 1
    with pytest.raises(NotFound):
        verdicts.view(kit.bench, kit.agent, verdict_id=999, language="en")


# --- doubles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "two, differs",
    [(Sheet((Mark("tone", 1),)), False), (Sheet((Mark("product_facts", 1), Mark("tone", 1))), False), (Sheet((Mark("product_facts", 1), Mark("tone", 2))), True)],
    ids=["same", "at the tolerance", "beyond"],
)
def test_only_differences_beyond_tolerance_go_to_the_lead(kit: Kit, two: Sheet, differs: bool) -> None:
    sample = double(kit, Sheet((Mark("tone", 1),)), two)
    assert [d.sample_id for d in verdicts.disagreements(kit.bench, kit.lead)] == ([sample] if differs else [])


def test_a_difference_on_a_red_line_always_goes_to_the_lead(kit: Kit) -> None:
    kit.hit(0)
    double(kit, CONFIRMED, CLEARED)
    (found,) = verdicts.disagreements(kit.bench, kit.lead)
    assert (found.difference, found.first.inspector, found.second.total, found.resolved) == (0, "inspector-0", 9_500, False)


def test_the_lead_decides_and_nothing_is_averaged(kit: Kit) -> None:
    sample = double(kit, Sheet(), Sheet((Mark("product_facts", 1), Mark("tone", 1))))
    (found,) = verdicts.disagreements(kit.bench, kit.lead)
    verdicts.resolve(kit.bench, kit.lead, now=NOW, sample_id=sample, reason="价格确实答错", inspection_id=found.second.inspection_id)
    assert [(v.kind, v.total, v.is_current, v.reason) for v in kit.verdicts(sample)] == [("inspection", 10_000, False, None), ("resolution", 8_500, True, "价格确实答错")]
    assert verdicts.disagreements(kit.bench, kit.lead) == ()
    assert [d.resolved for d in verdicts.disagreements(kit.bench, kit.lead, include_resolved=True)] == [True]
    with pytest.raises(Conflict, match="already"):
        verdicts.resolve(kit.bench, kit.lead, now=NOW, sample_id=sample, reason="again", sheet=Sheet())


def test_a_resolution_with_marks_of_ones_own(kit: Kit) -> None:
    sample = double(kit, Sheet(), Sheet((Mark("tone", 2), Mark("product_facts", 1))))
    verdicts.resolve(kit.bench, kit.lead, now=NOW, sample_id=sample, reason="取中看原文", sheet=Sheet((Mark("product_facts", 1),)).to_dict())
    assert [v.total for v in kit.verdicts(sample)] == [10_000, 9_000]


def test_resolving_needs_a_reason_a_choice_and_a_third_person(kit: Kit) -> None:
    sample = double(kit, Sheet(), Sheet((Mark("tone", 2), Mark("product_facts", 1))))
    with pytest.raises(Invalid):
        verdicts.resolve(kit.bench, kit.lead, now=NOW, sample_id=sample, reason=" ", sheet=Sheet())
    with pytest.raises(Invalid):
        verdicts.resolve(kit.bench, kit.lead, now=NOW, sample_id=sample, reason="x")
    with pytest.raises(Invalid):
        verdicts.resolve(kit.bench, kit.lead, now=NOW, sample_id=sample, reason="x", inspection_id=999)
    with pytest.raises(Conflict, match="Both"):
        verdicts.resolve(kit.bench, kit.lead, now=NOW, sample_id=kit.samples[1], reason="x", sheet=Sheet())
    promoted = Actor(kit.inspectors[0].user_id, Role.LEAD, "promoted")
    with pytest.raises(Conflict, match="one of the two"):
        verdicts.resolve(kit.bench, promoted, now=NOW, sample_id=sample, reason="x", sheet=Sheet())
    with pytest.raises(Denied):
        verdicts.resolve(kit.bench, kit.inspectors[2], now=NOW, sample_id=sample, reason="x", sheet=Sheet())
    with kit.bench.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Verdict)) == 1
