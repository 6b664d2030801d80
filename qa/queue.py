"""The inspector's queue: taking the next place, giving it back, skipping it with a reason, and the day's progress.

A claim is one conditional UPDATE: what I hold first, then what is assigned to me, then the common queue, then what a
colleague who is gone has left. Two people never get the same place, an expired lease is free, finished work is never
touched, and an empty queue says why. Refuses to know what is marked and how a skipped sample is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningUpdate

from qa import audit, verdict_ledger
from qa.errors import Conflict, Invalid, Stale
from qa.i18n import N_
from qa.leases import FREE, GONE, LEASE, ME, NOW, OPEN, content_of, find, refuse_own, took_part, who
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Inspection, Sample, User
from qa.workbench import Workbench

MAX_REASON = 500

COUNTED = 1_000
"""The common queue is counted up to here: nobody needs to know more, and a million places cost no more than these."""


@dataclass(frozen=True)
class Claim:
    """A place that is mine until `lease_until`. `version` goes back with the submit."""

    assignment_id: int
    sample_id: int
    version: int
    lease_until: datetime
    resumed: bool
    """It was in my hands already: nothing changed but the end of the lease."""


class Why(StrEnum):
    """Why there is nothing to take."""

    NOTHING_DRAWN = "nothing_drawn"
    ALL_DONE = "all_done"
    TAKEN = "taken"
    ONLY_OTHERS = "only_others"
    OWN_CHATS = "own_chats"


WHY_TEXT: Mapping[Why, str] = {
    Why.NOTHING_DRAWN: N_("Nothing has been drawn yet. A lead plans and publishes a draw."),
    Why.ALL_DONE: N_("All samples are inspected. Well done; the next draw brings new ones."),
    Why.TAKEN: N_("The remaining {count} samples are being inspected right now. One may become free at {free_at}."),
    Why.ONLY_OTHERS: N_("Your part is done. {count} samples are still open, all assigned to colleagues."),
    Why.OWN_CHATS: N_("The remaining {count} samples are conversations you took part in; colleagues inspect them."),
}


@dataclass(frozen=True)
class Empty:
    """There is nothing for this inspector, and why. `WHY_TEXT[why]` says it with `count` and `free_at`."""

    why: Why
    count: int = 0
    free_at: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """Where one inspector stands. `done` and `open` count their own places, `common` what anybody may take, `COUNTED` at
    most."""

    done_today: int
    skipped_today: int
    done: int
    open: int
    common: int
    median_seconds_today: int | None


@dataclass(frozen=True)
class Skipped:
    """A sample whose first inspection was skipped and that waits for the next rank to stand in."""

    sample_id: int
    draw_id: int
    unit_id: str
    agent_id: str
    reason: str
    inspector: str
    at: datetime


@dataclass(frozen=True)
class SkipCount:
    """How often an inspector skipped, beside how often they submitted."""

    user_id: int
    name: str
    skipped: int
    submitted: int


# --- taking -----------------------------------------------------------------------------------------------------------


def claim_next(bench: Workbench, actor: Actor, *, now: datetime) -> Claim | Empty:
    """Take the next place, or learn why there is none. What I already hold comes back unchanged."""
    require(actor, Right.INSPECT)
    with bench.db.write() as session:
        claim = _take(session, actor, now, _NEXT) if actor.agent_id is None else _not_own(session, actor, now)
        return claim or _why(session, actor, now)


def open(bench: Workbench, actor: Actor, *, now: datetime, assignment_id: int) -> Claim:
    """Take one certain place. Raises `Conflict` saying why when it is finished, taken, withdrawn, own or not mine."""
    require(actor, Right.INSPECT)
    with bench.db.write() as session:
        place = find(session, assignment_id)
        refuse_own(session, actor, place.sample_id)
        claim = _take(session, actor, now, _THIS, place=assignment_id)
        if claim is None:
            session.refresh(place)
            raise _refusal(session, actor, now, place)
        return claim


def _not_own(session: Session, actor: Actor, now: datetime) -> Claim | None:
    """The next place for somebody who is an agent too: a chat of one's own is put back and passed over."""
    own: list[int] = []
    while True:
        with session.begin_nested() as attempt:
            claim = _take(session, actor, now, _NEXT_NOT_OWN, agent=actor.agent_id, own=own)
            if claim is None or not took_part(actor, content_of(session, claim.sample_id)):
                return claim
            attempt.rollback()
        own.append(claim.sample_id)


