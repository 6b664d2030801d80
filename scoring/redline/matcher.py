"""From a rule's terms to exact spans in one message.

Owns the compiled form of phrases and regular expressions (the exact Python pattern and the broader pattern a fast
engine searches with) and exclusions; :mod:`scoring.redline.guards` reads the sentence. Does not know frames, engines,
conversations and dates: it judges one text at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from scoring.problem import N_, Words
from scoring.redline.evasion import phrase_node, phrase_search, regex_node
from scoring.redline.guards import READINGS
from scoring.redline.hazard import hazard
from scoring.redline.lookalikes import folded, plain, simple
from scoring.redline.printing import show
from scoring.redline.rule import Evasion, Guard, Rule, Terms
from scoring.redline.syntax import Chars, Node, PatternError, broad, merge, parse, rewrite

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Disguises:
    """Behind which signs of disguise a piece must be searched for: see
    :class:`scoring.redline.finder.HyperscanFinder`."""

    folds: bool = False
    invisible: bool = False
    spelled_out: bool = False


@dataclass(frozen=True)
class Piece:
    """One phrase or regular expression: ``pattern`` decides, ``search`` finds at least every message that it
    matches."""

    written: str
    pattern: str
    search: Node
    behind: Disguises
    phrase: bool

    @cached_property
    def exact(self) -> re.Pattern[str]:
        """Compiled when first needed: most pieces of most rules never meet a candidate."""
        return re.compile(self.pattern, re.ASCII)

    def spans(self, text: str) -> list[Span]:
        """All non-overlapping matches, leftmost first."""
        return [m.span() for m in self.exact.finditer(text)]


@lru_cache(maxsize=50_000)
def phrase_piece(phrase: str, evasion: Evasion) -> Piece:
    """Raises PatternError when the phrase cannot be searched for."""
    try:
        exact, search = phrase_node(phrase, evasion), phrase_search(phrase, evasion)
    except ValueError as error:
        raise PatternError(error.args[0]) from None
    letters = evasion.separators and plain(phrase, evasion).isascii()
    return piece(
        phrase, exact, search, Disguises(evasion.width or evasion.traditional, evasion.zero_width, letters), phrase=True
    )


@lru_cache(maxsize=10_000)
def checked_piece(pattern: str, evasion: Evasion) -> Piece:
    """A regular expression that `regex_piece` took before: compiled when it first meets a candidate, because a process
    that screens a few chats would spend seconds on patterns it never needs. Raises PatternError for a hazard."""
    tree = parse(pattern)
    reason = hazard(tree)
    if reason:
        raise PatternError(reason)
    exact = regex_node(tree, evasion)
    return piece(pattern, exact, exact, Disguises(evasion.width or evasion.traditional), phrase=False)


def regex_piece(pattern: str, evasion: Evasion) -> Piece:
    """Raises PatternError with the reason when the pattern is refused."""
    found = checked_piece(pattern, evasion)
    try:
        found.exact  # noqa: B018 - compiling is the test
    except re.error as error:
        raise PatternError(Words(N_("Python cannot read it: {error}"), error=str(error))) from None
    return found


def piece(written: str, exact: Node, search: Node, behind: Disguises, *, phrase: bool) -> Piece:
    if "\0" in written:  # the engines read texts in which NUL has become \1
        search = rewrite(search, lambda c: Chars(merge((*c.ranges, (1, 1))), c.wide) if 0 in c.ranges[0] else c)
    return Piece(written, show(exact), broad(rewrite(search, folded) if behind.folds else search), behind, phrase)


def pieces(terms: Terms, evasion: Evasion) -> tuple[Piece, ...]:
    """The compiled terms, phrases first."""
    return (
        *(phrase_piece(p, evasion) for p in terms.phrases),
        *(checked_piece(r, evasion) for r in terms.regex),
    )


@dataclass(frozen=True, slots=True)
class Matcher:
    """What one rule looks for in one message."""

    pieces: tuple[Piece, ...]
    exclusions: tuple[Piece, ...] = ()
    unless: tuple[Piece, ...] = ()
    guards: tuple[Guard, ...] = ()

    @classmethod
    def of(cls, rule: Rule) -> Matcher:
        """Compile a rule. Raises PatternError for a rule that :func:`scoring.redline.check_rule` refuses."""
        return cls(
            pieces(rule.terms, rule.evasion),
            pieces(rule.exclusions, rule.evasion),
            pieces(rule.unless, rule.evasion),
            rule.guards,
        )

    @property
    def bare(self) -> bool:
        """Does a match alone decide?"""
        return not (self.exclusions or self.unless or self.guards)

    def spans(self, text: str, candidates: Iterable[int] | None = None) -> list[Span]:
        """Breaching spans of ``text``, leftmost and longest first, none overlapping.

        ``candidates`` limits the work to these pieces; it must hold every piece that matches.
        """
        chosen = self.pieces if candidates is None else [self.pieces[i] for i in candidates]
        found = [m.span() for p in chosen for m in p.exact.finditer(text)]
        if not found:
            return found
        if self.exclusions:
            covers = [span for p in self.exclusions for span in p.spans(text)]
            found = [s for s in found if not any(c[0] < s[1] and s[0] < c[1] for c in covers)]
        if found and self.guards:
            read = simple(text)
            found = [s for s in found if not cleared(self.guards, read, s)]
        if found and any(p.exact.search(text) for p in self.unless):
            return []
        return found if len(found) == 1 else disjoint(found)

    def said_in(self, text: str) -> bool:
        """Does any piece match, all exclusions and guards considered?"""
        if self.bare:
            return any(p.exact.search(text) for p in self.pieces)
        return bool(self.spans(text))


def cleared(guards: Iterable[Guard], read: str, span: Span) -> bool:
    """Does one of these readings call the span of a text in plain characters innocent?"""
    return any(READINGS[guard](read, span) for guard in guards if guard in READINGS)


def innocent(rule: Rule, text: str, span: Span) -> bool:
    """The same for a span of a message and the guards of a rule."""
    return cleared(rule.guards, simple(text), span)


def disjoint(spans: list[Span]) -> list[Span]:
    """Leftmost spans, the longest first at one start; later ones that overlap are dropped."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s[0], -s[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept
