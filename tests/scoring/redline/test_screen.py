"""Screening whole frames: who said it, when, where, what stood around it, and two engines that agree."""

from __future__ import annotations

import doctest
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scoring.redline
from scoring.redline import (
    HIT_SCHEMA,
    Anchor,
    Condition,
    Evasion,
    Guard,
    Label,
    Missing,
    Relation,
    Repetition,
    Rule,
    Screener,
    Speaker,
    Terms,
    fallback,
)  # fmt: skip
from scoring.redline import finder as finder_module
from scoring.redline.examples import SCHEMA
from scoring.redline.logic import LogicError
from scoring.redline.syntax import parse
from tests.scoring.redline.reference import reference_hits

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
ENGINES = ("hyperscan", "polars")


def rule(*phrases: str, **changes: object) -> Rule:
    base = Rule("T1", 1, Label("试", "Test"), Terms(tuple(phrases)))
    return replace(base, **changes)  # type: ignore[arg-type]


def chat(*lines: tuple[str, str] | tuple[str, str, int | None], key: str = "c") -> pl.DataFrame:
    """(role, text) or (role, text, seconds after noon); without seconds one line every ten seconds."""
    rows = []
    for n, (role, text, *at) in enumerate(lines):
        seconds = at[0] if at else n * 10
        rows.append((key, n, role, None, None if seconds is None else NOON + timedelta(seconds=seconds), text))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def hits(
    rules: Rule | list[Rule], messages: pl.DataFrame, conversations: pl.DataFrame | None = None
) -> list[tuple[object, ...]]:
    """(seq, rule, version, start, end, matched), the same from both engines."""
    several = rules if isinstance(rules, list) else [rules]
    both = [Screener(several, engine=e).screen(messages, conversations) for e in ENGINES]
    assert both[0].equals(both[1])
    assert both[0].schema == HIT_SCHEMA
    return both[0].select("seq", "rule_id", "rule_version", "start", "end", "matched").rows()


def test_spans_are_code_points_of_the_original_text() -> None:
    text = "😊亲，𠮷祥 加 薇*信 吧"
    assert hits(rule("加微信"), chat(("agent", text))) == [(0, "T1", 1, 6, 11, "加 薇*信")]
    assert text[6:11] == "加 薇*信"


def test_only_the_rules_speaker_is_read() -> None:
    messages = chat(*((r, "加微信") for r in ("customer", "agent", "bot", "system", "platform")))
    assert [h[0] for h in hits(rule("加微信"), messages)] == [1]
    assert [h[0] for h in hits(rule("加微信", speaker=Speaker.CUSTOMER), messages)] == [0]
    assert [h[0] for h in hits(rule("加微信", speaker=Speaker.ANY), messages)] == [0, 1, 2]


def test_overlapping_finds_of_one_rule_are_one_hit_the_longest() -> None:
    assert [h[5] for h in hits(rule("加微信", "加微信号", "微信号"), chat(("agent", "加微信号和加微信")))] == [
        "加微信号",
        "加微信",
    ]


def test_exclusions_cover_and_unless_clears_the_message() -> None:
    r = rule("微信", exclusions=Terms(("微信支付",)), unless=Terms(regex=("官方活动",)))
    messages = chat(
        ("agent", "微信支付"), ("agent", "微信支付，微信"), ("agent", "官方活动：微信"), ("agent", "微 信 支 付")
    )
    assert [(h[0], h[3]) for h in hits(r, messages)] == [(1, 5)]


