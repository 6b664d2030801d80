"""Versions of the archive: several Delta tables that change together or not at all.

Delta makes one table atomic, an import writes several. The `catalogue` table holds one row per archive version with the
version of every table in it; writing that row is the moment an import becomes visible. Readers see only tables at
catalogued versions, so a process killed half way leaves the old version standing, and the next writer first takes back
what was not catalogued. The store knows frames and versions, not what their columns mean.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from qa.archive.arrival import Arrival
from qa.archive.checksums import Checksums, FileCheck
from qa.archive.delta import StoredTable, scan_table
from qa.archive.locks import alone
from qa.archive.schema import KEYS, LATER, TABLES, conform, empty
from qa.errors import Busy, Conflict, NotFound, Unavailable
from qa.i18n import N_

CATALOGUE_SCHEMA: Mapping[str, Any] = {
    "version": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "what": pl.String,
    **dict.fromkeys(TABLES, pl.Int64),
}
COMPRESSION = WriterProperties(compression="ZSTD", compression_level=1)
FACTS = "spotcheck"
WRITER_LOCK = ".writer.lock"
FEW_KEYS = 500
"""Up to this many keys are removed by a predicate, more by a join."""


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
            return pl.DataFrame(schema=dict(CATALOGUE_SCHEMA)).select("version", "at", "what")
        return (
            scan_table(self._path("catalogue"))
            .sort("version", descending=True)
            .select("version", "at", "what")
            .collect()
        )

    # writing

    @contextlib.contextmanager
    def change(self, what: str, now: datetime) -> Iterator[ArchiveChange]:
        """One atomic change of several tables; becomes the next version when the block ends well.

        Only one writer at a time: raises `Conflict` when another process is writing.
        """
        with self.hold() as writer, writer.change(what, now) as change:
            yield change

    @contextlib.contextmanager
    def hold(self) -> Iterator[Writer]:
        """Keep other writers out for the whole block: while archive and database are copied together, or until the
        database has on record what was just published. Raises `Conflict` when somebody else is writing."""
        with self._writer_lock():
            if self.arrival.waiting():
                raise Conflict(
                    N_("A restore was interrupted. Start the workbench again: that completes it or takes it back.")
                )
            yield Writer(self)

    @contextlib.contextmanager
    def replacing(self) -> Iterator[Arrival]:
        """Keep everybody out while a whole other archive is put in place. Only a restore, or what settles one, comes
        here."""
        with self._writer_lock():
            yield self.arrival

    @property
    def checksums(self) -> Checksums:
        """What every file held when it became part of the archive."""
        return Checksums(self.root)

    def check(self, *, deep: bool = True) -> FileCheck:
        """Compare every file with its checksum; its size alone unless `deep`."""
        return self.checksums.check((*TABLES, "catalogue"), deep=deep)

    def list_old_files(self) -> int:
        """Take up files that were written before checksums were kept; returns how many. Raises `Conflict`."""
        if not self.checksums.kept:
            return 0
        with self.hold():
            return self.checksums.note_all((*TABLES, "catalogue"))

    @property
    def arrival(self) -> Arrival:
        """The archive that waits to take the place of this one, if any."""
        return Arrival(self.root)

    # the rest is private

    def _path(self, table: str) -> str:
        return f"{self.root}/{table}"

    def _exists(self, table: str) -> bool:
        return DeltaTable.is_deltatable(self._path(table))

    def _staging_root(self) -> Path:
        # Object stores have no local disk of their own: pieces wait in the temporary folder of this machine.
        name = hashlib.sha256(self.root.encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"spotcheck-{name}" if "://" in self.root else Path(self.root) / ".staging"

    def _staging(self) -> Path:
        folder = self._staging_root()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _sweep(self) -> None:
        shutil.rmtree(self._staging_root(), ignore_errors=True)

    def _row(self, version: int | None) -> dict[str, int]:
        if self._exists("catalogue"):
            rows = scan_table(self._path("catalogue")).drop("at", "what")
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

    def _publish(self, before: Snapshot, what: str, now: datetime, touched: Set[str]) -> None:
        # the remains of a writer that died do not make a table exist
        versions = {t: v if t in touched else before.tables[t] for t, v in self._versions_now().items()}
        row = {"version": before.version + 1, "at": now, "what": what, **versions}
        frame = pl.DataFrame([row], schema=dict(CATALOGUE_SCHEMA))
        listed = self.checksums.note(
            before.version + 1, {t: (before.tables[t], v) for t, v in versions.items() if v > before.tables[t]}
        )
        catalogued = DeltaTable(self._path("catalogue")).version() if self._exists("catalogue") else -1
        try:
            write_deltalake(
                self._path("catalogue"),
                frame,
                mode="append",
                schema_mode="merge",
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except CommitFailedError as problem:
            raise Conflict(
                N_("Somebody else changed the archive at the same moment; nothing was written. Try again.")
            ) from problem
        self.checksums.note_more(listed, "catalogue", catalogued, DeltaTable(self._path("catalogue")).version())

    @contextlib.contextmanager
    def _writer_lock(self) -> Iterator[None]:
        if "://" in self.root:  # object stores have no locks; the catalogue's atomic append decides
            yield
            return
        folder = Path(self.root)
        with contextlib.ExitStack() as held:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                mine = held.enter_context(alone(folder / WRITER_LOCK))
            except OSError as problem:
                raise Unavailable(
                    N_("The archive at {place} cannot be written: {reason}"), place=self.root, reason=str(problem)
                ) from problem
            if not mine:
                raise Busy(N_("Another import or screening is writing to the archive; wait for it to finish."))
            yield


class Writer:
    """The one who holds the archive; get one from `Archive.hold`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    @contextlib.contextmanager
    def change(self, what: str, now: datetime) -> Iterator[ArchiveChange]:
        """One atomic change of several tables; becomes the next version when the block ends well."""
        archive = self._archive
        before = archive.at()
        archive._take_back(before)
        archive._sweep()
        change = ArchiveChange(archive, before)
        try:
            yield change
            if change.touched:
                archive._publish(before, what, now, change.touched)
        finally:
            archive._sweep()

    def forget_old_versions(self) -> int:
        """Remove every file that the newest version does not need: older versions cannot be read any more. Returns how
        many files went. Doing it twice is doing it once."""
        archive = self._archive
        newest = archive.at()
        if "://" in archive.root:
            stores = [DeltaTable(archive._path(t)) for t in TABLES if archive._exists(t)]
            return sum(len(one.vacuum(0, dry_run=False, enforce_retention_duration=False)) for one in stores)
        gone: list[Path] = []
        for table in TABLES:
            needed = {Path(address.removeprefix("file://")).name for address in newest.files(table)}
            gone += [file for file in Path(archive._path(table)).glob("*.parquet") if file.name not in needed]
        for file in gone:
            file.unlink(missing_ok=True)
        archive.checksums.note_removed(newest.version, gone)
        return len(gone)


