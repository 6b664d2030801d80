"""Hashes of what messages say, by which equal content is known. They hold on one machine and library version only."""

from __future__ import annotations

import numpy as np
import polars as pl

MIX_A, MIX_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


def probe() -> str:
    """A mark of how this machine and library version hash text: hashes are compared only under the same mark."""
    value = pl.Series(["抽检 probe"]).to_frame("t").select(pl.col("t").hash(1)).item()
    return f"{value:016x}"[:8]


def said_hash(rows: pl.DataFrame, at: pl.Expr) -> pl.Series:
    """64-bit hash of what makes a message the same in two files: its side, its moment `at` and its text. Which account
    of the shop spoke, and as what a file has it, two exports may tell differently."""
    side = (pl.col("role") == "customer").cast(pl.UInt64)
    mixed = pl.col("text").hash(1) * pl.lit(MIX_A, dtype=pl.UInt64) + at.dt.epoch("us").fill_null(-1).hash(2) * pl.lit(
        MIX_B, dtype=pl.UInt64
    )
    return rows.select(h=(mixed + side * pl.lit(MIX_A ^ MIX_B, dtype=pl.UInt64)).hash(3))["h"]


def row_hash(rows: pl.DataFrame, place: str | None = "seq") -> pl.Series:
    """64-bit hash of everything a message says, with its place; to be added up over a conversation."""
    columns = rows.select(
        text=pl.col("text").hash(1),
        role=pl.col("role").hash(2),
        agent=pl.col("agent_id").hash(3),
        kind=pl.col("kind").hash(4),
        at=pl.col("sent_at").dt.epoch("us").fill_null(-1).reinterpret(signed=False),
        place=pl.col(place).cast(pl.UInt64, strict=False).fill_null(0) if place else pl.lit(0, dtype=pl.UInt64),
    )
    text, role, agent, kind, at, number = (column.to_numpy() for column in columns)
    said = role ^ (agent * np.uint64(3)) ^ (kind * np.uint64(5))
    mixed = (text * MIX_A ^ number * MIX_B ^ at * (MIX_A | np.uint64(2))) + said * MIX_B
    return pl.Series("h", (mixed ^ (mixed >> np.uint64(29))) * MIX_A)
