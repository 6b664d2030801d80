"""Schemes of assessment as data: indicators, and lines with weight and curve of points.

Owns the frozen types, their reading from and writing to plain data, and why a scheme is refused. Shipped schemes are
TOML files in `scoring/data/assessment`, all marked unverified: weights and thresholds are examples to be edited.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from scoring.label import EMPTY, Label
from scoring.problem import N_, Words

FOLDER = files("scoring") / "data" / "assessment"
MOST_LINES = 30


class IndicatorKind(StrEnum):
    """How a value comes from its parts, and which interval it gets."""

    RATE = "rate"  # successes of cases: Wilson at the effective number of cases
    MEAN = "mean"  # sum of amounts by weight: t over days
    COUNT = "count"  # rare events by exposure: exact Poisson
    ESTIMATE = "estimate"  # our own estimate from the draws, with its own interval
    EXAMPLES = "examples"  # confirmed examples for and against: counted, no sampling
    MARK = "mark"  # a mark that was given (an exam): taken as it is


MEASURED = (IndicatorKind.RATE, IndicatorKind.MEAN, IndicatorKind.COUNT)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure. A `rate` has successes over cases, a `mean` a sum over a weight, a `count` events over an exposure.

    ``unit``: '%' (a rate as a share of 1), 's', 'yuan', 'points', 'per1000' or ''. ``least`` is the denominator below
    which nobody is judged.
    """

    id: str
    label: Label
    kind: IndicatorKind
    unit: str = ""
    least: float = 30.0
    lag_days: int = 0
    definition: Label = EMPTY
    version: int = 1


@dataclass(frozen=True, slots=True)
class Curve:
    """Points by value, linear between cuts and constant outside. ``cuts``: (value, points) by rising value."""

    cuts: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class SchemeLine:
    """One line of a scheme. ``relative``: the value is divided by what colleagues reached in the same shop, type of day
    and hours. ``of``: 'agent', 'team' (the team's value counts for everybody in it), or 'team_until' (the team's value
    until ten cases are expected of the agent alone)."""

    indicator: str
    weight: float
    curve: Curve
    relative: bool = False
    of: str = "agent"


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade holds from ``lowest`` points of the total on."""

    name: str
    lowest: float


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a role is assessed by at a stage of the shop. ``campaigns``: days of a type of their own, as (first, last)
    'MM-DD'. ``verified``: whether somebody of the shop has confirmed weights and thresholds."""

    id: str
    label: Label
    role: str
    stage: str
    lines: tuple[SchemeLine, ...]
    grades: tuple[Grade, ...]
    campaigns: tuple[tuple[str, str], ...] = ()
    verified: bool = False
    note: Label = EMPTY

    @property
    def bounds(self) -> tuple[float, ...]:
        """The lowest points of every grade but the last, falling."""
        return tuple(grade.lowest for grade in self.grades[:-1])


ROLES, STAGES = ("presale", "aftersale", "any"), ("startup", "growth", "mature")
OFS = ("agent", "team", "team_until")


class SchemeError(ValueError):
    """A scheme that cannot be used. ``reason`` is a sentence with facts."""

    def __init__(self, reason: Words) -> None:
        super().__init__(reason)
        self.reason = reason


def from_data(data: Mapping[str, Any]) -> Scheme:
    """A scheme from plain data (TOML or JSON). Raises `SchemeError` naming line and cure."""
    try:
        scheme = Scheme(
            id=str(data["id"]),
            label=Label.from_dict(data["name"]),
            role=str(data.get("role", "any")),
            stage=str(data.get("stage", "growth")),
            lines=tuple(_line(each) for each in data["lines"]),
            grades=tuple(Grade(str(each["name"]), float(each["lowest"])) for each in data["grades"]),
            campaigns=tuple((str(first), str(last)) for first, last in data.get("campaigns", ())),
            verified=bool(data.get("verified", False)),
            note=Label.from_dict(data.get("note", {})),
        )
    except KeyError as problem:
        raise SchemeError(Words(N_("“{field}” is missing."), field=str(problem.args[0]))) from problem
    except (TypeError, ValueError, AttributeError) as problem:
        raise SchemeError(Words(N_("A value has the wrong form: {reason}"), reason=str(problem))) from problem
    check(scheme)
    return scheme


def _line(data: Mapping[str, Any]) -> SchemeLine:
    cuts = tuple((float(value), float(points)) for value, points in data["curve"])
    return SchemeLine(
        str(data["indicator"]), float(data["weight"]), Curve(cuts), bool(data.get("relative", False)),
        str(data.get("of", "agent")),
    )  # fmt: skip


def to_data(scheme: Scheme) -> dict[str, Any]:
    """The plain data of a scheme; `from_data` gives it back."""
    lines = [
        {"indicator": line.indicator, "weight": line.weight, "relative": line.relative, "of": line.of,
         "curve": [list(cut) for cut in line.curve.cuts]}
        for line in scheme.lines
    ]  # fmt: skip
    return {
        "id": scheme.id, "name": scheme.label.to_dict(), "role": scheme.role, "stage": scheme.stage,
        "verified": scheme.verified, "note": scheme.note.to_dict(),
        "campaigns": [list(span) for span in scheme.campaigns],
        "grades": [{"name": grade.name, "lowest": grade.lowest} for grade in scheme.grades], "lines": lines,
    }  # fmt: skip


