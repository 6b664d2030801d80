"""Estimates: published values, exact identities, small samples, honest refusals."""

from __future__ import annotations

import math
from dataclasses import replace as changed

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scoring import draw, estimate
from scoring.estimate import weighting
from scoring.severity import Severities

#: api00 of R survey's ``apistrat``: schools by type, and the number of schools of each type in the population.
APISTRAT = {
    (
        "E",
        4421,
    ): (
        """
        840 516 531 501 720 805 778 731 592 669 497 638 534 705 761 771 751 474 832 559 765 744 865 782 745 892
        619 616 703 509 806 759 740 642 565 726 863 765 893 398 539 776 580 503 724 476 529 870 746 836 756 423
        588 606 632 651 553 676 861 588 597 884 819 542 509 493 893 709 596 609 671 720 669 650 836 542 578 814
        777 719 617 856 723 609 676 668 421 667 631 845 631 696 714 788 667 568 847 679 477 521
    """
    ),
    (
        "M",
        1018,
    ): (
        """
        496 505 409 609 867 685 647 745 694 676 870 500 679 552 559 650 565 443 774 668 581 878 753 528 678 535
        667 534 648 551 485 765 743 403 695 551 467 669 773 780 693 635 660 733 657 606 522 601 819 627
    """
    ),
    (
        "H",
        755,
    ): (
        """
        467 522 455 509 681 666 582 641 510 527 681 724 525 712 680 784 743 593 518 770 721 713 816 641 667 610
        618 717 610 868 678 418 712 784 472 764 646 585 556 600 599 706 409 635 477 710 453 546 646 624
    """
    ),
}
#: Efron & Morris 1975: batting averages of 18 players after 45 at bats, and over the rest of the season.
BATTING = {
    "y": [.400, .378, .356, .333, .311, .311, .289, .267, .244, .244, .222, .222, .222, .222, .222, .200, .178, .156],
    "p": [.346, .298, .276, .222, .273, .270, .263, .210, .269, .230, .264, .256, .303, .264, .226, .285, .316, .200],
}  # fmt: skip


def apistrat() -> pl.DataFrame:
    parts = []
    for (kind, units), text in APISTRAT.items():
        y = [float(word) for word in text.split()]
        parts.append(pl.DataFrame({"agent_id": kind, "pi": len(y) / units, "y": y}))
    return pl.concat(parts)


def sample(n: int = 12, agents: int = 5, salt: str = "s", pi: float = 0.1) -> pl.DataFrame:
    u = draw.uniforms(salt, 2 * n * agents).reshape(2, -1)
    return pl.DataFrame(
        {
            "agent_id": [f"A{k % agents}" for k in range(n * agents)],
            "pi": np.full(n * agents, pi),
            "y": 80 + 20 * u[0] - 45 * (u[1] < 0.05),
            "p": np.clip(u[1], 0.01, 0.5),
        }
    )


def test_stratified_mean_and_error_equal_r_survey() -> None:
    result = estimate.team(apistrat())
    assert result.value == pytest.approx(662.2874, abs=5e-5)
    assert result.se == pytest.approx(9.4089, abs=5e-5)
    assert result.n == 200


def test_columnar_estimate_equals_r_survey_too() -> None:
    row = estimate.grouped(apistrat(), [], ["y"], strata="agent_id", pooled=False).row(0, named=True)
    assert row["mean"] == pytest.approx(662.2874, abs=5e-5)
    assert row["se"] == pytest.approx(9.4089, abs=5e-5)


