"""Looking at the queue, which changes nothing, and taking a place from it, which is one write.

A claim is one conditional UPDATE: what I hold first, then what is assigned to me, then the common queue, then what a
colleague who is gone has left. Two people never get the same place, an expired lease is free, finished work is never
touched, and an empty queue says why. Does not know what is marked and how a skipped sample is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningUpdate

from qa import audit
from qa.desk.leases import FREE, GONE, LEASE, ME, NOW, OPEN, find, is_own, refuse_own, who
from qa.errors import Conflict
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assignment, Sample
from qa.workbench import Workbench


@dataclass(frozen=True)
class Claim:
    """A place that is mine until `lease_until`. `version` goes back with the submit."""

    assignment_id: int
    sample_id: int
    version: int
    lease_until: datetime
    resumed: bool
    """It was in my hands already: nothing changed but the end of the lease."""


@dataclass(frozen=True)
class HeldPlace:
    """A place that is in my hands already, unfinished."""

    assignment_id: int


@dataclass(frozen=True)
class Available:
    """There is something to take: a certain place when one was asked for, else the next."""

    assignment_id: int | None = None


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


# --- looking ----------------------------------------------------------------------------------------------------------


def look(
    bench: Workbench, actor: Actor, *, now: datetime, assignment_id: int | None = None
) -> HeldPlace | Available | Empty:
    """What an inspector finds on coming to the desk, or to one certain place. Changes nothing, not even a lease.

    Raises `Conflict` saying why when the place asked for cannot be taken.
    """
    require(actor, Right.INSPECT)
    with bench.db.read() as session:
        if assignment_id is not None:
            return _look_at(session, actor, now, find(session, assignment_id))
        if (held := session.scalar(_MINE, who(actor, now))) is not None:
            return HeldPlace(held)
        filled = who(actor, now) if actor.agent_id is None else {**who(actor, now), "agent": actor.agent_id, "own": []}
        found = session.scalar(_ANY if actor.agent_id is None else _ANY_NOT_OWN, filled)
        return _why(session, actor, now) if found is None else Available()


def _look_at(session: Session, actor: Actor, now: datetime, place: Assignment) -> HeldPlace | Available:
    refuse_own(session, actor, place.sample_id)
    if session.scalar(_CAN_TAKE, {**who(actor, now), "place": place.id}) is None:
        raise _refusal(session, actor, now, place)
    return HeldPlace(place.id) if place.lease_by == actor.user_id else Available(place.id)


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
            if claim is None or not is_own(session, actor, claim.sample_id):
                return claim
            attempt.rollback()
        own.append(claim.sample_id)


def _take(
    session: Session, actor: Actor, now: datetime, statement: ReturningUpdate[int, int, int], **facts: object
) -> Claim | None:
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
    """Where the next place comes from, best first. Each is one walk along an index that stops at the first free
    place."""
    other = aliased(Assignment)
    seen = (
        select(other.id)
        .where(
            other.sample_id == Assignment.sample_id,
            other.id != Assignment.id,
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


def _best(*conditions: ColumnElement[bool]) -> Select[int]:
    """The first place that fits."""
    return (
        select(Assignment.id)
        .join(Sample, Sample.id == Assignment.sample_id)
        .where(*conditions, FREE, Sample.withdrawn_at.is_(None))
        .order_by(Assignment.position, Assignment.id)
        .limit(1)
    )


def _first(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """The first place that fits and that nobody else is taking at this moment."""
    return _best(*conditions).with_for_update(of=Assignment, skip_locked=True).scalar_subquery()


def _any(*more: ColumnElement[bool]) -> Select[int]:
    """The place a claim would take now, without taking it."""
    return select(func.coalesce(*(_best(tier, *more).scalar_subquery() for tier in _tiers())))


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
_MINE = _best(Assignment.lease_by == ME)
_CAN_TAKE = _best(Assignment.id == bindparam("place"), OPEN)
_ANY, _ANY_NOT_OWN = _any(), _any(_FOREIGN)


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


_WITHDRAWN = select(Sample.withdrawn_at).where(Sample.id == bindparam("sample"))


def _refusal(session: Session, actor: Actor, now: datetime, place: Assignment) -> Conflict:
    """Why this place cannot be taken by this inspector now."""
    if place.finished_at is not None:
        return Conflict(N_("This sample is finished; its result is on record."))
    if place.lease_by not in (None, actor.user_id) and place.lease_until is not None and place.lease_until > now:
        return Conflict(N_("A colleague is inspecting this sample right now."))
    if session.scalar(_WITHDRAWN, {"sample": place.sample_id}) is not None:
        return Conflict(N_("This sample was replaced meanwhile; take the next one."))
    return Conflict(N_("This sample is assigned to a colleague."))
