"""What a scorecard *is*: frozen types and the canonical plain form that names their content.

Every dimension has a worth in points and criteria whose worths add up to it; bonuses come on top. Points are integers
of 1/100 point. Does not know how a sheet is scored (`scoring.sheet`), where rubrics are stored and who may edit them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from scoring.label import EMPTY, Label
from scoring.problem import Problem
from scoring.rubric.kinds import KINDS, Kind, KindSpec, Level

FULL = 10_000
"""Centi-points of a sheet with nothing to object to. Every rubric adds up to it, so that totals compare."""

AGENT = "agent"
"""The one owner whose losses count in the score."""


class RubricError(ValueError):
    """Data that is not a rubric at all (a wrong type, an unreadable file)."""

    def __init__(self, path: str, code: str, **facts: str | int) -> None:
        self.problem = Problem(path, code, facts)
        super().__init__(f"{path}: {code} {facts}")


@dataclass(frozen=True)
class Criterion:
    """One thing to judge. `each` is the price (or gift) of one occurrence; by default all of `points`.

    `origin` says where the item and its figure come from; `unverified` that it rests on third-party text of the
    given date, so that nobody takes it for law.
    """

    id: str
    label: Label
    kind: Kind
    points: int
    each: int = 0
    levels: tuple[Level, ...] = ()
    allow_na: bool = False
    help: Label = EMPTY
    anchors: tuple[Label, ...] = ()
    origin: Label = EMPTY
    unverified: bool = False

    @property
    def spec(self) -> KindSpec:
        """What its kind means."""
        return KINDS[self.kind]

    @property
    def judged(self) -> bool:
        """Whether its points are part of what the dimension is worth; a bonus comes on top."""
        return not self.spec.adds

    @property
    def max_count(self) -> int:
        """The largest value a mark may have."""
        return self.spec.most(self)

    @property
    def default(self) -> int:
        """The value that objects to nothing: what a missing mark stands for."""
        return 0 if self.spec.best_first else self.max_count

    def loss(self, value: int) -> int:
        """Centi-points lost by a mark of `value` when nothing is rescaled; never more than `points`. 0 for a bonus."""
        return 0 if self.spec.adds else self.spec.effect(self, value)

    def gain(self, value: int) -> int:
        """Centi-points a bonus of `value` occurrences gives; 0 for every other kind."""
        return self.spec.effect(self, value) if self.spec.adds else 0

    def word(self, value: int) -> Label:
        """The name of a value, where its level or its kind has one; else empty."""
        names = tuple(level.label for level in self.levels) if self.spec.graded else self.spec.words
        return names[value] if value < len(names) else EMPTY


@dataclass(frozen=True)
class Dimension:
    """A part of the form with a worth of its own."""

    id: str
    label: Label
    points: int
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Choice:
    """An owner or a root cause one can name. `owner` of a root cause is the owner it suggests."""

    id: str
    label: Label
    owner: str = ""


SOURCES = ("chat", "dispute", "rating")
"""What samples are drawn from, and what a scorecard can be made for."""


def may_score(sources: Collection[str], source: str) -> bool:
    """Whether a rubric made for `sources` may score samples of `source`: one that names none may score any."""
    return not sources or source in sources


@dataclass(frozen=True)
class Rubric:
    """One version of a scorecard. `tolerance`: how far two inspectors' totals may differ before the lead decides.
    `sources`: what it is made for (of `SOURCES`); empty for a card that names none and may score anything."""

    id: str
    version: int
    name: Label
    dimensions: tuple[Dimension, ...]
    owners: tuple[Choice, ...]
    root_causes: tuple[Choice, ...] = ()
    pass_line: int = 8_000
    tolerance: int = 1_000
    note: Label = EMPTY
    sources: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Points of a form with nothing to object to."""
        return sum(dimension.points for dimension in self.dimensions)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """All criteria in the order of the form."""
        return tuple(criterion for dimension in self.dimensions for criterion in dimension.criteria)

    @cached_property
    def _places(self) -> Mapping[str, tuple[Dimension, Criterion]]:
        return {
            criterion.id: (dimension, criterion) for dimension in self.dimensions for criterion in dimension.criteria
        }

    def find(self, criterion_id: str) -> Criterion | None:
        """The criterion with that id, if the rubric has it."""
        place = self._places.get(criterion_id)
        return place[1] if place else None

    def dimension_of(self, criterion_id: str) -> Dimension | None:
        """The dimension a criterion belongs to."""
        place = self._places.get(criterion_id)
        return place[0] if place else None

    @property
    def content_hash(self) -> str:
        """SHA-256 over everything but id and version: equal content has an equal hash, however it is numbered."""
        content = self.to_dict()
        del content["id"], content["version"]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def numbered(self, version: int) -> Rubric:
        """The same content under another version number."""
        return replace(self, version=version)

    def to_dict(self) -> dict[str, Any]:
        """The rubric as plain JSON data in centi-points, every field present: the stored and hashed form. `sources` is
        left out where there are none, so that the hashes of cards that never had the field stay what they were."""
        return {
            "id": self.id,
            "version": self.version,
            "name": self.name.to_dict(),
            "pass_line": self.pass_line,
            "tolerance": self.tolerance,
            "note": self.note.to_dict(),
            **({"sources": list(self.sources)} if self.sources else {}),
            "dimensions": [
                {
                    "id": dimension.id,
                    "label": dimension.label.to_dict(),
                    "points": dimension.points,
                    "criteria": [_criterion_dict(criterion) for criterion in dimension.criteria],
                }
                for dimension in self.dimensions
            ],
            "owners": [{"id": owner.id, "label": owner.label.to_dict()} for owner in self.owners],
            "root_causes": [
                {"id": cause.id, "label": cause.label.to_dict(), "owner": cause.owner} for cause in self.root_causes
            ],
        }


def _criterion_dict(criterion: Criterion) -> dict[str, Any]:
    return {
        "id": criterion.id,
        "label": criterion.label.to_dict(),
        "kind": criterion.kind.value,
        "points": criterion.points,
        "each": criterion.each,
        "levels": [{"points": level.points, "label": level.label.to_dict()} for level in criterion.levels],
        "allow_na": criterion.allow_na,
        "help": criterion.help.to_dict(),
        "anchors": [anchor.to_dict() for anchor in criterion.anchors],
        "origin": criterion.origin.to_dict(),
        "unverified": criterion.unverified,
    }
