"""Doing the jobs: one at a time, with a heartbeat beside the work that renews the lease and listens for a cancel.

A worker is a thread of `spotcheck serve` or the process of `spotcheck run`. It may be killed at any moment: the lease
runs out, and another worker takes the job up. Between jobs it looks
whether a step of the night is due, and tells what has happened. Does not know what the jobs do.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from qa import draws, notify, outage
from qa.errors import Busy, Cancelled, Denied, NotFound, SpotcheckError, Unavailable
from qa.i18n import N_
from qa.jobs import nights, record, service, stored
from qa.jobs.kinds import KINDS, JobKind, Run
from qa.jobs.record import ATTEMPTS, Taken
from qa.policy import SYSTEM, Actor, Role
from qa.tables import User
from qa.workbench import Workbench

BEAT_SECONDS = 1.0
LOOK_SECONDS = 3.0
"""How often a worker looks for work that another process asked for."""
NIGHT_LOOK = timedelta(seconds=30)
"""How often it looks whether a step of the night is due."""
SWEEP = timedelta(minutes=10)
"""How often it looks whether a draw has reached its goal (`qa.draws.stopping`)."""
BUSY_PAUSE = timedelta(seconds=10)
PATIENCE = timedelta(hours=6)
"""A job that finds its place taken by somebody else gives up after this long."""

log = logging.getLogger("spotcheck.jobs")
Clock = Callable[[], datetime]


def _clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class Worker:
    """Takes jobs and does them. `stop` ends it after giving back what is under way."""

    bench: Workbench
    clock: Clock = _clock
    beat: float = BEAT_SECONDS
    name: str = field(default_factory=lambda: f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}")
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until `stop` is set; between jobs, look from time to time whether a step of the night is due, and
        whether draws have reached their goal."""
        looked = self.clock()
        night = looked - NIGHT_LOOK
        while not self.stop.is_set():
            record.asked.clear()
            if self._step():
                night = self.clock() - NIGHT_LOOK  # it may have been a step, and the next one follows at once
                continue
            if self.clock() - looked >= SWEEP:
                looked = self.clock()
                self._sweep(looked)
            if self.clock() - night >= NIGHT_LOOK:
                night = self.clock()
                if self._night(night):
                    continue
                self._tell(night)
            record.asked.wait(LOOK_SECONDS)

    def _tell(self, now: datetime) -> None:
        try:
            notify.collect(self.bench, now)
            notify.deliver(self.bench, now)
        except Exception:  # the next look comes
            log.exception("a worker could not tell what has happened")

    def _night(self, now: datetime) -> bool:
        try:
            return nights.ask_due(self.bench, now)
        except Exception:  # the next look comes
            log.exception("a worker could not see what is due of the night")
            return False

    def _sweep(self, now: datetime) -> None:
        try:
            draws.sweep(self.bench, SYSTEM, now=now)
        except Exception:  # the next look comes
            log.exception("a worker could not see whether draws have reached their goal")

    def end(self) -> None:
        """Stop soon; what is under way is given back for another worker."""
        self.stop.set()
        record.asked.set()

    def run_waiting(self) -> int:
        """Do what can be taken now and return how many jobs that were; steps of the night are asked for when due."""
        done = 0
        while not self.stop.is_set():
            if self.run_one():
                done += 1
            elif not nights.ask_due(self.bench, self.clock()):
                break
        self._tell(self.clock())
        return done

    def run_one(self) -> bool:
        """Take one job and do it; False when there is none."""
        taken = record.take(self.bench, self.name, self.clock())
        if taken is None:
            return False
        self._do(taken)
        return True

    def _step(self) -> bool:
        try:
            return self.run_one()
        except Exception:  # the database may be away for a while: the worker is not
            log.exception("a worker could not take or end a job")
            self.stop.wait(LOOK_SECONDS)
            return False

    def _do(self, taken: Taken) -> None:
        with _Heart(self, taken) as heart:
            outcome = self._outcome(taken, heart)
        ended = outcome(self.clock())
        if not ended:
            log.warning("job %s is in other hands; its outcome here was dropped", taken.id)
        elif self._is_over(taken):
            service.over(self.bench, taken.kind, taken.params)
            service.follow(self.bench, taken.id, now=self.clock())

    def _outcome(self, taken: Taken, heart: _Heart) -> Callable[[datetime], bool]:
        """Do the work; returns how to write down what came of it."""
        try:
            result = stored.to_plain(self._result(taken, heart))
            return lambda now: record.end(self.bench, taken, now, result)
        except Cancelled:
            if self.stop.is_set() and not heart.asked_to_stop:
                return lambda now: record.give_back(self.bench, taken, now, not_before=None, counts=False)
            return lambda now: record.stopped(self.bench, taken, now)
        except Busy as error:
            return self._later(taken, error)
        except Exception as problem:
            trouble = outage.explain(problem)
            if isinstance(trouble, Unavailable):
                return self._again(taken, trouble)
            if trouble is None:
                log.exception("job %s failed", taken.id)
            return self._failed(taken, trouble or _unexpected(problem))

    def _result(self, taken: Taken, heart: _Heart) -> object:
        kind = KINDS.get(taken.kind)
        params = stored.from_plain(kind.params, taken.params) if kind else None
        if kind is None or params is None:
            raise NotFound(N_("This version of Spotcheck does not know how to do this job."))
        run = Run(self.bench, self._actor(taken), self.clock(), taken.attempt, heart.tell, heart.cancelled)
        return _run(kind, run, params)

    def _actor(self, taken: Taken) -> Actor:
        """Whoever asked, with the rights they have now."""
        if taken.asked_by is None:
            return SYSTEM
        with self.bench.db.read() as session:
            user = session.get(User, taken.asked_by)
        if user is None or not user.active:
            raise Denied(N_("The account of whoever asked for this is disabled."))
        return Actor(user.id, Role(user.role), user.display_name, user.agent_id, user.home_team)

    def _later(self, taken: Taken, error: Busy) -> Callable[[datetime], bool]:
        """Somebody else is at it: wait for them, but not for ever."""

        def write(now: datetime) -> bool:
            if now - record.asked_at(self.bench, taken) > PATIENCE:
                return record.fail(self.bench, taken, now, error)
            return record.give_back(self.bench, taken, now, not_before=now + BUSY_PAUSE, counts=False)

        return write

    def _again(self, taken: Taken, error: Unavailable) -> Callable[[datetime], bool]:
        """Something outside was away: try again, later each time."""
        if taken.attempt >= ATTEMPTS:
            return self._failed(taken, error)
        pause = timedelta(seconds=5 * 4 ** (taken.attempt - 1))
        return lambda now: record.give_back(self.bench, taken, now, not_before=now + pause, counts=True)

    def _failed(self, taken: Taken, error: SpotcheckError) -> Callable[[datetime], bool]:
        return lambda now: record.fail(self.bench, taken, now, error)

    def _is_over(self, taken: Taken) -> bool:
        return service.get(self.bench, SYSTEM, taken.id).ended


