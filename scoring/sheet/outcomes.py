"""From an inspector's marks to an outcome, exactly: who lost which points where, with and without red lines.

The arithmetic, in integers of 1/100 point and rationals in between:

1. A criterion that applies is *possible* with its worth, and its loss is taken from it. A loss counts only when its
   owner is the agent; other owners' losses stand beside the score (`Line.nominal`) and cost nothing.
2. N/A leaves both earned and possible. A dimension keeps its worth W as long as one of its criteria applies: a loss of
   x out of the applicable Σ costs W·x/Σ, so the rest of the form does not change. Each loss is rounded half to even,
   in the order of the form on the running sum, so that the parts add up to the rounded whole.
3. A bonus adds to its dimension up to the dimension's worth: it makes good, it never exceeds.
4. A dimension whose criteria are all N/A leaves the form; the total is then scaled back to full points (the line
   `scaled`). At least one dimension must apply.
5. Confirmed red lines, each rule once, in a fixed order whatever the order of the hits: flag, zero the dimension
   (before scaling), cap (lowest first), zero the form. A line says what each one cost.

Points of the lines add up to the total, always. Nothing here knows where sheets come from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby
from typing import Any

import msgspec

from scoring.redline.rule import Effect, by_strictness
from scoring.rubric import AGENT, FULL, Dimension, Problem, Rubric
from scoring.sheet.checks import applies, check
from scoring.sheet.marks import CONFIRMED, HitDecision, Mark, Sheet, SheetError


@dataclass(frozen=True, slots=True)
class DimensionOutcome:
    """What a dimension earned, with and without red lines. `possible` is its worth, or 0 when all of it is N/A."""

    id: str
    earned: int
    possible: int
    earned_without_redlines: int


@dataclass(frozen=True, slots=True)
class Line:
    """Where points went. `kind`: `dimension` (what it starts with), `loss`, `bonus`, `na`, `scaled` or `redline`.

    `points` is what the line does to the total; `nominal` what it would do if the agent owned it and nothing was capped
    (so points lost to the process are `nominal` of lines that do not `counts`). `effect` is set for red lines.
    """

    kind: str
    id: str
    dimension: str = ""
    points: int = 0
    nominal: int = 0
    owner: str = AGENT
    root_cause: str = ""
    counts: bool = True
    note: str = ""
    evidence: tuple[int, ...] = ()
    value: int | None = None
    effect: str = ""

    @property
    def judged(self) -> bool:
        """Whether a mark took or gave points: an agent may object to it."""
        return self.kind in ("loss", "bonus")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a sheet, in centi-points."""

    total: int
    total_without_redlines: int
    possible: int
    dimensions: tuple[DimensionOutcome, ...]
    lines: tuple[Line, ...]
    redlines: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "total_without_redlines": self.total_without_redlines,
            "possible": self.possible,
            "dimensions": [
                {name: getattr(item, name) for name in DimensionOutcome.__slots__} for item in self.dimensions
            ],
            "lines": [
                {
                    name: list(value) if name == "evidence" else value
                    for name in Line.__slots__
                    for value in (getattr(line, name),)
                }
                for line in self.lines
            ],
            "redlines": list(self.redlines),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outcome:
        """Read what `to_dict` wrote."""
        return msgspec.convert(data, cls)


@dataclass(frozen=True, slots=True)
class CheckedSheet:
    """A sheet that its rubric allows, made by `checked`: it can be scored without being checked again."""

    rubric: Rubric
    sheet: Sheet

    def with_hits(self, hits: tuple[HitDecision, ...]) -> CheckedSheet:
        """The same marks with other decisions on the same red-line hits."""
        return replace(self, sheet=replace(self.sheet, hits=hits))

    def score(self, effects: Mapping[str, Effect]) -> Outcome:
        """The outcome. `effects` names the effect of every rule that has a confirmed hit; raises `SheetError` when one
        is missing."""
        if missing := _without_effect(self.sheet, effects):
            raise SheetError(*missing)
        return _outcome(self.rubric, self.sheet, effects)


def checked(
    rubric: Rubric, sheet: Sheet, *, seqs: Collection[int] | None = None, rules: Collection[str] | None = None
) -> CheckedSheet:
    """`sheet` as one that may be scored. Raises `SheetError` with everything `check` finds."""
    if problems := check(rubric, sheet, seqs=seqs, rules=rules):
        raise SheetError(*problems)
    return CheckedSheet(rubric, sheet)


