"""Promises of the archive with what became of them, judged in bulk from the facts about the same order.

Reads the archive and the rulings; asks no right and masks nothing: whoever shows what comes from here does. A promise
of a chat with an order number is followed through all chats, disputes and ratings of that order in the shop; one
without through its own chat and what is joined to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from qa.archive import Snapshot, among
from qa.disputes.settled import in_force
from qa.promises.facts import ORDER, facts, matter
from qa.tables import DisputeSettlement, PromiseRuling
from qa.workbench import Workbench
from scoring.promises import PromiseEvidence, PromiseStatus, outcomes

PromiseKey = tuple[str, int, str, int]
"""Conversation, seq of the message, kind, start of the words."""
KEY = ["conversation_key", "seq", "kind", "start"]
WITHDRAWN = "withdrawn"
"""In place of a status: the ruling before it is taken back, and the data's status counts again."""
_AT = pl.Datetime("us", "UTC")
_RULED: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_key": pl.String, "seq": pl.Int32, "kind": pl.String, "ruled_start": pl.Int32, "ruling_id": pl.Int64,
    "ruled": pl.String, "reason": pl.String, "ruled_by": pl.Int64, "ruled_at": _AT,
}  # fmt: skip


@dataclass(frozen=True)
class StandingRuling:
    """The last word of a person on a promise."""

    id: int
    status: PromiseStatus
    reason: str
    ruled_by: int
    ruled_at: datetime


@dataclass(frozen=True)
class LedgerPromise:
    """One promise. `amount` in hundredths; `due_at` None when no time was named; `ref` and `at` name what the data's
    status rests on: a message (`conversation#seq`), a dispute or a rating, and its time."""

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
    found: PromiseStatus
    """What the data say."""
    found_evidence: PromiseEvidence
    ref: str
    at: datetime | None
    ruling: StandingRuling | None

    @property
    def key(self) -> PromiseKey:
        """What names it in rulings."""
        return self.conversation_key, self.seq, self.kind, self.start

    @property
    def status(self) -> PromiseStatus:
        """The person's word, else the data's."""
        return self.found if self.ruling is None else self.ruling.status

    @property
    def evidence(self) -> PromiseEvidence:
        """What the status rests on."""
        return self.found_evidence if self.ruling is None else PromiseEvidence.RULING


def resting_on(bench: Workbench) -> tuple[object, ...]:
    """What the status of promises rests on besides the time: while this stays the same they can be kept."""
    with bench.db.read() as session:
        last = session.execute(select(_newest(PromiseRuling.id), _newest(DisputeSettlement.id))).one()
    return bench.config.database, bench.config.archive, bench.archive.version(), *last


def _newest(column: InstrumentedAttribute[int]) -> ScalarSelect[int | None]:
    return select(func.max(column)).scalar_subquery()


def of_conversation(bench: Workbench, key: str, now: datetime) -> tuple[LedgerPromise, ...]:
    """The promises made in one conversation, in its order."""
    return of_conversations(bench, [key], now)


def of_conversations(bench: Workbench, keys: Iterable[str], now: datetime) -> tuple[LedgerPromise, ...]:
    """The promises made in these conversations, by time."""
    snapshot = bench.archive.at()
    rows = among(snapshot.scan("promises"), pl.Series(sorted(set(keys)), dtype=pl.String))
    return _told(bench, snapshot, rows, now)


def of_order(bench: Workbench, order_id: str, now: datetime, shop: str | None = None) -> tuple[LedgerPromise, ...]:
    """The promises made in all conversations about one order (of one shop, when it is given), by time."""
    snapshot = bench.archive.at()
    here = pl.col("order_id") == order_id
    if shop is not None:
        here &= pl.col("shop").fill_null("") == shop
    chats = snapshot.scan("conversations").filter(here).select("conversation_key")
    return _told(bench, snapshot, snapshot.scan("promises").join(chats, on="conversation_key", how="semi"), now)


def _told(bench: Workbench, snapshot: Snapshot, rows: pl.LazyFrame, now: datetime) -> tuple[LedgerPromise, ...]:
    """Most conversations promise nothing: then no fact is looked up."""
    made = rows.collect()
    return () if made.is_empty() else as_promises(judged(bench, snapshot, made.lazy(), now))


