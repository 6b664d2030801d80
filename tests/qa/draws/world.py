"""A small shop for tests: archive, roster, users and a published rubric, all real."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import insert

from qa.archive.predictions import RULES
from qa.tables import Agent, RubricVersion, User
from qa.workbench import Workbench
from scoring.rubric import default

START = datetime(2026, 2, 1, 2, 0, tzinfo=UTC)
AGENTS = ("amy", "bob", "cui", "dan")


def fill(bench: Workbench, *, chats: int = 30, screened: bool = True) -> None:
    """`chats` conversations of each agent in February 2026, a dispute for every tenth and a rating for every sixth."""
    people(bench)
    conversations, messages, disputes, ratings, signals, scores = [], [], [], [], [], []
    for number, agent in enumerate(AGENTS):
        for k in range(chats):
            key, at = f"shop:{agent}-{k:03d}", START + timedelta(hours=20 * k + number)
            others = ["inspector-agent"] if k % 5 == 0 else []
            conversations.append(
                {
                    "conversation_key": key,
                    "source": "shop",
                    "conversation_id": key[5:],
                    "agent_id": agent,
                    "agent_ids": [agent, *others],
                    "customer_id": f"c{k}",
                    "shop": "A" if number < 2 else "B",
                    "channel": "wangwang",
                    "order_id": f"o{k}",
                    "started_at": at,
                    "ended_at": at + timedelta(minutes=5),
                    "message_count": 2,
                    "agent_message_count": 1,
                    "satisfaction": 1 + k % 5,
                    "content_hash": key,
                }
            )
            messages += [
                {
                    "conversation_key": key,
                    "seq": 0,
                    "role": "customer",
                    "sent_at": at,
                    "kind": "text",
                    "text": f"你好 {k}",
                },
                {
                    "conversation_key": key,
                    "seq": 1,
                    "role": "agent",
                    "agent_id": agent,
                    "sent_at": at,
                    "kind": "text",
                    "text": "在的，亲",
                },
            ]
            signals.append({"conversation_key": key})
            scores.append(
                {
                    "conversation_key": key,
                    "predictor": RULES,
                    "version": "rules-1",
                    "p": ((k * 7 + number) % 30) / 40,
                    "loss": 100.0 * (k % 9),
                }
            )
            if k % 10 == 0:
                disputes.append(
                    {
                        "dispute_key": f"shop:d-{agent}-{k}",
                        "source": "shop",
                        "dispute_id": f"d{k}",
                        "conversation_key": key,
                        "agent_id": agent if k else None,
                        "opened_at": at + timedelta(hours=1),
                        "shop": "A",
                        "content_hash": key,
                        "messages": [
                            {"role": "customer", "text": "退款", "sent_at": at},
                            {"role": "agent", "text": "好", "sent_at": None},
                        ],
                    }
                )
            if k % 6 == 0:
                ratings.append(
                    {
                        "rating_key": f"shop:r-{agent}-{k}",
                        "source": "shop",
                        "rating_id": f"r{k}",
                        "conversation_key": None,
                        "agent_id": agent,
                        "rated_at": at,
                        "score": 1 + k % 4,
                        "shop": "A",
                        "content_hash": key,
                    }
                )
    with bench.archive.change("test", START) as change:
        for table, rows in (
            ("conversations", conversations),
            ("messages", messages),
            ("disputes", disputes),
            ("ratings", ratings),
        ):
            change.append(table, _frame(rows))
        if screened:
            change.append("signals", _frame(signals))
            change.append("predictions", _frame(scores))


def people(bench: Workbench) -> None:
    with bench.db.write() as session:
        session.execute(
            insert(Agent),
            [
                {
                    "agent_id": a,
                    "name": a.title(),
                    "team": "presale" if k < 2 else "aftersale",
                    "shop": "A",
                    "stage": "presale",
                    "grade": "P1",
                    "hired_on": date(2020, 1, 1) if a != "dan" else date(2026, 1, 25),
                    "updated_at": START,
                }
                for k, a in enumerate(AGENTS)
            ],
        )
        session.execute(
            insert(User),
            [
                {
                    "id": k,
                    "login": login,
                    "display_name": login.title(),
                    "role": role,
                    "agent_id": agent,
                    "active": True,
                    "created_at": START,
                }
                for k, (login, role, agent) in enumerate(
                    [
                        ("lead", "lead", None),
                        ("ida", "inspector", None),
                        ("ivo", "inspector", "inspector-agent"),
                        ("ian", "inspector", None),
                        ("amy", "agent", "amy"),
                    ],
                    start=1,
                )
            ],
        )
        session.execute(
            insert(RubricVersion).values(
                rubric_id="default",
                version=1,
                state="published",
                content=default().to_dict(),
                content_hash=default().content_hash,
                created_at=START,
                published_at=START,
            )
        )


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)
