"""Calibration rounds and gold conversations: the same conversations given to several inspectors, blind until closed.

A round's results open when it is closed, for everybody at once; a gold conversation looks like any other in the queue.
Owns who gets what and the reference answers. Does not compute agreement (`qa.calibration.comparing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import case, func, insert, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.blinding import STILL_TO_SCORE, waiting
from qa.calibration.comparing import RoundResults, Share, round_results, told_apart
from qa.desk.leases import refuse_own, took_part, transcript_of
from qa.desk.sheets import check_sheet, spans_of
from qa.errors import Conflict, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, Role, require
from qa.rubrics.stored import rubric_of
from qa.rubrics.versions import newest
from qa.tables import Assignment, CalibrationRound, Draw, Inspection, RubricVersion, Sample, User, Verdict
from qa.transcripts import FrozenTranscript
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.agreement import Distance, distance
from scoring.label import Label
from scoring.rubric import Rubric
from scoring.sheet import Outcome, Sheet

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


@dataclass(frozen=True)
class ReferenceRow:
    """One conversation of a round, in the list of reference answers."""

    sample_id: int
    unit_id: str
    known: bool


@dataclass(frozen=True)
class ReferenceForm:
    """What the lead needs to score the reference of one conversation: like the desk, blind to what anybody gave.
    `found` are the red lines that screening has found, as (message, from, to, rule)."""

    round_id: int
    sample_id: int
    rubric: Rubric
    transcript: FrozenTranscript
    found: tuple[tuple[int, int, int, str], ...]
    labels: Mapping[str, Label]
    sheet: Sheet | None


@dataclass(frozen=True)
class GoldRow:
    """One gold conversation beside its reference: what the inspector gave, in centi-points without red lines."""

    sample_id: int
    unit_id: str
    inspector: str
    submitted_at: datetime
    total: int
    reference: int
    redlines_agree: bool
    within: bool
    """Within the rubric's tolerance, and the same red lines."""


@dataclass(frozen=True)
class GoldSummary:
    """One inspector on the gold conversations: mean difference to the reference in points, and how many were within."""

    inspector: str
    difference: Distance
    within: Share


@dataclass(frozen=True)
class Gold:
    """What came back, newest first, summed up by inspector (furthest from the reference first), and how many still
    wait."""

    rows: tuple[GoldRow, ...]
    inspectors: tuple[GoldSummary, ...]
    waiting: int


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
        round_id = _new_round(session, actor, now, name, rubric_version_id or _rubric_of(session, samples))
        left_out = _deal(session, now, round_id, "calibration", samples, people)
        places = len(samples) * len(people) - len(left_out)
        audit.record(
            session, actor, now, "calibration.opened", "calibration_round", round_id, samples=samples, inspectors=people
        )
    return OpenedRound(round_id, places, left_out)


def close_round(bench: Workbench, actor: Actor, *, now: datetime, round_id: int) -> None:
    """Close a round: what is not submitted is dropped, results are shown to everybody. Twice is once."""
    require(actor, Right.CALIBRATE)
    with bench.db.write() as session:
        found = _find(session, round_id, lock=True)
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


def references(bench: Workbench, actor: Actor, *, round_id: int) -> tuple[ReferenceRow, ...]:
    """The conversations of a round and which of them have a reference answer."""
    require(actor, Right.CALIBRATE)
    dealt = (
        select(Sample.id, Sample.unit_id)
        .join(Assignment, Assignment.sample_id == Sample.id)
        .where(Assignment.round_id == round_id, Assignment.kind == "calibration")
        .distinct()
        .order_by(Sample.id)
    )
    with bench.db.read() as session:
        known = _find(session, round_id).reference
        return tuple(ReferenceRow(id_, unit, str(id_) in known) for id_, unit in session.execute(dealt))


def reference_form(bench: Workbench, actor: Actor, *, round_id: int, sample_id: int) -> ReferenceForm:
    """What is needed to score the reference answer. Raises `Conflict` while the reader has to score the conversation as
    one of the inspectors, or took part in it."""
    require(actor, Right.CALIBRATE)
    with bench.db.read() as session:
        found = _find(session, round_id)
        sample = _referred(session, actor, round_id, sample_id)
        spans, stored = spans_of(session, sample, actor), found.reference.get(str(sample_id))
        return ReferenceForm(
            round_id,
            sample_id,
            rubric_of(session, found.rubric_version_id),
            transcript_of(session, sample_id),
            spans,
            ledger.rule_labels(session, {rule for *_, rule in spans}),
            None if stored is None else Sheet.from_dict(stored),
        )


