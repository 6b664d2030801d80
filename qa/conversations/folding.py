"""Folding for search, one character at a time: width, case, traditional characters and kinds of space stop mattering.

Every character is folded by itself, whatever stands beside it. So a place in the folded text is the same place in the
text as it was written, and what is hidden in one place never changes how another is read: a part of a masked text
without stars is found in the whole text as well. `pattern` is the other way round: the expression that finds a folded
word in text as it was written, so that text can be searched without being folded first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qa.masking import STAR
from qa.texts import sought

MOST_WORDS = 10
"""More words than this are left out: nobody reads a conversation for the eleventh."""
_FOLDED = ((0x80, 0x3400), (0x3400, 0xA000), (0xF900, 0xFB00), (0xFE30, 0x10000))
_TRADITIONAL = (0x3400, 0xA000)
_WORD = re.compile(r'["“”]([^"“”]+)["“”]|([^\s"“”]+)')
_ASCII_SPECIAL = set(r"\.+*?()|[]{}^$#&-~")


@lru_cache(maxsize=1)
def table() -> NDArray[np.uint64]:
    """The folded code point of every code point."""
    folded = np.arange(0x110000, dtype=np.uint64)
    for first, stop in ((0, 0x80), *_FOLDED):
        for code in range(first, stop):
            if not 0xD800 <= code < 0xE000:
                folded[code] = ord(_one(chr(code)))
    from opencc import OpenCC  # reads its dictionaries

    first, stop = _TRADITIONAL
    simple = OpenCC("t2s").convert("\n".join(map(chr, range(first, stop)))).split("\n")
    simplified = np.arange(0x110000, dtype=np.uint64)
    simplified[first:stop] = [ord(char) if len(char) == 1 else code for code, char in enumerate(simple, start=first)]
    both: NDArray[np.uint64] = simplified[folded]
    return both


def _one(char: str) -> str:
    """Width and case of one character; characters that would become several stay as they are."""
    if char.isspace() or char == "\0":
        return " "
    for made in (unicodedata.normalize("NFKC", char), char):
        lower = made.casefold()
        if len(lower) == 1 and not lower.isspace():
            return lower
    return char


def fold(text: str) -> str:
    """`text` folded; as long as `text` is."""
    return codes(text).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def codes(text: str) -> NDArray[np.uint64]:
    """The folded code points of `text`."""
    folded: NDArray[np.uint64] = table()[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")]
    return folded


def words(query: str, *, masked: bool) -> tuple[str, ...]:
    """What a query asks for, folded, each once: words parted by space, or whole phrases in quotation marks.

    `masked`: the reader sees masked text, where a star stands for what is hidden. It parts words and is never searched
    for, so that a search cannot be steered by what it hides.
    """
    found = []
    for match in _WORD.finditer(sought(query)):
        folded = fold(match.group(1) or match.group(2)).strip()
        found += [part.strip() for part in folded.split(STAR)] if masked else [folded]
    return tuple(word for word in dict.fromkeys(found) if word)[:MOST_WORDS]


@lru_cache(maxsize=1)
def _written() -> Mapping[int, str]:
    """All characters that are folded into one, for those that more than one is."""
    folds = table()
    changed = np.flatnonzero(folds != np.arange(len(folds)))
    ways: dict[int, str] = {}
    for code in changed:
        target = int(folds[code])
        ways[target] = ways.get(target, chr(target)) + chr(int(code))
    return ways


@lru_cache(maxsize=256)
def pattern(word: str) -> str:
    """An expression that finds the folded `word` in text as it was written: one class of characters after the other, so
    it is matched in one pass over the text. Polars and `re` read it alike."""
    return "".join(_class(char) for char in word)


def _class(char: str) -> str:
    ways = _written().get(ord(char), char)
    return _escaped(ways) if len(ways) == 1 else "[" + "".join(map(_escaped, sorted(ways))) + "]"


def _escaped(char: str) -> str:
    if char in _ASCII_SPECIAL:
        return "\\" + char
    return char if char.isprintable() else f"\\u{ord(char):04x}"
