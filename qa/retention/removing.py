"""Carrying a removal out, step by step, each of which may be repeated: whoever is killed goes on where it stood.

First it is on record what will go (as hashes). Then every draw keeps its frame, the rows leave the archive and old
versions lose the files that held them, frozen transcripts lose their text, and what quotes it is emptied. Scores,
outcomes and the columns that draws rest on stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from qa.archive.schema import KEYS
from qa.conversations import index
from qa.draws import kept_frames
from qa.errors import FormField, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.retention import finding
from qa.retention.finding import Matter, hashed
from qa.retention.policies import policies
from qa.tables import AuditEntry, Case, ImportRun, Job, Removal, RemovedUnit, Sample, Transcript, Violation
from qa.texts import written
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

REASON = FormField("reason", N_("Reason"))
KEPT = (
    "unit_id",
    "source",
    "conversation_key",
    "agent_id",
    "agent_name",
    "participants",
    "shop",
    "channel",
    "started_at",
)
"""What a transcript without its text still says: whom it concerned and when."""
_PART = 500

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class RemovalDone:
    """What a removal took away; `backups` still hold it."""

    removal_id: int
    units: int
    transcripts: int
    files: int
    backups: tuple[str, ...]


@dataclass(frozen=True)
class Unfinished:
    """A removal that was begun and has not ended."""

    removal_id: int
    kind: str
    source: str
    begun_at: datetime


@dataclass(frozen=True)
class PastRemoval:
    """A removal as it is on record; `counts` (units, transcripts, files) once it has ended."""

    removal_id: int
    kind: str
    source: str
    reason: str
    begun_at: datetime
    ended_at: datetime | None
    counts: dict[str, int]


def begin(bench: Workbench, actor: Actor, *, now: datetime, matter: Matter, reason: str) -> int:
    """Put on record what will be removed and why; returns the number of the removal, which `run` carries out."""
    require(actor, Right.MAINTAIN)
    matter.check()
    why = written(reason, REASON, 500)
    key = finding.unit_key(bench)
    found = finding.units(bench.archive.at(), matter)
    kind = "policy" if matter.customer is None else "request"
    subject = None if matter.customer is None else hashed(key, f"{matter.source}\n{matter.customer}")
    with bench.begin(actor, now) as work:
        number = work.session.execute(
            insert(Removal)
            .values(
                kind=kind, source=matter.source, subject=subject, before=matter.before, reason=why,
                asked_by=actor.user_id or None, begun_at=now, ended_at=None, counts={},
                imports=sorted(found.imports),
            )
            .returning(Removal.id)
        ).scalar_one()  # fmt: skip
        rows = [{"removal_id": number, "unit": hashed(key, unit)} for unit in sorted(found.all)]
        for start in range(0, len(rows), 2_000):
            work.session.execute(insert(RemovedUnit), rows[start : start + 2_000])
        before = None if matter.before is None else matter.before.isoformat()
        work.record("retention.begun", "removal", number, kind=kind, source=matter.source, before=before,
                    units=len(rows), reason=why)  # fmt: skip
    return number


def run(
    bench: Workbench, actor: Actor, removal_id: int, *, now: datetime, progress: Progress | None = None
) -> RemovalDone:
    """Carry a removal out, or go on with one that was interrupted. Doing it again removes nothing more."""
    require(actor, Right.MAINTAIN)
    key = finding.unit_key(bench)
    with bench.db.read() as session:
        removal = session.get(Removal, removal_id)
        if removal is None:
            raise NotFound(N_("There is no removal {number}."), number=removal_id)
        units = frozenset(session.scalars(select(RemovedUnit.unit).where(RemovedUnit.removal_id == removal_id)))
    tell = progress or (lambda share, what: None)
    tell(0.05, N_("Keeping the frames of draws"))
    kept_frames.keep_all(bench)
    tell(0.3, N_("Removing from the archive"))
    files = _from_archive(bench, key, units, removal, now)
    _from_index(bench)
    tell(0.6, N_("Removing from transcripts"))
    texts = _from_transcripts(bench, key, units, removal.begun_at)
    tell(0.8, N_("Removing from case files, cases and files"))
    _from_disk(bench, removal.imports)
    with bench.begin(actor, now) as work:
        _from_records(work, key, units, removal.imports)
        counts = {"units": len(units), "transcripts": texts, "files": files}
        done = update(Removal).where(Removal.id == removal_id, Removal.ended_at.is_(None))
        if work.session.execute(done.values(ended_at=now, counts=counts)).rowcount:  # type: ignore[attr-defined]
            work.record("retention.applied", "removal", removal_id, **counts)
    bench.db.drop_old_pages()
    tell(1.0, N_("Removed"))
    return RemovalDone(removal_id, len(units), texts, files, _backups(bench))


def apply_policies(
    bench: Workbench, actor: Actor, *, now: datetime, reason: str, progress: Progress | None = None
) -> tuple[RemovalDone, ...]:
    """Finish what was interrupted, remove what is older than its policy, and what of customers who asked before has
    been imported again."""
    require(actor, Right.MAINTAIN)
    done = [run(bench, actor, one.removal_id, now=now, progress=progress) for one in unfinished(bench, actor)]
    for matter in _due(bench, actor, now):
        if not finding.preview(bench, actor, matter).nothing:
            number = begin(bench, actor, now=now, matter=matter, reason=reason)
            done.append(run(bench, actor, number, now=now, progress=progress))
    return tuple(done)


def unfinished(bench: Workbench, actor: Actor) -> tuple[Unfinished, ...]:
    """Removals that were begun and never ended: `run` goes on with them."""
    require(actor, Right.MAINTAIN)
    query = select(Removal).where(Removal.ended_at.is_(None)).order_by(Removal.id)
    with bench.db.read() as session:
        return tuple(Unfinished(one.id, one.kind, one.source, one.begun_at) for one in session.scalars(query))


def history(bench: Workbench, actor: Actor, limit: int = 50) -> tuple[PastRemoval, ...]:
    """The latest removals, newest first."""
    require(actor, Right.MAINTAIN)
    query = select(Removal).order_by(Removal.id.desc()).limit(limit)
    with bench.db.read() as session:
        return tuple(
            PastRemoval(one.id, one.kind, one.source, one.reason, one.begun_at, one.ended_at, dict(one.counts))
            for one in session.scalars(query)
        )


def _due(bench: Workbench, actor: Actor, now: datetime) -> list[Matter]:
    found = [Matter.older_than(one.source, one.days, now) for one in policies(bench, actor) if one.days is not None]
    with bench.db.read() as session:
        asked = session.execute(select(Removal.source, Removal.subject).where(Removal.subject.is_not(None))).all()
    snapshot, key = bench.archive.at(), finding.unit_key(bench)
    for source in sorted({source for source, _ in asked}):
        wanted = frozenset(str(subject) for name, subject in asked if name == source)
        found += [Matter(source, customer=name) for name in finding.customers_like(snapshot, source, key, wanted)]
    return found


# the steps


def _from_archive(bench: Workbench, key: bytes, units: frozenset[str], removal: Removal, now: datetime) -> int:
    """Delete the rows, then every file that no row of the newest version needs; returns how many files the removal
    takes away."""
    with bench.archive.hold() as writer:
        with writer.change(f"removal {removal.id}", now) as change:
            for table, column in finding.UNIT_KEYS.items():  # and every table that holds more of the same units
                there = change.before.scan(table).select(column).unique().collect()[column].drop_nulls()
                gone = pl.Series([one for one in there if hashed(key, one) in units], dtype=pl.String)
                for each in (name for name, key_ in KEYS.items() if key_ == column):
                    change.remove(each, gone, column)
        files = _counted(bench, removal, writer.old_files() + sum(map(len, _on_disk(bench, removal.imports))))
        writer.forget_old_versions()
        return files


def _counted(bench: Workbench, removal: Removal, files: int) -> int:
    """Files that the removal takes away, written down before the first is gone: one that was killed between two of them
    knows it when it goes on."""
    if "files" in removal.counts:
        return int(removal.counts["files"])
    with bench.db.write() as session:
        session.execute(update(Removal).where(Removal.id == removal.id).values(counts={"files": files}))
    return files


def _from_index(bench: Workbench) -> None:
    """The search index follows the archive; there is nothing to take out where none was made."""
    if index.of(bench).manifest() is not None:
        index.update(bench)


def _from_transcripts(bench: Workbench, key: bytes, units: frozenset[str], at: datetime) -> int:
    """Empty the frozen texts; returns how many this removal has emptied, before it was interrupted too. Their moment is
    that of the removal's entry in the trail, which vouches for it."""
    with bench.db.read() as session:
        found = [(number, _emptied(content)) for number, content in finding.transcripts_of(session, key, units)]
    for start in range(0, len(found), _PART):
        with bench.db.write() as session:
            for number, content in found[start : start + _PART]:
                session.execute(
                    update(Transcript)
                    .where(Transcript.id == number, Transcript.redacted_at.is_(None))
                    .values(content=content, redacted_at=at)
                )
    with bench.db.read() as session:
        return sum(1 for _ in finding.transcripts_of(session, key, units, emptied_at=at))