#: R survey's ``election_pps``: 40 counties drawn with probability p in proportion to their voters, and the votes for
#: Bush.
ELECTION = """
954764 0.903657562594824
439242 0.287091367872412
55541 0.0603660415456728
114703 0.0760140106070524
152838 0.0909428691382778
108126 0.063902041242056
37322 0.0179636495479031
7745 0.00366405576015409
583774 0.679318485284375
9432 0.00472361641683901
1182 0.00049535665528577
32329 0.0154593273330289
171157 0.0996155693281803
42739 0.0273144960970224
257267 0.295042203638315
26428 0.0154851450878215
764 0.000382447007659827
172563 0.115427050836579
4080 0.0017129219713009
42263 0.0209770978872858
36279 0.0287819772794291
31629 0.01633437710213
174707 0.0936289483468913
69289 0.0579477785134404
93219 0.116679728299112
153424 0.108656258583059
11785 0.00691674862728074
110653 0.0610238779377862
157591 0.128951079270361
345482 0.234546729081949
61290 0.0362168021862131
580553 0.362437559222164
13964 0.00724308504785816
83079 0.0433962034389163
49538 0.0239251412478607
145 0.000142858243185264
264757 0.264688097210387
23025 0.0151395314103323
52449 0.0348140375091529
10638 0.00553119578674896
"""
#: Its ``apiclus1``: 15 of 757 school districts drawn, all their schools taken: number of schools and sum of api00.
APICLUS1 = [
    (13, 9372),
    (34, 22508),
    (4, 2077),
    (13, 8593),
    (16, 11369),
    (2, 1116),
    (1, 551),
    (4, 1888),
    (12, 9111),
    (21, 13761),
    (9, 6386),
    (11, 7359),
    (37, 20394),
    (2, 905),
    (4, 2493),
]


def test_unequal_probabilities_give_the_total_and_error_of_r_survey() -> None:
    rows = np.array([line.split() for line in ELECTION.strip().splitlines()], dtype=np.float64)
    votes, pi = rows.T
    one = np.zeros(40, dtype=np.int64)
    assert (votes / pi).sum() == pytest.approx(64518472.38, abs=0.5)
    variance = weighting.deville(one, votes, pi, 1).variance[0]
    assert math.sqrt(variance) == pytest.approx(2_432_464, abs=1)
    # Brewer's formula centres at the plain mean of y/pi; the exact Sen-Yates-Grundy error, 2,406,526, needs joint
    # probabilities, which Deville's does without: 1.1 % above it here.
    z = votes / pi
    assert math.sqrt(40 / 39 * ((1 - pi) * (z - z.mean()) ** 2).sum()) == pytest.approx(2_447_629, abs=1)
    assert math.sqrt(variance) == pytest.approx(2_406_526, rel=0.02)


def test_a_cluster_sample_by_its_totals_gives_the_mean_and_error_of_r_survey() -> None:
    schools, total = np.array(APICLUS1, dtype=np.float64).T
    mean = total.sum() / schools.sum()
    pi = np.full(15, 15 / 757)
    variance = weighting.deville(np.zeros(15, dtype=np.int64), total - mean * schools, pi, 1).variance[0]
    assert mean == pytest.approx(644.1694, abs=5e-5)
    assert math.sqrt(variance) / (schools.sum() * 757 / 15) == pytest.approx(23.5422, abs=5e-5)


def test_james_stein_equals_efron_and_morris() -> None:
    y, p = np.array(BATTING["y"]), np.array(BATTING["p"])
    variance = np.full(18, y.mean() * (1 - y.mean()) / 45)
    assert ((y - p) ** 2).sum() == pytest.approx(0.0754, abs=5e-5)
    assert ((estimate.shrunk(y, variance) - p) ** 2).sum() == pytest.approx(0.0213, abs=5e-5)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(0, 10, 0.0, 0.3084971), (5, 10, 0.1870860, 0.8129140), (10, 10, 0.6915029, 1.0), (1, 100, 0.0002531, 0.0544594)],
)
def test_clopper_pearson_known_answers(x: int, n: int, low: float, high: float) -> None:
    assert estimate.clopper_pearson(x, n) == pytest.approx((low, high), abs=5e-7)


def test_equal_probabilities_give_the_textbook_interval() -> None:
    rows = sample(20, 1)
    y = rows["y"].to_numpy()
    result = estimate.team(rows)
    assert result.value == pytest.approx(y.mean())
    assert result.se == pytest.approx(math.sqrt(0.9 * y.var(ddof=1) / 20))
    assert result.df == pytest.approx(19)


def test_a_perfect_prediction_leaves_no_error_and_a_useless_one_does_no_harm() -> None:
    rows = sample(60, 5).with_columns(f=pl.col("y"))
    population = pl.DataFrame({"agent_id": [f"A{k % 5}" for k in range(3000)], "f": np.linspace(60, 100, 3000)})
    perfect = estimate.team(rows, population, bounds=(0, 100))
    assert perfect.lam == pytest.approx(1.0)
    assert perfect.value == pytest.approx(80.0)
    noise = rows.with_columns(f=0.5 + 1e-3 * pl.Series(draw.uniforms("noise", rows.height)))
    useless = estimate.team(noise, population.with_columns(f=pl.lit(0.5)))
    assert useless.se == pytest.approx(estimate.team(rows).se, rel=0.02)


