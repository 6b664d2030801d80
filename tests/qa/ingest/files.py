"""Small files of every format and shape, written from one list of conversations."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

HEADERS = ("会话ID", "消息时间", "发送方", "客服账号", "买家昵称", "店铺", "订单号", "消息内容")


def row(
    conversation: str, at: str, who: str, text: str, agent: str = "小青", customer: str = "tb1001", order: str = ""
) -> dict[str, str]:
    return dict(zip(HEADERS, (conversation, at, who, agent, customer, "示例店", order, text), strict=True))


CHATS = [
    row("C1", "2026-03-01 10:00:00", "客户", "在吗？这款有货吗", order="2600000000000000001"),
    row("C1", "2026-03-01 10:00:20", "客服", "亲，有的，\n今天发货 😊", order="2600000000000000001"),
    row("C2", "2026-03-01 11:00:00", "客户", '𠮷野家"联名"款，多少钱', agent="小红", customer="tb1002"),
    row("C2", "2026-03-01 11:01:00", "客服", "=1+1 <script>alert(1)</script> **199**", agent="小红", customer="tb1002"),
]


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


def write_xlsx(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False, "default_date_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet()
    for line, cells in enumerate([list(rows[0]), *[list(r.values()) for r in rows]]):
        sheet.write_row(line, 0, cells)
    book.close()
    return path


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]], encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode(encoding))
    return path


def nested(rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The rows as the product's own nested shape."""
    found: dict[str, dict[str, Any]] = {}
    for r in rows:
        conversation = found.setdefault(
            r["会话ID"],
            {
                "conversation_id": r["会话ID"],
                "agent_id": r["客服账号"],
                "customer_id": r["买家昵称"],
                "shop": r["店铺"],
                "order_id": r["订单号"] or None,
                "messages": [],
            },
        )
        who = {"客户": "customer", "客服": "agent"}[r["发送方"]]
        conversation["messages"].append(
            {"seq": len(conversation["messages"]), "sender": who, "text": r["消息内容"], "ts": r["消息时间"]}
        )
    return list(found.values())
