"""What can be a job: parameters, result, who may ask, and the service that does it. Wraps services, owns no rules.

A job may run again after its worker died, so every kind is a service that finds its own earlier work: an import adds
nothing twice, a screening goes on, a draw is named by its nonce, a training on the same verdicts is the stored version.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from qa import draws, ingest, operations, predictors, retention, screening
from qa.conversations import index
from qa.conversations.index import Updated
from qa.draws import Period, PublishedDraw
from qa.errors import Cancelled, Conflict, NotFound, Words
from qa.i18n import N_
from qa.ingest import ImportResult
from qa.jobs import record
from qa.operations import NightWork, StepDone
from qa.policy import SYSTEM, Actor, Right
from qa.predictors import ModelView, Rescored
from qa.redlines import opening
from qa.redlines.opening import OpenedFiles
from qa.retention import RemovalDone
from qa.scorer import running as scorer_running
from qa.scorer.running import ScorerRun
from qa.screening import Screened
from qa.upkeep import backup, exports
from qa.upkeep.exports import MadeFile
from qa.workbench import Workbench

REPLACING = 0.6
"""Share of a restore from which on its rows are replaced (`qa.upkeep.backup.restore`)."""
P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Run:
    """What a kind works with: who asked, when this attempt began, how to tell progress, whether to stop."""

    bench: Workbench
    actor: Actor
    now: datetime
    attempt: int
    progress: Callable[[float, str], None]
    cancel: Callable[[], bool]

    def stoppable(self, share: float, what: str) -> None:
        """Progress for a service that has no way to be cancelled but this one."""
        if self.cancel():
            raise Cancelled(N_("The work was stopped; nothing was written."))
        self.progress(share, what)


@dataclass(frozen=True)
class JobKind(Generic[P, R]):
    """One kind of job. `over` is called once when it has ended for good, however it ended; when it is done, a job of
    the kind named `then` is asked for."""

    name: str
    title: str
    right: Right
    params: type[P]
    result: type[R]
    run: Callable[[Run, P], R]
    over: Callable[[Workbench, P], None] = lambda bench, params: None
    then: str = ""


@dataclass(frozen=True)
class ImportFile:
    """Import `path`. An upload in the home folder is removed when the import is over."""

    path: Path
    mapping: ingest.Mapping
    kind: str
    source: str
    source_mark: str = ""
    silence_hours: float | None = None


@dataclass(frozen=True)
class Screen:
    """Screen what is new, give it its risk, open the case files."""


@dataclass(frozen=True)
class ScreeningDone:
    """What one screening did to hits and to case files."""

    screened: Screened
    files: OpenedFiles


@dataclass(frozen=True)
class PublishDraw:
    """Publish the draw of a plan for the days `first` to `last`; `nonce` names the request."""

    plan_id: int
    first: date
    last: date
    nonce: str
    archive_version: int | None


@dataclass(frozen=True)
class Train:
    """Learn from the verdicts so far."""


@dataclass(frozen=True)
class Score:
    """Score conversations with the model in use; `again`: also what has its prediction already."""

    again: bool = False


@dataclass(frozen=True)
class RunScorer:
    """Ask the machine scorer about what waits, at most `budget` conversations (None: as set up)."""

    budget: int | None = None


@dataclass(frozen=True)
class IndexMessages:
    """Bring the search index up to date; `again`: build it anew."""

    again: bool = False


@dataclass(frozen=True)
class RemoveText:
    """Carry out the removal `removal_id`, or go on with it."""

    removal_id: int


@dataclass(frozen=True)
class Backup:
    """Make the backup `name` in the installation's folder of backups."""

    name: str


@dataclass(frozen=True)
class Restore:
    """Replace everything by the backup `name`, after what is here was backed up as `kept`."""

    name: str
    kept: str


@dataclass(frozen=True)
class Restored:
    """The backup that stands here now. Seen by nobody: the job went with what was replaced, the trail tells of it."""

    name: str


