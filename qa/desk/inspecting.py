"""Inspecting one sample: drafts that are never lost, a submit that counts once, and ten seconds to take it back.

Every write says which place and which version of it is meant, so that a late click, a second window or somebody
else's claim can never put marks on the wrong sample. Does not know how the queue chooses and how the desk looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from qa.casefiles import record
from qa.casefiles.record import CaseFiles
from qa.desk import suggesting
from qa.desk.leases import LEASE, OWN_CHAT, find, took_part
from qa.desk.sheets import DraftView, SheetBasis, basis_of, has_draft, write_draft
from qa.desk.workspace import Workspace, workspace
from qa.errors import Conflict, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Draft, Inspection
from qa.unit_of_work import UnitOfWork
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.redline.rule import Effect
from scoring.sheet import CONFIRMED, CheckedSheet, HitDecision, Outcome, Sheet

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
    with bench.begin(actor, now) as work:
        session = work.session
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
        saved = write_draft(work, assignment_id, version, dict(content), settle)
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
    asked = _Asked(assignment_id, version, nonce, ledger.read(sheet), active_seconds)
    if not 8 <= len(nonce) <= 64:
        raise Invalid(N_("The request lacks its protection against repetition. Reload the page."))
    try:
        with bench.begin(actor, now) as work:
            return _submit(work, asked)
    except IntegrityError:
        # Two requests with one nonce, at once: the other one has won, so its answer is ours.
        with bench.db.read() as session:
            if (done := _repeated(session, actor, asked)) is not None:
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


@dataclass(frozen=True)
class _Asked:
    """One request to submit."""

    assignment_id: int
    version: int
    nonce: str
    sheet: Sheet
    active_seconds: int | None


def _submit(work: UnitOfWork, asked: _Asked) -> Submitted:
    """Three strokes: read everything once, decide the case files, put the result on record."""
    session, actor = work.session, work.actor
    place = session.execute(
        _FINISH, {"place": asked.assignment_id, "seen": asked.version, "now": work.now, "me": actor.user_id}
    ).one_or_none()
    if place is None:
        if (done := _repeated(session, actor, asked)) is not None:
            return done
        raise _lost(session, actor, asked.assignment_id)
    counts = place.kind in ("primary", "double")
    basis = basis_of(session, actor, asked.assignment_id, place.sample_id, asked.sheet, lock=counts)
    if took_part(actor, basis.transcript):
        raise Conflict(OWN_CHAT)
    if basis.sample.withdrawn_at is not None:
        raise Conflict(N_("This sample was replaced meanwhile; take the next one."))
    sheet = basis.checked(asked.sheet)
    files = _decide(work, basis, asked.sheet) if counts else basis.files
    effects = ledger.effects(files, basis.rules)
    outcome = ledger.scored(sheet, effects)
    inspection_id = _put_on_record(work, asked, place, basis, outcome)
    if ledger.speaks(session, place.sample_id, place.kind):
        _issue(work, basis, files, sheet, effects, outcome, inspection_id)
    return Submitted(inspection_id, outcome, work.now + UNDO, repeated=False)


def _put_on_record(work: UnitOfWork, asked: _Asked, place: Any, basis: SheetBasis, outcome: Outcome) -> int:
    me = work.actor.user_id
    suggested = (
        suggesting.outcome(basis.sample.unit_id, basis.transcript, basis.rubric, asked.sheet, basis.silenced)
        if place.kind == "primary" and basis.silenced is not None
        else None
    )
    inspection_id: int = work.session.execute(
        _PUT_ON_RECORD,
        {
            "assignment_id": asked.assignment_id, "sample_id": basis.sample.id, "inspector_id": me,
            "rubric_version_id": basis.rubric_version_id, "sheet": asked.sheet.to_dict(), "outcome": outcome.to_dict(),
            "total": outcome.total, "nonce": asked.nonce, "claimed_at": place.claimed_at, "submitted_at": work.now,
            "active_seconds": _seconds(asked.active_seconds), "suggested": suggested or None,
        },
    ).scalar_one()  # fmt: skip
    work.session.execute(_DROP_DRAFT, {"place": asked.assignment_id, "me": me})
    work.record(
        "inspection.submitted", "inspection", inspection_id, assignment=asked.assignment_id, sample=basis.sample.id,
        total=outcome.total,
    )  # fmt: skip
    return inspection_id


def _issue(
    work: UnitOfWork, basis: SheetBasis, files: CaseFiles, sheet: CheckedSheet, effects: Mapping[str, Effect],
    outcome: Outcome, inspection_id: int,
) -> None:  # fmt: skip
    """Make the inspection the sample's result. Where a manager has ruled otherwise on a red line, that counts."""
    hits = ledger.ruled_hits(sheet.sheet, files)
    if hits != sheet.sheet.hits:
        sheet = sheet.with_hits(hits)
        outcome = ledger.scored(sheet, effects)
    ledger.append(
        work, sample_id=basis.sample.id, agent_id=basis.sample.agent_id, kind="inspection",
        rubric_version_id=basis.rubric_version_id, sheet=sheet.sheet, outcome=outcome, inspection_id=inspection_id,
    )  # fmt: skip


