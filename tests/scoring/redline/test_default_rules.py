"""The shipped rules: fit to publish, true to their examples in both engines, quiet on clean chats."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from scoring.redline import Rule, Screener, check_rule, load_default_rules, load_process_rules, run_examples
from scoring.redline.examples import SCHEMA, transcript

RULES = (*load_default_rules(), *load_process_rules())


@cache
def screener(engine: str) -> Screener:
    return Screener(load_default_rules(), engine=engine)


def test_the_red_lines_are_there() -> None:
    assert [r.id for r in load_default_rules()] == [f"R{n:02}" for n in range(1, 14)]


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=[r.id for r in RULES])
def test_rules_are_fit_to_publish(rule: Rule) -> None:
    assert check_rule(rule) == []
    assert len(rule.examples.positive) + len(rule.examples.negative) >= 3
    assert "未核实" in rule.basis.text.zh
    assert "unverified" in rule.basis.text.en.lower()
    assert rule.basis.gathered is not None
    assert not rule.basis.verified


@pytest.mark.parametrize("rule", RULES, ids=[r.id for r in RULES])
def test_rules_are_true_to_their_examples(rule: Rule) -> None:
    """Each alone. Both engines are asked with all rules together below: to compile thirteen times takes long."""
    assert [str(f) for f in run_examples(rule, "polars")] == []


@pytest.mark.parametrize("engine", ["hyperscan", "polars"])
def test_all_rules_together_are_true_to_all_examples(engine: str) -> None:
    rows, wanted = [], {}
    for rule in load_default_rules():
        for n, (text, hit) in enumerate(
            [(t, True) for t in rule.examples.positive] + [(t, False) for t in rule.examples.negative]
        ):
            rows += transcript(text, f"{rule.id}-{n}", rule.speaker)
            wanted[f"{rule.id}-{n}"] = hit
    found = screener(engine).screen(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    own = found.filter(pl.col("conversation_key").str.starts_with(pl.col("rule_id")))
    assert set(own["conversation_key"]) == {key for key, hit in wanted.items() if hit}
