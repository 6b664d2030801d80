"""Control charts of estimates over time: z-EWMA and one-sided CUSUM on standardised values, with reasons for signals.

Owns the charting of estimates with their standard errors. Refuses raw proportions of targeted picks: a p chart of
found/reviewed alarms whenever the pool share changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

LAMBDA, LIMIT = 0.2, 2.86
CUSUM_K, CUSUM_H = 0.5, 5.0

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Point:
    """One period: its estimate and standard error (None where nothing is known), the standardised value z, the EWMA of
    z and its limits ±``limit``, the two CUSUMs, and a signal if this period gave one."""

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
    the statistic stands, and since which period the shift has been building up."""

    period: int
    chart: str
    direction: Direction
    statistic: float
    limit: float
    since: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart of one series: centre, Laney's inflation σ_z (≥ 1), points and signals."""

    centre: float
    sigma_z: float
    points: tuple[Point, ...]
    signals: tuple[Signal, ...]
    reason: str = ""


def chart(
    values: Sequence[float | None], errors: Sequence[float | None], *, baseline: int | None = None,
    centre: float | None = None, restart: Sequence[int] = (),
) -> Chart:  # fmt: skip
    """Chart estimates with their standard errors.

    z = (value − centre)/(se·σ_z). The centre is the precision-weighted mean of the first ``baseline`` known periods
    (all when None) unless given; σ_z is Laney's (2002) inflation, the mean moving range of z ÷ 1.128, never below 1, so
    that ordinary variation between periods does not alarm. EWMA with λ = .2 and L = 2.86 on exact time-varying limits;
    CUSUM with k = .5, h = 5. A dated measure may ``restart`` the statistics at a period. Fewer than 3 known periods: no
    chart.
    """
    known = [
        k for k, (v, s) in enumerate(zip(values, errors, strict=True)) if v is not None and s is not None and s > 0
    ]
    if len(known) < 3:
        return Chart(math.nan, 1.0, (), (), "too_few_periods")
    x = np.array([values[k] for k in known], dtype=np.float64)
    se = np.array([errors[k] for k in known], dtype=np.float64)
    base = slice(0, len(known) if baseline is None else max(baseline, 2))
    middle = float((x[base] / se[base] ** 2).sum() / (1 / se[base] ** 2).sum()) if centre is None else centre
    raw = (x - middle) / se
    sigma = max(1.0, float(np.abs(np.diff(raw[base])).mean()) / 1.128)
    z = dict(zip(known, raw / sigma, strict=True))
    points, signals = _run(values, errors, z, set(restart))
    return Chart(middle, sigma, tuple(points), tuple(signals))


def _run(
    values: Sequence[float | None], errors: Sequence[float | None], z: dict[int, float], restart: set[int]
) -> tuple[list[Point], list[Signal]]:
    points: list[Point] = []
    signals: list[Signal] = []
    ewma, steps, up, down = 0.0, 0, 0.0, 0.0
    since = {"up": 0, "down": 0, "ewma": 0}
    for k, (value, se) in enumerate(zip(values, errors, strict=True)):
        if k in restart:
            ewma, steps, up, down = 0.0, 0, 0.0, 0.0
        if k in z:
            previous, steps = ewma, steps + 1
            ewma = LAMBDA * z[k] + (1 - LAMBDA) * ewma
            since["ewma"] = k if previous * ewma <= 0 else since["ewma"]
            since["up"] = k if up == 0 else since["up"]
            since["down"] = k if down == 0 else since["down"]
            up, down = max(0.0, up + z[k] - CUSUM_K), max(0.0, down - z[k] - CUSUM_K)
        spread = LAMBDA / (2 - LAMBDA) * (1 - (1 - LAMBDA) ** (2 * steps))
        limit = LIMIT * math.sqrt(spread)
        points.append(Point(value, se, z.get(k), ewma, limit, up, down))
        if k not in z:
            continue
        if abs(ewma) > limit:
            signals.append(Signal(k, "ewma", "up" if ewma > 0 else "down", ewma, limit, since["ewma"]))
        for name, total in (("up", up), ("down", down)):
            if total > CUSUM_H:
                direction: Direction = "up" if name == "up" else "down"
                signals.append(Signal(k, "cusum", direction, total, CUSUM_H, since[name]))
    return points, signals
