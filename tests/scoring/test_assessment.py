"""The monthly assessment's mathematics: published numbers, and rules that must always hold."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.assessment import Curve, Grade, SchemeLine, grades, judge, schemes
from scoring.assessment.lines import garwood, values
from scoring.assessment.points import points, span, totals
from scoring.assessment.schemes import INDICATORS, SchemeError, check, from_data, shipped, to_data
from scoring.assessment.statements import compared
from scoring.assessment.truths import HISTORY

RATE = SchemeLine("conversion", 50, Curve(((0.4, 50), (0.6, 100))))
PRESALE = next(one for one in shipped() if one.id == "presale")


def row(
    entry: str, num: float, den: float, *, day: int = 1, cell: str = "a", indicator: str = "conversion", team: str = "t"
) -> dict[str, object]:
    return {
        "group": "g",
        "entry": entry,
        "team": team,
        "indicator": indicator,
        "day": day,
        "cell": cell,
        "num": float(num),
        "den": float(den),
    }


def one(rows: list[dict[str, object]], line: SchemeLine, entry: str = "x") -> dict[str, object]:
    found = values(pl.DataFrame(rows), line, INDICATORS[line.indicator])
    return found.filter(pl.col("entry") == entry).row(0, named=True)


def test_the_eight_schools() -> None:
    """Rubin 1981 with flat priors: means as in Stan's published example (mu 7.9, theta 11.4 7.9 6.1 7.6 5.1 6.1 10.7
    8.5)."""
    y, s = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    told = grades.posterior(y, s).expected()
    np.testing.assert_allclose(told, [11.4, 7.9, 6.1, 7.6, 5.1, 6.1, 10.7, 8.5], atol=0.15)
    known = grades.spread(y, s)
    assert 5.0 < known.tau[np.searchsorted(np.cumsum(known.weight), 0.5)] < 6.0


def test_published_intervals() -> None:
    low, high = garwood(np.array([0.0, 1, 10]))  # Garwood 1936; tables of exact Poisson limits
    np.testing.assert_allclose(low, [0, 0.0253, 4.795], atol=1e-3)
    np.testing.assert_allclose(high, [3.689, 5.572, 18.390], atol=1e-3)
    found = one([row("x", 81, 263)], RATE)  # Newcombe 1998, table I: Wilson .2553 to .3662
    assert found["low"] == pytest.approx(0.2553, abs=1e-4)
    assert found["high"] == pytest.approx(0.3662, abs=1e-4)


def test_days_that_differ_widen_a_rate() -> None:
    steady = one([row("x", 50, 100, day=d) for d in range(20)], RATE)
    uneven = one([row("x", 30 + 40 * (d % 2), 100, day=d) for d in range(20)], RATE)
    assert steady["value"] == uneven["value"] == 0.5
    assert uneven["high"] - uneven["low"] > 2 * (steady["high"] - steady["low"])  # type: ignore[operator]


def test_evening_shifts_do_not_decide() -> None:
    """Whoever works where everybody sells less is as good as who works where everybody sells more."""
    rows = []
    for entry, hard in (("x", 0.9), ("y", 0.1), ("z", 0.5)):
        for day in range(10):
            rows += [row(entry, 200 * hard * 0.2, 200 * hard, day=day, cell="evening")]
            rows += [row(entry, 200 * (1 - hard) * 0.6, 200 * (1 - hard), day=day, cell="noon")]
    relative = replace(RATE, relative=True)
    assert one(rows, RATE)["value"] == pytest.approx(0.24)
    assert one(rows, relative)["value"] == pytest.approx(1.0)
    assert one(rows, relative, "y")["value"] == pytest.approx(1.0)


def test_nobody_to_compare_with() -> None:
    rows = pl.DataFrame([row("x", 50, 100), row("y", 40, 100, cell="b")])
    frame = values(rows, replace(RATE, relative=True), INDICATORS["conversion"])
    assert frame.is_empty()  # no cell holds two people: there is no line, and its weight goes to the others


def test_one_figure_a_month_has_no_interval_and_is_not_judged() -> None:
    line = SchemeLine("response_time", 50, Curve(((20, 100), (60, 50))))
    found = one([row("x", 3000, 100, indicator="response_time")], line)
    assert (found["value"], found["low"], found["reason"]) == (30.0, None, "no_spread")
    more = [row(e, n, 100, day=d, indicator="response_time") for e in "xy" for d, n in ((1, 3000), (2, 3600))]
    assert one(more, line)["reason"] == ""


def test_the_teams_value_until_ten_cases_are_expected() -> None:
    line = SchemeLine("dispute_rate", 50, Curve(((0.0, 100), (0.05, 50))), of="team_until")
    rows = [row("x", 1, 200, indicator="dispute_rate"), row("y", 20, 2000, indicator="dispute_rate")]
    assert one(rows, line)["value"] == pytest.approx(21 / 2200)
    assert str(one(rows, line)["method"]).startswith("team_")
    assert one(rows, line, "y")["value"] == pytest.approx(0.01)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_points_of_an_interval_hold_all_points_in_it(a: float, b: float, inside: float) -> None:
    curve = Curve(((0.1, 20), (0.4, 100), (0.7, 30)))
    low, high = min(a, b), max(a, b)
    least, most = span(curve, np.array([low]), np.array([high]))
    got = points(curve, np.array([low + inside * (high - low)]))
    assert least[0] - 1e-9 <= got[0] <= most[0] + 1e-9


def test_a_missing_line_gives_its_weight_away() -> None:
    rows = [row("x", 50, 100, day=d) for d in range(5)] + [row("y", 50, 100, day=d) for d in range(5)]
    scheme = replace(PRESALE, lines=(RATE, SchemeLine("reply_3min", 50, Curve(((0.9, 0), (1.0, 100))))))
    sheet = judge(pl.DataFrame(rows), scheme)
    assert sheet.totals["total"].to_list() == [75.0, 75.0]
    assert sheet.totals["judged"].to_list() == [0.5, 0.5]
    assert "stated" not in sheet.totals.columns  # one month: points with their interval, no grade
    less = replace(scheme, lines=(replace(RATE, weight=30), scheme.lines[1]))
    told = judge(pl.DataFrame(rows), less).totals
    assert (told["total"].null_count(), set(told["reason"])) == (2, {"too_little"})


def test_given_values_and_too_few() -> None:
    given_rows = pl.DataFrame(
        [
            {
                "group": "g",
                "entry": e,
                "indicator": "inspection",
                "value": v,
                "low": v - 4,
                "high": v + 4,
                "n": n,
                "method": "estimate",
            }
            for e, v, n in (("x", 90.0, 30.0), ("y", 80.0, 30.0), ("z", 70.0, 3.0))
        ]
    )
    rows = pl.DataFrame([row("x", 50, 100)])
    sheet = judge(rows, PRESALE, given=given_rows)
    assert dict(sheet.lines.filter(pl.col("indicator") == "inspection").select("entry", "reason").iter_rows()) == {
        "x": "",
        "y": "",
        "z": "too_few",
    }


def test_grades_stand_only_where_they_are_sure() -> None:
    said = grades.stated(np.array([[0.85, 0.1, 0.05], [0.3, 0.6, 0.1], [0.1, 0.45, 0.45]]), ("A", "B", "C"))
    assert said == [("A",), ("A", "B"), ("B", "C")]


def test_a_pooled_sheet_states_grades_and_history_counts() -> None:
    rng = np.random.default_rng(4)
    rows = [
        row(f"p{k:02d}", rng.binomial(40, 0.5 + 0.02 * (k - 10) / 10), 40, day=d) for k in range(20) for d in range(30)
    ]
    scheme = replace(PRESALE, lines=(RATE,), grades=(Grade("A", 80), Grade("B", 70), Grade("C", 0)))
    sheet = judge(pl.DataFrame(rows), scheme, pooled=True)
    chances = np.array(sheet.totals["chances"].to_list())
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-9)
    again = judge(pl.DataFrame(rows), scheme, pooled=True, history=sheet.lines.select(HISTORY))
    assert (again.totals["true_sd"] != sheet.totals["true_sd"]).all()
    few = judge(pl.DataFrame(rows), scheme, pooled=True, whole=sheet.totals.head(5).select("group", "entry"))
    assert few.totals["stated"].null_count() == 15


def test_words_need_more_than_chance() -> None:
    total = np.array([80.0] * 19 + [60.0])
    error = np.full(20, 3.0)
    assert compared(total, error, error)[-1] == "below_team"
    assert set(compared(total[:19], error[:19], error[:19])) == {"not_distinguishable"}
    rng = np.random.default_rng(1)
    wrong = [any(w != "not_distinguishable" for w in compared(rng.normal(80, 3, 20), error, error)) for _ in range(600)]
    assert np.mean(wrong) < 0.13


def test_places_that_are_chance() -> None:
    total, se = np.array([70.0, 80, 80, 80, 80, 80, 80, 80, 80, 80]), np.full(10, 0.5)
    last = grades.last_places(grades.posterior(total, se), 1)
    assert last[0] > 0.99
    assert grades.chance_places(last, total, 1) < 0.01
    same = grades.posterior(np.full(10, 80.0), np.full(10, 5.0))
    assert grades.chance_places(grades.last_places(same, 1), np.full(10, 80.0), 1) > 0.8


@pytest.mark.parametrize("scheme", shipped(), ids=lambda s: s.id)
def test_shipped_schemes(scheme: schemes.Scheme) -> None:
    check(scheme)
    assert not scheme.verified
    assert sum(line.weight for line in scheme.lines) == 100
    assert from_data(to_data(scheme)) == scheme


@pytest.mark.parametrize(
    "change, says",
    [
        ("weight = 25", "“inspection”: the weight must lie above 0 and be at most 100."),
        ('indicator = "inspection"', "There is no indicator “nothing”."),
        ("[60, 50], [80, 75]", "“inspection”: the curve needs two or more cuts by rising value."),
        ('role = "presale"', "Role: expected one of presale, aftersale, any, found “boss”."),
        ('{ name = "D", lowest = 0 }', "Grades need two or more names with falling lowest points, the last of them 0."),
    ],
)
def test_a_wrong_scheme_is_refused_with_the_line(change: str, says: str) -> None:
    text = (schemes.FOLDER / "schemes" / "presale.toml").read_text("utf-8")
    broken = {
        "weight = 25": "weight = 0", 'indicator = "inspection"': 'indicator = "nothing"',
        "[60, 50], [80, 75]": "[80, 50], [60, 75]", 'role = "presale"': 'role = "boss"',
        '{ name = "D", lowest = 0 }': '{ name = "D", lowest = 80 }',
    }[change]  # fmt: skip
    assert change in text
    with pytest.raises(SchemeError) as refused:
        from_data(tomllib.loads(text.replace(change, broken)))
    assert str(refused.value.reason) == says


def test_totals_of_nobody() -> None:
    assert totals(judge(pl.DataFrame([row("x", 1, 2)]).clear(), PRESALE).lines, PRESALE).is_empty()
