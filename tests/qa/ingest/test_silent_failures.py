"""What once came in wrongly without a word: every input here is read right, or refused with its reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from qa import ingest
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.test_layouts import bring, chats, messages

HEAD = "会话ID,客服账号,买家昵称,角色,内容,时间\n"
ASK, ANSWER = "1,小叶,tb1,买家,在吗,2026-03-01 10:00:01\n", "1,小叶,tb1,客服,在的,2026-03-01 10:01:01\n"
CHAT = HEAD + ASK + ANSWER
AT = 1772330401


@dataclass(frozen=True)
class Input:
    """A file, options of the command line, and what must come of it: (role, text, minutes and seconds of the hour in
    Shanghai) of every message, agents and customers of the chats, and codes of the problems that are told."""

    name: str
    content: str | bytes
    said: Sequence[tuple[str, str, str]]
    agents: Sequence[str | None] = ("小叶",)
    customers: Sequence[str | None] = ("tb1",)
    options: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


USUAL = (("customer", "在吗", "10:00:01"), ("agent", "在的", "10:01:01"))


def records(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def chat(**more: Any) -> dict[str, Any]:
    both = [
        {"sender": "customer", "text": "在吗", "ts": "2026-03-01 10:00:01"},
        {"sender": "agent", "text": "在的", "ts": "2026-03-01 10:01:01"},
    ]
    return {"agent_id": "小叶", "customer_id": "tb1", "messages": both, **more}


INPUTS = (
    Input("two-returns.csv", CHAT.replace("\n", "\r\r\n"), USUAL),
    Input("long-cell.csv", CHAT.replace("在吗", "长" * 400_000), (("customer", "长" * 400_000, "10:00:01"), USUAL[1])),
    Input(
        "float-ids.jsonl",
        records(chat(conversation_id=1), chat(conversation_id=1)).replace('_id": 1}', '_id": 3.712345678901234e18}'),
        (),
        (),
        (),
        told=("rounded_key",),
    ),
    Input("no-plus.csv", CHAT.replace("\n1,", "\n3.712345678e18,"), (), (), (), told=("rounded_key",)),
    Input(
        "rounded-time.csv",
        CHAT.replace("2026-03-01 10:00:01", "1.77233E+12").replace("2026-03-01 10:01:01", "1.77233E+12"),
        (),
        (),
        (),
        told=("bad_time",),
    ),
    Input("glued.txt", "tb1 2026-03-01 10:00:01\n在吗\n店:小叶2026-03-01 10:01:01\n在的\n", USUAL, ("店:小叶",)),
    Input(
        "sections.txt",
        "消息对象:tb1\n=====\ntb1(2026-03-01 10:00:01):\n在吗\n店:小叶(2026-03-01 10:01:01):\n在的\n"
        "消息对象:tb2\n=====\ntb2(2026-03-01 10:02:01):\n你好\n店:小叶(2026-03-01 10:03:01):\n您好\n",
        (*USUAL, ("customer", "你好", "10:02:01"), ("agent", "您好", "10:03:01")),
        ("店:小叶", "店:小叶"),
        ("tb1", "tb2"),
    ),
    Input(
        "two.txt",
        "tb1 2026-03-01 10:00:01\n在吗\n店:小叶 2026-03-01 10:01:01\n在的\n"
        "tb2 2026-03-01 10:02:01\n你好\n店:小叶 2026-03-01 10:03:01\n您好\n",
        (*USUAL, ("customer", "你好", "10:02:01"), ("agent", "您好", "10:03:01")),
        ("店:小叶", "店:小叶"),
        ("tb1", "tb2"),
        ("--who", "tb1=customer", "--who", "tb2=customer"),
    ),
    Input(
        "moment in a text.txt",
        "消息对象:tb1\ntb1(2026-03-01 10:00:01):\n我昨天(2026-02-28 09:00:00)下单\n店:小叶(2026-03-01 "
        "10:01:01):\n在的\n",
        (("customer", "我昨天(2026-02-28 09:00:00)下单", "10:00:01"), USUAL[1]),
        ("店:小叶",),
    ),
    Input(
        "bot as agent.csv",
        HEAD + ASK + "1,机器人,tb1,客服,您好,2026-03-01 10:00:02\n" + ANSWER,
        (USUAL[0], ("bot", "您好", "10:00:02"), USUAL[1]),
    ),
    Input(
        "bot by name.csv",
        "会话ID,客服账号,买家昵称,发送方,发送人,内容,时间\n1,小叶,tb1,客服,店:服务助手,您好,2026-03-01 10:00:02\n"
        "1,小叶,tb1,客服,小叶,在的,2026-03-01 10:01:01\n",
        (("bot", "您好", "10:00:02"), USUAL[1]),
    ),
    Input(
        "chatwoot bot.jsonl",
        records(
            {
                "conversation_id": 7,
                "message_type": 1,
                "content": "在的",
                "created_at": AT + 60,
                "private": False,
                "sender": {"name": "Rui", "type": "user"},
                "id": 1,
            },
            {
                "conversation_id": 7,
                "message_type": 1,
                "content": "您好",
                "created_at": AT + 61,
                "private": False,
                "sender": {"name": "Botty", "type": "agent_bot"},
                "id": 2,
            },
        ),
        (USUAL[1], ("bot", "您好", "10:01:02")),
        ("Rui",),
        (None,),
    ),
    Input(
        "user is the agent.csv",
        "conversation_id,sender_type,sender_name,content,created_at\n1,Contact,Ana,在吗,2026-03-01 10:00:01\n"
        "1,User,Rui,在的,2026-03-01 10:01:01\n",
        USUAL,
        ("Rui",),
        ("Ana",),
    ),
    Input(
        "zone in the header.csv",
        "session_id,agent,customer,sender,text,created_at (UTC)\n1,小叶,tb1,customer,在吗,2026-03-01 02:00:01\n"
        "1,小叶,tb1,agent,在的,2026-03-01 02:01:01\n",
        USUAL,
    ),
    Input(
        "zone in a column.csv",
        CHAT.replace("时间", "时间,时区").replace(":01\n", ":01,GMT+9\n").replace(" 10:", " 11:"),
        USUAL,
    ),
    Input("mixed line ends.csv", CHAT.replace("\n", "\r", 2).encode(), USUAL),
    Input(
        "by id.json",
        json.dumps({"c1": chat(), "c2": chat(customer_id="tb2")}),
        (*USUAL, *USUAL),
        ("小叶",) * 2,
        ("tb1", "tb2"),
    ),
    Input(
        "messages by id.json",
        json.dumps(
            [{**chat(), "conversation_id": "c1", "messages": {f"m{n}": m for n, m in enumerate(chat()["messages"])}}]
        ),
        USUAL,
    ),
    Input("array of lines.txt", "[\n" + ",\n".join(records(chat(conversation_id="c1")).splitlines()) + "\n]", USUAL),
    Input("several documents.json", json.dumps(chat(conversation_id="c1"), indent=1) + "\n", USUAL),
    Input(
        "of a database.jsonl",
        records(
            {
                "sessionId": {"$numberLong": "5"},
                "agent": "小叶",
                "customer": "tb1",
                "sender": "customer",
                "text": "在吗",
                "createdAt": {"$date": "2026-03-01T02:00:01Z"},
            },
        ),
        USUAL[:1],
    ),
    Input(
        "role words in a cell.csv",
        '会话ID,客服,买家,聊天记录\n1,小叶,tb1,"[2026-03-01 10:00:01] 客户: 在吗\n[2026-03-01 10:01:01] 客服: 在的"\n',
        USUAL,
    ),
    Input("header again.csv", HEAD + ASK + HEAD + ANSWER, USUAL, told=("header_again",)),
    Input(
        "escaped.csv", HEAD + ASK.replace("在吗", '"他说\\"好\\", 对吧"'), (("customer", '他说"好", 对吧', "10:00:01"),)
    ),
    Input(
        "spaces.csv",
        CHAT.replace(",", ", ").replace("在吗", '"在吗, 亲"'),
        (("customer", "在吗, 亲", "10:00:01"), ("agent", " 在的", "10:01:01")),
    ),
    Input("big endian.csv", CHAT.encode("utf-16-be"), USUAL),
    Input(
        "recalled.csv",
        HEAD + ASK + ANSWER.replace("在的", "[该消息已撤回]"),
        (USUAL[0], ("system", "[该消息已撤回]", "10:01:01")),
    ),
    Input(
        "link.csv",
        HEAD
        + ANSWER.replace("在的", '<a href=""https://x.example"">点这</a>').replace("<a", '"<a').replace("a>", 'a>"'),
        (("agent", "点这 https://x.example", "10:01:01"),),
    ),
    Input(
        "spanned.xls",
        "<table><tr>" + "".join(f"<th>{h}</th>" for h in HEAD.strip().split(",")) + "</tr>"
        "<tr><td rowspan=2>1</td><td rowspan=2>小叶</td><td rowspan=2>tb1</td><td>买家</td><td>在吗</td><td>2026-03-01 "
        "10:00:01</td></tr>"
        "<tr><td>客服</td><td>在的</td><td>2026-03-01 10:01:01</td></tr></table>",
        USUAL,
    ),
    Input("empty.csv", HEAD, (), (), (), told=("no_rows",)),
    Input(
        "left of a formula.csv",
        HEAD + ASK.replace("在吗", "#NAME?"),
        (("customer", "#NAME?", "10:00:01"),),
        told=("lost_text",),
    ),
    Input(
        "asked in vain.csv",
        "时间,发送者,接收者,消息内容\n2026-03-01 10:00:01,tb1,店:小叶,在吗\n",
        USUAL[:1],
        ("店:小叶",),
    ),
    Input(
        "clock times.csv",
        HEAD.replace("时间", "日期,时间")
        + "1,小叶,tb1,买家,在吗,20260301,100001\n1,小叶,tb1,客服,在的,20260301,10:01:01\n",
        USUAL,
    ),
    Input(
        "unseen.csv",
        HEAD
        + ASK.replace("1,小叶", "1\u200b,小叶\ufeff")
        + ANSWER.replace("1,小叶,tb1", "1\u00a0,小叶,\u2060tb1\u200e"),
        USUAL,
    ),
    Input("no agent.csv", HEAD + ASK.replace("小叶", "-") + ANSWER.replace("小叶", "NULL"), USUAL, (None,)),
    Input("order in words.csv", CHAT.replace("会话ID", "订单号,会话ID").replace("\n1,", "\n无,1,"), USUAL),
    Input(
        "compact.csv",
        CHAT.replace("2026-03-01 10:00:01", "20260301T100001").replace("2026-03-01 10:01:01", "20260301T100101"),
        USUAL,
    ),
    Input("padded.csv", CHAT.encode() + b"\0" * 5000, USUAL),
    Input("padded.jsonl", records(chat(conversation_id="c1")).encode() + b"\0" * 5000, USUAL),
    Input(
        "padded.txt",
        "tb1(2026-03-01 10:00:01):\n在吗\n店:小叶(2026-03-01 10:01:01):\n在的\n".encode("utf-16-le") + b"\0" * 600,
        USUAL,
        ("店:小叶",),
    ),
    Input(
        "spaced.csv",
        CHAT.replace(",买家,在吗", ', "买家", "在吗, ""亲"""').replace("tb1", '"tb1"').replace(",客服", ', "客服"'),
        (("customer", '在吗, "亲"', "10:00:01"), USUAL[1]),
    ),
    Input(
        "put together.csv",
        CHAT.encode() + "2,小强,tb2,买家,货还没到呢,2026-03-01 10:02:01\n".encode("gb18030"),
        (*USUAL, ("customer", "货还没到呢", "10:02:01")),
        ("小叶", "小强"),
        ("tb1", "tb2"),
        told=("other_encoding",),
    ),
    Input(
        "put together the other way.csv",
        (CHAT + ASK * 9).encode("gb18030") + "2,小强,tb2,买家,货还没到呢,2026-03-01 10:02:01\n".encode(),
        (*(USUAL[:1] * 10), USUAL[1], ("customer", "货还没到呢", "10:02:01")),
        ("小叶", "小强"),
        ("tb1", "tb2"),
        told=("other_encoding",),
    ),
    Input(
        "two orders.csv",
        HEAD + ASK.replace("2026-03-01", "13/03/2026") + ANSWER.replace("2026-03-01", "03/14/2026"),
        (),
        (),
        (),
        told=("other_order",),
    ),
    Input("midnight.csv", HEAD + ASK.replace("10:00:01", "24:00:00"), (("customer", "在吗", "00:00:00"),)),
)


