"""The rounds of one conversation, read line by line, for showing where a customer waited too long.

The same rounds as :mod:`scoring.timing` counts over a whole archive, for a single transcript: a test compares the two.
Does not know which definition applies and how a wait is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from scoring.timing import Definition, Unit

CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class TimedLine:
    """One message: its number in the conversation, who said it, and when (None: unknown; else with a time zone)."""

    seq: int
    role: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Wait:
    """One round that counts. ``seq``: the reply, or the customer's last open message when nobody replied. ``seconds``
    from the first open message to the reply, None when unanswered or a time is missing. ``late``: not in time under the
    definition, for sure."""

    seq: int
    seconds: int | None
    answered: bool
    late: bool


def waits(lines: Iterable[TimedLine], definition: Definition, zone: tzinfo) -> tuple[Wait, ...]:
    """The rounds of one conversation that ``definition`` counts, in order; ``zone`` is that of its business hours."""
    parties = sorted(
        (line for line in lines if line.role in (CUSTOMER, *definition.answered_by)), key=lambda line: line.seq
    )
    rounds = _rounds(parties)
    if definition.unit is Unit.FIRST:
        rounds = rounds[:1]
    if definition.by_session:
        rounds = rounds if parties and _open(parties[0].at, definition, zone) else []
    else:
        rounds = [one for one in rounds if _open(one[0].at, definition, zone)]
    return tuple(_wait(*one, definition) for one in rounds)


_Round = tuple[TimedLine, TimedLine, TimedLine | None]
"""First and last open message of the customer, and the reply."""


def _rounds(parties: list[TimedLine]) -> list[_Round]:
    found: list[_Round] = []
    asked: TimedLine | None = None
    last: TimedLine | None = None
    for line in parties:
        if line.role == CUSTOMER:
            asked, last = asked or line, line
        elif asked is not None and last is not None:
            found.append((asked, last, line))
            asked = None
    if asked is not None and last is not None:
        found.append((asked, last, None))
    return found


def _wait(asked: TimedLine, last: TimedLine, reply: TimedLine | None, definition: Definition) -> Wait:
    if reply is None:
        return Wait(last.seq, None, answered=False, late=True)
    if asked.at is None or reply.at is None:
        return Wait(reply.seq, None, answered=True, late=False)
    seconds = max(
        0, int(reply.at.replace(microsecond=0).timestamp()) - int(asked.at.replace(microsecond=0).timestamp())
    )
    return Wait(reply.seq, seconds, answered=True, late=seconds > definition.threshold_s)


def _open(at: datetime | None, definition: Definition, zone: tzinfo) -> bool:
    """Whether a moment falls into the business hours; an unknown one does only when they are all day."""
    if (definition.opens, definition.closes) == (0, 24 * 60):
        return True
    if at is None:
        return False
    local = at.astimezone(zone)
    after, before = (
        local.hour * 60 + local.minute >= definition.opens,
        local.hour * 60 + local.minute < definition.closes,
    )
    return after and before if definition.opens <= definition.closes else after or before
