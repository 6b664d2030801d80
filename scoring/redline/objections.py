"""What can be said against a rule: objections to how it is written, and examples that it judges wrongly.

Owns the two kinds of result alone, so that showing them needs no engine. Does not know how they are found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One objection: ``code`` for translation and tests, ``subject`` the offending text."""

    rule_id: str
    field: str
    code: str
    message: str
    subject: str = ""

    def __str__(self) -> str:
        subject = f" “{self.subject}”" if self.subject else ""
        return f"rule {self.rule_id}, field {self.field}{subject}: {self.message}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that the rule judges wrongly: ``expected_hit`` says what it should have done."""

    rule_id: str
    example: str
    expected_hit: bool
    matched: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.expected_hit:
            return f"rule {self.rule_id} misses its positive example “{self.example}”"
        return f"rule {self.rule_id} hits its negative example “{self.example}” at {', '.join(self.matched)!r}"
