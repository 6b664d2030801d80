"""From pieces of a file to rows of the archive: one loader per kind of file. A loader decides everything but opens
nothing.

It works on a `Sink`: the archive while it is being changed, or nothing at all for a preview.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from qa.archive import KEYS, Snapshot, conform, empty, stage
from qa.errors import Cancelled
from qa.i18n import N_
from qa.ingest import chats, merging, provenance, records, silence
from qa.ingest.cells import Cells
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog
from qa.ingest.reading import RowBatch
from qa.ingest.speakers import People
from qa.ingest.staging import ChatStage

SAMPLE_ROWS = 30
SAME_IDS = 0.9
"""Share of the new ids that another source must have for a warning."""
CHANGES = dict.fromkeys(("field", "key", "old", "new"), pl.String)
AGENTS = {"agent_id": pl.String, "name": pl.String, "file_row": pl.Int64}


class Sink(Protocol):
    """Where rows go."""

    before: Snapshot

    def now(self) -> Snapshot: ...
    def staging(self) -> Path: ...
    def append(self, table: str, frame: pl.DataFrame) -> None: ...
    def adopt(self, table: str, files: Sequence[Path]) -> None: ...
    def remove(self, table: str, keys: pl.Series, column: str | None = None) -> None: ...


@dataclass(frozen=True)
class ImportCounts:
    """`rows` of the file; records (conversations, disputes, …) `new`, `changed`, `unchanged`; rows left out (`bad`);
    `warnings`; `duplicates` inside the file; `messages` written or to be written; known conversations that get more
    messages (`extended`); conversations of which rows were refused (`incomplete`), or all of them (`left_out`)."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    bad: int = 0
    warnings: int = 0
    duplicates: int = 0
    messages: int = 0
    new_agents: int = 0
    extended: int = 0
    incomplete: int = 0
    left_out: int = 0
    joined: int = 0

    def to_dict(self) -> dict[str, int]:
        return dict(self.__dict__)


@dataclass(frozen=True)
class LoadRequest:
    """What to load and how to read it."""

    kind: str
    source: str
    import_id: int
    mapping: Mapping
    nested: str
    zone: ZoneInfo
    business: ZoneInfo
    progress: Callable[[float, str], None] = field(default=lambda share, what: None)
    cancel: Callable[[], bool] = field(default=lambda: False)
    source_mark: str = ""
    gap: timedelta = silence.USUAL
    gap_given: bool = False
    pinned: silence.Pinned = field(default=lambda keys: set())
    people: People = field(default_factory=People)


@dataclass(frozen=True)
class LoadedFile:
    """What came of it: the agents named in the rows that were let in, a sample of records, what it changes in what was
    there."""

    counts: ImportCounts
    agents: pl.DataFrame
    sample: pl.DataFrame
    changes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CHANGES))
    transcript: pl.DataFrame = field(default_factory=lambda: empty("messages"))
    """One chat as it would be stored, for a preview to show."""


