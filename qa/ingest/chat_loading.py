"""Chats of a file, united with what is there and written: what joins, what is incomplete, what waits for its chat.

Works on a `Sink`, so that a preview computes the same and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from qa.archive import KEYS, Snapshot, conform, empty, stage
from qa.ingest import joining, merging, provenance, silence
from qa.ingest.problems import ProblemLog
from qa.ingest.requests import (
    AGENTS,
    CHANGES,
    SAMPLE_ROWS,
    ImportCounts,
    LoadedFile,
    LoadRequest,
    Sink,
    compared,
    counts_of,
)
from qa.ingest.staging import ChatStage

SAME_IDS = 0.9
"""Share of the new ids that another source must have for a warning."""


@dataclass
class RejoiningSink:
    """A sink whose archive has some chats joined under new names already."""

    sink: Sink
    before: Any

    def now(self) -> Snapshot:
        return self.sink.now()

    def staging(self) -> Path:
        return self.sink.staging()

    def append(self, table: str, frame: pl.DataFrame) -> None:
        self.sink.append(table, frame)

    def adopt(self, table: str, files: Sequence[Path]) -> None:
        self.sink.adopt(table, files)

    def remove(self, table: str, keys: pl.Series, column: str | None = None) -> None:
        self.sink.remove(table, keys, column)


def rename_joined(sink: Sink, joined: silence.Rejoined, joins: pl.DataFrame) -> None:
    """Nothing is left under the old names; what refers to them follows. The chats themselves are written with the
    file's."""
    renamed = joins.filter(pl.col("old") != pl.col("new"))
    for table in ("conversations", "messages", "hits", "promises", "signals", "predictions", "machine_scores"):
        sink.remove(table, renamed["old"])
    for table in ("message_parts", "conversation_origins", "refused"):
        sink.remove(table, joins["old"])
        sink.append(table, joined.frames[table])
    for table in ("disputes", "ratings"):
        held = sink.before.scan(table).join(renamed.lazy(), left_on="conversation_key", right_on="old", how="inner")
        rows = held.collect()
        if rows.height:
            sink.remove(table, rows[KEYS[table]])
            sink.append(table, rows.with_columns(conversation_key="new"))


def put_chats(job: LoadRequest, stage_: ChatStage, sink: Sink, log: ProblemLog, rows: int) -> LoadedFile:
    """What the stage holds, compared with the archive and written."""
    found = LoadTotals(rows=rows)
    stage_.settle()
    parts = _unite(sink, job.source, stage_)
    for part in stage_.conversations():
        merged = merging.chats(part, sink.before, job.source, job.import_id)
        found.origins.append(provenance.of_chats(part, merged, job.import_id))
        _take(job, merged, sink, log, found)
    transcript = (
        stage_.transcript(found.let_in[0].head(SAMPLE_ROWS))
        if not job.import_id and found.let_in
        else empty("messages")
    )
    job.progress(0.93, "write")
    _link_waiting(sink, found.files)
    files = stage_.files(pl.concat(found.leave)) if found.leave else []
    replaced = pl.concat([pl.Series(dtype=pl.String), *found.replaced])
    for table in ("messages", "hits", "promises", "signals", "predictions", "machine_scores"):
        sink.remove(table, replaced)
    sink.remove("conversations", pl.concat([pl.Series(dtype=pl.String), *found.changed]))
    sink.adopt("messages", files)
    sink.adopt("conversations", found.files)
    sink.adopt("message_parts", parts)
    for said in found.origins:
        sink.append("conversation_origins", provenance.missing("conversations", said, sink.before))
    _note_other_source(job, sink, log, found)
    log.add("alike_ids", "conversation_id", stage_.alike(), "value")
    if stage_.mixed:
        mixed = stage_.named(pl.concat(stage_.mixed).unique(maintain_order=True))
        log.add("mixed_customers", "conversation_id", mixed, "conversation_id")
    incomplete, left_out = _mark_incomplete(job, sink, log, found)
    counts = replace(found.counts, rows=rows, duplicates=stage_.duplicates, incomplete=incomplete, left_out=left_out)
    agents = (
        pl.concat([pl.DataFrame(schema=AGENTS), *found.agents])
        .group_by("agent_id")
        .agg(pl.col("name").drop_nulls().first(), pl.col("file_row").min())
    )
    changes = pl.concat([pl.DataFrame(schema=CHANGES), *found.differences])
    return LoadedFile(
        counts, agents.sort("file_row", "agent_id").select(list(AGENTS)), found.sample, changes, transcript
    )


