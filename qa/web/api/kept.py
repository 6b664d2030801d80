"""Answers that take long to make, kept for whoever asks the same again while nothing has changed.

Every change leaves an entry in the audit trail or a version of the archive: an answer is good as long as both are the
newest. It is kept for one reader, never across two.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from qa import audit
from qa.web.api.calls import Call

A = TypeVar("A")
P = TypeVar("P")
MOST = 256
_kept: OrderedDict[Hashable, Any] = OrderedDict()
_guard = threading.Lock()


def kept(call: Call[P], make: Callable[[Call[P]], A]) -> A:
    """What `make` answers to this call, made anew only after a change. `make` tells calls apart by its name."""
    bench, config = call.bench, call.bench.config
    with bench.db.read() as session:
        newest = audit.newest(session)
    key = (
        str(config.home), config.database_url, newest, bench.archive.version(), call.actor, type(call.params),
        call.params, make.__qualname__,
    )  # fmt: skip
    with _guard:
        if key in _kept:
            _kept.move_to_end(key)
            return cast(A, _kept[key])
    found = make(call)
    with _guard:
        _kept[key] = found
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return found


def forget() -> None:
    """Throw away every answer."""
    with _guard:
        _kept.clear()
