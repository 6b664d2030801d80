"""Verdicts: one current version, re-issued by rulings, resolved by a third person, acknowledged by the agent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from qa.casefiles import record
from qa.casefiles.lifecycle import FileState, Step
from qa.errors import Conflict, Denied, NotFound
from qa.redlines import deciding
from qa.tables import Violation, guards
from qa.verdicts import ledger, reading
from qa.workbench import Workbench
from scoring.sheet import HitDecision, Mark, Sheet
from tests.world.desk import NOW, Kit, build, inspect


@pytest.fixture
def kit(any_bench: Workbench) -> Kit:
    return build(any_bench)


def rule(kit: Kit, step: Step) -> tuple[int, ...]:
    with kit.bench.begin(kit.lead, NOW) as work:
        violation = record.take(work.session, work.session.scalars(select(Violation.id)).one())
        record.add_step(work, violation, step, "看过原文")
        return ledger.reissue_for(work, violation, kind="ruling", reason="看过原文")


CONFIRMED = Sheet((Mark("tone", 1),), (HitDecision("R01", 1, "confirmed", "辱骂"),))
CLEARED = Sheet((Mark("tone", 1),), (HitDecision("R01", 1, "cleared", "转述"),))


def test_a_ruling_reissues_the_verdict_and_changes_nothing_twice(kit: Kit) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    inspect(kit, 0, CONFIRMED)
    assert len(rule(kit, Step.DISMISS)) == 1
    found = kit.verdicts(kit.samples[0])
    assert [(v.version, v.kind, v.total, v.is_current) for v in found] == [
        (1, "inspection", 0, False),
        (2, "ruling", 9_500, True),
    ]
    with kit.bench.begin(kit.lead, NOW) as work:
        assert ledger.reissue(work, sample_id=kit.samples[0], kind="ruling", reason="again") is None


@pytest.mark.parametrize("uphold", [True, False])
def test_a_ruling_taken_back_leaves_the_result_as_it_was(kit: Kit, uphold: bool) -> None:
    kit.hit(0)
    kit.place(kit.samples[0])
    inspect(kit, 0, CONFIRMED)
    number = files_of(kit)[0]
    at = NOW + timedelta(hours=1)
    deciding.rule(
        kit.bench, kit.lead, now=at, violation_id=number, uphold=uphold, reason="看过原文", seen=FileState.CONFIRMED
    )
    ruled = kit.verdicts(kit.samples[0])[-1].total
    assert ruled == (0 if uphold else 9_500)
    with pytest.raises(Conflict):
        deciding.unrule(kit.bench, kit.lead, now=at + timedelta(seconds=20), violation_id=number)
    for _twice in range(2):
        done = deciding.unrule(
            kit.bench,
            kit.lead,
            now=at + timedelta(seconds=9),
            violation_id=number,
            seen=FileState.UPHELD if uphold else FileState.DISMISSED,
        )
        assert done.state is FileState.CONFIRMED
    assert [v.total for v in kit.verdicts(kit.samples[0]) if v.is_current] == [0]
    deciding.rule(
        kit.bench,
        kit.lead,
        now=at + timedelta(seconds=12),
        violation_id=number,
        uphold=not uphold,
        reason="再看一遍",
        seen=FileState.CONFIRMED,
    )
    assert [v.total for v in kit.verdicts(kit.samples[0]) if v.is_current] == [9_500 if uphold else 0]


def files_of(kit: Kit) -> list[int]:
    with kit.bench.db.read() as session:
        return list(session.scalars(select(Violation.id)))


def test_a_ruling_made_before_the_inspection_binds_the_score(kit: Kit) -> None:
    kit.hit(0)
    with kit.bench.begin(kit.inspectors[1], NOW) as work:
        violation = record.take(work.session, work.session.scalars(select(Violation.id)).one())
        record.add_step(work, violation, Step.CONFIRM, "原话")
    with kit.bench.begin(kit.lead, NOW) as work:
        violation = record.take(work.session, work.session.scalars(select(Violation.id)).one())
        record.add_step(work, violation, Step.UPHOLD, "属实")
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
        with kit.bench.begin(kit.lead, NOW) as work:
            ledger.reissue(
                work,
                sample_id=kit.samples[0],
                kind="appeal",
                reason="x",
                sheet=Sheet((Mark("tone", times % 3),)),
            )

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
    (
        "INSERT INTO verdicts (sample_id, version, is_current, kind, agent_id, rubric_version_id, outcome, total,"
        " created_at) SELECT sample_id, 9, true, kind, agent_id, rubric_version_id, outcome, 1, created_at FROM"
        " verdicts WHERE version = 2"
    ),
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
    (row,) = reading.own(kit.bench, kit.agent, agent_id="agent-0")
    assert (row.total, row.total_without_redlines, row.passed, row.acknowledged_at) == (0, 9_500, False, None)
    shown = reading.view(kit.bench, kit.agent, verdict_id=row.verdict_id, language="zh_CN")
    assert sum(line.points for line in shown.lines) == row.total
    assert [line.title for line in shown.lines if line.kind == "redline"] == ["红线 R01 红线"]
    assert [version.kind for version in shown.history] == ["inspection"]
    for _ in range(2):
        reading.acknowledge(kit.bench, kit.agent, now=NOW, verdict_id=row.verdict_id)
    assert reading.own(kit.bench, kit.agent, agent_id="agent-0")[0].acknowledged_at == NOW
    rule(kit, Step.DISMISS)
    replaced = kit.verdicts(kit.samples[0])[0].id
    with kit.bench.db.write() as session:
        guards.lift(session.connection())
        session.execute(text("DELETE FROM acknowledgements"))
    with pytest.raises(Conflict, match="replaced"):
        reading.acknowledge(kit.bench, kit.agent, now=NOW, verdict_id=replaced)


def test_nobody_reads_or_answers_for_another_agent(kit: Kit) -> None:
    kit.place(kit.samples[1])
    inspect(kit, 0, Sheet())
    (verdict,) = kit.verdicts(kit.samples[1])
    for attempt in (
        lambda: reading.own(kit.bench, kit.agent, agent_id="agent-1"),
        lambda: reading.view(kit.bench, kit.agent, verdict_id=verdict.id, language="en"),
        lambda: reading.acknowledge(kit.bench, kit.agent, now=NOW, verdict_id=verdict.id),
        lambda: reading.own(kit.bench, kit.inspectors[0], agent_id="agent-1"),
        lambda: reading.acknowledge(kit.bench, kit.lead, now=NOW, verdict_id=verdict.id),
    ):
        with pytest.raises(Denied):
            attempt()
    assert len(reading.own(kit.bench, kit.lead, agent_id="agent-1")) == 1
    with pytest.raises(NotFound):
        reading.view(kit.bench, kit.agent, verdict_id=999, language="en")
