"""The Parquet files of a table: written to be adopted, and many small ones merged into few.

A nightly import leaves a small file in every table, and every look at a table opens all of them. Files are never
changed: merged ones take the place of the small ones in the newest version, earlier versions keep theirs.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.transaction import AddAction, RemoveAction

from qa.archive.schema import KEYS, conform

FACTS = "spotcheck"
KEEP_LOGS = PostCommitHookProperties(cleanup_expired_logs=False)
"""By default a checkpoint removes log entries older than 30 days, without which no earlier version can be read."""
NEXT = CommitProperties(max_commit_retries=0)
"""A commit that becomes the version after the one it was prepared on, or fails."""
SMALL = 4 << 20
"""Bytes below which a file is small."""
MANY = 24
"""So many small files are merged; fewer are not worth the second copy that earlier versions keep."""
MERGED = 16 << 20
"""Bytes of small files that make one: what they hold must fit into memory."""


def stage(table: str, frame: pl.DataFrame, folder: Path) -> Path:
    """Write `frame`, brought to the columns of `table`, as a Parquet file in `folder` for `ArchiveChange.adopt`."""
    rows = conform(table, frame).rechunk()  # the bytes follow from the rows, not from the pieces they came in
    return _staged(rows, KEYS[table], folder)


def _staged(rows: pl.DataFrame, key: str, folder: Path) -> Path:
    file = folder / f"part-{uuid.uuid4()}.parquet"
    # Bounds of the key stand in the log, where readers skip files by them; those of the other columns cost more than
    # they save.
    bounds = rows[key]
    facts = {"rows": rows.height, "low": bounds.min(), "high": bounds.max(), "nulls": bounds.null_count()}
    rows.write_parquet(
        file, compression="zstd", compression_level=1, statistics=False, metadata={FACTS: json.dumps(facts)}
    )
    return file


def moved(file: Path, folder: Path, key: str, *, change: bool = True) -> AddAction:
    """Move a file that `stage` wrote into the table at `folder`; what its log is to say. `change`: whether its rows are
    new to the table."""
    facts = json.loads(pl.read_parquet_metadata(file)[FACTS])
    stats: dict[str, object] = {"numRecords": facts["rows"]}
    if facts["low"] is not None:
        bounds = {"minValues": {key: facts["low"]}, "maxValues": {key: facts["high"]}}
        stats |= {**bounds, "nullCount": {key: facts["nulls"]}}
    with file.open("rb") as handle:  # a commit must never name bytes that a power cut could still lose
        os.fsync(handle.fileno())
    status = file.stat()
    os.replace(file, folder / file.name)
    return AddAction(file.name, status.st_size, {}, int(status.st_mtime * 1000), change, json.dumps(stats))


def merge_small(path: str, key: str, columns: Callable[[pl.DataFrame], pl.DataFrame], folder: Path) -> int:
    """Write the small files of the table at `path` anew as few, in one commit; returns how many were merged.

    `columns` brings rows to the columns of today, `folder` is where files wait. Nothing is done for a table of few
    small files, or of an object store.
    """
    if "://" in path or not DeltaTable.is_deltatable(path):
        return 0
    delta = DeltaTable(path)
    known = pl.DataFrame(delta.get_add_actions(flatten=True)).select("path", "size_bytes").sort("path")
    small = known.filter(pl.col("size_bytes") < SMALL)
    if small.height < MANY:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    actions: list[AddAction | RemoveAction] = []
    for names in _bins(small):
        rows = pl.concat([columns(pl.read_parquet(Path(path) / name)) for name in names]).sort(key, maintain_order=True)
        made = moved(_staged(rows, key, folder), Path(path), key, change=False)
        actions += [made, *(RemoveAction(name, False, made.modification_time) for name in names)]
    delta.create_write_transaction(
        actions, "append", delta.schema(), commit_properties=NEXT, post_commithook_properties=KEEP_LOGS
    )
    return small.height


def _bins(small: pl.DataFrame) -> Iterator[list[str]]:
    """Names of files that are to become one."""
    number = (pl.col("size_bytes").cum_sum() // MERGED).alias("bin")
    for _, files in small.with_columns(number).group_by("bin", maintain_order=True):
        yield files["path"].to_list()
