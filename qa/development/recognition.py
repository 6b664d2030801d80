"""Recognition: highlights of a month from exemplary cases, and rewards by published rules. Both stand when a second
person has confirmed them. About behaviour: what is shown is the criterion that a case shows, never a volume or a
rank."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from qa import scoping
from qa.blinding import shown_cases
from qa.development import questions
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import C_, N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Agent, Case, Highlight, Reward
from qa.texts import written
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.label import EMPTY, Label

BODY, PROJECT = FormField("body", N_("What was done well")), FormField("project", N_("Project"))
RULE, EVIDENCE = FormField("rule", N_("Rule")), FormField("evidence", N_("Evidence"))
MOST = 2_000
MOST_AMOUNT = 10_000_000
"""Hundredths of the currency."""
STATES = {
    "proposed": N_("waits for a second person"),
    "confirmed": C_("signed", "confirmed"),
    "refused": C_("signed", "refused"),
}


@dataclass(frozen=True)
class HighlightView:
    """One highlight: the case, the criterion or red line it shows, and whose it was where they want to be named."""

    id: int
    month: date
    case_id: int
    title: str
    lesson: str
    shows: Label
    name: str
    body: str
    state: str
    mine: bool


@dataclass(frozen=True)
class RewardView:
    """One entry of the ledger of rewards; `amount` in hundredths of the currency."""

    id: int
    agent_id: str
    name: str
    team: str
    month: date
    project: str
    rule: str
    evidence: str
    amount: int
    state: str
    mine: bool


def propose_highlight(
    bench: Workbench, actor: Actor, *, now: datetime, month: date, case_id: int, body: str, agent_id: str | None = None
) -> int:  # fmt: skip
    """Propose a published exemplary case as a highlight. Raises `Invalid`, `Conflict` for one that is there already."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        case = work.session.get(Case, case_id)
        if (
            case is None
            or case.state != "published"
            or case.kind != "exemplary"
            or not (case.criterion_id or case.rule_id)
        ):
            raise Invalid(N_("A highlight is a published exemplary case that shows a criterion."))
        if agent_id is not None and work.session.get(Agent, agent_id) is None:
            raise NotFound(N_("There is no agent {agent}."), agent=agent_id)
        try:
            number = work.session.execute(
                insert(Highlight)
                .values(
                    month=month.replace(day=1),
                    case_id=case_id,
                    agent_id=agent_id,
                    body=written(body, BODY, MOST),
                    proposed_by=actor.user_id,
                    proposed_at=now,
                    state="proposed",
                )
                .returning(Highlight.id)
            ).scalar_one()
        except IntegrityError as problem:
            raise Conflict(N_("This case is a highlight of the month already.")) from problem
        work.record("highlight.proposed", "highlight", number, case=case_id, agent=agent_id, month=f"{month:%Y-%m}")
        return int(number)


