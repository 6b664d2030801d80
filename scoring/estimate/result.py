"""The form every estimate takes: a value that never travels without its interval, count and method.

Owns the frozen result and the refusals. Does not know how any estimate was computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: The version of the estimators: every published figure carries it, and a change of any default raises it.
VERSION = "2"
#: Why there is no figure where nothing but the certainty pool was reviewed: such picks stand for themselves alone.
ONLY_TARGETED = "only_targeted"


class EstimateError(ValueError):
    """An estimate asked for in a way that could only mislead. ``code`` names the fault."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval at ``level``, from ``n`` reviews of ``units`` units, by ``method``.

    ``value`` is None when nothing was reviewed; ``low`` and ``high`` are None when no honest interval exists.
    ``reason`` then says why ('no_reviews', 'one_review', 'no_spread', …) and is empty otherwise. ``lam`` is the weight
    given to the predictions (0 = the reviews speak alone).

    Of an unfinished draw: the value speaks for ``covered`` of ``strata`` agents (None where the frame is not known),
    ``units`` are those of the covered agents, and ``missing`` picks of the certainty pool were not reviewed.
    ``effective`` is the number of equal-chance reviews that would know a rate as well (None for means). ``version``
    names the estimator.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    se: float | None = None
    df: float | None = None
    level: float = 0.95
    units: int | None = None
    lam: float = 0.0
    reason: str = ""
    covered: int | None = None
    strata: int | None = None
    missing: int = 0
    effective: float | None = None
    version: str = VERSION

    @property
    def known(self) -> bool:
        """Whether there is a value with an interval."""
        return self.value is not None and self.low is not None and self.high is not None

    @property
    def width(self) -> float | None:
        """Full width of the interval."""
        return None if self.low is None or self.high is None else self.high - self.low


def checked(level: float, bounds: tuple[float, float] | None) -> None:
    """Refuse a level that is no probability and bounds that leave nothing between them."""
    if not 0 < level < 1:
        raise EstimateError("level", f"expected a level between 0 and 1, like 0.95; found {level}")
    if bounds is not None and not bounds[0] < bounds[1]:
        raise EstimateError("bounds", f"expected bounds as (lowest, highest) possible mean; found {bounds}")


def refusal(
    reason: str, n: int = 0, value: float | None = None, units: int | None = None, level: float = 0.95
) -> Estimate:
    """Return an estimate without interval that says why."""
    return Estimate(value, None, None, n, "none", level=level, units=units, reason=reason)


def reviews_to_halve(n: int, units: int | None = None) -> int:
    """Return how many more reviews halve an interval that rests on ``n`` of ``units`` (None: far more than are drawn).

    The variance is taken as proportional to 1/n − 1/N, so that reviewing everything leaves no uncertainty.
    """
    if n <= 0:
        return 1
    rest = 0.0 if units is None else 1.0 / units
    needed = 1.0 / (0.25 * (1.0 / n - rest) + rest)
    return max(math.ceil(needed - 1e-9) - n, 0)
