"""What a frozen transcript is: the types that everybody reads, made from the stored JSON in one place.

Times are UTC. A field that the archive did not know is None; a transcript whose text retention has removed has no
messages. Fields of the stored form that nobody reads are not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

DISPUTE = "dispute"
"""The part of messages that were written in the dispute, not in the chat."""


@dataclass(frozen=True, slots=True)
class FrozenMessage:
    """One line of a conversation. `seq` is its number from 0, through chat and dispute; `kind` is 'text', 'image' and
    the like; `part` is 'dispute' for what was written there."""

    seq: int
    role: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    kind: str | None = None
    text: str | None = None
    sent_at: datetime | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class FrozenDispute:
    """The record of a dispute. Amounts are in 1/100 of the currency; type and states are the platform's codes; `due_at`
    is the deadline of the next step; `joined_by` says why the chat belongs to it (`qa.ingest.joining`), `answers_by`
    why its agent answers for it (`qa.disputes.responsible`)."""

    dispute_type: str | None = None
    status: str | None = None
    title: str | None = None
    reason: str | None = None
    description: str | None = None
    refund_fee: int | float | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    due_at: datetime | None = None
    cs_status: int | None = None
    total_fee: int | float | None = None
    joined_by: str | None = None
    answers_by: str | None = None
    dispute_id: str | None = None
    sent_out_at: datetime | None = None
    delivered_at: datetime | None = None
    returned_at: datetime | None = None
    carrier: str | None = None


@dataclass(frozen=True, slots=True)
class FrozenRating:
    """A customer's rating. `score` is from 1 to 5; `label` is the platform's word for it."""

    score: int | float | None = None
    label: str | int | float | None = None
    comment: str | None = None
    rated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FrozenTranscript:
    """One unit as it was when it was frozen. `source` is 'chat', 'dispute' or 'rating'; `agent_id` answers for it,
    `participants` are all agents of the chat; `satisfaction` is from 1 to 5; `lost_rows` of its file could not be
    read, so that something may be missing."""

    unit_id: str | None = None
    source: str | None = None
    conversation_key: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    participants: tuple[str, ...] = ()
    shop: str | None = None
    channel: str | None = None
    customer_id: str | None = None
    order_id: str | None = None
    started_at: datetime | None = None
    satisfaction: int | float | None = None
    messages: tuple[FrozenMessage, ...] = ()
    dispute: FrozenDispute | None = None
    rating: FrozenRating | None = None
    lost_rows: int = 0

    @property
    def agents(self) -> frozenset[str]:
        """Everybody who took part as an agent."""
        people = {self.agent_id, *self.participants, *(message.agent_id for message in self.messages)}
        return frozenset(person for person in people if person is not None)

    @property
    def first_line(self) -> str:
        """What the customer said first, in one line of at most 80 characters: how people recognise a conversation."""
        said = ((message.text or "").strip() for message in self.messages if message.role == "customer")
        return next((text for text in said if text), "").replace("\n", " ")[:80]

    @property
    def seqs(self) -> frozenset[int]:
        """The numbers of its messages."""
        return frozenset(message.seq for message in self.messages)

    @property
    def texts(self) -> dict[int, str]:
        """The text of each message by its number."""
        return {message.seq: message.text or "" for message in self.messages}


def handle(key: str) -> str:
    """What names a conversation in addresses, files and the audit trail: a key may hold the customer's name."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read(content: Mapping[str, Any]) -> FrozenTranscript:
    """The transcript in the stored form that `freeze` gives. Raises `msgspec.ValidationError` for what is none."""
    return msgspec.convert(content, FrozenTranscript)
