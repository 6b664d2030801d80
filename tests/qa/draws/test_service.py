"""Around the draw: closeness with reasons, loads as they will be dealt, frames of any size, two people at once,
stopping."""

from __future__ import annotations

import subprocess
import sys
import threading
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import func, select, update

from qa import draws
from qa.draws import Period, PlanDesign, SourceQuota, closeness, previewing
from qa.errors import Cancelled, Conflict, Invalid
from qa.policy import Actor
from qa.tables import Assignment, Draw, Plan, Sample, User
from qa.workbench import Workbench
from scoring import draw as scoring_draw
from scoring import estimate
from tests.qa.draws.test_publishing import DESIGN, FEBRUARY, NEXT, SEED, make_plan, publish
from tests.world.shop import fill


def test_closeness_is_proposed_from_the_past_and_the_lead_has_the_last_word() -> None:
    days = [date(2025, 9, 1) + timedelta(days=k) for k in range(180)]
    past = pl.concat(
        [
            pl.DataFrame(
                {
                    "agent_id": agent,
                    "source": "chat",
                    "day": days,
                    "pi": 0.1,
                    "p": 0.02,
                    "y": [level + k % 5 for k in range(180)],
                    "bad": [agent == "bad" and k == 170 for k in range(180)],
                }
            )
            for agent, level in (("low", 70.0), ("bad", 90.0), ("good", 90.0), ("fresh", 90.0))
        ]
    )
    people = pl.Series(["low", "bad", "good", "fresh", "unknown"])
    design = PlanDesign(intensity=(("good", "all"), ("low", "normal")), reduced_after_clean_periods=3)
    found = {
        one.agent_id: one
        for one in closeness.decide(
            design, past, {"fresh": date(2026, 2, 20)}, Period(date(2026, 3, 1), date(2026, 3, 31)), people
        )
    }
    assert {agent: (one.level, one.proposed, one.why, one.by_hand) for agent, one in found.items()} == {
        "low": ("normal", "tightened", "below", True),
        "bad": ("normal", "normal", "", False),
        "good": ("all", "reduced", "clean", True),
        "fresh": ("newcomer", "newcomer", "tenure", False),
        "unknown": ("normal", "normal", "", False),
    }
    low = found["low"]
    assert low.value is not None
    assert low.team is not None
    assert low.value == pytest.approx(72, abs=0.1)
    assert low.team == pytest.approx(87, abs=0.2)
    assert low.reviews == sum(day >= date(2026, 3, 1) - timedelta(days=91) for day in days)
    assert all(
        one.proposed == "normal" for one in closeness.decide(replace(design, adapt=False), past, {}, FEBRUARY, people)
    )


def test_closeness_is_frozen_on_the_receipt(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    design = replace(DESIGN, intensity=(("amy", "all"),))
    done = publish(bench, lead, now, make_plan(bench, lead, now, design))
    plan = draws.receipt_of(bench, lead, done.draw_id)["plan"]
    assert plan["levels"] == [["amy", "all"], ["dan", "newcomer"]]
    assert [(one["agent_id"], one["why"], one["by_hand"]) for one in plan["closeness"]] == [
        ("amy", "", True),
        ("dan", "tenure", False),
    ]
    assert draws.verify(bench, lead, draw_id=done.draw_id).equal


@pytest.mark.parametrize("inspectors", [0, 1, 2, 3])
def test_loads_are_what_will_be_dealt(bench: Workbench, lead: Actor, now: datetime, inspectors: int) -> None:
    fill(bench)
    with bench.db.write() as session:
        session.execute(update(User).where(User.id > 1 + inspectors).values(active=False))
    look = draws.preview(bench, lead, period=FEBRUARY, design=replace(DESIGN, double_share=0.2))
    done = publish(bench, lead, now, make_plan(bench, lead, now, replace(DESIGN, double_share=0.2)))
    with bench.db.read() as session:
        dealt = Counter(
            session.scalars(select(Assignment.inspector_id).join(Sample).where(Sample.draw_id == done.draw_id))
        )
    assert len(look.loads) == inspectors
    for load in look.loads:
        assert abs(dealt[load.user_id] - load.new) <= max(
            1, 0.2 * load.new
        )  # one of them took part in every fifth chat
    missing = look.figures.reviews + look.doubles - sum(dealt.values())
    assert 0 <= missing <= (look.doubles if inspectors == 2 else 0), "of two, one may not be free for a second score"
    assert look.common == done.unassigned == 0 or inspectors == 0


def test_what_the_only_inspector_took_part_in_is_announced(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    design = replace(DESIGN, inspectors=(3,))  # ivo, who took part in every fifth conversation
    look = draws.preview(bench, lead, period=FEBRUARY, design=design)
    done = publish(bench, lead, now, make_plan(bench, lead, now, design))
    assert look.common > 0
    assert abs(look.common - done.unassigned) <= 3 * np.sqrt(look.common)
    assert look.doubles == 0


def test_two_leads_at_once_publish_one_draw(any_bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(any_bench)
    plan_id = make_plan(any_bench, lead, now)
    answers: list[object] = []
    ready = threading.Barrier(4)

    def go(nonce: str) -> None:
        ready.wait()
        try:
            answers.append(publish(any_bench, lead, now, plan_id, nonce=nonce).draw_id)
        except Conflict as conflict:
            answers.append(type(conflict))

    threads = [
        threading.Thread(target=go, args=(nonce,))
        for nonce in ("first-lead", "first-lead", "second-lead", "third-lead")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_bench.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Draw)) == 1
    assert len(answers) == 4
    assert {answer for answer in answers if answer is not Conflict} == {1}


def test_stopping_leaves_nothing_and_days_to_come_are_refused(bench: Workbench, lead: Actor, now: datetime) -> None:
    fill(bench)
    plan_id = make_plan(bench, lead, now)
    for steps in range(1, 5):
        asked = iter([False] * (steps - 1) + [True])
        with pytest.raises(Cancelled):
            draws.publish(
                bench,
                lead,
                now=now,
                plan_id=plan_id,
                period=FEBRUARY,
                nonce="stopped-01",
                next_seed=NEXT,
                cancel=lambda asked=asked: next(asked),
            )
    with pytest.raises(Invalid, match="still to come"):
        publish(bench, lead, now, plan_id, period=Period(date(2026, 2, 1), date(2026, 3, 3)))
    with bench.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Sample)) == 0
        assert bench.open_seed(session.get_one(Plan, plan_id).seed) == SEED
    done = publish(bench, lead, now, plan_id)
    later = Period(date(2026, 2, 20), date(2026, 3, 1))
    assert draws.preview(bench, lead, period=later, plan_id=plan_id).drawn == (FEBRUARY.first, FEBRUARY.last)
    assert not done.repeated


