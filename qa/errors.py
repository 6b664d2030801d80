"""Every error a user can meet, as one tree; it knows codes and facts, never a language.

    SpotcheckError
    ├── Invalid        the input is wrong: says which field (and row) and the cure
    ├── Denied         the actor may not do this
    ├── NotFound       the thing does not exist, or not for this actor
    ├── Conflict       the state of the world forbids it (already done, taken, closed)
    │   ├── Stale      the caller saw an older version
    │   └── Busy       somebody else is at it; the same request may succeed later
    ├── Unavailable    something outside the product is missing or down
    └── Cancelled      the user stopped long work

A message is an English msgid with named places plus the facts that fill them; the edge (page, command line, HTTP)
translates it with `qa.i18n`. A fact can be a message itself (`scoring.problem.Words`).
"""

from __future__ import annotations

from typing import ClassVar, Self

from scoring.problem import Fact as Fact
from scoring.problem import Words as Words


class FormField(Words):
    """A field of a form as a fact: a message shows its label, a program finds it by `path`."""

    path: str

    def __new__(cls, path: str, label: str) -> Self:
        field = super().__new__(cls, label)
        field.path = path
        return field


class SpotcheckError(Exception):
    """Base of all expected errors. `exit_code` is what the command line returns for it."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, msgid: str, **facts: Fact) -> None:
        self.msgid = msgid
        self.facts = facts
        super().__init__(self.english())

    def __reduce__(self) -> tuple[object, ...]:
        """How it travels between processes: with its facts."""
        return _remade, (type(self), self.msgid, self.facts)

    def english(self) -> str:
        """The message in English, for logs and tests."""
        return self.msgid.format(**self.facts)


def _remade(kind: type[SpotcheckError], msgid: str, facts: dict[str, Fact]) -> SpotcheckError:
    return kind(msgid, **facts)


class Invalid(SpotcheckError):
    """Input that cannot be accepted as it is."""

    code = "invalid"
    exit_code = 2


class Denied(SpotcheckError):
    """The actor lacks the right."""

    code = "denied"
    exit_code = 3


class NotFound(SpotcheckError):
    """Nothing with that name, or nothing this actor may know of."""

    code = "not_found"
    exit_code = 4


class Conflict(SpotcheckError):
    """The request is well formed but the present state forbids it."""

    code = "conflict"
    exit_code = 5


class Stale(Conflict):
    """Somebody changed it since the caller read it."""

    code = "stale"


class Busy(Conflict):
    """Somebody else is at work on the same thing; the same request may succeed later."""

    code = "busy"


class Unavailable(SpotcheckError):
    """A file, server or library that is needed cannot be reached."""

    code = "unavailable"
    exit_code = 6


class Cancelled(SpotcheckError):
    """Long work stopped because the user asked for it; nothing half done remains."""

    code = "cancelled"
    exit_code = 7
