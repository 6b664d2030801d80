"""Inspecting one sample: drafts that are never lost, a submit that counts once, and ten seconds to take it back.

Every write says which place and which version of it is meant, so that a late click, a second window or somebody
else's claim can never put marks on the wrong sample. Refuses to know how the queue chooses and how the desk looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from qa import audit
from qa.casefiles import record
from qa.desk.leases import LEASE, content_of, find, refuse_own
from qa.desk.sheets import DraftView, check_sheet, has_draft, rubric_version_of, rules_with_files, write_draft
from qa.desk.workspace import Workspace, workspace
from qa.errors import Conflict, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Draft, Inspection, RuleVersion, Sample
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.sheet import CONFIRMED, HitDecision, Outcome, Sheet

UNDO = timedelta(seconds=10)
_LATENCY = timedelta(seconds=5)
"""A click in the tenth second may arrive a little later."""

MAX_DRAFT = 200_000
"""Characters of JSON; far more than any sheet with full notes."""


@dataclass(frozen=True)
class Saved:
    """A draft that is safe. `other` is set when another window had saved something else meanwhile: mine is kept and
    theirs is kept beside it until the person chooses (a save with `settle`)."""

    version: int
    other: dict[str, Any] | None
    held: bool
    """Whether the place is still mine; if not, the draft is kept all the same."""


@dataclass(frozen=True)
class Submitted:
    """A result on record. `repeated`: it was there already, this request changed nothing."""

    inspection_id: int
    outcome: Outcome
    undo_until: datetime
    repeated: bool


@dataclass(frozen=True)
class Undone:
    """Taken back: the place is open again in my hands, its marks are a draft."""

    assignment_id: int
    version: int


# --- drafts -----------------------------------------------------------------------------------------------------------


def save_draft(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    assignment_id: int,
    version: int,
    content: Mapping[str, Any],
    settle: bool = False,
) -> Saved:
    """Keep unsubmitted marks. `version` is the draft version this window last saw, 0 for none.

    Saving also renews the lease. A stale version overrides but keeps the overridden text in `other`; `settle` drops
    it. Raises `Conflict` when the place is finished: a late autosave must not bring a submitted draft back.
    """  # fmt: skip
    require(actor, Right.INSPECT)
    if len(str(content)) > MAX_DRAFT:
        raise Invalid(N_("The draft is too long to keep; shorten the notes."))
    with bench.db.write() as session:
        place = session.get(Assignment, assignment_id, with_for_update={"key_share": True})
        if place is None:
            raise NotFound(N_("There is no assignment {id}."), id=assignment_id)
        if place.finished_at is not None:
            raise Conflict(N_("This sample is finished; its result is on record."))
        if actor.user_id not in (place.inspector_id, place.lease_by) and not has_draft(session, place, actor):
            raise Conflict(N_("This sample is not in your hands; open it first."))
        held = place.lease_by == actor.user_id
        if held:
            place.lease_until = now + LEASE
        saved = write_draft(session, actor, now, assignment_id, version, dict(content), settle)
        return Saved(saved[0], saved[1], held)


# --- submitting -------------------------------------------------------------------------------------------------------


def submit(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    assignment_id: int,
    version: int,
    nonce: str,
    sheet: Sheet | Mapping[str, Any],
    active_seconds: int | None = None,
) -> Submitted:
    """Put an inspection on record, exactly once.

    `version` is the one of the claim, `nonce` a fresh random text per attempt to submit: the same request again changes
    nothing and returns the same answer. Raises `Invalid` naming the field when the rubric forbids a mark or a red-line
    hit is undecided, `Stale` when somebody else has the place now, `Conflict` when it is finished.
    """  # fmt: skip
    require(actor, Right.INSPECT)
    marks = ledger.read(sheet)
    if not 8 <= len(nonce) <= 64:
        raise Invalid(N_("The request has no proper mark against repetition. Reload the page."))
    try:
        with bench.db.write() as session:
            return _submit(session, actor, now, assignment_id, version, nonce, marks, active_seconds)
    except IntegrityError:
        # Two requests with one nonce, at once: the other one has won, so its answer is ours.
        with bench.db.read() as session:
            if (done := _repeated(session, actor, assignment_id, nonce, marks)) is not None:
                return done
        raise


_FINISH = (
    update(Assignment)
    .where(
        Assignment.id == bindparam("place"), Assignment.version == bindparam("seen"),
        Assignment.lease_by == bindparam("me"), Assignment.finished_at.is_(None),
    )
    .values(
        finished_at=bindparam("now"), finished_as="submitted", version=Assignment.version + 1, lease_by=None,
        lease_until=None, inspector_id=bindparam("me"),
    )
    .returning(Assignment.sample_id, Assignment.kind, Assignment.claimed_at)
    .execution_options(synchronize_session=False)
)  # fmt: skip
_SAMPLE = select(Sample).where(Sample.id == bindparam("sample"))
_PUT_ON_RECORD = insert(cast(Table, Inspection.__table__)).returning(Inspection.id)
_DROP_DRAFT = delete(cast(Table, Draft.__table__)).where(
    Draft.assignment_id == bindparam("place"), Draft.inspector_id == bindparam("me")
)
_REPEATS = select(Inspection).where(
    or_(
        Inspection.nonce == bindparam("mark"),
        and_(
            Inspection.assignment_id == bindparam("place"), Inspection.inspector_id == bindparam("me"),
            Inspection.undone_at.is_(None),
        ),
    )
)  # fmt: skip


def _submit(
    session: Session, actor: Actor, now: datetime, assignment_id: int, version: int, nonce: str, sheet: Sheet,
    active_seconds: int | None,
) -> Submitted:  # fmt: skip
    if (done := _repeated(session, actor, assignment_id, nonce, sheet)) is not None:
        return done
    place = session.execute(
        _FINISH, {"place": assignment_id, "seen": version, "now": now, "me": actor.user_id}
    ).one_or_none()
    if place is None:
        if (done := _repeated(session, actor, assignment_id, nonce, sheet)) is not None:
            return done
        raise _lost(session, actor, assignment_id)
    refuse_own(session, actor, place.sample_id)
    sample = session.execute(_SAMPLE, {"sample": place.sample_id}).scalar_one()
    if sample.withdrawn_at is not None:
        raise Conflict(N_("This sample was replaced meanwhile; take the next one."))
    rubric_version_id = rubric_version_of(session, assignment_id)
    check_sheet(session, actor, sample, rubric_version_id, sheet)
    if place.kind in ("primary", "double"):
        _decide(session, actor, now, sample, sheet)
    outcome = ledger.compute(session, sample.id, rubric_version_id, sheet)
    inspection_id: int = session.execute(
        _PUT_ON_RECORD,
        {
            "assignment_id": assignment_id, "sample_id": sample.id, "inspector_id": actor.user_id,
            "rubric_version_id": rubric_version_id, "sheet": sheet.to_dict(), "outcome": outcome.to_dict(),
            "total": outcome.total, "nonce": nonce, "claimed_at": place.claimed_at, "submitted_at": now,
            "active_seconds": _seconds(active_seconds),
        },
    ).scalar_one()  # fmt: skip
    session.execute(_DROP_DRAFT, {"place": assignment_id, "me": actor.user_id})
    audit.record(
        session, actor, now, "inspection.submitted", "inspection", inspection_id, assignment=assignment_id,
        sample=sample.id, total=outcome.total,
    )  # fmt: skip
    if ledger.speaks(session, sample.id, place.kind):
        ledger.issue(session, actor, now, inspection_id)
    audit.bump(session, "samples")
    return Submitted(inspection_id, outcome, now + UNDO, repeated=False)


def _seconds(value: int | None) -> int | None:
    return None if value is None else max(0, min(int(value), 24 * 3600))


def _repeated(session: Session, actor: Actor, assignment_id: int, nonce: str, sheet: Sheet) -> Submitted | None:
    """What this request has already put on record: the same nonce, or the same marks on the same place by me."""
    found = session.scalars(_REPEATS, {"mark": nonce, "place": assignment_id, "me": actor.user_id}).all()
    known = next((one for one in found if one.nonce == nonce), None)
    if known is not None and (known.assignment_id, known.inspector_id) != (assignment_id, actor.user_id):
        raise Conflict(N_("This request was already used for another sample. Reload the page."))
    if known is not None and known.undone_at is not None:
        raise Conflict(N_("This submission was taken back. Submit again."))
    known = known or next((one for one in found if one.sheet == sheet.to_dict()), None)
    if known is None:
        return None
    return Submitted(known.id, Outcome.from_dict(known.outcome), known.submitted_at + UNDO, repeated=True)


def _lost(session: Session, actor: Actor, assignment_id: int) -> Conflict:
    place = find(session, assignment_id)
    if place.finished_at is not None:
        return Conflict(N_("This sample is finished; its result is on record."))
    if place.lease_by != actor.user_id:
        return Stale(
            N_(
                "This sample is no longer in your hands: a colleague has taken it, or it was given back. Your draft is"
                " kept."
            )
        )
    return Stale(N_("This sample changed since you opened it. Open it again; your draft is kept."))


def _decide(session: Session, actor: Actor, now: datetime, sample: Sample, sheet: Sheet) -> None:
    """Take the first step of the case file of every rule decided on the sheet, opening files for what was missed."""
    by_rule: dict[str, list[HitDecision]] = {}
    for hit in sheet.hits:
        by_rule.setdefault(hit.rule_id, []).append(hit)
    if not by_rule:
        return
    texts = {
        message["seq"]: message.get("text") or "" for message in content_of(session, sample.id).get("messages", ())
    }
    newest = _newest(session, by_rule)
    known = rules_with_files(session, sample, actor)
    for rule_id, hits in sorted(by_rule.items()):
        confirmed = [hit for hit in hits if hit.decision == CONFIRMED]
        if not confirmed and rule_id not in known:
            continue  # clearing what nobody has found needs no case file
        decisive = confirmed or hits
        finding = record.Finding(
            conversation_key=sample.conversation_key or sample.unit_id, agent_id=sample.agent_id, rule_id=rule_id,
            rule_version=newest[rule_id][0], severity=newest[rule_id][1], occurred_at=sample.occurred_at,
            evidence=tuple(record.Evidence(hit.seq, 0, len(texts[hit.seq]), texts[hit.seq][:500]) for hit in decisive),
        )  # fmt: skip
        reason = "\n".join(dict.fromkeys(hit.reason.strip() for hit in decisive))[: record.MAX_REASON]
        record.decide_at_desk(
            session,
            actor,
            now,
            finding,
            bool(confirmed),
            reason,
            sample_id=sample.id,
            transcript_id=sample.transcript_id,
        )
    audit.bump(session, "violations")


def _newest(session: Session, rule_ids: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    rows = session.execute(
        select(RuleVersion.rule_id, RuleVersion.version, RuleVersion.content)
        .where(RuleVersion.rule_id.in_(sorted(rule_ids)), RuleVersion.state != "draft")
        .order_by(RuleVersion.version)
    )
    return {rule_id: (version, str(content.get("severity", "major"))) for rule_id, version, content in rows}


# --- taking back ------------------------------------------------------------------------------------------------------


def undo(bench: Workbench, actor: Actor, *, now: datetime, inspection_id: int) -> Undone:
    """Take one's own submission back within ten seconds: the place is open again and its marks are the draft.

    Doing it twice changes nothing more. Raises `Conflict` when the time is over or somebody has ruled on it since.
    """
    require(actor, Right.INSPECT)
    with bench.db.write() as session:
        inspection = session.get(Inspection, inspection_id, with_for_update={"key_share": True})
        if inspection is None or inspection.inspector_id != actor.user_id:
            raise NotFound(N_("There is no inspection {id} of yours."), id=inspection_id)
        place = session.get_one(Assignment, inspection.assignment_id, with_for_update={"key_share": True})
        if inspection.undone_at is not None:
            return Undone(place.id, place.version)
        if now > inspection.submitted_at + UNDO + _LATENCY:
            raise Conflict(N_("The time to take it back is over; ask your lead to correct the result."))
        inspection.undone_at = now
        place.finished_at, place.finished_as = None, None
        place.lease_by, place.lease_until, place.claimed_at = actor.user_id, now + LEASE, inspection.claimed_at
        place.version += 1
        session.flush()
        write_draft(session, actor, now, place.id, 0, dict(inspection.sheet), settle=False)
        if record.retract_at_desk(session, actor, now, inspection.sample_id):
            audit.bump(session, "violations")
        ledger.withdraw(
            session, actor, now, sample_id=inspection.sample_id, inspection_id=inspection_id, reason="undone"
        )
        audit.record(session, actor, now, "inspection.undone", "inspection", inspection_id, assignment=place.id)
        audit.bump(session, "samples")
        return Undone(place.id, place.version)


__all__ = [
    "UNDO",
    "DraftView",
    "Saved",
    "Submitted",
    "Undone",
    "Workspace",
    "save_draft",
    "submit",
    "undo",
    "workspace",
]
