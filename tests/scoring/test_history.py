"""From past reviews and a frame to an estimate, as an outside program does it: without a database, with any table."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from scoring import draw, estimate, risk
from scoring.estimate import weighting
from scoring.frames import table

AUTOMATIC = draw.Design((draw.Quota("chat", 10, None),))


def world(n: int, salt: str, agents: int = 40) -> dict[str, np.ndarray]:
    """Conversations with calibrated p, f within 4 points, and 45 points off for a violation."""
    u = draw.uniforms(salt, 4 * n).reshape(4, n)
    p = 0.9 * u[0] ** 18 + 0.004
    bad = u[1] < p
    f = 92 - 45 * p
    y = f + 45 * p - 45 * bad + 14 * (u[2] - 0.5)
    return {"unit_id": np.arange(n), "agent_id": (u[3] * agents).astype(int), "p": p, "f": f, "y": y, "violation": bad}


def past(n: int = 1500, **changed: object) -> dict[str, object]:
    return world(n, "past") | {"pi": np.full(n, 0.05)} | changed


def test_past_reviews_say_how_good_the_predictions_were() -> None:
    history = draw.learn(past())
    assert history.reviews == history.record.labels == 1500
    assert history.record.violations > 30
    assert history.record.auc is not None
    assert history.record.auc > 0.8
    assert history.lam == pytest.approx(1.0, abs=0.15)
    spread = world(1500, "past")["p"] * (1 - world(1500, "past")["p"])
    left = history.residual.a + history.residual.b * spread.mean()
    assert left == pytest.approx(14**2 / 12 + 2025 * spread.mean(), rel=0.25)
    assert 1000 < history.residual.b < 3000
    assert not history.agents["below_team"].any()


def test_few_or_unpredicted_reviews_promise_nothing() -> None:
    few = draw.learn({name: values[:50] for name, values in past().items()})
    assert few.residual == draw.ResidualModel()
    assert few.lam == 0.0
    bare = draw.learn({name: values for name, values in past().items() if name in ("agent_id", "pi", "y")})
    assert bare.record == draw.ModelRecord(None, 1500, 0)
    assert bare.residual.b == 0.0
    useless = draw.learn(past(p=draw.uniforms("useless", 1500)))
    assert useless.record.auc == pytest.approx(0.5, abs=0.12)
    assert draw.plan(world(4000, "now"), AUTOMATIC, useless).design.quotas[0].pool_share == 0.0
    with pytest.raises(draw.DrawError, match="missing pi"):
        draw.learn({"agent_id": [1], "y": [2.0]})
    with pytest.raises(draw.DrawError, match="above 0"):
        draw.learn({"agent_id": [1], "y": [2.0], "pi": [0.0]})


def test_periods_and_newcomers_set_intensities() -> None:
    reviews = past(3000, agent_id=np.arange(3000) % 5, period=np.arange(3000) // 5 % 7)
    reviews["violation"] = (np.arange(3000) % 5 == 1) & (np.arange(3000) // 5 % 7 == 6)
    reviews["y"] = np.where(np.arange(3000) % 5 == 2, 60.0, 90.0) + np.asarray(reviews["y"]) / 50
    levels = draw.intensities(pl.Series(["0", "1", "2", "9"]), AUTOMATIC, draw.learn(reviews))
    assert [levels[a].value for a in ("0", "1", "2", "9")] == ["reduced", "normal", "tightened", "newcomer"]
    with pytest.raises(draw.DrawError, match="learn"):
        draw.plan(world(400, "now"), AUTOMATIC, {"agent_id": [1, 1]})


def test_an_automatic_share_comes_from_history_and_costs_no_precision() -> None:
    now, history = world(20_000, "now"), draw.learn(past())
    planned = draw.plan(now, AUTOMATIC, history)
    share = planned.design.quotas[0].pool_share
    assert planned.design.residual == history.residual
    assert 0.02 <= share <= 0.4
    assert share == draw.automatic_share(now, AUTOMATIC, history=history)
    unscaled = draw.learn(past(f=30 + 2.5 * np.asarray(past()["f"])))
    assert draw.automatic_share(now | {"f": 30 + 2.5 * now["f"]}, AUTOMATIC, history=unscaled) == pytest.approx(
        share, abs=0.02
    )
    assert draw.plan({k: now[k] for k in ("unit_id", "agent_id")}, AUTOMATIC).design.quotas[0].pool_share == 0.0
    with pytest.raises(draw.DrawError, match="learn"):
        draw.automatic_share(now, AUTOMATIC)


def test_unit_ids_and_scores_suffice_beside_the_plan() -> None:
    now = world(8000, "now")
    planned = draw.plan(now, AUTOMATIC, draw.learn(past()))
    chosen = draw.picks(draw.select(planned, "种子"))["unit_id"].cast(pl.Int64).to_numpy()
    short = {"unit_id": chosen, "y": now["y"][chosen]}
    full = pl.DataFrame({name: values[chosen] for name, values in now.items()}).with_columns(
        pl.col("unit_id").cast(pl.String)
    )
    full = full.join(planned.frame.select("unit_id", "pi"), on="unit_id", maintain_order="left")
    assert estimate.team(short, planned) == estimate.team(full, planned)
    assert estimate.team(short, planned).value == pytest.approx(estimate.team(full, now, lam=planned.design.lam).value)
    assert estimate.team(short, planned).method == "difference"
    assert estimate.agents(short, planned).height == 40
    gaps = np.where(np.arange(len(chosen)) < 9, np.nan, now["y"][chosen])
    assert estimate.team({"unit_id": chosen, "y": gaps}, planned).n == len(chosen) - 9
    assert estimate.rate({"unit_id": chosen, "violation": now["violation"][chosen]}, planned).units == 8000
    for wrong, match in (
        ({"unit_id": now["unit_id"], "y": now["y"]}, "only units that were drawn"),
        ({"unit_id": [1, 1], "y": [2, 3]}, "once"),
        ({"unit_id": ["x"], "y": [2]}, "in the plan"),
        ({"unit_id": chosen, "y": ["good"] * len(chosen)}, "numbers in y"),
        ({"unit_id": chosen, "score": now["y"][chosen]}, "missing y"),
    ):
        with pytest.raises(estimate.EstimateError, match=match):
            estimate.team(wrong, planned)


def test_few_reviews_are_never_narrower_than_the_plan_expects() -> None:
    """Ten reviews without one of the rare violations say nothing of how far they would have moved the mean."""
    now = world(900, "one", agents=1)
    design = draw.Design((draw.Quota("chat", 10),), residual=draw.ResidualModel(17.0, 2025.0))
    planned = draw.plan(now, design)
    chosen = draw.picks(draw.select(planned, "s"))["unit_id"].cast(pl.Int64).to_numpy()
    sample = {"unit_id": chosen, "y": 92 + np.arange(len(chosen)) % 3}
    alone = {
        "agent_id": ["0"] * len(chosen),
        "pi": planned.frame["pi"].to_numpy()[[planned.frame["unit_id"].to_list().index(str(c)) for c in chosen]],
        "y": sample["y"],
    }
    assert estimate.team(sample, planned).width > 2 * estimate.team(alone).width
    agent = estimate.agents(sample, planned)
    assert (agent["high"] - agent["low"])[0] > 2 * (lambda t: (t["high"] - t["low"])[0])(estimate.agents(alone))


def test_residual_variance_counts_what_a_mean_leaves_of_it() -> None:
    """A lone random pick beside pool picks is its own mean: it must not pass for a residual of 0."""
    u = draw.uniforms("kept", 400)
    codes = np.repeat(np.arange(100), 4)
    pi = np.tile([0.001, 1.0, 1.0, 1.0], 100)
    y = 80 + 12 * (u - 0.5)
    share = (1 / pi) / weighting.sums(codes, 1 / pi, 100)[codes]
    centre = weighting.sums(codes, share * y, 100)
    a, b = weighting.residual_model(codes, y - centre[codes], pi, None, 100)
    assert (a, b) == (pytest.approx(12, rel=0.25), 0.0)


@pytest.mark.parametrize("form", ["lists", "lazy", "rows", "structured", "arrow", "foreign"])
def test_any_table_plans_the_same_draw(form: str) -> None:
    class Foreign:
        """A table of another library: columns and their arrays."""

        columns = ("unit_id", "agent_id", "p")

        def __getitem__(self, name: str) -> pl.Series:
            return pl.Series(columns[name])

    columns = {name: values for name, values in world(300, "form", 5).items() if name in Foreign.columns}
    frame = pl.DataFrame(columns)
    data = {
        "lists": {name: values.tolist() for name, values in columns.items()},
        "lazy": frame.lazy(),
        "rows": frame.to_dicts(),
        "structured": frame.to_numpy(structured=True),
        "arrow": frame.to_arrow(),
        "foreign": Foreign(),
    }[form]
    design = draw.Design((draw.Quota("chat", 5, 0.1),))
    assert draw.plan(data, design).frame.equals(draw.plan(frame, design).frame)


@pytest.mark.parametrize("data", [None, "chats.csv", np.zeros((3, 3)), 7, {"a": [1, 2], "b": [1, 2, 3]}])
def test_what_is_no_table_is_named(data: object) -> None:
    with pytest.raises(TypeError, match="the frame"):
        table(data, "the frame")


def test_a_model_learns_from_named_features_alone() -> None:
    now = world(1200, "features")
    signal = np.log(now["p"])
    labels = {
        "unit_id": now["unit_id"],
        "day": date(2025, 1, 1),
        "score": now["y"],
        "violation": now["violation"],
        "x": signal,
    }
    model = risk.train(labels, features=["x"])
    assert model.report.auc > 0.8
    again = risk.RiskModel.from_bytes(model.to_bytes())
    assert again.features == ("x",)
    frame = {"unit_id": [1, 2, 3], "x": [signal.min(), signal.max(), np.nan]}
    period = (date(2025, 2, 1), date(2025, 2, 28))
    low, high, unknown = risk.predict(again, frame, period)["p"]
    assert low < unknown < high
    with pytest.raises(risk.RiskError, match="missing x"):
        risk.predict(model, {"unit_id": [1]}, period)
    for changed, match in (
        ({"pi": 0.0}, "above 0"),
        ({"score": "good"}, "numbers in score"),
        ({"violation": True}, "good ones"),
    ):
        with pytest.raises(risk.RiskError, match=match):
            risk.train(labels | changed, features=["x"])


def test_two_blind_readings_take_the_noise_of_labels_out_of_the_auc() -> None:
    rng = np.random.default_rng(2)
    n = 3000
    true = rng.random(n) < 0.04
    first, second = (np.where(true, rng.random(n) > 0.4, rng.random(n) < 0.02) for _ in range(2))
    rows = {"agent_id": np.arange(n) % 30, "pi": np.full(n, 0.05), "y": 90 - 45 * true, "p": np.clip(
        0.04 * np.exp(rng.normal(size=n) + 1.2 * true), 0, 1)}  # fmt: skip
    twice = pl.Series(second.astype(np.int64)).to_frame("s").with_columns(k=pl.int_range(pl.len()))
    told = twice.select(pl.when(pl.col("k") % 10 == 0).then("s"))["s"]
    noisy = draw.learn({**rows, "violation": first.astype(int), "second": told}).record
    plain = draw.learn({**rows, "violation": true.astype(int)}).record
    assert noisy.auc + 0.03 < noisy.cleared_auc <= plain.auc + 0.03
    assert plain.agreement is None
    assert plain.cleared_auc == plain.auc
    alone = draw.learn({**rows, "violation": first.astype(int)}).record
    assert alone.cleared_auc == alone.auc == noisy.auc


def test_nothing_is_added_to_what_chance_alone_would_give() -> None:
    assert draw.ModelRecord(0.55, 1000, 30, 0.2).cleared_auc == 0.55
    assert draw.largest_allowed(draw.ModelRecord(0.59, 1000, 30, 0.2)) > draw.largest_allowed(
        draw.ModelRecord(0.59, 1000, 30)
    )
    assert draw.ModelRecord(0.9, 1000, 30, 0.1).cleared_auc == 1.0
