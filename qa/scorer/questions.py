"""What is asked of an endpoint, and its answers checked against the conversation: shared by runs, tests and gold
conversations. Sends nothing and stores nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from qa.archive import Snapshot
from scoring import judge
from scoring.rubric import Rubric

MAIN, AGAIN, REVERSED, GOLD = "main", "again", "reversed", "gold"
"""What a question is for; gold ones carry their day."""


@dataclass(frozen=True)
class AskedConversation:
    """A conversation to ask about, and what for."""

    conversation_key: str
    content: str
    purpose: str


_PLAIN = {
    "conversation_key": pl.String, "about": pl.String, "said": pl.String, "quote": pl.String, "verbatim": pl.Boolean,
}  # fmt: skip


def _columns(said: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Answers as columns; lists of evidence are laid end to end, a tenth of the work of a series for each."""
    plain = [pl.Series(name, [one.get(name) for one in said], dtype=kind) for name, kind in _PLAIN.items()]
    lists: list[list[int] | None] = [one.get("evidence") for one in said]
    ends = np.cumsum([0, *(len(one or ()) for one in lists)], dtype=np.int32)
    seqs = pa.array([seq for one in lists for seq in one or ()], pa.int32())
    none = pa.array([one is None for one in lists], pa.bool_())
    evidence = pa.ListArray.from_arrays(pa.array(ends), seqs, mask=none)
    return pl.DataFrame([*plain, pl.Series("evidence", evidence, dtype=pl.List(pl.Int32))])


def checked(snapshot: Snapshot, rubric: Rubric, said: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Answers and totals of whole conversations as the archive keeps them."""
    answers = _columns(said)
    keys = answers.select("conversation_key").unique().lazy()
    messages = snapshot.scan("messages").join(keys, on="conversation_key", how="semi")
    found = judge.checked(answers, rubric, messages.select("conversation_key", "seq", "role", "text").collect())
    void = pl.col("misquoted")
    found = found.with_columns(misquoted=(pl.col("why") == "") & ~pl.col("verbatim").fill_null(True)).with_columns(
        why=pl.when(void).then(pl.lit("not_verbatim")).otherwise("why"),
        answer=pl.when(void).then(pl.lit(judge.VOID)).otherwise("answer"),
        value=pl.when(~void).then("value"), loss=pl.when(~void).then("loss"),
    )  # fmt: skip
    return pl.concat([found.select(list(judge.SCHEMA)), judge.totals(found, rubric).select(list(judge.SCHEMA))])
