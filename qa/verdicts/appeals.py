"""Appeals: an agent objects to a result or a case file, somebody who did not decide it rules, and the result follows.

An upheld objection to a result names the criteria whose deductions fall; the new verdict is computed from the corrected
sheet, never typed in. An appeal is ruled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.orm import Session

from qa import audit, transcripts
from qa.casefiles import record
from qa.casefiles.lifecycle import FileState, Step, decided_by, ruled_at
from qa.casefiles.windows import SETTING, closes, window_days
from qa.errors import Conflict, Denied, FormField, Invalid, NotFound
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.tables import Agent, Appeal, Inspection, Setting, Transcript, Verdict, Violation, ViolationEvent
from qa.texts import written
from qa.transcripts import FrozenTranscript
from qa.unit_of_work import UnitOfWork
from qa.verdicts import ledger
from qa.workbench import Workbench
from scoring.sheet import Outcome, Sheet

MAX_BODY = 2_000
BODY = FormField("body", N_("Objection"))
_RULED = {FileState.UPHELD.value, FileState.ACKNOWLEDGED.value, FileState.APPEALED.value, FileState.CLOSED.value}
STATES = ("open", "upheld", "rejected", "withdrawn")


@dataclass(frozen=True)
class AppealView:
    """One appeal as a list shows it."""

    id: int
    state: str
    agent_id: str
    agent_name: str
    verdict_id: int | None
    violation_id: int | None
    sample_id: int | None
    rule_id: str | None
    criterion_id: str | None
    body: str
    filed_at: datetime
    ruled_at: datetime | None
    ruling: str | None


@dataclass(frozen=True)
class RulingView:
    """An upheld red-line ruling as the agent concerned may read it: what was said (masked), and the manager's
    reason."""

    violation_id: int
    rule_id: str
    state: str
    quotes: tuple[str, ...]
    reason: str
    transcript: FrozenTranscript | None


def ruling_on(bench: Workbench, actor: Actor, *, violation_id: int) -> RulingView:
    """The ruling on one's own conversation. Suspicions nobody has ruled on are not shown to agents."""
    require(actor, Right.ANSWER)
    with bench.db.read() as session:
        found = session.get(Violation, violation_id)
        if found is None or found.agent_id != actor.agent_id or found.state not in _RULED:
            raise NotFound(N_("There is no ruling {id} on a conversation of yours."), id=violation_id)
        reason = session.scalars(
            select(ViolationEvent.reason)
            .where(ViolationEvent.violation_id == violation_id, ViolationEvent.kind == Step.UPHOLD.value)
            .order_by(ViolationEvent.id.desc())
            .limit(1)
        ).first()
        frozen = session.get(Transcript, found.transcript_id) if found.transcript_id else None
        quotes = tuple(transcripts.shown_text(None, str(hit["matched"])) for hit in found.evidence if hit["matched"])
        return RulingView(
            found.id,
            found.rule_id,
            found.state,
            quotes,
            transcripts.shown_text(actor, reason or ""),
            transcripts.shown(None, transcripts.read(frozen.content)) if frozen else None,
        )


def set_window(bench: Workbench, actor: Actor, *, now: datetime, days: int) -> None:
    """Change the window for everything still open."""
    require(actor, Right.RULE_APPEAL)
    if not 1 <= days <= 90:
        raise Invalid(
            N_("{field}: expected {expected}, found “{value}”."),
            field=FormField("days", N_("Days to object")),
            expected="1–90",
            value=days,
        )
    with bench.begin(actor, now) as work:
        changed = audit.changes({"days": window_days(work.session)}, {"days": days})
        if changed:
            work.session.merge(Setting(key=SETTING, value={"window_days": days}, updated_at=now))
            work.record("appeals.window_changed", "setting", SETTING, changes=changed)


def window(bench: Workbench) -> int:
    """Days an agent has to object."""
    with bench.db.read() as session:
        return window_days(session)


