"""A small archive made by hand: conversations as lists of (role, agent, text)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from qa.archive import ArchiveChange
from qa.policy import Actor, Role
from qa.workbench import Workbench

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(901, Role.LEAD, "Lin")
ADMIN = Actor(902, Role.ADMIN, "An")
INSPECTOR = Actor(903, Role.INSPECTOR, "Mei")
Line = tuple[str, str | None, str]


def said(*texts: str, agent: str = "a1") -> list[Line]:
    """Lines of customer and agent by turns."""
    return [("customer", None, text) if at % 2 == 0 else ("agent", agent, text) for at, text in enumerate(texts)]


def put(
    change: ArchiveChange, chats: Mapping[str, Sequence[Line]], fields: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Add conversations, newest last, an hour apart."""
    conversations, messages = [], []
    for at, (key, lines) in enumerate(chats.items()):
        start = NOW - timedelta(days=30) + timedelta(hours=at)
        agents = list(dict.fromkeys(agent for _, agent, _ in lines if agent))
        conversations.append(
            {
                "conversation_key": key, "source": "s", "conversation_id": key, "agent_id": agents[0] if agents else None,
                "agent_ids": agents, "customer_id": f"buyer-{key}", "order_id": f"2026000{at:04d}", "shop": "shop",
                "channel": "wangwang", "started_at": start, "message_count": len(lines), "content_hash": key,
                **(fields or {}).get(key, {}),
            }
        )  # fmt: skip
        messages += [
            {
                "conversation_key": key, "seq": seq, "role": role, "agent_id": agent, "kind": "text", "text": text,
                "sent_at": start + timedelta(minutes=seq),
            }
            for seq, (role, agent, text) in enumerate(lines)
        ]  # fmt: skip
    change.append("conversations", pl.DataFrame(conversations, infer_schema_length=None))
    change.append("messages", pl.DataFrame(messages, infer_schema_length=None))


def fill(
    bench: Workbench, chats: Mapping[str, Sequence[Line]], fields: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """An archive with these conversations more."""
    with bench.archive.change("test", NOW) as change:
        put(change, chats, fields)
