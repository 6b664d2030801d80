"""Monthly sheets for programs, as the reader behind the token may see them: a score never without its interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from qa.assessment import sheets
from qa.web.api.calls import Call, Instant, Paged, number, slice_of


@dataclass(frozen=True)
class ApiAssessment:
    """One sheet: of a month, or of the three months that end with it."""

    id: int
    month: date
    months: int
    revision: int
    state: str
    people: int
    created_at: Instant
    published_at: Instant | None
    objections_until: Instant | None


@dataclass(frozen=True)
class AssessmentsAnswer:
    """A page, the newest month first."""

    items: list[ApiAssessment]
    next: str | None


@dataclass(frozen=True)
class ApiAssessmentEntry:
    """What a sheet says of one person in one team and role: `result` holds the total with its interval, the
    probabilities of grades and every indicator in parts, as the sheet stores them."""

    agent_id: str
    name: str
    team: str
    role: str
    result: dict[str, Any]


@dataclass(frozen=True)
class EntriesAnswer:
    """A page, by team and name."""

    items: list[ApiAssessmentEntry]
    next: str | None


def assessments(call: Call[Paged]) -> AssessmentsAnswer:
    """Sheets this reader may open."""
    found = sheets.sheets(call.bench, call.actor)
    part, more = slice_of(call, len(found))
    items = [
        ApiAssessment(s.id, s.month, s.months, s.revision, s.state, s.people, s.created_at, s.published_at, s.until)
        for s in found[part]
    ]
    return AssessmentsAnswer(items, more)


def entries(call: Call[Paged]) -> EntriesAnswer:
    """Who stands on a sheet."""
    found = sheets.entries(call.bench, call.actor, number(call.ids, "assessment"))
    part, more = slice_of(call, len(found))
    items = [ApiAssessmentEntry(e.agent_id, e.name, e.team, e.role, dict(e.result)) for e in found[part]]
    return EntriesAnswer(items, more)
