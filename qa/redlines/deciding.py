"""Violations: opening case files for what screening found, and every step people take on them.

Each function is one user action: it asks the policy, takes one transaction, and leaves an event and an audit entry.
Does not know how hits are found, how the board lists files, and how a
score is computed.

Opening thousands of files must be cheap, so the hits are frozen at once (they are what is being alleged) and the
transcript when somebody first decides: that person's transcript is then the evidence for good. A bulk clearing keeps
the archive version instead; the archive can give every transcript back as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from qa import transcripts
from qa.archive import Snapshot
from qa.blinding import refuse_early, shown_files
from qa.casefiles import record
from qa.casefiles.lifecycle import NEEDS_RIGHT, FileState, Step
from qa.casefiles.record import Evidence, Finding, add_step, add_step_to_many, take
from qa.casefiles.sanctions import SETTING, SanctionTerms, programme, store_programme
from qa.errors import Conflict, Denied, Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rules import stored
from qa.tables import Transcript, Violation, ViolationEvent
from qa.unit_of_work import UnitOfWork
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.redline import Rule

PART = 2_000
KNOWN: Mapping[str, Any] = {
    "id": pl.Int64,
    "conversation_key": pl.String,
    "rule_id": pl.String,
    "agent_id": pl.String,
    "state": pl.String,
    "rule_version": pl.Int64,
    "occurred_at": pl.Datetime("us", "UTC"),
}
BULK_LIMIT = 1_000
"""Files that one person may clear at once: what one reason can still be answered for."""
RULINGS = frozenset({Step.UPHOLD, Step.DISMISS, Step.REOPEN, Step.EXPUNGE})
"""Steps after which the results of inspected samples are brought in line, in the same transaction."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class OpenedFiles:
    """What `open_suspected` did: files opened, files found again, files whose finding has gone."""

    opened: int
    found_again: int
    withdrawn: int


@dataclass(frozen=True)
class Decided:
    """The state of a file after a step."""

    violation_id: int
    state: FileState


# the programme


def set_programme(bench: Workbench, actor: Actor, *, now: datetime, wanted: SanctionTerms) -> None:
    """Change clocks and ladder. Files keep their events; only due dates and shown texts follow."""
    require(actor, Right.EDIT_RULES)
    with bench.begin(actor, now) as work:
        store_programme(work.session, wanted, now)
        work.record("violations.programme_changed", "setting", SETTING, **asdict(wanted))


# what screening found


def open_suspected(bench: Workbench, actor: Actor, *, now: datetime, progress: Progress | None = None) -> OpenedFiles:
    """Bring the case files in line with the hits of the archive; idempotent and safe to interrupt.

    A file that nobody has decided is withdrawn when its finding has gone because its rule has changed, and comes back
    when it is found again. A finding that has gone with its messages leaves the file open: people decide about it.
    """
    require(actor, Right.IMPORT)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        severities = {name.rule_id: name.severity for name in stored.names(session).values()}
        judging = stored.rules_in_force(session)
        known = _known(session)
    findings = _findings(snapshot.scan("hits"), snapshot.scan("conversations"), sorted(severities))
    keys = ["conversation_key", "rule_id", "agent_id"]
    fresh = findings.join(known, on=keys, how="anti")
    again = known.filter(pl.col("state") == FileState.WITHDRAWN.value).join(findings, on=keys, how="inner").sort("id")
    suspected = known.filter(pl.col("state") == FileState.SUSPECTED.value)
    gone = _of_changed_rules(suspected.join(findings, on=keys, how="anti"), snapshot, judging, bench.config.zone)
    opened = 0
    for start in range(0, fresh.height, PART):
        if progress:
            progress(start / fresh.height, "")
        with bench.begin(actor, now) as work:
            part = record.open_files(work.session, _rows(fresh.slice(start, PART), severities), now)
            _audit_many(work, Step.OPEN, part, snapshot.version)
        opened += part
    _follow(bench, actor, now, suspected.join(findings, on=keys, how="inner"), snapshot.version)
    return OpenedFiles(
        opened,
        _reopen(bench, actor, now, again, snapshot.version),
        _withdraw(bench, actor, now, gone, snapshot.version),
    )