def _unite(sink: Sink, source: str, stage_: ChatStage) -> list[Path]:
    """Conversations of which the archive has other messages keep them beside those of the file; returns files of the
    parts."""
    differing = merging.differing(stage_.identities(), sink.before, source)
    files: list[Path] = []
    if differing.height:

        def keep(rows: pl.DataFrame) -> None:
            files.append(stage("message_parts", rows, sink.staging()))

        stage_.unite(differing, provenance.parts_before(sink.before, keep), keep)
    return files


@dataclass
class LoadTotals:
    """What adds up over the conversations of a file."""

    rows: int
    counts: ImportCounts = field(default_factory=lambda: ImportCounts())
    sample: pl.DataFrame = field(default_factory=lambda: empty("conversations"))
    files: list[Path] = field(default_factory=list)
    leave: list[pl.DataFrame] = field(default_factory=list)
    replaced: list[pl.Series] = field(default_factory=list)
    changed: list[pl.Series] = field(default_factory=list)
    agents: list[pl.DataFrame] = field(default_factory=list)
    differences: list[pl.DataFrame] = field(default_factory=list)
    let_in: list[pl.Series] = field(default_factory=list)
    whole: list[pl.Series] = field(default_factory=list)
    origins: list[pl.DataFrame] = field(default_factory=list)
    timeless: int = 0
    fresh_ids: list[pl.Series] = field(default_factory=list)


def _take(job: LoadRequest, merged: pl.DataFrame, sink: Sink, log: ProblemLog, found: LoadTotals) -> None:
    """Judge some conversations, write what is new of them and remember the rest."""
    timeless = merged.filter(pl.col("started_at").is_null())
    log.add(
        "no_start",
        "started_at",
        timeless.select(file_row="first_row", rows="message_count"),
    )
    found.timeless += timeless.height
    good = merged.filter(pl.col("started_at").is_not_null()) if timeless.height else merged
    log.add("no_agent", "agent_id", good.filter(pl.col("agent_id").is_null()).select(file_row="first_row"))
    found.let_in.append(good["conversation_key"])
    found.fresh_ids.append(good.filter(pl.col("state") == "new")["conversation_id"])
    log.add(
        "other_people",
        "conversation_id",
        merging.of_other_people(good).select("conversation_id", file_row="first_row"),
        "conversation_id",
    )
    found.whole.append(good.filter(~pl.col("part"))["conversation_key"])
    fresh = good.filter(pl.col("state") != "unchanged")
    written = fresh.filter(~pl.col("same_messages"))
    found.leave.append(merged.join(written, on="conversation_key", how="anti").select("conversation_key"))
    found.replaced.append(written.filter(pl.col("state") == "changed")["conversation_key"])
    found.changed.append(fresh.filter(pl.col("state") == "changed")["conversation_key"])
    if fresh.height:
        found.files.append(stage("conversations", fresh, sink.staging()))
        if found.sample.is_empty():
            found.sample = conform("conversations", fresh.head(SAMPLE_ROWS))
    more = written.select(
        n=pl.col("message_count") - pl.col("old_message_count").fill_null(0), known=pl.col("state") == "changed"
    )
    part = replace(
        counts_of(compared(good, "conversation_key", job.restated), 0, 0, int(more["n"].sum())),
        extended=more.filter(pl.col("known") & (pl.col("n") > 0)).height,
    )
    found.differences.append(merging.changes(good, "conversation_key", merging.ATTRIBUTES, job.business))
    found.counts = ImportCounts(**{name: value + getattr(part, name) for name, value in found.counts.to_dict().items()})
    found.agents.append(agents_of(good))


