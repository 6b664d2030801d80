"""The same chats arrive the same from every format, shape and encoding; presets are recognised; a round trip is
exact."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from qa import ingest
from qa.archive import TABLES
from qa.ingest import reading
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, nested, row, write_csv, write_jsonl, write_xlsx

MAKERS = {
    "csv utf-8": lambda p: write_csv(p / "a.csv", CHATS),
    "csv utf-8 bom": lambda p: write_csv(p / "a.csv", CHATS, "utf-8-sig"),
    "csv gb18030": lambda p: write_csv(p / "a.csv", CHATS, "gb18030"),
    "csv utf-16": lambda p: write_csv(p / "a.csv", CHATS, "utf-16"),
    "tab gb18030": lambda p: write_csv(p / "a.txt", CHATS, "gb18030", "\t"),
    "xlsx": lambda p: write_xlsx(p / "a.xlsx", CHATS),
    "jsonl rows": lambda p: write_jsonl(p / "a.jsonl", CHATS),
    "jsonl nested": lambda p: write_jsonl(p / "a.jsonl", nested(CHATS)),
    "jsonl nested gb18030": lambda p: write_jsonl(p / "a.jsonl", nested(CHATS), "gb18030"),
    "json document": lambda p: _json(p / "a.json"),
}


def _json(path: Path) -> Path:
    path.write_text(json.dumps({"conversations": nested(CHATS)}, ensure_ascii=False), "utf-8")
    return path


def load(
    bench: Workbench, actor: Actor, now: datetime, path: Path, source: str = "shop", **rest: str
) -> ingest.ImportResult:
    d = ingest.detect(path, **rest)
    return ingest.commit(bench, actor, now=now, path=path, mapping=d.mapping, kind=d.kind, source=source)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_every_format_gives_the_same_chats(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    result = load(bench, lead, now, make(tmp_path))
    assert (result.counts.new, result.counts.bad, result.counts.messages) == (2, 0, 4)
    messages = bench.archive.at().scan("messages").sort("conversation_key", "seq").collect()
    assert messages["text"].to_list() == [r["消息内容"] for r in CHATS]
    assert messages["role"].to_list() == ["customer", "agent", "customer", "agent"]
    assert messages["agent_id"].to_list() == [None, "小青", None, "小红"]
    assert messages["sent_at"][0] == datetime(2026, 3, 1, 2, 0, tzinfo=UTC)  # naive times are business time
    chats = bench.archive.at().scan("conversations").sort("conversation_key").collect()
    assert chats["conversation_key"].to_list() == ["shop:C1", "shop:C2"]
    assert chats["agent_id"].to_list() == ["小青", "小红"]
    assert chats["order_id"].to_list() == ["2600000000000000001", None]
    assert chats["message_count"].to_list() == [2, 2]
    assert chats["started_at"][1] == datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def test_twice_adds_nothing_and_formats_agree_on_that(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, MAKERS["csv gb18030"](tmp_path))
    first = bench.archive.at()
    others = 0
    for name, make in MAKERS.items():
        others += name != "csv gb18030"
        again = load(bench, lead, now, make(tmp_path))
        assert (again.counts.new, again.counts.changed, again.counts.unchanged) == (0, 0, 2)
        assert (again.changes, again.counts.messages) == ((), 0)
        seen = bench.archive.at()
        for table in TABLES:
            if table != "conversation_origins":
                assert_frame_equal(seen.scan(table).collect(), first.scan(table).collect())
        # who else said so is kept, or taking back the first import would take what the others brought as well: one row
        # a conversation and file, no messages; the very same file again adds nothing at all
        said = seen.scan("conversation_origins").group_by("conversation_key", "import_id").len().collect()
        assert said["len"].to_list() == [1] * (2 * (others + 1) if others else 0)


def test_changed_content_replaces(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", CHATS))
    more = [*CHATS, row("C1", "2026-03-01 10:05:00", "客户", "谢谢", order="2600000000000000001")]
    result = load(bench, lead, now, write_csv(tmp_path / "b.csv", more))
    assert (result.counts.new, result.counts.changed, result.counts.unchanged) == (0, 1, 1)
    seen = bench.archive.at().scan("messages").filter(conversation_key="shop:C1").sort("seq").collect()
    assert seen["text"].to_list()[-1] == "谢谢"
    assert seen.height == 3
    assert bench.archive.at(1).count("messages") == 4


def test_preview_writes_nothing_and_counts_like_commit(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", CHATS)
    d = ingest.detect(path)
    seen = ingest.preview(bench, lead, path, d.mapping, d.kind, "shop")
    assert bench.archive.version() == 0
    assert ingest.history(bench, lead) == ()
    done = load(bench, lead, now, path)
    assert (seen.counts.new, seen.counts.warnings, seen.counts.messages) == (
        done.counts.new,
        done.counts.warnings,
        done.counts.messages,
    )


def test_interleaved_and_backward_files_are_put_in_order(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 700)  # several pieces, conversations spread over them
    rows = [row(f"C{i % 7}", f"2026-03-01 10:{i:02d}:00", "客户" if i % 2 else "客服", f"第{i}句") for i in range(60)]
    load(bench, lead, now, write_csv(tmp_path / "a.csv", rows[::-1], "gb18030"))
    seen = bench.archive.at().scan("messages").sort("conversation_key", "seq").collect()
    assert seen.height == 60
    for _key, part in seen.group_by("conversation_key"):
        assert part["seq"].to_list() == list(range(part.height))
        assert part["sent_at"].is_sorted()
    forward = load(bench, lead, now, write_csv(tmp_path / "b.csv", rows))
    assert forward.counts.unchanged == 7  # the same conversations, whatever the order of the rows


PRESET_FILES = {
    "qiyu-messages": [
        {"sessionId": "9", "from": "1", "content": "你好", "time": "1772330400000", "staffId": "s1", "userId": "u1"},
        {"sessionId": "9", "from": "0", "content": "您好", "time": "1772330405000", "staffId": "s1", "userId": "u1"},
    ],
    "jd-chatlog-rows": [
        {
            "sessionId": "9",
            "isFromWaiter": "false",
            "content": "你好",
            "timestamp": "1772330400",
            "waiterName": "s1",
            "userId": "u1",
        },
        {
            "sessionId": "9",
            "isFromWaiter": "true",
            "content": "您好",
            "timestamp": "1772330405",
            "waiterName": "s1",
            "userId": "u1",
        },
    ],
    "taobao-chatlog-rows": [
        {"from_id": "s1", "to_id": "u1", "direction": "1", "time": "2026-03-01 10:00:00", "content": "你好"},
        {"from_id": "s1", "to_id": "u1", "direction": "0", "time": "2026-03-01 10:00:05", "content": "您好"},
    ],
    "jd-chatlog": [
        {
            "sessionId": "9",
            "waiterName": "s1",
            "userId": "u1",
            "chatMessages": [
                {"isFromWaiter": False, "content": "你好", "timestamp": 1772330400},
                {"isFromWaiter": True, "content": "您好", "timestamp": 1772330405},
            ],
        }
    ],
    "taobao-chatlog": [
        {
            "from_id": "s1",
            "to_id": "u1",
            "msgs": [
                {"direction": 1, "time": "2026-03-01 10:00:00", "content": "你好"},
                {"direction": 0, "time": "2026-03-01 10:00:05", "content": "您好"},
            ],
        }
    ],
    "klaus": [
        {
            "id": "9",
            "assigneeEmail": "s1",
            "customerEmail": "u1",
            "created": "2026-03-01T02:00:00Z",
            "satisfactionScore": 100,
            "comments": [
                {
                    "id": "1",
                    "authorIsNotClient": False,
                    "comment": "你好",
                    "created": "2026-03-01T02:00:00Z",
                    "authorEmail": "u1",
                },
                {
                    "id": "2",
                    "authorIsNotClient": True,
                    "comment": "您好",
                    "created": "2026-03-01T02:00:05Z",
                    "authorEmail": "s1",
                },
            ],
        }
    ],
}


@pytest.mark.parametrize("preset", PRESET_FILES)
def test_presets(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, preset: str) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", PRESET_FILES[preset])
    assert ingest.detect(path).preset == preset
    assert load(bench, lead, now, path).counts.bad == 0
    seen = bench.archive.at().scan("messages").sort("seq").collect()
    assert seen["role"].to_list() == ["customer", "agent"]
    assert seen["agent_id"].to_list() == [None, "s1"]
    assert seen["sent_at"].to_list() == [
        datetime(2026, 3, 1, 2, 0, tzinfo=UTC),
        datetime(2026, 3, 1, 2, 0, 5, tzinfo=UTC),
    ]
    chat = bench.archive.at().scan("conversations").collect().row(0, named=True)
    assert (chat["customer_id"], chat["agent_ids"], chat["satisfaction"]) == (
        "u1",
        ["s1"],
        5 if preset == "klaus" else None,
    )


TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r�"), min_size=1, max_size=60
).filter(lambda t: t.strip() != "")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(TEXT, min_size=1, max_size=12),
    encoding=st.sampled_from(["utf-8", "gb18030", "utf-8-sig"]),
    shape=st.sampled_from(["csv", "jsonl", "nested"]),
)
@example(texts=["\x1f\x1f\x1f\x1f\x1b"], encoding="utf-8", shape="csv")
def test_text_comes_back_exactly(tmp_path: Path, texts: list[str], encoding: str, shape: str) -> None:
    from qa.ingest import chats
    from qa.ingest.problems import ProblemLog

    rows = [row("C1", "2026-03-01 10:00:00", "客户", text) for text in texts]
    path = tmp_path / f"x.{'csv' if shape == 'csv' else 'jsonl'}"
    if shape == "csv":
        write_csv(path, rows, encoding)
    else:
        write_jsonl(path, rows if shape == "jsonl" else nested(rows), encoding)
    d = ingest.detect(path, encoding="gb18030" if encoding == "gb18030" else "utf-8")
    log = ProblemLog({})
    zone = d.mapping.zone(__import__("zoneinfo").ZoneInfo("Asia/Shanghai"))
    found = [
        chats.read(p.frame, d.mapping, d.shape.nested, zone, log)
        for p in reading.pieces(d.shape, d.mapping.columns.values(), log)
    ]
    assert pl.concat(found)["text"].to_list() == texts
    assert log.frame().is_empty()
