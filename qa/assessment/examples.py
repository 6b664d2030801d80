"""Soft indicators by examples: proposed by one person, confirmed by another, linked to a case where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, select

from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Agent, Case, SoftExample
from qa.texts import written
from qa.transcripts import shown_text
from qa.workbench import Workbench

MAX_BODY = 1_000
BODY = FormField("body", N_("Example"))


@dataclass(frozen=True)
class ExampleView:
    """One example. `mine`: whether the reader proposed it, and so cannot confirm it."""

    id: int
    agent_id: str
    name: str
    month: date
    direction: int
    body: str
    case_id: int | None
    state: str
    mine: bool


def propose(
    bench: Workbench, actor: Actor, *, now: datetime, agent_id: str, month: date, direction: int, body: str,
    case_id: int | None = None,
) -> int:  # fmt: skip
    """Propose an example for (1) or against (-1) somebody else. Raises `Invalid`, `NotFound`, `Denied`."""
    require(actor, Right.ASSESS)
    if direction not in (1, -1):
        raise Invalid(N_("An example speaks for or against somebody."))
    if actor.agent_id == agent_id:
        raise Denied(N_("Nobody proposes examples of themselves."))
    with bench.begin(actor, now) as work:
        if work.session.get(Agent, agent_id) is None:
            raise NotFound(N_("There is no agent {agent}."), agent=agent_id)
        if case_id is not None and work.session.get(Case, case_id) is None:
            raise NotFound(N_("There is no case {id}."), id=case_id)
        number = work.session.execute(
            insert(SoftExample)
            .values(
                agent_id=agent_id, month=month.replace(day=1), direction=direction, body=written(body, BODY, MAX_BODY),
                case_id=case_id, proposed_by=actor.user_id, proposed_at=now, state="proposed",
            )
            .returning(SoftExample.id)
        ).scalar_one()  # fmt: skip
        work.record("soft_example.proposed", "soft_example", number, agent=agent_id, direction=direction, case=case_id)
        return int(number)


def decide(bench: Workbench, actor: Actor, *, now: datetime, number: int, confirm: bool) -> None:
    """Confirm or refuse an example of somebody else's, once. Raises `NotFound`, `Conflict`, `Denied`."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        found = work.session.get(SoftExample, number, with_for_update=True)
        if found is None:
            raise NotFound(N_("There is no example {id}."), id=number)
        if found.state != "proposed":
            raise Conflict(N_("Somebody has decided on this example already."))
        if found.proposed_by == actor.user_id or found.agent_id == actor.agent_id:
            raise Denied(N_("A second person confirms an example, never who proposed it."))
        found.state, found.decided_by, found.decided_at = "confirmed" if confirm else "refused", actor.user_id, now
        work.record("soft_example.decided", "soft_example", number, state=found.state)


def listed(bench: Workbench, actor: Actor, limit: int = 200) -> tuple[ExampleView, ...]:
    """Examples, those to decide on first."""
    require(actor, Right.ASSESS)
    with bench.db.read() as session:
        names = dict(session.execute(select(Agent.agent_id, Agent.name)).all())
        query = select(SoftExample).order_by(SoftExample.state != "proposed", SoftExample.id.desc()).limit(limit)
        return tuple(
            ExampleView(
                row.id, row.agent_id, names.get(row.agent_id) or row.agent_id, row.month, row.direction,
                shown_text(actor, row.body), row.case_id, row.state,
                actor is not SYSTEM and row.proposed_by == actor.user_id,
            )
            for row in session.scalars(query)
        )  # fmt: skip
