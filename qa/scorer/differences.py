"""What a machine scorer read otherwise than an inspector did, shown to them once their sheet is on record: which of the
two is right, in one word each.

Only first readings are asked about, and none of a conversation that anybody reads a second time, in a round or as gold:
what is compared with others stays blind. Who finds the machine right sends the conversation to another inspector, who
reads it blind; a lead decides where the two readings differ. No answer changes a result by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from qa import transcripts
from qa.blinding import waiting
from qa.calibration.dealing import middle
from qa.calibration.independent import ASKED_FOR
from qa.desk.inspecting import UNDO
from qa.desk.leases import is_own
from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, Role, require
from qa.rubrics.stored import rubric_of
from qa.scorer import versions
from qa.tables import Agent, Assignment, Inspection, Sample, Scorer, ScorerDifference, Transcript, User, Verdict
from qa.transcripts import FrozenTranscript
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench
from scoring import judge
from scoring.rubric import Criterion, Rubric
from scoring.sheet import Sheet

DAYS = 14
"""Days after a submission that its differences are asked about."""
MOST = 200
"""Of one's newest inspections so many are looked at."""
SETTLED = UNDO + timedelta(seconds=5)
"""A submission can be taken back until then; before, nothing of the machine is shown."""
INSPECTOR, MACHINE, OPEN = "inspector", "machine", "open"


@dataclass(frozen=True)
class MarkDifference:
    """One criterion: the inspector's mark and the machine's (None: N/A), and the messages the machine named."""

    criterion: Criterion
    mark: int | None
    machine_mark: int | None
    evidence: tuple[int, ...]
    answer: str
    """Whose mark is right, empty while nobody has said."""


@dataclass(frozen=True)
class InspectionDifferences:
    """One inspection and what the machine read otherwise."""

    inspection_id: int
    sample_id: int
    scorer_id: int
    agent_name: str
    occurred_at: datetime | None
    submitted_at: datetime
    transcript: FrozenTranscript
    differences: tuple[MarkDifference, ...]

    @property
    def open(self) -> int:
        return sum(not one.answer for one in self.differences)


@dataclass(frozen=True)
class DifferenceCount:
    """How inspectors answered on one criterion: differences in which the machine was right, and they were."""

    criterion_id: str
    machine: int
    inspector: int


def list_differences(bench: Workbench, actor: Actor, *, now: datetime) -> tuple[InspectionDifferences, ...]:
    """One's own inspections of the last `DAYS` on which the machine scorer in use reads otherwise, the oldest first.
    Empty without a scorer in use that answers per criterion."""
    require(actor, Right.INSPECT)
    return _differing(bench, _settled(actor, now))


