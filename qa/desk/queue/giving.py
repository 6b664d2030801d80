"""Giving a place back: unfinished and unharmed, or finished without a score for a reason that is recorded and
counted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from qa.desk.leases import find
from qa.errors import Conflict, Invalid, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Inspection
from qa.unit_of_work import UnitOfWork
from qa.verdicts import ledger
from qa.workbench import Workbench

MAX_REASON = 500


def release(bench: Workbench, actor: Actor, *, now: datetime, assignment_id: int) -> None:
    """Give a place back unfinished; the draft stays. Giving back what I do not hold does nothing."""
    require(actor, Right.INSPECT)
    with bench.begin(actor, now) as work:
        session = work.session
        released = session.execute(
            update(Assignment)
            .where(
                Assignment.id == assignment_id, Assignment.lease_by == actor.user_id, Assignment.finished_at.is_(None)
            )
            .values(lease_by=None, lease_until=None, claimed_at=None)
        )
        if released.rowcount:  # type: ignore[attr-defined]
            work.record("assignment.released", "assignment", assignment_id)


def skip(bench: Workbench, actor: Actor, *, now: datetime, assignment_id: int, version: int, reason: str) -> None:
    """Finish a place without a score, for a reason that is recorded and counted.

    Skipping a first inspection leaves the sample in `needs_replacement` until the draw's next rank stands in. Raises
    `Invalid` without a reason, `Stale` or `Conflict` when the place is no longer mine.
    """
    require(actor, Right.INSPECT)
    reason = reason.strip()
    if not 3 <= len(reason) <= MAX_REASON:
        raise Invalid(N_("Give a reason for skipping: 3 to {limit} characters."), limit=MAX_REASON)
    with bench.begin(actor, now) as work:
        session = work.session
        finished = session.execute(
            update(Assignment)
            .where(
                Assignment.id == assignment_id,
                Assignment.version == version,
                Assignment.lease_by == actor.user_id,
                Assignment.finished_at.is_(None),
            )
            .values(
                finished_at=now,
                finished_as="skipped",
                skip_reason=reason,
                version=version + 1,
                lease_by=None,
                lease_until=None,
                inspector_id=actor.user_id,
            )
        )
        if not finished.rowcount:  # type: ignore[attr-defined]
            place = find(session, assignment_id)
            if place.finished_as == "skipped" and place.inspector_id == actor.user_id and place.version == version + 1:
                return  # the same request once more
            if place.finished_at is not None:
                raise Conflict(N_("This sample is finished; its result is on record."))
            raise Stale(N_("This sample is no longer in your hands; open it again."))
        work.record("assignment.skipped", "assignment", assignment_id, reason=reason)
        _hand_over(work, find(session, assignment_id))


def _hand_over(work: UnitOfWork, place: Assignment) -> None:
    """Where the first inspection is skipped but the second, blind one is in already, that one becomes the result."""
    if place.kind != "primary":
        return
    other = (
        select(Inspection.id)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .where(Inspection.sample_id == place.sample_id, Inspection.undone_at.is_(None), Assignment.kind == "double")
    )
    if (inspection_id := work.session.scalar(other.limit(1))) is not None:
        ledger.issue(work, inspection_id)
