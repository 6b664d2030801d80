"""The steps people take on one case file, and the sanctions programme.

Each function is one user action: it asks the policy, takes one transaction, and leaves an event and an audit entry.
Does not know how hits are found, how the board lists files, and how a score is computed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from qa import audit, transcripts
from qa.blinding import refuse_early
from qa.casefiles import record
from qa.casefiles.lifecycle import NEEDS_RIGHT, FileState, Step
from qa.casefiles.record import add_step, take
from qa.casefiles.sanctions import SETTING, SanctionTerms, programme, store_programme
from qa.errors import Denied
from qa.i18n import N_
from qa.policy import Actor, Right, require
from qa.tables import Transcript, Violation
from qa.verdicts import ledger
from qa.workbench import Workbench

RULINGS = frozenset({Step.UPHOLD, Step.DISMISS, Step.REOPEN, Step.EXPUNGE})
"""Steps after which the results of inspected samples are brought in line, in the same transaction."""


@dataclass(frozen=True)
class Decided:
    """The state of a file after a step."""

    violation_id: int
    state: FileState


def set_programme(bench: Workbench, actor: Actor, *, now: datetime, wanted: SanctionTerms) -> None:
    """Change clocks and ladder. Files keep their events; only due dates and shown texts follow."""
    require(actor, Right.EDIT_RULES)
    with bench.begin(actor, now) as work:
        changes = audit.changes(_told(programme(work.session)), _told(wanted))
        if changes:
            store_programme(work.session, wanted, now)
            work.record("violations.programme_changed", "setting", SETTING, changes=changes)


def _told(terms: SanctionTerms) -> dict[str, object]:
    """The programme as the trail keeps it: days by clock, and the ladder in one line each."""
    ladder = [f"{level.count}: {' / '.join(text for text in (level.zh, level.en) if text)}" for level in terms.ladder]
    return {**asdict(terms.clocks), "ladder": ladder}


def confirm(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """An inspector has read it: this is a violation. The ruling needs a second person."""
    return _decide(bench, actor, now, violation_id, Step.CONFIRM, reason, seen)


def clear(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """An inspector has read it: a false alarm."""
    return _decide(bench, actor, now, violation_id, Step.CLEAR, reason, seen)


def retract(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, seen: FileState | None = None
) -> Decided:
    """Take one's own confirmation or clearing back, as long as nobody has built on it."""
    return _decide(bench, actor, now, violation_id, Step.RETRACT, None, seen)


def reopen(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """A manager wants a cleared or dismissed file looked at again."""
    return _decide(bench, actor, now, violation_id, Step.REOPEN, reason, seen)


def rule(
    bench: Workbench,
    actor: Actor,
    *,
    now: datetime,
    violation_id: int,
    uphold: bool,
    reason: str,
    seen: FileState | None = None,
) -> Decided:
    """The manager's ruling on a confirmed violation, by another person than the one who confirmed it."""
    return _decide(bench, actor, now, violation_id, Step.UPHOLD if uphold else Step.DISMISS, reason, seen)


def unrule(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, seen: FileState | None = None
) -> Decided:
    """Take one's own ruling back within ten seconds: the file is confirmed again, and results are as they were."""
    require(actor, NEEDS_RIGHT[Step.UNRULE])
    with bench.begin(actor, now) as work:
        violation = take(work.session, violation_id)
        events = record.events_of(work.session, violation_id)
        state = add_step(work, violation, Step.UNRULE, None, seen=seen)
        if record.events_of(work.session, violation_id) != events:
            ledger.revert_for(work, violation, events[-1].at, "")
    return Decided(violation_id, state)


def acknowledge(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, seen: FileState | None = None
) -> Decided:
    """The agent concerned accepts an upheld violation."""
    return _decide(bench, actor, now, violation_id, Step.ACKNOWLEDGE, None, seen)


def close(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str = "", seen: FileState | None = None
) -> Decided:
    """Nothing is left to do: acknowledged, or the agent's time to answer is over."""
    return _decide(bench, actor, now, violation_id, Step.CLOSE, reason, seen)


def expunge(
    bench: Workbench, actor: Actor, *, now: datetime, violation_id: int, reason: str, seen: FileState | None = None
) -> Decided:
    """Strike an upheld violation from the record; it no longer counts as a repeat."""
    return _decide(bench, actor, now, violation_id, Step.EXPUNGE, reason, seen)


def _decide(
    bench: Workbench,
    actor: Actor,
    now: datetime,
    violation_id: int,
    step: Step,
    reason: str | None,
    seen: FileState | None,
) -> Decided:
    require(actor, NEEDS_RIGHT[step])
    # the archive is read before the transaction: a writer must not wait for a scan
    content = _transcript_to_freeze(bench, violation_id) if step in (Step.CONFIRM, Step.CLEAR) else None
    with bench.begin(actor, now) as work:
        session = work.session
        violation = take(session, violation_id)
        refuse_early(session, actor, violation_id)
        _check_person(session, actor, violation, step, content)
        if content is not None and violation.transcript_id is None:
            violation.transcript_id = transcripts.store(session, [content], now)[0]
        clocks = programme(session).clocks
        state = add_step(work, violation, step, reason, seen=seen, clocks=clocks)
        if step in RULINGS:
            ledger.reissue_for(work, violation, kind="ruling", reason=reason or "")
    return Decided(violation_id, state)


def _transcript_to_freeze(bench: Workbench, violation_id: int) -> dict[str, Any] | None:
    with bench.db.read() as session:
        violation = session.get(Violation, violation_id)
        if violation is None or violation.transcript_id is not None:
            return None
        return record.transcript_now(session, bench.archive, violation.conversation_key, violation.agent_id)


def _check_person(
    session: Session, actor: Actor, violation: Violation, step: Step, content: dict[str, Any] | None
) -> None:
    """Answers come from the agent concerned; everything else from somebody who took no part in the conversation."""
    if step is Step.ACKNOWLEDGE:
        if actor.agent_id != violation.agent_id:
            raise Denied(N_("Only the agent concerned can answer for a violation."))
        return
    if actor.agent_id is None:
        return
    if content is None and violation.transcript_id is not None:
        frozen = session.get(Transcript, violation.transcript_id)
        content = frozen.content if frozen else None
    took_part = {message.agent_id for message in transcripts.read(content or {}).messages}
    if actor.agent_id == violation.agent_id or actor.agent_id in took_part:
        raise Denied(N_("You took part in this conversation; somebody else has to decide."))