def score(rubric: Rubric, sheet: Sheet, effects: Mapping[str, Effect]) -> Outcome:
    """The outcome of `sheet`. `effects` names the effect of every rule that has a confirmed hit.

    Raises `SheetError` when `check` finds a problem or an effect is missing.
    """
    if problems := [*check(rubric, sheet), *_without_effect(sheet, effects)]:
        raise SheetError(*problems)
    return _outcome(rubric, sheet, effects)


def _without_effect(sheet: Sheet, effects: Mapping[str, Effect]) -> list[Problem]:
    return [Problem(f"hits.{rule}", "unknown_rule", {"rule": rule}) for rule in sheet.confirmed if rule not in effects]


def _outcome(rubric: Rubric, sheet: Sheet, effects: Mapping[str, Effect]) -> Outcome:
    marks = {mark.criterion_id: mark for mark in sheet.marks}
    lines: list[Line] = []
    for dimension in rubric.dimensions:
        lines += _dimension_lines(dimension, marks)
    earned = {key: sum(line.points for line in group) for key, group in groupby(lines, key=lambda line: line.dimension)}
    possible = {line.dimension: line.points for line in lines if line.kind == "dimension"}
    full, before = sum(possible.values()), dict(earned)
    total = without = _scaled(sum(earned.values()), full)
    if full != FULL:
        lines.append(Line("scaled", "", points=total - sum(earned.values())))
    for rule in by_strictness({rule: effects[rule] for rule in sheet.confirmed}):
        effect = effects[rule]
        after = _redlined(total, effect, earned, full)
        lines.append(_redline_line(rule, effect, after - total, sheet))
        total = after
    return Outcome(
        total=total,
        total_without_redlines=without,
        possible=FULL,
        dimensions=tuple(
            DimensionOutcome(d.id, earned.get(d.id, 0), possible.get(d.id, 0), before.get(d.id, 0))
            for d in rubric.dimensions
        ),
        lines=tuple(lines),
        redlines=sheet.confirmed,
    )


def _dimension_lines(dimension: Dimension, marks: Mapping[str, Mark]) -> list[Line]:
    judged = [criterion for criterion in dimension.criteria if criterion.judged]
    applicable = sum(criterion.points for criterion in judged if applies(criterion, marks))
    lines = [Line("dimension", dimension.id, dimension.id, dimension.points, dimension.points)] if applicable else []
    scale = Fraction(dimension.points, applicable) if applicable else Fraction(0)
    exact, taken = Fraction(0), 0
    for criterion in judged:
        mark = marks.get(criterion.id, Mark(criterion.id))
        if mark.na:
            lines.append(_line("na", dimension, mark, 0, 0))
        elif loss := criterion.loss(criterion.default if mark.value is None else mark.value):
            counts = mark.owner == AGENT
            exact += loss * scale if counts else 0
            points = round(exact) - taken
            taken += points
            lines.append(_line("loss", dimension, mark, -points, -(points if counts else round(loss * scale)), counts))
    room = taken
    for criterion in dimension.criteria if applicable else ():
        mark = marks.get(criterion.id, Mark(criterion.id))
        if gain := criterion.gain(mark.value or 0):
            added = min(gain, room)
            room -= added
            lines.append(_line("bonus", dimension, mark, added, gain))
    return lines


def _line(kind: str, dimension: Dimension, mark: Mark, points: int, nominal: int, counts: bool = True) -> Line:
    return Line(
        kind, mark.criterion_id, dimension.id, points, nominal, mark.owner, mark.root_cause, counts, mark.note,
        mark.evidence, mark.value,
    )  # fmt: skip


def _scaled(earned: int, possible: int) -> int:
    return round(Fraction(FULL * earned, possible))


def _redlined(total: int, effect: Effect, earned: dict[str, int], full: int) -> int:
    """The total after one more red line. A dimension the rubric does not have (or that is N/A) cannot be zeroed: the
    rule then only flags."""
    if effect.zeroes in earned:
        earned[effect.zeroes] = 0
        return _scaled(sum(earned.values()), full)
    return total if effect.limit is None else min(total, effect.limit)


def _redline_line(rule: str, effect: Effect, points: int, sheet: Sheet) -> Line:
    hits = [hit for hit in sheet.hits if hit.rule_id == rule and hit.decision == CONFIRMED]
    note = "\n".join(dict.fromkeys(hit.reason.strip() for hit in hits))
    seqs = tuple(sorted({hit.seq for hit in hits}))
    return Line(
        "redline", rule, effect.dimension or "", points, points, note=note, evidence=seqs, effect=effect.kind.value
    )
