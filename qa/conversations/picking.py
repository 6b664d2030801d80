"""Named picks: a conversation that a person puts on an inspector's list.

It is scored like a sample, and its result stands like any other, but nobody drew it: it has no inclusion probability,
so no estimate may count it. That is kept by the table of samples (`ck_samples_named`), by the copy of facts that every
report reads (`qa.verdicts.facts`), and by every figure that is made from inspections.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from qa import transcripts
from qa.conversations.reading import key_of, stored_content
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, Role, require
from qa.rubrics.versions import newest
from qa.tables import Assignment, Inspection, Sample, User
from qa.transcripts import FrozenTranscript
from qa.workbench import Workbench

NAMED = "named"
REASON = FormField("reason", N_("Reason"))
MAX_REASON = 500


@dataclass(frozen=True)
class NamedPick:
    """A named pick of a conversation that nobody has finished. `sample_id` names it."""

    sample_id: int
    inspector: str
    at: datetime


def inspectors(bench: Workbench, actor: Actor) -> tuple[tuple[int, str], ...]:
    """Who can be given a conversation: (id, name)."""
    require(actor, Right.PLAN_DRAW)
    query = select(User.id, User.display_name).where(User.active, User.role.in_((Role.INSPECTOR, Role.LEAD)))
    with bench.db.read() as session:
        return tuple((user, name) for user, name in session.execute(query.order_by(User.display_name, User.id)))


def pick(bench: Workbench, actor: Actor, handle: str, *, now: datetime, inspector_id: int, reason: str) -> int:
    """Put the conversation on the inspector's list; returns the number of the sample. Again for the same inspector
    while it waits changes nothing.

    Raises `Conflict` when it is in a sample already or the inspector took part in it, `Invalid` without a reason or
    without a rubric to score on.
    """
    require(actor, Right.PLAN_DRAW)
    why = reason.strip()
    if not 3 <= len(why) <= MAX_REASON:
        raise Invalid(N_("Say why, in 3 to {limit} characters: it is kept with the pick."), limit=MAX_REASON)
    key = key_of(bench, actor, handle)
    with bench.db.read() as session:
        content = stored_content(session, bench, key)
    with bench.begin(actor, now) as work:
        session = work.session
        if (known := _standing(session, key, inspector_id)) is not None:
            return known
        inspector = _inspector(session, inspector_id, transcripts.read(content))
        [frozen] = transcripts.store(session, [content], now)
        sample_id = session.execute(
            insert(Sample)
            .values(
                unit_id=key, source="chat", conversation_key=key, agent_id=content["agent_id"], stratum="",
                reason=NAMED, u=0.0, rank=0, occurred_at=transcripts.read(content).started_at, transcript_id=frozen,
                rubric_version_id=_rubric(session),
            )
            .returning(Sample.id)
        ).scalar_one()  # fmt: skip
        last = session.scalar(select(func.max(Assignment.position))) or 0
        place = session.execute(
            insert(Assignment)
            .values(
                sample_id=sample_id, inspector_id=inspector.id, kind="primary", position=last + 1, version=1,
                created_at=now,
            )
            .returning(Assignment.id)
        ).scalar_one()  # fmt: skip
        work.record("sample.named", "sample", sample_id, place=place, inspector=inspector.id, reason=why)
    return sample_id


def take_back(bench: Workbench, actor: Actor, *, now: datetime, sample_id: int) -> None:
    """Take a named pick off its list while nobody has inspected it. Again changes nothing."""
    require(actor, Right.PLAN_DRAW)
    with bench.begin(actor, now) as work:
        sample = work.session.scalar(
            select(Sample).where(Sample.id == sample_id, Sample.reason == NAMED).with_for_update(key_share=True)
        )
        if sample is None:
            raise NotFound(N_("There is no named pick {id}."), id=sample_id)
        if sample.withdrawn_at is not None:
            return
        done = select(Inspection.id).where(Inspection.sample_id == sample_id, Inspection.undone_at.is_(None))
        if work.session.scalar(done.limit(1)) is not None:
            raise Conflict(N_("This conversation has been inspected; its result stays."))
        work.session.execute(
            update(Sample).where(Sample.id == sample_id).values(withdrawn_at=now, withdrawn_reason="taken back")
        )
        work.record("sample.unnamed", "sample", sample_id)


def open_pick(bench: Workbench, actor: Actor, handle: str) -> NamedPick | None:
    """The named pick of a conversation that waits to be inspected, for those who may make one."""
    if not actor.may(Right.PLAN_DRAW):
        return None
    key = key_of(bench, actor, handle)
    query = (
        select(Sample.id, User.display_name, Assignment.created_at)
        .join(Assignment, Assignment.sample_id == Sample.id)
        .join(User, User.id == Assignment.inspector_id)
        .where(
            Sample.conversation_key == key, Sample.reason == NAMED, Sample.withdrawn_at.is_(None),
            Assignment.finished_at.is_(None),
        )
    )  # fmt: skip
    with bench.db.read() as session:
        found = session.execute(query.order_by(Sample.id.desc()).limit(1)).one_or_none()
    return None if found is None else NamedPick(*found)


def _standing(session: Session, key: str, inspector_id: int) -> int | None:
    """The pick that is there already for this inspector. Raises `Conflict` when the conversation is in any sample."""
    same = func.coalesce(Sample.conversation_key, Sample.unit_id) == key
    rows = session.execute(
        select(Sample.id, Sample.reason, Assignment.inspector_id, Assignment.finished_at)
        .outerjoin(Assignment, Assignment.sample_id == Sample.id)
        .where(same, Sample.source == "chat", Sample.withdrawn_at.is_(None))
    ).all()
    for sample, reason, inspector, finished in rows:
        if reason == NAMED and inspector == inspector_id and finished is None:
            return int(sample)
    if rows:
        raise Conflict(N_("This conversation is in sample {sample} already; it is inspected there."), sample=rows[0][0])
    return None


def _inspector(session: Session, inspector_id: int, content: FrozenTranscript) -> User:
    user = session.get(User, inspector_id)
    if user is None or not user.active or user.role not in (Role.INSPECTOR, Role.LEAD):
        raise NotFound(N_("There is no such inspector."))
    if user.agent_id is not None and user.agent_id in content.agents:
        raise Denied(N_("{name} took part in this conversation; choose somebody else."), name=user.display_name)
    return user


def _rubric(session: Session) -> int:
    found = newest(session, "chat")
    if found is None:
        raise Invalid(N_("There is no published rubric to score on yet."))
    return found
