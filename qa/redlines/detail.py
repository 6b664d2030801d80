"""One red-line case file in full: its transcript, history and effect, and what may be done with it now.

The read side: it never writes and never decides. Agents read their own upheld files here, masked and without the names
of others. Does not know how files are listed (`qa.redlines.board`) and who repeats (`qa.redlines.repeats`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from qa import scoping, transcripts
from qa.archive import Archive, Snapshot
from qa.blinding import refuse_early
from qa.casefiles.lifecycle import STANDING, Clocks, Event, FileState, Refusal, Step, options
from qa.casefiles.record import SAME_CASE, Evidence, transcript_now
from qa.casefiles.sanctions import programme
from qa.errors import NotFound
from qa.i18n import N_
from qa.policy import RIGHTS, Actor, Right, require, require_own
from qa.redlines import board
from qa.redlines.board import Row
from qa.redlines.repeats import count_repeats
from qa.tables import Agent, Sample, Transcript, User, Verdict, Violation, ViolationEvent
from qa.transcripts import FrozenTranscript
from qa.workbench import Workbench
from scoring.sheet import Outcome


@dataclass(frozen=True)
class HistoryStep:
    """One step in the history of a file."""

    step: Step
    actor_id: int | None
    actor_name: str
    at: datetime
    reason: str | None


@dataclass(frozen=True)
class ScoreEffect:
    """What the red line does to the score of the inspected sample, in centi-points; `verdict_id` names the source."""

    verdict_id: int
    total: int
    total_without_redlines: int


@dataclass(frozen=True)
class CaseFile:
    """One file in full. `transcript` is as its reader may see it; `frozen` says whether it is the evidence or the
    archive as it is now."""

    row: Row
    conversation_key: str
    rule_version: int
    evidence: tuple[Evidence, ...]
    history: tuple[HistoryStep, ...]
    transcript: FrozenTranscript
    frozen: bool
    options: Mapping[Step, Refusal | None]
    repeats: int
    repeats_same_rule: int
    sanction: tuple[str, str] | None
    effect: ScoreEffect | None
    clocks: Clocks


def case_file(bench: Workbench, actor: Actor, violation_id: int, *, now: datetime) -> CaseFile:
    """One file with its transcript, history and what `actor` can do with it. Changes nothing."""
    require(actor, Right.VIEW_VIOLATIONS, Right.VIEW_TEAM)
    with bench.db.read() as session:
        rules = programme(session)
        found = session.execute(board.rows().where(Violation.id == violation_id)).one_or_none()
        violation = session.get(Violation, violation_id)
        if found is None or violation is None:
            raise NotFound(N_("There is no case file {id}."), id=violation_id)
        refuse_early(session, actor, violation_id)
        scoping.require_seen(bench, actor, violation.agent_id, violation.occurred_at or violation.opened_at)
        history = _history(session, violation_id)
        frozen = session.get(Transcript, violation.transcript_id) if violation.transcript_id else None
        repeats, same = count_repeats(
            bench, session, actor, violation.agent_id, violation.rule_id, now, rules.clocks, excluding=violation_id
        )
        effect = _effect(session, violation_id)
        content = (
            frozen.content
            if frozen
            else _as_it_is(session, bench.archive, violation.conversation_key, violation.agent_id)
        )
    transcript = transcripts.read(content)
    evidence = tuple(Evidence(**hit) for hit in violation.evidence)
    row = board.row_of(found, rules.clocks)
    transcript = transcripts.shown(actor, transcript)
    row = replace(row, excerpt=transcripts.shown_text(actor, row.excerpt), team=scoping.team_shown(actor, row.team))
    if not transcripts.sees_customers(actor):
        # masking changes the length of a text: marks go by whole messages then
        evidence = tuple(Evidence(hit.seq, 0, 0, transcripts.shown_text(actor, hit.matched)) for hit in evidence)
    shown = [transcripts.shown_fields(actor, entry, "reason") for entry in history]
    events = [Event(entry.step, entry.actor_id, entry.at) for entry in history]
    counted = repeats + (
        1 if violation.state in STANDING or violation.state in (FileState.SUSPECTED, FileState.CONFIRMED) else 0
    )
    level = rules.level(counted)
    return CaseFile(
        row=row, conversation_key=violation.conversation_key, rule_version=violation.rule_version,
        evidence=evidence, history=tuple(shown), transcript=transcript,
        frozen=frozen is not None,
        options=options(events, actor.user_id or None, RIGHTS[actor.role], at=now, clocks=rules.clocks),
        repeats=repeats, repeats_same_rule=same, sanction=(level.zh, level.en) if level else None, effect=effect,
        clocks=rules.clocks,
    )  # fmt: skip


READ = 128
_read: dict[object, dict[str, Any]] = {}
"""Conversations that were looked at last: a board is opened again and again on the same one."""


def _as_it_is(session: Session, archive: Archive, conversation_key: str, agent_id: str) -> dict[str, Any]:
    """`transcript_now`, without reading again while neither the archive nor the roster has another content."""
    snapshot = archive.at()
    roster = session.execute(select(func.count(), func.max(Agent.updated_at))).one()
    asked = (snapshot.root, snapshot.version, _marks(snapshot), conversation_key, agent_id, tuple(roster))
    if (known := _read.get(asked)) is not None:
        return known
    found = transcript_now(session, archive, conversation_key, agent_id)
    if len(_read) >= READ:
        _read.clear()  # other threads may be at it: nobody looks a thing up twice
    _read[asked] = found
    return found


def _marks(snapshot: Snapshot) -> tuple[object, ...]:
    """What tells the texts of this version from those of another archive that bears the same number."""
    logs = [
        Path(snapshot.root) / table / "_delta_log" / f"{snapshot.tables[table]:020d}.json"
        for table in ("messages", "conversations")
    ]
    if any(not log.exists() for log in logs):  # an object store
        return (*snapshot.files("messages"), *snapshot.files("conversations"))
    return tuple((log.stat().st_mtime_ns, log.stat().st_ino) for log in logs)


@dataclass(frozen=True)
class Own:
    """A violation as the agent concerned sees it."""

    row: Row
    evidence: tuple[Evidence, ...]
    reason: str | None
    may_answer: bool


def own(bench: Workbench, actor: Actor, agent_id: str, *, now: datetime, limit: int = 100) -> tuple[Own, ...]:
    """Upheld violations of one agent with the ruling's reason: what the agent concerned (or a reader of all) may
    see."""
    require_own(actor, agent_id)
    visible = [state.value for state in STANDING]
    with bench.db.read() as session:
        clocks = programme(session).clocks
        query = (
            board.rows()
            .where(Violation.agent_id == agent_id, Violation.state.in_(visible), _theirs(bench, actor))
            .order_by(Violation.id.desc())
        )
        found = []
        for row in session.execute(query.limit(limit)):
            reason = session.scalar(
                select(ViolationEvent.reason)
                .where(ViolationEvent.violation_id == row.id, ViolationEvent.kind == Step.UPHOLD.value)
                .order_by(ViolationEvent.id.desc())
                .limit(1)
            )
            evidence = tuple(
                Evidence(hit["seq"], hit["start"], hit["end"], transcripts.shown_text(None, hit["matched"]))
                for hit in row.evidence
            )
            answerable = row.state == FileState.UPHELD and actor.agent_id == agent_id
            line = board.row_of(row, clocks)
            line = replace(line, excerpt=transcripts.shown_text(None, line.excerpt))
            found.append(Own(line, evidence, transcripts.shown_text(actor, reason or "") or None, answerable))
    return tuple(found)


def _theirs(bench: Workbench, actor: Actor) -> ColumnElement[bool]:
    return scoping.seen(bench, actor, Violation.agent_id, func.coalesce(Violation.occurred_at, Violation.opened_at))


def _history(session: Session, violation_id: int) -> list[HistoryStep]:
    rows = session.execute(
        select(ViolationEvent, User.display_name)
        .outerjoin(User, User.id == ViolationEvent.actor_id)
        .where(ViolationEvent.violation_id == violation_id)
        .order_by(ViolationEvent.id)
    )
    return [HistoryStep(Step(event.kind), event.actor_id, name or "", event.at, event.reason) for event, name in rows]


def _effect(session: Session, violation_id: int) -> ScoreEffect | None:
    """On the latest result of the conversation, wherever the file was decided; None when it was not drawn or has no
    result."""
    query = (
        select(Verdict)
        .join(Sample, Sample.id == Verdict.sample_id)
        .join(Violation, SAME_CASE)
        .where(Violation.id == violation_id, Verdict.is_current, Verdict.kind != "withdrawn")
        .order_by(Verdict.id.desc())
        .limit(1)
    )
    verdict = session.scalar(query)
    if verdict is None:
        return None
    return ScoreEffect(verdict.id, verdict.total, Outcome.from_dict(verdict.outcome).total_without_redlines)
