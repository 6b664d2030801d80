"""How people disguise a phrase, turned into patterns over the text as it was written.

Owns the tables of look-alikes (width forms, traditional characters, homophones, pinyin, split characters, slang, digits)
and the expansion of a phrase or an author's regular expression into a tree that matches the disguises too. Nothing is
folded: the text is never rewritten, so every span is a span of the original. Refuses to know rules and engines.
"""

from __future__ import annotations

import itertools
import tomllib
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from scoring.redline.rule import Evasion
from scoring.redline.syntax import Alt, Chars, Look, Node, Repeat, Seq, chars, complement, merge, rewrite, sets

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
# Marks that nobody writes between two characters of one word without a purpose (an opening bracket is one: 加【微信】) …
SOFT_MARKS = (
    *chars(" \t*_-~.|/\\^`#=@&$'([{<（【［｛＜「『《〈“‘").ranges, (0x00A0, 0x00A9), (0x00AB, 0x00B1), (0x00B4, 0x00B8),
    (0x2000, 0x200A), (0x2010, 0x2013), (0x2016, 0x2017), (0x2020, 0x2025), (0x2027, 0x2029), (0x202F, 0x2038),
    (0x203B, 0x205F), (0x2190, 0x245F), (0x2500, 0x2BFF), (0x3000, 0x3000), (0x3004, 0x3004),
    (0x3012, 0x3013), (0x301C, 0x3020), (0x3030, 0x3030), (0x30FB, 0x30FB), (0xFF03, 0xFF04), (0xFF06, 0xFF07), (0xFF0A, 0xFF0A), (0xFF0D, 0xFF0F),
    (0xFF1D, 0xFF1D), (0xFF20, 0xFF20), (0xFF3C, 0xFF3C), (0xFF3E, 0xFF40), (0xFF5C, 0xFF5C), (0xFF5E, 0xFF5E), (0x1F000, 0x1F12F), (0x1F14A, 0x1FAFF),
)  # fmt: skip
# … and those that end a clause or close a bracket or quotation, which count only when they stand in every gap of the phrase.
CLAUSE_MARKS = (
    *chars(",!?;:()[]{}<>\"，。！？；：、…—‘’“”＂（）＜＞［］｛｝｟｠").ranges, (0x3001, 0x3003), (0x3008, 0x3011), (0x3014, 0x301B),
    (0xFF61, 0xFF65),
    (0x00A1, 0x00A1), (0x00BB, 0x00BB), (0x00BF, 0x00BF),
)  # fmt: skip
APOSTROPHE = chars("'’‘`´＇")
HIDDEN_GAP = Repeat(INVISIBLE, 0, 2)
KEYCAP = Repeat(chars("\ufe0f\u20e3"), 0, 2)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
MAX_PHRASE = 60
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


@lru_cache(maxsize=20_000)
def char_node(c: str, evasion: Evasion) -> Node:
    """One character of a phrase with its look-alikes."""
    node = chars(lookalikes(c, evasion, words=True))
    if evasion.split and c in lexicon().split:
        return Alt((node, *(Seq(tuple(map(chars, parts))) for parts in lexicon().split[c])))
    return Seq((node, KEYCAP)) if evasion.digits and c in DIGITS else node


# --- phrases -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unit:
    """A character of a phrase, or a word that has other spellings, with the marks the author wrote before it."""

    text: str
    spellings: tuple[str, ...] = ()
    marks: str = ""


@lru_cache(maxsize=4_096)
def is_mark(c: str) -> bool:
    """Is ``c`` a separator, which a disguise may add or drop?"""
    code = ord(c)
    return c.isspace() or any(low <= code <= high for low, high in any_mark().ranges)


def kind(c: str) -> str:
    """``a`` for ASCII letters, ``0`` for digits, otherwise empty: what must not be cut out of a longer word or number."""
    return "a" if c.isascii() and c.isalpha() else "0" if c.isascii() and c.isdigit() else ""


@cache
def vocabulary(evasion: Evasion) -> dict[str, tuple[str, ...]]:
    """Every word that has other spellings under these switches."""
    merged: dict[str, tuple[str, ...]] = {}
    for table in lexicon().tables(evasion):
        for word, spellings in table.items():
            merged[word] = (*merged.get(word, ()), *spellings)
    return merged


