"""The authors' regular expressions: refused with a reason, or read by every engine as Python reads them."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.redline.evasion import regex_node
from scoring.redline.finder import make_finder, search_errors
from scoring.redline.hazard import hazard
from scoring.redline.matcher import Disguises, phrase_piece, piece, regex_piece
from scoring.redline.printing import show
from scoring.redline.rule import Evasion
from scoring.redline.syntax import PatternError, parse

ALL, PLAIN = Evasion(), Evasion.none()

REFUSED = [
    ("(a+)+b", "run away"),
    ("(a*)*", "nothing at all"),
    ("(?:a|ab)+c", "group"),
    ("(.{0,9}a)+", "run away"),
    ("(?:ab)+c", "group"),
    ("(?:(?:[a-c]{200}){200}){3}", "spells out"),
    ("a.*b", "upper bound"),
    ("[^a]+b", "upper bound"),
    ("\\d+\\d+x", "bound one"),
    ("(?:.{0,9}a){0,9}x", "run away"),
    ("a{0,50}b?c{0,50}d{0,50}x", "too many"),
    ("x{201}", "too large"),
    ("a" * 501, "500 are allowed"),
    ("(?i)abc", "groups"),
    ("(?P<n>a)", "groups"),
    ("(?>a)", "groups"),
    ("(a)\\1", "unknown"),
    ("\\Aabc", "unknown"),
    ("\\p{Han}", "unknown"),
    ("a{,3}", "brace"),
    ("a{3", "brace"),
    ("a++", "possessive"),
    ("a**", "possessive"),
    ("a{2}{3}", "possessive"),
    ("*a", "nothing to repeat"),
    ("[[:alpha:]]", "inside"),
    ("[\\D]", "spell"),
    ("[]", "empty"),
    ("[b-a]", "backwards"),
    ("a{3,2}", "backwards"),
    ("(a", "never closed"),
    ("a)", "never opened"),
    ("[a", "too early"),
    ("a\\", "too early"),
    ("a?", "nothing at all"),
    ("(?=a)", "nothing at all"),
    ("", "nothing at all"),
    ("^+a", "must follow"),
    ("\\x0", "hexadecimal"),
    ("\\x00a", "not all zero"),
    ("a]", "alone"),
    ("(?<=a{1,2})b", "Python cannot"),
]


@pytest.mark.parametrize(("pattern", "reason"), REFUSED, ids=[p[:20] for p, _ in REFUSED])
def test_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        regex_piece(pattern, PLAIN)


READ = [
    ("a.c", "abc a\nc a好c"),
    ("\\d{2,}", "12 ３４ 7"),
    ("[^，。]{1,3}x", "好的x，x"),
    ("a|bc|", "zz"),
    ("(?:ab){2}", "ababab"),
    ("^滚$", "滚"),
    ("^滚$", "别\n滚"),
    ("\\bab\\b", "ab cab ab好"),
    ("(?<!不)加(?!了)", "不加 加了 加"),
    ("[a\\-\\]\\\\^]+?", "-]^\\"),
    ("\\u52a0V?", "加V"),
    ("\\$\\{\\}\\#", "${}#"),
    ("[&~|-]", "&~|-"),
    ("\\s\\S", " a\tb"),
    ("a+?b", "aab"),
    ("\\W\\w", "，a"),
    ("[0-9一-龥]{2}", "3好"),
    ("x{0,3}y{2}", "xxyy"),
]


@pytest.mark.parametrize(("pattern", "text"), READ, ids=[p for p, _ in READ])
def test_read_as_python_reads_it(pattern: str, text: str) -> None:
    expected = [m.span() for m in re.compile(pattern, re.ASCII).finditer(text)]
    assert [m.span() for m in re.compile(show(parse(pattern)), re.ASCII).finditer(text)] == expected


def refusal(pattern: str) -> str | None:
    try:
        return hazard(parse(pattern))
    except PatternError as error:
        return f"unreadable: {error}"


LITERAL = st.sampled_from([*"ab加好，1 \n", "\\d", "\\w", "\\s", "\\D", "\\W", ".", "[ab]", "[^a好]", "[0-9x]", "\\."])
PATTERN = st.recursive(
    LITERAL,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
        st.tuples(inner, st.sampled_from(["?", "{0,2}", "{2}", "{1,3}", "+", "*", "{1,2}?"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
        st.tuples(st.sampled_from(["(?=", "(?!", "\\b(?:", "^(?:", "(?:"]), inner).map(lambda p: f"{p[0]}{p[1]})"),
        inner.map(lambda p: f"{p}$"),
    ),
    max_leaves=6,
).filter(lambda p: not str(refusal(p)).startswith("unreadable"))
TEXT = st.text(alphabet="abxAB加好，1３ａ \n\0\x1eé😊轉", max_size=12)


@given(PATTERN, st.lists(TEXT, min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_printing_keeps_the_meaning(pattern: str, texts: list[str]) -> None:
    mine, python = re.compile(show(parse(pattern)), re.ASCII), re.compile(pattern, re.ASCII)
    for text in texts:
        assert [m.span() for m in mine.finditer(text)] == [m.span() for m in python.finditer(text)]
        plain = re.compile(show(regex_node(parse(pattern), PLAIN)), re.ASCII)
        assert [m.span() for m in plain.finditer(text)] == [m.span() for m in python.finditer(text)]


PHRASE = st.sampled_from(["加好", "ab", "a b", "加a1", "abxa", "轉好加", "好，加", "11", "微信", "加微信"])
HIDDEN = st.text(alphabet="abxAB𝘈Ｂ加好，1３ａ \n\0\x1e轉转\u200b\ufe0f*微薇vxV信🐧①", max_size=14)


@pytest.mark.parametrize("engine", ["hyperscan", "polars"])
@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (("in exchange",), "IN 𝘌xchANGE"),
        (("加专属微信",), "加\u200d\u200d专\u200d属\ufe0f微信"),
        (("[^，]线",), "\0线 轉"),
        (("加[\\u4e00-\\uffff]",), "加！"),
        (("加\0微",), "加\0微"),
    ],
)
def test_matches_that_only_a_copy_shows_are_found(engine: str, terms: tuple[str, ...], text: str) -> None:
    evasion = replace(ALL, separators=False)
    pieces = [regex_piece(t, evasion) if "[" in t else phrase_piece(t, evasion) for t in terms]
    assert pieces[0].spans(text)
    assert make_finder(pieces, engine).candidates(pl.Series(["x", text])).tolist() == [[1, 0]]


@given(
    st.lists(PATTERN.filter(lambda p: refusal(p) is None), max_size=3),
    st.lists(PHRASE, max_size=3),
    st.lists(HIDDEN, min_size=1, max_size=8),
    st.sampled_from([ALL, PLAIN, Evasion(digits=True), Evasion(width=False, traditional=False)]),
    st.sampled_from(["hyperscan", "polars"]),
)
@settings(max_examples=80, deadline=None)
def test_no_engine_loses_a_match(
    patterns: list[str], phrases: list[str], texts: list[str], evasion: Evasion, engine: str
) -> None:
    pieces = [*(phrase_piece(p, evasion) for p in phrases), *(regex_piece(p, evasion) for p in patterns)]
    if not pieces:
        return
    found = set(map(tuple, make_finder(pieces, engine).candidates(pl.Series(texts)).tolist()))
    true = {(row, n) for row, text in enumerate(texts) for n, p in enumerate(pieces) if p.spans(text)}
    assert true <= found


def test_what_the_search_engine_refuses_is_found_among_many() -> None:
    pieces = [piece(p, parse(p), parse(p), Disguises(), phrase=False) for p in ("加微信", "a", "b", "a{0,3}", "c")]
    assert search_errors(pieces[:3]) == {}
    assert list(search_errors(pieces)) == [3]  # may match nothing: the checks refuse it before any engine sees it
