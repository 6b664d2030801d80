"""A whole archive that waits inside the folder of another one to take its place.

It waits in a folder of its own until whoever brought it has decided, in the database, that it counts; then everything
old moves out and everything new moves in. Each step is one rename and can be repeated, so a process killed between two
of them is finished by the next one. Knows folders, not tables.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_WAITING, _ENTERING, _LEAVING = ".incoming", ".entering", ".leaving"


@dataclass(frozen=True)
class Arrival:
    """The newcomer in the archive at `root` (a folder)."""

    root: str

    def waiting(self) -> bool:
        """Whether there is one, whole or not."""
        return "://" not in self.root and any((self._in(name)).exists() for name in (_WAITING, _ENTERING))

    def prepare(self) -> Path:
        """An empty folder for the newcomer's files."""
        self.discard()
        shutil.rmtree(self._in(_LEAVING), ignore_errors=True)
        self._in(_WAITING).mkdir(parents=True)
        return self._in(_WAITING)

    def discard(self) -> None:
        """Remove a newcomer that does not count."""
        shutil.rmtree(self._in(_WAITING), ignore_errors=True)

    def enter(self) -> None:
        """Put the newcomer in the place of everything here. Does nothing when it has entered already."""
        root = Path(self.root)
        if self._in(_WAITING).exists():
            self._in(_LEAVING).mkdir(exist_ok=True)
            for entry in _visible(root):
                os.replace(entry, self._in(_LEAVING) / entry.name)
            os.replace(self._in(_WAITING), self._in(_ENTERING))
            sync_folder(root)
        if self._in(_ENTERING).exists():
            for entry in _visible(self._in(_ENTERING)):
                os.replace(entry, root / entry.name)
            sync_folder(root)
            self._in(_ENTERING).rmdir()
        shutil.rmtree(self._in(_LEAVING), ignore_errors=True)

    def _in(self, name: str) -> Path:
        return Path(self.root) / name


def _visible(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
