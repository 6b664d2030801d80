"""Two sheets of one conversation side by side: what differs, and what the difference costs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.tables import Inspection, User
from qa.verdicts import ledger
from scoring.label import Label
from scoring.rubric import AGENT, Criterion, Rubric
from scoring.sheet import HitDecision, Mark, Outcome, Sheet, value_of


@dataclass(frozen=True)
class Side:
    """One of the two inspections."""

    inspection_id: int
    inspector_id: int
    inspector: str
    sheet: Sheet
    outcome: Outcome


@dataclass(frozen=True)
class CriterionRow:
    """One criterion on both sheets; None is no mark, nothing to object to. `gap` is what the difference costs."""

    criterion: Criterion
    first: Mark | None
    second: Mark | None
    differs: bool
    gap: int


@dataclass(frozen=True)
class RuleRow:
    """One red line on both sheets."""

    rule_id: str
    label: Label
    first: tuple[HitDecision, ...]
    second: tuple[HitDecision, ...]
    differs: bool


def side_of(session: Session, row: Inspection) -> Side:
    name = session.scalar(select(User.display_name).where(User.id == row.inspector_id)) or ""
    return Side(row.id, row.inspector_id, name, Sheet.from_dict(row.sheet), Outcome.from_dict(row.outcome))


def criterion_rows(rubric: Rubric, first: Sheet, second: Sheet) -> tuple[CriterionRow, ...]:
    one, two = ({mark.criterion_id: mark for mark in sheet.marks} for sheet in (first, second))
    rows = []
    for criterion in rubric.criteria:
        a, b = one.get(criterion.id), two.get(criterion.id)
        rows.append(
            CriterionRow(
                criterion,
                a,
                b,
                _judged(criterion, a) != _judged(criterion, b),
                abs(_cost(criterion, a) - _cost(criterion, b)),
            )
        )
    return tuple(sorted(rows, key=lambda row: (not row.differs, -row.gap)))


def _judged(criterion: Criterion, mark: Mark | None) -> tuple[int | None, str]:
    """What a mark comes to: its value (None for N/A) and, where it costs something, who answers for it."""
    value = value_of(criterion, mark)
    return value, mark.owner if mark is not None and value is not None and criterion.loss(value) else ""


def _cost(criterion: Criterion, mark: Mark | None) -> int:
    value, owner = _judged(criterion, mark)
    if value is None or owner not in ("", AGENT):
        return 0
    return criterion.loss(value) - criterion.gain(value)


def rule_rows(session: Session, first: Sheet, second: Sheet) -> tuple[RuleRow, ...]:
    known = sorted({hit.rule_id for hit in (*first.hits, *second.hits)})
    labels = ledger.rule_labels(session, known)
    rows = [
        RuleRow(
            rule,
            labels.get(rule, Label(rule, rule)),
            _hits(first, rule),
            _hits(second, rule),
            (rule in first.confirmed) != (rule in second.confirmed),
        )
        for rule in known
    ]
    return tuple(sorted(rows, key=lambda row: (not row.differs, row.rule_id)))


def _hits(sheet: Sheet, rule_id: str) -> tuple[HitDecision, ...]:
    return tuple(hit for hit in sheet.hits if hit.rule_id == rule_id)