GUARDED = [
    (Guard.QUOTED, "他说“加微信”", False),
    (Guard.QUOTED, "「加微信」", False),
    (Guard.QUOTED, "《加微信》有货", False),
    (Guard.QUOTED, 'he said "加微信" ok', False),
    (Guard.QUOTED, "加“微信”", True),
    (Guard.QUOTED, "“好的”加微信", True),
    (Guard.QUOTED, "“好”加微信“好”", True),
    (Guard.QUOTED, "“加微信", True),
    (Guard.DECLINED, "不能加微信哦", False),
    (Guard.DECLINED, "请勿私下加微信", False),
    (Guard.DECLINED, "加微信是不可以的", False),
    (Guard.DECLINED, "we never 加微信", False),
    (Guard.DECLINED, "不好意思，加微信", True),
    (Guard.DECLINED, "要不加微信", True),
    (Guard.DECLINED, "能不能加微信", True),
    (Guard.DECLINED, "可不可以加微信", True),
    (Guard.DECLINED, "是不是加微信", True),
    (Guard.DECLINED, "要不要加微信", True),
    (Guard.DECLINED, "加微信，不行就算了", True),
    *(
        (Guard.DECLINED, text, False)
        for text in (
            "加微信，这边不支持",
            "加微信的话，平台是不允许的",
            "我们不可以加微信的",
            "平台规定不让加微信",
            "加微信，我们不能哦",
            "paying? we never ask to 加微信",
        )
    ),
    *(
        (Guard.DECLINED, text, True)
        for text in (
            "不支持平台的话加微信",
            "平台不方便就加微信",
            "不能开票可以加微信",
            "没货了加微信",
            "不用走平台加微信",
            "加微信，平台不支持改价",
            "加微信聊，这边不方便",
            "加微信不违规",
            "加微信下单不支持退款",
            "don't worry, 加微信",
            "if you can't pay here then 加微信",
        )
    ),
    (Guard.CONDITIONAL, "如未发货可以加微信", False),
    (Guard.CONDITIONAL, "if it broke, 加微信", False),
    (Guard.CONDITIONAL, "如未发货。加微信", True),
    (Guard.CONDITIONAL, "加微信，如果您愿意", True),
]


@pytest.mark.parametrize(("guard", "text", "hit"), GUARDED, ids=[f"{g}-{t}" for g, t, _ in GUARDED])
def test_guards_read_the_sentence(guard: Guard, text: str, hit: bool) -> None:
    assert bool(hits(rule("加微信", guards=(guard,)), chat(("agent", text)))) is hit
    assert hits(rule("加微信"), chat(("agent", text)))


def test_reading_back_a_number_the_customer_gave_is_no_leak() -> None:
    r = rule(terms=Terms(regex=("(?:收件人|电话)[^，]{0,9}1\\d{10}",)), guards=(Guard.ECHOED,))
    gave = ("customer", "改成 139 1234-5678")
    assert hits(r, chat(gave, ("agent", "收件人13912345678"))) == []
    assert [h[0] for h in hits(r, chat(gave, ("agent", "收件人13912345679")))] == [1]
    assert [h[0] for h in hits(r, chat(("agent", "收件人13912345678"), gave))] == [0]
    assert [h[0] for h in hits(r, chat(("agent", gave[1]), ("agent", "收件人13912345678")))] == [1]


