"""Marks to outcome: what an inspector marks (`marks`), what the rubric forbids of it (`checks`), what it comes to
(`outcomes`)."""

from scoring.sheet.checks import check
from scoring.sheet.marks import CLEARED, CONFIRMED, MAX_NOTE, HitDecision, Mark, Sheet, SheetError, value_of
from scoring.sheet.outcomes import CheckedSheet, DimensionOutcome, Line, Outcome, checked, score

__all__ = [
    "CLEARED",
    "CONFIRMED",
    "MAX_NOTE",
    "CheckedSheet",
    "DimensionOutcome",
    "HitDecision",
    "Line",
    "Mark",
    "Outcome",
    "Sheet",
    "SheetError",
    "check",
    "checked",
    "score",
    "value_of",
]
