"""The parts of a scheme as a person writes them in a form, and back: `25 → 100, 30 → 90`, `A ≥ 91`, `06-01 – 06-20`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qa.errors import Invalid
from qa.i18n import N_
from scoring.assessment.schemes import INDICATORS, Curve, Grade, SchemeLine

_PARTS = re.compile(r"[,，;；·\n]")
_NUMBER = r"([+-]?\d+(?:\.\d+)?)\s*(%|％)?"
_CUT = re.compile(rf"\s*{_NUMBER}\s*(?:→|->|=>|:|：)\s*(\d+(?:\.\d+)?)\s*")
_GRADE = re.compile(r"\s*(\S.*?)\s*(?:≥|>=|:|：|\s)\s*(\d+(?:\.\d+)?)\s*")
_SPAN = re.compile(r"\s*(\d{1,2})-(\d{1,2})\s*(?:–|—|~|～|到|至|to)\s*(\d{1,2})-(\d{1,2})\s*")


def cuts(line: SchemeLine) -> str:
    """A line's curve in words: value → points by rising value, rates in per cent."""
    share = INDICATORS[line.indicator].unit == "%" and not line.relative
    return ", ".join(
        f"{round(100 * value, 6):g}% → {points:g}" if share else f"{value:g} → {points:g}"
        for value, points in line.curve.cuts
    )


def curve(text: str, indicator: str) -> Curve:
    """The curve that `text` spells, whatever the order of its cuts. Raises `Invalid` naming the part and the cure."""
    found = []
    for part in _parts(text):
        match = _CUT.fullmatch(part)
        if match is None:
            raise Invalid(
                N_("“{indicator}”: “{part}” is no cut; write value → points, like 25 → 100."),
                indicator=indicator, part=part.strip(),
            )  # fmt: skip
        found.append((float(match[1]) / (100 if match[2] else 1), float(match[3])))
    return Curve(tuple(sorted(found)))


def grades(found: Sequence[Grade]) -> str:
    """Grades in words, the highest first."""
    return ", ".join(f"{grade.name} ≥ {grade.lowest:g}" for grade in found)


def grades_of(text: str) -> tuple[Grade, ...]:
    """The grades that `text` spells. Raises `Invalid`."""
    made = []
    for part in _parts(text):
        match = _GRADE.fullmatch(part)
        if match is None:
            raise Invalid(N_("“{part}” is no grade; write name ≥ points, like A ≥ 91."), part=part.strip())
        made.append(Grade(match[1], float(match[2])))
    return tuple(made)


def campaigns(found: Sequence[tuple[str, str]]) -> str:
    """Campaign days in words."""
    return ", ".join(f"{first} – {last}" for first, last in found)


def campaigns_of(text: str) -> tuple[tuple[str, str], ...]:
    """The campaigns that `text` spells, as (first, last) month-day. Raises `Invalid`."""
    made = []
    for part in _parts(text):
        match = _SPAN.fullmatch(part)
        if match is None:
            raise Invalid(
                N_("“{part}” are no days; write month-day – month-day, like 11-01 – 11-11."), part=part.strip()
            )
        numbers = [f"{int(match[k]):02d}" for k in range(1, 5)]
        made.append(("-".join(numbers[:2]), "-".join(numbers[2:])))
    return tuple(made)


def _parts(text: str) -> Iterator[str]:
    return (part for part in _PARTS.split(text) if part.strip())
