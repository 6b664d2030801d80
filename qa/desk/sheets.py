"""What writing and reading an inspection share: drafts, the rubric of a place, the case files that belong to a
sample."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from qa.casefiles.lifecycle import Step
from qa.desk.leases import ME, content_of
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor
from qa.rubrics.stored import rubric_of
from qa.tables import Assignment, CalibrationRound, Draft, Draw, RuleVersion, Sample, Violation, ViolationEvent
from qa.verdicts import ledger
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
    session: Session,
    actor: Actor,
    now: datetime,
    assignment_id: int,
    version: int,
    content: dict[str, Any],
    settle: bool,
) -> tuple[int, dict[str, Any] | None]:
    draft = session.get(Draft, (assignment_id, actor.user_id))
    if draft is None:
        session.execute(
            insert(Draft).values(
                assignment_id=assignment_id,
                inspector_id=actor.user_id,
                version=1,
                content=content,
                other=None,
                updated_at=now,
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


RUBRIC_VERSION = func.coalesce(CalibrationRound.rubric_version_id, Draw.rubric_version_id)
"""The rubric version a place is scored on: that of its calibration round, else that of the draw."""

_RUBRIC = (
    select(RUBRIC_VERSION)
    .select_from(Assignment)
    .join(Sample, Sample.id == Assignment.sample_id)
    .join(Draw, Draw.id == Sample.draw_id)
    .join(CalibrationRound, CalibrationRound.id == Assignment.round_id, isouter=True)
    .where(Assignment.id == bindparam("place"))
)


def rubric_version_of(session: Session, assignment_id: int) -> int:
    """The rubric version a place is scored on."""
    version_id: int = session.execute(_RUBRIC, {"place": assignment_id}).scalar_one()
    return version_id


FILES = (
    Violation.conversation_key == bindparam("chat"),
    Violation.agent_id == bindparam("agent"),
    Violation.state.not_in(("withdrawn", "expunged")),
    ~select(ViolationEvent.id)
    .where(
        ViolationEvent.violation_id == Violation.id,
        ViolationEvent.kind == Step.OPEN.value,
        ViolationEvent.actor_id != ME,
    )
    .exists(),
)
"""The case files of a sample that are (or were) a matter of judgement; filled by `filed_under`. What a colleague has
added by hand is not among them: it is that colleague's mark, and readings of one conversation are independent."""

_FOUND = select(Violation.rule_id).where(*FILES)
_IN_FORCE = select(RuleVersion.rule_id).where(RuleVersion.state == "published")


def filed_under(sample: Sample, reader: Actor) -> dict[str, Any]:
    """What the case files of a sample are filed under, and who reads them."""
    return {"chat": sample.conversation_key or sample.unit_id, "agent": sample.agent_id, "me": reader.user_id}


def rules_with_files(session: Session, sample: Sample, reader: Actor) -> set[str]:
    """Rules that were found in the sample and that its inspector has to decide on."""
    return set(session.execute(_FOUND, filed_under(sample, reader)).scalars())


_SPANS = select(Violation.rule_id, Violation.evidence).where(*FILES)


def spans_of(session: Session, sample: Sample, reader: Actor) -> tuple[tuple[int, int, int, str], ...]:
    """What was found in the sample, for marking it: message, from, to (code points) and rule, in order of reading."""
    rows = session.execute(_SPANS, filed_under(sample, reader))
    return tuple(
        sorted(
            (int(hit["seq"]), int(hit["start"]), int(hit["end"]), rule) for rule, evidence in rows for hit in evidence
        )
    )


def rules_in_force(session: Session) -> set[str]:
    """Rules an inspector may add by hand: what the machine has missed."""
    return set(session.execute(_IN_FORCE).scalars())


def check_sheet(session: Session, actor: Actor, sample: Sample, rubric_version_id: int, sheet: Sheet) -> None:
    """Raise `Invalid` at the first thing that keeps `sheet` from counting as the actor's for `sample`."""
    seqs = {message["seq"] for message in content_of(session, sample.id).get("messages", ())}
    suspected = rules_with_files(session, sample, actor)
    allowed = suspected | rules_in_force(session)
    for problem in check(rubric_of(session, rubric_version_id), sheet, seqs=seqs, rules=allowed):
        raise ledger.refused(problem)
    for rule_id in sorted(suspected - {hit.rule_id for hit in sheet.hits}):
        raise Invalid(
            N_("Red line {rule} was found in this conversation: confirm or clear it before you submit."), rule=rule_id
        )
