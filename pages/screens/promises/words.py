"""What the ledger says of one promise, in the reader's language."""

from __future__ import annotations

from qa.i18n import Translator
from qa.promises.ledger import EVIDENCE_NAMES, STATUS_NAMES
from qa.promises.reading import LedgerPromise
from scoring.promises import kind_label


def kind_words(t: Translator, kind: str) -> str:
    """What was promised."""
    label = kind_label(kind)
    return t.label(label.zh, label.en)


def status_words(t: Translator, promise: LedgerPromise) -> str:
    """What became of it."""
    return t(STATUS_NAMES[promise.status])


def evidence_words(t: Translator, promise: LedgerPromise) -> str:
    """What its status rests on."""
    return t(EVIDENCE_NAMES[promise.evidence])


def due_words(t: Translator, promise: LedgerPromise) -> str:
    """Until when; a dash where no time was named."""
    return t.when(promise.due_at) if promise.due_at else "–"


def sum_words(t: Translator, promise: LedgerPromise) -> str:
    """How much; a dash where no sum was named."""
    return "–" if promise.amount is None else t.number(promise.amount / 100, 2)
