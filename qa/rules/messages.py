"""Why a rule is refused, in words people read: the reason of the engine and the text it is about.

The engine (`scoring.redline`) gives sentences with facts; here they get their place in the rule. Does not know what
makes a rule unfit.
"""

from __future__ import annotations

from qa.errors import Words
from qa.i18n import N_
from scoring.problem import words
from scoring.redline import RuleFormatError, RuleProblem

SUBJECT = 80
"""Characters of the offending text that a message repeats."""


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