def test_predictions_are_left_out_below_200_reviews_unless_lambda_is_given() -> None:
    rows = sample(10, 5).with_columns(f=pl.col("y") + 1)
    population = pl.DataFrame({"agent_id": [f"A{k % 5}" for k in range(500)], "f": 80.0})
    assert estimate.team(rows, population).lam == 0.0
    assert estimate.team(rows, population).method == "hajek"
    assert estimate.team(rows, population, lam=0.9).method == "difference"
    with pytest.raises(estimate.EstimateError, match="population"):
        estimate.team(rows, lam=0.9)


def test_targeted_picks_do_not_bias_the_mean() -> None:
    """20 of 100 units fail; all of them are in the pool. The plain mean says 33, the estimate what is true: 80."""
    y = [0.0] * 20 + [100.0] * 10
    rows = pl.DataFrame({"agent_id": ["A"] * 30, "pi": [1.0] * 20 + [0.125] * 10, "y": y})
    result = estimate.team(rows, bounds=(0, 100))
    assert result.value == pytest.approx(80.0)
    assert rows["y"].mean() < 34


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_small_agents_get_an_interval_from_the_team_or_none(n: int) -> None:
    rows = pl.concat(
        [
            sample(12, 5),
            sample(1, 1).head(0),
            *[sample(1, 1, f"x{k}").with_columns(agent_id=pl.lit("new")) for k in range(n)],
        ]
    )
    population = (
        pl.DataFrame({"agent_id": [*rows["agent_id"].unique(), "new"]})
        .unique()
        .with_columns(units=pl.lit(120), f_sum=None, spread=None, spread_p=None)
    )
    row = estimate.agents(rows, population).filter(pl.col("agent_id") == "new").row(0, named=True)
    assert row["n"] == n
    assert row["method"] == {0: "none", 1: "pooled"}.get(n, "moderated")
    assert row["reason"] == ("no_reviews" if n == 0 else "")
    if n == 0:
        assert row["value"] is None
        assert row["low"] is None
    else:
        assert row["low"] < row["value"] < row["high"]


def test_one_review_alone_has_a_value_and_no_interval() -> None:
    rows = sample(1, 1)
    only = estimate.agents(rows).row(0, named=True)
    assert (only["reason"], only["low"], only["n"]) == ("one_review", None, 1)
    whole = estimate.team(rows)
    assert (whole.reason, whole.low, whole.known) == ("one_review", None, False)
    assert estimate.team(rows.head(0)).reason == "no_reviews"


def test_equal_scores_do_not_pretend_to_certainty() -> None:
    rows = sample(5, 1).with_columns(y=pl.lit(100.0))
    assert estimate.team(rows).reason == "no_spread"
    result = estimate.team(rows, bounds=(0, 100))
    assert result.method == "range"
    assert (result.low, result.high) == pytest.approx((100 * 0.025**0.2, 100.0))


def test_everything_reviewed_is_no_estimate() -> None:
    rows = sample(4, 1, pi=1.0)
    whole = {"agent_id": ["A0"] * 4}
    result = estimate.team(rows, whole)
    assert (result.method, result.low, result.high) == ("census", result.value, result.value)
    assert estimate.agents(rows, whole)["method"].to_list() == ["census"]
    assert estimate.rate(rows.with_columns(violation=pl.lit(0)), 4).method == "census"
    told = rows.with_columns(reason=pl.lit("take_all"))
    assert estimate.team(told).method == "census"
    assert estimate.grouped(told, ["agent_id"], ["y"])["method"].to_list() == ["census"]


