"""An archive made by hand: conversations as lists of (role, agent, text)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from qa.archive import ArchiveChange
from qa.policy import Actor, Role
from qa.workbench import Workbench
from tests.world import archive

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(901, Role.LEAD, "Lin")
ADMIN = Actor(902, Role.ADMIN, "An")
INSPECTOR = Actor(903, Role.INSPECTOR, "Mei")
Line = archive.Line
said = archive.by_turns


def put(
    change: ArchiveChange, chats: Mapping[str, Sequence[Line]], fields: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Add conversations, newest last, an hour apart."""
    heads, lines = [], []
    for at, (key, said) in enumerate(chats.items()):
        start = NOW - timedelta(days=30) + timedelta(hours=at)
        agents = list(dict.fromkeys(agent for _, agent, _ in said if agent))
        about = {
            "source": "s", "conversation_id": key, "agent_ids": agents, "customer_id": f"buyer-{key}",
            "order_id": f"2026000{at:04d}", "shop": "shop", "message_count": len(said), **(fields or {}).get(key, {}),
        }  # fmt: skip
        heads.append(archive.conversation(key, agents[0] if agents else None, start, **about))
        lines += archive.messages(key, said, start, timedelta(minutes=1))
    archive.add(change, {"conversations": heads, "messages": lines})


def fill(
    bench: Workbench, chats: Mapping[str, Sequence[Line]], fields: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """An archive with these conversations more."""
    with bench.archive.change("test", NOW) as change:
        put(change, chats, fields)
