"""Rules as text: nothing is lost on the way, and what cannot be read says which rule and field."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.redline import (
    Anchor,
    Basis,
    Condition,
    Effect,
    EffectKind,
    Evasion,
    Examples,
    Guard,
    Label,
    Missing,
    Relation,
    Repetition,
    Rule,
    RuleFormatError,
    Severity,
    Speaker,
    Terms,
    dump_rules,
    load_default_rules,
    load_process_rules,
    parse_rules,
)

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
TERMS = st.builds(Terms, TEXTS, TEXTS)
LABEL = st.builds(Label, TEXT, TEXT)
NUMBER = st.none() | st.integers(0, 9999)
NAME = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
CONDITION = st.builds(
    Condition, NAME, TERMS, st.sampled_from(Speaker), st.sampled_from(Relation), st.integers(0, 5), NUMBER, NUMBER
)
RULE = st.builds(
    Rule,
    id=st.from_regex(r"[A-Z][0-9]{2}", fullmatch=True),
    version=st.integers(1, 99),
    label=LABEL,
    terms=TERMS,
    platforms=TEXTS,
    in_force_from=st.none() | st.dates(),
    in_force_to=st.none() | st.dates(),
    speaker=st.sampled_from(Speaker),
    effect=st.builds(Effect, st.sampled_from(EffectKind), NUMBER, st.none() | st.just("process")),
    severity=st.sampled_from(Severity),
    exclusions=TERMS,
    unless=TERMS,
    evasion=st.builds(Evasion, width=st.booleans(), separators=st.booleans(), digits=st.booleans()),
    guards=st.lists(st.sampled_from(Guard), unique=True).map(tuple),
    conditions=st.lists(CONDITION, max_size=2, unique_by=lambda c: c.name).map(tuple),
    logic=TEXT,
    repetition=st.none() | st.builds(Repetition, st.integers(1, 9), NUMBER, NUMBER),
    missing=st.none() | st.builds(Missing, st.sampled_from(Anchor), TERMS, st.integers(1, 9), st.integers(1, 9)),
    broken_promises=st.booleans(),
    examples=st.builds(Examples, TEXTS, TEXTS),
    basis=st.builds(Basis, LABEL, st.none() | st.dates(), st.booleans()),
    note=LABEL,
)


@given(st.lists(RULE, max_size=3, unique_by=lambda r: (r.id, r.version)))
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost(rules: list[Rule]) -> None:
    text = dump_rules(rules)
    again = parse_rules(text)
    assert again == tuple(rules)
    assert dump_rules(again) == text


def test_shipped_rules_survive_the_round_trip() -> None:
    for rules in (load_default_rules(), load_process_rules()):
        assert parse_rules(dump_rules(rules)) == rules


HEAD = '[[rule]]\nid = "R1"\nlabel = { zh = "试", en = "Test" }\n'
BAD = [
    ("= 1", "", "not readable as TOML"),
    ("a = 1", "a", "unknown key"),
    ("rule = 1", "rule", r"\[\[rule\]\]"),
    ("[[rule]]\nversion = 1", "id", "is missing"),
    ('[[rule]]\nid = "R1"', "label", "is missing"),
    (HEAD + 'phrase = ["a"]', "phrase", "unknown key"),
    (HEAD + 'phrases = "a"', "phrases", "list of texts"),
    (HEAD + "phrases = [1]", "phrases", "list of texts"),
    (HEAD + 'version = "1"', "version", "whole number"),
    (HEAD + "version = true", "version", "whole number"),
    (HEAD + 'speaker = "boss"', "speaker", "agent, customer, any"),
    (HEAD + 'guards = ["shouted"]', "guards", "quoted, declined, conditional"),
    (HEAD + 'broken_promises = "yes"', "broken_promises", "true or false"),
    (HEAD + 'in_force_from = "soon"', "in_force_from", "a date"),
    (HEAD + "[rule.evasion]\nwidth = 1", "evasion.width", "true or false"),
    (HEAD + "[rule.evasion]\nmagic = true", "evasion.magic", "unknown key"),
    (HEAD + '[rule.effect]\nkind = "fire"', "effect.kind", "zero_form"),
    (HEAD + "[rule.conditions]\nx = 1", "conditions.x", "a table"),
    (HEAD + '[rule.conditions.x]\nrelation = "beside"', "conditions.x.relation", "before"),
    (HEAD + "[rule.missing]\nmessages = 1", "missing.anchor", "is missing"),
    (HEAD + HEAD, "version", "stands twice"),
]


@pytest.mark.parametrize(("text", "field", "message"), BAD, ids=[f"{f}-{m}" for _, f, m in BAD])
def test_errors_name_rule_and_field(text: str, field: str, message: str) -> None:
    with pytest.raises(RuleFormatError, match=message) as caught:
        parse_rules(text)
    assert caught.value.field == field
    if text.startswith(HEAD):
        assert caught.value.rule == "R1"
        assert "rule R1" in str(caught.value)


def test_content_hash_is_the_content_not_the_number() -> None:
    (one,) = parse_rules(HEAD + 'phrases = ["a"]')
    (two,) = parse_rules(HEAD + 'version = 7\nphrases = ["a"]')
    (other,) = parse_rules(HEAD + 'phrases = ["b"]')
    assert one.content_hash == two.content_hash != other.content_hash
    assert len({r.content_hash for r in load_default_rules()}) == 13


def test_dates_in_force_are_inclusive() -> None:
    (rule,) = parse_rules(HEAD + "in_force_from = 2026-01-01\nin_force_to = 2026-01-31")
    assert [rule.applies(date(2026, 1, d), None) for d in (1, 31)] == [True, True]
    assert not rule.applies(date(2026, 2, 1), None)
    assert not rule.applies(date(2025, 12, 31), None)
