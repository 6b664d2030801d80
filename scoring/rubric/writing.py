"""The TOML form of a rubric for people: points as decimals, fields in a fixed order, defaults left out."""

from __future__ import annotations

import json
from collections.abc import Iterator

from scoring.label import Label
from scoring.rubric.checking import points_text
from scoring.rubric.types import Criterion, Rubric


def to_toml(rubric: Rubric) -> str:
    """The canonical TOML text of `rubric`; `from_toml` reads it back equal."""
    return "\n".join(_rubric(rubric)) + "\n"


def _rubric(rubric: Rubric) -> Iterator[str]:
    yield f"id = {_text(rubric.id)}"
    yield f"version = {rubric.version}"
    yield f"name = {_label(rubric.name)}"
    yield f"pass_line = {points_text(rubric.pass_line)}"
    yield f"tolerance = {points_text(rubric.tolerance)}"
    if rubric.note:
        yield f"note = {_label(rubric.note)}"
    if rubric.sources:
        yield f"sources = [{', '.join(map(_text, rubric.sources))}]"
    for dimension in rubric.dimensions:
        yield from ("", "[[dimensions]]", f"id = {_text(dimension.id)}", f"label = {_label(dimension.label)}")
        yield f"points = {points_text(dimension.points)}"
        for criterion in dimension.criteria:
            yield from ("", "[[dimensions.criteria]]", *_criterion(criterion))
    for name, choices in (("owners", rubric.owners), ("root_causes", rubric.root_causes)):
        for choice in choices:
            yield from ("", f"[[{name}]]", f"id = {_text(choice.id)}", f"label = {_label(choice.label)}")
            if choice.owner:
                yield f"owner = {_text(choice.owner)}"


def _criterion(criterion: Criterion) -> Iterator[str]:
    yield f"id = {_text(criterion.id)}"
    yield f"label = {_label(criterion.label)}"
    yield f"kind = {_text(criterion.kind.value)}"
    yield f"points = {points_text(criterion.points)}"
    if criterion.each:
        yield f"each = {points_text(criterion.each)}"
    if criterion.allow_na:
        yield "allow_na = true"
    if criterion.levels:
        yield from (
            "levels = [",
            *(
                f"  {{ points = {points_text(level.points)}, label = {_label(level.label)} }},"
                for level in criterion.levels
            ),
            "]",
        )
    if criterion.help:
        yield f"help = {_label(criterion.help)}"
    if criterion.anchors:
        yield from ("anchors = [", *(f"  {_label(anchor)}," for anchor in criterion.anchors), "]")
    if criterion.origin:
        yield f"origin = {_label(criterion.origin)}"
    if criterion.unverified:
        yield "unverified = true"


def _label(label: Label) -> str:
    return f"{{ zh = {_text(label.zh)}, en = {_text(label.en)} }}"


def _text(value: str) -> str:
    # A JSON string is a TOML basic string, except that TOML also wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
