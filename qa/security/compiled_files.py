"""Compiled searches in the cache folder of the account that runs us, readable by that account alone."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from qa.security import files

KEPT = 64
"""Files; the ones used longest ago go first."""


def of_account() -> CompiledFiles | None:
    """In `$XDG_CACHE_HOME/spotcheck`, by default `~/.cache/spotcheck`; None for an account without a home."""
    with suppress(RuntimeError):
        return CompiledFiles(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spotcheck")
    return None


@dataclass(frozen=True)
class CompiledFiles:
    """A `scoring.compiled.CompiledStore` of files. A folder that cannot be written keeps nothing and disturbs
    nobody."""

    folder: Path

    def get(self, key: str) -> bytes | None:
        data = None
        with suppress(OSError):
            data = (self.folder / key).read_bytes()
            os.utime(self.folder / key)
        return data

    def put(self, key: str, data: bytes) -> None:
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=files.FOLDER)
            half = self.folder / f".{token_hex(8)}"
            half.write_bytes(data)
            files.close(half)
            half.replace(self.folder / key)
            used = [(path.stat().st_mtime_ns, path) for path in self.folder.iterdir()]
            for _, path in sorted(used)[:-KEPT]:
                path.unlink()
