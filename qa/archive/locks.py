"""Locks on files: one process at a time, on every system, freed by itself when its holder dies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(file: Path) -> Iterator[bool]:
    """Hold the lock `file` inside the block: True when it was free, False at once when somebody else holds it.

    Raises `OSError` when the file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
