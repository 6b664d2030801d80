"""Disguises: what each switch sees through, what it must leave alone, and the span in the text as written."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.redline.lookalikes import any_mark, lexicon, spoken, traditional, width_forms
from scoring.redline.matcher import phrase_piece, regex_piece
from scoring.redline.rule import Evasion
from tests.scoring.redline.reference import phrase_spans

ALL = Evasion()
PHRASES = (
    "加微信",
    "好评返现",
    "shut up",
    "idiot",
    "转账",
    "don't",
    "加qq",
    "100%",
    "最近",
    "亲，加我",
    "i'll call",
    "you're no.1",
    "v",
)

SEEN = [
    ("width", "加vx", "加ＶＸ"),
    ("width", "idiot", "ⓘⓓⓘⓞⓣ"),
    ("width", "idiot", "𝐢𝐝𝐢𝐨𝐭"),
    ("width", "100%", "①⓪⓪%"),
    ("case", "idiot", "IDIOT"),
    ("case", "加vx", "加Vx"),
    ("zero_width", "idiot", "id\u200biot"),
    ("zero_width", "转账", "转\u200d账"),
    ("separators", "加微信", "加 微*信"),
    ("separators", "加微信", "加，微，信"),
    ("separators", "加微信", "加😊微~信"),
    ("separators", "加微信", "加（微）信"),
    ("separators", "idiot", "i d i o t"),
    ("separators", "idiot", "i.d-i_o*t"),
    ("separators", "shut up", "shut  up"),
    ("separators", "shut up", "shut-up"),
    ("separators", "shut up", "s h u t u p"),
    ("traditional", "转账", "轉賬"),
    ("traditional", "好评返现", "好評返現"),
    ("homophones", "加微信", "加薇信"),
    ("homophones", "加微信", "➕威信"),
    ("homophones", "好评返现", "好评反线"),
    ("pinyin", "加微信", "加vx"),
    ("pinyin", "加微信", "jia微信"),
    ("pinyin", "好评返现", "haopingfx"),
    ("pinyin", "加微信", "加V信"),
    ("split", "好评返现", "女子评返现"),
    ("split", "加微信", "力口微信"),
    ("split", "转账", "车专贝长"),
    ("slang", "加微信", "加绿泡泡"),
    ("slang", "加qq", "加企鹅"),
    ("slang", "加qq", "加🐧"),
    ("slang", "发红包", "发🧧"),
    ("digits", "138", "一三八"),
    ("digits", "138", "壹叁捌"),
]


@pytest.mark.parametrize(("switch", "phrase", "text"), SEEN, ids=[f"{s}-{t}" for s, _, t in SEEN])
def test_each_switch_stands_alone(switch: str, phrase: str, text: str) -> None:
    on, off = replace(ALL, digits=True), replace(ALL, **{"digits": True, switch: False})
    assert [text[a:b] for a, b in phrase_piece(phrase, on).spans(text)] == [text]
    assert phrase_piece(phrase, off).spans(text) == []


def test_marks_at_the_ends_count_where_marks_are_read_as_written() -> None:
    exact = replace(Evasion.none(), zero_width=True)
    assert phrase_piece("【加V】", exact).spans("加V【加V】【\u200b加V】【加V ") == [(2, 6), (6, 11)]
    assert phrase_piece("【加V】", ALL).spans("【加V】") == [(1, 3)]


def test_digits_behind_a_look_behind_keep_their_disguises() -> None:
    piece = regex_piece("(?<!\\d)1[3-9]\\d", replace(ALL, digits=True))
    assert piece.spans("一三8 ②138 1\ufe0f\u20e33\ufe0f\u20e38\ufe0f\u20e3") == [(0, 3), (9, 18)]


UNSEEN = [
    ("最近", "最。近"),
    ("最", "这是我"),
    ("加微信", "家里微信号"),
    ("加微信", "要加，微信支付下单"),
    ("加微信", "威信很高"),
    ("加微信", "微信支付"),
    ("加微信", "加VIP会员"),
    ("加微信", "加微\n信"),
    ("加微信", "加     微信"),
    ("idiot", "idiotic"),
    ("idiot", "videotape"),
    ("idiot", "id iot"),
    ("shut up", "shutup"),
    ("shut up", "shut upstairs"),
    ("shut up", "shut. Up next"[:4] + "。up"),
    ("vx", "TV xbox"),
    ("vx", "devx"),
    ("好评返现", "好评。返现"),
    ("转账", "zz"),
    ("钱", "米"),
    ("you rat", "your attic"),
    ("100%", "5100%"),
    ("100%", "100 %"),
]


@pytest.mark.parametrize(("phrase", "text"), UNSEEN, ids=[f"{p}-{t}" for p, t in UNSEEN])
def test_innocent_text_is_left_alone(phrase: str, text: str) -> None:
    assert phrase_piece(phrase, ALL).spans(text) == []


def test_keycap_digits() -> None:
    assert phrase_piece("138", replace(Evasion.none(), digits=True)).spans("1️⃣3️⃣8️⃣") == [(0, 9)]
    assert phrase_piece("138", Evasion.none()).spans("1️⃣3️⃣8️⃣") == []


def test_with_every_switch_off_a_phrase_is_its_characters() -> None:
    piece = phrase_piece("加V信", Evasion.none())
    assert piece.spans("他加V信了，加v信、加 V信、加威信") == [(1, 4)]


def test_a_phrase_of_marks_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter"):
        phrase_piece("？？！", ALL)
    with pytest.raises(ValueError, match="characters"):
        phrase_piece("长" * 61, ALL)


def test_a_symbol_that_stands_for_a_word_is_no_mark() -> None:
    assert not {c for low, high in any_mark().ranges for c in range(low, high + 1)} & {
        c for low, high in spoken().ranges for c in range(low, high + 1)
    }


def test_authors_may_write_the_disguised_form_themselves() -> None:
    assert phrase_piece("加ＶＸ", ALL).spans("加vx") == [(0, 3)]
    assert phrase_piece("轉賬", ALL).spans("转账") == [(0, 2)]


GAPS = st.sampled_from(["", "", "", " ", "*", "，", "\u200b", "😊", "  ", "。", "-", "'", "\n", "🐧", "(", "…"])


def disguise(c: str, choice: int) -> str:
    forms = [c, c, c.upper(), *width_forms().get(c, ""), *traditional().get(c, ""), *lexicon().homophones.get(c, "")]
    forms += [*lexicon().split.get(c, ()), *lexicon().digits.get(c, "")]
    return forms[choice % len(forms)]


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, str]:
    """A phrase and a text that may hide it."""
    phrase = draw(st.sampled_from(PHRASES))
    words = [phrase]
    for table in lexicon().tables(ALL):
        words += [phrase.replace(w, s) for w, spellings in table.items() if w in phrase for s in spellings]
    body = "".join(disguise(c, draw(st.integers(0, 30))) + draw(GAPS) for c in draw(st.sampled_from(words)))
    return phrase, draw(st.text("加微信vxi 0，不", max_size=3)) + body + draw(st.text("加微信vxt 0，了", max_size=3))


SWITCHES = st.builds(Evasion, **{f.name: st.booleans() for f in fields(Evasion)}) | st.just(ALL)


@given(disguised(), SWITCHES)
@settings(max_examples=400, deadline=None)
def test_equal_to_a_walk_through_the_text(case: tuple[str, str], evasion: Evasion) -> None:
    phrase, text = case
    spans = phrase_piece(phrase, evasion).spans(text)
    allowed = phrase_spans(text, phrase, evasion)
    assert set(spans) <= allowed
    assert bool(spans) == bool(allowed)
    if spans:
        assert spans[0][0] == min(start for start, _ in allowed)
