"""Statements about agents: only what the numbers support, and no elimination lists."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from scoring import draw, estimate, ranking


def agents(values: list[float], n: int = 40, se: float = 1.0) -> pl.DataFrame:
    k = len(values)
    return pl.DataFrame(
        {
            "agent_id": [f"A{i:02d}" for i in range(k)],
            "n": [n] * k,
            "value": values,
            "se": [se] * k,
            "df": [float(n + 7)] * k,
        }
    )


TEAM = estimate.Estimate(85.0, 84.5, 85.5, 2000, "difference", se=0.25, df=500)


def statements(table: pl.DataFrame, **rest: object) -> dict[str, str]:
    return {s.agent_id: s.statement for s in ranking.standings(table, TEAM, **rest)}  # type: ignore[arg-type]


def test_benjamini_hochberg_known_answer() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert ranking.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert ranking.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


def test_clear_cases() -> None:
    table = agents([70.0, 78.0, *([85.0] * 17), 90.0])
    said = statements(table, bottom=3)
    assert said["A00"] == "bottom_k"
    assert said["A01"] == "bottom_k"
    assert set(list(said.values())[2:]) == {"not_distinguishable"}
    assert "bottom_k" not in statements(table, bottom=20).values()
    assert statements(agents([82.0, *([85.0] * 19)]), bottom=3)["A00"] == "below_team"


def test_too_few_reviews_say_nothing_and_blur_the_ranks_of_others() -> None:
    table = agents([70.0, *([85.0] * 9)]).with_columns(
        n=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit(40)).otherwise(10)
    )
    result = ranking.standings(table, TEAM, bottom=3)
    assert [s.statement for s in result[5:]] == ["too_few_reviews"] * 5
    assert result[9].q is None
    assert result[0].statement == "below_team"
    assert result[0].rank_high == 6
    with_history = ranking.standings(table, TEAM, bottom=3, reviews={f"A{k:02d}": 50 for k in range(10)})
    assert with_history[0].statement == "bottom_k"


def test_rank_sets_hold_simultaneously() -> None:
    truth = np.linspace(80, 90, 12)
    rank, hits = np.arange(1, 13), 0
    for k in range(60):
        noise = stats.norm.ppf(np.clip(draw.uniforms(f"ranks{k}", 12), 1e-9, 1 - 1e-9))
        low, high = ranking.rank_sets(truth + 1.5 * noise, np.full(12, 1.5), np.full(12, 1e6))
        hits += bool(((low <= rank) & (rank <= high)).all())
    assert hits / 60 >= 0.9


def test_false_discoveries_stay_rare() -> None:
    wrong = 0
    for k in range(50):
        noise = stats.norm.ppf(np.clip(draw.uniforms(f"fdr{k}", 40), 1e-9, 1 - 1e-9))
        wrong += any(s != "not_distinguishable" for s in statements(agents(list(85 + noise))).values())
    assert wrong <= 9


def test_elimination_lists_are_refused_with_the_reason() -> None:
    result = ranking.standings(agents([70.0, *([85.0] * 9)]), TEAM)
    with pytest.raises(ranking.RankingRefused, match="9 of 10"):
        ranking.elimination_list(result)
