"""Work on the machines of a Dask cluster: an optional extra (`pip install 'spotcheck-qa[cluster]'`).

The scheduler hands a piece to another worker when one is lost, and results come back in the order of the pieces: who
asks here or there gets the same. Workers need the same version of Spotcheck and must see the archive, and the files
that are imported, under the same address. Knows nothing of what the pieces are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, TypeVar

from qa.errors import Cancelled, Unavailable
from qa.i18n import N_

RETRIES = 5
LOOK_SECONDS = 0.5
"""Between two questions whether the work should stop, while a result is waited for."""

Shared = TypeVar("Shared")
Piece = TypeVar("Piece")
Result = TypeVar("Result")
Cancel = Callable[[], bool]


def each(
    address: str | None,
    task: Callable[[Shared, Piece], Result],
    shared: Shared,
    pieces: Iterable[Piece],
    cancel: Cancel | None = None,
) -> Iterator[Result]:
    """`task(shared, piece)` of every piece, in their order: on the workers of the scheduler at `address`, or here.

    A single piece is done here in any case. A few pieces a worker are under way, so that results do not pile up. Raises
    `Unavailable` when the extra, the scheduler or its workers are missing, and `Cancelled` when `cancel` answers true
    while a result is waited for.
    """
    waiting = iter(pieces)
    first = list(islice(waiting, 2 if address else 0))
    waiting = chain(first, waiting)
    if not address or len(first) < 2:
        for piece in waiting:
            yield task(shared, piece)
        return
    with workers(address) as machines:
        common = machines.share(shared)
        under_way = deque(machines.start(task, common, piece) for piece in islice(waiting, machines.wide))
        while under_way:
            found = machines.result(under_way.popleft(), cancel)
            under_way.extend(machines.start(task, common, piece) for piece in islice(waiting, 1))
            yield found


class Workers:
    """The workers of a cluster, while it is connected."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self.wide = max(2 * len(client.scheduler_info(n_workers=-1).get("workers", {})), 2)
        """How many pieces keep every worker busy."""

    def share(self, value: Any) -> Any:
        """What many tasks read, sent to every worker once. The result of a task, which is done again when the workers
        that hold it are lost: data that was merely scattered would be gone."""
        return self._client.submit(_given, value, pure=False, retries=RETRIES)

    def start(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """Let a worker do `task`; what `result` waits for."""
        return self._client.submit(task, *arguments, pure=False, retries=RETRIES)

    def result(self, started: Any, cancel: Cancel | None = None) -> Any:
        """What the task returned. Raises what it raised, `Cancelled`, and `Unavailable` when workers end again and
        again or the scheduler went away."""
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        while True:
            try:
                found = started.result(timeout=LOOK_SECONDS)
            except TimeoutError:
                if cancel is not None and cancel():
                    started.cancel()
                    raise Cancelled(N_("It was stopped, as asked.")) from None
            except FutureCancelledError as problem:  # what every task becomes when the scheduler is gone
                raise _silent(self._address, problem) from problem
            except (KilledWorker, OSError) as problem:
                raise Unavailable(
                    N_(
                        "Workers of the cluster at {address} failed: {reason} They must see the archive, and the files"
                        " that are imported, under the same address as this machine."
                    ),
                    address=self._address,
                    reason=str(problem),
                ) from problem
            else:
                started.release()
                return found


def _given(value: Any) -> Any:
    return value


@contextmanager
def workers(address: str) -> Iterator[Workers]:
    """The workers of the scheduler at `address`. Raises `Unavailable` when the extra or the scheduler is missing."""
    try:
        from distributed import Client
    except ImportError as problem:
        raise Unavailable(
            N_("Work on a cluster needs the extra “cluster”: pip install 'spotcheck-qa[cluster]'.")
        ) from problem
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as problem:
        raise _silent(address, problem) from problem
    with client:
        yield Workers(client, address)


def _silent(address: str, reason: object) -> Unavailable:
    return Unavailable(N_("The cluster at {address} does not answer: {reason}"), address=address, reason=str(reason))