def _emptied(content: dict[str, Any]) -> dict[str, Any]:
    return {**{name: content.get(name) for name in KEPT}, "messages": [], "dispute": None, "rating": None}


def _from_records(work: UnitOfWork, key: bytes, units: frozenset[str], imports: Sequence[int]) -> None:
    """What quotes a customer beside the transcripts: the words of a finding, excerpts of cases, rows of problems."""
    session = work.session
    files = [
        (number, evidence)
        for number, chat, evidence in session.execute(
            select(Violation.id, Violation.conversation_key, Violation.evidence)
        )
        if hashed(key, chat) in units and any(hit["matched"] for hit in evidence)
    ]
    for number, evidence in files:
        empty = [{**hit, "matched": ""} for hit in evidence]
        session.execute(update(Violation).where(Violation.id == number).values(evidence=empty))
        work.record("violation.emptied", "violation", number)
    for number in _cases(session, key, units):
        values = {"excerpt": [], "search_text": "", "state": "withdrawn", "version": Case.version + 1}
        session.execute(update(Case).where(Case.id == number).values(changed_at=work.now, **values))
        work.record("case.emptied", "case", number)
    for run_id in imports:
        shown = session.scalar(select(ImportRun.problems).where(ImportRun.id == run_id))
        if shown:
            session.execute(update(ImportRun).where(ImportRun.id == run_id).values(problems=[]))
            work.record("import.emptied", "import", run_id)