def units(phrase: str, evasion: Evasion) -> tuple[Unit, ...]:
    """Cut a phrase into words with other spellings (longest first) and single characters."""
    text = plain(phrase, evasion)
    words = vocabulary(evasion)
    longest = max(map(len, words), default=0)
    cut: list[Unit] = []
    marks, at = "", 0
    while at < len(text):
        if is_mark(text[at]):
            marks, at = marks + text[at], at + 1
            continue
        word = next((text[at : at + n] for n in range(longest, 0, -1) if stands(text, at, n, words)), text[at])
        cut.append(Unit(word, words.get(word, ()), marks))
        marks, at = "", at + len(word)
    return tuple(cut)


def stands(text: str, at: int, size: int, words: Mapping[str, tuple[str, ...]]) -> bool:
    """Does a known word of ``size`` start here, not cut out of a longer run of letters or digits?"""
    word = text[at : at + size]
    if len(word) < size or word not in words:
        return False
    before, after = text[at - 1 : at], text[at + size : at + size + 1]
    inside = (before and kind(before) and kind(before) == kind(word[0])) or (
        after and kind(after) and kind(after) == kind(word[-1])
    )
    return not inside


def gap(left: str, right: str, marks: str, evasion: Evasion) -> Node:
    """What may stand between two neighbouring characters of a phrase when it is not spread out."""
    if not evasion.separators:
        written = Seq(tuple(char_node(c, evasion) for c in marks))
        return Seq((HIDDEN_GAP, written, HIDDEN_GAP)) if evasion.zero_width else written
    if marks and all(m in "'’" for m in marks):
        return Repeat(APOSTROPHE, 0, 1)
    if marks:
        clause = any(not any(low <= ord(m) <= high for low, high in soft().ranges) for m in marks)
        between = any_mark(evasion.zero_width) if clause else soft(evasion.zero_width)
        return Repeat(between, 1 if kind(left) and kind(right) else 0, max(3, len(marks)))
    if left.isascii() and right.isascii():
        return HIDDEN_GAP if evasion.zero_width else Seq(())
    return Repeat(soft(evasion.zero_width), 0, 3)


def spelled(text: str, evasion: Evasion) -> Node:
    """A word character by character, gaps included."""
    items: list[Node] = []
    marks, last = "", ""
    for c in text:
        if is_mark(c) and last:
            marks += c
            continue
        if last:
            items.append(gap(last, c, marks, evasion))
        items.append(char_node(c, evasion))
        marks, last = "", c
    return sequence(items)


def sequence(items: list[Node]) -> Node:
    kept = tuple(i for i in items if i != Seq(()))
    return kept[0] if len(kept) == 1 else Seq(kept)


def fence(c: str, evasion: Evasion, *, ahead: bool) -> Node:
    """A match must not start or end inside a longer run of letters or of digits."""
    if not kind(c):
        return Seq(())
    run = chars(LETTERS + LETTERS.upper()) if kind(c) == "a" else chars(DIGITS)
    return Look(ahead, True, widened(run, evasion) if evasion.width else run)


def telling(spelling: str) -> bool:
    """Can a spelling stand for its word without company? zz and 米 cannot, weixin and 绿泡泡 can."""
    return len(spelling) > (2 if spelling.isascii() else 1)


def tight(cut: tuple[Unit, ...], evasion: Evasion) -> Node:
    """The phrase with every spelling of its words, and soft marks tolerated between characters."""
    items: list[Node] = []
    for n, unit in enumerate(cut):
        if n:
            items.append(gap(cut[n - 1].text[-1], unit.text[0], unit.marks, evasion))
        branches = []
        spellings = unit.spellings if len(cut) > 1 else tuple(s for s in unit.spellings if telling(s))
        for text in dict.fromkeys((unit.text, *spellings)):
            body = [spelled(text, evasion)]
            if n == 0:
                body.insert(0, fence(text[0], evasion, ahead=False))
            if n == len(cut) - 1:
                body.append(fence(text[-1], evasion, ahead=True))
            branches.append(sequence(body))
        items.append(branches[0] if len(branches) == 1 else Alt(tuple(branches)))
    return sequence(items)