def _findings(hits: pl.LazyFrame, conversations: pl.LazyFrame, rules: list[str]) -> pl.DataFrame:
    """One row a (conversation, rule, agent) with its hits in order."""
    grouped = (
        hits.filter(pl.col("rule_id").is_in(rules), pl.col("agent_id").is_not_null())
        .sort("seq", "start", "end")
        .group_by("conversation_key", "rule_id", "agent_id")
        .agg(pl.col("rule_version").max(), pl.struct("seq", "start", "end", "matched").alias("evidence"))
        .collect()
    )
    times = (
        conversations.select("conversation_key", "started_at")
        .join(grouped.lazy().select("conversation_key").unique(), on="conversation_key", how="semi")
        .collect()
    )
    return grouped.join(times, on="conversation_key", how="left").sort(
        "started_at", "conversation_key", "rule_id", "agent_id"
    )


def _known(session: Session) -> pl.DataFrame:
    rows = session.execute(
        select(
            Violation.id,
            Violation.conversation_key,
            Violation.rule_id,
            Violation.agent_id,
            Violation.state,
            Violation.rule_version,
            Violation.occurred_at,
        )
    ).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=dict(KNOWN), orient="row")


def _of_changed_rules(files: pl.DataFrame, snapshot: Snapshot, rules: Sequence[Rule], zone: ZoneInfo) -> pl.DataFrame:
    """Those of `files` whose rule judges their day by another version now, or not at all, and whose conversation was
    screened since and is still there."""
    screened = snapshot.scan("conversations").join(
        snapshot.scan("signals"), on=["conversation_key", "import_id"], how="semi", nulls_equal=True
    )
    there = files.lazy().join(screened, on="conversation_key", how="semi").collect()
    versions: dict[str, list[Rule]] = {}
    for rule in rules:
        versions.setdefault(rule.id, []).append(rule)
    changed = [
        not any(
            rule.version == version and rule.applies(at.astimezone(zone).date() if at else None, None)
            for rule in versions.get(rule_id, ())
        )
        for rule_id, version, at in there.select("rule_id", "rule_version", "occurred_at").iter_rows()
    ]
    return there.filter(pl.Series(changed, dtype=pl.Boolean))


def _rows(frame: pl.DataFrame, severities: Mapping[str, str]) -> Iterator[Finding]:
    for row in frame.iter_rows(named=True):
        evidence = tuple(Evidence(**hit) for hit in row["evidence"])
        yield Finding(
            row["conversation_key"], row["agent_id"], row["rule_id"], row["rule_version"], severities[row["rule_id"]],
            row["started_at"], evidence,
        )  # fmt: skip


def _withdraw(bench: Workbench, actor: Actor, now: datetime, gone: pl.DataFrame, archive_version: int) -> int:
    if gone.is_empty():
        return 0
    with bench.begin(actor, now) as work:
        # files that somebody has decided once (and re-opened) are waiting for a person, not for the machine
        ids = _never_decided(work.session, gone["id"].to_list())
        moved = add_step_to_many(work, ids, FileState.SUSPECTED, Step.WITHDRAW, None)
        _audit_many(work, Step.WITHDRAW, moved, archive_version)
    return moved


def _never_decided(session: Session, ids: list[int]) -> list[int]:
    human = [step.value for step in NEEDS_RIGHT]
    decided: set[int] = set()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        query = select(ViolationEvent.violation_id).where(
            ViolationEvent.violation_id.in_(part), ViolationEvent.kind.in_(human)
        )
        decided.update(session.scalars(query))
    return [id_ for id_ in ids if id_ not in decided]


def _reopen(bench: Workbench, actor: Actor, now: datetime, again: pl.DataFrame, archive_version: int) -> int:
    if again.is_empty():
        return 0
    with bench.begin(actor, now) as work:
        for row in again.iter_rows(named=True):
            evidence = [asdict(Evidence(**hit)) for hit in row["evidence"]]
            work.session.execute(
                update(Violation)
                .where(Violation.id == row["id"])
                .values(evidence=evidence, rule_version=row["rule_version_right"])
            )
        moved = add_step_to_many(work, again["id"].to_list(), FileState.WITHDRAWN, Step.OPEN, None)
        _audit_many(work, Step.OPEN, moved, archive_version)
    return moved


