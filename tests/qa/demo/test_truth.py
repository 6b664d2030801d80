"""The shipped red lines against demo conversations whose violations are known: what is found, what is a false alarm."""

from __future__ import annotations

from datetime import date

import polars as pl

from qa.demo.generate import generate
from scoring.redline import Screener, load_default_rules


def test_planted_violations_are_found_and_little_else() -> None:
    data = generate("truth", date(2026, 3, 1), scale=0.5)
    messages = data.tables["messages"].with_columns(
        conversation_key=pl.format("demo:{}", "conversation_id"), seq=pl.col("seq").cast(pl.Int32)
    )
    hits = Screener(load_default_rules()).screen(messages)
    found = set(hits.select("conversation_key", "rule_id").unique().iter_rows())
    planted = set(
        data.truth.explode("red_lines").drop_nulls("red_lines").select("conversation_key", "red_lines").iter_rows()
    )
    assert len(planted) > 30
    recall = len(found & planted) / len(planted)
    assert recall >= 0.95, sorted(planted - found)[:10]
    # a rude or careless line may well be a suspicion; a conversation without any planted fault must be quiet
    clean = data.truth.filter((pl.col("faults").list.len() == 0) & (pl.col("red_lines").list.len() == 0))
    said = messages.filter(pl.col("role") == "agent").join(clean, on="conversation_key", how="semi").height
    alarms = hits.join(clean, on="conversation_key", how="semi")
    assert 1000 * alarms.height / said <= 2, alarms["matched"].to_list()[:10]
