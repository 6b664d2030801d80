"""The risk model: cold start, hashing, cross-fitting, versions, refusals, and pool shares that follow the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy import special, stats
from sklearn.metrics import roc_auc_score

from scoring import draw, risk
from scoring.risk import grams

PLAIN = [
    "你好",
    "在吗",
    "请问",
    "这件",
    "衣服",
    "什么",
    "时候",
    "发货",
    "尺码",
    "颜色",
    "多少",
    "优惠",
    "谢谢",
    "好的",
    "明白",
    "快递",
    "地址",
    "帮我",
    "看看",
    "可以",
]
SPOKEN = [
    "亲",
    "您好",
    "稍等",
    "马上",
    "为您",
    "查询",
    "已经",
    "发出",
    "请",
    "耐心",
    "等待",
    "感谢",
    "支持",
    "祝您",
    "生活",
    "愉快",
    "还有",
    "需要",
    "吗",
    "的",
]
NEXT = (date(2025, 3, 1), date(2025, 3, 31))


def conversations(n: int = 600, salt: str = "train", strength: float = 3.0) -> pl.DataFrame:
    """Conversations whose trouble shows in the customer's words with some probability."""
    u = draw.uniforms(salt, 40 * n).reshape(n, 40)
    trouble = u[:, 0] < 0.08
    word = (u[:, 1] < special.expit(-strength + 2 * strength * trouble)).astype(int)
    customer = [
        "".join(PLAIN[int(x * 20)] for x in row[4:14]) + "你们骗人，我要投诉！" * w
        for row, w in zip(u, word, strict=True)
    ]
    agent = ["".join(SPOKEN[int(x * 20)] for x in row[14:30]) for row in u]
    score = 92 + 5 * stats.norm.ppf(np.clip(u[:, 30], 1e-6, 1 - 1e-6)) - 45 * trouble
    return pl.DataFrame(
        {
            "unit_id": [f"{salt}{k:05d}" for k in range(n)],
            "customer_text": customer,
            "agent_text": agent,
            "last_text": [text[-6:] for text in customer],
            "customer_last": u[:, 31] < 0.3 + 0.4 * trouble,
            "rating": pl.Series(np.where(u[:, 32] < 0.5, np.nan, 5.0 - 3 * trouble)).fill_nan(None),
            "day": date(2025, 1, 10),
            "score": score,
            "violation": trouble,
        }
    )


@pytest.fixture(scope="module")
def trained() -> risk.RiskModel:
    return risk.train(conversations())


def test_rule_score_rises_with_every_sign_of_trouble() -> None:
    calm = {
        "unit_id": "a",
        "customer_text": "你好，请问什么时候发货",
        "customer_last": False,
        "hits": 0,
        "rating": 5,
        "slow_replies": 0,
        "refund": False,
    }
    signs = [
        {"customer_text": "你们是骗子，我要投诉"},
        {"customer_text": "你好！！！？"},
        {"customer_last": True},
        {"hits": 1},
        {"rating": 1},
        {"slow_replies": 2},
        {"refund": True},
        {"customer_text": "This is a SCAM, still waiting"},
    ]
    table = pl.DataFrame([calm, *({**calm, **sign} for sign in signs)]).with_columns(
        unit_id=pl.int_range(pl.len()).cast(pl.String)
    )
    scored = risk.rule_score(table)
    assert scored["p"][0] == pytest.approx(0.02, abs=0.01)
    assert (scored["risk"][1:] > scored["risk"][0]).all()


def test_rule_score_needs_no_signals() -> None:
    scored = risk.rule_score(pl.DataFrame({"unit_id": ["a", "b"], "customer_text": [None, "投诉"]}))
    assert scored["p"][0] < scored["p"][1]


def test_hashing_is_stable_and_counts_grams_inside_texts_only() -> None:
    frame = pl.DataFrame({"customer_text": ["骗人", "", "人骗", "骗人骗人"], "agent_text": ["骗人", None, "", "x"]})
    table = grams.matrix(frame)
    assert table.shape == (4, grams.BUCKETS)
    assert table[0].nnz == 6
    assert table[1].nnz == 0
    assert (table[0] != grams.matrix(frame[:1])).nnz == 0
    assert table[0].multiply(table[2]).nnz == 2
    known = grams.matrix(pl.DataFrame({"customer_text": ["骗人"]})).indices
    assert sorted(int(k) for k in known) == [24885, 93981, 214787]


def test_scores_equal_the_matrix_product() -> None:
    frame = conversations(50, "product")
    coefficients = draw.uniforms("coefficients", 2 * grams.BUCKETS).reshape(-1, 2).astype(np.float32)
    assert grams.scores(frame, coefficients, chunk=7) == pytest.approx(grams.matrix(frame) @ coefficients, rel=1e-4)


