"""What a loader is asked for, where it writes, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from qa.archive import Snapshot, empty
from qa.ingest import silence
from qa.ingest.chat_reading import HowRead, ReadFile
from qa.ingest.mapping import Mapping
from qa.ingest.speakers import People

SAMPLE_ROWS = 30


CHANGES = dict.fromkeys(("field", "key", "old", "new"), pl.String)


AGENTS = {"agent_id": pl.String, "name": pl.String, "file_row": pl.Int64}


class Sink(Protocol):
    """Where rows go."""

    before: Snapshot

    def now(self) -> Snapshot: ...
    def staging(self) -> Path: ...
    def append(self, table: str, frame: pl.DataFrame) -> None: ...
    def adopt(self, table: str, files: Sequence[Path]) -> None: ...
    def remove(self, table: str, keys: pl.Series, column: str | None = None) -> None: ...


class OnTop:
    """A sink that is read at another state than the one it began with."""

    def __init__(self, sink: Sink, before: Any) -> None:
        self._sink, self.before = sink, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)


@dataclass(frozen=True)
class ImportCounts:
    """`rows` of the file; records (conversations, disputes, …) `new`, `changed`, `unchanged`; rows left out (`bad`);
    `warnings`; `duplicates` inside the file; `messages` written or to be written; known conversations that get more
    messages (`extended`); conversations of which rows were refused (`incomplete`), or all of them (`left_out`)."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    bad: int = 0
    warnings: int = 0
    duplicates: int = 0
    messages: int = 0
    new_agents: int = 0
    extended: int = 0
    incomplete: int = 0
    left_out: int = 0
    joined: int = 0

    def to_dict(self) -> dict[str, int]:
        return dict(self.__dict__)


@dataclass(frozen=True)
class LoadRequest:
    """What to load and how to read it."""

    kind: str
    source: str
    import_id: int
    mapping: Mapping
    nested: str
    zone: ZoneInfo
    business: ZoneInfo
    progress: Callable[[float, str], None] = field(default=lambda share, what: None)
    cancel: Callable[[], bool] = field(default=lambda: False)
    source_mark: str = ""
    gap: timedelta = silence.USUAL
    gap_given: bool = False
    pinned: silence.Pinned = field(default=lambda keys: set())
    people: People = field(default_factory=People)
    restated: pl.DataFrame | None = None
    """Key and `known_hash` of what an earlier import of the very same file brought and this one reads
    anew."""
    place: tuple[str, str] | None = None
    """The connector that brought it, and how far that has come: kept with the rows."""
    id_key: bytes = b""
    """What makes ids opaque that are derived."""
    read: ReadFile | None = None
    """The file, where it was read already."""

    def how_read(self) -> HowRead:
        """What decides how the rows of chats are read."""
        known = self.people
        return HowRead(self.mapping, self.nested, self.zone, self.business, known.accounts, tuple(known.aliases))


@dataclass(frozen=True)
class LoadedFile:
    """What came of it: the agents named in the rows that were let in, a sample of records, what it changes in what was
    there."""

    counts: ImportCounts
    agents: pl.DataFrame
    sample: pl.DataFrame
    changes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CHANGES))
    transcript: pl.DataFrame = field(default_factory=lambda: empty("messages"))
    """One chat as it would be stored, for a preview to show."""


def counts_of(frame: pl.DataFrame, rows: int, duplicates: int, messages: int = 0) -> ImportCounts:
    by = dict(frame.group_by("state").len().iter_rows())
    return ImportCounts(
        rows=rows,
        new=by.get("new", 0),
        changed=by.get("changed", 0),
        unchanged=by.get("unchanged", 0),
        duplicates=duplicates,
        messages=messages,
    )


def compared(rows: pl.DataFrame, key: str, restated: pl.DataFrame | None) -> pl.DataFrame:
    """`rows` with the state of records that are read anew as against what the archive knew of them."""
    if restated is None or restated.is_empty():
        return rows
    both = rows.join(restated, on=key, how="left", maintain_order="left")
    read_anew = pl.col("known_hash").is_not_null() & (pl.col("state") == "new")
    same = pl.col("content_hash") == pl.col("known_hash")
    state = pl.when(same).then(pl.lit("unchanged")).otherwise(pl.lit("changed"))
    return both.with_columns(state=pl.when(read_anew).then(state).otherwise("state"))
