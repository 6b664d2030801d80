"""Inspectors compared: agreement per criterion, severity, pace. Information for the lead, never a verdict on a person.

Only independent marks count: a resolution never enters, and one inspector counts once for a conversation. Owns which
inspections are compared; the mathematics is `scoring.agreement` and `scoring.severity`. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa import verdict_ledger
from qa.leases import content_of
from qa.policy import Actor, Right, require
from qa.scorecards import rubric_of
from qa.tables import Assignment, CalibrationRound, Inspection, Sample, User
from qa.workbench import Workbench
from scoring import severity
from scoring.agreement import Agreement, Counts, Intraclass, alpha, counts, gwet, icc
from scoring.rubric import Criterion, Kind, Rubric
from scoring.sheet import Outcome, Sheet

RUSHED_RATIO = 0.5
"""Reading in less than half the time colleagues take for as much text is worth a look."""
PACE_ROWS = 2_000
"""The newest inspections are enough to see a pace; each means reading a transcript's length."""
_SEED = "agreement"


@dataclass(frozen=True)
class CriterionAgreement:
    """How far inspectors agree on one criterion. `found` counts pairs in which both, one or none objected."""

    criterion: Criterion
    alpha: Agreement
    gwet: Agreement
    found: Counts


@dataclass(frozen=True)
class ConversationSpread:
    """One conversation of a round: everybody's total without red lines, in centi-points, and where they differ most."""

    sample_id: int
    unit_id: str
    totals: tuple[tuple[str, int], ...]
    reference: int | None
    spread: int
    criteria: tuple[str, ...]
    """Criteria on which marks differ, the most costly difference first."""


@dataclass(frozen=True)
class RoundResults:
    """A closed round: agreement per criterion, conversations by spread (widest first), totals' intraclass correlation."""

    round_id: int
    name: str
    rubric: Rubric
    inspectors: tuple[str, ...]
    criteria: tuple[CriterionAgreement, ...]
    conversations: tuple[ConversationSpread, ...]
    totals: Intraclass | None


@dataclass(frozen=True)
class Programme:
    """Agreement over the double inspections of a period, and how severe each inspector is."""

    doubles: int
    criteria: tuple[CriterionAgreement, ...]
    totals: Intraclass | None
    severity: severity.SeverityFit
    names: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Pace:
    """How fast one inspector reads: median seconds per 100 characters beside the colleagues'; `agreement` is the share
    of their doubles within tolerance. `rushed` only says that a look is worth while."""

    user_id: int
    name: str
    inspections: int
    seconds_per_100: float
    others_per_100: float | None
    doubles: int
    agreement: float | None
    rushed: bool


@dataclass(frozen=True)
class _Mark:
    sample_id: int
    unit_id: str
    agent_id: str
    inspector_id: int
    inspector: str
    rubric_version_id: int
    pi: float
    sheet: Sheet
    outcome: Outcome


# --- one round --------------------------------------------------------------------------------------------------------


def round_results(session: Session, row: CalibrationRound, *, without: frozenset[int] = frozenset()) -> RoundResults:
    """Everything a closed round shows, leaving out the samples in `without`."""
    rubric = rubric_of(session, row.rubric_version_id)
    marks = [mark for mark in _latest(_marks(session, Assignment.round_id == row.id, Assignment.kind == "calibration")) if mark.sample_id not in without]
    people = tuple(sorted({mark.inspector for mark in marks}))
    spreads = []
    for sample_id in dict.fromkeys(mark.sample_id for mark in marks):
        reference = row.reference.get(str(sample_id))
        right = None
        if reference is not None:
            right = verdict_ledger.compute(session, sample_id, row.rubric_version_id, Sheet.from_dict(reference)).total_without_redlines
        spreads.append(_spread(rubric, [mark for mark in marks if mark.sample_id == sample_id], right))
    spreads.sort(key=lambda item: (-item.spread, item.sample_id))
    return RoundResults(row.id, row.name, rubric, people, _criteria(rubric, marks, None), tuple(spreads), icc(_totals(marks)))