def _take(session: Session, actor: Actor, now: datetime, statement: ReturningUpdate[int, int, int], **facts: object) -> Claim | None:
    """Carry out one conditional UPDATE and say what it took."""
    filled = who(actor, now)
    held = session.scalars(_HELD, filled).all()
    row = session.execute(statement, {**filled, "until": now + LEASE, **facts}).one_or_none()
    if row is None:
        return None
    resumed = row.id in held
    if not resumed:
        audit.record(session, actor, now, "assignment.claimed", "assignment", row.id, version=row.version)
    return Claim(row.id, row.sample_id, row.version, now + LEASE, resumed)


def _tiers() -> tuple[ColumnElement[bool], ...]:
    """Where the next place comes from, best first. Each is one walk along an index that stops at the first free place."""
    other = aliased(Assignment)
    seen = (
        select(other.id)
        .where(
            other.sample_id == Assignment.sample_id, other.id != Assignment.id,
            or_(other.inspector_id == ME, other.lease_by == ME),
        )
        .exists()
    )  # the second, blind pair of eyes must be another person's
    return (
        and_(Assignment.lease_by == ME, Assignment.lease_until > NOW),
        Assignment.inspector_id == ME,
        and_(Assignment.inspector_id.is_(None), ~seen),
        and_(Assignment.inspector_id.in_(GONE), ~seen),
    )


