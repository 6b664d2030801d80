"""Parts of schemes as people write them: what is shown is read back, other ways too, and nonsense is named."""

from __future__ import annotations

import pytest

from qa.assessment import spelling
from qa.errors import Invalid
from scoring.assessment.schemes import shipped


def test_what_is_shown_reads_back_for_every_shipped_scheme() -> None:
    for scheme in shipped():
        assert spelling.grades_of(spelling.grades(scheme.grades)) == scheme.grades
        assert spelling.campaigns_of(spelling.campaigns(scheme.campaigns)) == scheme.campaigns
        for line in scheme.lines:
            assert spelling.curve(spelling.cuts(line), "x") == line.curve


def test_other_ways_of_writing() -> None:
    assert spelling.curve("40：50；25->100，30 : 90", "x").cuts == ((25.0, 100.0), (30.0, 90.0), (40.0, 50.0))
    assert [(g.name, g.lowest) for g in spelling.grades_of("优秀 90，合格>=60;不合格 ≥ 0")] == [
        ("优秀", 90.0), ("合格", 60.0), ("不合格", 0.0),
    ]  # fmt: skip
    assert spelling.campaigns_of("6-1至6-20") == (("06-01", "06-20"),)
    assert spelling.campaigns_of(" ") == ()


@pytest.mark.parametrize("wrong", ["25", "a → 3", "25 → 100 → 3", "1 → -5"])
def test_nonsense_is_named(wrong: str) -> None:
    with pytest.raises(Invalid, match="is no cut"):
        spelling.curve(wrong, "平均响应时长")
    with pytest.raises(Invalid):
        spelling.grades_of("A")
    with pytest.raises(Invalid):
        spelling.campaigns_of("明天")