def count_open(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """How many of the differences that `list_differences` lists wait for one's word. Reads no conversation."""
    require(actor, Right.INSPECT)
    length = func.json_array_length if bench.db.is_sqlite else func.jsonb_array_length
    wanted = _settled(actor, now).with_only_columns(
        Inspection.id, Inspection.sheet, Inspection.rubric_version_id, Sample.conversation_key,
        length(Transcript.content["messages"]),
    )  # fmt: skip
    with bench.db.read() as session:
        used = _used(session)
        rows = session.execute(wanted.order_by(Inspection.id.desc()).limit(MOST)).all() if used else []
        if not rows:
            return 0
        answers = _answers(session, [number for number, *_rest in rows])
        rubrics = {number: rubric_of(session, number) for number in {row.rubric_version_id for row in rows}}
        session.expunge_all()
    said = _said(bench, used, [key for *_rest, key, _n in rows])
    return sum(
        not difference.answer
        for number, sheet, version, key, messages in rows
        for difference, _scorer in _of_sheet(
            rubrics[version], version, Sheet.from_dict(sheet), frozenset(range(messages)), said.get(key, {}),
            answers.get(number, {}),
        )
    )  # fmt: skip


def _used(session: Session) -> Sequence[Scorer]:
    return session.scalars(select(Scorer).where(Scorer.state == "active").order_by(Scorer.predictor)).all()


def _differing(bench: Workbench, asked: Select[Any]) -> tuple[InspectionDifferences, ...]:
    """Those of the inspections `asked` for (as `_settled` selects them) that differ, the oldest first."""
    with bench.db.read() as session:
        used = _used(session)
        rows = session.execute(asked.order_by(Inspection.id.desc()).limit(MOST)).all() if used else []
        if not rows:
            return ()
        answers = _answers(session, [one.id for one, *_rest in rows])
        rubrics = {number: rubric_of(session, number) for number in {one.rubric_version_id for one, *_rest in rows}}
        session.expunge_all()
    said = _said(bench, used, [str(sample.conversation_key) for _, sample, *_rest in rows])
    found = (_found(one, sample, name, content, rubrics[one.rubric_version_id], said, answers)
             for one, sample, name, content in reversed(rows))  # fmt: skip
    return tuple(one for one in found if one is not None)


def answer(
    bench: Workbench, actor: Actor, *, now: datetime, inspection_id: int, criterion_id: str, right: str
) -> int | None:
    """Put on record whose mark is right, `INSPECTOR`'s or `MACHINE`'s; `OPEN` takes the answer back. Returns the place
    of the second reading that was asked for, None where there is none. The same answer again changes nothing.

    Raises `NotFound` where the two do not differ (any more), and `Conflict` for an answer on which a second reading was
    begun.
    """
    require(actor, Right.INSPECT)
    if right not in (INSPECTOR, MACHINE, OPEN):
        raise Invalid(N_("Say whose mark is right: the machine's or your own."))
    mine = next(iter(_differing(bench, _settled(actor, now).where(Inspection.id == inspection_id))), None)
    one = next((d for d in mine.differences if d.criterion.id == criterion_id), None) if mine is not None else None
    if mine is None or one is None:
        raise NotFound(N_("There is no difference with the machine scorer to answer here."))
    with bench.begin(actor, now) as work:
        work.session.get(Inspection, inspection_id, with_for_update={"key_share": True})
        before = _answers(work.session, [inspection_id]).get(inspection_id, {})
        known = before.get(criterion_id)
        if (known.answer if known is not None else OPEN) == right:
            return known.double_id if known is not None else None
        double = _second_reading(work, mine.sample_id) if right == MACHINE else None
        if known is not None and known.answer == MACHINE:
            _call_off(work, known, [other for about, other in before.items() if about != criterion_id])
        row = ScorerDifference(
            inspection_id=inspection_id, scorer_id=mine.scorer_id, criterion_id=criterion_id, mark=one.mark,
            machine_mark=one.machine_mark, answer=right, double_id=double, answered_by=actor.user_id,
            answered_at=now,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        work.record(
            "scorer.difference_answered", "inspection", inspection_id, criterion=criterion_id,
            answer=[known.answer if known is not None else OPEN, right], marks=[one.mark, one.machine_mark],
            assignment=double,
        )  # fmt: skip
        return double


def counted(bench: Workbench, actor: Actor, *, scorer: str | int) -> tuple[DifferenceCount, ...]:
    """How inspectors have answered the differences of a version so far, by criterion."""
    require(actor, Right.VIEW_RESULTS)
    view = versions.get(bench, actor, scorer)
    with bench.db.read() as session:
        rows = session.execute(
            select(ScorerDifference.criterion_id, ScorerDifference.answer, func.count())
            .where(ScorerDifference.id.in_(_newest()), ScorerDifference.scorer_id == view.id)
            .group_by(ScorerDifference.criterion_id, ScorerDifference.answer)
        ).all()
    counts: dict[str, dict[str, int]] = {}
    for about, said, n in rows:
        counts.setdefault(about, {})[said] = n
    found = (DifferenceCount(about, one.get(MACHINE, 0), one.get(INSPECTOR, 0)) for about, one in counts.items())
    return tuple(sorted((one for one in found if one.machine or one.inspector), key=lambda one: one.criterion_id))


# --- which inspections ------------------------------------------------------------------------------------------------


def _settled(actor: Actor, now: datetime) -> Select[Any]:
    """One's own first readings of chats that stand, cannot be taken back any more, and are compared with nobody's."""
    other, again = aliased(Assignment), aliased(Sample)
    compared = exists().where(
        other.sample_id == Sample.id, other.kind != "primary", other.id.not_in(ASKED_FOR.correlate(None))
    )
    waits = exists().where(again.conversation_key == Sample.conversation_key, again.id.in_(waiting(actor)))
    stands: ColumnElement[bool] = exists().where(
        Verdict.sample_id == Sample.id, Verdict.is_current, Verdict.inspection_id == Inspection.id,
        Verdict.kind == "inspection",
    )  # fmt: skip
    return (
        select(Inspection, Sample, Agent.name, Transcript.content)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .join(Sample, Sample.id == Inspection.sample_id)
        .join(Transcript, Transcript.id == Sample.transcript_id)
        .outerjoin(Agent, Agent.agent_id == Sample.agent_id)
        .where(
            Inspection.inspector_id == actor.user_id, Inspection.undone_at.is_(None), Assignment.kind == "primary",
            Inspection.submitted_at <= now - SETTLED, Inspection.submitted_at >= now - timedelta(days=DAYS),
            Sample.source == "chat", Sample.conversation_key.is_not(None), Sample.withdrawn_at.is_(None),
            stands, ~compared, ~waits,
        )
    )  # fmt: skip


def _newest() -> Select[int]:
    of = (ScorerDifference.inspection_id, ScorerDifference.criterion_id)
    return select(func.max(ScorerDifference.id)).group_by(*of)


def _answers(session: Session, inspections: Sequence[int]) -> dict[int, dict[str, ScorerDifference]]:
    """The newest answer of each inspection by criterion."""
    query = select(ScorerDifference).where(ScorerDifference.inspection_id.in_(list(inspections)))
    found: dict[int, dict[str, ScorerDifference]] = {}
    for row in session.scalars(query.order_by(ScorerDifference.id)):
        found.setdefault(row.inspection_id, {})[row.criterion_id] = row
    return found


@dataclass(frozen=True)
class _ScorerAnswer:
    """What one scorer answers to one criterion of a conversation."""

    scorer_id: int
    rubric_version_id: int
    mark: int | None
    evidence: tuple[int, ...]


Answers = Mapping[str, Mapping[str, _ScorerAnswer]]


def _said(bench: Workbench, used: Sequence[Scorer], keys: Sequence[str]) -> Answers:
    """What the scorers in use answer, by conversation and criterion; where several do, the first by name."""
    snapshot, found = bench.archive.at(), dict[str, dict[str, _ScorerAnswer]]()
    for scorer in reversed(used):
        rows = versions.scores(snapshot, scorer.predictor, scorer.version).filter(
            pl.col("conversation_key").is_in(list(dict.fromkeys(keys)))
            & pl.col("about").is_not_null()
            & pl.col("answer").is_in([judge.VALUE, judge.NA])
        )
        by_key: dict[str, dict[str, _ScorerAnswer]] = {}
        for key, about, value, evidence in (
            rows.select("conversation_key", "about", "value", "evidence").collect().iter_rows()
        ):
            by_key.setdefault(key, {})[about] = _ScorerAnswer(
                scorer.id, scorer.rubric_version_id, value, tuple(evidence or ())
            )  # fmt: skip
        found |= by_key
    return found


def _found(
    one: Inspection, sample: Sample, name: str | None, content: dict[str, object], rubric: Rubric, said: Answers,
    answers: Mapping[int, Mapping[str, ScorerDifference]],
) -> InspectionDifferences | None:  # fmt: skip
    transcript = transcripts.read(content)
    found = _of_sheet(
        rubric, one.rubric_version_id, Sheet.from_dict(one.sheet), transcript.seqs,
        said.get(str(sample.conversation_key), {}), answers.get(one.id, {}),
    )  # fmt: skip
    if not found:
        return None
    return InspectionDifferences(
        one.id, sample.id, found[-1][1], name or sample.agent_id, sample.occurred_at, one.submitted_at, transcript,
        tuple(difference for difference, _scorer in found),
    )  # fmt: skip


def _of_sheet(
    rubric: Rubric, version: int, sheet: Sheet, here: frozenset[int], said: Mapping[str, _ScorerAnswer],
    answered: Mapping[str, ScorerDifference],
) -> list[tuple[MarkDifference, int]]:  # fmt: skip
    """Where the answers `said` to a conversation with the messages `here` differ from a sheet by the rubric `version`,
    each with the scorer that says so."""
    found = []
    for criterion in rubric.criteria:
        machine = said.get(criterion.id)
        if machine is None or machine.rubric_version_id != version or not here.issuperset(machine.evidence):
            continue
        mark = sheet.value_of(criterion)
        if mark != machine.mark:
            known = answered.get(criterion.id)
            word = known.answer if known is not None and known.answer != OPEN else ""
            difference = MarkDifference(criterion, mark, machine.mark, machine.evidence, word)
            found.append((difference, machine.scorer_id))
    return found


# --- the second reading -----------------------------------------------------------------------------------------------


def _second_reading(work: UnitOfWork, sample_id: int) -> int | None:
    """A place for another inspector, or the one that was asked for before; None where nobody else inspects."""
    session = work.session
    open_ = select(Assignment.id).where(
        Assignment.sample_id == sample_id,
        Assignment.id.in_(ASKED_FOR),
        Assignment.finished_as.is_distinct_from("left_out"),
    )
    if (known := session.scalar(open_.limit(1))) is not None:
        return known
    person = _reader(work, sample_id)
    if person is None:
        return None
    called_off = select(Assignment).where(
        Assignment.sample_id == sample_id, Assignment.kind == "double", Assignment.inspector_id == person
    )
    place = session.scalar(called_off)
    if place is not None:
        place.finished_at = place.finished_as = None
        place.version += 1
    else:
        place = Assignment(
            sample_id=sample_id, inspector_id=person, kind="double", position=middle(session, person), version=1,
            created_at=work.now,
        )  # fmt: skip
        session.add(place)
    session.flush()
    return place.id


def _reader(work: UnitOfWork, sample_id: int) -> int | None:
    """Who reads it: an inspector of the same draw where there is another, with the fewest places open."""
    session = work.session
    mine, draw = aliased(Assignment), aliased(Sample)
    has = select(mine.inspector_id).where(
        mine.sample_id == sample_id, mine.inspector_id.is_not(None), mine.kind != "double"
    )
    people = session.scalars(
        select(User).where(User.active, User.role == Role.INSPECTOR, User.id.not_in(has)).order_by(User.id)
    ).all()
    in_draw = set(
        session.scalars(
            select(mine.inspector_id)
            .join(draw, draw.id == mine.sample_id)
            .where(draw.draw_id == select(Sample.draw_id).where(Sample.id == sample_id).scalar_subquery())
            .distinct()
        )
    )
    waiting_ = select(mine.inspector_id, func.count()).where(mine.finished_at.is_(None)).group_by(mine.inspector_id)
    loads = dict(session.execute(waiting_).all())
    free = [
        one.id
        for one in people
        if not is_own(session, Actor(one.id, Role(one.role), one.display_name, one.agent_id), sample_id)
    ]
    chosen = [one for one in free if one in in_draw] or free
    return min(chosen, key=lambda one: (loads.get(one, 0), _shuffled(sample_id, one)), default=None)


def _shuffled(sample_id: int, person: int) -> str:
    return hashlib.sha256(f"{sample_id}:{person}".encode()).hexdigest()


def _call_off(work: UnitOfWork, known: ScorerDifference, others: Sequence[ScorerDifference]) -> None:
    """Drop the second reading that only the answer before had asked for. Raises `Conflict` once it was begun."""
    if known.double_id is None or any(one.answer == MACHINE for one in others):
        return
    dropped = work.session.execute(
        update(Assignment)
        .where(Assignment.id == known.double_id, Assignment.claimed_at.is_(None), Assignment.finished_at.is_(None))
        .values(finished_at=work.now, finished_as="left_out", version=Assignment.version + 1)
    )
    if not dropped.rowcount:  # type: ignore[attr-defined]
        raise Conflict(N_("A second inspector reads this conversation already; the answer stands."))
