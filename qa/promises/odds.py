"""How probable it is that a promise which the data call broken is confirmed so, learnt from the rulings on such
promises.

By the seam of the red lines' odds (`scoring.risk.odds`): what the status rests on stands for the rule, the kind of
promise for the words. Ruled promises are those somebody looked at, no random sample: the odds order the list and decide
nothing.
"""

from __future__ import annotations

import polars as pl

from scoring.promises import PromiseStatus
from scoring.risk.odds import Learnt, Odds, RuledHit, learn

_CONFIRMED = PromiseStatus.BROKEN.value


def learnt(frame: pl.DataFrame) -> Learnt:
    """What the rulings among rows of `qa.promises.reading.judged` say of promises that the data call broken."""
    ruled = frame.filter(pl.col("found") == _CONFIRMED, pl.col("ruled").is_not_null())
    rows = ruled.select("evidence", "kind", "ruled").iter_rows()
    return learn([RuledHit(evidence, kind, status == _CONFIRMED) for evidence, kind, status in rows])


def with_odds(frame: pl.DataFrame, known: Learnt) -> pl.DataFrame:
    """The rows with `p`, the odds of those that the data call broken and nobody has ruled on; null for the others."""
    open_ = (pl.col("found") == _CONFIRMED) & pl.col("ruled").is_null()
    groups = frame.filter(open_).select("evidence", "kind").unique()
    odds = [of(known, evidence, kind).p for evidence, kind in groups.iter_rows()]
    told = groups.with_columns(p=pl.Series(odds, dtype=pl.Float64))
    return frame.join(told, on=["evidence", "kind"], how="left", maintain_order="left").with_columns(
        p=pl.when(open_).then("p")
    )


def of(known: Learnt, evidence: str, kind: str) -> Odds:
    """The odds of a promise of this kind whose status rests on this evidence."""
    return known.odds(evidence, kind)
