"""Frozen evidence: conversations, disputes and ratings as they were in the archive at one version."""

from qa.transcripts.document import FrozenDispute, FrozenMessage, FrozenRating, FrozenTranscript, handle, read
from qa.transcripts.door import (
    contents_shown_to_nobody,
    hidden_rows,
    sees_customers,
    shown,
    shown_column,
    shown_customer,
    shown_facts,
    shown_fields,
    shown_order,
    shown_text,
    shown_to_nobody,
)
from qa.transcripts.freezing import content_hash, freeze, store

__all__ = [
    "FrozenDispute",
    "FrozenMessage",
    "FrozenRating",
    "FrozenTranscript",
    "content_hash",
    "contents_shown_to_nobody",
    "freeze",
    "handle",
    "hidden_rows",
    "read",
    "sees_customers",
    "shown",
    "shown_column",
    "shown_customer",
    "shown_facts",
    "shown_fields",
    "shown_order",
    "shown_text",
    "shown_to_nobody",
    "store",
]
