"""Importing as a user does it: detect, preview, commit. Owns the run's record, the roster's additions and the audit
entry.

The archive changes in one atomic step; the run is recorded before and after it. A run that was killed is closed by the
next one, which can tell from the archive's history whether the rows had become visible.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import select

from qa.errors import Invalid
from qa.i18n import N_, Translator
from qa.ingest import problems, reading, roster, same_file, sources, takeback
from qa.ingest.chat_reading import ReadAhead, ReadRequest, read_ahead
from qa.ingest.detecting import Detected
from qa.ingest.loading import load
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog, RowProblem
from qa.ingest.reading import Shape
from qa.ingest.requests import ImportCounts, LoadedFile, LoadRequest
from qa.ingest.runs import (
    SHOWN_PROBLEMS,
    Changed,
    ImportResult,
    changed_fields,
    execute,
    problem_path,
    recount,
)
from qa.ingest.sources import SourceChoice
from qa.policy import Actor, Right, require
from qa.tables import ImportRun, Sample, Violation
from qa.workbench import Workbench

SHOWN_MESSAGES = 60
PART = 500
Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class ImportPreview:
    """What an import would do; nothing was written."""

    kind: str
    source: str
    counts: ImportCounts
    rows: tuple[dict[str, object], ...]
    problems: tuple[RowProblem, ...]
    summary: tuple[tuple[RowProblem, int], ...]
    all_problems: pl.DataFrame = field(repr=False, compare=False)
    changes: tuple[Changed, ...] = ()
    transcript: tuple[dict[str, object], ...] = ()
    """One chat as it would be stored: its messages in order."""
    imported_before: datetime | None = None
    """When this very file was imported last; it is read anew and replaces what it brought then."""


def source_of(bench: Workbench, actor: Actor, detected: Detected) -> SourceChoice:
    """The source to offer for a file: asked once per shop and platform, then remembered."""
    require(actor, Right.IMPORT)
    return sources.choose(bench, detected.path, detected.preset, detected.mapping.columns, detected.rows)


def preview(
    bench: Workbench,
    actor: Actor,
    path: Path,
    mapping: Mapping,
    kind: str,
    source: str,
    *,
    encoding: str = "",
    silence_hours: float | None = None,
    ahead: ReadAhead | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> ImportPreview:
    """Everything `commit` would do, without writing."""
    require(actor, Right.IMPORT)
    shape, job = _prepare(bench, path, mapping, kind, source, encoding, None, progress, cancel)
    if silence_hours is not None:
        job = replace(job, gap=sources.checked_silence(silence_hours))
    log = _log(mapping)
    digest, before = hashlib.sha256(), bench.archive.at()
    with tempfile.TemporaryDirectory(prefix="spotcheck-preview-", dir=_scratch(bench)) as folder:
        job = _with_read(shape, job, ahead)
        loaded = _load(shape, job, _Nowhere(before, Path(folder)), log, digest.update)
        again = same_file.earlier(bench, job, job.read.sha256 if job.read else digest.hexdigest())
        if again and kind != "agents" and not same_file.says_nothing_new(job, again, loaded.counts):
            plan, log = takeback.without(before, again.owner, 0), log.empty()
            known = same_file.restated(before, plan, kind)
            job = replace(job, restated=known, people=roster.people(bench, again.agents), read=None)
            loaded = _load(shape, job, _Nowhere(takeback.View(before, plan, again.owner), Path(folder)), log, None)
    _note_unknown_agents(bench, loaded, log)
    frame = log.frame()
    sample = tuple(loaded.sample.iter_rows(named=True))
    counts = recount(loaded.counts, frame)
    return ImportPreview(
        kind,
        source,
        counts,
        sample,
        problems.first(frame, SHOWN_PROBLEMS),
        problems.summary(frame),
        frame,
        changed_fields(loaded.changes),
        tuple(loaded.transcript.head(SHOWN_MESSAGES).iter_rows(named=True)),
        again.at if again else None,
    )


def commit(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    path: Path,
    mapping: Mapping,
    kind: str,
    source: str,
    encoding: str = "",
    file_name: str = "",
    source_mark: str = "",
    silence_hours: float | None = None,
    ahead: ReadAhead | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> ImportResult:
    """Import a file: all good rows, in one atomic step. Importing the same content again adds nothing.

    `source_mark` (of `source_of`) lets the source be remembered for files like it. `silence_hours`: how long a silence
    ends a chat of a file without conversation ids; kept for the source. `ahead`: of `reading_ahead`.

    Raises `Invalid` (file or mapping), `Conflict` (somebody else is writing), `Cancelled`.
    """
    require(actor, Right.IMPORT)
    shape, job = _prepare(bench, path, mapping, kind, source, encoding, now, progress, cancel)
    if silence_hours is not None:
        job = replace(job, gap=sources.checked_silence(silence_hours), gap_given=True)
    job = _with_read(shape, replace(job, source_mark=source_mark), ahead)
    log = _log(mapping)
    name = file_name or path.name

    digest = hashlib.sha256()

    def run(job: LoadRequest, sink: object, log: ProblemLog) -> LoadedFile:
        return _load(shape, job, sink, log, None if job.restated is not None else digest.update)

    return execute(bench, actor, now, job, log, run, name, lambda: job.read.sha256 if job.read else digest.hexdigest())


@dataclass(frozen=True)
class FileToImport:
    """A file as `commit` is told of it."""

    path: Path
    mapping: Mapping
    kind: str
    source: str


@contextmanager
def reading_ahead(
    bench: Workbench, actor: Actor, files: Sequence[FileToImport], *, now: datetime, cluster: str | None = None
) -> Iterator[ReadAhead | None]:
    """Let a cluster (by default the one that is configured) read `files`, which are then previewed or imported in this
    order; None where there is no cluster or no file of chats. The archive changes file by file all the same."""
    require(actor, Right.IMPORT)
    address = cluster or bench.config.cluster
    asked = [file for file in files if address and file.kind == "conversations"]
    prepared = [_prepare(bench, one.path, one.mapping, one.kind, one.source, "", now, None, None) for one in asked]
    with read_ahead(address, [ReadRequest(shape, job.how_read()) for shape, job in prepared]) as ahead:
        yield ahead


def _with_read(shape: Shape, job: LoadRequest, ahead: ReadAhead | None) -> LoadRequest:
    """`job` with what was read of the file already."""
    if ahead is None or job.kind != "conversations":
        return job
    return replace(job, read=ahead.file(ReadRequest(shape, job.how_read()), job.cancel))


def _prepare(
    bench: Workbench,
    path: Path,
    mapping: Mapping,
    kind: str,
    source: str,
    encoding: str,
    now: datetime | None,
    progress: Progress | None,
    cancel: Cancel | None,
) -> tuple[Shape, LoadRequest]:
    check_source(source)
    shape = reading.look(path, encoding, mapping.reading)
    mapping.check(kind, shape.headers)
    nested = (
        shape.nested
        if kind == "conversations"
        and any(h.startswith(f"{shape.nested}[].") for h in mapping.columns.values())
        and shape.nested
        else ""
    )
    job = LoadRequest(
        kind,
        source,
        0,
        mapping,
        nested,
        mapping.zone(bench.config.zone),
        bench.config.zone,
        progress or (lambda share, what: None),
        cancel or (lambda: False),
        gap=sources.silence_of(bench, source),
        pinned=lambda keys: _pinned(bench, keys),
        people=roster.people(bench),
        id_key=sources.id_key(bench, now),
    )
    return shape, job


def _pinned(bench: Workbench, keys: Sequence[str]) -> set[str]:
    """Conversations that were drawn or have a case file: what was decided about them must keep its name."""
    found: set[str] = set()
    with bench.db.read() as session:
        for start in range(0, len(keys), PART):
            part = list(keys[start : start + PART])
            found.update(session.scalars(select(Sample.conversation_key).where(Sample.conversation_key.in_(part))))
            found.update(
                session.scalars(select(Violation.conversation_key).where(Violation.conversation_key.in_(part)))
            )
    return found


def check_source(source: str) -> None:
    """A source is a short name; it becomes part of every key."""
    if not source or len(source) > 60 or ":" in source or source != source.strip():
        raise Invalid(
            N_("The source “{value}” must be a short name without a colon, e.g. tmall or service-desk."),
            value=source[:60],
        )


def _log(mapping: Mapping) -> ProblemLog:
    return ProblemLog(mapping.columns)


def _load(shape: Shape, job: LoadRequest, sink: object, log: ProblemLog, tap: reading.Tap | None) -> LoadedFile:
    # what a rating without an id is told apart by is all that its row says
    whole = job.kind == "ratings" and "rating_id" not in job.mapping.columns
    pieces = reading.pieces(shape, (*job.mapping.columns.values(), *(shape.headers if whole else ())), log, tap=tap)
    if job.kind == "agents":
        return roster.load(job, pieces, log)
    return load(job, pieces, sink, log)  # type: ignore[arg-type]


def _note_unknown_agents(bench: Workbench, loaded: LoadedFile, log: ProblemLog) -> None:
    with bench.db.read() as session:
        log.add("unknown_agent", "agent_id", roster.unknown(session, loaded.agents), "agent_id")


def problem_list(bench: Workbench, actor: Actor, run_id: int, path: Path, t: Translator) -> None:
    """Write all problems of a run as CSV in the reader's language."""
    require(actor, Right.IMPORT)
    stored = problem_path(bench, run_id)
    frame = pl.read_parquet(stored) if stored.exists() else pl.DataFrame(schema=problems.SCHEMA)
    problems.write_csv(frame, path, t)


def history(bench: Workbench, actor: Actor, limit: int = 50) -> tuple[ImportRun, ...]:
    """The latest runs, newest first."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        return tuple(session.execute(select(ImportRun).order_by(ImportRun.id.desc()).limit(limit)).scalars())


def _scratch(bench: Workbench) -> Path:
    folder = bench.config.home / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass
class _Nowhere:
    """The sink of a preview."""

    before: Any
    folder: Path

    def now(self) -> Any:
        return self.before

    def staging(self) -> Path:
        return self.folder

    def append(self, table: str, frame: pl.DataFrame) -> None:
        pass

    def adopt(self, table: str, files: Sequence[Path]) -> None:
        pass

    def remove(self, table: str, keys: pl.Series, column: str | None = None) -> None:
        pass
