"""A small world of chats, hits and people that the tests of the red lines share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from qa.archive import empty
from qa.policy import Actor, Role
from qa.workbench import Workbench
from tests.world import archive
from tests.world.people import accounts, agents

T0 = datetime(2026, 2, 23, 2, 0, tzinfo=UTC)

INSPECTOR = Actor(1, Role.INSPECTOR, "Inspector Ida")
SECOND = Actor(2, Role.INSPECTOR, "Inspector Otto")
LEAD = Actor(3, Role.LEAD, "Lead Lin")
OTHER_LEAD = Actor(4, Role.LEAD, "Lead Luo")
AGENT = Actor(5, Role.AGENT, "Agent One", agent_id="a1")
ADMIN = Actor(6, Role.ADMIN, "Admin")
PLAYING_INSPECTOR = Actor(7, Role.INSPECTOR, "Inspector who also chats", agent_id="a1")


def people(bench: Workbench) -> None:
    """The users behind the actors, and two agents of two teams."""
    accounts(bench, (INSPECTOR, SECOND, LEAD, OTHER_LEAD, AGENT, ADMIN, PLAYING_INSPECTOR), T0)
    agents(bench, T0, a1={"name": "小红", "team": "售前"}, a2={"name": "小蓝", "team": "售后"})


Line = tuple[str, str]
"""Role and text."""


def chats(
    conversations: Sequence[tuple[str, str, Sequence[Line]]], *, import_id: int = 1, start: datetime = T0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames of conversations and messages: (key, agent, [(role, text), …]), a message every 20 seconds."""
    heads, lines = [], []
    for number, (key, agent, said) in enumerate(conversations):
        began = start + timedelta(minutes=10 * number)
        heads.append(
            archive.conversation(
                key, agent, began, conversation_id=key.split(":")[-1], customer_id=f"c{number}",
                ended_at=began + timedelta(seconds=20 * len(said)), message_count=len(said),
                agent_message_count=sum(role == "agent" for role, _ in said), content_hash=str(hash(tuple(said))),
                import_id=import_id, file_row=number + 1,
            )
        )  # fmt: skip
        told = [(role, agent if role == "agent" else None, text) for role, text in said]
        lines += archive.messages(key, told, began, timedelta(seconds=20), import_id=import_id)
    numbered = [{**line, "file_row": row} for row, line in enumerate(lines, start=1)]
    return pl.DataFrame(heads), pl.DataFrame(numbered, schema_overrides=dict(empty("messages").schema))


def put_chats(
    bench: Workbench, conversations: Sequence[tuple[str, str, Sequence[Line]]], *, import_id: int = 1
) -> None:
    """Import, as far as the archive is concerned: replaces what has the same key."""
    heads, lines = chats(conversations, import_id=import_id)
    with bench.archive.change("import", T0) as change:
        change.remove("conversations", heads["conversation_key"])
        change.remove("messages", heads["conversation_key"])
        change.append("conversations", heads)
        change.append("messages", lines)


def put_hits(bench: Workbench, hits: Sequence[tuple[str, int, str, str, str]], *, replace: bool = False) -> None:
    """Hits as screening writes them: (conversation, seq, rule, agent, matched)."""
    rows = [
        {
            "conversation_key": key,
            "seq": seq,
            "rule_id": rule_id,
            "rule_version": 1,
            "start": 0,
            "end": len(matched),
            "matched": matched,
            "agent_id": agent,
        }
        for key, seq, rule_id, agent, matched in hits
    ]
    frame = pl.DataFrame(rows) if rows else empty("hits")
    with bench.archive.change("screening", T0) as change:
        if replace:
            change.replace("hits", frame)
        else:
            change.append("hits", frame)
