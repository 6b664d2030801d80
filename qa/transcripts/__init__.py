"""Frozen evidence: conversations, disputes and ratings as they were in the archive at one version."""

from qa.transcripts.document import FrozenDispute, FrozenMessage, FrozenRating, FrozenTranscript, read
from qa.transcripts.door import sees_customers, shown, shown_text
from qa.transcripts.freezing import content_hash, freeze, store

__all__ = [
    "FrozenDispute",
    "FrozenMessage",
    "FrozenRating",
    "FrozenTranscript",
    "content_hash",
    "freeze",
    "read",
    "sees_customers",
    "shown",
    "shown_text",
    "store",
]
