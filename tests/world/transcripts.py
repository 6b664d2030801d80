"""Frozen transcripts, as a draw keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

Said = tuple[str, str, int]
"""Role, text, and seconds since the beginning."""


def frozen(unit_id: str, agent: str, start: datetime, talk: Sequence[Said], **more: Any) -> dict[str, Any]:
    """The transcript of one chat; pictures are known by their address. `more` replaces or adds fields."""
    return {
        "unit_id": unit_id, "source": "chat", "conversation_key": unit_id, "agent_id": agent, "participants": [agent],
        "shop": "s", "channel": "wangwang", "customer_id": "c", "order_id": None, "started_at": start.isoformat(),
        "satisfaction": None, "dispute": None, "rating": None,
        "messages": [
            {
                "seq": seq, "role": role, "agent_id": agent if role == "agent" else None,
                "kind": "image" if text.startswith("https://img") else "text", "text": text,
                "sent_at": (start + timedelta(seconds=second)).isoformat(),
            }
            for seq, (role, text, second) in enumerate(talk)
        ],
        **more,
    }  # fmt: skip
