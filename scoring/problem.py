"""What is wrong, said so that it can be translated: a sentence with named places, or a path with a code, and the facts.

The mathematics speaks no language: it gives English sentences marked by `N_` whose places are filled from facts, and
whoever shows them to people translates the sentence and fills the same facts. The source of the idea is gettext.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

Fact = str | int | float | None


def N_(msgid: str) -> str:
    """Mark `msgid` for translation without translating it now."""
    return msgid


class Words(str):
    """A sentence with facts: reads as English, and keeps `msgid` and `facts` for other languages."""

    msgid: str
    facts: dict[str, Fact]

    def __new__(cls, msgid: str, **facts: Fact) -> Self:
        words = super().__new__(cls, msgid.format(**facts) if facts else msgid)
        words.msgid, words.facts = msgid, facts
        return words


def words(reason: str) -> Words:
    """`reason` as a sentence with its facts; a plain text has none."""
    return reason if isinstance(reason, Words) else Words(reason)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a rubric or a sheet: `path` names the field, `code` the cure, `facts` fill its message."""

    path: str
    code: str
    facts: Mapping[str, str | int]
