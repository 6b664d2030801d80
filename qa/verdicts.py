"""Results people see and decide on: an agent's own verdicts with reasons, and doubles that disagree.

A disagreement beyond the rubric's tolerance goes to the lead, whose decision is a new verdict version beside the two
inspections: recorded, explained, never an average. Refuses to compute scores (`qa.verdict_ledger`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session, aliased

from qa import audit, verdict_ledger
from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.i18n import N_
from qa.inspections import check_sheet
from qa.masking import mask_transcript
from qa.policy import Actor, Right, require, require_own
from qa.scorecards import rubric_of
from qa.tables import Acknowledgement, Assignment, Inspection, Sample, Transcript, User, Verdict
from qa.workbench import Workbench
from scoring.explain import Explanation, explain
from scoring.sheet import Outcome, Sheet

MAX_REASON = 2_000


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
class VerdictView:
    """A verdict with everything that explains it. The transcript is masked for those who may not see it plain."""

    row: VerdictRow
    is_current: bool
    outcome: Outcome
    lines: tuple[Explanation, ...]
    comment: str
    transcript: dict[str, Any]
    history: tuple[VersionRow, ...]


@dataclass(frozen=True)
class Side:
    """One of the two inspections of a double."""

    inspection_id: int
    inspector: str
    total: int
    sheet: Sheet
    outcome: Outcome


@dataclass(frozen=True)
class Disagreement:
    """A double whose inspections differ beyond tolerance, or on a red line; `resolved` when the lead has decided."""

    sample_id: int
    agent_id: str
    unit_id: str
    tolerance: int
    difference: int
    first: Side
    second: Side
    resolved: bool


# --- an agent's results -----------------------------------------------------------------------------------------------


def own(bench: Workbench, actor: Actor, *, agent_id: str, limit: int = 200) -> tuple[VerdictRow, ...]:
    """Current verdicts of one agent, newest first: their own, or any for those who read all results."""
    require_own(actor, agent_id)
    with bench.db.read() as session:
        rows = session.execute(
            _rows().where(Verdict.agent_id == agent_id).order_by(Verdict.created_at.desc(), Verdict.id.desc()).limit(limit)
        ).all()
        return tuple(_row(session, verdict, sample, at) for verdict, sample, at in rows)


def view(bench: Workbench, actor: Actor, *, verdict_id: int, language: str) -> VerdictView:
    """One verdict with its explanation in `language`, its transcript and its history."""
    with bench.db.read() as session:
        verdict = verdict_ledger.find(session, verdict_id)
        require_own(actor, verdict.agent_id)
        sample = session.get_one(Sample, verdict.sample_id)
        at = session.scalar(select(Acknowledgement.at).where(Acknowledgement.verdict_id == verdict_id))
        outcome = Outcome.from_dict(verdict.outcome)
        content = session.get_one(Transcript, sample.transcript_id).content
        labels = verdict_ledger.rule_labels(session, outcome.redlines)
        return VerdictView(
            row=_row(session, verdict, sample, at), is_current=verdict.is_current and verdict.kind != "withdrawn",
            outcome=outcome, lines=explain(outcome, rubric_of(session, verdict.rubric_version_id), language, labels),
            comment=Sheet.from_dict(verdict.sheet or {}).comment,
            transcript=content if actor.may(Right.UNMASK) else mask_transcript(content),
            history=_history(session, sample.id),
        )  # fmt: skip


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
        audit.bump(session, "verdicts")


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
        verdict.kind, verdict.total, verdict.outcome["total_without_redlines"],
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


# --- doubles ----------------------------------------------------------------------------------------------------------


def disagreements(
    bench: Workbench, actor: Actor, *, since: datetime | None = None, include_resolved: bool = False
) -> tuple[Disagreement, ...]:
    """Doubles that are both in (since `since`) and differ beyond the rubric's tolerance or on a red line, oldest first."""
    require(actor, Right.CALIBRATE)
    one, two = aliased(Inspection), aliased(Inspection)
    first, second = aliased(Assignment), aliased(Assignment)
    query = (
        select(one.id, two.id)
        .join(first, first.id == one.assignment_id)
        .join(two, two.sample_id == one.sample_id)
        .join(second, second.id == two.assignment_id)
        .where(first.kind == "primary", second.kind == "double", one.undone_at.is_(None), two.undone_at.is_(None))
        .order_by(two.submitted_at, two.id)
    )
    if since is not None:
        query = query.where(two.submitted_at >= since)
    if not include_resolved:
        query = query.where(~exists().where(Verdict.sample_id == one.sample_id, Verdict.kind == "resolution"))
    with bench.db.read() as session:
        pairs = [_pair(session, a, b) for a, b in session.execute(query).all()]
    return tuple(pair for pair in pairs if differs(pair))


