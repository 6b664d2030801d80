"""A dispute told as one story: every chat about its order, before and after, the records of that order with their
messages, ratings, and what does not go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from qa import transcripts
from qa.archive import Snapshot
from qa.disputes import listing, responsible, settled, statements
from qa.disputes.statements import Mismatch, Stance, Statement
from qa.errors import Denied
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.transcripts import FrozenDispute, FrozenMessage, FrozenRating, FrozenTranscript
from qa.transcripts.document import DISPUTE
from qa.workbench import Workbench
from scoring.promises.outcome import REFUNDED


@dataclass(frozen=True)
class Chapter:
    """A chat of the story. `first` is the number of its first message; `joined`: the one the dispute is joined to."""

    first: int
    started_at: datetime | None
    joined: bool
    after: bool
    agents: tuple[str, ...]


@dataclass(frozen=True)
class DisputeCase:
    """The story. `transcript` holds the messages of all chats and records in order of time, numbered anew; `others` are
    further disputes of the same order. `places` says where a message of a chat is: (conversation, seq) → number."""

    key: str
    transcript: FrozenTranscript
    chapters: tuple[Chapter, ...]
    others: tuple[FrozenDispute, ...]
    contradictions: tuple[Mismatch, ...]
    places: Mapping[tuple[str, int], int]

    @property
    def paid(self) -> int | None:
        """What went back by this dispute, in hundredths; None while nothing did."""
        record = self.transcript.dispute
        return int(record.refund_fee or 0) if record and record.status in REFUNDED else None


def read(bench: Workbench, actor: Actor, key: str, *, now: datetime, again: bool = False) -> DisputeCase:
    """The story of a dispute as `actor` may read it. `again`: the reader has it open already, and reading on is no
    second reading in the audit trail. Raises `NotFound`, and `Denied` for what is of another team or one's own part in
    it."""
    require(actor, Right.VIEW_RESULTS, Right.VIEW_TEAM, Right.INSPECT)
    listing.one(bench, actor, key)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        names, decided = listing.names_of(session), settled.in_force(session)
    chats = snapshot.scan("conversations")
    over = settled.laid_over(snapshot.scan("disputes"), chats, decided)
    mine = responsible.answering(over.filter(pl.col("dispute_key") == key), snapshot, responsible.LAST).collect()
    row = mine.row(0, named=True)
    records = [row, *_others(over, row)]
    heads = _chats(chats, row).collect()
    _refuse_own(actor, heads)
    lines = [*_chat_lines(snapshot, heads, names), *_record_lines(records)]
    placed = _in_order(lines)
    content = _content(row, heads, [message for _, message in placed], names)
    content = replace(content, rating=_rating(snapshot, row, heads))
    shown = transcripts.shown(actor, content)
    others = tuple(
        dispute for one in records[1:]
        if (dispute := transcripts.shown(actor, replace(content, messages=(), dispute=_dispute(one))).dispute)
    )  # fmt: skip
    if not again:
        with bench.begin(actor, now) as work:
            work.record("dispute.read", "dispute", key)
    places = {place: message.seq for place, message in placed if place[1] >= 0}
    found = _against(snapshot, shown, row, places)
    return DisputeCase(key, shown, _chapters(heads, row, names, placed), others, found, places)


def _refuse_own(actor: Actor, heads: pl.DataFrame) -> None:
    if actor.agent_id is not None and any(actor.agent_id in (agents or ()) for agents in heads["agent_ids"].to_list()):
        raise Denied(N_("You took part in this dispute; somebody else has to decide."))


def _others(over: pl.LazyFrame, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Further disputes of the same order in the same shop, by time."""
    if not row["order_id"]:
        return []
    same = (pl.col("order_id") == row["order_id"]) & (pl.col("dispute_key") != row["dispute_key"])
    same &= pl.col("shop").eq(row["shop"]).fill_null(True) if row["shop"] else pl.lit(True)
    return over.filter(same).sort("opened_at").collect().to_dicts()


def _chats(chats: pl.LazyFrame, row: Mapping[str, Any]) -> pl.LazyFrame:
    """The chat it is joined to and every chat of the order in its shop."""
    about = pl.col("conversation_key") == (row["conversation_key"] or "")
    if row["order_id"]:
        same = pl.col("order_id") == row["order_id"]
        about |= (same & pl.col("shop").eq(row["shop"]).fill_null(True) if row["shop"] else same).fill_null(False)
    return chats.filter(about).sort("started_at", "conversation_key")


Placed = tuple[tuple[str, int], FrozenMessage]
"""Where a message is (conversation and seq; seq −1: in a record), and the message."""