def propose_reward(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    agent_id: str,
    month: date,
    project: str,
    rule: str,
    evidence: str,
    amount: int,
) -> int:
    """Propose a reward by its rule, with its evidence; an amount below zero takes an earlier one back."""
    require(actor, Right.ASSESS)
    if amount == 0 or abs(amount) > MOST_AMOUNT:
        raise Invalid(N_("The amount is not 0 and at most {most}."), most=MOST_AMOUNT // 100)
    if actor.agent_id == agent_id:
        raise Denied(N_("Nobody proposes a reward of their own."))
    with bench.begin(actor, now) as work:
        if work.session.get(Agent, agent_id) is None:
            raise NotFound(N_("There is no agent {agent}."), agent=agent_id)
        number = work.session.execute(
            insert(Reward)
            .values(
                agent_id=agent_id,
                month=month.replace(day=1),
                project=written(project, PROJECT, 200),
                rule=written(rule, RULE, MOST),
                evidence=written(evidence, EVIDENCE, MOST),
                amount=amount,
                proposed_by=actor.user_id,
                proposed_at=now,
                state="proposed",
            )
            .returning(Reward.id)
        ).scalar_one()
        work.record("reward.proposed", "reward", number, agent=agent_id, amount=amount, month=f"{month:%Y-%m}")
        return int(number)


def decide_highlight(bench: Workbench, actor: Actor, *, now: datetime, number: int, confirm: bool) -> None:
    """Confirm or refuse somebody else's proposal, once. Raises `NotFound`, `Conflict`, `Denied`."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        row = _decided(work.session.get(Highlight, number, with_for_update=True), actor, now, number, confirm)
        work.record("highlight.decided", "highlight", number, state=row.state)


def decide_reward(bench: Workbench, actor: Actor, *, now: datetime, number: int, confirm: bool) -> None:
    """The same for a reward."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        row = _decided(work.session.get(Reward, number, with_for_update=True), actor, now, number, confirm)
        work.record("reward.decided", "reward", number, state=row.state)


def _decided(
    row: Highlight | Reward | None, actor: Actor, now: datetime, number: int, confirm: bool
) -> Highlight | Reward:
    if row is None:
        raise NotFound(N_("There is no proposal {id}."), id=number)
    if row.state != "proposed":
        raise Conflict(N_("Somebody has decided on this proposal already."))
    if row.proposed_by == actor.user_id or (row.agent_id is not None and row.agent_id == actor.agent_id):
        raise Denied(N_("A second person confirms a proposal, neither who made it nor whom it is about."))
    row.state, row.decided_by, row.decided_at = "confirmed" if confirm else "refused", actor.user_id, now
    return row


def highlights(bench: Workbench, actor: Actor) -> tuple[HighlightView, ...]:
    """The board, newest month first, in no order of merit: confirmed ones for everybody, proposals for leads as
    well."""
    require(actor, Right.VIEW_CASES)
    with bench.db.read() as session:
        query = (
            select(Highlight, Case, Agent.name)
            .join(Case, Case.id == Highlight.case_id)
            .outerjoin(Agent, Agent.agent_id == Highlight.agent_id)
            .where(Case.state == "published", shown_cases(actor))
            .order_by(Highlight.state != "proposed", Highlight.month.desc(), Case.title)
        )
        if not scoping.entitled(actor, Right.ASSESS):
            query = query.where(Highlight.state == "confirmed")
        known = questions.labels(session)
        return tuple(
            HighlightView(
                row.id,
                row.month,
                case.id,
                case.title,
                case.lesson,
                known.get(f"r:{case.rule_id}" if case.rule_id else f"c:{case.criterion_id}", EMPTY),
                name or "",
                shown_text(actor, row.body),
                row.state,
                actor is not SYSTEM and row.proposed_by == actor.user_id,
            )
            for row, case, name in session.execute(query)
        )


def rewards(bench: Workbench, actor: Actor) -> tuple[RewardView, ...]:
    """The ledger, proposals first: all for leads, the team's confirmed ones for its leader, one's own confirmed
    ones."""
    require(actor, Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
    with bench.db.read() as session:
        query = select(Reward, Agent.name, Agent.team).outerjoin(Agent, Agent.agent_id == Reward.agent_id)
        limits = scoping.limits(actor, Right.ASSESS, team=Agent.team, agent=Reward.agent_id)
        if limits:
            query = query.where(Reward.state == "confirmed", *limits)
        query = query.order_by(Reward.state != "proposed", Reward.month.desc(), Reward.id.desc())
        return tuple(
            RewardView(
                row.id,
                row.agent_id,
                name or row.agent_id,
                team or "",
                row.month,
                shown_text(actor, row.project),
                shown_text(actor, row.rule),
                shown_text(actor, row.evidence),
                row.amount,
                row.state,
                actor is not SYSTEM and row.proposed_by == actor.user_id,
            )
            for row, name, team in session.execute(query)
        )