def test_training_finds_what_the_words_say(trained: risk.RiskModel) -> None:
    assert trained.report.labels == 600
    assert trained.report.auc > 0.9
    assert trained.report.explained > 0.3
    assert [n for n, _ in trained.report.curve] == [150, 300, 600]
    new = conversations(800, "new").with_columns(day=date(2025, 3, 10))
    predicted = risk.predict(trained, new, NEXT)
    assert roc_auc_score(new["violation"], predicted["risk"]) > 0.9
    assert predicted["p"].mean() == pytest.approx(new["violation"].mean(), abs=0.03)
    assert np.corrcoef(predicted["f"], new["score"])[0, 1] > 0.5
    assert sum(b.n for b in trained.report.calibration) == 600


def test_out_of_fold_figures_are_not_flattered_by_noise() -> None:
    labels = conversations(400, "noise", strength=0.0).drop("rating", "customer_last")
    report = risk.train(labels).report
    assert 0.3 < report.auc < 0.7
    assert report.record.auc == report.auc
    assert draw.largest_allowed(replace(report.record, auc=0.55)) == 0.0


def test_a_retrain_on_the_same_labels_is_the_same_model(trained: risk.RiskModel) -> None:
    assert risk.train(conversations().reverse()).version == trained.version
    assert risk.train(conversations(590)).version != trained.version


def test_models_survive_storage_and_notice_tampering(trained: risk.RiskModel) -> None:
    data = trained.to_bytes()
    back = risk.RiskModel.from_bytes(data)
    assert (back.version, back.report, back.residual) == (trained.version, trained.report, trained.residual)
    new = conversations(20, "stored")
    assert risk.predict(back, new, NEXT).equals(risk.predict(trained, new, NEXT))
    changed = replace(trained, intercept=trained.intercept + 1).to_bytes()
    with pytest.raises(risk.RiskError, match="content"):
        risk.RiskModel.from_bytes(changed)


@pytest.mark.parametrize(
    "period",
    [
        (date(2025, 1, 1), date(2025, 1, 10)),
        (date(2025, 1, 10), date(2025, 2, 1)),
        (date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_a_model_never_weights_the_period_it_learnt_from(trained: risk.RiskModel, period: tuple[date, date]) -> None:
    with pytest.raises(risk.RiskError, match="must not weight"):
        risk.predict(trained, conversations(5, "x"), period)


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(risk.RiskError, match="at least 40"):
        risk.train(conversations(20))
    flat = conversations(60).with_columns(violation=pl.lit(False), score=pl.lit(90.0))
    with pytest.raises(risk.RiskError, match="bad conversations"):
        risk.train(flat)


def test_compare_shows_what_a_retrain_changed(trained: risk.RiskModel) -> None:
    other = risk.train(conversations(300)).report
    figures = {name: (old, new) for name, old, new in risk.compare(other, trained.report)}
    assert figures["labels"] == (300.0, 600.0)


@pytest.mark.parametrize(
    ("auc", "labels", "violations", "allowed"),
    [
        (0.59, 5000, 200, 0.0),
        (0.6, 5000, 200, 0.4),
        (0.9, 499, 100, 0.1),
        (0.9, 5000, 29, 0.1),
        (None, 0, 0, 0.1),
        (float("nan"), 900, 90, 0.0),
    ],
)
def test_the_pool_share_follows_the_record(auc: float | None, labels: int, violations: int, allowed: float) -> None:
    assert draw.largest_allowed(draw.ModelRecord(auc, labels, violations)) == allowed


def test_the_automatic_share_trades_no_precision() -> None:
    p = 0.6 * draw.uniforms("share", 3000) ** 12
    frame = pl.DataFrame(
        {
            "unit_id": [f"C{k}" for k in range(3000)],
            "agent_id": [f"A{k % 10}" for k in range(3000)],
            "p": p,
            "f": 88 - 45 * p,
        }
    )
    design = draw.Design((draw.Quota("chat", 10),), residual=draw.ResidualModel(20.0, 2000.0))
    record = draw.ModelRecord(0.85, 2000, 80)
    share = draw.automatic_share(frame, design, record)
    assert 0.05 < share <= 0.4
    wider = draw.automatic_share(frame, design, record, limit=1.1)
    assert wider >= share
    trades = draw.trade_off(frame, design)
    found = [t.expected_found for t in trades]
    assert found == sorted(found)
    assert next(t for t in trades if t.share == share).width_ratio <= 1.0
    assert draw.automatic_share(frame, design, draw.ModelRecord(0.55, 2000, 80)) == 0.0
    assert draw.automatic_share(frame, design, draw.ModelRecord(0.85, 100, 3)) <= 0.1
