"""Versions of the archive: several Delta tables that change together or not at all.

Delta makes one table atomic, an import writes several. The `catalogue` table holds one row per archive version with the
version of every table in it; writing that row is the moment an import becomes visible. Readers see only tables at
catalogued versions, so a process killed half way leaves the old version standing, and the next writer first takes back
what was not catalogued. In a folder a lock keeps other writers out. An object store has none: there every commit, of a
table and of the catalogue, must follow the very version that this writer saw last, so of two writers one is refused and
nothing of it becomes visible. The store knows frames and versions, not what their columns mean.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable

from qa.archive import parts
from qa.archive.arrival import Arrival
from qa.archive.catalogue import Catalogue
from qa.archive.change import ArchiveChange, following, write
from qa.archive.checksums import Checksums, FileCheck
from qa.archive.delta import opened
from qa.archive.locks import alone
from qa.archive.parts import KEEP_LOGS, NEXT
from qa.archive.schema import TABLES
from qa.archive.snapshot import Snapshot
from qa.errors import Busy, Conflict, NotFound, Unavailable
from qa.i18n import N_

CATALOGUE_SCHEMA: Mapping[str, Any] = {
    "version": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "what": pl.String,
    **dict.fromkeys(TABLES, pl.Int64),
}
WRITER_LOCK = ".writer.lock"


class Archive:
    """The archive under `root` (a folder, or an object-store URL that `deltalake` understands)."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._catalogue = Catalogue(self._path("catalogue"))

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
        catalogue = self._catalogue.rows()
        if catalogue is None:
            return pl.DataFrame(schema=dict(CATALOGUE_SCHEMA)).select("version", "at", "what")
        return catalogue.select("version", "at", "what").reverse()

    # writing

    @contextlib.contextmanager
    def change(self, what: str, now: datetime) -> Iterator[ArchiveChange]:
        """One atomic change of several tables; becomes the next version when the block ends well.

        Only one writer at a time: raises `Conflict` when another process is writing.
        """
        with self.hold() as writer, writer.change(what, now) as change:
            yield change

    def merge_small_files(self, now: datetime) -> int:
        """Write tables of many small files anew in few: the same rows, as a version of its own. Returns how many files
        were merged. Raises `Conflict`."""
        with self.change("compaction", now) as change:
            return sum(change.merge_small_files(table) for table in TABLES)

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

    def _pieces(self) -> Path:
        """Where the files of one change wait. An object store has no disk of its own, and no lock: there each change
        has a folder on this machine to itself."""
        if "://" in self.root:
            return Path(tempfile.gettempdir()) / f"spotcheck-{uuid.uuid4().hex}"
        return Path(self.root) / ".staging"

    def _row(self, version: int | None) -> dict[str, int]:
        catalogue = self._catalogue.rows()
        if catalogue is not None:
            rows = catalogue.drop("at", "what")
            rows = rows.filter(pl.col("version") == version) if version else rows.tail(1)
            if version != 0 and (found := rows.to_dicts()):
                # A table that the product learned of after this version was written was empty then.
                return {**dict.fromkeys(TABLES, -1), **{k: -1 if v is None else v for k, v in found[0].items()}}
        if version:
            raise NotFound(N_("The archive has no version {version}."), version=version)
        return {"version": 0, **dict.fromkeys(TABLES, -1)}

    def _version_of(self, table: str) -> int:
        delta = opened(self._path(table))
        return -1 if delta is None else delta.version()

    def _versions_now(self) -> dict[str, int]:
        return {table: self._version_of(table) for table in TABLES}

    def _take_back(self, before: Snapshot) -> dict[str, int]:
        """Undo table versions that no catalogue row names: a writer died between writing and publishing. Returns the
        versions that the tables have now."""
        versions = self._versions_now()
        for table, version in versions.items():
            wanted = before.tables[table]
            if version <= wanted or (wanted >= 0 and _same_files(self._path(table), wanted, version)):
                continue
            delta = DeltaTable(self._path(table), version=version)
            with following(version):
                if wanted < 0:
                    delta.delete(commit_properties=NEXT, post_commithook_properties=KEEP_LOGS)
                else:
                    delta.restore(wanted, commit_properties=NEXT, post_commithook_properties=KEEP_LOGS)
            versions[table] = delta.version()
        return versions

    def _publish(
        self, before: Snapshot, what: str, now: datetime, versions: Mapping[str, int], catalogued: int
    ) -> None:
        """Make `versions` the tables of the next version, unless the catalogue has moved on from its own version
        `catalogued` (-1: there was none)."""
        row = {"version": before.version + 1, "at": now, "what": what, **versions}
        frame = pl.DataFrame([row], schema=dict(CATALOGUE_SCHEMA))
        listed = self.checksums.note(
            before.version + 1, {t: (before.tables[t], v) for t, v in versions.items() if v > before.tables[t]}
        )
        with following(catalogued):
            write(self._path("catalogue"), catalogued, frame, mode="append", schema_mode="merge")
        merged = parts.merge_small(self._path("catalogue"), "version", _catalogued, self._pieces())
        self.checksums.note_more(listed, "catalogue", catalogued, catalogued + 1 + bool(merged))

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
        catalogued = archive._version_of("catalogue")
        before = archive.at()
        pieces = archive._pieces()
        change = ArchiveChange(before, archive._take_back(before), pieces)
        shutil.rmtree(pieces, ignore_errors=True)
        try:
            yield change
            if change.touched:
                archive._publish(before, what, now, change.published(), catalogued)
        finally:
            shutil.rmtree(pieces, ignore_errors=True)

    def old_files(self) -> int:
        """How many files the newest version does not need."""
        if "://" in self._archive.root:
            return sum(map(len, self._vacuumed(dry_run=True)))
        return len(self._unneeded(self._archive.at()))

    def forget_old_versions(self) -> None:
        """Remove every file that the newest version does not need: older versions cannot be read any more. Doing it
        twice is doing it once."""
        if "://" in self._archive.root:
            self._vacuumed(dry_run=False)
            return
        newest = self._archive.at()
        gone = self._unneeded(newest)
        for file in gone:
            file.unlink(missing_ok=True)
        self._archive.checksums.note_removed(newest.version, gone)

    def _unneeded(self, newest: Snapshot) -> list[Path]:
        found: list[Path] = []
        for table in TABLES:
            needed = {Path(address.removeprefix("file://")).name for address in newest.files(table)}
            found += [file for file in Path(self._archive._path(table)).glob("*.parquet") if file.name not in needed]
        return found

    def _vacuumed(self, *, dry_run: bool) -> list[list[str]]:
        stores = [store for table in TABLES if (store := opened(self._archive._path(table))) is not None]
        vacuum = partial(
            DeltaTable.vacuum, dry_run=dry_run, enforce_retention_duration=False, post_commithook_properties=KEEP_LOGS
        )
        return [vacuum(one, 0) for one in stores]


def _catalogued(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the catalogue with the tables of today; those that were not known then are null."""
    return rows.select(
        pl.col(name).cast(kind) if name in rows.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in CATALOGUE_SCHEMA.items()
    )


def _same_files(path: str, one: int, other: int) -> bool:
    return sorted(DeltaTable(path, version=one).file_uris()) == sorted(DeltaTable(path, version=other).file_uris())
