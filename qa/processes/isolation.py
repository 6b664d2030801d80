"""Work that may run away, such as trying somebody's patterns, in a process of its own: CPU time, silence and memory are
bounded, it can be stopped at any moment, and whoever waits for it holds nobody up.

A new interpreter and no fork: locks and threads of a server do not travel. Task, what it says and its answer are
pickled between two processes of one account; a task is a function of a module, its first argument is `say`. Knows no
rules.
"""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from qa.errors import Cancelled, SpotcheckError, Unavailable
from qa.i18n import N_
from scoring import compiled

Cancel = Callable[[], bool]
Say = Callable[[object], None]

LOOK_SECONDS = 0.05
GIGABYTE = 1 << 30
START_SECONDS = 120.0
"""For a new interpreter with its libraries, on a busy machine."""
PROCESSES = 4
"""At once, in one server: patterns are tried by people, one at a time."""
_START = "from qa.processes.isolation import child; child()"
_places = threading.BoundedSemaphore(PROCESSES)


@dataclass(frozen=True)
class Limits:
    """What a process may use: seconds between two things it says, CPU seconds in all, bytes of address space, threads
    of Polars; None is unbounded.

    CPU time and memory are bounded where the system can (not on Windows); silence everywhere.
    """

    silent_seconds: float
    cpu_seconds: int | None = None
    memory: int | None = 4 * GIGABYTE
    threads: int | None = 2


class Overrun(Exception):
    """The process used more than it may: `what` is `time` or `memory`."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Answer:
    """What the task returned."""

    value: Any


@dataclass(frozen=True)
class _Failed:
    error: BaseException


@dataclass(frozen=True)
class _Ready:
    """The interpreter has started and knows its task."""


@dataclass(frozen=True)
class _Request:
    module: str
    name: str
    args: tuple[Any, ...]
    limits: Limits
    store: compiled.CompiledStore | None


def run(
    task: Callable[..., Any],
    *args: object,
    limits: Limits,
    hear: Say | None = None,
    cancel: Cancel | None = None,
) -> Any:
    """`task(say, *args)` in a process of its own; `hear` gets what it says.

    Raises what the task raises, `Cancelled` when `cancel` answers true, `Overrun`, and `Unavailable` when the process
    ends by itself.
    """
    for said in stream(task, *args, limits=limits, cancel=cancel):
        if isinstance(said, Answer):
            return said.value
        if hear is not None:
            hear(said)
    raise AssertionError("a stream ends with an answer")


def stream(task: Callable[..., Any], *args: object, limits: Limits, cancel: Cancel | None = None) -> Iterator[object]:
    """Everything that `task(say, *args)` says, as it comes, and its `Answer` last. Raises as `run`; leaving the loop
    ends the process."""
    request = _Request(task.__module__, task.__name__, args, limits, compiled.store())
    _take_place(cancel)
    try:
        with _Process(request) as process:
            yield from process.heard(cancel)
    finally:
        _places.release()


def _take_place(cancel: Cancel | None) -> None:
    while not _places.acquire(timeout=LOOK_SECONDS):
        _stop_if(cancel)


def _stop_if(cancel: Cancel | None) -> None:
    if cancel is not None and cancel():
        raise Cancelled(N_("It was stopped, as asked."))


class _Process:
    """The other process, and a thread that reads what it says: pipes cannot be waited for with a deadline
    everywhere."""

    def __init__(self, request: _Request) -> None:
        self._limits = request.limits
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
        if request.limits.threads is not None:
            environment["POLARS_MAX_THREADS"] = str(request.limits.threads)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._said: queue.Queue[object] = queue.Queue(4)
        self._over = threading.Event()
        threading.Thread(target=self._read, name="isolation", daemon=True).start()
        try:
            assert self._process.stdin is not None
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
        except BaseException as problem:
            self.__exit__()
            if isinstance(problem, OSError):
                raise _ended(self._process.returncode) from problem
            raise

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_problem: object) -> None:
        self._over.set()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # its other end is gone
                    pipe.close()

    def heard(self, cancel: Cancel | None) -> Iterator[object]:
        latest, patience = time.monotonic(), START_SECONDS
        while True:
            try:
                said = self._said.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                _stop_if(cancel)
                if time.monotonic() - latest > patience:
                    raise Overrun("time") from None
                continue
            if said is None:
                raise _ended(self._process.wait())
            if isinstance(said, _Failed):
                raise said.error
            if not isinstance(said, _Ready):
                yield said
            if isinstance(said, Answer):
                return
            _stop_if(cancel)
            latest, patience = time.monotonic(), self._limits.silent_seconds

    def _read(self) -> None:
        """Hand over what the process says, then None when it says no more."""
        assert self._process.stdout is not None
        said: object = ""
        while said is not None and not self._over.is_set():
            try:
                said = pickle.load(self._process.stdout)
            except Exception:  # the pipe's end, perhaps in the middle of something
                said = None
            while not self._over.is_set():
                try:
                    self._said.put(said, timeout=LOOK_SECONDS)
                    break
                except queue.Full:
                    continue


def _ended(code: int | None) -> Exception:
    """What it means that a process ended without an answer."""
    if code == _died_of("SIGXCPU"):
        return Overrun("time")
    if code == _died_of("SIGABRT"):  # how libraries end that get no memory
        return Overrun("memory")
    return Unavailable(N_("The process that did this ended unexpectedly ({code}). Try again."), code=code)


def _died_of(name: str) -> int | None:
    number = getattr(signal, name, None)
    return None if number is None else -int(number)


def child() -> None:
    """The other process: one task, then the end."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is not said
    request: _Request = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    _bound(request.limits)
    compiled.use(request.store)

    def say(thing: object) -> None:
        pickle.dump(thing, out)
        out.flush()

    try:
        task = getattr(importlib.import_module(request.module), request.name)
        say(_Ready())
        say(Answer(task(say, *request.args)))
    except MemoryError:
        os.abort()
    except SpotcheckError as error:
        say(_Failed(error))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # what was said is said; threads of libraries need not be waited for


def _end_with_parent(pipe: BinaryIO) -> None:
    pipe.read()
    os._exit(1)


def _bound(limits: Limits) -> None:
    try:
        import resource
    except ImportError:  # Windows: silence alone is bounded
        return
    _lower(resource.RLIMIT_CORE, 0, 0)
    if limits.cpu_seconds is not None:
        used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
        _lower(resource.RLIMIT_CPU, used + limits.cpu_seconds, used + limits.cpu_seconds + 5)
    if limits.memory is not None:
        _lower(resource.RLIMIT_AS, limits.memory, limits.memory)


def _lower(kind: int, soft: int, hard: int) -> None:
    """Lower a limit; one that is lower already stays."""
    import resource

    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))
