"""The record of an import: opened before the archive changes, completed after, by whoever finds it when its process was
killed.

The archive changes in one atomic step. What the import comes to is written down before that step, so that a run whose
rows are visible can always be completed: its counts, the agents it brought, its audit entry.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.archive import ArchiveChange
from qa.errors import Cancelled
from qa.i18n import N_
from qa.ingest import problems, roster, same_file, sources
from qa.ingest.problems import ProblemLog, RowProblem
from qa.ingest.requests import AGENTS, ImportCounts, LoadedFile, LoadRequest, OnTop
from qa.people import aliases
from qa.people.aliases import Alias
from qa.policy import SYSTEM, Actor
from qa.tables import Connector, ImportRun
from qa.workbench import Workbench

STORED_PROBLEMS = 200
Changing = Callable[[ArchiveChange], None]

SHOWN_PROBLEMS = 100

LONGEST = timedelta(hours=3)
"""A run that is recorded as started for longer than this is not running any more."""


@dataclass(frozen=True)
class Changed:
    """A field that an import changes in `n` known records, with one example."""

    field: str
    n: int
    key: str
    old: str
    new: str | None


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


def changed_fields(changes: pl.DataFrame) -> tuple[Changed, ...]:
    """The fields of `changes` (`field`, `key`, `old`, `new`) with how many records each changes in, the most first."""
    groups = (
        changes.group_by("field")
        .agg(pl.len().alias("n"), pl.col("key", "old", "new").first())
        .sort(["n", "field"], descending=[True, False])
    )
    return tuple(Changed(**row) for row in groups.iter_rows(named=True))


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
            fail(
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
        loaded = run(job, None, log)
        return loaded, _look_back(bench, job, loaded, log), bench.archive.version()
    writer = held.enter_context(bench.archive.hold())
    with writer.change(f"import {job.import_id}", now) as change:
        complete_dead_runs(bench, actor, now, job.import_id)
        loaded = run(job, change, log)
        if job.cancel():
            raise Cancelled(N_("The import was cancelled; nothing was written."))
        before = same_file.earlier(bench, job, sha256())
        seen = _look_back(bench, job, loaded, log)
        if before is None:
            _note_outcome(bench, job, seen, sha256())
        else:
            change.forget()
            if same_file.says_nothing_new(job, before, seen.counts):
                _note_outcome(bench, job, seen, sha256(), repeats=before.owner)
    if before is None or same_file.says_nothing_new(job, before, seen.counts):
        return loaded, seen, bench.archive.version()
    with writer.change(f"import {job.import_id}", now) as change:
        log = log.empty()
        restated = same_file.take_back(bench, change, before, job.import_id, job.kind, now)
        again = replace(job, restated=restated, people=roster.people(bench, before.agents), read=None)
        loaded = run(again, OnTop(change, change.now()), log)
        seen = _look_back(bench, job, loaded, log)
        gone = same_file.unused(before, change.now())
        _note_outcome(bench, job, seen, sha256(), replaces=list(before.runs), leaves=gone)
    return loaded, seen, bench.archive.version()


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
    counts = replace(recount(loaded.counts, frame), new_agents=unknown.height)
    _write_list(problem_path(bench, job.import_id), frame)
    _write_list(changes_path(bench, job.import_id), loaded.changes)
    return _Seen(
        counts, frame, changed_fields(loaded.changes), tuple((id_, name or "") for id_, name, _ in unknown.iter_rows())
    )


def _note_outcome(bench: Workbench, job: LoadRequest, seen: _Seen, sha256: str, **facts: object) -> None:
    """Write down what the import comes to before its rows become visible: whoever finds it unfinished can complete
    it."""
    stored = [problem.to_dict() for problem in problems.first(seen.frame, STORED_PROBLEMS)]
    outcome = {
        "counts": seen.facts(),
        "agents": [list(agent) for agent in seen.unknown],
        "source_mark": job.source_mark,
        "silence": job.gap.total_seconds() if job.gap_given else None,
        **({"place": list(job.place)} if job.place else {}),
        **facts,
    }
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
            counts = roster.put(session, loaded, now, now.astimezone(job.business).date())
            seen = replace(seen, counts=recount(counts, seen.frame))
            stored = [problem.to_dict() for problem in problems.first(seen.frame, STORED_PROBLEMS)]
            session.execute(
                update(ImportRun)
                .where(ImportRun.id == job.import_id)
                .values(outcome={"counts": seen.facts(), "agents": []}, sha256=sha256, problems=stored)
            )
        complete(session, actor, now, job.import_id, version)
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


def complete(session: Session, actor: Actor, now: datetime, run_id: int, version: int, **facts: object) -> None:
    """Record an import whose rows are visible as done: its counts, the agents it brought, the audit entry. Once."""
    run = session.get_one(ImportRun, run_id, with_for_update=True)
    if run.state != "started":
        return
    outcome = run.outcome or {"counts": {}, "agents": []}
    roster.add_unknown(session, [(id_, name) for id_, name in outcome["agents"]], now)
    if mark := outcome.get("source_mark"):
        sources.remember(session, mark, run.source, now)
    if seconds := outcome.get("silence"):
        sources.remember_silence(session, run.source, seconds, now)
    if place := outcome.get("place"):
        session.execute(update(Connector).where(Connector.name == place[0]).values(cursor=place[1]))
    run.state, run.counts, run.archive_version, run.ended_at = "done", outcome["counts"], version, now
    if replaced := outcome.get("replaces"):
        session.execute(update(ImportRun).where(ImportRun.id.in_(replaced)).values(state="taken_back"))
        for other in replaced:
            audit.record(
                session, actor, now, "import.taken_back", "import", other, file=run.file_name, read_anew=run_id
            )
        facts["replaces"] = replaced
        roster.drop_unknown(session, outcome.get("leaves", ()))
    if repeated := outcome.get("repeats"):
        facts["repeats"] = repeated
    if merged := outcome.get("merges"):
        aliases.put(session, Alias(*merged), now)
        audit.record(session, actor, now, "roster.merged", "agent", merged[1], account=merged[0], **outcome["counts"])
    if parted := outcome.get("parts"):
        aliases.drop(session, parted[0])
        session.execute(update(ImportRun).where(ImportRun.id == outcome["takes_back"]).values(state="taken_back"))
        audit.record(session, actor, now, "import.taken_back", "import", outcome["takes_back"], file=run.file_name)
        audit.record(session, actor, now, "roster.merge_undone", "agent", parted[1], account=parted[0])
    elif taken := outcome.get("takes_back"):
        session.execute(update(ImportRun).where(ImportRun.id == taken).values(state="taken_back"))
        audit.record(
            session, actor, now, "import.taken_back", "import", taken, file=run.file_name, **outcome["counts"], **facts
        )
    else:
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


def recount(counts: ImportCounts, frame: pl.DataFrame) -> ImportCounts:
    bad = problems.bad_codes()
    counts = replace(counts, rows=counts.rows + problems.unread_rows(frame))
    return replace(counts, bad=problems.bad_rows(frame), warnings=frame.height - int(frame["code"].is_in(bad).sum()))


def fail(bench: Workbench, actor: Actor, now: datetime, run_id: int, state: str) -> None:
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
                complete(session, actor, now, other, version, interrupted=True)
            else:
                session.execute(update(ImportRun).where(ImportRun.id == other).values(state="failed", ended_at=now))
                audit.record(session, actor, now, "import.failed", "import", other, interrupted=True)


def _close_dead_rosters(bench: Workbench, now: datetime) -> None:
    """A roster is written in the transaction that records it as done: one that still counts as started wrote
    nothing."""
    with bench.db.write() as session:
        closed = session.scalars(
            update(ImportRun)
            .where(ImportRun.state == "started", ImportRun.kind == "agents", ImportRun.started_at < now - LONGEST)
            .values(state="failed", ended_at=now)
            .returning(ImportRun.id)
        ).all()
        for run_id in closed:
            audit.record(session, SYSTEM, now, "import.failed", "import", run_id, interrupted=True)


def state_of(run: ImportRun, now: datetime) -> str:
    """`started`, `done`, `failed`, `cancelled`, or `interrupted` for one that was killed and not closed yet."""
    return "interrupted" if run.state == "started" and run.started_at < now - LONGEST else run.state


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
