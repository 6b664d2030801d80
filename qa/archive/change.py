"""One change of the archive's tables: rows added, removed, adopted, each by a commit that follows the one seen last.

A commit prepared on a version that somebody else has moved on from is refused (`Busy`), so nothing of theirs is ever
published with ours. In a folder the writer's lock makes that impossible; in an object store it is the only guard.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, Schema, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from qa.archive import parts
from qa.archive.parts import KEEP_LOGS, NEXT
from qa.archive.schema import KEYS, conform, empty
from qa.archive.snapshot import Snapshot
from qa.errors import Busy
from qa.i18n import N_

COMPRESSION = WriterProperties(compression="ZSTD", compression_level=1)
FEW_KEYS = 500
"""Up to this many keys are removed by a predicate, more by a join."""


class ArchiveChange:
    """The tables while they are being changed; get one from `Archive.change`."""

    def __init__(self, before: Snapshot, versions: Mapping[str, int], pieces: Path) -> None:
        self._versions = dict(versions)
        self._pieces = pieces
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
        delta = DeltaTable(self._path(table), version=self._versions[table])
        name = column or KEYS[table]
        wanted = keys.unique().sort()
        with following(self._versions[table]):
            if len(wanted) <= FEW_KEYS:
                more = f" AND {only[0]} = {_literal(only[1])}" if only else ""
                there = f"{name} IN ({', '.join(_literal(value) for value in wanted)}){more}"
                delta.delete(there, commit_properties=NEXT, post_commithook_properties=KEEP_LOGS)
            else:
                more = f" AND t.{only[0]} = {_literal(only[1])}" if only else ""
                delta.merge(
                    wanted.to_frame("gone").to_arrow(compat_level=pl.CompatLevel.oldest()),
                    f"t.{name} = s.gone{more}",
                    source_alias="s",
                    target_alias="t",
                    commit_properties=NEXT,
                    post_commithook_properties=KEEP_LOGS,
                ).when_matched_delete().execute()
        self._versions[table] = delta.version()
        self.touched.add(table)

    def published(self) -> dict[str, int]:
        """Version of every table once this change is published."""
        return {t: v if t in self.touched else self.before.tables[t] for t, v in self._versions.items()}

    def now(self) -> Snapshot:
        """The tables as changed so far, which nobody else sees yet."""
        return Snapshot(self.before.root, self.before.version, dict(self._versions))

    # bulk: files written piece by piece, adopted without being read again

    def staging(self) -> Path:
        """A folder on the archive's file system for files that may be adopted; emptied when the change ends."""
        self._pieces.mkdir(parents=True, exist_ok=True)
        return self._pieces

    def _path(self, table: str) -> str:
        return f"{self.before.root}/{table}"

    def adopt(self, table: str, files: Sequence[Path]) -> None:
        """Make Parquet files that `stage` wrote part of `table`. They are moved, not copied."""
        if not files:
            return
        path = self._path(table)
        if "://" in path:
            for file in files:
                self._write(table, pl.read_parquet(file), "append")
            return
        if self._versions[table] < 0:
            DeltaTable.create(path, Schema.from_arrow(empty(table).schema))
            self._versions[table] = 0
        delta = DeltaTable(path, version=self._versions[table])
        actions: list[AddAction | RemoveAction] = [parts.moved(file, Path(path), KEYS[table]) for file in files]
        delta.create_write_transaction(
            actions, "append", delta.schema(), commit_properties=NEXT, post_commithook_properties=KEEP_LOGS
        )
        self._versions[table] += 1
        self.touched.add(table)

    def merge_small_files(self, table: str) -> int:
        """Write the small files of `table` anew in few, where there are many; returns how many were merged."""
        merged = parts.merge_small(self._path(table), KEYS[table], partial(conform, table), self.staging())
        if merged:
            self._versions[table] += 1
            self.touched.add(table)
        return merged

    def _write(self, table: str, frame: pl.DataFrame, mode: str) -> None:
        with following(self._versions[table]):
            self._versions[table] = write(
                self._path(table),
                self._versions[table],
                frame,
                mode=mode,
                # a table that had more columns in an earlier version keeps them in its old rows until it is replaced
                schema_mode="merge" if mode == "append" else "overwrite",
                writer_properties=COMPRESSION,
            )
        self.touched.add(table)


@contextlib.contextmanager
def following(version: int) -> Iterator[None]:
    """Somebody else's commit after `version` is an expected error."""
    try:
        yield
    except CommitFailedError as problem:
        raise _overtaken() from problem
    except DeltaError as problem:  # two made the table at once
        if version >= 0 or "already exists" not in str(problem):
            raise
        raise _overtaken() from problem


def _overtaken() -> Busy:
    return Busy(N_("Somebody else changed the archive at the same moment; nothing was written. Try again."))


def write(path: str, version: int, frame: pl.DataFrame, **how: Any) -> int:
    """Write to the table at `path`, which has `version` (-1: it is not there yet); returns its version then."""
    # as one piece: several are written beside each other, in an order that is another every time
    rows = frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    if version < 0:
        write_deltalake(
            path, rows, post_commithook_properties=KEEP_LOGS, **{**how, "mode": "error", "schema_mode": None}
        )
        return 0
    table = DeltaTable(path, version=version)
    write_deltalake(table, rows, commit_properties=NEXT, post_commithook_properties=KEEP_LOGS, **how)
    return version + 1


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
