"""Inspectors compared: agreement per criterion, severity, consistency, pace. Information for the lead, never a verdict.

Only independent marks count: a resolution never enters, and one inspector counts once for a conversation. Owns which
inspections are compared; the mathematics is `scoring.agreement` and `scoring.severity`. Writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from qa.calibration import severities
from qa.calibration.independent import by_chance
from qa.policy import Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.tables import Assignment, CalibrationRound, Inspection, Sample, User
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring import consistency, severity
from scoring.agreement import (
    LOPSIDED,
    Agreement,
    Counts,
    Distance,
    Intraclass,
    alpha,
    counts,
    distance,
    fleiss,
    gwet,
    icc,
)
from scoring.consistency import Consistency
from scoring.estimate.rates import clopper_pearson
from scoring.rubric import Criterion, Rubric
from scoring.severity import SeverityFit
from scoring.sheet import Outcome, Sheet

_SEED = "agreement"


@dataclass(frozen=True)
class CriterionAgreement:
    """How far inspectors agree on one criterion. `found` counts pairs in which both, one or none objected."""

    criterion: Criterion
    alpha: Agreement
    gwet: Agreement
    kappa: Agreement
    """Fleiss' κ, with quadratic weights where values are ranked: Cohen's for pairs that change."""
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
class AgainstReference:
    """One inspector beside the reference answers: mean difference of totals in points, and on how many of the criteria
    marked the mark was the same."""

    inspector: str
    totals: Distance
    same: int
    criteria: int


@dataclass(frozen=True)
class RoundResults:
    """A closed round: agreement per criterion, conversations by spread (widest first), totals' intraclass correlation,
    inspectors beside the reference where there is one (furthest away first)."""

    round_id: int
    name: str
    rubric: Rubric
    inspectors: tuple[str, ...]
    criteria: tuple[CriterionAgreement, ...]
    conversations: tuple[ConversationSpread, ...]
    totals: Intraclass | None
    against: tuple[AgainstReference, ...]
    kept_back: int
    """Conversations that the reader still has to score elsewhere and that are left out."""


@dataclass(frozen=True)
class InspectorComparison:
    """Agreement over the double inspections of a period, how severe each inspector is, and whose scores go with
    nobody's."""

    doubles: int
    criteria: tuple[CriterionAgreement, ...]
    severity: SeverityFit
    """With the intraclass correlations of the totals."""
    consistency: tuple[Consistency, ...]
    names: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Share:
    """`k` of `n` with the exact binomial interval."""

    k: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, k: int, n: int) -> Share:
        return cls(k, n, *clopper_pearson(k, n))


@dataclass(frozen=True)
class Inspected:
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
    every = latest(inspected(session, Assignment.round_id == row.id, Assignment.kind == "calibration"))
    marks = [mark for mark in every if mark.sample_id not in without]
    people = tuple(sorted({mark.inspector for mark in marks}))
    answers = {int(sample): Sheet.from_dict(sheet) for sample, sheet in row.reference.items()}
    right = {
        sample: ledger.compute(session, sample, row.rubric_version_id, sheet).total_without_redlines
        for sample, sheet in answers.items()
    }
    samples = dict.fromkeys(mark.sample_id for mark in marks)
    spreads = [
        _spread(rubric, [mark for mark in marks if mark.sample_id == sample], right.get(sample)) for sample in samples
    ]
    spreads.sort(key=lambda item: (-item.spread, item.sample_id))
    known = {row.rubric_version_id: rubric}
    return RoundResults(
        row.id, row.name, rubric, people, _criteria(rubric, marks, None, known), tuple(spreads), icc(_totals(marks)),
        _against(rubric, marks, answers, right), len({mark.sample_id for mark in every} & without),
    )  # fmt: skip


def _against(
    rubric: Rubric, marks: Sequence[Inspected], answers: Mapping[int, Sheet], right: Mapping[int, int]
) -> tuple[AgainstReference, ...]:
    """Everybody beside the reference, the furthest away first."""
    rows = []
    for person in sorted({mark.inspector for mark in marks}):
        mine = [mark for mark in marks if mark.inspector == person and mark.sample_id in answers]
        found = distance(
            np.array([(mark.outcome.total_without_redlines - right[mark.sample_id]) / 100 for mark in mine])
        )
        if found is None:
            continue
        pairs = [
            (mark.sheet.value_of(criterion), answers[mark.sample_id].value_of(criterion))
            for mark in mine
            for criterion in rubric.criteria
        ]
        rows.append(AgainstReference(person, found, sum(one == other for one, other in pairs), len(pairs)))
    return tuple(sorted(rows, key=lambda row: (-abs(row.totals.mean), row.inspector)))


def _spread(rubric: Rubric, marks: Sequence[Inspected], reference: int | None) -> ConversationSpread:
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
        marks[0].sample_id,
        marks[0].unit_id,
        totals,
        reference,
        max(values) - min(values),
        tuple(id_ for _, id_ in apart),
    )


# --- the programme ----------------------------------------------------------------------------------------------------


