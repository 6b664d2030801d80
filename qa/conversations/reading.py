"""One conversation, read out of the archive: the transcript with its hits, what may be done with it, on record.

Nobody reads here what they took part in. What waits in the reader's own queue may be read, but shows nothing of what
others decided about it, and nothing can be begun with it before it is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa import scoping, transcripts
from qa.blinding import STILL_TO_SCORE, shown_files, waiting
from qa.casefiles import record
from qa.casefiles.record import Evidence, Finding
from qa.conversations import listing
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.rules import stored
from qa.rules.stored import PublishedRule, published
from qa.tables import Sample, Violation
from qa.transcripts import FrozenTranscript
from qa.workbench import Workbench
from scoring.definitions import definition_of
from scoring.waits import TimedLine, Wait, waits

OWN_CHAT = N_("You took part in this conversation; somebody else has to decide.")


@dataclass(frozen=True)
class FoundHit:
    """A place where a rule was found: code points of the original text; an empty span stands for the whole message."""

    seq: int
    start: int
    end: int
    rule_id: str


@dataclass(frozen=True)
class CaseFileOf:
    """A case file of the conversation that its reader may see."""

    id: int
    rule_id: str
    state: str


@dataclass(frozen=True)
class Conversation:
    """One conversation. `transcript` is as its reader may see it; `waits`: it is in the reader's own queue."""

    handle: str
    transcript: FrozenTranscript
    hits: tuple[FoundHit, ...]
    files: tuple[CaseFileOf, ...]
    waits_for_answer: tuple[Wait, ...]
    """How long the customer waited, by the figure of the platform."""
    waits: bool


def read(bench: Workbench, actor: Actor, handle: str, *, now: datetime, again: bool = False) -> Conversation:
    """The conversation named `handle`, as it is in the archive. `again`: the reader has it open already, and reading on
    is no second reading in the audit trail. Raises `NotFound`, `Denied` for one's own."""
    require(actor, Right.VIEW_CONVERSATIONS)
    key = key_of(bench, actor, handle)
    snapshot = bench.archive.at()
    hits = snapshot.scan("hits").filter(pl.col("conversation_key") == key)
    found = hits.select("seq", "start", "end", "rule_id").sort("seq", "start").collect()
    masked = not transcripts.sees_customers(actor)
    marks = tuple(
        FoundHit(seq, 0 if masked else start, 0 if masked else end, rule) for seq, start, end, rule in found.rows()
    )
    with bench.db.read() as session:
        content = content_of(session, bench, key)
        seen = _files(bench, session, actor, key) if actor.may(Right.VIEW_VIOLATIONS) else ()
        queued = _waits(session, actor, key)
    if not again:
        with bench.begin(actor, now) as work:
            work.record("conversation.read", "conversation", handle)
    timing = definition_of(content.channel)
    lines = [TimedLine(message.seq, message.role or "", message.sent_at) for message in content.messages]
    late = tuple(waits(lines, timing, bench.config.zone))
    return Conversation(handle, transcripts.shown(actor, content), marks, seen, late, queued)


def _files(bench: Workbench, session: Session, actor: Actor, key: str) -> tuple[CaseFileOf, ...]:
    files = select(Violation.id, Violation.rule_id, Violation.state).where(
        Violation.conversation_key == key, shown_files(bench, actor)
    )
    return tuple(CaseFileOf(*row) for row in session.execute(files.order_by(Violation.id)))


def key_of(bench: Workbench, actor: Actor, handle: str) -> str:
    """The key of a conversation by its handle. Raises `NotFound`, and `Denied` for one that `actor` took part in or
    that is of another team than the one they lead."""
    known = listing.of(bench)
    row = known.places.get(handle)
    if row is None:
        raise NotFound(N_("There is no such conversation in the archive; it may have been taken back."))
    fields = known.frame[[row]].select("conversation_key", "agent_id", "agent_ids", "started_at")
    [(key, agent, agents, at)] = fields.rows()
    if actor.agent_id is not None and actor.agent_id in (agent, *(agents or ())):
        raise Denied(OWN_CHAT)
    scoping.require_seen(bench, actor, agent or "", at)
    return str(key)


def content_of(session: Session, bench: Workbench, key: str) -> FrozenTranscript:
    """The conversation as the archive holds it now, unmasked."""
    return transcripts.read(stored_content(session, bench, key))


def stored_content(session: Session, bench: Workbench, key: str) -> dict[str, object]:
    """The same in the form that is frozen."""
    snapshot = bench.archive.at()
    agent = snapshot.scan("conversations").filter(pl.col("conversation_key") == key).select("agent_id").collect()
    if agent.is_empty():
        raise NotFound(N_("There is no such conversation in the archive; it may have been taken back."))
    return record.transcript_now(session, bench.archive, key, agent.item())


def _waits(session: Session, actor: Actor, key: str) -> bool:
    same = func.coalesce(Sample.conversation_key, Sample.unit_id) == key
    return session.scalar(waiting(actor).where(same).limit(1)) is not None


def refuse_waiting(session: Session, actor: Actor, key: str) -> None:
    """Raise `Conflict` while the conversation waits for the actor."""
    if _waits(session, actor, key):
        raise Conflict(STILL_TO_SCORE)


# opening a case file by hand


def open_file(bench: Workbench, actor: Actor, handle: str, *, now: datetime, rule_id: str, seq: int) -> int:
    """Open a case file for the rule at a message that screening has missed; returns its number, also of the one that is
    there already. It is suspected, like what screening finds: an inspector confirms or clears it.

    Raises `Invalid` for a rule that is not in force and a message that no agent wrote.
    """
    require(actor, Right.RULE_HIT)
    if actor is SYSTEM:
        raise Denied(N_("This step needs a person who answers for it; sign in to take it."))
    key = key_of(bench, actor, handle)
    with bench.db.read() as session:
        content = content_of(session, bench, key)
        rule = _in_force(published(session, {rule_id}).get(rule_id, ()), rule_id)
    finding = _finding(content, key, rule_id, rule, seq)
    with bench.begin(actor, now) as work:
        refuse_waiting(work.session, actor, key)
        opened = record.open_files(work.session, [finding], now, by=actor)
        same = (Violation.conversation_key == key, Violation.rule_id == rule_id, Violation.agent_id == finding.agent_id)
        file_id = work.session.scalars(select(Violation.id).where(*same)).one()
        if opened:
            work.record("violation.open", "violation", file_id, rule=rule_id, by_hand=True, message=seq)
    return file_id


def rules_in_force(bench: Workbench, actor: Actor) -> tuple[str, ...]:
    """The red lines that a case file can be opened for."""
    require(actor, Right.RULE_HIT)
    with bench.db.read() as session:
        return tuple(sorted({rule.id for rule in stored.rules_in_force(session)}))


def _in_force(versions: Sequence[PublishedRule], rule_id: str) -> PublishedRule:
    found = [version for version in versions if version.in_force]
    if not found:
        raise Invalid(N_("Red line {rule} is not in force."), rule=rule_id)
    return found[-1]


def _finding(content: FrozenTranscript, key: str, rule_id: str, rule: PublishedRule, seq: int) -> Finding:
    said = next((message for message in content.messages if message.seq == seq), None)
    if said is None or said.agent_id is None:
        raise Invalid(N_("Message {n} is not an agent's; choose one that an agent wrote."), n=seq + 1)
    text = said.text or ""
    proof = Evidence(seq, 0, len(text), text)
    return Finding(key, said.agent_id, rule_id, rule.version, rule.severity, content.started_at, (proof,))
