"""Jobs: asked for once, taken by one worker at a time, taken up again when it dies, their end on record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from qa import jobs
from qa.errors import Busy, Conflict, Denied, NotFound, SpotcheckError, Unavailable, Words
from qa.jobs import record, stored
from qa.jobs.kinds import KINDS, JobKind, Run
from qa.jobs.worker import Worker
from qa.people import accounts
from qa.policy import SYSTEM, Actor, Right, Role
from qa.tables import AuditEntry, Job
from qa.workbench import Workbench

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Count:
    """Parameters of the kind these tests add: how it goes is up to `HOW`."""

    upto: int


@dataclass(frozen=True)
class Counted:
    total: int


class Clock:
    """The time as the worker sees it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kind() -> Iterator[Callable[..., JobKind[Count, Counted]]]:
    """`kind(how)`: a kind of job that does `how(run, params)`; `cleared` collects what its end cleared up."""
    made: list[str] = []

    def make(how: Callable[[Run, Count], Counted], cleared: list[int] | None = None) -> JobKind[Count, Counted]:
        def over(bench: Workbench, params: Count) -> None:
            if cleared is not None:
                cleared.append(params.upto)

        found = JobKind(f"test{len(made)}", "Test", Right.IMPORT, Count, Counted, how, over)
        made.append(found.name)
        KINDS[found.name] = found  # type: ignore[index]
        return found

    yield make
    for name in made:
        del KINDS[name]  # type: ignore[attr-defined]


def counts(run: Run, params: Count) -> Counted:
    run.progress(0.5, "half")
    return Counted(params.upto)


def person(bench: Workbench, login: str, role: Role) -> Actor:
    return accounts.create_user(bench, SYSTEM, now=NOW, login=login, role=role, display_name=login).actor


def actions(bench: Workbench, job_id: int) -> list[str]:
    with bench.db.read() as session:
        entries = select(AuditEntry.action).where(AuditEntry.entity == "job", AuditEntry.entity_id == str(job_id))
        return list(session.scalars(entries.order_by(AuditEntry.id)))


def test_asked_done_kept_and_put_away(any_bench: Workbench, clock: Clock, kind: Any) -> None:
    lead, cleared = person(any_bench, "lead", Role.LEAD), list[int]()
    counting = kind(counts, cleared)
    job = jobs.ask(any_bench, lead, counting, Count(7), now=NOW, request="one click")
    assert jobs.ask(any_bench, lead, counting, Count(7), now=NOW, request="one click") == job
    waiting = jobs.latest(any_bench, lead, counting)
    assert waiting is not None
    assert (waiting.id, waiting.state, waiting.result, waiting.title) == (job, "waiting", None, "Test")
    assert Worker(any_bench, clock).run_waiting() == 1
    done = jobs.latest(any_bench, lead, counting)
    assert done is not None
    assert (done.state, done.share, done.result, done.attempts) == ("done", 1.0, Counted(7), 1)
    assert cleared == [7]
    assert actions(any_bench, job) == ["job.asked", "job.started", "job.done"]
    jobs.put_away(any_bench, lead, job, now=NOW)
    assert jobs.latest(any_bench, lead, counting) is None
    assert [view.id for view in jobs.recent(any_bench, SYSTEM)] == [job]


def test_only_for_whom_it_is(any_bench: Workbench, kind: Any) -> None:
    counting = kind(counts)
    lead, other = person(any_bench, "lead", Role.LEAD), person(any_bench, "other", Role.LEAD)
    admin, inspector = person(any_bench, "admin", Role.ADMIN), person(any_bench, "inspector", Role.INSPECTOR)
    with pytest.raises(Denied):
        jobs.ask(any_bench, inspector, counting, Count(1), now=NOW)
    job = jobs.ask(any_bench, lead, counting, Count(1), now=NOW)
    assert jobs.latest(any_bench, other, counting) is None
    for forbidden in (
        lambda: jobs.get(any_bench, other, job),
        lambda: jobs.cancel(any_bench, other, job, now=NOW),
        lambda: jobs.put_away(any_bench, other, job, now=NOW),
        lambda: jobs.recent(any_bench, other),
    ):
        with pytest.raises(Denied):
            forbidden()
    with pytest.raises(NotFound):
        jobs.get(any_bench, lead, job + 1)
    assert jobs.get(any_bench, admin, job).state == "waiting"
    jobs.cancel(any_bench, admin, job, now=NOW)
    assert jobs.get(any_bench, lead, job).state == "cancelled"
    assert actions(any_bench, job) == ["job.asked", "job.cancelled"]


