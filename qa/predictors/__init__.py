"""Predictors: what says beforehand how a conversation will be judged, each with several versions, their predictions
side by side in the archive (`qa.archive.predictions`).

The rule score speaks from the first screening on; the risk model is trained on earlier verdicts, kept in versions, one
in use. A plan names the predictor that it leans on.
"""

from qa.predictors.protocol import SCHEMA, Predictor, RuleScore, TrainedRisk
from qa.predictors.rescoring import Rescored, first_moment, predict, score, waiting
from qa.predictors.training import Outlook, outlook, train
from qa.predictors.versions import STATES, ModelView, activate, active, get_model, list_models, load, retire

__all__ = [
    "SCHEMA",
    "STATES",
    "ModelView",
    "Outlook",
    "Predictor",
    "Rescored",
    "RuleScore",
    "TrainedRisk",
    "activate",
    "active",
    "first_moment",
    "get_model",
    "list_models",
    "load",
    "outlook",
    "predict",
    "retire",
    "score",
    "train",
    "waiting",
]
