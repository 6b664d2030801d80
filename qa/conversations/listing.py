"""The list of all conversations with what they can be filtered by, newest first, and the filters.

One list per archive version is kept in memory; what the database knows (teams, samples) is asked anew each time. Rows
of the list are numbered from 0, and every filter is one yes or no for each row.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.archive import Snapshot
from qa.conversations import index
from qa.conversations.matching import ArchiveMessages, Flags, IndexedMessages, Messages
from qa.i18n import bounds
from qa.people import teams
from qa.policy import Actor
from qa.tables import Agent, Sample
from qa.texts import sought
from qa.transcripts import handle, sees_customers, shown_customer, shown_order
from qa.workbench import Workbench

ANY, NONE = "any", "none"
UNANSWERED = "unanswered"
LOW = 2
"""A rating up to this is a low one."""
KEPT = 2


@dataclass(frozen=True)
class Wanted:
    """What to find; empty means no restriction. Days are days of the business time zone, both included."""

    query: str = ""
    order: str = ""
    customer: str = ""
    agent: str = ""
    team: str = ""
    shop: str = ""
    channel: str = ""
    first: date | None = None
    last: date | None = None
    rule: str = ""
    """A rule that was found in it, `ANY`, or `NONE`."""
    slow: str = ""
    """The longest wait for an answer in seconds, at least; or `UNANSWERED`."""
    rating: str = ""
    """'1' to '5', 'low' (up to `LOW`), or `NONE`."""
    drawn: str = ""
    """'yes' or 'no': whether it is in a sample."""

    def named(self) -> tuple[str, ...]:
        """Which of the fields restrict, without what they say."""
        return tuple(name for name in self.__dataclass_fields__ if getattr(self, name))


@dataclass(frozen=True)
class ConversationList:
    """All conversations of one archive version. `frame` has `COLUMNS`."""

    snapshot: Snapshot
    archive: str
    """Fingerprint of the archive (`index.fingerprint`)."""
    frame: pl.DataFrame
    messages: Messages

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The row of every conversation by its handle."""
        return {handle(key): row for row, key in enumerate(self.frame["conversation_key"])}


COLUMNS = (
    "conversation_key", "customer_id", "order_id", "agent_id", "agent_ids", "shop", "channel", "started_at",
    "message_count", "rating", "max_gap_s", "unanswered", "rules",
)  # fmt: skip


def read(snapshot: Snapshot) -> pl.DataFrame:
    """The list with `COLUMNS`. The rating is that of the chat, else the lowest that was given for it."""
    waits = snapshot.scan("signals").select("conversation_key", "max_gap_s", "unanswered")
    found = snapshot.scan("hits").group_by("conversation_key").agg(rules=pl.col("rule_id").unique().sort())
    rated = (
        snapshot.scan("ratings")
        .filter(pl.col("conversation_key").is_not_null())
        .group_by("conversation_key")
        .agg(given=pl.col("score").min())
    )
    chats = snapshot.scan("conversations").with_columns(
        pl.when(pl.col("order_id") == "").then(None).otherwise("order_id").alias("order_id")
    )
    for more in (waits.unique("conversation_key"), found, rated):
        chats = chats.join(more, on="conversation_key", how="left")
    return (
        chats.with_columns(rating=pl.coalesce("satisfaction", "given"))
        .select(COLUMNS)
        .sort("started_at", "conversation_key", descending=[True, False], nulls_last=True)
        .collect()
    )


_lock = threading.Lock()
_kept: dict[tuple[object, ...], ConversationList] = {}


def of(bench: Workbench) -> ConversationList:
    """The list of the archive as it is now, with the index when it is ready."""
    snapshot = bench.archive.at()
    archive = index.fingerprint(snapshot)
    manifest = index.ready(bench, archive)
    versions = tuple(snapshot.tables[name] for name in ("signals", "hits", "ratings"))
    key = (snapshot.root, archive, versions, manifest.segments if manifest else None)
    with _lock:
        if (known := _kept.get(key)) is not None:
            return known
    frame = read(snapshot)
    keys = frame["conversation_key"]
    pieces = index.opened(bench, manifest) if manifest else None
    messages: Messages = ArchiveMessages(snapshot, keys) if pieces is None else IndexedMessages(pieces, keys)
    made = ConversationList(snapshot, archive, frame, messages)
    if manifest is not None and pieces is None:  # damaged: mended at any moment
        return made
    with _lock:
        _kept.pop(key, None)
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = made
    return made


