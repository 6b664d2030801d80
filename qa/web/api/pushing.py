"""Conversations pushed by a program: through the same checks and the same idempotence as files.

A push with an `Idempotency-Key` is answered once: the same key and body again gets the same answer, whatever happened to
the connection. Pushing the same conversations again adds nothing in any case.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import polars as pl
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from qa import ingest
from qa.errors import Busy, Conflict, Invalid
from qa.i18n import N_, Translator
from qa.policy import Right, require
from qa.tables import ApiAnswer
from qa.web.api.calls import Call, Nothing

MOST_CONVERSATIONS = 10_000
MOST_MESSAGES = 500_000
KEPT = timedelta(days=2)
"""So long an answer is remembered under its key."""
UNDER_WAY = timedelta(minutes=30)
"""A request that never ended, because its server died, may be sent again after so long."""
CHATS = ["conversation_id", "agent_id", "agent_name", "customer_id", "shop", "channel", "order_id", "satisfaction"]


@dataclass(frozen=True)
class PushedMessage:
    """One message. `role`: customer, agent, bot, system or platform. `sent_at` with its offset from UTC."""

    role: str
    sent_at: datetime
    text: str
    agent_id: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class PushedConversation:
    """One conversation and its messages in order; another part of a known one adds to it."""

    conversation_id: str
    messages: list[PushedMessage]
    agent_id: str | None = None
    agent_name: str | None = None
    customer_id: str | None = None
    shop: str | None = None
    channel: str | None = None
    order_id: str | None = None
    satisfaction: int | None = None


@dataclass(frozen=True)
class PushBody:
    """At most 10,000 conversations of one source (a short name of shop and platform, part of every key)."""

    source: str
    conversations: list[PushedConversation]


@dataclass(frozen=True)
class PushProblem:
    """One way in which rows were wrong, with how often: reason and cure in words."""

    code: str
    field: str
    n: int
    reason: str
    cure: str


@dataclass(frozen=True)
class PushAnswer:
    """What was imported. `import_id` names it on the page Import, where it can be taken back."""

    import_id: int
    archive_version: int
    new: int
    changed: int
    unchanged: int
    extended: int
    messages: int
    left_out: int
    problems: list[PushProblem] = field(default_factory=list)


def push(call: Call[Nothing]) -> PushAnswer:
    """Import what was pushed, in one atomic step."""
    require(call.actor, Right.IMPORT)
    try:
        body = msgspec.json.decode(call.body, type=PushBody)
    except msgspec.MsgspecError as problem:
        raise Invalid(N_("The body cannot be read: {reason}"), reason=str(problem)) from problem
    except UnicodeDecodeError as problem:
        raise Invalid(N_("The body cannot be read: {reason}"), reason="UTF-8") from problem
    done = ingest.commit_frames(
        call.bench,
        call.actor,
        now=call.now,
        tables=_tables(body),
        source=body.source,
        file_name=f"API {call.token.name}",
    )
    t = Translator("en", call.bench.config.time_zone)
    problems = [PushProblem(p.code, p.field, n, p.reason(t), p.cure(t)) for p, n in done.summary]
    c = done.counts
    return PushAnswer(
        done.run_id, done.archive_version, c.new, c.changed, c.unchanged, c.extended, c.messages, c.bad, problems
    )


def _tables(body: PushBody) -> dict[str, pl.DataFrame]:
    chats = body.conversations
    if not chats or len(chats) > MOST_CONVERSATIONS:
        raise Invalid(
            N_("conversations: expected 1 to {most}, found {found}."), most=MOST_CONVERSATIONS, found=len(chats)
        )
    total = sum(len(chat.messages) for chat in chats)
    if not 1 <= total <= MOST_MESSAGES:
        raise Invalid(N_("messages: expected 1 to {most} in all, found {found}."), most=MOST_MESSAGES, found=total)
    for place, chat in enumerate(chats):
        for nth, message in enumerate(chat.messages):
            if message.sent_at.tzinfo is None:
                raise Invalid(
                    N_("{path}: a time needs its offset from UTC, like 2026-01-31T10:00:00+08:00."),
                    path=f"conversations[{place}].messages[{nth}].sent_at",
                )
    lines = [(chat, nth, message) for chat in chats for nth, message in enumerate(chat.messages)]
    messages = pl.DataFrame(
        {
            "conversation_id": [chat.conversation_id for chat, _, _ in lines],
            "seq": [nth for _, nth, _ in lines],
            "role": [message.role for _, _, message in lines],
            "agent_id": [message.agent_id or chat.agent_id if message.role == "agent" else None
                         for chat, _, message in lines],
            "sent_at": [message.sent_at for _, _, message in lines],
            "kind": [message.kind for _, _, message in lines],
            "text": [message.text for _, _, message in lines],
        },
        schema={"conversation_id": pl.String, "seq": pl.Int64, "role": pl.String, "agent_id": pl.String,
                "sent_at": pl.Datetime("us", "UTC"), "kind": pl.String, "text": pl.String},
    )  # fmt: skip
    if messages["kind"].null_count() == messages.height:
        messages = messages.drop("kind")
    described = pl.DataFrame(
        {name: [getattr(chat, name) for chat in chats] for name in CHATS},
        schema={name: pl.Int64 if name == "satisfaction" else pl.String for name in CHATS},
    )
    used = [name for name in CHATS if described[name].null_count() < described.height]
    return {"messages": messages, "conversations": described.select(used)}


def once(call: Call[Nothing], key: str) -> tuple[int, bytes] | None:
    """The answer that this very request got before; None when it is to be carried out now. Raises `Conflict` when the
    key belongs to another body, `Busy` while the first one is under way."""
    digest = hashlib.sha256(call.body).hexdigest()
    if not 1 <= len(key) <= 100:
        raise Invalid(N_("Idempotency-Key: expected 1 to 100 characters."))
    try:
        with call.bench.db.write() as session:
            session.execute(delete(ApiAnswer).where(ApiAnswer.at < call.now - KEPT))
            mine = (ApiAnswer.token_id == call.token.id, ApiAnswer.key == key)
            row = session.scalar(select(ApiAnswer).where(*mine).with_for_update())
            if row is None:
                session.add(ApiAnswer(token_id=call.token.id, key=key, digest=digest, at=call.now))
                return None
            if row.digest != digest:
                raise Conflict(N_("This Idempotency-Key was used for another request."))
            if row.status is not None:
                return row.status, (row.body or "").encode()
            if row.at > call.now - UNDER_WAY:
                raise Busy(N_("The first request with this Idempotency-Key is still under way."))
            row.at = call.now
            return None
    except IntegrityError as problem:
        raise Busy(N_("The first request with this Idempotency-Key is still under way.")) from problem


def answered(call: Call[Nothing], key: str, status: int, body: bytes) -> None:
    """Remember an answer under its key. One that may differ next time (`Busy`, an outage) is forgotten instead."""
    mine = (ApiAnswer.token_id == call.token.id, ApiAnswer.key == key)
    with call.bench.db.write() as session:
        if status in (409, 429) or status >= 500:
            session.execute(delete(ApiAnswer).where(*mine))
        else:
            session.execute(update(ApiAnswer).where(*mine).values(status=status, body=body.decode()))
