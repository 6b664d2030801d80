"""Agreement coefficients against published values, and the answers for data that cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import agreement as ag

NAN = float("nan")


def table(text: str) -> np.ndarray:
    """Rows of numbers, * for missing."""
    return np.array(
        [[NAN if cell == "*" else float(cell) for cell in row.split()] for row in text.strip().splitlines()]
    )


#: The example of Krippendorff's "Computing Krippendorff's Alpha-Reliability", three observers (rows), 15 units.
KRIPPENDORFF = table("""
    * * * * * 3 4 1 2 1 1 3 3 * 3
    1 * 2 1 3 3 4 3 * * * * * * *
    * * 2 1 3 4 4 * 2 1 1 3 3 * 4
    """).T
#: Gwet's four raters, twelve subjects.
GWET = table("""
    1 1 * 1
    2 2 3 2
    3 3 3 3
    3 3 3 3
    2 2 2 2
    1 2 3 4
    4 4 4 4
    1 1 2 1
    2 2 2 2
    * 5 5 5
    * * 1 1
    * * 3 *
    """)
#: Shrout & Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = table("9 2 5 8\n6 1 3 2\n8 4 6 8\n7 1 2 6\n10 5 6 9\n6 2 4 7")
#: Fleiss 1971: psychiatric diagnoses of 30 patients by six raters.
DIAGNOSES = np.array(
    [
        [int(digit) for digit in row]
        for row in [
            "444444",
            "222555",
            "233335",
            "555555",
            "222444",
            "113333",
            "333355",
            "113334",
            "114444",
            "555555",
            "144444",
            "124444",
            "222333",
            "144444",
            "224445",
            "333335",
            "111455",
            "111112",
            "224444",
            "133555",
            "555555",
            "244444",
            "224555",
            "114444",
            "144445",
            "222224",
            "111155",
            "224444",
            "133333",
            "555555",
        ]
    ],
    dtype=float,
)
#: Gwet: 15 subjects, six raters, counts by diagnosis.
SIX_RATERS = table("""
    0 0 0 6 0
    0 3 0 0 3
    0 1 4 0 1
    0 0 0 0 6
    0 3 0 3 0
    2 0 4 0 0
    0 0 4 0 2
    2 0 3 1 0
    2 0 0 4 0
    0 0 0 0 6
    1 0 0 5 0
    1 1 0 4 0
    0 3 3 0 0
    1 0 0 5 0
    0 2 0 3 1
    """)
#: Two abstractors, 100 records: counts of first × second.
ABSTRACTORS = table("13 0 0\n0 20 7\n0 4 56")
#: irr::anxiety, 20 subjects, three raters.
ANXIETY = np.array(
    [
        [int(digit) for digit in row]
        for row in [
            "332",
            "361",
            "344",
            "464",
            "523",
            "542",
            "221",
            "346",
            "531",
            "231",
            "221",
            "632",
            "133",
            "533",
            "221",
            "221",
            "113",
            "233",
            "432",
            "342",
        ]
    ],
    dtype=float,
)


def expanded(counts: np.ndarray) -> np.ndarray:
    return np.array([np.repeat(np.arange(len(row)), row.astype(int)) for row in counts], dtype=float)


def two_raters(joint: np.ndarray) -> np.ndarray:
    return np.array([(i, j) for (i, j), n in np.ndenumerate(joint) for _ in range(int(n))], dtype=float)


@pytest.mark.parametrize(
    ("metric", "value"),
    [("nominal", 0.691358), ("ordinal", 0.806721), ("interval", 0.810845), ("ratio", 0.808944)],
)
def test_krippendorff_alpha(metric: ag.Level, value: float) -> None:
    assert ag.alpha(KRIPPENDORFF, metric).value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "alpha", "ac1", "fleiss"),
    [
        (GWET, 0.74342, 0.77544, 0.76117),
        (expanded(SIX_RATERS), 0.4204384, 0.4448007, 0.4139265),
        (two_raters(ABSTRACTORS), 0.7972585, 0.8493305, 0.7962397),
    ],
    ids=["four raters", "six raters", "abstractors"],
)
def test_published_coefficients(data: np.ndarray, alpha: float, ac1: float, fleiss: float) -> None:
    tolerance = 5e-6 if data is GWET else 1e-6
    assert ag.alpha(data).value == pytest.approx(alpha, abs=tolerance)
    assert ag.gwet(data).value == pytest.approx(ac1, abs=tolerance)
    assert ag.fleiss(data).value == pytest.approx(fleiss, abs=tolerance)


@pytest.mark.parametrize(
    ("data", "alpha", "ac2", "fleiss", "tolerance"),
    [
        (GWET, 0.84911, 0.914, 0.86494, 5e-6),
        (expanded(SIX_RATERS), 0.259511, 0.4837438, 0.2511909, 1e-6),
        (two_raters(ABSTRACTORS), 0.8926487, 0.9402369, 0.8921093, 1e-6),
    ],
    ids=["four raters", "six raters", "abstractors"],
)
def test_published_quadratic_weights(
    data: np.ndarray, alpha: float, ac2: float, fleiss: float, tolerance: float
) -> None:
    """The vignette “weighting” of the R package irrCAC; its α with quadratic weights is the interval α."""
    assert ag.alpha(data, "interval").value == pytest.approx(alpha, abs=tolerance)
    assert ag.gwet(data, "quadratic").value == pytest.approx(ac2, abs=tolerance)
    assert ag.fleiss(data, "quadratic").value == pytest.approx(fleiss, abs=tolerance)


def test_published_linear_and_ordinal_weights() -> None:
    """Three digits, of the Python package irrCAC on the four raters."""
    assert ag.gwet(GWET, "linear").value == pytest.approx(0.859, abs=5e-4)
    assert ag.gwet(GWET, "ordinal").value == pytest.approx(0.899, abs=5e-4)


def test_fleiss_1971() -> None:
    assert ag.fleiss(DIAGNOSES).value == pytest.approx(0.4302, abs=5e-5)


def test_cohen_kappa() -> None:
    first, second = two_raters(ABSTRACTORS).T
    assert ag.kappa(first, second).value == pytest.approx(0.7964094, abs=1e-6)
    assert ag.kappa(first, second, "quadratic").value == pytest.approx(0.8921569, abs=1e-6)


@pytest.mark.parametrize(("kind", "power"), [("linear", 1), ("quadratic", 2)])
def test_weighted_kappa_is_its_definition(kind: ag.Weights, power: int) -> None:
    """1 − mean disagreement of the pairs ÷ mean disagreement of strangers, for any number of categories."""
    a, b = ANXIETY[:, 0], ANXIETY[:, 1]
    expected = 1 - (np.abs(a - b) ** power).mean() / (np.abs(a[:, None] - b[None, :]) ** power).mean()
    assert ag.kappa(a, b, kind).value == pytest.approx(expected, abs=1e-12)


def test_intraclass_correlations_of_shrout_and_fleiss() -> None:
    """.29, .71 and .62 in the paper; further digits from its mean squares: 56.2083 targets, 32.4861 judges, 1.0194
    rest."""
    result = ag.icc(SHROUT_FLEISS)
    assert result is not None
    assert result.icc_2_1 == pytest.approx(0.2897637795, abs=1e-9)
    assert result.icc_3_1 == pytest.approx(0.7148407148, abs=1e-9)
    assert result.icc_2_k == pytest.approx(0.6200505476, abs=1e-9)
    assert ag.icc(ANXIETY).icc_2_1 == pytest.approx(0.198, abs=5e-4)


def test_a_harsh_judge_lowers_absolute_agreement_alone() -> None:
    steady = np.array([[5.0, 5], [7, 7], [9, 9], [6, 6]])
    harsh = ag.icc(steady - np.array([0.0, 2.0]))
    assert harsh is not None
    assert harsh.icc_3_1 == pytest.approx(1)
    assert harsh.icc_2_1 == pytest.approx(35 / 12 / (35 / 12 + 2))  # between items ÷ (between items + between judges)


def test_counts_and_positive_agreement() -> None:
    found = ag.counts(table("1 1\n1 0\n0 0\n0 0\n* 1"))
    assert (found.pairs, found.both, found.one, found.neither) == (4, 1, 1, 2)
    assert found.percent == pytest.approx(0.75)
    assert found.positive == pytest.approx(2 / 3)
    assert ag.counts(table("0 0\n0 0")).positive is None
    pairs = [(GWET[:, i], GWET[:, j]) for i in range(4) for j in range(i)]
    known = sum(int((~np.isnan(a) & ~np.isnan(b)).sum()) for a, b in pairs)
    assert ag.counts(GWET).pairs == known
    assert ag.counts(GWET).percent == pytest.approx(sum(int((a == b).sum()) for a, b in pairs) / known)


def test_bootstrap_interval_holds_the_value_and_depends_on_the_seed_alone() -> None:
    twice = np.tile(GWET, (2, 1))
    first = ag.alpha(twice, seed="calibration-7")
    assert first == ag.alpha(twice, seed="calibration-7")
    assert first.low < first.value < first.high


def test_weights_count_items_as_often_as_they_stand_for() -> None:
    doubled = np.concatenate([GWET, GWET[:4]])
    weight = np.array([2.0] * 4 + [1.0] * 8)
    assert ag.gwet(GWET, weight=weight).value == pytest.approx(ag.gwet(doubled).value)
    assert ag.fleiss(GWET, "quadratic", weight=weight).value == pytest.approx(ag.fleiss(doubled, "quadratic").value)
    # α corrects for few ratings: what stands for two units was still read once
    many = [np.tile(data, (500, 1)) for data in (GWET, doubled)]
    assert ag.alpha(many[0], "interval", weight=np.tile(weight, 500)).value == pytest.approx(
        ag.alpha(many[1], "interval").value, abs=1e-4
    )


@pytest.mark.parametrize("scale", [0.01, 1.0, 40.0])
def test_equal_weights_change_nothing(scale: float) -> None:
    twice = np.tile(GWET, (2, 1))
    weight = np.full(24, scale)
    for function in (ag.alpha, ag.gwet, ag.fleiss):
        plain, weighted = (
            function(twice, seed="s", replicates=50),
            function(twice, weight=weight, seed="s", replicates=50),
        )
        assert (weighted.value, weighted.low, weighted.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_bootstrap_interval_covers_the_truth() -> None:
    """100 populations of known agreement: two inspectors who both say what is so with probability .9."""
    draws, inside = ag.uniforms("coverage", 100 * 60 * 3).reshape(100, 60, 3), 0
    for one in draws:
        truth = (one[:, 0] < 0.4).astype(float)
        said = np.where(one[:, 1:] < 0.9, truth[:, None], 1 - truth[:, None])
        found = ag.alpha(said, seed="x", replicates=100)
        inside += found.low <= 1 - 0.18 / (2 * 0.42 * 0.58) <= found.high
    assert 88 <= inside <= 99


@pytest.mark.parametrize("raters", [2, 6])
def test_intervals_hold_the_truth_where_objections_are_rare(raters: int) -> None:
    """Rounds of 60 conversations whose chance of an objection is mostly small. The percentiles of the bootstrap alone
    hold it in fewer: for two raters in .85."""
    rng = np.random.default_rng(11)

    def round_of(items: int) -> np.ndarray:
        return (rng.random((items, raters)) < rng.beta(0.3, 2, items)[:, None]).astype(float)

    truth = ag.alpha(round_of(200_000)).value
    found = [ag.alpha(round_of(60), seed=str(k), replicates=100) for k in range(150)]
    known = [one for one in found if one.low is not None]
    assert len(known) > 120
    assert sum(one.low <= truth <= one.high for one in known) / len(known) >= 0.88


def test_no_interval_from_few_conversations() -> None:
    six = table("1 1 1\n0 0 0\n0 1 0\n0 0 0\n0 0 0\n1 0 0")
    found = ag.alpha(six, seed="s")
    assert found.value is not None
    assert (found.low, found.high) == (None, None)
    rare = np.zeros((60, 3))
    rare[:7, 0] = 1
    assert ag.alpha(rare, seed="s").low is None, "seven conversations with an objection"


def test_full_agreement_is_no_certainty() -> None:
    said = np.zeros((40, 3))
    said[:12] = 1
    found = ag.alpha(said, seed="s")
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.7 < found.low < 0.95
    never = np.zeros((40, 2))
    never[:8, 0] = never[8:16, 1] = 1
    found = ag.alpha(never, seed="s")
    assert found.value < 0
    assert found.high > 0, "nobody agreed on an objection, in forty conversations"


def test_lopsided_criteria_are_not_judged() -> None:
    rare = np.zeros((100, 2))
    rare[0, 0] = rare[1, 1] = rare[2, :] = 1
    raw = ag.alpha(rare)
    assert raw.value is not None
    assert raw.value < 0.6
    assert ag.counts(rare).percent == pytest.approx(0.98)
    assert ag.alpha(rare, lopsided=ag.LOPSIDED).reason == "lopsided"
    assert ag.alpha(np.zeros((10, 2))).reason == "no_variation"
    assert ag.alpha(table("1 *\n2 *\n1 2")).reason == "too_few"
    assert ag.icc(table("1 2")) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.full((5, 3), NAN), "too_few"),
        (np.zeros((0, 2)), "too_few"),
        (table("1\n2\n1"), "too_few"),
        (table("1 2"), "too_few"),
        (table("1 1\n1 1\n* 1"), "no_variation"),
        (table("1 *\n* 2\n1 1\n1 1"), "no_variation"),
    ],
    ids=[
        "all missing",
        "no items",
        "one inspector",
        "one item",
        "one value",
        "variation only where nobody else looked",
    ],
)
def test_what_cannot_be_judged_has_a_reason_and_no_number(data: np.ndarray, reason: str) -> None:
    for function in (ag.alpha, ag.gwet, ag.fleiss):
        found = function(data, seed="s", replicates=20)
        assert (found.value, found.low, found.high, found.reason) == (None, None, None, reason), function.__name__
    assert ag.icc(data) is None
    assert ag.counts(data).pairs == sum(n * (n - 1) // 2 for n in (~np.isnan(data)).sum(axis=1))


def test_distance_to_known_answers() -> None:
    assert ag.distance(np.array([])) is None
    assert ag.distance(np.array([-3.0])) == ag.Distance(-3.0, None, None, 1)
    assert ag.distance(np.array([0.0, 0.0])) == ag.Distance(0.0, None, None, 2)  # two equal ones are no certainty
    found = ag.distance(np.array([-4.0, -2.0, -3.0]))
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx(
        (-3, -3 - 4.302653 / 3**0.5, -3 + 4.302653 / 3**0.5), abs=1e-6
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=3, max_size=3), min_size=2, max_size=12))
def test_coefficients_ignore_the_order_of_raters_and_items(rows: list[list[float]]) -> None:
    data = np.array(rows)
    for function in (ag.alpha, ag.gwet, ag.fleiss):
        one, other = function(data), function(data[::-1, ::-1])
        assert one.reason == other.reason
        if one.value is not None:
            assert one.value == pytest.approx(other.value)
            assert one.value <= 1 + 1e-12


def test_perfect_agreement_is_one() -> None:
    same = np.repeat(np.arange(6.0)[:, None], 3, axis=1)
    for metric in ("nominal", "ordinal", "interval", "ratio"):
        assert ag.alpha(same, metric).value == pytest.approx(1.0)
    assert ag.gwet(same, "quadratic").value == pytest.approx(1.0)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="items × raters"):
        ag.alpha(np.zeros(3))
    with pytest.raises(ValueError, match="positive weight"):
        ag.alpha(GWET, weight=np.zeros(12))
