"""What happened about the matters of promises, as one frame (`scoring.promises.FACT_SCHEMA`).

A matter is an order in its shop, or a conversation where no order is named. Nothing is joined by guess: a record
without order speaks of the conversation it is joined to.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from qa.archive import Snapshot, among
from qa.disputes.settled import Settled, laid_over
from scoring.promises import APART, FACT_SCHEMA

ORDER = pl.when(pl.col("order_id") != "").then("order_id")
"""The order number; null where it is empty."""
LOW = 2
"""Ratings up to this score are complaints."""


def matter() -> pl.Expr:
    """What a promise is followed through: the order in its shop, else the conversation."""
    order = pl.format("{}\n{}", pl.col("shop").fill_null(""), "order_id")
    return pl.when(pl.col("order_id").is_not_null()).then(order).otherwise("conversation_key")


def facts(snapshot: Snapshot, promises: pl.DataFrame, settled: Sequence[Settled] = ()) -> pl.DataFrame:
    """What the archive holds of the matters of these `promises` (conversation_key, order_id, matter); disputes belong
    to the chats that people `settled` them to."""
    wanted = promises.lazy().select(pl.col("matter").unique())
    orders = promises["order_id"].drop_nulls().unique()
    named = pl.col("order_id").is_in(orders.implode()).fill_null(False)
    near = snapshot.scan("conversations").filter(
        named | pl.col("conversation_key").is_in(promises["conversation_key"].unique().implode())
    )
    chats = near.with_columns(order_id=ORDER).select("conversation_key", matter=matter())
    known = chats.join(wanted, on="matter", how="semi").collect()
    disputes = laid_over(snapshot.scan("disputes"), snapshot.scan("conversations"), settled)
    parts = [
        _messages(snapshot, known),
        *_disputes(_records(disputes, wanted, known.lazy())),
        _ratings(_records(snapshot.scan("ratings"), wanted, known.lazy())),
    ]
    empty = pl.LazyFrame(schema=FACT_SCHEMA)
    return pl.concat([empty, *parts], how="diagonal").select(FACT_SCHEMA.keys()).collect()


def _messages(snapshot: Snapshot, known: pl.DataFrame) -> pl.LazyFrame:
    """What customers wrote, and what agents wrote after a silence."""
    said = (
        among(snapshot.scan("messages"), known["conversation_key"].unique())
        .filter(pl.col("role").is_in(["customer", "agent"]), pl.col("sent_at").is_not_null())
        .join(known.lazy(), on="conversation_key")
        .select("matter", "role", "sent_at", "text", "conversation_key", "seq")
        .sort("matter", "sent_at", "conversation_key", "seq")
    )
    silence = pl.col("sent_at") - pl.col("sent_at").shift().over("matter")
    return said.filter((pl.col("role") == "customer") | (silence >= APART)).select(
        "matter", what="role", at="sent_at",
        text=pl.when(pl.col("role") == "customer").then(pl.col("text").fill_null("")).otherwise(pl.lit("")),
        ref=pl.format("{}#{}", "conversation_key", "seq"),
    )  # fmt: skip


def _records(records: pl.LazyFrame, wanted: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    rows = records.with_columns(order_id=ORDER)
    by_order = rows.filter(pl.col("order_id").is_not_null()).with_columns(matter=matter())
    by_chat = rows.filter(pl.col("order_id").is_null()).join(known, on="conversation_key")
    return pl.concat([by_order.join(wanted, on="matter", how="semi"), by_chat], how="diagonal")


def _disputes(rows: pl.LazyFrame) -> tuple[pl.LazyFrame, ...]:
    """The application, the record of the refund, and what the customer wrote in it."""
    words = pl.concat_str("reason", "description", separator=" ", ignore_nulls=True)
    ref = pl.col("dispute_key")
    return (
        rows.select("matter", what=pl.lit("dispute"), at="opened_at", text=words, ref=ref),
        rows.select(
            "matter", what=pl.lit("refund"), at="closed_at", after="opened_at", status=pl.col("status").fill_null(""),
            amount="refund_fee", ref=ref,
        ),
        rows.select("matter", "messages", ref=ref)
        .explode("messages")
        .unnest("messages")
        .filter(pl.col("role") == "customer", pl.col("sent_at").is_not_null())
        .select("matter", what="role", at="sent_at", text=pl.col("text").fill_null(""), ref="ref"),
    )  # fmt: skip


def _ratings(rows: pl.LazyFrame) -> pl.LazyFrame:
    low = rows.filter(pl.col("score") <= LOW)
    text = pl.col("comment").fill_null("")
    return low.select("matter", what=pl.lit("rating"), at="rated_at", text=text, ref="rating_key")