def load(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    """Load `pieces` into `sink`. Raises `Cancelled` when asked to stop; the sink then must be thrown away."""
    return LOADERS[job.kind](job, pieces, sink, log)


def each(job: LoadRequest, pieces: Iterator[RowBatch]) -> Iterator[pl.DataFrame]:
    """The frames of the pieces, with progress told and cancelling heard between them."""
    for piece in pieces:
        if job.cancel():
            raise Cancelled(N_("The import was cancelled; nothing was written."))
        yield piece.frame
        job.progress(0.9 * piece.share, "read")


# chats


def _chats(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    stage_ = chat_stage(job, job.mapping, sink, log, whole_records=bool(job.nested))
    if "conversation_id" not in {*job.mapping.columns, *job.mapping.constants}:
        return _chats_by_silence(job, pieces, sink, log, stage_)
    rows = 0
    for frame in each(job, pieces):
        rows += frame.height
        stage_.add(chats.read(frame, job.mapping, job.nested, job.zone, job.business, log, job.people))
    return put_chats(job, stage_, sink, log, rows)


def _chats_by_silence(
    job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog, stage_: ChatStage
) -> LoadedFile:
    """Files without conversation ids: rows wait until all times are known, then chats are told apart by silence."""
    rows = 0
    waiting: list[Path] = []
    for frame in each(job, pieces):
        rows += frame.height
        read = chats.read(frame, job.mapping, job.nested, job.zone, job.business, log, job.people)
        if read.height:
            waiting.append(sink.staging() / f"waiting-{len(waiting)}.parquet")
            read.write_parquet(waiting[-1], compression="lz4")
    named = silence.name(silence.spooled(waiting), sink.before, job.source, job.gap, job.pinned)
    at = 0
    for path in waiting:
        read = pl.read_parquet(path)
        stage_.add(read.with_columns(conversation_id=named.ids.slice(at, read.height)))
        at += read.height
        path.unlink()
    if named.joins.is_empty():
        return put_chats(job, stage_, sink, log, rows)
    joined = silence.Rejoined(sink.before, named.joins)
    _rename(sink, joined, named.joins)
    loaded = put_chats(job, stage_, RejoiningSink(sink, joined), log, rows)
    told = named.joins.filter(pl.col("old") != pl.col("new")).select(
        field=pl.lit("conversation_id"), key="old", old="old", new="new"
    )
    return replace(loaded, counts=replace(loaded.counts, joined=told.height), changes=pl.concat([loaded.changes, told]))


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


def _rename(sink: Sink, joined: silence.Rejoined, joins: pl.DataFrame) -> None:
    """Nothing is left under the old names; what refers to them follows. The chats themselves are written with the
    file's."""
    renamed = joins.filter(pl.col("old") != pl.col("new"))
    for table in ("conversations", "messages", "hits", "signals"):
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


def chat_stage(job: LoadRequest, mapping: Mapping, sink: Sink, log: ProblemLog, whole_records: bool) -> ChatStage:
    """A stage whose attributes are read by `mapping`."""

    def read(names: list[str], rows: pl.DataFrame) -> list[pl.Series]:
        return chats.attributes(names, rows, mapping, job.zone, log)

    return ChatStage(sink.staging(), job.source, job.import_id, log, whole_records, read)


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
    for table in ("messages", "hits", "signals"):
        sink.remove(table, replaced)
    sink.remove("conversations", pl.concat([pl.Series(dtype=pl.String), *found.changed]))
    sink.adopt("messages", files)
    sink.adopt("conversations", found.files)
    sink.adopt("message_parts", parts)
    for said in found.origins:
        sink.append("conversation_origins", provenance.missing("conversations", said, sink.before))
    _note_other_source(job, sink, log, found)
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
        timeless.select(file_row="first_row", rows=pl.lit(1) if job.nested else "message_count"),
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
        _counts(good, 0, 0, int(more["n"].sum())), extended=more.filter(pl.col("known") & (pl.col("n") > 0)).height
    )
    found.differences.append(merging.changes(good, "conversation_key", merging.ATTRIBUTES))
    found.counts = ImportCounts(**{name: value + getattr(part, name) for name, value in found.counts.to_dict().items()})
    found.agents.append(_agents_of(good))


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
        linked = merging.link(waiting, lazy, moment, by_agent).filter(pl.col("conversation_key").is_not_null())
        key = {"disputes": "dispute_key", "ratings": "rating_key"}[table]
        if linked.height:
            sink.remove(table, linked[key])
            sink.append(table, linked)


def _agents_of(good: pl.DataFrame) -> pl.DataFrame:
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


def _counts(frame: pl.DataFrame, rows: int, duplicates: int, messages: int = 0) -> ImportCounts:
    by = dict(frame.group_by("state").len().iter_rows())
    return ImportCounts(
        rows=rows,
        new=by.get("new", 0),
        changed=by.get("changed", 0),
        unchanged=by.get("unchanged", 0),
        duplicates=duplicates,
        messages=messages,
    )


def _sessions(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    found, rows = _collect(job, pieces, log, lambda cells: records.sessions(cells, job.source))
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
    changes = merging.changes(merged, "conversation_key", merging.ATTRIBUTES)
    return LoadedFile(
        _counts(merged, rows, duplicates),
        _agents_of(agents),
        conform("conversations", fresh).head(SAMPLE_ROWS),
        changes,
    )


# records


def _collect(
    job: LoadRequest, pieces: Iterator[RowBatch], log: ProblemLog, read: Callable[[Cells], pl.DataFrame]
) -> tuple[pl.DataFrame, int]:
    frames, rows = [], 0
    for frame in each(job, pieces):
        rows += frame.height
        frames.append(read(Cells(chats.without_blank_rows(frame), job.mapping, job.zone, log)))
    return pl.concat(frames), rows


def _disputes(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    found, rows = _collect(job, pieces, log, lambda cells: records.disputes(cells, job.source))
    return put_records(job, found, sink, log, rows)


def _ratings(job: LoadRequest, pieces: Iterator[RowBatch], sink: Sink, log: ProblemLog) -> LoadedFile:
    found, rows = _collect(job, pieces, log, lambda cells: records.ratings(cells, job.source))
    return put_records(job, found, sink, log, rows)


def put_records(job: LoadRequest, found: pl.DataFrame, sink: Sink, log: ProblemLog, rows: int) -> LoadedFile:
    """Disputes or ratings, compared with the archive, linked to their chat and written."""
    table, key, field_, moment = RECORDS[job.kind]
    found, duplicates = records.without_repeats(found, key, field_, log)
    found = merging.with_earlier_keys(found, sink.before, job.source, key)
    merged = merging.records(table, found, sink.before, job.source, key)
    said = provenance.of_records(table, found, merged, job.import_id)
    sink.append(provenance.ORIGINS[table], provenance.missing(table, said, sink.before))
    fresh = merged.filter(pl.col("state") != "unchanged")
    if fresh.height:
        known = sink.now().scan("conversations")
        fresh = merging.link(merging.given_chat(fresh, known, job.source), known, moment, by_agent=table == "ratings")
        fresh = fresh.with_columns(
            import_id=pl.lit(job.import_id, dtype=pl.Int64),
            conversation_key=pl.coalesce("conversation_key", "old_conversation_key"),
        )
        sink.remove(table, fresh.filter(pl.col("state") == "changed")[key])
        sink.append(table, fresh)
    named = found.filter(pl.col("agent_id").is_not_null()).group_by("agent_id").agg(pl.col("file_row").min())
    agents = named.select("agent_id", name=pl.lit(None, dtype=pl.String), file_row="file_row").sort(
        "file_row", "agent_id"
    )
    changes = merging.changes(merged, key, merging.content_of(table))
    return LoadedFile(_counts(merged, rows, duplicates), agents, conform(table, fresh).head(SAMPLE_ROWS), changes)


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
        _counts(merged, rows, 0, found.height),
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