def _follow(bench: Workbench, actor: Actor, now: datetime, found: pl.DataFrame, archive_version: int) -> None:
    """Files whose evidence nobody has frozen yet follow their messages: places move when an earlier part of the chat
    comes."""
    wanted = {
        row["id"]: ([asdict(Evidence(**hit)) for hit in row["evidence"]], row["rule_version_right"])
        for row in found.iter_rows(named=True)
    }
    with bench.db.read() as session:
        moved = [
            id_
            for ids in _batched(wanted, PART)
            for id_, *held in session.execute(_open_evidence(ids))
            if tuple(held) != wanted[id_]
        ]
    if not moved:
        return
    with bench.begin(actor, now) as work:
        for ids in _batched(moved, PART):
            for id_ in work.session.scalars(_open_evidence(ids)).all():
                evidence, version = wanted[id_]
                work.session.execute(
                    update(Violation).where(Violation.id == id_).values(evidence=evidence, rule_version=version)
                )
        work.record("violations.followed", "violation", "many", n=len(moved), archive_version=archive_version)


def _open_evidence(ids: Sequence[int]) -> Select[tuple[int, list[Any], int]]:
    """Evidence and rule version of those of `ids` that nobody has decided or frozen."""
    return select(Violation.id, Violation.evidence, Violation.rule_version).where(
        Violation.id.in_(ids), Violation.transcript_id.is_(None), Violation.state == FileState.SUSPECTED.value
    )


def _batched(values: Iterable[int], size: int) -> Iterator[list[int]]:
    """`values` in lists of up to `size`."""
    rest = list(values)
    for start in range(0, len(rest), size):
        yield rest[start : start + size]


def _audit_many(work: UnitOfWork, step: Step, n: int, archive_version: int) -> None:
    if n:
        work.record(f"violations.{step.value}", "violation", "many", n=n, archive_version=archive_version)


# the steps of people


