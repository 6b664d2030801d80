"""Rows of the archive as an import and the screening leave them, and their writing in one change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from qa.archive import ArchiveChange
from qa.archive.predictions import RULES
from qa.workbench import Workbench

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""Rows by the archive's table."""
Line = tuple[str, str | None, str]
"""Role, agent and text of one message."""


def conversation(key: str, agent: str | None, at: datetime, **more: Any) -> Row:
    """One chat of `agent`; its source and id are the two sides of the key's colon."""
    source, _, rest = key.partition(":")
    return {
        "conversation_key": key, "source": source, "conversation_id": rest or key, "agent_id": agent,
        "agent_ids": [agent] if agent else [], "channel": "wangwang", "started_at": at, "content_hash": key, **more,
    }  # fmt: skip


def messages(key: str, lines: Sequence[Line], at: datetime, apart: timedelta = timedelta(0), **more: Any) -> list[Row]:
    """The messages of one chat, `apart` from each other in time."""
    return [
        {
            "conversation_key": key, "seq": seq, "role": role, "agent_id": agent, "sent_at": at + seq * apart,
            "kind": "text", "text": text, **more,
        }
        for seq, (role, agent, text) in enumerate(lines)
    ]  # fmt: skip


def by_turns(*texts: str, agent: str = "a1") -> list[Line]:
    """Lines of customer and agent by turns."""
    return [("customer", None, text) if at % 2 == 0 else ("agent", agent, text) for at, text in enumerate(texts)]


def rule_score(key: str, p: float, version: str = RULES, **more: Any) -> Row:
    """What the rule score says of one conversation."""
    return {"conversation_key": key, "predictor": RULES, "version": version, "p": p, **more}


def put(bench: Workbench, at: datetime, rows: Rows) -> None:
    """Add these rows to the archive, in one change."""
    with bench.archive.change("test", at) as change:
        add(change, rows)


def add(change: ArchiveChange, rows: Rows) -> None:
    for table, found in rows.items():
        if found:
            change.append(table, pl.DataFrame(found, infer_schema_length=None))
