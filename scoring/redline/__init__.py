"""Red lines: rules as data, an engine that finds suspected breaches with exact spans, and the checks a rule must pass.

>>> import polars as pl
>>> from scoring.redline import Screener
>>> rule = Rule("T1", 1, Label("私加微信", "Steering to WeChat"), Terms(("加微信",)), guards=(Guard.DECLINED,))
>>> chat = pl.DataFrame({
...     "conversation_key": ["c1", "c1", "c1"], "seq": [0, 1, 2], "role": ["customer", "agent", "agent"],
...     "sent_at": [None] * 3, "text": ["能加微信吗", "不能加微信哦", "亲，加 VX 聊"],
... })
>>> Screener([rule]).screen(chat).select("seq", "rule_id", "start", "end", "matched").rows()
[(2, 'T1', 2, 6, '加 VX')]

A text is read without its HTML and link markup; spans are those of the original. What a hit is, exactly. A *phrase* is
found where its characters stand in the text, seen through the disguises that :class:`Evasion` switches on
(``Evasion.none()``: character by character); a match neither starts nor ends inside a longer run of ASCII letters (or
of digits) than the phrase itself, so ``ab`` is not found in ``cab``. A *regular expression* is read as Python reads it
with ``re.ASCII`` (the admitted syntax: :mod:`scoring.redline.syntax`), with look-alikes in its character sets. Matches
of one term do not overlap, leftmost first. Matches that overlap an exclusion are dropped, then those that a guard calls
innocent, then all of a message that holds a term of ``unless``; of what is left, overlapping matches of one rule become
one, the leftmost, the longest of those that start together. Only then conditions, repetition and missing phrases are
asked. Of several versions of one rule id only the highest in force for the chat's date and platform judges it. Rows
with unknown roles are not read; a null text is empty; ``start`` and ``end`` count code points of the original text.

Owns the public face of the package. Does not know databases, people and screens.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from scoring.label import Label
from scoring.redline.exchange import (
    RuleFormatError,
    dump_rules,
    load_default_rules,
    load_process_rules,
    new_ids,
    parse_rules,
    shipped_before,
)
from scoring.redline.objections import Failure, RuleProblem
from scoring.redline.reason import reason
from scoring.redline.rule import (
    Anchor,
    Basis,
    Condition,
    Effect,
    EffectKind,
    Evasion,
    Examples,
    Guard,
    Missing,
    Relation,
    Repetition,
    Rule,
    Severity,
    Speaker,
    Terms,
    Wording,
)
from scoring.redline.syntax import PatternError

if TYPE_CHECKING:
    from scoring.redline.check import check_rule, try_rule
    from scoring.redline.examples import run_examples
    from scoring.redline.screen import HIT_SCHEMA, Screener

__all__ = [
    "HIT_SCHEMA",
    "Anchor",
    "Basis",
    "Condition",
    "Effect",
    "EffectKind",
    "Evasion",
    "Examples",
    "Failure",
    "Guard",
    "Label",
    "Missing",
    "PatternError",
    "Relation",
    "Repetition",
    "Rule",
    "RuleFormatError",
    "RuleProblem",
    "Screener",
    "Severity",
    "Speaker",
    "Terms",
    "Wording",
    "check_rule",
    "dump_rules",
    "load_default_rules",
    "load_process_rules",
    "new_ids",
    "parse_rules",
    "reason",
    "run_examples",
    "shipped_before",
    "try_rule",
]

_ENGINE = {
    "HIT_SCHEMA": "screen",
    "Screener": "screen",
    "check_rule": "check",
    "run_examples": "examples",
    "try_rule": "check",
}
"""Names whose modules load the search engine and the tables: they wait until one of them is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _ENGINE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ENGINE[name]}"), name)
