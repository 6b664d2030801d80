"""The search index of the archive's messages: kept beside the archive, built from it at any time, never asked twice.

It is a list of pieces (`qa.conversations.segments`) and a manifest that names them with the version of the messages
they hold. Bringing it up to date replaces the pieces in which a conversation has changed or gone, and adds what is new;
the manifest is written last, so whoever reads meanwhile reads the old state. What an import that was taken back brought
is in no file any more when the update ends. An index that is behind is not asked: `qa.conversations.matching` reads the
archive instead.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
import polars as pl

from qa.archive import Snapshot
from qa.archive.locks import alone
from qa.archive.ranges import cut, message_files
from qa.conversations import segments
from qa.conversations.segments import MOST_ROWS, ROWS, IndexPiece
from qa.errors import Busy, Cancelled
from qa.i18n import N_
from qa.processes import cluster
from qa.workbench import Workbench

VERSION = 1
MANIFEST = "manifest.json"
FULL = MOST_ROWS * 3 // 4
"""A piece below this takes in more when there is something to add."""
Progress = Callable[[float, str], None]


class IndexState(StrEnum):
    """How the index stands to the archive."""

    READY = "ready"
    BEHIND = "behind"
    MISSING = "missing"
    EMPTY = "empty"
    """There is nothing to search yet."""


@dataclass(frozen=True)
class IndexManifest:
    """What the index holds; `archive` names the files it was made of (`fingerprint`)."""

    archive: str
    segments: tuple[str, ...]


@dataclass(frozen=True)
class Updated:
    """What bringing the index up to date did: conversations taken in and taken out, and messages it holds now."""

    added: int
    removed: int
    messages: int


@dataclass(frozen=True)
class Index:
    """The index in `folder`."""

    folder: Path

    def manifest(self) -> IndexManifest | None:
        """What it holds; None when there is none that this version can read."""
        try:
            return msgspec.json.decode((self.folder / MANIFEST).read_bytes(), type=IndexManifest)
        except (OSError, msgspec.MsgspecError):
            return None

    def segments(self, manifest: IndexManifest) -> tuple[IndexPiece, ...]:
        """Its pieces. Raises `OSError` or `ValueError` when one is missing or broken."""
        return tuple(segments.read(self.folder / name) for name in manifest.segments)


def of(bench: Workbench) -> Index:
    """The index of an installation."""
    return Index(bench.config.home / "search" / f"conversations-{VERSION}")


def fingerprint(snapshot: Snapshot) -> str:
    """A name for the conversations and messages of an archive: of their files, because a restored archive may count its
    versions anew."""
    names = sorted(uri.rsplit("/", 1)[-1] for table in ("messages", "conversations") for uri in snapshot.files(table))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]


def state(bench: Workbench, snapshot: Snapshot | None = None, archive: str = "") -> IndexState:
    """How the index stands to the archive as it is; `archive` is its fingerprint where it is known."""
    snapshot = snapshot or bench.archive.at()
    if snapshot.tables["messages"] < 0:
        return IndexState.EMPTY
    manifest = of(bench).manifest()
    if manifest is None:
        return IndexState.MISSING
    return IndexState.READY if _holds(manifest, archive or fingerprint(snapshot)) else IndexState.BEHIND


def ready(bench: Workbench, archive: str) -> IndexManifest | None:
    """What the index holds, when it is the archive with this fingerprint."""
    manifest = of(bench).manifest()
    return manifest if manifest is not None and _holds(manifest, archive) else None


def opened(bench: Workbench, manifest: IndexManifest) -> tuple[IndexPiece, ...] | None:
    """The pieces of the index; None when one is missing or broken."""
    try:
        return of(bench).segments(manifest)
    except (OSError, ValueError):
        return None


def _holds(manifest: IndexManifest, archive: str) -> bool:
    return manifest.archive == archive


# bringing it up to date


def update(
    bench: Workbench, *, again: bool = False, progress: Progress | None = None, cancel: Callable[[], bool] | None = None
) -> Updated:
    """Make the index hold what the archive holds. `again`: build it anew, whatever is there.

    Raises `Busy` when somebody else is at it, `Cancelled` when `cancel` says so: the index is as it was then.
    """
    index, snapshot = of(bench), bench.archive.at()
    index.folder.mkdir(parents=True, exist_ok=True)
    with alone(index.folder / ".lock") as mine:
        if not mine:
            raise Busy(N_("The search index is being built by somebody else; wait for that."))
        if not again and state(bench, snapshot) is IndexState.READY and _kept(index) is not None:
            return Updated(0, 0, snapshot.count("messages"))
        work = _Update(index.folder, snapshot, None if again else _kept(index), bench.config.cluster, progress, cancel)
        try:
            return work.run()
        except BaseException:
            work.drop()
            raise
        finally:
            _sweep(index)


def _kept(index: Index) -> tuple[IndexManifest, tuple[IndexPiece, ...]] | None:
    """What need not be made again."""
    manifest = index.manifest()
    if manifest is None:
        return None
    try:
        return manifest, index.segments(manifest)
    except (OSError, ValueError):
        return None


def _sweep(index: Index) -> None:
    """Remove pieces that the manifest does not name, those of an update that was killed too."""
    manifest = index.manifest()
    named = set(manifest.segments) if manifest else set()
    for folder in index.folder.iterdir():
        if folder.is_dir() and folder.name not in named:
            shutil.rmtree(folder, ignore_errors=True)


class _Update:
    """One bringing up to date, from `kept` to `snapshot`."""

    def __init__(
        self,
        folder: Path,
        snapshot: Snapshot,
        kept: tuple[IndexManifest, tuple[IndexPiece, ...]] | None,
        address: str,
        progress: Progress | None,
        cancel: Callable[[], bool] | None,
    ) -> None:
        self._folder, self._snapshot = folder, snapshot
        self._names = kept[0].segments if kept else ()
        self._pieces = kept[1] if kept else ()
        self._cluster, self._tell, self._cancel = address, progress, cancel
        self._made: list[str] = []

    def run(self) -> Updated:
        known = _known(self._pieces)
        now = _conversations(self._snapshot, known)
        gone = known.join(now, on=["conversation_key", "digest", "customer"], how="anti", nulls_equal=True)
        fresh = now.join(known, on=["conversation_key", "digest", "customer"], how="anti", nulls_equal=True)
        touched = set(gone["piece"].to_list())
        if not fresh.is_empty():
            touched |= {at for at, piece in enumerate(self._pieces) if piece.height < FULL}
        rows = _full(self._rows(sorted(touched), gone, fresh))
        for made in cluster.each(self._cluster, _made, None, rows, self._cancel):
            self._made.append(segments.write(made, self._folder))
        names = [name for at, name in enumerate(self._names) if at not in touched] + self._made
        self._publish(tuple(names))
        return Updated(
            fresh["conversation_key"].n_unique(), gone["conversation_key"].n_unique(), self._snapshot.count("messages")
        )

    def drop(self) -> None:
        """Leave nothing of an update that was not finished."""
        for name in self._made:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _rows(self, touched: list[int], gone: pl.DataFrame, fresh: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """All messages that need a place: of pieces that are replaced, then those that are new."""
        for at in touched:
            yield _rows_of(self._pieces[at], gone["conversation_key"])
        if fresh.is_empty():
            return
        wanted = fresh.select("conversation_key", "customer").lazy()
        ranges = cut(message_files(self._snapshot, wanted), MOST_ROWS)
        for at, part in enumerate(ranges):
            if self._cancel is not None and self._cancel():
                raise Cancelled(N_("The work was stopped; nothing was written."))
            if self._tell is not None:
                self._tell(at / len(ranges), "")
            rows = part.scan().select("conversation_key", "seq", "role", pl.col("text").fill_null(""))
            found = rows.join(wanted, on="conversation_key", how="inner").select(list(ROWS))
            yield found.collect().sort("conversation_key", "seq")

    def _publish(self, names: tuple[str, ...]) -> None:
        text = msgspec.json.encode(IndexManifest(fingerprint(self._snapshot), names))
        draft = self._folder / f"{MANIFEST}.part"
        draft.write_bytes(text)
        draft.replace(self._folder / MANIFEST)


def _made(_: None, rows: pl.DataFrame) -> IndexPiece:
    """What runs here or on a worker of a cluster."""
    return segments.make(rows)


def _full(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The rows of `parts`, one after the other, as those of pieces: full ones, and the rest at the end."""
    rows = pl.DataFrame(schema=ROWS)
    for part in parts:
        rows = pl.concat([rows, part])
        while rows.height > MOST_ROWS:
            size = _cut_at(rows["conversation_key"])
            yield rows[:size]
            rows = rows[size:]
    if rows.height:
        yield rows


