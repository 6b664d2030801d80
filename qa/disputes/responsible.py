"""Who answers for a dispute: by a rule that is named beside the answer, or by a person's decision. Never a bot, never
the system, and nobody who had no part in it.

Frames in, frames out.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from qa.archive import Snapshot
from qa.disputes.settled import SETTLED
from qa.i18n import N_

LAST, PROMISE, RECORD, BEFORE = "last", "promise", "record", ""
RULES: Mapping[str, str] = {
    LAST: N_("the last agent who wrote before the dispute was opened, else who is named in the record"),
    PROMISE: N_(
        "who last made a promise about it, else the last agent who wrote before, else who is named in the record"
    ),
    RECORD: N_("who is named in the record, else the last agent who wrote before the dispute was opened"),
}
"""What a plan may choose; each falls back in this order, and to nobody at last."""
EARLIER = N_("who is named in the record, else the agent of its chat (plans made before there was a choice)")
REASONS: Mapping[str, str] = {
    LAST: N_("last agent who wrote before the dispute"),
    PROMISE: N_("made a promise about it"),
    RECORD: N_("named in the record"),
    "chat": N_("agent of the chat"),
    SETTLED: N_("decided by a person"),
}
"""Why an agent answers for a dispute (`answers_by`)."""
SHORT: Mapping[str, str] = {
    LAST: N_("last agent before"),
    PROMISE: N_("who promised"),
    RECORD: N_("agent of the record"),
    BEFORE: N_("agent of the record"),
}
"""The rules for lists, by whom each asks first."""
_ORDER = {LAST: (LAST, RECORD), PROMISE: (PROMISE, LAST, RECORD), RECORD: (RECORD, LAST)}
_CONCERN = ("refund", "compensate", "replace", "ship", "call_back")
"""Kinds of promises that a dispute can be about."""
_AUTOMATIC = (
    r"(?i)机器人|自动回复|智能客服|智能助[理手]|店小蜜|(?:^|[\s_\-:：])(?:chat)?bot$|^(?:system|系统|平台|"
    r"小二|platform)$"
)


def answering(disputes: pl.LazyFrame, snapshot: Snapshot, rule: str) -> pl.LazyFrame:
    """`disputes` (from `settled.laid_over`) with `agent_id` the one who answers, null for nobody, and `answers_by`."""
    chats = snapshot.scan("conversations")
    human = pl.when(pl.col("agent_id").is_null() | ~automatic("agent_id")).then("agent_id")
    rows = disputes.with_columns(agent_id=human)
    if rule == BEFORE:
        owner = chats.select("conversation_key", chat="agent_id")
        rows = rows.join(owner, on="conversation_key", how="left").rename({"agent_id": RECORD})
        ways: tuple[str, ...] = (RECORD, "chat")
    else:
        about = case_chats(disputes, chats)
        rows = rows.rename({"agent_id": RECORD})
        ways = _ORDER[rule]
        finders = {LAST: _last_writer, PROMISE: _last_promise}
        for way in (one for one in ways if one in finders):
            found = finders[way](about, snapshot).rename({"who": way})
            rows = rows.join(found, on="dispute_key", how="left")
    chosen = pl.when(pl.col("settled_agent").is_null())
    by_rule = pl.coalesce(pl.when(pl.col(way).is_not_null() & (pl.col(way) != "")).then(pl.lit(way)) for way in ways)
    who = pl.when(pl.col("settled_agent") != "").then("settled_agent")
    rows = rows.with_columns(
        agent_id=chosen.then(pl.coalesce(pl.when(pl.col(way) != "").then(way) for way in ways)).otherwise(who),
        answers_by=chosen.then(by_rule).otherwise(pl.lit(SETTLED)),
    )
    names = disputes.collect_schema().names()
    return rows.select(*names, "answers_by")


def automatic(column: str) -> pl.Expr:
    """Whether a name is that of a bot, the system or the platform."""
    return pl.col(column).str.contains(_AUTOMATIC)


def case_chats(disputes: pl.LazyFrame, chats: pl.LazyFrame) -> pl.LazyFrame:
    """Every chat that is about a dispute: dispute_key, opened_at, conversation_key, started_at. The chat it is joined
    to and all of its order in its shop; where a person decided about the chat, that one alone."""
    known = chats.select("conversation_key", "started_at", "order_id", chat_shop="shop")
    own = disputes.select("dispute_key", "opened_at", "conversation_key").drop_nulls("conversation_key")
    joined = own.join(known.drop("order_id", "chat_shop"), on="conversation_key")
    free = disputes.filter(pl.col("joined_by").ne_missing(SETTLED) & (pl.col("order_id") != ""))
    same = free.select("dispute_key", "opened_at", "order_id", "shop").join(known, on="order_id")
    same = same.filter(pl.col("shop").eq(pl.col("chat_shop")).fill_null(True)).select(joined.collect_schema().names())
    return pl.concat([joined, same]).unique(["dispute_key", "conversation_key"])


def _last_writer(about: pl.LazyFrame, snapshot: Snapshot) -> pl.LazyFrame:
    """The last person who wrote in one of the chats before the dispute was opened."""
    said = snapshot.scan("messages").filter((pl.col("role") == "agent") & pl.col("agent_id").is_not_null())
    said = said.select("conversation_key", "seq", "agent_id", "sent_at")
    return _last_of(said.join(about, on="conversation_key"), pl.coalesce("sent_at", "started_at"))


def _last_promise(about: pl.LazyFrame, snapshot: Snapshot) -> pl.LazyFrame:
    """Who made the last promise that a dispute can be about, before it was opened."""
    made = snapshot.scan("promises").filter(pl.col("kind").is_in(_CONCERN))
    made = made.select("conversation_key", "seq", "agent_id", "said_at")
    return _last_of(made.join(about, on="conversation_key"), pl.coalesce("said_at", "started_at"))


def _last_of(said: pl.LazyFrame, at: pl.Expr) -> pl.LazyFrame:
    people = said.filter(pl.col("agent_id").is_not_null() & ~automatic("agent_id"))
    before = people.with_columns(at=at).filter(pl.col("at") <= pl.col("opened_at"))
    last = pl.col("agent_id").sort_by("at", "conversation_key", "seq").last()
    return before.group_by("dispute_key").agg(who=last)
