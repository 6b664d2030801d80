"""Results people read: an agent's verdicts with their reasons and history, and the agent's acknowledgement.

Does not compute scores (`qa.verdicts.ledger`) and to decide between two inspections (`qa.calibration.doubles`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from qa import audit, scoping, transcripts
from qa.errors import Conflict, Denied, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require, require_own
from qa.rubrics.stored import rubric_of
from qa.tables import Acknowledgement, Sample, Transcript, User, Verdict
from qa.transcripts import FrozenTranscript
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.explain import Explanation, explain
from scoring.sheet import Outcome, Sheet


@dataclass(frozen=True)
class VerdictRow:
    """One current verdict in an agent's list."""

    verdict_id: int
    sample_id: int
    agent_id: str
    unit_id: str
    source: str
    occurred_at: datetime | None
    created_at: datetime
    kind: str
    total: int
    total_without_redlines: int
    passed: bool
    acknowledged_at: datetime | None


@dataclass(frozen=True)
class VersionRow:
    """One version of a verdict, for its history."""

    verdict_id: int
    version: int
    kind: str
    total: int
    reason: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class Before:
    """What a verdict has replaced: the total it was, why it changed, and the lines that no longer stand as they did."""

    total: int
    kind: str
    """How the version that replaced it came about (`qa.verdicts.ledger.KINDS`)."""
    reason: str
    fallen: tuple[Explanation, ...]


@dataclass(frozen=True)
class VerdictView:
    """A verdict with everything that explains it. The transcript is masked for those who may not see it plain."""

    row: VerdictRow
    is_current: bool
    outcome: Outcome
    lines: tuple[Explanation, ...]
    comment: str
    transcript: FrozenTranscript
    history: tuple[VersionRow, ...]
    before: Before | None = None


# --- an agent's results -----------------------------------------------------------------------------------------------


def own(bench: Workbench, actor: Actor, *, agent_id: str, limit: int = 200) -> tuple[VerdictRow, ...]:
    """Current verdicts of one agent, newest first: their own, or any for those who read all results."""
    require_own(actor, agent_id)
    with bench.db.read() as session:
        rows = session.execute(
            _rows()
            .where(Verdict.agent_id == agent_id, scoping.seen(bench, actor, Verdict.agent_id, Sample.occurred_at))
            .order_by(Verdict.created_at.desc(), Verdict.id.desc())
            .limit(limit)
        ).all()
        return tuple(_row(session, verdict, sample, at) for verdict, sample, at in rows)


def view(bench: Workbench, actor: Actor, *, verdict_id: int, language: str, latest: bool = False) -> VerdictView:
    """One verdict with its explanation in `language`, its transcript, its history and what it replaced.

    With `latest` the result of the same sample that counts now, compared with the one named.
    """
    with bench.db.read() as session:
        named = ledger.find(session, verdict_id)
        require_own(actor, named.agent_id)
        verdict = (ledger.current(session, named.sample_id) or named) if latest else named
        before = named if verdict.id != named.id else _predecessor(session, verdict)
        sample = session.get_one(Sample, verdict.sample_id)
        if actor.agent_id != verdict.agent_id:
            scoping.require_seen(bench, actor, verdict.agent_id, sample.occurred_at)
        at = session.scalar(select(Acknowledgement.at).where(Acknowledgement.verdict_id == verdict.id))
        transcript = transcripts.read(session.get_one(Transcript, sample.transcript_id).content)
        lines = _explained(session, verdict, language)
        found = VerdictView(
            row=_row(session, verdict, sample, at),
            is_current=verdict.is_current and verdict.kind != "withdrawn",
            outcome=Outcome.from_dict(verdict.outcome),
            lines=lines,
            comment=Sheet.from_dict(verdict.sheet or {}).comment,
            transcript=transcript,
            history=_history(session, sample.id),
            before=_compared(session, before, verdict, lines, language),
        )
    return _shown(actor, found)


def _shown(actor: Actor, found: VerdictView) -> VerdictView:
    """The verdict as `actor` may read it: what inspectors and leads wrote about it may quote the customer."""
    names = (found.transcript.customer_id,) if found.transcript.customer_id else ()

    shown = partial(transcripts.shown_fields, actor, names=names)

    def noted(lines: Iterable[Explanation]) -> tuple[Explanation, ...]:
        return tuple(shown(line, "note") for line in lines)

    before = found.before and shown(found.before, "reason")
    return replace(
        shown(found, "comment"),
        transcript=transcripts.shown(actor, found.transcript),
        outcome=replace(found.outcome, lines=tuple(shown(line, "note") for line in found.outcome.lines)),
        lines=noted(found.lines),
        history=tuple(shown(version, "reason") for version in found.history),
        before=before and replace(before, fallen=noted(before.fallen)),
    )


