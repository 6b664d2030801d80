"""Frozen evidence: conversations, disputes and ratings as they were in the archive at one version."""

from qa.transcripts.document import FrozenDispute, FrozenMessage, FrozenRating, FrozenTranscript, handle, read
from qa.transcripts.door import hidden_rows, sees_customers, shown, shown_customer, shown_order, shown_text
from qa.transcripts.freezing import content_hash, freeze, store

__all__ = [
    "FrozenDispute",
    "FrozenMessage",
    "FrozenRating",
    "FrozenTranscript",
    "content_hash",
    "freeze",
    "handle",
    "hidden_rows",
    "read",
    "sees_customers",
    "shown",
    "shown_customer",
    "shown_order",
    "shown_text",
    "store",
]
