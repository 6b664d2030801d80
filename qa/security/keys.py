"""Keys of an installation, kept outside its database: whoever reads a database or a backup of it cannot use them.

One file in the home folder, readable by its owner alone. Backups do not hold it.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from qa.errors import Invalid
from qa.i18n import N_


def signing(path: Path, *, create: bool = True) -> bytes | None:
    """The key that signs the audit trail. Made the first time; None where there is none and none can be written."""
    if not path.exists():
        if not create:
            return None
        with suppress(OSError):
            _make(path)
    try:
        return bytes.fromhex(json.loads(path.read_text("utf-8"))["signing"])
    except OSError:
        return None
    except (ValueError, KeyError, TypeError) as problem:
        raise Invalid(N_("{file} is damaged: put back the copy of it that you keep."), file=str(path)) from problem


def _make(path: Path) -> None:
    """Write a new key file; of two processes that do so at once the first one's counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"signing": secrets.token_hex(32)}, file)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
