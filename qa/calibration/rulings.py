"""One sheet from the rulings on what two inspections differ on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy.orm import Session

from qa.calibration.sides import CriterionRow, RuleRow, criterion_rows, rule_rows
from qa.errors import Invalid
from qa.i18n import N_
from scoring.rubric import Rubric
from scoring.sheet import CLEARED, CONFIRMED, HitDecision, Mark, Sheet


class Take(StrEnum):
    """Whose judgement stands."""

    FIRST = "first"
    SECOND = "second"
    OWN = "own"


@dataclass(frozen=True)
class Ruling:
    """The decision on one criterion. An own mark is `mark` with the reason in its note."""

    take: Take
    mark: Mark | None = None


@dataclass(frozen=True)
class RuleRuling:
    """The decision on one red line. An own one says whether it is `confirmed`, and why."""

    take: Take
    confirmed: bool = False
    reason: str = ""


def composed(
    session: Session,
    rubric: Rubric,
    first: Sheet,
    second: Sheet,
    criteria: Mapping[str, Ruling],
    rules: Mapping[str, RuleRuling],
    reason: str,
) -> Sheet:
    """One sheet from the rulings. What the two agree on is taken from the first."""
    rows, lines = (
        {row.criterion.id: row for row in criterion_rows(rubric, first, second)},
        {row.rule_id: row for row in rule_rows(session, first, second)},
    )
    for unknown in sorted((criteria.keys() - rows.keys()) | (rules.keys() - lines.keys())):
        raise Invalid(N_("“{id}” is not on these sheets. Reload the page."), id=unknown)
    for row in rows.values():
        if row.differs and row.criterion.id not in criteria:
            raise Invalid(
                N_("Criterion “{id}”: the two differ; take a side or give a mark of your own."), id=row.criterion.id
            )
    for line in lines.values():
        if line.differs and line.rule_id not in rules:
            raise Invalid(N_("Red line {rule}: the two differ; take a side or decide yourself."), rule=line.rule_id)
    marks = [_mark(rows[criterion.id], criteria.get(criterion.id, Ruling(Take.FIRST))) for criterion in rubric.criteria]
    hits = [
        hit
        for line in lines.values()
        for hit in _decided(line, rules.get(line.rule_id, RuleRuling(Take.FIRST)), reason)
    ]
    return Sheet(tuple(mark for mark in marks if mark is not None), tuple(hits))


def _mark(row: CriterionRow, ruling: Ruling) -> Mark | None:
    if ruling.take is not Take.OWN:
        return row.first if ruling.take is Take.FIRST else row.second
    if ruling.mark is None or not ruling.mark.note.strip():
        raise Invalid(N_("Criterion “{id}”: a mark of your own needs its reason."), id=row.criterion.id)
    return replace(ruling.mark, criterion_id=row.criterion.id)


def _decided(line: RuleRow, ruling: RuleRuling, reason: str) -> tuple[HitDecision, ...]:
    """The decisions on one red line. Who did not see it has not confirmed it: taking that side clears it."""
    if ruling.take is Take.OWN:
        if not ruling.reason.strip():
            raise Invalid(N_("Red line {rule}: give a reason for your decision."), rule=line.rule_id)
        places = {hit.seq for hit in (*line.first, *line.second) if hit.decision == CONFIRMED} or {
            hit.seq for hit in (*line.first, *line.second)
        }
        decision = CONFIRMED if ruling.confirmed else CLEARED
        return tuple(HitDecision(line.rule_id, seq, decision, ruling.reason.strip()) for seq in sorted(places))
    side, other = (line.first, line.second) if ruling.take is Take.FIRST else (line.second, line.first)
    return side or tuple(replace(hit, decision=CLEARED, reason=reason) for hit in other)
