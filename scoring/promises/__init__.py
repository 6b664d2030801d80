"""Promises in agents' messages: what is promised, how much of it, and until when; and what became of it.

Found by rules on the red-line engine; amount and due time are read from the sentence around a find alone. A promise
that hangs on a condition, is refused, asked, quoted or a policy read aloud is none.
"""

from scoring.promises.finder import PROMISE_SCHEMA, Promise, PromiseFinder
from scoring.promises.outcome import Fact, PromiseEvidence, PromiseOutcome, PromiseStatus, outcome
from scoring.promises.words import KINDS, PROMISE_WORDS_HASH, kind_label

__all__ = [
    "KINDS",
    "PROMISE_SCHEMA",
    "PROMISE_WORDS_HASH",
    "Fact",
    "Promise",
    "PromiseEvidence",
    "PromiseFinder",
    "PromiseOutcome",
    "PromiseStatus",
    "kind_label",
    "outcome",
]
