"""Reply times by platform definition.

Owns what a round is, which rounds count, and the figures per conversation and per message; the platforms' definitions
are data (`scoring.definitions`), each with its date and source mark. Does not know where messages come from, what the
time is now, and which figure a shop should aim at. Times are whole seconds (fractions cut off). Messages without a time
are tolerated: their rounds count as answered or not, but are never called fast or slow.

Method: pack place, time and side of every message into one number, gather them by conversation, and read rounds off the
runs of equal sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy

from scoring.definitions import DAY, DEFINITIONS, Definition, Unit, definition_of

__all__ = [
    "DEFINITIONS",
    "Definition",
    "Ordered",
    "Rate",
    "Rounds",
    "Unit",
    "conversation_metrics",
    "definition_of",
    "message_gaps",
    "rate",
]

Ints = np.ndarray[Any, np.dtype[np.int64]]
Lines = np.ndarray[Any, np.dtype[np.uint64]]
Codes = np.ndarray[Any, np.dtype[np.int32]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

UNKNOWN = -1
REQUIRED = ("conversation_key", "seq", "role", "sent_at")


# --- rounds --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ordered:
    """Messages of both sides, sorted: conversation code, is it the customer's, and the packed line (place, ticks, two
    bits of side); ticks are 0 when unknown, else seconds − base."""

    conversation: Codes
    customer: Bools
    line: Lines
    tick_bits: int
    base: int

    def seconds(self, at: Ints) -> Ints:
        """Epoch seconds (or UNKNOWN) of the messages at these places."""
        ticks = self.line[at]
        ticks >>= np.uint64(2)
        ticks &= np.uint64((1 << self.tick_bits) - 1)
        seconds = ticks.view(np.int64)
        unknown = seconds == 0
        seconds += self.base
        seconds[unknown] = UNKNOWN
        return seconds


@dataclass(frozen=True, slots=True)
class Rounds:
    """One entry a round: conversation code, second of the question, seconds to the reply (UNKNOWN), was it answered."""

    conversation: Ints
    asked: Ints
    reply: Ints
    answered: Bools


def _bits(values: Ints) -> int:
    return max(1, int(values.max()).bit_length() if len(values) else 1)


def _least(values: pl.Series) -> int:
    least = values.min()
    return least if isinstance(least, int) else 0


def _most(values: pl.Series) -> int:
    most = values.max()
    return most if isinstance(most, int) else 0


def _ordered(messages: pl.DataFrame, answered_by: tuple[str, ...]) -> tuple[Ordered, pl.Series]:
    """The parties' messages by conversation and seq, and the key of each conversation code (also of those without any).

    Place, time and side of a message are packed into one number, so that conversations are gathered by moving one
    column, and sorting (which export order seldom needs) compares whole numbers.
    """
    role, seq, second = messages["role"], messages["seq"].cast(pl.Int64), messages["sent_at"].dt.epoch("s")
    base = _least(second) - 1
    ticks = (second.fill_null(base) if second.has_nulls() else second).to_numpy()
    tick_bits = max(1, ((_most(second) - base) if len(second) else 0).bit_length())
    place = np.subtract(seq.to_numpy(), _least(seq), dtype=np.int64)
    if _bits(place) + tick_bits + 2 > 64:  # no room for the numbers themselves: their ranks will do
        place = np.unique(place, return_inverse=True)[1]
    customer = (role == "customer").fill_null(False).to_numpy()
    party = customer.copy()
    for name in answered_by:
        party |= (role == name).fill_null(False).to_numpy()
    line = place.view(np.uint64)
    line <<= np.uint64(tick_bits)
    line |= np.subtract(ticks, base, dtype=np.int64).view(np.uint64)
    for side in (party, customer):
        line <<= np.uint64(1)
        line |= side
    line, sizes, keys = _gathered(messages["conversation_key"], line)
    conversation = np.repeat(np.arange(len(keys), dtype=np.int32), sizes)
    if ((line[1:] < line[:-1]) & (conversation[1:] == conversation[:-1])).any():
        line = line[np.lexsort((line, conversation))]
    if not party.all():
        theirs = (line & np.uint64(2)) != 0
        line, conversation = line[theirs], conversation[theirs]
    return Ordered(conversation, (line & np.uint64(1)).astype(np.bool_), line, tick_bits, base), keys


def _gathered(keys: pl.Series, lines: Lines) -> tuple[Lines, Ints, pl.Series]:
    """The lines of each conversation side by side, in the order they came; how many there are; and its key."""
    least, most = keys.min(), keys.max()
    if isinstance(least, int) and isinstance(most, int) and most - least <= min(4 * len(keys), 2**31 - 3):
        codes = (keys.cast(pl.Int64) - least).fill_null(most - least + 1)
    else:
        own = pl.Categorical(pl.Categories.random())  # its own dictionary: codes do not depend on what was read before
        codes = keys.cast(pl.String).fill_null("").cast(own).to_physical()
    columns, rows = codes.cast(pl.Int32).to_numpy(), np.arange(len(keys), dtype=np.int32)
    wide = int(columns.max()) + 1 if len(keys) else 0
    table = scipy.sparse.csr_array((rows, (columns, rows)), shape=(wide, len(keys)))  # a counting sort, done in C
    sizes = np.diff(table.indptr)
    present = np.flatnonzero(sizes)
    return lines[table.indices], sizes[present], keys.gather(table.indices[table.indptr[present]])


def _rounds(lines: Ordered) -> Rounds:
    """A round is a run of customer messages; the run after it in the same conversation answers it."""
    conv, side = lines.conversation, lines.customer
    if not len(conv):
        none = np.empty(0, dtype=np.int64)
        return Rounds(none, none, none, np.empty(0, dtype=np.bool_))
    starts = np.flatnonzero(np.r_[True, (conv[1:] != conv[:-1]) | (side[1:] != side[:-1])])
    conv, side, second = conv[starts], side[starts], lines.seconds(starts)
    answered = np.r_[conv[1:] == conv[:-1], False]
    reply_at = np.r_[second[1:], UNKNOWN]
    known = answered & (second != UNKNOWN) & (reply_at != UNKNOWN)
    reply = np.where(known, np.maximum(reply_at - second, 0), UNKNOWN)
    return Rounds(conv[side].astype(np.int64), second[side], reply[side], answered[side])


def _in_hours(seconds: Ints, definition: Definition, tz: str) -> Bools:
    """Does each moment fall into the definition's business hours? Moments of unknown time do only when hours are all
    day."""
    if definition.opens == 0 and definition.closes == DAY:
        return np.ones(len(seconds), dtype=np.bool_)
    local = pl.Series(seconds).cast(pl.Int64) * 1_000_000
    clock = local.cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(tz)
    minute = (clock.dt.hour().cast(pl.Int32) * 60 + clock.dt.minute().cast(pl.Int32)).to_numpy()
    after, before = minute >= definition.opens, minute < definition.closes
    inside = after & before if definition.opens <= definition.closes else after | before
    return np.asarray(inside & (seconds != UNKNOWN), dtype=np.bool_)


def _require(messages: pl.DataFrame) -> None:
    missing = [c for c in REQUIRED if c not in messages.columns]
    if missing:
        raise ValueError(f"messages lack the column {missing[0]!r}")


def conversation_metrics(messages: pl.DataFrame, definition: Definition, tz: str) -> pl.DataFrame:
    """Reply times of every conversation in ``messages`` (conversation_key, seq, role, sent_at; complete conversations).

    Columns: ``conversation_key``; ``rounds`` that count under the definition, of which ``answered``, ``in_time`` and
    ``untimed`` (answered, but a time is missing); ``unanswered``; ``first_reply_s`` of the first counted round,
    ``mean_reply_s``, ``max_reply_s`` over timed rounds (null without any); ``counts`` whether the conversation enters
    the platform's figure and ``good`` whether it does so well (unit first: the first round in time; unit buyer: all
    rounds; unit round: null). Raises ValueError naming a missing column.
    """
    _require(messages)
    lines, keys = _ordered(messages, definition.answered_by)
    rounds = _rounds(lines)
    return _summed(rounds, _counted(lines, rounds, definition, tz), definition, keys)


def _counted(lines: Ordered, rounds: Rounds, definition: Definition, tz: str) -> Bools:
    """Which rounds the definition counts: those in hours, and for the unit first only the first of a conversation."""
    if definition.by_session:
        first = np.flatnonzero(np.diff(lines.conversation, prepend=np.int64(-1)))
        started = np.full(int(lines.conversation[-1]) + 1 if len(first) else 0, UNKNOWN, dtype=np.int64)
        started[lines.conversation[first]] = lines.seconds(first)
        counted = _in_hours(started[rounds.conversation], definition, tz)
    else:
        counted = _in_hours(rounds.asked, definition, tz)
    if definition.unit is Unit.FIRST:
        counted &= np.diff(rounds.conversation, prepend=np.int64(-1)) != 0
    return counted


def _summed(rounds: Rounds, counted: Bools, definition: Definition, keys: pl.Series) -> pl.DataFrame:
    """Counts, first, mean and longest reply of the counted rounds by conversation."""
    n = len(keys)
    conv, reply, answered = rounds.conversation[counted], rounds.reply[counted], rounds.answered[counted]
    timed = reply != UNKNOWN

    def count(chosen: Bools | None = None) -> Ints:
        return np.bincount(conv if chosen is None else conv[chosen], minlength=n)

    total, in_time, with_time = count(), count(timed & (reply <= definition.threshold_s)), count(timed)
    seconds = np.bincount(conv[timed], weights=reply[timed], minlength=n)
    longest, first = np.full(n, UNKNOWN, dtype=np.int64), np.full(n, UNKNOWN, dtype=np.int64)
    if timed.any():
        edge = np.flatnonzero(np.diff(conv[timed], prepend=np.int64(-1)))
        longest[conv[timed][edge]] = np.maximum.reduceat(reply[timed], edge)
    opening = np.flatnonzero(np.diff(conv, prepend=np.int64(-1)))
    first[conv[opening]] = reply[opening]
    judged = {Unit.FIRST: in_time > 0, Unit.BUYER: in_time == total}.get(definition.unit)
    counts = pl.DataFrame(
        {
            "conversation_key": keys,
            "rounds": total.astype(np.int32),
            "answered": count(answered).astype(np.int32),
            "in_time": in_time.astype(np.int32),
            "untimed": count(answered & ~timed).astype(np.int32),
            "unanswered": count(~answered).astype(np.int32),
            "first_reply_s": first,
            "mean_reply_s": np.divide(seconds, with_time, out=np.full(n, np.nan), where=with_time > 0),
            "max_reply_s": longest,
            "counts": total > 0,
        }
    )
    good = pl.Series("good", judged, dtype=pl.Boolean) if judged is not None else pl.lit(None, pl.Boolean).alias("good")
    return counts.with_columns(
        pl.col("first_reply_s", "max_reply_s").replace(UNKNOWN, None),
        pl.col("mean_reply_s").fill_nan(None),
        good,
    ).with_columns(pl.when("counts").then("good").alias("good"))


@dataclass(frozen=True, slots=True)
class Rate:
    """A platform figure: ``good`` of ``total``, with ``untimed`` of them left out because a time is missing."""

    good: int
    total: int
    untimed: int

    @property
    def share(self) -> float | None:
        """good ÷ total, None when nothing counts."""
        return self.good / self.total if self.total else None


def rate(metrics: pl.DataFrame, definition: Definition) -> Rate:
    """The platform's figure over the conversations of :func:`conversation_metrics`.

    Rounds answered at an unknown time are left out of both counts; with units first and buyer, so are the conversations
    that hold one.
    """
    untimed = int(metrics["untimed"].sum())
    if definition.unit is Unit.ROUND:
        return Rate(int(metrics["in_time"].sum()), int(metrics["rounds"].sum()) - untimed, untimed)
    clear = metrics.filter(pl.col("counts") & (pl.col("untimed") == 0))
    return Rate(int(clear["good"].sum()), clear.height, int((metrics["untimed"] > 0).sum()))


def message_gaps(messages: pl.DataFrame, slow_after_s: int = 180) -> pl.DataFrame:
    """Waits inside transcripts, one row a message in the order of conversation_key and seq.

    Columns: ``conversation_key``, ``seq``; ``gap_s`` since the message before (any role); ``reply_s`` on an agent's
    first reply: seconds since the customer's first open message; ``slow``: reply_s > ``slow_after_s`` (null where there
    is no reply_s). Unknown times give null. Raises ValueError naming a missing column.
    """
    _require(messages)
    second = pl.col("sent_at").dt.epoch("s")
    party = pl.col("role").is_in(["customer", "agent"])
    ordered = messages.select(*REQUIRED).sort("conversation_key", "seq")
    gaps = ordered.with_columns((second - second.shift().over("conversation_key")).clip(0).alias("gap_s"))
    talk = (
        gaps.filter(party)
        .with_columns(pl.struct("conversation_key", pl.col("role") == "customer").rle_id().alias("run"))
        .with_columns(second.first().over("run").alias("opened"), pl.int_range(pl.len()).over("run").alias("nth"))
    )
    heads = talk.filter(pl.col("nth") == 0).with_columns(
        pl.col("opened").shift().over("conversation_key").alias("asked"),
        pl.col("role").shift().over("conversation_key").alias("before"),
    )
    replies = heads.filter((pl.col("role") == "agent") & (pl.col("before") == "customer")).select(
        "conversation_key", "seq", (pl.col("opened") - pl.col("asked")).clip(0).alias("reply_s")
    )
    return gaps.join(replies, on=["conversation_key", "seq"], how="left", maintain_order="left").select(
        "conversation_key", "seq", "gap_s", "reply_s", (pl.col("reply_s") > slow_after_s).alias("slow")
    )
