"""Parts of one conversation in several files: nothing is lost, nothing is there twice, and the order of the files does
not matter."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import ingest, screening
from qa.draws.design import PlanDesign, SourceQuota
from qa.draws.frames import Period, build
from qa.ingest.uniting import merge, unite
from qa.policy import Actor
from qa.redlines import opening
from qa.tables import AuditEntry, ImportRun, Violation
from qa.workbench import Workbench
from tests.qa.ingest.files import row, write_csv, write_jsonl
from tests.qa.ingest.test_formats import load

EVENING = [
    row("C1", "2026-03-01 23:50", "客户", "在吗"),
    row("C1", "2026-03-01 23:51", "客服", "在的"),
    row("C1", "2026-03-01 23:59", "客服", "加我微信私下转账便宜"),
]
NIGHT = [
    row("C1", "2026-03-01 23:59", "客户", "好的"),
    row("C1", "2026-03-02 00:10", "客户", "已转"),
    row("C1", "2026-03-02 00:11", "客服", "收到"),
    row("C2", "2026-03-02 09:00", "客户", "在吗", customer="tb2"),
]
MORNING = [row("C1", "2026-03-02 08:00", "客户", "货呢"), row("C1", "2026-03-02 08:00", "客服", "明天到")]
WHOLE = ["在吗", "在的", "加我微信私下转账便宜", "好的", "已转", "收到", "货呢", "明天到"]


def texts(bench: Workbench, key: str = "shop:C1") -> list[str]:
    said = bench.archive.at().scan("messages").filter(conversation_key=key).sort("seq").collect()
    assert said["seq"].to_list() == list(range(said.height))
    return said["text"].to_list()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_parts_of_a_chat_add_up_in_any_order_of_files(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, order: tuple[int, ...]
) -> None:
    parts = [write_csv(tmp_path / f"{i}.csv", rows) for i, rows in enumerate((EVENING, NIGHT, MORNING))]
    results = [load(bench, lead, now, parts[i]) for i in order]
    assert texts(bench) == WHOLE
    assert sum(r.counts.messages for r in results) == 9
    chat = bench.archive.at().scan("conversations").filter(conversation_id="C1").collect().row(0, named=True)
    assert (chat["message_count"], chat["agent_message_count"], chat["agent_id"], chat["agent_ids"]) == (
        8,
        4,
        "小青",
        ["小青"],
    )
    assert chat["started_at"] == datetime(2026, 3, 1, 15, 50, tzinfo=UTC)
    assert chat["ended_at"] == datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
    for path in parts:
        again = load(bench, lead, now, path)
        assert (again.counts.new, again.counts.changed, again.counts.messages) == (0, 0, 0)
    assert bench.archive.at().count("messages") == 9


def test_messages_name_the_import_and_row_that_brought_them(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    first = load(bench, lead, now, write_csv(tmp_path / "b.csv", NIGHT))
    second = load(bench, lead, now, write_csv(tmp_path / "a.csv", [*EVENING, NIGHT[0]]))
    said = bench.archive.at().scan("messages").filter(conversation_key="shop:C1").sort("seq").collect()
    assert said.select("import_id", "file_row").rows() == [
        (second.run_id, 1),
        (second.run_id, 2),
        (second.run_id, 3),
        (first.run_id, 1),
        (first.run_id, 2),
        (first.run_id, 3),
    ]


def test_the_preview_says_what_would_be_added(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    path = write_csv(tmp_path / "b.csv", [EVENING[2], *NIGHT])
    d = ingest.detect(path)
    seen = ingest.preview(bench, lead, path, d.mapping, d.kind, "shop")
    assert (seen.counts.new, seen.counts.changed, seen.counts.messages) == (1, 1, 4)
    assert [(c.old, c.new) for c in seen.changes if c.field == "ended_at"] == [
        ("2026-03-01 23:59:00", "2026-03-02 00:11:00")
    ]  # business time
    assert texts(bench) == WHOLE[:3]
    done = load(bench, lead, now, path)
    assert (done.counts.new, done.counts.changed, done.counts.messages) == (1, 1, 4)


def test_a_later_part_keeps_hits_and_open_case_files(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "b.csv", NIGHT))
    screening.screen(bench, lead, now=now)
    load(bench, lead, now, write_csv(tmp_path / "c.csv", MORNING))
    load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    screening.screen(bench, lead, now=now)
    opened = opening.open_suspected(bench, lead, now=now).opened
    assert opened
    load(bench, lead, now, write_csv(tmp_path / "d.csv", [row("C1", "2026-03-02 08:05", "客服", "改到后天")]))
    assert opening.open_suspected(bench, lead, now=now).withdrawn == 0  # not screened yet
    screening.screen(bench, lead, now=now)
    load(bench, lead, now, write_csv(tmp_path / "e.csv", [row("C1", "2026-03-01 23:49", "客户", "喂")]))
    screening.screen(bench, lead, now=now)
    after = opening.open_suspected(bench, lead, now=now)
    assert (after.opened, after.withdrawn) == (0, 0)
    with bench.db.read() as session:
        files = session.query(Violation).all()
        assert {v.state for v in files} == {"suspected"}
        assert all(
            texts(bench)[hit["seq"]][hit["start"] : hit["end"]] == hit["matched"] for v in files for hit in v.evidence
        )
        assert {run.state for run in session.query(ImportRun)} == {"done"}


def test_a_session_list_does_not_hide_messages_from_the_screening(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    other = [row("C2", "2026-03-01 10:00", "客户", "在吗", customer="tb2")]
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [*EVENING, *other]))
    load(
        bench, lead, now, write_csv(tmp_path / "b.csv", [row("C2", "2026-03-01 10:01", "客服", "在的", customer="tb2")])
    )  # rewrites the file
    sessions = [
        {
            "id": "C1",
            "staffId": "小青",
            "userId": "tb1001",
            "startTime": "1772330390000",
            "endTime": "1772330500000",
            "evaluation": "100",
            "fromType": "app",
        }
    ]
    assert load(bench, lead, now, write_csv(tmp_path / "sessions.csv", sessions)).counts.changed == 1
    screening.screen(bench, lead, now=now)
    assert bench.archive.at().scan("hits").filter(conversation_key="shop:C1").collect().height


def test_what_a_file_changes_in_known_records_is_shown_and_recorded(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    path = write_csv(tmp_path / "b.csv", [{**r, "买家昵称": "tb9"} for r in [*EVENING, *NIGHT[:1]]])
    d = ingest.detect(path)
    seen = ingest.preview(bench, lead, path, d.mapping, d.kind, "shop")
    assert [(c.field, c.n, c.key, c.old, c.new) for c in seen.changes if c.field == "customer_id"] == [
        ("customer_id", 1, "shop:C1", "tb1001", "tb9")
    ]
    assert seen.counts.extended == 1
    done = load(bench, lead, now, path)
    assert done.changes == seen.changes
    with bench.db.read() as session:
        assert session.get_one(ImportRun, done.run_id).counts["fields"]["customer_id"] == 1
        entry = session.query(AuditEntry).filter_by(action="import.done", entity_id=str(done.run_id)).one()
    assert entry.facts["fields"]["customer_id"] == 1
    kept = pl.read_parquet(bench.config.home / "imports" / f"changes-{done.run_id}.parquet")
    assert kept.filter(field="customer_id").rows() == [("customer_id", "shop:C1", "tb1001", "tb9")]


def test_an_empty_cell_of_a_later_refund_list_erases_nothing(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    first = {
        "退款编号": "R1",
        "申请时间": "2026-03-01 15:00:00",
        "退款原因": "尺码不合适",
        "退款状态": "处理中",
        "退款说明": "太大",
    }
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [first]), kind="disputes")
    path = write_csv(tmp_path / "b.csv", [{**first, "退款原因": "", "退款状态": "成功"}])
    result = load(bench, lead, now, path, kind="disputes")
    assert [(c.field, c.old, c.new) for c in result.changes] == [("status", "处理中", "成功")]
    seen = bench.archive.at().scan("disputes").collect().row(0, named=True)
    assert (seen["reason"], seen["status"], seen["description"]) == ("尺码不合适", "成功", "太大")
    assert load(bench, lead, now, path, kind="disputes").counts.unchanged == 1


def refused(bench: Workbench) -> list[tuple[str, str, int]]:
    return (
        bench.archive.at()
        .scan("refused")
        .select("conversation_key", "code", "file_row")
        .sort("conversation_key", "file_row")
        .collect()
        .rows()
    )


def test_a_conversation_of_which_rows_were_refused_is_incomplete_until_it_is_repeated_whole(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    broken = [dict(EVENING[0]), {**EVENING[1], "消息时间": "昨天"}, EVENING[2], {**NIGHT[3], "消息时间": "不详"}]
    timeless = [{**row("C3", "", "客户", text, customer="tb3")} for text in ("一", "二", "三")]
    path = write_csv(tmp_path / "a.csv", [*broken, *timeless])
    result = load(bench, lead, now, path)
    assert (result.counts.new, result.counts.bad, result.counts.incomplete, result.counts.left_out) == (1, 5, 1, 2)
    assert refused(bench) == [("shop:C1", "bad_time", 2)]
    load(bench, lead, now, path)
    assert refused(bench) == [("shop:C1", "bad_time", 2)]
    load(bench, lead, now, write_csv(tmp_path / "b.csv", NIGHT[:3]))  # another part does not mend it
    assert len(refused(bench)) == 1
    load(bench, lead, now, write_csv(tmp_path / "c.csv", [*EVENING, *NIGHT[:3]]))
    assert refused(bench) == []


def test_a_draw_can_leave_incomplete_conversations_out(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [EVENING[0], {**EVENING[1], "消息时间": "昨天"}, *NIGHT]))
    period, zone = Period(date(2026, 3, 1), date(2026, 3, 2)), bench.config.zone
    quotas = (SourceQuota("chat", 1.0),)
    everything = build(bench.archive.at(), PlanDesign(quotas), period, zone, None)
    complete = build(bench.archive.at(), PlanDesign(quotas, complete_only=True), period, zone, None)
    assert (set(everything["unit_id"]), set(complete["unit_id"])) == ({"shop:C1", "shop:C2"}, {"shop:C2"})
    assert PlanDesign.from_dict(PlanDesign(complete_only=True).to_dict()).complete_only


def test_pages_of_one_chat_in_a_nested_file_are_united(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    def page(number: int, *said: tuple[str, str, str]) -> dict[str, object]:
        return {
            "conversation_id": "C1",
            "agent_id": "小青",
            "page": number,
            "messages": [{"sender": who, "text": text, "ts": at} for who, text, at in said],
        }

    one = page(1, ("customer", "在吗", "2026-03-01 10:00:00"), ("agent", "在的", "2026-03-01 10:00:12"))
    two = page(2, ("agent", "在的", "2026-03-01 10:00:12"), ("customer", "你骗人", "2026-03-01 10:05:00"))
    result = load(bench, lead, now, write_jsonl(tmp_path / "a.jsonl", [two, one, two]))
    assert texts(bench) == ["在吗", "在的", "你骗人"]
    assert (result.counts.new, result.counts.bad, result.counts.duplicates) == (1, 0, 1)


def test_a_file_with_the_newest_first_keeps_the_order_of_equal_times(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    rows = [
        row("C1", "2026-03-01 10:00", "客户", "一"),
        row("C1", "2026-03-01 10:00", "客服", "二"),
        row("C1", "2026-03-01 10:01", "客户", "三"),
        row("C1", "2026-03-01 10:01", "客服", "四"),
        row("C2", "2026-03-01 10:02", "客户", "五"),
        row("C2", "2026-03-01 10:02", "客服", "六"),
    ]
    load(bench, lead, now, write_csv(tmp_path / "a.csv", rows[::-1]))
    assert (texts(bench), texts(bench, "shop:C2")) == (list("一二三四"), list("五六"))
    load(bench, lead, now, write_csv(tmp_path / "b.csv", rows))
    assert (texts(bench), bench.archive.at().count("messages")) == (list("一二三四"), 6)


def frame(parts: list[list[tuple[int, str]]], numbers: list[int]) -> pl.DataFrame:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        {
            "conversation_key": "s:1",
            "part": number,
            "place": place,
            "role": "agent",
            "agent_id": "a",
            "sent_at": begin + timedelta(minutes=at),
            "kind": "text",
            "text": text,
        }
        for number, part in zip(numbers, parts, strict=True)
        for place, (at, text) in enumerate(part)
    ]
    return pl.DataFrame(rows)


@settings(deadline=None)
@given(st.data())
def test_overlapping_slices_give_the_whole_in_any_order(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(0, 1), min_size=1, max_size=14))
    whole = [(sum(steps[: i + 1]), f"m{i}") for i in range(len(steps))]
    ends = [*sorted(data.draw(st.lists(st.integers(1, len(whole)), max_size=4))), len(whole)]
    begins = [0] + [max(0, end - data.draw(st.integers(1, 4))) for end in ends[:-1]]
    slices = [whole[b:e] for b, e in zip(begins, ends, strict=True)]
    numbers = data.draw(st.permutations(range(len(slices))))
    assert unite(frame(slices, numbers))["text"].to_list() == [text for _, text in whole]


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc")), min_size=1, max_size=6), min_size=1, max_size=4
    ),
    st.randoms(),
)
def test_parts_of_any_kind_lose_nothing_and_need_no_order(parts: list[list[tuple[int, str]]], chance: object) -> None:
    parts = [sorted(part, key=lambda m: m[0]) for part in parts]
    numbers = list(range(len(parts)))
    first = unite(frame(parts, numbers))
    chance.shuffle(numbers)  # type: ignore[attr-defined]
    assert unite(frame(parts, numbers)).select("sent_at", "text").equals(first.select("sent_at", "text"))
    for said in {m for part in parts for m in part}:
        most = max(part.count(said) for part in parts)
        assert first.filter((pl.col("text") == said[1]) & (pl.col("sent_at").dt.minute() == said[0])).height == most


def test_contradicting_orders_still_give_everything_once() -> None:
    assert sorted(merge([["a", "b"], ["b", "a", "c"], ["d"]])) == list("abcd")
    assert merge([["a", "b"], ["b", "c"], ["a", "x", "c"]]) == ["a", "b", "x", "c"]


def test_the_preview_shows_one_chat_as_it_would_be_stored(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", EVENING))
    path = write_csv(tmp_path / "b.csv", [NIGHT[3], *NIGHT[:3]])
    d = ingest.detect(path)
    seen = ingest.preview(bench, lead, path, d.mapping, d.kind, "shop")
    assert [(m["role"], m["text"]) for m in seen.transcript] == [
        (("agent" if r["发送方"] == "客服" else "customer"), r["消息内容"]) for r in [*EVENING, *NIGHT[:3]]
    ]


def test_one_long_chat_in_disorder_is_put_in_order(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has more messages than are put in order at a time."""
    monkeypatch.setattr("qa.ingest.staging.BUCKET_ROWS", 5)
    minutes = [7, 3, 11, 0, 5, 9, 1, 10, 2, 8, 4, 6]
    rows = [
        row("C1", f"2026-03-01 10:{minute:02}", "客户" if minute % 2 else "客服", f"{minute}") for minute in minutes
    ]
    load(bench, lead, now, write_csv(tmp_path / "long.csv", rows))
    said = bench.archive.at().scan("messages").sort("seq").collect()
    assert said["text"].to_list() == [str(minute) for minute in range(12)]
