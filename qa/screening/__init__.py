"""Screening the archive: every message against the red-line rules, every conversation timed, bit by bit and only once.

What has been screened is written in the archive itself, in the same atomic change as the hits: `signals.import_id` says
which content of a conversation was screened, `screened_rules` which substance of each rule the hits reflect. So a run
does only what is new: conversations of new imports with all rules, and all others with the rules that changed. Finished
ranges wait in the home folder (`qa.screening.staging`), which is what makes a killed or stopped run go on where it was;
the hits become visible together, in one version of the archive.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from qa import audit
from qa.archive import Snapshot
from qa.archive.locks import alone
from qa.archive.predictions import RULES
from qa.archive.ranges import CUT, NO_IMPORT, Range, cut, message_files
from qa.errors import Busy, Cancelled, Invalid, Unavailable
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.processes import cluster as machines
from qa.processes import isolation
from qa.processes.isolation import Limits, Overrun
from qa.rules import stored
from qa.screening import publishing
from qa.screening.staging import Staging
from qa.screening.work import (
    PROMISES,
    ScreenedRows,
    ScreeningPass,
    screen_range,
    screen_ranges,
    substances,
    unscreened,
)
from qa.workbench import Workbench
from scoring.problem import words
from scoring.redline import PatternError, Rule, Screener

BATCH = 200_000
"""Messages of one range: about 150 MB while it is screened."""

HEADWAY_SECONDS = 1_800.0
"""One range takes seconds."""
STOPPED = N_("Screening was stopped. What is finished is kept; the next run goes on from there.")

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class _Where:
    """Where ranges are screened: on a cluster, in a process of its own, or (neither) here."""

    cluster: str | None
    apart: bool


@dataclass(frozen=True)
class Screened:
    """What a run did. `rules` are those that were screened again by themselves."""

    conversations: int
    messages: int
    hits: int
    rules: tuple[str, ...]
    archive_version: int


@dataclass(frozen=True)
class Unscreened:
    """What the next run would do."""

    conversations: int
    rules: tuple[str, ...]


@dataclass(frozen=True)
class _Plan:
    """One pass: new conversations with all rules (`imports`), or known ones with the rules that changed."""

    kind: str
    snapshot: Snapshot
    job: ScreeningPass
    changed: tuple[str, ...]
    batch: int

    def facts(self, reflected: Mapping[str, str]) -> dict[str, Any]:
        """What must still be true for finished ranges to count."""
        return {
            "kind": self.kind,
            "rules": substances(self.job.rules, self.job.with_promises),
            "changed": list(self.changed),
            "zone": self.job.time_zone,
            "reflected": dict(reflected),
            "predictor": RULES,
            "ranges": CUT,
            **{table: self.snapshot.tables[table] for table in ("hits", "promises", "signals", "screened_rules")},
        }


def screen(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    rules_changed_only: bool = False,
    batch: int = BATCH,
    cluster: str | None = None,
    apart: bool = False,
) -> Screened:
    """Bring hits, signals and the rule score up to date. Installs the shipped rules when there are none at all.

    `batch` bounds memory (messages at a time). `cluster` is the address of a Dask scheduler whose workers see the same
    archive. `apart` searches in a process of its own, for whoever serves others meanwhile: an expression holds the
    interpreter while it searches one message. Raises `Cancelled` when `cancel` answers true (or `progress` raises it):
    what is finished is kept for the next run; `Conflict` when a screening or import is running.
    """
    require(actor, Right.IMPORT)
    with _only_one(bench):
        rules = _rules(bench, actor, now)
        done = Screened(0, 0, 0, (), bench.archive.version())
        for kind in ("rules",) if rules_changed_only else ("rules", "imports"):
            # a resumed pass is pinned to the archive it began with: what came later needs another round
            while (plan := _plan(bench, rules, kind, batch)) is not None:
                done = _add(done, _run(bench, actor, now, plan, progress, cancel, _Where(cluster, apart)))
    return done


def waiting(bench: Workbench, actor: Actor) -> Unscreened:
    """What the next run would do, without doing it. For who may start one, or reads what it finds."""
    if not actor.may(Right.IMPORT):
        require(actor, Right.VIEW_VIOLATIONS)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        rules = stored.rules_in_force(session)
    imports = outdated_imports(snapshot)
    count = unscreened(snapshot, imports).select(pl.len()).collect().item() if imports else 0
    return Unscreened(int(count), tuple(sorted(_changed(snapshot, substances(rules, True)))))


def _rules(bench: Workbench, actor: Actor, now: datetime) -> list[Rule]:
    with bench.db.read() as session:
        rules = stored.rules_in_force(session) if stored.any_rules(session) else None
    if rules is None:
        with bench.db.write() as session:
            stored.load_defaults(session, actor, now)
            rules = stored.rules_in_force(session)
    for rule in rules:
        try:
            Screener([rule])
        except PatternError as problem:  # published before the engine learned to refuse such a pattern
            raise Invalid(
                N_("Rule {rule} in force cannot be used: {reason}"),
                rule=rule.id,
                reason=words(problem.args[0]),
            ) from problem
    return rules


def reflected_rules(snapshot: Snapshot) -> dict[str, str]:
    """The substance of each rule that the hits reflect."""
    return dict(snapshot.scan("screened_rules").select("rule_id", "rules_hash").collect().iter_rows())


def _changed(snapshot: Snapshot, wanted: Mapping[str, str]) -> set[str]:
    if snapshot.tables["signals"] < 0:
        return set()  # nothing was screened yet: the first pass runs all rules anyway
    held = reflected_rules(snapshot)
    return {rule_id for rule_id in held.keys() | wanted.keys() if held.get(rule_id) != wanted.get(rule_id)}


def outdated_imports(snapshot: Snapshot) -> list[int]:
    """Imports with conversations whose present content has not been screened.

    Count and checksum of the keys of each import settle nearly all of them in one cheap pass; keys are compared one by
    one only for imports that differ.
    """

    def summary(table: str) -> pl.LazyFrame:
        number = pl.col("import_id").fill_null(NO_IMPORT)
        return (
            snapshot.scan(table)
            .group_by(number)
            .agg(pl.len().alias("n"), pl.col("conversation_key").hash().sum().alias("sum"))
        )

    both = summary("conversations").join(summary("signals"), on=["import_id", "n", "sum"], how="anti")
    suspects = both.select("import_id").collect().to_series().to_list()
    if not suspects:
        return []
    return sorted(unscreened(snapshot, suspects).select("import_id").unique().collect().to_series().to_list())


def _plan(bench: Workbench, rules: Sequence[Rule], kind: str, batch: int) -> _Plan | None:
    """The pass to run now: the interrupted one if it still fits, else a new one; None when there is nothing to do."""
    snapshot = bench.archive.at()
    wanted = substances(rules, True)
    changed = tuple(sorted(_changed(snapshot, wanted)))
    if kind == "rules":
        if not changed:
            return None
        job = ScreeningPass(
            snapshot,
            tuple(rule for rule in rules if rule.id in changed),
            bench.config.time_zone,
            None,
            with_signals=False,
            with_promises=PROMISES in changed,
        )
    else:
        imports = outdated_imports(snapshot)
        if not imports:
            return None
        job = ScreeningPass(snapshot, tuple(rules), bench.config.time_zone, frozenset(imports), with_signals=True)
    return _resumed(bench, _Plan(kind, snapshot, job, changed, batch))


def _resumed(bench: Workbench, plan: _Plan) -> _Plan:
    """`plan`, or the interrupted pass it continues: same rules and results so far, on the archive of then."""
    staging = _staging(bench, plan.kind)
    kept = staging.plan()
    facts = plan.facts(reflected_rules(plan.snapshot))
    if kept is not None and kept["facts"] == facts:
        snapshot = bench.archive.at(kept["version"])
        imports = None if kept["imports"] is None else frozenset(kept["imports"])
        job = ScreeningPass(
            snapshot, plan.job.rules, plan.job.time_zone, imports, plan.job.with_signals, plan.job.with_promises
        )
        return _Plan(plan.kind, snapshot, job, plan.changed, kept["batch"])
    imports_now = None if plan.job.imports is None else sorted(plan.job.imports)
    staging.begin({"facts": facts, "version": plan.snapshot.version, "imports": imports_now, "batch": plan.batch})
    return plan


def _staging(bench: Workbench, kind: str) -> Staging:
    return Staging(bench.config.home, kind)


def _run(
    bench: Workbench,
    actor: Actor,
    now: datetime,
    plan: _Plan,
    progress: Progress | None,
    cancel: Cancel | None,
    where: _Where,
) -> Screened:
    staging = _staging(bench, plan.kind)
    # rules that only went away need no reading
    anything = plan.job.with_signals or plan.job.rules or plan.job.with_promises
    chats = None if plan.job.imports is None else unscreened(plan.snapshot, plan.job.imports)
    ranges = cut(message_files(plan.snapshot, chats), plan.batch) if anything else []
    finished = staging.done()
    todo = [(number, piece) for number, piece in enumerate(ranges) if number not in finished]
    total = max(sum(piece.rows for piece in ranges), 1)
    seen = total - sum(piece.rows for _, piece in todo)
    for number, result in _results(plan.job, todo, where, cancel):
        staging.keep(number, result)
        seen += ranges[number].rows
        if cancel is not None and cancel():
            raise Cancelled(STOPPED)
        if progress is not None:
            progress(0.98 * seen / total, f"{seen:,} / {total:,}")
    messages = staging.messages()
    with bench.archive.hold() as writer:
        published = publishing.publish(writer, plan.kind, plan.snapshot, plan.job, plan.changed, staging, now)
        with bench.db.write() as session:
            audit.record(
                session,
                actor,
                now,
                "archive.screened",
                "archive",
                published.version,
                pass_=plan.kind,
                messages=messages,
                hits=published.hits,
                conversations=published.conversations,
                rules=list(plan.changed),
            )
    staging.discard()
    if progress is not None:
        progress(1.0, f"{total:,} / {total:,}")
    rules = tuple(rule for rule in plan.changed if rule != PROMISES) if plan.kind == "rules" else ()
    return Screened(published.conversations, messages, published.hits, rules, published.version)


def _results(
    job: ScreeningPass, todo: Sequence[tuple[int, Range]], where: _Where, cancel: Cancel | None
) -> Iterator[tuple[int, Any]]:
    if where.apart and todo and (len(todo) == 1 or not where.cluster):  # a single piece is not sent to a cluster
        yield from _apart(job, todo, cancel)
        return
    try:
        found = machines.each(where.cluster, screen_range, job, (piece for _, piece in todo), cancel)
        yield from zip((number for number, _ in todo), found, strict=True)
    except Cancelled:
        raise Cancelled(STOPPED) from None


def _apart(
    job: ScreeningPass, todo: Sequence[tuple[int, Range]], cancel: Cancel | None
) -> Iterator[tuple[int, ScreenedRows]]:
    limits = Limits(HEADWAY_SECONDS, memory=None, threads=None)
    try:
        for said in isolation.stream(screen_ranges, job, tuple(todo), limits=limits, cancel=cancel):
            if isinstance(said, tuple):
                yield said
    except Cancelled:
        raise Cancelled(STOPPED) from None
    except Overrun:
        raise Invalid(
            N_(
                "Screening made no headway for half an hour and was ended: a rule takes too long on some message."
                " “spotcheck rules check” says of exported rules which pattern that can be."
            )
        ) from None


def _add(one: Screened, other: Screened) -> Screened:
    return Screened(
        one.conversations + other.conversations, one.messages + other.messages, one.hits + other.hits,
        tuple(sorted({*one.rules, *other.rules})), other.archive_version,
    )  # fmt: skip


@contextlib.contextmanager
def _only_one(bench: Workbench) -> Iterator[None]:
    """Two runs would throw each other's finished ranges away."""
    folder = Path(bench.config.home) / "screening"
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            mine = held.enter_context(alone(folder / ".lock"))
        except OSError as problem:
            raise Unavailable(
                N_("The folder {folder} cannot be written: {reason}"), folder=str(folder), reason=str(problem)
            ) from problem
        if not mine:
            raise Busy(N_("A screening is running already; wait for it to finish."))
        yield