def explained(session: Session, outcome: Outcome, rubric_version_id: int, language: str) -> tuple[Explanation, ...]:
    """An outcome line by line, with the names of its red lines."""
    labels = ledger.rule_labels(session, outcome.redlines)
    return explain(outcome, rubric_of(session, rubric_version_id), language, labels)


def _explained(session: Session, verdict: Verdict, language: str) -> tuple[Explanation, ...]:
    return explained(session, Outcome.from_dict(verdict.outcome), verdict.rubric_version_id, language)


def fallen(old: Sequence[Explanation], new: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """Lines of `old` that moved points and no longer stand so in `new`."""
    stands = {(line.kind, line.id): line.points for line in new}
    return tuple(
        line for line in old if line.kind in MOVING and line.points and stands.get((line.kind, line.id)) != line.points
    )


def _predecessor(session: Session, verdict: Verdict) -> Verdict | None:
    """The version before; None where that one was taken back: it never was a result anybody read."""
    before = session.scalar(
        select(Verdict).where(Verdict.sample_id == verdict.sample_id, Verdict.version == verdict.version - 1)
    )
    return None if before is None or before.kind == "withdrawn" else before


def _compared(
    session: Session, before: Verdict | None, now: Verdict, lines: tuple[Explanation, ...], language: str
) -> Before | None:
    if before is None:
        return None
    fell = fallen(_explained(session, before, language), lines)
    if before.total == now.total and not fell:
        return None
    return Before(before.total, now.kind, now.reason or "", fell)


MOVING = ("loss", "bonus", "redline")
"""Kinds of lines that a ruling, an appeal or a correction can take away."""


def acknowledge(bench: Workbench, actor: Actor, *, now: datetime, verdict_id: int) -> None:
    """The agent has read a current verdict of their own. Twice is once."""
    require(actor, Right.ANSWER)
    with bench.db.write() as session:
        verdict = session.get(Verdict, verdict_id, with_for_update={"key_share": True})
        if verdict is None:
            raise NotFound(N_("There is no verdict {id}."), id=verdict_id)
        if actor.agent_id is None or verdict.agent_id != actor.agent_id:
            raise Denied(N_("You can only acknowledge your own results."))
        if session.get(Acknowledgement, verdict_id) is not None:
            return
        if not verdict.is_current or verdict.kind == "withdrawn":
            raise Conflict(N_("This result has been replaced meanwhile; look at the current one."))
        session.execute(insert(Acknowledgement).values(verdict_id=verdict_id, user_id=actor.user_id, at=now))
        audit.record(session, actor, now, "verdict.acknowledged", "sample", verdict.sample_id, verdict=verdict_id)


def _rows() -> Any:
    return (
        select(Verdict, Sample, Acknowledgement.at)
        .join(Sample, Sample.id == Verdict.sample_id)
        .join(Acknowledgement, Acknowledgement.verdict_id == Verdict.id, isouter=True)
        .where(Verdict.is_current, Verdict.kind != "withdrawn")
    )


def _row(session: Session, verdict: Verdict, sample: Sample, acknowledged_at: datetime | None) -> VerdictRow:
    return VerdictRow(
        verdict.id, sample.id, verdict.agent_id, sample.unit_id, sample.source, sample.occurred_at, verdict.created_at,
        verdict.kind, verdict.total, Outcome.from_dict(verdict.outcome).total_without_redlines,
        verdict.total >= rubric_of(session, verdict.rubric_version_id).pass_line, acknowledged_at,
    )  # fmt: skip


def _history(session: Session, sample_id: int) -> tuple[VersionRow, ...]:
    query = (
        select(Verdict, User.display_name)
        .join(User, User.id == Verdict.created_by, isouter=True)
        .where(Verdict.sample_id == sample_id)
        .order_by(Verdict.version)
    )
    return tuple(
        VersionRow(row.id, row.version, row.kind, row.total, row.reason or "", row.created_at, name or "")
        for row, name in session.execute(query)
    )
