"""Markup is seen through: rules read what a reader sees, and spans are those of the original text."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.redline import Guard, Label, Rule, Screener, Terms
from scoring.redline.markup import visible

RULE = Rule("T1", 1, Label("加微信", "WeChat"), Terms(("加微信",)), guards=(Guard.LINKS,))


def found(text: str, engine: str = "hyperscan") -> list[tuple[int, int, str]]:
    chat = pl.DataFrame({"conversation_key": ["c"], "seq": [0], "role": ["agent"], "sent_at": [None], "text": [text]})
    return Screener([RULE], engine=engine).screen(chat).select("start", "end", "matched").rows()


@pytest.mark.parametrize("engine", ["hyperscan", "polars"])
@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("亲，加<b>微</b>信聊", "加<b>微</b>信"),
        ("加&#24494;信", "加&#24494;信"),
        ("加&nbsp;微&nbsp;信", "加&nbsp;微&nbsp;信"),
        ("[加微信](https://x.example)", "加微信"),
        ('<a href="https://x.example/?q=1">加微信</a>', "加微信"),
        ("加<!-- 空 -->微信", "加<!-- 空 -->微信"),
        ("a < b，加微信", "加微信"),
    ],
)
def test_hidden_words_are_found_with_their_place_in_the_original(engine: str, text: str, matched: str) -> None:
    start = text.index(matched)
    assert found(text, engine) == [(start, start + len(matched), matched)]


@pytest.mark.parametrize(
    "text",
    ["加</p><p>一个，微信", "https://x.example/?q=1&to=jiavx", '<a title="加微信" href="/">看这里</a>', "a<b 且 b>a"],
)
def test_attributes_and_addresses_say_nothing(text: str) -> None:
    assert found(text) == []


@given(st.text(alphabet=st.sampled_from("<>/ab&;#1x[]()加微信 \n!-"), max_size=60))
def test_every_visible_character_has_a_place_in_the_original(text: str) -> None:
    seen = visible(text)
    if seen is None:
        return
    assert len(seen.places) == len(seen.text)
    assert all(0 <= start < end <= len(text) for start, end in seen.places)
    assert [start for start, _ in seen.places] == sorted(start for start, _ in seen.places)
