"""A published draw whose samples have all been judged, with losses and red lines that are known."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta

from sqlalchemy import insert, select, update

from qa import draws
from qa.draws import Period, PlanDesign, SourceQuota
from qa.policy import Actor
from qa.tables import Assignment, Inspection, Sample, Verdict
from qa.workbench import Workbench
from scoring.redline.rule import Effect, EffectKind
from scoring.rubric import Kind, default
from scoring.sheet import HitDecision, Mark, Sheet, score
from tests.world.shop import fill

FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
RULE = "R03"
QUOTAS = (SourceQuota("chat", 8), SourceQuota("dispute", None))


def judge(bench: Workbench, lead: Actor, now: datetime, *, pool: float = 0.25, chats: int = 30) -> draws.PublishedDraw:
    """Draw February and judge everything: the riskier a chat, the more it loses; every pool pick breaks a red line."""
    fill(bench, chats=chats)
    plan = draws.create_plan(
        bench,
        lead,
        now=now,
        name="February",
        seed="a-seed-for-the-reports",
        design=PlanDesign(quotas=QUOTAS, pool_share=pool),
    )
    done = draws.publish(
        bench, lead, now=now, plan_id=plan.id, period=FEBRUARY, nonce="judged-draw", next_seed="the-seed-after-that"
    )
    rubric = default()
    deduction = next(c for c in rubric.criteria if c.kind is Kind.DEDUCTION)
    other = next(c for c in rubric.criteria if c.kind is Kind.YES_NO)
    with bench.db.write() as session:
        for place, sample in session.execute(
            select(Assignment, Sample).join(Sample).where(Assignment.kind == "primary")
        ).all():
            bad = sample.reason == "certainty"
            marks = [Mark(deduction.id, min(sample_number(sample.unit_id) % 3, deduction.max_count))]
            if sample_number(sample.unit_id) % 4 == 0:
                marks.append(Mark(other.id, 0, owner="policy", root_cause=""))
            hits = (HitDecision(RULE, 1, "confirmed", "said so"),) if bad else ()
            sheet = Sheet(tuple(marks), hits)
            outcome = score(rubric, sheet, {RULE: Effect(EffectKind.ZERO_FORM)})
            verdict(session, place, sample, sheet, outcome, now)
    return done


def verdict(
    session, place, sample, sheet, outcome, now, version: int = 1, kind: str = "inspection", at: datetime | None = None
) -> int:  # type: ignore[no-untyped-def]
    """What submitting an inspection leaves behind."""
    inspection = session.execute(
        insert(Inspection)
        .values(
            assignment_id=place.id,
            sample_id=sample.id,
            inspector_id=place.inspector_id,
            rubric_version_id=1,
            sheet=sheet.to_dict(),
            outcome=outcome.to_dict(),
            total=outcome.total,
            nonce=hashlib.sha256(f"{place.id}-{version}".encode()).hexdigest(),
            submitted_at=now,
        )
        .returning(Inspection.id)
    ).scalar_one()
    session.execute(
        update(Assignment).where(Assignment.id == place.id).values(finished_at=now, finished_as="submitted")
    )
    return int(
        session.execute(
            insert(Verdict)
            .values(
                sample_id=sample.id,
                version=version,
                is_current=True,
                kind=kind,
                inspection_id=inspection,
                agent_id=sample.agent_id,
                rubric_version_id=1,
                outcome=outcome.to_dict(),
                total=outcome.total,
                created_at=at or now - timedelta(hours=1),
            )
            .returning(Verdict.id)
        ).scalar_one()
    )


def sample_number(unit_id: str) -> int:
    return int(unit_id.rpartition("-")[2])
