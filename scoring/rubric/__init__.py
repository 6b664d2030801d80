"""Scorecards as data: what they are, how they are read and written, what makes them usable, how versions differ."""

from scoring.problem import Problem
from scoring.rubric.changes import Change, diff
from scoring.rubric.checking import check, points_text
from scoring.rubric.ids import fresh_id
from scoring.rubric.kinds import KINDS, Kind, KindSpec, Level
from scoring.rubric.reading import SHIPPED, default, from_dict, from_toml, shipped
from scoring.rubric.types import (
    AGENT,
    FULL,
    SOURCES,
    Choice,
    Criterion,
    Dimension,
    Rubric,
    RubricError,
    may_score,
)
from scoring.rubric.writing import to_toml

__all__ = [
    "AGENT",
    "FULL",
    "KINDS",
    "SHIPPED",
    "SOURCES",
    "Change",
    "Choice",
    "Criterion",
    "Dimension",
    "Kind",
    "KindSpec",
    "Level",
    "Problem",
    "Rubric",
    "RubricError",
    "check",
    "default",
    "diff",
    "fresh_id",
    "from_dict",
    "from_toml",
    "may_score",
    "points_text",
    "shipped",
    "to_toml",
]