def _spread(rubric: Rubric, marks: Sequence[_Mark], reference: int | None) -> ConversationSpread:
    totals = tuple((mark.inspector, mark.outcome.total_without_redlines) for mark in marks)
    values = [total for _, total in totals]
    apart = []
    for criterion in rubric.criteria:
        costs = [_cost(criterion, mark.sheet) for mark in marks]
        known = [cost for cost in costs if cost is not None]
        if len(set(costs)) > 1:
            apart.append((max(known) - min(known) if known else 0, criterion.id))
    apart.sort(key=lambda item: (-item[0], item[1]))
    return ConversationSpread(
        marks[0].sample_id, marks[0].unit_id, totals, reference, max(values) - min(values), tuple(id_ for _, id_ in apart)
    )


# --- the programme ----------------------------------------------------------------------------------------------------


def programme(bench: Workbench, actor: Actor, *, since: datetime) -> Programme:
    """Agreement on the doubles since `since`, weighted by 1/π, and severities from all first and second inspections."""
    require(actor, Right.CALIBRATE)
    with bench.db.read() as session:
        marks = _latest(_marks(session, Assignment.kind.in_(("primary", "double")), Inspection.submitted_at >= since))
        newest = max((mark.rubric_version_id for mark in marks), default=None)
        rubric = rubric_of(session, newest) if newest is not None else None
    seen: dict[int, int] = {}
    for mark in marks:
        seen[mark.sample_id] = seen.get(mark.sample_id, 0) + 1
    twice = [mark for mark in marks if seen[mark.sample_id] > 1]
    pi = {mark.sample_id: mark.pi for mark in twice}
    weight = np.array([1.0 / pi[sample] for sample in dict.fromkeys(mark.sample_id for mark in twice)])
    scores = pl.DataFrame(
        {
            "agent_id": [mark.agent_id for mark in marks], "inspector_id": [str(mark.inspector_id) for mark in marks],
            "unit_id": [mark.unit_id for mark in marks], "score": [mark.outcome.total_without_redlines / 100 for mark in marks],
        },
        schema={"agent_id": pl.String, "inspector_id": pl.String, "unit_id": pl.String, "score": pl.Float64},
    )  # fmt: skip
    return Programme(
        len(pi), _criteria(rubric, twice, weight) if rubric else (), icc(_totals(twice)) if twice else None, severity.fit(scores),
        tuple(sorted({(mark.inspector_id, mark.inspector) for mark in marks})),
    )  # fmt: skip


def pace(bench: Workbench, actor: Actor, *, since: datetime, least: int = 5) -> tuple[Pace, ...]:
    """Reading pace per inspector with at least `least` timed inspections, the fastest (relative to others) first."""
    require(actor, Right.CALIBRATE)
    speeds: dict[int, list[float]] = {}
    names: dict[int, str] = {}
    with bench.db.read() as session:
        query = (
            select(Inspection.inspector_id, User.display_name, Inspection.sample_id, Inspection.active_seconds)
            .join(User, User.id == Inspection.inspector_id)
            .where(Inspection.undone_at.is_(None), Inspection.submitted_at >= since, Inspection.active_seconds.is_not(None))
        )
        lengths: dict[int, int] = {}
        for user, name, sample, seconds in session.execute(query.order_by(Inspection.id.desc()).limit(PACE_ROWS)).all():
            if sample not in lengths:
                lengths[sample] = sum(len(message.get("text") or "") for message in content_of(session, sample).get("messages", ()))
            names[user] = name
            speeds.setdefault(user, []).append(100 * (seconds or 0) / max(lengths[sample], 20))
        agreed = _agreed(session, since)
    rows = []
    for user, own in speeds.items():
        if len(own) < least:
            continue
        rest = [speed for other, values in speeds.items() if other != user for speed in values]
        mine, others = median(own), median(rest) if rest else None
        pairs = agreed.get(user, [])
        share = sum(pairs) / len(pairs) if pairs else None
        rushed = others is not None and mine < RUSHED_RATIO * others
        rows.append(Pace(user, names[user], len(own), mine, others, len(pairs), share, rushed))
    return tuple(sorted(rows, key=lambda row: (row.seconds_per_100 / (row.others_per_100 or row.seconds_per_100 or 1), row.user_id)))


