"""What writing and reading an inspection share: drafts, the rubric of a place, the case files that belong to a sample."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from qa import verdict_ledger
from qa.errors import Invalid
from qa.i18n import N_
from qa.leases import content_of
from qa.policy import Actor
from qa.scorecards import rubric_of
from qa.tables import Assignment, CalibrationRound, Draft, Draw, RuleVersion, Sample, Violation
from scoring.sheet import Sheet, check


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
    session: Session, actor: Actor, now: datetime, assignment_id: int, version: int, content: dict[str, Any], settle: bool
) -> tuple[int, dict[str, Any] | None]:
    draft = session.get(Draft, (assignment_id, actor.user_id))
    if draft is None:
        session.execute(
            insert(Draft).values(
                assignment_id=assignment_id, inspector_id=actor.user_id, version=1, content=content, other=None, updated_at=now
            )
        )
        return 1, None
    if draft.content == content and not settle:
        return draft.version, draft.other  # an answer that was lost, or nothing new
    if draft.version != version:
        draft.other = {"version": draft.version, "content": draft.content, "updated_at": draft.updated_at.isoformat()}
    elif settle:
        draft.other = None
    draft.version += 1
    draft.content, draft.updated_at = content, now
    return draft.version, draft.other


def rubric_version_of(session: Session, place: Assignment) -> int:
    """The rubric version a place is scored on: that of its calibration round, else that of the draw."""
    if place.round_id is not None:
        return session.scalars(select(CalibrationRound.rubric_version_id).where(CalibrationRound.id == place.round_id)).one()
    query = select(Draw.rubric_version_id).join(Sample, Sample.draw_id == Draw.id).where(Sample.id == place.sample_id)
    return session.scalars(query).one()


def rules_with_files(session: Session, sample: Sample) -> list[str]:
    """Rules that were found in the sample and that its inspector has to decide on."""
    return list(session.scalars(select(Violation.rule_id).where(*files_of(sample))))


def files_of(sample: Sample) -> tuple[ColumnElement[bool], ...]:
    """Condition for the case files of a sample that are (or were) a matter of judgement."""
    return (
        Violation.conversation_key == (sample.conversation_key or sample.unit_id), Violation.agent_id == sample.agent_id,
        Violation.state.not_in(("withdrawn", "expunged")),
    )  # fmt: skip


def rules_in_force(session: Session) -> set[str]:
    """Rules an inspector may add by hand: what the machine has missed."""
    return set(session.scalars(select(RuleVersion.rule_id).where(RuleVersion.state == "published")))


def check_sheet(session: Session, sample: Sample, rubric_version_id: int, sheet: Sheet) -> None:
    """Raise `Invalid` at the first thing that keeps `sheet` from counting for `sample`."""
    seqs = {message["seq"] for message in content_of(session, sample.id).get("messages", ())}
    suspected = set(rules_with_files(session, sample))
    allowed = suspected | rules_in_force(session)
    for problem in check(rubric_of(session, rubric_version_id), sheet, seqs=seqs, rules=allowed):
        raise verdict_ledger.refused(problem)
    for rule_id in sorted(suspected - {hit.rule_id for hit in sheet.hits}):
        raise Invalid(N_("Red line {rule} was found in this conversation: confirm or clear it before you submit."), rule=rule_id)