def _first(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """The first place that fits and that nobody else is taking at this moment."""
    candidates = (
        select(Assignment.id)
        .join(Sample, Sample.id == Assignment.sample_id)
        .where(*conditions, FREE, Sample.withdrawn_at.is_(None))
        .order_by(Assignment.position, Assignment.id)
    )
    return candidates.limit(1).with_for_update(of=Assignment, skip_locked=True).scalar_subquery()


def _taking(chosen: ColumnElement[Any]) -> ReturningUpdate[int, int, int]:
    mine = Assignment.lease_by == ME
    return (
        update(Assignment)
        .where(Assignment.id == chosen, FREE)
        .values(
            lease_by=ME, lease_until=bindparam("until"), claimed_at=case((mine, Assignment.claimed_at), else_=NOW),
            version=Assignment.version + case((mine, 0), else_=1),
        )
        .returning(Assignment.id, Assignment.sample_id, Assignment.version)
        .execution_options(synchronize_session=False)
    )  # fmt: skip


_HELD = select(Assignment.id).where(Assignment.lease_by == ME, Assignment.finished_at.is_(None))
_THIS = _taking(_first(Assignment.id == bindparam("place"), OPEN))
_NEXT = _taking(func.coalesce(*map(_first, _tiers())))
_FOREIGN = and_(Sample.agent_id != bindparam("agent"), Sample.id.not_in(bindparam("own", expanding=True)))
_NEXT_NOT_OWN = _taking(func.coalesce(*(_first(tier, _FOREIGN) for tier in _tiers())))


def _why(session: Session, actor: Actor, now: datetime) -> Empty:
    left, taken, free_at, reachable, going = session.execute(_LEFT, who(actor, now)).one()
    if not left:
        drawn = session.scalar(select(Assignment.id).limit(1))
        return Empty(Why.NOTHING_DRAWN if drawn is None else Why.ALL_DONE)
    if taken:
        return Empty(Why.TAKEN, taken, free_at)
    if reachable and actor.agent_id is not None:
        return Empty(Why.OWN_CHATS, reachable)
    if going:
        return Empty(Why.TAKEN, going, now + LEASE)
    return Empty(Why.ONLY_OTHERS, left)


def _left() -> Select[int, int, datetime | None, int, int]:
    """What is left, in one look, because colleagues go on claiming: all of it; what they hold and until when; what is
    open to me; and what is free but was passed over, because somebody is claiming it at this very moment."""
    held = and_(OPEN, Assignment.lease_by != ME, Assignment.lease_until > NOW)
    return (
        select(
            func.count(), func.count().filter(held), func.min(Assignment.lease_until).filter(held),
            func.count().filter(OPEN), func.count().filter(FREE, or_(*_tiers())),
        )
        .select_from(Assignment)
        .join(Sample)
        .where(Assignment.finished_at.is_(None), Sample.withdrawn_at.is_(None))
    )  # fmt: skip


_LEFT = _left()


def _refusal(session: Session, actor: Actor, now: datetime, place: Assignment) -> Conflict:
    """Why this place cannot be taken by this inspector now."""
    if place.finished_at is not None:
        return Conflict(N_("This sample is finished; its result is on record."))
    if place.lease_by not in (None, actor.user_id) and place.lease_until is not None and place.lease_until > now:
        return Conflict(N_("A colleague is inspecting this sample right now."))
    return Conflict(N_("This sample is assigned to a colleague."))


# --- giving back ------------------------------------------------------------------------------------------------------


def release(bench: Workbench, actor: Actor, *, now: datetime, assignment_id: int) -> None:
    """Give a place back unfinished; the draft stays. Giving back what I do not hold does nothing."""
    require(actor, Right.INSPECT)
    with bench.db.write() as session:
        released = session.execute(
            update(Assignment)
            .where(Assignment.id == assignment_id, Assignment.lease_by == actor.user_id, Assignment.finished_at.is_(None))
            .values(lease_by=None, lease_until=None, claimed_at=None)
        )
        if released.rowcount:  # type: ignore[attr-defined]
            audit.record(session, actor, now, "assignment.released", "assignment", assignment_id)


def skip(bench: Workbench, actor: Actor, *, now: datetime, assignment_id: int, version: int, reason: str) -> None:
    """Finish a place without a score, for a reason that is recorded and counted.

    Skipping a first inspection leaves the sample in `needs_replacement` until the draw's next rank stands in. Raises
    `Invalid` without a reason, `Stale` or `Conflict` when the place is no longer mine.
    """
    require(actor, Right.INSPECT)
    reason = reason.strip()
    if not 3 <= len(reason) <= MAX_REASON:
        raise Invalid(N_("Give a reason for skipping: 3 to {limit} characters."), limit=MAX_REASON)
    with bench.db.write() as session:
        finished = session.execute(
            update(Assignment)
            .where(
                Assignment.id == assignment_id, Assignment.version == version, Assignment.lease_by == actor.user_id,
                Assignment.finished_at.is_(None),
            )
            .values(
                finished_at=now, finished_as="skipped", skip_reason=reason, version=version + 1, lease_by=None,
                lease_until=None, inspector_id=actor.user_id,
            )
        )
        if not finished.rowcount:  # type: ignore[attr-defined]
            place = find(session, assignment_id)
            if place.finished_as == "skipped" and place.inspector_id == actor.user_id and place.version == version + 1:
                return  # the same request once more
            if place.finished_at is not None:
                raise Conflict(N_("This sample is finished; its result is on record."))
            raise Stale(N_("This sample is no longer in your hands; open it again."))
        audit.record(session, actor, now, "assignment.skipped", "assignment", assignment_id, reason=reason)
        _hand_over(session, actor, now, find(session, assignment_id))
        audit.bump(session, "samples")


def _hand_over(session: Session, actor: Actor, now: datetime, place: Assignment) -> None:
    """Where the first inspection is skipped but the second, blind one is in already, that one becomes the result."""
    if place.kind != "primary":
        return
    other = (
        select(Inspection.id)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .where(Inspection.sample_id == place.sample_id, Inspection.undone_at.is_(None), Assignment.kind == "double")
    )
    if (inspection_id := session.scalar(other.limit(1))) is not None:
        verdict_ledger.issue(session, actor, now, inspection_id)


# --- looking ----------------------------------------------------------------------------------------------------------


def progress(bench: Workbench, actor: Actor, *, now: datetime) -> Progress:
    """The day (of the business time zone) and the queue of one inspector."""
    require(actor, Right.INSPECT)
    filled = {**who(actor, now), "start": day_start(bench, now)}
    with bench.db.read() as session:
        today = session.scalars(_TODAY, filled).all()
        counts = session.execute(_COUNTS, filled).one()
    seconds = sorted(s for s in today if s is not None)
    middle = seconds[len(seconds) // 2] if seconds else None
    return Progress(len(today), counts.skipped, counts.done, counts.mine, counts.common, middle)


_TODAY = select(Inspection.active_seconds).where(
    Inspection.inspector_id == ME, Inspection.undone_at.is_(None), Inspection.submitted_at >= bindparam("start")
)


def _counts() -> Select[Any]:
    """The four counts in one statement."""
    count = select(func.count()).select_from(Assignment)
    finished = count.where(Assignment.inspector_id == ME)
    waiting = (Assignment.finished_at.is_(None), Sample.withdrawn_at.is_(None))
    mine = count.join(Sample).where(*waiting, or_(Assignment.inspector_id == ME, Assignment.lease_by == ME))
    common = select(literal(1)).select_from(Assignment).join(Sample).where(*waiting, Assignment.inspector_id.is_(None), FREE)
    return select(
        finished.where(Assignment.finished_as == "skipped", Assignment.finished_at >= bindparam("start")).scalar_subquery().label("skipped"),
        finished.where(Assignment.finished_as == "submitted").scalar_subquery().label("done"),
        mine.scalar_subquery().label("mine"),
        select(func.count()).select_from(common.limit(COUNTED).subquery()).scalar_subquery().label("common"),
    )


_COUNTS = _counts()


def day_start(bench: Workbench, now: datetime) -> datetime:
    """The last midnight of the business time zone."""
    local = now.astimezone(bench.config.zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def needs_replacement(bench: Workbench, actor: Actor, *, draw_id: int | None = None) -> tuple[Skipped, ...]:
    """Samples whose first inspection was skipped and that nobody has replaced yet, oldest first."""
    require(actor, Right.PLAN_DRAW)
    inspected = exists().where(Inspection.sample_id == Sample.id, Inspection.undone_at.is_(None))
    query = (
        select(
            Sample.id, Sample.draw_id, Sample.unit_id, Sample.agent_id, Assignment.skip_reason, User.display_name,
            Assignment.finished_at,
        )
        .join(Assignment, Assignment.sample_id == Sample.id)
        .join(User, User.id == Assignment.inspector_id, isouter=True)
        .where(
            Assignment.kind == "primary", Assignment.finished_as == "skipped", Sample.withdrawn_at.is_(None), ~inspected,
            *([Sample.draw_id == draw_id] if draw_id is not None else []),
        )
        .order_by(Assignment.finished_at, Sample.id)
    )  # fmt: skip
    with bench.db.read() as session:
        return tuple(
            Skipped(sample, draw, unit, agent, reason or "", name or "", at)
            for sample, draw, unit, agent, reason, name, at in session.execute(query)
            if at is not None
        )


def skip_counts(bench: Workbench, actor: Actor, *, now: datetime, days: int = 30) -> tuple[SkipCount, ...]:
    """Skips beside submissions per inspector over the last days, most skips first: information, not a verdict."""
    require(actor, Right.CALIBRATE)
    done = func.sum(case((Assignment.finished_as == "submitted", 1), else_=0))
    skipped = func.sum(case((Assignment.finished_as == "skipped", 1), else_=0))
    query = (
        select(User.id, User.display_name, skipped, done)
        .join(Assignment, Assignment.inspector_id == User.id)
        .where(Assignment.finished_at >= now - timedelta(days=days))
        .group_by(User.id, User.display_name)
        .order_by(skipped.desc(), User.id)
    )
    with bench.db.read() as session:
        return tuple(SkipCount(user, name, int(n or 0), int(m or 0)) for user, name, n, m in session.execute(query))
