"""Trouble outside the product, as one sentence: a full disk, a folder that cannot be written, a database that is away.

Services let such exceptions pass, because they can come from any line that writes; the edges (command line, pages, web)
ask here what to say. Whatever is not recognised is a fault of ours and stays a traceback in the log.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from qa.errors import SpotcheckError, Unavailable
from qa.i18n import N_

FULL = N_("The disk is full: nothing was written. Free some space, then do it again.")
READ_ONLY = N_("The installation's folder cannot be written: nothing was changed.")
AWAY = N_("The database cannot be reached: nothing was saved. Do it again when it is back.")
STORE_AWAY = N_("The store that holds the archive does not answer: nothing was written. Do it again when it is back.")
BUSY = N_("The database is busy with other work: nothing was saved. Do it again in a moment.")
DAMAGED = N_("The database file is damaged. “spotcheck doctor” says what was found; restore the last backup.")
REFUSED = N_("The system refused: {reason}. Nothing was saved.")

_TEXTS = (
    ("generic s3 error", STORE_AWAY),
    ("generic gcs error", STORE_AWAY),
    ("generic microsoftazure error", STORE_AWAY),
    ("no space left", FULL),
    ("disk is full", FULL),
    ("disk quota", FULL),
    ("os error 28", FULL),
    ("53100", FULL),
    ("read-only file system", READ_ONLY),
    ("readonly database", READ_ONLY),
    ("os error 30", READ_ONLY),
    ("query_only", READ_ONLY),
    ("permission denied", READ_ONLY),
    ("25006", READ_ONLY),
    ("database is locked", BUSY),
    ("55p03", BUSY),
    ("malformed", DAMAGED),
    ("not a database", DAMAGED),
    ("unable to open database", AWAY),
    ("disk i/o error", AWAY),
    ("57p0", AWAY),
    ("network error", AWAY),
    ("connection refused", AWAY),
)
_ERRNO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
}


def panicked(problem: BaseException) -> bool:
    """Whether the engine that reads the archive gave up on a file of it: that is no `Exception`."""
    return type(problem).__name__ == "PanicException"


def explain(problem: BaseException) -> SpotcheckError | None:
    """What to say about `problem`: itself when it is one of our errors, a sentence for trouble outside, else None."""
    chain = list(_chain(problem))
    if isinstance(problem, SpotcheckError):
        return problem
    for one in chain:
        if isinstance(one, OSError) and one.errno in _ERRNO:
            return Unavailable(_ERRNO[one.errno])
    outside = [
        one
        for one in chain
        if isinstance(one, OSError | DBAPIError | sqlite3.Error) or type(one).__module__.split(".")[0] in _STORES
    ]
    for one in outside:
        text = str(one).lower()
        for sign, sentence in _TEXTS:
            if sign in text:
                return Unavailable(sentence)
    if any(
        isinstance(one, OperationalError | InterfaceError)
        or (isinstance(one, DBAPIError) and one.connection_invalidated)
        for one in chain
    ):
        return Unavailable(AWAY)
    refused = next((one for one in chain if isinstance(one, OSError)), None)
    return Unavailable(REFUSED, reason=refused.strerror or type(refused).__name__) if refused is not None else None


_STORES = {"polars", "deltalake", "_internal", "pg8000", "pyarrow", "xlsxwriter"}


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """The exception and what led to it, nearest first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [problem]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "orig", None), one.__cause__, one.__context__]