def file_against_verdict(
    bench: Workbench, actor: Actor, *, now: datetime, verdict_id: int, body: str, criterion_id: str | None = None
) -> int:
    """Object to one's own current result, as a whole or in one criterion; returns the appeal's id.

    Filing the same objection again returns the one that is open.
    """
    require(actor, Right.ANSWER)
    body = written(body, BODY, MAX_BODY)
    with bench.begin(actor, now) as work:
        session = work.session
        verdict = session.scalar(select(Verdict).where(Verdict.id == verdict_id).with_for_update(key_share=True))
        if verdict is None or verdict.kind == "withdrawn":
            raise NotFound(N_("There is no verdict {id}."), id=verdict_id)
        _require_own(actor, verdict.agent_id)
        if not verdict.is_current:
            raise Conflict(N_("This result has been replaced by a newer one; object to that."))
        since = ledger.standing_since(session, verdict)
        _require_in_time(session, since.created_at, now)
        if criterion_id is not None and criterion_id not in {
            line.id for line in Outcome.from_dict(verdict.outcome).lines if line.judged
        }:
            raise Invalid(N_("Criterion “{id}” lost no points in this result."), id=criterion_id)
        if (known := session.scalar(_open(Appeal.verdict_id == verdict_id, criterion_id))) is not None:
            return known
        _refuse_decided(session, since, criterion_id)
        return _file(work, verdict.agent_id, body, criterion_id, verdict_id=verdict_id)


def file_against_violation(bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, body: str) -> int:
    """Object to an upheld violation of one's own; returns the appeal's id."""
    require(actor, Right.ANSWER)
    body = written(body, BODY, MAX_BODY)
    with bench.begin(actor, now) as work:
        violation = record.take(work.session, violation_id)
        _require_own(actor, violation.agent_id)
        if (known := work.session.scalar(_open(Appeal.violation_id == violation_id, None))) is not None:
            return known
        _require_in_time(
            work.session, ruled_at(record.events_of(work.session, violation.id)) or violation.changed_at, now
        )
        record.add_step(work, violation, Step.APPEAL, body)
        return _file(work, violation.agent_id, body, None, violation_id=violation_id)


def withdraw(bench: Workbench, actor: Actor, *, now: datetime, appeal_id: int) -> None:
    """Take one's own objection back. Withdrawing it again changes nothing."""
    require(actor, Right.ANSWER)
    with bench.begin(actor, now) as work:
        appeal = _load(work.session, appeal_id)
        _require_own(actor, appeal.agent_id)
        if appeal.state == "withdrawn":
            return
        if appeal.violation_id is not None and appeal.state == "open":
            record.add_step(work, record.take(work.session, appeal.violation_id), Step.WITHDRAW_APPEAL)
        _settle(work, appeal, "withdrawn", None)


def rule(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    appeal_id: int,
    uphold: bool,
    ruling: str,
    clear: Sequence[str] = (),
) -> int | None:
    """Decide an appeal with a written `ruling`; returns the id of the new verdict, if one was issued.

    `clear` are the criteria whose deductions fall when an objection to a result is upheld; by default the one it
    names. Whoever inspected the sample, or confirmed or ruled the violation, cannot rule the appeal.
    """
    require(actor, Right.RULE_APPEAL)
    ruling = written(ruling, FormField("ruling", N_("Reasons of the ruling")), MAX_BODY)
    with bench.begin(actor, now) as work:
        appeal = _load(work.session, appeal_id)
        if appeal.state != "open":
            raise Conflict(N_("This appeal has been decided already."))
        if appeal.violation_id is not None:
            verdict_id = _rule_violation(work, appeal, uphold, ruling)
        else:
            verdict_id = _rule_verdict(work, appeal, uphold, ruling, clear)
        _settle(work, appeal, "upheld" if uphold else "rejected", ruling)
        return verdict_id


