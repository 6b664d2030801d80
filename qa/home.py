"""What there is to do now, per person: counts of open work, progress of the draws, and the steps of setting up. Reads
only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from qa.blinding import shown_files
from qa.casefiles.lifecycle import FileState
from qa.coaching import threads
from qa.desk.queue import standing
from qa.development import newcomers
from qa.policy import Actor, Right
from qa.tables import (
    Acknowledgement,
    Appeal,
    Assignment,
    AuditEntry,
    CalibrationRound,
    Case,
    Draw,
    ImportRun,
    Inspection,
    RubricVersion,
    Sample,
    User,
    Verdict,
    Violation,
)
from qa.verdicts import corrections
from qa.workbench import Workbench

RECENT_DRAWS = 6
TOLD = timedelta(days=14)
"""How long a decided objection is told on the home page of whoever filed it."""


@dataclass(frozen=True)
class DrawProgress:
    """How far the inspection of a draw is."""

    draw_id: int
    name: str
    period_from: date
    period_to: date
    samples: int
    inspected: int


@dataclass(frozen=True)
class DecidedAppeal:
    """An objection that was decided: what it was against, how it ended, and what that did to the total
    (centi-points)."""

    appeal_id: int
    upheld: bool
    ruled_at: datetime
    before: int | None
    now: int | None
    """Totals of the result objected to and of the one that counts now; None for a red-line file without a result."""
    verdict_id: int | None
    rule_id: str | None


@dataclass(frozen=True)
class Overview:
    """Open work of one person. `todo` maps kinds of work to counts (only kinds this person can do); `done_today` counts
    their own inspections; `setup` says which steps of setting up are done (empty when this person cannot do them)."""

    todo: Mapping[str, int]
    done_today: int
    draws: tuple[DrawProgress, ...]
    setup: Mapping[str, bool]
    last_import: datetime | None
    decided: tuple[DecidedAppeal, ...] = ()
    """Own objections decided of late; those upheld until the new result is read."""
    coaching: tuple[int, ...] = ()
    """Coaching threads that wait for this person: notes to an agent, answers to a leader; the oldest first."""


def overview(bench: Workbench, actor: Actor, *, now: datetime) -> Overview:
    """The open work of `actor`; everybody may ask, each sees only their own kinds."""
    with bench.db.read() as session:
        todo: dict[str, int] = {}
        if actor.may(Right.INSPECT):
            todo |= _inspecting(session, actor)
        if actor.may(Right.RULE_HIT):
            todo["hits"] = _violations(bench, session, actor, FileState.SUSPECTED)
        if actor.may(Right.RULE_VIOLATION):
            todo["rulings"] = _violations(bench, session, actor, FileState.CONFIRMED)
        if actor.may(Right.RULE_APPEAL):
            todo["corrections"] = corrections.count_open(session, actor)
            todo["appeals"] = _count(session, select(Appeal.id).where(Appeal.state == "open"))
        if actor.may(Right.PUBLISH_CASE):
            todo["cases"] = _count(session, select(Case.id).where(Case.state == "proposed"))
        if actor.may(Right.ASSESS):
            today = now.astimezone(bench.config.zone).date()
            todo["newcomers"] = len(newcomers.due(newcomers.plans(bench, actor), today))
        if actor.may(Right.ANSWER) and actor.agent_id:
            todo |= _answering(session, actor.agent_id)
        if actor.may(Right.MAINTAIN):
            todo["accounts_without_sign_in"] = _count(
                session,
                select(User.id).where(
                    User.active,
                    User.password_hash.is_(None),
                    ~exists().where(and_(AuditEntry.actor_id == User.id, AuditEntry.action == "user.signed_in")),
                ),
            )
        return Overview(
            todo,
            _done_today(session, actor, bench, now),
            _draws(session) if actor.may(Right.VIEW_DRAWS) else (),
            _setup(session, actor),
            (
                session.scalar(select(func.max(ImportRun.ended_at)).where(ImportRun.state == "done"))
                if actor.may(Right.IMPORT)
                else None
            ),
            _decided(session, actor.agent_id, now) if actor.may(Right.ANSWER) and actor.agent_id else (),
            threads.waiting(bench, actor),
        )


def _decided(session: Session, agent_id: str, now: datetime) -> tuple[DecidedAppeal, ...]:
    old, new, read = aliased(Verdict), aliased(Verdict), aliased(Acknowledgement)
    sample = func.coalesce(old.sample_id, Violation.sample_id)
    rows = session.execute(
        select(Appeal, old.total, new.total, new.id, Violation.rule_id)
        .outerjoin(old, old.id == Appeal.verdict_id)
        .outerjoin(Violation, Violation.id == Appeal.violation_id)
        .outerjoin(new, and_(new.sample_id == sample, new.is_current, new.kind != "withdrawn"))
        .outerjoin(read, read.verdict_id == new.id)
        .where(
            Appeal.agent_id == agent_id, Appeal.state.in_(("upheld", "rejected")), Appeal.ruled_at >= now - TOLD,
            or_(read.at.is_(None), read.at < Appeal.ruled_at, Appeal.state == "rejected"),
        )
        .order_by(Appeal.ruled_at.desc(), Appeal.id.desc())
    )  # fmt: skip
    return tuple(
        DecidedAppeal(appeal.id, appeal.state == "upheld", appeal.ruled_at or now, before, total, verdict_id, rule_id)
        for appeal, before, total, verdict_id, rule_id in rows
    )


def _count(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _inspecting(session: Session, actor: Actor) -> dict[str, int]:
    mine = or_(Assignment.inspector_id == actor.user_id, Assignment.inspector_id.is_(None))
    unfinished = (
        select(Assignment.id)
        .join(Sample, Sample.id == Assignment.sample_id)
        .where(mine, Assignment.finished_at.is_(None), Sample.withdrawn_at.is_(None))
    )
    if actor.agent_id:
        unfinished = unfinished.where(Sample.agent_id != actor.agent_id)
    rounds = select(CalibrationRound.id).where(CalibrationRound.closed_at.is_(None))
    return {
        "samples": _count(session, unfinished.where(Assignment.kind != "calibration")),
        "calibration": _count(
            session, unfinished.where(Assignment.kind == "calibration", Assignment.round_id.in_(rounds))
        ),
    }


def _violations(bench: Workbench, session: Session, actor: Actor, state: FileState) -> int:
    return _count(session, select(Violation.id).where(Violation.state == state.value, shown_files(bench, actor)))


def _answering(session: Session, agent_id: str) -> dict[str, int]:
    read = exists().where(Acknowledgement.verdict_id == Verdict.id)
    return {
        "verdicts": _count(
            session,
            select(Verdict.id).where(
                Verdict.agent_id == agent_id, Verdict.is_current, Verdict.kind != "withdrawn", ~read
            ),
        ),
        "own_violations": _count(
            session,
            select(Violation.id).where(Violation.agent_id == agent_id, Violation.state == FileState.UPHELD.value),
        ),
        "own_appeals": _count(session, select(Appeal.id).where(Appeal.agent_id == agent_id, Appeal.state == "open")),
    }


def _done_today(session: Session, actor: Actor, bench: Workbench, now: datetime) -> int:
    today = datetime.combine(now.astimezone(bench.config.zone).date(), time(), bench.config.zone).astimezone(UTC)
    return _count(
        session,
        select(Inspection.id).where(
            Inspection.inspector_id == actor.user_id, Inspection.submitted_at >= today, Inspection.undone_at.is_(None)
        ),
    )


def _draws(session: Session) -> tuple[DrawProgress, ...]:
    inspected = exists().where(Verdict.sample_id == Sample.id, Verdict.is_current, Verdict.kind != "withdrawn")
    newest = session.execute(
        select(Draw.id, Draw.name, Draw.period_from, Draw.period_to).order_by(Draw.id.desc()).limit(RECENT_DRAWS)
    ).all()
    numbers = {
        draw: (int(samples), int(done))
        for draw, samples, done in session.execute(
            select(Sample.draw_id, func.count(), func.count().filter(inspected))
            .where(Sample.draw_id.in_([row.id for row in newest]), Sample.withdrawn_at.is_(None))
            .where(Sample.id.not_in(standing.left_out()))
            .group_by(Sample.draw_id)
        )
    }
    return tuple(DrawProgress(*row, *numbers.get(row.id, (0, 0))) for row in newest)


def _setup(session: Session, actor: Actor) -> dict[str, bool]:
    def any_of(query: Select[Any]) -> bool:
        return session.execute(query.limit(1)).first() is not None

    steps: dict[str, bool] = {}
    if actor.may(Right.MANAGE_USERS):
        steps["lead"] = any_of(select(User.id).where(User.active, User.role == "lead"))
    if actor.may(Right.MANAGE_USERS) or actor.may(Right.PLAN_DRAW):
        steps["inspectors"] = any_of(select(User.id).where(User.active, User.role == "inspector"))
    if actor.may(Right.IMPORT):
        steps["import"] = any_of(select(ImportRun.id).where(ImportRun.state == "done"))
    if actor.may(Right.EDIT_RUBRIC):
        steps["rubric"] = any_of(select(RubricVersion.id).where(RubricVersion.state == "published"))
    if actor.may(Right.PLAN_DRAW):
        steps["draw"] = any_of(select(Draw.id))
    return steps
