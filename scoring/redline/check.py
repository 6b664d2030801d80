"""Is a rule fit to be published? Every objection names rule and field and says what to do.

Owns validation of well-formed rules: identity, dates, effect, patterns, logic and examples, which
:func:`scoring.redline.examples.run_examples` runs. Does not know rights and history.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

from scoring.problem import N_, Words
from scoring.redline.context import expression
from scoring.redline.examples import run_examples
from scoring.redline.finder import search_errors
from scoring.redline.logic import LogicError, names
from scoring.redline.matcher import Piece, phrase_piece, regex_piece
from scoring.redline.objections import Failure, RuleProblem
from scoring.redline.rule import Anchor, EffectKind, Evasion, Rule, Terms
from scoring.redline.syntax import PatternError

MAX_TERMS = 1_500
MAX_EXAMPLE = 8_000
IDENTITY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
CONDITION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


Complain = Callable[..., RuleProblem]


def check_rule(rule: Rule) -> list[RuleProblem]:
    """All objections to a rule; empty when it may be used."""
    return [*written_problems(rule), *search_problems(rule)]


def try_rule(rule: Rule) -> tuple[list[RuleProblem], list[Failure]]:
    """Objections to a rule and, when there are none, the examples that it judges wrongly.

    The fast engine takes longest to compile a rule. It does so once, last, and to run the examples: an engine that runs
    them has accepted the rule.
    """
    problems = [*written_problems(rule), *search_problems(rule, "polars")]
    if problems:
        return problems, []
    try:
        return [], run_examples(rule)
    except PatternError as error:
        return search_problems(rule) or [RuleProblem(rule.id, "regex", "pattern", error.args[0])], []


def written_problems(rule: Rule) -> list[RuleProblem]:
    """What can be said against a rule without asking a search engine."""
    problem = complaining(rule)
    return [
        *identity_problems(rule, problem),
        *effect_problems(rule, problem),
        *clause_problems(rule, problem),
        *wording_problems(rule, problem),
        *pattern_problems(rule, problem),
        *logic_problems(rule, problem),
        *example_problems(rule, problem),
    ]


def complaining(rule: Rule) -> Complain:
    def problem(field: str, code: str, message: str, subject: str = "") -> RuleProblem:
        return RuleProblem(rule.id, field, code, message, subject)

    return problem


def identity_problems(rule: Rule, problem: Complain) -> Iterator[RuleProblem]:
    if not IDENTITY.fullmatch(rule.id):
        yield problem(
            "id", "id", N_("expected a letter and up to 39 letters, digits, dots, dashes or underscores"), rule.id
        )
    if rule.version < 1:
        yield problem("version", "version", Words(N_("expected 1 or more, found {found}"), found=rule.version))
    if not rule.label.zh.strip() or not rule.label.en.strip():
        yield problem("label", "label", N_("is needed in Chinese and in English"))
    if rule.in_force_from and rule.in_force_to and rule.in_force_to < rule.in_force_from:
        yield problem(
            "in_force_to",
            "dates",
            Words(
                N_("{to} lies before in_force_from {since}"), to=str(rule.in_force_to), since=str(rule.in_force_from)
            ),
        )


def effect_problems(rule: Rule, problem: Complain) -> Iterator[RuleProblem]:
    effect = rule.effect
    if effect.kind is EffectKind.CAP and (effect.cap is None or effect.cap < 0):
        yield problem("effect.cap", "cap", N_("a cap needs points in hundredths, 0 or more (60 points are 6000)"))
    if effect.kind is not EffectKind.CAP and effect.cap is not None:
        yield problem(
            "effect.cap", "cap", Words(N_("has no meaning with the effect {effect}; remove it"), effect=effect.kind)
        )
    if effect.kind is EffectKind.ZERO_DIMENSION and not effect.dimension:
        yield problem("effect.dimension", "dimension", N_("name the dimension that becomes zero"))
    if effect.kind is not EffectKind.ZERO_DIMENSION and effect.dimension:
        yield problem(
            "effect.dimension",
            "dimension",
            Words(N_("has no meaning with the effect {effect}; remove it"), effect=effect.kind),
        )


def clause_problems(rule: Rule, problem: Complain) -> Iterator[RuleProblem]:
    missing = rule.missing
    if not rule.terms and not rule.wording and (missing is None or missing.anchor is Anchor.PHRASE):
        yield problem("phrases", "empty", N_("the rule looks for nothing; give phrases or regex"))
    if missing is not None and missing.anchor is not Anchor.PHRASE:
        if rule.terms:
            yield problem(
                "phrases",
                "unused",
                Words(
                    N_("a missing-phrase rule with anchor {anchor} has no phrases of its own"), anchor=missing.anchor
                ),
            )
        if rule.conditions or rule.repetition:
            yield problem("missing", "mixed", N_("an omission cannot have conditions or a repetition"))
        if not missing.expected:
            yield problem("missing.expected", "empty", N_("say which words are expected"))
    if missing is not None:
        for name in ("messages", "wait_seconds", "within_seconds"):
            if getattr(missing, name) < 1:
                yield problem(
                    f"missing.{name}",
                    "number",
                    Words(N_("expected 1 or more, found {found}"), found=getattr(missing, name)),
                )
    if rule.repetition is not None:
        yield from window_problems(rule.repetition, "repetition", problem)
        if rule.repetition.times < 2:
            yield problem(
                "repetition.times",
                "number",
                Words(N_("expected 2 or more, found {found}"), found=rule.repetition.times),
            )
    for c in rule.conditions:
        yield from window_problems(c, f"conditions.{c.name}", problem)
        if c.nth < 0:
            yield problem(
                f"conditions.{c.name}.nth", "number", Words(N_("expected 0 (any) or more, found {found}"), found=c.nth)
            )
        if not c.terms:
            yield problem(
                f"conditions.{c.name}.phrases", "empty", N_("the condition looks for nothing; give phrases or regex")
            )


def wording_problems(rule: Rule, problem: Complain) -> Iterator[RuleProblem]:
    if rule.wording is None:
        return
    if rule.effect.kind is not EffectKind.FLAG:
        yield problem(
            "effect", "wording", N_("a rule that goes by wording only raises a suspicion; its effect is flag")
        )
    if rule.terms or rule.conditions or rule.repetition or rule.missing:
        yield problem(
            "wording", "mixed", N_("a rule that goes by wording has no phrases, conditions, repetition or omission")
        )
    try:
        from scoring.redline import wording  # loads weights, which only such a rule needs

        wording.model(rule.wording.model)
    except PatternError as error:
        yield problem("wording.model", "unknown", error.args[0], rule.wording.model)


def window_problems(part: object, field: str, problem: Complain) -> Iterator[RuleProblem]:
    for name in ("within_messages", "within_seconds"):
        bound = getattr(part, name)
        if bound is not None and bound < 1:
            yield problem(f"{field}.{name}", "number", Words(N_("expected 1 or more, found {found}"), found=bound))


def all_terms(rule: Rule) -> Iterator[tuple[str, Terms]]:
    """Every list of terms in the rule with its field path (ending in a dot, or empty)."""
    yield "", rule.terms
    yield "exclusions.", rule.exclusions
    yield "unless.", rule.unless
    for c in rule.conditions:
        yield f"conditions.{c.name}.", c.terms
    if rule.missing is not None:
        yield "missing.expected.", rule.missing.expected


def pattern_problems(rule: Rule, problem: Complain) -> Iterator[RuleProblem]:
    for path, terms in all_terms(rule):
        if len(terms.phrases) + len(terms.regex) > MAX_TERMS:
            yield problem(
                f"{path}phrases", "too_many", Words(N_("more than {limit} terms; split the rule"), limit=MAX_TERMS)
            )
            continue
        for field, kind, written in kinds(terms):
            for text in written:
                try:
                    kind(text, rule.evasion)
                except PatternError as error:
                    yield problem(f"{path}{field}", "pattern", error.args[0], text)


def kinds(terms: Terms) -> tuple[tuple[str, Callable[[str, Evasion], Piece], tuple[str, ...]], ...]:
    return ("phrases", phrase_piece, terms.phrases), ("regex", regex_piece, terms.regex)


def search_problems(rule: Rule, engine: str | None = None) -> list[RuleProblem]:
    """What a search engine (None: every one) has against the terms that are searched for: the rule's own, and expected
    ones.

    The others are looked at only in conversations where those were found.
    """
    problem, searched = complaining(rule), dict[tuple[str, str], Piece]()
    for path, terms in all_terms(rule):
        if path not in ("", "missing.expected.") or len(terms.phrases) + len(terms.regex) > MAX_TERMS:
            continue
        for field, kind, written in kinds(terms):
            for text in written:
                with contextlib.suppress(PatternError):  # named by pattern_problems
                    searched[f"{path}{field}", text] = kind(text, rule.evasion)
    places = list(searched)
    return [
        problem(
            places[n][0],
            "pattern",
            Words(N_("the search engine refuses it ({why}); make it shorter or its bounds smaller"), why=why),
            places[n][1],
        )
        for n, why in search_errors(list(searched.values()), engine).items()
    ]


def logic_problems(rule: Rule, problem: Complain) -> Iterator[RuleProblem]:
    declared = [c.name for c in rule.conditions]
    for name in declared:
        if not CONDITION_NAME.fullmatch(name):
            yield problem(
                "conditions", "name", N_("a condition's name holds ASCII letters, digits and underscores"), name
            )
    if len(set(declared)) < len(declared):
        yield problem("conditions", "name", N_("two conditions have one name"))
    if not rule.logic.strip():
        return
    try:
        used = names(expression(rule))
    except LogicError as error:
        yield problem("logic", "logic", error.args[0], rule.logic)
        return
    for name in sorted(used - set(declared)):
        yield problem("logic", "logic", Words(N_("no condition is called {name}"), name=name), rule.logic)
    for name in sorted(set(declared) - used):
        yield problem("logic", "logic", Words(N_("the condition {name} is never used"), name=name), rule.logic)


def example_problems(rule: Rule, problem: Complain) -> Iterator[RuleProblem]:
    if not rule.examples.positive or not rule.examples.negative:
        yield problem("examples", "examples", N_("a rule needs at least one positive and one negative example"))
    for text in (*rule.examples.positive, *rule.examples.negative):
        if len(text) > MAX_EXAMPLE:
            yield problem(
                "examples",
                "too_long",
                Words(N_("an example may have {limit} characters"), limit=MAX_EXAMPLE),
                text[:20],
            )