def test_gaps_in_a_complete_review_make_it_a_sample() -> None:
    planned = draw.plan({"unit_id": range(8), "agent_id": ["A"] * 8}, draw.Design((draw.Quota("chat", None),)))
    result = estimate.team({"unit_id": range(6), "y": [80, 90, 70, 85, 95, 75]}, planned)
    assert (result.method, result.n) == ("hajek", 6)
    y = np.array([80, 90, 70, 85, 95, 75.0])
    plain = math.sqrt((1 - 6 / 8) / 6 * y.var(ddof=1))
    assert result.se > plain  # six reviews say little of rare violations; the plan expects some
    without = estimate.team({"agent_id": ["A"] * 6, "pi": [1.0] * 6, "y": y}, {"agent_id": ["A"] * 8, "pi": [1.0] * 8})
    assert without.se == pytest.approx(plain)
    assert estimate.rate({"unit_id": range(6), "violation": [0] * 6}, planned).high > 0.2


@pytest.mark.parametrize("reason", [None, "certainty"])
def test_targeted_picks_alone_have_no_mean_anywhere(reason: str | None) -> None:
    """Every road to the mean of what was picked because it looked bad ends in a refusal."""
    rows = sample(4, 1, pi=1.0).with_columns(violation=pl.lit(1))
    rows = rows if reason is None else rows.with_columns(reason=pl.lit(reason))
    more = {"agent_id": ["A0"] * 40}
    for population in (None, more):
        whole, table = estimate.team(rows, population), estimate.agents(rows, population)
        assert (whole.reason, whole.value, whole.low) == ("only_targeted", None, None)
        assert table.select("reason", "value", "low", "best_guess").row(0) == ("only_targeted", None, None, None)
        assert (estimate.rate(rows, population).reason, estimate.rate(rows, population).value) == (
            "only_targeted",
            None,
        )
    beside = pl.concat(
        [
            rows,
            sample(4, 1).with_columns(
                violation=pl.lit(0), agent_id=pl.lit("B"), **({"reason": pl.lit("base")} if reason else {})
            ),
        ]
    )
    cells = estimate.grouped(beside, ["agent_id"], ["y"])
    assert cells.select("reason", "mean", "low", "se").row(0) == ("only_targeted", None, None, None)
    assert cells["mean"][1] is not None
    frame = draw.plan(_frame(), draw.Design((draw.Quota("chat", 2, 0.9),), planning=1))
    drawn = draw.picks(draw.select(frame, "s"))
    table = estimate.agents(drawn.with_columns(y=pl.lit(50.0)), frame)
    bare = frame.sizes.filter(pl.col("base") == 0)["agent_id"].to_list()
    assert bare
    assert table.filter(pl.col("agent_id").is_in(bare))["value"].null_count() == len(bare)


def test_moderated_variance_is_the_stated_blend() -> None:
    rows = sample(6, 4).drop("p")
    table = estimate.agents(rows)
    y = rows.with_columns(e=pl.col("y") - pl.col("y").mean().over("agent_id"))
    pooled = (y["e"] ** 2).sum() * (6 / 5) / 24
    own = rows.filter(pl.col("agent_id") == "A0")["y"].var()
    expected = 0.9 / 6 * (8 * pooled + 5 * own) / 13
    assert table["se"][0] ** 2 == pytest.approx(expected)
    assert table["df"].to_list() == [13.0] * 4


def test_best_guess_lies_between_agent_and_team() -> None:
    table = estimate.agents(sample(8, 12))
    assert table["best_guess"].std() < table["value"].std()


def test_severity_shifts_the_score_and_widens_the_interval() -> None:
    rows = sample(12, 5).with_columns(inspector_id=pl.Series(["I1", "I2", "I3"] * 20))
    harsh = Severities(("I1", "I2", "I3"), np.array([-3.0, 0.0, 3.0]), np.diag([1.0, 1.0, 1.0]))
    plain, adjusted = estimate.team(rows), estimate.team(rows, severities=harsh)
    assert adjusted.value == pytest.approx(plain.value, abs=1e-9)
    by_hand = rows.with_columns(y=pl.col("y") - pl.Series([-3.0, 0.0, 3.0] * 20))
    without = estimate.team(by_hand)
    assert adjusted.se == pytest.approx(math.sqrt(without.se**2 + 1 / 3))
    table = estimate.agents(rows, severities=harsh)
    assert (table["se"] > estimate.agents(by_hand)["se"]).all()
    with pytest.raises(estimate.EstimateError, match="severity"):
        estimate.team(rows.with_columns(inspector_id=pl.lit("I9")), severities=harsh)


