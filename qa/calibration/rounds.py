"""Calibration rounds and gold conversations: the same conversations given to several inspectors, blind until closed.

A round's results open when it is closed, for everybody at once; a gold conversation looks like any other in the queue.
Owns who gets what and the reference answers. Does not compute agreement (`qa.calibration.comparing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.blinding import waiting
from qa.calibration.comparing import RoundResults, round_results
from qa.calibration.dealing import common_rubric, deal, find, new_round
from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assignment, CalibrationRound, Sample, User, Verdict
from qa.workbench import Workbench

MAX_SAMPLES = 50


@dataclass(frozen=True)
class RoundView:
    """A round in the list. `submitted` of `expected` places are in; `mine` are those still open for the reader."""

    id: int
    name: str
    opened_at: datetime
    closed_at: datetime | None
    samples: int
    inspectors: int
    submitted: int
    expected: int
    mine: int


@dataclass(frozen=True)
class OpenedRound:
    """A new round. `left_out` are (sample, inspector) pairs not dealt because the inspector took part in the chat."""

    round_id: int
    places: int
    left_out: tuple[tuple[int, int], ...]


# --- rounds -----------------------------------------------------------------------------------------------------------


def open_round(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    name: str,
    sample_ids: Sequence[int],
    inspector_ids: Sequence[int],
    rubric_version_id: int | None = None,
) -> OpenedRound:
    """Give the same samples to several inspectors. Without a rubric version the newest published one of the rubric that
    the samples are scored on is used; samples of several rubrics cannot be compared in one round."""
    require(actor, Right.CALIBRATE)
    samples, people = list(dict.fromkeys(sample_ids)), list(dict.fromkeys(inspector_ids))
    if not 1 <= len(samples) <= MAX_SAMPLES:
        raise Invalid(N_("Choose 1 to {limit} conversations."), limit=MAX_SAMPLES)
    if len(people) < 2:
        raise Invalid(N_("Choose at least two inspectors; one alone cannot be compared."))
    with bench.db.write() as session:
        round_id = new_round(session, actor, now, name, rubric_version_id or common_rubric(session, samples))
        left_out = deal(session, now, round_id, "calibration", samples, people)
        places = len(samples) * len(people) - len(left_out)
        audit.record(
            session, actor, now, "calibration.opened", "calibration_round", round_id, samples=samples, inspectors=people
        )
    return OpenedRound(round_id, places, left_out)


def close_round(bench: Workbench, actor: Actor, *, now: datetime, round_id: int) -> None:
    """Close a round: what is not submitted is dropped, results are shown to everybody. Twice is once."""
    require(actor, Right.CALIBRATE)
    with bench.db.write() as session:
        found = find(session, round_id, lock=True)
        if found.closed_at is not None:
            return
        found.closed_at = now
        session.execute(
            update(Assignment)
            .where(Assignment.round_id == round_id, Assignment.finished_at.is_(None))
            .values(
                finished_at=now, finished_as="skipped", skip_reason="round closed", version=Assignment.version + 1,
                lease_by=None, lease_until=None,
            )
            .execution_options(synchronize_session=False)
        )  # fmt: skip
        audit.record(session, actor, now, "calibration.closed", "calibration_round", round_id)


def rounds(bench: Workbench, actor: Actor) -> tuple[RoundView, ...]:
    """Calibration rounds, newest first: all for leads, one's own for inspectors."""
    require(actor, Right.INSPECT)
    with bench.db.read() as session:
        found = session.scalars(
            select(CalibrationRound).order_by(CalibrationRound.opened_at.desc(), CalibrationRound.id.desc())
        )
        views = [_view(session, actor, row) for row in found]
    return tuple(view for view, mine in views if view.expected and (actor.may(Right.CALIBRATE) or mine))


def results(bench: Workbench, actor: Actor, *, round_id: int) -> RoundResults:
    """What a closed round shows, to leads and to those who took part, but for conversations that they still have to
    score elsewhere. Raises `Conflict` while it is open."""
    require(actor, Right.INSPECT)
    with bench.db.read() as session:
        found = find(session, round_id)
        _, mine = _view(session, actor, found)
        if not (mine or actor.may(Right.CALIBRATE)):
            raise NotFound(N_("There is no calibration round {id}."), id=round_id)
        if found.closed_at is None:
            raise Conflict(N_("The results of this round are shown when it is closed."))
        return round_results(session, found, without=frozenset(session.scalars(waiting(actor))))


# --- shared -----------------------------------------------------------------------------------------------------------


def _view(session: Session, actor: Actor, row: CalibrationRound) -> tuple[RoundView, bool]:
    part = (Assignment.round_id == row.id, Assignment.kind == "calibration")
    counts = session.execute(
        select(
            func.count(func.distinct(Assignment.sample_id)), func.count(func.distinct(Assignment.inspector_id)),
            func.count().filter(Assignment.finished_as == "submitted"), func.count(),
            func.count().filter(Assignment.inspector_id == actor.user_id, Assignment.finished_at.is_(None)),
            func.count().filter(Assignment.inspector_id == actor.user_id),
        ).where(*part)
    ).one()  # fmt: skip
    samples, inspectors, submitted, expected, mine, ever = counts
    return (
        RoundView(row.id, row.name, row.opened_at, row.closed_at, samples, inspectors, submitted, expected, mine),
        ever > 0,
    )


@dataclass(frozen=True)
class Candidates:
    """What a new round can be made of: recent samples as (id, unit, agent) and active inspectors as (id, name).
    `settled` are the samples with a result, those that more than one person has looked at first: what a gold
    conversation is made of.
    """

    samples: tuple[tuple[int, str, str], ...]
    settled: tuple[tuple[int, str, str], ...]
    inspectors: tuple[tuple[int, str], ...]


def candidates(bench: Workbench, actor: Actor, *, limit: int = 300) -> Candidates:
    """Samples and people to choose from for a round or a gold conversation."""
    require(actor, Right.CALIBRATE)
    recent = (
        select(Sample.id, Sample.unit_id, Sample.agent_id)
        .where(Sample.withdrawn_at.is_(None), Sample.pi.is_not(None))
        .order_by(Sample.id.desc())
        .limit(limit)
    )
    people = (
        select(User.id, User.display_name)
        .where(User.active, User.role.in_(("inspector", "lead")))
        .order_by(User.display_name, User.id)
    )
    settled = (
        select(Sample.id, Sample.unit_id, Sample.agent_id)
        .join(Verdict, Verdict.sample_id == Sample.id)
        .where(
            Sample.withdrawn_at.is_(None),
            Sample.pi.is_not(None),
            Verdict.is_current,
            Verdict.kind != "withdrawn",
            Verdict.sheet.is_not(None),
        )
        .order_by(case((Verdict.kind == "inspection", 1), else_=0), Verdict.id.desc())
        .limit(limit)
    )
    with bench.db.read() as session:
        return Candidates(
            tuple((id_, unit, agent) for id_, unit, agent in session.execute(recent)),
            tuple((id_, unit, agent) for id_, unit, agent in session.execute(settled)),
            tuple((id_, name) for id_, name in session.execute(people)),
        )
