"""The life of a sheet: drafted from frozen inputs, published, objected to, final; corrected only by a new revision.

What a sheet says is a function of its frozen inputs and its versions of schemes (`results`), and can be computed again
at any time (`recomputing`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from qa import scoping
from qa.assessment import inputs as gathering
from qa.assessment import schemes as stored
from qa.assessment.results import POOLED, results
from qa.casefiles.windows import closes
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Agent, Assessment, AssessmentEntry, AssessmentObjection
from qa.texts import written
from qa.transcripts import shown_fields
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

MAX_BODY = 2_000
BODY, RULING = FormField("body", N_("Objection")), FormField("ruling", N_("Ruling"))


@dataclass(frozen=True)
class SheetHead:
    """One sheet as a list shows it. `objections` are the open ones; `until` the last moment to object."""

    id: int
    month: date
    months: int
    revision: int
    state: str
    schemes: Mapping[str, int]
    created_at: datetime
    published_at: datetime | None
    until: datetime | None
    people: int
    objections: int

    @property
    def pooled(self) -> bool:
        return self.months == POOLED


@dataclass(frozen=True)
class Entry:
    """What a sheet says of one person in one team and role; `result` as `results` makes it."""

    id: int
    agent_id: str
    name: str
    team: str
    role: str
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Objection:
    """An objection to an entry."""

    id: int
    entry_id: int
    agent_id: str
    indicator: str | None
    body: str
    filed_at: datetime
    state: str
    ruling: str | None


def draft(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    month: date,
    months: int = 1,
    chosen: Mapping[str, int] | None = None,
) -> int:
    """Draft a sheet of the month (or of the three months that end with it) from what is known now; a draft of the same
    time is dropped for it. Returns its number. Raises `Invalid`, `Conflict` for a month that is not over."""
    require(actor, Right.ASSESS)
    month = month.replace(day=1)
    if months not in (1, POOLED):
        raise Invalid(N_("A sheet is of one month or of three."))
    if gathering.window(month, months)[1] >= now.astimezone(bench.config.zone).date():
        raise Conflict(N_("The month {month} is not over yet."), month=f"{month:%Y-%m}")
    versions = dict(chosen or stored.chosen(bench, actor))
    with bench.db.read() as session:
        schemes = {role: stored.of_version(session, number) for role, number in versions.items()}
    archive = bench.archive.version()
    frozen = gathering.gather(bench, now=now, month=month, months=months, schemes=schemes, version=archive)
    found = results(frozen, schemes, pooled=months == POOLED)
    with bench.begin(actor, now) as work:
        revision = _next(work, month, months)
        number = work.session.execute(
            insert(Assessment)
            .values(
                month=month, months=months, revision=revision, state="draft", schemes=versions, archive_version=archive,
                inputs=frozen.pack(), inputs_hash=frozen.digest(), result_hash=_hash(found),
                created_by=actor.user_id, created_at=now,
            )
            .returning(Assessment.id)
        ).scalar_one()  # fmt: skip
        rows = [
            {
                "assessment_id": number,
                "agent_id": r["agent_id"],
                "team": r["team"],
                "role": r["role"],
                "result": r,
                "created_at": now,
            }
            for r in found
        ]
        work.session.execute(insert(AssessmentEntry), rows)
        work.record(
            "assessment.drafted",
            "assessment",
            number,
            month=f"{month:%Y-%m}",
            months=months,
            revision=revision,
            people=len(rows),
        )
    return int(number)


def _next(work: UnitOfWork, month: date, months: int) -> int:
    same = (Assessment.month == month, Assessment.months == months)
    for old in work.session.scalars(select(Assessment).where(*same, Assessment.state == "draft")):
        old.state, old.closed_by, old.closed_at = "dropped", work.actor.user_id, work.now
        work.record("assessment.dropped", "assessment", old.id)
    return 1 + (work.session.scalar(select(func.max(Assessment.revision)).where(*same)) or 0)


def _hash(found: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(found, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def publish(bench: Workbench, actor: Actor, *, now: datetime, number: int) -> None:
    """Show a draft to the people it is about; a published or final sheet of the same time is replaced by it."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        sheet = _locked(work.session, number)
        _in_state(sheet, "draft")
        same = (Assessment.month == sheet.month, Assessment.months == sheet.months)
        for old in work.session.scalars(select(Assessment).where(*same, Assessment.state.in_(["published", "final"]))):
            before = old.state
            old.state = "replaced"
            if old.closed_at is None:
                old.closed_by, old.closed_at = actor.user_id, now
            work.record("assessment.replaced", "assessment", old.id, changes={"state": [before, "replaced"]}, by=number)
        sheet.state, sheet.published_by, sheet.published_at = "published", actor.user_id, now
        work.record("assessment.published", "assessment", number, month=f"{sheet.month:%Y-%m}", months=sheet.months)


