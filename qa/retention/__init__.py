"""Removing customers' text: by a policy per source, or all of one customer who asks for it. Scores stay."""

from qa.retention.finding import Matter, RemovalPreview, preview
from qa.retention.policies import SourcePolicy, policies, set_policy
from qa.retention.removing import RemovalDone, Unfinished, apply_policies, begin, run, unfinished

__all__ = [
    "Matter",
    "RemovalDone",
    "RemovalPreview",
    "SourcePolicy",
    "Unfinished",
    "apply_policies",
    "begin",
    "policies",
    "preview",
    "run",
    "set_policy",
    "unfinished",
]
