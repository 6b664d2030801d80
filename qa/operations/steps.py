"""The steps of the night in their order, and what each of them does. Wraps services, owns no rules of theirs.

A step may run again after its server died, and by hand at any time: each finds its own earlier work. What one step
cannot do for a single file, plan or source is a note on its result; it goes on with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from qa import connectors, inbox, notify, predictors, retention, screening
from qa.conversations import index
from qa.errors import Fact, NotFound, Words
from qa.i18n import N_, Translator
from qa.operations import drawing
from qa.operations.notes import StepDone, StepNote
from qa.policy import SYSTEM
from qa.redlines import opening
from qa.upkeep import backup
from qa.verdicts import facts
from qa.workbench import Workbench

KEEP = "keep"


@dataclass(frozen=True)
class NightWork:
    """What a step works with. `day` is its business date; `now` the moment this attempt began (UTC)."""

    bench: Workbench
    now: datetime
    day: date
    options: Mapping[str, int]
    progress: Callable[[float, str], None]
    cancel: Callable[[], bool]


@dataclass(frozen=True)
class ShiftStep:
    """One step of the night. It is left out when one of `needs` failed the same night. `makes_up`: a missed night is
    done later; of the other steps the newest night counts for all."""

    name: str
    title: str
    does: str
    run: Callable[[NightWork], StepDone]
    at: str = "01:00"
    needs: tuple[str, ...] = ()
    makes_up: bool = True
    options: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def _take_in(night: NightWork) -> StepDone:
    taken = inbox.take_in(night.bench, now=night.now, progress=night.progress, cancel=night.cancel)
    notes = [_of_file(one) for one in taken]
    for name, n in inbox.unknown_folders(night.bench):
        notes.append(StepNote.wrong(N_("{folder}: {n} files in a folder that is not set up"), folder=name, n=n))
    fetched = connectors.fetch_all(night.bench, now=night.now, cancel=night.cancel)
    notes += [_of_source(one) for one in fetched]
    rows = sum(one.counts.rows for one in taken if one.counts is not None)
    return StepDone.told(rows + sum(one.messages for one in fetched), notes)


def _of_source(one: connectors.Fetched) -> StepNote:
    if one.error is not None:
        return StepNote.error(one.name, one.error)
    make = StepNote.wrong if one.left_out else StepNote.of
    said = N_("{about}: {new} new, {changed} changed conversations, {messages} messages, {bad} rows left out")
    return make(said, about=one.name, new=one.new, changed=one.changed, messages=one.messages, bad=one.left_out)


def _of_file(one: inbox.TakenFile) -> StepNote:
    make = StepNote.wrong if one.problem else StepNote.of
    name = f"{one.folder}/{one.name}"
    if one.error is not None:
        return StepNote.error(name, one.error)
    state = Words(inbox.STATES[one.state])
    if one.counts is None:
        return make("{about}: {error}", about=name, error=state)
    said = N_("{about}: {state}; {rows} rows, {new} new, {changed} changed, {bad} rows left out")
    counts = one.counts
    return make(said, about=name, state=state, rows=counts.rows, new=counts.new, changed=counts.changed, bad=counts.bad)


def _screen(night: NightWork) -> StepDone:
    cluster = night.bench.config.cluster or None
    done = screening.screen(
        night.bench, SYSTEM, now=night.now, progress=night.progress, cancel=night.cancel, cluster=cluster
    )
    predictors.score(night.bench, SYSTEM, now=night.now)
    files = opening.open_suspected(night.bench, SYSTEM, now=night.now)
    said = N_("{conversations} conversations screened, {hits} hits, {files} case files opened")
    return StepDone(
        done.conversations, 0, (_note(said, conversations=done.conversations, hits=done.hits, files=files.opened),)
    )


def _draw(night: NightWork) -> StepDone:
    return drawing.draw_due(night.bench, now=night.now, day=night.day, progress=night.progress, cancel=night.cancel)


def _backup(night: NightWork) -> StepDone:
    name = f"{backup.NIGHTLY}{night.day:%Y%m%d}"
    folder = backup.own_folder(night.bench) / name
    try:
        made = backup.verify(folder)
    except NotFound:
        made = backup.backup(night.bench, SYSTEM, folder, now=night.now, progress=night.progress)
    removed = backup.prune(night.bench, SYSTEM, now=night.now, keep=night.options[KEEP])
    notes = [_note(N_("Backup {name}: {files} files, verified"), name=name, files=len(made.files))]
    notes += [_note(N_("Older backup {name} removed"), name=old) for old in removed]
    return StepDone(1, 0, tuple(notes))


def _compact(night: NightWork) -> StepDone:
    copied = facts.compact(night.bench, night.now)
    night.progress(0.3, N_("Building the search index"))
    found = index.update(night.bench, progress=night.progress, cancel=night.cancel)
    said = N_("{rows} results copied into the archive, {conversations} conversations indexed")
    return StepDone(copied, 0, (_note(said, rows=copied, conversations=found.added),))


def _remove(night: NightWork) -> StepDone:
    config = night.bench.config
    t = Translator(config.language, config.time_zone)
    reason = t(N_("by the retention policy, night of {day}"), day=str(night.day))
    done = retention.apply_policies(night.bench, SYSTEM, now=night.now, reason=reason, progress=night.progress)
    said = N_("Removal {number}: {units} units, {texts} frozen transcripts, {files} files")
    notes = [_note(said, number=d.removal_id, units=d.units, texts=d.transcripts, files=d.files) for d in done]
    held = sorted({name for one in done for name in one.backups})
    if held:
        notes.append(_note(N_("These backups still hold removed text: {names}"), names=", ".join(held)))
    return StepDone(sum(one.units for one in done), 0, tuple(notes))


def _tell(night: NightWork) -> StepDone:
    notify.deadlines(night.bench, night.now)
    notify.collect(night.bench, night.now)
    sent = notify.deliver(night.bench, night.now, digests=True)
    return StepDone(sent, 0, (_note(N_("{n} notices sent"), n=sent),))


def _note(msgid: str, **facts: Fact) -> StepNote:
    return StepNote.of(msgid, **facts)


STEPS: tuple[ShiftStep, ...] = (
    ShiftStep(
        "intake",
        N_("Take in"),
        N_("Files of the inbox and conversations of other systems, imported or set aside with what is to be done"),
        _take_in,
    ),
    ShiftStep(
        "screening", N_("Screen"), N_("Red lines and reply times of what is new; suspected files opened"), _screen
    ),
    ShiftStep(
        "draws",
        N_("Draw"),
        N_("Publish what is due of plans that publish by themselves; name what is due of the others"),
        _draw,
        needs=("screening",),
    ),
    ShiftStep(
        "backup",
        N_("Backup"),
        N_("Database and archive into the installation's folder, verified; the oldest nightly ones go"),
        _backup,
        makes_up=False,
        options={KEEP: 7},
        limits={KEEP: (1, 400)},
        labels={KEEP: N_("Nightly backups kept")},
    ),
    ShiftStep(
        "compaction", N_("Compact"), N_("Results into columns, the search index up to date"), _compact, makes_up=False
    ),
    ShiftStep(
        "retention",
        N_("Remove old text"),
        N_("What is older than its source's policy is removed for good; scores stay"),
        _remove,
        makes_up=False,
    ),
    ShiftStep(
        "notices",
        N_("Tell"),
        N_("Deadlines of tomorrow, and one message for each channel that wants one a night"),
        _tell,
        at="07:30",
        makes_up=False,
    ),
)
"""In the order of the night: removal comes after the backup of what is removed."""

BY_NAME: Mapping[str, ShiftStep] = {step.name: step for step in STEPS}
