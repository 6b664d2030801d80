"""Bringing case files in line with what screening found: opening, withdrawing, coming back, following the messages.

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
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from qa.archive import Snapshot
from qa.casefiles import record
from qa.casefiles.lifecycle import FileState, Step
from qa.casefiles.promised import counting
from qa.casefiles.record import Evidence, Finding, add_step_to_many
from qa.policy import Actor, Right, require
from qa.redlines import promised
from qa.rules import stored
from qa.tables import Violation
from qa.unit_of_work import UnitOfWork
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


Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class OpenedFiles:
    """What `open_suspected` did: files opened, files found again, files whose finding has gone."""

    opened: int
    found_again: int
    withdrawn: int


def open_suspected(bench: Workbench, actor: Actor, *, now: datetime, progress: Progress | None = None) -> OpenedFiles:
    """Bring the case files in line with the hits of the archive; idempotent and safe to interrupt.

    Findings are hits, and broken promises for the rules that count them. A file that nobody has decided is withdrawn
    when its finding has gone because its rule has changed or its promise is no longer broken, and comes back when it is
    found again. A finding that has gone with its messages leaves the file open: people decide about it.
    """
    require(actor, Right.IMPORT)
    snapshot = bench.archive.at()
    with bench.db.read() as session:
        severities = {name.rule_id: name.severity for name in stored.names(session).values()}
        judging = stored.rules_in_force(session)
        known = _known(session)
    broken = promised.findings(bench, snapshot, judging, now)
    hints = sorted({rule.id for rule in judging if rule.wording})
    hits = promised.beside(_told(snapshot.scan("hits"), hints), broken)
    findings = _findings(hits, snapshot.scan("conversations"), sorted(severities))
    keys = ["conversation_key", "rule_id", "agent_id"]
    fresh = findings.join(known, on=keys, how="anti")
    again = known.filter(pl.col("state") == FileState.WITHDRAWN.value).join(findings, on=keys, how="inner").sort("id")
    suspected = known.filter(pl.col("state") == FileState.SUSPECTED.value)
    missing = suspected.join(findings, on=keys, how="anti")
    changed = _of_changed_rules(missing, snapshot, judging, bench.config.zone)
    gone = pl.concat([changed, _of_kept_promises(bench, missing, snapshot, judging)]).unique("id")
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


def _told(hits: pl.LazyFrame, hints: list[str]) -> pl.LazyFrame:
    """Hits without those of rules that go by wording in messages of which another rule has spoken: one violation, one
    file."""
    hint = pl.col("rule_id").is_in(hints)
    return pl.concat(
        [
            hits.filter(~hint),
            hits.filter(hint).join(hits.filter(~hint), on=["conversation_key", "seq"], how="anti"),
        ]
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


def _of_kept_promises(bench: Workbench, files: pl.DataFrame, snapshot: Snapshot, rules: Sequence[Rule]) -> pl.DataFrame:
    """Those of `files` that rest on promises alone which are not, or no longer, broken for certain."""
    held = files.filter(pl.col("rule_id").is_in([rule.id for rule in counting(rules)]))
    if held.is_empty():
        return held
    with bench.db.read() as session:
        evidence = {
            id_: hits
            for ids in _batched(held["id"], PART)
            for id_, hits in session.execute(select(Violation.id, Violation.evidence).where(Violation.id.in_(ids)))
        }
    return held.filter(pl.col("id").is_in(promised.resting(held, snapshot, evidence).implode()))


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
        ids = record.never_decided(work.session, gone["id"].to_list())
        moved = add_step_to_many(work, ids, FileState.SUSPECTED, Step.WITHDRAW, None)
        _audit_many(work, Step.WITHDRAW, moved, archive_version)
    return moved


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
