"""The regular expressions that rule authors may write: one small syntax that every engine reads alike.

Owns parsing into a tree and printing it for Python ``re``, hyperscan and Rust. ``\\d \\w \\s \\b`` are ASCII
everywhere. Anything the engines read differently (inline flags, back-references, ``\\A``, possessive quantifiers, POSIX
classes, ``{,n}``) is refused here, with the reason, and never reaches an engine. Knows nothing about rules, phrases
or disguises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from scoring.problem import N_, Words

MAX_PATTERN = 500  # characters an author may write
MAX_BOUND = 200  # largest {m,n}
LAST = 0x10FFFF

DIGIT = ((0x30, 0x39),)
WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE = ((0x09, 0x0D), (0x20, 0x20))


class PatternError(ValueError):
    """A pattern that is refused; the message says what was found and what to write instead."""


@dataclass(frozen=True, slots=True)
class Chars:
    """A set of characters as sorted, disjoint code-point ranges (already complemented when the author negated it)."""

    ranges: tuple[tuple[int, int], ...]
    wide: bool = False  # came from ``.`` or a negated class


@dataclass(frozen=True, slots=True)
class Edge:
    """A zero-width test: ``^ $ b B``."""

    kind: str


@dataclass(frozen=True, slots=True)
class Lookaround:
    """Look-ahead or look-behind, kept as written for the exact pass and dropped for the searching pass."""

    ahead: bool
    negative: bool
    body: Node


@dataclass(frozen=True, slots=True)
class Seq:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt:
    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    body: Node
    low: int
    high: int | None
    lazy: bool = False


Node = Chars | Edge | Lookaround | Seq | Alt | Repeat


def chars(text: str) -> Chars:
    """The set of the characters of ``text``."""
    return Chars(merge((ord(c), ord(c)) for c in text))


def merge(ranges: Iterator[tuple[int, int]] | tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Sorted, disjoint, non-adjacent ranges with the same members."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """All code points outside ``ranges``, surrogates left out because UTF-8 cannot carry them."""
    gaps: list[tuple[int, int]] = []
    at = 0
    for low, high in merge((*ranges, (0xD800, 0xDFFF))):
        if low > at:
            gaps.append((at, low - 1))
        at = high + 1
    if at <= LAST:
        gaps.append((at, LAST))
    return tuple(gaps)


DOT = Chars(complement(((0x0A, 0x0A),)), wide=True)
ESCAPES = {"d": DIGIT, "w": WORD, "s": SPACE}
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
SPECIAL = frozenset("\\.^$*+?{}[]()|")


class PatternParser:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += len(text)
            return True
        return False

    def next(self) -> str:
        if self.at >= len(self.pattern):
            raise PatternError(N_("the pattern ends too early"))
        self.at += 1
        return self.pattern[self.at - 1]

    def alternatives(self) -> Node:
        branches = [self.sequence()]
        while self.take("|"):
            branches.append(self.sequence())
        return branches[0] if len(branches) == 1 else Alt(tuple(branches))

    def sequence(self) -> Node:
        items: list[Node] = []
        while self.at < len(self.pattern) and not self.peek("|") and not self.peek(")"):
            items.append(self.quantified())
        return items[0] if len(items) == 1 else Seq(tuple(items))

    def quantified(self) -> Node:
        atom = self.atom()
        bounds = self.bounds()
        if bounds is None:
            return atom
        if isinstance(atom, Edge | Lookaround):
            raise PatternError(N_("a repetition must follow a character, a class or a group"))
        if self.peek("+") or self.peek("*") or self.peek("{"):
            raise PatternError(
                N_("possessive and stacked repetitions are read differently by the engines; use one bound")
            )
        lazy = self.take("?")
        return Repeat(atom, *bounds, lazy)

    def bounds(self) -> tuple[int, int | None] | None:
        if self.take("*"):
            return 0, None
        if self.take("+"):
            return 1, None
        if self.take("?"):
            return 0, 1
        if not self.take("{"):
            return None
        end = self.pattern.find("}", self.at)
        body = self.pattern[self.at : end] if end >= 0 else ""
        low, comma, high = body.partition(",")
        if not (low.isascii() and low.isdigit()) or (high and not (high.isascii() and high.isdigit())):
            raise PatternError(
                Words(
                    N_("a brace must hold a bound such as {one} or {two}; write {escaped} for the character"),
                    one="{3}",
                    two="{0,8}",
                    escaped="\\{",
                )
            )
        self.at = end + 1
        first, last = int(low), (int(high) if high else None) if comma else int(low)
        if max(first, last or 0) > MAX_BOUND:
            raise PatternError(Words(N_("a bound above {limit} makes the pattern too large"), limit=MAX_BOUND))
        if last is not None and last < first:
            raise PatternError(Words(N_("the bound {bound} runs backwards"), bound=f"{{{body}}}"))
        return first, last

    def atom(self) -> Node:
        c = self.next()
        if c == ".":
            return DOT
        if c in "^$":
            return Edge(c)
        if c == "(":
            return self.group()
        if c == "[":
            return self.bracket()
        if c == "\\":
            return self.escape()
        if c in "*+?{":
            raise PatternError(Words(N_("“{char}” has nothing to repeat; write \\{char} for the character"), char=c))
        if c in "]}":
            raise PatternError(Words(N_("“{char}” stands alone; write \\{char} for the character"), char=c))
        return chars(c)

    def group(self) -> Node:
        look = {"(?=": (True, False), "(?!": (True, True), "(?<=": (False, False), "(?<!": (False, True)}
        kind: tuple[bool, bool] | None = None
        if self.peek("?") and not self.take("?:"):
            opened = next((o for o in look if self.peek(o[1:])), None)
            if opened is None:
                raise PatternError(
                    N_("only (…), (?:…), (?=…), (?!…), (?<=…) and (?<!…) groups are read alike everywhere")
                )
            self.at += len(opened) - 1
            kind = look[opened]
        body = self.alternatives()
        if not self.take(")"):
            raise PatternError(N_("a “(” is never closed"))
        return body if kind is None else Lookaround(*kind, body)

    def escape(self) -> Node:
        c = self.next()
        if c in ESCAPES:
            return Chars(ESCAPES[c])
        if c.lower() in ESCAPES:
            return Chars(complement(ESCAPES[c.lower()]), wide=True)
        if c in "bB":
            return Edge(c)
        return chars(self.escaped(c))

    def escaped(self, c: str) -> str:
        if c in CONTROLS:
            return CONTROLS[c]
        if c in "xuU":
            width = {"x": 2, "u": 4, "U": 8}[c]
            digits = self.pattern[self.at : self.at + width]
            try:
                value = int(digits, 16) if len(digits) == width else LAST + 1
                self.at += width
                return chr(value or LAST + 1)  # NUL parts the messages of a search buffer
            except (ValueError, OverflowError):
                raise PatternError(
                    Words(N_("\\{char} must be followed by {n} hexadecimal digits, not all zero"), char=c, n=width)
                ) from None
        if c.isascii() and c.isalnum():
            raise PatternError(
                Words(
                    N_("\\{char} is unknown or read differently by the engines (use ^ and $, no back-references)"),
                    char=c,
                )
            )
        return c

    def bracket(self) -> Node:
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self.take("]"):
            first = False
            low = self.member(ranges)
            if low is None:
                continue
            high = low
            if self.peek("-") and not self.peek("-]"):
                self.at += 1
                end = self.member(ranges)
                if end is None:
                    raise PatternError(N_("a range in […] must end with a character"))
                high = end
            if high < low:
                raise PatternError(Words(N_("the range {range} runs backwards"), range=f"{chr(low)}-{chr(high)}"))
            ranges.append((low, high))
        merged = merge(tuple(ranges))
        return Chars(complement(merged), wide=True) if negated else Chars(merged)

    def member(self, ranges: list[tuple[int, int]]) -> int | None:
        c = self.next()
        if c == "[":
            raise PatternError(N_("“[” inside […] is read differently by the engines; write \\["))
        if c == "]":
            raise PatternError(N_("an empty […]; write \\] for the character"))
        if c != "\\":
            return ord(c)
        c = self.next()
        if c in ESCAPES:
            ranges.extend(ESCAPES[c])
            return None
        if c in "DWSbB":
            raise PatternError(
                Words(N_("\\{char} inside […] is read differently by the engines; spell the characters out"), char=c)
            )
        return ord(self.escaped(c))


def parse(pattern: str) -> Node:
    """The tree of an author's pattern. Raises PatternError with the reason when it is refused."""
    if len(pattern) > MAX_PATTERN:
        raise PatternError(
            Words(N_("the pattern has {n} characters; {limit} are allowed"), n=len(pattern), limit=MAX_PATTERN)
        )
    reader = PatternParser(pattern)
    node = reader.alternatives()
    if reader.at < len(pattern):
        raise PatternError(N_("a “)” is never opened"))
    return node