class ArchiveChange:
    """The tables while they are being changed; get one from `Archive.change`."""

    def __init__(self, archive: Archive, before: Snapshot) -> None:
        self._archive = archive
        self.before = before
        self.touched: set[str] = set()
        """Tables that were written to."""

    def forget(self) -> None:
        """Let nothing of the change become visible; the next writer clears it away."""
        self.touched.clear()

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Add rows. `frame` is brought into the shape of the schema first."""
        if frame.is_empty():
            return
        self._write(table, conform(table, frame), "append")

    def replace(self, table: str, frame: pl.DataFrame) -> None:
        """Make `frame` the whole content of `table`."""
        self._write(table, conform(table, frame), "overwrite")

    def remove(
        self, table: str, keys: pl.Series, column: str | None = None, *, only: tuple[str, str] | None = None
    ) -> None:
        """Delete the rows whose key, or whose `column`, is among `keys`; `only` those with this value in that other
        column."""
        if (self.before.tables[table] < 0 and table not in self.touched) or keys.is_empty():
            return
        delta = DeltaTable(self._archive._path(table))
        name = column or KEYS[table]
        wanted = keys.unique().sort()
        if len(wanted) <= FEW_KEYS:
            more = f" AND {only[0]} = {_literal(only[1])}" if only else ""
            delta.delete(f"{name} IN ({', '.join(_literal(value) for value in wanted)}){more}")
        else:
            more = f" AND t.{only[0]} = {_literal(only[1])}" if only else ""
            source = wanted.to_frame("gone").to_arrow(compat_level=pl.CompatLevel.oldest())
            delta.merge(
                source, f"t.{name} = s.gone{more}", source_alias="s", target_alias="t"
            ).when_matched_delete().execute()
        self.touched.add(table)

    def now(self) -> Snapshot:
        """The tables as changed so far, which nobody else sees yet."""
        return Snapshot(self._archive.root, self.before.version, self._archive._versions_now())

    # bulk: files written piece by piece, adopted without being read again

    def staging(self) -> Path:
        """A folder on the archive's file system for files that may be adopted; emptied when the change ends."""
        return self._archive._staging()

    def adopt(self, table: str, files: Sequence[Path]) -> None:
        """Make Parquet files that `stage` wrote part of `table`. They are moved, not copied."""
        if not files:
            return
        path = self._archive._path(table)
        if "://" in path:
            for file in files:
                self._write(table, pl.read_parquet(file), "append")
            return
        if not self._archive._exists(table):
            DeltaTable.create(path, Schema.from_arrow(empty(table).schema))
        delta = DeltaTable(path)
        actions: list[AddAction | RemoveAction] = [_moved(file, Path(path), KEYS[table]) for file in files]
        delta.create_write_transaction(actions, "append", delta.schema())
        self.touched.add(table)

    def _write(self, table: str, frame: pl.DataFrame, mode: str) -> None:
        writer: Callable[..., None] = write_deltalake
        writer(
            self._archive._path(table),
            frame.to_arrow(compat_level=pl.CompatLevel.oldest()),
            mode=mode,
            # a table that had more columns in an earlier version keeps them in its old rows until it is replaced
            schema_mode="merge" if mode == "append" else "overwrite",
            writer_properties=COMPRESSION,
        )
        self.touched.add(table)


