"""A rule that goes by wording: scores, evidence, and that it stays a suspicion."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.resources import files

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.redline import (
    Effect,
    EffectKind,
    Guard,
    Label,
    PatternError,
    Rule,
    Screener,
    Terms,
    Wording,
    dump_rules,
    load_default_rules,
    parse_rules,
    wording,
)
from scoring.redline.check import written_problems

MODEL = wording.make({"坏": 4.0, "坏话": 8.0, "说坏": 4.0, "好": -6.0, "bad ": 9.0}, -1.0)
RULE = next(rule for rule in load_default_rules() if rule.wording)
TEXTS = st.lists(st.text("坏话说好我bad 0９，\0\n", max_size=20), min_size=1, max_size=8)


def by_hand(text: str) -> float:
    """The score as its definition says, one run at a time."""
    plain = text.replace("\0", "\1").replace("９", "0").lower()
    known = {"坏": 4.0, "坏话": 8.0, "说坏": 4.0, "好": -6.0, "bad ": 9.0}
    total = 0.0
    for run, weight in known.items():
        found = sum(plain.startswith(run, at) for at in range(len(plain)))
        total += weight * (min(found, 1) if len(run) <= wording.ONCE else found)
    return -1.0 + total / max(len(text), wording.FEWEST) ** 0.5


@given(TEXTS)
def test_scores_are_those_of_the_definition_whatever_stands_beside(texts: list[str]) -> None:
    found = MODEL.scores(pl.Series(texts))
    assert np.allclose(found, [by_hand(text) for text in texts])


@given(st.text(max_size=40))
def test_evidence_lies_inside_the_message(text: str) -> None:
    found = wording.model(RULE.wording.model).evidence(pl.Series([text]))[0]  # type: ignore[union-attr]
    start, end = found.span
    assert 0 <= start <= end <= len(text)
    assert all(word in text for word in found.words)


def test_evidence_names_the_place_and_whole_words() -> None:
    (found,) = MODEL.evidence(pl.Series(["您好，背后说坏话的人"]))
    assert "您好，背后说坏话的人"[slice(*found.span)] == "说坏话"
    assert wording.whole_words("so stupidly, yes", (3, 7)) == (3, 11)


@given(st.lists(st.text(alphabet="您好背后说坏话的人 fuck you，。0滚", max_size=30), max_size=12))
def test_evidence_of_many_texts_is_that_of_each(texts: list[str]) -> None:
    model, every = wording.model(wording.NEWEST), pl.Series(texts, dtype=pl.String)
    found = model.evidence(every)
    assert found == [one for text in texts for one in model.evidence(pl.Series([text]))]
    assert model.spans(every) == [one.span for one in found]


def test_no_texts_and_no_runs() -> None:
    assert MODEL.evidence(pl.Series([], dtype=pl.String)) == MODEL.spans(pl.Series([], dtype=pl.String)) == []
    assert len(MODEL.scores(pl.Series([], dtype=pl.String))) == 0
    assert MODEL.scores(pl.Series([None, ""], dtype=pl.String)).tolist() == [-1.0, -1.0]
    assert wording.make({}, 0.5).scores(pl.Series(["坏"])).tolist() == [0.5]


def test_the_shipped_model_is_the_one_that_was_released() -> None:
    """A rule in force names its model, so a released one never changes: another has another name."""
    data = (files("scoring") / "data" / "redlines" / "wording1.tsv").read_bytes()
    assert hashlib.sha256(data).hexdigest() == "21027d70a3734735a066931ea1d0268facf25288e4ae231bc3289b2aed86bb32"
    with pytest.raises(PatternError, match="no model"):
        wording.model("../default")


def test_a_rule_by_wording_only_raises_a_suspicion() -> None:
    assert written_problems(RULE) == []
    zeroing = replace(RULE, effect=Effect(EffectKind.ZERO_FORM))
    mixed = replace(RULE, terms=Terms(("坏话",)))
    unknown = replace(RULE, wording=Wording("none", 0))
    assert [[p.code for p in written_problems(rule)] for rule in (zeroing, mixed, unknown)] == [
        ["wording"],
        ["mixed"],
        ["unknown"],
    ]


def test_it_is_written_and_read_again_and_older_rules_keep_their_hash() -> None:
    (again,) = parse_rules(dump_rules([RULE]))
    assert again == RULE
    assert again.content_hash != replace(RULE, wording=Wording("wording1", 1)).content_hash
    plain = Rule("R1", 1, Label("一", "One"), Terms(("a",)))
    assert plain.content_hash == "d821c3180f59871c5faacb4c0433f52c9137454de2caf0ac41627d76bd193bd0"


def test_its_reason_names_the_words() -> None:
    chat = {"conversation_key": ["c"], "seq": [0], "role": ["agent"], "sent_at": [None]}
    (hit,) = Screener([RULE]).screen(pl.DataFrame(chat | {"text": [RULE.examples.positive[0]]})).iter_rows(named=True)
    assert hit["matched"] in RULE.examples.positive[0]
    assert "读起来像违规" in hit["reason_zh"]
    assert "reads like violations" in hit["reason_en"]


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("要不要每周给您推送优惠，您可以选不要", False),
        ("每周给您", True),  # too short to tell
        ("每 周 给 您推送优惠，您可以选不要哦", True),  # in disguise
    ],
)
def test_a_match_in_a_message_unlike_any_violation_is_none(text: str, hit: bool) -> None:
    assert guarded("每周给您", text) is hit


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("傻逼", "您好，您的订单今天发货，预计明天送达，请留意短信通知，你个傻逼别催了，祝您生活愉快"),
        ("idiot", "Your parcel has arrived and will be delivered tomorrow, you idiot, please keep your phone on."),
        ("stupid", "Thank you for contacting us. Your order has shipped. You are really stupid. Have a nice day!"),
    ],
)
def test_a_rude_clause_counts_in_a_polite_message(said: str, text: str) -> None:
    assert wording.likeness(text) < -1.5
    assert guarded(said, text)


def guarded(phrase: str, text: str) -> bool:
    rule = Rule("R1", 1, Label("一", "One"), Terms((phrase,)), guards=(Guard.UNLIKE,))
    chat = {"conversation_key": ["c"], "seq": [0], "role": ["agent"], "sent_at": [None], "text": [text]}
    return not Screener([rule]).screen(pl.DataFrame(chat)).is_empty()