def rewrite(node: Node, change: Callable[[Chars], Node], behind: Callable[[Chars], Node] | None = None) -> Node:
    """The tree with every character set replaced by ``change`` of it; inside look-behinds by ``behind`` where given."""
    match node:
        case Chars():
            return change(node)
        case Edge():
            return node
        case Lookaround(ahead, negative, body):
            return Lookaround(ahead, negative, rewrite(body, change if ahead or behind is None else behind, behind))
        case Seq(items):
            return Seq(tuple(rewrite(i, change, behind) for i in items))
        case Alt(branches):
            return Alt(tuple(rewrite(b, change, behind) for b in branches))
        case Repeat(body, low, high, lazy):
            return Repeat(rewrite(body, change, behind), low, high, lazy)


def sets(node: Node) -> Iterator[Chars]:
    """All character sets of a tree."""
    match node:
        case Chars():
            yield node
        case Lookaround(_, _, body) | Repeat(body, _, _, _):
            yield from sets(body)
        case Seq(parts) | Alt(parts):
            for part in parts:
                yield from sets(part)


@lru_cache(maxsize=4_096)
def coarse(node: Chars) -> Chars:
    """A superset with fewer ranges: outside ASCII and the ideographs, whole blocks of 64 (one UTF-8 prefix each)."""
    if node.wide or len(node.ranges) < 4:
        return node
    blocks = (
        (a, b) if b < 0x80 or 0x3400 <= a <= b <= 0x9FFF else (max(a & ~63, 0x80), b | 63) for a, b in node.ranges
    )
    return Chars(merge(blocks))


def broad(node: Node) -> Node:
    """The same tree without edges and looks: it matches at least wherever the exact pattern does."""
    match node:
        case Chars():
            return node
        case Lookaround() | Edge():
            return Seq(())
        case Seq(items):
            return Seq(tuple(i for i in map(broad, items) if i != Seq(())))
        case Alt(branches):
            return Alt(tuple(broad(b) for b in branches))
        case Repeat(body, low, high, lazy):
            inner = broad(body)
            return inner if inner == Seq(()) else Repeat(inner, low, high, lazy)
