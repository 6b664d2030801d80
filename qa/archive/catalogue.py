"""The catalogue of an archive, read once as long as nobody adds to it.

Every look at the archive asks for the newest row. Reading that from many small files costs more than most reports, so
what was read is kept while the newest entry of the table's log is the same file.
"""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from qa.archive.delta import opened

Entry = tuple[str, int, int, int]
"""The newest entry of a log: its name, the file behind it, when it was written and its size."""


class Catalogue:
    """The rows of the catalogue at `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._kept: tuple[Entry, pl.DataFrame] | None = None

    def rows(self) -> pl.DataFrame | None:
        """Every version of the archive, oldest first; None where no version was ever written."""
        entry = self._newest()
        kept = self._kept
        if kept is not None and entry is not None and kept[0] == entry:
            return kept[1]
        table = opened(self._path)
        if table is None:
            return None
        rows = pl.scan_delta(table).sort("version").collect()
        if entry is not None:  # what another process added meanwhile is read again next time
            self._kept = entry, rows
        return rows

    def _newest(self) -> Entry | None:
        """The newest entry; None where that cannot be told (an object store)."""
        if "://" in self._path:
            return None
        log = Path(self._path) / "_delta_log"
        try:
            name = max((one.name for one in os.scandir(log) if one.name.endswith(".json")), default="")
        except FileNotFoundError:
            return None
        if not name:
            return None
        stat = (log / name).stat()
        return name, stat.st_ino, stat.st_mtime_ns, stat.st_size
