"""What a submit costs: the statements sent to the database, how often the sheet is checked and scored, CPU time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from sqlalchemy import event

from qa.workbench import Workbench
from scoring.sheet import checks, outcomes

_CHECK, _SCORE = checks.check.__code__, outcomes._outcome.__code__


@dataclass(frozen=True)
class Cost:
    """`statements` in the order they were sent, the opening of a transaction among them where the driver sends one."""

    statements: tuple[str, ...]
    checks: int
    scorings: int


def count(bench: Workbench, work: Callable[[], object]) -> Cost:
    """Run `work` and count what it does in this thread."""
    statements: list[str] = []
    calls = {_CHECK: 0, _SCORE: 0}

    def sent(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    def called(frame: FrameType, what: str, _argument: object) -> None:
        if what == "call" and frame.f_code in calls:
            calls[frame.f_code] += 1

    event.listen(bench.db.engine, "before_cursor_execute", sent)
    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
        event.remove(bench.db.engine, "before_cursor_execute", sent)
    return Cost(tuple(statements), calls[_CHECK], calls[_SCORE])


def cpu_of(work: Callable[[], object]) -> float:
    """CPU time of this process for `work`; a database server of its own is not in it."""
    start = time.process_time()
    work()
    return time.process_time() - start
