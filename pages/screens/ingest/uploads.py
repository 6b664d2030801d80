"""Uploaded files on disk: kept while their import is prepared, removed when it is over. Knows no Streamlit."""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from qa.jobs import uploads

OLD = timedelta(days=1)
"""What is left of a closed browser or a killed server is removed after this long, at the next upload."""


def keep(home: Path, uploaded: Any, now: datetime) -> Path:
    """The upload (`file_id`, `name`, `getbuffer()`) as a file that outlives reruns; the same upload is written once."""
    folder = uploads(home) / hashlib.sha256(str(uploaded.file_id).encode()).hexdigest()[:16]
    path = folder / Path(uploaded.name).name
    if not path.exists():
        sweep(home, now)
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        partial.write_bytes(uploaded.getbuffer())
        partial.rename(path)
    return path


def discard(home: Path, path: Path) -> None:
    """Remove an upload. A file of the server that was named by its path stays."""
    if path.parent.parent == uploads(home):
        shutil.rmtree(path.parent, ignore_errors=True)


def sweep(home: Path, now: datetime) -> None:
    """Remove old uploads and what killed previews left."""
    for folder in (*uploads(home).glob("*"), *(home / "tmp").glob("spotcheck-preview-*")):
        if folder.is_dir() and folder.stat().st_mtime < (now - OLD).timestamp():
            shutil.rmtree(folder, ignore_errors=True)
