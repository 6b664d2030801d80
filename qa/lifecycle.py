"""The life of a violation's case file: which step may follow which, who may take it, and when it is due.

One pure function turns the events of a file into its state; everything else (board, desk, appeals) asks it. Owns the
steps, the two-person rule and the clocks. Refuses to know the database, the archive and what a rule says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from qa.errors import Conflict, Fact
from qa.i18n import N_
from qa.policy import Right


class State(StrEnum):
    """Where a case file stands."""

    SUSPECTED = "suspected"        # the machine (or an inspector at the desk) has found something
    CONFIRMED = "confirmed"        # an inspector has read it and agrees
    CLEARED = "cleared"            # an inspector has read it: a false alarm
    WITHDRAWN = "withdrawn"        # the rule was changed and no longer finds it; nobody had decided yet
    UPHELD = "upheld"              # the manager's ruling: it was a violation
    DISMISSED = "dismissed"        # the manager's ruling: it was none
    ACKNOWLEDGED = "acknowledged"  # the agent accepts it
    APPEALED = "appealed"          # the agent objects
    CLOSED = "closed"              # stands, nothing left to do
    EXPUNGED = "expunged"          # struck from the record


class Step(StrEnum):
    """What can be done to a case file. Stored as the kind of an event."""

    OPEN = "opened"
    WITHDRAW = "withdrawn"
    CONFIRM = "confirmed"
    CLEAR = "cleared"
    RETRACT = "retracted"          # whoever confirmed or cleared takes it back
    REOPEN = "reopened"            # the manager wants it looked at again
    UPHOLD = "upheld"
    DISMISS = "dismissed"
    ACKNOWLEDGE = "acknowledged"
    APPEAL = "appealed"
    WITHDRAW_APPEAL = "appeal_withdrawn"
    REJECT_APPEAL = "appeal_rejected"
    GRANT_APPEAL = "appeal_granted"
    CLOSE = "closed"
    EXPUNGE = "expunged"


TRANSITIONS: Mapping[tuple[State | None, Step], State] = {
    (None, Step.OPEN): State.SUSPECTED,
    (State.WITHDRAWN, Step.OPEN): State.SUSPECTED,
    (State.SUSPECTED, Step.WITHDRAW): State.WITHDRAWN,
    (State.SUSPECTED, Step.CONFIRM): State.CONFIRMED,
    (State.SUSPECTED, Step.CLEAR): State.CLEARED,
    (State.CONFIRMED, Step.RETRACT): State.SUSPECTED,
    (State.CLEARED, Step.RETRACT): State.SUSPECTED,
    (State.CLEARED, Step.REOPEN): State.SUSPECTED,
    (State.DISMISSED, Step.REOPEN): State.SUSPECTED,
    (State.CONFIRMED, Step.UPHOLD): State.UPHELD,
    (State.CONFIRMED, Step.DISMISS): State.DISMISSED,
    (State.UPHELD, Step.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.UPHELD, Step.APPEAL): State.APPEALED,
    (State.UPHELD, Step.CLOSE): State.CLOSED,
    (State.UPHELD, Step.EXPUNGE): State.EXPUNGED,
    (State.APPEALED, Step.WITHDRAW_APPEAL): State.UPHELD,
    (State.APPEALED, Step.REJECT_APPEAL): State.CLOSED,
    (State.APPEALED, Step.GRANT_APPEAL): State.EXPUNGED,
    (State.ACKNOWLEDGED, Step.CLOSE): State.CLOSED,
    (State.ACKNOWLEDGED, Step.EXPUNGE): State.EXPUNGED,
    (State.CLOSED, Step.EXPUNGE): State.EXPUNGED,
}

OPEN_STATES: tuple[State, ...] = (State.SUSPECTED, State.CONFIRMED, State.UPHELD, State.APPEALED, State.ACKNOWLEDGED)
"""States in which somebody still has to do something."""

STANDING: tuple[State, ...] = (State.UPHELD, State.ACKNOWLEDGED, State.APPEALED, State.CLOSED)
"""States in which a manager has ruled that it was a violation: what repeat counts and sanctions look at."""

NEEDS_RIGHT: Mapping[Step, Right] = {
    Step.CONFIRM: Right.RULE_HIT,
    Step.CLEAR: Right.RULE_HIT,
    Step.RETRACT: Right.RULE_HIT,
    Step.REOPEN: Right.RULE_VIOLATION,
    Step.UPHOLD: Right.RULE_VIOLATION,
    Step.DISMISS: Right.RULE_VIOLATION,
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
    {Step.CONFIRM, Step.CLEAR, Step.REOPEN, Step.UPHOLD, Step.DISMISS, Step.APPEAL, Step.REJECT_APPEAL, Step.GRANT_APPEAL, Step.EXPUNGE}
)

STATE_NAMES: Mapping[State, str] = {
    State.SUSPECTED: N_("Suspected"),
    State.CONFIRMED: N_("Confirmed"),
    State.CLEARED: N_("Cleared"),
    State.WITHDRAWN: N_("No longer found"),
    State.UPHELD: N_("Upheld"),
    State.DISMISSED: N_("Dismissed"),
    State.ACKNOWLEDGED: N_("Acknowledged"),
    State.APPEALED: N_("Appealed"),
    State.CLOSED: N_("Closed"),
    State.EXPUNGED: N_("Expunged"),
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

    def days(self, state: State) -> int | None:
        """Days that may pass in `state`; None where nobody is waited for."""
        return {
            State.SUSPECTED: self.confirm_days,
            State.CONFIRMED: self.rule_days,
            State.UPHELD: self.answer_days,
            State.APPEALED: self.appeal_days,
            State.ACKNOWLEDGED: self.close_days,
        }.get(state)

    def due(self, state: State, since: datetime) -> datetime | None:
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


def violation_state(events: Sequence[Event]) -> State:
    """The state of a case file with these events, oldest first. Raises `Conflict` when one of them was not allowed."""
    state: State | None = None
    for number, event in enumerate(events):
        reason = refusal(events[:number], event.step, event.actor_id)
        if reason is not None:
            raise reason.error()
        state = TRANSITIONS[(state, event.step)]
    if state is None:
        raise Conflict(N_("A case file without events has no state."))
    return state


def refusal(
    events: Sequence[Event], step: Step, actor_id: int | None, *, at: datetime | None = None, clocks: Clocks | None = None
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
    if step is Step.CLOSE and state is State.UPHELD and at is not None and clocks is not None:
        due = clocks.due(State.UPHELD, ruled_at(events) or events[-1].at)
        if due is not None and at < due:
            return Refusal(N_("The agent may still answer; the file can be closed after {days} days."), {"days": clocks.answer_days})
    return None


def options(events: Sequence[Event], actor_id: int | None, rights: frozenset[Right], *, at: datetime, clocks: Clocks) -> Mapping[Step, Refusal | None]:
    """Every human step that leads on from here and that `rights` cover, with the reason where it is refused."""
    state = _replay(events)
    found: dict[Step, Refusal | None] = {}
    for (before, step) in TRANSITIONS:
        if before is state and step in NEEDS_RIGHT and NEEDS_RIGHT[step] in rights:
            found[step] = refusal(events, step, actor_id, at=at, clocks=clocks)
    return found


def ruled_at(events: Sequence[Event]) -> datetime | None:
    """When the violation was upheld; from then on the agent's time counts, whatever is filed and taken back meanwhile."""
    return next((event.at for event in reversed(events) if event.step is Step.UPHOLD), None)


def decided_by(events: Sequence[Event]) -> frozenset[int | None]:
    """Who has confirmed or upheld it: none of them rules on an appeal against it."""
    return frozenset(event.actor_id for event in events if event.step in (Step.CONFIRM, Step.UPHOLD))


def _replay(events: Sequence[Event]) -> State | None:
    state: State | None = None
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
