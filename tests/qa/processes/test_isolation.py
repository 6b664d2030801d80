"""Work in a process of its own: its bounds, its stopping, its death, and that whoever waits holds nobody up."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import threading
import time
from itertools import pairwise

import pytest

from qa.errors import Cancelled, Invalid, Unavailable
from qa.processes import isolation
from qa.processes.isolation import Answer, Limits, Overrun, Say

LIMITS = Limits(silent_seconds=20.0, cpu_seconds=20, memory=2 << 30)
HOLDS = re.compile("[^x]{1,140}[^x]{1,140}x")
"""Holds the interpreter for seconds, so that no thread of its process runs."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")


def doubled(say: Say, n: int) -> int:
    say(n + 1)
    print("a library prints")
    return 2 * n


def refused(_say: Say) -> None:
    raise Invalid("Row {row} {is not} wrong: {{}}".replace("{is not}", "is"), row=3)


def endless(say: Say) -> None:
    say(os.getpid())
    while True:
        HOLDS.search("的" * 20_000)


def greedy(_say: Say) -> int:
    return len(bytearray(8 << 30))


def killed(_say: Say) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def broken(_say: Say) -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - the traceback is wanted nowhere
    raise ZeroDivisionError


def limits(_say: Say) -> tuple[int, ...]:
    return resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CORE)[0]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_says_and_answers() -> None:
    heard: list[object] = []
    assert isolation.run(doubled, 21, limits=LIMITS, hear=heard.append) == 42
    assert heard == [22]
    assert isolation.run(limits, limits=LIMITS) == (2 << 30, 0)


def test_an_error_of_ours_travels_with_its_facts() -> None:
    with pytest.raises(Invalid) as caught:
        isolation.run(refused, limits=LIMITS)
    assert caught.value.facts == {"row": 3}
    assert "{{}}" in caught.value.msgid
    assert caught.value.english() == "Row 3 is wrong: {}"


def test_silence_and_cpu_time_are_bounded_and_nothing_is_left() -> None:
    pids: list[int] = []
    for bounds in (Limits(silent_seconds=1.0), Limits(silent_seconds=60.0, cpu_seconds=1)):
        started = time.monotonic()
        with pytest.raises(Overrun) as caught:
            isolation.run(endless, limits=bounds, hear=lambda pid: pids.append(int(str(pid))))
        assert caught.value.what == "time"
        assert time.monotonic() - started < 30
    assert len(pids) == 2
    assert not any(map(alive, pids))


def test_memory_is_bounded() -> None:
    with pytest.raises(Overrun) as caught:
        isolation.run(greedy, limits=LIMITS)
    assert caught.value.what == "memory"


@pytest.mark.parametrize("task", [killed, broken])
def test_a_process_that_ends_by_itself_is_told_as_that(task: object) -> None:
    assert callable(task)
    with pytest.raises(Unavailable, match="ended unexpectedly"):
        isolation.run(task, limits=LIMITS)


def test_it_can_be_stopped_and_holds_nobody_up_meanwhile() -> None:
    pids, stop = list[int](), threading.Event()
    beats = [time.monotonic()]
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            isolation.run(endless, limits=LIMITS, hear=lambda pid: pids.append(int(str(pid))), cancel=stop.is_set)
        except Cancelled as stopped:
            errors.append(stopped)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not pids:
        time.sleep(0.01)
    for _ in range(50):
        time.sleep(0.01)
        beats.append(time.monotonic())
    stop.set()
    waiting.join(10)
    assert len(errors) == 1
    assert not alive(pids[0])
    assert max(b - a for a, b in pairwise(beats)) < 5.0, "one search of the other process takes three times that"


def test_leaving_a_stream_ends_its_process() -> None:
    pid = 0
    for said in isolation.stream(endless, limits=LIMITS):
        assert not isinstance(said, Answer)
        pid = int(str(said))
        break
    time.sleep(0.1)
    assert pid
    assert not alive(pid)
