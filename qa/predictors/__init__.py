"""The risk model as a service: trained on earlier verdicts, kept in versions, one in use, its predictions in the
archive.

While there are too few labels, or no version is in use, the rule score of the screening stands.
"""

from qa.predictors.rescoring import Rescored, first_moment, score
from qa.predictors.training import Outlook, outlook, train
from qa.predictors.versions import STATES, ModelView, activate, active, get_model, list_models, load, retire

__all__ = [
    "STATES",
    "ModelView",
    "Outlook",
    "Rescored",
    "activate",
    "active",
    "first_moment",
    "get_model",
    "list_models",
    "load",
    "outlook",
    "retire",
    "score",
    "train",
]