def programme(bench: Workbench, actor: Actor, *, since: datetime) -> InspectorComparison:
    """Agreement on the doubles sent in since `since`, weighted by 1/π, and severities from all first and second
    inspections of conversations since then. Criteria are those of the newest rubric; marks on older ones count where
    they had them.
    """
    require(actor, Right.CALIBRATE)
    with bench.db.read() as session:
        marks = latest(inspected(session, by_chance(), Inspection.submitted_at >= since))
        rubrics = {
            version: rubric_of(session, version) for version in sorted({mark.rubric_version_id for mark in marks})
        }
        scores = severities.scores(session, first=since, before=None)
        people = select(User.id, User.display_name).where(User.id.in_(map(int, scores["inspector_id"].unique())))
        names = told_apart(dict(session.execute(people).all()))
    seen = Counter(mark.sample_id for mark in marks)
    twice = [mark for mark in marks if seen[mark.sample_id] > 1]
    pi = {mark.sample_id: mark.pi for mark in twice}
    weight = np.array([1.0 / pi[sample] for sample in dict.fromkeys(mark.sample_id for mark in twice)])
    fit = severity.fit(scores)
    return InspectorComparison(
        len(pi),
        _criteria(rubrics[max(rubrics)], twice, weight, rubrics) if rubrics else (),
        fit,
        consistency.consistency(scores, fit.severities),
        tuple(sorted((int(user), name) for user, name in names.items())),
    )


# --- shared -----------------------------------------------------------------------------------------------------------


def inspected(session: Session, *where: object) -> list[Inspected]:
    query = (
        select(Inspection, Sample.unit_id, Sample.agent_id, Sample.pi, User.display_name)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .join(Sample, Sample.id == Inspection.sample_id)
        .join(User, User.id == Inspection.inspector_id)
        .where(Inspection.undone_at.is_(None), Sample.pi.is_not(None), *where)  # type: ignore[arg-type]
        .order_by(Inspection.sample_id, Inspection.id)
    )
    rows = session.execute(query).all()
    names = told_apart({row.inspector_id: name for row, *_rest, name in rows})
    return [
        Inspected(
            row.sample_id,
            unit,
            agent,
            row.inspector_id,
            names[row.inspector_id],
            row.rubric_version_id,
            pi,
            Sheet.from_dict(row.sheet),
            Outcome.from_dict(row.outcome),
        )
        for row, unit, agent, pi, _name in rows
        if pi is not None
    ]


def told_apart(names: Mapping[int, str]) -> dict[int, str]:
    """Names by person; two people of one name are told apart by their number."""
    often = Counter(names.values())
    return {person: f"{name} ({person})" if often[name] > 1 else name for person, name in names.items()}


def latest(marks: Iterable[Inspected]) -> list[Inspected]:
    """One inspector counts once for a conversation."""
    return list({(mark.sample_id, mark.inspector_id): mark for mark in marks}.values())


def _table(marks: Sequence[Inspected], value: object) -> NDArray[np.float64]:
    """Items × raters of `value(mark)`, NaN where nobody rated or it does not apply."""
    samples = {sample: row for row, sample in enumerate(dict.fromkeys(mark.sample_id for mark in marks))}
    people = {person: column for column, person in enumerate(sorted({mark.inspector_id for mark in marks}))}
    table = np.full((len(samples), len(people)), np.nan)
    for mark in marks:
        found = value(mark)  # type: ignore[operator]
        table[samples[mark.sample_id], people[mark.inspector_id]] = np.nan if found is None else found
    return table


def _totals(marks: Sequence[Inspected]) -> NDArray[np.float64]:
    return _table(marks, lambda mark: mark.outcome.total_without_redlines / 100)


def _criteria(
    rubric: Rubric, marks: Sequence[Inspected], weight: NDArray[np.float64] | None, rubrics: Mapping[int, Rubric]
) -> tuple[CriterionAgreement, ...]:
    if not marks:
        return ()
    asked = {version: {one.id: one for one in known.criteria} for version, known in rubrics.items()}
    return tuple(
        _criterion(one, marks, weight, {v for v, had in asked.items() if _comparable(one, had.get(one.id))})
        for one in rubric.criteria
    )


def _comparable(one: Criterion, other: Criterion | None) -> bool:
    """Whether marks of two versions of a criterion mean the same: no mark means “nothing to object to” only where it
    was asked."""
    return other is not None and (one.kind, one.max_count) == (other.kind, other.max_count)


def _criterion(
    criterion: Criterion, marks: Sequence[Inspected], weight: NDArray[np.float64] | None, asked: set[int]
) -> CriterionAgreement:
    values = _table(marks, lambda mark: mark.sheet.value_of(criterion) if mark.rubric_version_id in asked else None)
    objected = np.where(np.isnan(values), np.nan, (values != criterion.default).astype(float))
    ranked = criterion.max_count > 1
    more: dict[str, Any] = {"weight": weight, "seed": _SEED, "replicates": 400, "lopsided": LOPSIDED}
    return CriterionAgreement(
        criterion,
        alpha(values, "ordinal" if ranked else "nominal", **more),
        gwet(values, "quadratic" if ranked else "identity", **more),
        fleiss(values, "quadratic" if ranked else "identity", **more),
        counts(objected),
    )


def _cost(criterion: Criterion, sheet: Sheet) -> int | None:
    value = sheet.value_of(criterion)
    return None if value is None else criterion.loss(value) - criterion.gain(value)
