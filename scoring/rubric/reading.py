"""Reading rubrics from plain data and from TOML: every value is checked for its type before it becomes part of one.

JSON carries centi-points, as everything stored does; TOML is for people and carries points with up to two decimals.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib import resources
from typing import Any

from scoring.label import Label
from scoring.rubric.kinds import Kind, Level
from scoring.rubric.types import SOURCES, Choice, Criterion, Dimension, Rubric, RubricError

SHIPPED = ("default", "disputes", "low_ratings")
"""The rubrics the product ships with, by the names of their files: for chats (first), disputes and low ratings."""


def default() -> Rubric:
    """The rubric for chats the product ships with, version 1."""
    return shipped("default")


@lru_cache(maxsize=len(SHIPPED))
def shipped(name: str) -> Rubric:
    """One of the rubrics the product ships with (of `SHIPPED`), version 1."""
    return from_toml(resources.files("scoring").joinpath(f"data/rubrics/{name}.toml").read_text("utf-8"))


def from_dict(data: Mapping[str, Any]) -> Rubric:
    """Read the form of `to_dict`. Raises `RubricError` naming the field when a type is wrong; `check` does the rest."""
    return _Reader(centi=True).rubric(data)


def from_toml(text: str) -> Rubric:
    """Read the form for people: points with at most two decimals. Raises `RubricError`."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as problem:
        raise RubricError("file", "unreadable", reason=str(problem)) from problem
    return _Reader(centi=False).rubric(data)


@dataclass(frozen=True)
class _Reader:
    """Turns untrusted plain data into a rubric; `centi` says in which unit its points are."""

    centi: bool

    def rubric(self, data: Mapping[str, Any]) -> Rubric:
        data = self.table(data, "file")
        self.known(data, "file", "id version name pass_line tolerance note sources dimensions owners root_causes")
        return Rubric(
            id=self.text(data, "id", ""),
            version=self.whole(data.get("version", 1), "version"),
            name=self.label(data, "name", "name"),
            dimensions=tuple(
                self.dimension(self.table(item, f"dimensions.{number}"), f"dimensions.{number}")
                for number, item in enumerate(self.rows(data, "dimensions", ""))
            ),
            owners=self.choices(data, "owners"),
            root_causes=self.choices(data, "root_causes"),
            pass_line=self.points(data.get("pass_line", 8_000 if self.centi else 80), "pass_line"),
            tolerance=self.points(data.get("tolerance", 1_000 if self.centi else 10), "tolerance"),
            note=self.label(data, "note", "note"),
            sources=self.sources(data),
        )

    def sources(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        found = data.get("sources", [])
        if not isinstance(found, list):
            raise RubricError("sources", "not_list", value=str(found))
        for value in found:
            if value not in SOURCES:
                raise RubricError("sources", "unknown_source", value=str(value), sources=", ".join(SOURCES))
        return tuple(source for source in SOURCES if source in found)

    def dimension(self, data: Mapping[str, Any], path: str) -> Dimension:
        path = f"dimensions.{data['id']}" if isinstance(data.get("id"), str) else path
        self.known(data, path, "id label points criteria")
        return Dimension(
            id=self.text(data, "id", path),
            label=self.label(data, "label", path),
            points=self.points(data.get("points"), f"{path}.points"),
            criteria=tuple(
                self.criterion(self.table(item, f"{path}.criteria.{number}"), f"{path}.criteria.{number}")
                for number, item in enumerate(self.rows(data, "criteria", path))
            ),
        )

    def criterion(self, data: Mapping[str, Any], path: str) -> Criterion:
        path = f"criteria.{data['id']}" if isinstance(data.get("id"), str) else path
        self.known(data, path, "id label kind points each levels allow_na help anchors origin unverified")
        kind = self.text(data, "kind", path)
        if kind not in set(Kind):
            raise RubricError(f"{path}.kind", "unknown_kind", kind=kind, kinds=", ".join(Kind))
        return Criterion(
            id=self.text(data, "id", path),
            label=self.label(data, "label", path),
            kind=Kind(kind),
            points=self.points(data.get("points"), f"{path}.points"),
            each=self.points(data.get("each", 0), f"{path}.each"),
            levels=tuple(
                self.level(self.table(item, f"{path}.levels.{number}"), f"{path}.levels.{number}")
                for number, item in enumerate(self.rows(data, "levels", path))
            ),
            allow_na=self.flag(data, "allow_na", path),
            help=self.label(data, "help", path),
            anchors=tuple(
                Label.from_dict(self.table(item, f"{path}.anchors.{number}"))
                for number, item in enumerate(self.rows(data, "anchors", path))
            ),
            origin=self.label(data, "origin", path),
            unverified=self.flag(data, "unverified", path),
        )

    def level(self, data: Mapping[str, Any], path: str) -> Level:
        return Level(self.points(data.get("points"), f"{path}.points"), self.label(data, "label", path))

    def choices(self, data: Mapping[str, Any], name: str) -> tuple[Choice, ...]:
        found = []
        for number, item in enumerate(self.rows(data, name, "")):
            path = f"{name}.{number}"
            row = self.table(item, path)
            owner = self.text(row, "owner", path) if "owner" in row else ""
            found.append(Choice(self.text(row, "id", path), self.label(row, "label", path), owner))
        return tuple(found)

    def points(self, value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise RubricError(path, "not_points", value=str(value))
        if self.centi:
            return self.whole(value, path)
        try:
            scaled = Decimal(value) * 100
            whole = int(scaled)
        except (InvalidOperation, OverflowError, ValueError) as problem:
            raise RubricError(path, "not_points", value=str(value)) from problem
        if scaled != whole:
            raise RubricError(path, "too_fine", value=str(value))
        return self.whole(whole, path)

    def whole(self, value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise RubricError(path, "not_points", value=str(value))
        if abs(value) > 1_000_000:
            raise RubricError(path, "not_points", value=str(value)[:40])
        return value

    def text(self, data: Mapping[str, Any], name: str, path: str) -> str:
        value = data.get(name)
        if not isinstance(value, str):
            raise RubricError(_join(path, name), "not_text", value=str(value))
        return value

    def flag(self, data: Mapping[str, Any], name: str, path: str) -> bool:
        value = data.get(name, False)
        if not isinstance(value, bool):
            raise RubricError(_join(path, name), "not_flag", value=str(value))
        return value

    def label(self, data: Mapping[str, Any], name: str, path: str) -> Label:
        row = self.table(data.get(name, {}), _join(path, name))
        for language, text in row.items():
            if language not in ("zh", "en"):
                raise RubricError(_join(path, name), "unknown_field", field=str(language))
            if not isinstance(text, str):
                raise RubricError(f"{_join(path, name)}.{language}", "not_text", value=str(text))
        return Label.from_dict(row)

    def rows(self, data: Mapping[str, Any], name: str, path: str) -> list[Any]:
        value = data.get(name, [])
        if not isinstance(value, list):
            raise RubricError(_join(path, name), "not_list", value=str(value)[:40])
        return value

    def table(self, value: object, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise RubricError(path, "not_table", value=str(value)[:40])
        return value

    def known(self, data: Mapping[str, Any], path: str, names: str) -> None:
        for name in data:
            if name not in names.split():
                raise RubricError(path, "unknown_field", field=str(name))


def _join(path: str, name: str) -> str:
    return name if not path or path == name else f"{path}.{name}"
