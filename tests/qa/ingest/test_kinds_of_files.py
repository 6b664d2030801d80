"""Odd files of every container: read, or refused by row or at once; no traceback, no swallowed neighbour, no NUL
stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import xlsxwriter

from qa import ingest
from qa.errors import Invalid
from qa.ingest import moments, values
from qa.ingest.files import markup
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.test_formats import load
from tests.qa.ingest.test_layouts import bring, chats, messages

HEAD = "会话ID,客服账号,买家昵称,角色,内容,时间\n"
ROWS = ["c1,小叶,tb1,买家,{a},2026-03-01 10:00:00", "c1,小叶,tb1,客服,{b},2026-03-01 10:00:09"]


def two(a: str = "在吗", b: str = "在的", head: str = HEAD) -> str:
    return head + "\n".join(ROWS).format(a=a, b=b) + "\n"


GOOD = {
    "lone CR": (two().replace("\n", "\r").encode(), ["在吗", "在的"]),
    "CR in a cell": (two('"a\rb"').encode(), ["a\rb", "在的"]),
    "NUL": (two("在\0吗").encode(), ["在�吗", "在的"]),
    "title rows": (("聊天明细,,,,,\n#店铺：青禾\n" + two()).encode(), ["在吗", "在的"]),
    "sep line": (("sep=;\n" + two().replace(",", ";")).encode("utf-8-sig"), ["在吗", "在的"]),
    "Big5": (
        two("請問有貨嗎", "有的，謝謝您", "會話ID,客服,買家,角色,內容,時間\n")
        .replace("小叶", "小葉")
        .replace("买家", "買家")
        .encode("cp950"),
        ["請問有貨嗎", "有的，謝謝您"],
    ),
    "UTF-16 without mark": (two().encode("utf-16-le"), ["在吗", "在的"]),
    "quotation mark open": (two('"纯棉').encode(), ['"纯棉', "在的"]),
    "quotation mark inside": (two('17"的').encode(), ['17"的', "在的"]),
    "total below": ((two() + "合计,,,,2条,\n").encode(), ["在吗", "在的"]),
    "HTML": (two("<p>能<b>便</b>宜吗</p>", "A&amp;B<br/>好").encode(), ["能便宜吗", "A&B\n好"]),
    "lone tags": (two("<script>x</script>", "a < b").encode(), ["<script>x</script>", "a < b"]),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_csv_comes_in(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, case: str) -> None:
    content, texts = GOOD[case]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert bring(bench, lead, now, path).counts.bad == 0
    seen = messages(bench)
    assert (seen["text"].to_list(), seen["role"].to_list()) == (texts, ["customer", "agent"])


def test_an_open_quotation_mark_swallows_no_neighbour(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        HEAD + 'c1,甲,t1,客服,"纯棉的,2026-03-01 10:00:00\nc2,乙,t2,客服,滚,2026-03-01 '
        '10:00:00\nc3,丙,t3,客服,好",2026-03-01 10:00:00\n',
        "utf-8",
    )
    bring(bench, lead, now, path)
    assert messages(bench)["text"].to_list() == ['"纯棉的', "滚", '好"']


def test_halves_of_characters_become_the_replacement(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    line = (
        '{"conversation_id":"c1","agent_id":"x","sender":"customer","text":"谢谢\\ud83d\\u0000",'
        '"ts":"2026-03-01 10:00:00"}\n'
    )
    for name in ("a.jsonl", "a.json"):
        path = tmp_path / name
        path.write_text(line if name == "a.jsonl" else f"[{line}]", "utf-8")
        result = bring(bench, lead, now, path)
        assert [p.code for p in result.problems if p.code != "unknown_agent"] == ["odd_character"]
    assert messages(bench)["text"].to_list() == ["谢谢��"]


REFUSED = {
    "deep": ('{"a":' * 100_000 + "1" + "}" * 100_000, "a.json", "too deeply"),
    "wide": (",".join(f"c{n}" for n in range(100_000)) + "\n1\n", "a.csv", "more than"),
    "wide json": (json.dumps([{f"k{n}": 1 for n in range(100_000)}]), "a.json", "more than"),
    "entities": ('<!DOCTYPE l [<!ENTITY a "b">]><l><line>&a;</line></l>', "a.xml", "entities"),
    "no chat": ("hello\nthis is none\n", "a.txt", "header"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused(tmp_path: Path, case: str) -> None:
    content, name, says = REFUSED[case]
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(Invalid, match=says):
        ingest.detect(tmp_path / name)


def test_a_workbook_gives_all_sheets_with_one_header(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        cover, march, april, hidden = (book.add_worksheet(name) for name in ("说明", "3月", "4月", "旧"))
        cover.write(0, 0, "请勿外传")
        for sheet, chat in ((march, "c1"), (april, "c2"), (hidden, "c3")):
            sheet.write_row(0, 0, HEAD.strip().split(","))
            sheet.merge_range(1, 0, 2, 0, chat)
            sheet.write_row(1, 1, ["小叶", "tb1", "买家", "在吗", "2026-03-01 10:00:00"])
            sheet.write_row(2, 1, ["小叶", "tb1", "客服", "在的", "2026-03-01 10:00:09"])
        march.activate()
        hidden.hide()
    result = bring(bench, lead, now, path)
    assert result.counts.bad == 0
    assert chats(bench)["conversation_id"].to_list() == ["c1", "c2"]
    assert any(p.code == "sheet_left_out" and p.value.startswith("旧") for p in result.problems)


def test_numbers_that_a_spreadsheet_rounded_are_refused(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEAD.strip().split(","))
        for row, number in enumerate((3712345678901234567, 3712345678901234999), 1):
            sheet.write_row(row, 0, [number, "小叶", "tb1", "客服", "好", "2026-03-01 10:00:00"])
    result = bring(bench, lead, now, path)
    assert {p.code for p in result.problems if p.severity == "bad"} == {"rounded_key"}
    assert bench.archive.at().count("messages") == 0


MOMENTS = {
    "2024年3月5日 下午3:05": (2024, 3, 5, 15, 5),
    "24/3/5 10:00": (2024, 3, 5, 10, 0),
    "13/3/2024 9:05 pm": (2024, 3, 13, 21, 5),
    "Mar 5, 2024, 12:00:01 AM": (2024, 3, 5, 0, 0),
    "10:00, 05/13/2024": (2024, 5, 13, 10, 0),
    '="2024-03-05 10:00"': (2024, 3, 5, 10, 0),
    "20240305T100000": (2024, 3, 5, 10, 0),
    "2024-03-05 1000": (2024, 3, 5, 10, 0),
    "\u200e2024-03-05 10:00\u2069": (2024, 3, 5, 10, 0),
}
ZONED = (
    "2024-03-05 02:00:00 UTC",
    "2024-03-05 10:00:00+08",
    "2024-03-05 10:00 GMT+8",
    "Tue Mar 05 2024 10:00:00 GMT+0800 (CST)",
)


def test_moments_in_words() -> None:
    for cell, (year, month, day, hour, minute) in MOMENTS.items():
        order = moments.orders(pl.Series([cell]))
        found, why = moments.read(cell, order[0] if len(order) == 1 else "")
        assert found is not None, cell
        assert (found.year, found.month, found.day, found.hour, found.minute) == (year, month, day, hour, minute)
        assert not why
    for cell in ZONED:
        assert moments.read(cell, "")[0] == datetime(2024, 3, 5, 2, tzinfo=UTC), cell
    assert moments.read("20240305T020000Z", "")[0] == datetime(2024, 3, 5, 2, tzinfo=UTC)
    assert moments.read("03/04/2024 10:00", "") == (None, "ambiguous_date")
    assert moments.read("13/04/2024 10:00", "") == (None, "other_order")  # another row may say 04/13
    assert moments.read("13/04/2024 10:00", "mdy") == (None, "other_order")
    assert moments.read("2024-03-05 10:00 EST", "") == (None, "")
    assert moments.read("2024-03-05 03:00 CET", "")[0] == datetime(2024, 3, 5, 2, tzinfo=UTC)
    assert all(
        moments.is_none(cell) for cell in ("0001-01-01 00:00:00", "0", "-", "null", "1970-01-01 08:00:00", "9999-12-31")
    )


def test_hours_that_a_clock_change_repeats_follow_the_file() -> None:
    cells = pl.Series("t", ["2024-11-03 01:50:00", "2024-11-03 01:05:00", "2024-11-03 01:55:00"])
    found = values.parse_times(cells, ("%Y-%m-%d %H:%M:%S",), ZoneInfo("America/New_York"))
    assert found.dt.strftime("%H:%M").to_list() == ["05:50", "06:05", "06:55"]


def test_the_whole_file_settles_the_order_of_dates(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    early = [f"c{n},小叶,tb1,买家,好,01/02/2026 10:00" for n in range(20_000)]
    path.write_text(HEAD + "\n".join([*early, "z,小叶,tb1,买家,好,01/25/2026 10:00"]) + "\n", "utf-8")
    assert ingest.detect(path).mapping.date_order == "mdy"


def test_a_mapping_file_comes_back_as_it_was(tmp_path: Path) -> None:
    mapping = ingest.Mapping(
        columns={"text": "内 容", "role": "a.b"},
        values={"role": {"0": "agent", "是": "bot"}},
        people={'小"叶': "agent"},
        formats={"sent_at": ("%d.%m.%Y",)},
        html=True,
        reading=ingest.ReadOptions(header_row=3, sheets=("一", "二")),
    )
    path = tmp_path / "shop.toml"
    ingest.write_profile(path, ingest.Profile("shop", "conversations", mapping))
    assert ingest.read_profile(path) == ingest.Profile("shop", "conversations", mapping)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("kind", list(ingest.KINDS))
def test_a_template_is_recognised_as_its_kind(tmp_path: Path, kind: str, language: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(ingest.template(kind, language))
    found = ingest.detect(path, kind=kind)
    found.mapping.check(kind, found.headers)


def test_escaped_markup_hides_nothing() -> None:
    assert markup.plain("加我&lt;b&gt;微&lt;/b&gt;信") == "加我微信"
    assert markup.plain("<b>") == "<b>"


def test_names_that_begin_with_a_role_say_who_spoke(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    head = "会话ID,消息时间,发送人,消息内容\n"
    said = ("买家-tb1,在吗", "客服-小美,在的", "客服小强,我来", "买家：tb1,好", "系统,会话结束", "客服的噩梦,？")
    path = tmp_path / "named.csv"
    path.write_text(head + "".join(f"c1,2026-03-01 10:00:0{n},{one}\n" for n, one in enumerate(said)), "utf-8")
    load(bench, lead, now, path)
    roles = bench.archive.at().scan("messages").sort("seq").collect()["role"].to_list()
    assert roles[:5] == ["customer", "agent", "agent", "customer", "system"]
    assert "agent" not in roles[5:]


def test_the_id_around_a_list_of_messages_names_the_conversation(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    said = [
        {"id": n, "sender": who, "text": text, "created_at": f"2026-03-01T02:0{n}:00Z"}
        for n, (who, text) in enumerate((("customer", "where?"), ("agent", "soon")))
    ]
    path = tmp_path / "nested.json"
    path.write_text(json.dumps({"data": [{"id": 9, "agent": "Rui", "messages": said}]}), "utf-8")
    load(bench, lead, now, path)
    chats = bench.archive.at().scan("conversations").collect()
    assert chats["conversation_id"].to_list() == ["9"]
    assert chats["message_count"].to_list() == [2]
