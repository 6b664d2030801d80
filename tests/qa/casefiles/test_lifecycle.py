"""The life of a case file: every step from every state, the two-person rule, clocks, and properties over all
sequences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.casefiles.lifecycle import (
    NEEDS_RIGHT,
    TRANSITIONS,
    Clocks,
    Event,
    FileState,
    Step,
    options,
    refusal,
    ruled_at,
    violation_state,
)
from qa.errors import Conflict
from qa.policy import RIGHTS, Role

T0 = datetime(2026, 3, 1, tzinfo=UTC)

PATHS: dict[FileState, list[tuple[Step, int | None]]] = {
    FileState.SUSPECTED: [(Step.OPEN, None)],
    FileState.WITHDRAWN: [(Step.OPEN, None), (Step.WITHDRAW, None)],
    FileState.CONFIRMED: [(Step.OPEN, None), (Step.CONFIRM, 1)],
    FileState.CLEARED: [(Step.OPEN, None), (Step.CLEAR, 1)],
    FileState.UPHELD: [(Step.OPEN, None), (Step.CONFIRM, 1), (Step.UPHOLD, 2)],
    FileState.DISMISSED: [(Step.OPEN, None), (Step.CONFIRM, 1), (Step.DISMISS, 2)],
    FileState.ACKNOWLEDGED: [(Step.OPEN, None), (Step.CONFIRM, 1), (Step.UPHOLD, 2), (Step.ACKNOWLEDGE, 3)],
    FileState.APPEALED: [(Step.OPEN, None), (Step.CONFIRM, 1), (Step.UPHOLD, 2), (Step.APPEAL, 3)],
    FileState.CLOSED: [(Step.OPEN, None), (Step.CONFIRM, 1), (Step.UPHOLD, 2), (Step.ACKNOWLEDGE, 3), (Step.CLOSE, 2)],
    FileState.EXPUNGED: [
        (Step.OPEN, None),
        (Step.CONFIRM, 1),
        (Step.UPHOLD, 2),
        (Step.APPEAL, 3),
        (Step.GRANT_APPEAL, 4),
    ],
}


def events(path: list[tuple[Step, int | None]]) -> list[Event]:
    return [Event(step, actor, T0 + timedelta(hours=n)) for n, (step, actor) in enumerate(path)]


@pytest.mark.parametrize("state", list(FileState), ids=lambda s: s.value)
def test_a_path_leads_to_every_state(state: FileState) -> None:
    assert violation_state(events(PATHS[state])) is state


@pytest.mark.parametrize("step", list(Step), ids=lambda s: s.name.lower())
@pytest.mark.parametrize("state", list(FileState), ids=lambda s: s.value)
def test_every_step_from_every_state(state: FileState, step: Step) -> None:
    path = events(PATHS[state])
    allowed = (state, step) in TRANSITIONS
    # a fifth person takes it, except for a retraction, which belongs to whoever decided or ruled
    actor = 1 if step is Step.RETRACT else 2 if step is Step.UNRULE else 5
    reason = refusal(path, step, actor)
    assert (reason is None) is allowed
    if allowed:
        assert violation_state([*path, Event(step, actor, T0)]) is TRANSITIONS[(state, step)]
    else:
        with pytest.raises(Conflict):
            violation_state([*path, Event(step, actor, T0)])


@pytest.mark.parametrize("ruling", [FileState.UPHELD, FileState.DISMISSED])
def test_a_ruling_is_taken_back_at_once_by_whoever_made_it(ruling: FileState) -> None:
    path = events(PATHS[ruling])
    soon = path[-1].at + timedelta(seconds=12)
    assert refusal(path, Step.UNRULE, 2, at=soon) is None
    assert refusal(path, Step.UNRULE, 5, at=soon) is not None
    assert refusal(path, Step.UNRULE, 2, at=path[-1].at + timedelta(seconds=16)) is not None
    assert ruled_at([*path, Event(Step.UNRULE, 2, soon)]) is None


@pytest.mark.parametrize("ruling", [Step.UPHOLD, Step.DISMISS])
def test_the_ruling_needs_a_second_person(ruling: Step) -> None:
    path = events(PATHS[FileState.CONFIRMED])
    refused = refusal(path, ruling, 1)
    assert refused is not None
    assert "second person" in refused.msgid
    assert refusal(path, ruling, 2) is None
    assert refusal(path, ruling, None) is not None, "the machine does not rule on people"


def test_a_new_confirmation_counts_not_the_old_one() -> None:
    path = events([*PATHS[FileState.CONFIRMED], (Step.RETRACT, 1), (Step.CONFIRM, 2)])
    assert refusal(path, Step.UPHOLD, 2) is not None
    assert refusal(path, Step.UPHOLD, 1) is None


def test_only_who_decided_takes_it_back() -> None:
    assert refusal(events(PATHS[FileState.CLEARED]), Step.RETRACT, 2) is not None
    assert refusal(events(PATHS[FileState.CLEARED]), Step.RETRACT, 1) is None


def test_an_upheld_file_closes_unanswered_only_after_the_agents_time() -> None:
    path = events(PATHS[FileState.UPHELD])
    clocks = Clocks(answer_days=7)
    ruled = path[-1].at
    assert refusal(path, Step.CLOSE, 2, at=ruled + timedelta(days=6, hours=23), clocks=clocks) is not None
    assert refusal(path, Step.CLOSE, 2, at=ruled + timedelta(days=7), clocks=clocks) is None


@pytest.mark.parametrize(
    "state,days",
    [
        (FileState.SUSPECTED, 1),
        (FileState.CONFIRMED, 2),
        (FileState.UPHELD, 3),
        (FileState.APPEALED, 4),
        (FileState.ACKNOWLEDGED, 5),
        (FileState.CLOSED, None),
        (FileState.CLEARED, None),
    ],
)
def test_each_open_state_has_its_clock(state: FileState, days: int | None) -> None:
    clocks = Clocks(confirm_days=1, rule_days=2, answer_days=3, appeal_days=4, close_days=5)
    assert clocks.due(state, T0) == (None if days is None else T0 + timedelta(days=days))


def test_options_say_why_not() -> None:
    found = options(events(PATHS[FileState.CONFIRMED]), 1, RIGHTS[Role.LEAD], at=T0, clocks=Clocks())
    assert set(found) == {Step.UPHOLD, Step.DISMISS, Step.RETRACT}
    assert found[Step.RETRACT] is None
    assert found[Step.UPHOLD] is not None
    assert not options(events(PATHS[FileState.CONFIRMED]), 3, RIGHTS[Role.AGENT], at=T0, clocks=Clocks())


def test_an_agent_can_answer_and_nothing_else() -> None:
    for path in PATHS.values():
        steps = options(events(path), 9, RIGHTS[Role.AGENT], at=T0, clocks=Clocks())
        assert set(steps) <= {Step.ACKNOWLEDGE, Step.APPEAL, Step.WITHDRAW_APPEAL}


def test_no_events_no_state() -> None:
    with pytest.raises(Conflict):
        violation_state([])


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(Step), st.sampled_from([None, 1, 2, 3])), max_size=25))
def test_whatever_is_accepted_gives_a_state_and_two_people_ruled(wishes: list[tuple[Step, int | None]]) -> None:
    taken: list[Event] = []
    for step, actor in [(Step.OPEN, None), *wishes]:
        event = Event(step, actor, T0)
        before = violation_state(taken) if taken else None
        if refusal(taken, step, actor) is None:
            taken.append(event)
            assert violation_state(taken) is TRANSITIONS[(before, step)]
        else:
            with pytest.raises(Conflict):
                violation_state([*taken, event])
    confirmer = None
    for event in taken:
        if event.step is Step.CONFIRM:
            confirmer = event.actor_id
        if event.step in (Step.UPHOLD, Step.DISMISS):
            assert confirmer is not None
            assert event.actor_id is not None
            assert event.actor_id != confirmer
        if event.step in NEEDS_RIGHT:
            assert event.actor_id is not None
