"""The life of a plan: created with a committed seed, edited, archived. A plan never shows its seed.

The seed stays secret until a draw opens it; at that moment the next one is committed (`qa.draws.publishing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.archive import predictions
from qa.draws import periods
from qa.draws.design import PREDICTORS, SOURCE_NAMES, PlanDesign
from qa.draws.periods import DueDraw
from qa.errors import Conflict, Invalid, NotFound, Stale, Words
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics.versions import newest
from qa.tables import Agent, Draw, Plan, RubricVersion, User
from qa.transcripts import shown_text
from qa.workbench import Workbench
from scoring.draw import commit
from scoring.rubric import SOURCES, may_score

MIN_SEED = 16


@dataclass(frozen=True)
class PlanView:
    """A plan as shown: everything but its seed."""

    id: int
    name: str
    design: PlanDesign
    rubric_version_id: int
    rubric_id: str
    rubric_names: Mapping[int, tuple[str, str]]
    """(Chinese, English) of every rubric version that the plan scores with, by version."""
    seed_commitment: str
    committed_at: datetime | None
    created_at: datetime
    archived_at: datetime | None
    draws: int
    drawn_to: tuple[date, date] | None
    """First and last day of its latest draw."""

    @property
    def rubric_name(self) -> tuple[str, str]:
        """(Chinese, English) of the version that chats are scored on."""
        return self.rubric_names[self.rubric_version_id]

    def next_draw(self, today: date, newest: date | None = None) -> DueDraw:
        """The days to draw next by its cadence (`qa.draws.periods.due`); without one, by what its last draw looks
        like."""
        usually = periods.usual(*self.drawn_to) if self.drawn_to is not None else periods.MONTH
        return periods.due(self.design.cadence or usually, self.drawn_to, today, newest)


def create_plan(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    name: str,
    design: PlanDesign,
    seed: str,
    rubric_version_id: int | None = None,
) -> PlanView:
    """Create a plan and commit to its seed (the caller brings the randomness: at least 16 characters).

    Without `rubric_version_id` the newest published rubric for chats is used, and for disputes and low ratings the
    newest that is made for them, if there is one and `design` names none.
    """
    require(actor, Right.PLAN_DRAW)
    name = _checked(name, design)
    if len(seed) < MIN_SEED:
        raise Invalid(N_("The seed needs at least {count} characters."), count=MIN_SEED)
    stored = bench.close_seed(seed)
    with bench.db.write() as session:
        rubric = _rubric(session, rubric_version_id)
        if rubric_version_id is None and not design.rubrics:
            design = replace(design, rubrics=_made_for(session, design))
        _check_rubrics(session, design, rubric)
        _check_people(session, design)
        plan_id = session.execute(
            insert(Plan)
            .values(
                name=name,
                content=design.to_dict(),
                rubric_version_id=rubric,
                seed=stored,
                seed_commitment=commit(seed),
                committed_at=now,
                created_by=actor.user_id or None,
                created_at=now,
            )
            .returning(Plan.id)
        ).scalar_one()
        audit.record(session, actor, now, "plan.created", "plan", plan_id, name=name, commitment=commit(seed))
        return _view(session, session.get_one(Plan, plan_id))


def edit_plan(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    plan_id: int,
    name: str,
    design: PlanDesign,
    rubric_version_id: int | None = None,
    seen: PlanDesign | None = None,
) -> PlanView:
    """Change name, design or rubric of a plan. Published draws keep what they were drawn with; a plan that stays as it
    is leaves no entry.

    `seen` is the design the editor started from: raises `Stale` when somebody else has changed it meanwhile.
    """
    require(actor, Right.PLAN_DRAW)
    name = _checked(name, design)
    with bench.db.write() as session:
        plan = find_plan(session, plan_id)
        before = PlanDesign.from_dict(plan.content)
        if seen is not None and seen != before:
            raise Stale(
                N_("Somebody else has changed this plan meanwhile. Open it again and enter your change once more.")
            )
        _check_people(session, design, before)
        rubric = _rubric(session, rubric_version_id) if rubric_version_id else plan.rubric_version_id
        if (design.rubrics, rubric) != (before.rubrics, plan.rubric_version_id):
            _check_rubrics(session, design, rubric)
        changed = audit.changes(_told(plan.name, before, plan.rubric_version_id), _told(name, design, rubric))
        if changed:
            values = {"name": name, "content": design.to_dict(), "rubric_version_id": rubric}
            session.execute(update(Plan).where(Plan.id == plan_id).values(**values))
            audit.record(session, actor, now, "plan.changed", "plan", plan_id, name=name, changes=changed)
            session.expire_all()
        return _view(session, session.get_one(Plan, plan_id))


def with_versions(design: PlanDesign, newer: Mapping[int, int]) -> PlanDesign:
    """`design` with other rubric versions in place of those that are keys of `newer`."""
    return replace(design, rubrics=tuple((source, newer.get(version, version)) for source, version in design.rubrics))


def _told(name: str, design: PlanDesign, rubric_version_id: int) -> dict[str, object]:
    """A plan field by field, as the audit trail compares it."""
    quotas: dict[str, object] = {f"quota_{source}": "none" for source in SOURCES}
    quotas.update(
        {f"quota_{quota.source}": "all" if quota.per_agent is None else quota.per_agent for quota in design.quotas}
    )
    scored: dict[str, object] = {f"rubric_{source}": design.rubric_of(source) for source in SOURCES if source != "chat"}
    rest = {key: value for key, value in design.to_dict().items() if key not in ("quotas", "rubrics")}
    return {"name": name, "rubric_version": rubric_version_id, **scored, **quotas, **rest}


def archive_plan(bench: Workbench, actor: Actor, *, now: datetime, plan_id: int) -> None:
    """Put a plan away; its draws stay. Doing it twice is doing it once."""
    require(actor, Right.PLAN_DRAW)
    with bench.db.write() as session:
        plan = session.get(Plan, plan_id)
        if plan is None:
            raise NotFound(N_("There is no plan {plan}."), plan=plan_id)
        if plan.archived_at is None:
            session.execute(update(Plan).where(Plan.id == plan_id).values(archived_at=now))
            audit.record(session, actor, now, "plan.archived", "plan", plan_id, name=plan.name)


def list_plans(bench: Workbench, actor: Actor, *, archived: bool = False) -> list[PlanView]:
    """The plans in use, newest first; with `archived` also those put away."""
    require(actor, Right.VIEW_DRAWS)
    query = select(Plan).order_by(Plan.id.desc())
    if not archived:
        query = query.where(Plan.archived_at.is_(None))
    with bench.db.read() as session:
        return [_view(session, plan) for plan in session.scalars(query)]


def get_plan(bench: Workbench, actor: Actor, plan_id: int) -> PlanView:
    """One plan. Raises `NotFound`."""
    require(actor, Right.VIEW_DRAWS)
    with bench.db.read() as session:
        plan = session.get(Plan, plan_id)
        if plan is None:
            raise NotFound(N_("There is no plan {plan}."), plan=plan_id)
        return _view(session, plan)


def find_plan(session: Session, plan_id: int, *, lock: bool = True) -> Plan:
    """A plan that can still be used; with `lock` held against a second writer. Raises `NotFound` or `Conflict`."""
    query = select(Plan).where(Plan.id == plan_id)
    plan = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if plan is None:
        raise NotFound(N_("There is no plan {plan}."), plan=plan_id)
    if plan.archived_at is not None:
        raise Conflict(N_("The plan “{name}” is retired; create a new one."), name=plan.name)
    return plan


def _checked(name: str, design: PlanDesign) -> str:
    design.check()
    name = shown_text(None, name.strip())  # receipts and lists name it to everybody who may see draws
    if not name or len(name) > 200:
        raise Invalid(N_("Name of the plan: expected 1 to 200 characters."))
    return name


def _check_people(session: Session, design: PlanDesign, before: PlanDesign | None = None) -> None:
    """Whoever is named anew must be able to inspect; those named before may stay, a draw passes over them."""
    new = [inspector for inspector in design.inspectors if before is None or inspector not in before.inspectors]
    if new:
        fit = set(session.scalars(select(User.id).where(User.active, User.role.in_(("inspector", "lead")))))
        for inspector in new:
            if inspector not in fit:
                raise Invalid(N_("Inspector {user} is not an active inspector."), user=inspector)


def _made_for(session: Session, design: PlanDesign) -> tuple[tuple[str, int], ...]:
    """What sources other than chats are scored on where a rubric is made for them."""
    drawn = {quota.source for quota in design.quotas} - {"chat"}
    found = [(source, newest(session, source, made_for=True)) for source in SOURCES if source in drawn]
    return tuple((source, version) for source, version in found if version is not None)


def _check_rubrics(session: Session, design: PlanDesign, rubric_version_id: int) -> None:
    """Every rubric version must be published, and none may be used for what it is not made for."""
    rows = session.execute(
        select(RubricVersion.id, RubricVersion.content["sources"]).where(RubricVersion.state != "draft")
    ).all()
    known: dict[int, list[str]] = {version: sources or [] for version, sources in rows}
    for source in (quota.source for quota in design.quotas):
        version = design.rubric_of(source) or rubric_version_id
        if version not in known or not may_score(known[version], source):
            raise Invalid(
                N_("{source}: rubric version {version} is not made for them; choose another."),
                source=Words(SOURCE_NAMES[source]),
                version=version,
            )


def _rubric(session: Session, rubric_version_id: int | None) -> int:
    query = select(RubricVersion.id).where(RubricVersion.state == "published", RubricVersion.id == rubric_version_id)
    found = newest(session, "chat") if rubric_version_id is None else session.scalar(query)
    if found is None:
        raise Conflict(N_("There is no published rubric to score with; publish one first."))
    return found


def _view(session: Session, plan: Plan) -> PlanView:
    rubric = session.get_one(RubricVersion, plan.rubric_version_id)
    drawn = session.execute(
        select(Draw.period_from, Draw.period_to).where(Draw.plan_id == plan.id).order_by(Draw.period_to)
    ).all()
    return PlanView(
        plan.id,
        plan.name,
        PlanDesign.from_dict(plan.content),
        plan.rubric_version_id,
        rubric.rubric_id,
        {version.id: _rubric_name(version) for version in _scored_with(session, plan)},
        plan.seed_commitment,
        plan.committed_at,
        plan.created_at,
        plan.archived_at,
        len(drawn),
        (drawn[-1][0], drawn[-1][1]) if drawn else None,
    )


def _scored_with(session: Session, plan: Plan) -> list[RubricVersion]:
    versions = [plan.rubric_version_id, *(version for _, version in PlanDesign.from_dict(plan.content).rubrics)]
    return list(session.scalars(select(RubricVersion).where(RubricVersion.id.in_(versions))))


def _rubric_name(rubric: RubricVersion) -> tuple[str, str]:
    label = rubric.content.get("name") or {}
    zh, en = label.get("zh", rubric.rubric_id), label.get("en", rubric.rubric_id)
    return f"{zh} v{rubric.version}", f"{en} v{rubric.version}"


@dataclass(frozen=True)
class RubricChoice:
    """A rubric version that a plan can score with."""

    id: int
    rubric_id: str
    name: tuple[str, str]
    """(Chinese, English) with the number of the version."""
    published_at: datetime
    sources: tuple[str, ...] = ()
    """What it is made for; none: anything."""


@dataclass(frozen=True)
class PlanChoices:
    """What the form of a plan can offer."""

    teams: tuple[str, ...]
    shops: tuple[str, ...]
    inspectors: tuple[tuple[int, str], ...]
    agents: Mapping[str, str]
    """Names of the roster by agent id."""
    newest: datetime | None
    """Start of the newest conversation: a draw looks for its period there."""
    rubrics: tuple[RubricChoice, ...] = ()
    """Every published version, the newest first."""
    predictors: tuple[str, ...] = tuple(PREDICTORS)
    """Who can be leaned on: the two that are always there, and all others with predictions in the archive."""

    def newer(self, plan: PlanView) -> dict[int, RubricChoice]:
        """By rubric version that the plan scores with: the newest of the same rubric, where there is a newer one."""
        rubrics = {choice.id: choice.rubric_id for choice in self.rubrics}
        found: dict[int, RubricChoice] = {}
        for version in plan.rubric_names:
            rubric = plan.rubric_id if version == plan.rubric_version_id else rubrics.get(version)
            own = [choice for choice in self.rubrics if choice.rubric_id == rubric]
            if own and own[0].id > version:
                found[version] = own[0]
        return found


def choices(bench: Workbench, actor: Actor) -> PlanChoices:
    """Teams of the roster, shops of the archive, and everybody who may inspect."""
    require(actor, Right.PLAN_DRAW)
    snapshot = bench.archive.at()
    chats = snapshot.scan("conversations")
    found = chats.select(shops=pl.col("shop").unique().sort().implode(), newest=pl.col("started_at").max()).collect(
        engine="streaming"
    )
    with bench.db.read() as session:
        teams = session.scalars(select(Agent.team).where(Agent.team != "").distinct().order_by(Agent.team)).all()
        people = session.execute(
            select(User.id, User.display_name)
            .where(User.active, User.role.in_(("inspector", "lead")))
            .order_by(User.id)
        ).all()
        names: dict[str, str] = dict(session.execute(select(Agent.agent_id, Agent.name)).all())
        published = session.scalars(
            select(RubricVersion)
            .where(RubricVersion.state == "published")
            .order_by(RubricVersion.published_at.desc(), RubricVersion.id.desc())
        ).all()
        rubrics = tuple(
            RubricChoice(
                row.id,
                row.rubric_id,
                _rubric_name(row),
                row.published_at or row.created_at,
                tuple(row.content.get("sources") or ()),
            )
            for row in published
        )
    shops, newest = found.row(0) if found.height else ([], None)
    return PlanChoices(
        tuple(teams),
        tuple(shop for shop in shops if shop),
        tuple((i, name) for i, name in people),
        names,
        newest,
        rubrics,
        tuple(dict.fromkeys((*PREDICTORS, *predictions.predictors(snapshot)))),
    )
