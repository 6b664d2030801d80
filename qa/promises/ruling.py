"""A person's word on a promise: kept, broken, open, cannot tell, or that it was none. Rulings are appended."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from qa import scoping
from qa.errors import Denied, FormField, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.promises.reading import LedgerPromise, PromiseKey, of_conversation
from qa.tables import PromiseRuling
from qa.texts import written
from qa.workbench import Workbench
from scoring.promises import PromiseStatus

MAX_REASON = 500
REASON = FormField("reason", N_("Reason"))


def rule(bench: Workbench, actor: Actor, *, now: datetime, key: PromiseKey, status: PromiseStatus, reason: str) -> int:
    """Give a promise another status, with a reason; returns the ruling's id (0: it has that status and reason).

    Raises `NotFound`, `Denied` for a promise of one's own, `Invalid` without a reason.
    """
    require(actor, Right.RULE_HIT, Right.RULE_VIOLATION)
    reason = written(reason, REASON, MAX_REASON)
    promise = one(bench, actor, key, now)
    if promise.ruling is not None and (promise.ruling.status, promise.ruling.ref) == (status, reason):
        return 0
    with bench.begin(actor, now) as work:
        row = PromiseRuling(
            conversation_key=key[0], seq=key[1], kind=key[2], start=key[3], agent_id=promise.agent_id,
            status=status.value, reason=reason, ruled_by=actor.user_id, ruled_at=now,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        before = promise.status.value
        work.record("promise.ruled", "promise", row.id, kind=key[2], status=[before, status.value], reason=reason)
        return row.id


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