def test_rate_of_nothing_found_is_clopper_pearson() -> None:
    rows = pl.DataFrame({"agent_id": ["A"] * 10, "pi": [0.01] * 10, "violation": [0] * 10})
    result = estimate.rate(rows)
    assert result.value == 0
    assert (result.low, result.high) == pytest.approx((0.0, 0.3084971), abs=1e-6)


def test_rate_counts_what_was_certain_and_estimates_the_rest() -> None:
    rows = pl.DataFrame({"agent_id": ["A"] * 60, "pi": [1.0] * 10 + [0.125] * 50, "violation": [1] * 10 + [0] * 50})
    result = estimate.rate(rows, 410)
    assert result.value == pytest.approx(10 / 410)
    assert result.low == pytest.approx(10 / 410)
    assert result.high == pytest.approx((10 + 400 * estimate.clopper_pearson(0, 50)[1]) / 410)


def test_one_event_in_many_small_strata_keeps_the_degrees_of_freedom_of_the_design() -> None:
    rows = pl.DataFrame(
        {"agent_id": [f"A{k // 3:02d}" for k in range(120)], "pi": [0.075] * 120, "violation": [0] * 119 + [1]}
    )
    result = estimate.rate(rows, 1600)
    shrunk = 120 * (stats.t.ppf(0.975, 119) / stats.t.ppf(0.975, 80)) ** 2  # 120 reviews, 40 agents; equal chances
    assert result.df == 80
    assert result.high == pytest.approx(estimate.clopper_pearson(shrunk / 120, shrunk)[1], rel=0.02)
    assert result.high < 0.05


def test_difference_and_combination() -> None:
    before, after = estimate.team(sample(12, 5, "a")), estimate.team(sample(12, 5, "b"))
    change = estimate.difference(before, after)
    assert change.value == pytest.approx(after.value - before.value)
    assert change.se == pytest.approx(math.hypot(before.se, after.se))
    assert change.df <= before.df + after.df + 1e-9
    whole = estimate.combine([(before, 300.0), (after, 100.0)])
    assert whole.value == pytest.approx(0.75 * before.value + 0.25 * after.value)
    nothing = estimate.team(sample(1, 1).head(0))
    assert estimate.difference(before, nothing).reason == "no_reviews"
    assert estimate.combine([(before, 300.0), (nothing, 10.0)]).value is None
    assert estimate.combine([(before, 300.0), (nothing, 0.0)]).known


@pytest.mark.parametrize(("n", "units", "more"), [(10, None, 30), (10, 1000, 29), (10, 20, 6), (20, 20, 0), (0, 50, 1)])
def test_reviews_to_halve(n: int, units: int | None, more: int) -> None:
    assert estimate.reviews_to_halve(n, units) == more


def test_every_agent_of_the_population_has_a_row() -> None:
    population = pl.DataFrame({"agent_id": ["A0", "A1", "Z"] * 10, "f": 80.0})
    assert estimate.agents(sample(5, 2), population)["agent_id"].to_list() == ["A0", "A1", "Z"]
    with pytest.raises(estimate.EstimateError, match="population"):
        estimate.agents(sample(5, 3), population)


@pytest.mark.parametrize("bad", [0.0, 1.2, None])
def test_impossible_probabilities_are_refused(bad: float | None) -> None:
    rows = sample(5, 1).with_columns(pi=pl.lit(bad, pl.Float64))
    for function in (estimate.team, estimate.agents):
        with pytest.raises(estimate.EstimateError, match="probability"):
            function(rows)
    with pytest.raises(estimate.EstimateError, match="probability"):
        estimate.grouped(rows, ["agent_id"], ["y"])


def test_totals_replace_the_population_exactly() -> None:
    planned = draw.plan(_frame(), draw.Design((draw.Quota("chat", 50, 0.2),)))
    population = planned.frame.with_columns(f=95 - 40 * pl.col("p"))
    rows = draw.picks(draw.select(planned, "s")).join(population.select("unit_id", "p", "f"), on="unit_id")
    rows = rows.with_columns(y=pl.col("f") + 5 * pl.Series(draw.uniforms("e", rows.height)))
    small = estimate.totals(population)
    assert estimate.team(rows, small) == estimate.team(rows, population)
    assert estimate.agents(rows, small).equals(estimate.agents(rows, population))
    assert estimate.as_estimates(estimate.agents(rows, small))["A0"].lam == estimate.tune(rows)


