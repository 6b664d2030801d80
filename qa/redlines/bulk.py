"""Clearing many files of one rule with one reason, its preview, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from qa.blinding import shown_files
from qa.casefiles.lifecycle import FileState, Step
from qa.casefiles.record import add_step_to_many
from qa.errors import Conflict, Denied, Invalid
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Violation, ViolationEvent
from qa.unit_of_work import UnitOfWork
from qa.workbench import Workbench

BULK_LIMIT = 1_000
"""Files that one person may clear at once: what one reason can still be answered for."""


@dataclass(frozen=True)
class Bulk:
    """What `clear_rule` would clear, or what it has cleared `at` that moment: how many files, and the first few to
    read."""

    n: int
    examples: tuple[tuple[int, str, str], ...] = ()
    """Case file, agent, and what was said."""
    at: datetime | None = None


def clear_rule(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    rule_id: str,
    reason: str,
    expected: int,
    agent_id: str | None = None,
    phrase: str | None = None,
    only: frozenset[int] | None = None,
) -> int:
    """Clear all suspected files of one rule (of one agent, with one matched text, or `only` those) with one reason.

    `expected` is the number the caller was shown: raises `Conflict` when it has changed since, so that nobody clears
    what they have not seen counted, and `Invalid` above `BULK_LIMIT`. Files of the actor's own chats, and of those in
    the actor's queue, are left alone. Every file gets its event and its audit entry. Returns how many were cleared.
    """
    require(actor, Right.RULE_HIT)
    if not actor.user_id:
        raise Denied(N_("This step needs a person who answers for it; sign in to take it."))
    version = bench.archive.version()
    with bench.begin(actor, now) as work:
        found = _bulk(bench, work.session, actor, rule_id, agent_id, phrase)
        ids = [id_ for id_, _agent, _said in found if only is None or id_ in only]
        if len(ids) != expected:
            raise _changed(len(ids), expected)
        if len(ids) > BULK_LIMIT:
            raise Invalid(
                N_(
                    "{n} files at once are too many to answer for; {limit} are allowed. Narrow it by what was said or"
                    " by agent."
                ),
                n=len(ids),
                limit=BULK_LIMIT,
            )
        cleared = add_step_to_many(work, ids, FileState.SUSPECTED, Step.CLEAR, reason)
        if cleared != expected:  # somebody decided one of them in this very moment
            raise _changed(cleared, expected)
        facts: dict[str, Any] = {"rule": rule_id, "agent": agent_id, "n": cleared, "archive_version": version}
        work.record("violations.cleared_in_bulk", "rule", rule_id, **facts)
        _audit_each(work, Step.CLEAR, ids, rule_id)
    return cleared


def _changed(n: int, expected: int) -> Conflict:
    return Conflict(
        N_("There are {n} such files now, not {expected}. Check the list and try again."), n=n, expected=expected
    )


def bulk_preview(
    bench: Workbench,
    actor: Actor,
    *,
    rule_id: str,
    agent_id: str | None = None,
    phrase: str | None = None,
    examples: int = 8,
) -> Bulk:
    """What `clear_rule` with these arguments would clear now, oldest first."""
    require(actor, Right.RULE_HIT)
    with bench.db.read() as session:
        found = _bulk(bench, session, actor, rule_id, agent_id, phrase)
    step = max(1, len(found) // examples)  # spread over the whole list, not its beginning alone
    return Bulk(len(found), tuple(found[::step][:examples]))


def last_bulk(bench: Workbench, actor: Actor, *, rule_id: str) -> Bulk | None:
    """The actor's latest clearing of files of this rule that still stands and can be taken back; None when there is
    none."""
    require(actor, Right.RULE_HIT)
    query = (
        select(Violation.changed_at, func.count())
        .where(*_cleared_by(actor, rule_id))
        .group_by(Violation.changed_at)
        .order_by(Violation.changed_at.desc())
        .limit(1)
    )
    with bench.db.read() as session:
        found = session.execute(query).one_or_none()
    return Bulk(found[1], at=found[0]) if found else None


def take_back_bulk(bench: Workbench, actor: Actor, *, now: datetime, rule_id: str, cleared_at: datetime) -> int:
    """Take back what the actor cleared of this rule at that moment, as far as nobody has built on it; returns how
    many."""
    require(actor, Right.RULE_HIT)
    with bench.begin(actor, now) as work:
        ids = work.session.scalars(
            select(Violation.id).where(*_cleared_by(actor, rule_id), Violation.changed_at == cleared_at)
        ).all()
        if not ids:
            raise Conflict(
                N_("There is nothing to take back: somebody has gone on with these files, or it is done already.")
            )
        moved = add_step_to_many(work, ids, FileState.CLEARED, Step.RETRACT, None)
        _audit_each(work, Step.RETRACT, ids, rule_id)
    return moved


def _bulk(
    bench: Workbench, session: Session, actor: Actor, rule_id: str, agent_id: str | None, phrase: str | None
) -> list[tuple[int, str, str]]:
    """The suspected files that `clear_rule` would clear, oldest first."""
    query = select(Violation.id, Violation.agent_id, Violation.evidence).where(
        Violation.state == FileState.SUSPECTED.value, Violation.rule_id == rule_id, shown_files(bench, actor)
    )
    if agent_id:
        query = query.where(Violation.agent_id == agent_id)
    if actor.agent_id:
        query = query.where(Violation.agent_id != actor.agent_id)
    found = []
    for id_, agent, evidence in session.execute(query.order_by(Violation.id)):
        said = list(dict.fromkeys(hit["matched"] for hit in evidence))
        if phrase is None or said == [phrase]:
            found.append((id_, agent, " · ".join(text for text in said if text)))
    return found


def _cleared_by(actor: Actor, rule_id: str) -> tuple[ColumnElement[bool], ...]:
    """Files of the rule whose last step is a clearing by the actor."""
    last = (
        select(ViolationEvent.id)
        .where(
            ViolationEvent.violation_id == Violation.id, ViolationEvent.kind == Step.CLEAR.value,
            ViolationEvent.actor_id == actor.user_id, ViolationEvent.at == Violation.changed_at,
        )
        .exists()
    )  # fmt: skip
    return Violation.rule_id == rule_id, Violation.state == FileState.CLEARED.value, last


def _audit_each(work: UnitOfWork, step: Step, ids: Sequence[int], rule_id: str) -> None:
    for id_ in ids:
        work.record(f"violation.{step.value}", "violation", id_, rule=rule_id, bulk=len(ids))
