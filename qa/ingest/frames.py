"""Data that is made by a program instead of exported: frames in, through the same checks and the same idempotence as
files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from datetime import datetime
from functools import cache

import polars as pl

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest import chats, loading, records, sources
from qa.ingest.cells import Cells
from qa.ingest.chat_loading import put_chats
from qa.ingest.fields import FIELDS
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog
from qa.ingest.reading import RowBatch
from qa.ingest.requests import ImportCounts, LoadedFile, LoadRequest, Sink
from qa.ingest.runs import ImportResult, execute
from qa.ingest.service import Cancel, Progress, check_source
from qa.policy import Actor, Right, require
from qa.workbench import Workbench

SLICE = 200_000
TABLES = ("conversations", "messages", "disputes", "ratings")


def commit_frames(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    tables: MappingOf[str, pl.DataFrame],
    source: str,
    file_name: str,
    place: tuple[str, str] | None = None,
    sha256: str = "",
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> ImportResult:
    """Import frames in one atomic step.

    `messages`: conversation_id, role, sent_at (aware), text, and optionally seq, agent_id, kind. `conversations`:
    conversation_id and optionally agent_id, agent_name, customer_id, shop, channel, order_id, started_at, ended_at,
    satisfaction; it describes conversations that have messages here. `disputes`, `ratings`: columns named like the
    fields of those files (money in hundredths); disputes may carry `messages`. The counts are of all tables together.
    `place`: the connector that brought it and how far that has come, kept in the transaction that records the import.
    `sha256`: of what the frames were made of, where that is known; by it the same delivery is known again.
    """
    require(actor, Right.IMPORT)
    check_source(source)
    for name in tables:
        if name not in TABLES:
            raise Invalid(
                N_("“{value}” is not a table that can be imported. Tables: {known}."),
                value=name,
                known=", ".join(TABLES),
            )
    log = ProblemLog({})
    zone = bench.config.zone
    job = LoadRequest(
        "conversations",
        source,
        0,
        Mapping(),
        "",
        zone,
        zone,
        progress or (lambda share, what: None),
        cancel or (lambda: False),
        place=place,
        id_key=sources.id_key(bench, now),
    )

    def run(job: LoadRequest, sink: Sink, log: ProblemLog) -> LoadedFile:
        return _load(job, tables, sink, log)

    return execute(bench, actor, now, job, log, run, file_name, cache(lambda: sha256 or _fingerprint(tables)))


def _load(job: LoadRequest, tables: MappingOf[str, pl.DataFrame], sink: Sink, log: ProblemLog) -> LoadedFile:
    parts = []
    if "messages" in tables:
        parts.append(_chats(job, tables["messages"], tables.get("conversations"), sink, log))
    for name in ("disputes", "ratings"):
        if name in tables and tables[name].height:
            parts.append(_records(replace(job, kind=name), tables[name], sink, log))
    agents = pl.concat([part.agents for part in parts]).unique("agent_id", keep="first", maintain_order=True)
    total = {key: sum(part.counts.to_dict()[key] for part in parts) for key in ImportCounts().to_dict()}
    return LoadedFile(ImportCounts(**total), agents, parts[0].sample, pl.concat(part.changes for part in parts))


def _identity(kind: str, frame: pl.DataFrame) -> Mapping:
    names = {field.name for field in FIELDS[kind]}
    return Mapping(columns={name: name for name in frame.columns if name in names})


def _slices(job: LoadRequest, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    numbered = frame.with_row_index("file_row", offset=1).with_columns(pl.col("file_row").cast(pl.Int64))
    parts = (
        RowBatch(numbered.slice(at, SLICE), min(1.0, (at + SLICE) / max(frame.height, 1)))
        for at in range(0, frame.height, SLICE)
    )
    return (part.frame for part in loading.each(job, parts))


def _chats(
    job: LoadRequest, messages: pl.DataFrame, conversations: pl.DataFrame | None, sink: Sink, log: ProblemLog
) -> LoadedFile:
    mapping = _identity("conversations", messages)
    stage = loading.chat_stage(job, mapping, sink, log, whole_records=False)
    for frame in _slices(job, messages):
        stage.add(chats.read(frame, mapping, "", job.zone, log))
    if conversations is not None and conversations.height:
        cells = Cells(
            conversations.with_row_index("file_row", offset=1), _identity("sessions", conversations), job.zone, log
        )
        described = records.sessions(cells, job.source).rename({"agent_id": "named_agent"})
        log.add("no_messages", "conversation_id", stage.describe(described))
    return put_chats(job, stage, sink, log, messages.height)


def _records(job: LoadRequest, frame: pl.DataFrame, sink: Sink, log: ProblemLog) -> LoadedFile:
    cells = Cells(
        frame.with_row_index("file_row", offset=1).with_columns(pl.col("file_row").cast(pl.Int64)),
        _identity(job.kind, frame),
        job.zone,
        log,
    )
    found = (
        records.disputes(cells, job.source)
        if job.kind == "disputes"
        else records.ratings(cells, job.source, job.id_key)
    )
    if "messages" in frame.columns:
        found = found.with_columns(messages=frame["messages"].cast(pl.List(records.MESSAGE)).filter(~cells.bad))
    return loading.put_records(job, found, sink, log, frame.height)


def _fingerprint(tables: MappingOf[str, pl.DataFrame]) -> str:
    """Names what the frames hold: two deliveries of the same shape are not the same delivery."""
    digest = hashlib.sha256()
    for name in sorted(tables):
        content = io.BytesIO()
        tables[name].write_ipc(content)
        digest.update(f"{name} {len(content.getbuffer())} ".encode())
        digest.update(content.getbuffer())
    return digest.hexdigest()