def confirm(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """An inspector has read it: this is a violation. The ruling needs a second person."""
    return _decide(bench, actor, now, violation_id, Step.CONFIRM, reason, seen)


def clear(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """An inspector has read it: a false alarm."""
    return _decide(bench, actor, now, violation_id, Step.CLEAR, reason, seen)


def retract(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, seen: FileState | None = None
) -> Decided:
    """Take one's own confirmation or clearing back, as long as nobody has built on it."""
    return _decide(bench, actor, now, violation_id, Step.RETRACT, None, seen)


def reopen(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """A manager wants a cleared or dismissed file looked at again."""
    return _decide(bench, actor, now, violation_id, Step.REOPEN, reason, seen)


def rule(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    violation_id: int,
    uphold: bool,
    reason: str,
    seen: FileState | None = None,
) -> Decided:
    """The manager's ruling on a confirmed violation, by another person than the one who confirmed it."""
    return _decide(bench, actor, now, violation_id, Step.UPHOLD if uphold else Step.DISMISS, reason, seen)


def unrule(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, seen: FileState | None = None
) -> Decided:
    """Take one's own ruling back within ten seconds: the file is confirmed again, and results are as they were."""
    require(actor, NEEDS_RIGHT[Step.UNRULE])
    with bench.begin(actor, now) as work:
        violation = take(work.session, violation_id)
        events = record.events_of(work.session, violation_id)
        state = add_step(work, violation, Step.UNRULE, None, seen=seen)
        if record.events_of(work.session, violation_id) != events:
            ledger.revert_for(work, violation, events[-1].at, "")
    return Decided(violation_id, state)


def acknowledge(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, seen: FileState | None = None
) -> Decided:
    """The agent concerned accepts an upheld violation."""
    return _decide(bench, actor, now, violation_id, Step.ACKNOWLEDGE, None, seen)


def close(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str = "", seen: FileState | None = None
) -> Decided:
    """Nothing is left to do: acknowledged, or the agent's time to answer is over."""
    return _decide(bench, actor, now, violation_id, Step.CLOSE, reason, seen)


def expunge(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """Strike an upheld violation from the record; it no longer counts as a repeat."""
    return _decide(bench, actor, now, violation_id, Step.EXPUNGE, reason, seen)


@dataclass(frozen=True)
class Bulk:
    """What `clear_rule` would clear, or what it has cleared `at` that moment: how many files, and the first few to
    read."""

    n: int
    examples: tuple[tuple[int, str, str], ...] = ()
    """Case file, agent, and what was said."""
    at: datetime | None = None


def clear_rule(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    rule_id: str,
    reason: str,
    expected: int,
    agent_id: str | None = None,
    phrase: str | None = None,
    only: frozenset[int] | None = None,
) -> int:
    """Clear all suspected files of one rule (of one agent, with one matched text, or `only` those) with one reason.

    `expected` is the number the caller was shown: raises `Conflict` when it has changed since, so that nobody clears
    what they have not seen counted, and `Invalid` above `BULK_LIMIT`. Files of the actor's own chats, and of those in
    the actor's queue, are left alone. Every file gets its event and its audit entry. Returns how many were cleared.
    """
    require(actor, Right.RULE_HIT)
    if not actor.user_id:
        raise Denied(N_("This step needs a person who answers for it; sign in to take it."))
    version = bench.archive.version()
    with bench.begin(actor, now) as work:
        found = _bulk(bench, work.session, actor, rule_id, agent_id, phrase)
        ids = [id_ for id_, _agent, _said in found if only is None or id_ in only]
        if len(ids) != expected:
            raise _changed(len(ids), expected)
        if len(ids) > BULK_LIMIT:
            raise Invalid(
                N_(
                    "{n} files at once are too many to answer for; {limit} are allowed. Narrow it by what was said or"
                    " by agent."
                ),
                n=len(ids),
                limit=BULK_LIMIT,
            )
        cleared = add_step_to_many(work, ids, FileState.SUSPECTED, Step.CLEAR, reason)
        if cleared != expected:  # somebody decided one of them in this very moment
            raise _changed(cleared, expected)
        facts: dict[str, Any] = {"rule": rule_id, "agent": agent_id, "n": cleared, "archive_version": version}
        work.record("violations.cleared_in_bulk", "rule", rule_id, **facts)
        _audit_each(work, Step.CLEAR, ids, rule_id)
    return cleared


def _changed(n: int, expected: int) -> Conflict:
    return Conflict(
        N_("There are {n} such files now, not {expected}. Check the list and try again."), n=n, expected=expected
    )


def bulk_preview(
    bench: Workbench,
    actor: Actor,
    *,
    rule_id: str,
    agent_id: str | None = None,
    phrase: str | None = None,
    examples: int = 8,
) -> Bulk:
    """What `clear_rule` with these arguments would clear now, oldest first."""
    require(actor, Right.RULE_HIT)
    with bench.db.read() as session:
        found = _bulk(bench, session, actor, rule_id, agent_id, phrase)
    step = max(1, len(found) // examples)  # spread over the whole list, not its beginning alone
    return Bulk(len(found), tuple(found[::step][:examples]))


def last_bulk(bench: Workbench, actor: Actor, *, rule_id: str) -> Bulk | None:
    """The actor's latest clearing of files of this rule that still stands and can be taken back; None when there is
    none."""
    require(actor, Right.RULE_HIT)
    query = (
        select(Violation.changed_at, func.count())
        .where(*_cleared_by(actor, rule_id))
        .group_by(Violation.changed_at)
        .order_by(Violation.changed_at.desc())
        .limit(1)
    )
    with bench.db.read() as session:
        found = session.execute(query).one_or_none()
    return Bulk(found[1], at=found[0]) if found else None


def take_back_bulk(bench: Workbench, actor: Actor, *, now: datetime, rule_id: str, cleared_at: datetime) -> int:
    """Take back what the actor cleared of this rule at that moment, as far as nobody has built on it; returns how
    many."""
    require(actor, Right.RULE_HIT)
    with bench.begin(actor, now) as work:
        ids = work.session.scalars(
            select(Violation.id).where(*_cleared_by(actor, rule_id), Violation.changed_at == cleared_at)
        ).all()
        if not ids:
            raise Conflict(
                N_("There is nothing to take back: somebody has gone on with these files, or it is done already.")
            )
        moved = add_step_to_many(work, ids, FileState.CLEARED, Step.RETRACT, None)
        _audit_each(work, Step.RETRACT, ids, rule_id)
    return moved


def _bulk(
    bench: Workbench, session: Session, actor: Actor, rule_id: str, agent_id: str | None, phrase: str | None
) -> list[tuple[int, str, str]]:
    """The suspected files that `clear_rule` would clear, oldest first."""
    query = select(Violation.id, Violation.agent_id, Violation.evidence).where(
        Violation.state == FileState.SUSPECTED.value, Violation.rule_id == rule_id, shown_files(bench, actor)
    )
    if agent_id:
        query = query.where(Violation.agent_id == agent_id)
    if actor.agent_id:
        query = query.where(Violation.agent_id != actor.agent_id)
    found = []
    for id_, agent, evidence in session.execute(query.order_by(Violation.id)):
        said = list(dict.fromkeys(hit["matched"] for hit in evidence))
        if phrase is None or said == [phrase]:
            found.append((id_, agent, " · ".join(text for text in said if text)))
    return found


def _cleared_by(actor: Actor, rule_id: str) -> tuple[ColumnElement[bool], ...]:
    """Files of the rule whose last step is a clearing by the actor."""
    last = (
        select(ViolationEvent.id)
        .where(
            ViolationEvent.violation_id == Violation.id, ViolationEvent.kind == Step.CLEAR.value,
            ViolationEvent.actor_id == actor.user_id, ViolationEvent.at == Violation.changed_at,
        )
        .exists()
    )  # fmt: skip
    return Violation.rule_id == rule_id, Violation.state == FileState.CLEARED.value, last


def _audit_each(work: UnitOfWork, step: Step, ids: Sequence[int], rule_id: str) -> None:
    for id_ in ids:
        work.record(f"violation.{step.value}", "violation", id_, rule=rule_id, bulk=len(ids))


def _decide(
    bench: Workbench,
    actor: Actor,
    now: datetime,
    violation_id: int,
    step: Step,
    reason: str | None,
    seen: FileState | None,
) -> Decided:
    require(actor, NEEDS_RIGHT[step])
    # the archive is read before the transaction: a writer must not wait for a scan
    content = _transcript_to_freeze(bench, violation_id) if step in (Step.CONFIRM, Step.CLEAR) else None
    with bench.begin(actor, now) as work:
        session = work.session
        violation = take(session, violation_id)
        refuse_early(session, actor, violation_id)
        _check_person(session, actor, violation, step, content)
        if content is not None and violation.transcript_id is None:
            violation.transcript_id = transcripts.store(session, [content], now)[0]
        clocks = programme(session).clocks
        state = add_step(work, violation, step, reason, seen=seen, clocks=clocks)
        if step in RULINGS:
            ledger.reissue_for(work, violation, kind="ruling", reason=reason or "")
    return Decided(violation_id, state)


def _transcript_to_freeze(bench: Workbench, violation_id: int) -> dict[str, Any] | None:
    with bench.db.read() as session:
        violation = session.get(Violation, violation_id)
        if violation is None or violation.transcript_id is not None:
            return None
        return record.transcript_now(session, bench.archive, violation.conversation_key, violation.agent_id)


def _check_person(
    session: Session, actor: Actor, violation: Violation, step: Step, content: dict[str, Any] | None
) -> None:
    """Answers come from the agent concerned; everything else from somebody who took no part in the conversation."""
    if step is Step.ACKNOWLEDGE:
        if actor.agent_id != violation.agent_id:
            raise Denied(N_("Only the agent concerned can answer for a violation."))
        return
    if actor.agent_id is None:
        return
    if content is None and violation.transcript_id is not None:
        frozen = session.get(Transcript, violation.transcript_id)
        content = frozen.content if frozen else None
    took_part = {message.agent_id for message in transcripts.read(content or {}).messages}
    if actor.agent_id == violation.agent_id or actor.agent_id in took_part:
        raise Denied(N_("You took part in this conversation; somebody else has to decide."))