def filtered(bench: Workbench, session: Session, actor: Actor, listing: ConversationList, wanted: Wanted) -> Flags:
    """For each conversation whether it fulfils everything in `wanted` but the words."""
    conditions = list(_conditions(bench, actor, wanted))
    flags = np.ones(listing.frame.height, np.bool_)
    if conditions:
        flags &= _flags(listing.frame, pl.all_horizontal(*(c.fill_null(False) for c in conditions)))
    if wanted.team:
        flags &= _of_team(bench, session, listing.frame, wanted.team)
    if wanted.drawn:
        drawn = drawn_keys(session)
        flags &= _flags(listing.frame, pl.col("conversation_key").is_in(drawn.implode())) == (wanted.drawn == "yes")
    return flags


def _flags(frame: pl.DataFrame, condition: pl.Expr) -> NDArray[np.bool_]:
    return frame.select(condition.fill_null(False).alias("f"))["f"].to_numpy()


def _conditions(bench: Workbench, actor: Actor, wanted: Wanted) -> Iterator[pl.Expr]:
    if (own := scoping.days_of(bench, actor)) is not None:
        yield own.expression(pl.col("agent_id"), pl.col("started_at"))
    if actor.agent_id is not None:  # nobody looks up conversations that they took part in
        yield ~pl.col("agent_ids").list.contains(actor.agent_id).fill_null(False)
        yield pl.col("agent_id").ne_missing(actor.agent_id)
    yield from _by_number(actor, wanted)
    for column, value in (("agent_id", wanted.agent), ("shop", wanted.shop), ("channel", wanted.channel)):
        if value and column == "agent_id":
            yield (pl.col("agent_id") == value) | pl.col("agent_ids").list.contains(value)
        elif value:
            yield pl.col(column) == value
    yield from _by_day(bench, wanted)
    yield from _by_figures(wanted)


def _by_number(actor: Actor, wanted: Wanted) -> Iterator[pl.Expr]:
    """Order and customer as the reader sees them: whoever sees masked ones finds masked ones."""
    for column, value, shown in (
        ("order_id", wanted.order, partial(shown_order, actor)),
        ("customer_id", wanted.customer, partial(shown_customer, actor)),
    ):
        if text := sought(value).strip():
            seen = pl.col(column)
            if not sees_customers(actor):
                seen = seen.map_elements(shown, return_dtype=pl.String, skip_nulls=True)
            yield seen == text


def _by_day(bench: Workbench, wanted: Wanted) -> Iterator[pl.Expr]:
    low, high = bounds(wanted.first, wanted.last, bench.config.zone)
    if low:
        yield pl.col("started_at") >= low
    if high:
        yield pl.col("started_at") < high


def _by_figures(wanted: Wanted) -> Iterator[pl.Expr]:
    if wanted.rule:
        rules = pl.col("rules")
        found = rules.is_not_null() & (rules.list.len() > 0)
        yield {ANY: found, NONE: ~found}.get(wanted.rule, rules.list.contains(wanted.rule))
    if wanted.slow == UNANSWERED:
        yield pl.col("unanswered") > 0
    elif wanted.slow.isdecimal():
        yield pl.col("max_gap_s") >= int(wanted.slow)
    if wanted.rating == NONE:
        yield pl.col("rating").is_null()
    elif wanted.rating == "low":
        yield pl.col("rating") <= LOW
    elif wanted.rating.isdecimal():
        yield pl.col("rating") == int(wanted.rating)


def _of_team(bench: Workbench, session: Session, frame: pl.DataFrame, team: str) -> NDArray[np.bool_]:
    """Whose agent belonged to `team` on its day."""
    roster = pl.DataFrame(
        [tuple(row) for row in session.execute(select(Agent.agent_id, Agent.team))],
        schema={"agent_id": pl.String, "team": pl.String},
        orient="row",
    )
    day = pl.col("started_at").dt.convert_time_zone(bench.config.time_zone).dt.date()
    rows = frame.lazy().select("agent_id", day=day).with_row_index("row")
    found = teams.with_team(rows, roster, teams.history(session)).filter(pl.col("team") == team).collect()
    flags = np.zeros(frame.height, np.bool_)
    flags[found["row"].to_numpy()] = True
    return flags


def drawn_keys(session: Session) -> pl.Series:
    """Conversations that are in a sample which still stands."""
    key = func.coalesce(Sample.conversation_key, Sample.unit_id)
    found = session.scalars(select(key).where(Sample.withdrawn_at.is_(None), Sample.pi.is_not(None)).distinct())
    return pl.Series(list(found), dtype=pl.String)


def sees_draws(actor: Actor) -> bool:
    """Whether `actor` may know which conversations were drawn: an inspector may still have to score them."""
    return actor.reads_others
