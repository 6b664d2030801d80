"""Reasons why a rule is refused: every one the engine can give is known in both languages, and twenty bad rules get
theirs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from qa.i18n import Translator
from qa.rules import checking, messages
from scoring.problem import words
from scoring.redline import Effect, EffectKind, Examples, Label, Rule, RuleFormatError, Terms, parse_rules

ENGINE = Path(__file__).parents[3] / "scoring" / "redline"
ZH = Translator("zh_CN")
FIT = Rule("T1", 1, Label("甲", "A"), Terms(("转账",)), examples=Examples(("转账",), ("您好",)))
GIVERS = {"PatternError": 0, "LogicError": 0, "RuleFormatError": 2, "fail": 1, "problem": 2}
"""Who gives a reason, and the place of its text among the arguments."""


def given() -> Iterator[tuple[str, ast.expr]]:
    """Every reason written in the engine."""
    for path in sorted(ENGINE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                place = GIVERS.get(name)
                if place is not None and place < len(node.args):
                    yield f"{path.name}:{node.lineno}", node.args[place]


def test_every_reason_of_the_engine_can_be_translated() -> None:
    """A sentence is marked; what is not written on the spot is a reason handed on."""
    found = list(given())
    assert len(found) > 40
    bare = [place for place, text in found if isinstance(text, ast.JoinedStr | ast.Constant)]
    assert bare == []
    called = {text.func.id for _place, text in found if isinstance(text, ast.Call) and isinstance(text.func, ast.Name)}
    assert called <= {"N_", "Words", "words"}


BAD: dict[str, Rule] = {
    **{
        pattern: replace(FIT, terms=Terms(regex=(pattern,)))
        for pattern in (
            "(a+)+b",
            r"(a)\1",
            "(ab",
            "ab)",
            "[ab",
            "a*",
            "(?P<x>a)",
            "(?i)abc",
            "a++",
            "a{2}{3}",
            "a{1,99999}",
            "a{5,2}",
            "a{x}",
            "[z-a]",
            "[[:alpha:]]",
            r"\Q",
            r"\p{Han}",
            ".*x.*y",
            "a" * 5_000,
            "*a",
            "ab\\",
            "a||b",
            "[]",
            "^$",
        )
    },
    "marks": replace(FIT, terms=Terms(("！！！",))),
    "long phrase": replace(FIT, terms=Terms(("啊" * 3_000,))),
    "nothing": replace(FIT, terms=Terms()),
    "no name": replace(FIT, label=Label("甲", " ")),
    "id": replace(FIT, id="1 x"),
    "no examples": replace(FIT, examples=Examples()),
    "cap": replace(FIT, effect=Effect(EffectKind.CAP, None)),
    "dimension": replace(FIT, effect=Effect(EffectKind.ZERO_DIMENSION)),
    "logic": replace(FIT, logic="a && ("),
}


@cache
def all_checked() -> dict[Rule, checking.Checked]:
    """All in one process."""
    rules = list(BAD.values())
    return dict(zip(rules, checking.check_all(rules), strict=True))


@pytest.mark.parametrize(
    "bad", BAD.values(), ids=lambda rule: (rule.terms.regex or rule.terms.phrases or ("",))[0][:12]
)
def test_a_bad_rule_is_refused_with_a_reason_in_both_languages(bad: Rule) -> None:
    checked = all_checked()[bad]
    assert not checked.fit
    for problem in checked.problems:
        said = words(problem.message)
        assert said == problem.message
        assert any("\u4e00" <= c <= "\u9fff" for c in ZH(said.msgid, **said.facts))
        assert len(messages.objection(problem)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "nonsense = 1",
        "[[rule]]\nid = 3",
        "[[rule]",
        '[[rule]]\nid = "T"\nseverity = "bad"',
        '[[rule]]\nid = "T"\nfoo = 1',
    ],
)
def test_a_text_that_cannot_be_read_says_where_in_chinese(text: str) -> None:
    with pytest.raises(RuleFormatError) as caught:
        parse_rules(text)
    said = messages.unreadable(caught.value)
    assert any("\u4e00" <= c <= "\u9fff" for c in ZH(said.msgid, **said.facts))
