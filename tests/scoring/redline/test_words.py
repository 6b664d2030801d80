"""Matches cut out of longer words are told from words."""

from __future__ import annotations

import pytest

from scoring.redline.words import cut_out


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("混蛋糕和戚风", "混蛋"),
        ("育肥猪饲料", "肥猪"),
        ("周围神经病变", "神经病"),
        ("去死角的刷头", "去死"),
        ("家畜生长快", "畜生"),
        ("王八蛋糕", "王八蛋"),
    ],
)
def test_cut_out_of_longer_words(text: str, phrase: str) -> None:
    start = text.index(phrase)
    assert cut_out(text, start, start + len(phrase))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("你这个混蛋", "混蛋"),
        ("你去死吧", "去死"),
        ("死肥猪一个", "肥猪"),
        ("you idiot", "idiot"),
        ("你就是个神经病啊", "神经病"),
        ("傻 逼", "傻 逼"),
    ],
)
def test_a_word_of_its_own(text: str, phrase: str) -> None:
    start = text.index(phrase)
    assert not cut_out(text, start, start + len(phrase))
