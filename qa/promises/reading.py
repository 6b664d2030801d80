"""Promises of the archive with what became of them, from the facts about the same order.

Reads the archive and the rulings; asks no right and masks nothing: whoever shows what comes from here does. A promise
of a chat with an order number is followed through all chats, disputes and ratings of that order in the shop; one
without through its own chat and what is joined to it. Nothing is joined by guess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.tables import PromiseRuling
from qa.workbench import Workbench
from scoring.promises import Fact, PromiseEvidence, PromiseOutcome, PromiseStatus, outcome

APART = timedelta(hours=1)
"""An agent who writes again after this long has come back to the customer."""
_ORDER = pl.when(pl.col("order_id") != "").then("order_id")
"""The order number; null where it is empty."""
PromiseKey = tuple[str, int, str, int]
"""Conversation, seq of the message, kind, start of the words."""


@dataclass(frozen=True)
class LedgerPromise:
    """One promise. `amount` in hundredths; `due_at` None when no time was named."""

    conversation_key: str
    seq: int
    kind: str
    start: int
    end: int
    amount: int | None
    said_at: datetime | None
    due_at: datetime | None
    agent_id: str
    order_id: str | None
    outcome: PromiseOutcome
    ruling: PromiseOutcome | None
    """The status that a person gave it, with the reason as its `ref`."""

    @property
    def key(self) -> PromiseKey:
        """What names it in rulings."""
        return self.conversation_key, self.seq, self.kind, self.start

    @property
    def status(self) -> PromiseStatus:
        """The person's word, else the data's."""
        return (self.ruling or self.outcome).status

    @property
    def evidence(self) -> PromiseEvidence:
        """What the status rests on."""
        return (self.ruling or self.outcome).evidence


def of_conversation(bench: Workbench, key: str, now: datetime) -> tuple[LedgerPromise, ...]:
    """The promises made in one conversation, in its order."""
    snapshot = bench.archive.at()
    return of_rows(bench, snapshot, snapshot.scan("promises").filter(pl.col("conversation_key") == key), now)


def of_order(bench: Workbench, order_id: str, now: datetime) -> tuple[LedgerPromise, ...]:
    """The promises made in all conversations about one order."""
    snapshot = bench.archive.at()
    chats = snapshot.scan("conversations").filter(pl.col("order_id") == order_id).select("conversation_key")
    found = snapshot.scan("promises").join(chats, on="conversation_key", how="semi")
    return of_rows(bench, snapshot, found, now)


def of_rows(bench: Workbench, snapshot: Snapshot, rows: pl.LazyFrame, now: datetime) -> tuple[LedgerPromise, ...]:
    """Rows of the archive table `promises` with their outcomes, by time."""
    chats = snapshot.scan("conversations").select("conversation_key", "shop", "order_id", owner="agent_id")
    found = (
        rows.join(chats, on="conversation_key", how="left")
        .with_columns(order_id=_ORDER, agent_id=pl.coalesce("agent_id", "owner").fill_null(""))
        .with_columns(matter=_matter())
        .sort("said_at", "conversation_key", "seq", "start", nulls_last=True)
        .collect()
    )
    facts = _facts(snapshot, found)
    with bench.db.read() as session:
        ruled = rulings(session, found["conversation_key"].unique().to_list())
    return tuple(_promise(row, facts, ruled, now) for row in found.iter_rows(named=True))


def rulings(session: Session, keys: Iterable[str]) -> dict[PromiseKey, PromiseOutcome]:
    """The last ruling on each promise of the conversations."""
    wanted, found = list(keys), {}
    for part in range(0, len(wanted), 500):
        query = select(PromiseRuling).where(PromiseRuling.conversation_key.in_(wanted[part : part + 500]))
        for row in session.scalars(query.order_by(PromiseRuling.id)):
            outcome_ = PromiseOutcome(PromiseStatus(row.status), PromiseEvidence.RULING, row.reason, row.ruled_at)
            found[row.conversation_key, row.seq, row.kind, row.start] = outcome_
    return found


def _matter() -> pl.Expr:
    """What a promise is followed through: the order in its shop, else the chat itself."""
    order = pl.format("{}\n{}", pl.col("shop").fill_null(""), "order_id")
    return pl.when(pl.col("order_id").is_not_null()).then(order).otherwise("conversation_key")


def _promise(
    row: Mapping[str, Any], facts: Mapping[str, list[Fact]], ruled: Mapping[PromiseKey, PromiseOutcome], now: datetime
) -> LedgerPromise:
    said, due = row["said_at"], row["due_at"]
    # the agent's next lines in the same breath are no call back
    known = [f for f in facts[row["matter"]] if f.what != "agent" or (said and f.at and f.at >= said + APART)]
    found = outcome(row["kind"], row["amount"], said, due, known, now)
    key = (row["conversation_key"], row["seq"], row["kind"], row["start"])
    return LedgerPromise(
        *key, row["end"], row["amount"], said, due, row["agent_id"], row["order_id"], found, ruled.get(key)
    )


def _facts(snapshot: Snapshot, promises: pl.DataFrame) -> dict[str, list[Fact]]:
    """What happened about each matter, by its name."""
    found: dict[str, list[Fact]] = defaultdict(list)
    if promises.is_empty():
        return found
    chats = snapshot.scan("conversations").with_columns(order_id=_ORDER)
    matters = promises.lazy().select("matter").unique()
    known = chats.select("conversation_key", matter=_matter()).join(matters, on="matter", how="semi").collect().lazy()
    said = (
        snapshot.scan("messages")
        .filter(pl.col("role").is_in(["customer", "agent"]))
        .join(known, on="conversation_key")
        .select("matter", "role", "sent_at", pl.col("text").fill_null(""), "conversation_key", "seq")
        .collect()
    )
    for matter, role, at, text, key, seq in said.iter_rows():
        found[matter].append(Fact(role, at, text if role == "customer" else "", "apart", ref=f"{key}#{seq}"))
    for table in ("disputes", "ratings"):
        _records(snapshot, table, matters, known, found)
    return found


def _records(
    snapshot: Snapshot, table: str, matters: pl.LazyFrame, known: pl.LazyFrame, found: dict[str, list[Fact]]
) -> None:
    rows = snapshot.scan(table).with_columns(order_id=_ORDER)
    by_order = rows.filter(pl.col("order_id").is_not_null()).with_columns(matter=_matter())
    by_chat = rows.filter(pl.col("order_id").is_null()).join(known, on="conversation_key")
    for frame in (by_order.join(matters, on="matter", how="semi").collect(), by_chat.collect()):
        for row in frame.iter_rows(named=True):
            found[row["matter"]] += _dispute(row) if table == "disputes" else _rating(row)


def _dispute(row: Mapping[str, Any]) -> list[Fact]:
    ref = row["dispute_key"]
    text = " ".join(row[name] or "" for name in ("reason", "description"))
    return [
        Fact("dispute", row["opened_at"], text, ref=ref),
        Fact("refund", row["closed_at"], status=row["status"] or "", amount=row["refund_fee"], ref=ref),
    ]


def _rating(row: Mapping[str, Any]) -> list[Fact]:
    low = row["score"] is not None and row["score"] <= 2
    return [Fact("rating", row["rated_at"], row["comment"] or "", ref=row["rating_key"])] if low else []
