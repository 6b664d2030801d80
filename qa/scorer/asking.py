"""Many questions at once: places, rate, waiting as the endpoint asks, trying again, and stopping when nothing gets
better. Knows no conversation and writes nothing; whoever asks keeps what comes back as it comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from qa.scorer import endpoint
from qa.scorer.connections import Connections
from qa.scorer.endpoint import Address, Reply

ATTEMPTS = 4
FIRST_WAIT = 0.5
"""Seconds before the second attempt; doubled before each further one."""
AHEAD = 4
"""So many times the questions asked at once are handed over, so that nobody waits while answers are gathered."""
GATHER = 0.1
"""Seconds in which answers that come close together are taken as one list: each list is one transaction."""
FAILURES = 5
"""Questions in a row that failed for good: the circuit opens and the run ends."""


@dataclass(frozen=True)
class Question:
    """One request to make: `mark` names it for ever, `content` is its exact bytes."""

    id: int
    mark: str
    content: bytes


@dataclass(frozen=True)
class Answered:
    """What became of a question, after so many attempts and milliseconds."""

    question: Question
    reply: Reply
    attempts: int
    latency_ms: int


class RequestPace:
    """Lets `per_minute` questions begin a minute, evenly, and holds all back while the endpoint asks to wait."""

    def __init__(self, per_minute: int) -> None:
        self._gap, self._lock, self._next = 60.0 / per_minute, threading.Lock(), 0.0

    def take(self) -> None:
        """Wait for one's turn."""
        with self._lock:
            at = max(self._next, time.monotonic())
            self._next = at + self._gap
        _sleep(at - time.monotonic())

    def hold(self, seconds: float) -> None:
        """Nobody begins before so many seconds are over."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


def _sleep(seconds: float) -> None:
    if seconds > 0:
        time.sleep(seconds)


def ask_all(
    to: Address,
    questions: Iterable[Question],
    *,
    concurrency: int,
    per_minute: int,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[list[Answered]]:
    """Ask all, `concurrency` at once, and give what has come back in small lists as it comes. Ends early when `stop`
    answers true, when no other question would fare better, and when `FAILURES` in a row have failed: what is under way
    is waited for and given, too."""
    pace, ended = RequestPace(per_minute), threading.Event()
    waiting = iter(questions)
    with endpoint.connections(to) as http, ThreadPoolExecutor(concurrency) as pool:

        def begin(count: int) -> set[Future[Answered]]:
            return {pool.submit(_one, http, to, one, pace, ended) for one in islice(waiting, count)}

        busy, failed = begin(AHEAD * concurrency), 0
        while busy:
            done, busy = wait(busy, timeout=0.5, return_when=FIRST_COMPLETED)
            if done and busy and not ended.wait(GATHER):
                more, busy = wait(busy, timeout=0)
                done |= more
            if stop():
                ended.set()
            found = [future.result() for future in done if not future.cancelled()]
            for one in found:
                failed = 0 if one.reply.state in endpoint.FINAL else failed + 1
                if one.reply.state in endpoint.STOPPING or failed >= FAILURES:
                    ended.set()
            if found:
                yield found
            if ended.is_set():
                for future in busy:
                    future.cancel()  # what has not begun stays as it was
            else:
                busy |= begin(AHEAD * concurrency - len(busy))


def _one(http: Connections, to: Address, question: Question, pace: RequestPace, ended: threading.Event) -> Answered:
    """Ask until there is an answer, the attempts are used up, or the run has ended."""
    began, reply = time.monotonic(), Reply(endpoint.UNREACHABLE)
    for attempt in range(1, ATTEMPTS + 1):
        pace.take()
        if ended.is_set() and attempt > 1:
            break
        began = time.monotonic()
        reply = endpoint.ask(http, to, question.content, question.mark)
        if reply.state in endpoint.FINAL or reply.state in endpoint.STOPPING or attempt == ATTEMPTS:
            break
        pause = reply.wait if reply.wait is not None else FIRST_WAIT * 2 ** (attempt - 1)
        if reply.state == endpoint.BUSY:
            pace.hold(pause)
        elif not ended.wait(pause):
            continue
        if ended.is_set():
            break
    return Answered(question, reply, attempt, round(1000 * (time.monotonic() - began)))
