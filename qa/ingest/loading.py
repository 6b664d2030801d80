"""From pieces of a file to rows of the archive: one loader per kind of file. A loader decides everything but opens
nothing.

It works on a `Sink`: the archive while it is being changed, or nothing at all for a preview.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import polars as pl

from qa.archive import conform
from qa.errors import Cancelled
from qa.i18n import N_
from qa.ingest import chats, joining, merging, provenance, records, silence
from qa.ingest.cells import Cells
from qa.ingest.chat_loading import RejoiningSink, agents_of, put_chats, rename_joined
from qa.ingest.chat_reading import ReadPiece, read_pieces
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog
from qa.ingest.reading import RowBatch
from qa.ingest.requests import AGENTS, SAMPLE_ROWS, LoadedFile, LoadRequest, Sink, compared, counts_of
from qa.ingest.staging import ChatStage

Piece = TypeVar("Piece", RowBatch, ReadPiece)


def load(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    """Load `pieces` into `sink`. Raises `Cancelled` when asked to stop; the sink then must be thrown away."""
    return LOADERS[job.kind](job, pieces, sink, log)


def each(job: LoadRequest, pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces, with progress told and cancelling heard between them."""
    for piece in pieces:
        if job.cancel():
            raise Cancelled(N_("The import was cancelled; nothing was written."))
        yield piece
        job.progress(0.9 * piece.share, "read")


# chats


