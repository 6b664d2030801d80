"""Ranges on the workers of a Dask cluster: an optional extra (`pip install 'spotcheck-qa[cluster]'`).

The scheduler hands a range to another worker when one is lost; a result counts once, by the range's number. Workers
need the same version of Spotcheck and must see the archive under the same address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa.archive.ranges import Range
from qa.errors import Unavailable
from qa.i18n import N_
from qa.screening.work import ScreenedRows, ScreeningPass, screen_range

RETRIES = 5


def run_on_cluster(
    address: str, job: ScreeningPass, todo: Sequence[tuple[int, Range]]
) -> Iterator[tuple[int, ScreenedRows]]:
    """Results in the order they come. Raises `Unavailable` when the extra or the scheduler is missing."""
    try:
        from distributed import Client, as_completed
    except ImportError as problem:
        raise Unavailable(
            N_("Screening on a cluster needs the extra “cluster”: pip install 'spotcheck-qa[cluster]'.")
        ) from problem
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as problem:
        raise Unavailable(
            N_("The cluster at {address} does not answer: {reason}"), address=address, reason=str(problem)
        ) from problem
    with client:
        shared = client.scatter(job, broadcast=True, hash=False)
        queue = iter(todo)
        # a few ranges a worker under way: results must not pile up here
        wide = max(2 * len(client.scheduler_info().get("workers", {})), 2)
        numbers = {}
        running = as_completed(loop=client.loop)
        for number, piece in (entry for _, entry in zip(range(wide), queue, strict=False)):
            future = client.submit(screen_range, shared, piece, pure=False, retries=RETRIES)
            numbers[future.key] = number
            running.add(future)
        for future in running:
            number = numbers.pop(future.key)
            yield number, future.result()
            future.release()
            for following, piece in (entry for _, entry in zip(range(1), queue, strict=False)):
                added = client.submit(screen_range, shared, piece, pure=False, retries=RETRIES)
                numbers[added.key] = following
                running.add(added)