def judged(bench: Workbench, snapshot: Snapshot, rows: pl.LazyFrame, now: datetime) -> pl.DataFrame:
    """Rows of the archive table `promises`, by time, with agent_id, shop, order_id, found (the data's status),
    evidence, ref, at; and ruling_id, ruled, reason, ruled_by, ruled_at (null without a ruling); status is what
    counts."""
    made = rows.collect()
    chats = among(snapshot.scan("conversations"), made["conversation_key"].unique())
    promises = (
        made.lazy()
        .join(chats.select("conversation_key", "shop", "order_id", owner="agent_id"), on="conversation_key", how="left")
        .with_columns(order_id=ORDER, agent_id=pl.coalesce("agent_id", "owner").fill_null(""))
        .with_columns(matter=matter())
        .sort("said_at", *KEY, nulls_last=True)
        .with_row_index("id")
        .collect()
    )
    with bench.db.read() as session:
        ruled = rulings(session, promises["conversation_key"].unique().to_list())
        settled = in_force(session)
    found = outcomes(promises, facts(snapshot, promises, settled), now).rename({"status": "found"})
    return (
        _with_rulings(promises.join(found, on="id", maintain_order="left"), ruled)
        .with_columns(status=pl.coalesce("ruled", "found"))
        .drop("matter", "owner")
    )


def as_promises(frame: pl.DataFrame) -> tuple[LedgerPromise, ...]:
    """Rows of `judged` as values."""
    return tuple(_promise(row) for row in frame.iter_rows(named=True))


FEW = 500
"""Conversations of one statement."""


def rulings(session: Session, keys: Iterable[str]) -> pl.DataFrame:
    """The last ruling on each promise of the conversations."""
    columns = (
        PromiseRuling.conversation_key, PromiseRuling.seq, PromiseRuling.kind, PromiseRuling.start, PromiseRuling.id,
        PromiseRuling.status, PromiseRuling.reason, PromiseRuling.ruled_by, PromiseRuling.ruled_at,
    )  # fmt: skip
    wanted, found = set(keys), list[Any]()
    ruled = set(session.scalars(select(PromiseRuling.conversation_key).distinct())) if len(wanted) > FEW else wanted
    named = sorted(wanted & ruled)  # people rule on few of many
    for part in range(0, len(named), FEW):
        query = select(*columns).where(PromiseRuling.conversation_key.in_(named[part : part + FEW]))
        found += session.execute(query)
    frame = pl.DataFrame([tuple(row) for row in found], schema=_RULED, orient="row").sort("ruling_id")
    last = frame.unique(["conversation_key", "seq", "kind", "ruled_start"], keep="last", maintain_order=True)
    return last.filter(pl.col("ruled") != WITHDRAWN)


def _with_rulings(promises: pl.DataFrame, ruled: pl.DataFrame) -> pl.DataFrame:
    """Each promise with its ruling: by the place of its words, or, where better word lists have moved the place, by
    being the only promise of its kind in the message, as the ruling is."""
    message = ["conversation_key", "seq", "kind"]
    said = [name for name in _RULED if name not in (*message, "ruled_start")]
    here = promises.join(
        ruled, left_on=[*message, "start"], right_on=[*message, "ruled_start"], how="left", maintain_order="left"
    )
    alone = pl.len().over(message) == 1
    moved = promises.filter(alone).join(ruled.filter(alone), on=message).select("id", *said)
    both = here.join(moved, on="id", how="left", maintain_order="left", suffix="_moved")
    return both.with_columns(pl.coalesce(name, f"{name}_moved") for name in said).drop(f"{name}_moved" for name in said)


def _promise(row: Mapping[str, Any]) -> LedgerPromise:
    ruling = None
    if row["ruling_id"] is not None:
        status = PromiseStatus(row["ruled"])
        ruling = StandingRuling(row["ruling_id"], status, row["reason"], row["ruled_by"], row["ruled_at"])
    return LedgerPromise(
        row["conversation_key"], row["seq"], row["kind"], row["start"], row["end"], row["amount"], row["said_at"],
        row["due_at"], row["agent_id"], row["order_id"], PromiseStatus(row["found"]), PromiseEvidence(row["evidence"]),
        row["ref"], row["at"], ruling,
    )  # fmt: skip
