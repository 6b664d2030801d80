"""A person's word on a promise: kept, broken, cannot tell, or that it was none. Rulings are appended; one is taken back by
another entry, and the data's status counts again."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from qa import scoping
from qa.errors import Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.promises.reading import WITHDRAWN, LedgerPromise, PromiseKey, of_conversation
from qa.tables import PromiseRuling
from qa.texts import written
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.promises import PromiseStatus

MAX_REASON = 500
REASON = FormField("reason", N_("Reason"))
STATUSES = (PromiseStatus.KEPT, PromiseStatus.BROKEN, PromiseStatus.UNKNOWN, PromiseStatus.NONE)
"""What can be ruled. That a time has not come is said by the calendar."""


def rule(bench: Workbench, actor: Actor, *, now: datetime, key: PromiseKey, status: PromiseStatus, reason: str) -> int:
    """Give a promise another status, with a reason; returns the ruling's id (0: it has that status and reason).

    Raises `NotFound`, `Denied` for a promise of one's own, `Invalid` without a reason or for a status nobody rules.
    """
    require(actor, Right.RULE_HIT, Right.RULE_VIOLATION)
    reason = written(reason, REASON, MAX_REASON)
    if status not in STATUSES:
        raise Invalid(N_("Whether a promise is due yet is not ruled on: its time says it."))
    promise = one(bench, actor, key, now)
    if promise.ruling is not None and (promise.ruling.status, promise.ruling.reason) == (status, reason):
        return 0
    return _append(bench, actor, now, promise, status.value, reason)


def take_back(bench: Workbench, actor: Actor, *, now: datetime, key: PromiseKey) -> int:
    """Let the data's status count again; returns the entry's id (0: nobody has ruled on it). Raises as `rule`."""
    require(actor, Right.RULE_HIT, Right.RULE_VIOLATION)
    promise = one(bench, actor, key, now)
    return 0 if promise.ruling is None else _append(bench, actor, now, promise, WITHDRAWN, "")


def one(bench: Workbench, actor: Actor, key: PromiseKey, now: datetime) -> LedgerPromise:
    """The promise named by `key`. Raises `NotFound`, and `Denied` for what `actor` may not see."""
    found = next((each for each in of_conversation(bench, key[0], now) if each.key == key), None)
    if found is None:
        raise NotFound(N_("There is no such promise in the archive; it may have been taken back."))
    chats = bench.archive.at().scan("conversations").filter(pl.col("conversation_key") == key[0])
    took_part = chats.select("agent_ids").collect()["agent_ids"].to_list()
    if actor.agent_id is not None and actor.agent_id in (found.agent_id, *(took_part[0] or () if took_part else ())):
        raise Denied(N_("Nobody rules on what they promised themselves."))
    scoping.require_seen(bench, actor, found.agent_id, found.said_at)
    return found


def shown_reason(actor: Actor, promise: LedgerPromise) -> str:
    """The reason of its ruling as `actor` may read it; empty without one."""
    return "" if promise.ruling is None else shown_text(actor, promise.ruling.reason)


def _append(bench: Workbench, actor: Actor, now: datetime, promise: LedgerPromise, status: str, reason: str) -> int:
    """A new last word, with its entry: from the status that counted to the one that counts."""
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
        before = promise.ruling.reason if promise.ruling else ""
        work.record(
            action, "promise", row.id, kind=kind, status=[promise.status.value, after],
            reason=[before, reason] if before else reason,
        )  # fmt: skip
        return row.id
