"""Exports of platforms become parts: exact sums, every row that cannot be taken named, nothing changed silently."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from qa.assessment import cells, exports, facts, importing, presets
from qa.assessment.exports import ExportAnswers
from qa.errors import Conflict, Denied, Invalid
from qa.people import aliases
from qa.people.aliases import Alias
from qa.policy import SYSTEM, Actor, Role
from qa.tables import Agent, AuditEntry, ImportRun
from qa.workbench import Workbench

TODAY = date(2025, 12, 15)
NOW = datetime(2025, 12, 15, 2, tzinfo=UTC)
SYCM = ["旺旺昵称", "日期", "询单人数", "销售人数", "销售额", "销售量", "成功退款金额"]


def book(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    made = xlsxwriter.Workbook(str(path))
    for name, rows in sheets.items():
        sheet = made.add_worksheet(name)
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
    made.close()
    return path


def table(path: Path, rows: list[list[object]], encoding: str = "utf-8-sig") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def read(path: Path, **asked: object) -> exports.Reading:
    return exports.read(path, ExportAnswers(**asked), TODAY)  # type: ignore[arg-type]


def codes(found: exports.Reading) -> list[tuple[str, int | None]]:
    return [(p.code, p.row) for p in found.problems]


@pytest.mark.parametrize(
    "cell, seconds",
    [
        ("11秒", 11),
        ("2分30秒", 150),
        ("7小时41分52秒", 27712),
        ("00:02:30", 150),
        ("2:30", 150),
        ("12.5", 12.5),
        ("1天2小时", 93600),
        ("两分", None),
        ("9" * 60, None),
    ],
)
def test_durations(cell: str, seconds: float | None) -> None:
    assert cells.seconds(cell) == (None if seconds is None else seconds * cells.MICRO)


def test_numbers_and_shares() -> None:
    assert cells.number("1,234.56元") == 1_234_560_000
    assert cells.number("¥1.2万") == 12_000 * cells.MICRO
    assert cells.number("=1+1") is None
    assert (cells.share("98.5%", False), cells.share("0.985", True), cells.share("98.5", False)) == (985_000,) * 3
    assert all(cells.is_nothing(cell) for cell in ("-", "--", " ", "暂无"))


def test_a_workbook_of_shengyi_canmou(tmp_path: Path) -> None:
    rows = [
        ["统计时间：2025-11-01 ~ 2025-11-30"],
        [h for h in SYCM if h != "日期"],
        ["店:甲", 100, 40, "4,000元", 60, "-"],
        ["店:乙", 50, 30, 2500.5, 33, 100],
        ["合计", 150, 70, 6500.5, 93, 100],
    ]
    found = read(book(tmp_path / "a.xlsx", {"说明": [["x", "y"], [1, 2]], "数据信息": rows}))
    assert (found.preset.id, found.sheet) == ("sycm", "数据信息")
    parts = {(r["account"], r["indicator"]): (r["num"], r["den"]) for r in found.rows.iter_rows(named=True)}
    assert parts["店:甲", "conversion"] == (40_000_000, 100_000_000)
    assert parts["店:乙", "unit_price"] == (2_500_500_000, 30_000_000)
    assert ("店:甲", "refund_share") not in parts  # a dash is nothing, never 0
    assert set(found.rows["day"]), set(found.rows["until"]) == ({date(2025, 11, 1)}, {date(2025, 11, 30)})
    assert [name for _, name in found.totals] == ["合计"]
    assert "total_differs" not in [p.code for p in found.problems]


@pytest.mark.parametrize(
    "preset, header, row, indicators",
    [
        (
            "qianniu-agents",
            ["旺旺账号名称", "平均响应时长", "人工接待会话量", "3分钟人工响应率"],
            ["a", "2分30秒", "200", "98.5%"],
            {"response_time": (30_000, 200), "reply_3min": (197, 200)},
        ),
        (
            "qianniu-ratings",
            ["旺旺账号名称", "满意评价量", "旺旺评价量"],
            ["a", "45", "50"],
            {"satisfaction": (45, 50)},
        ),
        (
            "jd-manager",
            [
                "客服",
                "售前接待人数",
                "促成下单人数",
                "促成下单商品金额",
                "平均响应时长（新）",
                "接待量",
                "30s应答率",
                "好评量",
                "评价量",
            ],
            ["a", "100", "30", "3000", "20", "120", "95%", "9", "10"],
            {
                "conversion": (30, 100),
                "unit_price": (3000, 30),
                "response_time": (2400, 120),
                "reply_30s": (114, 120),
                "satisfaction": (9, 10),
            },
        ),
        (
            "pdd",
            [
                "客服账号",
                "去退销售额（元）",
                "询单人数",
                "最终成团人数",
                "平均人工响应时长",
                "需要人工回复的咨询人数",
                "3分钟人工回复率(8-23点)",
            ],
            ["a", "500", "100", "20", "11秒", "80", "97.5%"],
            {"conversion": (20, 100), "unit_price": (500, 20), "response_time": (880, 80), "reply_3min": (78, 80)},
        ),
        (
            "feige",
            [
                "客服昵称",
                "接待会话量",
                "有效评价数",
                "好评数",
                "差评数",
                "全天平响时长",
                "全天3分钟回复率",
                "询单人数",
                "支付人数",
                "客服询单支付额",
            ],
            ["a", "100", "10", "9", "1", "15", "99%", "50", "20", "1000"],
            {
                "conversion": (20, 50),
                "unit_price": (1000, 20),
                "satisfaction": (9, 10),
                "bad_ratings": (1, 10),
                "response_time": (1500, 100),
                "reply_3min": (99, 100),
            },
        ),
        (
            "kuaishou",
            ["店铺", "三分钟回复率", "人工会话量", "人工平均回复时长", "询单人数", "支付人数"],
            ["小店", "90%", "100", "30", "50", "10"],
            {"conversion": (10, 50), "response_time": (3000, 100), "reply_3min": (90, 100)},
        ),
    ],
)
def test_every_platform(
    tmp_path: Path, preset: str, header: list[str], row: list[str], indicators: dict[str, tuple[int, int]]
) -> None:
    for encoding in ("utf-8-sig", "gb18030"):
        found = read(table(tmp_path / f"{encoding}.csv", [["日期", *header], ["2025/11/3", *row]], encoding))
        assert found.preset.id == preset
        assert found.problems == ()
        told = {
            r["indicator"]: (r["num"] / cells.MICRO, r["den"] / cells.MICRO) for r in found.rows.iter_rows(named=True)
        }
        assert told == indicators
        assert found.rows["account"].unique().to_list() == ["" if preset == "kuaishou" else "a"]


def test_each_trouble_is_named_by_row(tmp_path: Path) -> None:
    rows = [
        SYCM,
        ["甲", "2025-11-01", 100, 40, 4000, 60, 0],
        ["甲", "2025-11-01", 100, 41, 4000, 60, 0],  # two values
        ["乙", "2025-11-02", "许多", 4, 40, 6, 0],
        ["丙", "2025-11-04", 10, 40, 40, 60, 0],  # more buyers than enquiries
        ["", "2025-11-04", 10, 4, 40, 6, 0],
        ["丁", "2025-11-31", 10, 4, 40, 6, 0],
        ["戊", "2026-01-01", 10, 4, 40, 6, 0],
        ["己", "2025-10-20~2025-11-20", 10, 4, 40, 6, 0],
        ["店铺平均值", "2025-11-04", 10, 4, 40, 6, 0],
    ]
    found = read(table(tmp_path / "a.csv", rows))
    assert codes(found) == [
        ("bad_number", 4), ("above_all", 5), ("no_account", 6), ("bad_day", 7), ("future", 8), ("months_mixed", 9),
        ("missing_days", None), ("two_values", 2), ("two_values", 3),
    ]  # fmt: skip
    assert read(tmp_path / "a.csv", twice="last").rows.filter(account="甲", indicator="conversion")[
        "num"
    ].to_list() == [41_000_000]
    assert read(tmp_path / "a.csv", twice="sum").rows.filter(account="甲", indicator="conversion")["den"].to_list() == [
        200_000_000
    ]


def test_percent_or_fraction(tmp_path: Path) -> None:
    head = ["旺旺账号名称", "日期", "平均响应时长", "人工接待会话量", "3分钟人工响应率"]
    days = [f"2025-11-0{n}" for n in range(1, 4)]
    mixed = table(
        tmp_path / "m.csv",
        [head, *[["甲", day, 20, 100, rate] for day, rate in zip(days, ("98", "0.9", "97%"), strict=True)]],
    )
    assert codes(read(mixed)) == [("percent_or_fraction", 3)]
    assert read(mixed).rows.filter(indicator="reply_3min").height == 2
    assert read(mixed, fraction=False).rows.filter(indicator="reply_3min")["num"].to_list()[1] == 900_000
    plain = table(tmp_path / "p.csv", [head, *[["甲", day, 20, 100, 0.98] for day in days]])
    assert read(plain).rows.filter(indicator="reply_3min")["num"].to_list() == [98_000_000] * 3


def test_a_rate_without_its_count_and_no_day(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", [["旺旺账号名称", "平均响应时长", "3分钟人工响应率"], ["甲", "20", "98%"]])
    found = read(path)
    assert codes(found) == [("no_count", None), ("no_count", None), ("no_day", 2)]
    assert found.rows.is_empty()
    days = table(tmp_path / "b.csv", [["旺旺账号名称", "满意评价量", "旺旺评价量"], ["甲", "20", "21"]])
    assert codes(read(days)) == [("no_day", 2)]
    assert read(days, first=date(2025, 11, 1), last=date(2025, 11, 30)).rows["until"].to_list() == [date(2025, 11, 30)]


def test_unknown_columns_are_mapped_by_hand(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", [["谁", "日期", "询", "付"], ["甲", "2025-11-01", 10, 4]])
    with pytest.raises(Invalid, match="No export of indicators is known"):
        read(path)
    by_hand = presets.ExportPreset(
        "hand",
        exports.INDICATORS["conversion"].label,
        "",
        (),
        ("谁",),
        (presets.Columns("conversion", ("付",), ("询",)),),
    )
    assert read(path, preset=by_hand).rows["num"].to_list() == [4_000_000]
    assert presets.from_data(presets.to_data(by_hand)) == by_hand


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 nothing", b"a\n1\n", b"PK\x03\x04broken"])
def test_what_is_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.xlsx").write_bytes(content)
    with pytest.raises(Invalid):
        read(tmp_path / "x.xlsx")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 10**7)), min_size=1, max_size=30))
def test_parts_add_up_to_the_exports_own_totals(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[int, int, int]]
) -> None:
    """Whatever the numbers: the sum of the parts is the line of totals, to the cent."""
    rows = [["旺旺昵称", "日期", "询单人数", "销售人数", "销售额"]]
    rows += [[f"p{n}", "2025-11-03", a + b, b, f"{cents / 100:,.2f}"] for n, (a, b, cents) in enumerate(people)]  # type: ignore[list-item]
    total = [sum(a + b for a, b, _ in people), sum(b for _, b, _ in people), sum(c for *_, c in people)]
    rows.append(["店铺汇总值", "2025-11-03", total[0], total[1], f"{total[2] / 100:.2f}"])  # type: ignore[list-item]
    found = read(table(tmp_path_factory.mktemp("x") / "a.csv", rows))  # type: ignore[arg-type]
    assert "total_differs" not in [p.code for p in found.problems]
    assert [at for at, _ in found.totals] == [len(people) + 2]
    conversion = found.rows.filter(pl.col("indicator") == "conversion")
    assert (conversion["num"].sum(), conversion["den"].sum()) == (total[1] * cells.MICRO, total[0] * cells.MICRO)
    sold = sum(c for _, b, c in people if b)
    assert found.rows.filter(pl.col("indicator") == "unit_price")["num"].sum() == sold * 10_000


def test_a_total_that_differs_is_named(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv",
        [
            ["旺旺昵称", "日期", "询单人数", "销售人数", "销售额"],
            ["甲", "2025-11-03", 10, 4, 9],
            ["汇总", "", 12, 4, 9],
        ],
    )
    assert codes(read(path)) == [("total_differs", None)]


# storing


def saved(bench: Workbench, path: Path, now: datetime = NOW, **asked: object) -> tuple[int, importing.IndicatorPreview]:
    return importing.commit(bench, SYSTEM, now=now, path=path, asked=ExportAnswers(**asked))  # type: ignore[arg-type]


def stored(bench: Workbench) -> dict[tuple[str, str], float]:
    rows = facts.current(bench.archive.at()).filter(pl.col("indicator") == "conversion")
    return {(r["account"], str(r["day"])): r["num"] / r["den"] for r in rows.iter_rows(named=True)}


def test_twice_is_once_a_correction_counts_and_can_be_taken_back(any_bench: Workbench, tmp_path: Path) -> None:
    bench = any_bench
    path = table(
        tmp_path / "a.csv",
        [SYCM, ["甲", "2025-11-01", 100, 40, 4000, 60, 0], ["乙", "2025-11-01", 100, 50, 4000, 60, 0]],
    )
    first, seen = saved(bench, path)
    assert (seen.new, seen.same, seen.unknown) == (8, 0, ("乙", "甲"))
    again, seen = saved(bench, path)
    assert (again, seen.new, seen.same) == (first, 0, 8)
    late = table(tmp_path / "b.csv", [SYCM, ["甲", "2025-11-01", 100, 45, 4000, 60, 0]])
    second, seen = saved(bench, late)
    assert (seen.new, seen.changed.height) == (0, 3)
    assert seen.changed.filter(pl.col("indicator") == "conversion").select("num_old", "num").row(0) == (
        40_000_000,
        45_000_000,
    )
    assert stored(bench) == {("甲", "2025-11-01"): 0.45, ("乙", "2025-11-01"): 0.5}
    assert importing.take_back(bench, SYSTEM, now=NOW, run_id=second) == 3
    assert stored(bench)["甲", "2025-11-01"] == 0.4
    with pytest.raises(Conflict):
        importing.take_back(bench, SYSTEM, now=NOW, run_id=second)
    with bench.db.read() as session:
        assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all() == [
            "import.done",
            "import.done",
            "import.taken_back",
        ]
        assert session.scalars(select(ImportRun.state).order_by(ImportRun.id)).all() == ["done", "taken_back"]


def test_a_month_over_days_is_refused(bench: Workbench, tmp_path: Path) -> None:
    saved(bench, table(tmp_path / "a.csv", [SYCM, ["甲", "2025-11-01", 100, 40, 4000, 60, 0]]))
    month = table(tmp_path / "b.csv", [SYCM, ["甲", "2025-11", 100, 45, 4000, 60, 0]])
    with pytest.raises(Invalid, match="Nothing in"):
        saved(bench, month)
    seen = importing.preview(bench, SYSTEM, now=NOW, path=month, asked=ExportAnswers())
    assert codes(seen.reading) == [("overlaps", 2)]


def test_accounts_wait_until_they_are_somebodys(bench: Workbench, tmp_path: Path) -> None:
    with bench.db.write() as session:
        session.add(Agent(agent_id="lin", name="林", updated_at=NOW))
    days = [["店:甲", f"2025-11-0{n}", 100, 40, 4000, 60, 0] for n in (1, 2, 3)]
    saved(bench, table(tmp_path / "a.csv", [SYCM, *days]))
    [waiting] = facts.unknown_accounts(bench)
    assert (waiting.account, waiting.rows, waiting.first) == ("店:甲", 12, date(2025, 11, 1))
    aliases.add_alias(bench, SYSTEM, now=NOW, alias=Alias("店:甲", "lin", date(2025, 11, 2)))
    [waiting] = facts.unknown_accounts(bench)
    assert (waiting.rows, waiting.last) == (4, date(2025, 11, 1))


def test_only_who_may_import(bench: Workbench, tmp_path: Path) -> None:
    agent = Actor(9, Role.AGENT, "客服", agent_id="lin")
    with pytest.raises(Denied):
        importing.preview(bench, agent, now=NOW, path=tmp_path / "x", asked=ExportAnswers())
