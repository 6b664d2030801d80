"""Conversations pushed by a program: through the same checks and the same idempotence as files.

A push with an `Idempotency-Key` is answered once: the same key and body again gets the same answer, whatever happened
to the connection. Pushing the same conversations again adds nothing in any case.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Annotated

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
CHATS = ["conversation_id", "agent_id", "agent_name", "customer_id", "shop", "channel", "order_id"]


RFC_3339 = "%Y-%m-%dT%H:%M:%S%.f%#z"
Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""A time as text: read in columns, because half a million `datetime`s would cost more than the whole import."""

Whole = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class PushedMessage(msgspec.Struct, frozen=True, gc=False):
    """One message. `role`: customer, agent, bot, system or platform. `sent_at` with its offset from UTC."""

    role: str
    sent_at: Moment
    text: str
    agent_id: str | None = None
    kind: str | None = None


class PushedConversation(msgspec.Struct, frozen=True, gc=False):
    """One conversation and its messages in order; another part of a known one adds to it."""

    conversation_id: str
    messages: list[PushedMessage]
    agent_id: str | None = None
    agent_name: str | None = None
    customer_id: str | None = None
    shop: str | None = None
    channel: str | None = None
    order_id: str | None = None
    satisfaction: Whole | None = None


class PushBody(msgspec.Struct, frozen=True, gc=False):
    """At most 10,000 conversations of one source (a short name of shop and platform, part of every key)."""

    source: str
    conversations: list[PushedConversation]


_BODY = msgspec.json.Decoder(PushBody)


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
        body = _BODY.decode(call.body)
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
        sha256=call.digest,
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
    sizes = [len(chat.messages) for chat in chats]
    if not 1 <= (total := sum(sizes)) <= MOST_MESSAGES:
        raise Invalid(N_("messages: expected 1 to {most} in all, found {found}."), most=MOST_MESSAGES, found=total)
    return {"messages": _messages(chats, sizes), "conversations": _described(chats)}


def _messages(chats: Sequence[PushedConversation], sizes: list[int]) -> pl.DataFrame:
    lines = [message for chat in chats for message in chat.messages]
    roles = _texts("role", [message.role for message in lines])
    named = _texts("named", [message.agent_id for message in lines])
    columns = [
        roles,
        _times(sizes, _texts("sent_at", [message.sent_at for message in lines])),
        _texts("text", [message.text for message in lines]),
    ]
    kinds = _texts("kind", [message.kind for message in lines])
    if kinds.null_count() < len(lines):
        columns.append(kinds)
    of = pl.DataFrame(
        [
            _texts("conversation_id", [chat.conversation_id for chat in chats]),
            _texts("agent", [chat.agent_id for chat in chats]),
            pl.Series("seq", sizes, dtype=pl.Int64),
        ]
    )
    filled = of.filter(pl.col("seq") > 0).with_columns(pl.int_ranges("seq").alias("seq")).explode("seq")
    agent = pl.when(pl.col("role") == "agent").then(pl.coalesce("named", "agent")).alias("agent_id")
    said = filled.hstack([named, *columns])
    return said.select("conversation_id", "seq", agent, *(column.name for column in columns))


def _described(chats: Sequence[PushedConversation]) -> pl.DataFrame:
    columns = [_texts(name, [getattr(chat, name) for chat in chats]) for name in CHATS]
    columns.append(pl.Series("satisfaction", [chat.satisfaction for chat in chats], dtype=pl.Int64))
    return pl.DataFrame([column for column in columns if column.null_count() < len(chats)])


def _texts(name: str, cells: Sequence[str | None]) -> pl.Series:
    return pl.Series(name, cells, dtype=pl.String)


def _times(sizes: list[int], said: pl.Series) -> pl.Series:
    """The times in UTC. Raises `Invalid` naming the first that cannot be read or has no offset."""
    read = said.str.to_datetime(RFC_3339, time_unit="us", strict=False)
    year = read.dt.year()
    unread = (read.is_null() | (year < 1) | (year > 9999)).arg_true()
    if not len(unread):
        return read
    ends = list(accumulate(sizes))
    moments = [_moment(text, ends, place) for place, text in zip(unread, said.gather(unread), strict=True)]
    return read.scatter(unread, pl.Series(moments, dtype=read.dtype))


def _moment(text: str, ends: list[int], place: int) -> datetime:
    """One time that is written in a rarer way."""
    chat = bisect_right(ends, place)
    path = f"conversations[{chat}].messages[{place - (ends[chat - 1] if chat else 0)}].sent_at"
    try:
        at = msgspec.convert(text, datetime, strict=False)
    except msgspec.ValidationError as problem:
        raise Invalid(
            N_("{path}: “{value}” is not a time like 2026-01-31T10:00:00+08:00."), path=path, value=text[:40]
        ) from problem
    if at.tzinfo is None:
        raise Invalid(N_("{path}: a time needs its offset from UTC, like 2026-01-31T10:00:00+08:00."), path=path)
    return at.astimezone(UTC)


def once(call: Call[Nothing], key: str) -> tuple[int, bytes] | None:
    """The answer that this very request got before; None when it is to be carried out now. Raises `Conflict` when the
    key belongs to another body, `Busy` while the first one is under way."""
    if not 1 <= len(key) <= 100:
        raise Invalid(N_("Idempotency-Key: expected 1 to 100 characters."))
    try:
        with call.bench.db.write() as session:
            session.execute(delete(ApiAnswer).where(ApiAnswer.at < call.now - KEPT))
            mine = (ApiAnswer.token_id == call.token.id, ApiAnswer.key == key)
            row = session.scalar(select(ApiAnswer).where(*mine).with_for_update())
            if row is None:
                session.add(ApiAnswer(token_id=call.token.id, key=key, digest=call.digest, at=call.now))
                return None
            if row.digest != call.digest:
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
