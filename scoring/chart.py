"""Control charts of estimates over time: z-EWMA and one-sided CUSUM on standardised values, with reasons for signals.

A period is judged by periods before it alone. The first ones of a segment are its baseline: from 8 on the next is
compared with them, from 20 on the baseline is frozen; how little it knows of the centre widens the limits. A dated
measure opens a segment with a baseline of its own. Owns the charting of estimates with their standard errors. Refuses
raw proportions of targeted picks: a p chart of found/reviewed alarms whenever the pool share changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LAMBDA, LIMIT = 0.2, 2.86
CUSUM_K, CUSUM_H = 0.5, 5.0
#: Known periods before the first alarm, and those the frozen baseline has.
LEAST_BASELINE, BASELINE = 8, 20
#: How much more than the excess spread of a baseline of m periods is allowed for (this ÷ m): so few know it badly.
SIGMA_DOUBT = 10.0

Direction = Literal["up", "down"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """One period: its estimate and standard error (None where nothing is known), the standardised value z (None also
    while it belongs to a baseline too short to judge by), the EWMA of z and its limits ±``limit``, the two CUSUMs."""

    value: float | None
    se: float | None
    z: float | None
    ewma: float
    limit: float
    cusum_up: float
    cusum_down: float


@dataclass(frozen=True, slots=True)
class Signal:
    """A machine-readable reason: which chart ('ewma' | 'cusum') left its limits in which period and direction, how far
    the statistic stands, since which period the shift has been building up, and the ``centre`` it was compared with."""

    period: int
    chart: str
    direction: Direction
    statistic: float
    limit: float
    since: int
    centre: float = math.nan


@dataclass(frozen=True, slots=True)
class Segment:
    """Periods from one dated measure (or the beginning) to the next: its ``first`` and ``last`` period, the ``centre``
    and the inflation σ_z of its baseline of ``baseline`` known periods up to ``until``, and how many more known periods
    are ``needed`` before anything can be said (0 = it is judged)."""

    first: int
    last: int
    centre: float
    sigma_z: float
    baseline: int
    until: int
    needed: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart of one series: centre and inflation σ_z (≥ 1) of the last segment, points, signals, segments."""

    centre: float
    sigma_z: float
    points: tuple[Point, ...]
    signals: tuple[Signal, ...]
    reason: str = ""
    segments: tuple[Segment, ...] = ()


def chart(
    values: Sequence[float | None], errors: Sequence[float | None] | None = None, *, baseline: int | None = None,
    centre: float | None = None, restart: Sequence[int] = (), sizes: Sequence[float | None] | None = None,
    rules: Sequence[str] = ("ewma",),
) -> Chart:  # fmt: skip
    """Chart estimates with their standard errors, or rates with the ``sizes`` they rest on (``Estimate.effective``).

    z = (value − centre)/(se·σ_z). The centre is the precision-weighted mean of the baseline: the known periods before
    the one judged, 8 at least and the first 20 at most, or the first ``baseline`` of each segment; a given ``centre``
    is known exactly. σ_z ≥ 1 is the inflation by more spread between periods than their errors explain (Laney 2002),
    from the variance of z over the baseline with an allowance for how few periods that is. While the
    baseline grows, z is the recursive residual, whose variance counts that of the centre; against the frozen centre the
    limits of the EWMA (λ = .2, L = 2.86, exact in time) are widened by what the centre's error adds. Rates have the
    spread that chance gives them under the centre, √(c(1−c)/size), never their own: a period without violations says
    something. ``restart`` names the periods in which a dated measure opens a new segment. ``rules`` may add 'cusum' (k
    = .5, h = 5). Fewer known periods than a baseline needs: no signal, and the segment says how many are missing.
    """
    spread = sizes if sizes is not None else errors
    if spread is None:
        raise ValueError("expected the standard errors of the values, or the sizes that rates rest on")
    run = _Run(
        [
            None if v is None or s is None or s <= 0 else (float(v), float(s))
            for v, s in zip(values, spread, strict=True)
        ],
        sizes is not None,
        centre,
        baseline,
    )
    starts = sorted({0, *(k for k in restart if 0 < k < len(values))})
    ends = [*starts[1:], len(values)]
    points: list[Point] = []
    signals: list[Signal] = []
    segments: list[Segment] = []
    for first, end in zip(starts, ends, strict=True):
        if first < end:
            part, found, segment = run.segment(first, end)
            points += part
            signals += [signal for signal in found if signal.chart in rules]
            segments.append(segment)
    judged = any(segment.needed == 0 for segment in segments)
    last = segments[-1] if segments else Segment(0, 0, math.nan, 1.0, 0, 0, LEAST_BASELINE)
    return Chart(
        last.centre, last.sigma_z, tuple(points), tuple(signals), "" if judged else "too_few_periods", tuple(segments)
    )


@dataclass(frozen=True, slots=True)
class _Base:
    """What a baseline knows: its centre, the variance of it (before inflation), the inflation, and how many periods it
    has."""

    centre: float
    variance: float
    sigma: float
    periods: int


