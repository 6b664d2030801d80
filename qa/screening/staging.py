"""Progress that survives a kill: finished ranges wait in a folder until all of them are published together.

A staging folder belongs to one plan, named by its fingerprint (which archive version, which rules, which ranges); a
plan that no longer fits is thrown away. Parts are written beside their name and renamed, so a part is whole or absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from qa.archive import conform
from qa.screening.work import ScreenedRows

MANIFEST = "plan.json"


def fingerprint(plan: Mapping[str, Any]) -> str:
    """Name of a plan: SHA-256 of its canonical JSON, in hex."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Staging:
    """The finished parts of one pass. `name` keeps the passes of a run apart."""

    def __init__(self, home: Path, name: str) -> None:
        self.folder = home / "screening" / name

    def plan(self) -> dict[str, Any] | None:
        """The plan that was interrupted, or None."""
        try:
            found = json.loads((self.folder / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Start over with `plan`."""
        self.discard()
        self.folder.mkdir(parents=True)
        _write(self.folder / MANIFEST, json.dumps(dict(plan), sort_keys=True, ensure_ascii=False).encode())

    def discard(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def done(self) -> set[int]:
        """Numbers of the ranges whose parts are whole."""
        return {int(path.stem.split("-")[1]) for path in self.folder.glob("done-*.json")}

    def keep(self, number: int, result: ScreenedRows) -> None:
        """Keep the result of one range."""
        for table, frame in (
            ("hits", result.hits),
            ("promises", result.promises),
            ("signals", result.signals),
            ("predictions", result.predictions),
        ):
            if not frame.is_empty():
                path = self.folder / f"{table}-{number:06d}.parquet"
                frame.write_parquet(path.with_suffix(".tmp"), compression="zstd", compression_level=1)
                os.replace(path.with_suffix(".tmp"), path)
        # written last: its presence says that the range is done
        _write(self.folder / f"done-{number:06d}.json", json.dumps({"messages": result.messages}).encode())

    def messages(self) -> int:
        """Messages read for all finished ranges."""
        return sum(int(json.loads(path.read_text())["messages"]) for path in self.folder.glob("done-*.json"))

    def parts(self, table: str, rows: int = 500_000) -> Iterator[pl.DataFrame]:
        """All rows of `table` in range order, joined into frames of about `rows`."""
        waiting: list[pl.DataFrame] = []
        for path in sorted(self.folder.glob(f"{table}-*.parquet")):
            waiting.append(conform(table, pl.read_parquet(path)))
            if sum(frame.height for frame in waiting) >= rows:
                yield pl.concat(waiting)
                waiting = []
        if waiting:
            yield pl.concat(waiting)

    def scan(self, table: str) -> pl.LazyFrame | None:
        """Lazy frame over all parts of `table`, None when there are none."""
        files = sorted(self.folder.glob(f"{table}-*.parquet"))
        return pl.scan_parquet(files) if files else None


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
