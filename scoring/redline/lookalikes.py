"""What stands for what: the tables behind every disguise.

Owns the marks that may part a word, width forms, traditional characters and the lexicon of homophones, pinyin, split
characters, slang and digits, and the folding of a text into its plain form, by which the search engine looks behind
width and script. Does not know phrases, patterns and rules beyond their switches.
"""

from __future__ import annotations

import tomllib
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from scoring.redline.rule import Evasion
from scoring.redline.syntax import Chars, Node, chars, complement, merge, sets

Codes = np.ndarray[Any, np.dtype[np.uint32]]
Ranges = tuple[tuple[int, int], ...]

# Blocks whose members have a one-character compatibility form among ASCII letters and digits.
WIDTH_BLOCKS = (
    (0x00B2, 0x00BA),
    (0x2070, 0x209F),
    (0x2100, 0x214F),
    (0x2460, 0x24FF),
    (0xFF10, 0xFF5A),
    (0x1D400, 0x1D7FF),
    (0x1F130, 0x1F149),
    (0x1FBF0, 0x1FBF9),
)
INVISIBLE = Chars(
    merge(
        (
            (0x00AD, 0x00AD), (0x034F, 0x034F), (0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069),
            (0x20E3, 0x20E3), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
        )
    )
)  # fmt: skip
# Marks that nobody writes between two characters of one word without a purpose (an opening bracket is one: 加【微信】)
# …
SOFT_MARKS = (
    *chars(" \t*_-~.|/\\^`#=@&$'([{<（【［｛＜「『《〈“‘").ranges,
    (0x00A0, 0x00A9),
    (0x00AB, 0x00B1),
    (0x00B4, 0x00B8),
    (0x2000, 0x200A),
    (0x2010, 0x2013),
    (0x2016, 0x2017),
    (0x2020, 0x2025),
    (0x2027, 0x2029),
    (0x202F, 0x2038),
    (0x203B, 0x205F),
    (0x2190, 0x245F),
    (0x2500, 0x2BFF),
    (0x3000, 0x3000),
    (0x3004, 0x3004),
    (0x3012, 0x3013),
    (0x301C, 0x3020),
    (0x3030, 0x3030),
    (0x30FB, 0x30FB),
    (0xFF03, 0xFF04),
    (0xFF06, 0xFF07),
    (0xFF0A, 0xFF0A),
    (0xFF0D, 0xFF0F),
    (0xFF1D, 0xFF1D),
    (0xFF20, 0xFF20),
    (0xFF3C, 0xFF3C),
    (0xFF3E, 0xFF40),
    (0xFF5C, 0xFF5C),
    (0xFF5E, 0xFF5E),
    (0x1F000, 0x1F12F),
    (0x1F14A, 0x1FAFF),
)
# … and those that end a clause or close a bracket or quotation, which count only when they stand in every gap of the
# phrase.
CLAUSE_MARKS = (
    *chars(',!?;:()[]{}<>"，。！？；：、…—‘’“”＂（）＜＞［］｛｝｟｠').ranges,
    (0x3001, 0x3003),
    (0x3008, 0x3011),
    (0x3014, 0x301B),
    (0xFF61, 0xFF65),
    (0x00A1, 0x00A1),
    (0x00BB, 0x00BB),
    (0x00BF, 0x00BF),
)
MANY = 200  # a longer range is a script or a kind of character, not a letter with its look-alikes


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The tables of ``lexicon.toml``: single characters and words with what is written in their place."""

    homophones: Mapping[str, str]
    digits: Mapping[str, str]
    split: Mapping[str, tuple[str, ...]]
    homophone_words: Mapping[str, tuple[str, ...]]
    pinyin: Mapping[str, tuple[str, ...]]
    slang: Mapping[str, tuple[str, ...]]

    def tables(self, evasion: Evasion) -> tuple[Mapping[str, tuple[str, ...]], ...]:
        """The word tables that the switches of a rule turn on."""
        chosen = (
            (evasion.homophones, self.homophone_words),
            (evasion.pinyin, self.pinyin),
            (evasion.slang, self.slang),
        )
        return tuple(table for on, table in chosen if on)


@cache
def lexicon() -> Lexicon:
    """The shipped tables, read once."""
    raw = tomllib.loads((files("scoring") / "data" / "redlines" / "lexicon.toml").read_text(encoding="utf-8"))

    def words(table: str) -> dict[str, tuple[str, ...]]:
        return {key: tuple(value) for key, value in raw[table].items()}

    return Lexicon(
        raw["homophones"], raw["digits"], words("split"), words("homophone_words"), words("pinyin"), words("slang")
    )


@cache
def spoken() -> Chars:
    """Symbols that stand for a word (🐧, ➕): they are no marks."""
    tables = lexicon()
    words = "".join("".join(v) for t in (tables.homophone_words, tables.pinyin, tables.slang) for v in t.values())
    every = (
        "".join(c for c in words if not c.isascii())
        + "".join(tables.homophones.values())
        + "".join(tables.digits.values())
    )
    return chars(every)


def marks_of(ranges: Ranges, invisible: bool) -> Chars:
    """The given marks without the symbols that stand for a word, and with or without the invisible characters."""
    barred = (*spoken().ranges, *(() if invisible else INVISIBLE.ranges))
    found = merge((*ranges, *INVISIBLE.ranges)) if invisible else merge(ranges)
    return Chars(complement(merge((*complement(found), *barred))))


@cache
def soft(invisible: bool = True) -> Chars:
    """The marks that a disguise may put into any one gap."""
    return marks_of(SOFT_MARKS, invisible)


@cache
def any_mark(invisible: bool = True) -> Chars:
    """The marks that a disguise may put into every gap."""
    return marks_of((*SOFT_MARKS, *CLAUSE_MARKS), invisible)


@cache
def width_forms() -> dict[str, str]:
    """ASCII letter or digit → its full-width, circled, superscript and mathematical forms, either case."""
    forms: dict[str, str] = {}
    for low, high in WIDTH_BLOCKS:
        for code in range(low, high + 1):
            plain = unicodedata.normalize("NFKC", chr(code))
            if len(plain) == 1 and plain.isascii() and plain.isalnum():
                forms[plain] = forms.get(plain, "") + chr(code)
    return forms


@cache
def simplified() -> dict[str, str]:
    """Traditional character → simplified, from OpenCC's table (the first reading)."""
    table = (files("opencc") / "dictionary" / "TSCharacters.txt").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in table.splitlines() if "\t" in line)
    return {old: new.split()[0] for old, new in pairs if len(old) == 1 and len(new.split()[0]) == 1 and old != new}


