"""Taking files from the inbox: imported and moved to `done`, or moved to `failed` beside a file that says what to do.

A file that changes while it is looked at is left for the next time. One whose content was imported before is skipped by
its checksum, so a file that was imported by a night that was killed is only moved by the next. Nothing is guessed: a
file that leaves a question open (who spoke, day or month first) is set aside before anything of it is written.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from qa import ingest
from qa.archive.checksums import digest
from qa.archive.locks import alone
from qa.errors import Busy, Cancelled, Fact, SpotcheckError, Unavailable, Words
from qa.i18n import N_, Translator
from qa.inbox.folders import DONE, FAILED, Folder, folders, place, waiting
from qa.ingest import Detected, FileToImport, ImportCounts, ImportPreview, ReadAhead, RowProblem, problems
from qa.policy import SYSTEM
from qa.tables import ImportRun
from qa.workbench import Workbench

SETTLE_SECONDS = 5.0
"""A file is taken when its size and time are the same at two looks so far apart."""
QUESTIONS = frozenset({"unknown_speaker", "unknown_role", "ambiguous_date", "assumed_dates", "other_source"})
"""Problems that only a person can answer; the answer is remembered in a saved mapping."""
KINDS = ("agents", "conversations", "sessions", "disputes", "dispute_messages", "ratings")
"""In this order: chats before what refers to them."""
STATES = {
    "imported": N_("imported"),
    "known": N_("imported before; nothing new"),
    "failed": N_("set aside"),
    "growing": N_("still being written; taken next time"),
}


@dataclass(frozen=True)
class TakenFile:
    """What became of one file: a key of `STATES`, the import and its counts, or why it was set aside."""

    folder: str
    name: str
    state: str
    run_id: int | None = None
    counts: ImportCounts | None = None
    error: SpotcheckError | None = None

    @property
    def problem(self) -> bool:
        """Whether somebody should look at it."""
        return self.state in ("failed", "growing") or (self.counts is not None and self.counts.bad > 0)


def take_in(
    bench: Workbench,
    *,
    now: datetime,
    settle: float = SETTLE_SECONDS,
    progress: Callable[[float, str], None] = lambda share, what: None,
    cancel: Callable[[], bool] = lambda: False,
) -> tuple[TakenFile, ...]:
    """Take every file that waits, folder by folder. One that cannot be read does not hold up the others.

    Raises `Busy` while another process takes files, `Cancelled` between two files; what was taken stays taken.
    """
    known = folders(bench, SYSTEM)
    with _only_one(bench):
        for folder in known:
            place(bench, folder.name).mkdir(parents=True, exist_ok=True)
        files = [(folder, path) for folder in known for path in waiting(bench, folder.name)]
        before = {path: _look(path) for _, path in files}
        if files:
            time.sleep(settle)
        taken: list[TakenFile] = []
        still = [(folder, path) for folder, path in files if _look(path) == before[path]]
        taken += [TakenFile(folder.name, path.name, "growing") for folder, path in files if (folder, path) not in still]
        ordered = _in_order(bench, still)
        with ingest.reading_ahead(bench, SYSTEM, _readable(bench, ordered), now=now) as ahead:
            for n, (folder, path) in enumerate(ordered):
                if cancel():
                    raise Cancelled(N_("Stopped between two files; what was taken stays taken."))
                progress(n / len(still), N_("Taking files from the inbox"))
                taken.append(_take(bench, folder, path, now, ahead))
        return tuple(taken)


def _readable(bench: Workbench, files: list[tuple[Folder, Path]]) -> list[FileToImport]:
    """Those that a cluster may read before their turn comes: none without one."""
    found = []
    for folder, path in files if bench.config.cluster else ():
        with suppress(SpotcheckError):  # said when its turn comes
            seen = _read(bench, folder, path)
            seen.mapping.check(seen.kind, seen.shape.headers)
            found.append(FileToImport(path, seen.mapping, seen.kind, folder.source))
    return found


def unknown_folders(bench: Workbench) -> list[tuple[str, int]]:
    """Folders of the inbox that nobody set up, with the number of files in them."""
    known = {folder.name for folder in folders(bench, SYSTEM)}
    if not place(bench).is_dir():
        return []
    others = (path.name for path in sorted(place(bench).iterdir()) if path.is_dir() and path.name not in known)
    return [(name, n) for name in others if (n := len(waiting(bench, name)))]


def _take(bench: Workbench, folder: Folder, path: Path, now: datetime, ahead: ReadAhead | None) -> TakenFile:
    look, sha256 = _look(path), digest(path)
    if _imported(bench, folder, sha256):
        _move(path, DONE)
        return TakenFile(folder.name, path.name, "known")
    try:
        found = _read(bench, folder, path)
        seen = ingest.preview(
            bench, SYSTEM, path, found.mapping, found.kind, folder.source, silence_hours=folder.silence_hours,
            ahead=ahead,
        )  # fmt: skip
        if problem := _question(found, seen):
            return _set_aside(bench, folder, path, problem)
        done = ingest.commit(
            bench, SYSTEM, now=now, path=path, mapping=found.mapping, kind=found.kind, source=folder.source,
            silence_hours=folder.silence_hours, ahead=ahead,
        )  # fmt: skip
    except (Busy, Unavailable, Cancelled):
        raise
    except SpotcheckError as error:
        return _set_aside(bench, folder, path, error)
    if _look(path) != look:
        return TakenFile(folder.name, path.name, "growing", done.run_id, done.counts)
    moved = _move(path, DONE)
    if done.counts.bad or done.counts.warnings:
        ingest.problem_list(bench, SYSTEM, done.run_id, moved.with_name(f"{moved.name}.problems.csv"), _words(bench))
    return TakenFile(folder.name, path.name, "imported", done.run_id, done.counts)


def _read(bench: Workbench, folder: Folder, path: Path) -> Detected:
    """The file as its folder says it is read."""
    if not folder.profile:
        return ingest.detect(path, kind=folder.kind, preset=folder.preset)
    saved = ingest.load_profile(bench, SYSTEM, folder.profile)
    found = ingest.detect(path, kind=saved.kind, options=saved.mapping.reading)
    return ingest.completed(replace(found, mapping=saved.mapping))


class FileAsks(SpotcheckError):
    """A file leaves a question open that only a person can answer."""

    code = "file_asks"


def _question(found: Detected, seen: ImportPreview) -> SpotcheckError | None:
    asked = next((problem for problem, _ in seen.summary if problem.code in QUESTIONS), None)
    if asked is not None:
        return _asks(asked)
    if seen.counts.rows and not (seen.counts.new + seen.counts.changed + seen.counts.unchanged):
        worst = next((problem for problem, _ in seen.summary if problem.severity == "bad"), None)
        return _asks(worst) if worst is not None else None
    if found.open_dates and "date_order" in found.mapping.assumed:
        return FileAsks(
            N_(
                "In “{value}” the day or the month may come first. Import the file once by hand, choose the order, and"
                " save the mapping for this folder."
            ),
            value=found.open_dates,
        )
    return None


def _asks(problem: RowProblem) -> FileAsks:
    kind = problems.KINDS[problem.code]
    said: dict[str, Fact] = {"field": problem.field, "value": problem.value, "row": problem.row or 0}
    return FileAsks(
        N_(
            "Row {row}: {reason} {cure} Import the file once by hand, answer this there, and save the mapping for this"
            " folder."
        ),
        row=problem.row or 0, reason=Words(kind.reason, **said), cure=Words(kind.cure, **said),
    )  # fmt: skip


def _set_aside(bench: Workbench, folder: Folder, path: Path, error: SpotcheckError) -> TakenFile:
    """Move the file to `failed`, and write beside it what is to be done."""
    moved, t = _move(path, FAILED), _words(bench)
    text = t(
        N_("{file} was not imported.\n\n{reason}\n\nThen move it back into the folder “{folder}”."),
        file=path.name, reason=t.error(error), folder=folder.name,
    )  # fmt: skip
    moved.with_name(f"{moved.name}.problems.txt").write_text(text + "\n", "utf-8")
    return TakenFile(folder.name, path.name, "failed", error=error)


def _imported(bench: Workbench, folder: Folder, sha256: str) -> bool:
    query = select(ImportRun.id).where(
        ImportRun.sha256 == sha256, ImportRun.source == folder.source, ImportRun.state == "done"
    )
    with bench.db.read() as session:
        return session.scalar(query.limit(1)) is not None


def _in_order(bench: Workbench, files: list[tuple[Folder, Path]]) -> list[tuple[Folder, Path]]:
    """What others refer to first; a file that cannot be read comes last."""

    def place_of(item: tuple[Folder, Path]) -> int:
        try:
            return KINDS.index(_read(bench, *item).kind)
        except SpotcheckError:
            return len(KINDS)

    return sorted(files, key=place_of)


def _move(path: Path, where: str) -> Path:
    """Move a file into the folder `where` beside it, under a name that is free there."""
    folder = path.parent / where
    folder.mkdir(exist_ok=True)
    target, n = folder / path.name, 1
    while target.exists():
        n += 1
        target = folder / f"{path.stem}-{n}{path.suffix}"
    shutil.move(path, target)
    return target


def _look(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _words(bench: Workbench) -> Translator:
    return Translator(bench.config.language, bench.config.time_zone)


@contextmanager
def _only_one(bench: Workbench) -> Iterator[None]:
    place(bench).mkdir(parents=True, exist_ok=True)
    with alone(place(bench) / ".lock") as mine:
        if not mine:
            raise Busy(N_("Files are being taken from the inbox already; wait until it is done."))
        yield
