"""A shop whose bad conversations can be told from their words: reviewed weeks to learn from, and a week to predict."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select

from qa import draws
from qa.draws import Period, PlanDesign, SourceQuota
from qa.policy import Actor
from qa.tables import Assignment, Sample
from qa.workbench import Workbench
from scoring.redline.rule import Effect, EffectKind
from scoring.rubric import Kind, default
from scoring.sheet import HitDecision, Mark, Sheet, score
from tests.world import archive
from tests.world.judged import RULE, verdict
from tests.world.shop import AGENTS, people

MONDAY = date(2026, 2, 2)
STARTED = datetime(2026, 2, 2, tzinfo=UTC)
WEEKS = 4
BAD = ("不退就是不退，别烦我", "自己看说明，没空理你", "爱买不买，随便投诉")
GOOD = ("亲，已经为您登记了", "好的，马上帮您查询物流", "感谢等待，退款今天到账")


def week(number: int) -> Period:
    """Week `number` (0 …) of the world."""
    first = MONDAY + timedelta(days=7 * number)
    return Period(first, first + timedelta(days=6))


def is_bad(key: str) -> bool:
    """Every ninth conversation breaks a red line."""
    return int(key.rpartition("-")[2]) % 9 == 0


def fill(bench: Workbench, *, weeks: int = WEEKS, per_week: int = 20) -> None:
    """`per_week` screened chats of each agent a week, with the rule score's risk."""
    people(bench)
    add(bench, [(agent, w, k) for w in range(weeks) for agent in AGENTS for k in range(per_week)], import_id=1)


def add(bench: Workbench, chosen: list[tuple[str, int, int]], *, import_id: int) -> None:
    """Conversations (agent, week, number within it), screened."""
    rows: dict[str, list[archive.Row]] = {name: [] for name in ("conversations", "messages", "signals", "predictions")}
    brought = {"import_id": import_id}
    for agent, w, k in chosen:
        key = f"shop:{agent}-{w * 100 + k}"
        at = datetime(2026, 2, 2, 4, tzinfo=UTC) + timedelta(days=7 * w + k % 6, minutes=7 * k)
        said = (BAD if is_bad(key) else GOOD)[k % 3]
        lines = archive.by_turns(f"你好，订单 {k % 7} 怎么样了", said, "知道了", agent=agent)
        rows["conversations"].append(
            archive.conversation(
                key, agent, at, shop="A", ended_at=at, message_count=3, agent_message_count=1, **brought
            )
        )
        rows["messages"] += archive.messages(key, lines, at, **brought)
        rows["signals"].append(
            {
                "conversation_key": key, "hit_count": 0, "rounds": 1, "rounds_in_time": 1, "unanswered": 0,
                "max_gap_s": 5.0, **brought,
            }
        )  # fmt: skip
        rows["predictions"].append(archive.rule_score(key, 0.03 + (k % 5) / 100, **brought))
    archive.put(bench, datetime(2026, 2, 2, tzinfo=UTC), rows)


def plan(bench: Workbench, lead: Actor, now: datetime, *, chats: float = 6, pool: float | None = 0.0) -> int:
    """A weekly plan."""
    design = PlanDesign(quotas=(SourceQuota("chat", chats),), pool_share=pool, adapt=False)
    return draws.create_plan(bench, lead, now=now, name="Weekly", seed="a-seed-for-the-risk-model", design=design).id


def review(
    bench: Workbench, lead: Actor, now: datetime, plan_id: int, number: int, fixed: Mapping[str, int] | None = None
) -> int:
    """Draw week `number` and judge everything truthfully, but for inspector 4 who is harsh; returns the draw.

    `fixed` gives each agent an inspector of their own, as nobody should.
    """
    done = draws.publish(
        bench,
        lead,
        now=now,
        plan_id=plan_id,
        period=week(number),
        nonce=f"week-number-{number}",
        next_seed=f"the-seed-after-{number}",
    )
    rubric = default()
    deduction = next(c for c in rubric.criteria if c.kind is Kind.DEDUCTION)
    with bench.db.write() as session:
        rows = session.execute(
            select(Assignment, Sample)
            .join(Sample)
            .where(Sample.draw_id == done.draw_id, Assignment.kind.in_(("primary", "double")))
        ).all()
        for place, sample in rows:
            if fixed is not None:
                place.inspector_id = fixed[sample.agent_id]
            hits = (HitDecision(RULE, 1, "confirmed", "said so"),) if is_bad(sample.unit_id) else ()
            harsh = 1 if place.inspector_id == 4 else 0
            marks = (Mark(deduction.id, min(int(sample.unit_id[-1]) % 2 + harsh, deduction.max_count)),)
            sheet = Sheet(marks, hits)
            outcome = score(rubric, sheet, {RULE: Effect(EffectKind.ZERO_FORM)})
            if place.kind == "primary":
                verdict(session, place, sample, sheet, outcome, now)
    return done.draw_id
