"""What the ledger says of one promise, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from qa.i18n import Translator
from qa.library.citing import CitedPromise
from qa.promises.ledger import EVIDENCE_NAMES, STATUS_NAMES
from qa.promises.reading import LedgerPromise
from qa.transcripts import FrozenTranscript
from scoring.promises import PromiseEvidence, kind_label


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


Notes = Mapping[int, list[dict[str, str]]]
"""By the number of a message, what is told beside it of each of its promises: status (its code), what and text."""


def notes(
    t: Translator, promises: Iterable[LedgerPromise], place: Callable[[LedgerPromise], int | None], *, ruled: bool
) -> Notes:
    """The promises beside their messages; `place` gives a message's number, None where it is not shown. `ruled`: with
    what people ruled; else as the data alone say, for whoever is to judge by themselves."""
    told: dict[int, list[dict[str, str]]] = {}
    for one in promises:
        seq = place(one)
        if seq is not None:
            told.setdefault(seq, []).append(_note(t, one, ruled))
    return told


def beside(transcript: FrozenTranscript) -> Callable[[LedgerPromise], int | None]:
    """The place of a promise in a frozen conversation: the message must be the very one, said by an agent at that
    time."""
    key = transcript.conversation_key or transcript.unit_id
    said = {
        message.seq: message.sent_at for message in transcript.messages if message.role == "agent" and not message.part
    }

    def place(one: LedgerPromise) -> int | None:
        same = one.conversation_key == key and one.seq in said and said[one.seq] == one.said_at
        return one.seq if same else None

    return place


def _note(t: Translator, one: LedgerPromise, ruled: bool) -> dict[str, str]:
    status, evidence = (one.status, one.evidence) if ruled else (one.found, one.found_evidence)
    what = kind_words(t, one.kind) + (f" {sum_words(t, one)}" if one.amount is not None else "")
    due = t("until {when}", when=t.when(one.due_at)) if one.due_at else t("no time named")
    parts = [due, t(STATUS_NAMES[status])]
    parts += [t(EVIDENCE_NAMES[evidence])] if evidence is not PromiseEvidence.NOT_DUE else []  # the status says it
    text = " · ".join(parts)
    return {"status": status.value, "what": t("Promise: {what}", what=what), "text": text}


def cited_words(t: Translator, one: CitedPromise) -> str:
    """A promise as a case cites it: what, within which time, and what became of it."""
    what = kind_words(t, one.kind) + (f" {t.number(one.amount / 100, 2)}" if one.amount is not None else "")
    parts = [t("Promise: {what}", what=what)]
    parts.append(t("within {time}", time=_span(t, one.due)) if one.due is not None else t("no time named"))
    parts.append(t(STATUS_NAMES[one.status]))
    if one.evidence is not PromiseEvidence.NOT_DUE:
        rests = t(EVIDENCE_NAMES[one.evidence])
        parts.append(t("{what}, {time} later", what=rests, time=_span(t, one.at)) if one.at is not None else rests)
    return " · ".join(parts)


def _span(t: Translator, seconds: int) -> str:
    """A time in the largest unit that tells it well enough."""
    if seconds >= 48 * 3600:
        return t("{n} days", n=round(seconds / 86400))
    return t("{n} hours", n=round(seconds / 3600)) if seconds >= 5_400 else t("{n} minutes", n=round(seconds / 60))
