"""A promise as a case cites it: what was promised, and what became of it when the case was proposed.

Stored with the message of the excerpt, as codes and figures alone: times are seconds after the message, like the
excerpt's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from qa.promises import reading
from qa.promises.reading import LedgerPromise
from qa.transcripts import FrozenTranscript
from qa.workbench import Workbench
from scoring.promises import PromiseEvidence, PromiseStatus


@dataclass(frozen=True)
class CitedPromise:
    """`amount` in hundredths; `due` and `at` (what the status rests on) in seconds after the message."""

    kind: str
    amount: int | None
    due: int | None
    status: PromiseStatus
    evidence: PromiseEvidence
    at: int | None


Cited = Mapping[int, list[dict[str, Any]]]
"""By the number of a message, the promises in it as they are stored."""


def promises_in(bench: Workbench, content: FrozenTranscript, now: datetime) -> Cited:
    """The promises that an excerpt of `content` may cite; what was ruled to be none is left out."""
    key = content.conversation_key or content.unit_id or ""
    here = {m.seq: m.sent_at for m in content.messages if m.role == "agent" and not m.part}
    found: dict[int, list[dict[str, Any]]] = {}
    for one in reading.of_conversation(bench, key, now):
        same = one.seq in here and here[one.seq] == one.said_at  # the very message
        if same and one.status is not PromiseStatus.NONE:
            found.setdefault(one.seq, []).append(asdict(_cited(one)))
    return found


def _cited(one: LedgerPromise) -> CitedPromise:
    at = one.at if one.ruling is None else one.ruling.ruled_at
    return CitedPromise(
        one.kind, one.amount, _after(one.said_at, one.due_at), one.status, one.evidence, _after(one.said_at, at)
    )


def _after(said: datetime | None, moment: datetime | None) -> int | None:
    return None if said is None or moment is None else int((moment - said).total_seconds())


def read(message: Mapping[str, Any]) -> tuple[CitedPromise, ...]:
    """The promises that a message of an excerpt cites."""
    return tuple(
        CitedPromise(
            one["kind"], one["amount"], one["due"], PromiseStatus(one["status"]), PromiseEvidence(one["evidence"]),
            one["at"],
        )
        for one in message.get("promises") or ()
    )  # fmt: skip


def count(lines: Iterable[Mapping[str, Any]]) -> int:
    """Promises cited in these messages."""
    return sum(len(line.get("promises") or ()) for line in lines)