def _run(kind: JobKind[Any, Any], run: Run, params: object) -> object:
    return kind.run(run, params)


def _unexpected(problem: Exception) -> Unavailable:
    return Unavailable(N_("The work stopped because of an unexpected problem: {reason}"), reason=type(problem).__name__)


class _Heart:
    """Beats while a job is done: keeps the lease, shows the progress, hears that somebody wants it to stop."""

    def __init__(self, worker: Worker, taken: Taken) -> None:
        self._worker, self._taken = worker, taken
        self._still = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"job-{taken.id}", daemon=True)
        self._share, self._words = 0.0, ""
        self.asked_to_stop = False
        self.lost = False

    def __enter__(self) -> _Heart:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._still.set()
        self._thread.join()

    def tell(self, share: float, words: str) -> None:
        """How far the work is."""
        self._share, self._words = min(max(share, 0.0), 1.0), words

    def cancelled(self) -> bool:
        """Whether the work should stop: somebody asked, the worker ends, or the job is in other hands."""
        return self.asked_to_stop or self.lost or self._worker.stop.is_set()

    def _beat(self) -> None:
        while not self._still.wait(self._worker.beat):
            try:
                wish = record.renew(self._worker.bench, self._taken, self._worker.clock(), self._share, self._words)
            except Exception:
                log.exception("a lease could not be renewed")  # the next beat may; the lease outlives many
                continue
            self.asked_to_stop, self.lost = wish is True, wish is None