def list_appeals(
    bench: Workbench, actor: Actor, *, state: str = "", before: int | None = None, size: int = 50
) -> list[AppealView]:
    """Appeals, open ones oldest first, others newest first. Agents see their own. `before` is the last id of the page
    before."""
    query = _visible(actor, select(Appeal, Agent.name, Verdict.sample_id, Violation.sample_id, Violation.rule_id))
    query = (
        query.outerjoin(Agent, Agent.agent_id == Appeal.agent_id)
        .outerjoin(Verdict, Verdict.id == Appeal.verdict_id)
        .outerjoin(Violation, Violation.id == Appeal.violation_id)
        .limit(size)
    )
    oldest_first = state == "open"
    if state:
        query = query.where(Appeal.state == state)
    if before is not None:
        query = query.where(Appeal.id > before if oldest_first else Appeal.id < before)
    with bench.db.read() as session:
        rows = session.execute(query.order_by(Appeal.id if oldest_first else Appeal.id.desc())).all()
    return [_view(actor, *row) for row in rows]


def get(bench: Workbench, actor: Actor, appeal_id: int) -> AppealView:
    """One appeal, to those who rule them and to the agent who filed it."""
    query = _visible(actor, select(Appeal, Agent.name, Verdict.sample_id, Violation.sample_id, Violation.rule_id))
    query = (
        query.outerjoin(Agent, Agent.agent_id == Appeal.agent_id)
        .outerjoin(Verdict, Verdict.id == Appeal.verdict_id)
        .outerjoin(Violation, Violation.id == Appeal.violation_id)
        .where(Appeal.id == appeal_id)
    )
    with bench.db.read() as session:
        row = session.execute(query).first()
    if row is None:
        raise NotFound(N_("There is no appeal {id}."), id=appeal_id)
    return _view(actor, *row)


def count_open(bench: Workbench, actor: Actor) -> int:
    """Number of open appeals that `actor` can see."""
    query = _visible(actor, select(func.count()).select_from(Appeal)).where(Appeal.state == "open")
    with bench.db.read() as session:
        return session.scalar(query) or 0


def _visible(actor: Actor, query: Any) -> Any:
    """Restrict a statement over `Appeal` to what `actor` may see."""
    if actor is SYSTEM or actor.may(Right.RULE_APPEAL):
        return query
    require(actor, Right.ANSWER)
    return query.where(Appeal.agent_id == (actor.agent_id or ""))


def _view(
    actor: Actor,
    appeal: Appeal,
    name: str | None,
    sample_id: int | None,
    violation_sample: int | None,
    rule_id: str | None,
) -> AppealView:
    view = AppealView(
        appeal.id,
        appeal.state,
        appeal.agent_id,
        name or appeal.agent_id,
        appeal.verdict_id,
        appeal.violation_id,
        sample_id or violation_sample,
        rule_id,
        appeal.criterion_id,
        appeal.body,
        appeal.filed_at,
        appeal.ruled_at,
        appeal.ruling,
    )
    return transcripts.shown_fields(actor, view, "body", "ruling")


def _file(
    work: UnitOfWork,
    agent_id: str,
    body: str,
    criterion_id: str | None,
    *,
    verdict_id: int | None = None,
    violation_id: int | None = None,
) -> int:
    appeal = Appeal(
        verdict_id=verdict_id,
        violation_id=violation_id,
        agent_id=agent_id,
        criterion_id=criterion_id,
        body=body,
        filed_by=work.actor.user_id,
        filed_at=work.now,
        state="open",
    )
    work.session.add(appeal)
    work.session.flush()
    work.record("appeal.filed", "appeal", appeal.id, verdict=verdict_id, violation=violation_id)
    return appeal.id


