"""The rule bench: what an edit would change on the chats that are there, before anybody publishes it.

The read side: it screens, compares and counts, and writes nothing. Both versions are judged as if in force on every
day, so that the difference is that of the rules and not of their dates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from qa.archive import Snapshot
from qa.archive.ranges import Range, cut, message_files
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.processes import isolation
from qa.processes.isolation import Cancel, Limits, Overrun, Say
from qa.rules import messages, stored
from qa.rules.checking import At, objections_to_cost, ran_over
from qa.workbench import Workbench
from scoring.problem import words
from scoring.redline import PatternError, Rule, RuleProblem, Screener
from scoring.redline.check import written_problems
from scoring.redline.logic import LogicError

Progress = Callable[[float, str], None]
RANGE = 100_000
MESSAGES = 1_000_000
SAMPLES = 20
LIMITS = Limits(cpu_seconds=1_800, silent_seconds=300.0)
"""Between two ranges of messages a process may be silent for minutes, on a busy machine."""


@dataclass(frozen=True)
class Example:
    """One message that the two versions judge differently, to read."""

    conversation_key: str
    seq: int
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class RuleTrial:
    """What a draft would change. Counts are of messages; `whole` is false when only the latest part was screened."""

    messages: int
    whole: bool
    newly: int
    no_longer: int
    same: int
    newly_examples: tuple[Example, ...]
    no_longer_examples: tuple[Example, ...]
    cpu_seconds_per_million: float
    """Cost of the draft alone, measured in this run."""


@dataclass(frozen=True)
class Overlap:
    """Two rules that mark the same words; `messages` is how often."""

    one: str
    other: str
    messages: int


@dataclass(frozen=True)
class Usage:
    """What the rules in force find: hits a rule, rules that never fire, rules that mark the same words."""

    hits: tuple[tuple[str, int], ...]
    silent: tuple[str, ...]
    overlaps: tuple[Overlap, ...]


def compare(
    bench: Workbench,
    actor: Actor,
    *,
    draft: Rule,
    limit: int = MESSAGES,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> RuleTrial:
    """Screen past chats with the draft and with the version in force, and show where they differ, in a process of its
    own.

    Looks at the latest `limit` messages at most. Raises `Invalid` when the draft's patterns are refused or take too
    long, `Cancelled`, and `Unavailable` when the process ends by itself.
    """
    require(actor, Right.EDIT_RULES)
    with bench.db.read() as session:
        held = [rule for rule in stored.rules_in_force(session) if rule.id == draft.id]
    at = At(draft.id)

    def hear(said: object) -> None:
        nonlocal at
        if isinstance(said, At):
            at = said
        elif isinstance(said, Read) and progress is not None:
            progress(said.messages / max(said.of, 1), f"{said.messages:,} / {said.of:,}")

    job = Comparison(draft, held[-1] if held else None, bench.archive.at(), bench.config.time_zone, limit)
    try:
        found = isolation.run(compared, job, limits=LIMITS, hear=hear, cancel=cancel)
    except Overrun as overrun:
        raise _refused(ran_over(overrun, at)) from overrun
    assert isinstance(found, RuleTrial)
    return found


def _refused(problem: RuleProblem) -> Invalid:
    return Invalid(
        N_("The draft cannot be tried. Field {field}: {reason}"),
        field=problem.field,
        reason=messages.objection(problem),
    )


@dataclass(frozen=True)
class Comparison:
    """What the other process is given."""

    draft: Rule
    held: Rule | None
    snapshot: Snapshot
    time_zone: str
    limit: int


@dataclass(frozen=True)
class Read:
    """How many messages were read so far, of how many."""

    messages: int
    of: int


def compared(say: Say, job: Comparison) -> RuleTrial:
    """What `compare` runs in the other process."""
    problems = written_problems(job.draft)
    unreadable = [problem for problem in problems if problem.code in ("pattern", "logic", "too_many")]
    slow = [] if unreadable else objections_to_cost(say, job.draft)
    for problem in (*unreadable, *slow):
        raise _refused(problem)
    say(At(job.draft.id))
    new, old = _screener(job.draft, job.time_zone), _screener(job.held, job.time_zone)
    ranges, whole = _latest(job.snapshot, job.limit)
    total = sum(piece.rows for piece in ranges)
    counts: tuple[int, int, int] = (0, 0, 0)
    cpu, read = 0.0, 0
    newly: list[Example] = []
    gone: list[Example] = []
    for said, chats in _read(job.snapshot, ranges):
        started = time.process_time()
        after = new.screen(said, chats)
        cpu += time.process_time() - started
        before = old.screen(said, chats)
        on = ["conversation_key", "seq"]
        added, lost = after.unique(on).join(before, on=on, how="anti"), before.unique(on).join(after, on=on, how="anti")
        counts = (counts[0] + added.height, counts[1] + lost.height, counts[2] + after.unique(on).height - added.height)
        newly += _examples(added, said, SAMPLES - len(newly))
        gone += _examples(lost, said, SAMPLES - len(gone))
        read += said.height
        say(Read(read, total))
    return RuleTrial(read, whole, *counts, tuple(newly), tuple(gone), cpu * 1e6 / max(read, 1))


def _screener(rule: Rule | None, time_zone: str) -> Screener:
    """Judges every day. Raises `Invalid` where a search engine refuses a pattern."""
    rules = [] if rule is None else [replace(rule, in_force_from=None, in_force_to=None)]
    try:
        made = Screener(rules, tz=time_zone)
        _ = made.passes, made.expecting  # compiled once, whatever the number of messages: not part of the cost
    except (PatternError, LogicError) as problem:
        raise Invalid(N_("The draft cannot be tried: {reason}"), reason=words(problem.args[0])) from problem
    return made


def _latest(snapshot: Snapshot, limit: int) -> tuple[list[Range], bool]:
    """Ranges of the files written last, up to `limit` messages."""
    chosen, rows = [], 0
    files = message_files(snapshot)
    for piece in reversed(files):
        if rows >= limit:
            break
        chosen.append(piece)
        rows += piece.length
    ranges = cut(list(reversed(chosen)), RANGE)
    while len(ranges) > 1 and sum(piece.rows for piece in ranges) - ranges[0].rows >= limit:
        ranges.pop(0)
    whole = sum(piece.rows for piece in ranges) == sum(piece.length for piece in files)
    return ranges, whole


def _read(snapshot: Snapshot, ranges: Sequence[Range]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    for piece in ranges:
        messages = piece.scan().select("conversation_key", "seq", "role", "agent_id", "sent_at", "text").collect()
        keys = messages.lazy().select("conversation_key").unique()
        chats = snapshot.scan("conversations").select("conversation_key", "started_at", platform="channel")
        yield messages, chats.join(keys, on="conversation_key", how="semi").collect()


def _examples(hits: pl.DataFrame, messages: pl.DataFrame, room: int) -> list[Example]:
    if room <= 0 or hits.is_empty():
        return []
    some = hits.sort("conversation_key", "seq").head(room)
    rows = some.join(messages.select("conversation_key", "seq", "text"), on=["conversation_key", "seq"], how="left")
    return [
        Example(row["conversation_key"], row["seq"], row["text"] or "", row["start"], row["end"])
        for row in rows.iter_rows(named=True)
    ]


def usage(bench: Workbench, actor: Actor) -> Usage:
    """Hits by rule over the whole archive, silent rules and overlapping pairs, from the hits of the last screening."""
    require(actor, Right.EDIT_RULES)
    with bench.db.read() as session:
        in_force = sorted({rule.id for rule in stored.rules_in_force(session)})
    hits = bench.archive.at().scan("hits")
    counted = hits.group_by("rule_id").len().sort("len", descending=True).collect()
    found = dict(counted.iter_rows())
    spans = hits.filter(pl.col("end") > pl.col("start")).select("conversation_key", "seq", "rule_id", "start", "end")
    pairs = (
        spans.join(spans, on=["conversation_key", "seq"], how="inner", suffix="_other")
        .filter(
            pl.col("rule_id") < pl.col("rule_id_other"),
            pl.col("start") < pl.col("end_other"),
            pl.col("start_other") < pl.col("end"),
        )
        .unique(["conversation_key", "seq", "rule_id", "rule_id_other"])
        .group_by("rule_id", "rule_id_other")
        .len()
        .sort("len", descending=True)
        .head(50)
        .collect()
    )
    return Usage(
        tuple((rule_id, n) for rule_id, n in counted.iter_rows()),
        tuple(rule_id for rule_id in in_force if rule_id not in found),
        tuple(Overlap(*row) for row in pairs.iter_rows()),
    )
