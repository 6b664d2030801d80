"""The kinds of criteria in one table: how far the values of a mark go, what each of them costs or adds, its words.

Everybody else asks this table (or `Criterion`, which does): a new kind is a member of `Kind` and a row of `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scoring.label import Label


class Kind(StrEnum):
    """How a criterion is judged; decides what the value of a mark means."""

    DEDUCTION = "deduction"  # value = occurrences, each costs `each`, at most `points` together
    YES_NO = "yes_no"  # value = 1 fine, 0 all of `points` lost
    SCALE = "scale"  # value = index of the level; the last level is the best and earns all points
    BONUS = "bonus"  # value = occurrences, each adds `each`, at most `points` together


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a scale and what it earns."""

    points: int
    label: Label


class Priced(Protocol):
    """What the worth of a value depends on, in centi-points."""

    @property
    def points(self) -> int: ...
    @property
    def each(self) -> int: ...
    @property
    def levels(self) -> tuple[Level, ...]: ...


@dataclass(frozen=True, slots=True)
class KindSpec:
    """What one kind means. `most` is the largest value a mark may have, `effect` the centi-points a value takes from
    the worth of its dimension or, where `adds`, gives back to it."""

    label: Label
    most: Callable[[Priced], int]
    effect: Callable[[Priced, int], int]
    best_first: bool
    """Whether value 0 objects to nothing; otherwise the largest value does."""
    adds: bool = False
    """A gift on top of the form: not part of what a dimension is worth."""
    counted: bool = False
    """Values are occurrences, each at the price `each`."""
    graded: bool = False
    """Values are the levels of the criterion, and named by them."""
    words: tuple[Label, ...] = ()
    """Names of the values where the kind itself names them."""


def _occurrences(criterion: Priced) -> int:
    return -(-criterion.points // criterion.each) if criterion.each > 0 else 1


def _priced(criterion: Priced, value: int) -> int:
    return min(criterion.points, (criterion.each or criterion.points) * value)


KINDS: Mapping[Kind, KindSpec] = {
    Kind.DEDUCTION: KindSpec(Label("扣分", "Deduction"), _occurrences, _priced, best_first=True, counted=True),
    Kind.YES_NO: KindSpec(
        Label("是 / 否", "Yes / no"), lambda _: 1, lambda criterion, value: 0 if value else criterion.points,
        best_first=False, words=(Label("否", "no"), Label("是", "yes")),
    ),
    Kind.SCALE: KindSpec(
        Label("等级", "Scale"), lambda criterion: max(len(criterion.levels) - 1, 0),
        lambda criterion, value: criterion.points - criterion.levels[value].points, best_first=False, graded=True,
    ),
    Kind.BONUS: KindSpec(Label("加分", "Bonus"), _occurrences, _priced, best_first=True, adds=True, counted=True),
}  # fmt: skip
