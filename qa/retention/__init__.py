"""Removing customers' text: by a policy per source, or all of one customer who asks for it. Scores stay."""

from qa.retention.finding import Matter, RemovalPreview, preview
from qa.retention.policies import LEAST_DAYS, MOST_DAYS, SourcePolicy, policies, set_policy
from qa.retention.removing import PastRemoval, RemovalDone, Unfinished, apply_policies, begin, history, run, unfinished

__all__ = [
    "LEAST_DAYS",
    "MOST_DAYS",
    "Matter",
    "PastRemoval",
    "RemovalDone",
    "RemovalPreview",
    "SourcePolicy",
    "Unfinished",
    "apply_policies",
    "begin",
    "history",
    "policies",
    "preview",
    "run",
    "set_policy",
    "unfinished",
]