@pytest.mark.parametrize("given", INPUTS, ids=lambda given: given.name)
def test_nothing_fails_without_a_word(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, given: Input
) -> None:
    path = tmp_path / given.name
    path.write_bytes(given.content if isinstance(given.content, bytes) else given.content.encode())
    result = bring(bench, lead, now, path, *given.options)
    seen = messages(bench).sort("sent_at", "conversation_key")
    at = seen["sent_at"].dt.convert_time_zone("Asia/Shanghai").dt.strftime("%H:%M:%S")
    assert sorted(zip(seen["role"], seen["text"], at, strict=True), key=lambda m: m[2]) == sorted(
        given.said, key=lambda m: m[2]
    )
    found = chats(bench).sort("started_at", "customer_id")
    assert (found["agent_id"].to_list(), found["customer_id"].to_list()) == ([*given.agents], [*given.customers])
    codes = {p.code for p in result.problems} - {"unknown_agent", "no_agent", "assumed_agent"}
    assert codes == set(given.told)
    assert (result.counts.bad > 0) == (not given.said and "no_rows" not in given.told)


def test_rows_are_counted_in_rows_also_in_nested_files(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    two = [{**message, "sender": "质检员"} for message in chat()["messages"]]
    (tmp_path / "a.json").write_text(json.dumps([chat(conversation_id="c1", messages=[*chat()["messages"], *two])]))
    result = bring(bench, lead, now, tmp_path / "a.json")
    assert (result.counts.rows, result.counts.bad, result.counts.incomplete) == (4, 2, 1)


def test_sheets_with_the_same_columns_in_another_order_are_one_table(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    head, row = HEAD.strip().split(","), ASK.strip().split(",")
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        for name, order in (("三月", [0, 1, 2, 3, 4, 5]), ("四月", [5, 0, 2, 1, 4, 3])):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, [head[n] for n in order])
            sheet.write_row(1, 0, [(name + row[0] if n == 0 else row[n]) for n in order])
    assert bring(bench, lead, now, tmp_path / "a.xlsx").counts.bad == 0
    assert chats(bench)["conversation_id"].to_list() == ["三月1", "四月1"]


def test_ids_that_a_program_kept_as_floating_point_are_refused(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    ids = ("3712345678901234600", "3712345678901235200", "3712345678901236700")
    (tmp_path / "a.csv").write_text(HEAD + "".join(ASK.replace("1", id_, 1) for id_ in ids))
    result = bring(bench, lead, now, tmp_path / "a.csv")
    assert {p.code for p in result.problems if p.severity == "bad"} == {"rounded_key"}
    assert bench.archive.at().count("messages") == 0


def test_ratings_are_told_apart_by_columns_that_fill_no_field(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(
        "客服账号,评分,评价时间,商品\n小叶,1,2026-03-01 10:00,帽子\n小叶,1,2026-03-01 10:00,鞋子\n"
    )
    assert bring(bench, lead, now, tmp_path / "a.csv").counts.new == 2
    again = bring(bench, lead, now, tmp_path / "a.csv", "--map", "comment=商品")
    assert (again.counts.new, again.counts.changed) == (0, 2)
    rows = bench.archive.at().scan("ratings").collect()
    assert sorted(rows["comment"]) == ["帽子", "鞋子"]
    assert not rows.filter(pl.col("rating_id").str.contains("小叶")).height


NOTHING = ("null", "\\N", "None", "NaN", "-", "--", "undefined", "(null)", "#N/A", "无", "N/A")


@pytest.mark.parametrize("word", NOTHING)
def test_a_word_for_nothing_is_no_id(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, word: str) -> None:
    (tmp_path / "a.csv").write_text(CHAT + ASK.replace("1,", f"{word},", 1) + ANSWER.replace("1,", f"{word},", 1))
    result = bring(bench, lead, now, tmp_path / "a.csv")
    assert [(p.code, p.row) for p in result.problems if p.severity == "bad"] == [("missing", 3), ("missing", 4)]
    assert chats(bench)["conversation_id"].to_list() == ["1"]


def test_messages_that_all_have_no_id_are_not_one(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CHAT.replace("会话ID", "消息ID,会话ID").replace("\n1,", "\nnull,1,"))
    assert bring(bench, lead, now, tmp_path / "a.csv").counts.bad == 0
    assert messages(bench)["text"].to_list() == ["在吗", "在的"]


def test_a_customer_may_be_called_nothing(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CHAT.replace("tb1", "无"))
    bring(bench, lead, now, tmp_path / "a.csv")
    assert chats(bench)["customer_id"].to_list() == ["无"]


def test_dates_that_prove_two_orders_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    early = [f"c{n},小叶,tb1,买家,好,13/02/2026 10:00" for n in range(2_500)]
    path.write_text(HEAD + "\n".join([*early, "z,小叶,tb1,买家,好,02/13/2026 10:00"]) + "\n", "utf-8")
    found = ingest.detect(path)
    assert (found.mapping.date_order, found.open_dates) == ("", "13/02/2026 10:00")


@pytest.mark.parametrize("other", ["１.0", "1.0", "１"])
def test_ids_that_differ_in_writing_alone_are_told(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, other: str
) -> None:
    (tmp_path / "a.csv").write_text(HEAD + ASK + ANSWER.replace("1,", f"{other},", 1))
    result = bring(bench, lead, now, tmp_path / "a.csv")
    assert [p.value for p in result.problems if p.code == "alike_ids"] == [f"1 / {other}"]
