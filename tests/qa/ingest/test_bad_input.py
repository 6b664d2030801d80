"""Bad input: each kind is named with row, field and cure; good rows of the same file come in; nothing stored is
harmed."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from qa import ingest
from qa.errors import Cancelled, Denied, Invalid
from qa.i18n import Translator
from qa.ingest import Mapping
from qa.ingest.files import extent
from qa.ingest.problems import KINDS
from qa.policy import Actor, Role
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, nested, row, write_csv, write_jsonl, write_xlsx
from tests.qa.ingest.test_formats import load

GOOD = CHATS[:2]


def bad(**changes: str) -> dict[str, str]:
    return {**row("C9", "2026-03-01 12:00:00", "客服", "好的"), **changes}


ROWS = {  # the row after two good ones → code, field, severity
    "no id": (bad(会话ID=""), "missing", "会话ID", "bad"),
    "no role": (bad(发送方=" "), "missing", "发送方", "bad"),
    "unknown role": (bad(发送方="路人"), "unknown_role", "发送方", "bad"),
    "empty text": (bad(消息内容="  \u3000\n"), "empty_text", "消息内容", "bad"),
    "no time": ({**CHATS[1], "消息时间": "", "消息内容": "还在吗"}, "no_time", "消息时间", "warning"),
    "no time at all": (bad(消息时间=""), "no_start", "started_at", "bad"),
    "bad time": (bad(消息时间="昨天下午"), "bad_time", "消息时间", "bad"),
    "impossible time": (bad(消息时间="2026-02-31 10:00:00"), "bad_time", "消息时间", "bad"),
    "rounded order id": (bad(订单号="2.6E+18"), "rounded_id", "订单号", "warning"),
    "unknown agent": (bad(客服账号="新人"), "unknown_agent", "客服账号", "warning"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_named_and_the_good_ones_come_in(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, case: str
) -> None:
    wrong, code, field, severity = ROWS[case]
    result = load(bench, lead, now, write_csv(tmp_path / "a.csv", [*GOOD, wrong]))
    found = [p for p in result.problems if p.code == code and p.row == 3]
    assert [(p.field, p.severity) for p in found] == [(field, severity)]
    assert result.counts.bad == (severity == "bad")
    assert bench.archive.at().scan("messages").filter(conversation_key="shop:C1").collect().height >= 2
    for language in ("en", "zh_CN"):
        t = Translator(language)
        assert found[0].reason(t)
        assert found[0].cure(t)


def test_every_problem_text_can_be_filled() -> None:
    for code in KINDS:
        problem = ingest.RowProblem(3, "field", code, "{value} <b>")
        assert "{" not in problem.reason(Translator("en")).replace("{value} <b>", "")
        assert problem.cure(Translator("en"))


FILES = {
    "0 bytes": (b"", "a.csv", "0 bytes"),
    "truncated xlsx": (None, "a.xlsx", "damaged or cut off"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "a.xls", "damaged or cut off"),
    "binary": (b"\x7fELF\x00\x01\x00\x02" * 50, "a.csv", "neither text nor XLSX"),
    "no header": (b"hello\nworld\n", "a.csv", "header"),
    "broken json": (b'{"a": 1\n{"b"\n', "a.jsonl", "JSON"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_cannot_be_read(tmp_path: Path, case: str) -> None:
    content, name, says = FILES[case]
    path = tmp_path / name
    if content is None:
        write_xlsx(path, CHATS)
        content = path.read_bytes()[:-400]
    path.write_bytes(content)
    with pytest.raises(Invalid, match=says) as caught:
        ingest.detect(path)
    assert name in caught.value.english()


def test_a_missing_column_is_named_with_the_columns_there_are(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", [{"会话ID": "1", "消息时间": "2026-03-01 10:00:00", "备注": "x"}])
    with pytest.raises(Invalid, match=r"“text”.*会话ID, 消息时间, 备注"):
        load(bench, lead, now, path, kind="conversations")
    with pytest.raises(Invalid, match="内容"):
        ingest.commit(
            bench,
            lead,
            now=now,
            path=path,
            mapping=Mapping(columns={"text": "内容"}),
            kind="conversations",
            source="shop",
        )
    assert bench.archive.version() == 0


def test_dates_in_three_formats_in_one_file(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    rows = [
        row("C1", at, "客户", at)
        for at in ("2026-03-01 10:00:00", "2026/3/1 10:01", "2026年3月1日 10:02:00", "1772330580")
    ]
    result = load(bench, lead, now, write_csv(tmp_path / "a.csv", rows))
    assert result.counts.bad == 0
    seen = bench.archive.at().scan("messages").sort("seq").collect()["sent_at"]
    assert seen.dt.minute().to_list() == [0, 1, 2, 3]


def test_wrong_bytes_in_one_row(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [*GOOD, bad(消息内容="XX坏XX"), CHATS[2]], "gb18030")
    path.write_bytes(path.read_bytes().replace("XX坏XX".encode("gb18030"), b"XX\xff\xffXX"))
    result = load(bench, lead, now, path)
    assert [(p.code, p.row) for p in result.problems if p.severity == "bad"] == [("encoding", 3)]
    assert bench.archive.at().count("messages") == 3


def test_a_row_with_too_many_cells(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [*GOOD, CHATS[2]])
    lines = (
        path.read_text("utf-8")
        + "C3,2026-03-01 13:00:00,客服,小青,tb1,店,,你好,再见\n"
        + "C3,2026-03-01 13:00:00,客服,小青,tb1,店,,你好\n"
    )
    path.write_text(lines, "utf-8")
    result = load(bench, lead, now, path)
    assert [(p.code, p.row) for p in result.problems if p.severity == "bad"] == [("too_many_cells", 4)]
    assert result.counts.new == 3


def test_a_broken_line_of_json(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", nested(CHATS))
    first, second = path.read_text("utf-8").splitlines()
    path.write_text(f'{first}\n{{"conversation_id": "C\n\n{second}\n', "utf-8")
    result = load(bench, lead, now, path)
    assert [(p.code, p.row) for p in result.problems if p.severity == "bad"] == [("unreadable", 2)]
    assert result.counts.new == 2
    assert bench.archive.at().scan("messages").filter(conversation_key="shop:C2").collect()["file_row"].to_list() == [
        4,
        4,
    ]


def test_the_same_id_twice(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    one, two = nested(CHATS)
    other = {**one, "messages": [{**one["messages"][0], "text": "别的内容"}]}
    result = load(bench, lead, now, write_jsonl(tmp_path / "a.jsonl", [one, two, one, other]))
    assert [p.code for p in result.problems if p.severity == "bad"] == []
    assert (result.counts.new, result.counts.duplicates, bench.archive.at().count("messages")) == (
        2,
        1,
        5,
    )  # another page of C1, not another C1


def test_the_same_message_id_twice(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    rows = [{**r, "消息ID": str(i)} for i, r in enumerate(CHATS)]
    again, other = dict(rows[1]), {**rows[0], "消息内容": "改过的"}
    result = load(bench, lead, now, write_csv(tmp_path / "a.csv", [*rows, again, other]))
    assert [(p.code, p.row) for p in result.problems if p.severity == "bad"] == [("duplicate_id", 6)]
    seen = bench.archive.at().scan("messages").sort("conversation_key", "seq").collect()
    assert seen["text"].to_list() == [r["消息内容"] for r in CHATS]
    assert seen["seq"].to_list() == [0, 1, 0, 1]


def test_hostile_and_long_texts_are_kept_as_they_are(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path
) -> None:
    texts = [
        '=HYPERLINK("x")',
        "<img src=x onerror=alert(1)>",
        "**粗** [a](javascript:b)",
        "👩‍👩‍👧‍👦𠮷",
        "长" * 8000,
        "a\tb\r\nc",
        "' OR 1=1 --",
        "{value} {0}",
    ]
    rows = [row("C1", f"2026-03-01 10:00:{i:02d}", "客户", text) for i, text in enumerate(texts)]
    load(bench, lead, now, write_csv(tmp_path / "a.csv", rows, "gb18030"))
    assert bench.archive.at().scan("messages").sort("seq").collect()["text"].to_list() == texts


def test_problem_list_cannot_carry_formulas(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    rows = [{**r, "=发送方": r["发送方"]} for r in [*GOOD, bad(发送方="=cmd|' /C calc'!A0")]]
    path = write_csv(tmp_path / "a.csv", [{k: v for k, v in r.items() if k != "发送方"} for r in rows])
    d = ingest.detect(path)
    mapping = Mapping(columns={**d.mapping.columns, "role": "=发送方"})
    result = ingest.commit(bench, lead, now=now, path=path, mapping=mapping, kind="conversations", source="shop")
    out = tmp_path / "problems.csv"
    ingest.problem_list(bench, lead, result.run_id, out, Translator("zh_CN"))
    table = pl.read_csv(out, infer_schema=False)
    assert table.height == result.counts.bad + result.counts.warnings
    assert not any(cell and cell.startswith(("=", "+", "-", "@")) for line in table.iter_rows() for cell in line)


def test_cancelling_and_strangers_change_nothing(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", CHATS)
    d = ingest.detect(path)
    with pytest.raises(Cancelled):
        ingest.commit(
            bench, lead, now=now, path=path, mapping=d.mapping, kind=d.kind, source="shop", cancel=lambda: True
        )
    agent = Actor(user_id=5, role=Role.AGENT, name="小青", agent_id="小青")
    with pytest.raises(Denied):
        ingest.commit(bench, agent, now=now, path=path, mapping=d.mapping, kind=d.kind, source="shop")
    assert bench.archive.version() == 0
    assert [run.state for run in ingest.history(bench, lead)] == ["cancelled"]


@pytest.mark.parametrize("source", ["", "a:b", " x", "x" * 61])
def test_sources_that_would_spoil_keys(
    bench: Workbench, lead: Actor, now: datetime, tmp_path: Path, source: str
) -> None:
    with pytest.raises(Invalid, match="source"):
        load(bench, lead, now, write_csv(tmp_path / "a.csv", CHATS), source)


def far_workbook(path: Path, *cells: str) -> Path:
    """A workbook with two columns, and a value in each of `cells`."""
    rows = [("A1", "会话ID"), ("B1", "内容"), ("A2", "1"), ("B2", "在吗"), *((cell, "x") for cell in cells)]
    said = "".join(
        f'<row r="{re.sub("[A-Z]", "", at)}"><c r="{at}" t="inlineStr"><is><t>{text}</t></is></c></row>'
        for at, text in rows
    )
    head = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook {head} xmlns:r="{office}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/worksheet"'
            ' Target="worksheets/sheet1.xml"/></Relationships>',
        )
        book.writestr("xl/worksheets/sheet1.xml", f"<worksheet {head}><sheetData>{said}</sheetData></worksheet>")
    return path


@pytest.mark.parametrize("cells", [("XFD1048576",), ("A1048576", "ZZ3"), ("XFD20000",)])
def test_a_stray_cell_far_away_asks_for_no_memory(tmp_path: Path, cells: tuple[str, ...]) -> None:
    with pytest.raises(Invalid, match="far away"):
        ingest.detect(far_workbook(tmp_path / "far.xlsx", *cells))


@pytest.mark.parametrize("cells", [(), ("C5",), ("AZ900",)])
def test_a_cell_beside_the_table_is_no_harm(tmp_path: Path, cells: tuple[str, ...]) -> None:
    assert {"会话ID", "内容"} <= set(ingest.detect(far_workbook(tmp_path / "near.xlsx", *cells)).headers)


@pytest.mark.parametrize("part", [64, 65, 66, 67, 90, 131, 1 << 20])
def test_no_cell_is_lost_between_two_parts_of_a_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(extent, "_PART", part)
    with pytest.raises(Invalid, match="row 1048576"):
        extent.check(far_workbook(tmp_path / "far.xlsx", "XFD1048576").read_bytes(), "far.xlsx")