def test_a_chat_is_judged_by_the_version_in_force_on_its_business_date() -> None:
    old = rule("旧", "新", version=1, in_force_to=date(2026, 2, 28))
    new = rule("新", version=2, in_force_from=date(2026, 3, 1))
    late = datetime(2026, 2, 28, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai; two minutes later it is 1 March there
    for moment, versions in ((late, [1, 1]), (late + timedelta(minutes=2), [2])):
        messages = chat(("agent", "旧"), ("agent", "新")).with_columns(
            pl.lit(moment).alias("sent_at").cast(SCHEMA["sent_at"])
        )
        assert [h[2] for h in hits([old, new], messages)] == versions
    undated = chat(("agent", "旧", None), ("agent", "新", None))
    assert [h[2] for h in hits([old, new], undated)] == [2]
    began = pl.DataFrame({"conversation_key": ["c"], "started_at": [late]})
    assert [h[2] for h in hits([old, new], undated, began)] == [1, 1]


def test_the_highest_version_in_force_judges_alone() -> None:
    assert [
        h[2] for h in hits([rule("加", version=1), rule("加", version=3), rule("加", version=2)], chat(("agent", "加")))
    ] == [3]


def test_platform_rules_leave_other_platforms_alone() -> None:
    both = pl.concat(
        [chat(("agent", "加微信"), key="t"), chat(("agent", "加微信"), key="j"), chat(("agent", "加微信"), key="u")]
    )
    known = pl.DataFrame({"conversation_key": ["t", "j"], "platform": ["taobao", "jd"]})
    found = Screener([rule("加微信", platforms=("taobao",))]).screen(both, known)
    assert found["conversation_key"].to_list() == ["t", "u"]  # an unknown platform is judged by every rule


def test_bad_and_empty_input() -> None:
    r = rule("加微信")
    assert hits(r, chat()) == []
    assert hits(r, chat(("agent", ""))) == []
    assert hits(r, chat(("agent", "加微信")).with_columns(pl.lit(None, pl.String).alias("text"))) == []
    assert hits([], chat(("agent", "加微信"))) == []
    assert hits(r, chat(("agent", "a\0加微信\0b\n\x1e加ＶＸ"))) == [
        (0, "T1", 1, 2, 5, "加微信"),
        (0, "T1", 1, 9, 12, "加ＶＸ"),
    ]
    assert hits(r, chat(("agent", "x" * 8000 + "加微信"))) == [(0, "T1", 1, 8000, 8003, "加微信")]
    with pytest.raises(ValueError, match="'text'"):
        Screener([r]).screen(chat().drop("text"))
    with pytest.raises(ValueError, match="'sent_at' as Datetime"):
        Screener([r]).screen(chat().with_columns(pl.col("sent_at").cast(pl.String)))
    numbered = chat(("agent", "加微信")).with_columns(
        conversation_key=pl.lit(7), sent_at=pl.col("sent_at").dt.replace_time_zone(None)
    )
    assert Screener([r]).screen(numbered)["conversation_key"].to_list() == ["7"]
    twice = chat(("agent", "加微信"), ("agent", "好")).with_columns(seq=pl.lit(0, pl.Int32))
    with pytest.raises(ValueError, match="two messages with one seq"):
        hits(replace(r, conditions=(Condition("c", Terms(("好",))),)), twice)
    with pytest.raises(LogicError, match="no condition is called b"):
        Screener([replace(r, conditions=(Condition("c", Terms(("好",))),), logic="b")])
    with pytest.raises(ValueError, match="found 'grep'"):
        Screener([r], engine="grep").screen(chat(("agent", "a")))


def test_hits_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [("agent", t) for t in ("好", "加微信", "加", "微信", "加ＶＸ", "i d i o t", "加\u200b微信") * 5]
    whole = hits(rule("加微信", "idiot"), chat(*texts))
    monkeypatch.setattr(finder_module, "BATCH", 3)
    monkeypatch.setattr(finder_module, "BATCH_OF_FEW", 3)
    monkeypatch.setattr(fallback, "BATCH", 4)
    assert hits(rule("加微信", "idiot"), chat(*texts)) == whole
    assert len(whole) == 20


# --- neighbours ----------------------------------------------------------------------------------------------------

ASKED = Condition("asked", Terms(("加微信",)), Speaker.CUSTOMER, Relation.BEFORE, within_messages=2)
SORRY = Condition("sorry", Terms(("抱歉",)), Speaker.AGENT, Relation.AFTER, within_seconds=30)


@pytest.mark.parametrize(
    ("logic", "lines", "found"),
    [
        ("", [("customer", "加微信"), ("agent", "好的")], []),
        ("asked", [("customer", "加微信"), ("agent", "好的")], [1]),
        ("asked", [("customer", "加微信"), ("agent", "嗯"), ("agent", "嗯"), ("agent", "好的")], []),
        ("asked && !sorry", [("customer", "加微信"), ("agent", "好的"), ("agent", "抱歉")], []),
        ("asked && !sorry", [("customer", "加微信"), ("agent", "好的"), ("agent", "抱歉", 60)], [1]),
        ("asked && !sorry", [("customer", "加微信"), ("agent", "好的"), ("agent", "抱歉", None)], [1]),
        ("!asked || sorry", [("agent", "好的")], [0]),
        (
            "asked && (sorry || !sorry)",
            [("customer", "加微信"), ("system", "x"), ("system", "x"), ("system", "x"), ("agent", "好的")],
            [4],
        ),
    ],
)
def test_logic_over_neighbours(logic: str, lines: list[tuple[str, str]], found: list[int]) -> None:
    r = rule("好的", conditions=(ASKED, SORRY), logic=logic)
    assert [h[0] for h in hits(r, chat(*lines))] == found


@pytest.mark.parametrize(
    ("relation", "nth", "found"),
    [
        (Relation.BEFORE, 0, [2, 4]),
        (Relation.AFTER, 0, [0, 2]),
        (Relation.NEAR, 0, [0, 2, 4]),
        (Relation.SAME, 0, []),
        (Relation.ANYWHERE, 0, [0, 2, 4]),
        (Relation.BEFORE, 2, [4]),
        (Relation.AFTER, 2, [0, 2]),
        (Relation.AFTER, 1, [0]),
        (Relation.BEFORE, 3, []),
    ],
)
def test_relations_and_the_nth_hit(relation: Relation, nth: int, found: list[int]) -> None:
    r = rule("好的", conditions=(Condition("q", Terms(("退",)), Speaker.CUSTOMER, relation, nth),))
    lines = [("agent", "好的"), ("customer", "退"), ("agent", "好的"), ("customer", "退"), ("agent", "好的")]
    assert [h[0] for h in hits(r, chat(*lines))] == found


def test_repetition_fires_from_the_nth_on_inside_its_window() -> None:
    lines = [
        ("agent", "亲", 0),
        ("agent", "亲 亲", 10),
        ("customer", "?", 20),
        ("agent", "亲", 30),
        ("agent", "亲", 500),
    ]
    assert [h[0] for h in hits(rule("亲", repetition=Repetition(3)), chat(*lines))] == [3, 4]
    assert [h[0] for h in hits(rule("亲", repetition=Repetition(3, within_seconds=30)), chat(*lines))] == [3]
    assert [h[0] for h in hits(rule("亲", repetition=Repetition(2, within_messages=1)), chat(*lines))] == [1, 1, 4]


# --- what was not said ---------------------------------------------------------------------------------------------


def missing(anchor: Anchor, *expected: str, phrases: tuple[str, ...] = (), **numbers: int) -> Rule:
    return rule(*phrases, missing=Missing(anchor, Terms(expected), **numbers))


@pytest.mark.parametrize(
    ("wanted", "lines", "found"),
    [
        (missing(Anchor.OPENING, "您好", messages=2), [("customer", "在吗"), ("agent", "嗯"), ("agent", "您好")], []),
        (missing(Anchor.OPENING, "您好", messages=1), [("customer", "在吗"), ("agent", "嗯"), ("agent", "您好")], [1]),
        (missing(Anchor.OPENING, "您好"), [("customer", "您好"), ("bot", "您好")], []),
        (
            missing(Anchor.CLOSING, "评价", messages=2),
            [("agent", "评价"), ("agent", "好"), ("agent", "好"), ("customer", "评价")],
            [2],
        ),
        (missing(Anchor.CLOSING, "评价", messages=3), [("agent", "评价"), ("agent", "好"), ("agent", "好")], []),
        (
            missing(Anchor.WAIT, "抱歉", messages=2),
            [
                ("customer", "?", 0),
                ("customer", "?", 100),
                ("agent", "嗯", 181),
                ("agent", "好", 182),
                ("agent", "抱歉", 183),
            ],
            [2],
        ),
        (
            missing(Anchor.WAIT, "抱歉", messages=3),
            [("customer", "?", 0), ("agent", "嗯", 181), ("agent", "好", 182), ("agent", "抱歉", 183)],
            [],
        ),
        (missing(Anchor.WAIT, "抱歉"), [("customer", "?", 0), ("agent", "嗯", 180)], []),
        (missing(Anchor.WAIT, "抱歉"), [("customer", "?", None), ("agent", "嗯", 999)], []),
        (missing(Anchor.PHRASE, phrases=("稍等",)), [("agent", "稍等", 0), ("agent", "好了", 900)], []),
        (missing(Anchor.PHRASE, phrases=("稍等",)), [("agent", "稍等", 0), ("agent", "好了", 901)], [0]),
        (missing(Anchor.PHRASE, phrases=("稍等",)), [("agent", "稍等", 0), ("agent", "好了", None)], []),
        (missing(Anchor.PHRASE, phrases=("稍等",)), [("agent", "稍等", None)], [0]),
        (missing(Anchor.PHRASE, "查到", phrases=("稍等",)), [("agent", "稍等", 0), ("agent", "好了", 5)], [0]),
    ],
)
def test_missing_phrases(wanted: Rule, lines: list[tuple[str, str]], found: list[int]) -> None:
    got = hits(wanted, chat(*lines))
    assert [h[0] for h in got] == found
    if wanted.missing and wanted.missing.anchor is not Anchor.PHRASE:
        assert all(h[3:] == (0, 0, "") for h in got)


def test_reasons_in_both_languages() -> None:
    found = Screener([rule("加微信"), replace(missing(Anchor.WAIT, "抱歉"), id="T2")]).screen(
        chat(("customer", "?", 0), ("agent", "加VX", 200))
    )
    first, second = found.rows(named=True)
    assert first["reason_zh"] == "疑似“试”：出现“加VX”"
    assert first["reason_en"] == "Suspected “Test”: the message says “加VX”"
    assert "3 分钟" in second["reason_zh"]
    assert "3 minutes" in second["reason_en"]


# --- the whole engine against a plain loop -------------------------------------------------------------------------

PHRASES = st.sampled_from(["加微信", "好评返现", "ab", "a b", "转账", "滚", "100%", "亲，加我", "qq"])
PATTERNS = st.sampled_from(["加.{0,3}信", "[ab]{2,3}", "\\d{3}", "^滚$", "(?<!不)加", "[^，]{1,2}信", "返|退"])
TERMS = st.builds(
    Terms, st.lists(PHRASES, min_size=1, max_size=2).map(tuple), st.lists(PATTERNS, max_size=2).map(tuple)
)
SWITCHES = (
    st.just(Evasion())
    | st.just(Evasion.none())
    | st.builds(Evasion, **{f.name: st.booleans() for f in fields(Evasion)})
)
CONDITIONS = st.builds(
    Condition, st.just("c"), TERMS, st.sampled_from(Speaker), st.sampled_from(Relation), st.integers(0, 2),
    st.none() | st.integers(1, 3), st.none() | st.integers(1, 60),
)  # fmt: skip
RULES = st.builds(
    rule,
    terms=TERMS,
    evasion=SWITCHES,
    speaker=st.sampled_from(Speaker),
    exclusions=st.just(Terms()) | TERMS,
    unless=st.just(Terms()) | TERMS,
    guards=st.sets(st.sampled_from(Guard)).map(tuple),
    conditions=st.just(()) | st.tuples(CONDITIONS),
    logic=st.just(""),
    repetition=st.none() | st.builds(Repetition, st.integers(2, 3), st.none() | st.integers(1, 4), st.none()),
    missing=st.none()
    | st.builds(Missing, st.just(Anchor.PHRASE), st.just(Terms()) | TERMS, within_seconds=st.integers(1, 60)),
)
OMISSIONS = st.builds(
    rule,
    evasion=SWITCHES,
    missing=st.builds(
        Missing,
        st.sampled_from([Anchor.OPENING, Anchor.CLOSING, Anchor.WAIT]),
        TERMS,
        st.integers(1, 3),
        st.integers(1, 60),
    ),
)
TEXTS = st.lists(
    st.sampled_from(
        [
            "加",
            "微",
            "信",
            "薇",
            "V",
            "好评",
            "返现",
            "返線",
            "a",
            "b",
            "ｂ",
            " ",
            "*",
            "，",
            "“",
            "”",
            "滚",
            "100%",
            "１",
            "不能",
            "如",
            "轉賬",
            "\u200b",
            "😊",
            "🐧",
            "女子评",
            "\n",
            "亲",
        ]
    ),
    max_size=9,
).map("".join)
LINES = st.lists(
    st.tuples(st.sampled_from(["customer", "agent", "agent", "bot", "system"]), TEXTS, st.none() | st.integers(0, 100)),
    max_size=6,
)


@given(st.lists(RULES | OMISSIONS, min_size=1, max_size=3), st.lists(LINES, min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_equal_to_a_plain_loop(rules: list[Rule], chats: list[list[tuple[str, str, int | None]]]) -> None:
    rules = [replace(r, id=f"T{n}") for n, r in enumerate(rules)]
    messages = pl.concat([chat(*lines, key=str(n)) for n, lines in enumerate(chats)])
    expected = reference_hits(rules, messages)
    texts = dict(zip(messages.select("conversation_key", "seq").rows(), messages["text"], strict=True))
    for engine in ENGINES:
        found = Screener(rules, engine=engine).screen(messages)
        assert set(found.drop("reason_zh", "reason_en").rows()) == expected
        assert found.height == len(expected)
        for row in found.rows(named=True):
            assert texts[row["conversation_key"], row["seq"]][row["start"] : row["end"]] == row["matched"]


def test_the_example_of_the_package_runs() -> None:
    assert doctest.testmod(scoring.redline).failed == 0


@pytest.mark.skipif(finder_module.hyperscan is None, reason="no hyperscan on this platform")
@pytest.mark.parametrize("more", [0, finder_module.FEW])
@settings(deadline=None, max_examples=40)
@given(lines=st.lists(st.text("abcxy1\0 微信", max_size=6), max_size=12))
def test_messages_do_not_lean_on_each_other(more: int, lines: list[str]) -> None:
    """They are searched one behind the other: what is found in each alone is found there whatever stands beside it."""
    others = [parse(f"z{number}") for number in range(more)]
    patterns = finder_module.Patterns([parse("ab"), parse("b.{0,3}c"), parse("[^x]y"), parse("微.?信"), *others])
    alone = {(row, piece) for row, text in enumerate(lines) for _, piece in patterns.scan(pl.Series([text])).tolist()}
    assert alone <= {(row, piece) for row, piece in patterns.scan(pl.Series(lines, dtype=pl.String)).tolist()}
    spoken = chat(*(("agent", text) for text in lines))
    hyper, polars = (Screener([rule("ab", "微信")], engine=engine).screen(spoken) for engine in ENGINES)
    assert hyper.equals(polars)
