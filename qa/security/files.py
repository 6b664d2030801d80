"""Files of an installation are for the account that runs it alone: folders 0700, files 0600."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

FOLDER = 0o700


def from_now_on() -> None:
    """Whatever this process writes from now on can be read by its own account alone; for processes of ours, at their
    start."""
    os.umask(0o077)


def home(folder: Path, database: Path | None) -> None:
    """Close an installation's folder, made where it is missing, and its database; left alone where that is not ours to
    do."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        close(folder)
        if database is not None:
            for suffix in ("", "-wal", "-shm"):
                close(database.with_name(database.name + suffix))


def everything(folder: Path) -> int:
    """Close everything below `folder` and say how much was open; links are not followed."""
    return sum(close(path) for path in (folder, *folder.rglob("*")) if not path.is_symlink())


def is_open(path: Path) -> bool:
    """Whether other accounts may do something with the path."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)


def close(path: Path) -> bool:
    """Close one file or folder; True when it was open."""
    try:
        mode = path.stat().st_mode
        if not is_open(path) or mode & stat.S_ISVTX or path.parent == path:  # a folder of the system is none of ours
            return False
        path.chmod(stat.S_IMODE(mode) & ~0o077)
    except OSError:  # gone, or somebody else's
        return False
    return True
