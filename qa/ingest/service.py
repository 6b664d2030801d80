"""Importing as a user does it: detect, preview, commit. Owns the run's record, the roster's additions and the audit
entry.

The archive changes in one atomic step; the run is recorded before and after it. A run that was killed is closed by the
next one, which can tell from the archive's history whether the rows had become visible.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.archive import Snapshot
from qa.errors import Cancelled, Invalid
from qa.i18n import N_, Translator
from qa.ingest import fields, presets, problems, reading, roster, values
from qa.ingest.loading import AGENTS, ImportCounts, LoadedFile, LoadRequest, load
from qa.ingest.mapping import Mapping
from qa.ingest.problems import ProblemLog, RowProblem
from qa.ingest.reading import Shape
from qa.policy import Actor, Right, require
from qa.tables import ImportRun
from qa.workbench import Workbench

STORED_PROBLEMS = 200
SHOWN_PROBLEMS = 100
SAMPLE_PIECE_ROWS = 2_000
LONGEST = timedelta(hours=3)
"""A run that is recorded as started for longer than this is not running any more."""
GENERIC_NAMES = ("conversations", "messages", "disputes", "ratings", "sessions", "export", "data", "chats", "agents")
Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class Detected:
    """What a file seems to be; every part can be overruled. `rows` are the first rows as text, by header."""

    path: Path
    kind: str
    shape: Shape
    preset: str
    mapping: Mapping
    rows: tuple[dict[str, str | None], ...]

    @property
    def headers(self) -> tuple[str, ...]:
        return self.shape.headers


@dataclass(frozen=True)
class Changed:
    """A field that an import changes in `n` known records, with one example."""

    field: str
    n: int
    key: str
    old: str
    new: str | None


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


@dataclass(frozen=True)
class ImportResult:
    """What an import did. `problem_file` holds every problem; `archive_version` is the version that shows the rows."""

    run_id: int
    kind: str
    source: str
    counts: ImportCounts
    problems: tuple[RowProblem, ...]
    summary: tuple[tuple[RowProblem, int], ...]
    problem_file: Path | None
    archive_version: int
    changes: tuple[Changed, ...] = ()


def detect(path: Path, *, encoding: str = "", kind: str = "", preset: str = "") -> Detected:
    """Look at a file: format, encoding, shape, preset, and a mapping to start from. Raises `Invalid` with the cure."""
    shape = reading.look(path, encoding)
    rows = _first_rows(shape)
    known = (
        _preset(preset)
        if preset
        else None
        if kind and kind not in {p.kind for p in presets.PRESETS}
        else presets.recognise(shape.headers)
    )
    if known is not None and kind and known.kind != kind:
        known = None
    if known is not None:
        mapping, kind = presets.fitting(known, shape.headers), known.kind
    else:
        kind = kind or fields.guess_kind(shape.headers)
        if kind not in fields.FIELDS:
            raise Invalid(
                N_("“{value}” is not a kind of file. Known kinds: {known}."), value=kind, known=", ".join(fields.FIELDS)
            )
        mapping = Mapping(columns=fields.suggest(kind, shape.headers))
    return Detected(path, kind, shape, known.id if known else "", with_formats(mapping, kind, rows), rows)


def _preset(name: str) -> presets.Preset:
    if name not in presets.BY_ID:
        raise Invalid(N_("There is no preset “{value}”. Presets: {known}."), value=name, known=", ".join(presets.BY_ID))
    return presets.BY_ID[name]


def _first_rows(shape: Shape) -> tuple[dict[str, str | None], ...]:
    with_head = next(iter(reading.pieces(replace(shape), shape.headers, ProblemLog({}), first_only=True)), None)
    if with_head is None:
        return ()
    return tuple(with_head.frame.drop("file_row").head(SAMPLE_PIECE_ROWS).iter_rows(named=True))


def with_formats(mapping: Mapping, kind: str, rows: Sequence[dict[str, str | None]]) -> Mapping:
    """The mapping with the time formats that the first rows show, where it names none."""
    formats = dict(mapping.formats)
    for each in fields.FIELDS[kind]:
        header = mapping.columns.get(each.name)
        if (
            each.type in ("time", "date")
            and header
            and each.name not in formats
            and (found := values.detect_formats(r.get(header) for r in rows))
        ):
            formats[each.name] = found
    return replace(mapping, formats=formats)


def suggest_source(path: Path) -> str:
    """A source name from the file's name: letters and dashes of it, without digits and dates; else `import`."""
    if path.stem.casefold() in GENERIC_NAMES and path.parent.name:
        return (
            suggest_source(path.parent.with_suffix(".x"))
            if path.parent.stem.casefold() not in GENERIC_NAMES
            else "import"
        )
    name = "".join(c if c.isalpha() else "-" for c in path.stem)
    return "-".join(part for part in name.split("-") if part)[:40] or "import"


