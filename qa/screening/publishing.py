"""Making a finished pass visible: hits, signals, rule scores and what they reflect change in one version of the
archive.

Whatever was imported while the pass ran is left for the next one: only rows of conversations that still have the
content that was screened are published. Knows tables and keys, not rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from qa.archive import ArchiveChange, Snapshot, Writer, conform, empty, predictions
from qa.archive.ranges import NO_IMPORT
from qa.errors import Conflict
from qa.i18n import N_
from qa.screening.staging import Staging
from qa.screening.work import PROMISES, ScreeningPass, substances, unscreened
from scoring.risk.rules import HIT, MOST_HITS

PART = 500_000
REWRITE_SHARE = 20
"""Signals are rewritten as a whole when more than one in this many has changed: cheaper than deleting by key."""


@dataclass(frozen=True)
class PublishedScreening:
    """What became visible, in which version of the archive."""

    conversations: int
    hits: int
    version: int


def publish(
    writer: Writer,
    kind: str,
    pinned: Snapshot,
    job: ScreeningPass,
    changed: Sequence[str],
    staging: Staging,
    now: datetime,
) -> PublishedScreening:
    """Publish the staged rows of one pass. Raises `Conflict` when hits were published by somebody else meanwhile."""
    with writer.change(f"screening: {kind}", now) as change:
        for table in ("hits", "promises", "signals", "screened_rules"):
            if change.before.tables[table] != pinned.tables[table]:
                raise Conflict(N_("The archive was screened by somebody else meanwhile. Run the screening again."))
        predictions.carry(change)
        moved = change.before.tables["conversations"] != pinned.tables["conversations"]
        if kind == "rules":
            counts = _publish_rules(change, job, changed, staging)
        else:
            counts = _publish_imports(change, pinned, job, staging, moved)
        _note_rules(change, job, changed if kind == "rules" else None, now)
    return PublishedScreening(*counts, change.before.version + 1)


def _publish_imports(
    change: ArchiveChange, pinned: Snapshot, job: ScreeningPass, staging: Staging, moved: bool
) -> tuple[int, int]:
    staged = staging.scan("signals")
    keys = empty("signals").lazy().select("conversation_key") if staged is None else staged.select("conversation_key")
    stale = (
        change.before.scan("signals")
        .select("conversation_key")
        .join(keys, on="conversation_key", how="semi")
        .collect()
        .to_series()
    )
    silent = _without_messages(pinned, job, keys)
    for table in (
        "hits",
        "promises",
        "signals",
        "predictions",
    ):  # what was predicted of the content before goes as well
        change.remove(table, pl.concat([stale, silent["conversation_key"]]))
    conversations = hits = 0
    for frame in staging.parts("signals", PART):
        part = _still_current(change.before, frame) if moved else frame
        conversations += part.height
        change.append("signals", part)
    for frame in staging.parts("predictions", PART):
        change.append("predictions", _still_current(change.before, frame) if moved else frame)
    current = (
        change.before.scan("conversations").join(
            staged, on=["conversation_key", "import_id"], how="semi", nulls_equal=True
        )
        if moved and staged is not None
        else None
    )
    for frame in staging.parts("hits", PART):
        part = frame.lazy().join(current, on="conversation_key", how="semi").collect() if current is not None else frame
        hits += part.height
        change.append("hits", part)
    for frame in staging.parts("promises", PART):
        part = frame.lazy().join(current, on="conversation_key", how="semi").collect() if current is not None else frame
        change.append("promises", part)
    # a conversation without messages is done as well, or it would wait for ever
    change.append("signals", _still_current(change.before, silent) if moved else silent)
    return conversations + silent.height, hits


def _without_messages(pinned: Snapshot, job: ScreeningPass, keys: pl.LazyFrame) -> pl.DataFrame:
    rest = unscreened(pinned, job.imports or ()).join(keys, on="conversation_key", how="anti")
    number = pl.when(pl.col("import_id") != NO_IMPORT).then("import_id").alias("import_id")
    return conform("signals", rest.select("conversation_key", number).collect().with_columns(hit_count=pl.lit(0)))


def _still_current(before: Snapshot, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows whose conversation still has the content that was screened."""
    now = before.scan("conversations").select("conversation_key", "import_id")
    return frame.lazy().join(now, on=["conversation_key", "import_id"], how="semi", nulls_equal=True).collect()


