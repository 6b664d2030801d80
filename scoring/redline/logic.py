"""The little language that joins named conditions: ``asked && (paid || !warned)``.

Owns parsing and evaluation. Does not know what a condition means: it sees names and truth values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from scoring.problem import N_, Words

TOKEN = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|([A-Za-z_][A-Za-z0-9_]*))")


class LogicError(ValueError):
    """An expression that cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Not:
    body: Expression


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expression, ...]


Expression = Name | Not | And | Or


def tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None:
            raise LogicError(Words(N_("“{text}” is not a name, &&, ||, ! or a bracket"), text=text[at:].strip()[:10]))
        found.append(match[1] or match[2])
        at = match.end()
    return found


class LogicParser:
    """``!`` binds before ``&&``, which binds before ``||``."""

    def __init__(self, text: str) -> None:
        self.left = tokens(text)

    def take(self, token: str) -> bool:
        if self.left and self.left[0] == token:
            self.left.pop(0)
            return True
        return False

    def either(self) -> Expression:
        parts = [self.both()]
        while self.take("||"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def both(self) -> Expression:
        parts = [self.unary()]
        while self.take("&&"):
            parts.append(self.unary())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def unary(self) -> Expression:
        if self.take("!"):
            return Not(self.unary())
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise LogicError(N_("a “(” is never closed"))
            return inner
        if not self.left or not self.left[0][0].isidentifier():
            raise LogicError(
                Words(N_("a condition name is expected before “{text}”"), text=self.left[0] if self.left else "the end")
            )
        return Name(self.left.pop(0))


def parse_logic(text: str) -> Expression:
    """Raises LogicError with the place when the expression cannot be read."""
    reader = LogicParser(text)
    expression = reader.either()
    if reader.left:
        raise LogicError(Words(N_("“{text}” is one too many"), text=reader.left[0]))
    return expression


def names(expression: Expression) -> frozenset[str]:
    """All condition names of an expression."""
    match expression:
        case Name(name):
            return frozenset((name,))
        case Not(body):
            return names(body)
        case And(parts) | Or(parts):
            return frozenset().union(*map(names, parts))


def holds(expression: Expression, truth: Callable[[str], bool]) -> bool:
    """Evaluate; ``truth`` is asked only for the names that decide."""
    match expression:
        case Name(name):
            return truth(name)
        case Not(body):
            return not holds(body, truth)
        case And(parts):
            return all(holds(p, truth) for p in parts)
        case Or(parts):
            return any(holds(p, truth) for p in parts)
