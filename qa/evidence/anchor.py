"""The anchor: one line per batch in a file beside the database, signed with a key that the database does not hold.

Whoever rewrites every seal in the database still has to rewrite this file and know the key. A line may also be printed
or sent away (`spotcheck seal`): the chain it names can be compared years later.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "anchor.jsonl"
TAIL = 8_192
"""Bytes that hold the last line."""


@dataclass(frozen=True)
class AnchorLine:
    """One batch as the anchor knows it."""

    epoch: str
    batch: int
    rows: int
    chain: str
    reason: str
    at: str


@dataclass(frozen=True)
class AnchorFile:
    """All lines, and the numbers (from 1) of those that cannot be read or whose signature is not ours."""

    lines: tuple[AnchorLine, ...]
    bad: tuple[int, ...]


def append(home: Path, line: AnchorLine, key: bytes) -> None:
    """Add a line, on disk before this returns."""
    text = json.dumps({**asdict(line), "mac": _mac(line, key)}, ensure_ascii=False) + "\n"
    handle = os.open(home / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read(home: Path, key: bytes | None) -> AnchorFile:
    """The anchor of this installation; empty when there is none yet. Without the key signatures are not looked at."""
    try:
        texts = (home / FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return AnchorFile((), ())
    lines, bad = [], []
    for number, text in enumerate(texts, start=1):
        try:
            line, mac = _parsed(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            bad.append(number)
            continue
        lines.append(line)
        if key is not None and not hmac.compare_digest(mac, _mac(line, key)):
            bad.append(number)
    return AnchorFile(tuple(lines), tuple(bad))


def last(home: Path) -> AnchorLine | None:
    """The last line that can be read, without reading those before it; its signature is not looked at."""
    try:
        with (home / FILE).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - TAIL, 0))
            texts = file.read().splitlines()
    except FileNotFoundError:
        return None
    for text in reversed(texts):
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            return _parsed(text)[0]
    return None


def _parsed(text: str | bytes) -> tuple[AnchorLine, str]:
    """A line and its signature. Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for what is none."""
    data = json.loads(text)
    mac = data.pop("mac")
    return AnchorLine(**data), mac


def _mac(line: AnchorLine, key: bytes) -> str:
    text = json.dumps(asdict(line), sort_keys=True, ensure_ascii=False)
    return hmac.new(key, b"anchor\n" + text.encode(), hashlib.sha256).hexdigest()
