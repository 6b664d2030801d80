"""What an inspector has inspected: each submission, what counts now, and what changed it since.

An inspector reads their own, the lead anybody's. A blind reading stays blind: of a second reading nothing is shown but
the reader's own total until the two were decided between. Writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from qa import transcripts
from qa.errors import Denied, NotFound
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Agent, Assignment, Correction, Inspection, Sample, Transcript, User, Verdict
from qa.transcripts import FrozenTranscript
from qa.verdicts.reading import Before, explained, fallen
from qa.workbench import Workbench
from scoring.explain import Explanation
from scoring.sheet import Outcome, Sheet

OVERTURNED = ("appeal", "resolution", "ruling", "correction")
"""How a result can have changed after the inspection."""


@dataclass(frozen=True)
class PastInspection:
    """One submission. `now` is the total that counts (centi-points), None where it is not for this reader to see;
    `changed_by` says how it came to differ from `given`, empty where it does not."""

    inspection_id: int
    sample_id: int
    kind: str
    submitted_at: datetime
    occurred_at: datetime | None
    agent_name: str
    first_line: str
    given: int
    now: int | None
    changed_by: str
    verdict_id: int | None
    """The current result, where it follows from this very inspection and can be corrected."""
    correction: str
    """State of the newest correction, empty for none."""


@dataclass(frozen=True)
class Record:
    """Counts over everything an inspector has submitted as a first reading."""

    inspections: int
    changed: dict[str, int]
    """How many results were changed since, by how."""


def inspectors(bench: Workbench, actor: Actor) -> tuple[tuple[int, str], ...]:
    """Whose history `actor` may read: their own, or that of everybody who has inspected."""
    require(actor, Right.INSPECT)
    if not actor.may(Right.CALIBRATE):
        return ((actor.user_id, actor.name),)
    query = select(User.id, User.display_name).where(User.id.in_(select(Inspection.inspector_id).distinct()))
    with bench.db.read() as session:
        return tuple((user, name) for user, name in session.execute(query.order_by(User.display_name, User.id)))


def past(
    bench: Workbench,
    actor: Actor,
    *,
    inspector_id: int,
    changed: bool = False,
    before: int | None = None,
    size: int = 20,
) -> tuple[PastInspection, ...]:
    """Submissions of one inspector, newest first; `changed` keeps those whose result was changed since. `before` is the
    id of the last one of the page before."""
    _require(actor, inspector_id)
    query = _query(inspector_id, size)
    if before is not None:
        query = query.where(Inspection.id < before)
    if changed:
        query = query.where(
            Verdict.kind.in_(OVERTURNED), Verdict.total != Inspection.total, Assignment.kind.in_(("primary", "double"))
        )
    with bench.db.read() as session:
        return tuple(_row(actor, *row) for row in session.execute(query).all())


def _query(inspector_id: int, size: int) -> Select[Any]:
    own = aliased(Correction)
    newest = (
        select(func.max(own.id))
        .where(own.sample_id == Sample.id, own.requested_by == inspector_id)
        .correlate(Sample)
        .scalar_subquery()
    )
    return (
        select(Inspection, Assignment.kind, Sample, Agent.name, Verdict, Correction.state, Transcript.content)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .join(Sample, Sample.id == Inspection.sample_id)
        .join(Transcript, Transcript.id == Sample.transcript_id)
        .outerjoin(Agent, Agent.agent_id == Sample.agent_id)
        .outerjoin(Verdict, and_(Verdict.sample_id == Sample.id, Verdict.is_current, Verdict.kind != "withdrawn"))
        .outerjoin(Correction, Correction.id == newest)
        .where(Inspection.inspector_id == inspector_id, Inspection.undone_at.is_(None))
        .order_by(Inspection.id.desc())
        .limit(size)
    )


def record(bench: Workbench, actor: Actor, *, inspector_id: int) -> Record:
    """How many results of first readings there are, and how many were changed since, by how."""
    _require(actor, inspector_id)
    mine = (Inspection.inspector_id == inspector_id, Inspection.undone_at.is_(None), Assignment.kind == "primary")
    with bench.db.read() as session:
        return Record(_count(session, mine), _changed(session, mine))


def _count(session: Session, mine: tuple[object, ...]) -> int:
    query = select(func.count()).select_from(Inspection).join(Assignment, Assignment.id == Inspection.assignment_id)
    return session.scalar(query.where(*mine)) or 0  # type: ignore[arg-type]


def _changed(session: Session, mine: tuple[object, ...]) -> dict[str, int]:
    query = (
        select(Verdict.kind, func.count())
        .join(Inspection, Inspection.sample_id == Verdict.sample_id)
        .join(Assignment, Assignment.id == Inspection.assignment_id)
        .where(Verdict.is_current, Verdict.kind.in_(OVERTURNED), Verdict.total != Inspection.total, *mine)  # type: ignore[arg-type]
        .group_by(Verdict.kind)
    )
    return dict(session.execute(query).all())


@dataclass(frozen=True)
class PastDetail:
    """One submission in full: the lines that count now with what fell since, the remark and the conversation."""

    row: PastInspection
    inspector_id: int
    lines: tuple[Explanation, ...]
    total: int
    before: Before | None
    comment: str
    transcript: FrozenTranscript


def detail(bench: Workbench, actor: Actor, *, inspection_id: int, language: str) -> PastDetail:
    """One submission of one's own (or, for the lead, of anybody). Raises `NotFound`."""
    with bench.db.read() as session:
        one = session.get(Inspection, inspection_id)
        if one is None or one.undone_at is not None:
            raise NotFound(N_("There is no inspection {id}."), id=inspection_id)
        _require(actor, one.inspector_id)
        [found] = session.execute(_query(one.inspector_id, 1).where(Inspection.id == inspection_id)).all()
        past, verdict, transcript = _row(actor, *found), found[4], transcripts.read(found[6])
        given = explained(session, Outcome.from_dict(one.outcome), one.rubric_version_id, language)
        lines, total, before = given, one.total, None
        if verdict is not None and past.changed_by:
            lines = explained(session, Outcome.from_dict(verdict.outcome), verdict.rubric_version_id, language)
            total, before = verdict.total, Before(one.total, verdict.kind, verdict.reason or "", fallen(given, lines))
        return PastDetail(
            past,
            one.inspector_id,
            lines,
            total,
            before,
            Sheet.from_dict(one.sheet).comment,
            transcripts.shown(actor, transcript),
        )


def _row(
    reader: Actor,
    one: Inspection,
    kind: str,
    sample: Sample,
    agent: str | None,
    verdict: Verdict | None,
    correction: str | None,
    content: dict[str, Any],
) -> PastInspection:
    open_book = verdict is not None and (kind == "primary" or (kind == "double" and verdict.kind == "resolution"))
    counts = verdict.total if verdict is not None and open_book else None
    follows = (
        verdict is not None
        and verdict.inspection_id == one.id
        and verdict.kind in ("inspection", "ruling", "correction")
    )
    return PastInspection(
        one.id,
        sample.id,
        kind,
        one.submitted_at,
        sample.occurred_at,
        agent or sample.agent_id,
        transcripts.shown_text(reader, transcripts.read(content).first_line),
        one.total,
        counts,
        verdict.kind if verdict is not None and counts is not None and counts != one.total else "",
        verdict.id if verdict is not None and follows else None,
        correction or "",
    )


def _require(actor: Actor, inspector_id: int) -> None:
    require(actor, Right.INSPECT)
    if inspector_id != actor.user_id and not actor.may(Right.CALIBRATE):
        raise Denied(N_("You can only see your own inspections."))