def _publish_rules(
    change: ArchiveChange, job: ScreeningPass, changed: Sequence[str], staging: Staging
) -> tuple[int, int]:
    before = change.before
    up_to_date = (
        before.scan("signals")
        .select("conversation_key", "import_id")
        .join(
            before.scan("conversations").select("conversation_key", "import_id"),
            on=["conversation_key", "import_id"],
            how="semi",
            nulls_equal=True,
        )
        .select("conversation_key")
    )
    old = before.scan("hits").filter(pl.col("rule_id").is_in(list(changed)))
    staged = staging.scan("hits")
    new = empty("hits").lazy() if staged is None else staged
    new = new.join(up_to_date, on="conversation_key", how="semi")
    per_key = [
        frame.group_by("conversation_key").agg(pl.len().cast(pl.Int64).alias("n")).collect() for frame in (old, new)
    ]
    difference = (
        per_key[0].join(per_key[1], on="conversation_key", how="full", coalesce=True)
        .select("conversation_key", (pl.col("n_right").fill_null(0) - pl.col("n").fill_null(0)).alias("difference"))
        .filter(pl.col("difference") != 0)
    )  # fmt: skip
    change.remove("hits", pl.Series(sorted(changed), dtype=pl.String), column="rule_id")
    hits = 0
    for frame in staging.parts("hits", PART):
        part = frame.lazy().join(up_to_date, on="conversation_key", how="semi").collect()
        hits += part.height
        change.append("hits", part)
    if PROMISES in changed:
        change.replace("promises", empty("promises"))
        for frame in staging.parts("promises", PART):
            change.append("promises", frame.lazy().join(up_to_date, on="conversation_key", how="semi").collect())
    _adjust_counts(change, difference)
    return 0, hits


def _adjust_counts(change: ArchiveChange, difference: pl.DataFrame) -> None:
    """Bring `hit_count` and the rule score in line for the conversations whose number of hits has changed."""
    if difference.is_empty():
        return
    before, after = pl.col("hit_count").fill_null(0), pl.col("hit_count").fill_null(0) + pl.col("difference")
    signals = change.before.scan("signals").join(
        difference.lazy(), on="conversation_key", how="left", maintain_order="left"
    )
    signals = signals.with_columns(pl.col("difference").fill_null(0))
    scores = predictions.of(change.before, predictions.RULES).join(
        signals.filter(pl.col("difference") != 0).select("conversation_key", before=before, after=after),
        on="conversation_key",
    )
    shifted = scores.with_columns(p=_shifted(pl.col("before"), pl.col("after"))).collect()
    if difference.height * REWRITE_SHARE > change.before.count("signals"):
        change.replace("signals", signals.with_columns(hit_count=after).collect())
    else:
        rows = signals.filter(pl.col("difference") != 0).with_columns(hit_count=after).collect()
        change.remove("signals", difference["conversation_key"])
        change.append("signals", rows)
    predictions.put(change, predictions.RULES, shifted)


def _shifted(before: pl.Expr, after: pl.Expr) -> pl.Expr:
    """The rule score's probability when the number of hits goes from `before` to `after`: hits add points on its
    logit."""
    logit = (pl.col("p") / (1 - pl.col("p"))).log() + HIT * (after.clip(0, MOST_HITS) - before.clip(0, MOST_HITS))
    return 1 / (1 + (-logit).exp())


def _note_rules(change: ArchiveChange, job: ScreeningPass, changed: Sequence[str] | None, now: datetime) -> None:
    """Write down which substance of which rule the hits reflect from now on."""
    fresh = pl.DataFrame(
        [(rule_id, substance, now) for rule_id, substance in substances(job.rules, job.with_promises).items()],
        schema=empty("screened_rules").schema, orient="row",
    )  # fmt: skip
    if changed is not None:
        kept = change.before.scan("screened_rules").filter(~pl.col("rule_id").is_in(list(changed))).collect()
        fresh = pl.concat([kept, fresh])
    change.replace("screened_rules", fresh.sort("rule_id"))