def _rule_violation(work: UnitOfWork, appeal: Appeal, uphold: bool, ruling: str) -> int | None:
    violation = record.take(work.session, appeal.violation_id or 0)
    if work.actor.user_id and work.actor.user_id in decided_by(record.events_of(work.session, violation.id)):
        raise Denied(N_("You made the decision that is appealed; somebody else has to rule."))
    record.add_step(work, violation, Step.GRANT_APPEAL if uphold else Step.REJECT_APPEAL, ruling)
    if not uphold:
        return None
    issued = ledger.reissue_for(work, violation, kind="appeal", reason=ruling)
    return issued[0] if issued else None


def _rule_verdict(work: UnitOfWork, appeal: Appeal, uphold: bool, ruling: str, clear: Sequence[str]) -> int | None:
    verdict = work.session.get_one(Verdict, appeal.verdict_id)
    inspected_by = work.session.scalar(select(Inspection.inspector_id).where(Inspection.id == verdict.inspection_id))
    if work.actor.user_id and work.actor.user_id == inspected_by:
        raise Denied(N_("You made the decision that is appealed; somebody else has to rule."))
    if not uphold:
        return None
    current = ledger.current(work.session, verdict.sample_id)
    if current is None or current.sheet is None:
        raise Conflict(N_("This sample has no result any more."))
    fallen = set(clear) or ({appeal.criterion_id} if appeal.criterion_id else set())
    sheet = Sheet.from_dict(current.sheet)
    marked = {mark.criterion_id for mark in sheet.marks}
    if not fallen or not fallen <= marked:
        raise Invalid(
            N_("{field}: choose the criteria whose deductions are cancelled."),
            field=FormField("clear", N_("Deductions cancelled")),
        )
    corrected = replace(sheet, marks=tuple(mark for mark in sheet.marks if mark.criterion_id not in fallen))
    return ledger.reissue(work, sample_id=verdict.sample_id, kind="appeal", reason=ruling, sheet=corrected)


def _settle(work: UnitOfWork, appeal: Appeal, state: str, ruling: str | None) -> None:
    changed = work.session.execute(
        update(Appeal)
        .where(Appeal.id == appeal.id, Appeal.state == "open")
        .values(state=state, ruled_by=work.actor.user_id or None, ruled_at=work.now, ruling=ruling)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Conflict(N_("This appeal has been decided already."))
    work.record(f"appeal.{state}", "appeal", appeal.id)


def _load(session: Session, appeal_id: int) -> Appeal:
    appeal = session.scalar(select(Appeal).where(Appeal.id == appeal_id).with_for_update(key_share=True))
    if appeal is None:
        raise NotFound(N_("There is no appeal {id}."), id=appeal_id)
    return appeal


def _open(subject: ColumnElement[bool], criterion_id: str | None) -> Select[int]:
    same = Appeal.criterion_id.is_(None) if criterion_id is None else Appeal.criterion_id == criterion_id
    return select(Appeal.id).where(subject, same, Appeal.state == "open")


def _refuse_decided(session: Session, since: Verdict, criterion_id: str | None) -> None:
    """What was objected to and rejected is decided, also after another objection to the same result was upheld."""
    same = (
        Appeal.criterion_id.is_(None)
        if criterion_id is None
        else or_(Appeal.criterion_id.is_(None), Appeal.criterion_id == criterion_id)
    )
    query = (
        select(Appeal.id)
        .join(Verdict, Verdict.id == Appeal.verdict_id)
        .where(Verdict.sample_id == since.sample_id, Verdict.version >= since.version, Appeal.state == "rejected", same)
    )
    if (found := session.scalar(query.limit(1))) is not None:
        raise Conflict(N_("This objection was decided already (appeal {id}); it cannot be filed again."), id=found)


def _require_own(actor: Actor, agent_id: str) -> None:
    if actor is not SYSTEM and actor.agent_id != agent_id:
        raise Denied(N_("You can only answer your own results."))


def _require_in_time(session: Session, since: datetime, now: datetime) -> None:
    if now > closes(session, since):
        raise Conflict(N_("The {days} days for an appeal are over."), days=window_days(session))