def differs(pair: Disagreement) -> bool:
    """Beyond tolerance in points without red lines, or one confirmed a red line that the other did not."""
    return pair.difference > pair.tolerance or pair.first.outcome.redlines != pair.second.outcome.redlines


def resolve(
    bench: Workbench, actor: Actor, *, now: datetime, sample_id: int, reason: str, inspection_id: int | None = None,
    sheet: Sheet | Mapping[str, Any] | None = None,
) -> int:
    """The lead's decision on a double: one of the two inspections, or marks of their own; returns the verdict's id.

    Raises `Conflict` when the lead was one of the two, or the double was resolved already.
    """  # fmt: skip
    require(actor, Right.CALIBRATE)
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON:
        raise Invalid(N_("Give a reason of at most {limit} characters: agent and inspectors will read it."), limit=MAX_REASON)
    if (inspection_id is None) == (sheet is None):
        raise Invalid(N_("Choose one of the two inspections, or enter marks of your own."))
    with bench.db.write() as session:
        sample = session.get(Sample, sample_id, with_for_update={"key_share": True})
        if sample is None:
            raise NotFound(N_("There is no sample {sample}."), sample=sample_id)
        sides = _sides(session, sample_id)
        if len(sides) < 2:
            raise Conflict(N_("Both inspections have to be in before a difference can be resolved."))
        if actor.user_id in {side.inspector_id for side in sides}:
            raise Conflict(N_("You are one of the two inspectors; the decision has to come from somebody else."))
        done = select(Verdict.id).where(Verdict.sample_id == sample_id, Verdict.kind == "resolution")
        if session.scalar(done.limit(1)) is not None:
            raise Conflict(N_("This double has been resolved already."))
        chosen = next((side for side in sides if side.id == inspection_id), None)
        if sheet is None and chosen is None:
            raise Invalid(N_("Choose one of the two inspections, or enter marks of your own."))
        marks = verdict_ledger.read(sheet if sheet is not None else chosen.sheet)  # type: ignore[union-attr]
        version_id = sides[0].rubric_version_id
        check_sheet(session, actor, sample, version_id, marks)
        marks, outcome = verdict_ledger.settle(session, sample_id, version_id, marks)
        return verdict_ledger.append(
            session, actor, now, sample_id=sample_id, kind="resolution", rubric_version_id=version_id, sheet=marks,
            outcome=outcome, inspection_id=chosen.id if chosen else None, reason=reason,
        )  # fmt: skip


def _sides(session: Session, sample_id: int) -> list[Inspection]:
    query = (
        select(Inspection)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .where(Inspection.sample_id == sample_id, Inspection.undone_at.is_(None), Assignment.kind.in_(("primary", "double")))
        .order_by(Assignment.kind.desc(), Inspection.id)
    )
    return list(session.scalars(query))


def _pair(session: Session, first_id: int, second_id: int) -> Disagreement:
    first, second = _side(session, first_id), _side(session, second_id)
    row = session.get_one(Inspection, first_id)
    sample = session.get_one(Sample, row.sample_id)
    resolved = session.scalar(select(Verdict.id).where(Verdict.sample_id == sample.id, Verdict.kind == "resolution").limit(1))
    return Disagreement(
        sample.id, sample.agent_id, sample.unit_id, rubric_of(session, row.rubric_version_id).tolerance,
        abs(first.outcome.total_without_redlines - second.outcome.total_without_redlines), first, second, resolved is not None,
    )  # fmt: skip


def _side(session: Session, inspection_id: int) -> Side:
    row, name = session.execute(
        select(Inspection, User.display_name).join(User, User.id == Inspection.inspector_id).where(Inspection.id == inspection_id)
    ).one()
    return Side(row.id, name, row.total, Sheet.from_dict(row.sheet), Outcome.from_dict(row.outcome))
