"""Replacing a sample that cannot be reviewed: the next rank of the same source and agent stands in, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from qa import audit, transcripts
from qa.draws import frames, kept_frames
from qa.draws.design import draw_problem
from qa.draws.previewing import inspectors_of
from qa.draws.receipts import receipt_of, redraw
from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Agent, Assignment, Inspection, Sample
from qa.workbench import Workbench
from scoring import draw as scoring_draw
from scoring.draw import DrawError


@dataclass(frozen=True)
class Replaced:
    """What became of it: the new sample, or None when nobody is left to stand in (a shortage, on record)."""

    sample_id: int
    substitute_id: int | None
    substitute_unit: str | None


def replace(bench: Workbench, actor: Actor, *, now: datetime, sample_id: int, reason: str) -> Replaced:
    """Take `sample_id` back and put the next rank in its place.

    Raises `Conflict` when it was inspected or already replaced: results cannot be made to disappear.
    """
    require(actor, Right.PLAN_DRAW)
    reason = reason.strip()
    if not 3 <= len(reason) <= 500:
        raise Invalid(N_("Reason: expected 3 to 500 characters."))
    with bench.db.read() as session:
        old = _replaceable(session, sample_id)
        names: dict[str, str] = dict(session.execute(select(Agent.agent_id, Agent.name)).all())
    try:
        receipt = receipt_of(bench, actor, old.draw_id or 0)
        drawn, ready, _ = redraw(bench, receipt)
        _, step = scoring_draw.replace(drawn, old.unit_id, reason)
    except DrawError as problem:
        raise draw_problem(problem) from problem
    resolved = ready.resolved
    pick = ready.details(drawn.filter(pl.col("unit_id") == pl.lit(step.substitute)))
    # where the frame is kept apart, old versions of the archive may be gone
    apart = kept_frames.is_kept(bench, receipt["frame_hash"])
    snapshot = bench.archive.at(None if apart else resolved.archive_version)
    records = frames.disputes(snapshot, resolved.design, resolved.decided)
    unit = pick.select("unit_id", "source", "conversation_key", "agent_id")
    content = transcripts.freeze(snapshot, unit, names, disputes=records)
    took_part = set(frames.participants(snapshot, pick)["agent_id"])
    with bench.db.write() as session:
        # places before the sample, as a submit takes them
        session.scalars(
            select(Assignment.id)
            .where(Assignment.sample_id == sample_id)
            .order_by(Assignment.id)
            .with_for_update(key_share=True)
        ).all()
        old = _replaceable(session, sample_id)
        session.execute(update(Sample).where(Sample.id == sample_id).values(withdrawn_at=now, withdrawn_reason=reason))
        places = session.scalars(select(Assignment).where(Assignment.sample_id == sample_id)).all()
        session.execute(
            update(Assignment)
            .where(Assignment.sample_id == sample_id, Assignment.finished_at.is_(None))
            .values(
                finished_at=now,
                finished_as="skipped",
                skip_reason=reason,
                version=Assignment.version + 1,
                lease_by=None,
                lease_until=None,
            )
        )
        substitute = None
        if not pick.is_empty():
            transcript = transcripts.store(session, content, now)[0]
            substitute = _insert(session, old, pick.row(0, named=True), transcript)
            people = [(u, a) for u, _, a in inspectors_of(session, resolved.design)]
            _assign(session, places, substitute, [u for u, a in people if a not in took_part], now)
        audit.record(
            session,
            actor,
            now,
            "sample.replaced",
            "sample",
            sample_id,
            unit=old.unit_id,
            substitute=step.substitute,
            reason=reason,
        )
    return Replaced(sample_id, substitute, step.substitute)


def _replaceable(session: Session, sample_id: int) -> Sample:
    sample = session.scalars(select(Sample).where(Sample.id == sample_id).with_for_update(key_share=True)).one_or_none()
    if sample is None or sample.draw_id is None:  # a named pick has no next rank
        raise NotFound(N_("There is no sample {sample}."), sample=sample_id)
    if sample.withdrawn_at is not None:
        raise Conflict(N_("Sample {sample} was already replaced."), sample=sample_id)
    live = select(func.count()).select_from(Inspection)
    if session.scalar(live.where(Inspection.sample_id == sample_id, Inspection.undone_at.is_(None))):
        raise Conflict(N_("Sample {sample} has been inspected; its result stays."), sample=sample_id)
    return sample


def _insert(session: Session, old: Sample, pick: dict[str, Any], transcript: int) -> int:
    return session.execute(
        insert(Sample)
        .values(
            draw_id=old.draw_id,
            unit_id=pick["unit_id"],
            source=pick["source"],
            conversation_key=pick["conversation_key"],
            agent_id=pick["agent_id"],
            stratum=pick["stratum"],
            reason="replacement",
            pi=pick["pi"],
            u=pick["u"],
            rank=pick["rank"],
            risk=pick["p"],
            prediction=pick["loss"],
            occurred_at=pick["occurred_at"],
            transcript_id=transcript,
            replaces_id=old.id,
            rubric_version_id=old.rubric_version_id,
        )
        .returning(Sample.id)
    ).scalar_one()


def _assign(session: Session, places: Any, substitute: int, free: list[int], now: datetime) -> None:
    """The same inspectors take the substitute; where one took part in it, the next free one does."""
    given: set[int] = set()
    for place in places:
        if place.kind not in ("primary", "double"):
            continue
        who = place.inspector_id
        if who is not None and (who not in free or who in given):
            who = next((user for user in free if user not in given), None)
        if who is None and place.kind == "double":
            continue
        given |= {who} if who is not None else set()
        session.execute(
            insert(Assignment).values(
                sample_id=substitute,
                inspector_id=who,
                kind=place.kind,
                position=place.position,
                version=1,
                created_at=now,
            )
        )
