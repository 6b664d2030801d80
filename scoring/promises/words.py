"""The word lists of `scoring/data/promises` as expressions that Polars searches with."""

from __future__ import annotations

import hashlib
import re
import string
import tomllib
from collections.abc import Iterable
from importlib.resources import files

from scoring.label import Label
from scoring.promises.cues import cues

_CONTENT = (files("scoring") / "data/promises/default.toml").read_bytes()
_DATA = tomllib.loads(_CONTENT.decode())
READING = 3
"""Raised when promises are read otherwise from the same word lists."""
PROMISE_WORDS_HASH = hashlib.sha256(_CONTENT + bytes([READING])).hexdigest()[:16]
"""Names the word lists and their reading: finds of another name are out of date."""

WIDE = {chr(n): chr(n - 0xFEE0).lower() for n in range(0xFF10, 0xFF5B) if n not in (0xFF1B, 0xFF1F)} | {"’": "'"}
_BORDER = r"(?-u:\b)"
CAPITALS = dict(zip(string.ascii_uppercase, string.ascii_lowercase, strict=True))
CONTROLS = {"\0": " ", "\1": " "}
FOLD: dict[str, str] = dict(zip(_DATA["fold"]["from"], _DATA["fold"]["to"], strict=True)) | WIDE | CAPITALS | CONTROLS
"""Traditional characters, full-width digits, capital and full-width letters to what the lists are written in, one for
one; and away with what marks cuts."""


def _typed(pattern: str) -> str:
    """English also as it is typed in a hurry: u, ur, cant. Words end by ASCII: the search stays an automaton."""
    hurried = re.sub(r"(?<![a-z\[])you(?![a-z])", r"(?:you|ya|\\bu\\b)", pattern)
    return re.sub(r"(?<![a-z\[])your(?![a-z])", "(?:your|ur)", hurried).replace("n't", "n'?t").replace(r"\b", _BORDER)


def _any(patterns: Iterable[str]) -> str:
    return _typed("|".join(patterns))


KINDS: tuple[str, ...] = tuple(kind["id"] for kind in _DATA["kind"])
ACTIONS: dict[str, str] = {kind["id"]: _any(kind["action"]) for kind in _DATA["kind"]}
"""By kind, what is promised."""
NOT_OF_KIND: dict[str, str] = {kind["id"]: _typed(kind["not"]) for kind in _DATA["kind"] if "not" in kind}
"""By kind, what makes the same words another thing."""
MARK, TIME = _any(_DATA["words"]["mark"]), _any(_DATA["words"]["time"])
MONEY: str = _DATA["words"]["money"]
BLOCKS: dict[str, str] = {name: _typed(pattern) for name, pattern in _DATA["blocks"].items()}
CUES: list[str] = sorted(frozenset().union(*(cues(action.replace(_BORDER, r"\b")) for action in ACTIONS.values())))
"""Strings of which every text that names an action holds one, folded."""


def kind_label(kind: str) -> Label:
    """The kind's name in both languages."""
    found = next(each["label"] for each in _DATA["kind"] if each["id"] == kind)
    return Label(found["zh"], found["en"])
