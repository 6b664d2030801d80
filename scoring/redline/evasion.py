"""How people disguise a phrase, turned into patterns over the text as it was written.

Owns the expansion of a phrase or an author's regular expression into a tree that matches the disguises too. Nothing is
rewritten in the text that decides, so every span is a span of the original. The tables are
:mod:`scoring.redline.lookalikes`. Does not know rules and engines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from scoring.problem import N_, Words
from scoring.redline.lookalikes import (
    INVISIBLE,
    any_mark,
    is_mark,
    kind,
    lexicon,
    lookalikes,
    plain,
    soft,
)
from scoring.redline.rule import Evasion
from scoring.redline.syntax import Alt, Chars, Lookaround, Node, Repeat, Seq, chars, complement, merge, rewrite

APOSTROPHE = chars("'’‘`´＇")
HIDDEN_GAP = Repeat(INVISIBLE, 0, 2)
KEYCAP = Repeat(chars("\ufe0f\u20e3"), 0, 2)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
MAX_PHRASE = 60


@lru_cache(maxsize=20_000)
def char_node(c: str, evasion: Evasion) -> Node:
    """One character of a phrase with its look-alikes."""
    node = chars(lookalikes(c, evasion, words=True))
    if evasion.split and c in lexicon().split:
        return Alt((node, *(Seq(tuple(map(chars, parts))) for parts in lexicon().split[c])))
    return Seq((node, KEYCAP)) if evasion.digits and c in DIGITS else node


# --- phrases -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PhraseUnit:
    """A character of a phrase, or a word that has other spellings, with the marks the author wrote before it."""

    text: str
    spellings: tuple[str, ...] = ()
    marks: str = ""


@cache
def vocabulary(evasion: Evasion) -> dict[str, tuple[str, ...]]:
    """Every word that has other spellings under these switches."""
    merged: dict[str, tuple[str, ...]] = {}
    for table in lexicon().tables(evasion):
        for word, spellings in table.items():
            merged[word] = (*merged.get(word, ()), *spellings)
    return merged


def units(phrase: str, evasion: Evasion) -> tuple[PhraseUnit, ...]:
    """Cut a phrase into words with other spellings (longest first) and single characters."""
    text = plain(phrase, evasion)
    words = vocabulary(evasion)
    longest = max(map(len, words), default=0)
    cut: list[PhraseUnit] = []
    marks, at = "", 0
    while at < len(text):
        if is_mark(text[at]):
            marks, at = marks + text[at], at + 1
            continue
        word = next((text[at : at + n] for n in range(longest, 0, -1) if stands(text, at, n, words)), text[at])
        cut.append(PhraseUnit(word, words.get(word, ()), marks))
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
    return Lookaround(ahead, True, widened(run, evasion) if evasion.width else run)


def telling(spelling: str) -> bool:
    """Can a spelling stand for its word without company? zz and 米 cannot, weixin and 绿泡泡 can."""
    return len(spelling) > (2 if spelling.isascii() else 1)


def tight(cut: tuple[PhraseUnit, ...], evasion: Evasion) -> Node:
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


def spread(cut: tuple[PhraseUnit, ...], evasion: Evasion) -> Node | None:
    """The phrase with a mark in *every* gap (加，微，信; i-d-i-o-t); needs three characters, four when all are ASCII
    letters."""
    text = "".join(unit.text for unit in cut)
    if len(text) < (4 if text.isascii() else 3) or (text.isascii() and not text.isalpha()):
        return None
    items: list[Node] = [fence(text[0], evasion, ahead=False)]
    for n, c in enumerate(text):
        items += [Repeat(any_mark(evasion.zero_width), 1, 3), char_node(c, evasion)] if n else [char_node(c, evasion)]
    return sequence([*items, fence(text[-1], evasion, ahead=True)])


def edged(phrase: str, node: Node, evasion: Evasion) -> Node:
    """The pattern of a phrase with the marks that its author wrote at either end.

    They count only in a rule that reads marks as written: a disguise adds and drops them freely.
    """
    text = plain(phrase, evasion)
    first = next(n for n, c in enumerate(text) if not is_mark(c))
    last = next(n for n in range(len(text), 0, -1) if not is_mark(text[n - 1]))
    if evasion.separators or (first, last) == (0, len(text)):
        return node
    hidden = HIDDEN_GAP if evasion.zero_width else Seq(())
    before, after = (Seq(tuple(char_node(c, evasion) for c in marks)) for marks in (text[:first], text[last:]))
    return sequence([before, *(hidden,) * bool(first), node, *(hidden,) * (last < len(text)), after])


def cut_phrase(phrase: str, evasion: Evasion) -> tuple[PhraseUnit, ...]:
    """The units of a phrase that may be searched for. Raises ValueError with the reason when it may not."""
    if len(phrase) > MAX_PHRASE:
        raise ValueError(
            Words(N_("the phrase has {n} characters; {limit} are allowed"), n=len(phrase), limit=MAX_PHRASE)
        )
    cut = units(phrase, evasion)
    if not cut:
        raise ValueError(N_("the phrase holds no letter, digit or character; use a regular expression for marks"))
    return cut


def phrase_node(phrase: str, evasion: Evasion) -> Node:
    """The exact pattern of a phrase under the rule's switches. Raises ValueError with the reason when it is refused."""
    cut = cut_phrase(phrase, evasion)
    near = edged(phrase, tight(cut, evasion), evasion)
    far = spread(cut, evasion) if evasion.separators else None
    return near if far is None else Alt((near, far))


def phrase_search(phrase: str, evasion: Evasion) -> Node:
    """What to search for so that no message of :func:`phrase_node` is lost, once the finder has folded the text.

    Invisible characters and the marks of a spelled-out ASCII phrase (i-d-i-o-t) are taken out of the text, and the gaps
    between other characters are searched for as any run of marks, so that a spread of them is found as well.
    """
    cut = cut_phrase(phrase, evasion)
    near = visible(edged(phrase, tight(cut, evasion), evasion))
    text = "".join(unit.text for unit in cut)
    mixed = not text.isascii() and any(a.isascii() and b.isascii() for a, b in itertools.pairwise(text))
    far = spread(cut, evasion) if evasion.separators and mixed else None
    return near if far is None else Alt((near, far))


def visible(node: Node) -> Node:
    """A phrase's tree without the gaps for invisible characters; other gaps may be empty, as in a copy without
    marks."""
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


# --- regular expressions -------------------------------------------------------------------------------------------


def members(ranges: tuple[tuple[int, int], ...]) -> Iterator[str]:
    return (chr(code) for low, high in ranges for code in range(low, high + 1))


@lru_cache(maxsize=2_000)
def widened(node: Chars, evasion: Evasion) -> Chars:
    """A character set with the look-alikes of its members (case, width, traditional, digits), complements kept
    exact."""
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

    return rewrite(node, change, behind=lambda chars_: widened(chars_, evasion))  # Python wants one width behind