@dataclass(frozen=True)
class NightStep:
    """One step of the night of `day`. `by_hand`: somebody asked for it, besides the step that comes by itself."""

    step: str
    day: date
    by_hand: bool = False


@dataclass(frozen=True)
class BackupMade:
    """The backup that was made and verified."""

    name: str
    files: int
    bytes: int


@dataclass(frozen=True)
class MakeFile:
    """Make a file to be fetched (`qa.upkeep.exports`)."""

    what: str
    form: str = "xlsx"
    backup_name: str = ""


def _import(run: Run, params: ImportFile) -> ImportResult:
    return ingest.commit(
        run.bench,
        run.actor,
        now=run.now,
        path=params.path,
        mapping=params.mapping,
        kind=params.kind,
        source=params.source,
        source_mark=params.source_mark,
        silence_hours=params.silence_hours,
        progress=run.progress,
        cancel=run.cancel,
    )


def _forget_upload(bench: Workbench, params: ImportFile) -> None:
    if params.path.parent.parent == uploads(bench.config.home):
        shutil.rmtree(params.path.parent, ignore_errors=True)


def uploads(home: Path) -> Path:
    """Where uploaded files wait for their import, each in a folder of its own."""
    return home / "tmp" / "uploads"


def _screen(run: Run, params: Screen) -> ScreeningDone:
    bench, actor, now = run.bench, run.actor, run.now
    cluster = bench.config.cluster or None
    done = screening.screen(
        bench, actor, now=now, progress=run.progress, cancel=run.cancel, cluster=cluster, apart=True
    )
    predictors.score(bench, actor, now=now)
    return ScreeningDone(done, opening.open_suspected(bench, actor, now=now))


def _publish(run: Run, params: PublishDraw) -> PublishedDraw:
    return draws.publish(
        run.bench, run.actor, now=run.now, plan_id=params.plan_id, period=Period(params.first, params.last),
        nonce=params.nonce, next_seed=secrets.token_hex(32), archive_version=params.archive_version,
        progress=run.progress, cancel=run.cancel,
    )  # fmt: skip


def _train(run: Run, params: Train) -> ModelView:
    return predictors.train(run.bench, run.actor, now=run.now, progress=run.stoppable)


def _score(run: Run, params: Score) -> Rescored:
    return predictors.score(
        run.bench, run.actor, now=run.now, progress=run.progress, cancel=run.cancel, again=params.again
    )


def _run_scorer(run: Run, params: RunScorer) -> ScorerRun:
    return scorer_running.run(
        run.bench, run.actor, now=run.now, budget=params.budget, progress=run.progress, cancel=run.cancel
    )


def _index(run: Run, params: IndexMessages) -> Updated:
    return index.update(run.bench, again=params.again, progress=run.progress, cancel=run.cancel)


def _backup(run: Run, params: Backup) -> BackupMade:
    folder = backup.own_folder(run.bench) / params.name
    if run.attempt > 1 and (made := _made_before(folder)) is not None:
        return made
    manifest = backup.backup(run.bench, run.actor, folder, now=run.now, progress=_before_the_end(run))
    return BackupMade(params.name, len(manifest.files), manifest.bytes)


def _restore(run: Run, params: Restore) -> Restored:
    """Can be stopped until rows are replaced; from then on it is the restore's own journal that decides."""
    bench, folder = run.bench, backup.own_folder(run.bench)
    if _made_before(folder / params.kept) is None:  # it is named by the moment: an earlier attempt made it
        backup.backup(
            bench, run.actor, folder / params.kept, now=run.now,
            progress=lambda share, what: run.stoppable(share / 2, what),
        )  # fmt: skip

    def told(share: float, what: str) -> None:
        (run.stoppable if share <= REPLACING else run.progress)(0.5 + share / 2, what)

    backup.restore(bench, run.actor, folder / params.name, now=run.now, force=True, progress=told)
    return Restored(params.name)


