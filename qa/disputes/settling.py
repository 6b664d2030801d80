"""Settling a dispute: which chat it belongs to and who answers for it, with a reason. Settlements are appended; samples
that were drawn before keep what they were frozen with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa.disputes import listing, responsible, settled
from qa.disputes.listing import DisputeRow
from qa.disputes.settled import NOBODY, Settled
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import DisputeSettlement, Sample
from qa.texts import written
from qa.transcripts import handle, shown_text
from qa.workbench import Workbench

MAX_REASON = 500
REASON = FormField("reason", N_("Reason"))


class Keep(Enum):
    """In place of a value: leave what stands."""

    KEEP = "keep"


KEEP: Literal[Keep.KEEP] = Keep.KEEP


@dataclass(frozen=True)
class Settlement:
    """What was done. `id` is 0 when it stood so already; `drawn` samples of the dispute keep what they were frozen
    with."""

    id: int
    dispute: DisputeRow
    drawn: int


def settle(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    dispute_key: str,
    reason: str,
    conversation_key: str | Keep | None = KEEP,
    agent_id: str | Keep | None = KEEP,
) -> Settlement:
    """Say which chat a dispute belongs to and who answers for it. None leaves it to the data again, "" says that there
    is none.

    Raises `NotFound` for a dispute or chat that is not in the archive, `Denied` for one's own, `Invalid` without a
    reason and for an agent who had no part in it.
    """
    require(actor, Right.RULE_VIOLATION)
    reason = written(reason, REASON, MAX_REASON)
    before = listing.one(bench, actor, dispute_key)
    reason = shown_text(None, reason, (before.customer,) if before.customer else ())  # it is kept for ever
    with bench.db.read() as session:
        stood = next(iter(settled.in_force(session, [dispute_key])), Settled(dispute_key))
    chat = stood.conversation_key if conversation_key is KEEP else conversation_key
    agent = stood.agent_id if agent_id is KEEP else agent_id
    wanted = Settled(dispute_key, chat, agent)
    _check(bench, actor, wanted)
    if wanted == stood:
        return Settlement(0, before, _drawn(bench, dispute_key))
    with bench.begin(actor, now) as work:
        _unchanged(work.session, stood)
        row = DisputeSettlement(
            dispute_key=dispute_key, conversation_key=wanted.conversation_key, agent_id=wanted.agent_id,
            before_conversation_key=before.conversation_key, before_agent_id=before.agent_id, reason=reason,
            settled_by=actor.user_id, settled_at=now,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        facts: dict[str, object] = {}
        if wanted.conversation_key != stood.conversation_key:
            facts["chat"] = [_named(before.conversation_key), _named(wanted.conversation_key)]
        if wanted.agent_id != stood.agent_id:
            facts["agent"] = [before.agent_id or "", "–" if wanted.agent_id == NOBODY else wanted.agent_id or ""]
        work.record("dispute.settled", "dispute", dispute_key, **facts, reason=reason)
        number = row.id
    return Settlement(number, listing.one(bench, actor, dispute_key), _drawn(bench, dispute_key))


def taking_part(bench: Workbench, key: str, conversation_key: str | None = None) -> tuple[str, ...]:
    """The people who may answer for a dispute: who wrote in its chats (and in `conversation_key`), and who is named in
    its record; never a bot."""
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        decided = settled.in_force(session, [key])
    chats = snapshot.scan("conversations")
    over = settled.laid_over(snapshot.scan("disputes").filter(pl.col("dispute_key") == key), chats, decided)
    about = responsible.case_chats(over, chats).select("conversation_key").collect().to_series().to_list()
    about += [conversation_key] if conversation_key else []
    wrote = snapshot.scan("messages").filter(pl.col("conversation_key").is_in(about) & (pl.col("role") == "agent"))
    named = pl.concat([wrote.select("agent_id"), over.select("agent_id")]).drop_nulls().unique()
    return tuple(named.filter(~responsible.automatic("agent_id")).sort("agent_id").collect().to_series())


def _check(bench: Workbench, actor: Actor, wanted: Settled) -> None:
    key, agent = wanted.conversation_key, wanted.agent_id
    if key:
        found = bench.archive.at().scan("conversations").filter(pl.col("conversation_key") == key)
        people = found.select("agent_ids").collect()["agent_ids"].to_list()
        if not people:
            raise NotFound(N_("There is no such conversation in the archive; it may have been taken back."))
        if actor.agent_id is not None and actor.agent_id in (people[0] or ()):
            raise Denied(N_("You took part in this dispute; somebody else has to decide."))
    if agent and agent not in taking_part(bench, wanted.dispute_key, key):
        raise Invalid(N_("{agent} neither wrote in a chat of this dispute nor is named in its record."), agent=agent)


def _unchanged(session: Session, stood: Settled) -> None:
    """Raise `Conflict` when somebody else settled it meanwhile."""
    now = next(iter(settled.in_force(session, [stood.dispute_key])), Settled(stood.dispute_key))
    if now != stood:
        raise Conflict(N_("Somebody else has settled this dispute meanwhile. Look at it again."))


def _drawn(bench: Workbench, key: str) -> int:
    query = select(func.count()).where(Sample.unit_id == key, Sample.source == "dispute", Sample.withdrawn_at.is_(None))
    with bench.db.read() as session:
        return session.scalar(query) or 0


def _named(key: str | None) -> str:
    """A chat as the audit trail names it."""
    return "–" if key == NOBODY else handle(key) if key else ""
