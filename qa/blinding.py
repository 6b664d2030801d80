"""What a reader may not be shown yet: how others judged a conversation that the reader still has to score.

A place in somebody's queue makes the case files of its conversation, and the cases of the library made from it,
invisible to that person until the place is finished, whatever kind of place it is: so nothing that is missing tells a
first reading from a second, blind one or from a gold conversation. Owns the conditions; the read side and the services
apply them.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from qa import scoping
from qa.errors import Conflict
from qa.i18n import N_
from qa.policy import Actor
from qa.tables import Assignment, Case, Sample, Violation
from qa.workbench import Workbench

STILL_TO_SCORE = N_("This conversation waits in your own queue. Score it first; what others decided shows afterwards.")


def waiting(actor: Actor) -> Select[int]:
    """Ids of the samples that `actor` still has to score."""
    mine = or_(Assignment.inspector_id == actor.user_id, Assignment.lease_by == actor.user_id)
    return (
        select(Sample.id)
        .join(Assignment, Assignment.sample_id == Sample.id)
        .where(mine, Assignment.finished_at.is_(None), Sample.withdrawn_at.is_(None))
    )


def shown_files(bench: Workbench, actor: Actor) -> ColumnElement[bool]:
    """Condition on `Violation`: its conversation does not wait for this reader, and it is of a team that they may see.
    One look-up, whatever the number of files."""
    at = func.coalesce(Violation.occurred_at, Violation.opened_at)
    return and_(_scored(actor), scoping.seen(bench, actor, Violation.agent_id, at))


def _scored(actor: Actor) -> ColumnElement[bool]:
    same = and_(
        _CASE_FILE.conversation_key == func.coalesce(Sample.conversation_key, Sample.unit_id),
        _CASE_FILE.agent_id == Sample.agent_id,
    )
    return Violation.id.not_in(select(_CASE_FILE.id).join(Sample, same).where(Sample.id.in_(waiting(actor))))


def shown_cases(actor: Actor) -> ColumnElement[bool]:
    """Condition on `Case`: it was not made from a conversation that waits for this reader, in this draw or another."""
    open_ = waiting(actor).with_only_columns(func.coalesce(Sample.conversation_key, Sample.unit_id))
    elsewhere = func.coalesce(Case.conversation_key, "").not_in(open_)
    samples = select(_SAMPLE.id).where(or_(_SAMPLE.conversation_key.in_(open_), _SAMPLE.unit_id.in_(open_)))
    files = select(_CASE_FILE.id).where(_CASE_FILE.conversation_key.in_(open_))
    return and_(
        elsewhere, func.coalesce(Case.sample_id, 0).not_in(samples), func.coalesce(Case.violation_id, 0).not_in(files)
    )


_CASE_FILE = aliased(Violation)
_SAMPLE = aliased(Sample)


def refuse_early(session: Session, actor: Actor, violation_id: int) -> None:
    """Raise `Conflict` while the conversation of this case file waits for the actor: neither its state nor a step on
    it."""
    if session.scalar(select(Violation.id).where(Violation.id == violation_id, ~_scored(actor))) is not None:
        raise Conflict(STILL_TO_SCORE)