def _cases(session: Session, key: bytes, units: frozenset[str]) -> list[int]:
    rows = session.execute(
        select(
            Case.id,
            Case.excerpt,
            Case.conversation_key,
            Sample.unit_id,
            Sample.conversation_key,
            Violation.conversation_key,
        )
        .outerjoin(Sample, Sample.id == Case.sample_id)
        .outerjoin(Violation, Violation.id == Case.violation_id)
    )
    return [
        number
        for number, excerpt, *names in rows
        if excerpt and any(name is not None and hashed(key, name) in units for name in names)
    ]


def _on_disk(bench: Workbench, imports: Sequence[int]) -> tuple[list[Path], list[Path]]:
    """Lists of problems with rows of the file in them, and folders of uploads that no import needs any more."""
    home = bench.config.home
    files = [home / "imports" / f"{what}-{number}.parquet" for number in imports for what in ("problems", "changes")]
    with bench.db.read() as session:
        busy = [str(one) for one in session.scalars(select(Job.params).where(Job.state.in_(("waiting", "running"))))]
    folders = (home / "tmp" / "uploads").glob("*")
    unneeded = [one for one in folders if one.is_dir() and not any(one.name in params for params in busy)]
    return [file for file in files if file.exists()], unneeded


def _from_disk(bench: Workbench, imports: Sequence[int]) -> None:
    """Also the index of searches, which is made anew from what is left."""
    files, folders = _on_disk(bench, imports)
    for file in files:
        file.unlink(missing_ok=True)
    for folder in (*folders, bench.config.home / "search"):
        shutil.rmtree(folder, ignore_errors=True)


def _backups(bench: Workbench) -> tuple[str, ...]:
    with bench.db.read() as session:
        made = session.scalars(select(AuditEntry.entity_id).where(AuditEntry.action == "backup.made"))
        return tuple(dict.fromkeys(made))
