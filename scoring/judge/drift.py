"""Whether a judge is still the one it was: an exponentially weighted moving average of what it says of gold
conversations, night by night (Roberts 1959; Lucas and Saccucci 1990).

Owns the chart. Does not know where the nights come from, nor what is done at an alarm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Weight of the last night, and limits in standard errors.
WEIGHT, LIMIT = 0.4, 3.0
#: Nights whose mean is what later ones are compared with; before there are two, nothing is.
BASE = 5
#: Standard error of a night (points) below which a difference is no drift whatever the figures say.
FLOOR = 0.25


@dataclass(frozen=True, slots=True)
class Night:
    """One night: mean difference between judge and agreed result (points), its standard error, and of how many
    conversations."""

    mean: float
    se: float
    n: int


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """Where the average stands after a night, against its limits; None where there is nothing to compare with yet."""

    value: float
    limit: float | None

    @property
    def alarm(self) -> bool:
        return self.limit is not None and abs(self.value) > self.limit


def chart(nights: Sequence[Night]) -> tuple[DriftPoint, ...]:
    """One point a night. The base is the mean of the first nights, up to `BASE`, that came before the night charted;
    the limit counts its own error as well."""
    points, average = [], 0.0
    variance = 0.0
    for number, night in enumerate(nights):
        base = nights[: min(number, BASE)]
        if not base:
            points.append(DriftPoint(0.0, None))
            continue
        target = sum(one.mean for one in base) / len(base)
        se = max(night.se, FLOOR)
        average = WEIGHT * (night.mean - target) + (1 - WEIGHT) * average
        variance = WEIGHT**2 * se**2 + (1 - WEIGHT) ** 2 * variance
        of_base = sum(max(one.se, FLOOR) ** 2 for one in base) / len(base) ** 2
        points.append(DriftPoint(average, LIMIT * math.sqrt(variance + of_base)))
    return tuple(points)


def night(differences: Sequence[float]) -> Night:
    """A night from the differences (points) of its conversations."""
    n = len(differences)
    if not n:
        return Night(0.0, math.inf, 0)
    mean = sum(differences) / n
    spread = sum((value - mean) ** 2 for value in differences) / (n - 1) if n > 1 else math.inf
    return Night(mean, math.sqrt(spread / n), n)


def smallest_shift(n: int, spread: float) -> float:
    """The shift (points) that ``n`` gold conversations find within three nights in nine of ten cases, where the
    differences of single conversations have the standard deviation ``spread``; infinite without any.

    After three nights the average holds 1 − (1 − WEIGHT)³ of a shift.
    """
    if n < 2:
        return math.inf
    se = max(spread / math.sqrt(n), FLOOR)
    three = sum((WEIGHT * (1 - WEIGHT) ** k) ** 2 for k in range(3))
    share = 1 - (1 - WEIGHT) ** 3
    return (LIMIT * math.sqrt(three + 1 / BASE) + 1.2816 * math.sqrt(three)) * se / share
