"""Frozen evidence: conversations, disputes and ratings as they were in the archive at one version."""

from qa.transcripts.document import FrozenDispute, FrozenMessage, FrozenRating, FrozenTranscript, masked, read
from qa.transcripts.freezing import content_hash, freeze, store

__all__ = [
    "FrozenDispute",
    "FrozenMessage",
    "FrozenRating",
    "FrozenTranscript",
    "content_hash",
    "freeze",
    "masked",
    "read",
    "store",
]
