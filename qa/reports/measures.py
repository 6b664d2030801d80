"""Dated measures: what a team did on a day (training, rule change), so that trends can compare before and after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import insert, select

from qa import audit
from qa.errors import Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Agent, Measure
from qa.workbench import Workbench

KINDS: Mapping[str, str] = {
    "training": N_("Training"),
    "rule": N_("Rule change"),
    "tool": N_("Tool"),
    "other": N_("Other"),
}


def create_measure(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    name: str,
    on_day: date,
    kind: str = "training",
    team: str | None = None,
) -> int:
    """Note a measure and return its id. `team` None means it concerned everybody."""
    require(actor, Right.PLAN_DRAW)
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid(N_("Name of the measure: expected 1 to 200 characters."))
    if kind not in KINDS:
        raise Invalid(
            N_("Kind of measure: expected one of {expected}, found “{value}”."), expected=", ".join(KINDS), value=kind
        )
    with bench.db.write() as session:
        if team is not None and session.scalar(select(Agent.agent_id).where(Agent.team == team).limit(1)) is None:
            raise Invalid(N_("There is no team “{team}” on the roster."), team=team)
        number = session.execute(
            insert(Measure)
            .values(name=name, kind=kind, on_day=on_day, team=team, created_by=actor.user_id or None, created_at=now)
            .returning(Measure.id)
        ).scalar_one()
        audit.record(
            session, actor, now, "measure.created", "measure", number, name=name, on_day=str(on_day), team=team
        )
    return number