def check(scheme: Scheme, indicators: Mapping[str, Indicator] | None = None) -> None:
    """Raise `SchemeError` for a scheme that cannot be used, naming line and cure."""
    known = INDICATORS if indicators is None else indicators
    if scheme.role not in ROLES:
        raise _wrong(
            N_("Role: expected one of {expected}, found “{value}”."), expected=", ".join(ROLES), value=scheme.role
        )
    if scheme.stage not in STAGES:
        raise _wrong(
            N_("Stage: expected one of {expected}, found “{value}”."), expected=", ".join(STAGES), value=scheme.stage
        )
    if not 1 <= len(scheme.lines) <= MOST_LINES:
        raise _wrong(
            N_("A scheme has 1 to {most} lines; this one has {count}."), most=MOST_LINES, count=len(scheme.lines)
        )
    if twice := _twice(line.indicator for line in scheme.lines):
        raise _wrong(N_("The indicator “{indicator}” stands in two lines."), indicator=twice)
    for line in scheme.lines:
        _check_line(line, known)
    _check_grades(scheme.grades)
    for first, last in scheme.campaigns:
        if not (_is_day(first) and _is_day(last)):
            raise _wrong(
                N_("Campaign days are written as month-day, like 11-01; found “{value}”."), value=f"{first} {last}"
            )


def _check_line(line: SchemeLine, known: Mapping[str, Indicator]) -> None:
    name = line.indicator
    if name not in known:
        raise _wrong(N_("There is no indicator “{indicator}”."), indicator=name)
    if not (math.isfinite(line.weight) and 0 < line.weight <= 100):
        raise _wrong(N_("“{indicator}”: the weight must lie above 0 and be at most 100."), indicator=name)
    cuts = line.curve.cuts
    values = [value for value, _ in cuts]
    if len(cuts) < 2 or values != sorted(set(values)) or not all(map(math.isfinite, values)):
        raise _wrong(N_("“{indicator}”: the curve needs two or more cuts by rising value."), indicator=name)
    if not all(0 <= points <= 100 for _, points in cuts):
        raise _wrong(N_("“{indicator}”: points lie between 0 and 100."), indicator=name)
    if line.of not in OFS:
        raise _wrong(N_("“{indicator}”: “of” is one of {expected}."), indicator=name, expected=", ".join(OFS))
    if (line.relative or line.of != "agent") and known[name].kind not in MEASURED:
        raise _wrong(N_("“{indicator}” can be neither relative nor a team's value."), indicator=name)


def _check_grades(grades: Sequence[Grade]) -> None:
    lowest = [grade.lowest for grade in grades]
    if len(grades) < 2 or lowest != sorted(set(lowest), reverse=True) or lowest[-1] != 0 or lowest[0] > 100:
        raise _wrong(N_("Grades need two or more names with falling lowest points, the last of them 0."))
    if twice := _twice(grade.name for grade in grades):
        raise _wrong(N_("Two grades are called “{name}”."), name=twice)


def _wrong(msgid: str, **facts: str | int | float) -> SchemeError:
    return SchemeError(Words(msgid, **facts))


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), "")  # type: ignore[func-returns-value]


def _is_day(text: str) -> bool:
    month, _, day = text.partition("-")
    return len(text) == 5 and month.isdigit() and day.isdigit() and 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def without(scheme: Scheme, indicator: str) -> Scheme:
    """The scheme without one line: what a what-if compares with."""
    return replace(scheme, lines=tuple(line for line in scheme.lines if line.indicator != indicator))


def _indicator(data: Mapping[str, Any]) -> Indicator:
    return Indicator(
        id=data["id"], label=Label.from_dict(data["name"]), kind=IndicatorKind(data["kind"]), unit=data.get("unit", ""),
        least=float(data.get("least", 30)), lag_days=int(data.get("lag_days", 0)),
        definition=Label.from_dict(data.get("definition", {})), version=int(data.get("version", 1)),
    )  # fmt: skip


def _shipped_indicators() -> Mapping[str, Indicator]:
    data = tomllib.loads((FOLDER / "indicators.toml").read_text("utf-8"))
    return MappingProxyType({each["id"]: _indicator(each) for each in data["indicator"]})


INDICATORS: Mapping[str, Indicator] = _shipped_indicators()


@cache
def shipped() -> tuple[Scheme, ...]:
    """The schemes that come with the product, all of them unverified."""
    names = sorted(file.name for file in (FOLDER / "schemes").iterdir() if file.name.endswith(".toml"))
    return tuple(from_data(tomllib.loads((FOLDER / "schemes" / name).read_text("utf-8"))) for name in names)