def preview(
    bench: Workbench,
    actor: Actor,
    path: Path,
    mapping: Mapping,
    kind: str,
    source: str,
    *,
    encoding: str = "",
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> ImportPreview:
    """Everything `commit` would do, without writing."""
    require(actor, Right.IMPORT)
    shape, job = _prepare(bench, path, mapping, kind, source, encoding, 0, progress, cancel)
    log = _log(mapping)
    with tempfile.TemporaryDirectory(prefix="spotcheck-preview-", dir=_scratch(bench)) as folder:
        loaded = _load(shape, job, _Nowhere(bench.archive.at(), Path(folder)), log, None)
    _note_unknown_agents(bench, loaded, log)
    frame = log.frame()
    sample = tuple(loaded.sample.iter_rows(named=True))
    counts = _recount(loaded.counts, frame)
    return ImportPreview(
        kind,
        source,
        counts,
        sample,
        problems.first(frame, SHOWN_PROBLEMS),
        problems.summary(frame),
        frame,
        changed_fields(loaded.changes),
    )


def changed_fields(changes: pl.DataFrame) -> tuple[Changed, ...]:
    """The fields of `changes` (`field`, `key`, `old`, `new`) with how many records each changes in, the most first."""
    groups = (
        changes.group_by("field")
        .agg(pl.len().alias("n"), pl.col("key", "old", "new").first())
        .sort(["n", "field"], descending=[True, False])
    )
    return tuple(Changed(**row) for row in groups.iter_rows(named=True))


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
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> ImportResult:
    """Import a file: all good rows, in one atomic step. Importing the same content again adds nothing.

    Raises `Invalid` (file or mapping), `Conflict` (somebody else is writing), `Cancelled`.
    """
    require(actor, Right.IMPORT)
    shape, job = _prepare(bench, path, mapping, kind, source, encoding, 0, progress, cancel)
    log = _log(mapping)
    name = file_name or path.name

    digest = hashlib.sha256()

    def run(job: LoadRequest, sink: object) -> LoadedFile:
        return _load(shape, job, sink, log, digest.update)

    return execute(bench, actor, now, job, log, run, name, digest.hexdigest)


def execute(
    bench: Workbench,
    actor: Actor,
    now: datetime,
    job: LoadRequest,
    log: ProblemLog,
    run: Callable[..., LoadedFile],
    file_name: str,
    sha256: Callable[[], str],
) -> ImportResult:
    """Record the run, change the archive by `run`, record the outcome."""
    with bench.db.write() as session:
        run_id = session.execute(
            insert(ImportRun)
            .values(
                file_name=file_name[-300:],
                sha256="",
                kind=job.kind,
                source=job.source,
                mapping=job.mapping.to_dict(),
                state="started",
                counts={},
                problems=[],
                started_by=actor.user_id or None,
                started_at=now,
            )
            .returning(ImportRun.id)
        ).scalar_one()
    job = replace(job, import_id=run_id)
    # The archive is held until the database knows of the rows: a backup between the two would hold different moments.
    with ExitStack() as held:
        try:
            _close_dead_rosters(bench, now)
            loaded, seen, version = _change(bench, actor, held, now, job, run, log, sha256)
        except BaseException as problem:
            _fail(
                bench,
                actor,
                now,
                run_id,
                "cancelled" if isinstance(problem, Cancelled | KeyboardInterrupt) else "failed",
            )
            raise
        result = _finish(bench, actor, now, job, loaded, seen, version, sha256())
    job.progress(1.0, "done")
    return result


def _change(
    bench: Workbench,
    actor: Actor,
    held: ExitStack,
    now: datetime,
    job: LoadRequest,
    run: Callable[..., LoadedFile],
    log: ProblemLog,
    sha256: Callable[[], str],
) -> tuple[LoadedFile, _Seen, int]:
    """Run the import on the archive, which stays held; returns what was loaded, what came of it, and the version that
    shows it."""
    if job.kind == "agents":
        loaded = run(job, None)
        return loaded, _look_back(bench, job, loaded, log), bench.archive.version()
    writer = held.enter_context(bench.archive.hold())
    with writer.change(f"import {job.import_id}", now) as change:
        complete_dead_runs(bench, actor, now, job.import_id)
        loaded = run(job, change)
        if job.cancel():
            raise Cancelled(N_("The import was cancelled; nothing was written."))
        seen = _look_back(bench, job, loaded, log)
        _note_outcome(bench, job, seen, sha256())
    return loaded, seen, bench.archive.version()


def _prepare(
    bench: Workbench,
    path: Path,
    mapping: Mapping,
    kind: str,
    source: str,
    encoding: str,
    import_id: int,
    progress: Progress | None,
    cancel: Cancel | None,
) -> tuple[Shape, LoadRequest]:
    check_source(source)
    shape = reading.look(path, encoding)
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
        import_id,
        mapping,
        nested,
        mapping.zone(bench.config.zone),
        bench.config.zone,
        progress or (lambda share, what: None),
        cancel or (lambda: False),
    )
    return shape, job


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
    pieces = reading.pieces(shape, job.mapping.columns.values(), log, tap=tap)
    if job.kind == "agents":
        return roster.load(job, pieces, log)
    return load(job, pieces, sink, log)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Seen:
    """What a load came to: its counts, every problem, what it changes, and the agents the roster does not know (id,
    name)."""

    counts: ImportCounts
    frame: pl.DataFrame
    changes: tuple[Changed, ...]
    unknown: tuple[tuple[str, str], ...]

    def facts(self) -> dict[str, Any]:
        return {
            **self.counts.to_dict(),
            **({"fields": {each.field: each.n for each in self.changes}} if self.changes else {}),
        }


