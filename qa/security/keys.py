"""Keys of an installation, kept outside its database: whoever reads a database or a backup of it cannot use them.

One file in the home folder, readable by its owner alone: the key that signs the audit trail, and those that seal seeds,
newest first. Backups do not hold it: it is copied by itself and kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_

SIGNING, SEEDS = "signing", "seeds"


@dataclass(frozen=True)
class SeedKey:
    """A key that seals seeds: its public name, and 32 secret bytes."""

    id: str
    secret: bytes


def signing(path: Path, *, create: bool = True) -> bytes | None:
    """The key that signs the audit trail. Made the first time; None where there is none and none can be written."""
    data = _read_or_make(path, create)
    return None if data is None else _bytes(path, data, SIGNING)


def seeds(path: Path, *, create: bool = True) -> tuple[SeedKey, ...]:
    """The keys that seal seeds, newest first. The first one is made when it is missing; none where that cannot be."""
    data = _read_or_make(path, create)
    if data is None:
        return ()
    if SEEDS not in data and create:
        with suppress(OSError):
            data = {**data, SEEDS: [_new_seed_key()]}
            _write(path, data)
    try:
        return tuple(SeedKey(str(one["id"]), bytes.fromhex(one["key"])) for one in data.get(SEEDS, ()))
    except (ValueError, KeyError, TypeError) as problem:
        raise _damaged(path) from problem


def rotate(path: Path) -> tuple[SeedKey, ...]:
    """Put a new key before the others; `forget_old` when everything is sealed with it."""
    seeds(path)
    data = _load(path)
    _write(path, {**data, SEEDS: [_new_seed_key(), *data[SEEDS]]})
    return seeds(path)


def forget_old(path: Path) -> None:
    """Keep the newest key that seals seeds alone."""
    data = _load(path)
    _write(path, {**data, SEEDS: data[SEEDS][:1]})


def copy_to(path: Path, target: Path) -> str:
    """Copy the key file to a place outside the installation; returns its fingerprint. Raises `Conflict` when there is a
    file."""
    data = _load(path)
    if target.exists():
        raise Conflict(N_("{file} is there already; choose another name."), file=str(target))
    _write(target, data)
    return fingerprint(target)


def bring_back(path: Path, source: Path) -> Path | None:
    """Put a copy of the key file in place. What was there is kept beside it; returns where, or None."""
    data = _load(source)
    _bytes(source, data, SIGNING)
    aside = None
    if path.exists():
        if _load(path) == data:
            return None
        aside = path.with_name(f"{path.name}.{fingerprint(path)}")
        path.replace(aside)
    _write(path, data)
    return aside


def fingerprint(path: Path) -> str:
    """What names a key file without telling it: compare it with the one on the copy."""
    return hashlib.sha256(json.dumps(_load(path), sort_keys=True).encode()).hexdigest()[:12]


def _new_seed_key() -> dict[str, str]:
    return {"id": secrets.token_hex(2), "key": secrets.token_hex(32)}


def _read_or_make(path: Path, create: bool) -> dict[str, Any] | None:
    if not path.exists():
        if not create:
            return None
        with suppress(OSError):
            _make(path)
    try:
        return _load(path)
    except NotFound:
        return None


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise NotFound(N_("The key file {file} cannot be read."), file=str(path)) from problem
    except ValueError as problem:
        raise _damaged(path) from problem
    if not isinstance(data, dict):
        raise _damaged(path)
    return data


def _bytes(path: Path, data: dict[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(data[name])
    except (ValueError, KeyError, TypeError) as problem:
        raise _damaged(path) from problem


def _damaged(path: Path) -> Invalid:
    return Invalid(N_("{file} is damaged: put back the copy of it that you keep."), file=str(path))


def _make(path: Path) -> None:
    """Write a new key file; of two processes that do so at once the first one's counts."""
    draft = _draft(path, {SIGNING: secrets.token_hex(32), SEEDS: [_new_seed_key()]})
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _write(path: Path, data: dict[str, Any]) -> None:
    _draft(path, data).replace(path)


def _draft(path: Path, data: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    return draft
