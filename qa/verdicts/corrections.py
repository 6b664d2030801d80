"""Corrections: an inspector who sees a wrong mark of their own asks for a new version, and a second person decides.

What counts is computed from the corrected sheet, never typed in. Red lines are not corrected here: their case files
have steps of their own. The inspection stays as it was sent in; the correction is a version of the result beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from qa.errors import Conflict, Denied, FormField, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.tables import Agent, Correction, Inspection, Sample, User, Verdict
from qa.texts import written
from qa.unit_of_work import UnitOfWork
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.rubric import Rubric
from scoring.sheet import Sheet, check

MAX_REASON = 2_000
REASON, ANSWER = FormField("reason", N_("What was wrong")), FormField("answer", N_("Your answer"))


@dataclass(frozen=True)
class CorrectionView:
    """One wish to correct a result: what counts now and what would count (centi-points)."""

    id: int
    state: str
    sample_id: int
    verdict_id: int
    agent_name: str
    occurred_at: datetime | None
    reason: str
    requested_by: str
    requested_by_id: int
    requested_at: datetime
    before: int
    after: int
    decided_by: str
    answer: str


@dataclass(frozen=True)
class Correctable:
    """A current result with the marks it follows from, for the form that corrects it."""

    verdict_id: int
    rubric: Rubric
    sheet: Sheet
    total: int


def correctable(bench: Workbench, actor: Actor, *, verdict_id: int) -> Correctable:
    """The marks of a result of one's own. Raises `Conflict` where it has been replaced or was decided by somebody
    else."""
    require(actor, Right.INSPECT)
    with bench.db.read() as session:
        verdict = _own(session, actor, verdict_id)
        sheet = Sheet.from_dict(verdict.sheet or {})
        return Correctable(verdict.id, rubric_of(session, verdict.rubric_version_id), sheet, verdict.total)


def request(
    bench: Workbench, actor: Actor, *, now: datetime, verdict_id: int, sheet: Sheet | Mapping[str, Any], reason: str
) -> int:
    """Ask for the result to follow `sheet` instead; returns the id of the wish. The same wish again is the same one.

    Raises `Invalid` when the rubric forbids a mark, when nothing would change or the reason is missing, and `Conflict`
    when the result is no longer the inspector's own or another wish is open.
    """
    require(actor, Right.INSPECT)
    reason = written(reason, REASON, MAX_REASON)
    wanted = ledger.read(sheet)
    try:
        with bench.begin(actor, now) as work:
            session = work.session
            verdict = _own(session, actor, verdict_id)
            stands = Sheet.from_dict(verdict.sheet or {})
            wanted = replace(wanted, hits=stands.hits)
            known = session.scalar(
                select(Correction).where(Correction.sample_id == verdict.sample_id, Correction.state == "open")
            )
            if known is not None and (known.requested_by, known.reason, known.sheet) == (
                actor.user_id,
                reason,
                wanted.to_dict(),
            ):
                return known.id
            if known is not None:
                raise Conflict(N_("A correction of this result waits for its decision already."))
            _check(session, verdict, wanted)
            return _insert(work, verdict, wanted, reason)
    except IntegrityError as problem:
        raise Conflict(N_("A correction of this result waits for its decision already.")) from problem


def withdraw(bench: Workbench, actor: Actor, *, now: datetime, correction_id: int) -> None:
    """Take one's own wish back. Doing it twice changes nothing."""
    require(actor, Right.INSPECT)
    with bench.begin(actor, now) as work:
        session = work.session
        found = _load(session, correction_id)
        if found.requested_by != actor.user_id:
            raise Denied(N_("Only the person who asked for a correction can take it back."))
        if found.state != "withdrawn":
            _settle(work, found, "withdrawn", None)


def decide(
    bench: Workbench, actor: Actor, *, now: datetime, correction_id: int, accept: bool, answer: str = ""
) -> int | None:
    """A second person accepts or refuses a correction; returns the id of the new verdict, if one was issued.

    Raises `Denied` for whoever asked for it, `Invalid` when a refusal has no answer, `Stale` when the result has
    changed since it was asked for.
    """
    require(actor, Right.RULE_APPEAL)
    said = answer.strip() if accept else written(answer, ANSWER, MAX_REASON)
    with bench.begin(actor, now) as work:
        session = work.session
        found = _load(session, correction_id)
        if found.state != "open":
            raise Conflict(N_("This correction has been decided already."))
        if actor.user_id == found.requested_by:
            raise Denied(N_("You asked for this correction yourself; a second person has to decide."))
        if actor.agent_id and actor.agent_id == session.get_one(Sample, found.sample_id).agent_id:
            raise Denied(N_("This is a result of your own; somebody else has to decide."))
        issued = None
        if accept:
            current = ledger.current(session, found.sample_id)
            if current is None or current.id != found.verdict_id:
                raise Stale(
                    N_(
                        "The result has changed since this correction was asked for; refuse it, and it can be asked for"
                        " anew."
                    )
                )
            issued = ledger.reissue(
                work,
                sample_id=found.sample_id,
                kind="correction",
                reason=found.reason,
                sheet=Sheet.from_dict(found.sheet),
            )
        _settle(work, found, "accepted" if accept else "refused", said or None)
        return issued


