"""As many dimensions and criteria as the reports have columns for; a wider rubric published before is no crash."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import insert

from qa import reports
from qa.archive.schema import CRITERION_SLOTS, DIMENSION_SLOTS
from qa.errors import Invalid
from qa.policy import Actor
from qa.rubrics import versions
from qa.tables import RubricVersion
from qa.workbench import Workbench
from scoring.rubric import Rubric, default
from scoring.rubric.checking import MAX_CRITERIA, MAX_DIMENSIONS
from tests.world.judged import judge


def eleven() -> Rubric:
    rubric = default()
    first = rubric.dimensions[0]
    return replace(rubric, dimensions=tuple(replace(first, id=f"dim{i}") for i in range(11)))


def test_a_form_is_as_wide_as_the_facts() -> None:
    assert (MAX_DIMENSIONS, MAX_CRITERIA) == (DIMENSION_SLOTS, CRITERION_SLOTS)


def test_eleven_dimensions_are_never_published(bench: Workbench, lead: Actor, now: datetime) -> None:
    versions.load_default(bench, lead, now=now)
    draft = versions.start_draft(bench, lead, now=now, rubric=eleven())
    seen = versions.get(bench, lead, draft)
    assert "too_many_dimensions" in [problem.code for problem in seen.problems]
    with pytest.raises(Invalid, match="11 dimensions; at most 10"):
        versions.publish(bench, lead, now=now, version_id=draft, seen_hash=seen.content_hash)


def test_a_wider_rubric_published_before_has_no_figure_for_the_eleventh(
    bench: Workbench, lead: Actor, now: datetime
) -> None:
    judge(bench, lead, now)
    with bench.db.write() as session:
        session.execute(
            insert(RubricVersion).values(
                rubric_id="old", version=1, state="published", content=eleven().to_dict(), content_hash="0" * 64,
                created_at=now, published_at=now,
            )
        )  # fmt: skip
    for metric in ("dim:dim10", "dim:dim9"):
        assert reports.trend(bench, lead, scope=reports.Scope(source="chat"), metric=metric).overall["n"].sum() == 0