def finalise(bench: Workbench, actor: Actor, *, now: datetime, number: int) -> None:
    """Close a published sheet once the time to object is over and every objection is ruled on."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        sheet = _locked(work.session, number)
        _in_state(sheet, "published")
        assert sheet.published_at is not None
        if now < closes(work.session, sheet.published_at):
            raise Conflict(N_("Agents can still object to this sheet; it becomes final afterwards."))
        if _open(work.session, number):
            raise Conflict(N_("There are objections that nobody has ruled on."))
        sheet.state, sheet.closed_by, sheet.closed_at = "final", actor.user_id, now
        work.record("assessment.final", "assessment", number)


def object_to(
    bench: Workbench, actor: Actor, *, now: datetime, entry_id: int, body: str, indicator: str | None = None
) -> int:
    """An agent objects to their entry while the time is open; once an entry until it is ruled on."""
    require(actor, Right.ANSWER)
    with bench.begin(actor, now) as work:
        entry = work.session.get(AssessmentEntry, entry_id)
        sheet = None if entry is None else work.session.get(Assessment, entry.assessment_id)
        if entry is None or sheet is None or entry.agent_id != actor.agent_id or sheet.published_at is None:
            raise NotFound(N_("There is no sheet of yours with this number."))
        if sheet.state != "published" or now > closes(work.session, sheet.published_at):
            raise Conflict(N_("The time to object to this sheet is over."))
        waiting = select(AssessmentObjection.id).where(
            AssessmentObjection.entry_id == entry_id, AssessmentObjection.state == "open"
        )
        if work.session.scalar(waiting.limit(1)) is not None:
            raise Conflict(N_("You have objected already; the answer is on its way."))
        if indicator is not None and indicator not in {line["indicator"] for line in entry.result["lines"]}:
            raise Invalid(N_("There is no indicator “{indicator}”."), indicator=indicator)
        number = work.session.execute(
            insert(AssessmentObjection)
            .values(
                entry_id=entry_id,
                indicator=indicator,
                body=written(body, BODY, MAX_BODY),
                filed_by=actor.user_id,
                filed_at=now,
                state="open",
            )
            .returning(AssessmentObjection.id)
        ).scalar_one()
        work.record("assessment.objected", "assessment_objection", number, entry=entry_id, indicator=indicator)
        return int(number)


def rule(bench: Workbench, actor: Actor, *, now: datetime, number: int, uphold: bool, ruling: str) -> None:
    """Rule on an objection, once, with a reason; not by who published the sheet, and not by the agent. An upheld one
    is put right by a new revision: nothing on the published sheet changes."""
    require(actor, Right.ASSESS)
    with bench.begin(actor, now) as work:
        found = work.session.get(AssessmentObjection, number, with_for_update=True)
        if found is None:
            raise NotFound(N_("There is no objection {id}."), id=number)
        if found.state != "open":
            raise Conflict(N_("This objection has been ruled on already."))
        entry = work.session.get_one(AssessmentEntry, found.entry_id)
        sheet = work.session.get_one(Assessment, entry.assessment_id)
        if actor is not SYSTEM and (sheet.published_by == actor.user_id or entry.agent_id == actor.agent_id):
            raise Denied(N_("Somebody who did not publish the sheet rules on objections to it."))
        found.state = "upheld" if uphold else "rejected"
        found.ruled_by, found.ruled_at, found.ruling = actor.user_id, now, written(ruling, RULING, MAX_BODY)
        work.record("assessment.ruled", "assessment_objection", number, state=found.state, ruling=found.ruling)


def sheets(bench: Workbench, actor: Actor) -> tuple[SheetHead, ...]:
    """The sheets this reader may open, newest first: leads all of them, team leaders and agents what concerns them."""
    require(actor, Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
    with bench.db.read() as session:
        heads = []
        query = select(Assessment).order_by(Assessment.month.desc(), Assessment.months, Assessment.revision.desc())
        for row in session.scalars(query):
            if not _may_open(actor, row):
                continue
            people = session.scalar(
                select(func.count())
                .select_from(AssessmentEntry)
                .where(AssessmentEntry.assessment_id == row.id, *_limits(actor))
            )
            if people:
                heads.append(_head(session, row, people))
        return tuple(heads)


def entries(bench: Workbench, actor: Actor, number: int) -> tuple[Entry, ...]:
    """Who stands on a sheet, as far as this reader may see: everybody, their team, or themselves; by team and name."""
    require(actor, Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS)
    with bench.db.read() as session:
        sheet = session.get(Assessment, number)
        if sheet is None or not _may_open(actor, sheet):
            raise NotFound(N_("There is no sheet {id}."), id=number)
        names = dict(session.execute(select(Agent.agent_id, Agent.name)).all())
        query = select(AssessmentEntry).where(AssessmentEntry.assessment_id == number, *_limits(actor))
        found = [
            Entry(row.id, row.agent_id, names.get(row.agent_id) or row.agent_id, row.team, row.role, row.result)
            for row in session.scalars(query)
        ]
        return tuple(sorted(found, key=lambda one: (one.team, one.name, one.role)))


def objections(bench: Workbench, actor: Actor, number: int) -> tuple[Objection, ...]:
    """Objections to a sheet, open ones first; an agent reads their own."""
    require(actor, Right.ASSESS, Right.VIEW_OWN_RESULTS)
    with bench.db.read() as session:
        query = (
            select(AssessmentObjection, AssessmentEntry.agent_id)
            .join(AssessmentEntry, AssessmentEntry.id == AssessmentObjection.entry_id)
            .where(AssessmentEntry.assessment_id == number, *_limits(actor))
            .order_by(AssessmentObjection.state != "open", AssessmentObjection.id.desc())
        )
        return tuple(
            shown_fields(
                actor,
                Objection(o.id, o.entry_id, agent, o.indicator, o.body, o.filed_at, o.state, o.ruling),
                "body",
                "ruling",
            )
            for o, agent in session.execute(query)
        )


def _may_open(actor: Actor, sheet: Assessment) -> bool:
    if scoping.entitled(actor, Right.ASSESS):
        return True
    return sheet.published_at is not None and sheet.state != "dropped"


def _limits(actor: Actor) -> tuple[Any, ...]:
    """Conditions on entries that limit what a reader sees."""
    return scoping.limits(actor, Right.ASSESS, team=AssessmentEntry.team, agent=AssessmentEntry.agent_id)


def _head(session: Session, row: Assessment, people: int) -> SheetHead:
    until = None if row.published_at is None else closes(session, row.published_at)
    return SheetHead(
        row.id, row.month, row.months, row.revision, row.state, row.schemes, row.created_at, row.published_at, until,
        people, _open(session, row.id),
    )  # fmt: skip


def _open(session: Session, number: int) -> int:
    query = select(func.count()).select_from(AssessmentObjection).join(AssessmentEntry)
    return (
        session.scalar(query.where(AssessmentEntry.assessment_id == number, AssessmentObjection.state == "open")) or 0
    )


def _locked(session: Session, number: int) -> Assessment:
    sheet = session.get(Assessment, number, with_for_update=True)
    if sheet is None:
        raise NotFound(N_("There is no sheet {id}."), id=number)
    return sheet


def _in_state(sheet: Assessment, state: str) -> None:
    if sheet.state != state:
        raise Conflict(N_("This sheet is not in the state for that any more; load the page again."))