def set_reference(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    round_id: int,
    sample_id: int,
    sheet: Sheet | Mapping[str, Any],
    seen: Sheet | None = None,
) -> None:
    """Record the reference answer for one conversation of a round, before or after it is closed; results show it once
    closed.

    `seen` is the answer the form began with (None: there was none). The same answer again changes nothing. Raises
    `Invalid` where the rubric forbids a mark or a red line is undecided, `Stale` when somebody else has given an answer
    meanwhile, `Conflict` while the actor has to score the conversation, or took part in it.
    """
    require(actor, Right.CALIBRATE)
    marks = ledger.read(sheet)
    with bench.db.write() as session:
        found = _find(session, round_id, lock=True)
        sample = _referred(session, actor, round_id, sample_id)
        check_sheet(session, actor, sample, found.rubric_version_id, marks)
        stored = found.reference.get(str(sample_id))
        if stored == marks.to_dict():
            return
        if stored != (None if seen is None else seen.to_dict()):
            raise Stale(N_("Somebody else has given a reference answer meanwhile. Look at it before you change it."))
        found.reference = {**found.reference, str(sample_id): marks.to_dict()}
        audit.record(session, actor, now, "calibration.reference", "calibration_round", round_id, sample=sample_id)


def _referred(session: Session, actor: Actor, round_id: int, sample_id: int) -> Sample:
    """A sample of the round whose answer the actor may know."""
    dealt = select(Assignment.id).where(
        Assignment.round_id == round_id, Assignment.sample_id == sample_id, Assignment.kind == "calibration"
    )
    sample = session.get(Sample, sample_id)
    if sample is None or session.scalar(dealt.limit(1)) is None:
        raise NotFound(N_("Sample {sample} is not part of this round."), sample=sample_id)
    if session.scalar(waiting(actor).where(Sample.id == sample_id).limit(1)) is not None:
        raise Conflict(STILL_TO_SCORE)
    refuse_own(session, actor, sample_id)
    return sample


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
        found = _find(session, round_id)
        _, mine = _view(session, actor, found)
        if not (mine or actor.may(Right.CALIBRATE)):
            raise NotFound(N_("There is no calibration round {id}."), id=round_id)
        if found.closed_at is None:
            raise Conflict(N_("The results of this round are shown when it is closed."))
        return round_results(session, found, without=frozenset(session.scalars(waiting(actor))))


# --- gold -------------------------------------------------------------------------------------------------------------


def seed_gold(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    sample_id: int,
    inspector_ids: Sequence[int],
    sheet: Sheet | None = None,
) -> OpenedRound:
    """Put a conversation with a known answer unannounced into the queues of inspectors who have not seen it.

    The answer is `sheet`, else that of the sample's current verdict. It waits in the middle of each queue.
    """
    require(actor, Right.CALIBRATE)
    with bench.db.write() as session:
        verdict = ledger.current(session, sample_id)
        if sheet is None and (verdict is None or verdict.sheet is None):
            raise Invalid(N_("This sample has no verdict yet, so there is no answer to compare with."))
        marks = sheet or Sheet.from_dict((verdict.sheet if verdict else None) or {})
        known = select(Inspection.inspector_id).where(Inspection.sample_id == sample_id)
        dealt = select(Assignment.inspector_id).where(
            Assignment.sample_id == sample_id, Assignment.inspector_id.is_not(None)
        )
        seen = {*session.scalars(known), *session.scalars(dealt)}
        people = [person for person in dict.fromkeys(inspector_ids) if person not in seen]
        if not people:
            raise Conflict(N_("Everybody chosen has seen this conversation already."))
        round_id = _new_round(session, actor, now, f"gold {sample_id}", verdict.rubric_version_id if verdict else None)
        sample = session.get(Sample, sample_id)
        if sample is None:
            raise NotFound(N_("There is no sample {sample}."), sample=sample_id)
        check_sheet(session, actor, sample, _find(session, round_id).rubric_version_id, marks)
        _find(session, round_id).reference = {str(sample_id): marks.to_dict()}
        left_out = _deal(session, now, round_id, "gold", [sample_id], people)
        audit.record(
            session, actor, now, "gold.seeded", "calibration_round", round_id, sample=sample_id, inspectors=people
        )
    return OpenedRound(round_id, len(people) - len(left_out), left_out)


def gold_results(bench: Workbench, actor: Actor) -> Gold:
    """Submitted gold conversations beside their reference, and each inspector's figures over them."""
    require(actor, Right.CALIBRATE)
    query = (
        select(Inspection, CalibrationRound, Inspection.inspector_id, User.display_name, Sample.unit_id)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .join(CalibrationRound, CalibrationRound.id == Assignment.round_id)
        .join(User, User.id == Inspection.inspector_id)
        .join(Sample, Sample.id == Inspection.sample_id)
        .where(Assignment.kind == "gold", Inspection.undone_at.is_(None))
        .order_by(Inspection.submitted_at.desc(), Inspection.id.desc())
    )
    open_places = select(func.count()).where(Assignment.kind == "gold", Assignment.finished_at.is_(None))
    with bench.db.read() as session:
        found = session.execute(query).all()
        names = told_apart({person: name for _one, _gold, person, name, _unit in found})
        rows = tuple(_gold_row(session, one, gold, names[person], unit) for one, gold, person, _name, unit in found)
        waiting_places = session.scalar(open_places) or 0
    people = [
        _gold_summary(name, [row for row in rows if row.inspector == name])
        for name in sorted({row.inspector for row in rows})
    ]
    return Gold(rows, tuple(sorted(people, key=lambda one: -abs(one.difference.mean))), waiting_places)