def _look_back(bench: Workbench, job: LoadRequest, loaded: LoadedFile, log: ProblemLog) -> _Seen:
    unknown = pl.DataFrame(schema=AGENTS)
    if job.kind != "agents":
        with bench.db.read() as session:
            unknown = roster.unknown(session, loaded.agents)
        log.add("unknown_agent", "agent_id", unknown, "agent_id")
    frame = log.frame()
    counts = replace(_recount(loaded.counts, frame), new_agents=unknown.height)
    _write_list(problem_path(bench, job.import_id), frame)
    _write_list(changes_path(bench, job.import_id), loaded.changes)
    return _Seen(
        counts, frame, changed_fields(loaded.changes), tuple((id_, name or "") for id_, name, _ in unknown.iter_rows())
    )


def _note_outcome(bench: Workbench, job: LoadRequest, seen: _Seen, sha256: str) -> None:
    """Write down what the import comes to before its rows become visible: whoever finds it unfinished can complete
    it."""
    stored = [problem.to_dict() for problem in problems.first(seen.frame, STORED_PROBLEMS)]
    outcome = {"counts": seen.facts(), "agents": [list(agent) for agent in seen.unknown]}
    with bench.db.write() as session:
        session.execute(
            update(ImportRun)
            .where(ImportRun.id == job.import_id)
            .values(outcome=outcome, sha256=sha256, problems=stored)
        )


def _finish(
    bench: Workbench,
    actor: Actor,
    now: datetime,
    job: LoadRequest,
    loaded: LoadedFile,
    seen: _Seen,
    version: int,
    sha256: str,
) -> ImportResult:
    with bench.db.write() as session:
        if job.kind == "agents":
            counts = roster.put(session, loaded, now)
            seen = replace(seen, counts=_recount(counts, seen.frame))
            stored = [problem.to_dict() for problem in problems.first(seen.frame, STORED_PROBLEMS)]
            session.execute(
                update(ImportRun)
                .where(ImportRun.id == job.import_id)
                .values(outcome={"counts": seen.facts(), "agents": []}, sha256=sha256, problems=stored)
            )
        _complete(session, actor, now, job.import_id, version)
    return ImportResult(
        job.import_id,
        job.kind,
        job.source,
        seen.counts,
        problems.first(seen.frame, SHOWN_PROBLEMS),
        problems.summary(seen.frame),
        None if seen.frame.is_empty() else problem_path(bench, job.import_id),
        version,
        seen.changes,
    )