def _chat_lines(snapshot: Snapshot, heads: pl.DataFrame, names: Mapping[str, str]) -> list[Placed]:
    keys = heads["conversation_key"].to_list()
    said = snapshot.scan("messages").filter(pl.col("conversation_key").is_in(keys)).sort("conversation_key", "seq")
    return [
        (
            (row["conversation_key"], row["seq"]),
            FrozenMessage(0, row["role"], row["agent_id"], names.get(row["agent_id"]), row["kind"], row["text"],
                          row["sent_at"]),
        )
        for row in said.collect().iter_rows(named=True)
    ]  # fmt: skip


def _record_lines(records: Sequence[Mapping[str, Any]]) -> list[Placed]:
    return [
        (
            (record["dispute_key"], -1),
            FrozenMessage(0, one["role"], None, None, "text", one["text"], one["sent_at"], DISPUTE),
        )
        for record in records
        for one in record["messages"] or ()
    ]


def _in_order(lines: Sequence[Placed]) -> list[Placed]:
    """All lines by time and numbered; one without a time stays behind the line before it."""
    keyed, last, part = [], None, ""
    for place, message in lines:
        last = message.sent_at or (last if place[0] == part else None)
        part = place[0]
        keyed.append(((last is None, last.timestamp() if last else 0.0), place, message))
    keyed.sort(key=lambda each: each[0])
    return [(place, replace(message, seq=seq)) for seq, (_, place, message) in enumerate(keyed)]


def _content(
    row: Mapping[str, Any], heads: pl.DataFrame, messages: Sequence[FrozenMessage], names: Mapping[str, str]
) -> FrozenTranscript:
    people = sorted({agent for agents in heads["agent_ids"].to_list() for agent in agents or ()})
    return FrozenTranscript(
        unit_id=row["dispute_key"],
        source="dispute",
        conversation_key=row["conversation_key"],
        agent_id=row["agent_id"],
        agent_name=names.get(row["agent_id"]),
        participants=tuple(people),
        shop=row["shop"],
        channel=heads["channel"][0] if heads.height else None,
        customer_id=row["customer_id"],
        order_id=row["order_id"],
        started_at=row["opened_at"],
        messages=tuple(messages),
        dispute=_dispute(row),
    )


def _dispute(row: Mapping[str, Any]) -> FrozenDispute:
    return FrozenDispute(**{name: row.get(name) for name in FrozenDispute.__dataclass_fields__})


def _rating(snapshot: Snapshot, row: Mapping[str, Any], heads: pl.DataFrame) -> FrozenRating | None:
    """The lowest rating that was given for the order or one of its chats."""
    about = pl.col("conversation_key").is_in(heads["conversation_key"].to_list()).fill_null(False)
    if row["order_id"]:
        about |= (pl.col("order_id") == row["order_id"]).fill_null(False)
    found = snapshot.scan("ratings").filter(about).sort("score", "rated_at").head(1).collect().to_dicts()
    return (
        FrozenRating(found[0]["score"], found[0]["label"], found[0]["comment"], found[0]["rated_at"]) if found else None
    )


def _chapters(
    heads: pl.DataFrame, row: Mapping[str, Any], names: Mapping[str, str], placed: Sequence[Placed]
) -> tuple[Chapter, ...]:
    first: dict[str, int] = {}
    for (key, seq), message in placed:
        if seq >= 0:
            first.setdefault(key, message.seq)
    return tuple(
        Chapter(
            first.get(head["conversation_key"], -1),
            head["started_at"],
            head["conversation_key"] == row["conversation_key"],
            bool(head["started_at"] and head["started_at"] > row["opened_at"]),
            tuple(names.get(agent, agent) for agent in head["agent_ids"] or ()),
        )
        for head in heads.iter_rows(named=True)
    )


def _against(
    snapshot: Snapshot, shown: FrozenTranscript, row: Mapping[str, Any], places: Mapping[tuple[str, int], int]
) -> tuple[Mismatch, ...]:
    """What does not go together, in the words its reader may see."""
    lines = [(m.seq, m.text or "") for m in shown.messages if m.role == "agent"]
    record = statements.of_record(row["status"], row["dispute_type"], row["refund_fee"])
    keys = sorted({key for key, _ in places})
    made = snapshot.scan("promises").filter(
        pl.col("conversation_key").is_in(keys) & (pl.col("kind") == "refund") & pl.col("amount").is_not_null()
    )
    texts = shown.texts
    promised = [
        Statement(Stance.AMOUNT, places[key, seq], texts.get(places[key, seq], ""), amount)
        for key, seq, amount in made.select("conversation_key", "seq", "amount").collect().iter_rows()
        if (key, seq) in places
    ]
    return statements.contradictions(lines, record, promised)
