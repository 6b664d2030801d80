"""Versions of the archive: several Delta tables that change together or not at all.

Delta makes one table atomic, an import writes several. The `catalogue` table holds one row per archive version with the
version of every table in it; writing that row is the moment an import becomes visible. Readers see only tables at
catalogued versions, so a process killed half way leaves the old version standing, and the next writer first takes back
what was not catalogued. The store knows frames and versions, not what their columns mean.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError

from qa.archive.schema import KEYS, TABLES, conform, empty
from qa.errors import Conflict, NotFound, Unavailable
from qa.i18n import N_

CATALOGUE_SCHEMA = {"version": pl.Int64, "at": pl.Datetime("us", "UTC"), "what": pl.String, **dict.fromkeys(TABLES, pl.Int64)}
COMPRESSION = WriterProperties(compression="ZSTD", compression_level=1)


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
        return pl.scan_delta(f"{self.root}/{table}", version=version)

    def count(self, table: str) -> int:
        """Number of rows of `table`."""
        return int(self.scan(table).select(pl.len()).collect().item())


class Archive:
    """The archive under `root` (a folder, or an object-store URL that `deltalake` understands)."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    # reading

    def version(self) -> int:
        """Number of the newest version; 0 is the empty archive."""
        return self._row(None)["version"]

    def at(self, version: int | None = None) -> Snapshot:
        """The archive at `version`, or the newest. Raises `NotFound` for a version that never was."""
        row = self._row(version)
        return Snapshot(self.root, row["version"], {table: row[table] for table in TABLES})

    def history(self) -> pl.DataFrame:
        """All versions, newest first: version, at, what."""
        if not self._exists("catalogue"):
            return pl.DataFrame(schema=CATALOGUE_SCHEMA).select("version", "at", "what")
        return pl.read_delta(self._path("catalogue")).sort("version", descending=True).select("version", "at", "what")

    # writing

    @contextlib.contextmanager
    def change(self, what: str, now: datetime) -> Iterator[Change]:
        """One atomic change of several tables; becomes the next version when the block ends well.

        Only one writer at a time: raises `Conflict` when another process is writing.
        """
        with self._writer_lock():
            before = self.at()
            self._take_back(before)
            change = Change(self, before)
            yield change
            if change.touched:
                self._publish(before, what, now)

    # the rest is private

    def _path(self, table: str) -> str:
        return f"{self.root}/{table}"

    def _exists(self, table: str) -> bool:
        return DeltaTable.is_deltatable(self._path(table))

    def _row(self, version: int | None) -> dict[str, int]:
        if self._exists("catalogue"):
            rows = pl.scan_delta(self._path("catalogue")).drop("at", "what")
            rows = rows.filter(pl.col("version") == version) if version else rows.sort("version").tail(1)
            if version != 0 and (found := rows.collect().to_dicts()):
                # A table that the product learned of after this version was written was empty then.
                return {**dict.fromkeys(TABLES, -1), **{k: -1 if v is None else v for k, v in found[0].items()}}
        if version:
            raise NotFound(N_("The archive has no version {version}."), version=version)
        return {"version": 0, **dict.fromkeys(TABLES, -1)}

    def _versions_now(self) -> dict[str, int]:
        return {t: DeltaTable(self._path(t)).version() if self._exists(t) else -1 for t in TABLES}

    def _take_back(self, before: Snapshot) -> None:
        """Undo table versions that no catalogue row names: a writer died between writing and publishing."""
        for table, version in self._versions_now().items():
            wanted = before.tables[table]
            if version <= wanted:
                continue
            if wanted >= 0 and _same_files(self._path(table), wanted, version):
                continue
            delta = DeltaTable(self._path(table))
            if wanted < 0:
                delta.delete()
            else:
                delta.restore(wanted)

    def _publish(self, before: Snapshot, what: str, now: datetime) -> None:
        row = {"version": before.version + 1, "at": now, "what": what, **self._versions_now()}
        frame = pl.DataFrame([row], schema=CATALOGUE_SCHEMA)
        try:
            write_deltalake(
                self._path("catalogue"), frame.to_arrow(), mode="append", schema_mode="merge",
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except CommitFailedError as problem:
            raise Conflict(N_("Somebody else changed the archive at the same moment; nothing was written. Try again.")) from problem

    @contextlib.contextmanager
    def _writer_lock(self) -> Iterator[None]:
        if "://" in self.root:  # object stores have no locks; the catalogue's atomic append decides
            yield
            return
        folder = Path(self.root)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / ".writer.lock").open("w")
        except OSError as problem:
            raise Unavailable(N_("The archive at {place} cannot be written: {reason}"), place=self.root, reason=str(problem)) from problem
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as problem:
                raise Conflict(N_("Another import or screening is writing to the archive; wait for it to finish.")) from problem
            yield


class Change:
    """The tables while they are being changed; get one from `Archive.change`."""

    def __init__(self, archive: Archive, before: Snapshot) -> None:
        self._archive = archive
        self.before = before
        self.touched = False

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Add rows. `frame` is brought into the shape of the schema first."""
        if frame.is_empty():
            return
        self._write(table, conform(table, frame), "append")

    def replace(self, table: str, frame: pl.DataFrame) -> None:
        """Make `frame` the whole content of `table`."""
        self._write(table, conform(table, frame), "overwrite")

    def remove(self, table: str, keys: pl.Series, column: str | None = None) -> None:
        """Delete the rows whose key is among `keys` (in batches, so that the predicate stays short)."""
        if not self._archive._exists(table) or keys.is_empty():
            return
        delta = DeltaTable(self._archive._path(table))
        name = column or KEYS[table]
        for part in keys.unique().sort().to_frame("key").iter_slices(2_000):
            listed = ", ".join(_literal(value) for value in part["key"])
            delta.delete(f"{name} IN ({listed})")
        self.touched = True

    def _write(self, table: str, frame: pl.DataFrame, mode: str) -> None:
        writer: Callable[..., None] = write_deltalake
        writer(
            self._archive._path(table), frame.to_arrow(compat_level=pl.CompatLevel.oldest()), mode=mode,
            writer_properties=COMPRESSION,
        )
        self.touched = True


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _same_files(path: str, one: int, other: int) -> bool:
    return sorted(DeltaTable(path, version=one).file_uris()) == sorted(DeltaTable(path, version=other).file_uris())
