"""What became of promises, judged from what the data show afterwards; the evidence is named, or nothing is said.

Strongest first: what the platform recorded of the order's refunds, then what the customer said, then a rating or a
dispute that complains of the very thing. Silence keeps no promise and breaks none, and a record that allows two
readings (a refund closed by nobody knows whom) is no evidence: it is cited, and the status is that nobody can tell.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import polars as pl

from scoring.promises.sayings import DONE, NOT_DONE

OPEN_WITHOUT_TIME = timedelta(days=7)
"""A promise without a time counts as open this long."""
APART = timedelta(hours=1)
"""An agent who writes after so long a silence has come back to the customer."""
ARRIVED = timedelta(days=1)
"""What arrives this soon after the time named was sent in time."""
REFUNDED = ("SUCCESS", "REFUND_SUCCESS", "退款成功", "成功", "已退款")
REFUSED = ("SELLER_REFUSE_BUYER", "SELLER_REFUSE", "卖家拒绝退款", "卖家拒绝", "已拒绝")
CLOSED = ("CLOSED", "REFUND_CLOSED", "退款关闭", "关闭", "已关闭")
"""Withdrawn by the customer, timed out or turned down: the record does not say which."""
_MOST = 500

_AT = pl.Datetime("us", "UTC")
FACT_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "matter": pl.String,
    "what": pl.String,
    "at": _AT,  # null: not known
    "after": _AT,  # what has no time happened after this
    "text": pl.String,
    "status": pl.String,
    "amount": pl.Int64,
    "ref": pl.String,
}
"""What happened. `what`: customer (a message), agent (a message after a silence of `APART`), rating, dispute (the words
of a low rating or an application), refund (the record). `ref` names the message or record."""


class PromiseStatus(StrEnum):
    """What became of a promise. `NONE`: a person has ruled that it was none."""

    KEPT = "kept"
    BROKEN = "broken"
    OPEN = "open"
    UNKNOWN = "unknown"
    NONE = "none"


class PromiseEvidence(StrEnum):
    """What a status rests on."""

    REFUND = "refund"  # amount and time of the order's refunds
    REFUND_SMALLER = "refund_smaller"
    REFUND_LATE = "refund_late"
    REFUND_UNCLEAR = "refund_unclear"  # refunded; how much or when is not on record
    REFUSED = "refused"
    CLOSED = "closed"
    CUSTOMER = "customer"  # a later message of the customer
    CUSTOMER_LATE = "customer_late"  # the customer confirms it after its time: when it was done is not known
    AGENT = "agent"  # who promised to call back has written first
    RATING = "rating"
    DISPUTE = "dispute"
    NOT_DUE = "not_due"
    NOTHING = "nothing"
    RULING = "ruling"


CERTAIN = frozenset(
    {PromiseEvidence.REFUND_SMALLER, PromiseEvidence.REFUND_LATE, PromiseEvidence.REFUSED, PromiseEvidence.CUSTOMER}
)
"""Evidence of a broken promise that names the record or the message which contradicts it."""

OUTCOME_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.UInt32,
    "status": pl.String,
    "evidence": pl.String,
    "ref": pl.String,
    "at": _AT,
}


def outcomes(promises: pl.DataFrame, facts: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The status of each promise at `now` (`OUTCOME_SCHEMA`, one row a promise, in their order).

    `promises`: id (u32), matter, kind, amount (hundredths), said_at, due_at; `facts`: `FACT_SCHEMA`, in any order. What
    happened before a promise was made, or after `now`, does not count.
    """
    ends = pl.coalesce("due_at", pl.col("said_at") + OPEN_WITHOUT_TIME)
    made = promises.lazy().select("id", "matter", "kind", promised="amount", said="said_at", due="due_at", ends=ends)
    happened = pl.coalesce("at", "after")
    pairs = (
        made.join(facts.lazy().select(FACT_SCHEMA.keys()), on="matter")
        .filter(happened <= now, (happened > pl.col("said")) | pl.col("said").is_null())
        .with_columns(text=pl.col("text").str.slice(0, _MOST), status=pl.col("status").str.to_uppercase())
        .collect()
    )
    over = pl.lit(now) > pl.col("ends")
    found = [
        _paid(pairs, over),
        _refused(pairs, over),
        *_said(pairs),
        _came_back(pairs),
        *_complained(pairs),
        _closed(pairs),
        made.select("id", rank=pl.lit(9), ref=pl.lit(""), at=pl.lit(None, _AT), **_open_or_nothing(over)).collect(),
    ]
    columns = ["id", "rank", "status", "evidence", "ref", "at"]
    return (
        pl.concat([frame.select(columns) for frame in found], how="vertical_relaxed")
        .sort("rank", "at", "ref", nulls_last=True)
        .unique("id", keep="first", maintain_order=True)
        .sort("id")
        .select(pl.col(name).cast(kind) for name, kind in OUTCOME_SCHEMA.items())
    )


def _open_or_nothing(over: pl.Expr) -> dict[str, pl.Expr]:
    not_due = ~over.fill_null(value=True)
    return {
        "status": pl.when(not_due).then(pl.lit("open")).otherwise(pl.lit("unknown")),
        "evidence": pl.when(not_due).then(pl.lit("not_due")).otherwise(pl.lit("nothing")),
    }