def _mark_incomplete(job: LoadRequest, sink: Sink, log: ProblemLog, found: LoadTotals) -> tuple[int, int]:
    """Keep which rows of which conversation were refused, until a file repeats the conversation without. Returns how
    many conversations are incomplete by this file, and how many it leaves out whole."""
    refused = log.refused().select(
        pl.concat_str(pl.lit(job.source + ":"), "conversation_id").alias("conversation_key"),
        "field",
        "code",
        "value",
        "file_row",
    )
    whole = pl.concat([pl.Series(dtype=pl.String), *found.whole])
    held = sink.before.scan("refused").collect()
    if refused.is_empty() and held.is_empty():
        return 0, found.timeless
    let_in = pl.concat([pl.Series(dtype=pl.String), *found.let_in])
    there = (
        sink.before.scan("conversations")
        .filter(pl.col("source") == job.source)
        .select("conversation_key")
        .collect()
        .to_series()
    )
    known = refused.filter(
        pl.col("conversation_key").is_in(let_in.implode()) | pl.col("conversation_key").is_in(there.implode())
    )
    lost = refused.filter(~pl.col("conversation_key").is_in(known["conversation_key"].implode()))[
        "conversation_key"
    ].n_unique()
    same = ["conversation_key", "field", "code", "value", "file_row"]
    repeated = held.filter(pl.col("conversation_key").is_in(whole.implode())).join(
        known, on=same, how="anti", nulls_equal=True
    )
    more = known.join(held.join(repeated, on=same, how="anti", nulls_equal=True), on=same, how="anti", nulls_equal=True)
    if repeated.height:
        again = held.filter(pl.col("conversation_key").is_in(repeated["conversation_key"].implode())).join(
            repeated, on=same, how="anti", nulls_equal=True
        )
        sink.remove("refused", repeated["conversation_key"])
        sink.append("refused", again)
    sink.append("refused", more.with_columns(import_id=pl.lit(job.import_id, dtype=pl.Int64)))
    return known["conversation_key"].n_unique(), found.timeless + lost


def _note_other_source(job: LoadRequest, sink: Sink, log: ProblemLog, found: LoadTotals) -> None:
    """Say so when nearly all new ids exist under another source: the file was probably imported before, under that
    name."""
    fresh = pl.concat([pl.Series("conversation_id", dtype=pl.String), *found.fresh_ids]).to_frame()
    if fresh.is_empty():
        return
    others = (
        sink.before.scan("conversations").filter(pl.col("source") != job.source).select("source", "conversation_id")
    )
    shared = (
        others.join(fresh.lazy(), on="conversation_id", how="semi")
        .group_by("source")
        .len()
        .sort("len", "source", descending=[True, False])
        .head(1)
        .collect()
    )
    if shared.height and shared["len"][0] >= SAME_IDS * fresh.height:
        log.one("other_source", "conversation_id", None, shared["source"][0])


def _link_waiting(sink: Sink, files: list[Path]) -> None:
    """Disputes and ratings that came before their chat find it now."""
    if not files:
        return
    lazy = pl.scan_parquet(files)
    for table, moment, by_agent in (("disputes", "opened_at", False), ("ratings", "rated_at", True)):
        waiting = sink.before.scan(table).filter(pl.col("conversation_key").is_null()).collect()
        if waiting.is_empty():
            continue
        names = ("conversation_key", "agent_id", "customer_id", "order_id", "shop", "started_at")
        fresh = lazy.select(names)
        known = sink.before.scan("conversations").select(names).join(fresh, on="conversation_key", how="anti")
        linked = joining.link(waiting, pl.concat([fresh, known]), moment, by_agent)
        linked = joining.news(linked, waiting, KEYS[table])
        if linked.height:
            sink.remove(table, linked[KEYS[table]])
            sink.append(table, linked)


def agents_of(good: pl.DataFrame) -> pl.DataFrame:
    spoke = (
        good.select(agent_id=pl.col("agent_ids"), file_row="first_row")
        .explode("agent_id", empty_as_null=True, keep_nulls=True)
        .drop_nulls("agent_id")
    )
    if "agent_name" in good.columns and "named_agent" in good.columns:
        names = (
            good.select(agent_id="named_agent", name="agent_name")
            .drop_nulls()
            .unique("agent_id", keep="first", maintain_order=True)
        )
        spoke = spoke.join(names, on="agent_id", how="left")
    else:
        spoke = spoke.with_columns(name=pl.lit(None, dtype=pl.String))
    return (
        spoke.group_by("agent_id")
        .agg(pl.col("name").first(), pl.col("file_row").min())
        .sort("file_row", "agent_id")
        .select(list(AGENTS))
    )
