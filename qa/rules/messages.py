"""Why a rule is refused, in words that can be translated: the engine (`scoring.redline`) gives its reasons in English
only.

Owns the list of those reasons as messages with named places; a test collects every reason the engine can give and finds
it here. Refuses to know what makes a rule unfit. A reason that is missing from the list is shown in English.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from string import Formatter

from qa.errors import Words
from qa.i18n import N_
from scoring.redline import RuleFormatError, RuleProblem

REASONS: tuple[str, ...] = (
    N_("expected a letter and up to 39 letters, digits, dots, dashes or underscores"),
    N_("expected 1 or more, found {found}"),
    N_("expected 2 or more, found {found}"),
    N_("expected 0 (any) or more, found {found}"),
    N_("is needed in Chinese and in English"),
    N_("{to} lies before in_force_from {since}"),
    N_("a cap needs points in hundredths, 0 or more (60 points are 6000)"),
    N_("has no meaning with the effect {effect}; remove it"),
    N_("name the dimension that becomes zero"),
    N_("the rule looks for nothing; give phrases or regex"),
    N_("a missing-phrase rule with anchor {anchor} has no phrases of its own"),
    N_("an omission cannot have conditions or a repetition"),
    N_("say which words are expected"),
    N_("the condition looks for nothing; give phrases or regex"),
    N_("more than {limit} terms; split the rule"),
    N_("the search engine refuses it ({why}); make it shorter or its bounds smaller"),
    N_("the search engine refuses {written} ({why})"),
    N_("a condition's name holds ASCII letters, digits and underscores"),
    N_("two conditions have one name"),
    N_("no condition is called {name}"),
    N_("the condition {name} is never used"),
    N_("a rule needs at least one positive and one negative example"),
    N_("an example may have {limit} characters"),
    N_("“{text}” is not a name, &&, ||, ! or a bracket"),
    N_("a condition name is expected before “{text}”"),
    N_("“{text}” is one too many"),
    N_("the phrase has {n} characters; {limit} are allowed"),
    N_("the phrase holds no letter, digit or character; use a regular expression for marks"),
    N_("Python cannot read it: {error}"),
    N_("the pattern ends too early"),
    N_("a repetition must follow a character, a class or a group"),
    N_("possessive and stacked repetitions are read differently by the engines; use one bound"),
    N_("a brace must hold a bound such as {one} or {two}; write {escaped} for the character"),
    N_("a bound above {limit} makes the pattern too large"),
    N_("the bound {bound} runs backwards"),
    N_("“{char}” has nothing to repeat; write \\{char_} for the character"),
    N_("“{char}” stands alone; write \\{char_} for the character"),
    N_("only (…), (?:…), (?=…), (?!…), (?<=…) and (?<!…) groups are read alike everywhere"),
    N_("a “(” is never closed"),
    N_("a “)” is never opened"),
    N_("\\{char} must be followed by {n} hexadecimal digits, not all zero"),
    N_("\\{char} is unknown or read differently by the engines (use ^ and $, no back-references)"),
    N_("a range in […] must end with a character"),
    N_("the range {range} runs backwards"),
    N_("“[” inside […] is read differently by the engines; write \\["),
    N_("an empty […]; write \\] for the character"),
    N_("\\{char} inside […] is read differently by the engines; spell the characters out"),
    N_("the pattern has {n} characters; {limit} are allowed"),
    N_("an unbounded repetition of a group can run away; give an upper bound such as {bound}"),
    N_("a repetition inside a repetition can run away (catastrophic backtracking); flatten it"),
    N_("two unbounded repetitions of the same characters can run away; bound one of them"),
    N_("the pattern can match nothing at all; let it require at least one character"),
    N_("the pattern spells out to {n} characters; {limit} are allowed, make the bounds smaller"),
    N_("an unbounded “.” or negated class can swallow a whole message; give an upper bound such as {bound}"),
    N_("too many ways to match; make the bounds smaller"),
    N_("expected {what}, found {found}"),
    N_("expected a list of texts"),
    N_("expected one of {choices}, found {found}"),
    N_("expected some of {choices}; {error}"),
    N_("unknown key; known here are {keys}"),
    N_("unknown key; rules stand in [[rule]] tables"),
    N_("expected [[rule]] tables"),
    N_("is missing; expected {label}"),
    N_("is missing; expected one of {choices}"),
    N_("is missing; expected a text such as R03"),
    N_("not readable as TOML: {error}"),
    N_("version {version} stands twice"),
)
"""Every reason there is."""

KINDS = {
    "a text": N_("a text"),
    "a whole number": N_("a whole number"),
    "a date such as 2026-11-22": N_("a date such as 2026-11-22"),
    "a list of texts": N_("a list of texts"),
    "a table": N_("a table"),
    "true or false": N_("true or false"),
    "a list": N_("a list"),
    "a list of tables": N_("a list of tables"),
}
"""What was expected, where the reason names it."""

SUBJECT = 80
"""Characters of the offending text that a message repeats."""

_PLACE = re.compile(r"\{[a-z_]+\}")


def words(reason: str) -> Words:
    """A reason of the engine as a message with its facts."""
    for msgid in _ordered():
        if (found := _pattern(msgid).fullmatch(reason)) is not None:
            facts = {
                name: Words(KINDS[value]) if value in KINDS else value for name, value in found.groupdict().items()
            }
            return Words(msgid, **facts)
    return Words(reason)


def objection(problem: RuleProblem) -> Words:
    """One objection to a rule, with the text it is about."""
    reason = words(problem.message)
    subject = problem.subject if len(problem.subject) <= SUBJECT else problem.subject[:SUBJECT] + "…"
    return Words(N_("{reason}: {subject}"), reason=reason, subject=subject) if subject else reason


def unreadable(error: RuleFormatError) -> Words:
    """Why a text of rules cannot be read, and where."""
    reason = words(error.problem)
    if error.rule and error.field:
        return Words(N_("Rule {rule}, field {field}: {reason}"), rule=error.rule, field=error.field, reason=reason)
    if error.field:
        return Words(N_("Field {field}: {reason}"), field=error.field, reason=reason)
    return reason


@lru_cache(maxsize=1)
def _ordered() -> tuple[str, ...]:
    """Reasons with the most fixed text first, so that a general one never takes a special one's place."""
    return tuple(sorted(REASONS, key=lambda msgid: -len(_PLACE.sub("", msgid))))


@cache
def _pattern(msgid: str) -> re.Pattern[str]:
    if not _PLACE.search(msgid):
        return re.compile(re.escape(msgid))
    parts = [re.escape(text) + (f"(?P<{name}>.+?)" if name else "") for text, name, *_ in Formatter().parse(msgid)]
    return re.compile("".join(parts), re.DOTALL)
