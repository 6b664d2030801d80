"""Scorecards: the shipped one is sound, every form reads back equal, every defect is named with its field."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.label import EMPTY, Label
from scoring.rubric import (
    Choice,
    Criterion,
    Dimension,
    Kind,
    Level,
    Rubric,
    RubricError,
    check,
    default,
    diff,
    fresh_id,
    from_dict,
    from_toml,
    to_toml,
)

BOTH = Label("中", "en")


def small(**changes: object) -> Rubric:
    """A sound rubric of two dimensions."""
    rubric = Rubric(
        id="small",
        version=1,
        name=BOTH,
        dimensions=(
            Dimension(
                "one",
                BOTH,
                4_000,
                (Criterion("a", BOTH, Kind.DEDUCTION, 3_000, 1_000), Criterion("b", BOTH, Kind.YES_NO, 1_000)),
            ),
            Dimension(
                "two",
                BOTH,
                6_000,
                (
                    Criterion("c", BOTH, Kind.SCALE, 6_000, levels=(Level(0, BOTH), Level(6_000, BOTH))),
                    Criterion("d", BOTH, Kind.BONUS, 500),
                ),
            ),
        ),
        owners=(Choice("agent", BOTH), Choice("policy", BOTH)),
    )
    return replace(rubric, **changes)  # type: ignore[arg-type]


def test_the_shipped_rubric_is_sound_and_weighs_30_40_30() -> None:
    rubric = default()
    assert check(rubric) == ()
    assert {d.id: d.points for d in rubric.dimensions} == {"attitude": 3_000, "accuracy": 4_000, "process": 3_000}
    assert {c.kind for c in rubric.criteria} == set(Kind)
    assert {o.id for o in rubric.owners} == {"agent", "policy", "warehouse", "system", "customer"}
    assert any(c.allow_na for c in rubric.criteria)


def test_figures_of_third_parties_say_so_in_both_languages() -> None:
    for criterion in default().criteria:
        assert criterion.unverified == ("未经核实" in criterion.origin.zh) == ("unverified" in criterion.origin.en)


def test_toml_and_plain_data_read_back_equal() -> None:
    rubric = default()
    assert from_toml(to_toml(rubric)) == rubric
    assert to_toml(from_toml(to_toml(rubric))) == to_toml(rubric)
    assert from_dict(rubric.to_dict()) == rubric


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 99))
def test_any_text_and_any_hundredth_survives_toml(text: str, cents: int) -> None:
    rubric = small(name=Label(text, text), pass_line=8_000 + cents)
    assert from_toml(to_toml(rubric)) == rubric


def test_one_language_is_enough() -> None:
    assert check(alter(small(), "b", label=Label("中", ""), help=Label("", "help"))) == ()


@given(st.text(), st.sets(st.sampled_from(["tone", "tone_2", "item_1", "item_2"])))
def test_an_id_that_is_made_is_new_and_fit(name: str, taken: set[str]) -> None:
    for wished in (name, f"Tone {name}", "Tone!"):
        made = fresh_id(wished, taken)
        assert made not in taken
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,59}", made)
    assert fresh_id("语气", taken - {"item_1"}) == "item_1"


def test_the_hash_follows_content_not_number() -> None:
    rubric = small()
    assert rubric.content_hash == rubric.numbered(7).content_hash
    assert rubric.content_hash != replace(rubric, pass_line=1).content_hash


DEFECTS = [
    ("name", lambda r: replace(r, name=Label("", " ")), ("name", "missing_text")),
    ("id", lambda r: replace(r, id="Bad Id"), ("id", "bad_id")),
    ("form", lambda r: replace(r, dimensions=r.dimensions[:1]), ("dimensions", "form_sum")),
    ("empty", lambda r: replace(r, dimensions=()), ("dimensions", "no_dimensions")),
    ("pass", lambda r: replace(r, pass_line=10_001), ("pass_line", "out_of_range")),
    ("no agent", lambda r: replace(r, owners=r.owners[1:]), ("owners", "no_agent")),
    ("owner twice", lambda r: replace(r, owners=r.owners + r.owners[:1]), ("owners", "same_id")),
    (
        "cause",
        lambda r: replace(r, root_causes=(Choice("x", BOTH, "nobody"),)),
        ("root_causes.x.owner", "unknown_owner"),
    ),
    ("sum", lambda r: alter(r, "a", points=2_999), ("dimensions.one.points", "dimension_sum")),
    ("zero", lambda r: alter(r, "d", points=0), ("criteria.d.points", "not_positive")),
    ("each", lambda r: alter(r, "a", each=3_001), ("criteria.a.each", "each_range")),
    ("each small", lambda r: alter(r, "a", each=1), ("criteria.a.each", "each_small")),
    ("twice", lambda r: alter(r, "b", id="a"), ("criteria", "same_id")),
    ("label", lambda r: alter(r, "b", label=Label("", " ")), ("criteria.b.label", "missing_text")),
    ("empty help", lambda r: alter(r, "b", help=Label(" ", "")), ("criteria.b.help", "missing_text")),
    ("levels", lambda r: alter(r, "c", levels=(Level(6_000, BOTH),)), ("criteria.c.levels", "few_levels")),
    (
        "order",
        lambda r: alter(r, "c", levels=(Level(6_000, BOTH), Level(0, BOTH))),
        ("criteria.c.levels", "levels_order"),
    ),
    ("top", lambda r: alter(r, "c", levels=(Level(0, BOTH), Level(1, BOTH))), ("criteria.c.levels", "levels_top")),
    ("many dimensions", lambda r: replace(r, dimensions=split(11)), ("dimensions", "too_many_dimensions")),
    ("many criteria", lambda r: replace(r, dimensions=split(1, 61)), ("dimensions", "too_many_criteria")),
    ("unused", lambda r: alter(r, "a", levels=(Level(0, BOTH),)), ("criteria.a.levels", "levels_unused")),
]


def split(dimensions: int, criteria: int = 1) -> tuple[Dimension, ...]:
    """`dimensions` equal dimensions of `criteria` criteria each; what does not divide goes to the first."""

    def shares(whole: int, parts: int) -> list[int]:
        return [whole // parts + (whole % parts if part == 0 else 0) for part in range(parts)]

    return tuple(
        Dimension(
            f"dim{i}",
            BOTH,
            points,
            tuple(Criterion(f"c{i}_{k}", BOTH, Kind.YES_NO, share) for k, share in enumerate(shares(points, criteria))),
        )
        for i, points in enumerate(shares(10_000, dimensions))
    )


def test_a_form_may_be_as_large_as_the_reports_have_columns() -> None:
    assert check(small(dimensions=split(10, 6))) == ()
    assert [problem.code for problem in check(small(dimensions=split(11)))] == ["too_many_dimensions"]
    assert [problem.code for problem in check(small(dimensions=split(1, 61)))] == ["too_many_criteria"]


def alter(rubric: Rubric, criterion_id: str, **changes: object) -> Rubric:
    return replace(
        rubric,
        dimensions=tuple(
            replace(d, criteria=tuple(replace(c, **changes) if c.id == criterion_id else c for c in d.criteria))  # type: ignore[arg-type]
            for d in rubric.dimensions
        ),
    )


@pytest.mark.parametrize("break_it, expected", [d[1:] for d in DEFECTS], ids=[d[0] for d in DEFECTS])
def test_every_defect_is_named_with_its_field(break_it, expected) -> None:  # type: ignore[no-untyped-def]
    assert check(small()) == ()
    assert expected in [(problem.path, problem.code) for problem in check(break_it(small()))]


BAD_DATA = [
    ("id = 3", "id", "not_text"),
    ('id = "x"\npass_line = 80.001', "pass_line", "too_fine"),
    ('id = "x"\npass_line = nan', "pass_line", "not_points"),
    ('id = "x"\npass_line = true', "pass_line", "not_points"),
    ('id = "x"\nname = "both"', "name", "not_table"),
    ('id = "x"\nname = { fr = "non" }', "name", "unknown_field"),
    ('id = "x"\ncolour = 1', "file", "unknown_field"),
    ('id = "x"\ndimensions = 1', "dimensions", "not_list"),
    ('id = "x"\n[[dimensions]]\nid = "d"', "dimensions.d.points", "not_points"),
    (
        'id = "x"\n[[dimensions]]\nid = "d"\npoints = 3\n[[dimensions.criteria]]\nid = "c"\nkind = "magic"\npoints = 1',
        "criteria.c.kind",
        "unknown_kind",
    ),
    ("id = = 1", "file", "unreadable"),
]


@pytest.mark.parametrize("text, path, code", BAD_DATA)
def test_what_is_not_a_rubric_is_refused_by_field(text: str, path: str, code: str) -> None:
    with pytest.raises(RubricError) as caught:
        from_toml(text)
    assert (caught.value.problem.path, caught.value.problem.code) == (path, code)


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "label", "points", "criteria", "kind", "zh", "en", "levels", "dimensions", "owners", "name"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["id", "dimensions", "owners", "name", "pass_line"]), json_data))
def test_no_plain_data_crashes_the_reader(data: dict[str, object]) -> None:
    try:
        rubric = from_dict(data)
    except RubricError:
        return
    check(rubric)


def test_differences_name_what_changed() -> None:
    old = small()
    new = alter(old, "a", each=1_500)
    new = replace(
        new,
        pass_line=9_000,
        dimensions=(new.dimensions[0], replace(new.dimensions[1], criteria=new.dimensions[1].criteria[:1])),
    )
    found = {(c.what, c.subject, c.id, c.field): (c.before, c.after) for c in diff(old, new)}
    assert found == {
        ("changed", "rubric", "small", "pass_line"): (8_000, 9_000),
        ("changed", "criterion", "a", "each"): (1_000, 1_500),
        ("removed", "criterion", "d", ""): (None, None),
    }
    assert diff(old, old.numbered(2)) == ()
    swapped = replace(old, dimensions=old.dimensions[::-1])
    assert {c.what for c in diff(old, swapped)} == {"moved"}


def test_labels_fall_back_to_the_other_language() -> None:
    assert (BOTH.pick("zh_CN"), BOTH.pick("en"), Label("中", "").pick("en"), EMPTY.pick("zh_CN")) == (
        "中",
        "en",
        "中",
        "",
    )
