"""Who is working on which place of the queue, and for how long: the conditions every writer of assignments shares.

A lease says "I am reading this now". It is renewed by working, runs out by itself, and never touches finished work.
Does not know who may inspect and what an inspection is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from qa import transcripts
from qa.errors import Conflict, NotFound
from qa.i18n import N_
from qa.people import aliases
from qa.policy import Actor
from qa.tables import Assignment, Sample, Transcript, User
from qa.transcripts import FrozenTranscript

LEASE = timedelta(minutes=30)
"""Longer than any pause while reading; whoever comes back finds the place still theirs unless somebody took it."""


ME: BindParameter[Any] = bindparam("me")
NOW: BindParameter[Any] = bindparam("now")
"""Filled by `who`. Statements of the desk are built once and only filled afterwards: building one costs SQLAlchemy
several times what the database needs to answer it."""

FREE = and_(
    Assignment.finished_at.is_(None),
    or_(Assignment.lease_by.is_(None), Assignment.lease_by == ME, Assignment.lease_until <= NOW),
)
"""Not finished, and nobody else is on it now."""

GONE = select(User.id).where(User.active.is_(False))
"""People who work here no more; what they left is anybody's."""

OPEN = or_(
    Assignment.inspector_id == ME, Assignment.inspector_id.is_(None), Assignment.lease_by == ME,
    Assignment.inspector_id.in_(GONE),
)  # fmt: skip
"""In my queue, in the common one, left behind by somebody who is gone, or already in my hands."""

OWN_CHAT = N_("You took part in this conversation; somebody else inspects it.")

_CONTENT = (
    select(Transcript.content)
    .join(Sample, Sample.transcript_id == Transcript.id)
    .where(Sample.id == bindparam("sample"))
)


def who(actor: Actor, now: datetime) -> dict[str, Any]:
    """What fills `ME` and `NOW`."""
    return {"me": actor.user_id, "now": now}


def took_part(actor: Actor, transcript: FrozenTranscript) -> bool:
    """Whether `actor`, as an agent, is in this transcript: nobody judges a chat of their own."""
    return actor.agent_id is not None and actor.agent_id in transcript.agents


def find(session: Session, assignment_id: int) -> Assignment:
    """The place in the queue. Raises `NotFound`."""
    found = session.get(Assignment, assignment_id)
    if found is None:
        raise NotFound(N_("There is no assignment {id}."), id=assignment_id)
    return found


def transcript_of(session: Session, sample_id: int) -> FrozenTranscript:
    """The frozen transcript of a sample."""
    return transcripts.read(session.execute(_CONTENT, {"sample": sample_id}).scalar_one())


def is_own(session: Session, actor: Actor, sample_id: int) -> bool:
    """Whether the actor took part in the conversation, under their own name or another account of theirs."""
    if actor.agent_id is None:
        return False
    frozen = transcript_of(session, sample_id)
    return took_part(actor, frozen) or actor.agent_id in aliases.owners(session, frozen.agents, frozen.started_at)


def refuse_own(session: Session, actor: Actor, sample_id: int) -> None:
    """Raise `Conflict` when the actor took part in the conversation."""
    if is_own(session, actor, sample_id):
        raise Conflict(OWN_CHAT)