def _make_file(run: Run, params: MakeFile) -> MadeFile:
    return exports.make(
        run.bench, run.actor, now=run.now, what=params.what, form=params.form, backup_name=params.backup_name,
        progress=run.stoppable,
    )  # fmt: skip


def _remove(run: Run, params: RemoveText) -> RemovalDone:
    return retention.run(run.bench, run.actor, params.removal_id, now=run.now, progress=run.progress)


def night_request(step: str, day: date) -> str:
    """What names the one job that a step of the night of `day` is."""
    return f"night {day} {step}"


def _night(run: Run, params: NightStep) -> StepDone:
    """Whoever asked, the step acts for the installation: what it may do was decided with its schedule and its plans."""
    step = operations.BY_NAME[params.step]
    for need in () if params.by_hand else step.needs:
        if record.state_of(run.bench, night_request(need, params.day)) in ("failed", "cancelled"):
            raise Conflict(
                N_("Left out: “{step}” was not done this night."), step=Words(operations.BY_NAME[need].title)
            )
    options = next(one.options for one in operations.schedules(run.bench, SYSTEM) if one.step == step.name)
    return step.run(NightWork(run.bench, run.now, params.day, options, run.progress, run.cancel))


def _made_before(folder: Path) -> BackupMade | None:
    """The backup of an attempt that was killed when all but its record was there."""
    try:
        manifest = backup.verify(folder)
    except NotFound:
        return None
    return BackupMade(folder.name, len(manifest.files), manifest.bytes)


def _before_the_end(run: Run) -> Callable[[float, str], None]:
    """A backup that is made is not thrown away any more."""
    return lambda share, what: (run.stoppable if share < 0.9 else run.progress)(share, what)


INDEXING = JobKind(
    "indexing", N_("Building the search index"), Right.VIEW_CONVERSATIONS, IndexMessages, Updated, _index
)
IMPORT = JobKind("import", N_("Import"), Right.IMPORT, ImportFile, ImportResult, _import, _forget_upload, INDEXING.name)
SCREENING = JobKind("screening", N_("Screening"), Right.IMPORT, Screen, ScreeningDone, _screen)
PUBLISHING = JobKind("publishing", N_("Publishing a draw"), Right.PLAN_DRAW, PublishDraw, PublishedDraw, _publish)
TRAINING = JobKind("training", N_("Training the risk model"), Right.PLAN_DRAW, Train, ModelView, _train)
SCORING = JobKind("scoring", N_("Scoring with the risk model"), Right.PLAN_DRAW, Score, Rescored, _score)
SCORER_RUN = JobKind("scorer_run", N_("Asking the machine scorer"), Right.MAINTAIN, RunScorer, ScorerRun, _run_scorer)
BACKUP = JobKind("backup", N_("Backup"), Right.MAINTAIN, Backup, BackupMade, _backup)
RESTORE = JobKind("restore", N_("Restoring a backup"), Right.MAINTAIN, Restore, Restored, _restore)
EXPORT = JobKind("export", N_("Making a file"), Right.MAINTAIN, MakeFile, MadeFile, _make_file)
REMOVAL = JobKind(
    "removal", N_("Removal of text"), Right.MAINTAIN, RemoveText, RemovalDone, _remove, then=INDEXING.name
)

NIGHT: Mapping[str, JobKind[NightStep, StepDone]] = {
    step.name: JobKind(f"night_{step.name}", step.title, Right.MAINTAIN, NightStep, StepDone, _night)
    for step in operations.STEPS
}
"""The steps of the night by their name: each is a kind of its own."""

_ALL: tuple[JobKind[Any, Any], ...] = (
    IMPORT, INDEXING, SCREENING, PUBLISHING, TRAINING, SCORING, SCORER_RUN, BACKUP, RESTORE, EXPORT, REMOVAL,
    *NIGHT.values(),
)  # fmt: skip
KINDS: Mapping[str, JobKind[Any, Any]] = {kind.name: kind for kind in _ALL}
