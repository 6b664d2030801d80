"""Assignment: even, rotated, deterministic, never to somebody who took part; second scores in cyclic pairs."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import draw

PEOPLE = [f"I{k}" for k in range(6)]


def units(agents: int = 10, each: int = 12) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "unit_id": [f"C{k:04d}" for k in range(agents * each)],
            "agent_id": [f"A{k % agents}" for k in range(agents * each)],
        }
    )


def test_loads_are_even_and_every_agent_is_seen_by_everybody() -> None:
    pairs = draw.assign(units(), PEOPLE, "s").pairs
    assert set(Counter(pairs["inspector_id"]).values()) == {20}
    seen = pairs.join(units(), on="unit_id").group_by("agent_id").agg(pl.col("inspector_id").n_unique())
    assert (seen["inspector_id"] == 6).all()


def test_row_and_name_order_do_not_matter() -> None:
    first = draw.assign(units(), PEOPLE, "s", double_share=0.2).pairs
    assert first.equals(draw.assign(units().reverse(), PEOPLE[::-1], "s", double_share=0.2).pairs)
    assert not first.equals(draw.assign(units(), PEOPLE, "t", double_share=0.2).pairs)


def test_second_scores_use_every_pair_equally_often() -> None:
    result = draw.assign(units(30, 12), PEOPLE, "s", double_share=1 / 3)
    wide = result.pairs.filter(pl.col("role") == "second").join(
        result.pairs.filter(pl.col("role") == "first"), on="unit_id", suffix="_first"
    )
    counts = Counter(wide.select("inspector_id_first", "inspector_id").iter_rows())
    assert sum(counts.values()) == 120
    assert len(counts) == 30
    assert set(counts.values()) == {4}
    assert result.single == ()


@settings(max_examples=40, deadline=None)
@given(
    agents=st.integers(1, 6),
    each=st.integers(1, 8),
    people=st.integers(1, 5),
    barred=st.sets(st.tuples(st.integers(0, 47), st.integers(0, 4)), max_size=60),
)
def test_nobody_gets_a_chat_they_took_part_in(
    agents: int, each: int, people: int, barred: set[tuple[int, int]]
) -> None:
    table = units(agents, each)
    excluded = {(f"C{u:04d}", f"I{i}") for u, i in barred}
    result = draw.assign(table, PEOPLE[:people], "s", excluded=excluded, double_share=0.5)
    given_pairs = set(result.pairs.select("unit_id", "inspector_id").iter_rows())
    assert not given_pairs & excluded
    assert len(given_pairs) == result.pairs.height
    firsts = result.pairs.filter(pl.col("role") == "first")["unit_id"].to_list()
    assert sorted([*firsts, *result.unassigned]) == sorted(table["unit_id"])
    for unit in result.unassigned:
        assert all((unit, person) in excluded for person in PEOPLE[:people])


def test_exclusions_bend_the_evenness_only_a_little() -> None:
    table = units(10, 12)
    excluded = [(unit, "I0") for unit in table["unit_id"].head(60)]
    loads = Counter(draw.assign(table, PEOPLE, "s", excluded=excluded).pairs["inspector_id"])
    assert max(loads.values()) - min(loads.values()) <= 1


def test_capacity_weights_the_load() -> None:
    loads = Counter(draw.assign(units(), PEOPLE[:2], "s", capacity=[3.0, 1.0]).pairs["inspector_id"])
    assert loads == {"I0": 90, "I1": 30}


def test_without_inspectors_the_assignment_is_refused() -> None:
    with pytest.raises(draw.DrawError, match="at least one inspector"):
        draw.assign(units(), [], "s")