def _seconds(value: int | None) -> int | None:
    return None if value is None else max(0, min(int(value), 24 * 3600))


def _repeated(session: Session, actor: Actor, asked: _Asked) -> Submitted | None:
    """What this request has already put on record: the same nonce, or the same marks on the same place by me."""
    found = session.scalars(_REPEATS, {"mark": asked.nonce, "place": asked.assignment_id, "me": actor.user_id}).all()
    known = next((one for one in found if one.nonce == asked.nonce), None)
    if known is not None and (known.assignment_id, known.inspector_id) != (asked.assignment_id, actor.user_id):
        raise Conflict(N_("This request was already used for another sample. Reload the page."))
    if known is not None and known.undone_at is not None:
        raise Conflict(N_("This submission was taken back. Submit again."))
    known = known or next((one for one in found if one.sheet == asked.sheet.to_dict()), None)
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


def _decide(work: UnitOfWork, basis: SheetBasis, sheet: Sheet) -> CaseFiles:
    """Take the first step of the case file of every rule decided on the sheet, opening files for what was missed;
    returns the files as they are then."""
    by_rule: dict[str, list[HitDecision]] = {}
    for hit in sheet.hits:
        by_rule.setdefault(hit.rule_id, []).append(hit)
    texts = basis.transcript.texts
    decisions = [
        _decision(basis, rule_id, hits, texts)
        for rule_id, hits in sorted(by_rule.items())
        if rule_id in basis.files.to_decide or any(hit.decision == CONFIRMED for hit in hits)
    ]  # clearing what nobody has found needs no case file
    if not decisions:
        return basis.files
    sample = basis.sample
    return record.decide_at_desk(work, basis.files, decisions, sample_id=sample.id, transcript_id=sample.transcript_id)


def _decision(
    basis: SheetBasis, rule_id: str, hits: Sequence[HitDecision], texts: Mapping[int, str]
) -> record.Decision:
    confirmed = [hit for hit in hits if hit.decision == CONFIRMED]
    decisive = confirmed or hits
    newest, sample = basis.rules[rule_id][-1], basis.sample
    finding = record.Finding(
        conversation_key=sample.conversation_key or sample.unit_id, agent_id=sample.agent_id, rule_id=rule_id,
        rule_version=newest.version, severity=newest.severity, occurred_at=sample.occurred_at,
        evidence=tuple(record.Evidence(hit.seq, 0, len(texts[hit.seq]), texts[hit.seq][:500]) for hit in decisive),
    )  # fmt: skip
    reason = "\n".join(dict.fromkeys(hit.reason.strip() for hit in decisive))[: record.MAX_REASON]
    return record.Decision(finding, bool(confirmed), reason)


# --- taking back ------------------------------------------------------------------------------------------------------


def undo(bench: Workbench, actor: Actor, *, now: datetime, inspection_id: int) -> Undone:
    """Take one's own submission back within ten seconds: the place is open again and its marks are the draft.

    Doing it twice changes nothing more. Raises `Conflict` when the time is over or somebody has ruled on it since.
    """
    require(actor, Right.INSPECT)
    with bench.begin(actor, now) as work:
        session = work.session
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
        write_draft(work, place.id, 0, dict(inspection.sheet), settle=False)
        record.retract_at_desk(work, inspection.sample_id)
        ledger.withdraw(work, sample_id=inspection.sample_id, inspection_id=inspection_id, reason="undone")
        work.record("inspection.undone", "inspection", inspection_id, assignment=place.id)
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
