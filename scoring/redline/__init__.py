"""Red lines: rules as data, an engine that finds suspected breaches with exact spans, and the checks a rule must pass.

Owns the public face of the package. Refuses to know databases, people and screens.
"""

from scoring.redline.check import Problem, check_rule
from scoring.redline.examples import Failure, run_examples
from scoring.redline.exchange import (
    RuleFormatError,
    dump_rules,
    load_default_rules,
    load_process_rules,
    parse_rules,
)
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
    Label,
    Missing,
    Relation,
    Repetition,
    Rule,
    Severity,
    Speaker,
    Terms,
)
from scoring.redline.screen import HIT_SCHEMA, Screener
from scoring.redline.syntax import PatternError

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
    "Problem",
    "Relation",
    "Repetition",
    "Rule",
    "RuleFormatError",
    "Screener",
    "Severity",
    "Speaker",
    "Terms",
    "check_rule",
    "dump_rules",
    "load_default_rules",
    "load_process_rules",
    "parse_rules",
    "reason",
    "run_examples",
]
