"""What may not be published, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from scoring.redline import (
    Anchor,
    Condition,
    Effect,
    EffectKind,
    Examples,
    Label,
    Missing,
    Repetition,
    Rule,
    Terms,
    check_rule,
    run_examples,
    try_rule,
)

GOOD = Rule("R1", 1, Label("试", "Test"), Terms(("加微信",)), examples=Examples(("加微信",), ("你好",)))
C = Condition("asked", Terms(("退",)))

BAD = [
    ({"id": "1"}, "id", "a letter"),
    ({"version": 0}, "version", "1 or more"),
    ({"label": Label("试", " ")}, "label", "in English"),
    ({"in_force_from": date(2026, 2, 1), "in_force_to": date(2026, 1, 1)}, "in_force_to", "before"),
    ({"effect": Effect(EffectKind.CAP)}, "effect.cap", "hundredths"),
    ({"effect": Effect(EffectKind.FLAG, cap=1)}, "effect.cap", "no meaning"),
    ({"effect": Effect(EffectKind.ZERO_DIMENSION)}, "effect.dimension", "name the dimension"),
    ({"terms": Terms()}, "phrases", "looks for nothing"),
    ({"terms": Terms(("！！",))}, "phrases", "no letter"),
    ({"terms": Terms(regex=("(a+)+",))}, "regex", "group|run away"),
    ({"terms": Terms(regex=("a.*b",))}, "regex", "upper bound"),
    ({"terms": Terms(regex=("(?i)a",))}, "regex", "groups"),
    ({"exclusions": Terms(regex=("[",))}, "exclusions.regex", "too early"),
    ({"unless": Terms(("…",))}, "unless.phrases", "no letter"),
    ({"conditions": (replace(C, terms=Terms(regex=("(",))),)}, "conditions.asked.regex", "never closed"),
    ({"conditions": (replace(C, terms=Terms()),)}, "conditions.asked.phrases", "looks for nothing"),
    ({"conditions": (replace(C, nth=-1),)}, "conditions.asked.nth", "0"),
    ({"conditions": (replace(C, within_messages=0),)}, "conditions.asked.within_messages", "1 or more"),
    ({"conditions": (replace(C, name="a b"),)}, "conditions", "ASCII letters"),
    ({"conditions": (C, C)}, "conditions", "one name"),
    ({"conditions": (C,), "logic": "asked &&"}, "logic", "the end"),
    ({"conditions": (C,), "logic": "asked & asked"}, "logic", "not a name"),
    ({"conditions": (C,), "logic": "(asked"}, "logic", "never closed"),
    ({"conditions": (C,), "logic": "asked asked"}, "logic", "one too many"),
    ({"conditions": (C,), "logic": "!paid || asked"}, "logic", "no condition is called paid"),
    ({"conditions": (C, replace(C, name="b")), "logic": "asked"}, "logic", "b is never used"),
    ({"repetition": Repetition(1)}, "repetition.times", "2 or more"),
    ({"missing": Missing(Anchor.OPENING, Terms(("您好",)))}, "phrases", "no phrases of its own"),
    ({"terms": Terms(), "missing": Missing(Anchor.WAIT)}, "missing.expected", "expected"),
    (
        {"terms": Terms(), "missing": Missing(Anchor.WAIT, Terms(("您好",)), messages=0)},
        "missing.messages",
        "1 or more",
    ),
    ({"examples": Examples(("加微信",))}, "examples", "at least one"),
    ({"examples": Examples(("加微信" * 3000,), ("a",))}, "examples", "8000"),
]


def test_a_good_rule_has_no_problems() -> None:
    assert check_rule(GOOD) == []
    assert check_rule(replace(GOOD, conditions=(C,), logic="asked || !asked")) == []


@pytest.mark.parametrize(("changes", "field", "message"), BAD, ids=[f"{f}-{m}" for _, f, m in BAD])
def test_problems_name_rule_and_field(changes: dict[str, object], field: str, message: str) -> None:
    rule = replace(GOOD, **changes)  # type: ignore[arg-type]
    problems = check_rule(rule)
    assert try_rule(rule) == (problems, [])
    assert field in {p.field for p in problems}
    found = next(p for p in problems if p.field == field)
    assert any(part in found.message for part in message.split("|"))
    assert str(found).startswith("rule ")


def test_examples_that_the_rule_judges_wrongly() -> None:
    rule = replace(GOOD, examples=Examples(("加微信", "加一下"), ("你好", "别加微信")))
    failures = run_examples(rule)
    assert try_rule(rule) == ([], failures)
    assert [(f.example, f.expected_hit, f.matched) for f in failures] == [
        ("加一下", True, ()),
        ("别加微信", False, ("加微信",)),
    ]
    assert "misses" in str(failures[0])
    assert "加微信" in str(failures[1])


def test_example_transcripts_carry_roles_and_time() -> None:
    late = replace(
        GOOD,
        terms=Terms(),
        missing=Missing(Anchor.WAIT, Terms(("抱歉",))),
        examples=Examples(("客户: 在吗\n客服+181: 在",), ("客户: 在吗\n客服+180: 在", "Customer: hi\nAGENT+181: 抱歉")),
    )
    assert run_examples(late) == []


def test_examples_run_whatever_the_dates_and_platforms() -> None:
    assert run_examples(replace(GOOD, in_force_to=date(2000, 1, 1), platforms=("jd",))) == []
