"""Who gets which conversation of a round: places in the queues of inspectors who took no part in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from qa.desk.leases import is_own
from qa.desk.sheets import SCORED_ON
from qa.errors import Conflict, Invalid, NotFound
from qa.i18n import N_
from qa.policy import Actor, Role
from qa.rubrics.versions import newest
from qa.tables import Assignment, CalibrationRound, Draw, RubricVersion, Sample, User


def new_round(session: Session, actor: Actor, now: datetime, name: str, rubric_version_id: int | None) -> int:
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid(N_("Name: expected 1 to 200 characters."))
    if rubric_version_id is None:
        rubric_version_id = newest(session, "chat")
    if rubric_version_id is None:
        raise Conflict(N_("There is no published rubric to score with; publish one first."))
    return session.execute(
        insert(CalibrationRound)
        .values(
            name=name, rubric_version_id=rubric_version_id, opened_by=actor.user_id or None, opened_at=now, reference={}
        )
        .returning(CalibrationRound.id)
    ).scalar_one()


def common_rubric(session: Session, samples: Sequence[int]) -> int | None:
    """The newest published version of the one rubric that the samples are scored on."""
    rubrics = set(
        session.scalars(
            select(RubricVersion.rubric_id)
            .select_from(Sample)
            .join(Draw, Draw.id == Sample.draw_id, isouter=True)
            .join(RubricVersion, RubricVersion.id == SCORED_ON)
            .where(Sample.id.in_(samples))
        )
    )
    if len(rubrics) > 1:
        raise Invalid(N_("These samples are scored on different rubrics. Choose samples of one source for a round."))
    published = select(RubricVersion.id).where(RubricVersion.state == "published", RubricVersion.rubric_id.in_(rubrics))
    return session.scalar(published.order_by(RubricVersion.published_at.desc(), RubricVersion.id.desc()).limit(1))


def deal(
    session: Session, now: datetime, round_id: int, kind: str, samples: Sequence[int], people: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """A place for every inspector and sample; returns the pairs left out because the inspector took part."""
    users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(people)))}
    for person in people:
        user = users.get(person)
        if user is None or not user.active or user.role not in (Role.INSPECTOR, Role.LEAD):
            raise Invalid(N_("User {id} is not an active inspector."), id=person)
    left_out = []
    for sample_id in samples:
        if session.get(Sample, sample_id) is None:
            raise NotFound(N_("There is no sample {sample}."), sample=sample_id)
        for person in people:
            user = users[person]
            if is_own(session, Actor(user.id, Role(user.role), user.display_name, user.agent_id), sample_id):
                left_out.append((sample_id, person))
                continue
            given = (Assignment.sample_id == sample_id, Assignment.inspector_id == person, Assignment.kind == kind)
            if session.scalar(select(Assignment.id).where(*given)) is not None:
                raise Conflict(
                    N_("{name} has had sample {sample} in a round before; choose another."),
                    name=user.display_name,
                    sample=sample_id,
                )
            session.execute(
                insert(Assignment).values(
                    sample_id=sample_id, inspector_id=person, kind=kind, round_id=round_id, version=1, created_at=now,
                    position=0 if kind == "calibration" else middle(session, person),
                )
            )  # fmt: skip
    return tuple(left_out)


def middle(session: Session, person: int) -> int:
    """A place in the middle of what waits: neither first, nor conspicuously last."""
    waiting = session.scalars(
        select(Assignment.position).where(Assignment.inspector_id == person, Assignment.finished_at.is_(None))
    ).all()
    return int(median(waiting)) if waiting else 0


def find(session: Session, round_id: int, *, lock: bool = False) -> CalibrationRound:
    found = session.get(CalibrationRound, round_id, with_for_update=lock or None)
    if found is None:
        raise NotFound(N_("There is no calibration round {id}."), id=round_id)
    return found