def test_many_workers_do_each_job_once(any_bench: Workbench, clock: Clock, kind: Any) -> None:
    done: list[int] = []

    def note(run: Run, params: Count) -> Counted:
        done.append(params.upto)
        return Counted(params.upto)

    counting = kind(note)
    for number in range(12):
        jobs.ask(any_bench, SYSTEM, counting, Count(number), now=NOW)
    workers = [Worker(any_bench, clock) for _ in range(4)]
    threads = [threading.Thread(target=worker.run_waiting) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(12))
    assert {view.state for view in jobs.recent(any_bench, SYSTEM)} == {"done"}


def test_a_lapsed_lease_is_taken_up_and_the_first_worker_writes_no_more(any_bench: Workbench, kind: Any) -> None:
    counting = kind(counts)
    job = jobs.ask(any_bench, SYSTEM, counting, Count(1), now=NOW)
    first = record.take(any_bench, "first", NOW)
    assert first is not None
    assert record.take(any_bench, "second", NOW + record.LEASE / 2) is None
    assert record.renew(any_bench, first, NOW + record.LEASE / 2, 0.25, "on") is False
    assert record.take(any_bench, "second", NOW + record.LEASE) is None, "it was renewed"
    later = NOW + 2 * record.LEASE
    second = record.take(any_bench, "second", later)
    assert second is not None
    assert (second.id, second.attempt) == (job, 2)
    assert record.renew(any_bench, first, later, 0.5, "on") is None
    assert not record.end(any_bench, first, later, {"total": 1})
    assert not record.fail(any_bench, first, later, Unavailable("away"))
    assert not record.give_back(any_bench, first, later, not_before=None, counts=True)
    assert record.end(any_bench, second, later, {"total": 2})
    assert jobs.get(any_bench, SYSTEM, job).result == Counted(2)
    assert actions(any_bench, job) == ["job.asked", "job.started", "job.started", "job.done"]


def test_what_kills_every_worker_is_given_up(any_bench: Workbench, clock: Clock, kind: Any) -> None:
    job = jobs.ask(any_bench, SYSTEM, kind(counts), Count(1), now=NOW)
    for attempt in range(record.ATTEMPTS):
        taken = record.take(any_bench, f"worker {attempt}", clock.now)
        assert taken is not None
        clock.now += record.LEASE
    assert not Worker(any_bench, clock).run_one()
    view = jobs.get(any_bench, SYSTEM, job)
    assert (view.state, str(view.error)) == ("failed", record.DIED.format(count=3))
    assert actions(any_bench, job)[-1] == "job.failed"


def test_a_stop_reaches_the_work_and_one_asked_of_a_dead_worker_ends_it(
    any_bench: Workbench, clock: Clock, kind: Any
) -> None:
    begun, lead = threading.Event(), person(any_bench, "lead", Role.LEAD)

    def until_stopped(run: Run, params: Count) -> Counted:
        begun.set()
        while True:
            run.stoppable(0.1, "on")
            threading.Event().wait(0.01)

    counting = kind(until_stopped)
    job = jobs.ask(any_bench, lead, counting, Count(1), now=NOW)
    thread = threading.Thread(target=Worker(any_bench, clock, beat=0.02).run_one)
    thread.start()
    assert begun.wait(30)
    jobs.cancel(any_bench, lead, job, now=NOW)
    jobs.cancel(any_bench, lead, job, now=NOW)
    thread.join(30)
    assert jobs.get(any_bench, lead, job).state == "cancelled"
    assert actions(any_bench, job) == ["job.asked", "job.started", "job.stop_asked", "job.cancelled"]

    job = jobs.ask(any_bench, lead, counting, Count(2), now=NOW)
    assert record.take(any_bench, "one that dies", NOW)
    jobs.cancel(any_bench, lead, job, now=NOW)
    assert jobs.get(any_bench, lead, job).state == "stopping"
    clock.now += record.LEASE
    assert not Worker(any_bench, clock).run_one()
    assert jobs.get(any_bench, lead, job).state == "cancelled"


def test_a_worker_that_ends_gives_its_job_back(any_bench: Workbench, clock: Clock, kind: Any) -> None:
    begun, cleared = threading.Event(), list[int]()

    def until_stopped(run: Run, params: Count) -> Counted:
        begun.set()
        while run.attempt == 1 and worker.stop.is_set() is False:
            threading.Event().wait(0.01)
        run.stoppable(0.1, "on")
        return Counted(params.upto)

    job = jobs.ask(any_bench, SYSTEM, kind(until_stopped, cleared), Count(3), now=NOW)
    worker = Worker(any_bench, clock, beat=0.02)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert begun.wait(30)
    worker.end()
    thread.join(30)
    view = jobs.get(any_bench, SYSTEM, job)
    assert (view.state, view.attempts, cleared) == ("waiting", 0, [])
    worker = Worker(any_bench, clock)
    worker.stop.clear()
    with any_bench.db.write() as session:  # as a second attempt, which does not wait for the worker's end
        session.execute(update(Job).values(attempts=1))
    assert worker.run_one()
    assert (jobs.get(any_bench, SYSTEM, job).result, cleared) == (Counted(3), [3])


