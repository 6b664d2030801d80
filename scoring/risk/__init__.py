"""How risky conversations look: a rule score before labels exist, a trained model of texts and signals after.

``rule_score(frame)`` needs no labels. ``train(labels)`` learns from reviewed conversations, ``predict(model, frame,
period)`` gives every conversation p and f for ``draw.plan`` and the estimates, and refuses the period it learnt from.
"""

from scoring.risk.model import (
    LEAST_LABELS,
    CalibrationBin,
    Report,
    RiskError,
    RiskModel,
    compare,
    predict,
    refuse_overlap,
    train,
)
from scoring.risk.rules import COMPLAINT_WORDS, SIGNALS, rule_score

__all__ = [
    "COMPLAINT_WORDS",
    "LEAST_LABELS",
    "SIGNALS",
    "CalibrationBin",
    "Report",
    "RiskError",
    "RiskModel",
    "compare",
    "predict",
    "refuse_overlap",
    "rule_score",
    "train",
]
