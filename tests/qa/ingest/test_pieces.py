"""A file read in many pieces gives what it gives in one: rows, numbers, agents, attributes, and the same hashes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from qa.archive import Archive
from qa.ingest import reading
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.files import nested, row, write_csv, write_jsonl
from tests.qa.ingest.test_formats import load

ROWS = [
    row(
        f"C{i % 7}",
        f"2026-03-01 10:{i // 60:02d}:{i % 60:02d}",
        "客服" if i % 3 else "客户",
        f'第{i}句，"好的"，\n请稍等😊',
        agent=f"小{'青红'[i % 5 == 0]}",
        order="26000" if i >= 70 and i % 7 == 3 else "",
    )
    for i in range(150)
]


def content(archive: Archive) -> tuple[pl.DataFrame, pl.DataFrame]:
    at = archive.at()
    chats = at.scan("conversations").sort("conversation_key").collect()
    return chats.drop("import_id", "source"), at.scan("messages").sort("conversation_key", "seq").collect().drop(
        "import_id"
    )


@pytest.mark.parametrize("piece", [64, 1500])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_pieces_do_not_show(
    bench: Workbench,
    lead: Actor,
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    piece: int,
    encoding: str,
) -> None:
    path = write_csv(tmp_path / "a.csv", ROWS, encoding)
    load(bench, lead, now, path, source="shop")
    whole = content(bench.archive)
    monkeypatch.setattr(reading, "PIECE", piece)
    again = load(bench, lead, now, path, source="shop")
    assert (again.counts.unchanged, again.counts.new, again.counts.changed) == (7, 0, 0)
    other = Workbench(bench.config, bench.db, Archive(str(tmp_path / "other")))
    assert load(other, lead, now, path, source="shop").counts.bad == 0
    parts = content(other.archive)
    assert parts[0].equals(whole[0])
    assert parts[1].equals(whole[1])
    messages, chats = parts[1], parts[0]
    assert sorted(messages["file_row"]) == list(range(1, 151))
    assert messages.sort("file_row")["text"].to_list() == [r["消息内容"] for r in ROWS]
    assert chats.filter(conversation_id="C3")["order_id"].item() == "26000"  # said only by later rows
    assert chats["order_id"].null_count() == 6
    spoken = (
        messages.filter(pl.col("agent_id").is_not_null())
        .group_by("conversation_key")
        .agg(pl.col("agent_id").unique(maintain_order=True))
    )
    assert dict(spoken.iter_rows()) == dict(chats.select("conversation_key", "agent_ids").iter_rows())
    most = (
        messages.drop_nulls("agent_id")
        .group_by("conversation_key", "agent_id")
        .agg(pl.len(), pl.col("seq").min())
        .sort(["len", "seq"], descending=[True, False])
    )
    assert dict(
        most.unique("conversation_key", keep="first", maintain_order=True)
        .select("conversation_key", "agent_id")
        .iter_rows()
    ) == dict(chats.select("conversation_key", "agent_id").iter_rows())


def test_a_wrong_row_of_a_later_piece_has_its_number(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 700)
    rows = [dict(r) for r in ROWS]
    rows[99]["发送方"] = "路人"
    rows[119]["消息内容"] = "XX坏XX"
    path = write_csv(tmp_path / "a.csv", rows, "gb18030")
    path.write_bytes(path.read_bytes().replace("XX坏XX".encode("gb18030"), b"XX\xff\xffXX"))
    found = load(bench, lead, now, path)
    assert [(p.row, p.code) for p in found.problems if p.severity == "bad"] == [
        (100, "unknown_role"),
        (120, "encoding"),
    ]


def test_nested_records_of_many_pieces(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 100)
    result = load(bench, lead, now, write_jsonl(tmp_path / "a.jsonl", nested(ROWS)))
    assert (result.counts.new, result.counts.messages, result.counts.bad) == (7, 150, 0)
    assert bench.archive.at().scan("messages").collect()["file_row"].unique().sort().to_list() == list(range(1, 8))


def test_untidy_cells_are_the_tidy_ones(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    rows = [
        {**r, "会话ID": f" {r['会话ID']}\u3000", "客服账号": f"{r['客服账号']} ", "订单号": f"\t{r['订单号']}"}
        for r in ROWS[75:]
    ]
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [*ROWS[:75], *rows]))
    mixed = content(bench.archive)
    other = Workbench(bench.config, bench.db, Archive(str(tmp_path / "other")))
    load(other, lead, now, write_csv(tmp_path / "b.csv", ROWS), source="shop")
    tidy = content(other.archive)
    assert mixed[0].equals(tidy[0])
    assert mixed[1].equals(tidy[1])
