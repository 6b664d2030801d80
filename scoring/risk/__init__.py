"""How risky conversations look: a rule score before labels exist, a trained model of texts and signals after.

``rule_score(frame)`` needs no labels. ``train(labels)`` learns from reviewed conversations, ``predict(model, frame,
period)`` gives every conversation p and f for ``draw.plan`` and the estimates, and refuses the period it learnt from.
Texts and the known ``SIGNALS`` are read by their names, any further columns of numbers when they are named as
``features``.

>>> from datetime import date
>>> import numpy as np
>>> from scoring import risk
>>> rng = np.random.default_rng(1)
>>> signal = rng.normal(size=1000)
>>> bad = rng.random(1000) < 1 / (1 + np.exp(2.5 - 1.5 * signal))
>>> score = 90 - 45 * bad
>>> past = {"unit_id": np.arange(1000), "day": date(2025, 10, 1), "signal": signal, "violation": bad, "score": score}
>>> model = risk.train(past, features=["signal"])
>>> bool(model.report.auc > 0.75), model.report.record.labels
(True, 1000)
>>> now = {"unit_id": ["C1", "C2"], "signal": [-1.0, 2.0]}
>>> predicted = risk.predict(model, now, (date(2025, 11, 1), date(2025, 11, 30)))
>>> predicted.columns, bool(predicted["p"][0] < 0.1 < predicted["p"][1])
(['unit_id', 'p', 'f', 'risk'], True)
"""

from scoring.risk.model import LEAST_LABELS, cross_fitted, predict, train
from scoring.risk.rules import COMPLAINT_WORDS, SIGNALS, rule_score
from scoring.risk.trained import CalibrationBin, Report, RiskError, RiskModel, compare, refuse_overlap

__all__ = [
    "COMPLAINT_WORDS",
    "LEAST_LABELS",
    "SIGNALS",
    "CalibrationBin",
    "Report",
    "RiskError",
    "RiskModel",
    "compare",
    "cross_fitted",
    "predict",
    "refuse_overlap",
    "rule_score",
    "train",
]