def failing(*errors: Exception) -> Callable[[Run, Count], Counted]:
    """Work that ends in each of `errors` in turn, then well."""
    left = list(errors)

    def work(run: Run, params: Count) -> Counted:
        if left:
            raise left.pop(0)
        return Counted(params.upto)

    return work


def test_what_was_away_is_tried_again_later_and_not_for_ever(any_bench: Workbench, clock: Clock, kind: Any) -> None:
    job = jobs.ask(any_bench, SYSTEM, kind(failing(Unavailable("away"))), Count(1), now=NOW)
    worker = Worker(any_bench, clock)
    assert worker.run_waiting() == 1
    assert jobs.get(any_bench, SYSTEM, job).state == "waiting"
    assert not worker.run_one(), "not at once"
    clock.now += timedelta(seconds=5)
    assert worker.run_one()
    assert jobs.get(any_bench, SYSTEM, job).result == Counted(1)

    job = jobs.ask(any_bench, SYSTEM, kind(failing(*[Unavailable("away")] * 3)), Count(1), now=NOW)
    for _ in range(record.ATTEMPTS):
        assert worker.run_one()
        clock.now += timedelta(minutes=10)
    view = jobs.get(any_bench, SYSTEM, job)
    assert (view.state, str(view.error), view.attempts) == ("failed", "away", 3)


def test_a_place_that_is_taken_is_waited_for_and_costs_no_attempt(
    any_bench: Workbench, clock: Clock, kind: Any
) -> None:
    job = jobs.ask(any_bench, SYSTEM, kind(failing(*[Busy("taken")] * 9)), Count(1), now=NOW)
    worker = Worker(any_bench, clock)
    for _ in range(9):
        assert worker.run_one()
        assert jobs.get(any_bench, SYSTEM, job).attempts == 0
        clock.now += timedelta(seconds=10)
    assert worker.run_one()
    assert jobs.get(any_bench, SYSTEM, job).state == "done"

    job = jobs.ask(any_bench, SYSTEM, kind(failing(*[Busy("taken")] * 2)), Count(1), now=clock.now)
    assert worker.run_one()
    clock.now += timedelta(hours=7)
    assert worker.run_one()
    assert isinstance(jobs.get(any_bench, SYSTEM, job).error, Busy)


@pytest.mark.parametrize("problem", [Conflict("{what} is over", what="it"), ValueError("a secret")])
def test_what_cannot_be_done_fails_once_with_its_reason(
    any_bench: Workbench, clock: Clock, kind: Any, problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    job = jobs.ask(any_bench, SYSTEM, kind(failing(problem)), Count(1), now=NOW)
    assert Worker(any_bench, clock).run_waiting() == 1
    view = jobs.get(any_bench, SYSTEM, job)
    assert (view.state, view.attempts) == ("failed", 1)
    expected = str(problem) if isinstance(problem, SpotcheckError) else "ValueError"
    assert expected in str(view.error)
    assert "secret" not in str(view.error)


def test_a_disabled_account_works_no_more(any_bench: Workbench, clock: Clock, kind: Any) -> None:
    lead = person(any_bench, "lead", Role.LEAD)
    job = jobs.ask(any_bench, lead, kind(counts), Count(1), now=NOW)
    accounts.disable_user(any_bench, SYSTEM, lead.user_id, now=NOW)
    Worker(any_bench, clock).run_waiting()
    assert isinstance(jobs.get(any_bench, SYSTEM, job).error, Denied)


def test_an_unknown_kind_or_old_parameters_fail_with_words(any_bench: Workbench, clock: Clock, kind: Any) -> None:
    job = jobs.ask(any_bench, SYSTEM, kind(counts), Count(1), now=NOW)
    with any_bench.db.write() as session:
        session.execute(update(Job).values(params={"other": 1}))
    Worker(any_bench, clock).run_waiting()
    assert isinstance(jobs.get(any_bench, SYSTEM, job).error, NotFound)


def test_errors_come_back_with_their_words() -> None:
    error = Conflict("{what}: {why}", what="this", why=Words("not {n}", n=3))
    again = stored.error_from_plain(stored.error_to_plain(error))
    assert type(again) is Conflict
    assert str(again) == "this: not 3"
    why = again.facts["why"]
    assert isinstance(why, Words)
    assert (why.msgid, why.facts) == ("not {n}", {"n": 3})
