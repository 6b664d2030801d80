"""What writing and reading an inspection share: drafts, the rubric of a place, the case files that belong to a
sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from qa import transcripts
from qa.casefiles import record
from qa.casefiles.record import CaseFiles
from qa.desk import suggesting
from qa.desk.leases import transcript_of
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor
from qa.rubrics.stored import RubricKey, rubric_of
from qa.rules.stored import PublishedRule, published
from qa.tables import (
    Assignment,
    CalibrationRound,
    Draft,
    Draw,
    RubricVersion,
    Sample,
    Transcript,
    Violation,
)
from qa.transcripts import FrozenTranscript
from qa.unit_of_work import UnitOfWork
from qa.verdicts import ledger
from scoring.rubric import Rubric
from scoring.sheet import CheckedSheet, Sheet, SheetError, checked


@dataclass(frozen=True)
class DraftView:
    """Unsubmitted marks. `other` is what another window of mine had saved and this one overrode."""

    version: int
    content: dict[str, Any]
    other: dict[str, Any] | None
    updated_at: datetime


def draft_of(session: Session, actor: Actor, assignment_id: int) -> DraftView | None:
    """The draft of this inspector, if there is one."""
    draft = session.get(Draft, (assignment_id, actor.user_id))
    return DraftView(draft.version, draft.content, draft.other, draft.updated_at) if draft else None


def has_draft(session: Session, place: Assignment, actor: Actor) -> bool:
    return session.get(Draft, (place.id, actor.user_id)) is not None


def write_draft(
    work: UnitOfWork, assignment_id: int, version: int, content: dict[str, Any], settle: bool
) -> tuple[int, dict[str, Any] | None]:
    """Keep `content` as the actor's draft; returns its version and what it overrode, if anything."""
    session, person = work.session, work.actor.user_id
    draft = session.get(Draft, (assignment_id, person))
    if draft is None:
        values = {"assignment_id": assignment_id, "inspector_id": person, "version": 1, "content": content}
        session.execute(insert(Draft).values(**values, other=None, updated_at=work.now))
        return 1, None
    if draft.content == content and not settle:
        return draft.version, draft.other  # an answer that was lost, or nothing new
    if draft.version != version:
        draft.other = {"version": draft.version, "content": draft.content, "updated_at": draft.updated_at.isoformat()}
    elif settle:
        draft.other = None
    draft.version += 1
    draft.content, draft.updated_at = content, work.now
    return draft.version, draft.other


SCORED_ON = func.coalesce(Sample.rubric_version_id, Draw.rubric_version_id)
"""The rubric version a sample is scored on: its own, else that of its draw."""

RUBRIC_VERSION = func.coalesce(CalibrationRound.rubric_version_id, SCORED_ON)
"""The rubric version a place is scored on: that of its calibration round, else its sample's."""

FILES = (
    Violation.conversation_key == bindparam("chat"),
    Violation.agent_id == bindparam("agent"),
    Violation.state.not_in(("withdrawn", "expunged")),
    ~record.ADDED_BY_A_COLLEAGUE,
)
"""The case files of a sample that are (or were) a matter of judgement; filled by `filed_under`. What a colleague has
added by hand is not among them: it is that colleague's mark, and readings of one conversation are independent."""


def filed_under(sample: Sample, reader: Actor) -> dict[str, Any]:
    """What the case files of a sample are filed under, and who reads them."""
    return {"chat": sample.conversation_key or sample.unit_id, "agent": sample.agent_id, "me": reader.user_id}


_SPANS = select(Violation.rule_id, Violation.evidence).where(*FILES)


def spans_of(session: Session, sample: Sample, reader: Actor) -> tuple[tuple[int, int, int, str], ...]:
    """What was found in the sample, for marking it: message, from, to (code points) and rule, in order of reading."""
    rows = session.execute(_SPANS, filed_under(sample, reader))
    return tuple(
        sorted(
            (int(hit["seq"]), int(hit["start"]), int(hit["end"]), rule) for rule, evidence in rows for hit in evidence
        )
    )


# --- checking a sheet -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SheetBasis:
    """Everything a sheet is checked against and decided on, read once: the sample, its rubric and text, the case files
    as they stand, and the rules that the sheet names."""

    sample: Sample
    transcript: FrozenTranscript
    rubric_version_id: int
    rubric: Rubric
    files: CaseFiles
    rules: Mapping[str, Sequence[PublishedRule]]
    silenced: frozenset[str] | None = None
    """Criteria of which nothing is suggested; None where suggestions have no place: the sample is read twice."""

    def checked(self, sheet: Sheet) -> CheckedSheet:
        """`sheet` as one that counts as the inspector's. Raises `Invalid` at the first thing that keeps it from it."""
        in_force = {rule for rule, versions in self.rules.items() if any(version.in_force for version in versions)}
        to_decide = self.files.to_decide
        try:
            found = checked(self.rubric, sheet, seqs=self.transcript.seqs, rules=to_decide | in_force)
        except SheetError as problem:
            raise ledger.refused(problem.problems[0]) from problem
        for rule_id in sorted(to_decide - {hit.rule_id for hit in sheet.hits}):
            raise Invalid(
                N_("Red line {rule} was found in this conversation: confirm or clear it before you submit."),
                rule=rule_id,
            )
        return found


_BASIS = (
    select(
        Sample, Transcript.content, RUBRIC_VERSION, RubricVersion.rubric_id, RubricVersion.version,
        RubricVersion.content_hash, suggesting.OFF, suggesting.compared(Sample.id),
    )
    .select_from(Assignment)
    .join(Sample, Sample.id == Assignment.sample_id)
    .join(Transcript, Transcript.id == Sample.transcript_id)
    .join(Draw, Draw.id == Sample.draw_id, isouter=True)
    .join(CalibrationRound, CalibrationRound.id == Assignment.round_id, isouter=True)
    .join(RubricVersion, RubricVersion.id == RUBRIC_VERSION)
    .where(Assignment.id == bindparam("place"))
)  # fmt: skip
_LOCKED_BASIS = _BASIS.with_for_update(key_share=True, of=Sample)


def basis_of(
    session: Session, actor: Actor, assignment_id: int, sample_id: int, sheet: Sheet, *, lock: bool
) -> SheetBasis:
    """What `sheet` is checked against in a place of the queue. `lock`: its case files and its sample are locked, in
    this order, because the sheet is going to decide them."""
    files = record.files_of(session, sample_id, actor, lock=lock)
    named = {"place": assignment_id}
    sample, content, version_id, *key, off, compared = session.execute(_LOCKED_BASIS if lock else _BASIS, named).one()
    rubric = rubric_of(session, version_id, RubricKey(*key))
    return SheetBasis(
        sample,
        transcripts.read(content),
        version_id,
        rubric,
        files,
        published(session, {hit.rule_id for hit in sheet.hits}),
        None if compared else suggesting.silenced_by(off),
    )


def check_sheet(session: Session, actor: Actor, sample: Sample, rubric_version_id: int, sheet: Sheet) -> None:
    """Raise `Invalid` at the first thing that keeps `sheet` from counting as the actor's for `sample`."""
    basis = SheetBasis(
        sample, transcript_of(session, sample.id), rubric_version_id, rubric_of(session, rubric_version_id),
        record.files_of(session, sample.id, actor), published(session, {hit.rule_id for hit in sheet.hits}),
    )  # fmt: skip
    basis.checked(sheet)
