"""Reference answers of a calibration round: the form to give one, blind to what anybody gave, and its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import audit
from qa.blinding import STILL_TO_SCORE, waiting
from qa.calibration.dealing import find
from qa.desk.leases import refuse_own, transcript_of
from qa.desk.sheets import check_sheet, spans_of
from qa.errors import Conflict, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.tables import Assignment, Sample
from qa.transcripts import FrozenTranscript
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.label import Label
from scoring.rubric import Rubric
from scoring.sheet import Sheet


@dataclass(frozen=True)
class ReferenceRow:
    """One conversation of a round, in the list of reference answers."""

    sample_id: int
    known: bool


@dataclass(frozen=True)
class ReferenceForm:
    """What the lead needs to score the reference of one conversation: like the desk, blind to what anybody gave.
    `found` are the red lines that screening has found, as (message, from, to, rule)."""

    round_id: int
    sample_id: int
    rubric: Rubric
    transcript: FrozenTranscript
    found: tuple[tuple[int, int, int, str], ...]
    labels: Mapping[str, Label]
    sheet: Sheet | None


def references(bench: Workbench, actor: Actor, *, round_id: int) -> tuple[ReferenceRow, ...]:
    """The conversations of a round and which of them have a reference answer."""
    require(actor, Right.CALIBRATE)
    dealt = (
        select(Sample.id)
        .join(Assignment, Assignment.sample_id == Sample.id)
        .where(Assignment.round_id == round_id, Assignment.kind == "calibration")
        .distinct()
        .order_by(Sample.id)
    )
    with bench.db.read() as session:
        known = find(session, round_id).reference
        return tuple(ReferenceRow(id_, str(id_) in known) for id_ in session.scalars(dealt))


def reference_form(bench: Workbench, actor: Actor, *, round_id: int, sample_id: int) -> ReferenceForm:
    """What is needed to score the reference answer. Raises `Conflict` while the reader has to score the conversation as
    one of the inspectors, or took part in it."""
    require(actor, Right.CALIBRATE)
    with bench.db.read() as session:
        found = find(session, round_id)
        sample = _referred(session, actor, round_id, sample_id)
        spans, stored = spans_of(session, sample, actor), found.reference.get(str(sample_id))
        return ReferenceForm(
            round_id,
            sample_id,
            rubric_of(session, found.rubric_version_id),
            transcript_of(session, sample_id),
            spans,
            ledger.rule_labels(session, {rule for *_, rule in spans}),
            None if stored is None else Sheet.from_dict(stored),
        )


def set_reference(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    round_id: int,
    sample_id: int,
    sheet: Sheet | Mapping[str, Any],
    seen: Sheet | None = None,
) -> None:
    """Record the reference answer for one conversation of a round, before or after it is closed; results show it once
    closed.

    `seen` is the answer the form began with (None: there was none). The same answer again changes nothing. Raises
    `Invalid` where the rubric forbids a mark or a red line is undecided, `Stale` when somebody else has given an answer
    meanwhile, `Conflict` while the actor has to score the conversation, or took part in it.
    """
    require(actor, Right.CALIBRATE)
    marks = ledger.read(sheet)
    with bench.db.write() as session:
        found = find(session, round_id, lock=True)
        sample = _referred(session, actor, round_id, sample_id)
        check_sheet(session, actor, sample, found.rubric_version_id, marks)
        stored = found.reference.get(str(sample_id))
        if stored == marks.to_dict():
            return
        if stored != (None if seen is None else seen.to_dict()):
            raise Stale(N_("Somebody else has given a reference answer meanwhile. Look at it before you change it."))
        found.reference = {**found.reference, str(sample_id): marks.to_dict()}
        audit.record(session, actor, now, "calibration.reference", "calibration_round", round_id, sample=sample_id)


def _referred(session: Session, actor: Actor, round_id: int, sample_id: int) -> Sample:
    """A sample of the round whose answer the actor may know."""
    dealt = select(Assignment.id).where(
        Assignment.round_id == round_id, Assignment.sample_id == sample_id, Assignment.kind == "calibration"
    )
    sample = session.get(Sample, sample_id)
    if sample is None or session.scalar(dealt.limit(1)) is None:
        raise NotFound(N_("Sample {sample} is not part of this round."), sample=sample_id)
    if session.scalar(waiting(actor).where(Sample.id == sample_id).limit(1)) is not None:
        raise Conflict(STILL_TO_SCORE)
    refuse_own(session, actor, sample_id)
    return sample
