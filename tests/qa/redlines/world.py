"""A small world of chats, rules, hits and people that the tests of the red lines share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
from sqlalchemy import insert

from qa.archive import empty
from qa.policy import Actor, Role
from qa.rules import stored
from qa.tables import Agent, RuleVersion, User
from qa.workbench import Workbench
from scoring.redline.rule import Label, Rule, Severity, Terms

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
    with bench.db.write() as session:
        for actor in (INSPECTOR, SECOND, LEAD, OTHER_LEAD, AGENT, ADMIN, PLAYING_INSPECTOR):
            session.add(
                User(
                    id=actor.user_id,
                    login=f"u{actor.user_id}",
                    display_name=actor.name,
                    role=actor.role.value,
                    agent_id=actor.agent_id,
                    active=True,
                    created_at=T0,
                )
            )
        session.execute(
            insert(Agent),
            [
                {"agent_id": "a1", "name": "小红", "team": "售前", "updated_at": T0},
                {"agent_id": "a2", "name": "小蓝", "team": "售后", "updated_at": T0},
            ],
        )


def rule(rule_id: str, *phrases: str, version: int = 1, severity: Severity = Severity.MAJOR) -> Rule:
    return Rule(rule_id, version, Label(f"规则{rule_id}", f"Rule {rule_id}"), Terms(phrases), severity=severity)


def publish(bench: Workbench, *rules: Rule) -> None:
    """Put rules in force without asking the rules service."""
    with bench.db.write() as session:
        for one in rules:
            session.add(
                RuleVersion(
                    rule_id=one.id,
                    version=one.version,
                    state="published",
                    in_force_from=one.in_force_from,
                    in_force_to=one.in_force_to,
                    content=stored.to_plain(one),
                    content_hash=one.content_hash,
                    created_by=None,
                    created_at=T0,
                    published_at=T0,
                )
            )


Line = tuple[str, str]


def chats(
    conversations: Sequence[tuple[str, str, Sequence[Line]]], *, import_id: int = 1, start: datetime = T0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames of conversations and messages: (key, agent, [(role, text), …]), a message every 20 seconds."""
    heads, lines = [], []
    for number, (key, agent, said) in enumerate(conversations):
        began = start + timedelta(minutes=10 * number)
        heads.append(
            {
                "conversation_key": key,
                "source": key.split(":")[0],
                "conversation_id": key.split(":")[-1],
                "agent_id": agent,
                "agent_ids": [agent],
                "customer_id": f"c{number}",
                "channel": "wangwang",
                "started_at": began,
                "ended_at": began + timedelta(seconds=20 * len(said)),
                "message_count": len(said),
                "agent_message_count": sum(role == "agent" for role, _ in said),
                "content_hash": str(hash(tuple(said))),
                "import_id": import_id,
                "file_row": number + 1,
            }
        )
        for seq, (role, text) in enumerate(said):
            lines.append(
                {
                    "conversation_key": key,
                    "seq": seq,
                    "role": role,
                    "agent_id": agent if role == "agent" else None,
                    "sent_at": began + timedelta(seconds=20 * seq),
                    "kind": "text",
                    "text": text,
                    "import_id": import_id,
                    "file_row": len(lines) + 1,
                }
            )
    schema = dict(empty("messages").schema)
    return pl.DataFrame(heads), pl.DataFrame(lines, schema_overrides=schema)


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
