"""Delta tables whose files are addressed as the file system knows them.

`deltalake` gives the files of a local table with percent escapes wherever the folder's name has a space or a letter
outside ASCII; Polars opens a path as it is written and finds nothing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError


class StoredTable(DeltaTable):
    """A Delta table in any folder; tables of an object store keep the addresses that `deltalake` gives."""

    @property
    def table_uri(self) -> str:
        return _plain(super().table_uri, super().table_uri)

    def file_uris(self, *args: Any, **kwargs: Any) -> list[str]:
        return [_plain(uri, super(StoredTable, self).table_uri) for uri in super().file_uris(*args, **kwargs)]


def opened(path: str) -> StoredTable | None:
    """The newest version of the table at `path`, None where there is none.

    `is_deltatable` answers sooner, but it holds the interpreter while an object store makes it wait.
    """
    if "://" not in path and not DeltaTable.is_deltatable(path):
        return None
    try:
        return StoredTable(path)
    except TableNotFoundError:
        return None


def scan_table(path: str, version: int | None = None) -> pl.LazyFrame:
    """Lazy frame of the table at `path`, of its newest version unless one is given."""
    if "://" in path or quote(path) == path:  # opened when it is read
        return pl.scan_delta(path, version=version)
    return pl.scan_delta(StoredTable(path, version=version))


def _plain(uri: str, root: str) -> str:
    return unquote(uri) if root.startswith("file:") else uri