def _frame() -> pl.DataFrame:
    p = 0.5 * draw.uniforms("frame", 1500) ** 4
    return pl.DataFrame(
        {"unit_id": [f"C{k}" for k in range(1500)], "agent_id": [f"A{k % 5}" for k in range(1500)], "p": p}
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    agents=st.integers(1, 6),
    n=st.integers(1, 9),
    factor=st.floats(0.1, 10),
    shift=st.floats(-50, 50),
)
def test_estimates_move_with_the_scale_and_ignore_row_order(
    seed: int, agents: int, n: int, factor: float, shift: float
) -> None:
    rows = sample(n, agents, str(seed)).with_columns(pi=pl.Series(0.05 + 0.9 * draw.uniforms(f"pi{seed}", n * agents)))
    moved = rows.with_columns(y=pl.col("y") * factor + shift)
    a, b = estimate.team(rows), estimate.team(moved.reverse())
    assert b.value == pytest.approx(a.value * factor + shift, rel=1e-9, abs=1e-7)
    if a.se is not None:
        assert b.se == pytest.approx(a.se * factor, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), cells=st.integers(1, 5), n=st.integers(2, 9))
def test_columnar_cells_equal_single_estimates(seed: int, cells: int, n: int) -> None:
    rows = sample(n, cells, str(seed)).with_columns(
        pi=pl.Series(0.05 + 0.9 * draw.uniforms(f"pi{seed}", n * cells)), z=pl.when(pl.col("p") < 0.45).then("y")
    )
    table = estimate.grouped(rows.lazy(), ["agent_id"], ["y", "z"], pooled=False)
    for row in table.iter_rows(named=True):
        part = rows.filter((pl.col("agent_id") == row["agent_id"]) & pl.col(row["measure"]).is_not_null())
        single = estimate.team(part, value=row["measure"])
        assert row["n"] == single.n
        assert (row["mean"] is None) == (single.value is None)
        if single.value is not None:
            assert row["mean"] == pytest.approx(single.value)
        assert (row["se"] is None) == (single.se is None)
        if single.se is not None:
            assert row["se"] == pytest.approx(single.se, rel=1e-6)
            assert (row["low"], row["high"]) == pytest.approx((single.low, single.high), rel=1e-6)


def test_columnar_cells_of_one_review_borrow_the_spread_of_the_others() -> None:
    rows = sample(5, 3).with_columns(week=pl.when(pl.col("agent_id") == "A2").then(pl.int_range(pl.len())).otherwise(0))
    table = estimate.grouped(rows, ["agent_id", "week"], ["y"])
    lone = table.filter(pl.col("n") == 1)
    assert lone.height == 5
    assert set(lone["method"]) == {"pooled"}
    assert (lone["low"] < lone["mean"]).all()
    flat = estimate.grouped(rows.with_columns(y=pl.lit(100.0)), ["agent_id"], ["y"], bounds=(0, 100))
    assert set(flat["method"]) == {"range"}
    assert (flat["high"] == 100.0).all()
    nothing = estimate.grouped(rows.with_columns(y=pl.lit(None, pl.Float64)), ["agent_id"], ["y"])
    assert set(nothing["reason"]) == {"no_reviews"}


def test_lambda_is_clipped() -> None:
    codes, pi = np.zeros(50, dtype=np.int64), np.full(50, 0.1)
    f = draw.uniforms("f", 50)
    assert weighting.tuned_lambda(codes, 5 * f, f, pi, 1) == 1.2
    assert weighting.tuned_lambda(codes, -f, f, pi, 1) == 0.0


def test_there_is_no_way_to_an_unweighted_average() -> None:
    rows = sample().drop("pi")
    for function in (estimate.team, estimate.agents):
        with pytest.raises(estimate.EstimateError, match="pi"):
            function(rows)
    with pytest.raises(estimate.EstimateError, match="pi"):
        estimate.rate(rows.with_columns(violation=pl.lit(0)))
    with pytest.raises(estimate.EstimateError, match="pi"):
        estimate.grouped(rows, ["agent_id"], ["y"])


