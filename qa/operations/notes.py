"""What a step says it did: counts and sentences, stored as plain data and shown in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qa.errors import Fact, SpotcheckError, Words


@dataclass(frozen=True)
class StepNote:
    """One sentence about what was done: an English msgid with its facts. `problem`: somebody should look at it."""

    msgid: str
    facts: dict[str, Any] = field(default_factory=dict)
    problem: bool = False

    @staticmethod
    def of(msgid: str, /, **facts: Fact) -> StepNote:
        """What went as it should."""
        return StepNote(msgid, {name: _plain(value) for name, value in facts.items()})

    @staticmethod
    def wrong(msgid: str, /, **facts: Fact) -> StepNote:
        """What somebody should look at."""
        return StepNote(msgid, {name: _plain(value) for name, value in facts.items()}, True)

    @staticmethod
    def error(about: str, error: SpotcheckError) -> StepNote:
        """An expected error about one thing."""
        return StepNote.wrong("{about}: {error}", about=about, error=Words(error.msgid, **error.facts))

    def words(self) -> Words:
        """For a page or a terminal to translate."""
        return Words(self.msgid, **{name: _words(value) for name, value in self.facts.items()})


@dataclass(frozen=True)
class StepDone:
    """What one step did: `rows` that it handled (its own unit) and `problems` that somebody should look at."""

    rows: int
    problems: int
    notes: tuple[StepNote, ...] = ()

    @staticmethod
    def told(rows: int, notes: list[StepNote]) -> StepDone:
        """From its notes: as many problems as they name."""
        return StepDone(rows, sum(note.problem for note in notes), tuple(notes))


def _plain(value: Fact) -> Any:
    if isinstance(value, Words):
        return {"msgid": value.msgid, "facts": {name: _plain(fact) for name, fact in value.facts.items()}}
    return value


def _words(value: Any) -> Fact:
    if isinstance(value, dict):
        return Words(value["msgid"], **{name: _words(fact) for name, fact in value["facts"].items()})
    return value  # type: ignore[no-any-return]
