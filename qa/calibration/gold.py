"""Gold conversations: conversations with a known answer among the others in the queue, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa import audit
from qa.calibration.comparing import Share, told_apart
from qa.calibration.dealing import deal, find, new_round
from qa.calibration.rounds import OpenedRound
from qa.desk.sheets import check_sheet
from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.tables import Assignment, CalibrationRound, Inspection, Sample, User
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.agreement import Distance, distance
from scoring.sheet import Outcome, Sheet


@dataclass(frozen=True)
class GoldRow:
    """One gold conversation beside its reference: what the inspector gave, in centi-points without red lines."""

    sample_id: int
    inspector: str
    submitted_at: datetime
    total: int
    reference: int
    redlines_agree: bool
    within: bool
    """Within the rubric's tolerance, and the same red lines."""


@dataclass(frozen=True)
class GoldSummary:
    """One inspector on the gold conversations: mean difference to the reference in points, and how many were within."""

    inspector: str
    difference: Distance
    within: Share


@dataclass(frozen=True)
class Gold:
    """What came back, newest first, summed up by inspector (furthest from the reference first), and how many still
    wait."""

    rows: tuple[GoldRow, ...]
    inspectors: tuple[GoldSummary, ...]
    waiting: int


def seed_gold(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    sample_id: int,
    inspector_ids: Sequence[int],
    sheet: Sheet | None = None,
) -> OpenedRound:
    """Put a conversation with a known answer unannounced into the queues of inspectors who have not seen it.

    The answer is `sheet`, else that of the sample's current verdict. It waits in the middle of each queue.
    """
    require(actor, Right.CALIBRATE)
    with bench.db.write() as session:
        verdict = ledger.current(session, sample_id)
        if sheet is None and (verdict is None or verdict.sheet is None):
            raise Invalid(N_("This sample has no verdict yet, so there is no answer to compare with."))
        marks = sheet or Sheet.from_dict((verdict.sheet if verdict else None) or {})
        known = select(Inspection.inspector_id).where(Inspection.sample_id == sample_id)
        dealt = select(Assignment.inspector_id).where(
            Assignment.sample_id == sample_id, Assignment.inspector_id.is_not(None)
        )
        seen = {*session.scalars(known), *session.scalars(dealt)}
        people = [person for person in dict.fromkeys(inspector_ids) if person not in seen]
        if not people:
            raise Conflict(N_("Everybody chosen has seen this conversation already."))
        round_id = new_round(session, actor, now, f"gold {sample_id}", verdict.rubric_version_id if verdict else None)
        sample = session.get(Sample, sample_id)
        if sample is None:
            raise NotFound(N_("There is no sample {sample}."), sample=sample_id)
        check_sheet(session, actor, sample, find(session, round_id).rubric_version_id, marks)
        find(session, round_id).reference = {str(sample_id): marks.to_dict()}
        left_out = deal(session, now, round_id, "gold", [sample_id], people)
        audit.record(
            session, actor, now, "gold.seeded", "calibration_round", round_id, sample=sample_id, inspectors=people
        )
    return OpenedRound(round_id, len(people) - len(left_out), left_out)


def gold_results(bench: Workbench, actor: Actor) -> Gold:
    """Submitted gold conversations beside their reference, and each inspector's figures over them."""
    require(actor, Right.CALIBRATE)
    query = (
        select(Inspection, CalibrationRound, Inspection.inspector_id, User.display_name)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .join(CalibrationRound, CalibrationRound.id == Assignment.round_id)
        .join(User, User.id == Inspection.inspector_id)
        .where(Assignment.kind == "gold", Inspection.undone_at.is_(None))
        .order_by(Inspection.submitted_at.desc(), Inspection.id.desc())
    )
    open_places = select(func.count()).where(Assignment.kind == "gold", Assignment.finished_at.is_(None))
    with bench.db.read() as session:
        found = session.execute(query).all()
        names = told_apart({person: name for _one, _gold, person, name in found})
        rows = tuple(_gold_row(session, one, gold, names[person]) for one, gold, person, _name in found)
        waiting_places = session.scalar(open_places) or 0
    people = [
        _gold_summary(name, [row for row in rows if row.inspector == name])
        for name in sorted({row.inspector for row in rows})
    ]
    return Gold(rows, tuple(sorted(people, key=lambda one: -abs(one.difference.mean))), waiting_places)


def _gold_row(session: Session, inspection: Inspection, gold: CalibrationRound, name: str) -> GoldRow:
    answer = Sheet.from_dict(gold.reference[str(inspection.sample_id)])
    right = ledger.compute(session, inspection.sample_id, gold.rubric_version_id, answer)
    given = Outcome.from_dict(inspection.outcome)
    apart, same = abs(given.total_without_redlines - right.total_without_redlines), given.redlines == right.redlines
    return GoldRow(
        inspection.sample_id,
        name,
        inspection.submitted_at,
        given.total_without_redlines,
        right.total_without_redlines,
        same,
        same and apart <= rubric_of(session, gold.rubric_version_id).tolerance,
    )


def _gold_summary(name: str, rows: Sequence[GoldRow]) -> GoldSummary:
    apart = distance(np.array([(row.total - row.reference) / 100 for row in rows]))
    if apart is None:
        raise ValueError("an inspector without gold conversations has no figures")
    return GoldSummary(name, apart, Share.of(sum(row.within for row in rows), len(rows)))
