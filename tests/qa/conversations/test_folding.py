"""Folding is done character by character, and the pattern of a word finds what folds into it."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.conversations.folding import fold, pattern, words

LETTERS = st.text(st.sampled_from("退還还款發发Ａaª，, 　\t微\n信1１①*.+\\[]^-&~\0ßﬁé"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "written, folded",
    [
        ("退還貨款", "退还货款"),
        ("ＡＢＣ１２３", "abc123"),
        ("微　信\n号", "微 信 号"),
        ("Ｗｅｃｈａｔ，ＯＫ", "wechat,ok"),
        ("straße ﬁ", "straße ﬁ"),
    ],
)
def test_width_case_and_traditional_characters_stop_mattering(written: str, folded: str) -> None:
    assert fold(written) == folded


@given(LETTERS, LETTERS)
def test_what_stands_beside_a_character_changes_nothing(one: str, two: str) -> None:
    assert fold(one + two) == fold(one) + fold(two)
    assert len(fold(one)) == len(one)
    assert fold(fold(one)) == fold(one)


@given(LETTERS, LETTERS)
def test_a_pattern_finds_exactly_what_folds_into_the_word(word: str, text: str) -> None:
    sought = fold(word)
    there = sought in fold(text)
    assert bool(re.search(pattern(sought), text)) == there
    assert pl.Series([text]).str.contains(pattern(sought)).item() == there


def test_a_query_is_words_and_phrases() -> None:
    assert words('退還 “好的 亲” OK ok "a b"', masked=False) == ("退还", "好的 亲", "ok", "a b")


def test_a_star_parts_words_for_whoever_reads_masked_text() -> None:
    assert words("138****5678 a*b", masked=True) == ("138", "5678", "a", "b")
    assert words("5*3", masked=False) == ("5*3",)
