"""The archive at one version, for reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from qa.archive.delta import StoredTable, scan_table
from qa.archive.schema import LATER, TABLES, empty


def among(rows: pl.LazyFrame, keys: pl.Series, key: str = "conversation_key") -> pl.LazyFrame:
    """Rows whose `key` is one of `keys`, found while the files are read: what is not wanted takes no memory, and files
    whose keys all lie elsewhere are not opened."""
    if keys.is_empty():
        return rows.clear()
    column = pl.col(key)
    near = column.is_between(pl.lit(keys.min()), pl.lit(keys.max()))
    return rows.filter(near & column.is_in(keys.implode()))


@dataclass(frozen=True)
class Snapshot:
    """The archive at one version. Reading it again years later gives the same rows."""

    root: str
    version: int
    tables: Mapping[str, int]

    def scan(self, table: str) -> pl.LazyFrame:
        """Lazy frame of `table` at this version, with the columns of `qa.archive.schema`."""
        version = self.tables[table]
        if version < 0:
            return empty(table).lazy()
        frame = scan_table(f"{self.root}/{table}", version)
        if table not in LATER:
            return frame
        known = frame.collect_schema()
        return frame.select(
            pl.col(name) if name in known else pl.lit(None, dtype=kind).alias(name)
            for name, kind in TABLES[table].items()
        )

    def files(self, table: str) -> list[str]:
        """Addresses of the files that hold the rows of `table` at this version."""
        version = self.tables[table]
        return [] if version < 0 else StoredTable(f"{self.root}/{table}", version=version).file_uris()

    def count(self, table: str) -> int:
        """Number of rows of `table`."""
        return int(self.scan(table).select(pl.len()).collect().item())
