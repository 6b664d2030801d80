"""Blind doubles that disagree: both sheets side by side, and the lead's decision criterion by criterion.

A decision takes a side or an own mark with its reason for everything the two inspectors differ on; it becomes a verdict
version beside the two inspections, never an average, and never enters a figure of agreement. Does not compute scores
(`qa.verdicts.ledger`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session, aliased

from qa.calibration.independent import ASKED_FOR
from qa.calibration.rulings import RuleRuling, Ruling, composed
from qa.calibration.sides import CriterionRow, RuleRow, Side, criterion_rows, rule_rows, side_of
from qa.desk.leases import refuse_own, transcript_of
from qa.desk.sheets import check_sheet, spans_of
from qa.errors import Conflict, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.tables import Acknowledgement, Appeal, Assignment, Inspection, Sample, User, Verdict
from qa.transcripts import FrozenTranscript
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.rubric import Rubric
from scoring.sheet import Sheet

MAX_REASON = 2_000
TAKEN_BACK = "resolution taken back"


@dataclass(frozen=True)
class UndecidedDouble:
    """A double whose inspections differ beyond tolerance or on a red line, in the list. Points are centi-points without
    red lines."""

    sample_id: int
    agent_id: str
    unit_id: str
    first: str
    second: str
    difference: int
    tolerance: int
    redlines_differ: bool
    both_in_at: datetime
    resolved: bool
    asked_for: bool = False
    """The second reading was asked for: the first inspector found a machine scorer right."""


@dataclass(frozen=True)
class Resolution:
    """The decision that stands. `may_take_back`: by the reader, and nobody has built on it."""

    verdict_id: int
    by: str
    at: datetime
    reason: str
    total: int
    may_take_back: bool


@dataclass(frozen=True)
class DoubleComparison:
    """Both sides of one double, what differs first. `transcript` is unmasked; `spans` are (message, from, to, rule)
    that screening has found. `refusal` says why the reader may not decide."""

    sample_id: int
    unit_id: str
    agent_id: str
    rubric: Rubric
    first: Side
    second: Side
    criteria: tuple[CriterionRow, ...]
    rules: tuple[RuleRow, ...]
    transcript: FrozenTranscript
    spans: tuple[tuple[int, int, int, str], ...]
    resolution: Resolution | None
    refusal: Conflict | None


# --- looking ----------------------------------------------------------------------------------------------------------


def disagreements(
    bench: Workbench, actor: Actor, *, since: datetime | None = None, include_resolved: bool = False
) -> tuple[UndecidedDouble, ...]:
    """Doubles that are both in (since `since`) and differ beyond the rubric's tolerance or on a red line, oldest first;
    those that a difference with a machine scorer asked for wherever their totals differ."""
    require(actor, Right.CALIBRATE)
    one, two = aliased(Inspection), aliased(Inspection)
    first, second = aliased(Assignment), aliased(Assignment)
    reader_one, reader_two = aliased(User), aliased(User)
    query = (
        select(
            Sample.id,
            Sample.agent_id,
            Sample.unit_id,
            reader_one.display_name,
            reader_two.display_name,
            one.outcome,
            two.outcome,
            one.rubric_version_id,
            one.submitted_at,
            two.submitted_at,
            _resolved(Sample.id),
            second.id.in_(ASKED_FOR),
        )
        .join(one, one.sample_id == Sample.id)
        .join(first, and_(first.id == one.assignment_id, first.kind == "primary"))
        .join(two, two.sample_id == Sample.id)
        .join(second, and_(second.id == two.assignment_id, second.kind == "double"))
        .join(reader_one, reader_one.id == one.inspector_id)
        .join(reader_two, reader_two.id == two.inspector_id)
        .where(one.undone_at.is_(None), two.undone_at.is_(None))
    )
    if since is not None:
        query = query.where((one.submitted_at >= since) | (two.submitted_at >= since))
    if not include_resolved:
        query = query.where(~_resolved(Sample.id))
    with bench.db.read() as session:
        found = [_waiting(session, *row) for row in session.execute(query)]
    apart = (row for row in found if row.difference > (0 if row.asked_for else row.tolerance) or row.redlines_differ)
    return tuple(sorted(apart, key=lambda row: (row.both_in_at, row.sample_id)))


def _waiting(
    session: Session,
    sample_id: int,
    agent_id: str,
    unit_id: str,
    first: str,
    second: str,
    one: dict[str, Any],
    two: dict[str, Any],
    version_id: int,
    first_at: datetime,
    second_at: datetime,
    resolved: bool,
    asked_for: bool,
) -> UndecidedDouble:
    apart = abs(one["total_without_redlines"] - two["total_without_redlines"])
    return UndecidedDouble(
        sample_id, agent_id, unit_id, first, second, apart, rubric_of(session, version_id).tolerance,
        sorted(one["redlines"]) != sorted(two["redlines"]), max(first_at, second_at), bool(resolved),
        bool(asked_for),
    )  # fmt: skip


def _resolved(sample_id: Any) -> Any:
    """Whether a decision stands: there is one that was not taken back (an inspection was made the result again after
    it)."""
    decided, again = aliased(Verdict), aliased(Verdict)
    later = exists().where(again.sample_id == sample_id, again.kind == "inspection", again.version > decided.version)
    return exists().where(decided.sample_id == sample_id, decided.kind == "resolution", ~later)


def comparison(bench: Workbench, actor: Actor, *, sample_id: int) -> DoubleComparison:
    """Both sheets of a double, side by side. Raises `NotFound`, or `Conflict` before both are in."""
    require(actor, Right.CALIBRATE)
    with bench.db.read() as session:
        sample, first, second = _load(session, sample_id)
        version_id = first.rubric_version_id
        rubric, sides = rubric_of(session, version_id), (side_of(session, first), side_of(session, second))
        rules = rule_rows(session, sides[0].sheet, sides[1].sheet)
        try:
            _refuse(session, actor, sample_id, sides)
            refusal = None
        except Conflict as why:
            refusal = why
        return DoubleComparison(
            sample_id,
            sample.unit_id,
            sample.agent_id,
            rubric,
            *sides,
            criterion_rows(rubric, sides[0].sheet, sides[1].sheet),
            rules,
            transcript_of(session, sample_id),
            spans_of(session, sample, actor),
            _standing(session, actor, sample_id),
            refusal,
        )


def _load(session: Session, sample_id: int, *, lock: bool = False) -> tuple[Sample, Inspection, Inspection]:
    """The sample, its first and its second inspection."""
    sample = session.get(Sample, sample_id, with_for_update=lock or None)
    if sample is None:
        raise NotFound(N_("There is no sample {sample}."), sample=sample_id)
    query = (
        select(Inspection, Assignment.kind)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .where(
            Inspection.sample_id == sample_id,
            Inspection.undone_at.is_(None),
            Assignment.kind.in_(("primary", "double")),
        )
    )
    found = {kind: inspection for inspection, kind in session.execute(query)}
    if len(found) < 2:
        raise Conflict(N_("Both inspections have to be in before a difference can be resolved."))
    return sample, found["primary"], found["double"]


def _refuse(session: Session, actor: Actor, sample_id: int, sides: tuple[Side, Side]) -> None:
    """Who may not decide: one of the two, and whoever took part in the conversation."""
    if actor.user_id in {side.inspector_id for side in sides}:
        raise Conflict(N_("You are one of the two inspectors; the decision has to come from somebody else."))
    refuse_own(session, actor, sample_id)


def _standing(session: Session, actor: Actor, sample_id: int) -> Resolution | None:
    """The decision that stands, if there is one."""
    row = session.scalar(
        select(Verdict)
        .where(Verdict.sample_id == sample_id, Verdict.kind == "resolution", _resolved(Verdict.sample_id))
        .order_by(Verdict.version.desc()).limit(1)
    )  # fmt: skip
    if row is None:
        return None
    by = session.scalar(select(User.display_name).where(User.id == row.created_by)) or ""
    free = row.created_by == actor.user_id and _built_on(session, row) is None
    return Resolution(row.id, by, row.created_at, row.reason or "", row.total, free)


def _built_on(session: Session, verdict: Verdict) -> Conflict | None:
    """Why a decision cannot be taken back any more."""
    if not verdict.is_current:
        return Conflict(N_("A ruling or an appeal has changed this result since; it cannot be taken back."))
    if session.get(Acknowledgement, verdict.id) is not None or session.scalar(
        select(Appeal.id).where(Appeal.verdict_id == verdict.id).limit(1)
    ):
        return Conflict(N_("The agent has answered this result already; it cannot be taken back."))
    return None


# --- deciding ---------------------------------------------------------------------------------------------------------


def resolve(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    sample_id: int,
    between: tuple[int, int],
    criteria: Mapping[str, Ruling],
    rules: Mapping[str, RuleRuling] | None = None,
    reason: str,
) -> int:
    """Put the lead's decision on record; returns the verdict's id.

    `between` are the two inspections decided on. Everything they differ on needs a ruling, in `criteria` or `rules`;
    what they agree on may be ruled otherwise. The same decision again changes nothing. Raises `Invalid` naming what is
    not decided or lacks a reason, `Stale` when an inspection was replaced, `Conflict` when somebody else has decided or
    the actor may not.
    """
    require(actor, Right.CALIBRATE)
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON:
        raise Invalid(
            N_("Give a reason of at most {limit} characters: agent and inspectors will read it."), limit=MAX_REASON
        )
    with bench.begin(actor, now) as work:
        session = work.session
        sample, *rows = _load(session, sample_id, lock=True)
        first, second = (side_of(session, row) for row in rows)
        _refuse(session, actor, sample_id, (first, second))
        if between != (first.inspection_id, second.inspection_id):
            raise Stale(N_("One of the two inspections was replaced meanwhile. Look at both again."))
        version_id = rows[0].rubric_version_id
        marks = composed(
            session, rubric_of(session, version_id), first.sheet, second.sheet, criteria, rules or {}, reason
        )
        check_sheet(session, actor, sample, version_id, marks)
        marks, outcome = ledger.settle(session, sample_id, version_id, marks)
        if (standing := _standing(session, actor, sample_id)) is not None:
            return _same(session, actor, standing, marks, reason)
        side = next((one for one in (first, second) if _alike(one.sheet, marks)), None)
        verdict_id = ledger.append(
            work,
            sample_id=sample_id,
            agent_id=sample.agent_id,
            kind="resolution",
            rubric_version_id=version_id,
            sheet=marks,
            outcome=outcome,
            inspection_id=side.inspection_id if side else None,
            reason=reason,
        )
        taken = {
            **{id_: one.take.value for id_, one in criteria.items()},
            **{id_: two.take.value for id_, two in (rules or {}).items()},
        }
        work.record(
            "double.resolved",
            "sample",
            sample_id,
            verdict=verdict_id,
            between=list(between),
            taken=taken,
        )
        return verdict_id


def _same(session: Session, actor: Actor, standing: Resolution, marks: Sheet, reason: str) -> int:
    row = session.get_one(Verdict, standing.verdict_id)
    if row.created_by == actor.user_id and row.sheet == marks.to_dict() and row.reason == reason:
        return row.id
    raise Conflict(N_("{name} has resolved this double already. Look at the decision."), name=standing.by)


def _alike(one: Sheet, other: Sheet) -> bool:
    return set(one.marks) == set(other.marks) and set(one.hits) == set(other.hits)


def take_back(bench: Workbench, actor: Actor, *, now: datetime, sample_id: int) -> None:
    """Take one's own decision back: the result before it stands again, the double waits again. Twice is once.

    Raises `Conflict` when it is somebody else's, or a ruling, an appeal or the agent's answer has built on it.
    """
    require(actor, Right.CALIBRATE)
    with bench.begin(actor, now) as work:
        session = work.session
        sample, *_ = _load(session, sample_id, lock=True)
        standing = _standing(session, actor, sample_id)
        if standing is None:
            return
        row = session.get_one(Verdict, standing.verdict_id)
        if row.created_by != actor.user_id:
            raise Conflict(N_("Only {name}, who decided, can take the decision back."), name=standing.by)
        if (built := _built_on(session, row)) is not None:
            raise built
        before = session.scalars(
            select(Verdict)
            .where(Verdict.sample_id == sample_id, Verdict.version < row.version, Verdict.kind != "withdrawn")
            .order_by(Verdict.version.desc())
            .limit(1)
        ).one()
        sheet, outcome = ledger.settle(
            session, sample_id, before.rubric_version_id, Sheet.from_dict(before.sheet or {})
        )
        ledger.append(
            work,
            sample_id=sample_id,
            agent_id=sample.agent_id,
            kind="inspection",
            rubric_version_id=before.rubric_version_id,
            sheet=sheet,
            outcome=outcome,
            inspection_id=before.inspection_id,
            reason=TAKEN_BACK,
        )
