"""What a file is opened for."""

from __future__ import annotations

import polars as pl

from qa.redlines.opening import _told


def test_a_hint_opens_no_file_where_another_rule_has_spoken() -> None:
    hits = pl.DataFrame(
        [("c1", 1, "R01"), ("c1", 1, "R13"), ("c1", 2, "R13"), ("c2", 1, "R13")],
        schema=["conversation_key", "seq", "rule_id"],
        orient="row",
    )
    left = _told(hits.lazy(), ["R13"]).sort("conversation_key", "seq").collect()
    assert left.rows() == [("c1", 1, "R01"), ("c1", 2, "R13"), ("c2", 1, "R13")]
    assert _told(hits.lazy(), []).collect().height == hits.height
