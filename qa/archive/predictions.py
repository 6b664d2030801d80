"""Predictions in the archive: several of each conversation, one for every predictor and what it speaks about.

Owns how they are read and exchanged, whoever made them. An archive of 0.1.0 held a single prediction of each
conversation, in `signals`: it is read from there until the first change of predictions takes it along, so that a
version that a draw has pinned gives the same numbers for ever. Does not predict.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from qa.archive.change import ArchiveChange
from qa.archive.schema import TABLES, conform
from qa.archive.snapshot import Snapshot

RULES = "rules"
"""Predictor and version of the rule score, which learns nothing."""
RISK = "risk"
"""Predictor of the trained risk model."""
MACHINE = "machine"
"""Predictor of the endpoint's machine scorer; scores from outside have one of their own, `machine:<name>`."""

REWRITE_SHARE = 20
"""The rows of a predictor are written anew when more than one in this many changes: cheaper than deleting by key."""


def is_machine(predictor: str) -> bool:
    """Whether a machine scorer, or scores from outside, speak under this name."""
    return predictor == MACHINE or predictor.startswith(f"{MACHINE}:")


def scan(snapshot: Snapshot) -> pl.LazyFrame:
    """All predictions: the columns of the archive's `predictions`."""
    if snapshot.tables["predictions"] < 0:
        signals = snapshot.scan("signals")
        if "model_version" in signals.collect_schema():
            return _of_signals(signals)
    return snapshot.scan("predictions").select(*TABLES["predictions"])


def _of_signals(signals: pl.LazyFrame) -> pl.LazyFrame:
    version = pl.col("model_version")
    return signals.filter(version.is_not_null()).select(
        "conversation_key",
        predictor=pl.when(version == RULES).then(pl.lit(RULES)).otherwise(pl.lit(RISK)),
        version=version,
        about=pl.lit(None, pl.String),
        p="risk",
        loss="predicted_loss",
        import_id="import_id",
    )


def predictors(snapshot: Snapshot) -> list[str]:
    """Who has said anything of whole conversations, sorted."""
    names = scan(snapshot).filter(pl.col("about").is_null()).select(pl.col("predictor").unique().sort())
    return [str(name) for name in names.collect(engine="streaming").to_series()]


def of(snapshot: Snapshot, predictor: str) -> pl.LazyFrame:
    """What `predictor` says of whole conversations, at most one row each."""
    return scan(snapshot).filter((pl.col("predictor") == predictor) & pl.col("about").is_null())


def predicted(
    units: pl.LazyFrame, snapshot: Snapshot, predictor: str = RISK, barred: Sequence[str] = ()
) -> pl.LazyFrame:
    """`units` (with conversation_key) and what `predictor` says of each: p and loss, null when nobody does.

    The rule score speaks where the predictor does not. Predictions of `barred` versions are null. Where a machine
    scorer is silent, and for chances it does not tell, the risk model speaks, then the rule score, and for points
    nobody told the scorer's mean, so that every unit of a frame has a value, reviewed or not.
    """
    if is_machine(predictor):
        return _with_machine(units, snapshot, predictor, barred)
    rules = of(snapshot, RULES).select("conversation_key", "p", "loss")
    if predictor == RULES:
        return units.join(rules, on="conversation_key", how="left")
    own = of(snapshot, predictor).select(
        "conversation_key", own_p="p", own_loss="loss", barred=pl.col("version").is_in(list(barred))
    )
    spoken, free = pl.col("barred").is_not_null(), ~pl.col("barred")
    return (
        units.join(own, on="conversation_key", how="left")
        .join(rules, on="conversation_key", how="left")
        .with_columns(
            p=pl.when(free).then("own_p").when(~spoken).then("p"),
            loss=pl.when(free).then("own_loss").when(~spoken).then("loss"),
        )
        .drop("own_p", "own_loss", "barred")
    )


def _with_machine(units: pl.LazyFrame, snapshot: Snapshot, predictor: str, barred: Sequence[str]) -> pl.LazyFrame:
    own = of(snapshot, predictor).filter(~pl.col("version").is_in(list(barred)) & pl.col("loss").is_not_null())
    mean = own.select(pl.col("loss").mean()).collect().item()
    return (
        predicted(units, snapshot, RISK, barred)
        .join(own.select("conversation_key", own_loss="loss", own_p="p"), on="conversation_key", how="left")
        .with_columns(loss=pl.coalesce("own_loss", "loss", pl.lit(mean, pl.Float64)), p=pl.coalesce("own_p", "p"))
        .drop("own_loss", "own_p")
    )


def versions(chats: pl.LazyFrame, snapshot: Snapshot, predictor: str = RISK) -> list[str]:
    """Whose predictions `predicted` would give `chats` (conversation_key), the version with most of them first."""
    speakers = [RULES, RISK, predictor] if is_machine(predictor) else [RULES, predictor]
    known = scan(snapshot).filter(pl.col("predictor").is_in(speakers) & pl.col("about").is_null())
    names = known.select(pl.col("version").drop_nulls().unique().sort()).collect().to_series().to_list()
    if len(names) < 2:
        return [str(name) for name in names]
    mine = pl.col("version").sort_by(pl.col("predictor").cast(pl.Enum(list(dict.fromkeys(speakers))))).last()
    spoken = known.join(chats, on="conversation_key", how="semi").group_by("conversation_key").agg(mine)
    counts = spoken.group_by("version").len().collect()
    return counts.sort("len", "version", descending=[True, False])["version"].to_list()


def carry(change: ArchiveChange) -> None:
    """Take along the predictions of an archive of 0.1.0. Whoever changes `signals` or `predictions` calls it first."""
    if change.before.tables["predictions"] < 0 and "predictions" not in change.touched:
        change.append("predictions", scan(change.before).collect())


def put(change: ArchiveChange, predictor: str, rows: pl.DataFrame) -> int:
    """Make `rows` what `predictor` says of their conversations, in place of what it said before; returns how many there
    are.

    `rows`: conversation_key, import_id, version, p, loss, and about where it is not the whole conversation. Rows of
    conversations that have other content by now, or were never screened, are left out.
    """
    carry(change)
    now = change.now()
    current = now.scan("signals").select("conversation_key", "import_id")
    news = rows.lazy().join(current, on=["conversation_key", "import_id"], how="semi", nulls_equal=True)
    fresh = conform("predictions", news.with_columns(predictor=pl.lit(predictor)).collect())
    fresh = fresh.sort("conversation_key", "about", maintain_order=True)  # the same rows, the same bytes
    if fresh.is_empty():
        return 0
    before = scan(now).filter(pl.col("predictor") == predictor)
    if fresh.height * REWRITE_SHARE > before.select(pl.len()).collect().item():
        kept = before.join(fresh.lazy(), on="conversation_key", how="anti").collect()
        withdraw(change, predictor)
        change.append("predictions", pl.concat([kept, fresh]))
    else:
        change.remove("predictions", fresh["conversation_key"], only=("predictor", predictor))
        change.append("predictions", fresh)
    return fresh.height


def withdraw(change: ArchiveChange, predictor: str) -> None:
    """Remove all that `predictor` said."""
    carry(change)
    change.remove("predictions", pl.Series([predictor]), column="predictor")
