"""Questions on record: each is written down before it is sent and answered once, and what came back is kept before
anybody looks at it. Whoever is killed goes on where they stood; an answer that was paid for is never asked again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.scorer import endpoint
from qa.scorer.asker import Asker, lines_of
from qa.scorer.asking import Answered, Question
from qa.scorer.questions import AskedConversation
from qa.security import log as securitylog
from qa.tables import Scorer, ScorerRequest
from qa.workbench import Workbench


@dataclass(frozen=True)
class Outgoing:
    """A conversation under way, with the lines that were sent of it."""

    conversation_key: str
    lines: list[dict[str, Any]]


def put(
    bench: Workbench, made: Asker, scorer: Scorer, snapshot: Snapshot, part: Sequence[AskedConversation], now: datetime
) -> Iterator[tuple[AskedConversation, list[dict[str, Any]], Question]]:
    """Put the questions of a part on record, and only then give them away."""
    found = []
    for one, lines in lines_of(bench, snapshot, part):
        content = made.body(lines, one.purpose, one.conversation_key)
        mark = hashlib.sha256(
            f"{scorer.version}\n{one.conversation_key}\n{one.content}\n{one.purpose}".encode()
        ).hexdigest()
        found.append((one, mark, content, lines))
    with bench.db.write() as session:
        held = _held(session, scorer.id, part)
        values = [(one, _outgoing(made, one, scorer.id, content, now)) for one, _mark, content, _lines in found]
        fresh = [value for one, value in values if (one.conversation_key, one.content, one.purpose) not in held]
        again = [
            {"row": held[key][0], **{name: value[name] for name in _AGAIN}}
            for one, value in values
            if (key := (one.conversation_key, one.content, one.purpose)) in held and held[key][1] not in endpoint.FINAL
        ]
        if again:
            session.connection().execute(_ASKED_AGAIN, again)
        if fresh:
            session.connection().execute(_TABLE.insert(), fresh)
            held = _held(session, scorer.id, part)
    sent = [len(content) for _, _, content, _ in found]
    securitylog.note("scorer.sent", None, host=made.to.host, conversations=len(sent), bytes=sum(sent))
    for one, mark, content, lines in found:
        number, state = held[one.conversation_key, one.content, one.purpose]
        if state not in endpoint.FINAL:
            yield one, lines, Question(number, mark, content)


_TABLE = cast(Table, ScorerRequest.__table__)
_AGAIN = ("asked_at", "host", "bytes", "body_hash")
_KEPT = ("state", "answered_at", "answers", "tokens_in", "tokens_out", "latency_ms")
_ASKED_AGAIN = update(_TABLE).where(_TABLE.c.id == bindparam("row")).values({name: bindparam(name) for name in _AGAIN})
_ANSWERED = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("row"))
    .values({**{name: bindparam(name) for name in _KEPT}, "attempts": _TABLE.c.attempts + bindparam("more")})
)


def _outgoing(made: Asker, one: AskedConversation, scorer_id: int, content: bytes, now: datetime) -> dict[str, Any]:
    return {
        "scorer_id": scorer_id,
        "conversation_key": one.conversation_key,
        "content": one.content,
        "purpose": one.purpose,
        "state": "asked",
        "asked_at": now,
        "answered_at": None,
        "host": made.to.host,
        "bytes": len(content),
        "body_hash": hashlib.sha256(content).hexdigest(),
        "answers": None,
        "tokens_in": 0,
        "tokens_out": 0,
        "attempts": 0,
        "latency_ms": 0,
        "published": False,
    }


def _held(
    session: Session, scorer_id: int, part: Sequence[AskedConversation]
) -> dict[tuple[str, str, str], tuple[int, str]]:
    keys = sorted({one.conversation_key for one in part})
    query = select(
        ScorerRequest.conversation_key,
        ScorerRequest.content,
        ScorerRequest.purpose,
        ScorerRequest.id,
        ScorerRequest.state,
    ).where(ScorerRequest.scorer_id == scorer_id, ScorerRequest.conversation_key.in_(keys))
    return {(key, content, purpose): (number, state) for key, content, purpose, number, state in session.execute(query)}


def keep(
    bench: Workbench, made: Asker, answers: Sequence[Answered], questions: dict[int, Outgoing], now: datetime
) -> None:
    """Write down what came back: checked later, but never asked again."""
    ids = [criterion.id for criterion in made.rubric.criteria]
    rows = []
    for one in answers:
        asked, reply = questions.pop(one.question.id), one.reply
        said = None if reply.answers is None else endpoint.rows(reply.answers, ids, asked.conversation_key)
        rows.append(
            {
                "row": one.question.id, "state": reply.state, "answered_at": now, "tokens_in": reply.tokens_in,
                "answers": None if said is None else quoted(asked.lines, said),
                "tokens_out": reply.tokens_out, "more": one.attempts, "latency_ms": one.latency_ms,
            }
        )  # fmt: skip
    with bench.db.write() as session:
        session.connection().execute(_ANSWERED, rows)


def quoted(lines: Sequence[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers without the text they quote: whether it stands where they say is found out against what was sent, and
    only that is kept."""
    texts = {line["seq"]: line["text"] for line in lines if line["seq"] >= 0}
    kept = []
    for row in rows:
        quote = (row["quote"] or "").strip()
        among = [texts.get(seq, "") for seq in row["evidence"]] if row["evidence"] else list(texts.values())
        kept.append({**row, "quote": None, "verbatim": not quote or any(quote in text for text in among)})
    return kept
