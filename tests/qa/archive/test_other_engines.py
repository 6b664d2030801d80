"""What is imported belongs to the shop: other engines than ours read the archive as it stands and count the same."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from qa.archive import TABLES, Archive, stage
from qa.workbench import Workbench
from tests.qa.archive.test_store import NOW, messages
from tests.world import shop


@pytest.fixture
def archive(bench: Workbench) -> Archive:
    """A shop, changed in every way that tables are: appended, adopted, taken from, replaced."""
    shop.fill(bench)
    with bench.archive.change("more", NOW) as change:
        change.adopt("messages", [stage("messages", messages("x:1", "x:2"), change.staging())])
        change.remove("messages", pl.Series(["shop:amy-000"]))
        change.remove("conversations", pl.Series([f"shop:amy-{n:03d}" for n in range(700)]))  # by a join
        change.replace("ratings", bench.archive.at().scan("ratings").head(5).collect())
    return bench.archive


def tables(archive: Archive) -> dict[str, DeltaTable]:
    """Each table that holds anything, at the newest catalogued version, opened by what a stranger has."""
    at = archive.at()
    return {
        name: DeltaTable(f"{archive.root}/{name}", version=version)
        for name, version in at.tables.items()
        if version >= 0
    }


def test_pyarrow_reads_every_table(archive: Archive) -> None:
    found = tables(archive)
    assert {"conversations", "messages", "disputes", "ratings", "predictions"} <= set(found)
    for name, table in found.items():
        assert table.to_pyarrow_dataset().count_rows() == archive.at().count(name), name
        assert set(TABLES[name]) <= set(table.to_pyarrow_dataset().schema.names), name


def test_duckdb_reads_every_table(archive: Archive) -> None:
    for name, table in tables(archive).items():
        files = [str(Path(uri.removeprefix("file://"))) for uri in table.file_uris()]
        (rows,) = duckdb.execute("select count(*) from read_parquet(?, union_by_name=true)", [files]).fetchone() or (0,)
        assert rows == archive.at().count(name), name


def test_all_of_them_answer_alike(archive: Archive) -> None:
    """A question that a shop asks: messages per role."""
    ours = dict(archive.at().scan("messages").group_by("role").len().collect().iter_rows())
    table = tables(archive)["messages"]
    counted = table.to_pyarrow_dataset().to_table(columns=["role"])["role"].value_counts()
    assert {str(one["values"]): one["counts"].as_py() for one in counted} == ours
    files = [uri.removeprefix("file://") for uri in table.file_uris()]
    said = duckdb.execute("select role, count(*) from read_parquet(?, union_by_name=true) group by role", [files])
    assert dict(said.fetchall()) == ours
    assert pc.sum(counted.field("counts")).as_py() == archive.at().count("messages")
