"""The life of a violation's case file: which step may follow which, who may take it, and when it is due.

One pure function turns the events of a file into its state; everything else (board, desk, appeals) asks it. Owns the
steps, the two-person rule and the clocks. Does not know the database, the archive and what a rule says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from qa.errors import Conflict, Fact
from qa.i18n import N_
from qa.policy import Right


class FileState(StrEnum):
    """Where a case file stands."""

    SUSPECTED = "suspected"  # the machine (or an inspector at the desk) has found something
    CONFIRMED = "confirmed"  # an inspector has read it and agrees
    CLEARED = "cleared"  # an inspector has read it: a false alarm
    WITHDRAWN = "withdrawn"  # the rule was changed and no longer finds it; nobody had decided yet
    UPHELD = "upheld"  # the manager's ruling: it was a violation
    DISMISSED = "dismissed"  # the manager's ruling: it was none
    ACKNOWLEDGED = "acknowledged"  # the agent accepts it
    APPEALED = "appealed"  # the agent objects
    CLOSED = "closed"  # stands, nothing left to do
    EXPUNGED = "expunged"  # struck from the record


class Step(StrEnum):
    """What can be done to a case file. Stored as the kind of an event."""

    OPEN = "opened"
    WITHDRAW = "withdrawn"
    CONFIRM = "confirmed"
    CLEAR = "cleared"
    RETRACT = "retracted"  # whoever confirmed or cleared takes it back
    REOPEN = "reopened"  # the manager wants it looked at again
    UPHOLD = "upheld"
    DISMISS = "dismissed"
    UNRULE = "ruling_retracted"  # whoever ruled takes it back within ten seconds: a key pressed by mistake
    ACKNOWLEDGE = "acknowledged"
    APPEAL = "appealed"
    WITHDRAW_APPEAL = "appeal_withdrawn"
    REJECT_APPEAL = "appeal_rejected"
    GRANT_APPEAL = "appeal_granted"
    CLOSE = "closed"
    EXPUNGE = "expunged"


UNDO = timedelta(seconds=10)
"""How long a decision by one key can be taken back by one key."""
LATENCY = timedelta(seconds=5)
"""A click in the tenth second may arrive a little later."""

TRANSITIONS: Mapping[tuple[FileState | None, Step], FileState] = {
    (None, Step.OPEN): FileState.SUSPECTED,
    (FileState.WITHDRAWN, Step.OPEN): FileState.SUSPECTED,
    (FileState.SUSPECTED, Step.WITHDRAW): FileState.WITHDRAWN,
    (FileState.SUSPECTED, Step.CONFIRM): FileState.CONFIRMED,
    (FileState.SUSPECTED, Step.CLEAR): FileState.CLEARED,
    (FileState.CONFIRMED, Step.RETRACT): FileState.SUSPECTED,
    (FileState.CLEARED, Step.RETRACT): FileState.SUSPECTED,
    (FileState.CLEARED, Step.REOPEN): FileState.SUSPECTED,
    (FileState.DISMISSED, Step.REOPEN): FileState.SUSPECTED,
    (FileState.CONFIRMED, Step.UPHOLD): FileState.UPHELD,
    (FileState.CONFIRMED, Step.DISMISS): FileState.DISMISSED,
    (FileState.UPHELD, Step.UNRULE): FileState.CONFIRMED,
    (FileState.DISMISSED, Step.UNRULE): FileState.CONFIRMED,
    (FileState.UPHELD, Step.ACKNOWLEDGE): FileState.ACKNOWLEDGED,
    (FileState.UPHELD, Step.APPEAL): FileState.APPEALED,
    (FileState.UPHELD, Step.CLOSE): FileState.CLOSED,
    (FileState.UPHELD, Step.EXPUNGE): FileState.EXPUNGED,
    (FileState.APPEALED, Step.WITHDRAW_APPEAL): FileState.UPHELD,
    (FileState.APPEALED, Step.REJECT_APPEAL): FileState.CLOSED,
    (FileState.APPEALED, Step.GRANT_APPEAL): FileState.EXPUNGED,
    (FileState.ACKNOWLEDGED, Step.CLOSE): FileState.CLOSED,
    (FileState.ACKNOWLEDGED, Step.EXPUNGE): FileState.EXPUNGED,
    (FileState.CLOSED, Step.EXPUNGE): FileState.EXPUNGED,
}

OPEN_STATES: tuple[FileState, ...] = (
    FileState.SUSPECTED,
    FileState.CONFIRMED,
    FileState.UPHELD,
    FileState.APPEALED,
    FileState.ACKNOWLEDGED,
)
"""States in which somebody still has to do something."""

STANDING: tuple[FileState, ...] = (FileState.UPHELD, FileState.ACKNOWLEDGED, FileState.APPEALED, FileState.CLOSED)
"""States in which a manager has ruled that it was a violation: what repeat counts and sanctions look at."""

NEEDS_RIGHT: Mapping[Step, Right] = {
    Step.CONFIRM: Right.RULE_HIT,
    Step.CLEAR: Right.RULE_HIT,
    Step.RETRACT: Right.RULE_HIT,
    Step.REOPEN: Right.RULE_VIOLATION,
    Step.UPHOLD: Right.RULE_VIOLATION,
    Step.DISMISS: Right.RULE_VIOLATION,
    Step.UNRULE: Right.RULE_VIOLATION,
    Step.CLOSE: Right.RULE_VIOLATION,
    Step.EXPUNGE: Right.RULE_VIOLATION,
    Step.ACKNOWLEDGE: Right.ANSWER,
    Step.APPEAL: Right.ANSWER,
    Step.WITHDRAW_APPEAL: Right.ANSWER,
    Step.REJECT_APPEAL: Right.RULE_APPEAL,
    Step.GRANT_APPEAL: Right.RULE_APPEAL,
}
"""Steps that are not here are taken by the machine alone."""

NEEDS_REASON: frozenset[Step] = frozenset(
    {
        Step.CONFIRM,
        Step.CLEAR,
        Step.REOPEN,
        Step.UPHOLD,
        Step.DISMISS,
        Step.APPEAL,
        Step.REJECT_APPEAL,
        Step.GRANT_APPEAL,
        Step.EXPUNGE,
    }
)

STATE_NAMES: Mapping[FileState, str] = {
    FileState.SUSPECTED: N_("Suspected"),
    FileState.CONFIRMED: N_("Confirmed"),
    FileState.CLEARED: N_("Cleared"),
    FileState.WITHDRAWN: N_("No longer found"),
    FileState.UPHELD: N_("Upheld"),
    FileState.DISMISSED: N_("Dismissed"),
    FileState.ACKNOWLEDGED: N_("Acknowledged"),
    FileState.APPEALED: N_("Appealed"),
    FileState.CLOSED: N_("Closed"),
    FileState.EXPUNGED: N_("Expunged"),
}

STEP_NAMES: Mapping[Step, str] = {
    Step.OPEN: N_("found by screening"),
    Step.WITHDRAW: N_("no longer found after a rule change"),
    Step.CONFIRM: N_("confirmed"),
    Step.CLEAR: N_("cleared as a false alarm"),
    Step.RETRACT: N_("took the decision back"),
    Step.REOPEN: N_("re-opened"),
    Step.UPHOLD: N_("ruled: violation"),
    Step.DISMISS: N_("ruled: no violation"),
    Step.UNRULE: N_("took the ruling back"),
    Step.ACKNOWLEDGE: N_("acknowledged by the agent"),
    Step.APPEAL: N_("appealed by the agent"),
    Step.WITHDRAW_APPEAL: N_("appeal withdrawn"),
    Step.REJECT_APPEAL: N_("appeal rejected"),
    Step.GRANT_APPEAL: N_("appeal granted"),
    Step.CLOSE: N_("closed"),
    Step.EXPUNGE: N_("expunged"),
}


@dataclass(frozen=True)
class Event:
    """One step that was taken. `actor_id` is None for the machine."""

    step: Step
    actor_id: int | None
    at: datetime


@dataclass(frozen=True)
class Clocks:
    """Days allowed for each step, and how long an upheld violation counts as a repeat."""

    confirm_days: int = 3
    rule_days: int = 3
    answer_days: int = 7
    appeal_days: int = 5
    close_days: int = 7
    record_days: int = 365

    def days(self, state: FileState) -> int | None:
        """Days that may pass in `state`; None where nobody is waited for."""
        return {
            FileState.SUSPECTED: self.confirm_days,
            FileState.CONFIRMED: self.rule_days,
            FileState.UPHELD: self.answer_days,
            FileState.APPEALED: self.appeal_days,
            FileState.ACKNOWLEDGED: self.close_days,
        }.get(state)

    def due(self, state: FileState, since: datetime) -> datetime | None:
        """When the next step is due for a file that has been in `state` since then."""
        days = self.days(state)
        return None if days is None else since + timedelta(days=days)


@dataclass(frozen=True)
class Refusal:
    """Why a step may not be taken now: a message for people and its facts."""

    msgid: str
    facts: Mapping[str, Fact]

    def error(self) -> Conflict:
        return Conflict(self.msgid, **self.facts)


def violation_state(events: Sequence[Event]) -> FileState:
    """The state of a case file with these events, oldest first. Raises `Conflict` when one of them was not allowed."""
    state: FileState | None = None
    for number, event in enumerate(events):
        reason = refusal(events[:number], event.step, event.actor_id)
        if reason is not None:
            raise reason.error()
        state = TRANSITIONS[(state, event.step)]
    if state is None:
        raise Conflict(N_("A case file without events has no state."))
    return state


def refusal(
    events: Sequence[Event],
    step: Step,
    actor_id: int | None,
    *,
    at: datetime | None = None,
    clocks: Clocks | None = None,
) -> Refusal | None:
    """Why `actor_id` may not take `step` after `events`; None when it is allowed.

    With `at` and `clocks` the clocks are asked too: an upheld file closes without an answer only after the agent's
    time is over. Rights and reasons are the caller's business.
    """
    state = _replay(events)
    if (state, step) not in TRANSITIONS:
        return Refusal(N_("The case file has moved on meanwhile: this step is not possible in its present state."), {})
    if step in NEEDS_RIGHT and actor_id is None:
        return Refusal(N_("This step needs a person who answers for it; sign in to take it."), {})
    last = _decision(events)
    if step in (Step.UPHOLD, Step.DISMISS) and last is not None and last.actor_id == actor_id:
        return Refusal(N_("You confirmed this violation yourself; the ruling has to come from a second person."), {})
    if step is Step.RETRACT and last is not None and last.actor_id != actor_id:
        return Refusal(N_("Only the person who decided can take the decision back."), {})
    if step is Step.UNRULE:
        return _may_unrule(events[-1], actor_id, at)
    if step is Step.CLOSE and state is FileState.UPHELD and at is not None and clocks is not None:
        due = clocks.due(FileState.UPHELD, ruled_at(events) or events[-1].at)
        if due is not None and at < due:
            return Refusal(
                N_("The agent may still answer; the file can be closed after {days} days."),
                {"days": clocks.answer_days},
            )
    return None


def _may_unrule(last: Event, actor_id: int | None, at: datetime | None) -> Refusal | None:
    if last.step not in (Step.UPHOLD, Step.DISMISS) or last.actor_id != actor_id:
        return Refusal(
            N_("Only the person who ruled can take the ruling back, and only as long as nobody has built on it."), {}
        )
    if at is not None and at > last.at + UNDO + LATENCY:
        return Refusal(N_("The time to take the ruling back is over."), {})
    return None


def options(
    events: Sequence[Event], actor_id: int | None, rights: frozenset[Right], *, at: datetime, clocks: Clocks
) -> Mapping[Step, Refusal | None]:
    """Every human step that leads on from here and that `rights` cover, with the reason where it is refused."""
    state = _replay(events)
    found: dict[Step, Refusal | None] = {}
    for before, step in TRANSITIONS:
        if before is state and step in NEEDS_RIGHT and NEEDS_RIGHT[step] in rights:
            found[step] = refusal(events, step, actor_id, at=at, clocks=clocks)
    return found


def ruled_at(events: Sequence[Event]) -> datetime | None:
    """When the violation was upheld; from then on the agent's time counts, whatever is filed and taken back
    meanwhile."""
    last = next((event for event in reversed(events) if event.step in (Step.UPHOLD, Step.UNRULE)), None)
    return last.at if last is not None and last.step is Step.UPHOLD else None


def decided_by(events: Sequence[Event]) -> frozenset[int | None]:
    """Who has confirmed or upheld it: none of them rules on an appeal against it."""
    return frozenset(event.actor_id for event in events if event.step in (Step.CONFIRM, Step.UPHOLD))


def _replay(events: Sequence[Event]) -> FileState | None:
    state: FileState | None = None
    for event in events:
        state = TRANSITIONS[(state, event.step)]
    return state


def _decision(events: Sequence[Event]) -> Event | None:
    """The confirmation or clearing that stands: nothing re-opened or took it back since."""
    for event in reversed(events):
        if event.step in (Step.CONFIRM, Step.CLEAR):
            return event
        if event.step in (Step.OPEN, Step.REOPEN, Step.RETRACT):
            return None
    return None
