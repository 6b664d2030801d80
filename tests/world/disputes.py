"""A shop with chats, disputes and people, small enough to know by heart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from qa.archive import empty
from qa.workbench import Workbench
from tests.world.redlines import T0, people

OPENED = T0 + timedelta(days=2)
Line = tuple[float, str, str | None, str]
"""Hours after T0, role, agent, text."""


def chat(key: str, lines: Sequence[Line], **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A conversation `shop:KEY` and its messages."""
    name, agents = f"shop:{key}", list(dict.fromkeys(who for _, _, who, _ in lines if who))
    times = [T0 + timedelta(hours=hours) for hours, _, _, _ in lines]
    head = {
        "conversation_key": name, "source": "shop", "conversation_id": key, "agent_id": agents[0] if agents else None,
        "agent_ids": agents, "customer_id": "tb1", "shop": "s", "channel": "wangwang", "started_at": times[0],
        "ended_at": times[-1], "message_count": len(lines), "content_hash": key, "import_id": 1, "file_row": 1,
    }  # fmt: skip
    said = [
        {"conversation_key": name, "seq": seq, "role": role, "agent_id": who, "sent_at": at, "kind": "text",
         "text": text, "import_id": 1, "file_row": 1}
        for seq, ((_, role, who, text), at) in enumerate(zip(lines, times, strict=True))
    ]  # fmt: skip
    return head | fields, said


def dispute(key: str, **fields: Any) -> dict[str, Any]:
    """A dispute `shop:KEY` of customer tb1, opened two days after T0."""
    return {
        "dispute_key": f"shop:{key}", "source": "shop", "dispute_id": key, "customer_id": "tb1", "shop": "s",
        "opened_at": OPENED, "import_id": 1, "file_row": 1,
    } | fields  # fmt: skip


def put(bench: Workbench, chats: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]], *disputes: dict[str, Any],
        promises: Sequence[dict[str, Any]] = (), at: datetime = T0) -> None:  # fmt: skip
    """Fill the archive."""

    def frame(table: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
        schema = {name: kind for name, kind in empty(table).schema.items() if any(name in row for row in rows)}
        return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)

    with bench.archive.change("import", at) as change:
        for table, rows in (
            ("conversations", [head for head, _ in chats]), ("messages", [m for _, said in chats for m in said]),
            ("disputes", list(disputes)), ("promises", list(promises)),
        ):  # fmt: skip
            if rows:
                change.append(table, frame(table, rows))


def shop(bench: Workbench) -> Workbench:
    """Two chats of one customer without an order, one of another's order, and five disputes.

    d1: joined to chat 1 by the customer, wrongly; d2: several can be meant; d3: by order 7, whose chats are 3 (a1, then
    a bot) and 4 (a2, before), 5 (a1, after it was opened); d4: no chat; d5: names chat 4 though its order is another.
    """
    people(bench)
    put(
        bench,
        [
            chat("1", [(1, "customer", None, "在吗"), (2, "agent", "a1", "您好")]),
            chat("2", [(3, "customer", None, "沙发<b>坏了"), (4, "agent", "a2", "给您换新")]),
            chat(
                "3",
                [(5, "customer", None, "退货"), (6, "agent", "a1", "好的"), (40, "bot", None, "机器人")],
                customer_id="tb7",
                order_id="7",
            ),
            chat(
                "4",
                [(8, "customer", None, "催一下"), (9, "agent", "a2", "24小时内退款")],
                customer_id="tb7",
                order_id="7",
            ),
            chat("5", [(60, "customer", None, "还没退"), (61, "agent", "a1", "抱歉")], customer_id="tb7", order_id="7"),
        ],
        dispute("d1", conversation_key="shop:1", joined_by="customer", agent_id="a1", order_id=None),
        dispute("d2", joined_by="several"),
        dispute("d3", conversation_key="shop:3", joined_by="order", order_id="7", customer_id="tb7", agent_id="a1"),
        dispute("d4", customer_id="tb9", agent_id="客服机器人"),
        dispute("d5", conversation_key="shop:4", joined_by="given", order_id="8", customer_id="tb7", agent_id="a2"),
        promises=[
            {
                "conversation_key": "shop:3",
                "seq": 1,
                "kind": "refund",
                "start": 0,
                "end": 2,
                "agent_id": "a1",
                "said_at": T0 + timedelta(hours=6),
            },
        ],
    )
    return bench