def _cut_at(keys: pl.Series) -> int:
    """How many of the first rows make a piece: whole conversations, unless one alone is more than a piece."""
    if len(keys) <= MOST_ROWS:
        return len(keys)
    others = (keys[:MOST_ROWS] != keys[MOST_ROWS]).arg_true()
    return int(others[-1]) + 1 if len(others) else MOST_ROWS


def _known(pieces: tuple[IndexPiece, ...]) -> pl.DataFrame:
    frames = [
        piece.chats.select("conversation_key", "customer", "digest", piece=pl.lit(at, pl.Int32))
        for at, piece in enumerate(pieces)
    ]
    schema = {"conversation_key": pl.String, "customer": pl.String, "digest": pl.UInt64, "piece": pl.Int32}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def _conversations(snapshot: Snapshot, known: pl.DataFrame) -> pl.DataFrame:
    """`conversation_key`, `customer`, `digest` of every conversation that has messages; the digest only matters, and is
    only made, where something is known already."""
    names = snapshot.scan("conversations").select("conversation_key", customer="customer_id")
    messages = snapshot.scan("messages").select("conversation_key", "seq", "role", pl.col("text").fill_null(""))
    if known.is_empty():
        keys = messages.select("conversation_key").unique()
        return keys.join(names, on="conversation_key", how="left").with_columns(digest=pl.lit(0, pl.UInt64)).collect()
    digests = segments.digested(messages.with_columns(customer=pl.lit(None, pl.String))).drop("customer")
    return digests.join(names, on="conversation_key", how="left").collect(engine="streaming")


def _rows_of(piece: IndexPiece, without: pl.Series) -> pl.DataFrame:
    """The messages of a piece, as it was made of them, but those of some conversations."""
    owner = piece.chats.select(pl.col("conversation_key", "customer").repeat_by("count")).explode(
        "conversation_key", "customer"
    )
    rows = pl.concat([owner, piece.texts], how="horizontal").select(list(ROWS))
    return rows.filter(~pl.col("conversation_key").is_in(without.implode()))