@dataclass(frozen=True, slots=True)
class _Run:
    """One series: per period (value, standard error or size), or None."""

    known: list[tuple[float, float] | None]
    rates: bool
    centre: float | None
    baseline: int | None

    def segment(self, first: int, end: int) -> tuple[list[Point], list[Signal], Segment]:
        periods = [k for k in range(first, end) if self.known[k] is not None]
        least = 0 if self.centre is not None else (self.baseline or LEAST_BASELINE)
        points: list[Point] = []
        signals: list[Signal] = []
        state, base, size = _State(), self._given(), least
        for k in range(first, end):
            item, before = self.known[k], sum(p < k for p in periods)
            if item is None or before < least:
                points.append(Point(*self._shown(k), None, state.ewma, state.limit, state.up, state.down))
                continue
            if self.centre is not None:
                base = self._base(periods[: min(before, BASELINE)]) if before else self._given()
            elif before == least or (before == BASELINE and self.baseline is None and not signals):
                # the longer baseline takes over with a fresh chart, unless the shorter one has seen a shift in it
                size, state, base = before, _State(), self._base(periods[:before])
            signals += state.take(k, base, self._z(item, base))
            points.append(Point(*self._shown(k), state.z, state.ewma, state.limit, state.up, state.down))
        needed = max(least + 1 - len(periods), 0)
        known = self._base(periods[:size]) if periods and size and needed else base
        size = min(size, len(periods))
        return (
            points,
            signals,
            Segment(first, end - 1, known.centre, known.sigma, size, periods[size - 1] if size else first, needed),
        )

    def _shown(self, k: int) -> tuple[float | None, float | None]:
        item = self.known[k]
        return (None, None) if item is None else (item[0], self._se(item, item[0]))

    def _given(self) -> _Base:
        return _Base(math.nan if self.centre is None else self.centre, 0.0, 1.0, 0)

    def _se(self, item: tuple[float, float], centre: float) -> float:
        return math.sqrt(max(centre * (1 - centre), 0.0) / item[1]) if self.rates else item[1]

    def _base(self, periods: Sequence[int]) -> _Base:
        items = [item for item in (self.known[k] for k in periods) if item is not None]
        value, spread = np.array(items).T
        weight = spread if self.rates else spread**-2.0
        centre = float((weight * value).sum() / weight.sum()) if self.centre is None else self.centre
        if self.rates and self.centre is None:  # half a case each way: a baseline without any still expects some
            centre = float(((spread * value).sum() + 0.5) / (spread.sum() + 1))
        z = np.array([self._z(item, _Base(centre, 0.0, 1.0, 0))[0] for item in items])
        excess = max(float(z.var(ddof=1)) - 1.0, 0.0) if len(z) > 1 else 0.0
        sigma = math.sqrt(1.0 + (1.0 + SIGMA_DOUBT / len(z)) * excess)
        variance = (
            0.0 if self.centre is not None else (centre * (1 - centre) if self.rates else 1.0) / float(weight.sum())
        )
        return _Base(centre, variance, sigma, len(items))

    def _z(self, item: tuple[float, float], base: _Base) -> tuple[float, float]:
        """The standardised value and what one unit of the centre's error does to it."""
        value, spread = item
        se = self._se(item, base.centre) * base.sigma
        if not self.rates:
            return (value - base.centre) / se, 1.0 / se
        # the square root of a rate is nearly normal where a count is skewed (Anscombe 1948)
        arc = 2 * (
            math.asin(math.sqrt((value * spread + 0.375) / (spread + 0.75)))
            - math.asin(math.sqrt((base.centre * spread + 0.375) / (spread + 0.75)))
        )
        return math.sqrt(spread) * arc / base.sigma, 1.0 / se


class _State:
    """The running statistics of one segment."""

    def __init__(self) -> None:
        self.z: float | None = None
        self.ewma, self.limit, self.up, self.down, self._own, self._shared = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        self._since = {"up": 0, "down": 0, "ewma": 0}

    def take(self, k: int, base: _Base, standardised: tuple[float, float]) -> list[Signal]:
        z, slope = standardised
        error = slope * slope * base.variance * base.sigma**2  # of z, by not knowing the centre
        previous = self.ewma
        self.z = z
        self.ewma = LAMBDA * z + (1 - LAMBDA) * previous
        self._own = LAMBDA**2 + (1 - LAMBDA) ** 2 * self._own
        self._shared = LAMBDA * slope + (1 - LAMBDA) * self._shared
        self.limit = LIMIT * math.sqrt(self._own + self._shared**2 * base.variance * base.sigma**2)
        self._since["ewma"] = k if previous * self.ewma <= 0 else self._since["ewma"]
        for name, total in (("up", self.up), ("down", self.down)):
            self._since[name] = k if total == 0 else self._since[name]
        step = z / math.sqrt(1 + error)
        self.up, self.down = max(0.0, self.up + step - CUSUM_K), max(0.0, self.down - step - CUSUM_K)
        return list(self._signals(k, base.centre))

    def _signals(self, k: int, centre: float) -> list[Signal]:
        found: list[Signal] = []
        if abs(self.ewma) > self.limit:
            found.append(
                Signal(k, "ewma", "up" if self.ewma > 0 else "down", self.ewma, self.limit, self._since["ewma"], centre)
            )
        if self.up > CUSUM_H:
            found.append(Signal(k, "cusum", "up", self.up, CUSUM_H, self._since["up"], centre))
        if self.down > CUSUM_H:
            found.append(Signal(k, "cusum", "down", self.down, CUSUM_H, self._since["down"], centre))
        return found