def listing(bench: Workbench, actor: Actor, *, state: str = "open", limit: int = 100) -> tuple[CorrectionView, ...]:
    """Corrections in `state` (empty: all), oldest first while open: everybody's for those who decide, else one's
    own."""
    require(actor, Right.INSPECT)
    asked, decided = aliased(User), aliased(User)
    query = (
        select(Correction, Sample, Verdict, Agent.name, asked.display_name, decided.display_name)
        .join(Sample, Sample.id == Correction.sample_id)
        .join(Verdict, Verdict.id == Correction.verdict_id)
        .join(asked, asked.id == Correction.requested_by)
        .outerjoin(decided, decided.id == Correction.decided_by)
        .outerjoin(Agent, Agent.agent_id == Sample.agent_id)
        .order_by(Correction.id if state == "open" else Correction.id.desc())
        .limit(limit)
    )
    if state:
        query = query.where(Correction.state == state)
    if not actor.may(Right.RULE_APPEAL):
        query = query.where(Correction.requested_by == actor.user_id)
    with bench.db.read() as session:
        return tuple(_view(session, *row) for row in session.execute(query).all())


def count_open(session: Session, actor: Actor) -> int:
    """Corrections that wait for `actor` to decide."""
    waits = select(func.count()).where(Correction.state == "open", Correction.requested_by != actor.user_id)
    return session.scalar(waits) or 0


def _view(
    session: Session,
    one: Correction,
    sample: Sample,
    verdict: Verdict,
    agent: str | None,
    asked: str,
    decided: str | None,
) -> CorrectionView:
    after = ledger.compute(session, sample.id, verdict.rubric_version_id, Sheet.from_dict(one.sheet)).total
    return CorrectionView(
        one.id,
        one.state,
        sample.id,
        verdict.id,
        agent or sample.agent_id,
        sample.occurred_at,
        one.reason,
        asked,
        one.requested_by,
        one.requested_at,
        verdict.total,
        after,
        decided or "",
        one.answer or "",
    )


def _own(session: Session, actor: Actor, verdict_id: int) -> Verdict:
    verdict = ledger.find(session, verdict_id)
    by = session.scalar(select(Inspection.inspector_id).where(Inspection.id == verdict.inspection_id))
    if by != actor.user_id:
        raise NotFound(N_("There is no result {id} of an inspection of yours."), id=verdict_id)
    if not verdict.is_current or verdict.kind == "withdrawn":
        raise Conflict(N_("This result has been replaced by a newer one; correct that."))
    if verdict.kind == "resolution":
        raise Conflict(N_("This double has been decided; ask the lead to take that decision back first."))
    if verdict.kind == "appeal":
        raise Conflict(N_("An appeal was ruled on here; what it decided is not corrected."))
    return verdict


def _check(session: Session, verdict: Verdict, wanted: Sheet) -> None:
    for problem in check(rubric_of(session, verdict.rubric_version_id), wanted):
        raise ledger.refused(problem)
    outcome = ledger.compute(session, verdict.sample_id, verdict.rubric_version_id, wanted)
    if outcome.to_dict() == verdict.outcome:
        raise Invalid(N_("Nothing would change: correct at least one mark."))


def _insert(work: UnitOfWork, verdict: Verdict, wanted: Sheet, reason: str) -> int:
    made = Correction(
        sample_id=verdict.sample_id,
        verdict_id=verdict.id,
        sheet=wanted.to_dict(),
        reason=reason,
        requested_by=work.actor.user_id,
        requested_at=work.now,
        state="open",
    )
    work.session.add(made)
    work.session.flush()
    work.record("correction.requested", "sample", verdict.sample_id, verdict=verdict.id)
    return made.id


def _settle(work: UnitOfWork, found: Correction, state: str, answer: str | None) -> None:
    values = {"state": state, "decided_by": work.actor.user_id or None, "decided_at": work.now, "answer": answer}
    changed = work.session.execute(
        update(Correction).where(Correction.id == found.id, Correction.state == "open").values(**values)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(N_("This correction has been decided already."))
    work.record(f"correction.{state}", "sample", found.sample_id, verdict=found.verdict_id)


def _load(session: Session, correction_id: int) -> Correction:
    found = session.scalar(select(Correction).where(Correction.id == correction_id).with_for_update(key_share=True))
    if found is None:
        raise NotFound(N_("There is no correction {id}."), id=correction_id)
    return found