def spread(cut: tuple[Unit, ...], evasion: Evasion) -> Node | None:
    """The phrase with a mark in *every* gap (加，微，信; i-d-i-o-t); needs three characters, four when all are ASCII letters."""
    text = "".join(unit.text for unit in cut)
    if len(text) < (4 if text.isascii() else 3) or (text.isascii() and not text.isalpha()):
        return None
    items: list[Node] = [fence(text[0], evasion, ahead=False)]
    for n, c in enumerate(text):
        items += [Repeat(any_mark(evasion.zero_width), 1, 3), char_node(c, evasion)] if n else [char_node(c, evasion)]
    return sequence([*items, fence(text[-1], evasion, ahead=True)])


def cut_phrase(phrase: str, evasion: Evasion) -> tuple[Unit, ...]:
    """The units of a phrase that may be searched for. Raises ValueError with the reason when it may not."""
    if len(phrase) > MAX_PHRASE:
        raise ValueError(f"the phrase has {len(phrase)} characters; {MAX_PHRASE} are allowed")
    cut = units(phrase, evasion)
    if not cut:
        raise ValueError("the phrase holds no letter, digit or character; use a regular expression for marks")
    return cut


def phrase_node(phrase: str, evasion: Evasion) -> Node:
    """The exact pattern of a phrase under the rule's switches. Raises ValueError with the reason when it is refused."""
    cut = cut_phrase(phrase, evasion)
    near = tight(cut, evasion)
    far = spread(cut, evasion) if evasion.separators else None
    return near if far is None else Alt((near, far))


def phrase_search(phrase: str, evasion: Evasion) -> Node:
    """What to search for so that no message of :func:`phrase_node` is lost, once the finder has folded the text.

    Invisible characters and the marks of a spelled-out ASCII phrase (i-d-i-o-t) are taken out of the text, and the gaps
    between other characters are searched for as any run of marks, so that a spread of them is found as well.
    """
    cut = cut_phrase(phrase, evasion)
    near = visible(tight(cut, evasion))
    text = "".join(unit.text for unit in cut)
    mixed = not text.isascii() and any(a.isascii() and b.isascii() for a, b in itertools.pairwise(text))
    far = spread(cut, evasion) if evasion.separators and mixed else None
    return near if far is None else Alt((near, far))


def visible(node: Node) -> Node:
    """A phrase's tree without the gaps for invisible characters; other gaps may be empty, as in a copy without marks."""
    match node:
        case Repeat(body, _, high, _):
            return Repeat(body, 0, high)
        case Seq(items):
            return sequence([visible(i) for i in items if i != HIDDEN_GAP])
        case Alt(branches):
            return Alt(tuple(map(visible, branches)))
        case _:
            return node


@cache
def spelled_out() -> Node:
    """Two single ASCII letters in a row among marks: the sign of a spelled-out ASCII phrase."""
    single = chars(LETTERS + LETTERS.upper())
    mark = any_mark()
    return Seq((mark, single, mark, Repeat(mark, 0, 2), single, mark))


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


# --- regular expressions -------------------------------------------------------------------------------------------


def members(ranges: tuple[tuple[int, int], ...]) -> Iterator[str]:
    return (chr(code) for low, high in ranges for code in range(low, high + 1))


@lru_cache(maxsize=2_000)
def widened(node: Chars, evasion: Evasion) -> Chars:
    """A character set with the look-alikes of its members (case, width, traditional, digits), complements kept exact."""
    inner = complement(node.ranges) if node.wide else node.ranges
    if sum(high - low for low, high in inner) > 5_000:  # 一-龥: a whole script needs no look-alikes
        return node
    text = "".join(lookalikes(plain(c, evasion), evasion, words=False) + c for c in members(inner))
    ranges = merge((*chars(text).ranges, *((0xD800, 0xDFFF),) * node.wide))
    return Chars(complement(ranges), wide=True) if node.wide else Chars(ranges)


def regex_node(node: Node, evasion: Evasion) -> Node:
    """An author's regular expression under the rule's switches; separators and words stay as the author wrote them."""

    def change(chars_: Chars) -> Node:
        wide = widened(chars_, evasion)
        numeric = not wide.wide and any(low <= 0x39 and high >= 0x30 for low, high in wide.ranges)
        return Seq((wide, KEYCAP)) if evasion.digits and numeric else wide

    return rewrite(node, change)