def _agreed(session: Session, since: datetime) -> dict[int, list[bool]]:
    """For each inspector, whether each of their doubles was within tolerance."""
    marks = _latest(_marks(session, Assignment.kind.in_(("primary", "double")), Inspection.submitted_at >= since))
    by_sample: dict[int, list[_Mark]] = {}
    for mark in marks:
        by_sample.setdefault(mark.sample_id, []).append(mark)
    result: dict[int, list[bool]] = {}
    for pair in by_sample.values():
        if len(pair) == 2:
            apart = abs(pair[0].outcome.total_without_redlines - pair[1].outcome.total_without_redlines)
            close = apart <= rubric_of(session, pair[0].rubric_version_id).tolerance and pair[0].outcome.redlines == pair[1].outcome.redlines
            for mark in pair:
                result.setdefault(mark.inspector_id, []).append(close)
    return result


# --- shared -----------------------------------------------------------------------------------------------------------


def _marks(session: Session, *where: object) -> list[_Mark]:
    query = (
        select(Inspection, Sample.unit_id, Sample.agent_id, Sample.pi, User.display_name)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .join(Sample, Sample.id == Inspection.sample_id)
        .join(User, User.id == Inspection.inspector_id)
        .where(Inspection.undone_at.is_(None), *where)  # type: ignore[arg-type]
        .order_by(Inspection.sample_id, Inspection.id)
    )
    return [
        _Mark(row.sample_id, unit, agent, row.inspector_id, name, row.rubric_version_id, pi, Sheet.from_dict(row.sheet), Outcome.from_dict(row.outcome))
        for row, unit, agent, pi, name in session.execute(query)
    ]


def _latest(marks: Iterable[_Mark]) -> list[_Mark]:
    """One inspector counts once for a conversation."""
    return list({(mark.sample_id, mark.inspector_id): mark for mark in marks}.values())


def _table(marks: Sequence[_Mark], value: object) -> NDArray[np.float64]:
    """Items × raters of `value(mark)`, NaN where nobody rated or it does not apply."""
    samples = {sample: row for row, sample in enumerate(dict.fromkeys(mark.sample_id for mark in marks))}
    people = {person: column for column, person in enumerate(sorted({mark.inspector_id for mark in marks}))}
    table = np.full((len(samples), len(people)), np.nan)
    for mark in marks:
        found = value(mark)  # type: ignore[operator]
        table[samples[mark.sample_id], people[mark.inspector_id]] = np.nan if found is None else found
    return table


def _totals(marks: Sequence[_Mark]) -> NDArray[np.float64]:
    return _table(marks, lambda mark: mark.outcome.total_without_redlines / 100)


def _criteria(rubric: Rubric, marks: Sequence[_Mark], weight: NDArray[np.float64] | None) -> tuple[CriterionAgreement, ...]:
    return tuple(_criterion(criterion, marks, weight) for criterion in rubric.criteria) if marks else ()


def _criterion(criterion: Criterion, marks: Sequence[_Mark], weight: NDArray[np.float64] | None) -> CriterionAgreement:
    values = _table(marks, lambda mark: _value(criterion, mark.sheet))
    objected = np.where(np.isnan(values), np.nan, (values != criterion.default).astype(float))
    ranked = criterion.kind is not Kind.YES_NO
    return CriterionAgreement(
        criterion,
        alpha(values, "ordinal" if ranked else "nominal", weight=weight, seed=_SEED, replicates=400, lopsided=0.05),
        gwet(values, "ordinal" if ranked else "identity", weight=weight, seed=_SEED, replicates=400, lopsided=0.05),
        counts(objected),
    )


def _value(criterion: Criterion, sheet: Sheet) -> int | None:
    """The value given; the default where there is no mark; None for N/A."""
    for mark in sheet.marks:
        if mark.criterion_id == criterion.id:
            return None if mark.na else (criterion.default if mark.value is None else mark.value)
    return criterion.default


def _cost(criterion: Criterion, sheet: Sheet) -> int | None:
    value = _value(criterion, sheet)
    return None if value is None else criterion.loss(value) - criterion.gain(value)