def _complete(session: Session, actor: Actor, now: datetime, run_id: int, version: int, **facts: object) -> None:
    """Record an import whose rows are visible as done: its counts, the agents it brought, the audit entry. Once."""
    run = session.get_one(ImportRun, run_id, with_for_update=True)
    if run.state != "started":
        return
    outcome = run.outcome or {"counts": {}, "agents": []}
    added = roster.add_unknown(session, [(id_, name) for id_, name in outcome["agents"]], now)
    run.state, run.counts, run.archive_version, run.ended_at = "done", outcome["counts"], version, now
    audit.record(
        session,
        actor,
        now,
        "import.done",
        "import",
        run_id,
        file=run.file_name,
        kind=run.kind,
        source=run.source,
        **outcome["counts"],
        **facts,
    )
    audit.bump(session, "archive", *(("roster",) if added or run.kind == "agents" else ()))


def _recount(counts: ImportCounts, frame: pl.DataFrame) -> ImportCounts:
    bad = problems.bad_codes()
    return replace(counts, bad=problems.bad_rows(frame), warnings=frame.height - int(frame["code"].is_in(bad).sum()))


def _fail(bench: Workbench, actor: Actor, now: datetime, run_id: int, state: str) -> None:
    with bench.db.write() as session:
        session.execute(update(ImportRun).where(ImportRun.id == run_id).values(state=state, ended_at=now))
        audit.record(session, actor, now, f"import.{state}", "import", run_id)


def complete_dead_runs(bench: Workbench, actor: Actor, now: datetime, run_id: int) -> None:
    """Runs that were killed: completed when the archive shows their version, failed when not. We hold the writer's
    lock."""
    visible = {what: version for version, what in bench.archive.history().select("version", "what").iter_rows()}
    with bench.db.write() as session:
        dead = session.execute(
            select(ImportRun.id).where(ImportRun.state == "started", ImportRun.id != run_id, ImportRun.kind != "agents")
        )
        for other in dead.scalars().all():
            if version := visible.get(f"import {other}"):
                _complete(session, actor, now, other, version, interrupted=True)
            else:
                session.execute(update(ImportRun).where(ImportRun.id == other).values(state="failed", ended_at=now))


def _close_dead_rosters(bench: Workbench, now: datetime) -> None:
    """A roster is written in the transaction that records it as done: one that still counts as started wrote
    nothing."""
    with bench.db.write() as session:
        session.execute(
            update(ImportRun)
            .where(ImportRun.state == "started", ImportRun.kind == "agents", ImportRun.started_at < now - LONGEST)
            .values(state="failed", ended_at=now)
        )


def state_of(run: ImportRun, now: datetime) -> str:
    """`started`, `done`, `failed`, `cancelled`, or `interrupted` for one that was killed and not closed yet."""
    return "interrupted" if run.state == "started" and run.started_at < now - LONGEST else run.state


def _note_unknown_agents(bench: Workbench, loaded: LoadedFile, log: ProblemLog) -> None:
    with bench.db.read() as session:
        log.add("unknown_agent", "agent_id", roster.unknown(session, loaded.agents), "agent_id")


def _write_list(path: Path, frame: pl.DataFrame) -> Path | None:
    if frame.is_empty():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    return path


def problem_path(bench: Workbench, run_id: int) -> Path:
    """Where every problem of a run is kept (Parquet: row, field, code, value)."""
    return bench.config.home / "imports" / f"problems-{run_id}.parquet"


def changes_path(bench: Workbench, run_id: int) -> Path:
    """Where everything that a run changed in known records is kept (Parquet: field, key, old, new)."""
    return bench.config.home / "imports" / f"changes-{run_id}.parquet"


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

    before: Snapshot
    folder: Path

    def now(self) -> Snapshot:
        return self.before

    def staging(self) -> Path:
        return self.folder

    def append(self, table: str, frame: pl.DataFrame) -> None:
        pass

    def adopt(self, table: str, files: Sequence[Path]) -> None:
        pass

    def remove(self, table: str, keys: pl.Series, column: str | None = None) -> None:
        pass
