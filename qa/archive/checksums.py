"""Checksums of the archive's files: what each held when it became part of a version, to find what a disk or a hand
changed.

One file of lines a version, `checksums/<version>-<token>.jsonl` with path, bytes and SHA-256, written before the
version is published; the token keeps a version that was taken back apart from the one that took its number. Archives in
an object store have none: there the store answers for its objects. Knows files, not rows.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FOLDER = "checksums"
REMOVED = "removed-"
"""Lists of files that were removed on purpose; they are read after all others."""
GONE = -1
_LOG = "_delta_log"


class Harm(StrEnum):
    """What happened to a file."""

    MISSING = "missing"
    CHANGED = "changed"


@dataclass(frozen=True)
class Damage:
    """A file of the archive that is not what it was: `path` below the archive's folder, and its checksum of then."""

    path: str
    harm: Harm
    sha256: str

    @property
    def table(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def is_log(self) -> bool:
        """Whether it is a line of a table's history rather than rows: without it no row of that version can be
        found."""
        return f"/{_LOG}/" in self.path


@dataclass(frozen=True)
class FileCheck:
    """What a check found. `unlisted`: files of versions that were written before checksums were kept."""

    files: int
    bytes: int
    unlisted: int
    damaged: tuple[Damage, ...]


@dataclass(frozen=True)
class _Line:
    path: str
    bytes: int
    sha256: str


class Checksums:
    """The lists of one archive below `root` (a folder)."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.kept = "://" not in root

    def note(self, version: int, tables: Mapping[str, tuple[int, int]]) -> str:
        """List what the tables gained between two of their own versions (exclusive, inclusive); returns the list's
        name."""
        name = f"{version:08d}-{uuid.uuid4().hex}.jsonl"
        if self.kept:
            (self.root / FOLDER).mkdir(exist_ok=True)
            lines = [
                line for table, (before, after) in sorted(tables.items()) for line in self._gained(table, before, after)
            ]
            self._append(name, lines)
        return name

    def note_more(self, name: str, table: str, before: int, after: int) -> None:
        """Add what one more table gained to a list."""
        if self.kept:
            self._append(name, list(self._gained(table, before, after)))

    def note_all(self, tables: Iterable[str]) -> int:
        """List everything that is in no list yet: for archives older than the lists. Returns how many files that
        were."""
        known = self._listed()
        lines = [line for line in map(self._line, self._present(tables)) if line.path not in known]
        if lines:
            (self.root / FOLDER).mkdir(exist_ok=True)
            self._append(f"{0:08d}-{uuid.uuid4().hex}.jsonl", lines)
        return len(lines)

    def note_removed(self, version: int, files: Iterable[Path]) -> None:
        """Say that files were removed on purpose: they are not missed any more."""
        lines = [_Line(file.relative_to(self.root).as_posix(), GONE, "") for file in files]
        if lines and self.kept:
            (self.root / FOLDER).mkdir(exist_ok=True)
            self._append(f"{REMOVED}{version:08d}-{uuid.uuid4().hex}.jsonl", lines)

    def check(self, tables: Iterable[str], *, deep: bool = True) -> FileCheck:
        """Compare every listed file with its line: its size alone, or with `deep` every byte."""
        if not self.kept:
            return FileCheck(0, 0, 0, ())
        listed = self._listed()
        damaged = [damage for line in listed.values() if (damage := self._look(line, deep)) is not None]
        unlisted = sum(path.relative_to(self.root).as_posix() not in listed for path in self._present(tables))
        return FileCheck(len(listed), sum(line.bytes for line in listed.values()), unlisted, tuple(damaged))

    def _look(self, line: _Line, deep: bool) -> Damage | None:
        path = self.root / line.path
        try:
            size = path.stat().st_size
            if size != line.bytes or (deep and digest(path) != line.sha256):
                return Damage(line.path, Harm.CHANGED, line.sha256)
        except OSError:
            return Damage(line.path, Harm.MISSING, line.sha256)
        return None

    def _listed(self) -> dict[str, _Line]:
        found: dict[str, _Line] = {}
        for file in sorted((self.root / FOLDER).glob("*.jsonl")):
            for text in file.read_text("utf-8").splitlines():
                line = _Line(*json.loads(text))
                if line.bytes == GONE:
                    found.pop(line.path, None)
                elif line.path.endswith(".parquet") and f"/{_LOG}/" not in line.path:
                    # rows are written once, under a name of their own: a later list that says otherwise is not ours
                    found.setdefault(line.path, line)
                else:
                    found[line.path] = line
        return found

    def _present(self, tables: Iterable[str]) -> Iterator[Path]:
        for table in tables:
            for path in sorted((self.root / table).rglob("*")):
                if path.is_file() and path.name != "_last_checkpoint":
                    yield path

    def _gained(self, table: str, before: int, after: int) -> Iterator[_Line]:
        log = self.root / table / _LOG
        for version in range(before + 1, after + 1):
            commit = log / f"{version:020d}.json"
            yield self._line(commit)
            for text in commit.read_text("utf-8").splitlines():
                added = json.loads(text).get("add")
                if added is not None:
                    yield self._line(self.root / table / added["path"])
            yield from (self._line(path) for path in sorted(log.glob(f"{version:020d}.checkpoint*.parquet")))

    def _line(self, path: Path) -> _Line:
        return _Line(path.relative_to(self.root).as_posix(), path.stat().st_size, digest(path))

    def _append(self, name: str, lines: list[_Line]) -> None:
        with (self.root / FOLDER / name).open("a", encoding="utf-8") as file:
            file.writelines(
                json.dumps([line.path, line.bytes, line.sha256], ensure_ascii=False) + "\n" for line in lines
            )
            file.flush()
            os.fsync(file.fileno())


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
