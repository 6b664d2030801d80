"""Files without conversation ids: silence ends a chat, not midnight; any order of files; nothing drawn is renamed."""

from __future__ import annotations

from datetime import datetime
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from qa import ingest
from qa.archive import Archive
from qa.casefiles.record import Evidence, Finding, open_files
from qa.errors import Invalid
from qa.ingest import silence, sources
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.files import row, write_csv
from tests.qa.ingest.test_formats import load


def said(at: str, text: str, who: str = "客户", agent: str = "小青", customer: str = "tb1") -> dict[str, str]:
    line = row("", at, who, text, agent=agent, customer=customer)
    del line["会话ID"]
    return line


NIGHT = [
    said("2026-03-01 23:50:00", "在吗"),
    said("2026-03-01 23:55:00", "在的", "客服"),
    said("2026-03-02 00:10:00", "谢谢"),
]
MORNING = [said("2026-03-02 09:00:00", "到了"), said("2026-03-02 09:00:30", "好的", "客服")]
BRIDGE = [said("2026-03-02 03:30:00", "睡了吗"), said("2026-03-02 06:00:00", "没睡", "客服")]
EARLIER = [said("2026-03-01 22:00:00", "喂")]
OTHER = [
    said("2026-03-02 00:00:00", "你好", customer="tb2"),
    said("2026-03-02 09:01:00", "您好", "客服", customer="tb2"),
]


def chats(archive: Archive) -> dict[str, list[str]]:
    rows = (
        archive.at()
        .scan("messages")
        .sort("conversation_key", "seq")
        .group_by("conversation_key", maintain_order=True)
        .agg("text")
        .collect()
    )
    keys = archive.at().scan("conversations").select("conversation_key").collect().to_series()
    assert set(keys) == set(rows["conversation_key"])
    return dict(rows.iter_rows())


def key(bench: Workbench, at: str, customer: str = "tb1") -> str:
    """The name of a chat that began at `at`: a keyed hash of who and when."""
    secret = sources.id_key(bench, None)
    pair = silence.opaque(secret, pl.Series([f"小青|{customer}"]))[0]
    begun = int(datetime.fromisoformat(at + "+08:00").timestamp()) * 1_000_000
    return f"shop:auto-{pair}-{silence.opaque(secret, pl.Series([f'{pair}|{begun}']), 10)[0]}"


def test_a_chat_goes_on_over_midnight_and_ends_with_silence(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", [*NIGHT, *MORNING, *OTHER])
    load(bench, lead, now, path)
    assert chats(bench.archive) == {
        key(bench, "2026-03-01 23:50:00"): ["在吗", "在的", "谢谢"],
        key(bench, "2026-03-02 09:00:00"): ["到了", "好的"],
        key(bench, "2026-03-02 00:00:00", "tb2"): ["你好"],
        key(bench, "2026-03-02 09:01:00", "tb2"): ["您好"],
    }
    again = load(bench, lead, now, path)
    assert (again.counts.unchanged, again.counts.new, again.counts.changed, again.counts.joined) == (4, 0, 0, 0)


@pytest.mark.parametrize("order", [*permutations(range(4))][::8])
def test_the_order_of_files_does_not_matter(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, order: tuple[int, ...]
) -> None:
    parts = [write_csv(tmp_path / f"{i}.csv", rows) for i, rows in enumerate((NIGHT, MORNING, BRIDGE, EARLIER))]
    for i in order:
        load(bench, lead, now, parts[i])
    assert chats(bench.archive) == {
        key(bench, "2026-03-01 22:00:00"): ["喂", "在吗", "在的", "谢谢", "睡了吗", "没睡", "到了", "好的"]
    }
    one = bench.archive.at().scan("conversations").collect().row(0, named=True)
    assert (one["message_count"], one["agent_message_count"], one["customer_id"]) == (8, 3, "tb1")
    for path in parts:
        again = load(bench, lead, now, path)
        assert (again.counts.new, again.counts.changed, again.counts.messages) == (0, 0, 0)


def test_what_a_late_file_would_join_is_shown_before(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [*NIGHT, *MORNING]))
    path = write_csv(tmp_path / "b.csv", BRIDGE)
    d = ingest.detect(path)
    before = chats(bench.archive)
    seen = ingest.preview(bench, lead, path, d.mapping, d.kind, "shop")
    assert seen.counts.joined == 1
    assert ("conversation_id", key(bench, "2026-03-02 09:00:00"), key(bench, "2026-03-01 23:50:00")) in [
        (c.field, c.old, c.new) for c in seen.changes
    ]
    assert chats(bench.archive) == before
    run = load(bench, lead, now, path)
    assert list(chats(bench.archive).values()) == [["在吗", "在的", "谢谢", "睡了吗", "没睡", "到了", "好的"]]
    ingest.take_back(bench, lead, now=now, run_id=run.run_id)
    assert sorted(text for texts in chats(bench.archive).values() for text in texts) == sorted(
        text for texts in before.values() for text in texts
    )


def test_chats_that_were_drawn_or_have_a_case_file_are_never_joined(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    load(bench, lead, now, write_csv(tmp_path / "a.csv", [*NIGHT, *MORNING]))
    with bench.db.write() as session:
        for chat in chats(bench.archive):
            open_files(session, [Finding(chat, "小青", "R01", 1, "major", now, (Evidence(0, 0, 1, "x"),))], now)
    result = load(bench, lead, now, write_csv(tmp_path / "b.csv", [*BRIDGE, *EARLIER]))
    assert result.counts.joined == 0
    assert chats(bench.archive) == {
        key(bench, "2026-03-01 23:50:00"): ["喂", "在吗", "在的", "谢谢", "睡了吗"],
        key(bench, "2026-03-02 09:00:00"): ["没睡", "到了", "好的"],
    }


def test_chats_that_an_earlier_release_cut_at_midnight_keep_their_names(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", MORNING)
    load(bench, lead, now, path)
    with bench.archive.change("as 0.1.0 wrote it", now) as change:
        for table in ("conversations", "messages"):
            rows = change.before.scan(table).collect().with_columns(conversation_key=pl.lit("shop:小青|tb1|2026-03-02"))
            change.replace(
                table,
                rows.with_columns(conversation_id=pl.lit("小青|tb1|2026-03-02")) if table == "conversations" else rows,
            )
    assert load(bench, lead, now, path).counts.unchanged == 1
    assert list(chats(bench.archive)) == ["shop:小青|tb1|2026-03-02"]


def test_how_long_a_silence_is_belongs_to_the_source_and_is_kept(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    d = ingest.detect(write_csv(tmp_path / "a.csv", [*NIGHT, *MORNING]))
    ingest.commit(bench, lead, now=now, path=d.path, mapping=d.mapping, kind=d.kind, source="shop", silence_hours=12)
    assert len(chats(bench.archive)) == 1
    again = load(bench, lead, now, d.path)
    assert (again.counts.unchanged, len(chats(bench.archive))) == (1, 1)
    with pytest.raises(Invalid):
        ingest.preview(bench, lead, d.path, d.mapping, d.kind, "shop", silence_hours=0)
