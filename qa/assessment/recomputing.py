"""A sheet computed again: from its own inputs, which must give the same; with what is known now; under another scheme.
Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import undefer

from qa.assessment import inputs as gathering
from qa.assessment import schemes as stored
from qa.assessment.inputs import Inputs
from qa.assessment.results import POOLED, results
from qa.errors import NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Assessment, AssessmentEntry
from qa.workbench import Workbench
from scoring.assessment import Scheme

SAME = 1e-4
"""Figures computed again may differ by so much: sums are added in another order."""


@dataclass(frozen=True)
class SheetDifference:
    """A person's total in a sheet and as the inputs say now; None where there is none."""

    agent_id: str
    team: str
    old: float | None
    new: float | None


def verify(bench: Workbench, actor: Actor, number: int) -> tuple[str, ...]:
    """Compute a sheet again from its frozen inputs; returns what differs (agents, or 'inputs'), nothing when it
    holds."""
    require(actor, Right.ASSESS)
    sheet, frozen, schemes = _frozen(bench, number)
    wrong = [] if frozen.digest() == sheet.inputs_hash else ["inputs"]
    again = {(r["agent_id"], r["team"], r["role"]): r for r in results(frozen, schemes, pooled=sheet.months == POOLED)}
    with bench.db.read() as session:
        for row in session.scalars(select(AssessmentEntry).where(AssessmentEntry.assessment_id == number)):
            if not _same(again.pop((row.agent_id, row.team, row.role), None), row.result):
                wrong.append(row.agent_id)
    return tuple(wrong + sorted(agent for agent, _, _ in again))


def corrections(bench: Workbench, actor: Actor, number: int, *, now: datetime) -> tuple[SheetDifference, ...]:
    """Whose total would be another one with what is known now: late exports, new rulings, other teams."""
    require(actor, Right.ASSESS)
    sheet, frozen, schemes = _frozen(bench, number)
    news = gathering.gather(bench, now=now, month=sheet.month, months=sheet.months, schemes=schemes)
    pooled = sheet.months == POOLED
    return _differences(results(frozen, schemes, pooled=pooled), results(news, schemes, pooled=pooled))


def what_if(bench: Workbench, actor: Actor, number: int, scheme: Scheme) -> tuple[SheetDifference, ...]:
    """What another scheme of the same role would have made of a sheet's frozen inputs, without writing anything."""
    require(actor, Right.ASSESS)
    sheet, frozen, schemes = _frozen(bench, number)
    others = {role: scheme if one.id == scheme.id else one for role, one in schemes.items()}
    pooled = sheet.months == POOLED
    return _differences(results(frozen, schemes, pooled=pooled), results(frozen, others, pooled=pooled))


def _differences(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> tuple[SheetDifference, ...]:
    before, after = ({(r["agent_id"], r["team"]): r["total"] for r in rows} for rows in (old, new))
    made = [SheetDifference(*key, before.get(key), after.get(key)) for key in sorted({*before, *after})]
    return tuple(
        d
        for d in made
        if (d.old is None) != (d.new is None) or (d.old is not None and d.new is not None and abs(d.old - d.new) > SAME)
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return isinstance(one, int | float) and isinstance(other, int | float) and abs(one - other) <= SAME
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _frozen(bench: Workbench, number: int) -> tuple[Assessment, Inputs, dict[str, Scheme]]:
    with bench.db.read() as session:
        sheet = session.get(Assessment, number, options=[undefer(Assessment.inputs)])
        if sheet is None:
            raise NotFound(N_("There is no sheet {id}."), id=number)
        schemes = {role: stored.of_version(session, version) for role, version in sheet.schemes.items()}
        session.expunge(sheet)
    return sheet, gathering.unpack(sheet.inputs), schemes
