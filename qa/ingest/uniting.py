"""Parts of one conversation as one: the same message once, every part's order kept, whatever order the parts come in.

A part is what one file (or one record of it) says of a conversation. Two messages are the same when side (customer or
shop), time and text are; one that a part says twice is there twice. Times decide the order; among equal times the parts
do. Where one part knows minutes alone and another seconds, the minute decides, and the seconds stay.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Sequence
from typing import TypeVar

import polars as pl

from qa.ingest.hashing import said_hash

T = TypeVar("T", bound=Hashable)

CHAT = "conversation_key"
SAME = [CHAT, "h", "n"]
"""What names a message of a conversation: its content, and which of equal ones it is."""


def unite(rows: pl.DataFrame) -> pl.DataFrame:
    """The messages of each conversation once, in order: `rows` are messages with `part` (which part) and `place` (its
    order there).

    Of a message that several parts have, the row of the lowest `part` stays. Returns the columns of `rows` without
    `part` and `place`, with `seq` 0, 1, 2 …, sorted by conversation and `seq`.
    """
    coarse = _coarse(rows)
    moment = pl.when(pl.col("mixed")).then(pl.col("sent_at").dt.truncate("1m")).otherwise("sent_at")
    marked = rows.join(coarse, on=[CHAT, "part"], how="left", maintain_order="left")
    marked = marked.with_columns(said_hash(marked, moment))
    said = _timed(marked.sort(CHAT, "coarse", "part", "place", maintain_order=True))
    said = said.with_columns(n=pl.int_range(pl.len()).over(CHAT, "part", "h"))
    exact = pl.when("mixed").then(pl.col("at").first()).otherwise(pl.col("at").min()).over(SAME)
    said = said.with_columns(at=exact)
    once = said.unique(SAME, keep="first", maintain_order=True).join(
        _places(said), on=SAME, how="left", maintain_order="left"
    )
    ordered = once.sort(CHAT, "at", "tie", nulls_last=False, maintain_order=True)
    return ordered.drop("part", "place", "h", "n", "at", "tie", "coarse", "mixed").with_columns(
        seq=pl.int_range(pl.len(), dtype=pl.Int32).over(CHAT)
    )


def _coarse(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each part whether it knows whole minutes alone (`coarse`), and whether other parts know seconds (`mixed`)."""
    exact = (pl.col("sent_at") != pl.col("sent_at").dt.truncate("1m")).fill_null(False)
    parts = rows.group_by(CHAT, "part").agg(coarse=~exact.any() & (pl.col("sent_at").count() > 1))
    mixed = pl.col("coarse").any().over(CHAT) & ~pl.col("coarse").all().over(CHAT)
    return parts.with_columns(mixed=mixed).with_columns(coarse=pl.col("coarse") & pl.col("mixed"))


def _timed(rows: pl.DataFrame) -> pl.DataFrame:
    """`at`: when a message stands in its part. One without a time, or with an earlier one than its predecessor, stands
    with that."""
    at = pl.col("sent_at").forward_fill().over(CHAT, "part")
    rows = rows.with_columns(at=at).with_columns(at=pl.col("at").cum_max().over(CHAT, "part"))
    return rows.with_columns(at=pl.col("at").backward_fill().over(CHAT, "part"))


def _places(said: pl.DataFrame) -> pl.DataFrame:
    """`SAME` and `tie`: the place among the messages of the same moment."""
    group = [CHAT, "at"]
    said = said.join(_ranks(said), on=[CHAT, "part"], how="left", maintain_order="left")
    held = said.group_by(*group, "part", "rank").agg(held=pl.len())
    all_ = said.unique(SAME).group_by(group).agg(all=pl.len())
    held = held.join(all_, on=group, how="left", nulls_equal=True)
    whole = held.filter(pl.col("held") == pl.col("all")).sort("rank").unique(group, keep="first", maintain_order=True)
    ready = said.join(whole.select(*group, "part"), on=[*group, "part"], how="semi", nulls_equal=True).select(
        *SAME, tie="place"
    )
    open_ = said.join(whole.select(group), on=group, how="anti", nulls_equal=True)
    return pl.concat([ready, _merged(open_)]) if open_.height else ready


def _ranks(said: pl.DataFrame) -> pl.DataFrame:
    """Which part of a conversation comes first: the one that begins first, then the one that ends first, then by
    content."""
    parts = said.group_by(CHAT, "part").agg(first=pl.col("at").min(), last=pl.col("at").max(), sum=pl.col("h").sum())
    ordered = parts.sort(CHAT, "first", "last", "sum", "part")
    return ordered.select(CHAT, "part", rank=pl.int_range(pl.len()).over(CHAT))


def _merged(said: pl.DataFrame) -> pl.DataFrame:
    """Moments that no part knows whole: their messages in an order that keeps every part's."""
    found = []
    lists = said.sort("rank", "place").group_by(CHAT, "at", "rank", maintain_order=True).agg("h", "n")
    for (chat, _at), parts in lists.group_by(CHAT, "at", maintain_order=True):
        orders = [list(zip(h, n, strict=True)) for h, n in parts.select("h", "n").iter_rows()]
        found += [(chat, h, n, place) for place, (h, n) in enumerate(merge(orders))]
    return pl.DataFrame(found, schema={CHAT: pl.String, "h": pl.UInt64, "n": pl.Int64, "tie": pl.Int64}, orient="row")


def merge(orders: Sequence[Sequence[T]]) -> list[T]:
    """All elements once, in an order that agrees with each of `orders` where they do not contradict each other; the
    earlier goes first."""
    rank: dict[T, tuple[int, int]] = {}
    following: dict[T, list[T]] = {}
    before: dict[T, int] = {}
    for number, order in enumerate(orders):
        for place, element in enumerate(order):
            rank.setdefault(element, (number, place))
            following.setdefault(element, [])
            before.setdefault(element, 0)
            if place:
                following[order[place - 1]].append(element)
                before[element] += 1
    ready = [(rank[element], element) for element, n in before.items() if n == 0]
    waiting = [(place, element) for element, place in rank.items()]
    heapq.heapify(ready)
    heapq.heapify(waiting)
    done: dict[T, None] = {}
    while len(done) < len(rank):
        _, element = heapq.heappop(
            ready or waiting
        )  # where the orders contradict each other, the first of what is left
        if element in done:
            continue
        done[element] = None
        for after in following[element]:
            before[after] -= 1
            if before[after] == 0:
                heapq.heappush(ready, (rank[after], after))
    return list(done)
