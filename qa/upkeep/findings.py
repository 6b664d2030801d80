"""What an examination of an installation says: one finding per thing looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HealthState(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class HealthFinding:
    """One thing looked at: msgid of its name, its state, and msgid and facts of what was found."""

    name: str
    state: HealthState
    detail: str
    facts: dict[str, str | int]
