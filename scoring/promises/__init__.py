"""Promises in agents' messages: what is promised, how much of it, and until when; and what became of it.

Found by rules on the red-line engine; amount and due time are read from the sentence around a find alone. A promise
that hangs on a condition, is refused, asked, quoted or a policy read aloud is none.
"""

from scoring.promises.finder import PROMISE_SCHEMA, Promise, PromiseFinder
from scoring.promises.outcome import (
    APART,
    CERTAIN,
    FACT_SCHEMA,
    OPEN_WITHOUT_TIME,
    PromiseEvidence,
    PromiseStatus,
    outcomes,
)
from scoring.promises.words import KINDS, PROMISE_WORDS_HASH, kind_label

__all__ = [
    "APART",
    "CERTAIN",
    "FACT_SCHEMA",
    "KINDS",
    "OPEN_WITHOUT_TIME",
    "PROMISE_SCHEMA",
    "PROMISE_WORDS_HASH",
    "Promise",
    "PromiseEvidence",
    "PromiseFinder",
    "PromiseStatus",
    "kind_label",
    "outcomes",
]
