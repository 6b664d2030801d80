"""Disputes are drawn for whoever answers for them; the receipt says by which rule and what people had settled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from qa import draws, transcripts
from qa.disputes import settling
from qa.draws import Period, PlanDesign, SourceQuota
from qa.rubrics import versions
from qa.tables import Sample, Transcript
from qa.workbench import Workbench
from tests.world.disputes import T0, shop
from tests.world.redlines import LEAD

NOW = T0 + timedelta(days=9)
PERIOD = Period((T0 - timedelta(days=3)).date(), (T0 + timedelta(days=5)).date())


@pytest.fixture
def drawn(bench: Workbench) -> tuple[Workbench, int]:
    shop(bench)
    versions.load_default(bench, LEAD, now=T0)
    settling.settle(bench, LEAD, now=NOW, dispute_key="shop:d1", reason="沙发", conversation_key="shop:2")
    design = PlanDesign(quotas=(SourceQuota("dispute", None),), pool_share=0.0, responsible="last")
    plan = draws.create_plan(bench, LEAD, now=T0, name="p", design=design, seed="a-seed-of-sixteen")
    done = draws.publish(
        bench, LEAD, now=NOW, plan_id=plan.id, period=PERIOD, nonce="n" * 8, next_seed="another-seed-of-16"
    )
    return bench, done.draw_id


def picked(bench: Workbench) -> dict[str, tuple[str, str | None, str | None]]:
    with bench.db.read() as session:
        rows = session.execute(select(Sample.unit_id, Sample.agent_id, Sample.conversation_key, Transcript.content)
                               .join(Transcript, Transcript.id == Sample.transcript_id)).all()  # fmt: skip
    frozen = {unit: transcripts.read(content).dispute for unit, _, _, content in rows}
    return {unit: (agent, key, one.answers_by if (one := frozen[unit]) else None) for unit, agent, key, _ in rows}


def test_a_draw_takes_who_answers_and_what_was_settled(drawn: tuple[Workbench, int]) -> None:
    bench, draw_id = drawn
    assert picked(bench) == {
        "shop:d1": ("a2", "shop:2", "last"), "shop:d3": ("a2", "shop:3", "last"), "shop:d5": ("a2", "shop:4", "last"),
    }  # fmt: skip
    receipt = draws.receipt_of(bench, LEAD, draw_id)
    assert receipt["plan"]["design"]["responsible"] == "last"
    assert receipt["plan"]["settled"] == [["shop:d1", "shop:2", None]]


def test_a_later_correction_changes_neither_draw_nor_evidence(drawn: tuple[Workbench, int]) -> None:
    bench, draw_id = drawn
    before = picked(bench)
    done = settling.settle(bench, LEAD, now=NOW, dispute_key="shop:d1", reason="又看", conversation_key="shop:1")
    assert done.drawn == 1
    assert draws.verify(bench, LEAD, draw_id=draw_id).equal
    assert picked(bench) == before
    receipt = draws.receipt_of(bench, LEAD, draw_id)
    assert draws.verify(bench, LEAD, receipt=receipt).equal
    forged = {**receipt, "plan": {**receipt["plan"], "settled": [["shop:d1", "shop:1", None]]}}
    assert not draws.verify(bench, LEAD, receipt=forged).equal


def test_a_plan_from_before_there_was_a_choice_keeps_its_rule() -> None:
    old = PlanDesign().to_dict()
    del old["responsible"]
    assert PlanDesign.from_dict(old).responsible == ""
    assert PlanDesign.from_dict(PlanDesign().to_dict()).responsible == "last"