def test_an_estimate_knows_whether_it_has_an_interval() -> None:
    whole = estimate.team(sample())
    assert whole.known
    assert whole.width == pytest.approx(whole.high - whole.low)
    assert not changed(whole, low=None).known


def test_equal_scores_have_the_same_kind_of_interval_for_agents_as_for_the_team() -> None:
    rows = pl.DataFrame({"agent_id": ["A"] * 5 + ["B"] * 5, "pi": 0.1, "y": 100.0})
    table = estimate.agents(rows, bounds=(0.0, 100.0))
    assert table["method"].to_list() == ["range", "range"]
    assert table["low"][0] == pytest.approx(100 * 0.025 ** (1 / 5))
    assert table["high"].to_list() == [100.0, 100.0]
    assert estimate.team(rows, bounds=(0.0, 100.0)).low > table["low"][0]
    assert estimate.agents(rows)["reason"].to_list() == ["no_spread"] * 2


def test_rates_are_compared_by_the_limits_of_both_sides() -> None:
    """MOVER; 0 of 160 twice is no proof that nothing has changed."""
    none = estimate.rate({"agent_id": ["A"] * 80 + ["B"] * 80, "pi": [0.1] * 160, "violation": [0] * 160})
    gap = estimate.difference(none, none)
    assert (gap.value, gap.method, gap.n) == (0.0, "mover", 320)
    assert (gap.low, gap.high) == pytest.approx((-none.high, none.high))
    some = estimate.rate({"agent_id": ["A"] * 80 + ["B"] * 80, "pi": [0.1] * 160, "violation": [1] * 8 + [0] * 152})
    rise = estimate.difference(none, some)
    assert rise.low == pytest.approx(0.05 - math.hypot(0.05 - some.low, none.high))
    assert rise.high == pytest.approx(0.05 + (some.high - 0.05))


def test_a_rate_knows_how_many_equal_chances_it_is_worth() -> None:
    rows = {"agent_id": ["A"] * 100, "pi": [0.1] * 100, "violation": [0] * 100}
    assert estimate.rate(rows).effective == pytest.approx(100 / 0.9)
    found = estimate.rate(rows | {"violation": [1] * 30 + [0] * 70})
    assert found.effective == estimate.rate(rows).effective, "whatever was found"


def _judged_rate(rng: np.random.Generator, hits: float, false_alarms: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """20 agents with 150 units each, about 5 % of them with a fact; 20 of each reviewed; p stands for a judge's yes."""
    agents = np.repeat([f"a{n:02d}" for n in range(20)], 150)
    y = (rng.random(3000) < np.repeat(rng.beta(2, 38, 20), 150)).astype(float)
    said = rng.random(3000) < np.where(y == 1, hits, false_alarms)
    share = y.mean()
    yes = hits * share / (hits * share + false_alarms * (1 - share))
    no = (1 - hits) * share / ((1 - hits) * share + (1 - false_alarms) * (1 - share))
    population = pl.DataFrame({"agent_id": agents, "p": np.where(said, yes, no), "violation": y})
    picked = np.concatenate([150 * n + rng.choice(150, 20, replace=False) for n in range(20)])
    return population[picked].with_columns(pi=pl.lit(20 / 150)), population


@pytest.mark.parametrize(
    ("hits", "false_alarms", "at_most"), [(0.8, 0.03, 0.85), (0.9, 0.01, 0.65), (1.0, 0.0005, 0.4)]
)
def test_a_good_judge_narrows_a_rate_and_the_interval_still_holds(
    hits: float, false_alarms: float, at_most: float
) -> None:
    rng, covered, widths = np.random.default_rng(17), 0, []
    for _ in range(60):
        sample, population = _judged_rate(rng, hits, false_alarms)
        alone = estimate.rate(sample.drop("p"))
        sharpened = estimate.rate(sample, population.drop("violation"), lam=1.0)
        truth = float(population["violation"].mean())  # type: ignore[arg-type]
        covered += sharpened.low <= truth <= sharpened.high
        widths.append(sharpened.width / alone.width)
    assert covered >= 54, "a judge that was right on every review is not right on all"
    assert np.mean(widths) < at_most
