"""The steps of the night in their order, and what each of them does. Wraps services, owns no rules of theirs.

A step may run again after its server died, and by hand at any time: each finds its own earlier work. What one step
cannot do for a single file, plan or source is a note on its result; it goes on with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from qa import connectors, inbox, notify, predictors, retention, screening
from qa.assessment import schemes, sheets, words
from qa.assessment.inputs import NothingKnown
from qa.conversations import index
from qa.errors import Fact, NotFound, Words
from qa.i18n import N_, Translator
from qa.operations import drawing
from qa.operations.notes import StepDone, StepNote
from qa.policy import SYSTEM
from qa.redlines import opening
from qa.scorer import calibrated, endpoint, running, setup
from qa.upkeep import backup
from qa.verdicts import facts
from qa.workbench import Workbench

KEEP, BUDGET, MINUTES, WAIT = "keep", "budget", "minutes", "wait"


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


def _machine(night: NightWork) -> StepDone:
    """Within the night's budget and time; without an endpoint, scores from outside are still calibrated anew."""
    renewed = calibrated.renew(night.bench, SYSTEM, now=night.now)
    again = [_note(N_("Calibrated anew on more reviews: {version}"), version=one) for one in renewed]
    if setup.current(night.bench, SYSTEM) is None:
        return StepDone(0, 0, (*again, _note(N_("No endpoint of a machine scorer is set up"))))
    done = running.run(
        night.bench, SYSTEM, now=night.now, budget=night.options[BUDGET] or None, minutes=night.options[MINUTES],
        progress=night.progress, cancel=night.cancel,
    )  # fmt: skip
    said = N_("{scored} conversations scored, {unusable} unusable answers, {waiting} wait; cost {cost}")
    notes = [
        *again,
        _note(said, scored=done.scored, unusable=done.unusable, waiting=done.waiting, cost=round(done.cost, 4)),
    ]
    if done.stopped:
        notes.append(StepNote.wrong(N_("It stopped: {reason}"), reason=Words(endpoint.STATES[done.stopped])))
    if done.alarm:
        notes.append(StepNote.wrong(N_("The gold conversations gave an alarm: the version before is in use again")))
    return StepDone.told(done.scored, notes)


def _draw(night: NightWork) -> StepDone:
    return drawing.draw_due(night.bench, now=night.now, day=night.day, progress=night.progress, cancel=night.cancel)


def _assess(night: NightWork) -> StepDone:
    """Of the month that ended last: drafted once somebody uses schemes and its exports have had some days; published by
    people alone."""
    month = (night.day.replace(day=1) - timedelta(days=1)).replace(day=1)
    if not schemes.newest(night.bench, SYSTEM):
        return StepDone(0, 0, (_note(N_("No scheme of assessment is set up")),))
    known = [one for one in sheets.sheets(night.bench, SYSTEM) if one.month == month and one.months == 1]
    if known:
        state = Words(words.STATES[known[0].state])
        return StepDone(0, 0, (_note(N_("The sheet of {month}: {state}"), month=f"{month:%Y-%m}", state=state),))
    if night.day.day <= night.options[WAIT]:
        return StepDone(
            0, 0, (_note(N_("The sheet of {month} waits for exports of its last days"), month=f"{month:%Y-%m}"),)
        )
    try:
        sheets.draft(night.bench, SYSTEM, now=night.now, month=month)
    except NothingKnown:  # a shop that began since: nothing is wrong
        return StepDone(0, 0, (_note(N_("Nothing is known of {month} to make a sheet of"), month=f"{month:%Y-%m}"),))
    said = N_("The sheet of {month} is drafted and waits for somebody to publish it")
    return StepDone.told(1, [_note(said, month=f"{month:%Y-%m}")])


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
    notes = [_note(said, rows=copied, conversations=found.added)]
    if merged := night.bench.archive.merge_small_files(night.now):
        notes.append(_note(N_("{n} small files of the archive merged into few"), n=merged))
    return StepDone(copied, 0, tuple(notes))


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
        "scorer",
        N_("Score by machine"),
        N_("The endpoint of the machine scorer is asked about what waits, the most valuable first"),
        _machine,
        needs=("screening",),
        makes_up=False,
        options={BUDGET: 0, MINUTES: 120},
        limits={BUDGET: (0, 1_000_000), MINUTES: (1, 480)},
        labels={BUDGET: N_("Conversations a night (0: as set up)"), MINUTES: N_("Minutes at most")},
    ),
    ShiftStep(
        "draws",
        N_("Draw"),
        N_("Publish what is due of plans that publish by themselves; name what is due of the others"),
        _draw,
        needs=("screening",),
    ),
    ShiftStep(
        "assessments",
        N_("Assessment due"),
        N_("The sheet of the month that is over is drafted; people publish it"),
        _assess,
        makes_up=False,
        options={WAIT: 3},
        limits={WAIT: (0, 27)},
        labels={WAIT: N_("Days to wait for exports")},
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
        "compaction",
        N_("Compact"),
        N_("Results into columns, the search index up to date, small files merged"),
        _compact,
        makes_up=False,
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
