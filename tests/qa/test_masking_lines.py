"""Masking against lines of shop talk that were made up before the code was read: what is hidden of each kind, and what
is left alone.

At first sight 59 of the 73 phones, identity cards, bank cards and e-mail addresses were hidden, 96 of all 120 lines,
and 4 of the 125 harmless ones were changed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl

from qa.masking import mask_text
from qa.masking.signs import may_change

MARKED = re.compile("⟦(.*?)⟧")
NUMBERED = ("phone", "id", "card", "email")


@cache
def lines() -> Mapping[str, tuple[str, ...]]:
    written = (Path(__file__).parent / "shop_masking.tsv").read_text(encoding="utf-8").splitlines()
    found = defaultdict[str, list[str]](list)
    for row in written:
        if not row.startswith("#"):
            kind, line = row.split("\t")
            found[kind].append(line)
    return {kind: tuple(those) for kind, those in found.items()}


def plain(line: str) -> str:
    return MARKED.sub(r"\1", line)


def core(kind: str, secret: str) -> str:
    """What may not be read: of an e-mail address the name, of others the middle third."""
    if kind == "email":
        return re.split(r"[@＠#]|\s?[\[(]at[\])]|\sat\s", secret)[0]
    third = len(secret) // 3 if len(secret) > 4 else 0
    return secret[third : len(secret) - third]


def open_lines(kind: str) -> list[str]:
    masked = [(line, mask_text(plain(line), private=True)) for line in lines()[kind]]
    return [line for line, said in masked if any(core(kind, secret) in said for secret in MARKED.findall(line))]


def test_the_lines_are_as_many_as_were_made() -> None:
    assert len(lines()["none"]) == 125
    assert sum(len(those) for kind, those in lines().items() if kind != "none") == 120
    assert sum(len(lines()[kind]) for kind in NUMBERED) == 73


def test_whatever_identifies_somebody_is_hidden() -> None:
    left = {kind: open_lines(kind) for kind in lines() if kind != "none"}
    assert {kind: those for kind, those in left.items() if those} == {}


def test_harmless_lines_are_left_alone_whoever_speaks() -> None:
    for private in (True, False):
        changed = [line for line in lines()["none"] if mask_text(line, private=private) != line]
        assert changed == []


def test_every_masked_line_has_a_sign_and_stays_as_it_is_masked() -> None:
    texts = [plain(line) for those in lines().values() for line in those]
    for text, sign in zip(texts, may_change(pl.Series(texts)), strict=True):
        masked = mask_text(text, private=True)
        assert sign or masked == text, text
        assert mask_text(masked, private=True) == masked
