"""What makes a rubric usable: ids, texts in a language at least, and points that add up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from scoring.label import Label
from scoring.problem import Problem
from scoring.rubric.types import AGENT, FULL, Criterion, Dimension, Rubric

MAX_DIMENSIONS = 10
MAX_CRITERIA = 60
"""As many as reports have columns for: what goes beyond could be scored and then never be looked at."""
MAX_TEXT = 2_000
_ID = re.compile(r"[a-z][a-z0-9_]{0,59}")


def check(rubric: Rubric) -> tuple[Problem, ...]:
    """Everything that keeps `rubric` from being used, in the order of the form; empty when it is sound."""
    return tuple(_problems(rubric))


def _problems(rubric: Rubric) -> Iterator[Problem]:
    yield from _texts("name", rubric.name)
    if not _ID.fullmatch(rubric.id):
        yield Problem("id", "bad_id", {"id": rubric.id})
    if not rubric.dimensions:
        yield Problem("dimensions", "no_dimensions", {})
    if len(rubric.dimensions) > MAX_DIMENSIONS:
        yield Problem("dimensions", "too_many_dimensions", {"count": len(rubric.dimensions), "limit": MAX_DIMENSIONS})
    if len(rubric.criteria) > MAX_CRITERIA:
        yield Problem("dimensions", "too_many_criteria", {"count": len(rubric.criteria), "limit": MAX_CRITERIA})
    yield from _ids("dimensions", [dimension.id for dimension in rubric.dimensions])
    yield from _ids("criteria", [criterion.id for criterion in rubric.criteria])
    for dimension in rubric.dimensions:
        yield from _dimension_problems(dimension)
    if rubric.dimensions and rubric.points != FULL:
        yield Problem("dimensions", "form_sum", {"sum": points_text(rubric.points), "expected": points_text(FULL)})
    for name, value in (("pass_line", rubric.pass_line), ("tolerance", rubric.tolerance)):
        if not 0 <= value <= FULL:
            yield Problem(name, "out_of_range", {"value": points_text(value), "limit": points_text(FULL)})
    yield from _choice_problems(rubric)


def _dimension_problems(dimension: Dimension) -> Iterator[Problem]:
    path = f"dimensions.{dimension.id}"
    yield from _texts(f"{path}.label", dimension.label)
    judged = [criterion for criterion in dimension.criteria if criterion.judged]
    if dimension.points <= 0:
        yield Problem(f"{path}.points", "not_positive", {"value": points_text(dimension.points)})
    if not judged:
        yield Problem(path, "no_criteria", {})
    elif (total := sum(criterion.points for criterion in judged)) != dimension.points:
        yield Problem(
            f"{path}.points", "dimension_sum", {"sum": points_text(total), "expected": points_text(dimension.points)}
        )
    for criterion in dimension.criteria:
        yield from _criterion_problems(f"criteria.{criterion.id}", criterion)


def _criterion_problems(path: str, criterion: Criterion) -> Iterator[Problem]:
    yield from _texts(f"{path}.label", criterion.label)
    for name, text in (("help", criterion.help), ("origin", criterion.origin)):
        if text:
            yield from _texts(f"{path}.{name}", text)
    if criterion.points <= 0:
        yield Problem(f"{path}.points", "not_positive", {"value": points_text(criterion.points)})
    if not 0 <= criterion.each <= max(criterion.points, 0):
        yield Problem(
            f"{path}.each", "each_range", {"value": points_text(criterion.each), "limit": points_text(criterion.points)}
        )
    elif criterion.max_count > 99:
        yield Problem(f"{path}.each", "each_small", {"value": points_text(criterion.each)})
    if criterion.spec.graded:
        yield from _scale_problems(path, criterion)
    elif criterion.levels:
        yield Problem(f"{path}.levels", "levels_unused", {"kind": criterion.kind.value})


def _scale_problems(path: str, criterion: Criterion) -> Iterator[Problem]:
    earned = [level.points for level in criterion.levels]
    if len(earned) < 2:
        yield Problem(f"{path}.levels", "few_levels", {"count": len(earned)})
        return
    if len(earned) > 10:
        yield Problem(f"{path}.levels", "many_levels", {"count": len(earned)})
    if earned != sorted(set(earned)) or earned[0] < 0:
        yield Problem(f"{path}.levels", "levels_order", {})
    if earned[-1] != criterion.points:
        yield Problem(
            f"{path}.levels",
            "levels_top",
            {"value": points_text(earned[-1]), "expected": points_text(criterion.points)},
        )
    for number, level in enumerate(criterion.levels):
        yield from _texts(f"{path}.levels.{number}", level.label)


def _choice_problems(rubric: Rubric) -> Iterator[Problem]:
    owners = [owner.id for owner in rubric.owners]
    yield from _ids("owners", owners)
    yield from _ids("root_causes", [cause.id for cause in rubric.root_causes])
    if AGENT not in owners:
        yield Problem("owners", "no_agent", {})
    for kind, choices in (("owners", rubric.owners), ("root_causes", rubric.root_causes)):
        for choice in choices:
            yield from _texts(f"{kind}.{choice.id}.label", choice.label)
    for cause in rubric.root_causes:
        if cause.owner and cause.owner not in owners:
            yield Problem(f"root_causes.{cause.id}.owner", "unknown_owner", {"owner": cause.owner})


def _ids(path: str, ids: list[str]) -> Iterator[Problem]:
    for id_, count in Counter(ids).items():
        if not _ID.fullmatch(id_):
            yield Problem(path, "bad_id", {"id": id_})
        if count > 1:
            yield Problem(path, "same_id", {"id": id_, "count": count})


def _texts(path: str, label: Label) -> Iterator[Problem]:
    """A text may be in one language alone: readers of the other one see it as it is."""
    if not (label.zh.strip() or label.en.strip()):
        yield Problem(path, "missing_text", {})
    for language, text in (("zh", label.zh), ("en", label.en)):
        if len(text) > MAX_TEXT:
            yield Problem(f"{path}.{language}", "long_text", {"length": len(text), "limit": MAX_TEXT})


def points_text(centi: int) -> str:
    """Centi-points as people write points: no float in between, no trailing zeros."""
    sign, whole, rest = "-" if centi < 0 else "", abs(centi) // 100, abs(centi) % 100
    return f"{sign}{whole}" + (f".{rest:02d}".rstrip("0") if rest else "")
