"""A person's word on a promise: kept, broken, cannot tell, or that it was none. Rulings are appended; one is taken
back by another entry, and the data's status counts again."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from qa import scoping
from qa.casefiles.promised import PromisePlace, follow
from qa.casefiles.record import Evidence
from qa.errors import Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.promises.reading import WITHDRAWN, LedgerPromise, PromiseKey, of_conversation
from qa.tables import PromiseRuling
from qa.texts import written
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.promises import CERTAIN, PromiseStatus

MAX_REASON = 500
REASON = FormField("reason", N_("Reason"))
STATUSES = (PromiseStatus.KEPT, PromiseStatus.BROKEN, PromiseStatus.UNKNOWN, PromiseStatus.NONE)
"""What can be ruled. That a time has not come is said by the calendar."""


def rule(bench: Workbench, actor: Actor, *, now: datetime, key: PromiseKey, status: PromiseStatus, reason: str) -> int:
    """Give a promise another status, with a reason; returns the ruling's id (0: it has that status and reason). What
    identifies a customer is masked in the reason before it is kept.

    Raises `NotFound`, `Denied` for a promise of one's own, `Invalid` without a reason or for a status nobody rules.
    """
    require(actor, Right.RULE_HIT, Right.RULE_VIOLATION)
    reason = written(reason, REASON, MAX_REASON)
    if status not in STATUSES:
        raise Invalid(N_("Whether a promise is due yet is not ruled on: its time says it."))
    promise, place = _placed(bench, actor, key, now)
    reason = shown_text(None, reason, place.customers)  # it is kept for ever
    if promise.ruling is not None and (promise.ruling.status, promise.ruling.reason) == (status, reason):
        return 0
    return _append(bench, actor, now, promise, place, status.value, reason)


def take_back(bench: Workbench, actor: Actor, *, now: datetime, key: PromiseKey) -> int:
    """Let the data's status count again; returns the entry's id (0: nobody has ruled on it). Raises as `rule`."""
    require(actor, Right.RULE_HIT, Right.RULE_VIOLATION)
    promise, place = _placed(bench, actor, key, now)
    return 0 if promise.ruling is None else _append(bench, actor, now, promise, place, WITHDRAWN, "")


def one(bench: Workbench, actor: Actor, key: PromiseKey, now: datetime) -> LedgerPromise:
    """The promise named by `key`. Raises `NotFound`, and `Denied` for what `actor` may not see."""
    return _placed(bench, actor, key, now)[0]


def _placed(bench: Workbench, actor: Actor, key: PromiseKey, now: datetime) -> tuple[LedgerPromise, PromisePlace]:
    """The promise with where it stands; raises as `one`."""
    found = next((each for each in of_conversation(bench, key[0], now) if each.key == key), None)
    if found is None:
        raise NotFound(N_("There is no such promise in the archive; it may have been taken back."))
    here, snapshot = pl.col("conversation_key") == key[0], bench.archive.at()
    chats = (
        snapshot.scan("conversations")
        .filter(here)
        .select("agent_ids", "started_at", "channel", "customer_id")
        .collect()
    )
    took_part, started_at, platform, customer = next(chats.iter_rows(), ((), None, None, None))
    if actor.agent_id is not None and actor.agent_id in (found.agent_id, *(took_part or ())):
        raise Denied(N_("Nobody rules on what they promised themselves."))
    scoping.require_seen(bench, actor, found.agent_id, found.said_at)
    message = snapshot.scan("messages").filter(here, pl.col("seq") == found.seq).select("text").collect()
    words = (message.item() or "") if message.height else ""
    evidence = Evidence(found.seq, found.start, found.end, words[found.start : found.end])
    customers = (customer,) if customer else ()
    return found, PromisePlace(key[0], found.agent_id, started_at, platform, evidence, customers)


def shown_reason(actor: Actor, promise: LedgerPromise) -> str:
    """The reason of its ruling as `actor` may read it; empty without one."""
    return "" if promise.ruling is None else shown_text(actor, promise.ruling.reason)


def _append(
    bench: Workbench, actor: Actor, now: datetime, promise: LedgerPromise, place: PromisePlace, status: str, reason: str
) -> int:
    """A new last word, with its entry: from the status that counted to the one that counts; the case files of red lines
    that count broken promises follow it."""
    after = promise.found.value if status == WITHDRAWN else status
    with bench.begin(actor, now) as work:
        conversation, seq, kind, start = promise.key
        row = PromiseRuling(
            conversation_key=conversation, seq=seq, kind=kind, start=start, agent_id=promise.agent_id,
            status=status, reason=reason, ruled_by=actor.user_id, ruled_at=now,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        action = "promise.taken_back" if status == WITHDRAWN else "promise.ruled"
        # a ruling of an earlier version may quote a customer; it is sealed, its copy in the trail need not quote again
        before = shown_text(None, promise.ruling.reason, place.customers) if promise.ruling else ""
        work.record(
            action, "promise", row.id, kind=kind, status=[promise.status.value, after],
            reason=[before, reason] if before else reason,
        )  # fmt: skip
        certain = status != WITHDRAWN or promise.found_evidence in CERTAIN
        follow(work, place, bench.config.zone, broken=certain and after == PromiseStatus.BROKEN.value)
        return row.id