@cache
def _characters() -> dict[int, str]:
    return {ord(old): new for old, new in simplified().items()}


@lru_cache(maxsize=1_000)
def simple(text: str) -> str:
    """`text` in simplified characters, one for one: what is said before and after a match is read so."""
    return text if text.isascii() else text.translate(_characters())


@cache
def traditional() -> dict[str, str]:
    """Simplified character → all its traditional forms."""
    forms: dict[str, str] = {}
    for old, new in simplified().items():
        if ord(old) <= 0xFFFF:
            forms[new] = forms.get(new, "") + old
    return forms


def plain(text: str, evasion: Evasion) -> str:
    """The plain form of what a rule's author typed: narrow, lower case, simplified — as far as the switches go."""
    out = []
    for c in text:
        if evasion.width:
            narrow = unicodedata.normalize("NFKC", c)
            c = narrow if len(narrow) == 1 and narrow.isalnum() and narrow.isascii() else c
        if evasion.traditional:
            c = simplified().get(c, c)
        out.append(c.lower() if evasion.case and c.isascii() else c)
    return "".join(out)


def lookalikes(c: str, evasion: Evasion, *, words: bool) -> str:
    """``c`` with everything that may stand for it. ``words`` adds the homophones, which only phrases use."""
    found = c
    if evasion.case and c.isascii():
        found += c.swapcase()
    if words and evasion.homophones:
        found += lexicon().homophones.get(c, "")
    if evasion.traditional:
        found += "".join(traditional().get(x, "") for x in found)
    if evasion.width:
        found += "".join(width_forms().get(x, "") for x in found)
    if evasion.digits:
        found += lexicon().digits.get(c, "")
    return found


@lru_cache(maxsize=4_096)
def is_mark(c: str) -> bool:
    """Is ``c`` a separator, which a disguise may add or drop?"""
    code = ord(c)
    return c.isspace() or any(low <= code <= high for low, high in any_mark().ranges)


def kind(c: str) -> str:
    """``a`` for ASCII letters, ``0`` for digits, otherwise empty: what must not be cut out of a longer word or
    number."""
    return "a" if c.isascii() and c.isalpha() else "0" if c.isascii() and c.isdigit() else ""


# --- folding ---------------------------------------------------------------------------------------------------------


@cache
def folds() -> dict[str, str]:
    """Every odd-width or traditional character and its plain form: what :func:`folding` takes out of a text."""
    return {**simplified(), **{form: narrow for narrow, forms in width_forms().items() for form in forms}}


@cache
def foldable() -> list[int]:
    """Code points of the characters in :func:`folds`, ascending, to look up ranges in."""
    return sorted(map(ord, folds()))


@cache
def folding(without: Chars) -> Codes:
    """Lookup table over all code points: the plain form of each, and 0 for the characters of ``without``."""
    table = np.arange(0x110000, dtype=np.uint32)
    table[0] = 1  # NUL is a character like others; 0 means none
    for form, to in folds().items():
        table[ord(form)] = ord(to)
    for low, high in without.ranges:
        table[low : high + 1] = 0
    return table


@lru_cache(maxsize=20_000)
def folded(node: Chars) -> Chars:
    """Where ``node`` holds a character, the result holds its plain form: what to search for in folded text."""
    codes = foldable()
    inside = (codes[bisect_left(codes, low) : bisect_right(codes, high)] for low, high in node.ranges)
    changed = [chr(code) for part in inside for code in part]
    if not changed:
        return node
    images = merge((*node.ranges, *chars("".join(folds()[form] for form in changed)).ranges))
    if node.wide or any(high - low > MANY for low, high in node.ranges):
        return Chars(images, node.wide)  # a whole script: a superset in few ranges, which keeps the odd forms too
    return Chars(complement(merge((*complement(images), *chars("".join(changed)).ranges))), node.wide)


def odd(searches: Iterable[Node]) -> Chars | None:
    """The characters that must be folded before these trees are searched for; None when there are none."""
    small = {r for tree in searches for c in sets(tree) if not c.wide for r in c.ranges if r[1] - r[0] <= MANY}
    wanted = {code for low, high in small for code in range(low, high + 1)}
    forms = "".join(form for form, to in folds().items() if ord(to) in wanted)
    return chars(forms) if forms else None
