"""The rows of a generated shop: columns being filled, and beside them what is true of each conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

SOURCE = "demo"
DISPUTE_TRUTH: dict[str, pl.DataType | type[pl.DataType]] = {
    "dispute_key": pl.String, "join": pl.String, "conversation_key": pl.String, "agent_id": pl.String,
    "faults": pl.List(pl.String), "author": pl.String,
}  # fmt: skip
PROMISE_TRUTH: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_key": pl.String, "seq": pl.Int32, "kind": pl.String, "amount": pl.Int64, "status": pl.String,
}  # fmt: skip
MAYBE: dict[str, pl.DataType | type[pl.DataType]] = {
    "conversation_id": pl.String, "order_id": pl.String, "customer_id": pl.String,
    "closed_at": pl.Datetime("us", "UTC"), "returned_at": pl.Datetime("us", "UTC"),
}  # fmt: skip
"""What a small demo may leave empty in all of its disputes."""


@dataclass
class Rows:
    """Column lists being filled."""

    conversations: list[dict[str, Any]] = field(default_factory=list)
    messages: list[tuple[Any, ...]] = field(default_factory=list)
    disputes: list[dict[str, Any]] = field(default_factory=list)
    ratings: list[dict[str, Any]] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    dispute_truth: list[dict[str, Any]] = field(default_factory=list)
    promise_truth: list[dict[str, Any]] = field(default_factory=list)

    def frames(self) -> dict[str, pl.DataFrame]:
        columns = ("conversation_id", "seq", "role", "agent_id", "sent_at", "kind", "text")
        return {
            "conversations": pl.DataFrame(self.conversations, infer_schema_length=None),
            "messages": pl.DataFrame(self.messages, schema=columns, orient="row", infer_schema_length=None),
            "disputes": pl.DataFrame(self.disputes, infer_schema_length=None, schema_overrides=MAYBE),
            "ratings": pl.DataFrame(self.ratings, infer_schema_length=None),
        }

    def truth_frame(self) -> pl.DataFrame:
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "conversation_key": pl.String,
            "agent_id": pl.String,
            "faults": pl.List(pl.String),
            "fault_seqs": pl.List(pl.Int32),
            "red_lines": pl.List(pl.String),
        }
        return pl.DataFrame(self.truth, schema=schema)

    def record_truth(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What is true of the disputes and of the promises: see `DemoData`."""
        return (
            pl.DataFrame(self.dispute_truth, schema=DISPUTE_TRUTH, orient="row"),
            pl.DataFrame(self.promise_truth, schema=PROMISE_TRUTH, orient="row"),
        )
