"""Where a file comes from: one source per shop and platform, whatever its export is called, and warnings where ids
clash."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from qa import ingest
from qa.ingest import suggest_source
from qa.policy import Actor
from qa.workbench import Workbench
from tests.qa.ingest.files import row, write_csv
from tests.qa.ingest.test_formats import load

MARCH = [row("C1", "2026-03-01 10:00:00", "客户", "在吗"), row("C1", "2026-03-01 10:00:20", "客服", "在的")]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("三月上.csv", "import"),
        ("三月下.csv", "import"),
        ("店铺1.csv", "店铺1"),
        ("店铺2.csv", "店铺2"),
        ("聊天记录_20240304.csv", "聊天记录"),
        ("聊天记录_2024-03-05 (1).csv", "聊天记录"),
        ("青山旗舰店2024年3月上旬.xlsx", "青山旗舰店"),
        ("tmall-march-2024.csv", "tmall"),
        ("Chat_20240304153000.csv", "Chat"),
    ],
)
def test_days_in_a_file_name_make_no_source(tmp_path: Path, name: str, source: str) -> None:
    assert suggest_source(tmp_path / "uploads" / "f-c-d" / name) == source


def test_the_name_of_an_upload_folder_is_no_source(tmp_path: Path) -> None:
    assert suggest_source(tmp_path / "uploads" / "1a2b3c" / "chats.csv") == "import"
    assert suggest_source(tmp_path / "tmall" / "chats.csv") == "tmall"


def test_the_source_is_asked_once_per_shop_and_remembered(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    def take(name: str, shop: str, source: str = "") -> ingest.SourceChoice:
        d = ingest.detect(write_csv(tmp_path / name, [{**r, "店铺": shop} for r in MARCH]))
        choice = ingest.source_of(bench, lead, d)
        ingest.commit(
            bench,
            lead,
            now=now,
            path=d.path,
            mapping=d.mapping,
            kind=d.kind,
            source=source or choice.source,
            source_mark=choice.mark,
        )
        return choice

    first = take("三月上.csv", "青山店", "tmall")
    assert (first.source, first.remembered) == ("青山店", False)
    second = take("export (3).csv", "青山店")
    assert (second.source, second.remembered, second.known) == ("tmall", True, ("tmall",))
    assert take("三月上.csv", "绿水店").source == "绿水店"
    assert bench.archive.at().scan("conversations").collect()["conversation_key"].sort().to_list() == [
        "tmall:C1",
        "绿水店:C1",
    ]


def test_a_file_of_a_source_that_an_earlier_release_named_keeps_it(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "三月上.csv", [{**r, "店铺": ""} for r in MARCH])
    load(bench, lead, now, path, source="三月上")
    assert ingest.source_of(bench, lead, ingest.detect(path)).source == "三月上"


def test_ids_that_are_known_under_another_source_are_warned_of(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", MARCH)
    load(bench, lead, now, path, source="tmall")
    d = ingest.detect(path)
    seen = ingest.preview(bench, lead, path, d.mapping, d.kind, "other")
    assert [(p.code, p.value) for p in seen.problems if p.code != "unknown_agent"] == [("other_source", "tmall")]
    assert [
        p.code
        for p in ingest.preview(bench, lead, path, d.mapping, d.kind, "tmall").problems
        if p.code == "other_source"
    ] == []


OTHER = [
    row("C1", "2026-03-01 11:00:00", "客户", "你好", agent="小强", customer="tb9"),
    row("C1", "2026-03-01 11:00:20", "客服", "您好", agent="小强", customer="tb9"),
]


def test_the_same_id_of_two_shops_in_one_file_is_refused_by_row(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "both.csv", [*MARCH, *({**r, "店铺": "乙店"} for r in OTHER)])
    result = load(bench, lead, now, path, source="both")
    assert [(p.code, p.value, p.row) for p in result.problems if p.field == "店铺"] == [
        ("other_shop", "乙店", 3),
        ("other_shop", "乙店", 4),
    ]
    assert (result.counts.bad, result.counts.incomplete) == (2, 1)
    assert bench.archive.at().scan("messages").collect()["text"].to_list() == ["在吗", "在的"]


def test_the_same_id_of_two_customers_is_warned_of(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    result = load(bench, lead, now, write_csv(tmp_path / "both.csv", [*MARCH, *OTHER]), source="both")
    assert [(p.code, p.value, p.row) for p in result.problems if p.code == "mixed_customers"] == [
        ("mixed_customers", "C1", 1)
    ]
    load(bench, lead, now, write_csv(tmp_path / "a.csv", MARCH))
    clash = load(bench, lead, now, write_csv(tmp_path / "b.csv", [{**r, "店铺": "乙店"} for r in OTHER]))
    assert [(p.code, p.value) for p in clash.problems if p.code == "other_people"] == [("other_people", "C1")]
    assert (
        bench.archive.at().scan("messages").filter(conversation_key="shop:C1").collect().height == 4
    )  # nothing is lost meanwhile
