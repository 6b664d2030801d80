"""From the archive to what the risk model reads of a conversation: its texts and its signals, columnar.

The same function serves training and scoring, so that a model is never shown other columns than those it learnt from.
Does not know labels and models.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from qa.archive import Snapshot
from qa.disputes.settled import Settled, laid_over

SOON = timedelta(days=3)
"""A dispute counts when it was opened this soon after the chat: a conversation of yesterday has had no more time, and
must look like one of last year."""

CHATS = (
    "conversation_key",
    "import_id",
    "started_at",
    "satisfaction",
    "hit_count",
    "max_gap_s",
    "rounds",
    "rounds_in_time",
    "unanswered",
    "message_count",
    "refund",
)


def chats(snapshot: Snapshot, settled: Sequence[Settled] = ()) -> pl.LazyFrame:
    """One row for each conversation whose present content was screened, with its signals: the columns `CHATS`. Disputes
    belong to the chats that people `settled` them to."""
    conversations = snapshot.scan("conversations").select(
        "conversation_key", "import_id", "started_at", "satisfaction", "message_count"
    )
    signals = snapshot.scan("signals").select(
        "conversation_key",
        "import_id",
        "hit_count",
        "max_gap_s",
        "rounds",
        "rounds_in_time",
        "unanswered",
    )
    over = laid_over(snapshot.scan("disputes"), snapshot.scan("conversations"), settled)
    disputes = over.select("conversation_key", "opened_at").drop_nulls()
    opened = disputes.group_by("conversation_key").agg(pl.col("opened_at").min())
    joined = conversations.join(signals, on=["conversation_key", "import_id"], nulls_equal=True).join(
        opened, on="conversation_key", how="left"
    )
    soon = (pl.col("opened_at") - pl.col("started_at") <= SOON).fill_null(False)
    return joined.with_columns(refund=soon).select(*CHATS)


def features(messages: pl.DataFrame, chats: pl.DataFrame) -> pl.DataFrame:
    """What `scoring.risk` reads, one row for each of `chats` (columns `CHATS`) that has messages.

    `messages` holds conversation_key, seq, role and text of complete conversations; others than those of `chats` are
    left out. Returns unit_id, started_at, import_id, the texts and `scoring.risk.SIGNALS`.
    """
    said = messages.lazy().filter(pl.col("role").is_in(["customer", "agent", "bot"])).sort("conversation_key", "seq")
    texts = said.group_by("conversation_key", maintain_order=True).agg(
        customer_text=pl.col("text").filter(pl.col("role") == "customer").str.join("\n"),
        agent_text=pl.col("text").filter(pl.col("role") == "agent").str.join("\n"),
        last_text=pl.col("text").last(),
        customer_last=pl.col("role").last() == "customer",
    )
    slow = pl.col("rounds") - pl.col("rounds_in_time") - pl.col("unanswered")
    return (
        chats.lazy()
        .join(texts, on="conversation_key")
        .select(
            "started_at",
            "import_id",
            "customer_text",
            "agent_text",
            "last_text",
            "customer_last",
            "refund",
            unit_id="conversation_key",
            hits="hit_count",
            rating="satisfaction",
            longest_wait="max_gap_s",
            messages="message_count",
            # without times of day nothing was slow, as far as anybody can know
            slow_replies=pl.when(pl.col("max_gap_s").is_not_null()).then(slow.clip(lower_bound=0)).otherwise(0),
        )
        .collect()
    )
