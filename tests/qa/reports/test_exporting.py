"""Files hold what the screen shows, cannot run formulas, and every export is on record."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from qa import reports
from qa.errors import Denied, Invalid
from qa.policy import Actor, Role
from qa.reports import Scope, exporting
from qa.tables import AuditEntry
from qa.workbench import Workbench
from tests.world.judged import judge

HOSTILE = ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\t=x", " =HYPERLINK(1)", "=\u5371\u9669", "\r=1"]


def test_a_file_holds_the_rows_of_the_screen(bench: Workbench, lead: Actor, now: datetime) -> None:
    judge(bench, lead, now)
    trend = reports.trend(bench, lead, scope=Scope(), by="agent")
    made = exporting.export(bench, lead, now=now, what="trend", frame=trend.frame)
    rows = list(csv.DictReader(io.StringIO(made.content.decode("utf-8-sig"))))
    assert [float(row["value"]) for row in rows] == trend.frame["value"].to_list()
    assert [row["low"] for row in rows] == [repr(low) for low in trend.frame["low"]]
    lines = (
        exporting.export(bench, lead, now=now, what="trend", frame=trend.frame, form="jsonl")
        .content.decode()
        .splitlines()
    )
    assert [json.loads(line)["n"] for line in lines] == trend.frame["n"].to_list()
    book = exporting.export(bench, lead, now=now, what="trend", frame=trend.frame, form="xlsx", notes=["how"]).content
    sheet = pl.read_excel(io.BytesIO(book), engine="calamine", sheet_name="data")
    assert sheet["value"].to_list() == trend.frame["value"].to_list()
    with bench.db.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "export.taken")).all()
    assert [entry.facts["form"] for entry in entries] == ["csv", "jsonl", "xlsx"]


def test_text_cannot_become_a_formula() -> None:
    frame = pl.DataFrame({"text": HOSTILE, "number": [-1.5] * len(HOSTILE)})
    buffer = io.BytesIO()
    exporting.write(frame, "csv", buffer)
    rows = list(csv.reader(io.StringIO(buffer.getvalue().decode("utf-8-sig"), newline="")))[1:]
    assert all(row[0].startswith("'") for row in rows)
    assert {row[1] for row in rows} == {"-1.5"}
    book = io.BytesIO()
    exporting.write(frame, "xlsx", book)
    import zipfile

    with zipfile.ZipFile(book) as files:
        assert b"<f>" not in files.read("xl/worksheets/sheet1.xml")


def test_all_verdicts_with_their_probabilities(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    done = judge(bench, lead, now)
    count = exporting.export_verdicts(bench, lead, now=now, path=tmp_path / "v.jsonl", form="jsonl")
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text("utf-8").splitlines()]
    assert count == len(rows) == done.samples
    assert all(0 < row["pi"] <= 1 and row["weight"] == 1 / row["pi"] for row in rows)
    assert list(rows[0]).index("weight") < list(rows[0]).index("total")
    exporting.export_verdicts(bench, lead, now=now, path=tmp_path / "v.xlsx", form="xlsx")
    assert (
        "weight" in pl.read_excel(tmp_path / "v.xlsx", engine="calamine", sheet_name="about", has_header=False).item()
    )
    assert rows[0]["dimensions"][0].keys() == {"id", "earned", "possible"}


def test_who_may_export(bench: Workbench, lead: Actor, now: datetime, tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1]})
    with pytest.raises(Denied):
        exporting.export(bench, Actor(2, Role.INSPECTOR, "Ida"), now=now, what="x", frame=frame)
    with pytest.raises(Invalid):
        exporting.export(bench, lead, now=now, what="x", frame=frame, form="pdf")
    with pytest.raises(Invalid):
        exporting.export_verdicts(bench, lead, now=now, path=tmp_path / "no" / "such" / "folder.csv")
