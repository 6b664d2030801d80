"""What is read of a file of chats before anything is known of the archive: its rows, typed, and what is wrong with
them.

Depends on nothing but the file and a `ReadRequest`, so it is the same wherever it is done: in the import itself, piece
by piece, or on a worker of a cluster, the whole file before its turn comes (`ReadAhead`).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from qa.ingest import chats, reading
from qa.ingest.files.shape import RowBatch, Shape
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog
from qa.ingest.speakers import People
from qa.people.aliases import Alias
from qa.processes.cluster import Workers, workers

Cancel = Callable[[], bool]


@dataclass(frozen=True)
class HowRead:
    """What decides how the rows of a file are read. `accounts` and `aliases`: what the roster knows (`People`)."""

    mapping: Mapping
    nested: str
    zone: ZoneInfo
    business: ZoneInfo
    accounts: MappingOf[str, str]
    aliases: tuple[Alias, ...]

    def knowing(self, other: HowRead) -> HowRead:
        """The same with what `other` knows of the roster."""
        return replace(self, accounts=other.accounts, aliases=other.aliases)


@dataclass(frozen=True)
class ReadRequest:
    """A file and how it is read."""

    shape: Shape
    how: HowRead


@dataclass(frozen=True)
class ReadPiece:
    """Rows of messages as `qa.ingest.chats.read` gives them, of `rows` rows of the file; `share` of it read so far."""

    messages: pl.DataFrame
    rows: int
    share: float


@dataclass(frozen=True)
class ReadFile:
    """A file read whole: its pieces, the problems of its rows and the SHA-256 of its bytes."""

    pieces: tuple[ReadPiece, ...]
    problems: ProblemLog
    sha256: str


def read_pieces(how: HowRead, batches: Iterator[RowBatch], log: ProblemLog) -> Iterator[ReadPiece]:
    """Read the rows of a file piece by piece; what is wrong with them goes to `log`."""
    people = People(how.accounts, how.aliases)  # learns from the file
    for batch in batches:
        messages = chats.read(batch.frame, how.mapping, how.nested, how.zone, log, people, how.business)
        yield ReadPiece(messages, batch.frame.height, batch.share)


def read_file(_: None, request: ReadRequest) -> ReadFile:
    """Read a file whole: what a worker of a cluster does. Memory is that of its rows."""
    columns, digest = request.how.mapping.columns, hashlib.sha256()
    log = ProblemLog(columns)
    batches = reading.pieces(request.shape, columns.values(), log, tap=digest.update)
    return ReadFile(tuple(read_pieces(request.how, batches, log)), log, digest.hexdigest())


class ReadAhead:
    """Files that workers of a cluster read while those before them are written.

    What was read counts only for the very request it was read for: when an earlier file has taught the roster somebody,
    the files behind it are read again.
    """

    def __init__(self, machines: Workers, requests: Sequence[ReadRequest]) -> None:
        self._machines, self._waiting = machines, deque(requests)
        self._under_way: list[tuple[ReadRequest, Any]] = []
        self._done: tuple[ReadRequest, ReadFile] | None = None
        self._fill()

    def file(self, request: ReadRequest, cancel: Cancel) -> ReadFile | None:
        """What was read of a file for `request`; None for one that was not announced, or is asked for after one that
        was announced behind it."""
        if self._done is not None and self._done[0] == request:
            return self._done[1]
        place = request.shape.path
        if place not in [one.shape.path for one, _ in self._under_way] + [one.shape.path for one in self._waiting]:
            return None
        while self._under_way[0][0].shape.path != place:  # nobody asked for it: known already, or set aside
            self._under_way.pop(0)[1].cancel()
            self._fill()
        if self._under_way[0][0] != request:
            self._again(request)
        asked, started = self._under_way.pop(0)
        self._fill()
        found: ReadFile = self._machines.result(started, cancel)
        self._done = asked, found
        return self._done[1]

    def _again(self, request: ReadRequest) -> None:
        for _, started in self._under_way:
            started.cancel()
        behind = [one for one, _ in self._under_way[1:]]
        again = [request, *(ReadRequest(one.shape, one.how.knowing(request.how)) for one in behind)]
        self._waiting = deque(ReadRequest(one.shape, one.how.knowing(request.how)) for one in self._waiting)
        self._under_way = [(one, self._start(one)) for one in again]

    def _fill(self) -> None:
        while self._waiting and len(self._under_way) < self._machines.wide:
            request = self._waiting.popleft()
            self._under_way.append((request, self._start(request)))

    def _start(self, request: ReadRequest) -> Any:
        return self._machines.start(read_file, None, request)


@contextmanager
def read_ahead(address: str | None, requests: Sequence[ReadRequest]) -> Iterator[ReadAhead | None]:
    """Let the cluster at `address` read the files of `requests`, which are imported in this order; None without a
    cluster or with nothing to read."""
    if not address or not requests:
        yield None
        return
    with workers(address) as machines:
        yield ReadAhead(machines, requests)