def _gold_row(session: Session, inspection: Inspection, gold: CalibrationRound, name: str, unit_id: str) -> GoldRow:
    answer = Sheet.from_dict(gold.reference[str(inspection.sample_id)])
    right = ledger.compute(session, inspection.sample_id, gold.rubric_version_id, answer)
    given = Outcome.from_dict(inspection.outcome)
    apart, same = abs(given.total_without_redlines - right.total_without_redlines), given.redlines == right.redlines
    return GoldRow(
        inspection.sample_id,
        unit_id,
        name,
        inspection.submitted_at,
        given.total_without_redlines,
        right.total_without_redlines,
        same,
        same and apart <= rubric_of(session, gold.rubric_version_id).tolerance,
    )


def _gold_summary(name: str, rows: Sequence[GoldRow]) -> GoldSummary:
    apart = distance(np.array([(row.total - row.reference) / 100 for row in rows]))
    if apart is None:
        raise ValueError("an inspector without gold conversations has no figures")
    return GoldSummary(name, apart, Share.of(sum(row.within for row in rows), len(rows)))


# --- shared -----------------------------------------------------------------------------------------------------------


def _new_round(session: Session, actor: Actor, now: datetime, name: str, rubric_version_id: int | None) -> int:
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid(N_("Name: expected 1 to 200 characters."))
    if rubric_version_id is None:
        rubric_version_id = newest(session, "chat")
    if rubric_version_id is None:
        raise Conflict(N_("There is no published rubric to score with; publish one first."))
    return session.execute(
        insert(CalibrationRound)
        .values(
            name=name, rubric_version_id=rubric_version_id, opened_by=actor.user_id or None, opened_at=now, reference={}
        )
        .returning(CalibrationRound.id)
    ).scalar_one()


def _rubric_of(session: Session, samples: Sequence[int]) -> int | None:
    """The newest published version of the one rubric that the samples are scored on."""
    scored_on = func.coalesce(Sample.rubric_version_id, Draw.rubric_version_id)
    rubrics = set(
        session.scalars(
            select(RubricVersion.rubric_id)
            .select_from(Sample)
            .join(Draw, Draw.id == Sample.draw_id, isouter=True)
            .join(RubricVersion, RubricVersion.id == scored_on)
            .where(Sample.id.in_(samples))
        )
    )
    if len(rubrics) > 1:
        raise Invalid(N_("These samples are scored on different rubrics. Choose samples of one source for a round."))
    published = select(RubricVersion.id).where(RubricVersion.state == "published", RubricVersion.rubric_id.in_(rubrics))
    return session.scalar(published.order_by(RubricVersion.published_at.desc(), RubricVersion.id.desc()).limit(1))


def _deal(
    session: Session, now: datetime, round_id: int, kind: str, samples: Sequence[int], people: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """A place for every inspector and sample; returns the pairs left out because the inspector took part."""
    users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(people)))}
    for person in people:
        user = users.get(person)
        if user is None or not user.active or user.role not in (Role.INSPECTOR, Role.LEAD):
            raise Invalid(N_("User {id} is not an active inspector."), id=person)
    left_out = []
    for sample_id in samples:
        if session.get(Sample, sample_id) is None:
            raise NotFound(N_("There is no sample {sample}."), sample=sample_id)
        transcript = transcript_of(session, sample_id)
        for person in people:
            user = users[person]
            if took_part(Actor(user.id, Role(user.role), user.display_name, user.agent_id), transcript):
                left_out.append((sample_id, person))
                continue
            given = (Assignment.sample_id == sample_id, Assignment.inspector_id == person, Assignment.kind == kind)
            if session.scalar(select(Assignment.id).where(*given)) is not None:
                raise Conflict(
                    N_("{name} has had sample {sample} in a round before; choose another."),
                    name=user.display_name,
                    sample=sample_id,
                )
            session.execute(
                insert(Assignment).values(
                    sample_id=sample_id, inspector_id=person, kind=kind, round_id=round_id, version=1, created_at=now,
                    position=0 if kind == "calibration" else _middle(session, person),
                )
            )  # fmt: skip
    return tuple(left_out)


def _middle(session: Session, person: int) -> int:
    """A place in the middle of what waits: neither first, nor conspicuously last."""
    waiting = session.scalars(
        select(Assignment.position).where(Assignment.inspector_id == person, Assignment.finished_at.is_(None))
    ).all()
    return int(median(waiting)) if waiting else 0


def _find(session: Session, round_id: int, *, lock: bool = False) -> CalibrationRound:
    found = session.get(CalibrationRound, round_id, with_for_update=lock or None)
    if found is None:
        raise NotFound(N_("There is no calibration round {id}."), id=round_id)
    return found


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
