"""Inspector severity: lme4's published fit, balanced analysis of variance, a dense second implementation, refusals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from scoring import consistency, draw, severity

#: Penicillin assay (Davies & Goldsmith 1972, data set of lme4): diameters on 24 plates (rows) of 6 samples (columns).
PENICILLIN = """
27 23 26 23 23 21
27 23 26 23 23 21
25 21 25 24 24 20
26 23 25 23 23 20
25 22 26 22 23 20
24 22 25 23 22 19
24 20 23 21 22 19
26 22 26 24 24 21
24 21 24 22 22 20
24 21 24 23 22 19
26 23 26 24 24 21
25 22 26 24 24 20
26 24 26 24 25 22
26 23 26 23 23 20
26 23 25 24 24 22
25 22 25 23 23 20
25 21 24 23 23 20
25 22 24 23 23 19
24 21 23 21 21 19
26 23 26 24 24 21
25 21 24 22 22 18
25 22 25 22 22 20
24 21 24 22 24 19
24 21 24 22 21 18
"""


def penicillin() -> pl.DataFrame:
    table = np.array([[float(cell) for cell in row.split()] for row in PENICILLIN.strip().splitlines()])
    plate, sample = np.indices(table.shape)
    return scores(plate.ravel(), sample.ravel(), np.arange(table.size), table.ravel())


def scores(agent: np.ndarray, inspector: np.ndarray, unit: np.ndarray, score: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "agent_id": [f"A{k:02d}" for k in agent],
            "inspector_id": [f"I{k}" for k in inspector],
            "unit_id": [f"U{k:03d}" for k in unit],
            "score": score,
        }
    )


def simulated(agents: int = 12, inspectors: int = 5, units: int = 90, harsh: float = 3.0) -> pl.DataFrame:
    """Every third conversation is scored twice; inspectors rotate over agents."""
    z = stats.norm.ppf(np.clip(draw.uniforms("severity", 4 * units + agents), 1e-9, 1 - 1e-9))
    agent = np.concatenate([np.arange(units) % agents, np.arange(0, units, 3) % agents])
    inspector = np.concatenate(
        [np.arange(units) // agents % inspectors, (np.arange(0, units, 3) // agents + 1) % inspectors]
    )
    unit = np.concatenate([np.arange(units), np.arange(0, units, 3)])
    effect = np.linspace(-harsh, harsh, inspectors)
    y = (
        80
        + 2 * z[agent]
        + effect[inspector]
        + 3 * z[agents + unit]
        + 2 * z[agents + units : agents + units + len(unit)]
    )
    return scores(agent, inspector, unit, y)


def dense(data: pl.DataFrame, sd: np.ndarray) -> tuple[float, np.ndarray]:
    """REML criterion and inspectors' BLUPs by the full covariance matrix, at the given standard deviations of agent,
    inspector, conversation and residual."""
    y = data["score"].to_numpy()
    z = [data[name].to_dummies().to_numpy().astype(float) for name in ("agent_id", "inspector_id", "unit_id")]
    ones = np.ones((len(y), 1))
    v = sum(s**2 * m @ m.T for s, m in zip(sd[:3], z, strict=True)) + sd[3] ** 2 * np.eye(len(y))
    inverse = np.linalg.inv(v)
    information = ones.T @ inverse @ ones
    rest = y - ones @ np.linalg.solve(information, ones.T @ inverse @ y)
    criterion = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + rest @ inverse @ rest
    return float(criterion + (len(y) - 1) * np.log(2 * np.pi)), sd[1] ** 2 * z[1].T @ inverse @ rest


def test_penicillin_equals_lme4() -> None:
    fit = severity.fit(penicillin(), largest_se=10)
    assert fit.sd_agent == pytest.approx(0.8467, abs=1e-3)
    assert fit.sd_inspector == pytest.approx(1.9316, abs=1e-3)
    assert fit.sd_residual == pytest.approx(0.5499, abs=1e-3)
    assert (fit.mean, fit.mean_se) == pytest.approx((22.9722, 0.8086), abs=1e-3)
    assert fit.reml == pytest.approx(330.8606, abs=1e-3)
    assert fit.sd_conversation == 0.0


def test_balanced_data_equal_the_analysis_of_variance() -> None:
    y = penicillin()["score"].to_numpy().reshape(24, 6)
    rows, columns, grand = y.mean(axis=1), y.mean(axis=0), y.mean()
    error = ((y - rows[:, None] - columns + grand) ** 2).sum() / (23 * 5)
    fit = severity.fit(penicillin(), largest_se=10)
    assert fit.sd_residual**2 == pytest.approx(error, rel=1e-4)
    assert fit.sd_agent**2 == pytest.approx((6 * rows.var(ddof=1) - error) / 6, rel=1e-4)
    assert fit.sd_inspector**2 == pytest.approx((24 * columns.var(ddof=1) - error) / 24, rel=1e-4)
    shrink = 24 * fit.sd_inspector**2 / (24 * fit.sd_inspector**2 + error)
    assert fit.severities.values == pytest.approx(shrink * (columns - grand), abs=1e-4)


def test_unbalanced_double_scores_are_the_minimum_of_the_dense_criterion() -> None:
    data = simulated()
    fit = severity.fit(data, largest_se=10)
    found = np.array([fit.sd_agent, fit.sd_inspector, fit.sd_conversation, fit.sd_residual])
    criterion, blup = dense(data, found)
    assert fit.reml == pytest.approx(criterion, abs=1e-6)
    assert fit.severities.values == pytest.approx(blup - blup.mean(), abs=1e-6)
    for k in range(4):
        for step in (-1e-3, 1e-3):
            beside = found.copy()
            beside[k] += step
            assert dense(data, beside)[0] > criterion


def test_intraclass_correlations_of_a_complete_table_are_those_of_shrout_and_fleiss() -> None:
    table = np.array([[9.0, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    target, judge = np.indices(table.shape)
    fit = severity.fit(scores(0 * target.ravel(), judge.ravel(), target.ravel(), table.ravel()), largest_se=10)
    assert fit.intraclass == pytest.approx((0.2897637795, 0.7148407148), abs=1e-4)
    alone = severity.fit(simulated().unique("unit_id", keep="first", maintain_order=True), largest_se=10)
    assert alone.intraclass is None


def test_a_harsh_inspector_is_found_and_row_order_does_not_matter() -> None:
    data = simulated()
    fit = severity.fit(data)
    assert fit.reason == ""
    assert fit.severities.inspectors == ("I0", "I1", "I2", "I3", "I4")
    assert fit.severities.values == pytest.approx(np.linspace(-3, 3, 5), abs=1.2)
    assert abs(fit.severities.values.sum()) < 1e-9
    again = severity.fit(data.reverse())
    assert again.severities.values == pytest.approx(fit.severities.values, abs=1e-4)


def test_refusals_say_why() -> None:
    data = simulated()
    alone = data.filter(pl.col("inspector_id") == "I0")
    assert severity.fit(alone).reason == "few_inspectors"
    apart = data.with_columns(
        agent_id=pl.col("inspector_id") + pl.col("agent_id"), unit_id=pl.col("inspector_id") + pl.col("unit_id")
    )
    refused = severity.fit(apart)
    assert (refused.reason, refused.severities) == ("not_connected", None)
    assert refused.detail == "I0 | I1 | I2 | I3 | I4"
    vague = severity.fit(data, largest_se=0.1)
    assert vague.reason == "imprecise"
    assert vague.severities is None


def shared(inspectors: int = 4, units: int = 40, partners: int = 3) -> tuple[np.ndarray, ...]:
    """Conversations that the inspectors k, k + 1, … (``partners`` of them) have all scored, and noise for each
    score."""
    unit = np.repeat(np.arange(units), partners)
    inspector = (unit + np.tile(np.arange(partners), units)) % inspectors
    z = stats.norm.ppf(np.clip(draw.uniforms("consistency", units + len(unit)), 1e-9, 1 - 1e-9))
    return unit, inspector, 80 + 5 * z[unit], z[units:]


def test_consistency_tells_severe_from_unreliable() -> None:
    unit, inspector, truth, noise = shared()
    score = np.where(inspector == 3, 80 + 5 * noise, truth + noise - 10.0 * (inspector == 1))
    data = scores(unit % 5, inspector, unit, score)
    for severities in (None, severity.fit(data, largest_se=10).severities):
        by = {one.inspector: one for one in consistency.consistency(data, severities)}
        assert [one.inspector for one in by.values() if one.alone] == ["I3"]
        assert by["I1"].correlation > 0.8
        assert by["I3"].low < 0 < by["I3"].high < by["I1"].low
        assert by["I3"].shared == 30


def test_partners_of_somebody_who_agrees_with_nobody_are_not_blamed() -> None:
    """In cyclic pairs half of what I1 and I3 share is shared with I2, who scores at random."""
    unit, inspector, truth, noise = shared(inspectors=6, units=240, partners=2)
    found = consistency.consistency(
        scores(unit % 8, inspector, unit, np.where(inspector == 2, 80 + 5 * noise, truth + 2 * noise))
    )
    assert [one.inspector for one in found if one.alone] == ["I2"]


def test_consistency_without_figures() -> None:
    unit, inspector, truth, noise = shared()
    few = consistency.consistency(scores(unit, inspector, unit, truth).filter(pl.col("unit_id") < "U005"))
    assert {one.correlation for one in few} == {None}
    assert {
        one.correlation for one in consistency.consistency(scores(unit, inspector, unit, np.full(len(unit), 90.0)))
    } == {None}
    same = {
        one.inspector: one
        for one in consistency.consistency(
            scores(unit, inspector, unit, np.where(inspector == 0, 100.0, truth + noise))
        )
    }
    assert (same["I0"].correlation, same["I0"].alone) == (0.0, True)
    assert consistency.consistency(scores(unit, inspector, unit, truth).clear()) == ()
