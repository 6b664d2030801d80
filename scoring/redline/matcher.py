"""From a rule's terms to exact spans in one message.

Owns the compiled form of phrases and regular expressions (the exact Python pattern and the broader pattern a fast engine
searches with), exclusions, and the guards that recognise quotation, refusal and condition. Refuses to know frames,
engines, conversations and dates: it judges one text at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from scoring.redline.evasion import phrase_node, phrase_search, regex_node
from scoring.redline.hazard import hazard
from scoring.redline.lookalikes import folded, plain
from scoring.redline.rule import Evasion, Guard, Rule, Terms
from scoring.redline.syntax import Node, PatternError, broad, parse, rewrite, show

Span = tuple[int, int]

SENTENCE = re.compile(r"[。！？!?；;\n]|\.\s")
QUOTES = (("「", "」"), ("『", "』"), ("“", "”"), ("‘", "’"), ("《", "》"), ("〈", "〉"), ("【", "】"), ("〝", "〞"))
REFUSAL_BEFORE = re.compile(
    r"(?:(?<!能)不能|(?<!可)不可以?|(?<!要)不要|(?<!用)不用|(?<!会)不会|(?<!是)不是|(?<!让)不让|(?<!做)不做|(?<!搞)不搞|(?<!需)不需要?"
    r"|不得|不允许|不支持|不提供|不建议|不方便|不准|不许|不接受|不保证|不敢|不参与|不存在|没法|没办法|没有|无法|无需|请勿|切勿|勿|禁止|严禁|谨防|警惕"
    r"|防止|避免|拒绝|从不|绝不|并非|举报|别)[^，,。！？!?；;：:\n]{0,8}$"
    r"|(?<![要是能可])不$"
    r"|\b(?:don['’]?t|do not|never|cannot|can['’]?t|can not|won['’]?t|will not|not allowed to|not able to|unable to"
    r"|may not|must not|should not|shouldn['’]?t|beware of|avoid|refrain from|no need to|not permitted to"
    r"|against our policy to)[^.!?;:\n]{0,40}$",
    re.IGNORECASE,
)
REFUSAL_AFTER = re.compile(
    r"[^，,。！？!?；;：:\n]{0,8}(?:不行|不可以|不允许|不被允许|不支持|不合规|违规|违反|被禁止|是禁止|做不到|不了|是骗|是诈骗|都是骗|请不要|请勿|不要相信|别相信"
    r"|(?:\s(?:is|are))\s(?:not allowed|not permitted|forbidden|prohibited|against))",
    re.IGNORECASE,
)
CONDITION_BEFORE = re.compile(
    r"(?:如果|如若|如有|如您|如未|如遇|如超|如因|如|若|假如|假设|要是|万一|一旦|倘若|只要|凡是|符合|满足|\b(?:if|should|unless|in case|once|provided|in the event)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Disguises:
    """Behind which signs of disguise a piece must be searched for: see :class:`scoring.redline.finder.HyperscanFinder`."""

    folds: bool = False
    invisible: bool = False
    spelled_out: bool = False


@dataclass(frozen=True)
class Piece:
    """One phrase or regular expression: ``pattern`` decides, ``search`` finds at least every message that it matches."""

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
        raise PatternError(str(error)) from None
    letters = evasion.separators and plain(phrase, evasion).isascii()
    return piece(
        phrase, exact, search, Disguises(evasion.width or evasion.traditional, evasion.zero_width, letters), phrase=True
    )


@lru_cache(maxsize=10_000)
def regex_piece(pattern: str, evasion: Evasion) -> Piece:
    """Raises PatternError with the reason when the pattern is refused."""
    tree = parse(pattern)
    reason = hazard(tree)
    if reason:
        raise PatternError(reason)
    exact = regex_node(tree, evasion)
    found = piece(pattern, exact, exact, Disguises(evasion.width or evasion.traditional), phrase=False)
    try:
        found.exact  # noqa: B018 - compiling is the test
    except re.error as error:
        raise PatternError(f"Python cannot read it: {error}") from None
    return found


def piece(written: str, exact: Node, search: Node, behind: Disguises, *, phrase: bool) -> Piece:
    return Piece(written, show(exact), broad(rewrite(search, folded) if behind.folds else search), behind, phrase)


def pieces(terms: Terms, evasion: Evasion) -> tuple[Piece, ...]:
    """The compiled terms, phrases first."""
    return (
        *(phrase_piece(p, evasion) for p in terms.phrases),
        *(regex_piece(r, evasion) for r in terms.regex),
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
            found = [s for s in found if not any(READINGS[g](text, s) for g in self.guards)]
        if found and any(p.exact.search(text) for p in self.unless):
            return []
        return found if len(found) == 1 else disjoint(found)

    def said_in(self, text: str) -> bool:
        """Does any piece match, all exclusions and guards considered?"""
        return bool(self.spans(text))


def disjoint(spans: list[Span]) -> list[Span]:
    """Leftmost spans, the longest first at one start; later ones that overlap are dropped."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s[0], -s[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


# --- guards --------------------------------------------------------------------------------------------------------


def quoted(text: str, span: Span) -> bool:
    """Does the span lie inside one pair of quotation marks or title brackets?"""
    start, end = span
    for opening, closing in QUOTES:
        at = text.rfind(opening, 0, start)
        if at >= 0 and closing not in text[at:start] and text.find(closing, end) >= 0:
            return True
    straight = text.count('"', 0, start)
    return straight % 2 == 1 and '"' in text[end:] and '"' not in text[start:end]


def declined(text: str, span: Span) -> bool:
    """Is the span refused in its own clause: a negation shortly before it, or 不可以, "is not allowed" right after it?"""
    before, after = text[max(0, span[0] - 60) : span[0]], text[span[1] : span[1] + 40]
    return bool(REFUSAL_BEFORE.search(before) or REFUSAL_AFTER.match(after))


def conditional(text: str, span: Span) -> bool:
    """Does the sentence before the span open a condition (如未发货可申请…)?"""
    starts = [m.end() for m in SENTENCE.finditer(text, 0, span[0])]
    return bool(CONDITION_BEFORE.search(text, starts[-1] if starts else 0, span[0]))


READINGS = {Guard.QUOTED: quoted, Guard.DECLINED: declined, Guard.CONDITIONAL: conditional}