def test_a_frame_too_large_to_hold_is_streamed_and_still_anybody_can_draw_again(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bench, chats=60, screened=False)
    design = PlanDesign(
        quotas=(SourceQuota("chat", 3), SourceQuota("dispute", None)),
        intensity=(("bob", "reduced"), ("cui", "tightened")),
    )
    held = draws.preview(bench, lead, period=Period(date(2026, 1, 1), FEBRUARY.last), design=design)
    monkeypatch.setattr(previewing, "LARGE", 100)
    plan_id = make_plan(bench, lead, now, design)
    look = draws.preview(bench, lead, period=Period(date(2026, 1, 1), FEBRUARY.last), plan_id=plan_id)
    assert (held.resolved.screened, look.resolved.screened) == (False, True)
    assert_frame_equal(look.figures.agents, held.figures.agents)
    assert look.figures.team_width == pytest.approx(held.figures.team_width)
    done = publish(bench, lead, now, plan_id, period=Period(date(2026, 1, 1), FEBRUARY.last))
    assert done.samples == look.figures.reviews
    with bench.db.read() as session:
        base = session.scalars(select(Sample).where(Sample.reason == "base").order_by(Sample.id).limit(2)).all()
    for k, sample in enumerate(base):
        made = draws.replace(
            bench, lead, now=now + timedelta(seconds=k), sample_id=sample.id, reason="only a test message"
        )
        assert made.substitute_id is not None
    with bench.archive.change("late", now) as change:
        late = bench.archive.at().scan("conversations").head(3).collect()
        change.append("conversations", late.with_columns(conversation_key=late["conversation_key"] + "-late"))
    assert draws.verify(bench, lead, draw_id=done.draw_id).differences == ()
    receipt = draws.receipt_of(bench, lead, done.draw_id)
    assert receipt["algorithm"] == scoring_draw.SCREENED_ALGORITHM
    with zipfile.ZipFile(BytesIO(draws.export_receipt(bench, lead, now=now, draw_id=done.draw_id).content)) as archive:
        archive.extractall(tmp_path / "out")

    def check() -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", "verify_receipt.py", "receipt.json", "frame.csv"]
        ended = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr

    assert check() == (0, f"equal: {done.samples} of {look.figures.units} units, drawn again from the seed\n")
    frame = tmp_path / "out" / "frame.csv"
    gone = next(pick["unit_id"] for pick in receipt["picks"])
    frame.write_text(
        "".join(line for line in frame.read_text("utf-8").splitlines(keepends=True) if not line.startswith(f"{gone},")),
        "utf-8",
    )
    code, said = check()
    assert code == 1
    assert f"{gone}: chance" in said
    assert "frame_hash differs" in said
    assert "1 units more on the receipt than in the frame" in said
    forged = {**receipt, "seed": "another-seed-altogether"}
    assert {d.what for d in draws.verify(bench, lead, receipt=forged).differences} >= {"commitment"}


def test_pool_units_that_cannot_be_reviewed_leave_the_estimate_unbiased() -> None:
    """Nobody stands in for them: what is estimated is the mean of what can be reviewed."""
    n = 600
    p = 0.3 * scoring_draw.uniforms("p", n) ** 4
    y = 95 - 60 * (scoring_draw.uniforms("y", n) < p) - 3 * scoring_draw.uniforms("e", n)
    units = pl.DataFrame(
        {"unit_id": [f"C{k:03d}" for k in range(n)], "agent_id": [f"A{k % 5}" for k in range(n)], "p": p, "y": y}
    )
    blind = (
        units.filter(pl.col("p") > 0.15)["unit_id"].gather_every(2).to_list()
    )  # some of the riskiest were never kept
    truth = units.filter(~pl.col("unit_id").is_in(blind))["y"].mean()
    plan = scoring_draw.plan(units.drop("y"), scoring_draw.Design((scoring_draw.Quota("chat", 12, 0.3),)))
    values = []
    for k in range(150):
        drawn = scoring_draw.select(plan, f"seed-{k}")
        while (lost := drawn.filter(pl.col("picked") & pl.col("unit_id").is_in(blind))).height:
            drawn, step = scoring_draw.replace(drawn, lost["unit_id"][0], "was not kept")
            assert (step.substitute is None) == (lost["reason"][0] == "certainty")
        values.append(
            estimate.team(
                drawn.filter("picked").join(units.select("unit_id", "y"), on="unit_id").select("agent_id", "pi", "y")
            ).value
        )
    error = np.mean(values) - truth
    assert abs(error) < 4 * np.std(values) / np.sqrt(len(values))
    assert abs(error) < 0.5
