"""What a backup says of itself: the manifest with every file's checksum, and where backups of an installation lie.

Making and restoring backups is `qa.upkeep.backup`; this is what others may know of them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qa.errors import Invalid, NotFound, SpotcheckError
from qa.i18n import N_

MANIFEST = "manifest.json"
DATABASE = "workbench.db"
ARCHIVE = "archive"
CHANGED = N_("The backup is damaged: {file} was changed after it was made.")


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `files` maps paths to (bytes, SHA-256)."""

    made_at: str
    revision: str
    archive_version: int | None
    """None when the archive is in an object store, which is not copied."""
    users: int
    files: dict[str, tuple[int, str]]

    @property
    def bytes(self) -> int:
        return sum(size for size, _ in self.files.values())


def read(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`. Raises `NotFound`, or `Invalid` for one that cannot be read."""
    try:
        data = json.loads((folder / MANIFEST).read_text("utf-8"))
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in data["files"].items()}
        version, users = data["archive_version"], data["users"]
        if not all(type(number) is int and number >= 0 for number in (0 if version is None else version, users)):
            raise ValueError((version, users))
        return Manifest(str(data["made_at"]), str(data["revision"]), version, users, files)
    except OSError as problem:
        raise NotFound(N_("There is no backup in {place}."), place=str(folder)) from problem
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise Invalid(CHANGED, file=MANIFEST) from problem


def own_folder(home: Path) -> Path:
    """Where backups of the installation in `home` go when no place is named."""
    return home / "backups"


def found(home: Path) -> list[tuple[str, Manifest]]:
    """The backups in the installation's own folder, newest first: name and manifest. Unreadable ones are left out."""
    backups = []
    for folder in sorted(own_folder(home).glob("*/"), reverse=True):
        with suppress(SpotcheckError):
            backups.append((folder.name, read(folder)))
    return backups