def _named(frame: pl.DataFrame, rank: int, status: PromiseStatus, evidence: PromiseEvidence) -> pl.DataFrame:
    return frame.with_columns(rank=pl.lit(rank), status=pl.lit(status.value), evidence=pl.lit(evidence.value))


def _paid(pairs: pl.DataFrame, over: pl.Expr) -> pl.DataFrame:
    """The order's refunds added up: the one with which the sum promised was reached, in time or late, or never."""
    records = pairs.filter(pl.col("kind") == "refund", pl.col("what") == "refund", pl.col("status").is_in(REFUNDED))
    summed = records.sort("id", "at", "ref", nulls_last=True).with_columns(
        sum=pl.col("amount").cum_sum().over("id"),
        clear=(pl.col("at").is_not_null() | pl.col("due").is_null()).all().over("id")
        & (pl.col("amount").is_not_null() | pl.col("promised").is_null()).all().over("id"),
        last=pl.int_range(pl.len()).over("id") == pl.len().over("id") - 1,
    )
    enough = pl.col("promised").is_null() | (pl.col("sum") >= pl.col("promised"))
    late = (pl.col("at") > pl.col("due")).fill_null(value=False)
    judged = summed.with_columns(
        evidence=pl.when(~pl.col("clear")).then(pl.lit("refund_unclear"))
        .when(enough & late).then(pl.lit("refund_late"))
        .when(enough).then(pl.lit("refund"))
        .when("last").then(pl.when(over).then(pl.lit("refund_smaller")).otherwise(pl.lit("not_due")))
    ).filter(pl.col("evidence").is_not_null())  # fmt: skip
    statuses = {
        "refund_unclear": "unknown",
        "refund_late": "broken",
        "refund": "kept",
        "refund_smaller": "broken",
        "not_due": "open",
    }
    return judged.with_columns(
        rank=pl.lit(0), status=pl.col("evidence").replace_strict(statuses, return_dtype=pl.String)
    )


def _refused(pairs: pl.DataFrame, over: pl.Expr) -> pl.DataFrame:
    """A refusal contradicts the promise; until its time is over the refund may still come."""
    records = pairs.filter(
        pl.col("kind") == "refund", pl.col("what") == "refund", pl.col("status").is_in(REFUSED),
        over | pl.col("due").is_null(),
    )  # fmt: skip
    return _named(records, 1, PromiseStatus.BROKEN, PromiseEvidence.REFUSED)


def _closed(pairs: pl.DataFrame) -> pl.DataFrame:
    records = pairs.filter(pl.col("kind") == "refund", pl.col("what") == "refund", pl.col("status").is_in(CLOSED))
    return _named(records, 5, PromiseStatus.UNKNOWN, PromiseEvidence.CLOSED)


def _says(kinds: dict[str, str]) -> pl.Expr:
    """Does the text say what these patterns look for, each among the promises of its kind?"""
    said = pl.lit(value=False)
    for kind, pattern in kinds.items():
        said = said | ((pl.col("kind") == kind) & pl.col("text").str.contains(pattern))
    return said.fill_null(value=False)


def _said(pairs: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """What the customer wrote: that it is done, or after its time that it is not."""
    spoken = pairs.filter(pl.col("what") == "customer").with_columns(not_done=_says(NOT_DONE), done=_says(DONE))
    overdue = pl.col("at") > pl.col("ends")
    arrives = pl.when(pl.col("kind").is_in(["ship", "replace", "gift"])).then(pl.col("due") + ARRIVED).otherwise("due")
    in_time = arrives.is_null() | (pl.col("at") <= arrives)
    confirmed = spoken.filter("done", ~pl.col("not_done"))
    # the earlier of the two stands: both have one rank
    return (
        _named(spoken.filter("not_done", overdue), 2, PromiseStatus.BROKEN, PromiseEvidence.CUSTOMER),
        _named(confirmed.filter(in_time), 2, PromiseStatus.KEPT, PromiseEvidence.CUSTOMER),
        _named(confirmed.filter(~in_time), 4, PromiseStatus.UNKNOWN, PromiseEvidence.CUSTOMER_LATE),
    )


def _came_back(pairs: pl.DataFrame) -> pl.DataFrame:
    """Who promised to call back wrote first, in time: an answer to a customer who had to ask keeps no promise."""
    calls = pairs.filter(pl.col("kind") == "call_back", pl.col("at") >= pl.col("said") + APART)
    asked = calls.filter(pl.col("what") == "customer").group_by("id").agg(asked=pl.col("at").min())
    back = (
        calls.filter(pl.col("what") == "agent", pl.col("at") <= pl.col("ends"))
        .join(asked, on="id", how="left")
        .filter(pl.col("asked").is_null() | (pl.col("at") < pl.col("asked")))
    )
    return _named(back, 2, PromiseStatus.KEPT, PromiseEvidence.AGENT)


def _complained(pairs: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """Low ratings and applications after its time that speak of the very thing."""
    words = pairs.filter(pl.col("what").is_in(["rating", "dispute"]), pl.col("at") > pl.col("ends")).filter(
        _says(NOT_DONE)
    )
    return tuple(
        _named(words.filter(pl.col("what") == what), 3, PromiseStatus.BROKEN, evidence)
        for what, evidence in (("rating", PromiseEvidence.RATING), ("dispute", PromiseEvidence.DISPUTE))
    )