def stage(table: str, frame: pl.DataFrame, folder: Path) -> Path:
    """Write `frame`, brought to the columns of `table`, as a Parquet file in `folder` for `Change.adopt`."""
    file = folder / f"part-{uuid.uuid4()}.parquet"
    rows, key = conform(table, frame), KEYS[table]
    # Bounds of the key stand in the log, where readers skip files by them; those of the other columns cost more than
    # they save.
    facts = {"rows": rows.height, "low": rows[key].min(), "high": rows[key].max()}
    rows.write_parquet(
        file, compression="zstd", compression_level=1, statistics=False, metadata={FACTS: json.dumps(facts)}
    )
    return file


def _moved(file: Path, folder: Path, key: str) -> AddAction:
    facts = json.loads(pl.read_parquet_metadata(file)[FACTS])
    stats: dict[str, object] = {"numRecords": facts["rows"]}
    if facts["low"] is not None:
        stats |= {"minValues": {key: facts["low"]}, "maxValues": {key: facts["high"]}, "nullCount": {key: 0}}
    with file.open("rb") as handle:  # a commit must never name bytes that a power cut could still lose
        os.fsync(handle.fileno())
    status = file.stat()
    os.replace(file, folder / file.name)
    return AddAction(file.name, status.st_size, {}, int(status.st_mtime * 1000), True, json.dumps(stats))


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _same_files(path: str, one: int, other: int) -> bool:
    return sorted(DeltaTable(path, version=one).file_uris()) == sorted(DeltaTable(path, version=other).file_uris())