def _chats(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    stage_ = chat_stage(job, job.mapping, sink, log, whole_records=bool(job.nested))
    fields = {*job.mapping.columns, *job.mapping.constants}
    if job.read is None:
        read = read_pieces(job.how_read(), pieces, log)
    else:
        log.adopt(job.read.problems)
        read = iter(job.read.pieces)
    if "conversation_id" not in fields or "receiver_id" in fields:
        return _chats_by_silence(job, read, sink, log, stage_)
    rows = 0
    for piece in each(job, read):
        rows += piece.rows
        stage_.add(piece.messages)
    return put_chats(job, stage_, sink, log, rows)


def _chats_by_silence(
    job: LoadRequest, pieces: Iterator[ReadPiece], sink: Sink, log: ProblemLog, stage_: ChatStage
) -> LoadedFile:
    """Files of which rows name no chat: they wait until all times are known, then chats are told apart by silence."""
    rows = 0
    waiting: list[Path] = []
    for piece in each(job, pieces):
        rows += piece.rows
        if piece.messages.height:
            waiting.append(sink.staging() / f"waiting-{len(waiting)}.parquet")
            piece.messages.write_parquet(waiting[-1], compression="lz4")
    named = silence.name(silence.spooled(waiting), sink.before, job.source, job.gap, job.pinned, job.id_key)
    at = 0
    for path in waiting:
        read = pl.read_parquet(path)
        open_ = read.select(silence.is_unnamed("conversation_id")).to_series().arg_true()
        ids = read["conversation_id"].scatter(open_, named.ids.slice(at, len(open_)))
        stage_.add(read.with_columns(ids))
        at += len(open_)
        path.unlink()
    if named.joins.is_empty():
        return put_chats(job, stage_, sink, log, rows)
    joined = silence.Rejoined(sink.before, named.joins)
    rename_joined(sink, joined, named.joins)
    loaded = put_chats(job, stage_, RejoiningSink(sink, joined), log, rows)
    told = named.joins.filter(pl.col("old") != pl.col("new")).select(
        field=pl.lit("conversation_id"), key="old", old="old", new="new"
    )
    return replace(loaded, counts=replace(loaded.counts, joined=told.height), changes=pl.concat([loaded.changes, told]))


def chat_stage(job: LoadRequest, mapping: Mapping, sink: Sink, log: ProblemLog, whole_records: bool) -> ChatStage:
    """A stage whose attributes are read by `mapping`."""

    def read(names: list[str], rows: pl.DataFrame) -> list[pl.Series]:
        return chats.attributes(names, rows, mapping, job.zone, log)

    return ChatStage(sink.staging(), job.source, job.import_id, log, whole_records, read)


def _sessions(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    found, rows = _collect(job, pieces, log, lambda cells: records.sessions(cells, job.source))
    found = _persons(job, found, "started_at")
    found, duplicates = records.without_repeats(found, "conversation_key", "conversation_id", log)
    merged, lost = merging.sessions(found, sink.before, job.source, job.import_id)
    log.add("no_session", "conversation_id", lost, "conversation_id")
    said = provenance.of_chats(found.with_columns(first_row="file_row"), merged, job.import_id, provenance.SESSIONS)
    sink.append("conversation_origins", provenance.missing("conversations", said, sink.before))
    fresh = merged.filter(pl.col("state") != "unchanged")
    if fresh.height:
        sink.remove("conversations", fresh["conversation_key"])
        sink.append("conversations", fresh)
    agents = merged.with_columns(named_agent=pl.col("agent_id"))
    changes = merging.changes(merged, "conversation_key", merging.ATTRIBUTES, job.business)
    return LoadedFile(
        counts_of(merged, rows, duplicates),
        agents_of(agents),
        conform("conversations", fresh).head(SAMPLE_ROWS),
        changes,
    )


# records


def _persons(job: LoadRequest, found: pl.DataFrame, moment: str) -> pl.DataFrame:
    """Other accounts of a person as that person."""
    if not job.people.aliases or "agent_id" not in found.columns:
        return found
    return found.with_columns(job.people.person(found["agent_id"], found[moment], job.business).alias("agent_id"))


def _collect(
    job: LoadRequest, pieces: Iterator[RowBatch], log: ProblemLog, read: Callable[[Cells], pl.DataFrame]
) -> tuple[pl.DataFrame, int]:
    frames, rows = [], 0
    for piece in each(job, pieces):
        frame = piece.frame
        rows += frame.height
        frames.append(read(Cells(chats.without_blank_rows(frame), job.mapping, job.zone, log)))
    return pl.concat(frames), rows


def _disputes(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    found, rows = _collect(job, pieces, log, lambda cells: records.disputes(cells, job.source))
    return put_records(job, found, sink, log, rows)


def _ratings(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    found, rows = _collect(job, pieces, log, lambda cells: records.ratings(cells, job.source, job.id_key))
    return put_records(job, found, sink, log, rows)


def put_records(job: LoadRequest, found: pl.DataFrame, sink: Sink, log: ProblemLog, rows: int) -> LoadedFile:
    """Disputes or ratings, compared with the archive, linked to their chat and written."""
    table, key, field_, moment = RECORDS[job.kind]
    found = _persons(job, found, moment)
    found, duplicates = records.without_repeats(found, key, field_, log)
    found = merging.with_earlier_keys(found, sink.before, job.source, key)
    merged = merging.records(table, found, sink.before, job.source, key)
    said = provenance.of_records(table, found, merged, job.import_id)
    sink.append(provenance.ORIGINS[table], provenance.missing(table, said, sink.before))
    fresh = merged.filter(pl.col("state") != "unchanged")
    if fresh.height:
        known = sink.now().scan("conversations")
        fresh = joining.relink(fresh, known, job.source, moment, by_agent=table == "ratings")
        fresh = fresh.with_columns(import_id=pl.lit(job.import_id, dtype=pl.Int64))
        sink.remove(table, fresh.filter(pl.col("state") == "changed")[key])
        sink.append(table, fresh)
    named = found.filter(pl.col("agent_id").is_not_null()).group_by("agent_id").agg(pl.col("file_row").min())
    agents = named.select("agent_id", name=pl.lit(None, dtype=pl.String), file_row="file_row").sort(
        "file_row", "agent_id"
    )
    changes = merging.changes(merged, key, merging.content_of(table), job.business)
    counts = counts_of(compared(merged, key, job.restated), rows, duplicates)
    return LoadedFile(counts, agents, conform(table, fresh).head(SAMPLE_ROWS), changes)


def _dispute_messages(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    found, rows = _collect(job, pieces, log, lambda cells: records.dispute_messages(cells, job.source))
    known = merging.existing(sink.before, "disputes", "dispute_key", found["dispute_key"], job.source)
    log.add(
        "no_dispute", "dispute_id", found.join(known, on="dispute_key", how="anti", maintain_order="left"), "dispute_id"
    )
    old = (
        known.select("dispute_key", "messages")
        .explode("messages", empty_as_null=True, keep_nulls=True)
        .drop_nulls("messages")
        .unnest("messages")
    )
    both = pl.concat([old, found.join(known, on="dispute_key", how="semi", maintain_order="left").select(old.columns)])
    both = both.unique(maintain_order=True).sort("dispute_key", "sent_at", maintain_order=True)
    lists = both.group_by("dispute_key", maintain_order=True).agg(fresh=pl.struct("role", "text", "sent_at"))
    merged = known.join(lists, on="dispute_key", how="inner").with_columns(
        state=pl.when(pl.col("messages").list.len().fill_null(0) == pl.col("fresh").list.len())
        .then(pl.lit("unchanged"))
        .otherwise(pl.lit("changed")),
        messages=pl.col("fresh"),
    )
    own = found.join(known, on="dispute_key", how="semi").group_by("dispute_key", maintain_order=True)
    said = conform("dispute_origins", own.agg(pl.col("file_row").min(), messages=pl.struct("role", "text", "sent_at")))
    own_rows = said.with_columns(
        source=pl.lit(job.source), import_id=pl.lit(job.import_id, dtype=pl.Int64), base=pl.lit(False)
    )
    before = conform("dispute_origins", known).with_columns(base=pl.lit(True))
    sink.append("dispute_origins", provenance.missing("disputes", pl.concat([own_rows, before]), sink.before))
    fresh = merged.filter(pl.col("state") == "changed")
    if fresh.height:
        sink.remove("disputes", fresh["dispute_key"])
        sink.append("disputes", fresh)
    return LoadedFile(
        counts_of(merged, rows, 0, found.height),
        pl.DataFrame(schema=AGENTS),
        conform("disputes", fresh).head(SAMPLE_ROWS),
    )


RECORDS = {
    "disputes": ("disputes", "dispute_key", "dispute_id", "opened_at"),
    "ratings": ("ratings", "rating_key", "rating_id", "rated_at"),
}
LOADERS: dict[str, Callable[[LoadRequest, Iterator[RowBatch], Sink, ProblemLog], LoadedFile]] = {
    "conversations": _chats,
    "sessions": _sessions,
    "disputes": _disputes,
    "dispute_messages": _dispute_messages,
    "ratings": _ratings,
}
